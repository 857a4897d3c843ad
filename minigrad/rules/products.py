"""Rules of products of vectors, matrices and stacks of them."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.errors import ArgumentError
from minigrad.primitive import composite, defvjp, primitive

Array = Any

# --- Matrix products ---------------------------------------------------------------------------


def _as_matrices(g: Array, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Give vectors in a matrix product the axis of length 1 that the product added for them."""
    if y.ndim == 1:
        g = np.expand_dims(g, -1)
    if x.ndim == 1:
        g = np.expand_dims(g, -2)
    return g, x[None, :] if x.ndim == 1 else x, y[:, None] if y.ndim == 1 else y


def _matmul_left(g: Array, _out: Array, x: Array, y: Array) -> Array:
    # (..., m, n) @ (..., n, k) -> (..., m, k)
    ndim = x.ndim
    g, _, y = _as_matrices(g, x, y)
    left = g @ np.swapaxes(y, -1, -2)
    return left[..., 0, :] if ndim == 1 else left


def _matmul_right(g: Array, _out: Array, x: Array, y: Array) -> Array:
    # (..., k, m) @ (..., m, n) -> (..., k, n)
    ndim = y.ndim
    g, x, _ = _as_matrices(g, x, y)
    right = np.swapaxes(x, -1, -2) @ g
    return right[..., 0] if ndim == 1 else right


defvjp(np.matmul, _matmul_left, _matmul_right)


@composite(np.dot)
def _dot(a: Array, b: Array) -> Array:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return _tensordot(a, b, axes=(-1, -2))


@composite(np.inner)
def _inner(a: Array, b: Array, /) -> Array:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return _tensordot(a, b, axes=(-1, -1))


@composite(np.vdot)
def _vdot(a: Array, b: Array, /) -> Array:
    return np.matmul(np.ravel(a), np.ravel(b))


@composite(np.outer)
def _outer(a: Array, b: Array) -> Array:
    return np.multiply(np.reshape(a, (-1, 1)), np.reshape(b, (1, -1)))


@composite(np.tensordot)
def _tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    if isinstance(axes, int):
        axes = (range(-axes, 0), range(axes))
    summed_a, summed_b = ((s,) if isinstance(s, int) else tuple(s) for s in axes)
    kept_a = _other_axes(np.ndim(a), summed_a)
    kept_b = _other_axes(np.ndim(b), summed_b)
    shape = tuple(a.shape[i] for i in kept_a) + tuple(b.shape[i] for i in kept_b)
    left = np.reshape(np.transpose(a, kept_a + summed_a), (-1, _size(a, summed_a)))
    right = np.reshape(np.transpose(b, summed_b + kept_b), (_size(b, summed_b), -1))
    return np.reshape(np.matmul(left, right), shape)


def _other_axes(ndim: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i for i in range(ndim) if i not in {axis % ndim for axis in axes})


def _size(a: Array, axes: tuple[int, ...]) -> int:
    size = 1
    for axis in axes:
        size *= a.shape[axis]
    return size


# --- Einstein's sums -----------------------------------------------------------------------------


@primitive
def einsum(*operands: Array, subscripts: str) -> Array:
    """Sum products of elements, with one letter for each axis and an explicit result."""
    return np.einsum(subscripts, *operands)


def _einsum(i: int, g: Array, _out: Array, *operands: Array, subscripts: str) -> Array:
    """Sum over everything but the axes of operand i.

    An axis that only this operand has takes part as a factor of ones, and a letter that it has
    twice (a diagonal) as an identity matrix.
    """
    inputs, result = subscripts.split("->")
    terms = inputs.split(",")
    wanted = terms[i]
    factors = [g, *(o for j, o in enumerate(operands) if j != i)]
    letters = [result, *(t for j, t in enumerate(terms) if j != i)]
    present = set("".join(letters))
    spare = (c for c in string.ascii_letters if c not in subscripts)
    axes = ""
    for letter, length in zip(wanted, operands[i].shape, strict=True):
        if letter in axes:
            new = next(spare)
            factors.append(np.eye(length, dtype=g.dtype))
            letters.append(letter + new)
            axes += new
            continue
        if letter not in present:
            factors.append(np.ones(length, dtype=g.dtype))
            letters.append(letter)
        axes += letter
    return np.einsum(f"{','.join(letters)}->{axes}", *factors)


defvjp(einsum, each=_einsum)


@composite(np.einsum)
def _explicit_einsum(*operands: Any, optimize: Any = False) -> Array:
    subscripts, *arrays = operands
    if not isinstance(subscripts, str):
        raise ArgumentError(
            "np.einsum of tensors takes its subscripts as a string first, as in "
            f"np.einsum('ij,jk->ik', a, b), not {type(subscripts).__name__}"
        )
    return einsum(*arrays, subscripts=_explicit(subscripts, [np.ndim(a) for a in arrays]))


def _explicit(subscripts: str, ndims: Sequence[int]) -> str:
    """Write out the ellipses and the result that NumPy's notation leaves out."""
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ArgumentError(
            f"einsum {subscripts!r} is about {len(terms)} operands, and {len(ndims)} were given"
        )
    spare = [c for c in string.ascii_letters if c not in subscripts]
    depth = max(
        (n - len(t) + 3 for t, n in zip(terms, ndims, strict=True) if "..." in t), default=0
    )
    hidden = "".join(spare[:depth])
    terms = [
        t.replace("...", hidden[depth - (n - len(t) + 3) :])
        for t, n in zip(terms, ndims, strict=True)
    ]
    if not arrow:
        joined = "".join(terms)
        once = sorted(c for c in joined if joined.count(c) == 1 and c not in hidden)
        result = "..." + "".join(once)
    return f"{','.join(terms)}->{result.replace('...', hidden)}"
