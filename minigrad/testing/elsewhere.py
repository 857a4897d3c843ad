"""Whether a gradient that is right at a point is right at others: it may be so by chance."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from minigrad.testing.arguments import Array
from minigrad.testing.examine import ROUNDINGS, Examiner, largest, random_like
from minigrad.testing.judge import Finding
from minigrad.testing.verdict import Verdict

__all__ = ["elsewhere_issues"]

NEARER = (2.0**-1, 2.0**-3)  # to 0, by which factors a point is moved
GROSS = 0.1  # relative mistake that is one even if the problem is ill-conditioned there


def elsewhere_issues(
    examiner: Examiner, gradient: Sequence[Array], findings: Sequence[Finding]
) -> Iterator[str]:
    """Find that a gradient is right at the point only, or seems so for being small there.

    A gradient may be right at 1 and nowhere else, or kept from an earlier call. And in the tail of
    a function any slope is so small that the rounding errors of a gradient may be as large: where
    that decided, the gradient is looked at nearer to 0, too.
    """
    rng = np.random.default_rng(examiner.settings.seed)  # its own: others draw what they drew
    point = [_moved(x, rng) for x in examiner.problem.point]
    found = _wrong_at(examiner, point, rng)
    if found is not None:
        pairs = zip(gradient, found[0], strict=True)
        if any(g.size and np.array_equal(g, h) for g, h in pairs):
            yield (
                "the gradient is the same at another point, and wrong there: all of it or a part "
                "is kept from an earlier call, or a constant"
            )
        else:
            yield f"the gradient is wrong at another point, a few percent away: {_off(found[1])}"
    elif examiner.settings.atol is None and any(_is_by_floor(f, examiner) for f in findings):
        for part in NEARER:
            nearer = [np.asarray(x * x.dtype.type(part)) for x in examiner.problem.point]
            found = _wrong_at(examiner, nearer, rng)
            if found is not None and _is_gross(found[1]):
                yield (
                    "the gradient is too small to be told from rounding errors at this point, and "
                    f"wrong at {part:g} times it: {_off(found[1])}"
                )
                return


def _moved(x: Array, rng: np.random.Generator) -> Array:
    change = random_like(x, rng, x.dtype) / 64
    size = min(largest(x), 1.0) or 1.0
    return np.asarray(np.where(x == 0, change * size, x * (1 + change)), x.dtype)


def _wrong_at(
    examiner: Examiner, point: list[Array], rng: np.random.Generator
) -> tuple[list[Array], Finding] | None:
    """Return the gradient at another point, and along which direction it is wrong, if it is."""
    problem, cotangents = examiner.problem, examiner.cotangents
    moved = dataclasses.replace(problem, point=point)
    try:
        found = problem.pull_back([u.copy() for u in cotangents], [x.copy() for x in point])
        like = zip(point, found, strict=True)
        found = [np.zeros_like(x) if g is None else g for x, g in like]
        other = Examiner(moved, cotangents, found, examiner.settings, rng)
    except Exception:
        return None  # outside its domain a function may raise what it likes
    if not other.is_finite.all():
        return None
    for direction in itertools.islice(other.random_directions(), 2):
        finding = other.examine(direction)
        if finding.verdict is Verdict.WRONG:
            return found, finding
    return None


def _is_by_floor(finding: Finding, examiner: Examiner) -> bool:
    """Return whether a slope is right only because rounding errors may be as large as it is."""
    rtol = examiner.settings.rtol
    grain = ROUNDINGS * float(np.finfo(examiner.settings.dtype).eps)
    relative = max(1e-7, grain) if rtol is None else rtol
    return finding.difference > finding.error + relative * abs(finding.numerical)


def _is_gross(finding: Finding) -> bool:
    return finding.difference > GROSS * max(abs(finding.analytic), abs(finding.numerical))


def _off(finding: Finding) -> str:
    return f"along a direction it gives {finding.analytic:.6g}, values {finding.numerical:.6g}"
