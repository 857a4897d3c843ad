"""A picture from a file, made into what a network of handwritten characters was trained on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from minigrad._extras import require
from minigrad.data._checks import check_count, check_range
from minigrad.errors import (
    ArgumentError,
    CheckpointError,
    DataError,
    DataNotFoundError,
    DtypeError,
    ShapeError,
)

__all__ = ["ImagePreparation"]

Array = npt.NDArray[Any]
_KEY = "image_preparation"
_LEAST_CONTRAST = 25  # of 255: what differs less from its background is no stroke
_PAPER = 0.15  # of the strongest stroke: what is fainter is paper, which is never quite even


@dataclass(frozen=True)
class ImagePreparation:
    """How a picture of any size becomes the input of a network: a recipe to keep with its weights.

    A network knows only pictures like those that it was trained on. This does to a picture what
    was done to MNIST's: the strokes are made light on black, whether they were drawn light or
    dark; they are cut out, scaled to fit a square `box` with their proportions kept, and put into
    the middle of a square of `size` pixels. The strongest stroke becomes the upper end of
    `pixel_range`, black the lower.

    It takes bytes from 0 to 255 and nothing else, so that no picture is scaled twice.

    Parameters
    ----------
    size : int, default 28
        Height and width of what comes out, in pixels.
    box : int, default 20
        Height or width of the strokes in it, whichever is larger; at most `size`.
    middle : {"mass", "box"}, default "mass"
        What is put into the middle: the centre of mass of the strokes, on pixel ``size // 2`` as
        in MNIST (or as near to it as all of them stay inside), or the box around them, as in the
        digits of `load_digits`, for which this is ``ImagePreparation(8, 8, middle="box")``.
    pixel_range : pair of float, default (0, 1)
        What black and the strongest stroke become.

    Raises
    ------
    ArgumentError
        If a number is out of its range.

    Notes
    -----
    What the edges of the picture show for the most part is taken for its background. So of a
    photograph, cut out a piece that is paper all around, without shadows and lines.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.data import ImagePreparation
    >>> prepare = ImagePreparation()
    >>> picture = np.full((200, 300), 255, np.uint8)  # white paper
    >>> picture[50:150, 200:220] = 0  # a stroke of black ink
    >>> x = prepare(picture)
    >>> x.shape, x.dtype, x.max()
    ((1, 784), dtype('float32'), np.float32(1.0))
    >>> np.argwhere(x.reshape(28, 28)).min(axis=0), np.argwhere(x.reshape(28, 28)).max(axis=0)
    (array([ 4, 12]), array([23, 15]))

    In a file with the weights it cannot be forgotten:

    >>> import tempfile
    >>> from minigrad import nn
    >>> from minigrad.io import inspect_weights, save_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/weights.safetensors"
    ...     save_weights(nn.Linear(784, 10), path, metadata=prepare.to_metadata())
    ...     ImagePreparation.from_metadata(inspect_weights(path).metadata)
    ImagePreparation(size=28, box=20, middle='mass', pixel_range=(0.0, 1.0))

    References
    ----------
    The description of MNIST at http://yann.lecun.com/exdb/mnist/: a box of 20 by 20 pixels with
    the proportions kept, in 28 by 28 by the centre of mass.
    """

    size: int = 28
    box: int = 20
    middle: Literal["mass", "box"] = "mass"
    pixel_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", check_count("size", self.size))
        object.__setattr__(self, "box", check_count("box", self.box))
        if self.box > self.size:
            raise ArgumentError(f"a box of {self.box} pixels does not fit into {self.size}")
        if self.middle not in ("mass", "box"):
            raise ArgumentError(f"middle is 'mass' or 'box', not {self.middle!r}")
        object.__setattr__(self, "pixel_range", check_range("pixel_range", self.pixel_range))

    def __call__(self, picture: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Prepare one picture.

        Parameters
        ----------
        picture : array of uint8, shape (H, W), (H, W, 3) or (H, W, 4)
            Grey, colours, or colours and opacity, from 0 to 255.

        Returns
        -------
        numpy.ndarray of float32, shape (1, size * size)
            A batch of one, for a network of flat images.

        Raises
        ------
        DtypeError
            If the pixels are not uint8, such as pixels that are scaled already.
        ShapeError
            If it is no single picture.
        DataError
            If there is nothing to be seen in it.
        MissingExtraError
            If Pillow is not installed.
        """
        image = require("PIL.Image", extra="data", purpose="Preparing a picture")
        strokes = _cut_out(_strokes(_grey(_checked(picture))))
        scale = self.box / max(strokes.shape)
        height, width = (max(1, round(length * scale)) for length in strokes.shape)
        small = np.asarray(
            image.fromarray(strokes).resize((width, height), image.Resampling.BILINEAR)
        )
        low, high = self.pixel_range
        out = low + (high - low) * self._centred(small / small.max())
        return out.reshape(1, -1).astype(np.float32)

    def read(self, path: str | os.PathLike[str]) -> npt.NDArray[np.float32]:
        """Prepare the picture in a file: PNG, JPEG, or whatever Pillow reads.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        numpy.ndarray of float32, shape (1, size * size)

        Raises
        ------
        DataNotFoundError
            If there is no such file.
        DataError
            If it is no picture, is far too large, or there is nothing to be seen in it.
        MissingExtraError
            If Pillow is not installed.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from PIL import Image
        >>> from minigrad.data import ImagePreparation
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pixels = np.zeros((90, 60), np.uint8)
        ...     pixels[20:70, 25:35] = 200
        ...     Image.fromarray(pixels).save(f"{folder}/one.png")
        ...     x = ImagePreparation(size=8, box=8).read(f"{folder}/one.png")
        >>> x.shape
        (1, 64)
        """
        try:
            return self(_pixels_of(Path(path)))
        except DataError as error:
            raise type(error)(f"{os.fspath(path)}: {error}") from error

    def to_metadata(self) -> dict[str, str]:
        """Return the recipe as text, for the ``metadata`` of `minigrad.io.save_weights`."""
        return {_KEY: json.dumps(asdict(self))}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Return the recipe that `to_metadata` has written.

        Parameters
        ----------
        metadata : mapping of str to str
            ``inspect_weights(path).metadata``.

        Raises
        ------
        CheckpointError
            If there is no recipe in it, or none that this version understands.
        """
        if _KEY not in metadata:
            raise CheckpointError(
                f"these weights do not say how their images were prepared (metadata: "
                f"{', '.join(sorted(metadata)) or 'none'}); save them with save_weights(model, "
                "path, metadata=preparation.to_metadata())"
            )
        try:
            return cls(**json.loads(metadata[_KEY]))
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"the preparation {metadata[_KEY]!r:.200} is none that this version of minigrad "
                f"understands: {error}"
            ) from error

    def _centred(self, strokes: Array) -> Array:
        out = np.zeros((self.size, self.size), strokes.dtype)
        height, width = strokes.shape
        top = self._start(strokes.sum(axis=1))
        left = self._start(strokes.sum(axis=0))
        out[top : top + height, left : left + width] = strokes
        return out

    def _start(self, mass: Array) -> int:
        """Return where along an axis the strokes begin."""
        room = self.size - len(mass)
        if self.middle == "box":
            return room // 2
        centre = (mass @ np.arange(len(mass))) / mass.sum()
        return int(np.clip(round(self.size // 2 - centre), 0, room))


def _pixels_of(path: Path) -> Array:
    image = require("PIL.Image", extra="data", purpose="Reading a picture")
    operations = require("PIL.ImageOps", extra="data", purpose="Reading a picture")
    try:
        with image.open(path) as opened:
            upright = operations.exif_transpose(opened)  # a camera held sideways says so
            if upright.mode[:1] in "IF":  # more than 8 bits a pixel
                return _to_bytes(np.asarray(upright, np.float64))
            transparent = upright.mode in ("LA", "PA", "RGBA") or "transparency" in upright.info
            return np.asarray(upright.convert("RGBA" if transparent else "L"))
    except FileNotFoundError as error:
        raise DataNotFoundError("there is no such file") from error
    except image.DecompressionBombError as error:
        raise DataError(f"too large a picture; cut out the character first ({error})") from error
    except (OSError, SyntaxError, ValueError) as error:  # as Pillow's readers find damage
        raise DataError(f"not a picture that can be read ({error})") from error


def _to_bytes(values: Array) -> Array:
    low, high = values.min(), values.max()
    scaled: Array = (values - low) / max(high - low, 1) * 255
    return scaled.astype(np.uint8)


def _checked(picture: npt.ArrayLike) -> Array:
    array = np.asarray(picture)
    if array.dtype != np.uint8:
        raise DtypeError(
            f"a picture is bytes (uint8) from 0 to 255, and this is {array.dtype}; are the pixels "
            "scaled already? What is prepared goes to the model as it is"
        )
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ShapeError(
            f"a picture has shape (H, W), (H, W, 3) or (H, W, 4), not {array.shape}; prepare "
            "several one by one: np.concatenate([prepare(picture) for picture in pictures])"
        )
    return array


def _grey(picture: Array) -> Array:
    """Return the brightness from 0 to 255; what is transparent is the colour of paper."""
    if picture.ndim == 2:
        return picture.astype(np.float32)
    grey: Array = picture[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601
    if picture.shape[2] == 3:
        return grey
    opacity = picture[..., 3] / np.float32(255)
    # Black paper, where white strokes would be lost on white.
    paper = 0 if opacity.any() and np.average(grey, weights=opacity) > 127 else 255
    blended: Array = opacity * grey + (1 - opacity) * np.float32(paper)
    return blended


def _strokes(grey: Array) -> Array:
    """Return how much each pixel differs from the background, in the direction of the strokes."""
    edges = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    difference = grey - np.median(edges)
    strokes = np.maximum(difference if difference.max() > -difference.min() else -difference, 0)
    if strokes.max() < _LEAST_CONTRAST:
        raise DataError("there is nothing to be seen: all pixels are of nearly the same brightness")
    return np.where(strokes < _PAPER * strokes.max(), 0, strokes).astype(np.float32)


def _cut_out(strokes: Array) -> Array:
    rows, columns = (np.flatnonzero(strokes.any(axis=axis)) for axis in (1, 0))
    inside: Array = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return inside
