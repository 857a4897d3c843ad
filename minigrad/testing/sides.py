"""What a gradient function must be besides right: what it must not change, share, or depend on."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from minigrad.errors import GraphError, NoGradientRuleError, RuleError
from minigrad.testing.arguments import Array
from minigrad.testing.examine import ROUNDINGS, Examiner, flat, largest, random_like
from minigrad.testing.problem import Problem
from minigrad.testing.verdict import Verdict

SCALES = (2.0**20, 2.0**-20)  # powers of two, which round nothing

__all__ = [
    "Calls",
    "forward_issues",
    "is_repeatable",
    "overwritten",
    "random_cotangents",
    "side_issues",
]


def random_cotangents(problem: Problem, rng: np.random.Generator) -> list[Array]:
    """Return a random cotangent for each result, 0 where the result is not finite."""
    results = problem.outputs(problem.point)
    return [np.where(np.isfinite(out), random_like(out, rng, out.dtype), 0) for out in results]


class Calls:
    """Calls of a problem's functions, with what is found wrong with them in passing."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.issues: dict[str, None] = {}  # as an ordered set
        self.has_values = True  # whether the gradients were numbers of the right shapes
        self._returned: list[tuple[int, Any, Any]] = []  # by the last call, with copies

    def gradient(self, cotangents: Sequence[Array], point: Sequence[Array]) -> list[Array]:
        """Return the gradient, in arrays of the variables' shapes, checked for all but its values.

        What is missing is 0; what has another shape is NaN.
        """
        before = [a.copy() for a in (*point, *cotangents, *self.problem.constants)]
        with np.errstate(all="ignore"):
            found = self._pull_back(cotangents, point)
        after = [*point, *cotangents, *self.problem.constants]
        self._check_unchanged(before, after, len(point), len(cotangents))
        self._check_memory(found, point, cotangents)
        self._check_returned(found, cotangents)
        return [
            self._fitting(index, gradient, x)
            for index, (gradient, x) in enumerate(zip(found, point, strict=True))
        ]

    def _pull_back(self, cotangents: Sequence[Array], point: Sequence[Array]) -> list[Any]:
        try:
            return self.problem.pull_back(cotangents, point)
        except (GraphError, NoGradientRuleError):
            raise  # the function cannot be differentiated at all, and the message says why
        except RuleError as error:
            self.add(str(error))
        except Exception as error:
            self.add(f"computing the gradient raised {type(error).__name__}: {error}")
        self.has_values = False
        return [np.full_like(x, np.nan) for x in point]

    def add(self, issue: str) -> None:
        """Remember what is wrong."""
        self.issues[issue] = None

    def name(self, index: int) -> str:
        """Return what a variable is called in messages."""
        return f"argument {index} ({self.problem.names[index]})"

    def _check_unchanged(
        self, before: list[Array], after: list[Array], inputs: int, seeds: int
    ) -> None:
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            if not np.array_equal(old, new, equal_nan=new.dtype.kind == "f"):
                if index < inputs:
                    what = self.name(index)
                else:
                    what = "the cotangent" if index < inputs + seeds else "a constant argument"
                self.add(f"computing the gradient changed {what} in place")

    def _check_memory(
        self, gradients: list[Any], point: Sequence[Array], cotangents: Sequence[Array]
    ) -> None:
        arrays = [(i, g) for i, g in enumerate(gradients) if g is not None]
        for (i, one), (j, other) in itertools.combinations(arrays, 2):
            if _share(one, other):
                self.add(f"the gradients of {self.name(i)} and {self.name(j)} share memory")
        for i, gradient in arrays:
            for j, x in enumerate(point):
                if _share(gradient, x):
                    self.add(f"the gradient of {self.name(i)} shares memory with {self.name(j)}")
            if any(_share(gradient, seed) for seed in cotangents):
                self.add(f"the gradient of {self.name(i)} shares memory with the cotangent")

    def _check_returned(self, gradients: list[Any], cotangents: Sequence[Array]) -> None:
        """Check that what the last call returned is still what it was."""
        writeable = [g for g in gradients if g is not None and g.flags.writeable]
        # What is the cotangent itself is told of elsewhere.
        again = [g for g in writeable if not any(_share(g, u) for u in cotangents)]
        for index, gradient, copy in self._returned:
            # A new array cannot be where the last one is, which is kept here.
            if any(_share(gradient, g) for g in again):
                self.add(
                    f"two calls returned the gradient of {self.name(index)} in the same memory: "
                    "return a new array each time, as the caller may add to it"
                )
            if not np.array_equal(gradient, copy, equal_nan=True):
                self.add(f"a further call changed the gradient of {self.name(index)} in place")
        arrays = [(i, g) for i, g in enumerate(gradients) if g is not None]
        self._returned = [(i, g, np.array(g)) for i, g in arrays if g.dtype.kind == "f"]

    def _fitting(self, index: int, gradient: Any, x: Array) -> Array:
        if gradient is None:
            return np.zeros_like(x)
        if gradient.shape != x.shape:
            self.has_values = False
            advice = _missing_sum(gradient.shape, x.shape)
            self.add(
                f"the gradient of {self.name(index)} has shape {gradient.shape}, and the argument "
                f"has {x.shape}{advice}"
            )
            return np.full_like(x, np.nan)
        if gradient.dtype != x.dtype:
            self.add(
                f"the gradient of {self.name(index)} is {gradient.dtype}, and the argument is "
                f"{x.dtype}"
            )
        return np.array(gradient)


def _share(one: Array, other: Array) -> bool:
    if not np.may_share_memory(one, other):
        return False
    return np.shares_memory(one, other)


def _missing_sum(gradient: tuple[int, ...], argument: tuple[int, ...]) -> str:
    """Say over which axes a gradient was not summed, if that is what happened."""
    extra = len(gradient) - len(argument)
    if extra < 0:
        return ""
    padded = (1,) * extra + argument
    axes = tuple(axis for axis, (g, a) in enumerate(zip(gradient, padded, strict=True)) if g != a)
    axes = tuple(range(extra)) + tuple(axis for axis in axes if axis >= extra)
    if not axes or any(padded[axis] != 1 for axis in axes):
        return ""
    return f"; the sum over the broadcast axes {axes} is missing"


# --- Properties of the gradient, for whatever cotangent ------------------------------------------


def overwritten(problem: Problem) -> list[str]:
    """Return which of its arguments the function itself changes in place."""
    given = [*problem.point, *problem.constants]
    kept = _copies(given)
    problem.outputs(problem.point)
    names = [f"argument {i} ({name})" for i, name in enumerate(problem.names)]
    names += ["a constant argument"] * len(problem.constants)
    found = []
    for name, array, copy in zip(names, given, kept, strict=True):
        if not np.array_equal(array, copy, equal_nan=array.dtype.kind == "f"):
            found.append(name)
            array[...] = copy
    return found


def is_repeatable(problem: Problem) -> bool:
    """Return whether the function gives the same result each time."""
    values = zip(problem.outputs(problem.point), problem.outputs(problem.point), strict=True)
    return all(np.array_equal(one, other, equal_nan=True) for one, other in values)


def side_issues(
    calls: Calls, examiner: Examiner, gradient: list[Array], rng: np.random.Generator
) -> None:
    """Try the gradient function in other ways than by its values at one point."""
    problem, cotangents = calls.problem, list(examiner.cotangents)
    compare = _Comparison(calls, examiner)
    second = calls.gradient(cotangents, _copies(problem.point))
    if not compare.same_call(
        "the second call gives another gradient of {name} than the first", gradient, second
    ):
        return
    zero = calls.gradient([np.zeros_like(u) for u in cotangents], _copies(problem.point))
    is_finite = examiner.is_finite.all()
    for index, (g, h) in enumerate(zip(zero, gradient, strict=True)):
        # Where the slope is infinite, 0 times it is NaN.
        if is_finite and np.any(g[np.isfinite(h)] != 0):
            calls.add(f"the gradient of {calls.name(index)} is not 0 where the cotangent is 0")
    _check_linearity(calls, compare, gradient, cotangents, rng)
    _check_scales(calls, compare, gradient, cotangents)
    strided = calls.gradient(
        [_strided(u) for u in cotangents], [_strided(x) for x in problem.point]
    )
    compare(
        "the gradient of {name} is another for arrays that are not contiguous", gradient, strided
    )
    _check_given_dtypes(calls, examiner)


def _check_linearity(
    calls: Calls,
    compare: _Comparison,
    gradient: list[Array],
    cotangents: list[Array],
    rng: np.random.Generator,
) -> None:
    others = random_cotangents(calls.problem, rng)
    other = calls.gradient(others, _copies(calls.problem.point))
    mixed = [np.asarray(2 * u - 3 * v, u.dtype) for u, v in zip(cotangents, others, strict=True)]
    found = calls.gradient(mixed, _copies(calls.problem.point))
    wanted = [2 * g - 3 * h for g, h in zip(gradient, other, strict=True)]
    same = all(np.array_equal(g, h) for g, h in zip(gradient, other, strict=True))
    unit = ROUNDINGS * compare.eps * largest(flat(cotangents))
    if same and max(map(largest, gradient), default=0.0) > unit:
        calls.add("the gradient is the same for every cotangent: the cotangent is ignored")
    else:
        compare(
            "the gradient of {name} is not linear in the cotangent",
            wanted,
            found,
            5 * max(map(largest, (*gradient, *other)), default=0.0),
        )


def _check_scales(
    calls: Calls, compare: _Comparison, gradient: list[Array], cotangents: list[Array]
) -> None:
    """Try a large and a small cotangent: what clips or flushes either is not linear."""
    for factor in SCALES:
        scaled = [np.asarray(u * u.dtype.type(factor)) for u in cotangents]
        found = calls.gradient(scaled, _copies(calls.problem.point))
        pairs = zip(gradient, found, strict=True)
        if not all(np.isfinite(h[np.isfinite(g)]).all() for g, h in pairs):
            continue  # overflow
        compare(
            "the gradient of {name} is not linear in the cotangent",
            gradient,
            [np.asarray(g / g.dtype.type(factor)) for g in found],
        )


def _check_given_dtypes(calls: Calls, examiner: Examiner) -> None:
    """Call it once more in the precision that the arguments were given in."""
    problem = calls.problem
    if all(x.dtype == dtype for x, dtype in zip(problem.point, problem.dtypes, strict=True)):
        return
    point = [x.astype(dtype) for x, dtype in zip(problem.point, problem.dtypes, strict=True)]
    with np.errstate(all="ignore"):
        results = zip(examiner.cotangents, problem.outputs(point), strict=True)
    cotangents = [np.asarray(u, out.dtype) for u, out in results]
    issues = len(calls.issues)
    found = calls.gradient(cotangents, _copies(point))
    if len(calls.issues) == issues:
        _compare_precisions(calls, examiner, cotangents, point, found)


def _compare_precisions(
    calls: Calls,
    examiner: Examiner,
    cotangents: list[Array],
    point: list[Array],
    gradient: list[Array],
) -> None:
    """Look at the gradient in a lower precision, if it is not that in the check's precision."""
    problem = calls.problem
    coarsest = max((x.dtype for x in point), key=lambda given: float(np.finfo(given).eps))
    if np.finfo(coarsest).eps <= np.finfo(examiner.settings.dtype).eps:
        return
    precise = [np.asarray(u, v.dtype) for u, v in zip(cotangents, examiner.cotangents, strict=True)]
    wanted = flat(calls.gradient(precise, _copies(problem.point)))
    eps = max(examiner.eps, float(np.finfo(coarsest).eps))
    size = largest(wanted) + largest(flat(precise))
    if np.all(np.abs(flat(gradient) - wanted) <= ROUNDINGS * eps * size):
        return
    settings = dataclasses.replace(examiner.settings, dtype=coarsest)
    given = dataclasses.replace(problem, point=point)
    rng = np.random.default_rng(settings.seed)
    examination = Examiner(given, cotangents, gradient, settings, rng).examination()
    if Verdict.WRONG in examination.verdicts:
        calls.add(f'the gradient is wrong in {coarsest} only; dtype="{coarsest}" shows where')


class _Comparison:
    """Compares two gradients that ought to differ by rounding only."""

    def __init__(self, calls: Calls, examiner: Examiner) -> None:
        self.calls = calls
        self.examiner = examiner
        # A function may compute in less precision than it is asked to.
        self.eps = max(float(np.finfo(examiner.settings.dtype).eps), examiner.eps)

    def __call__(
        self, issue: str, wanted: list[Array], found: list[Array], size: float = 0.0
    ) -> None:
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            if not self._are_close(index, one, other, size):
                self.calls.add(issue.format(name=self.calls.name(index)))

    def same_call(self, issue: str, wanted: list[Array], found: list[Array]) -> bool:
        """Compare what the same call returned twice, which is to differ by threads' order only."""
        pairs = enumerate(zip(wanted, found, strict=True))
        bad = [i for i, (one, other) in pairs if not self._are_near(one, other, 0.0)]
        for index in bad:
            self.calls.add(issue.format(name=self.calls.name(index)))
        return not bad

    def _are_close(self, index: int, one: Array, other: Array, size: float) -> bool:
        return self._are_near(one, other, size) or self._are_near(
            one, other, size, 10 * self._roughness(index)
        )

    def _are_near(self, one: Array, other: Array, size: float, roughness: float = 0.0) -> bool:
        finite = np.isfinite(one)
        if not np.array_equal(finite, np.isfinite(other)):
            return False
        difference = np.abs(one[finite] - other[finite]).max(initial=0)
        # What cancels may have been as large as the cotangent.
        size = max(size, largest(one)) + largest(self.examiner.cotangent)
        return bool(difference <= ROUNDINGS * self.eps * size + roughness)

    def _roughness(self, index: int) -> float:
        """Return the rounding error that an argument's gradient is seen to have."""
        start = sum(self.examiner.sizes[:index])
        part = slice(start, start + self.examiner.sizes[index])
        return largest(self.examiner.gradient_noise[:, part])


def _copies(arrays: Sequence[Array]) -> list[Array]:
    return [array.copy() for array in arrays]


def _strided(array: Array) -> Array:
    """Return a copy whose elements are neither side by side nor in order."""
    room = np.empty(tuple(2 * length for length in array.shape[::-1]), array.dtype)
    room.fill(7)
    index: Any = (..., *(slice(None, None, 2),) * array.ndim)
    view: Array = room[index].transpose()
    view[...] = array
    return view


# --- Forward mode ------------------------------------------------------------------------------


def forward_issues(examiner: Examiner, rng: np.random.Generator, count: int = 2) -> Iterator[str]:
    """Check that forward mode is the transpose of reverse mode: <Jv, u> = <v, J'u>."""
    problem = examiner.problem
    eps = max(float(np.finfo(examiner.settings.dtype).eps), examiner.eps)
    live = examiner.cotangent != 0
    for _ in range(count):
        tangents = [random_like(x, rng, x.dtype) for x in problem.point]
        pushed = problem.push_forward(tangents, problem.point)
        if pushed is None:
            return
        forward = flat(pushed)[live] * examiner.cotangent[live]
        reverse = flat(tangents) * examiner.gradient
        size = float(np.abs(forward).sum() + np.abs(reverse).sum())
        if not np.isfinite(size):
            return
        difference = abs(float(forward.sum() - reverse.sum()))
        # What cancels may have been as large as the cotangent.
        size += largest(examiner.cotangent) * float(np.linalg.norm(flat(tangents)))
        if difference > ROUNDINGS * eps * size and difference > 10 * examiner.noise_along(
            flat(tangents)
        ):
            yield (
                "forward mode is not the transpose of reverse mode: <Jv, u> is "
                f"{forward.sum():.10g} and <v, J'u> is {reverse.sum():.10g}"
            )
            return
