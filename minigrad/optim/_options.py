"""What the options of optimizers and schedules may be: each is checked whenever it is set.

A check takes a label for the error message and the value, and returns the value to keep. Numbers
become Python's own: a NumPy scalar would widen the arithmetic of float32 parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np

from minigrad.errors import ArgumentError

__all__ = [
    "Check",
    "at_least_zero",
    "between",
    "check_options",
    "choice",
    "count",
    "decay",
    "decays",
    "flag",
    "known_names",
    "positive",
]

Check: TypeAlias = Callable[[str, Any], Any]


def _number(what: str, holds: Callable[[float], bool]) -> Check:
    def check(label: str, value: Any) -> float:
        is_number = type(value) is float or (
            isinstance(value, Real) and not isinstance(value, bool)
        )
        if not is_number or not math.isfinite(value) or not holds(value):
            raise _refused(label, what, value)
        return float(value)

    return check


at_least_zero = _number("a number of at least 0", lambda x: x >= 0)
positive = _number("a number greater than 0", lambda x: x > 0)
decay = _number("a number in [0, 1)", lambda x: 0 <= x < 1)  # the share of an average that stays


def between(low: float, high: float) -> Check:
    """Return the check that a value is strictly between two numbers."""
    return _number(f"a number between {low} and {high}", lambda x: low < x < high)


def decays(label: str, value: Any) -> tuple[float, float]:
    """Return two decays; a list will do, since that is what JSON makes of a tuple."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise _refused(label, "a pair of numbers in [0, 1)", value)
    return decay(f"{label}[0]", value[0]), decay(f"{label}[1]", value[1])


def flag(label: str, value: Any) -> bool:
    """Return a bool, and take nothing else for one."""
    if not isinstance(value, bool | np.bool_):
        raise _refused(label, "True or False", value)
    return bool(value)


def count(least: int) -> Check:
    """Return the check that a value is an integer from `least` up."""

    def check(label: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
            raise _refused(label, f"an integer of at least {least}", value)
        return int(value)

    return check


def choice(*names: str) -> Check:
    """Return the check that a value is one of these names."""

    def check(label: str, value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise _refused(label, " or ".join(map(repr, names)), value)
        return value

    return check


def _refused(label: str, what: str, value: Any) -> ArgumentError:
    text = repr(value)
    if len(text) > 60:
        text = f"{text[:57]}..."
    kind = "" if isinstance(value, Real | None) else f" ({type(value).__name__})"
    return ArgumentError(f"{label} must be {what}, not {text}{kind}")


def check_options(
    checks: Mapping[str, Check], options: Mapping[str, Any], owner: str, where: str = ""
) -> dict[str, Any]:
    """Return the options to keep; refuse unknown names and bad values.

    Error messages begin with both, as in "Adam, parameter group 1: lr must be".
    """
    for name in options:
        if name not in checks:
            raise ArgumentError(
                f"{owner}{where} has no option {name!r}; {known_names(name, checks)}"
            )
    return {name: checks[name](f"{owner}{where}: {name}", options[name]) for name in options}


def known_names(name: object, names: Iterable[str]) -> str:
    """Return what was probably meant, or everything there is."""
    import difflib  # which only mistakes need

    names = list(names)
    close = difflib.get_close_matches(str(name), names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there is {', '.join(names)}"
