"""The usual mistakes, recognised by what they make of a gradient."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Case", "diagnose"]

Array: TypeAlias = np.ndarray[Any, Any]

CLOSE = 1e-5  # relative: enough to tell one mistake from another


@dataclass(frozen=True)
class Case:
    """A wrong gradient of one argument, and what there is to tell by what went wrong.

    Attributes
    ----------
    analytic, numerical : array
        The gradient, wrong and right; NaN for elements that were not looked at.
    error : float
        Of `numerical`.
    counts : sequence of int
        Numbers of elements that something may have been averaged over: of the results, of axes.
    jacobian : array, shape (argument size, results), or None
        Derivatives of every result, if all elements were looked at.
    cotangent : array, shape (results,)
    out_shape : tuple of int or None
        The shape of the result, if there is one result.
    """

    analytic: Array
    numerical: Array
    error: float
    counts: Sequence[int]
    jacobian: Array | None
    cotangent: Array
    out_shape: tuple[int, ...] | None

    def is_close(self, one: Array, other: Array) -> bool:
        """Return whether two gradients are the same, as far as they are known."""
        known = np.isfinite(one) & np.isfinite(other)
        if not known.any():
            return False
        scale = float(np.abs(other[known]).max())
        return bool(np.all(np.abs(one[known] - other[known]) <= CLOSE * scale + self.error))

    @property
    def is_complete(self) -> bool:
        """Whether all elements are known."""
        return bool(np.isfinite(self.numerical).all() and np.isfinite(self.analytic).all())


def diagnose(case: Case) -> list[str]:
    """Return what the gradient looks like, the most telling first; empty if like nothing known."""
    known = ~np.isnan(case.numerical)
    if np.isnan(case.analytic[known]).any():
        return ["it is NaN where the function is finite"]
    if not np.any(case.analytic[known]):
        return ["it is zero everywhere: something on the way was detached, or has no rule"]
    if case.is_close(case.analytic, case.numerical):
        return [
            f"it is right to within {CLOSE:g} of its largest element: a constant with too few "
            "digits, something small added, or a difference for a derivative?"
        ]
    for recognise in (_factor, _ignored_cotangent, _rearranged, _unreduced, _signs):
        found = list(recognise(case))
        if found:
            return found
    return []


def _factor(case: Case) -> Iterator[str]:
    known = np.isfinite(case.numerical) & np.isfinite(case.analytic)
    wrong, right = case.analytic[known], case.numerical[known]
    square = float(right @ right)
    if (len(right) < 2 and case.analytic.size > 1) or square == 0:
        return
    factor = float(wrong @ right) / square
    if factor == 0 or abs(factor - 1) <= CLOSE or not case.is_close(wrong, factor * right):
        return
    yield _about(factor, case.counts)


def _about(factor: float, counts: Sequence[int]) -> str:
    sign = "its sign is flipped" if factor < 0 else ""
    size = abs(factor)
    if abs(size - 1) <= CLOSE:
        return sign
    guesses = []
    if abs(size - 2) <= 2 * CLOSE:
        guesses.append("accumulated twice?")
    for count in dict.fromkeys(counts):
        if count > 1 and abs(size - count) <= CLOSE * count:
            guesses.append(f"a sum over {count} elements where a mean is meant?")
        if count > 1 and abs(size * count - 1) <= CLOSE:
            guesses.append(f"a mean over {count} elements where a sum is meant?")
    text = f"it is {factor:.7g} times what is right" + "".join(f" ({g})" for g in guesses[:2])
    return f"{text}, {sign}" if sign else text


def _ignored_cotangent(case: Case) -> Iterator[str]:
    if case.jacobian is None:
        return
    of_ones = case.jacobian.sum(axis=1).reshape(case.analytic.shape)
    if case.is_close(case.analytic, of_ones):
        yield "the cotangent is ignored: it is the gradient of the sum of the results"


def _rearranged(case: Case) -> Iterator[str]:
    if not case.is_complete or case.analytic.size < 2:
        return
    right = case.numerical
    axes = range(right.ndim)
    for order in itertools.permutations(axes) if right.ndim <= 4 else ():
        moved = right.transpose(order)
        if order != tuple(axes) and moved.shape == right.shape and _same(case, moved):
            yield "it is transposed" if right.ndim == 2 else f"its axes are in the order {order}"
            return
    for axis in axes:
        if _same(case, np.flip(right, axis)):
            yield f"it is reversed along axis {axis}"
            return
        for shift in (1, -1):
            if _same(case, np.roll(right, shift, axis)):
                yield f"it is off by one index along axis {axis}"
                return
    if any(_same(case, moved) for moved in (_reshaped(right), _reshaped(right.T).T)):
        yield "its elements are in another memory order (transposed by reshape?)"
    elif case.is_close(np.sort(case.analytic, axis=None), np.sort(right, axis=None)):
        yield "it has the right elements in other places: they are permuted"


def _reshaped(right: Array) -> Array:
    """Return what a reshape makes of it where a transpose is meant."""
    return right.T.reshape(right.shape)


def _same(case: Case, other: Array) -> bool:
    return case.is_close(case.analytic, other)


def _unreduced(case: Case) -> Iterator[str]:
    """Find that of the results that a broadcast argument went into only some were summed."""
    if case.jacobian is None or case.out_shape is None:
        return
    shape = case.analytic.shape
    extra = len(case.out_shape) - len(shape)
    if extra < 0:
        return
    padded = (1,) * extra + shape
    axes = [i for i, (n, m) in enumerate(zip(case.out_shape, padded, strict=True)) if n != m == 1]
    parts = (case.jacobian * case.cotangent).reshape(*shape, *case.out_shape)
    for axis in axes:
        for index in (0, -1):
            one = np.take(parts, index, axis=case.analytic.ndim + axis)
            total = one.sum(axis=tuple(range(case.analytic.ndim, one.ndim)))
            if _same(case, total):
                where = "first" if index == 0 else "last"
                yield (
                    f"the sum over broadcast axis {axis} is missing: only the {where} of its "
                    f"{case.out_shape[axis]} parts is there"
                )
                return


def _signs(case: Case) -> Iterator[str]:
    if not case.is_close(np.abs(case.analytic), np.abs(case.numerical)):
        return
    flipped = np.isfinite(case.numerical) & (case.analytic * case.numerical < 0)
    if flipped.any():
        yield f"the sign of {int(flipped.sum())} of its {case.analytic.size} elements is flipped"
