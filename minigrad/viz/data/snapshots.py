"""What a picture keeps of an array: its numbers if they are few, else what sums them up."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minigrad.arrays import as_numpy

__all__ = ["WHOLE", "Snapshot", "Statistics", "copy_of", "snapshot"]

WHOLE = 12  # elements up to which an array is kept and shown in full


class Statistics(NamedTuple):
    """Smallest, mean and largest of an array's finite elements, and how many are not finite.

    Attributes
    ----------
    min, mean, max : float
        Of the finite elements.
    not_finite : int
        How many are NaN or infinite.

    Examples
    --------
    >>> from minigrad import viz
    >>> viz.Statistics(min=-1.0, mean=0.5, max=2.0, not_finite=0)
    Statistics(min=-1.0, mean=0.5, max=2.0, not_finite=0)
    """

    min: float
    mean: float
    max: float
    not_finite: int

    @classmethod
    def of(cls, array: Any) -> Statistics:
        """Return those of an array; NaN where it has no finite element."""
        if isinstance(array, Statistics):
            return array
        values = as_numpy(array).ravel()
        if values.dtype.kind != "f":
            values = values.astype(np.float64)
        if not values.size:
            return cls(np.nan, np.nan, np.nan, 0)
        low, high = float(values.min()), float(values.max())  # NaN if there is one
        bound = max(abs(low), abs(high))
        if bound * values.size < _LARGEST:  # not so for NaN and infinity
            return cls(low, float(values.mean(dtype=np.float64)), high, 0)
        finite = values[np.isfinite(values)].astype(np.float64)
        if not finite.size:
            return cls(np.nan, np.nan, np.nan, values.size)
        low, high = float(finite.min()), float(finite.max())
        with np.errstate(over="ignore"):  # by rounding, of the largest there are
            mean = float((finite / finite.size).sum())  # a sum of them themselves would overflow
        return cls(low, min(max(mean, low), high), high, int(values.size - finite.size))


Snapshot: TypeAlias = np.ndarray | Statistics

_LARGEST = float(np.finfo(np.float64).max)


def snapshot(array: Any) -> Snapshot | None:
    """Return a copy of an array of at most 12 elements, of a larger one its statistics.

    None for None, and for an array of another library that NumPy cannot read.
    """
    if array is None or isinstance(array, Statistics):
        return array
    try:
        values = as_numpy(array)
    except TypeError:
        return None
    return values.copy() if values.size <= WHOLE else Statistics.of(values)


def copy_of(array: Any) -> Any:
    """Return a copy of an array, where it is: NumPy's for numbers, another library's for its."""
    is_foreign = hasattr(array, "dtype") and not isinstance(array, np.ndarray | np.generic)
    return array.copy() if is_foreign else np.array(array)
