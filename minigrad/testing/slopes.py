r"""Slopes of a function along a line, from both sides, each with an estimate of its error.

At one step :math:`h` the function is evaluated at :math:`x \pm h d`, :math:`x \pm h d / 2` and
:math:`x \pm h d / 4`. With :math:`D(h) = (f(x + h d) - f(x - h d)) / 2 h`, the central difference,
and :math:`R(h) = (4 D(h/2) - D(h)) / 3`, Richardson's extrapolation of it,

.. math:: \frac{16 R(h/2) - R(h)}{15}, \qquad \text{error} \approx
    \left| \frac{16 R(h/2) - R(h)}{15} - R(h/2) \right|

is the slope, and the same kind of extrapolation from one side only gives the slopes to the left and
to the right, which differ at a kink.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

__all__ = ["FIRST_STEP", "LADDER", "Line", "Reading", "step_scale"]

Vector: TypeAlias = np.ndarray[Any, Any]

FIRST_STEP = 2.0**-8  # of the scale of the point: truncation and rounding are both small there
LADDER = 16.0  # from one step to the next

_POINTS = (1.0, 0.5, 0.25, -0.25, -0.5, -1.0)


def _central(w1: float, w2: float, w4: float) -> list[float]:
    """Return the weights of D(h), D(h/2) and D(h/4) as those of the six points."""
    return [w1 / 2, w2, 2 * w4, -2 * w4, -w2, -w1 / 2]


def _right(w1: float, w2: float, w4: float) -> list[float]:
    return [w1, w2, w4, 0, 0, 0]


def _left(w1: float, w2: float, w4: float) -> list[float]:
    return [0, 0, 0, w4, w2, w1]


_WEIGHTS = np.array(
    [
        _central(1 / 45, -20 / 45, 64 / 45),  # slope, extrapolated twice
        _central(0, -1 / 3, 4 / 3),  # extrapolated once
        _right(1 / 3, -4, 32 / 3),  # slope to the right, extrapolated twice
        _right(0, -2, 8),
        _left(-1 / 3, 4, -32 / 3),  # slope to the left
        _left(0, 2, -8),
        _right(-2, 10, -8),  # slope to the right, without the value at the point itself
        _left(2, -10, 8),
        _right(1 / 3, -2, 8 / 3),  # h times the slope's numerator: the limit from the right
        _left(1 / 3, -2, 8 / 3),
    ]
)
# What makes NaN of the rows, from the third on, for which one side is needed.
_OF_RIGHT = np.array([[np.nan, np.nan, 1, 1, np.nan, 1, np.nan, 1]]).T
_OF_LEFT = np.array([[1, 1, np.nan, np.nan, 1, np.nan, 1, np.nan]]).T


@dataclass(frozen=True, slots=True)
class Reading:
    """What one step tells of the slopes of each of a function's results.

    Attributes
    ----------
    step : float
    rows : array, shape (10, m)
        The combinations above.
    grain : array, shape (m,)
        How finely the values are resolved: their rounding error.
    """

    step: float
    rows: Vector
    grain: Vector

    @property
    def slope(self) -> Vector:
        """Slope, from both sides."""
        row: Vector = self.rows[0]
        return row

    @property
    def slope_error(self) -> Vector:
        """How much the last extrapolation changed the slope."""
        error: Vector = np.abs(self.rows[0] - self.rows[1])
        return error

    @property
    def right(self) -> Vector:
        """Slope to the right."""
        row: Vector = self.rows[2]
        return row

    @property
    def left(self) -> Vector:
        """Slope to the left."""
        row: Vector = self.rows[4]
        return row

    @property
    def side_error(self) -> Vector:
        """Error of the slopes to the right and to the left, the larger."""
        right = np.abs(self.rows[2] - self.rows[3])
        error: Vector = np.maximum(right, np.abs(self.rows[4] - self.rows[5]))
        return error

    @property
    def outer(self) -> tuple[Vector, Vector]:
        """Slopes to the right and to the left of a jump at the point."""
        return self.rows[6], self.rows[7]

    @property
    def limits(self) -> tuple[Vector, Vector]:
        """What the function tends to from the right and from the left, less its value."""
        return self.rows[8] * self.step, self.rows[9] * self.step


class Line:
    """A function of a vector, seen along one direction.

    Parameters
    ----------
    function : callable
        From a vector of length n to one of length m.
    start : array, shape (n,)
    value : array, shape (m,)
        The function's there.
    direction : array, shape (n,)
    eps : float
        Relative rounding error of the function's values.
    """

    def __init__(
        self,
        function: Callable[[Vector], Vector],
        start: Vector,
        value: Vector,
        direction: Vector,
        eps: float,
    ) -> None:
        self.function = function
        self.start = start
        self.value = value
        self.direction = direction
        self.eps = eps
        self.dead = ~np.isfinite(value)
        # Results that do not depend on where we are on the line have no rounding error either.
        self.changed = np.zeros(value.shape, bool)

    def deltas(self, offsets: Vector) -> Vector:
        """Return how much the values at some places on the line differ from that at the start."""
        found = np.empty((len(offsets), len(self.value)))
        for row, offset in zip(found, offsets, strict=True):
            row[:] = self.function(self.start + offset * self.direction)
        found -= self.value
        if self.dead.any():
            found[:, self.dead] = 0
        return found

    def read(self, step: float) -> Reading:
        """Return the slopes at a step."""
        deltas = self.deltas(step * np.array(_POINTS))
        bad = ~np.isfinite(deltas)
        if bad.any():
            deltas[bad] = 0
        size = np.abs(deltas).max(axis=0)
        self.changed |= size != 0
        rows = _WEIGHTS @ deltas / step
        if bad.any():
            right, left = bad[:3].any(axis=0), bad[3:].any(axis=0)
            rows[:2, right | left] = np.nan
            rows[2:, right] *= _OF_RIGHT
            rows[2:, left] *= _OF_LEFT
        return Reading(step, rows, self.eps * (self._magnitude + size))

    @property
    def _magnitude(self) -> Vector:
        return np.where(self.dead, 0, np.abs(self.value))

    def resolution(self) -> float:
        """Return the smallest step whose points differ from the start in most of their digits."""
        moves = self.direction != 0
        if not moves.any():
            return 1.0
        sizes = np.abs(self.start[moves]) / np.abs(self.direction[moves])
        return float(np.finfo(np.float64).eps * max(sizes.max(), 1e-290))

    def rough(self) -> tuple[Vector, Vector]:
        """Return samples of the rounding error that the results are seen to have, and their size.

        Third differences of values so close together that the function itself is a straight line
        (Moré and Wild, "Estimating computational noise", 2011, in its simplest form), those of
        each side by themselves, as there may be a kink or a jump between the sides.

        Returns
        -------
        samples : array, shape (6, m)
        size : array, shape (m,)
        """
        found = [self._third_differences(spacing) for spacing in (2.0**-32, 2.0**-40)]
        sizes = [np.sqrt(np.mean(samples**2, axis=0)) for samples in found]
        # Rounding does not depend on the spacing; what does is the function's own curvature.
        smaller = sizes[0] <= sizes[1]
        samples, size = np.where(smaller, *found), np.where(smaller, *sizes)
        self._look_wider(samples, size)
        return samples, size

    def _look_wider(self, samples: Vector, size: Vector) -> None:
        """Find rounding errors that stay the same over stretches longer than the usual spacing.

        So they do where numbers cancel that are larger than the result, and a factor that is exact
        may hide it. Their third differences do not grow with the spacing: those of a smooth
        function do by its third power, where there is a kink by the first, at a root by the half.
        What is no rounding error of numbers as large as the start is one only if it is seen on both
        sides, as a jump nearby is not, and does not grow at all.
        """
        largest = float(np.abs(self.start[self.direction != 0]).max(initial=0))
        # Also no powers of two: of those large numbers' rounding errors may be all the same.
        for spacing in (2.0**-24, 2.0**-16, 2.0**-12, 0.9e-7, 1.7e-6, 2.3e-5):
            near, far = (self._third_differences(width) for width in (spacing, 4 * spacing))
            sizes, further = (np.sqrt(np.mean(found**2, axis=0)) for found in (near, far))
            seen = self.changed & (sizes > 8 * size) & (further < 3 * sizes)
            sides = np.sqrt(np.mean(near.reshape(2, 3, -1) ** 2, axis=1)).min(axis=0)
            is_everywhere = (further < 1.5 * sizes) & (sides > 0.2 * sizes)
            seen &= (sizes <= 512 * self.eps * largest) | is_everywhere
            samples[:, seen], size[seen] = near[:, seen], sizes[seen]

    def _third_differences(self, spacing: float) -> Vector:
        places = max(64 * self.resolution(), spacing) * np.arange(1.0, 7.0)
        sides = [self.deltas(places), self.deltas(-places)]
        finite = [np.where(np.isfinite(values), values, 0) for values in sides]
        samples: Vector = np.concatenate([np.diff(values, 3, axis=0) for values in finite])
        samples /= np.sqrt(20)
        return samples


def step_scale(point: Vector) -> Vector:
    """Return how far one moves in each coordinate of an array, for a step of 1.

    About the size of the element, but at most 1, at least a hundredth of what is usual in the
    array, and never lost in the element's last digits.
    """
    size = np.where(np.isfinite(point), np.abs(point), 1.0)
    largest = float(size.max(initial=0.0)) or 1.0
    usual = min(1.0, largest * float(np.sqrt(np.mean((size / largest) ** 2)))) if size.size else 1.0
    floor = 1e-2 * (usual or 1.0)
    scale: Vector = np.maximum(np.clip(size, floor, 1.0), 1e-4 * size)
    return scale
