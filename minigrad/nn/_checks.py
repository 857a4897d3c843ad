"""Checks of the options of layers and functions."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from minigrad.arrays import as_array, plain_shape
from minigrad.errors import ArgumentError, DtypeError

__all__ = ["axis_option", "described", "number", "numbers"]


def described(value: Any) -> str:
    """Return what a value is, in a few words: an array by its shape, not by its numbers."""
    if hasattr(value, "shape"):
        return f"{type(value).__name__} {plain_shape(value)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def number(value: Any, what: str, holds: Callable[[float], bool] = lambda x: x == x) -> float:
    """Return an option as a Python number, which widens no array; refuse anything else.

    `what` begins the message: ``"dropout's p is a probability, from 0 to 1"``.
    """
    if type(value) is float and holds(value):  # as it usually is, and quicker to see
        return value
    if isinstance(value, bool) or not isinstance(value, Real) or not holds(float(value)):
        raise ArgumentError(f"{what}, not {described(value)}")
    return float(value)


def axis_option(value: Any, name: str) -> int:
    """Return the axis of a layer; refuse what was perhaps meant to be its input."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        hint = f"; a layer is made first, and then called: nn.{name}()(x)"
        raise ArgumentError(
            f"{name}'s axis is an integer, not {described(value)}"
            + (hint if hasattr(value, "shape") else "")
        )
    return int(value)


def numbers(value: Any, name: str) -> Any:
    """Return an array or tensor as it is and Python's numbers as an array; refuse the rest."""
    try:
        kind = value.dtype.kind
    except AttributeError:
        try:
            return as_array(value)
        except DtypeError as error:
            raise DtypeError(f"{name} takes an array or a tensor: {error}") from error
    if kind not in "fiub":
        raise DtypeError(
            f"{name} takes an array of real numbers, not of {value.dtype}; convert it with "
            "x.astype(np.float32)"
        )
    return value
