"""Everything that NumPy indexes with."""

from __future__ import annotations

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
    >>> find(strategies.indices(x.shape), lambda index: x[index].shape == (3, 3))
    [0, 0, 0]
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
    return st.one_of(basic, *bare, _mixtures(shape))


@st.composite
def _mixtures(draw: DrawFn, shape: Shape) -> Index:
    """Draw a tuple of anything, whose arrays broadcast together as NumPy wants it."""
    common = draw(hnp.array_shapes(min_dims=1, max_dims=2, max_side=3))
    entries: list[Any] = []
    axis = 0
    while axis < len(shape) and draw(st.integers(0, 5)):
        entry = draw(_entry(shape[axis:], common))
        entries.append(entry)
        axis += entry.ndim if _is_mask(entry) else 1
    for gap in range(len(entries), -1, -1):
        if draw(st.integers(0, 7)) == 7:
            entries.insert(gap, None)
    if draw(st.booleans()):
        entries.insert(_ellipsis_position(draw, entries, axis == len(shape)), ...)
    return tuple(entries)


def _is_mask(entry: Any) -> bool:
    return isinstance(entry, np.ndarray) and entry.dtype == bool


def _ellipsis_position(draw: DrawFn, entries: list[Any], complete: bool) -> int:
    """Choose where the ellipsis goes: at the end, unless there is an entry for every axis."""
    return draw(st.integers(0, len(entries))) if complete else len(entries)


def _entry(rest: Shape, common: Shape) -> SearchStrategy[Any]:
    """Return the strategy for an entry that indexes the first of the axes that are left."""
    length = rest[0]
    kinds: list[SearchStrategy[Any]] = [st.slices(length)]
    if length:
        kinds += [st.integers(-length, length - 1), _positions(length, common)]
    if len(common) == 1:
        masked = [rest[:n] for n in range(1, len(rest) + 1) if math.prod(rest[:n]) >= common[0]]
        kinds += [_mask(part, common[0]) for part in masked]
    return st.one_of(kinds)


@st.composite
def _positions(draw: DrawFn, length: int, common: Shape) -> Any:
    """Draw integers, repeats included, in a shape that broadcasts to the common one."""
    keeps = draw(st.tuples(*(st.booleans() for _ in common)))
    shape = tuple(n if keep else 1 for n, keep in zip(common, keeps, strict=True))
    skipped = draw(st.integers(0, len(shape) - 1)) if shape[0] == 1 else 0
    array = draw(
        hnp.arrays(
            np.int64,
            shape[skipped:],
            elements=st.integers(-length, length - 1),
            fill=st.nothing(),
        )
    )
    return array.tolist() if draw(st.booleans()) else array


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
