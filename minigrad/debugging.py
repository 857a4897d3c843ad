"""Debug mode: watch every operation, and say which line of the user's made what went wrong."""

from __future__ import annotations

import os
import sys
import zlib
from typing import Any, NamedTuple

import numpy as np

from minigrad.arrays import as_numpy
from minigrad.context import Observer, leave_note, note_on, observing
from minigrad.errors import GraphError
from minigrad.graph import Node

__all__ = ["PACKAGE", "debug", "users_line"]

PACKAGE = f"{os.path.dirname(__file__)}{os.sep}"
_NUMPY = f"{os.path.dirname(np.__file__)}{os.sep}"


class debug(observing):
    """Check every operation inside: a context manager and a decorator, for finding mistakes.

    It raises where a result or a gradient first turns into NaN or infinity, and where an array
    that a gradient needs was written to between the forward and the backward pass, by whatever
    way (a NumPy view of it, say). The message names the operation, its module, and the line of
    your program that called it. It makes everything several times slower. It may be entered
    inside `minigrad.profile` and `minigrad.viz.record`, and they inside it: each sees everything.

    Parameters
    ----------
    check_finite : bool, default True
        Whether to look for NaN and infinity.
    check_saved : bool, default True
        Whether to look for changes, by checksums of the saved arrays.

    Raises
    ------
    GraphError
        Inside the block, where one of these things happens.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> values = np.ones(2)
    >>> x = mg.from_numpy(values, requires_grad=True)
    >>> with mg.debug():
    ...     y = np.sum(x * x)
    ...     values[0] = 7.0
    ...     y.backward()
    Traceback (most recent call last):
        ...
    minigrad.errors.GraphError: argument 0 of multiply (<doctest ...>, line 2) was written to ...
    """

    def __init__(self, *, check_finite: bool = True, check_saved: bool = True) -> None:
        super().__init__(_Watch(check_finite, check_saved))


class _Origin(NamedTuple):
    """Where an operation was called, and the checksums of what it saved."""

    file: str
    line: int
    checksums: tuple[Any, ...]


class _Watch(Observer):
    """The observer behind `debug`."""

    def __init__(self, check_finite: bool, check_saved: bool) -> None:
        self.check_finite = check_finite
        self.check_saved = check_saved

    def recorded(self, node: Node, out: Any, args: tuple[Any, ...]) -> None:
        known = note_on(node, _Origin)  # of another block around this one
        if known is None or (self.check_saved and not known.checksums):
            file, line = users_line()
            saved = (*node.args, node.out) if self.check_saved and node.args is not None else ()
            leave_note(node, _Origin(file, line, tuple(map(_checksum, saved))))
        if self.check_finite and not np.isfinite(out).all():
            raise GraphError(f"{_describe(node)} gave {_first_not_finite(out)}")

    def visiting(self, node: Node, gradient: Any) -> None:
        origin = note_on(node, _Origin)
        if not self.check_saved or origin is None or not origin.checksums:
            return
        for index, (value, before) in enumerate(
            zip((*(node.args or ()), node.out), origin.checksums, strict=True)
        ):
            if _checksum(value) != before:
                what = "the result" if index == len(node.parents) else f"argument {index}"
                raise GraphError(
                    f"{what} of {_describe(node)} was written to after the forward pass, and its "
                    "old value is needed for the gradient; write to a copy, or after backward()"
                )

    def visited(self, node: Node, index: int, gradient: Any) -> None:
        value = getattr(gradient, "data", gradient) if hasattr(gradient, "_node") else gradient
        if self.check_finite and not np.isfinite(value).all():
            raise GraphError(
                f"the gradient of argument {index} of {_describe(node)} has "
                f"{_first_not_finite(value)}"
            )


def _describe(node: Node) -> str:
    origin = note_on(node, _Origin)
    place = f" ({origin.file}, line {origin.line})" if origin is not None else ""
    return f"{node.where()}{place}"


def _first_not_finite(values: Any) -> str:
    values = as_numpy(values)
    wrong = np.argwhere(~np.isfinite(values))
    index = tuple(map(int, wrong[0]))
    return f"{values[index]} at index {index}, {len(wrong)} of {values.size} elements not finite"


def _checksum(value: Any) -> Any:
    if isinstance(value, tuple):  # of indices
        return tuple(map(_checksum, value))
    if not hasattr(value, "__array_function__"):
        return None
    value = as_numpy(value)
    return zlib.crc32(np.ascontiguousarray(value).tobytes()) if value.size else 0


def users_line() -> tuple[str, int]:
    """Return file and line of the innermost call that is neither ours nor NumPy's."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((PACKAGE, _NUMPY)):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
