"""Slopes where a function has none: at jumps, ends, and vertical tangents."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from minigrad.testing.slopes import Reading

__all__ = ["Singular"]

Vector: TypeAlias = np.ndarray[Any, Any]


class Singular:
    """Slopes where a function jumps, where it ends, and where it is infinitely steep.

    Parameters
    ----------
    coarse, fine : Reading
        At two steps.
    cotangent : array, shape (m,)
    grain : array, shape (m,)
        What is no more than rounding of a result.
    smallest : array, shape (m,)
        How much a result has to change at once to be noticed, whatever its size: where large
        numbers cancel, what is left jumps about by their rounding.

    Notes
    -----
    Of a side where it jumps, the slope beyond the jump counts; of an end, that of the side where
    the function is; of an infinite slope everything from the steepest seen on.
    """

    def __init__(
        self, coarse: Reading, fine: Reading, cotangent: Vector, grain: Vector, smallest: Vector
    ) -> None:
        self.coarse, self.fine = coarse, fine
        self.grain = grain
        self.noticed = np.maximum(1e3 * grain, smallest)
        notes = set()
        lows, highs, errors = [], [], []
        for side in (0, 1):
            slope, error, steep, note = self._side(side)
            notes |= note
            weighted = np.sort([cotangent * slope, cotangent * steep], axis=0)
            lows.append(weighted[0])
            highs.append(weighted[1])
            errors.append(np.abs(cotangent) * error)
        if any(np.isnan(low).any() for low in lows):
            notes.add("the function ends here")
        with np.errstate(all="ignore"):
            low, high = np.fmin(*lows), np.fmax(*highs)
        self.note = ", ".join(sorted(notes))
        self.low, self.high = float(np.nansum(low)), float(np.nansum(high))
        self.error = float(np.nansum(np.fmax(*errors)))

    def _side(self, side: int) -> tuple[Vector, Vector, Vector, set[str]]:
        """Return slopes, errors, the slopes that they may rise to, and what is special."""
        coarse, fine = self.coarse, self.fine
        name = ("right", "left")[side]
        far, near = np.abs(coarse.limits[side]), np.abs(fine.limits[side])
        jumps = (near > 0.5 * far) & (near > self.noticed)
        slope = np.where(jumps, fine.outer[side], getattr(fine, name))
        before = np.where(jumps, coarse.outer[side], getattr(coarse, name))
        grows = ~jumps & (np.abs(slope) > 1.4 * np.abs(before))
        grows &= np.abs(slope) > self.noticed / fine.step
        error = np.where(grows, 0, np.abs(slope - before)) + 12 * self.grain / fine.step
        steep = np.where(grows, np.copysign(np.inf, slope), slope)
        notes = {"the function jumps here"} if jumps.any() else set()
        return slope, error, steep, notes | ({"infinitely steep"} if grows.any() else set())
