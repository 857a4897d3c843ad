"""Keeping gradients from becoming too large."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.errors import ArgumentError, GraphError
from minigrad.optim._options import flag, positive
from minigrad.optim._parameters import Named, Parameters, read_parameters
from minigrad.optim._slots import Array
from minigrad.tensor import Tensor

__all__ = ["clip_grad_norm", "clip_grad_value"]


def clip_grad_norm(
    params: Parameters,
    max_norm: float,
    *,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = True,
) -> float:
    """Shorten the gradients, all by the same factor, if their common norm is too large.

    ::

        norm = (sum over all entries of all gradients of |g|**norm_type) ** (1 / norm_type)
        g <- g * min(1, max_norm / (norm + 1e-6))

    Parameters
    ----------
    params : iterable of Tensor, or of (name, Tensor) pairs
        The parameters; those without a gradient are left out.
    max_norm : float
        The largest norm that is left as it is, greater than 0.
    norm_type : float, default 2.0
        Which norm: at least 1, ``math.inf`` for the largest absolute value.
    error_if_nonfinite : bool, default True
        Whether to refuse gradients that contain NaN or infinity, which no factor can help, and
        which would make all others NaN or zero.

    Returns
    -------
    float
        The norm before clipping.

    Raises
    ------
    ArgumentError
        If an option is not of this kind, or there are no parameters.
    GraphError
        If no parameter has a gradient, or one is not finite.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([1.5, 2.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> mg.optim.clip_grad_norm([w], max_norm=1.0)
    5.0
    >>> w.grad.round(4)
    array([0.6, 0.8], dtype=float32)

    References
    ----------
    Pascanu, Mikolov, Bengio: "On the difficulty of training recurrent neural networks", 2013; with
    the 1e-6 of `torch.nn.utils.clip_grad_norm_`.
    """
    max_norm = positive("clip_grad_norm: max_norm", max_norm)
    norm_type = _checked_norm_type(norm_type)
    error_if_nonfinite = flag("clip_grad_norm: error_if_nonfinite", error_if_nonfinite)
    found = _gradients("clip_grad_norm", params)
    norms = [_norm(grad, norm_type) for _, _, grad in found]
    total = _combined(norms, norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        bad = [found[i][0] for i, norm in enumerate(norms) if not math.isfinite(norm)]
        raise GraphError(
            f"the norm of the gradients is {total}, because of {', '.join(bad) or 'their sum'}; "
            "lower the learning rate or look for a log or a division by 0 in the loss"
        )
    factor = max_norm / (total + 1e-6)
    if not factor >= 1:  # NaN, too, goes on into the gradients, where it will be seen
        with np.errstate(invalid="ignore"):
            _change(found, lambda grad: np.multiply(grad, factor, out=grad))
    return total


def clip_grad_value(params: Parameters, clip_value: float) -> None:
    """Bring every entry of the gradients into ``[-clip_value, clip_value]``.

    Parameters
    ----------
    params : iterable of Tensor, or of (name, Tensor) pairs
        The parameters; those without a gradient are left out.
    clip_value : float
        The largest absolute value that is left, greater than 0.

    Raises
    ------
    ArgumentError
        If `clip_value` is not of this kind, or there are no parameters.
    GraphError
        If no parameter has a gradient.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([-3.0, 0.1], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> mg.optim.clip_grad_value([w], 0.5)
    >>> w.grad
    array([-0.5,  0.2], dtype=float32)
    """
    limit = positive("clip_grad_value: clip_value", clip_value)
    found = _gradients("clip_grad_value", params)
    _change(found, lambda grad: np.clip(grad, -limit, limit, out=grad))


def _checked_norm_type(norm_type: Any) -> float:
    is_number = isinstance(norm_type, int | float) and not isinstance(norm_type, bool)
    if not is_number or not norm_type >= 1:
        raise ArgumentError(
            f"clip_grad_norm: norm_type must be a number of at least 1, or math.inf, not "
            f"{norm_type!r}"
        )
    return float(norm_type)


def _gradients(owner: str, params: Parameters) -> list[tuple[str, Tensor, Array]]:
    """Return the label, the tensor and the gradient's array of each parameter that has one."""
    named: list[Named] = read_parameters(owner, params)
    found = []
    for index, parameter in enumerate(named):
        grad = parameter.tensor.grad
        if grad is not None:
            array = grad.data if isinstance(grad, Tensor) else grad
            found.append((parameter.label(index), parameter.tensor, array))
    if not found:
        raise GraphError(
            f"{owner}: no parameter has a gradient; call it between loss.backward() and "
            "optimizer.step()"
        )
    return found


def _change(found: list[tuple[str, Tensor, Array]], in_place: Callable[[Array], Array]) -> None:
    done: set[int] = set()  # an array that was assigned to two parameters is changed once
    for _, tensor, array in found:
        if isinstance(tensor.grad, Tensor):  # part of a graph, whose values must stay
            tensor.grad = in_place(array.copy())
        elif id(array) not in done:
            done.add(id(array))
            in_place(array)


def _norm(grad: Array, order: float) -> float:
    """Return the norm of one array, also where squares overflow or vanish in its dtype."""
    if grad.dtype.itemsize < 4:
        grad = grad.astype(np.float32)
    if order == 2:
        square = float(np.vdot(grad, grad))
        limits = np.finfo(grad.dtype)
        if limits.tiny / limits.eps < square < math.inf:
            return math.sqrt(square)
    sizes = np.abs(grad)
    largest = float(np.max(sizes, initial=0))
    if order == math.inf or largest == 0 or not math.isfinite(largest):
        return largest
    powers = float(((sizes / largest) ** order).sum())
    return float(largest * powers ** (1 / order))


def _combined(norms: list[float], order: float) -> float:
    largest = max(norms)
    if any(math.isnan(norm) for norm in norms):
        return math.nan
    if order == math.inf or largest == 0 or math.isinf(largest):
        return largest
    powers = math.fsum((norm / largest) ** order for norm in norms)
    return float(largest * powers ** (1 / order))
