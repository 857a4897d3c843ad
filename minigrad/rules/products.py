"""Rules of products of vectors, matrices and stacks of them."""

from __future__ import annotations

import math
import operator
import string
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np

from minigrad.errors import ArgumentError, ShapeError
from minigrad.primitive import composite, defvjp, primitive
from minigrad.workspace import matmul

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
    left = matmul(g, np.swapaxes(y, -1, -2))
    return left[..., 0, :] if ndim == 1 else left


def _matmul_right(g: Array, _out: Array, x: Array, y: Array) -> Array:
    # (..., k, m) @ (..., m, n) -> (..., k, n)
    ndim = y.ndim
    g, x, _ = _as_matrices(g, x, y)
    right = matmul(np.swapaxes(x, -1, -2), g)
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
    a, b = _as_arrays([a, b])
    if isinstance(axes, SupportsIndex):
        axes = (range(-operator.index(axes), 0), range(operator.index(axes)))
    summed_a, summed_b = ((s,) if isinstance(s, SupportsIndex) else tuple(s) for s in axes)
    for array, summed in ((a, summed_a), (b, summed_b)):
        if not all(-array.ndim <= axis < array.ndim for axis in summed):
            raise ShapeError(
                f"a product of shapes {a.shape} and {b.shape} cannot sum over axes {summed} of the "
                f"one with {array.ndim} axes"
            )
    kept_a = _other_axes(a.ndim, summed_a)
    kept_b = _other_axes(b.ndim, summed_b)
    if _lengths(a, summed_a) != _lengths(b, summed_b):
        raise ShapeError(
            f"a product of shapes {a.shape} and {b.shape} cannot sum over axes {summed_a} of the "
            f"one and {summed_b} of the other: their lengths differ"
        )
    n = math.prod(_lengths(a, summed_a))
    shape_a, shape_b = _lengths(a, kept_a), _lengths(b, kept_b)
    left = np.reshape(np.transpose(a, kept_a + summed_a), (math.prod(shape_a), n))
    right = np.reshape(np.transpose(b, summed_b + kept_b), (n, math.prod(shape_b)))
    return np.reshape(np.matmul(left, right), shape_a + shape_b)


def _as_arrays(operands: Sequence[Any]) -> list[Array]:
    return [o if hasattr(o, "dtype") else np.asarray(o) for o in operands]


def _other_axes(ndim: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(i for i in range(ndim) if i not in {axis % ndim for axis in axes})


def _lengths(a: Array, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a.shape[axis] for axis in axes)


# --- Einstein's sums -----------------------------------------------------------------------------


@primitive
def einsum(*operands: Array, subscripts: str, optimize: Any) -> Array:
    """Sum products of elements, with one letter for each axis and an explicit result."""
    return np.einsum(subscripts, *operands, optimize=optimize)


def _einsum(
    i: int, g: Array, _out: Array, *operands: Array, subscripts: str, optimize: Any
) -> Array:
    """Sum over everything but the axes of operand i.

    An axis that only this operand has (or only it at its full length) takes part as a factor of
    ones, and a letter that it has twice (a diagonal) as an identity matrix.
    """
    inputs, result = subscripts.split("->")
    terms = inputs.split(",")
    wanted = terms[i]
    factors = [g, *(o for j, o in enumerate(operands) if j != i)]
    letters = [result, *(t for j, t in enumerate(terms) if j != i)]
    lengths: dict[str, int] = {}
    for term, factor in zip(letters, factors, strict=True):
        lengths |= {c: n for c, n in zip(term, factor.shape, strict=True) if n != 1}
    spare = (c for c in string.ascii_letters if c not in subscripts)
    axes = ""
    for letter, length in zip(wanted, operands[i].shape, strict=True):
        if letter in axes:
            new = next(spare)
            factors.append(np.eye(length, dtype=g.dtype))
            letters.append(letter + new)
            axes += new
            continue
        if lengths.get(letter) != length:
            factors.append(np.ones(length, dtype=g.dtype))
            letters.append(letter)
        axes += letter
    return np.einsum(f"{','.join(letters)}->{axes}", *factors, optimize=bool(optimize))


defvjp(einsum, each=_einsum)


@composite(np.einsum)
def _explicit_einsum(*operands: Any, optimize: Any = False) -> Array:
    subscripts, *arrays = operands
    if not isinstance(subscripts, str):
        raise ArgumentError(
            "np.einsum of tensors takes its subscripts as a string first, as in "
            f"np.einsum('ij,jk->ik', a, b), not {type(subscripts).__name__}"
        )
    arrays = _as_arrays(arrays)
    explicit = _explicit(subscripts, [a.ndim for a in arrays])
    return einsum(*arrays, subscripts=explicit, optimize=optimize)


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
    if hidden and "..." not in result:
        raise ArgumentError(
            f"einsum {subscripts!r} does not say where in the result the axes of '...' go; "
            "write '...' into it, too, or name the axes to sum over them"
        )
    return f"{','.join(terms)}->{result.replace('...', hidden)}"
