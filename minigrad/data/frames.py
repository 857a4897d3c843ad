"""Data frames as arrays, as `pandas` and `sklearn.datasets.fetch_openml` give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from minigrad.data._checks import check_finite
from minigrad.data.labels import encode_labels
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError

__all__ = ["LabelledArrays", "from_frame"]


class LabelledArrays(NamedTuple):
    """What `from_frame` returns: ``x, y, classes = from_frame(...)``.

    Attributes
    ----------
    x : numpy.ndarray, shape (N, features)
        The features.
    y : numpy.ndarray of int64, shape (N,)
        The labels as numbers.
    classes : tuple
        ``classes[y[i]]`` is the label of sample i as it was in the frame.

    Examples
    --------
    >>> from minigrad.data import from_frame
    >>> from_frame([[1.0], [2.0]], ["yes", "no"]).classes
    ('no', 'yes')
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[np.int64]
    classes: tuple[Any, ...]


def from_frame(
    frame: Any,
    labels: Any,
    *,
    classes: Sequence[Any] | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> LabelledArrays:
    """Turn a frame of numbers and its labels, which may be strings, into arrays.

    Parameters
    ----------
    frame : DataFrame or array_like, shape (N, features)
        The features; with `labels` as a column name, the labels too.
    labels : str, Series or array_like, shape (N,)
        The name of the column of labels, or the labels themselves: the target of
        ``fetch_openml("mnist_784", return_X_y=True)`` with its strings ``"5", "0", ...``.
    classes : sequence, optional
        The labels in the order of their numbers, as for `encode_labels`: pass those of the
        training set on to encode a test set alike.
    dtype : float dtype, default float32
        Dtype of the features.

    Returns
    -------
    LabelledArrays
        The named tuple ``(x, y, classes)``.

    Raises
    ------
    ArgumentError
        If the frame has no column of that name.
    ShapeError
        If there are not as many labels as rows, or the features are no table.
    DtypeError
        If `dtype` is no float dtype.
    DataError
        If a feature or a label is missing, or a feature is no number; the message names column
        and row.

    Examples
    --------
    >>> import pandas as pd
    >>> from minigrad.data import from_frame
    >>> frame = pd.DataFrame({"width": [1, 2], "height": [3, 4], "class": ["5", "0"]})
    >>> x, y, classes = from_frame(frame, "class")
    >>> x
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    >>> y
    array([5, 0])
    """
    if np.dtype(dtype).kind != "f":
        raise DtypeError(f"dtype is a float dtype, not {np.dtype(dtype)}")
    if isinstance(labels, str):
        frame, labels = _split_column(frame, labels)
    x = _features(frame, dtype)
    y, names = encode_labels(labels, classes)
    if len(x) != len(y):
        raise ShapeError(f"the frame has {len(x)} rows and there are {len(y)} labels")
    return LabelledArrays(x, y, names)


def _split_column(frame: Any, name: str) -> tuple[Any, Any]:
    columns = list(getattr(frame, "columns", []))
    if name not in columns:
        shown = ", ".join(map(str, columns[:10])) or "none"
        raise ArgumentError(f"the frame has no column {name!r}; its columns are {shown}")
    return frame.drop(columns=[name]), frame[name]


def _features(frame: Any, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    array = np.asarray(frame)
    if array.ndim != 2:
        raise ShapeError(f"features are a table of rows and columns, not of shape {array.shape}")
    columns = list(getattr(frame, "columns", range(array.shape[1])))
    try:
        with np.errstate(over="ignore"):
            x = np.ascontiguousarray(array, dtype)
        check_finite("x", x)
    except (ValueError, TypeError) as error:
        _explain(array, columns)
        raise DataError(f"the features are no numbers of dtype {np.dtype(dtype)}") from error
    return x


def _explain(array: npt.NDArray[Any], columns: list[Any]) -> None:
    """Raise the error that names the first column and row at fault."""
    for column, values in zip(columns, array.T, strict=True):
        for row, value in enumerate(values.tolist()):
            try:
                good = bool(np.isfinite(float(value)))
            except (ValueError, TypeError):
                good = False
            if not good:
                raise DataError(
                    f"column {column!r}, row {row}: {value!r} is not a finite number; drop the "
                    f"column or row, or turn it into numbers first"
                )
