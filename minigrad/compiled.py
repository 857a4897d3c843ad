"""Kernels compiled by Numba, where it is installed: ``pip install 'minigrad[fast]'``.

A kernel is a plain loop that stands beside the NumPy code whose work it does, in one pass instead
of several. Nothing is imported or compiled before a kernel is first called, and what was compiled
is kept on disk. `use_compiled` is the switch; the environment variable ``MINIGRAD_COMPILED=0``
turns kernels off from outside.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad._extras import require
from minigrad.errors import ArgumentError

__all__ = ["ENOUGH", "Kernel", "flat", "is_compiled", "same_layout", "use_compiled"]

Array = Any

ENOUGH = 1 << 10  # elements; with fewer, one function of NumPy's starts as fast

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_VARIABLE = "MINIGRAD_COMPILED"


class _Switch:
    """Whether kernels are used: undecided until somebody asks."""

    on: bool | None = None


def use_compiled(on: bool) -> None:
    """Say whether kernels compiled by Numba are used from now on, in the whole process.

    By default they are where Numba is installed, unless the environment variable
    ``MINIGRAD_COMPILED`` is 0. Results agree to rounding with those of NumPy alone; with and
    without, the same program gives the same bits each time. Kernels do not heed `numpy.errstate`.

    Parameters
    ----------
    on : bool

    Raises
    ------
    ArgumentError
        If `on` is not True or False.
    MissingExtraError
        If kernels are asked for and Numba is not installed.

    Examples
    --------
    >>> import minigrad as mg
    >>> before = mg.is_compiled()
    >>> mg.use_compiled(False)
    >>> mg.is_compiled()
    False
    >>> mg.use_compiled(before)
    """
    if not isinstance(on, bool):
        raise ArgumentError(f"use_compiled(on) takes True or False, not {on!r}")
    if on:
        require("numba", extra="fast", purpose="Compiling kernels")
    _Switch.on = on


def is_compiled() -> bool:
    """Return whether kernels compiled by Numba are used.

    Examples
    --------
    >>> import minigrad as mg
    >>> isinstance(mg.is_compiled(), bool)
    True
    """
    if _Switch.on is None:
        wanted = os.environ.get(_VARIABLE, "1")
        if wanted not in ("0", "1"):
            raise ArgumentError(f"the environment variable {_VARIABLE} is 0 or 1, not {wanted!r}")
        _Switch.on = wanted == "1" and importlib.util.find_spec("numba") is not None
    return _Switch.on


def same_layout(*arrays: Array) -> bool:
    """Return whether kernels are used, and can run through these arrays side by side.

    That is so for plain arrays of one floating-point dtype whose elements lie one behind the other.
    """
    on = _Switch.on
    if not (is_compiled() if on is None else on):
        return False
    dtype = arrays[0].dtype
    if dtype not in _FLOATS:
        return False
    for array in arrays:
        if type(array) is not np.ndarray or array.dtype != dtype:
            return False
        if not array.flags.c_contiguous:
            return False
    return True


def flat(*arrays: Array) -> list[Array]:
    """Return the elements of arrays of `same_layout`, each in one row."""
    return [array.reshape(-1) for array in arrays]


class Kernel:
    """A function that is compiled when it is called for the first time.

    Call it as ``kernel.run(...)``, with arrays that have `same_layout`.
    """

    __slots__ = ("_function", "run")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.run: Callable[..., Any] = self._compile

    def _compile(self, *args: Any) -> Any:
        try:
            numba = require("numba", extra="fast", purpose="Compiling kernels")
        except Exception as error:  # installed, but not for this NumPy, or without its libraries
            warnings.warn(
                f"going on without compiled kernels, since Numba cannot be imported: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
            _Switch.on = False
            return self._function(*args)  # slow, but right, and this once
        # NumPy's division by zero; no reordering of operations; other threads may go on meanwhile.
        options = {"error_model": "numpy", "nogil": True}
        try:
            self.run = numba.njit(cache=True, **options)(self._function)
            return self.run(*args)
        except Exception:  # no folder can be written to, or what is there is damaged; a kernel
            self.run = numba.njit(**options)(self._function)  # itself raises nothing
        return self.run(*args)
