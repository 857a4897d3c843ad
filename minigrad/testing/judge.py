"""Whether a number is the slope of a function along a line.

The first look is cheap, and almost always the last. Whatever it leaves open (a kink in or near the
point, a step that is too long or too short) is looked at with other steps, and nothing is called
wrong before the rounding errors of the function and of the gradient have been measured, too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from minigrad.testing.singular import Singular
from minigrad.testing.slopes import FIRST_STEP, LADDER, Line, Reading
from minigrad.testing.verdict import Verdict

__all__ = ["ROUGHLY", "Finding", "Judge", "Summary", "Tolerance"]

Vector: TypeAlias = np.ndarray[Any, Any]

SAFETY = 10.0  # how many times its estimate an error may be
KINK = 4.0  # how many times their errors the slopes of two sides differ, for a kink
LOWEST, HIGHEST = -7, 3  # the rungs of the ladder of steps
BLUNT = 1e6  # times what is lost to rounding anyway: an error that one should know of
ROUGHLY = "known only roughly"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found of one slope.

    Attributes
    ----------
    verdict : Verdict
    analytic : float
        What was to be checked.
    numerical : float
        What it is compared with; at a kink the nearest value between the slopes.
    error : float
        How far `numerical` may be from the true slope.
    allowed : float
        How far apart the two may be: the error, and what the gradient's own rounding takes.
    low, high : float
        The slopes to the two sides; equal where there is no kink.
    note : str
        What is special about the place, if anything.
    """

    verdict: Verdict
    analytic: float
    numerical: float
    error: float
    allowed: float
    low: float
    high: float
    note: str = ""

    @property
    def difference(self) -> float:
        """How far the analytic value is off."""
        return abs(self.analytic - self.numerical)

    def scaled(self, factor: float) -> Finding:
        """Return the finding in other units."""
        fields = ("analytic", "numerical", "error", "allowed", "low", "high")
        return replace(self, **{name: getattr(self, name) * factor for name in fields})


@dataclass(frozen=True, slots=True)
class Summary:
    """One reading of the slope of <cotangent, function>."""

    rung: int
    value: float
    error: float
    noise: float
    low: float
    high: float
    is_finite: bool
    kink_error: float  # of `low` and `high`; infinite where the slopes of no result differ
    size: float  # of what adds up to the slope
    side_error: float  # of the slopes to the two sides

    @property
    def is_noisy(self) -> bool:
        """Whether rounding is the larger part of the error, so that a longer step is better."""
        return self.error <= 3 * self.noise

    @property
    def is_resolved(self) -> bool:
        """Whether the function is a smooth curve at this scale, through its value at the point.

        The slope of both sides does not depend on that value, and of a step across a pole and back
        it may be small though the function falls off from the point as from a cliff.
        """
        return self.side_error <= 0.1 * abs(self.value) + 12 * self.noise

    def margin(self, roughness: float = 0.0) -> float:
        """Return how far from the value the slope may be."""
        return SAFETY * self.error + 4 * self.noise + SAFETY * roughness


@dataclass(frozen=True)
class Tolerance:
    """How close a gradient has to be to the slope, beyond the error of the slope itself.

    Attributes
    ----------
    rtol : float
        Relative difference.
    floor : float
        Difference that is always allowed.
    zero_floor : float
        Difference that is allowed where no slope is to be seen, and so nothing to tell how large
        the numbers were that cancelled.
    grain : float
        Rounding error of the gradient, relative to what is added up to it.
    target : float
        Relative error of the slope that is good enough to stop.
    typical : float
        What other slopes of this function are like.
    """

    rtol: float
    floor: float
    zero_floor: float
    grain: float
    target: float
    typical: float


class Judge:
    """Compares a slope with what it is said to be.

    Parameters
    ----------
    line : Line
    cotangent : array, shape (m,)
        What the function's results are multiplied with and summed.
    tolerance : Tolerance
    analytic : float
        What the slope is said to be.
    analytic_noise : callable
        Returns the rounding error that `analytic` is seen to have; called before anything is
        called wrong.
    """

    def __init__(
        self,
        line: Line,
        cotangent: Vector,
        tolerance: Tolerance,
        analytic: float,
        analytic_noise: Callable[[], float],
    ) -> None:
        self.line = line
        self.cotangent = cotangent
        self.tolerance = tolerance
        self.analytic = analytic
        self.analytic_noise = analytic_noise
        self.readings: dict[int, Reading] = {}
        self.summaries: dict[int, Summary] = {}
        self.roughness = 0.0  # of <cotangent, function>
        self._roughnesses: Vector | None = None  # of each of the function's results

    def measure_roughness(self) -> None:
        """Find out the rounding error of the function, as it is seen to be."""
        self.summaries.clear()  # which did not know of it
        samples, self._roughnesses = self.line.rough()
        self.roughness = float(np.sqrt(np.mean((samples @ self.cotangent) ** 2)))

    # --- Reading ---------------------------------------------------------------------------

    def summary(self, rung: int) -> Summary:
        """Return what the step of a rung says."""
        if rung not in self.readings:
            self.readings[rung] = self.line.read(FIRST_STEP * LADDER**rung)
        if rung not in self.summaries:
            self.summaries[rung] = self._summarised(rung, self.readings[rung])
        return self.summaries[rung]

    def _summarised(self, rung: int, reading: Reading) -> Summary:
        step = reading.step
        u = self.cotangent
        errors = u * reading.slope_error
        grain = np.abs(u) * self._grain(reading) / step
        value = float(u @ reading.slope)
        # The place itself is rounded: its distance from the start is not quite the step.
        shift = self.line.resolution() / step * (abs(value) + abs(self.analytic))
        low, high, kink_error = self._bracket(reading, grain)
        error = abs(float(u @ (reading.rows[0] - reading.rows[1]))) + float(np.linalg.norm(errors))
        return Summary(
            rung,
            value,
            error,
            float(np.linalg.norm(grain)) + (shift if math.isfinite(shift) else 0.0),
            low,
            high,
            math.isfinite(value),
            kink_error,
            self._size(u * reading.slope),
            float(np.linalg.norm(u * reading.side_error)),
        )

    def _grain(self, reading: Reading) -> Vector:
        """Return the rounding errors of the results, with what has been found of them."""
        grain: Vector = reading.grain * self.line.changed
        if self._roughnesses is not None:
            grain = np.maximum(grain, self._roughnesses)
        return grain

    def _size(self, slopes: Vector) -> float:
        """Return how large the numbers are that a gradient adds up, as far as can be seen."""
        values = np.where(self.line.changed, self.cotangent * self.line.value, 0)
        return float(np.nansum(np.abs(slopes)) + np.abs(values).max(initial=0))

    def _bracket(self, reading: Reading, grain: Vector) -> tuple[float, float, float]:
        """Return the sums of the lower and of the higher slopes of all results, and their error."""
        u = self.cotangent
        gap = np.abs(u * (reading.right - reading.left))
        error = np.abs(u) * reading.side_error + 12 * grain
        kinked = gap > KINK * error
        if not kinked.any():
            return 0.0, 0.0, math.inf
        smooth = np.where(kinked, 0, u * reading.slope)
        right, left = (np.where(kinked, u * s, smooth) for s in (reading.right, reading.left))
        side = float(np.where(kinked, error, np.abs(u) * reading.slope_error).sum())
        low, high = float(np.minimum(right, left).sum()), float(np.maximum(right, left).sum())
        return low, high, side + 12 * float(np.linalg.norm(grain))

    def is_kinked(self, summary: Summary) -> bool:
        """Return whether the slopes to the two sides differ by more than the error."""
        gap = summary.high - summary.low
        return math.isfinite(summary.kink_error) and gap > 2 * self._margin(summary)

    def is_sharp(self, summary: Summary) -> bool:
        """Return whether a reading is as exact as is needed."""
        if not summary.is_finite or self.is_kinked(summary):
            return False
        scale = max(abs(summary.value), 1e-3 * self.tolerance.typical)
        return self._margin(summary) <= self.tolerance.target * scale

    def _margin(self, summary: Summary) -> float:
        """Return the error of a reading; with what has been found of the function's rounding."""
        return summary.margin(self.roughness / self._step(summary))

    @staticmethod
    def _step(summary: Summary) -> float:
        return float(FIRST_STEP * LADDER**summary.rung)

    def is_settled_kink(self, summary: Summary) -> bool:
        """Return whether a kink is seen at this step and at the next one just the same."""
        if not self.is_kinked(summary):
            return False
        gap = summary.high - summary.low
        if summary.kink_error > 1e-4 * gap:
            return False
        if self._roughnesses is None:
            self.measure_roughness()
        if gap * self._step(summary) < 1e3 * self.roughness:
            return False
        other = self.summary(summary.rung - 1)
        return self.is_kinked(other) and 0.5 * gap < other.high - other.low < 2 * gap

    # --- Judging ---------------------------------------------------------------------------

    def allowed(self, summary: Summary) -> float:
        """Return how far from a smooth reading the analytic value may be."""
        margin = self._margin(summary)
        floor = self.tolerance.floor + self.tolerance.grain * summary.size
        if abs(summary.value) <= SAFETY * (margin + floor):
            floor = max(floor, self.tolerance.zero_floor)
        return margin + self.tolerance.rtol * abs(summary.value) + floor

    def agrees(self, summary: Summary) -> bool:
        """Return whether the analytic value is what a smooth reading says."""
        return abs(self.analytic - summary.value) <= self.allowed(summary)

    def verdict(self) -> Finding:
        """Return what is found."""
        first = self.summary(0)
        if self.is_sharp(first) and self.agrees(first):
            return self._smooth(first)
        seen = self._walk(first)
        last = seen[-1]
        if self.is_settled_kink(last):
            return self._kink(last.low, last.high, last.kink_error, "slopes differ")
        if self.is_sharp(last) and self.agrees(last):
            return self._smooth(last)
        return self._second_opinion(last)

    def _walk(self, first: Summary) -> list[Summary]:
        """Go up or down the ladder until a reading settles the matter."""
        seen = [first]
        noisy = first.is_finite and first.is_noisy and not self.is_kinked(first)
        rungs = range(1, HIGHEST + 1) if noisy else range(-1, LOWEST - 1, -1)
        for rung in rungs:
            if self.is_sharp(seen[-1]) or self.is_settled_kink(seen[-1]):
                break
            seen.append(self.summary(rung))
            if not noisy and seen[-1].is_noisy and not self.is_kinked(seen[-1]):
                break
        return seen

    def _second_opinion(self, last: Summary) -> Finding:
        """Measure how rough the function is, and look at other steps."""
        self.measure_roughness()
        rungs = range(LOWEST, HIGHEST + 1)
        if self.is_sharp(last):
            rungs = range(max(LOWEST, last.rung - 3), min(HIGHEST, last.rung + 1) + 1)
        for rung in rungs:
            self.summary(rung)
        self.summaries.clear()  # what only long steps change has rounding errors at short ones, too
        everything = [self.summary(rung) for rung in rungs]
        singular = self._singular()
        if not singular.note:
            self.roughness = max(self.roughness, self._scatter(everything))
        smooth = [s for s in everything if self._is_smooth(s)]
        smooth = self._consistent([s for s in smooth if s.is_resolved] or smooth)
        best = min(smooth, key=self.allowed, default=None)
        agreeing = self._agreeing(smooth, best)
        if agreeing is not None:
            return self._smooth(agreeing)
        if best is not None and self.is_sharp(best):
            return self._refuted(best)
        return self._not_smooth(everything, singular, best)

    def _agreeing(self, smooth: list[Summary], best: Summary | None) -> Summary | None:
        """Return an exact reading that says what the gradient says: the best or a shorter one."""
        if best is None:
            return None
        sharp = [s for s in smooth if s.rung < best.rung and self.is_sharp(s)]
        found = (s for s in (*sharp, best) if self.agrees(s) and self._is_credible(s))
        return next(found, None)

    def _not_smooth(
        self, everything: list[Summary], singular: Singular, best: Summary | None
    ) -> Finding:
        for summary in everything[1:]:
            if self.is_settled_kink(summary):
                return self._kink(summary.low, summary.high, summary.kink_error, "slopes differ")
        if best is not None and self._is_credible(best):
            return self._refuted(best)
        if singular.note:
            return self._kink(singular.low, singular.high, singular.error, singular.note)
        return self._undecided(best)

    def _scatter(self, summaries: list[Summary]) -> float:
        """Return the rounding error by which the shortest steps differ from each other.

        The places at which roughness is measured may all be rounded alike, where a function is
        saturated. The middle one of three differences, for one may be larger for a kink nearby.
        """
        values = [s for s in summaries if s.is_finite][:4]
        found = [
            abs(one.value - other.value) * self._step(one) / 4
            for one, other in itertools.pairwise(values)
        ]
        return float(np.median(found)) if len(found) == 3 else 0.0

    def _is_smooth(self, summary: Summary) -> bool:
        return summary.is_finite and not self.is_kinked(summary)

    def _consistent(self, smooth: list[Summary]) -> list[Summary]:
        """Leave out the steps that are too long: two shorter ones agree on something else.

        Across a pole, or several waves, a long step may seem exact. (And so may by chance a very
        short one, which is why it takes two.)
        """
        kept: list[Summary] = []
        for summary in smooth:  # from the shortest
            others = [finer for finer in kept if not self._overlap(summary, finer)]
            pairs = itertools.combinations(others, 2)
            if not any(self._overlap(one, other) for one, other in pairs):
                kept.append(summary)
        return kept

    def _overlap(self, one: Summary, other: Summary) -> bool:
        margin = self._margin(one) + self._margin(other)
        return abs(one.value - other.value) <= 3 * margin

    def _is_credible(self, summary: Summary) -> bool:
        """Return whether a reading is exact enough to be compared with anything."""
        analytic = abs(self.analytic) if math.isfinite(self.analytic) else 0.0
        scale = max(abs(summary.value), analytic, self.tolerance.zero_floor)
        return self._margin(summary) <= 1e-2 * scale

    def _smooth(self, summary: Summary) -> Finding:
        value = summary.value
        right = self.agrees(summary)
        verdict = Verdict.RIGHT if right else Verdict.WRONG
        error = self._margin(summary)
        allowed = self.allowed(summary)
        return Finding(verdict, self.analytic, value, error, allowed, value, value)

    def _refuted(self, summary: Summary) -> Finding:
        """Call it wrong, unless the gradient itself is known no better."""
        finding = self._smooth(summary)
        noise = SAFETY * (self.analytic_noise() + self._unsteadiness(summary))
        allowed = finding.allowed + noise
        if finding.difference <= allowed:
            return replace(finding, verdict=Verdict.RIGHT, allowed=allowed)
        return finding

    def _unsteadiness(self, summary: Summary) -> float:
        """Return the rounding error of a reading by that of the next shorter step.

        Rounding that is the same over long stretches shows in neither of them, only between them.
        """
        shorter = self.summary(max(LOWEST, summary.rung - 1))
        if not shorter.is_finite:
            return 0.0
        return abs(summary.value - shorter.value) / (4 * LADDER)

    def _kink(self, low: float, high: float, error: float, note: str) -> Finding:
        margin = SAFETY * error + self.tolerance.floor
        finite = [abs(slope) for slope in (low, high) if math.isfinite(slope)]
        margin += self.tolerance.rtol * max(finite, default=0.0)
        inside = low - margin <= self.analytic <= high + margin
        nearest = low if math.isnan(self.analytic) else min(max(self.analytic, low), high)
        verdict = Verdict.KINK if inside else Verdict.WRONG
        return Finding(verdict, self.analytic, nearest, SAFETY * error, margin, low, high, note)

    def _singular(self) -> Singular:
        """Look for a jump, an end, or a vertical tangent."""
        for rung in (-3, -4):
            self.summary(rung)
        coarse, fine = self.readings[-3], self.readings[-4]
        with np.errstate(all="ignore"):
            unit = self.tolerance.zero_floor / np.abs(self.cotangent)
        return Singular(coarse, fine, self.cotangent, self._grain(fine), unit)

    def _undecided(self, best: Summary | None) -> Finding:
        if best is None:
            nan = math.nan
            return Finding(Verdict.KINK, self.analytic, nan, nan, nan, nan, nan, "no slope at all")
        blunt = self._margin(best) > BLUNT * self.tolerance.zero_floor
        return replace(self._refuted(best), note=ROUGHLY if blunt else "")
