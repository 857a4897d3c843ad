"""Arrays at which derivatives can be computed numerically, and tensors of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minigrad.errors import ArgumentError
from minigrad.tensor import Tensor, from_numpy
from minigrad.testing.strategies._hypothesis import DrawFn, SearchStrategy, hnp, st
from minigrad.testing.strategies.shapes import Shape, broadcastable_shapes, shapes

__all__ = ["LAYOUTS", "arrays", "labels", "matmul_operands", "tensors"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

LAYOUTS = ("C", "F", "strided", "reversed", "broadcast")
"""How the elements of a generated array may lie in memory, as `arrays` takes it."""


def arrays(
    shape: Shape | SearchStrategy[Shape] | None = None,
    *,
    dtype: DTypeLike = np.float64,
    low: float = -2.0,
    high: float = 2.0,
    avoid: Sequence[float] = (),
    near: Sequence[float] = (),
    margin: float = 0.125,
    distinct: bool = False,
    layout: str | SearchStrategy[str] = "C",
) -> SearchStrategy[Array]:
    r"""Generate arrays of floating-point numbers that are fit for derivatives.

    Elements are multiples of one power of two, :math:`2^{-10}` for the default range. So there are
    neither subnormal numbers nor any others so small that differences drown in rounding, every
    value is the same number in float32 and float64, and it prints briefly.

    Parameters
    ----------
    shape : tuple of int, or strategy for such, default ``shapes()``
    dtype : dtype, default float64
        A floating-point one.
    low, high : float, default -2 and 2
        Between which all elements lie.
    avoid : sequence of float, default none
        Kinks: every element is at least `margin` away from each of these points.
    near : sequence of float, default none
        The opposite: every element lies within `margin` of one of these points, often on it.
    margin : float, default 0.125
        The distance that `avoid` and `near` speak of.
    distinct : bool, default False
        Whether no two elements are equal or nearly so, as ties are the kinks of ``max`` and
        ``sort``. They are at least ``min(margin, (high - low) / (2 * size))`` apart.
    layout : str, or strategy for such, default "C"
        How the elements lie in memory: ``"C"`` and ``"F"`` (contiguous by rows, by columns),
        ``"strided"`` (with gaps that hold NaN), ``"reversed"`` (negative strides),
        ``"broadcast"`` (read-only, and every row is the first one, in the same memory), or
        ``"any"`` of these.

    Returns
    -------
    strategy for numpy.ndarray
        Shrinks towards zeros, or what is nearest to them.

    Raises
    ------
    ArgumentError
        If the options leave no number to choose.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import find, given
    >>> from minigrad.testing import strategies
    >>> x = find(strategies.arrays((2,), avoid=[0.0]), lambda x: x[0] != x[1])
    >>> x.shape, bool((abs(x) > 0.1).all())
    ((2,), True)

    In a test:

    >>> @given(strategies.arrays(avoid=[0.0], layout="any"))
    ... def test_absolute_value_of_a_product(x):
    ...     assert np.array_equal(np.abs(x * x), np.abs(x) * np.abs(x))
    >>> test_absolute_value_of_a_product()
    """
    _check_layout(layout)
    kind = np.dtype(dtype)
    if kind.kind != "f" or not low < high or not margin > 0:
        raise ArgumentError(
            f"arrays need a floating-point dtype, low < high and margin > 0, not "
            f"dtype={kind}, low={low}, high={high}, margin={margin}"
        )
    grid = _Grid(kind, low, high, avoid, near, margin)
    if not grid.runs:
        raise ArgumentError(
            f"no number between low={low} and high={high} is {margin} away from "
            f"avoid={list(avoid)} and within that of near={list(near)}"
        )
    return _arrays(
        shapes() if shape is None else shape,
        kind,
        grid,
        distinct,
        st.sampled_from(LAYOUTS) if layout == "any" else layout,
    )


def tensors(
    shape: Shape | SearchStrategy[Shape] | None = None,
    *,
    requires_grad: bool | SearchStrategy[bool] = True,
    name: str | None = None,
    **options: Any,
) -> SearchStrategy[Tensor]:
    """Generate tensors around arrays of `arrays`.

    Parameters
    ----------
    shape : tuple of int, or strategy for such, default ``shapes()``
    requires_grad : bool, or strategy for such, default True
    name : str, optional
        What the tensor is called.
    **options
        Those of `arrays`. The layout is kept.

    Returns
    -------
    strategy for minigrad.Tensor
        Leaves of the graph.

    Examples
    --------
    >>> from hypothesis import find
    >>> from minigrad.testing import strategies
    >>> t = find(strategies.tensors((2, 1)), lambda t: True)
    >>> t.shape, t.dtype, t.requires_grad
    ((2, 1), dtype('float64'), True)
    """
    wanted = st.just(requires_grad) if isinstance(requires_grad, bool) else requires_grad
    return st.builds(
        lambda array, flag: from_numpy(array, requires_grad=flag, name=name),
        arrays(shape, **options),
        wanted,
    )


def matmul_operands(
    *, max_dims: int = 1, min_side: int = 1, max_side: int = 3, **options: Any
) -> SearchStrategy[tuple[Array, Array]]:
    """Generate pairs of arrays that ``@`` takes: vectors, matrices, and stacks that broadcast.

    Parameters
    ----------
    max_dims : int, default 1
        How many axes a stack of matrices has before its last two.
    min_side, max_side : int, default 1 and 3
        How long each axis is.
    **options
        Those of `arrays`.

    Returns
    -------
    strategy for pairs of numpy.ndarray

    Examples
    --------
    >>> from hypothesis import find
    >>> from minigrad.testing import strategies
    >>> x, y = find(strategies.matmul_operands(), lambda pair: pair[0].ndim > pair[1].ndim)
    >>> x.ndim > y.ndim, x.shape[-1] == y.shape[max(-2, -y.ndim)]
    (True, True)
    """
    sides = st.tuples(*[st.integers(min_side, max_side)] * 3)
    stacks = broadcastable_shapes(2, max_dims=max_dims, min_side=min_side, max_side=max_side)
    found = st.builds(_matmul_shapes, sides, stacks, st.booleans(), st.booleans())
    return found.flatmap(lambda pair: st.tuples(*(arrays(shape, **options) for shape in pair)))


def _matmul_shapes(
    sides: tuple[int, int, int], stacks: tuple[Shape, ...], row: bool, column: bool
) -> tuple[Shape, Shape]:
    m, n, k = sides
    return stacks[0] + (m, n) if row else (n,), stacks[1] + (n, k) if column else (n,)


def labels(
    shape: int | Shape | SearchStrategy[Shape], classes: int, *, dtype: DTypeLike = np.int64
) -> SearchStrategy[Array]:
    """Generate arrays of class labels, whole numbers from 0 to ``classes - 1``.

    Parameters
    ----------
    shape : int, tuple of int, or strategy for such
        An int is the length of a batch.
    classes : int
        How many classes there are; at least 1.
    dtype : dtype, default int64
        An integer one.

    Returns
    -------
    strategy for numpy.ndarray
        Repeated labels and missing ones included.

    Raises
    ------
    ArgumentError
        If `classes` is not positive or `dtype` is no integer dtype.

    Examples
    --------
    >>> from hypothesis import find
    >>> from minigrad.testing import strategies
    >>> y = find(strategies.labels(3, classes=10), lambda y: y[0] > 1)
    >>> y.shape, bool((y < 10).all())
    ((3,), True)
    """
    kind = np.dtype(dtype)
    if classes < 1 or kind.kind not in "iu":
        raise ArgumentError(
            f"labels need at least one class and an integer dtype, not classes={classes} and "
            f"dtype={kind}"
        )
    return hnp.arrays(kind, shape, elements=st.integers(0, classes - 1), fill=st.nothing())


# --- The numbers -------------------------------------------------------------------------------


class _Grid:
    """The numbers that elements are chosen from: multiples of a power of two, in some intervals."""

    def __init__(
        self,
        dtype: np.dtype[Any],
        low: float,
        high: float,
        avoid: Sequence[float],
        near: Sequence[float],
        margin: float,
    ) -> None:
        fine = 2.0 ** math.floor(math.log2((high - low) / 4096))
        self.step = max(fine, float(np.spacing(dtype.type(max(abs(low), abs(high))))))
        self.margin = margin
        allowed = [(max(low, k - margin), min(high, k + margin)) for k in near] or [(low, high)]
        for kink in avoid:
            allowed = [
                part
                for start, stop in allowed
                for part in ((start, min(stop, kink - margin)), (max(start, kink + margin), stop))
            ]
        steps = [(math.ceil(a / self.step), math.floor(b / self.step)) for a, b in allowed]
        self.runs = sorted({run for run in steps if run[0] <= run[1]}, key=_distance_from_zero)
        self.kinks = [
            k for k in near if low <= k <= high and all(abs(k - other) >= margin for other in avoid)
        ]

    def elements(self) -> SearchStrategy[float]:
        """Return the strategy for one element."""
        runs = [st.integers(*run).map(self.step.__mul__) for run in self.runs]
        return st.one_of([*([st.sampled_from(self.kinks)] if self.kinks else []), *runs])

    def distinct(self, size: int) -> SearchStrategy[list[float]]:
        """Return the strategy for elements that are well apart."""
        length = sum(last - first for first, last in self.runs) * self.step
        gap = min(self.margin, length / (2 * size))
        stride = max(1, math.floor(gap / self.step))
        points: list[int] = []
        for first, last in sorted(self.runs):
            start = max(first, points[-1] + stride) if points else first
            points.extend(range(start, last + 1, stride))
        if len(points) < size:
            raise ArgumentError(f"there are not {size} distinct numbers in so small an interval")
        values = [n * self.step for n in sorted(points, key=lambda n: (abs(n), -n))]
        return st.lists(st.sampled_from(values), min_size=size, max_size=size, unique=True)


def _distance_from_zero(run: tuple[int, int]) -> tuple[int, int]:
    """Sort by this, and examples shrink towards zero, and towards positive numbers."""
    return max(run[0], -run[1], 0), -run[1]


@st.composite
def _arrays(
    draw: DrawFn,
    shape: Shape | SearchStrategy[Shape],
    dtype: np.dtype[Any],
    grid: _Grid,
    distinct: bool,
    layout: str | SearchStrategy[str],
) -> Array:
    wanted = draw(shape) if isinstance(shape, SearchStrategy) else shape
    size = math.prod(wanted)
    if distinct and size > 1:
        numbers = draw(grid.distinct(size))
    else:
        numbers = draw(st.lists(grid.elements(), min_size=size, max_size=size))
    values = np.array(numbers, dtype).reshape(wanted)
    return _laid_out(values, draw(layout) if isinstance(layout, SearchStrategy) else layout)


# --- The memory --------------------------------------------------------------------------------


def _check_layout(layout: Any) -> None:
    if not isinstance(layout, SearchStrategy) and layout not in (*LAYOUTS, "any"):
        raise ArgumentError(f"layout is one of {', '.join(LAYOUTS)}, or any, not {layout!r}")


def _laid_out(values: Array, layout: str) -> Array:
    """Return an array of the same values (of the first row only for "broadcast") so laid out."""
    if layout == "F":
        return np.asfortranarray(values).reshape(values.shape, order="F")
    if layout == "broadcast":
        return np.broadcast_to(values[:1] if values.ndim else values, values.shape)
    if layout == "strided":
        wide = np.full([2 * n for n in values.shape], np.nan, values.dtype)
        every_other = (slice(None, None, 2),) * values.ndim
        wide[every_other] = values
        return wide[every_other] if values.ndim else wide.reshape(())
    if layout == "reversed":
        backwards = (slice(None, None, -1),) * values.ndim
        return values[backwards].copy()[backwards] if values.ndim else values
    return values
