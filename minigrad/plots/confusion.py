"""Confusion matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigrad._extras import require
from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.plots._figures import new_figure, plain
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_confusion"]

_MOST_CLASSES_WITH_COUNTS = 30


def plot_confusion(
    y_true: ArrayLike | Tensor,
    y_pred: ArrayLike | Tensor,
    labels: Sequence[Any] | None = None,
) -> Figure:
    """Draw which class was taken for which, as counts.

    Row i, column j holds how many of class i were predicted as class j. The shade is that count as
    a share of the row, on a square-root scale so that rare mistakes can be seen beside the
    diagonal.

    Parameters
    ----------
    y_true, y_pred : array of shape (N,)
        Integers or strings.
    labels : sequence, optional
        The classes in the order of the rows; strings where `y_true` holds integers are the names
        of the classes 0, 1, 2, ... By default the classes that occur, sorted.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If `y_true` and `y_pred` are not two rows of the same length.
    DtypeError
        If they are neither integers nor strings, or not both of the same kind.
    ArgumentError
        If a class occurs that is not among `labels`, or one of these comes twice.
    MissingExtraError
        If matplotlib or scikit-learn is not installed.

    Examples
    --------
    >>> from minigrad.plots import plot_confusion
    >>> figure = plot_confusion([0, 1, 1, 1], [0, 1, 1, 0], labels=["cat", "dog"])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['1', '1', '2']
    >>> figure.axes[0].get_title()
    '3 of 4 right (75.00 %)'

    References
    ----------
    The counts are those of `sklearn.metrics.confusion_matrix`.
    """
    true, guessed = _classes_of("y_true", y_true), _classes_of("y_pred", y_pred)
    if true.shape != guessed.shape:
        raise ShapeError(f"y_true has {len(true)} entries and y_pred {len(guessed)}")
    if (true.dtype.kind == "U") != (guessed.dtype.kind == "U"):
        raise DtypeError(f"y_true holds {true.dtype} and y_pred {guessed.dtype}; use one of both")
    classes, names = _classes(true, guessed, labels)
    counts = _counts(true, guessed, classes)
    size = max(4.0, 1.5 + 0.55 * min(len(names), 40))
    figure = new_figure("Drawing a confusion matrix", size + 1, size)
    right = int(np.trace(counts))
    axes = figure.add_subplot()
    _draw_counts(figure, axes, counts)
    share = 100 * right / len(true)
    axes.set(
        title=f"{right} of {len(true)} right ({share:.2f} %)", xlabel="predicted", ylabel="true"
    )
    _name_ticks(axes, names)
    return figure


def _classes_of(name: str, values: ArrayLike | Tensor) -> NDArray[Any]:
    array = plain(values)
    if array.ndim != 1 or not array.size:
        raise ShapeError(
            f"{name} has one class per sample, shape (N,), not {array.shape}; "
            "of scores, take scores.argmax(axis=1)"
        )
    if array.dtype.kind == "O" and all(isinstance(value, str) for value in array):
        array = array.astype(str)
    if array.dtype.kind not in "biuU":
        raise DtypeError(f"{name} holds {array.dtype}; classes are integers or strings")
    return array.astype(np.int64) if array.dtype.kind == "b" else array


def _classes(
    true: NDArray[Any], guessed: NDArray[Any], labels: Sequence[Any] | None
) -> tuple[NDArray[Any], list[str]]:
    found = np.unique(np.concatenate([true, guessed]))
    if labels is None:
        return found, [str(label) for label in found]
    names = [str(label) for label in labels]
    if len(set(names)) != len(names):
        raise ArgumentError(f"labels holds a class twice: {list(labels)}")
    are_names = found.dtype.kind != "U" and all(isinstance(label, str) for label in labels)
    classes = np.arange(len(names)) if are_names else np.asarray(labels)
    unknown = [value for value in found.tolist() if value not in classes.tolist()]
    if unknown:
        raise ArgumentError(
            f"the classes {unknown} occur and are not among the labels {list(labels)}"
            + (f", which name 0 to {len(names) - 1}" if are_names else "")
        )
    return classes, names


def _counts(true: NDArray[Any], guessed: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    metrics = require("sklearn.metrics", extra="plots", purpose="Counting a confusion matrix")
    if len(classes) == 1:  # right, and scikit-learn warns of it
        return np.array([[len(true)]])
    counts: NDArray[np.int64] = metrics.confusion_matrix(true, guessed, labels=classes)
    return counts


def _draw_counts(figure: Figure, axes: Axes, counts: NDArray[Any]) -> None:
    colors = require("matplotlib.colors", extra="plots", purpose="Drawing a confusion matrix")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shade = axes.imshow(shares, cmap="Blues", norm=colors.PowerNorm(0.5, vmin=0, vmax=1))
    figure.colorbar(shade, ax=axes, label="share of the true class", shrink=0.8)
    if len(counts) > _MOST_CLASSES_WITH_COUNTS:
        return
    for row, column in np.argwhere(counts):
        dark = shares[row, column] > 0.3
        axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=9,
            color="white" if dark else "black",
        )


def _name_ticks(axes: Axes, names: list[str]) -> None:
    step = math.ceil(len(names) / _MOST_CLASSES_WITH_COUNTS)
    shown = range(0, len(names), step)
    long = max(map(len, names)) > 3
    axes.set_xticks(
        shown, names[::step], rotation=45 if long else 0, ha="right" if long else "center"
    )
    axes.set_yticks(shown, names[::step])
