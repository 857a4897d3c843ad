"""Rules of functions that reduce axes to one number each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.errors import ArgumentError
from minigrad.primitive import composite, defvjp, primitive
from minigrad.tensor import Tensor

Array = Any
Axis = int | tuple[int, ...] | None


def _restore_axes(reduced: Array, ndim: int, axis: Axis, keepdims: bool) -> Array:
    """Give a reduced array its reduced axes back, with length 1, unless it is one number."""
    if keepdims or axis is None or ndim == 0:
        return reduced
    return np.expand_dims(reduced, axis)


def _count(x: Array, axis: Axis) -> int:
    """Return how many elements are reduced to one."""
    if axis is None:
        return math.prod(x.shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    return math.prod(x.shape[a] for a in axes)


# --- Sums --------------------------------------------------------------------------------------


def _sum(g: Array, _out: Array, _x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    return np.broadcast_to(_restore_axes(g, _x.ndim, axis, keepdims), _x.shape)


def _mean(g: Array, _out: Array, _x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    return _sum(g / _count(_x, axis), _out, _x, axis, keepdims)


def _var(
    g: Array, _out: Array, x: Array, axis: Axis = None, ddof: float = 0, keepdims: bool = False
) -> Array:
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    degrees = _count(x, axis) - ddof
    scale = 2 / degrees if degrees > 0 else math.nan  # as NumPy's own result is then
    return _restore_axes(g, x.ndim, axis, keepdims) * (scale * deviation)


def _std(
    g: Array, out: Array, x: Array, axis: Axis = None, ddof: float = 0, keepdims: bool = False
) -> Array:
    # The root has no slope at 0; as for the norm, it is decided to be 0 there.
    half = np.where(out == 0, 0, 0.5 * g) / np.where(out == 0, 1, out)
    return _var(half, out, x, axis, ddof, keepdims)


defvjp(np.sum, _sum)
defvjp(np.mean, _mean)
defvjp(np.var, _var)
defvjp(np.std, _std)
defvjp(
    np.cumsum,
    lambda g, _out, _x, axis=None: (
        np.reshape(np.flip(np.cumsum(np.flip(g))), _x.shape)
        if axis is None
        else np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)
    ),
)

# --- Extremes: where several elements are largest, they share the gradient equally -------------


def _extreme(g: Array, out: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    chosen = x == _restore_axes(out, x.ndim, axis, keepdims)
    share = np.divide(chosen, np.sum(chosen, axis=axis, keepdims=True), dtype=g.dtype)
    return _restore_axes(g, x.ndim, axis, keepdims) * share


defvjp(np.max, _extreme)
defvjp(np.min, _extreme)
defvjp(np.amax, _extreme)
defvjp(np.amin, _extreme)

# --- Products ----------------------------------------------------------------------------------


def _prod(g: Array, _out: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    if isinstance(x, Tensor):
        others = _product_of_others(x, axis)
    else:
        others = _product_of_others_by_division(x, axis)
    return _restore_axes(g, x.ndim, axis, keepdims) * others


def _product_of_others(x: Array, axis: Axis) -> Array:
    """Return for each element the product of those it is multiplied with, zeros or not.

    By multiplication alone, so that derivatives of any order are exact; n**2 elements of memory.
    """
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(x, axes, last)
    n = _count(x, axis)
    rows = np.reshape(moved, (*moved.shape[: x.ndim - len(axes)], 1, n))
    others = np.prod(np.where(np.eye(n, dtype=bool), 1, rows), axis=-1)
    return np.moveaxis(np.reshape(others, moved.shape), last, axes)


def _product_of_others_by_division(x: Array, axis: Axis) -> Array:
    """Compute the same as `_product_of_others`, for plain arrays, in linear time."""
    is_zero = x == 0
    zeros = np.sum(is_zero, axis=axis, keepdims=True)
    product = np.prod(np.where(is_zero, 1, x), axis=axis, keepdims=True)
    quotient = np.where(zeros == 0, product / np.where(is_zero, 1, x), 0)
    return np.where(is_zero & (zeros == 1), product, quotient)


defvjp(np.prod, _prod)

# --- Norms ---------------------------------------------------------------------------------------


@composite(np.linalg.norm)
def _norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:  # noqa: A002 (NumPy's name)
    axes = x.ndim if axis is None else np.size(axis)
    if ord is None or (axes == 2 and ord == "fro") or (axes == 1 and ord == 2):
        return _euclidean(x, axis=axis, keepdims=keepdims)
    if axes == 1 and ord == 1:
        return np.sum(np.absolute(x), axis=axis, keepdims=keepdims)
    if axes == 1 and ord == np.inf:
        return np.max(np.absolute(x), axis=axis, keepdims=keepdims)
    raise ArgumentError(
        f"the norm ord={ord!r} of {axes} axes has no gradient rule; None has for any number of "
        "axes, 'fro' for two, and 1, 2 and numpy.inf for one"
    )


@primitive
def _euclidean(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    return np.linalg.norm(x, axis=axis, keepdims=keepdims)


def _unit_vector(
    g: Array, out: Array, x: Array, axis: Axis = None, keepdims: bool = False
) -> Array:
    # x / |x|, decided to be 0 at 0, with all its derivatives.
    scale = np.where(out == 0, 0, g) / np.where(out == 0, 1, out)
    return _restore_axes(scale, x.ndim, axis, keepdims) * x


defvjp(_euclidean, _unit_vector)
