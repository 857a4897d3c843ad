"""Scaling of single samples, which needs nothing but the sample: norms and pixels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from minigrad.data._checks import as_floats, ones_for_zeros
from minigrad.errors import ArgumentError

__all__ = ["normalize", "scale_pixels"]

Array = npt.NDArray[Any]


def scale_pixels(x: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return bytes 0 to 255 as float32 from 0 to 1: ``out = x / 255``.

    Parameters
    ----------
    x : array_like of uint8
        Pixels. As the transform of a `DataLoader` it scales one batch at a time, so that the
        data set can stay uint8, a quarter of the size.

    Returns
    -------
    numpy.ndarray of float32
        Of the shape of `x`.

    Raises
    ------
    ArgumentError
        If `x` is not uint8, such as pixels that are scaled already.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.data import scale_pixels
    >>> scale_pixels(np.array([0, 51, 255], dtype=np.uint8))
    array([0. , 0.2, 1. ], dtype=float32)
    """
    array = np.asarray(x)
    if array.dtype != np.uint8:
        raise ArgumentError(
            f"scale_pixels divides uint8 by 255, and this is {array.dtype}; are the pixels "
            f"scaled already?"
        )
    scaled: npt.NDArray[np.float32] = np.divide(array, np.float32(255), dtype=np.float32)
    return scaled


def normalize(
    x: npt.ArrayLike, norm: Literal["l1", "l2", "max"] = "l2", *, axis: int = -1
) -> Array:
    """Divide each sample by its norm.

    ``out = x / |x|`` with the sum of absolute values (l1), the root of the sum of squares (l2)
    or the largest absolute value (max) along `axis`. A sample of zeros stays zeros.

    Parameters
    ----------
    x : array_like
        Finite numbers. Floats keep their dtype, integers become float32.
    norm : {"l1", "l2", "max"}, default "l2"
        Which norm becomes 1.
    axis : int, default -1
        The axis along which the numbers of one sample lie.

    Returns
    -------
    numpy.ndarray
        Of the shape of `x`.

    Raises
    ------
    ArgumentError
        If there is no such norm or axis.
    DataError
        If `x` holds NaN or infinity.

    Examples
    --------
    >>> from minigrad.data import normalize
    >>> normalize([[3.0, -4.0], [0.0, 0.0]])
    array([[ 0.6, -0.8],
           [ 0. ,  0. ]])
    >>> normalize([1, 3], "l1")
    array([0.25, 0.75], dtype=float32)
    """
    if norm not in ("l1", "l2", "max"):
        raise ArgumentError(f"norm is 'l1', 'l2' or 'max', not {norm!r}")
    array = as_floats("x", x)
    if not -array.ndim <= axis < array.ndim:
        raise ArgumentError(f"x of shape {array.shape} has no axis {axis}")
    if array.size == 0:
        return array.copy()
    # Relative to its largest value nothing in a sample overflows, or vanishes, when squared.
    largest = np.maximum(array.max(axis, keepdims=True), -array.min(axis, keepdims=True))
    out: Array = array / ones_for_zeros(largest)
    if norm != "max":
        out /= ones_for_zeros(_sum_norm(out, norm, axis))
    return out


def _sum_norm(array: Array, norm: str, axis: int) -> Array:
    total: Array
    if norm == "l1":
        total = np.abs(array).sum(axis, keepdims=True)
    else:
        total = np.sqrt(np.square(array).sum(axis, keepdims=True))
    return total
