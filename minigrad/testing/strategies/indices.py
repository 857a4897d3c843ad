"""Everything that NumPy indexes with."""

from __future__ import annotations

import itertools
import math
from typing import Any, TypeAlias

import numpy as np

from minigrad.testing.strategies._hypothesis import DrawFn, SearchStrategy, hnp, st
from minigrad.testing.strategies.shapes import Shape

__all__ = ["Index", "indices"]

Index: TypeAlias = Any  # int, slice, Ellipsis, None, list, array, or a tuple of such


def indices(shape: Shape, *, advanced: bool = True) -> SearchStrategy[Index]:
    """Generate what an array of a shape can be indexed with.

    Integers (negative ones, too), slices (with negative steps, and empty ones), ``...``,
    ``numpy.newaxis``, lists and arrays of integers (of several axes, with repeats), Boolean masks
    (of one axis or several), ``True`` and ``False``; alone and mixed in tuples, for the first axes
    or for all.

    Parameters
    ----------
    shape : tuple of int
        Of the array to be indexed.
    advanced : bool, default True
        Whether lists, arrays and masks are among them; without, the result is a view.

    Returns
    -------
    strategy for indices
        Each is valid: ``array[index]`` raises nothing. The result may be empty.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import find
    >>> from minigrad.testing import strategies
    >>> x = np.zeros((2, 3))
    >>> index = find(strategies.indices(x.shape), lambda index: x[index].shape == (3, 3))
    >>> x[index].shape
    (3, 3)
    """
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    if not advanced:
        return basic
    bare: list[SearchStrategy[Index]] = [
        hnp.arrays(bool, shape, fill=st.nothing()),
        st.booleans(),
    ]
    if shape and shape[0]:
        bare.append(st.integers(-shape[0], shape[0] - 1))
        bare.append(st.lists(st.integers(-shape[0], shape[0] - 1), max_size=4))
    mixtures = [_mixtures(shape) for _ in range(6)]  # so that they are half of all
    return st.one_of(basic, *bare, *mixtures)


_KINDS = ["end", "slice", "integer", "list", "positions", "slice", "positions", "mask"]


@st.composite
def _mixtures(draw: DrawFn, shape: Shape) -> Index:
    """Draw a tuple of anything, whose arrays broadcast together as NumPy wants it."""
    kinds = draw(st.tuples(*[st.sampled_from(_KINDS)] * len(shape)))
    common = draw(hnp.array_shapes(min_dims=1, max_dims=2, max_side=3))
    entries: list[Any] = []
    axis = 0
    for kind in itertools.takewhile("end".__ne__, kinds):
        if axis < len(shape):
            entries.append(draw(_entry(kind, shape[axis:], common)))
            axis += entries[-1].ndim if _is_mask(entries[-1]) else 1
    for gap in range(len(entries), -1, -1):
        if draw(st.integers(0, 7)) == 7:
            entries.insert(gap, None)
    if draw(st.booleans()):
        # At the end, unless there is an entry for every axis.
        at = draw(st.integers(0, len(entries))) if axis == len(shape) else len(entries)
        entries.insert(at, ...)
    return tuple(entries)


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, np.ndarray) and entry.dtype == bool


def _entry(kind: str, rest: Shape, common: Shape) -> SearchStrategy[Any]:
    """Return the strategy for an entry that indexes the first of the axes that are left."""
    length = rest[0]
    if kind == "mask" and len(common) == 1:
        masked = [rest[:n] for n in range(1, len(rest) + 1) if math.prod(rest[:n]) >= common[0]]
        if masked:
            return st.one_of([_mask(part, common[0]) for part in masked])
    if kind == "slice" or not length:
        return st.slices(length)
    if kind == "integer":
        return st.integers(-length, length - 1)
    positions = _positions(length, common)
    return positions.map(np.ndarray.tolist) if kind == "list" else positions


@st.composite
def _positions(draw: DrawFn, length: int, common: Shape) -> np.ndarray[Any, np.dtype[Any]]:
    """Draw integers, repeats included, in a shape that broadcasts to the common one."""
    keeps = draw(st.tuples(*(st.booleans() for _ in common)))
    shape = tuple(n if keep else 1 for n, keep in zip(common, keeps, strict=True))
    skipped = draw(st.integers(0, len(shape) - 1)) if shape[0] == 1 else 0
    elements = st.integers(-length, length - 1)
    return draw(hnp.arrays(np.int64, shape[skipped:], elements=elements, fill=st.nothing()))


@st.composite
def _mask(draw: DrawFn, shape: Shape, count: int) -> Any:
    """Draw a mask that picks as many elements as the other arrays of the index have."""
    size = math.prod(shape)
    chosen = draw(
        st.lists(st.sampled_from(range(size)), min_size=count, max_size=count, unique=True)
    )
    mask = np.zeros(size, bool)
    mask[chosen] = True
    return mask.reshape(shape)
