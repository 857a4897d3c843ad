"""Grids of images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.plots._figures import new_figure, plain
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_images"]

_RIGHT, _WRONG = "#000000", "#D55E00"
_MOST_IMAGES = 400


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
    pictures = _pictures(plain(images))
    count = len(pictures)
    true = _one_each("labels", labels, count)
    guessed = _one_each("predictions", predictions, count)
    if not isinstance(columns, int | np.integer) or columns < 1:
        raise ArgumentError(f"columns is an integer from 1 up, not {columns!r}")
    columns = min(int(columns), count)
    rows = math.ceil(count / columns)
    figure = new_figure("Drawing images", 1.1 * columns + 0.3, 1.35 * rows + 0.2)
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


def _one_each(name: str, values: ArrayLike | Tensor | None, count: int) -> list[Any] | None:
    if values is None:
        return None
    array = plain(values)
    if array.shape != (count,):
        hint = f"; of scores, take {name}.argmax(axis=1)" if array.ndim == 2 else ""
        raise ShapeError(f"{name} has shape {array.shape} for {count} images, not ({count},){hint}")
    return list(array.tolist())
