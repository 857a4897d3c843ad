"""Rules of functions that arrange elements anew, join arrays and part them."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from minigrad.arrays import as_dtype, as_operand
from minigrad.calls import unwrap
from minigrad.errors import ArgumentError, DtypeError
from minigrad.primitive import composite, defvjp, primitive
from minigrad.tensor import Tensor

Array = Any

# --- One array ---------------------------------------------------------------------------------


@primitive
def reshape(x: Array, shape: Any) -> Array:
    """Arrange the elements, row by row, in another shape."""
    return x.reshape(shape)


defvjp(reshape, lambda g, _out, _x, _shape: reshape(g, _x.shape))


@composite(np.reshape)
def _reshape(
    a: Array, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None
) -> Array:
    shape = newshape if shape is None else shape
    if order == "C":
        return reshape(a, shape)
    if order != "F":
        raise ArgumentError(f"reshape of a tensor takes order 'C' or 'F', not {order!r}")
    wanted = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    return np.transpose(reshape(np.transpose(a), wanted[::-1]))


@composite(np.ravel)
def _ravel(a: Array, order: str = "C") -> Array:
    return _reshape(a, -1, order)


def _inverse(axes: Any) -> Any:
    return None if axes is None else tuple(np.argsort([axis % len(axes) for axis in axes]))


defvjp(np.transpose, lambda g, _out, _x, axes=None: np.transpose(g, _inverse(axes)))
defvjp(
    np.swapaxes,
    lambda g, _out, _x, axis1, axis2: np.swapaxes(g, axis1, axis2),
)
defvjp(
    np.moveaxis,
    lambda g, _out, _x, source, destination: np.moveaxis(g, destination, source),
)
defvjp(np.squeeze, lambda g, _out, _x, axis=None: np.reshape(g, _x.shape))
defvjp(np.expand_dims, lambda g, _out, _x, axis: np.reshape(g, _x.shape))
defvjp(np.broadcast_to, lambda g, _out, _x, shape: g)  # what was repeated is summed by the engine
defvjp(np.flip, lambda g, _out, _x, axis=None: np.flip(g, axis))
defvjp(np.roll, lambda g, _out, _x, shift, axis=None: np.roll(g, _negative(shift), axis))
defvjp(np.triu, lambda g, _out, _x, k=0: np.triu(g, k))
defvjp(np.tril, lambda g, _out, _x, k=0: np.tril(g, k))


def _negative(shift: Any) -> Any:
    return tuple(-s for s in shift) if np.ndim(shift) else -shift


@primitive
def astype(x: Array, dtype: Any) -> Array:
    """Convert the elements to another floating-point dtype."""
    return x.astype(dtype)


defvjp(astype, lambda g, _out, _x, _dtype: g)  # the engine restores the dtype


@composite(np.ndarray.astype, *([np.astype] if hasattr(np, "astype") else []))
def _astype(x: Array, dtype: Any, /, *, copy: bool = True) -> Array:
    kind = as_dtype(dtype).kind
    if kind == "c":
        raise DtypeError("complex tensors have no gradient here; keep real and imaginary parts")
    if kind == "f":
        return x if x.dtype == dtype and not copy else astype(x, dtype)
    return x.data.astype(dtype)


@composite(np.atleast_1d)
def _atleast_1d(*arrays: Array) -> Any:
    out = tuple(a if np.ndim(a) else np.reshape(a, (1,)) for a in arrays)
    return out if len(out) > 1 else out[0]


@composite(np.atleast_2d)
def _atleast_2d(*arrays: Array) -> Any:
    out = tuple(a if np.ndim(a) > 1 else np.reshape(a, (1, -1)) for a in arrays)
    return out if len(out) > 1 else out[0]


@composite(np.repeat)
def _repeat(a: Array, repeats: Any, axis: int | None = None) -> Array:
    if axis is None or not hasattr(a, "ndim"):  # a list, next to a tensor of repeats
        a = np.ravel(a) if axis is None else np.asarray(a)
    axis = normalize_axis_index(axis or 0, a.ndim)
    if not np.ndim(repeats):
        times = len(np.repeat([0], unwrap(repeats)))  # NumPy decides what is a number of times
        before, (length, *after) = a.shape[:axis], a.shape[axis:]
        wide = np.broadcast_to(np.expand_dims(a, axis + 1), (*before, length, times, *after))
        return np.reshape(wide, (*before, length * times, *after))
    return np.take(a, np.repeat(np.arange(a.shape[axis]), unwrap(repeats)), axis=axis)


@composite(np.tile)
def _tile(A: Array, reps: Any) -> Array:
    A = A if hasattr(A, "ndim") else np.asarray(A)
    reps = tuple(np.ravel(unwrap(reps)).tolist())
    reps = (1,) * (A.ndim - len(reps)) + reps
    shape = (1,) * (len(reps) - A.ndim) + A.shape
    # Each axis becomes (repetitions, length), and the pair is joined.
    pairs = tuple(itertools.chain.from_iterable((1, length) for length in shape))
    wide = tuple(itertools.chain.from_iterable(zip(reps, shape, strict=True)))
    joined = tuple(r * length for r, length in zip(reps, shape, strict=True))
    return np.reshape(np.broadcast_to(np.reshape(A, pairs), wide), joined)


@composite(np.diff)
def _diff(a: Array, n: int = 1, axis: int = -1) -> Array:
    if n < 0:
        raise ArgumentError(f"the order n of a difference is 0 or more, not {n}")
    for _ in range(n):
        later = np.moveaxis(a, axis, 0)
        a = np.moveaxis(later[1:] - later[:-1], 0, axis)
    return a


@primitive
def pad(x: Array, widths: Any, value: float) -> Array:
    """Surround an array with a constant."""
    return np.pad(x, widths, constant_values=value)


def _inner_part(widths: Any, shape: tuple[int, ...]) -> tuple[slice, ...]:
    pairs = np.broadcast_to(widths, (len(shape), 2))
    return tuple(slice(b, b + n) for (b, _), n in zip(pairs.tolist(), shape, strict=True))


defvjp(pad, lambda g, _out, _x, widths, _value: g[_inner_part(widths, _x.shape)])


@composite(np.pad)
def _pad(
    array: Array, pad_width: Any, mode: str = "constant", *, constant_values: float = 0
) -> Any:
    if mode != "constant" or np.ndim(constant_values):
        raise ArgumentError(
            f"np.pad of a tensor pads with one constant, not mode={mode!r} with {constant_values!r}"
        )
    return pad(array, pad_width, constant_values)


# --- Several arrays ----------------------------------------------------------------------------


@primitive
def concatenate(*arrays: Array, axis: int, starts: Sequence[int]) -> Array:
    """Join arrays along an axis that they have, on which they begin at `starts`."""
    return np.concatenate(arrays, axis=axis)


def _own_part(
    i: int, g: Array, _out: Array, *_arrays: Array, axis: int, starts: Sequence[int]
) -> Array:
    part = [slice(None)] * len(g.shape)
    part[axis] = slice(starts[i], starts[i + 1])
    return g[tuple(part)]


def _starts(arrays: list[Array], axis: int) -> list[int]:
    lengths = (a.shape[axis] if -a.ndim <= axis < a.ndim else 0 for a in arrays)
    return list(itertools.accumulate(lengths, initial=0))


defvjp(concatenate, each=_own_part)


def _operands(arrays: Any) -> list[Array]:
    """Return a sequence of arrays and tensors with everything else made an array."""
    if isinstance(arrays, Tensor):
        return list(arrays)
    dtypes = [a.dtype for a in arrays if hasattr(a, "dtype")]
    return [a if hasattr(a, "dtype") else as_operand(a, np.result_type(*dtypes)) for a in arrays]


@composite(np.concatenate)
def _concatenate(arrays: Any, /, axis: SupportsIndex | None = 0, *, dtype: Any = None) -> Array:
    operands = _operands(arrays)
    if axis is None:
        operands, axis = [np.ravel(a) for a in operands], 0
    axis = operator.index(axis)
    out = concatenate(*operands, axis=axis, starts=_starts(operands, axis))
    return out if dtype is None else out.astype(dtype)


@composite(np.stack)
def _stack(arrays: Any, axis: int = 0, *, dtype: Any = None) -> Array:
    return _concatenate([np.expand_dims(a, axis) for a in _operands(arrays)], axis, dtype=dtype)


@composite(np.vstack)
def _vstack(tup: Any) -> Array:
    return _concatenate([np.atleast_2d(a) for a in _operands(tup)])


@composite(np.hstack)
def _hstack(tup: Any) -> Array:
    operands = [np.atleast_1d(a) for a in _operands(tup)]
    return _concatenate(operands, 0 if operands[0].ndim == 1 else 1)


@composite(np.column_stack)
def _column_stack(tup: Any) -> Array:
    columns = [a if a.ndim > 1 else np.reshape(a, (-1, 1)) for a in _operands(tup)]
    return _concatenate(columns, 1)


@composite(np.append)
def _append(arr: Array, values: Array, axis: int | None = None) -> Array:
    return _concatenate([arr, values], axis)


@composite(np.array_split)
def _array_split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    # NumPy decides where to cut; only the cutting is recorded.
    axis = normalize_axis_index(axis, ary.ndim)
    positions = np.array_split(np.arange(ary.shape[axis]), unwrap(indices_or_sections))
    before = (slice(None),) * axis
    cuts = [(p[0], p[-1] + 1) if len(p) else (0, 0) for p in positions]
    return [ary[(*before, slice(int(start), int(stop)))] for start, stop in cuts]


@composite(np.split)
def _split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    axis = normalize_axis_index(axis, ary.ndim)
    sections = unwrap(indices_or_sections)
    if not np.ndim(sections) and (sections < 1 or ary.shape[axis] % sections):
        raise ArgumentError(
            f"cannot split axis {axis} of length {ary.shape[axis]} into {sections} equal parts; "
            "np.array_split makes unequal ones"
        )
    parts: list[Array] = _array_split(ary, sections, axis)
    return parts
