"""What can be done between the steps of a training run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from minigrad.errors import ArgumentError
from minigrad.training.history import History

__all__ = ["Callback", "EarlyStopping", "Run"]


class Run:
    """A training run that is under way, as callbacks see it.

    Attributes
    ----------
    model, optimizer
        What `fit` was given.
    epochs : int
        How many epochs are to be run.
    epoch : int
        The current one, counted from 1.
    batch : int
        The current batch of it, counted from 1.
    batches : int or None
        How many there are in an epoch, where the data knows.
    history : History
        What has been recorded; the current epoch is in it from its `Callback.on_epoch_end` on.
    stop_reason : str or None
        What `stop` was called with.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, optim
    >>> from minigrad.training import fit
    >>> def stop_early(run):
    ...     if run.epoch == 2:
    ...         run.stop("two epochs are enough")
    >>> model = nn.Linear(2, 1)
    >>> history = fit(
    ...     model,
    ...     (np.ones((8, 2), np.float32), np.ones((8, 1), np.float32)),
    ...     loss=nn.MSELoss(),
    ...     optimizer=optim.SGD(model.parameters(), lr=0.1),
    ...     epochs=10,
    ...     callbacks=[stop_early],
    ... )
    >>> history.epochs, history.stopped
    (2, 'two epochs are enough')
    """

    def __init__(self, model: Any, optimizer: Any, epochs: int, batches: int | None) -> None:
        self.model = model
        self.optimizer = optimizer
        self.epochs = epochs
        self.epoch = 0
        self.batch = 0
        self.batches = batches
        self.history = History()
        self.stop_reason: str | None = None
        self.running: Callable[[], Mapping[str, float]] = dict

    def means(self) -> Mapping[str, float]:
        """Return the running means of the current epoch: its loss and metrics so far."""
        return self.running()

    def stop(self, reason: str) -> None:
        """Let the current epoch be the last one; `reason` appears in the history."""
        self.stop_reason = reason


class Callback:
    """Something to be done during `fit`: a subclass defines some of these methods.

    For something at the end of each epoch a plain function of the `Run` will do as well.

    Examples
    --------
    >>> from minigrad.training import Callback
    >>> class BatchCount(Callback):
    ...     def on_fit_begin(self, run):
    ...         self.batches = 0
    ...
    ...     def on_batch_end(self, run):
    ...         self.batches += 1
    ...
    ...     def on_epoch_end(self, run):
    ...         print(f"{self.batches} batches after epoch {run.epoch}")

    ``fit(..., callbacks=[BatchCount()])`` then calls these methods.
    """

    def on_fit_begin(self, run: Run) -> None:
        """Do something before the first epoch."""

    def on_batch_end(self, run: Run) -> None:
        """Do something after each step of the optimizer."""

    def on_epoch_end(self, run: Run) -> None:
        """Do something after each epoch and its validation."""

    def on_fit_end(self, run: Run) -> None:
        """Do something after the last epoch, also after Ctrl-C, but not after an error."""


class FunctionCallback(Callback):
    """A plain function as a callback."""

    def __init__(self, function: Callable[[Run], object]) -> None:
        self.function = function

    def on_epoch_end(self, run: Run) -> None:
        """Call the function."""
        self.function(run)


class EarlyStopping(Callback):
    """Ends training when a number has stopped getting better.

    Parameters
    ----------
    patience : int, default 5
        How many epochs in a row may pass without a new best value; the last of them ends training.
    monitor : str, default "val_loss"
        A key of the `History`.
    min_delta : float, default 0.0
        A value has to be better than the best one by more than this to count.
    restore_best : bool, default True
        Whether the model gets back, at the end of `fit`, the weights it had at the best epoch, no
        matter why training ended. The optimizer's state is left as it is.
    mode : {"auto", "min", "max"}, default "auto"
        Whether lower or higher is better; "auto" knows names that end in loss, error, penalty,
        mae, mse or accuracy.

    Attributes
    ----------
    best : float
        The best value so far.
    best_epoch : int
        When that was, counted from 1; 0 before the first epoch.

    Raises
    ------
    ArgumentError
        If an option is out of its range, if "auto" does not know which way is better, or, during
        `fit`, if the history has no such key.

    References
    ----------
    Prechelt, "Early Stopping - But When?", 1998; the criterion UP with strips of one epoch, with
    the best value instead of the previous one.

    Examples
    --------
    >>> from minigrad.training import EarlyStopping
    >>> EarlyStopping(patience=3, monitor="val_accuracy")
    EarlyStopping(patience=3, monitor='val_accuracy', min_delta=0.0, restore_best=True, mode='max')
    """

    def __init__(
        self,
        patience: int = 5,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: Literal["auto", "min", "max"] = "auto",
    ) -> None:
        if not isinstance(patience, int) or isinstance(patience, bool) or patience < 1:
            raise ArgumentError(f"patience is a number of epochs from 1 up, not {patience!r}")
        if not 0 <= min_delta < math.inf:
            raise ArgumentError(f"min_delta is a number from 0 up, not {min_delta!r}")
        self.patience = patience
        self.monitor = monitor
        self.min_delta = min_delta
        self.restore_best = restore_best
        self.mode = _direction(monitor, mode)
        self._forget()

    def _forget(self) -> None:
        self.best = -math.inf if self.mode == "max" else math.inf
        self.best_epoch = 0
        self._best_state: dict[str, Any] | None = None

    def on_fit_begin(self, run: Run) -> None:
        """Begin anew."""
        self._forget()
        if self.restore_best and not hasattr(run.model, "state_dict"):
            raise ArgumentError(
                f"restore_best=True needs a model with a state_dict(), and {run.model!r:.80} has "
                "none; write EarlyStopping(restore_best=False)"
            )

    def on_epoch_end(self, run: Run) -> None:
        """Compare the epoch with the best one."""
        if self.monitor not in run.history:
            hint = ", and pass validation= to fit" if self.monitor.startswith("val_") else ""
            raise ArgumentError(
                f"EarlyStopping watches {self.monitor!r}, and the history has "
                f"{', '.join(run.history)}; choose one of these{hint}"
            )
        value = run.history[self.monitor][-1]
        gain = value - self.best if self.mode == "max" else self.best - value
        if gain > self.min_delta:
            self.best, self.best_epoch = value, run.epoch
            if self.restore_best:
                self._best_state = run.model.state_dict()
        elif run.epoch - self.best_epoch >= self.patience:
            run.stop(
                f"no {self.monitor} better than {self.best:.4g} (epoch {self.best_epoch}) "
                f"for {run.epoch - self.best_epoch} epochs"
            )

    def on_fit_end(self, run: Run) -> None:
        """Give the model its best weights back."""
        if self._best_state is not None:
            run.model.load_state_dict(self._best_state)
            self._best_state = None

    def __repr__(self) -> str:
        return (
            f"EarlyStopping(patience={self.patience}, monitor={self.monitor!r}, "
            f"min_delta={self.min_delta}, restore_best={self.restore_best}, mode={self.mode!r})"
        )


_LOWER_IS_BETTER = ("loss", "error", "penalty", "mae", "mse")


def _direction(monitor: str, mode: str) -> Literal["min", "max"]:
    if mode == "min" or (mode == "auto" and monitor.endswith(_LOWER_IS_BETTER)):
        return "min"
    if mode == "max" or (mode == "auto" and monitor.endswith("accuracy")):
        return "max"
    if mode != "auto":
        raise ArgumentError(f"mode is 'auto', 'min' or 'max', not {mode!r}")
    raise ArgumentError(
        f"whether a higher or a lower {monitor!r} is better has to be said: mode='max' or 'min'"
    )
