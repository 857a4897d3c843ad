"""Memory for large results, used again as soon as nothing refers to it.

When large blocks are freed, the C library returns them to the system, which clears each page before
it hands it out anew: for large batches that costs a sixth of a training step. What is computed here
lies in blocks that are kept instead. A block is free when no array lies in it, which its reference
count tells: whoever holds the array, or a view of it, holds the block.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from sys import getrefcount
from typing import Any

import numpy as np

__all__ = ["empty_like", "is_shared", "matmul", "ufunc"]

Array = Any

LARGE = 1 << 14  # elements; the C library keeps smaller blocks itself
MOST = 1 << 28  # bytes that a thread keeps
TRIES = 4  # blocks looked at


def _references_of_a_name() -> int:
    alone = object()
    return getrefcount(alone)


ALONE = _references_of_a_name()  # 2, with that of the call, which Python 3.14 borrows: 1


class _Block(np.ndarray[Any, Any]):
    """Bytes in which one array lies, or none."""


class _Blocks(threading.local):
    """The blocks of a thread, by their size; of each size the one used longest ago first."""

    def __init__(self) -> None:
        self.of_size: dict[int, deque[_Block]] = {}
        self.total = 0

    def take(self, size: int) -> _Block:
        """Return a block in which no array lies."""
        blocks = self.of_size.setdefault(size, deque())
        for _ in range(min(TRIES, len(blocks))):
            block = blocks[0]
            blocks.rotate(-1)
            if getrefcount(block) == 1 + ALONE:  # that of the deque, and of this name
                return block
        if self.total + size > MOST:  # forget all; those with arrays live on in these
            blocks = deque()
            self.of_size, self.total = {size: blocks}, 0
        block = _Block(size, np.uint8)
        blocks.append(block)
        self.total += size
        return block


_blocks = _Blocks()


def _empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    size = math.prod(shape) * dtype.itemsize
    return np.empty(shape, dtype) if size > MOST else np.ndarray(shape, dtype, _blocks.take(size))


def matmul(x: Array, y: Array) -> Array:
    """Return ``x @ y``; for matrices of one dtype in memory that is used again.

    By `numpy.dot`: it starts a microsecond faster, and for a column times a row, as in the gradient
    of a weight for a single sample, `numpy.matmul` takes eight times as long. Not with a matrix of
    one element: if that is 0, `numpy.dot` gives 0 for infinity and NaN, too.
    """
    # By `==`, since what was pickled comes back with a dtype that is equal, and another object.
    plain = type(x) is type(y) is np.ndarray and x.dtype == y.dtype and x.dtype.isnative
    if not plain or not x.ndim == y.ndim == 2 or x.size == 1 or y.size == 1:
        return x @ y
    rows, columns = x.shape[0], y.shape[1]
    if rows * columns < LARGE:
        return x.dot(y)
    return x.dot(y, _empty((rows, columns), x.dtype))


def empty_like(x: Array) -> Array:
    """Return an array like a plain one, of any values."""
    return np.empty_like(x) if x.size < LARGE else _empty(x.shape, x.dtype)


def ufunc(function: Callable[..., Array], x: Array, other: Any) -> Array:
    """Return ``function(x, other)``, which is like x, in memory that is used again.

    Of what is no float of this machine's byte order the dtype of the result might be another one,
    and NumPy keeps an order of axes that is not C's.
    """
    if x.size < LARGE or type(x) is not np.ndarray or not _is_usual(x):
        return function(x, other)
    return function(x, other, out=_empty(x.shape, x.dtype))


def _is_usual(x: Array) -> bool:
    return bool(x.dtype.kind == "f" and x.dtype.isnative and x.flags.c_contiguous)


def is_shared(array: Array) -> bool:
    """Return whether an array that nobody else refers to lies in memory that somebody knows."""
    base = getattr(array, "base", array)
    # Of a block: the references of the deque, of the array, and of this name.
    return base is not None and not (type(base) is _Block and getrefcount(base) == 2 + ALONE)
