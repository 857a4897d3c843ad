"""AdaGrad."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from numpy import add, divide, multiply, sqrt, subtract

from minigrad.compiled import Kernel, flat, same_layout
from minigrad.optim._options import Check, at_least_zero, positive
from minigrad.optim._parameters import Parameters
from minigrad.optim._slots import Array, Arrays, Kept, Options, Scalars
from minigrad.optim.optimizer import Optimizer

__all__ = ["AdaGrad"]


@Kernel
def _adagrad(w: Array, g: Array, squares: Array, k: Scalars) -> None:
    rate, eps, weight_decay = k[0][()], k[1][()], k[2][()]
    for i in range(w.size):
        gi = g[i] + weight_decay * w[i] if weight_decay else g[i]
        squares[i] += gi * gi
        w[i] -= gi / (math.sqrt(squares[i]) + eps) * rate


class AdaGrad(Optimizer):
    """AdaGrad: gradients divided by the root of the sum of all their squares so far.

    With t = 1, 2, ... counting the steps of each parameter::

        S <- S + g**2
        w <- w - lr / (1 + (t - 1) lr_decay) g / (sqrt(S) + eps)

    With weight decay, ``g`` is ``gradient + weight_decay w``.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor) pairs, or of dicts
        The parameters, or groups ``{"params": ..., "lr": ...}`` with options of their own.
    lr : float, default 1e-2
        Learning rate, at least 0.
    lr_decay : float, default 0.0
        How fast the learning rate falls by itself, at least 0.
    weight_decay : float, default 0.0
        L2 penalty, at least 0.
    initial_accumulator_value : float, default 0.0
        What S starts at, at least 0.
    eps : float, default 1e-10
        Added to the root, outside of it; greater than 0.

    Raises
    ------
    ArgumentError, DtypeError
        If an option or the parameters are not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mg.optim.AdaGrad([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.9, 1.9], dtype=float32)
    >>> optimizer
    AdaGrad: eps outside the root
      S <- S + g**2
      w <- w - lr g / (sqrt(S) + eps)
      <1 parameter: lr=0.1, lr_decay=0.0, weight_decay=0.0, ...>

    References
    ----------
    Duchi, Hazan, Singer: "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011, the diagonal form, as in `torch.optim.Adagrad`.
    """

    _options: ClassVar[Mapping[str, Check]] = {
        "lr": at_least_zero,
        "lr_decay": at_least_zero,
        "weight_decay": at_least_zero,
        "initial_accumulator_value": at_least_zero,
        "eps": positive,
    }
    _scratch_count = 2  # the second for the gradient with weight decay

    def __init__(
        self,
        params: Parameters | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )

    def _layout(self, options: Options) -> tuple[Kept, ...]:
        return (Kept("S", start=options["initial_accumulator_value"]),)

    def _coefficients(self, options: Options, step: int) -> Scalars:
        rate = options["lr"] / (1 + (step - 1) * options["lr_decay"])
        return rate, options["eps"], options["weight_decay"]

    def _update(
        self, w: Array, g: Array, kept: Arrays, k: Scalars, scratch: Arrays, options: Options
    ) -> None:
        if same_layout(w, g, *kept):
            _adagrad.run(*flat(w, g, *kept), k)
            return
        rate, eps, weight_decay = k
        (squares,) = kept
        s, t = scratch
        if options["weight_decay"]:
            multiply(w, weight_decay, t)
            g = add(t, g, t)
        multiply(g, g, s)
        add(squares, s, squares)
        sqrt(squares, s)
        add(s, eps, s)
        divide(g, s, s)
        multiply(s, rate, s)
        subtract(w, s, w)

    @classmethod
    def _formula(cls, options: Options) -> tuple[str, list[str]]:
        decayed = ["g <- g + weight_decay w"] if options["weight_decay"] else []
        rate = "lr / (1 + (t - 1) lr_decay)" if options["lr_decay"] else "lr"
        lines = ["S <- S + g**2", f"w <- w - {rate} g / (sqrt(S) + eps)"]
        return "eps outside the root", [*decayed, *lines]
