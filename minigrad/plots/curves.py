"""The curves of training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from minigrad._extras import require
from minigrad.errors import ArgumentError, DtypeError
from minigrad.plots._figures import COLOURS, MARKERS, new_figure
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_history"]

Curves: TypeAlias = Mapping[str, Sequence[float]]

_NOT_CURVES = {"epoch", "lr", "seconds"}


def plot_history(histories: Any, *, metrics: str | Sequence[str] | None = None) -> Figure:
    """Draw the curves of one or several training runs, one panel for each metric.

    A run has one colour and marker; its training curve is solid, its validation curve (the key
    with ``val_`` in front) dashed.

    Parameters
    ----------
    histories : History, mapping of str to sequence of float, or mapping of run names to these
        What `fit` returned, or plain lists of one value per epoch: ``{"loss": [...]}``.
    metrics : str or sequence of str, optional
        The panels, such as ``["loss", "accuracy"]``. By default every key that a run has, except
        ``lr`` and ``seconds``.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ArgumentError
        If there is nothing to draw, or no run has one of `metrics`.
    DtypeError
        If a run is no history, or a curve is not a sequence of numbers.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> from minigrad.plots import plot_history
    >>> runs = {
    ...     "Adam": {"loss": [0.9, 0.4, 0.2], "val_loss": [0.8, 0.5, 0.4]},
    ...     "SGD": {"loss": [1.2, 0.9, 0.7]},
    ... }
    >>> [axes.get_ylabel() for axes in plot_history(runs).axes]
    ['loss']
    """
    runs = _runs(histories)
    if isinstance(metrics, str):
        metrics = [metrics]
    panels = list(metrics) if metrics is not None else _panels(runs)
    if not panels:
        raise ArgumentError(f"there is nothing to draw: the runs {list(runs)} hold no curve")
    figure = new_figure("Drawing a history", 2.5 + 4 * len(panels), 3.8)
    entries: dict[str, Any] = {}
    for index, metric in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        _draw_panel(axes, runs, metric)
        handles, texts = axes.get_legend_handles_labels()
        entries |= dict(zip(texts, handles, strict=True))
    figure.set_figheight(max(3.8, 0.25 * len(entries)))
    figure.legend(entries.values(), entries.keys(), loc="outside right upper")
    return figure


def _runs(histories: object) -> dict[str, Curves]:
    if _is_one_run(histories):
        return {"": _curves("", histories)}
    if not isinstance(histories, Mapping) or not histories:
        raise ArgumentError(
            "histories is a History, a mapping of keys to lists, or a mapping of run names to "
            f"these, and not empty; got {histories!r:.80}"
        )
    return {str(name): _curves(str(name), history) for name, history in histories.items()}


def _is_one_run(histories: object) -> bool:
    if isinstance(histories, Mapping):
        return any(isinstance(value, list | tuple | np.ndarray) for value in histories.values())
    return hasattr(histories, "to_dict")


def _curves(name: str, history: Any) -> Curves:
    curves = history.to_dict() if hasattr(history, "to_dict") else history
    if not isinstance(curves, Mapping):
        raise DtypeError(f"the run {name!r} is no History and no mapping: {history!r:.80}")
    return {key: _numbers(name, key, curve) for key, curve in curves.items() if _is_curve(curve)}


def _is_curve(value: object) -> bool:
    # A History also says things that are no lists, such as whether it was interrupted.
    return isinstance(value, list | tuple | np.ndarray)


def _numbers(name: str, key: str, curve: Any) -> list[float]:
    if any(isinstance(value, Tensor) for value in curve):
        raise DtypeError(
            f"{key!r} of the run {name!r} holds tensors, and with them their graphs; append "
            "loss.item(), a number, in the training loop"
        )
    array = np.asarray(curve)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "biuf"):
        raise DtypeError(
            f"{key!r} of the run {name!r} is not one number per epoch (as loss.item() is): "
            f"{curve!r:.80}"
        )
    return [float(value) for value in array]


def _panels(runs: Mapping[str, Curves]) -> list[str]:
    keys = [key.removeprefix("val_") for curves in runs.values() for key in curves if curves[key]]
    found = dict.fromkeys(key for key in keys if key not in _NOT_CURVES)
    return sorted(found, key=lambda key: key != "loss")  # the loss first, then as they come


def _draw_panel(axes: Axes, runs: Mapping[str, Curves], metric: str) -> None:
    drawn = 0
    for index, (name, curves) in enumerate(runs.items()):
        for key, style, role in ((metric, "-", "training"), (f"val_{metric}", "--", "validation")):
            values = curves.get(key)
            if values:
                drawn += 1
                _draw_curve(axes, values, index, style, f"{name}, {role}" if name else role)
    if not drawn:
        known = sorted({key for curves in runs.values() for key in curves})
        raise ArgumentError(f"no run has a curve {metric!r}; they have {known}")
    axes.set(xlabel="epoch", ylabel=metric)
    ticker = require("matplotlib.ticker", extra="plots", purpose="Drawing a history")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(x=0.05 if axes.dataLim.width else 1)
    axes.grid(visible=True, alpha=0.3)


def _draw_curve(axes: Axes, values: Sequence[float], index: int, style: str, label: str) -> None:
    axes.plot(
        range(1, len(values) + 1),
        values,
        linestyle=style,
        color=COLOURS[index % len(COLOURS)],
        marker=MARKERS[index % len(MARKERS)],
        markersize=5,
        markevery=max(1, len(values) // 10),
        markerfacecolor="white" if style == "--" else None,
        label=label,
    )
