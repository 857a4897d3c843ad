"""Arrays made of what users hand over, and NumPy's complaints in the users' terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.errors import DtypeError, MinigradError, ShapeError

__all__ = ["as_array", "as_dtype", "as_numpy", "explain", "is_floating", "plain_shape"]


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
        If `data` holds something that is not a number, or `dtype` is no dtype.
    ShapeError
        If a nested sequence is ragged.
    """
    if dtype is not None:
        dtype = as_dtype(dtype)
    if hasattr(data, "__array_function__"):
        check_kind(data)
        if data.dtype.kind in _NO_NUMBERS:
            raise DtypeError(_not_numbers(data, dtype))
        return data.astype(data.dtype if dtype is None else dtype, copy=copy)
    array = _from_python(data, dtype)
    if dtype is not None or isinstance(data, np.generic):
        return array
    return array if array.dtype.kind == "b" else _narrow(array)


def as_numpy(array: Any) -> np.ndarray:
    """Return an array as NumPy's; one of another device (CuPy's, say) by its ``get``.

    Raises
    ------
    TypeError
        If it cannot be had.
    """
    try:
        return np.asarray(array)
    except TypeError:
        if not hasattr(array, "get"):
            raise
        return np.asarray(array.get())


def as_operand(data: Any, dtype: Any) -> np.ndarray:
    """Return an array of Python numbers that leaves the other operand's precision as it is."""
    array = _from_python(data, None)
    weak = {"b": False, "i": 0, "u": 0, "f": 0.0, "c": 0j}[array.dtype.kind]
    return array.astype(np.result_type(dtype, weak))


def check_kind(array: Any) -> None:
    """Refuse arrays whose operators mean something else than those of plain arrays."""
    if isinstance(array, np.matrix | np.ma.MaskedArray):
        raise DtypeError(
            f"{type(array).__module__}.{type(array).__name__} computes in ways of its own, for "
            "which gradients would be wrong; pass np.asarray(x), or x.filled(value) of a masked one"
        )


def _from_python(data: Any, dtype: DTypeLike | None) -> np.ndarray:
    try:
        array = np.array(data, dtype=dtype)
    except (ValueError, TypeError, OverflowError) as error:
        if "inhomogeneous" in str(error):
            raise ShapeError(
                "a nested list must be rectangular to become a tensor, and the rows of this one "
                f"differ in length or depth: {_shorten(data)}"
            ) from error
        raise DtypeError(_not_numbers(data, dtype)) from error
    if dtype is None and array.dtype.kind not in "biufc":
        raise DtypeError(_not_numbers(data, None))
    return array


def _narrow(array: np.ndarray) -> np.ndarray:
    """Give numbers from Python the default precision, unless that would change integers."""
    narrow = array.astype(np.complex64 if array.dtype.kind == "c" else np.float32)
    if array.dtype.kind in "iu" and narrow.tolist() != array.tolist():  # compared exactly
        raise DtypeError(
            f"integers as large as {np.abs(array).max()} are not exact in float32, which Python "
            "numbers become; say which dtype you want: minigrad.tensor(data, dtype=np.int64)"
        )
    return narrow


def as_dtype(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a dtype of numbers; refuse what NumPy has none of."""
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise DtypeError(
            f"{dtype!r:.60} is no dtype of NumPy's, such as np.float32; several numbers go into a "
            "list: minigrad.tensor([1.0, 2.0])"
        ) from error
    if found.kind in _NO_NUMBERS:
        raise DtypeError(f"a tensor holds numbers, and {found} is no dtype of numbers")
    return found


_NO_NUMBERS = "OSUmM"  # kinds of dtypes: objects, text, times


def _not_numbers(data: Any, dtype: DTypeLike | None) -> str:
    wanted = f"of dtype {dtype}" if dtype is not None else "of numbers"
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
    if isinstance(value, list | tuple) and any(hasattr(item, "shape") for item in value):
        return f"[{', '.join(map(plain_shape, value))}]"
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
    if not _is_numpys(function) or isinstance(error, MinigradError | np.linalg.LinAlgError):
        error.add_note(what)
        return error
    text = f"{what}: {_reason(name, operands, error)}"
    if isinstance(error, ValueError):  # which the complaint about an axis is, too
        explained: Exception = ShapeError(text)
    elif isinstance(error, TypeError):
        explained = DtypeError(text)
    elif isinstance(error, IndexError):
        explained = IndexError(text)
    else:
        error.add_note(what)
        return error
    explained.__cause__ = error
    return explained


def _is_numpys(function: Callable[..., Any]) -> bool:
    """Return whether a function is NumPy's, perhaps in the form that the rules give it."""
    module = getattr(function, "__module__", None) or ""
    return (
        isinstance(function, np.ufunc)
        or module.split(".")[0] in ("numpy", "operator", "_operator")
        or module.startswith("minigrad.rules.")
    )


def _reason(name: str, operands: Sequence[Any], error: Exception) -> str:
    """Return NumPy's complaint with what to do about it."""
    if name.endswith("matmul") and isinstance(error, ValueError):
        reason = _matmul_reason(*(tuple(np.shape(operand)) for operand in operands[:2]))
        if reason:
            return reason
    message = str(error).strip()
    advice = next((advice for sign, advice in _ADVICE.items() if sign in message), "")
    return f"{message}; {advice}" if advice else message


def _matmul_reason(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    """Say which axes of a matrix product differ, and how they would fit."""
    if not a or not b:
        return "a single number is no matrix; multiply by it with *"
    k, n = a[-1], b[-2] if len(b) > 1 else b[0]
    if k == n:
        return ""
    remedy = f"make the first (..., {n}) or the second ({k}, ...)"
    if len(b) > 1 and b[-1] == k:
        remedy = "perhaps x @ y.mT was meant"
    elif len(a) > 1 and a[-2] == n:
        remedy = "perhaps x.mT @ y was meant"
    which = "second-last" if len(b) > 1 else "only"
    return (
        f"the last axis of the first has length {k} and the {which} one of the second {n}, which "
        f"must be equal; {remedy}"
    )


_ADVICE = {
    "broadcast": (
        "lengths are compared from the last axis on and have to be equal or 1; x[:, None] adds an "
        "axis of length 1"
    ),
    "cannot reshape": "-1 in the shape stands for the length that is left",
    "only specify one unknown": "-1 can stand for one length",
    "bounds for array of dimension": "axes are counted from 0, and -1 is the last",
    "is out of bounds for axis": "indices are counted from 0, and -1 is the last",
    "too many indices": "there is at most one index for each axis",
    "boolean index did not match": "a mask has the shape of what it selects from",
    "valid indices": "convert an index with int(i) or i.astype(int)",
    "must be of integer": "convert the indices with i.astype(int)",
    "except for the concatenation axis": "cut them to one length, or join them along another axis",
    "same number of dimensions": "x[None] adds an axis",
    "zero-dimensional arrays cannot be concatenated": "np.stack joins single numbers",
    "same shape": "np.concatenate joins arrays of different lengths",
    "did not contain a loop": "it takes numbers: np.array(x, dtype=np.float32)",
    "not equal to one": "only axes of length 1 can be left out",
    "which has no identity": "there is nothing in it to choose from",
    "axes don't match": "name every axis once, as in x.transpose(1, 0)",
    "repeated axis": "name every axis once, as in x.transpose(1, 0)",
    "interpreted as an integer": "axes, lengths and indices are integers: int(n)",
    "subscripts": "there is one letter for each axis, as in np.einsum('ij,jk->ik', a, b)",
}
