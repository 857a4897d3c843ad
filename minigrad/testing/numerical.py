"""Derivatives from values alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from minigrad.arrays import is_floating
from minigrad.calls import unwrap
from minigrad.context import no_grad
from minigrad.errors import ArgumentError, DtypeError
from minigrad.testing.slopes import FIRST_STEP, LADDER, Line, Reading, step_scale

__all__ = ["Estimate", "numerical_derivative", "numerical_jacobian"]

Array: TypeAlias = np.ndarray[Any, Any]
Function: TypeAlias = Callable[..., Any]
Column: TypeAlias = tuple[Array, Array]  # derivatives of all results along one coordinate, errors

EPS = 2.0**-52
BOOK_STEP = 1e-4
COMPLEX_STEP = 1e-100
RUNGS = (0, -1, 1, -2, 2, -3, 3, -4, -5)  # in which order steps are tried
STEP_DIGITS = 16  # times the distance between numbers: what h/4 takes at least to be seen
ODD_PART = 759250125 / 2**30  # short enough in binary that it rounds little
GOOD = 1e-11  # relative error at which no other step is tried


@dataclass(frozen=True)
class Estimate:
    """A derivative, and how far it may be from the true one.

    Attributes
    ----------
    value : array of float64
    error : array of float64
        An estimate of the absolute error, element by element: what the last refinement changed,
        and the rounding of the function's values. Of "richardson" at a kink, half the difference
        of the slopes to the two sides, between which any value is one of a subgradient.
    method : str

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.testing import numerical_derivative
    >>> slope = numerical_derivative(np.sin, 0.0)
    >>> bool(abs(slope.value - 1) <= slope.error)
    True
    >>> slope.method
    'richardson'
    """

    value: Array
    error: Array
    method: str

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.value, dtype=dtype, copy=copy)


def numerical_derivative(
    f: Function, x: ArrayLike, *, method: str = "richardson", step: float | None = None
) -> Estimate:
    r"""Compute the derivative of a function along each coordinate, from its values.

    .. math:: \frac{\partial}{\partial x_i} \sum_j f_j(x)

    For a function that returns one number that is its gradient; for one that works element by
    element it is the derivative of each element.

    Parameters
    ----------
    f : callable
        Takes one array, returns one array or number.
    x : array of float, any shape
        Where; computed in float64, whatever its dtype.
    method : {"richardson", "central", "complex"}, default "richardson"
        ``"central"``, by the book, with :math:`h = 10^{-4}`:

        .. math:: \frac{f(x + h) - f(x - h)}{2 h}, \qquad \text{error} \approx \frac{h^2}{6} f'''
            + \frac{\epsilon |f|}{h}

        ``"richardson"`` extrapolates such differences D at h, h/2 and h/4 to h = 0, at several h,
        and keeps for each element the one with the smallest estimate of its error:

        .. math:: \frac{64 D(h/4) - 20 D(h/2) + D(h)}{45}, \qquad \text{error} = O(h^6)
            + \frac{\epsilon |f|}{h}

        ``"complex"`` takes a step of :math:`h = 10^{-100}` along the imaginary axis. Exact to
        rounding, for functions that are analytic and take complex numbers:

        .. math:: \operatorname{Im} f(x + i h) / h
    step : float, optional
        The h to use instead, the same for every element. By default ``"richardson"`` starts
        with 1/256 of the element's size (of 1 where that is larger), and each other h is 16 times
        shorter or longer than the last.

    Returns
    -------
    Estimate
        With ``value`` and ``error``, arrays of the shape of `x`.

    Raises
    ------
    ArgumentError
        If the method is unknown, the step is not positive, or ``"complex"`` is asked of a function
        that does not let the imaginary part through or is not analytic.
    DtypeError
        If `x` is not real.

    References
    ----------
    Richardson, "The approximate arithmetical solution by finite differences" (1911); Ridders,
    "Accurate computation of F'(x) and F'(x)F''(x)" (1982), for the choice of the best step, here
    among fixed ones; Squire and Trapp, "Using complex variables to estimate derivatives of real
    functions" (1998).

    Examples
    --------
    The book's example, and how far off it is:

    >>> from minigrad.testing import numerical_derivative
    >>> book = numerical_derivative(lambda x: 0.01 * x**2 + 0.1 * x, 5.0, method="central")
    >>> round(float(book.value), 10)
    0.2
    >>> import numpy as np
    >>> x = np.array([0.5, 1.0, 2.0])
    >>> for method in ("central", "richardson", "complex"):
    ...     estimate = numerical_derivative(np.exp, x, method=method)
    ...     off = np.abs(estimate.value - np.exp(x)).max()
    ...     print(f"{method:10s} {off < 1e-7!s:5s} {off < 1e-11!s:5s} {off < 1e-15!s:5s}")
    central    True  False False
    richardson True  True  False
    complex    True  True  True
    """
    point, columns, _ = _columns(f, x, method, step)
    sums = [(value.sum(), error.sum()) for value, error in columns]
    value, error = np.array(sums, np.float64).reshape(-1, 2).T
    return Estimate(value.reshape(point.shape), error.reshape(point.shape), method)


def numerical_jacobian(
    f: Function, x: ArrayLike, *, method: str = "richardson", step: float | None = None
) -> Estimate:
    r"""Compute all partial derivatives of an array-valued function, from its values.

    .. math:: J_{j i} = \partial f_j / \partial x_i

    Parameters
    ----------
    f : callable
        Takes one array, returns one array or number.
    x : array of float, any shape
    method : {"richardson", "central", "complex"}, default "richardson"
    step : float, optional
        As for `numerical_derivative`, which states the formulas and the errors.

    Returns
    -------
    Estimate
        With ``value`` and ``error``, arrays of the shape of the result followed by that of `x`.

    Raises
    ------
    ArgumentError, DtypeError
        As for `numerical_derivative`.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.testing import numerical_jacobian
    >>> jacobian = numerical_jacobian(lambda x: np.array([x[0] * x[1], x[1]]), [2.0, 3.0])
    >>> jacobian.value.round(9)
    array([[3., 2.],
           [0., 1.]])
    """
    point, columns, shape = _columns(f, x, method, step)
    size = int(np.prod(shape))
    stacked = np.array(list(columns), np.float64).reshape(point.size, 2, size)
    value, error = stacked.transpose(1, 2, 0).reshape(2, *shape, *point.shape)
    return Estimate(value, error, method)


# --- The columns of the Jacobian -----------------------------------------------------------------


def _columns(
    f: Function, x: ArrayLike, method: str, step: float | None
) -> tuple[Array, Iterator[Column], tuple[int, ...]]:
    if method not in _METHODS:
        raise ArgumentError(f"method is one of {', '.join(_METHODS)}, not {method!r}")
    point = np.array(unwrap(x))
    if point.dtype.kind not in "fiub":
        raise DtypeError(f"derivatives are taken at real numbers, not at {point.dtype}")
    point = point.astype(np.float64)
    _check_step(step, point, method)
    value = _result(f, point)
    columns = _METHODS[method](f, point, value, step)
    return point, _quietly(columns), value.shape


def _check_step(step: object, point: Array, method: str) -> None:
    if step is None:
        return
    is_number = isinstance(step, int | float | np.number) and not isinstance(step, bool)
    if not is_number or not 0 < float(step) < np.inf:  # type: ignore[arg-type]
        raise ArgumentError(f"step is a positive number, not {step!r}")
    finest = float(np.spacing(np.abs(point[np.isfinite(point)]).max(initial=0.0)))
    if method != "complex" and float(step) < STEP_DIGITS * finest:  # type: ignore[arg-type]
        raise ArgumentError(
            f"step={step!r} is lost in the last digits of the point, whose elements are up to "
            f"{finest:.2g} apart from the next number; take a step of {STEP_DIGITS * finest:.2g} "
            "or more"
        )


def _quietly(columns: Iterator[Column]) -> Iterator[Column]:
    """Compute columns without complaints about values far from the point."""
    with np.errstate(all="ignore"):
        yield from list(columns)


def _result(f: Function, point: Array) -> Array:
    with no_grad():
        out = np.asarray(unwrap(f(point.copy())))
    if out.dtype.kind not in "fiub":
        raise DtypeError(f"the function is to return real numbers, and returned {out.dtype}")
    return out


def _line(f: Function, point: Array, value: Array, index: int) -> Line:
    """Return the function along one coordinate."""

    def function(vector: Array) -> Array:
        try:
            return _result(f, vector.reshape(point.shape)).astype(np.float64).ravel()
        except Exception:
            return np.full(value.size, np.nan)  # outside its domain it may raise what it likes

    direction = np.zeros(point.size)
    direction[index] = 1.0
    eps = float(np.finfo(value.dtype).eps) if is_floating(value.dtype) else EPS
    start = value.astype(np.float64).ravel()
    return Line(function, point.ravel(), start, direction, eps)


def _central(f: Function, point: Array, value: Array, step: float | None) -> Iterator[Column]:
    h = BOOK_STEP if step is None else step
    for index in range(point.size):
        line = _line(f, point, value, index)
        ahead, behind, near_ahead, near_behind = line.deltas(np.array([h, -h, h / 2, -h / 2]))
        slope = (ahead - behind) / (2 * h)
        # The error falls to a quarter with half the step, so it is 4/3 of the difference.
        error = np.abs(slope - (near_ahead - near_behind) / h) * 4 / 3
        yield _known(line, slope, error + line.eps * np.abs(line.value) / h)


def _known(line: Line, slope: Array, error: Array) -> Column:
    """Return NaN, of infinite error, for results that are not finite at the point itself."""
    known = ~line.dead & ~np.isnan(slope)
    return np.where(known, slope, np.nan), np.where(known, error, np.inf)


def _richardson(f: Function, point: Array, value: Array, step: float | None) -> Iterator[Column]:
    scales = step_scale(point).ravel()
    for index in range(point.size):
        line = _line(f, point, value, index)
        if step is not None:
            slope, error = _extrapolated(line, line.read(step))
        else:
            slope, error = _best(line, FIRST_STEP * float(scales[index]))
        yield _known(line, slope, error)


def _extrapolated(line: Line, reading: Reading) -> Column:
    rounding = 4 * reading.grain * line.changed / reading.step
    error = reading.slope_error + rounding + EPS * np.abs(reading.slope)
    error = np.maximum(error, _half_gap(reading, rounding))
    return reading.slope, np.where(np.isfinite(error), error, np.inf)


def _half_gap(reading: Reading, rounding: Array) -> Array:
    """Return half of the difference of the slopes to the two sides, 0 where there is no kink."""
    gap = np.abs(reading.right - reading.left)
    is_kink = gap > 10 * (reading.side_error + 12 * rounding)
    return np.where(is_kink, gap / 2, 0.0)


def _best(line: Line, first_step: float) -> Column:
    """Return for each result the slope whose error is estimated to be the smallest."""
    slope, error = _compared(line, first_step)
    for rung in RUNGS[1:]:
        if np.all(error <= GOOD * np.abs(slope)):
            break
        other, other_error = _compared(line, first_step * LADDER**rung)
        better = other_error < error
        slope, error = np.where(better, other, slope), np.where(better, other_error, error)
    return slope, error


def _compared(line: Line, step: float) -> Column:
    """Return the slopes at a step, and how far they are from those at one of no simple ratio to it.

    A wave whose period divides the step looks like a constant at all of the step's points.
    """
    slope, error = _extrapolated(line, line.read(step))
    other, _ = _extrapolated(line, line.read(ODD_PART * step))
    apart = np.abs(slope - other)
    return slope, np.maximum(error, np.where(np.isfinite(apart), apart, 0.0))


def _complex(f: Function, point: Array, value: Array, step: float | None) -> Iterator[Column]:
    h = COMPLEX_STEP if step is None else step
    for index in range(point.size):
        shifted = point.astype(np.complex128).ravel()
        shifted[index] += 1j * h
        try:
            out = np.asarray(f(shifted.reshape(point.shape)))
        except (TypeError, ValueError) as error:
            raise _not_analytic(f"it does not take complex numbers: {error}") from error
        if out.dtype.kind != "c":
            raise _not_analytic(f"of complex numbers it returned {out.dtype}")
        slope = out.imag.ravel() / h
        _check_analytic(_line(f, point, value, index), slope)
        yield slope, 4 * EPS * np.abs(slope)


def _check_analytic(line: Line, slope: Array) -> None:
    rough, error = _best(line, FIRST_STEP * float(step_scale(line.start).max(initial=0)))
    if np.any(np.abs(rough - slope) > 1e-4 * np.abs(slope) + 100 * error):
        raise _not_analytic("real differences give another derivative")


def _not_analytic(why: str) -> ArgumentError:
    return ArgumentError(
        f'method="complex" is for functions that are analytic and take complex numbers, and this '
        f"one is not: {why}; use the method richardson"
    )


_METHODS: dict[str, Callable[[Function, Array, Array, float | None], Iterator[Column]]] = {
    "richardson": _richardson,
    "central": _central,
    "complex": _complex,
}
