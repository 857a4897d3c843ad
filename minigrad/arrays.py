"""Arrays made of what users hand over, and NumPy's complaints in the users' terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.errors import DtypeError, ShapeError

__all__ = ["as_array", "explain", "is_floating", "plain_shape"]


def as_array(data: Any, dtype: DTypeLike | None = None, *, copy: bool = True) -> Any:
    """Return the array that `data` stands for.

    An array keeps its kind and dtype. Python numbers and (nested) lists of them become float32,
    booleans stay booleans.

    Parameters
    ----------
    data : array, number, or nested sequence of numbers
    dtype : dtype, optional
        What to convert to instead.
    copy : bool, default True
        Whether an array that is right already is copied.

    Raises
    ------
    DtypeError
        If `data` holds something that is not a number.
    ShapeError
        If a nested sequence is ragged.
    """
    if hasattr(data, "__array_function__"):
        if data.dtype.kind in "OSUmM":
            raise DtypeError(_not_numbers(data, dtype))
        return data.astype(data.dtype if dtype is None else dtype, copy=copy)
    try:
        array = np.array(data, dtype=dtype)
    except (ValueError, TypeError, OverflowError) as error:
        if "inhomogeneous" in str(error):
            raise ShapeError(
                "a nested list must be rectangular to become a tensor, and the rows of this one "
                f"differ in length or depth: {_shorten(data)}"
            ) from error
        raise DtypeError(_not_numbers(data, dtype)) from error
    if dtype is not None or isinstance(data, np.generic):
        return array
    if array.dtype.kind not in "biufc":
        raise DtypeError(_not_numbers(data, None))
    return array if array.dtype.kind == "b" else _narrow(array)


def _narrow(array: np.ndarray) -> np.ndarray:
    """Give numbers from Python the default precision, unless that would change integers."""
    narrow = array.astype(np.complex64 if array.dtype.kind == "c" else np.float32)
    if array.dtype.kind in "iu" and not np.array_equal(narrow.astype(np.float64), array):
        raise DtypeError(
            f"integers as large as {np.abs(array).max()} are not exact in float32, which Python "
            "numbers become; say which dtype you want: minigrad.tensor(data, dtype=np.int64)"
        )
    return narrow


def _not_numbers(data: Any, dtype: DTypeLike | None) -> str:
    wanted = f"of dtype {np.dtype(dtype)}" if dtype is not None else "of numbers"
    return (
        f"cannot make an array {wanted} from {_shorten(data)}; a tensor is made of a number, a "
        "rectangular nested list of numbers, or an array"
    )


def _shorten(data: Any) -> str:
    text = f"{type(data).__name__} {data!r}"
    return text if len(text) <= 80 else text[:77] + "..."


def is_floating(dtype: Any) -> bool:
    """Return whether values of this dtype can have gradients: real floating-point numbers."""
    return bool(dtype.kind == "f")


def plain_shape(value: Any) -> str:
    """Describe an operand for an error message."""
    shape = getattr(value, "shape", None)
    if shape is None:
        return _shorten(value)
    return f"{tuple(shape)} {getattr(value, 'dtype', '')}".rstrip()


def explain(
    function: Callable[..., Any],
    name: str,
    operands: Sequence[Any],
    path: str,
    error: Exception,
) -> Exception:
    """Return the exception that says in the user's terms why a NumPy function failed.

    A function of the user's own raises what it likes: its exceptions only get a note.
    """
    what = f"{name} of {', '.join(map(plain_shape, operands))}{f' in {path}' if path else ''}"
    is_numpy = isinstance(function, np.ufunc) or _module(function).split(".")[0] in _NUMPY
    if not is_numpy or isinstance(error, ShapeError | DtypeError):
        error.add_note(what)
        return error
    if isinstance(error, IndexError) and not isinstance(error, ValueError):
        explained: Exception = IndexError(f"{what}: {error}")
    elif isinstance(error, ValueError):
        explained = ShapeError(f"{what}: {error}")
    elif isinstance(error, TypeError):
        explained = DtypeError(f"{what}: {error}")
    else:
        error.add_note(what)
        return error
    explained.__cause__ = error
    return explained


_NUMPY = {"numpy", "operator", "_operator"}


def _module(function: Callable[..., Any]) -> str:
    return getattr(function, "__module__", None) or ""
