"""Ctrl-C, held back for as long as weights are being changed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

__all__ = ["Interrupts"]


class Interrupts:
    """Lets Ctrl-C raise KeyboardInterrupt anywhere but in the middle of an optimizer's step.

    So the weights are always those after a whole number of steps. Where a program has a handler
    of its own for the signal, and outside the main thread, nothing is changed.
    """

    def __init__(self) -> None:
        self._held = False
        self._pending = False
        self._installed = False

    def __enter__(self) -> Self:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._installed = True
        return self

    def __exit__(self, *_: Any) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, _signal: int, _frame: FrameType | None) -> None:
        if not self._held:
            raise KeyboardInterrupt
        self._pending = True

    def whole(self, step: Callable[[], object]) -> None:
        """Call a function to its end, and only then raise what came in between."""
        self._held = True
        try:
            step()
        finally:
            self._held = False
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt
