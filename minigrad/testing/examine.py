"""All the slopes of a problem that are looked at: coordinates, and directions across them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from minigrad.testing.arguments import Array
from minigrad.testing.judge import Finding, Judge, Tolerance
from minigrad.testing.problem import Problem, unpacked
from minigrad.testing.slopes import Line, step_scale
from minigrad.testing.verdict import Verdict

__all__ = ["Element", "Examination", "Examiner", "Settings", "flat", "largest", "random_like"]

Vector: TypeAlias = np.ndarray[Any, Any]

ALL_COORDINATES = 64  # up to so many elements, each is looked at
SOME_COORDINATES = 16
SEARCHED = 1024  # up to so many elements, every wrong one is found where one is known to be
ROUNDINGS = 64  # rounding errors that a gradient may accumulate


@dataclass(frozen=True)
class Settings:
    """What a check is to be like; see `minigrad.testing.gradcheck`."""

    seed: int
    rtol: float | None
    atol: float | None
    dtype: np.dtype[Any]
    directions: int = 8


@dataclass(frozen=True)
class Element:
    """What is found of one element of one argument's gradient."""

    argument: int
    index: tuple[int, ...]
    finding: Finding


@dataclass
class Examination:
    """What is found of the gradient of a problem.

    Attributes
    ----------
    elements : list of Element
    directions : list of Finding
        Along random directions across all arguments.
    """

    elements: list[Element]
    directions: list[Finding]

    @property
    def findings(self) -> Iterator[Finding]:
        """What is found of each element and of each direction."""
        yield from (element.finding for element in self.elements)
        yield from self.directions

    @property
    def verdicts(self) -> Iterator[Verdict]:
        """The verdict of each element and of each direction."""
        return (finding.verdict for finding in self.findings)


def flat(arrays: Sequence[Array]) -> Vector:
    """Return the elements of arrays as one vector of float64."""
    if not arrays:
        return np.zeros(0)
    return np.concatenate([np.ravel(array).astype(np.float64) for array in arrays])


def random_like(array: Array, rng: np.random.Generator, dtype: Any) -> Array:
    """Return random numbers of either sign, none of them small."""
    magnitude = rng.uniform(0.5, 1.5, array.shape) * rng.choice([-1.0, 1.0], array.shape)
    return np.asarray(magnitude, dtype)


class Examiner:
    """Looks at the slopes of <cotangent, function> and compares them with a gradient.

    Parameters
    ----------
    problem : Problem
    cotangents : list of arrays
        One for each result.
    gradient : list of arrays
        What is to be examined: one for each variable.
    settings : Settings
    rng : numpy.random.Generator
    """

    def __init__(
        self,
        problem: Problem,
        cotangents: Sequence[Array],
        gradient: Sequence[Array],
        settings: Settings,
        rng: np.random.Generator,
    ) -> None:
        self.problem = problem
        self.cotangents = cotangents
        self.settings = settings
        self.rng = rng
        self.start = flat(problem.point)
        self.gradient = flat(gradient)
        self.exact = [array.astype(np.float64) for array in problem.point]
        values = problem.outputs(self.exact)
        self.value = flat(values)
        # In float32 a function may overflow where in float64 it does not.
        same = settings.dtype == np.float64
        given = self.value if same else flat(problem.outputs(problem.point))
        self.is_finite = np.isfinite(self.value) & np.isfinite(given)
        self.cotangent = np.where(self.is_finite, flat(cotangents), 0)
        self.scale = np.concatenate([np.ravel(step_scale(array)) for array in self.exact])
        self.eps = max(
            [float(np.finfo(v.dtype).eps) for v in values], default=float(np.finfo(float).eps)
        )
        self.sizes = [array.size for array in problem.point]
        self.jacobian: dict[int, Vector] = {}

    # --- The function ------------------------------------------------------------------------

    def function(self, vector: Vector) -> Vector:
        """Return all results at a point as one vector; NaN where the function refuses it."""
        try:
            return flat(self.problem.outputs(unpacked(vector, self.exact)))
        except Exception:
            # Outside its domain a function may raise what it likes; at the point itself it did not.
            return np.full(self.value.shape, np.nan)

    @functools.cached_property
    def usual_value(self) -> float:
        """How large the function's values are here or elsewhere, at most 1."""
        size = largest(self.value)
        elsewhere = (-self.start, np.zeros_like(self.start), self.rng.normal(size=self.start.size))
        for point in elsewhere:
            if size >= 1:
                break
            size = max(size, largest(self.function(point)))
        return min(size, 1.0)

    @functools.cached_property
    def gradient_noise(self) -> Vector:
        """Samples of the rounding error that the gradient is seen to have, one in each row.

        Fifth differences of the gradient at points in a row, in which nothing smooth is left. All
        elements of a point change by the same factor, so that equal ones stay equal. Of two
        distances, as a saturated function rounds to the same values over long stretches.
        """
        eps = float(np.finfo(self.settings.dtype).eps)
        samples = [np.diff(self._gradients(step), 5, axis=0) for step in (8 * eps, 2.0**-17)]
        noise: Vector = np.concatenate(samples) / np.sqrt(252)
        return noise

    def _gradients(self, step: float) -> Vector:
        """Return the gradient at the point times 1 + step, 1 + 2 step, and so on."""
        found = []
        for count in range(1, 9):
            point = [np.asarray(x * x.dtype.type(1 + count * step)) for x in self.problem.point]
            gradient = self.problem.pull_back(self.cotangents, point)
            like = zip(self.problem.point, gradient, strict=True)
            found.append(flat([np.zeros_like(x) if g is None else g for x, g in like]))
        gradients: Vector = np.nan_to_num(np.array(found), nan=0.0, posinf=0.0, neginf=0.0)
        return gradients

    def noise_along(self, direction: Vector) -> float:
        """Return the rounding error that the gradient's slope along a direction is seen to have."""
        moves = np.flatnonzero(direction)
        slopes = self.gradient_noise[:, moves] @ direction[moves]
        return float(np.sqrt(np.mean(slopes.reshape(2, -1) ** 2, axis=1)).max())

    # --- One direction -----------------------------------------------------------------------

    def examine(self, direction: Vector) -> Finding:
        """Compare the slope along a direction with what the gradient says of it."""
        return self._judge(direction).verdict()

    def _judge(self, direction: Vector) -> Judge:
        moves = np.flatnonzero(direction)
        parts = self.gradient[moves] * direction[moves]

        line = Line(self.function, self.start, self.value, direction, self.eps)
        tolerance = self._tolerance(float(np.linalg.norm(direction[moves])), parts)
        noise = functools.partial(self.noise_along, direction)
        return Judge(line, self.cotangent, tolerance, float(parts.sum()), noise)

    def _tolerance(self, length: float, parts: Vector) -> Tolerance:
        eps = float(np.finfo(self.settings.dtype).eps)
        grain = ROUNDINGS * eps
        unit = grain * largest(self.cotangent) * length
        added = float(np.linalg.norm(parts)) if len(parts) > 1 else 0.0
        atol = self.settings.atol
        floor = unit * self.usual_value + grain * added if atol is None else atol * length
        target = 1e-7 * max(1.0, (self.eps / 2.0**-52) ** 0.5)
        rtol = self.settings.rtol
        return Tolerance(
            rtol=max(1e-7, grain) if rtol is None else rtol,
            floor=floor if np.isfinite(floor) else 0.0,
            zero_floor=unit if atol is None else 0.0,
            grain=grain if atol is None else 0.0,
            target=target,
            typical=self._typical,
        )

    @functools.cached_property
    def _typical(self) -> float:
        slopes = self.gradient * self.scale
        slopes = slopes[np.isfinite(slopes)]
        return float(np.sqrt(np.mean(slopes**2))) if slopes.size else 0.0

    # --- All of them -------------------------------------------------------------------------

    def element(self, position: int) -> Element:
        """Return what is found of one element, by its position among all variables' elements."""
        direction = np.zeros(self.start.shape)
        scale = self.scale[position]
        direction[position] = scale
        judge = self._judge(direction)
        if np.isnan(self.gradient[position]) and self._may_be_nan(position):
            nan = float("nan")
            note = "the function is not finite"
            finding = Finding(Verdict.KINK, nan, nan, nan, nan, nan, nan, note)
        else:
            finding = judge.verdict().scaled(1 / scale)
            self.jacobian[position] = judge.readings[0].slope / scale
        argument, index = self.place(position)
        return Element(argument, index, finding)

    def _may_be_nan(self, position: int) -> bool:
        """Return whether the function is not finite where this element is used."""
        bad = ~self.is_finite
        if len(self.value) == len(self.start):
            return bool(bad[position])
        return bool(bad.any())

    def place(self, position: int) -> tuple[int, tuple[int, ...]]:
        """Return the argument and the index in it of an element."""
        argument = 0
        while position >= self.sizes[argument]:
            position -= self.sizes[argument]
            argument += 1
        index = np.unravel_index(position, self.problem.point[argument].shape)
        return argument, tuple(int(i) for i in index)

    def positions(self) -> Iterator[int]:
        """Yield the elements to be looked at: all of a small argument, some of a large one."""
        start = 0
        for size in self.sizes:
            if size <= ALL_COORDINATES:
                yield from range(start, start + size)
            else:
                chosen = self.rng.choice(size, SOME_COORDINATES, replace=False)
                # Random directions leave out what is not finite, so it is looked at here.
                part = self.gradient[start : start + size]
                special = np.flatnonzero(~np.isfinite(part))[:SOME_COORDINATES]
                yield from (start + int(i) for i in np.union1d(chosen, special))
            start += size

    def random_directions(self) -> Iterator[Vector]:
        """Yield directions across all arguments; the last two have no negative element.

        Those show what a rule does to equal elements together: along any single coordinate, and
        where they move apart, the slopes to the two sides leave it too much room.
        """
        for count in range(self.settings.directions + 2):
            direction = random_like(self.start, self.rng, np.float64)
            sign = np.abs(direction) if count >= self.settings.directions else direction
            yield sign * self.scale * np.isfinite(self.gradient)

    def examination(self, *, coordinates: bool = True) -> Examination:
        """Look at coordinates and at random directions."""
        elements = [self.element(p) for p in self.positions()] if coordinates else []
        directions = [self.examine(d) for d in self.random_directions() if d.size]
        unseen = _is_wrong(directions) and not _is_wrong(e.finding for e in elements)
        if unseen or (_is_wrong(directions) and len(elements) < self.start.size <= SEARCHED):
            seen = {(e.argument, e.index) for e in elements}
            elements += [e for e in self._search() if (e.argument, e.index) not in seen]
        return Examination(elements, directions)

    def _search(self) -> list[Element]:
        """Return elements among which the wrong ones are, if elements alone show them."""
        if self.start.size <= SEARCHED:
            return [self.element(position) for position in range(self.start.size)]
        remaining = np.arange(self.start.size)
        signs = random_like(self.start, self.rng, np.float64) * self.scale
        while len(remaining) > 1:
            half = remaining[: len(remaining) // 2]
            direction = np.zeros(self.start.shape)
            direction[half] = signs[half]
            is_in_half = self.examine(direction).verdict is Verdict.WRONG
            remaining = half if is_in_half else remaining[len(half) :]
        return [self.element(int(remaining[0]))]


def _is_wrong(findings: Iterator[Finding] | Sequence[Finding] | Any) -> bool:
    return any(finding.verdict is Verdict.WRONG for finding in findings)


def largest(values: Vector) -> float:
    """Return the largest magnitude of any finite element."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0))
