"""What a classifier of points in the plane says everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigrad._extras import require
from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.plots._figures import COLOURS, MARKERS, new_figure, plain
from minigrad.tensor import Tensor
from minigrad.training import predict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_decision_regions"]

_MARGIN = 0.15  # of the extent of the points, on each side


def plot_decision_regions(
    model: Callable[[Any], Any],
    x: ArrayLike | Tensor,
    y: ArrayLike | Tensor,
    *,
    threshold: float = 0.0,
    resolution: int = 300,
) -> Figure:
    """Draw which class a model sees where, and the points that it should have learned.

    The plane is shaded in the colour of the class with the highest score, with a black line
    where it changes. Each class of points has a colour and a marker.

    Parameters
    ----------
    model : nn.Module or callable
        Takes points (N, 2) and returns scores of shape (N, C), or one score each, of shape (N,)
        or (N, 1).
    x : array of shape (N, 2)
        Points, as floats.
    y : array of shape (N,) or (N, 1)
        Their classes, integers from 0 up.
    threshold : float, default 0
        Where a single score means class 1: above 0 for logits, above 0.5 for probabilities.
    resolution : int, default 300
        How many places the model is asked about along each side of the picture.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ShapeError
        If the points are not in the plane, there is not one class for each, or the model returns
        another number of scores than it was given points.
    DtypeError
        If the classes are not integers.
    ArgumentError
        If `resolution` is below 2 or a class negative.
    MissingExtraError
        If matplotlib is not installed.

    Examples
    --------
    >>> from minigrad.data import make_xor
    >>> from minigrad.plots import plot_decision_regions
    >>> x, y = make_xor()
    >>> figure = plot_decision_regions(lambda x: x[:, 0] + x[:, 1] - 1.5, x, y, resolution=20)
    >>> figure.axes[0].get_title()
    '1 of 4 right (25.00 %)'
    """
    points, classes = _points(plain(x)), _labels(plain(y))
    if len(points) != len(classes):
        raise ShapeError(f"there are {len(points)} points and {len(classes)} classes")
    if not isinstance(resolution, int | np.integer) or resolution < 2:  # True is 1
        raise ArgumentError(f"resolution is an integer from 2 up, not {resolution!r}")
    figure = new_figure("Drawing decision regions", 6.2, 5.0)
    axes = figure.add_subplot()
    _draw_regions(axes, model, points, threshold, resolution, int(classes.max()) + 1)
    _draw_points(axes, points, classes)
    right = int(np.count_nonzero(_scores(model, points, threshold).argmax(axis=1) == classes))
    share = 100 * right / len(classes)
    axes.set(xlabel="first input", ylabel="second input")
    axes.set_title(f"{right} of {len(classes)} right ({share:.2f} %)")
    figure.legend(loc="outside right upper")
    return figure


def _draw_points(axes: Axes, points: NDArray[Any], classes: NDArray[np.int64]) -> None:
    for index in range(int(classes.max()) + 1):
        across, up = points[classes == index].T
        axes.scatter(
            across,
            up,
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            edgecolors="white",
            linewidths=0.6,
            s=36,
            label=f"class {index}",
            zorder=3,
        )


def _points(x: NDArray[Any]) -> NDArray[Any]:
    if x.ndim != 2 or x.shape[1] != 2 or not len(x):
        raise ShapeError(f"the plane has points of shape (N, 2), not {x.shape}")
    if x.dtype.kind not in "biuf":
        raise DtypeError(f"points are numbers, not {x.dtype}")
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def _labels(y: NDArray[Any]) -> NDArray[np.int64]:
    classes = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if classes.ndim != 1:
        raise ShapeError(f"y has one class per point, shape (N,), not {y.shape}")
    if classes.dtype.kind not in "biuf" or (classes != np.round(classes)).any():
        raise DtypeError(f"classes are integers from 0 up, not {y.dtype}: {classes[:5]}")
    if classes.min(initial=0) < 0:
        raise ArgumentError(f"classes are integers from 0 up, and there is {classes.min()}")
    return classes.astype(np.int64)


def _scores(model: Callable[[Any], Any], x: NDArray[Any], threshold: float) -> NDArray[Any]:
    """Return a score for each class, shape (N, C); a single score stands against 0 for class 0."""
    scores = predict(model, x).astype(np.float64)
    if scores.ndim == 2 and scores.shape[1] > 1:
        return scores
    if scores.size != len(x):
        raise ShapeError(
            f"the model returns shape {scores.shape} for {len(x)} points; scores have shape "
            f"({len(x)}, C), or ({len(x)},)"
        )
    above: NDArray[Any] = scores.reshape(-1) - threshold
    return np.stack([np.zeros_like(above), above], axis=1)


def _draw_regions(
    axes: Axes,
    model: Callable[[Any], Any],
    points: NDArray[Any],
    threshold: float,
    resolution: int,
    classes: int,
) -> None:
    low, high = points.min(axis=0), points.max(axis=0)
    margin = _MARGIN * np.maximum(high - low, 1e-6)
    sides = np.linspace(low - margin, high + margin, resolution, dtype=points.dtype)
    across, up = np.meshgrid(*sides.T)
    places = np.stack([across.ravel(), up.ravel()], axis=1)
    scores = _scores(model, places, threshold)
    decided = scores.argmax(axis=1)
    classes = max(classes, int(decided.max()) + 1)
    colors = require("matplotlib.colors", extra="plots", purpose="Drawing decision regions")
    axes.pcolormesh(
        across,
        up,
        decided.reshape(across.shape),
        cmap=colors.ListedColormap([COLOURS[k % len(COLOURS)] for k in range(classes)]),
        vmin=-0.5,
        vmax=classes - 0.5,
        alpha=0.25,
        shading="nearest",
        rasterized=True,
    )
    for index in np.unique(decided)[1:]:
        lead = _lead(scores, index)
        lead[decided > index] = np.nan  # where a class after it is ahead, they have no border
        border = lead.reshape(across.shape)
        axes.contour(across, up, border, levels=[0], colors="black", linewidths=0.8)


def _lead(scores: NDArray[Any], index: int) -> NDArray[Any]:
    """Return how far a class is ahead of those before it: 0 on its borders with them."""
    with np.errstate(invalid="ignore"):  # of two infinite scores none is ahead
        lead = scores[:, index] - scores[:, :index].max(axis=1)
    finite: NDArray[Any] = np.nan_to_num(lead, posinf=1.0, neginf=-1.0)
    return finite
