"""Checks of arguments and arrays, and a safe divisor, that several parts of the package share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.errors import ArgumentError, DataError, DtypeError


def check_count(name: str, value: object, minimum: int = 1) -> int:
    """Return an integer argument, or raise an error that names it."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ArgumentError(f"{name} is an integer from {minimum} up, not {value!r}")
    return int(value)


def check_amount(name: str, value: object) -> float:
    """Return a finite number from 0 up, or raise an error that names it."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or value < 0:  # type: ignore[operator,call-overload]
        raise ArgumentError(f"{name} is a number from 0 up, not {value!r}")
    return float(value)  # type: ignore[arg-type]


def check_range(name: str, value: object) -> tuple[float, float]:
    """Return two finite numbers in ascending order, or raise an error that names the argument."""
    try:
        low, high = (float(bound) for bound in value)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ArgumentError(f"{name} is two numbers, the lower one first, not {value!r}")
    return low, high


def as_floats(name: str, x: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return finite floats: a float array as it is, integers and booleans as float32."""
    array = np.asarray(x)
    if array.dtype.kind in "iub":
        return array.astype(np.float32)
    if array.dtype.kind != "f":
        raise DtypeError(f"{name} holds real numbers, not {array.dtype}")
    check_finite(name, array)
    return array


def check_finite(name: str, array: npt.NDArray[Any]) -> None:
    """Raise an error that names the first NaN or infinity of an array."""
    # The extremes tell whether there is one, without a temporary as large as the data.
    if array.size and not (np.isfinite(array.min()) and np.isfinite(array.max())):
        where = np.unravel_index(np.isfinite(array).argmin(), array.shape)
        index = [int(i) for i in where]
        raise DataError(
            f"{name} holds {array[where]} at index {index}; replace or drop such values first"
        )


def ones_for_zeros(divisor: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return what to divide by so that 0 / 0 is 0."""
    return np.where(divisor == 0, divisor.dtype.type(1), divisor)
