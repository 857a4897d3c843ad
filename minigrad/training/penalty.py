"""Penalties on parameters, to be added to a loss."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np

from minigrad.errors import ArgumentError, DtypeError
from minigrad.primitive import defvjp, primitive
from minigrad.tensor import Tensor

__all__ = ["l2_penalty"]


@primitive
def _sum_of_squares(x: Any) -> Any:
    # One pass over the memory and no array in between, unlike (x * x).sum().
    return np.vdot(x, x)


defvjp(_sum_of_squares, lambda g, _out, x: x * (2 * g))


def l2_penalty(parameters: Tensor | Iterable[Tensor], strength: float) -> Tensor:
    r"""Return the sum of all squared weights, times a strength.

    .. math:: \lambda \sum_w w^2

    There is no factor of one half: the gradient is :math:`2 \lambda w`. To an optimizer without
    adaptive steps it is the same as ``weight_decay=2 * strength``.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        What is penalised, such as ``[model.hidden.weight, model.out.weight]``. Biases are usually
        left out.
    strength : float
        The factor :math:`\lambda`, 0 or more.

    Returns
    -------
    Tensor
        A scalar of the parameters' dtype.

    Raises
    ------
    ArgumentError
        If there is no parameter, or `strength` is negative or not finite.
    DtypeError
        If something among the parameters is not a tensor.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.training import l2_penalty
    >>> w = mg.tensor([3.0, 4.0], requires_grad=True)
    >>> penalty = l2_penalty([w], 0.5)
    >>> penalty.item()
    12.5
    >>> penalty.backward()
    >>> w.grad
    array([3., 4.], dtype=float32)
    """
    tensors = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise DtypeError(
                f"l2_penalty takes tensors, not {type(tensor).__name__}; pass model.parameters(), "
                "or some of them in a list"
            )
    if not tensors:
        raise ArgumentError("l2_penalty was given no parameter")
    if not isinstance(strength, Real) or not 0 <= strength < math.inf:
        raise ArgumentError(f"the strength of a penalty is a number from 0 up, not {strength!r}")
    total = functools.reduce(operator.add, map(_sum_of_squares, tensors))
    penalty: Tensor = total * strength
    return penalty
