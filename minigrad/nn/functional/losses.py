"""Losses of numbers: what is predicted, compared with what is right.

A loss refuses operands of different shapes instead of broadcasting them. The reductions are
``"mean"`` (over all that was compared), ``"sum"`` and ``"none"``. A target is a constant, unless it
requires a gradient, and is converted to the precision of what is compared with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.calls import unwrap
from minigrad.errors import DataError, ShapeError
from minigrad.nn._checks import number
from minigrad.nn.functional._operands import (
    as_constant,
    as_operand,
    check_reduction,
    reduced,
    reshape_hint,
)
from minigrad.nn.functional.activations import sigmoid
from minigrad.primitive import defvjp, primitive

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "huber_loss",
    "l1_loss",
    "mse_loss",
]

Array = Any
DELTA = "the Huber loss turns linear at a positive delta"


def is_positive(x: float) -> bool:
    """Return whether a number is greater than 0."""
    return x > 0


def _pair(x: Any, target: Any, name: str) -> tuple[Array, Array]:
    """Return both operands as arrays of one shape."""
    x, target = as_operand(x, f"{name}'s input"), as_operand(target, f"{name}'s target")
    if tuple(x.shape) == tuple(target.shape):
        return x, as_constant(target, x)
    raise ShapeError(
        f"{name} compares arrays of one shape, and was given {tuple(x.shape)} and "
        f"{tuple(target.shape)}; it does not broadcast"
        + (reshape_hint(target, tuple(x.shape)) or "; np.broadcast_to does, if that is meant")
    )


@primitive
def _bce(p: Array, t: Array) -> Array:
    log_p, log_q = _bounded_logs(p)
    return -(t * log_p + (1 - t) * log_q)


def _bounded_logs(p: Array) -> tuple[Array, Array]:
    """Return log p and log(1 - p), at least -100."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(p), -100), np.maximum(np.log1p(-p), -100)


def _bce_target(g: Array, _out: Array, p: Array, _t: Array) -> Array:
    log_p, log_q = _bounded_logs(p)
    return g * (log_q - log_p)


defvjp(
    _bce,
    lambda g, _out, p, t: g * (p - t) / np.maximum(p * (1 - p), 1e-12),
    _bce_target,
)


def binary_cross_entropy(probabilities: Array, targets: Array, *, reduction: str = "mean") -> Array:
    r"""Compare probabilities with targets between 0 and 1.

    .. math:: \ell = - t \log p - (1 - t) \log (1 - p)

    As in PyTorch, a logarithm is at least -100 and :math:`p (1 - p)` in the gradient at least
    1e-12, so that a probability of exactly 0 or 1 gives numbers. Where the probabilities come from
    a sigmoid, `binary_cross_entropy_with_logits` is accurate instead.

    Parameters
    ----------
    probabilities : array
        From 0 to 1.
    targets : array of the same shape
        From 0 to 1.
    reduction : {"mean", "sum", "none"}, default "mean"

    Returns
    -------
    array
        A number; for ``"none"`` an array of the operands' shape.

    Raises
    ------
    DataError
        If there is a number that is not between 0 and 1.
    ShapeError
        If the shapes differ.
    ArgumentError
        If the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> round(float(F.binary_cross_entropy(np.array([0.9]), np.array([1.0]))), 6)
    0.105361
    """
    check_reduction(reduction)
    p, t = _pair(probabilities, targets, "binary_cross_entropy")
    _check_unit_interval(unwrap(p), "probabilities", "apply a sigmoid, or use the loss on logits")
    _check_unit_interval(unwrap(t), "targets", "scale them")
    return reduced(_bce(p, t), reduction)


def _check_unit_interval(values: Array, what: str, advice: str) -> None:
    inside = (values >= 0) & (values <= 1)
    if not inside.all():
        raise DataError(
            f"{what} of binary cross-entropy lie between 0 and 1, and there is "
            f"{values[~inside].ravel()[0]}; {advice}"
        )


@primitive
def _bce_logits(x: Array, t: Array) -> Array:
    return np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))


defvjp(
    _bce_logits,
    lambda g, _out, x, t: g * (sigmoid(x) - t),
    lambda g, _out, x, _t: -g * x,
)


def binary_cross_entropy_with_logits(
    logits: Array, targets: Array, *, reduction: str = "mean"
) -> Array:
    r"""Compare logits with targets between 0 and 1, accurately at any size of the logits.

    .. math:: \ell = \max(z, 0) - z t + \log(1 + e^{-|z|})

    which is `binary_cross_entropy` of :math:`\sigma(z)` and :math:`t`.

    Parameters
    ----------
    logits : array
    targets : array of the same shape
        From 0 to 1.
    reduction : {"mean", "sum", "none"}, default "mean"

    Returns
    -------
    array
        A number; for ``"none"`` an array of the operands' shape.

    Raises
    ------
    DataError
        If there is a target that is not between 0 and 1.
    ShapeError
        If the shapes differ.
    ArgumentError
        If the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> z, t = np.array([-1e4, 1e4]), np.array([1.0, 1.0])
    >>> F.binary_cross_entropy_with_logits(z, t, reduction="none")
    array([10000.,     0.])
    """
    check_reduction(reduction)
    z, t = _pair(logits, targets, "binary_cross_entropy_with_logits")
    _check_unit_interval(unwrap(t), "targets", "scale them")
    return reduced(_bce_logits(z, t), reduction)


def mse_loss(x: Array, target: Array, *, reduction: str = "mean") -> Array:
    r"""Compare numbers by the square of their difference.

    .. math:: \ell = (x - t)^2

    Parameters
    ----------
    x : array
    target : array of the same shape
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    array
        A number; for ``"none"`` an array of the operands' shape.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ArgumentError
        If the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> float(F.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    check_reduction(reduction)
    x, target = _pair(x, target, "mse_loss")
    return reduced(np.square(x - target), reduction)


def l1_loss(x: Array, target: Array, *, reduction: str = "mean") -> Array:
    r"""Compare numbers by their distance. Its slope at 0 is 0.

    .. math:: \ell = |x - t|

    Parameters
    ----------
    x : array
    target : array of the same shape
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    array
        A number; for ``"none"`` an array of the operands' shape.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ArgumentError
        If the reduction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> float(F.l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """
    check_reduction(reduction)
    x, target = _pair(x, target, "l1_loss")
    return reduced(np.absolute(x - target), reduction)


def huber_loss(x: Array, target: Array, *, delta: float = 1.0, reduction: str = "mean") -> Array:
    r"""Compare numbers by the square of a small difference and by the size of a large one.

    .. math::
        \ell = \begin{cases}
            \tfrac12 (x - t)^2 & |x - t| \le \delta \\
            \delta \left(|x - t| - \tfrac12 \delta\right) & \text{otherwise}
        \end{cases}

    Parameters
    ----------
    x : array
    target : array of the same shape
    delta : float, default 1.0
        Where one turns into the other; positive.
    reduction : {"mean", "sum", "none"}, default "mean"
        The mean is over all elements.

    Returns
    -------
    array
        A number; for ``"none"`` an array of the operands' shape.

    Raises
    ------
    ShapeError
        If the shapes differ.
    ArgumentError
        If the reduction is unknown, or `delta` is not positive.

    References
    ----------
    Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35, 1964.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> F.huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    check_reduction(reduction)
    delta = number(delta, DELTA, is_positive)
    x, target = _pair(x, target, "huber_loss")
    distance = np.absolute(x - target)
    small = np.minimum(distance, delta)
    return reduced(small * (distance - 0.5 * small), reduction)
