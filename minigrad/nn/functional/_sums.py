"""Sums along one axis of a matrix, in the way in which NumPy starts fastest."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

__all__ = ["sum_of_rows", "sums_in_rows"]

Array = Any


MANY = 1 << 16  # ones not worth keeping


def sums_in_rows(x: Array) -> Array:
    """Return the sum of each row: (N, C) -> (N,)."""
    # As a product with ones it takes a third of the time in which np.add.reduce starts.
    if type(x) is not np.ndarray or x.shape[1] > MANY:
        return np.sum(x, axis=1)
    return x.dot(_ones(x.shape[1], x.dtype))


def sum_of_rows(x: Array) -> Array:
    """Return the sum of all rows: (N, C) -> (C,)."""
    if type(x) is not np.ndarray or x.shape[0] > MANY:
        return np.sum(x, axis=0)
    return _ones(x.shape[0], x.dtype).dot(x)


@functools.lru_cache(maxsize=64)
def _ones(length: int, dtype: Any) -> Array:
    ones = np.ones(length, dtype)
    ones.flags.writeable = False
    return ones
