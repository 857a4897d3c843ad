"""The gradient checker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.errors import ArgumentError, DtypeError, GradientMismatch
from minigrad.nn.module import Module
from minigrad.testing.arguments import Array, Function, Inputs, function_name
from minigrad.testing.diagnosis import Case, diagnose
from minigrad.testing.elsewhere import elsewhere_issues
from minigrad.testing.examine import Element, Examination, Examiner, Settings
from minigrad.testing.judge import ROUGHLY
from minigrad.testing.problem import Problem, make_problem
from minigrad.testing.report import ArgumentReport, Report
from minigrad.testing.reproduce import written
from minigrad.testing.sides import (
    Calls,
    forward_issues,
    is_repeatable,
    overwritten,
    random_cotangents,
    side_issues,
)
from minigrad.testing.surroundings import Surroundings
from minigrad.testing.verdict import Verdict

__all__ = ["gradcheck"]


def gradcheck(
    f: Function,
    inputs: Inputs,
    *more: Any,
    order: int | None = None,
    seed: int = 0,
    rtol: float | None = None,
    atol: float | None = None,
    dtype: DTypeLike = np.float64,
    kink: str = "accept",
    vjp: Function | None = None,
    wrt: Sequence[int | str] | None = None,
    raise_on_failure: bool = True,
) -> Report:
    r"""Check the gradient of a function against its values, and against itself.

    With a random cotangent u, reverse mode's :math:`g = J^\top u` is compared with

    - differences of values, :math:`\partial \langle u, f(x) \rangle / \partial x_i`, for every
      element of an argument that has at most 64, for 16 of a larger one; and along ten random
      directions across all arguments. They are Richardson's, in float64, of both sides together
      and of each side alone, and each comes with an estimate of its error, which makes the
      tolerance;
    - forward mode, without any step: :math:`\langle J v, u \rangle = \langle v, g \rangle`;
    - itself: it must be linear in u, zero for u = 0, the same at the second call and for arrays
      that are not contiguous; of the shape and dtype of the argument; in memory of its own; and
      leave the arguments, u and what it returned before unchanged. In the dtype in which the inputs
      are given, if that is another, it must be the same to rounding;
    - at another point, a few percent away, differences along two directions; and nearer to 0, too,
      where the slopes are so small that rounding errors may be as large.

    Where the slopes to the two sides differ, the function has a kink, and any value between them
    is accepted; the report then says "kink". In second order the gradient, as a function of x and
    of u, is checked in the same way, along random directions.

    Parameters
    ----------
    f : callable or Module
        A function of arrays, written in NumPy, that returns an array or a nested structure of
        arrays. Of a `Module` (a loss is one), every parameter is checked, and the input.
    inputs : array, tensor, float, shape, or list of these
        The arguments, a list or a tuple of them or the only one. A tuple of integers is a shape,
        and stands for an array drawn from `seed`, away from 0; so ``(3, 4)`` is one matrix and
        ``[(3, 4), (4,)]`` a matrix and a vector. Arguments may be nested lists, tuples and dicts.
        Whatever is not floating-point, such as an array of integers, is a constant.
    order : int, optional
        The highest derivatives to check: 1 for gradients, 2 for those of gradients, too. By default
        2, and 1 where `vjp` is given.
    seed : int, default 0
        Of the cotangent, the directions, and inputs given as shapes. Nothing else is random.
    rtol : float, optional
        Relative difference that is allowed beside the error of the differences. By default 1e-7;
        64 roundings where that is more, as with ``dtype=np.float32``.
    atol : float, optional
        Absolute difference that is allowed. By default what 64 roundings make of the numbers that
        a gradient adds up, so that a gradient is not called zero because the function is small;
        where a slope is smaller than that (in the tail of a sigmoid, say), the gradient may be
        anything as small, and is looked at nearer to 0 instead.
    dtype : {np.float64, np.float32}, default np.float64
        The precision in which the gradient is computed, whatever that of `inputs` and parameters.
        Values and differences are always computed in float64; float32 is judged by its own
        rounding.
    kink : {"accept", "error"}, default "accept"
        Whether a kink is a failure.
    vjp : callable, optional
        ``vjp(u, *arguments)`` returns the gradient, or a tuple with one for each argument (None
        for a constant). Given, `f` and `vjp` are plain functions of plain arrays, which minigrad
        does not look into: this is how the gradients of another framework, or written by hand, are
        checked. Only first order.
    wrt : sequence of int or str, optional
        The arguments, by place or by name, to differentiate with respect to; the others are
        constants. By default all that are floating-point.
    raise_on_failure : bool, default True
        Whether to raise, or only to return a report that is false.

    Returns
    -------
    Report
        True if nothing is wrong. Its ``verdict`` says whether there are kinks; printed, it is a
        table.

    Raises
    ------
    GradientMismatch
        If anything is wrong; its ``report`` has the particulars. An `AssertionError`.
    ArgumentError, DtypeError
        If an option is unknown, or there is nothing to differentiate.
    NoGradientRuleError, GraphError
        If `f` uses a function that has no gradient, or leaves the graph.

    Notes
    -----
    The function is called some hundred times, always as at first: random generators (minigrad's,
    NumPy's global one, those of the module's layers), buffers and attributes of modules are put
    back before each call and at the end, so that dropout drops the same elements each time, and
    nothing of yours is changed.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> from minigrad.testing import gradcheck
    >>> gradcheck(lambda x, w: np.tanh(x @ w), [(2, 3), (3, 4)]).verdict
    <Verdict.RIGHT: 'right'>
    >>> gradcheck(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), (5, 3)).verdict
    <Verdict.RIGHT: 'right'>

    A loss, with labels, which are constants:

    >>> gradcheck(nn.CrossEntropyLoss(), [(4, 3), np.array([0, 2, 1, 1])]).verdict
    <Verdict.RIGHT: 'right'>

    A gradient written by hand, and forgotten in it: the inner derivative.

    >>> def sine(x):
    ...     return np.sin(2 * x)
    >>> def sine_vjp(u, x):
    ...     return u * np.cos(2 * x)
    >>> report = gradcheck(sine, (3,), vjp=sine_vjp, raise_on_failure=False)
    >>> print("\n".join(report.findings))
    the gradient of argument 0 (x), shape (3,), is wrong in 3 of the 3 elements looked at
      worst at [0]: analytic -1.0258..., numerical -2.0517... ± ...; off by 1.03 (relative 0.5)
      looks like this: it is 0.5 times what is right
    """
    if more:
        raise ArgumentError(
            "gradcheck takes the inputs of f as one list: gradcheck(f, [first, second, ...]); "
            f"here are {1 + len(more)} arguments after f"
        )
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
        order: int | None,
        seed: int,
        rtol: float | None,
        atol: float | None,
        dtype: DTypeLike,
        kink: str,
        vjp: Function | None,
        wrt: Sequence[int | str] | None,
    ) -> None:
        self.f, self.inputs, self.vjp, self.wrt = f, inputs, vjp, wrt
        self.given_order = order
        self.order = _checked_order((2 if vjp is None else 1) if order is None else order)
        self.kink = _checked_kink(kink)
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
            notes += found.notes(order)
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
        if self.given_order is not None:
            options.insert(0, f"order={self.order}")
        for name in ("rtol", "atol"):
            given = getattr(self.settings, name)
            if given is not None:
                options.append(f"{name}={float(given)!r}")
        if self.settings.dtype != np.float64:
            options.append(f'dtype="{self.settings.dtype}"')
        if self.kink != "accept":
            options.append(f'kink="{self.kink}"')
        if self.vjp is not None:
            options.append(f"vjp={function_name(self.vjp)}")
        if self.wrt is not None:
            options.append(f"wrt={self.wrt!r}")
        return f"gradcheck({problem.name}, {written(self.inputs)}, {', '.join(options)})"


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
        if all(verdict is Verdict.RIGHT for verdict in self.examination.verdicts):
            findings = list(self.examination.findings)
            for issue in elsewhere_issues(self.examiner, self.gradient, findings):
                self.calls.add(issue)
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
        changed = overwritten(problem)
        if changed:
            self.calls.add(f"{problem.name} itself changes {', '.join(changed)} in place")
            return False
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
        return self.calls.has_values

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

    def notes(self, order: int) -> Iterator[str]:
        """Yield what could not be told."""
        found = [*(e.finding for e in self.examination.elements), *self.examination.directions]
        rough = [f.error for f in found if f.note == ROUGHLY and f.verdict is Verdict.RIGHT]
        if rough:
            yield self.say(
                f"the function is so rough that {len(rough)} of {len(found)} slopes are known only "
                f"roughly, the worst to ± {max(rough):.1g}; what is right is right within that",
                order,
            )

    @staticmethod
    def say(issue: str, order: int) -> str:
        """Return a sentence, with the order if it is not the first."""
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
