"""The three verdicts."""

from __future__ import annotations

import enum
from collections.abc import Iterable

__all__ = ["Verdict", "worst"]


class Verdict(enum.Enum):
    """What is found of a gradient, or of one element of it.

    Attributes
    ----------
    RIGHT
        It is the derivative.
    KINK
        The function has no derivative there, as ReLU at 0 and the maximum of equal numbers have
        none; the gradient lies between the slopes to the left and to the right.
    WRONG
        It is not the derivative, nor between the slopes.

    Examples
    --------
    >>> from minigrad.testing import Verdict
    >>> Verdict.KINK
    <Verdict.KINK: 'kink'>
    """

    RIGHT = "right"
    KINK = "kink"
    WRONG = "wrong"

    def __str__(self) -> str:
        return str(self.value)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts, right if there are none."""
    found = set(verdicts)
    for verdict in (Verdict.WRONG, Verdict.KINK):
        if verdict in found:
            return verdict
    return Verdict.RIGHT
