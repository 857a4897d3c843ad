"""The training loop."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from typing import Any

import numpy as np

from minigrad.calls import unwrap
from minigrad.errors import ArgumentError, DataError, DtypeError, NonFiniteError
from minigrad.nn import Module
from minigrad.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from minigrad.random import Rng
from minigrad.tensor import Tensor
from minigrad.training.batches import as_batches, mode, pair, samples
from minigrad.training.callbacks import Callback, FunctionCallback, Run
from minigrad.training.evaluation import check_callable, loss_value, measure
from minigrad.training.history import History
from minigrad.training.interrupts import Interrupts
from minigrad.training.metrics import Meter, Metrics, named_metrics
from minigrad.training.progress import progress_callbacks

__all__ = ["fit"]


def fit(
    model: Callable[[Any], Any],
    data: Any,
    *,
    loss: Callable[[Any, Any], Any],
    optimizer: Any,
    epochs: int,
    validation: Any = None,
    metrics: Metrics = (),
    callbacks: Iterable[Callback | Callable[[Run], object]] = (),
    penalty: Callable[[Any], Tensor] | None = None,
    batch_size: int | None = None,
    shuffle: bool | None = None,
    rng: Rng = None,
    progress: bool | None = None,
) -> History:
    r"""Train a model: for each batch a forward pass, a backward pass, a step of the optimizer.

    .. math:: \text{minimise} \quad \operatorname{loss}(\operatorname{model}(x), y)
              + \operatorname{penalty}(\operatorname{model})

    Parameters
    ----------
    model : nn.Module or callable
        Takes a batch of inputs and returns a tensor. A module is in training mode meanwhile, in
        evaluation mode while it is validated, and back in its mode afterwards.
    data : tuple (x, y) of arrays, or DataLoader or other iterable of (x, y) batches
        What to learn from, such as ``load_mnist().train``. It has to give all batches again in
        each epoch, so a generator will not do.
    loss : callable
        ``loss(output, y)``, a mean over the batch, as a scalar tensor, such as
        ``nn.CrossEntropyLoss()``.
    optimizer : optim.Optimizer
        Made of the model's parameters: ``optim.Adam(model.parameters())``.
    epochs : int
        How many times to go through the data.
    validation : as `data`, optional
        Data to evaluate after each epoch, as ``val_loss`` and so on.
    metrics : str, sequence of str, or mapping of str to callable
        As of `evaluate`: ``"accuracy"``, or ``{"name": function(output, targets)}``.
    callbacks : iterable of Callback or of callable
        Such as `EarlyStopping`; a plain function is called with the `Run` after each epoch, such
        as ``lambda run: schedule.step()``.
    penalty : callable, optional
        ``penalty(model)``, a scalar tensor that is added to the loss of each batch, such as
        ``lambda model: l2_penalty([model.hidden.weight], 1e-4)``. The history has it apart.
    batch_size : int, default 32
        Samples in a batch, where `data` is a pair of arrays.
    shuffle : bool, default True
        Whether each epoch has an order of its own, where `data` is a pair of arrays.
    rng : numpy.random.Generator, int or None, default None
        Where these orders come from; None is minigrad's own generator.
    progress : bool, optional
        Whether to show a progress bar (lines, where tqdm is not installed) on standard error. By
        default only if that is a terminal.

    Returns
    -------
    History
        A number per epoch for the loss and each metric; its own description lists the keys. All
        are means over samples. Those of the training data are running means, measured on each
        batch before the step that learns from it; `evaluate` measures with the final weights.

    Raises
    ------
    NonFiniteError
        If a loss is NaN or infinite. The weights are those before the step of that batch.
    ArgumentError
        If an option is out of its range, or the optimizer has none of the model's parameters.
    DataError
        If there is no batch.
    ShapeError, DtypeError
        If the data is no pair of arrays of one length, or the loss is not a scalar tensor.

    Notes
    -----
    Ctrl-C ends the training and not the program: the model keeps what it has learned, after a
    whole number of steps, and the history says ``interrupted``.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> from minigrad.optim import SGD
    >>> from minigrad.training import fit
    >>> w = mg.tensor([0.0], requires_grad=True)
    >>> x = np.linspace(-1, 1, 50, dtype=np.float32)
    >>> history = fit(
    ...     lambda x: w * x,
    ...     (x, 3 * x),
    ...     loss=lambda output, y: ((output - y) ** 2).mean(),
    ...     optimizer=SGD([w], lr=0.5),
    ...     epochs=5,
    ...     batch_size=10,
    ... )
    >>> list(history), history.epochs
    (['loss', 'lr', 'seconds'], 5)
    >>> round(w.item(), 3)
    3.0
    """
    _check_count("epochs", epochs)
    check_callable("model", model)
    check_callable("loss", loss)
    if penalty is not None:
        check_callable("penalty", penalty)
    _check_optimizer(model, optimizer)
    functions = named_metrics(metrics)
    batches = as_batches(
        data,
        name="data",
        passes=epochs,
        defaults={"batch_size": 32, "shuffle": True},
        batch_size=batch_size,
        shuffle=shuffle,
        rng=rng,
    )
    if validation is not None:
        validation = as_batches(
            validation, name="validation", passes=epochs, defaults={"batch_size": 256}
        )
    run = Run(model, optimizer, epochs, len(batches) if isinstance(batches, Sized) else None)
    trainer = _Trainer(run, loss, penalty, functions)
    _train(trainer, batches, validation, _as_callbacks(callbacks), progress_callbacks(progress))
    return run.history


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{name} is an integer from 1 up, not {value!r}")


def _check_optimizer(model: object, optimizer: Any) -> None:
    if isinstance(optimizer, type) or not all(
        callable(getattr(optimizer, name, None)) for name in ("step", "zero_grad")
    ):
        raise DtypeError(
            f"optimizer is one of minigrad.optim, such as Adam(model.parameters()), "
            f"not {optimizer!r:.80}"
        )
    groups = getattr(optimizer, "param_groups", None)
    if isinstance(model, Module) and groups is not None:
        own = {id(parameter) for parameter in model.parameters()}
        if not any(id(parameter) in own for group in groups for parameter in group["params"]):
            raise ArgumentError(
                f"the optimizer has none of the parameters of this {type(model).__name__}, so it "
                "would learn nothing; make the optimizer of model.parameters()"
            )


def _as_callbacks(callbacks: Iterable[Callback | Callable[[Run], object]]) -> list[Callback]:
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Iterable):
        what = type(callbacks).__name__
        single = f"{what}(...)" if isinstance(callbacks, Callback) else "..."
        raise DtypeError(f"callbacks is a list, not one {what}; write callbacks=[{single}]")
    return [c if isinstance(c, Callback) else _function_callback(c) for c in callbacks]


def _function_callback(function: Callable[[Run], object]) -> FunctionCallback:
    owner = getattr(function, "__self__", function)
    if isinstance(owner, LRScheduler):
        figure = 'run.history["val_loss"][-1]' if isinstance(owner, ReduceLROnPlateau) else ""
        raise DtypeError(
            f"a callback is given the run, which {type(owner).__name__}.step does not take; write "
            f"lambda run: schedule.step({figure})"
        )
    if not isinstance(function, type) and hasattr(function, "step"):
        raise DtypeError(
            f"{type(function).__name__} is no callback; write lambda run: schedule.step()"
        )
    check_callable("a callback", function)
    if not _takes_one(function):
        raise DtypeError(
            "a callback is given the run, one argument, which "
            f"{getattr(function, '__name__', function)} does not take; write "
            "lambda run: ..., such as lambda run: schedule.step()"
        )
    return FunctionCallback(function)


def _takes_one(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # compiled: who knows
        return True
    return True


def _train(
    trainer: _Trainer,
    batches: Iterable[Any],
    validation: Iterable[Any] | None,
    callbacks: list[Callback],
    progress: list[Callback],
) -> None:
    run = trainer.run
    everyone = [*progress, *callbacks]
    with mode(run.model, training=True), Interrupts() as interrupts:
        try:
            for callback in callbacks:
                callback.on_fit_begin(run)
            while run.epoch < run.epochs and run.stop_reason is None:
                run.epoch += 1
                _train_epoch(trainer, batches, validation, interrupts, everyone)
        except KeyboardInterrupt:
            run.history.interrupted = True
        finally:
            for callback in progress:
                callback.on_fit_end(run)
        for callback in callbacks:
            callback.on_fit_end(run)
    run.history.stopped = run.stop_reason or ""


def _train_epoch(
    trainer: _Trainer,
    batches: Iterable[Any],
    validation: Iterable[Any] | None,
    interrupts: Interrupts,
    callbacks: list[Callback],
) -> None:
    run = trainer.run
    begin = time.perf_counter()
    rates = {"lr": rate} if (rate := _learning_rate(run.optimizer)) is not None else {}
    if isinstance(run.model, Module):
        run.model.train()  # a callback may have changed it
    watching = [c.on_batch_end for c in callbacks if _watches_batches(c)]
    means = trainer.train(batches, interrupts, watching)
    checks = {} if validation is None else trainer.validate(validation)
    run.history.append({**means, **checks, **rates, "seconds": time.perf_counter() - begin})
    for callback in callbacks:
        callback.on_epoch_end(run)


def _learning_rate(optimizer: Any) -> float | None:
    groups = getattr(optimizer, "param_groups", None)
    return groups[0].get("lr") if groups else None


def _watches_batches(callback: Callback) -> bool:
    return type(callback).on_batch_end is not Callback.on_batch_end


class _Trainer:
    """What is computed in an epoch."""

    def __init__(
        self,
        run: Run,
        loss: Callable[[Any, Any], Any],
        penalty: Callable[[Any], Tensor] | None,
        metrics: Mapping[str, Callable[[Any, Any], Any]],
    ) -> None:
        self.run = run
        self.loss = loss
        self.penalty = penalty
        self.metrics = metrics

    def train(
        self,
        batches: Iterable[Any],
        interrupts: Interrupts,
        watching: Sequence[Callable[[Run], None]],
    ) -> dict[str, float]:
        """Learn from each batch; return the means over the epoch."""
        run = self.run
        meter = Meter(self.metrics, "loss", *([] if self.penalty is None else ["penalty"]))
        run.running = meter.means
        run.batch = 0
        try:
            for batch in batches:
                run.batch += 1
                x, y = pair(batch)
                count = samples(x, y)
                output = self._backward(x, y, count, meter)
                interrupts.whole(run.optimizer.step)
                meter.add(output, y._data if isinstance(y, Tensor) else y, count)
                for watch in watching:
                    watch(run)
        except NonFiniteError:
            raise
        except Exception as error:
            error.add_note(f"This happened in epoch {run.epoch}, batch {run.batch}.")
            raise
        if not meter.count:
            raise DataError(f"the data gave no sample in epoch {run.epoch}")
        return meter.means()

    def _backward(self, x: Any, y: Any, count: int, meter: Meter) -> Any:
        """Compute the gradients of a batch; return the model's output as an array."""
        self.run.optimizer.zero_grad()
        output = self.run.model(x)
        loss = self.loss(output, y)
        value = loss_value(loss)
        meter.totals["loss"] += value * count
        if not math.isfinite(value):
            raise NonFiniteError(self._diagnosis("loss", value, x, output))
        if self.penalty is not None:
            penalty = self.penalty(self.run.model)
            value = loss_value(penalty)
            meter.totals["penalty"] += value * count
            if not math.isfinite(value):
                raise NonFiniteError(self._diagnosis("penalty", value, x, output))
            loss = loss + penalty
        if not isinstance(loss, Tensor):
            raise DtypeError(
                f"the loss is a {type(loss).__name__} and no tensor, so there is no gradient: "
                "compute it with NumPy's functions from what the model returns"
            )
        loss.backward()
        return unwrap(output)

    def _diagnosis(self, what: str, value: float, x: Any, output: Any) -> str:
        run = self.run
        if not _is_finite(x):
            why = "the inputs of this batch hold NaN or infinity"
        elif not _is_finite(output):
            why = (
                "so is what the model returned; usual causes are a learning rate that is too "
                "high and inputs that are not scaled"
            )
        else:
            why = f"what the model returned is finite, so look at the {what} itself and its inputs"
        return (
            f"the {what} is {value} in epoch {run.epoch}, batch {run.batch}: {why}. The weights "
            "are as they were before this batch"
        )

    def validate(self, validation: Iterable[Any]) -> dict[str, float]:
        """Return the means of the validation data."""
        try:
            means = measure(self.run.model, validation, self.loss, self.metrics, "validation")
        except Exception as error:
            error.add_note(f"This happened in the validation after epoch {self.run.epoch}.")
            raise
        return {f"val_{name}": value for name, value in means.items()}


def _is_finite(array: Any) -> bool:
    return bool(np.isfinite(unwrap(array)).all())
