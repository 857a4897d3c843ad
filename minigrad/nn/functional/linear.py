"""The affine map, as one operation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.arrays import plain_shape
from minigrad.compiled import ENOUGH, Kernel, same_layout
from minigrad.errors import DtypeError, ShapeError
from minigrad.nn.functional._sums import sum_of_rows
from minigrad.primitive import defvjp, primitive
from minigrad.workspace import matmul

__all__ = ["linear"]

Array = Any


@primitive
def _product(x: Array, weight: Array) -> Array:
    _check(x, weight)
    return matmul(x, weight.T)


@primitive
def _affine(x: Array, weight: Array, bias: Array) -> Array:
    _check(x, weight)
    if getattr(bias, "shape", None) != weight.shape[:1]:
        raise ShapeError(
            f"linear with a weight of shape {weight.shape} takes a bias of shape "
            f"{weight.shape[:1]}, not {plain_shape(bias)}"
        )
    out = matmul(x, weight.T)
    if out.dtype != bias.dtype or not out.shape:
        return out + bias
    if out.size > ENOUGH and same_layout(out, bias):
        _add_to_rows.run(out.reshape(-1, len(bias)), bias)
    else:
        out += bias  # in the memory just allocated
    return out


@Kernel
def _add_to_rows(out: Array, bias: Array) -> None:
    rows, columns = out.shape
    for i in range(rows):
        for j in range(columns):
            out[i, j] += bias[j]


def _check(x: Array, weight: Array) -> None:
    try:
        fits = x.shape[-1:] == weight.shape[1:] != () and x.dtype.kind == "f"
    except AttributeError:
        fits = False
    if not fits:
        raise _misfit(x, weight)


def _rows(x: Array) -> Array:
    # (..., features) -> (N, features)
    return x if x.ndim == 2 else np.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _input(g: Array, _out: Array, _x: Array, weight: Array, _bias: Array = None) -> Array:
    return matmul(g, weight)


def _weight(g: Array, _out: Array, x: Array, _weight: Array, _bias: Array = None) -> Array:
    # (N, out).T @ (N, in) -> (out, in)
    return matmul(_rows(g).T, _rows(x))


def _bias(g: Array, _out: Array, _x: Array, _weight: Array, _bias: Array) -> Array:
    return sum_of_rows(_rows(g))


defvjp(_product, _input, _weight)
defvjp(_affine, _input, _weight, _bias)


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    r"""Apply an affine map to the last axis.

    .. math:: y = x W^\top + b

    Parameters
    ----------
    x : array, shape (..., in_features)
        Floating-point.
    weight : array, shape (out_features, in_features)
    bias : array, shape (out_features,), optional

    Returns
    -------
    array, shape (..., out_features)

    Raises
    ------
    ShapeError
        If the last axis of `x`, or `bias`, does not fit `weight`.
    DtypeError
        If `x` is not an array of floating-point numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> F.linear(np.array([[1.0, 2.0]]), np.array([[1.0, 3.0], [5.0, 7.0]]), np.array([0.5, 0.0]))
    array([[ 7.5, 19. ]])
    """
    return _product(x, weight) if bias is None else _affine(x, weight, bias)


def _misfit(x: Any, weight: Any) -> ShapeError | DtypeError:
    """Return the error that says why an input and a weight do not go together."""
    for what, value in (("input", x), ("weight", weight)):
        if not hasattr(value, "__array_function__"):
            return DtypeError(
                f"the {what} of a linear layer is an array or a tensor, not "
                f"{type(value).__name__}; write np.array({what}, dtype=np.float32)"
            )
    if len(weight.shape) != 2:
        return ShapeError(
            "a linear layer has a weight of shape (out_features, in_features), not "
            f"{tuple(weight.shape)}"
        )
    if x.dtype.kind != "f":
        return DtypeError(
            f"a linear layer takes floating-point numbers, not {x.dtype}; convert and scale them "
            "as the training data were (for pixels: x.astype(np.float32) / 255)"
        )
    return ShapeError(
        f"a linear layer with a weight of shape {weight.shape} (out_features, in_features) takes "
        f"(..., {weight.shape[1]}), not {tuple(x.shape)}{_advice(tuple(x.shape), weight.shape[1])}"
    )


def _advice(shape: tuple[int, ...], features: int) -> str:
    if len(shape) == 1 and features == 1:
        return "; x[:, None] makes a column of it, a sample in each row"
    if math.prod(shape[1:]) == features:
        return "; put nn.Flatten() before it, which makes rows of images"
    if shape[-2:-1] == (features,):
        return "; samples are rows, and features columns: perhaps x.T was meant"
    if not shape:
        return ""
    return f"; give it {features} features, or make the layer with in_features={shape[-1]}"
