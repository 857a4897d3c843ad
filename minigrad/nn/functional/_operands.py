"""What all losses do with their operands and with what comes out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.arrays import as_array
from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.nn._checks import described

__all__ = ["as_constant", "as_operand", "check_reduction", "reduced", "reshape_hint"]

Array = Any


def reduced(losses: Array, reduction: str) -> Array:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if not losses.size:
        raise ShapeError(
            f"the batch is empty (shape {tuple(losses.shape)}), and there is no mean of nothing; "
            "skip empty batches, or use reduction='sum'"
        )
    return losses.mean()


def check_reduction(reduction: Any) -> None:
    """Refuse what is not the name of a reduction."""
    if isinstance(reduction, str) and reduction in ("mean", "sum", "none"):
        return
    hint = ""
    if hasattr(reduction, "shape"):
        hint = "; a loss is made first, and then called: nn.MSELoss()(output, target)"
    raise ArgumentError(f"reduction is 'mean', 'sum' or 'none', not {described(reduction)}{hint}")


def as_operand(value: Any, what: str) -> Array:
    if isinstance(value, list | tuple):
        return as_array(value)
    if not hasattr(value, "__array_function__"):
        if not isinstance(value, np.generic):
            raise DtypeError(
                f"{what} must be an array or a tensor, not {type(value).__name__}; write "
                "np.array(...)"
            )
        value = np.asarray(value)
    if value.dtype.kind not in "fiub":
        raise DtypeError(
            f"{what} must be an array of real numbers, not of {value.dtype}; names are numbered by "
            "minigrad.data.encode_labels"
        )
    return value


def as_constant(target: Array, x: Array) -> Array:
    """Return a target in the precision of x, unless it is a variable itself."""
    if x.dtype.kind != "f" or target.dtype == x.dtype or getattr(target, "requires_grad", False):
        return target
    return target.astype(x.dtype)


def reshape_hint(targets: Array, shape: tuple[int, ...]) -> str:
    return f"; target.reshape({shape}) makes them fit" if targets.size == math.prod(shape) else ""
