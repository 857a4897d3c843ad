"""Shapes of arrays, and axes of them."""

from __future__ import annotations

import itertools
from typing import TypeAlias

from minigrad.errors import ArgumentError
from minigrad.testing.strategies._hypothesis import SearchStrategy, hnp, st

__all__ = ["Shape", "axes", "broadcastable_shapes", "shapes"]

Shape: TypeAlias = tuple[int, ...]
Axis: TypeAlias = int | tuple[int, ...] | None


def shapes(
    *, min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 4
) -> SearchStrategy[Shape]:
    """Generate shapes of small arrays.

    Parameters
    ----------
    min_dims, max_dims : int, default 0 and 3
        How many axes.
    min_side, max_side : int, default 1 and 4
        How long each is. With ``min_side=0`` there are arrays without elements.

    Returns
    -------
    strategy for tuples of int
        Shrinks towards few and short axes.

    Examples
    --------
    >>> from hypothesis import find
    >>> from minigrad.testing import strategies
    >>> find(strategies.shapes(), lambda shape: len(shape) == 2 and shape[0] > 1)
    (2, 1)
    """
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def broadcastable_shapes(
    n: int, *, min_dims: int = 0, max_dims: int = 3, min_side: int = 1, max_side: int = 4
) -> SearchStrategy[tuple[Shape, ...]]:
    """Generate tuples of `n` shapes that broadcast together, as NumPy's operators do it.

    Parameters
    ----------
    n : int
        How many shapes; at least 1.
    min_dims, max_dims, min_side, max_side : int
        As for `shapes`.

    Returns
    -------
    strategy for tuples of shapes
        ``numpy.broadcast_shapes(*shapes)`` is the common one.

    Examples
    --------
    >>> from hypothesis import find
    >>> from minigrad.testing import strategies
    >>> find(strategies.broadcastable_shapes(2), lambda pair: pair[0] != pair[1])
    ((1,), ())
    """
    return shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    ).flatmap(lambda common: st.tuples(*[st.sampled_from(parts(common, min_dims, min_side))] * n))


def parts(common: Shape, min_dims: int = 0, min_side: int = 1) -> list[Shape]:
    """Return all shapes that broadcast to the common one, itself first."""
    ends = [common[skipped:] for skipped in range(len(common) - min_dims + 1)]
    sides = [[(n, 1) if min_side <= 1 else (n,) for n in end] for end in ends]
    return sorted({part for choices in sides for part in itertools.product(*choices)}, reverse=True)


def axes(
    ndim: int, *, none: bool = True, tuples: bool = True, empty: bool = False
) -> SearchStrategy[Axis]:
    """Generate what a reduction of an array with `ndim` axes takes for ``axis=``.

    Parameters
    ----------
    ndim : int
        How many axes the array has.
    none : bool, default True
        Whether None (all axes) is among them.
    tuples : bool, default True
        Whether tuples of axes are, of any length from 1 up and in any order.
    empty : bool, default False
        Whether the empty tuple is, by which nothing is reduced.

    Returns
    -------
    strategy for None, int and tuples of int
        Axes count from the front or, negative, from the back.

    Raises
    ------
    ArgumentError
        If there is nothing to generate: an array without axes, and neither None nor ``()``.

    Examples
    --------
    >>> from hypothesis import find
    >>> from minigrad.testing import strategies
    >>> find(strategies.axes(3), lambda axis: isinstance(axis, tuple) and len(axis) == 2)
    (0, 1)
    """
    kinds: list[SearchStrategy[Axis]] = []
    if none:
        kinds.append(st.none())
    if ndim:
        kinds.append(st.integers(-ndim, ndim - 1))
    if tuples and (ndim or empty):
        kinds.append(hnp.valid_tuple_axes(ndim, min_size=0 if empty else 1))
    if not kinds:
        raise ArgumentError(
            f"axes(ndim={ndim}, none={none}, tuples={tuples}, empty={empty}) leaves nothing to "
            "choose; an array without axes is reduced with axis=None"
        )
    return st.one_of(kinds)
