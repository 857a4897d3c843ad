"""What a model makes of data, without learning from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad.calls import unwrap
from minigrad.context import no_grad
from minigrad.data import DataLoader
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError
from minigrad.tensor import Tensor
from minigrad.training.batches import as_batches, mode, pair, samples
from minigrad.training.metrics import Meter, Metrics, named_metrics

__all__ = ["check_callable", "evaluate", "loss_value", "measure", "predict"]

_BATCH_SIZE = 256


def evaluate(
    model: Callable[[Any], Any],
    data: Any,
    *,
    loss: Callable[[Any, Any], Any] | None = None,
    metrics: Metrics = (),
    batch_size: int | None = None,
) -> dict[str, float]:
    """Measure the loss and metrics of a model on data, with weights as they are.

    The model is in evaluation mode meanwhile (dropout is off) and nothing is recorded; every part
    of it is back in its mode afterwards.

    Parameters
    ----------
    model : nn.Module or callable
        Takes a batch of inputs.
    data : tuple (x, y) of arrays, or DataLoader or other iterable of (x, y) batches
        What to measure on.
    loss : callable, optional
        ``loss(output, y)``, a mean over the batch, as a scalar.
    metrics : str, sequence of str, or mapping of str to callable
        Names (``"accuracy"``; ``"mean_absolute_error"`` or ``"mae"``; ``"mean_squared_error"`` or
        ``"mse"``), or functions of the outputs and targets of a batch, as arrays, that return a
        mean over the batch.
    batch_size : int, default 256
        Samples at a time, where `data` is a pair of arrays.

    Returns
    -------
    dict of str to float
        ``"loss"`` if there is one, and each metric: means over samples. A batch counts by its
        size, so the result does not depend on how the data is cut, provided that the loss or
        metric is a mean; what is no mean over samples (an F1 score, a median) is to be computed
        from `predict` instead.

    Raises
    ------
    ArgumentError
        If there is nothing to measure, or a metric is unknown.
    DataError
        If the data is empty.
    ShapeError, DtypeError
        If the data is no pair of arrays of one length, or the loss is not a scalar.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.training import evaluate
    >>> scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> evaluate(lambda x: x, (scores, np.array([0, 1, 1])), metrics="accuracy")
    {'accuracy': 0.6666666666666666}
    """
    functions = named_metrics(metrics)
    check_callable("model", model)
    if loss is not None:
        check_callable("loss", loss)
    elif not functions:
        raise ArgumentError("there is nothing to evaluate: pass loss=, metrics=, or both")
    defaults = {"batch_size": _BATCH_SIZE}
    batches = as_batches(data, name="data", passes=1, defaults=defaults, batch_size=batch_size)
    return measure(model, batches, loss, functions, "data")


def measure(
    model: Callable[[Any], Any],
    batches: Iterable[Any],
    loss: Callable[[Any, Any], Any] | None,
    metrics: Mapping[str, Callable[[Any, Any], Any]],
    name: str,
) -> dict[str, float]:
    """Evaluate a model on batches; the arguments have been checked."""
    meter = Meter(metrics, *([] if loss is None else ["loss"]))
    with mode(model, training=False), no_grad():
        for batch in batches:
            x, y = pair(batch)
            count = samples(x, y)
            output = model(x)
            if loss is not None:
                meter.totals["loss"] += loss_value(loss(output, y)) * count
            meter.add(unwrap(output), unwrap(y), count)
    if not meter.count:
        raise DataError(f"{name} is empty: there was no sample in it")
    return meter.means()


def loss_value(result: Any) -> float:
    """Return the number in what a loss returned."""
    value = unwrap(result)
    if getattr(value, "shape", None) != () and not isinstance(value, int | float):
        what = f"shape {value.shape}" if hasattr(value, "shape") else type(value).__name__
        raise ShapeError(f"the loss of a batch is a scalar, such as its mean, not {what}")
    return float(value)


def check_callable(name: str, value: object) -> None:
    """Complain about what cannot be called, and about classes in place of their instances."""
    if isinstance(value, type):
        raise DtypeError(f"{name} is the class {value.__name__}; pass {value.__name__}()")
    if not callable(value):
        hint = ""
        if name == "penalty":
            hint = "; it is computed anew for each batch: write lambda model: ..."
        raise DtypeError(f"{name} is a module or function, not {type(value).__name__}{hint}")


def predict(model: Callable[[Any], Any], x: Any, *, batch_size: int | None = None) -> NDArray[Any]:
    """Return what a model makes of inputs, in batches and without a graph.

    The model is in evaluation mode meanwhile, and back in its mode afterwards.

    Parameters
    ----------
    model : nn.Module or callable
        Takes a batch of inputs.
    x : array, shape (N, ...), or DataLoader or other iterable of batches
        The inputs. Of batches that are pairs, the first part is taken.
    batch_size : int, default 256
        Samples at a time, where `x` is an array.

    Returns
    -------
    numpy.ndarray, shape (N, ...)
        The outputs, in the order of the inputs. For classes take ``.argmax(axis=1)``.

    Raises
    ------
    ArgumentError
        If `x` is a shuffling DataLoader, whose order the result would have.
    DataError
        If `x` is empty.
    ShapeError, DtypeError
        If `x` is no array or batches, or the model's output is not one row per sample.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.training import predict
    >>> predict(lambda x: 2 * x, np.arange(3.0), batch_size=2)
    array([0., 2., 4.])
    """
    check_callable("model", model)
    outputs = []
    with mode(model, training=False), no_grad():
        for batch in _inputs(x, batch_size):
            output = unwrap(model(batch))
            if getattr(output, "shape", ())[:1] != (len(batch),):
                what = getattr(output, "shape", type(output).__name__)
                raise ShapeError(
                    f"for a batch of {len(batch)} samples the model returned {what}; predict "
                    f"needs an array with a row for each, shape ({len(batch)}, ...)"
                )
            outputs.append(output)
    if not outputs:
        raise DataError("x is empty: there was no batch in it")
    result: NDArray[Any] = np.concatenate(outputs)
    return result


def _inputs(x: Any, batch_size: int | None) -> Iterable[Any]:
    if isinstance(x, tuple):
        raise DtypeError(
            "x is a tuple, and predict takes the inputs alone: predict(model, x), not (x, y)"
        )
    if isinstance(x, list | np.ndarray | Tensor) or hasattr(x, "__array_function__"):
        return DataLoader(x, batch_size=_BATCH_SIZE if batch_size is None else batch_size)
    if batch_size is not None:
        raise ArgumentError(f"batch_size={batch_size} is for an array; x makes its own batches")
    if isinstance(x, str | Mapping) or not isinstance(x, Iterable):
        raise DtypeError(f"x is an array or an iterable of batches, not {type(x).__name__}")
    if getattr(x, "shuffle", False):
        raise ArgumentError(
            "x is a DataLoader that shuffles, so nobody would know which prediction is whose; "
            "pass the array, or a DataLoader with shuffle=False"
        )
    return (batch[0] if isinstance(batch, tuple | list) else batch for batch in x)
