"""How far a training run is, for the person who waits for it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from minigrad._extras import require
from minigrad.errors import MissingExtraError
from minigrad.training.callbacks import Callback, Run

__all__ = ["progress_callbacks"]

_SECONDS_BETWEEN = 0.1  # formatting numbers takes longer than a small batch


def progress_callbacks(progress: bool | None) -> list[Callback]:
    """Return what shows progress: nothing, a bar, or lines where tqdm is not installed."""
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
    if not progress:
        return []
    try:
        tqdm = require("tqdm.auto", extra="progress", purpose="A progress bar")
    except MissingExtraError:
        return [_Lines()]
    return [_Bars(tqdm.tqdm)]


def _text(values: Mapping[str, float]) -> str:
    return ", ".join(f"{k} {v:.4g}" for k, v in values.items() if k not in ("lr", "seconds"))


def _title(run: Run) -> str:
    return f"epoch {run.epoch:{len(str(run.epochs))}}/{run.epochs}"


class _Lines(Callback):
    """A line for each epoch."""

    def on_epoch_end(self, run: Run) -> None:
        last = run.history.last()
        sys.stderr.write(f"{_title(run)}: {_text(last)} ({last['seconds']:.1f} s)\n")
        sys.stderr.flush()


class _Bars(Callback):
    """A bar of tqdm's for each epoch."""

    def __init__(self, tqdm: Any) -> None:
        self._tqdm = tqdm
        self._bar: Any = None
        self._due = 0.0

    def on_batch_end(self, run: Run) -> None:
        now = time.perf_counter()
        if now < self._due and self._bar is not None:
            return
        self._due = now + _SECONDS_BETWEEN
        self._show(run, run.means())

    def _show(self, run: Run, values: Mapping[str, float]) -> None:
        if self._bar is None:
            self._bar = self._tqdm(
                desc=_title(run), total=run.batches, unit="batch", file=sys.stderr
            )
        self._bar.set_postfix_str(_text(values), refresh=False)
        self._bar.update(run.batch - self._bar.n)

    def on_epoch_end(self, run: Run) -> None:
        self._show(run, run.history.last())
        self._close()

    def on_fit_end(self, run: Run) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
