"""RMSProp, with the choices that implementations make differently."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from numpy import add, divide, multiply, sqrt, subtract

from minigrad.compiled import Kernel, flat, same_layout
from minigrad.optim._options import Check, at_least_zero, decay, flag, positive
from minigrad.optim._parameters import Parameters
from minigrad.optim._slots import Array, Arrays, Kept, Options, Scalars
from minigrad.optim.optimizer import Optimizer

__all__ = ["RMSProp"]


@Kernel
def _rmsprop(w: Array, g: Array, squares: Array, k: Scalars) -> None:
    rate, alpha, eps, weight_decay = k[0][()], k[1][()], k[3][()], k[5][()]
    for i in range(w.size):
        gi = g[i] + weight_decay * w[i] if weight_decay else g[i]
        squares[i] = squares[i] * alpha + gi * gi
        w[i] -= gi / (math.sqrt(squares[i]) + eps) * rate


class RMSProp(Optimizer):
    """RMSProp: gradients divided by the root of a running average of their squares.

    ::

        S <- alpha S + (1 - alpha) g**2
        w <- w - lr g / (sqrt(S) + eps)

    ``eps_in_sqrt=True`` puts eps inside the root, as TensorFlow's first one had it: ``sqrt(S +
    eps)``; where gradients are small, that is a much larger eps. ``centered=True`` divides by the
    running standard deviation instead of the root mean square::

        a <- alpha a + (1 - alpha) g
        w <- w - lr g / (sqrt(S - a**2) + eps)

    With momentum, the divided gradients are summed up, and the learning rate comes last::

        B <- momentum B + g / (sqrt(S) + eps)
        w <- w - lr B

    With weight decay, ``g`` is ``gradient + weight_decay w``.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor) pairs, or of dicts
        The parameters, or groups ``{"params": ..., "lr": ...}`` with options of their own.
    lr : float, default 1e-2
        Learning rate, at least 0.
    alpha : float, default 0.99
        How much of the averages is kept each step, in [0, 1).
    eps : float, default 1e-8
        Keeps the division away from 0; greater than 0.
    weight_decay : float, default 0.0
        L2 penalty, at least 0.
    momentum : float, default 0.0
        How much of the sum of past steps is kept each step, in [0, 1).
    centered : bool, default False
        Whether to subtract the square of the mean from the mean of the squares; needs alpha > 0.
    eps_in_sqrt : bool, default False
        Whether eps is inside the root.

    Raises
    ------
    ArgumentError, DtypeError
        If an option or the parameters are not of this kind.

    Notes
    -----
    What is kept of the centered form is ``variance = S - a**2``, computed from the deviations:
    ``variance <- alpha (variance + (1 - alpha) (g - a)**2)`` with the mean of before. That is the
    same number, but rounding cannot make it negative, which would give NaN.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mg.optim.RMSProp([w], lr=0.001, alpha=0.999, eps=1e-7)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(4)
    array([0.9684, 1.9684], dtype=float32)
    >>> optimizer
    RMSProp: eps outside the root
      S <- alpha S + (1 - alpha) g**2
      w <- w - lr g / (sqrt(S) + eps)
      <1 parameter: lr=0.001, alpha=0.999, eps=1e-07, weight_decay=0.0, ...>

    References
    ----------
    Tieleman, Hinton: "Neural networks for machine learning", lecture 6.5, 2012. The defaults and
    the form of momentum are those of `torch.optim.RMSprop`. Graves: "Generating sequences with
    recurrent neural networks", 2013, for the centred form; there eps is inside the root.
    """

    _options: ClassVar[Mapping[str, Check]] = {
        "lr": at_least_zero,
        "alpha": decay,
        "eps": positive,
        "weight_decay": at_least_zero,
        "momentum": decay,
        "centered": flag,
        "eps_in_sqrt": flag,
    }
    _scratch_count = 2  # the second for the gradient with weight decay

    def __init__(
        self,
        params: Parameters | Iterable[Mapping[str, Any]],
        lr: float = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        eps_in_sqrt: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            eps_in_sqrt=eps_in_sqrt,
        )

    @classmethod
    def _conflict(cls, options: Options) -> str:
        # Then the mean would be the gradient itself, and nothing be left to divide by.
        return "centered=True needs alpha > 0" * (options["centered"] and not options["alpha"])

    @staticmethod
    def _scale(options: Options) -> float:
        alpha: float = options["alpha"]
        return alpha / (1 - alpha) if options["centered"] else 1 - alpha

    def _layout(self, options: Options) -> tuple[Kept, ...]:
        scale = self._scale(options)
        layout = [Kept("variance" if options["centered"] else "S", scale)]
        if options["centered"]:
            layout.append(Kept("a"))
        if options["momentum"]:
            layout.append(Kept("B", 1 / math.sqrt(scale)))
        return tuple(layout)

    def _coefficients(self, options: Options, step: int) -> Scalars:
        # What is kept is S / scale, which saves a pass. With c = sqrt(scale),
        #     lr g / (sqrt(S) + eps)  =  (lr / c) g / (sqrt(S / scale) + eps / c),
        #     lr g / sqrt(S + eps)    =  (lr / c) g / sqrt(S / scale + eps / scale).
        scale = self._scale(options)
        c, alpha = math.sqrt(scale), options["alpha"]
        eps = options["eps"] / (scale if options["eps_in_sqrt"] else c)
        momentum, weight_decay = options["momentum"], options["weight_decay"]
        return options["lr"] / c, alpha, 1 - alpha, eps, momentum, weight_decay

    def _update(
        self, w: Array, g: Array, kept: Arrays, k: Scalars, scratch: Arrays, options: Options
    ) -> None:
        if len(kept) == 1 and not options["eps_in_sqrt"] and same_layout(w, g, *kept):
            _rmsprop.run(*flat(w, g, *kept), k)
            return
        rate, alpha, left, eps, momentum, weight_decay = k
        squares = kept[0]
        s, t = scratch
        if options["weight_decay"]:
            multiply(w, weight_decay, t)
            g = add(t, g, t)
        if options["centered"]:
            mean = kept[1]
            subtract(g, mean, s)
            multiply(s, left, s)
            add(mean, s, mean)  # a <- a + (1 - alpha) (g - a)
            multiply(s, s, s)
        else:
            multiply(g, g, s)
        multiply(squares, alpha, squares)
        add(squares, s, squares)
        if options["eps_in_sqrt"]:
            add(squares, eps, s)
            sqrt(s, s)
        else:
            sqrt(squares, s)
            add(s, eps, s)
        divide(g, s, s)
        if options["momentum"]:
            steps = kept[-1]
            multiply(steps, momentum, steps)
            s = multiply(add(steps, s, steps), rate, s)
        else:
            multiply(s, rate, s)
        subtract(w, s, w)

    @classmethod
    def _formula(cls, options: Options) -> tuple[str, list[str]]:
        lines = ["S <- alpha S + (1 - alpha) g**2"]
        square, variant = "S", "eps outside the root"
        if options["weight_decay"]:
            lines.insert(0, "g <- g + weight_decay w")
        if options["centered"]:
            lines.append("a <- alpha a + (1 - alpha) g")
            square = "S - a**2"
        root = f"sqrt({square}) + eps"
        if options["eps_in_sqrt"]:
            root, variant = f"sqrt({square} + eps)", "eps inside the root"
        step = f"g / ({root})" if not options["eps_in_sqrt"] else f"g / {root}"
        if options["momentum"]:
            lines.append(f"B <- momentum B + {step}")
            step, variant = "B", f"{variant}, momentum of the divided gradients"
        centered = "centered, " if options["centered"] else ""
        return f"{centered}{variant}", [*lines, f"w <- w - lr {step}"]
