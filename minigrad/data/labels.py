"""Labels as numbers: codes for names, and one-hot rows for codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.data._checks import check_count
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError

__all__ = ["encode_labels", "one_hot"]

_MOST_CLASSES = 10_000  # larger numbers are years or keys, not the numbers of classes


def one_hot(
    labels: npt.ArrayLike,
    num_classes: int | None = None,
    *,
    dtype: npt.DTypeLike = np.float32,
) -> npt.NDArray[Any]:
    """Return a row for each label that is 1 at the label and 0 elsewhere.

    ``out[..., c] = 1 if labels[...] == c else 0``; `numpy.argmax` over the last axis undoes it.

    Parameters
    ----------
    labels : array_like of int, shape (...)
        Classes, from 0 up.
    num_classes : int, optional
        Length C of each row; the largest label plus one where it is not given. Give it whenever
        a part of the data may lack the last classes.
    dtype : dtype, default float32
        Dtype of the result.

    Returns
    -------
    numpy.ndarray, shape (..., C)

    Raises
    ------
    DtypeError
        If the labels are no integers.
    DataError
        If a label is negative, or `num_classes` or more.
    ArgumentError
        If `num_classes` is no integer from 1 up.

    Examples
    --------
    >>> from minigrad.data import one_hot
    >>> one_hot([2, 0], num_classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = _integer_labels(labels)
    if num_classes is None:
        num_classes = _largest_label(labels) + 1
    check_count("num_classes", num_classes)
    _check_range(labels, num_classes)
    out = np.zeros((labels.size, num_classes), dtype)
    out[np.arange(labels.size), labels.reshape(-1)] = 1
    return out.reshape((*labels.shape, num_classes))


def _integer_labels(labels: npt.ArrayLike) -> npt.NDArray[Any]:
    array = np.asarray(labels)
    if array.dtype.kind in "iu":
        return array
    if array.dtype == bool or array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        fractions = array[np.trunc(array) != array]
        advice = "pass labels.astype(int)"
        if fractions.size:
            advice = f"{fractions[0]} is no class, and targets of a regression need no encoding"
    else:
        advice = "turn names into numbers with minigrad.data.encode_labels"
    first = array.reshape(-1)[:1].tolist()[0]
    raise DtypeError(f"labels are integers, not {array.dtype} such as {first!r}; {advice}")


def _largest_label(labels: npt.NDArray[Any]) -> int:
    if labels.size == 0:
        raise DataError("there are no labels to count the classes of; pass num_classes")
    return max(int(labels.max()), 0)


def _check_range(labels: npt.NDArray[Any], num_classes: int) -> None:
    if labels.size == 0:
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        wrong = low if low < 0 else high
        where = np.argwhere(labels == wrong)[0].tolist()
        raise DataError(
            f"label {wrong} at index {where} is out of range: with {num_classes} classes, "
            f"labels go from 0 to {num_classes - 1}"
        )


def encode_labels(
    labels: npt.ArrayLike, classes: Sequence[Any] | None = None
) -> tuple[npt.NDArray[np.int64], tuple[Any, ...]]:
    """Turn labels of any kind into integers from 0 up.

    Parameters
    ----------
    labels : array_like, shape (N,)
        Names, such as ``"cat"`` or the ``"5"`` of a downloaded digit frame, or numbers.
    classes : sequence, optional
        The names in the order of their numbers. Where it is not given, whole numbers from 0 to
        9999, also those written as strings, stand for themselves, so that a part of the data
        is encoded like all of it; other names are numbered in sorted order.

    Returns
    -------
    codes : numpy.ndarray of int64, shape (N,)
        ``classes[codes[i]]`` is the name of label i.
    classes : tuple
        The names; pass them on to encode a test set as its training set was.

    Raises
    ------
    DataError
        If a label is missing (None, NaN), a fraction, or not among `classes`.
    ShapeError
        If there is not one axis.
    ArgumentError
        If `classes` names one twice.

    Examples
    --------
    >>> from minigrad.data import encode_labels
    >>> codes, classes = encode_labels(["dog", "cat", "dog"])
    >>> codes, classes
    (array([1, 0, 1]), ('cat', 'dog'))
    >>> encode_labels(["cat"], classes)[0]
    array([0])
    >>> encode_labels(["5", "2"])[0]
    array([5, 2])
    """
    array = _flat_labels(labels)
    if classes is None:
        numbers = _as_whole_numbers(array)
        if numbers is not None:
            spell = str if array.dtype == object else int
            return numbers, tuple(spell(n) for n in range(int(numbers.max(initial=-1)) + 1))
        classes = sorted(set(array.tolist()), key=lambda name: (type(name).__name__, name))
    return _look_up(array, classes), tuple(classes)


def _flat_labels(labels: npt.ArrayLike) -> npt.NDArray[Any]:
    named = isinstance(labels, list | tuple) and any(isinstance(label, str) for label in labels)
    # As strings of NumPy's, names would lose what follows them, and numbers among them their type.
    array = np.array(labels, object) if named else np.asarray(labels)
    if array.ndim != 1:
        raise ShapeError(f"labels are one-dimensional, not of shape {array.shape}")
    if array.dtype.kind in "iub":
        return array.astype(np.int64)
    for index, label in enumerate(array.tolist()):
        # NaN is not equal to itself, and pandas' NA is neither equal nor unequal.
        if label is None or (label == label) is not True:
            raise DataError(f"label {index} is missing ({label!r}); drop such samples first")
    return _whole_floats(array) if array.dtype.kind == "f" else array.astype(object)


def _whole_floats(array: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    whole = np.trunc(array) == array
    if not whole.all():
        index = int(whole.argmin())
        raise DataError(
            f"label {array[index]} at index {index} is neither a name nor a whole number; "
            f"targets of a regression need no encoding"
        )
    return array.astype(np.int64)


def _as_whole_numbers(array: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """Return the labels as the numbers that they are or spell, or None."""
    if array.dtype == object:
        if not all(_spells_number(label) for label in array.tolist()):
            return None
        array = array.astype(np.int64)
    in_range = not array.size or (array.min() >= 0 and array.max() < _MOST_CLASSES)
    return array if in_range else None


def _spells_number(label: object) -> bool:
    # Without leading zeros, and short enough for an integer of 64 bits.
    return (
        isinstance(label, str)
        and label.isascii()
        and label.isdecimal()
        and len(label) < 19
        and label == str(int(label))
    )


def _look_up(array: npt.NDArray[Any], classes: Sequence[Any]) -> npt.NDArray[np.int64]:
    numbers = {name: number for number, name in enumerate(classes)}
    if len(numbers) < len(classes):
        raise ArgumentError(f"classes names one twice: {list(classes)}")
    try:
        return np.array([numbers[label] for label in array.tolist()], np.int64)
    except KeyError as error:
        raise DataError(
            f"label {error.args[0]!r} at index {array.tolist().index(error.args[0])} is not "
            f"among the classes {list(classes)}"
        ) from None
