"""What is measured beside the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from minigrad.errors import ArgumentError, DtypeError, ShapeError

__all__ = ["Meter", "Metrics", "accuracy", "named_metrics"]

Metric: TypeAlias = Callable[[Any, Any], Any]
Metrics: TypeAlias = str | Iterable[str] | Mapping[str, str | Metric]


def accuracy(output: Any, targets: Any) -> float:
    r"""Return the share of samples whose highest score is that of the right class.

    .. math:: \frac{1}{N} \sum_n \left[ \operatorname{argmax}_c \, s_{nc} = t_n \right]

    Parameters
    ----------
    output : array, shape (N, C)
        Scores of at least two classes: logits or probabilities.
    targets : array, shape (N,) or (N, C)
        The right classes from 0 to C - 1, or one-hot.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ShapeError
        If the shapes are others. A single score per sample is not enough to know whether it is a
        logit or a probability: write ``metrics={"accuracy": lambda s, t: ((s > 0) == t).mean()}``.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.training import accuracy
    >>> accuracy(np.array([[0.1, 0.9], [0.7, 0.3]]), np.array([1, 1]))
    0.5
    """
    if output.ndim != 2 or output.shape[1] < 2:
        raise ShapeError(
            f"accuracy takes scores of shape (N, C) of at least two classes, not {output.shape}; "
            'of one score each, measure metrics={"accuracy": lambda s, t: ((s > 0) == t).mean()}'
        )
    if targets.shape == output.shape:
        targets = targets.argmax(axis=1)
    elif targets.shape != output.shape[:1]:
        raise ShapeError(
            f"accuracy compares scores of shape {output.shape} with classes of shape "
            f"{output.shape[:1]} or one-hot ones of shape {output.shape}, not {targets.shape}"
        )
    return int(np.count_nonzero(output.argmax(axis=1) == targets)) / len(targets)


def _mean_absolute_error(output: Any, targets: Any) -> Any:
    return np.abs(_difference("mean_absolute_error", output, targets)).mean()


def _mean_squared_error(output: Any, targets: Any) -> Any:
    return np.square(_difference("mean_squared_error", output, targets)).mean()


def _difference(name: str, output: Any, targets: Any) -> Any:
    if output.shape != targets.shape:
        raise ShapeError(
            f"{name} compares arrays of one shape, not {output.shape} with {targets.shape}"
        )
    return output - targets


_METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "mean_absolute_error": _mean_absolute_error,
    "mean_squared_error": _mean_squared_error,
    "mae": _mean_absolute_error,
    "mse": _mean_squared_error,
}
_RESERVED = {"loss", "penalty", "lr", "seconds", "epoch"}


def named_metrics(metrics: Metrics) -> dict[str, Metric]:
    """Return the functions that a ``metrics`` argument stands for, by name."""
    if isinstance(metrics, str):
        metrics = [metrics]
    if not isinstance(metrics, Mapping):
        metrics = _by_own_name(metrics)
    return {name: _metric(name, metric) for name, metric in metrics.items()}


def _by_own_name(metrics: Any) -> dict[str, str]:
    names = list(metrics) if isinstance(metrics, Iterable) else [metrics]
    for name in names:
        if not isinstance(name, str):
            raise DtypeError(
                f"metrics are names, or a mapping of names to functions, and {name!r} is no name; "
                'write metrics={"name": function}'
            )
    return {name: name for name in names}


def _metric(name: str, metric: str | Metric) -> Metric:
    if not isinstance(name, str) or name in _RESERVED or name.startswith("val_"):
        raise ArgumentError(f"a metric cannot be called {name!r}: the history uses that name")
    if isinstance(metric, str):
        if metric not in _METRICS:
            raise ArgumentError(
                f"there is no metric {metric!r}; there are {', '.join(map(repr, _METRICS))}, and "
                'your own as metrics={"name": function of (output, targets)}'
            )
        return _METRICS[metric]
    if not callable(metric):
        raise DtypeError(f"the metric {name!r} is no function of (output, targets): {metric!r}")
    return metric


class Meter:
    """Means over samples, batch by batch: of metrics, and of what is added to `totals`."""

    __slots__ = ("count", "functions", "totals")

    def __init__(self, metrics: Mapping[str, Metric], *others: str) -> None:
        self.functions = list(metrics.items())
        self.totals = dict.fromkeys((*others, *metrics), 0.0)
        self.count = 0

    def add(self, output: Any, targets: Any, count: int) -> None:
        """Measure the outputs of a batch of `count` samples."""
        self.count += count
        for name, function in self.functions:
            value = function(output, targets)
            try:
                self.totals[name] += float(value) * count
            except (TypeError, ValueError) as error:
                shape = f" of shape {value.shape}" if hasattr(value, "shape") else ""
                raise DtypeError(
                    f"the metric {name!r} returned {type(value).__name__}{shape}, not one number"
                ) from error

    def means(self) -> dict[str, float]:
        """Return the means so far."""
        return {name: total / max(self.count, 1) for name, total in self.totals.items()}
