"""How many floating-point operations a call takes, counted by its arguments' shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["floating_point_operations"]

Shape = tuple[int, ...]

# For each element of the first argument; a root or an exponential counts as one operation.
_PER_ELEMENT = {
    "clip": 2,
    "amax": 1,
    "amin": 1,
    "erfc": 1,
    "pick": 0,
    "binary_cross_entropy": 6,
    "binary_cross_entropy_with_logits": 6,
    "sigmoid": 4,
    "softplus": 4,
    "gelu": 6,
    "leaky_relu": 2,
    "relu": 1,
    "softmax": 4,
    "log_softmax": 5,
    "mean_cross_entropy": 5,
    "soft_cross_entropy": 7,
    "sum": 1,
    "mean": 1,
    "max": 1,
    "min": 1,
    "prod": 1,
    "var": 4,
    "std": 4,
    "norm": 2,
    "cumsum": 1,
    "trace": 1,
}
_NONE = frozenset(
    {
        "getitem", "astype", "reshape", "ravel", "transpose", "swapaxes", "moveaxis",
        "expand_dims", "squeeze", "broadcast_to", "copy", "concatenate", "stack", "split",
        "array_split", "hstack", "vstack", "column_stack", "append", "repeat", "tile", "roll",
        "flip", "pad", "take", "take_along_axis", "diag", "diagonal", "tril", "triu", "where",
        "sort", "atleast_1d", "atleast_2d"
    }
)  # fmt: skip


def _matmul(x: Shape, y: Shape, out: Shape) -> int:
    return 2 * math.prod(out) * (x[-1] if x else 1)


def _contraction(x: Shape, y: Shape, out: Shape) -> int:
    # Of each index of the two operands that is not in the result, both have the length.
    pairs = math.prod(x) * math.prod(y)
    return 2 * round(math.sqrt(pairs * math.prod(out))) if math.prod(out) else 0


_PRODUCTS: dict[str, Callable[[Shape, Shape, Shape], int]] = {
    "matmul": _matmul,
    "product": _matmul,
    "affine": lambda x, w, out: _matmul(x, w, out) + math.prod(out),
    "dot": _contraction,
    "inner": _contraction,
    "vdot": _contraction,
    "tensordot": _contraction,
    "outer": lambda x, y, out: math.prod(out),
}


def floating_point_operations(
    function: Callable[..., Any],
    name: str,
    args: Sequence[Any],
    out: Shape,
    options: Mapping[str, Any] | None = None,
) -> int | None:
    """Return the number of additions, multiplications and the like; None if it is not known.

    Parameters
    ----------
    function : callable
        What was called, with the name that its rule has.
    args : sequence
        Its arguments; those with a ``shape`` are arrays.
    out : tuple of int
        Shape of the result.
    options : mapping from str, optional
        What was given by name.
    """
    shapes = [tuple(arg.shape) for arg in args if type(getattr(arg, "shape", None)) is tuple]
    if not (function.__module__ or "numpy").startswith(("numpy", "minigrad")):
        return None  # a user's, which may be called like one of these
    if name in _NONE:
        return 0
    if name in _PRODUCTS and len(shapes) > 1:
        return _PRODUCTS[name](shapes[0], shapes[1], out)
    if name == "einsum":
        return _einsum(str((options or {}).get("subscripts", args[0])), shapes)
    if name in _PER_ELEMENT and shapes:
        elements: int = math.prod(shapes[0])
        return _PER_ELEMENT[name] * elements
    if isinstance(function, np.ufunc):
        return math.prod(out)
    return None


def _einsum(subscripts: str, shapes: Sequence[Shape]) -> int | None:
    """Return the size of the space of all indices, times the operands."""
    operands = subscripts.replace(" ", "").partition("->")[0].split(",")
    if "..." in subscripts or len(operands) != len(shapes):
        return None
    lengths = {
        letter: length
        for letters, shape in zip(operands, shapes, strict=True)
        for letter, length in zip(letters, shape, strict=False)
    }
    space: int = math.prod(lengths.values())
    return len(operands) * space
