"""Pictures of training and of predictions, drawn with matplotlib.

Every function returns a `matplotlib.figure.Figure` of its own and leaves `matplotlib.pyplot` and
its list of open figures alone: write it with ``figure.savefig("name.png")``; in a notebook, after
``%matplotlib inline``, it shows itself as the last value of a cell.

The colours are Okabe and Ito's, which people with any colour vision can tell apart, and nothing is
said by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigrad._extras import require
from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_confusion", "plot_history", "plot_images"]

Curves: TypeAlias = Mapping[str, Sequence[float]]

_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
_MARKERS = [
    "o",
    "s",
    "^",
    "D",
    "v",
    "P",
    "X",
    "*",
]  # not as many as colours: pairs repeat late
_RIGHT, _WRONG = "#000000", "#D55E00"
_NOT_CURVES = {"epoch", "lr", "seconds"}
_MOST_IMAGES = 400
_MOST_CLASSES_WITH_COUNTS = 30


# --- Curves ----------------------------------------------------------------------------------


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
    figure = _new_figure("Drawing a history", 2.5 + 4 * len(panels), 3.8)
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
        color=_COLOURS[index % len(_COLOURS)],
        marker=_MARKERS[index % len(_MARKERS)],
        markersize=5,
        markevery=max(1, len(values) // 10),
        markerfacecolor="white" if style == "--" else None,
        label=label,
    )


# --- Images ----------------------------------------------------------------------------------


def plot_images(
    images: ArrayLike | Tensor,
    labels: ArrayLike | Tensor | None = None,
    predictions: ArrayLike | Tensor | None = None,
    *,
    columns: int = 10,
) -> Figure:
    """Draw images in a grid, with what they are and what was predicted.

    A wrong prediction stands out by a thick frame and a bold title that says both.

    Parameters
    ----------
    images : array of shape (N, H*H), (N, H, W), (N, C, H, W) or (N, H, W, C)
        Flat images are square: 784 values are 28 by 28, 64 are 8 by 8. C is 1 or 3. The range of
        values is that of all images together, so any scaling will do. At most 400 images.
    labels : array of shape (N,), optional
        What each image is: integers or strings.
    predictions : array of shape (N,), optional
        What it was taken for.
    columns : int, default 10
        Images in a row.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If `images` has another shape, or there is not one label and one prediction for each.
    ArgumentError
        If `columns` is not positive, or there are more than 400 images.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.plots import plot_images
    >>> figure = plot_images(np.zeros((2, 784)), labels=[5, 3], predictions=[5, 8])
    >>> [axes.get_title() for axes in figure.axes]
    ['5', '8, is 3']
    """
    pictures = _pictures(_plain(images))
    count = len(pictures)
    true = _one_each("labels", labels, count)
    guessed = _one_each("predictions", predictions, count)
    if not isinstance(columns, int | np.integer) or columns < 1:
        raise ArgumentError(f"columns is an integer from 1 up, not {columns!r}")
    columns = min(int(columns), count)
    rows = math.ceil(count / columns)
    figure = _new_figure("Drawing images", 1.1 * columns + 0.3, 1.35 * rows + 0.2)
    low, high = float(np.nanmin(pictures)), float(np.nanmax(pictures))
    for index, picture in enumerate(pictures):
        axes = figure.add_subplot(rows, columns, index + 1)
        axes.imshow(picture, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        _caption(axes, *(None if of is None else str(of[index]) for of in (true, guessed)))
    return figure


def _pictures(images: NDArray[Any]) -> NDArray[Any]:
    """Return images of shape (N, H, W), or (N, H, W, 3) with values from 0 to 1."""
    if images.dtype.kind not in "biuf":
        raise DtypeError(f"images are numbers, not {images.dtype}")
    if images.size == 0 or images.ndim < 2:
        raise ShapeError(
            f"there are no images in an array of shape {images.shape}; "
            "a single image is images[None]"
        )
    if len(images) > _MOST_IMAGES:
        raise ArgumentError(
            f"{len(images)} images are too many for one figure; draw images[:{_MOST_IMAGES}]"
        )
    if images.ndim == 2:
        images = _square(images)
    if images.ndim == 4 and images.shape[1] in (1, 3):
        images = np.moveaxis(images, 1, -1)
    if images.ndim == 3:
        return images.astype(np.float32)
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ShapeError(
            "images have shape (N, H*H), (N, H, W), (N, C, H, W) or (N, H, W, C) with C 1 or 3, "
            f"not {images.shape}; a single image is images[None]"
        )
    return images[..., 0].astype(np.float32) if images.shape[-1] == 1 else _from_0_to_1(images)


def _square(images: NDArray[Any]) -> NDArray[Any]:
    side = math.isqrt(images.shape[1])
    if side * side != images.shape[1]:
        raise ShapeError(
            f"flat images are square, and {images.shape[1]} values (shape {images.shape}) are not; "
            "reshape them to (N, H, W) or (N, C, H, W); a single image is images[None]"
        )
    return images.reshape(-1, side, side)


def _from_0_to_1(images: NDArray[Any]) -> NDArray[Any]:
    pixels = images.astype(np.float32)
    if images.dtype == np.uint8:
        return pixels / 255
    low, high = np.nanmin(pixels), np.nanmax(pixels)
    if low >= 0 and high <= 1:
        return pixels
    return (pixels - low) / max(high - low, np.float32(1e-12))


def _caption(axes: Axes, label: str | None, guess: str | None) -> None:
    if label is None or guess is None or label == guess:
        axes.set_title(guess or label or "", fontsize=10, color=_RIGHT)
        return
    separator = ", " if len(guess + label) < 6 else ",\n"
    title = f"{guess}{separator}is {label}"
    axes.set_title(title, fontsize=10, color=_WRONG, fontweight="bold")
    for spine in axes.spines.values():
        spine.set(color=_WRONG, linewidth=3)


# --- Confusion matrix ------------------------------------------------------------------------


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
    figure = _new_figure("Drawing a confusion matrix", size + 1, size)
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
    array = _plain(values)
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


# --- What they share -------------------------------------------------------------------------


def _new_figure(purpose: str, width: float, height: float) -> Figure:
    module = require("matplotlib.figure", extra="plots", purpose=purpose)
    figure: Figure = module.Figure(figsize=(width, height), layout="constrained")
    return figure


def _plain(values: ArrayLike | Tensor) -> NDArray[Any]:
    return np.asarray(values.data if isinstance(values, Tensor) else values)


def _one_each(name: str, values: ArrayLike | Tensor | None, count: int) -> list[Any] | None:
    if values is None:
        return None
    array = _plain(values)
    if array.shape != (count,):
        hint = f"; of scores, take {name}.argmax(axis=1)" if array.ndim == 2 else ""
        raise ShapeError(f"{name} has shape {array.shape} for {count} images, not ({count},){hint}")
    return list(array.tolist())
