"""A second opinion that needs no tolerance: how fast the remainder of a Taylor series falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.errors import ArgumentError
from minigrad.nn.module import Module
from minigrad.testing.arguments import Array, Function, Inputs
from minigrad.testing.examine import flat, random_like
from minigrad.testing.problem import make_problem, unpacked
from minigrad.testing.sides import random_cotangents
from minigrad.testing.slopes import Line, step_scale
from minigrad.testing.surroundings import Surroundings

__all__ = ["TaylorTest", "taylor_test"]

STEPS = 4.0 ** -np.arange(1, 16)
ABOVE_NOISE = 100.0
BETWEEN = 1.5  # orders: 2 where the gradient is right, 1 where it is wrong


@dataclass(frozen=True)
class TaylorTest:
    """How the remainder falls with the step; true if that is as it is with a right gradient.

    Attributes
    ----------
    order : float
        About 2 (or more) for a right gradient, about 1 for a wrong one, and at a kink. Infinite
        where the remainder is nothing but rounding, as for linear functions; 0 where gradient or
        function is not finite.
    steps, remainders : array
        What it was computed from.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.testing import taylor_test
    >>> test = taylor_test(lambda x: np.sum(x**3), [(2,)])
    >>> bool(test), round(test.order)
    (True, 2)
    """

    order: float
    steps: Array
    remainders: Array

    def __bool__(self) -> bool:
        return self.order > BETWEEN

    def __str__(self) -> str:
        lines = [f"Taylor remainder of order {self.order:.3g}", "      step  remainder"]
        pairs = zip(self.steps, self.remainders, strict=True)
        return "\n".join([*lines, *(f"{h:10.3g} {r:10.3g}" for h, r in pairs)])


def taylor_test(
    f: Function,
    inputs: Inputs,
    *,
    seed: int = 0,
    vjp: Function | None = None,
    wrt: Sequence[int | str] | None = None,
) -> TaylorTest:
    r"""Measure the order of the remainder of the first-order Taylor series.

    .. math:: \left| \varphi(x + h d) - \varphi(x) - h \, \nabla \varphi(x) \cdot d \right|
        = O(h^2), \qquad \varphi = \langle u, f \rangle

    with a random cotangent u and a random direction d, across all arguments. With a gradient that
    is wrong, in any element, the remainder falls in proportion to h instead. No step and no
    tolerance need be chosen: h goes down until rounding is all that is left. A slope that is off
    by less than a millionth or so stays unseen, and more where the function is large beside what
    changes in it.

    Parameters
    ----------
    f : callable or Module
    inputs : array, tensor, shape, or list of these
    seed : int, default 0
    vjp : callable, optional
    wrt : sequence of int or str, optional
        All as for `minigrad.testing.gradcheck`.

    Returns
    -------
    TaylorTest
        With the ``order``; true if it is above 1.5.

    Raises
    ------
    ArgumentError
        If nothing can be differentiated.

    References
    ----------
    The test is usual in work on adjoint models: Farrell, Ham, Funke and Rognes, "Automated
    derivation of the adjoint of high-level transient finite element programs" (2013), section 6.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.testing import taylor_test
    >>> round(taylor_test(np.exp, (3, 4)).order, 1)
    2.0
    >>> off = taylor_test(np.exp, (3, 4), vjp=lambda g, x: 1.00001 * g * np.exp(x))
    >>> round(off.order, 1), bool(off)
    (1.0, False)
    """
    around = Surroundings([f] if isinstance(f, Module) else [])
    rng = np.random.default_rng(seed)
    dtype = np.dtype(np.float64)
    with around, np.errstate(all="ignore"):
        problem = make_problem(f, inputs, vjp=vjp, wrt=wrt, rng=rng, dtype=dtype, around=around)
        cotangents = random_cotangents(problem, rng)
        if not cotangents:
            raise ArgumentError(f"{problem.name} returned no floating-point array")
        around.notice()
        gradient = problem.pull_back(cotangents, [x.copy() for x in problem.point])
        pairs = zip(problem.point, gradient, strict=True)
        slope = flat([np.zeros_like(x) if g is None else g for x, g in pairs])
        scale = flat([step_scale(x) for x in problem.point])
        direction = random_like(scale, rng, dtype) * scale

        def function(vector: Array) -> Array:
            return flat(problem.outputs(unpacked(vector, problem.point)))

        start = flat(problem.point)
        line = Line(function, start, function(start), direction, 2.0**-52)
        return _measured(line, flat(cotangents), float(slope @ direction))


def _measured(line: Line, cotangent: Array, slope: float) -> TaylorTest:
    changes = line.deltas(STEPS) @ cotangent
    remainders = np.abs(changes - STEPS * slope)
    is_known = np.isfinite(slope) and np.isfinite(remainders[-1]) and not line.dead.all()
    if not is_known:
        return TaylorTest(0.0, STEPS, remainders)
    size = np.abs(np.where(line.dead, 0, cotangent * line.value))
    rounding = line.eps * float(np.linalg.norm(size)) + float(
        np.linalg.norm(cotangent * line.rough()[1])
    )
    noise = rounding + line.eps * np.abs(STEPS * slope)
    seen = np.flatnonzero(np.isfinite(remainders) & (remainders > ABOVE_NOISE * noise))
    if len(seen) < 2:
        return TaylorTest(np.inf, STEPS, remainders)
    return TaylorTest(_order(STEPS[seen[-3:]], remainders[seen[-3:]]), STEPS, remainders)


def _order(steps: Any, remainders: Any) -> float:
    """Return the slope of the remainders in a doubly logarithmic picture."""
    return float(np.polyfit(np.log(steps), np.log(remainders), 1)[0])
