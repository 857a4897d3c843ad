"""Rules of functions that pick elements: indexing with everything NumPy indexes with."""

from __future__ import annotations

import operator
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.calls import unwrap
from minigrad.dispatch import handlers
from minigrad.primitive import composite, defvjp, primitive

Array = Any


@primitive
def getitem(x: Array, index: Any) -> Array:
    """Pick elements: ``x[index]``."""
    return x[index]


@primitive
def scatter_add(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Add elements to where `getitem` picked them, in an array of zeros of the given shape."""
    out = np.zeros(shape, dtype=g.dtype, like=g if hasattr(g, "__array_function__") else None)
    if _picks_once(index):
        out[index] = g
    else:
        np.add.at(out, index, g)
    return out


def _picks_once(index: Any) -> bool:
    """Return whether no element can be picked twice: there are no arrays of integers."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or isinstance(part, int | slice | EllipsisType)
        or (hasattr(part, "dtype") and (part.dtype.kind == "b" or not part.shape))
        for part in parts
    )


defvjp(getitem, lambda g, _out, _x, index: scatter_add(g, index, _x.shape))
defvjp(scatter_add, lambda g, _out, _g, index, _shape: g[index])

handlers[operator.getitem] = getitem


@composite(np.take)
def _take(a: Array, indices: Any, axis: int | None = None) -> Array:
    indices = np.asarray(unwrap(indices))
    if indices.dtype.kind == "b" or not indices.size:
        indices = indices.astype(np.intp)  # positions in any case, and not a mask
    if axis is None:
        return np.ravel(a)[indices]
    return a[(*(slice(None),) * normalize_axis_index(axis, a.ndim), indices)]


@composite(np.take_along_axis)
def _take_along_axis(arr: Array, indices: Any, axis: int | None = -1) -> Array:
    if axis is None:
        return np.ravel(arr)[unwrap(indices)]
    grid = list(np.ogrid[tuple(slice(n) for n in arr.shape)])
    grid[axis] = unwrap(indices)
    return arr[tuple(grid)]


@composite(np.sort)
def _sort(
    a: Array, axis: int | None = -1, kind: Any = None, order: None = None, *, stable: Any = None
) -> Array:
    if axis is not None:
        axis = normalize_axis_index(axis, a.ndim)
    positions = np.argsort(unwrap(a), axis=axis, kind="stable")
    return _take_along_axis(a, positions, axis)


@composite(np.diagonal)
def _diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    last = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = last.shape[-2:]
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    steps = np.arange(length)
    return last[..., steps - min(offset, 0), steps + max(offset, 0)]


@composite(np.diag)
def _diag(v: Array, k: int = 0) -> Array:
    if v.ndim == 2:
        return _diagonal(v, k)
    size = v.shape[0] + abs(k)
    steps = np.arange(v.shape[0])
    return scatter_add(v, (steps - min(k, 0), steps + max(k, 0)), (size, size))


@composite(np.trace)
def _trace(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    return np.sum(_diagonal(a, offset, axis1, axis2), axis=-1)
