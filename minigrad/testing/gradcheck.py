"""The gradient checker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.calls import unwrap
from minigrad.errors import ArgumentError, DtypeError, GradientMismatch
from minigrad.nn.module import Module
from minigrad.testing.diagnosis import Case, diagnose
from minigrad.testing.examine import Element, Examination, Examiner, Settings
from minigrad.testing.problem import Array, Function, Inputs, Problem, function_name, make_problem
from minigrad.testing.report import ArgumentReport, Report
from minigrad.testing.sides import (
    Calls,
    forward_issues,
    is_repeatable,
    random_cotangents,
    side_issues,
)
from minigrad.testing.surroundings import Surroundings
from minigrad.testing.trees import is_shape
from minigrad.testing.verdict import Verdict

__all__ = ["gradcheck"]


def gradcheck(
    f: Function,
    inputs: Inputs,
    *,
    order: int = 2,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    dtype: DTypeLike = np.float64,
    kink: str = "accept",
    vjp: Function | None = None,
    wrt: Sequence[int | str] | None = None,
    raise_on_failure: bool = True,
) -> Report:
    """Check."""
    options = _Options(f, inputs, order, seed, rtol, atol, dtype, kink, vjp, wrt)
    with options.around, np.errstate(all="ignore"):
        report = options.report()
    if raise_on_failure and not report:
        __tracebackhide__ = True  # pytest shows the caller's line
        raise GradientMismatch(report.message, report)
    return report


class _Options:
    """One call of `gradcheck`."""

    def __init__(
        self,
        f: Function,
        inputs: Inputs,
        order: int,
        seed: int,
        rtol: float | None,
        atol: float | None,
        dtype: DTypeLike,
        kink: str,
        vjp: Function | None,
        wrt: Sequence[int | str] | None,
    ) -> None:
        self.f, self.inputs, self.vjp, self.wrt = f, inputs, vjp, wrt
        self.order, self.kink = _checked_order(order), _checked_kink(kink)
        self.settings = Settings(_checked_seed(seed), rtol, atol, _checked_dtype(dtype))
        modules = [f] if isinstance(f, Module) else []
        self.around = Surroundings(modules)
        self.rng = np.random.default_rng(self.settings.seed)

    def report(self) -> Report:
        """Do all of it."""
        problem = make_problem(
            self.f,
            self.inputs,
            vjp=self.vjp,
            wrt=self.wrt,
            rng=self.rng,
            dtype=self.settings.dtype,
            around=self.around,
        )
        arguments: list[ArgumentReport] = []
        directions = []
        issues: list[str] = []
        notes: list[str] = []
        for order, found in enumerate(self._orders(problem, notes), 1):
            arguments += found.arguments(order)
            directions += [(order, finding) for finding in found.examination.directions]
            issues += [found.say(issue, order) for issue in found.calls.issues]
        return Report(
            problem.name,
            self.settings.seed,
            str(self.settings.dtype),
            tuple(arguments),
            tuple(directions),
            tuple(dict.fromkeys(issues)),
            tuple(notes),
            self._reproduce(problem),
            self.kink == "error",
            self.order,
        )

    def _orders(self, problem: Problem, notes: list[str]) -> Iterator[_Checked]:
        """Check the gradient, then the gradient's gradient, and so on."""
        checked = _Checked(problem, self.settings, self.rng)
        checked.first_order(wants_second=self.order > 1)
        yield checked
        for _ in range(1, self.order):
            if checked.calls.issues:
                return
            higher = checked.problem.derivative(checked.cotangents)
            if higher is None:
                notes.append("of a function given with its vjp only first order can be checked")
                return
            checked = _Checked(higher, self.settings, self.rng)
            checked.higher_order()
            yield checked

    def _reproduce(self, problem: Problem) -> str:
        options = [f"seed={self.settings.seed}"]
        if self.order != 2:
            options.insert(0, f"order={self.order}")
        if self.settings.dtype != np.float64:
            options.append(f'dtype="{self.settings.dtype}"')
        if self.kink != "accept":
            options.append(f'kink="{self.kink}"')
        if self.vjp is not None:
            options.append(f"vjp={function_name(self.vjp)}")
        if self.wrt is not None:
            options.append(f"wrt={self.wrt!r}")
        return f"gradcheck({problem.name}, {_written(self.inputs)}, {', '.join(options)})"


class _Checked:
    """The check of one order."""

    def __init__(self, problem: Problem, settings: Settings, rng: np.random.Generator) -> None:
        self.problem = problem
        self.settings = settings
        self.rng = rng
        self.calls = Calls(problem)
        self.examination = Examination([], [])
        self.cotangents: list[Array] = []
        self.gradient: list[Array] = []
        self.examiner: Examiner | None = None

    def first_order(self, *, wants_second: bool) -> None:
        """Check values, sides and forward mode."""
        if not self._prepare():
            return
        assert self.examiner is not None
        side_issues(self.calls, self.examiner, self.gradient, self.rng)
        self.examination = self.examiner.examination()
        try:
            for issue in forward_issues(self.examiner, self.rng):
                self.calls.add(issue)
        except Exception as error:
            if wants_second:  # its rules cannot be differentiated, and they should be
                self.calls.add(f"forward mode raised {type(error).__name__}: {error}")

    def higher_order(self) -> None:
        """Check values."""
        if self._prepare():
            assert self.examiner is not None
            self.examination = self.examiner.examination(coordinates=False)

    def _prepare(self) -> bool:
        """Compute the gradient; return whether there is one to look at."""
        problem = self.problem
        self.cotangents = random_cotangents(problem, self.rng)
        if not self.cotangents:
            raise ArgumentError(
                f"{problem.name} returned no floating-point array, so there is nothing to "
                "differentiate"
            )
        problem.around.notice()
        if not is_repeatable(problem):
            self.calls.add(
                f"{problem.name} gives another result at each call; let it make its random "
                "generator anew from a seed each time"
            )
            return False
        copies = [x.copy() for x in problem.point]
        self.gradient = self.calls.gradient(self.cotangents, copies)
        self.examiner = Examiner(problem, self.cotangents, self.gradient, self.settings, self.rng)
        return not self.calls.issues

    # --- What it says ------------------------------------------------------------------------

    def arguments(self, order: int) -> Iterator[ArgumentReport]:
        """Yield what is found of each argument."""
        for index, (name, x) in enumerate(zip(self.problem.names, self.problem.point, strict=True)):
            elements = tuple(e for e in self.examination.elements if e.argument == index)
            wrong = any(e.finding.verdict is Verdict.WRONG for e in elements)
            diagnosis = tuple(diagnose(self._case(index, elements))) if wrong else ()
            yield ArgumentReport(order, index, name, x.shape, elements, diagnosis)

    def _case(self, index: int, elements: Sequence[Element]) -> Case:
        assert self.examiner is not None
        x = self.problem.point[index]
        numerical = np.full(x.shape, np.nan)
        for element in elements:
            numerical[element.index] = element.finding.numerical
        start = sum(self.examiner.sizes[:index])
        rows = [self.examiner.jacobian.get(start + i) for i in range(x.size)]
        complete = [row for row in rows if row is not None and np.isfinite(row).all()]
        lengths = [length for u in self.cotangents for length in (u.size, *u.shape)]
        return Case(
            np.asarray(self.gradient[index], np.float64),
            numerical,
            max((e.finding.error for e in elements if np.isfinite(e.finding.error)), default=0.0),
            [x.size, *x.shape, *lengths],
            np.array(complete) if len(complete) == x.size else None,
            self.examiner.cotangent,
            self.cotangents[0].shape if len(self.cotangents) == 1 else None,
        )

    @staticmethod
    def say(issue: str, order: int) -> str:
        """Return what is wrong, with the order if it is not the first."""
        return issue if order == 1 else f"order {order}: {issue}"


# --- Options -----------------------------------------------------------------------------------


def _checked_order(order: int) -> int:
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise ArgumentError(f"order is 1 for gradients, 2 for those of gradients, not {order!r}")
    return order


def _checked_seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ArgumentError(f"a seed is an integer from 0 up, not {seed!r}")
    return int(seed)


def _checked_kink(kink: str) -> str:
    if kink not in ("accept", "error"):
        raise ArgumentError(f'kink is "accept" or "error", not {kink!r}')
    return kink


def _checked_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    try:
        found = np.dtype(dtype)
    except TypeError as error:
        raise DtypeError(f"dtype is float64 or float32, not {dtype!r}") from error
    if found not in (np.float64, np.float32):
        raise DtypeError(f"gradients are checked in float64 or float32, not {found}")
    return found


def _written(value: Any) -> str:
    """Return inputs as Python code, if they are short."""
    text = _code(value)
    return text if text is not None and len(text) <= 400 else "inputs"


def _code(value: Any) -> str | None:
    value = unwrap(value)
    if isinstance(value, np.ndarray | np.generic):
        if value.size > 40:
            return None
        return f"np.array({value.tolist()!r}, {str(value.dtype)!r})"
    if is_shape(value):
        return repr(value)
    if isinstance(value, list | tuple):
        parts = [_code(item) for item in value]
        if None in parts:
            return None
        return f"[{', '.join(map(str, parts))}]"
    if isinstance(value, dict):
        entries = {key: _code(item) for key, item in value.items()}
        if None in entries.values():
            return None
        return "{" + ", ".join(f"{key!r}: {code}" for key, code in entries.items()) + "}"
    return repr(value)
