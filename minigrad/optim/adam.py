"""Adam and its relatives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from numpy import add, divide, maximum, multiply, sqrt, subtract

from minigrad.compiled import Kernel, flat, same_layout
from minigrad.optim._options import Check, at_least_zero, decays, flag, positive
from minigrad.optim._parameters import Parameters
from minigrad.optim._slots import Array, Arrays, Kept, Options, Scalars
from minigrad.optim.optimizer import Optimizer

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Adam: steps along an average of gradients, divided by the root of an average of squares.

    With ``b1, b2 = betas``, and t = 1, 2, ... counting the steps of each parameter::

        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g**2
        w <- w - lr m / (1 - b1**t) / (sqrt(v / (1 - b2**t)) + eps)

    The divisions by ``1 - b**t`` are the bias correction. Without it (``bias_correction=False``)
    the averages, which start at 0, are used as they are, and the first steps are too long: 3 to 6
    times with the default betas, as ``v`` starts lower than ``m``::

        w <- w - lr m / (sqrt(v) + eps)

    With ``amsgrad=True`` the largest ``v`` so far takes the place of ``v``. With weight decay,
    ``g`` is ``gradient + weight_decay w``, the gradient of an L2 penalty, which is then divided
    like the rest; for weights that shrink at a rate of their own see `AdamW`.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor) pairs, or of dicts
        The parameters, or groups ``{"params": ..., "lr": ...}`` with options of their own.
    lr : float, default 1e-3
        Learning rate, at least 0: about as far as a weight goes in one step.
    betas : pair of float, default (0.9, 0.999)
        How much of the average of gradients and of squares is kept each step, in [0, 1).
    eps : float, default 1e-8
        Added to the root, outside of it; greater than 0.
    weight_decay : float, default 0.0
        L2 penalty, at least 0.
    bias_correction : bool, default True
        Whether to correct for averages that start at 0.
    amsgrad : bool, default False
        Whether to divide by the largest average of squares so far.

    Raises
    ------
    ArgumentError, DtypeError
        If an option or the parameters are not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mg.optim.Adam([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.9, 1.9], dtype=float32)
    >>> mg.optim.Adam([w], bias_correction=False)
    Adam: without bias correction, eps outside the root
      m <- b1 m + (1 - b1) g
      v <- b2 v + (1 - b2) g**2
      w <- w - lr m / (sqrt(v) + eps)
      <1 parameter: lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, ...>

    References
    ----------
    Kingma, Ba: "Adam: a method for stochastic optimization", 2015, algorithm 1, as in
    `torch.optim.Adam`. Reddi, Kale, Kumar: "On the convergence of Adam and beyond", 2018, for
    amsgrad, with PyTorch's order: the maximum is taken before the bias correction.
    """

    _options: ClassVar[Mapping[str, Check]] = {
        "lr": at_least_zero,
        "betas": decays,
        "eps": positive,
        "weight_decay": at_least_zero,
        "bias_correction": flag,
        "amsgrad": flag,
    }
    _decoupled = False

    def __init__(
        self,
        params: Parameters | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        bias_correction: bool = True,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            bias_correction=bias_correction,
            amsgrad=amsgrad,
        )

    def _layout(self, options: Options) -> tuple[Kept, ...]:
        b1, b2 = options["betas"]
        m, v = Kept("m", 1 - b1), Kept("v", 1 - b2)
        return (m, v, Kept("v_max", 1 - b2)) if options["amsgrad"] else (m, v)

    def _coefficients(self, options: Options, step: int) -> Scalars:
        # What is kept is M = m / (1 - b1) and V = v / (1 - b2), which saves two passes. With
        # c1 = 1 - b1**t and c2 = 1 - b2**t (or 1), and root = sqrt((1 - b2) / c2),
        #     lr (m / c1) / (sqrt(v / c2) + eps)  =  rate M / (sqrt(V) + eps / root).
        b1, b2 = options["betas"]
        lr, decay = options["lr"], options["weight_decay"]
        c1, c2 = (1 - b1**step, 1 - b2**step) if options["bias_correction"] else (1.0, 1.0)
        root = math.sqrt((1 - b2) / c2)
        rate = lr * (1 - b1) / (c1 * root)
        return b1, b2, rate, options["eps"] / root, 1 - lr * decay if self._decoupled else decay

    def _update(
        self, w: Array, g: Array, kept: Arrays, k: Scalars, scratch: Arrays, options: Options
    ) -> None:
        if same_layout(w, g, *kept) and not options["amsgrad"]:
            _adam.run(*flat(w, g, *kept), k, bool(options["weight_decay"]), self._decoupled)
            return
        b1, b2, rate, eps, decay = k
        (s,) = scratch
        if options["weight_decay"]:
            if self._decoupled:
                multiply(w, decay, w)
            else:
                multiply(w, decay, s)
                g = add(s, g, s)
        m, v = kept[:2]
        multiply(m, b1, m)
        add(m, g, m)  # M <- b1 M + g
        multiply(g, g, s)
        multiply(v, b2, v)
        add(v, s, v)  # V <- b2 V + g**2
        if options["amsgrad"]:
            v = maximum(kept[2], v, out=kept[2])
        sqrt(v, s)
        add(s, eps, s)
        divide(m, s, s)
        multiply(s, rate, s)
        subtract(w, s, w)  # w <- w - rate M / (sqrt(V) + eps')

    @classmethod
    def _formula(cls, options: Options) -> tuple[str, list[str]]:
        lines = ["m <- b1 m + (1 - b1) g", "v <- b2 v + (1 - b2) g**2"]
        v = "v"
        if options["amsgrad"]:
            lines.append("v_max <- max(v_max, v)")
            v = "v_max"
        if options["bias_correction"]:
            lines.append(f"w <- w - lr m / (1 - b1**t) / (sqrt({v} / (1 - b2**t)) + eps)")
        else:
            lines.append(f"w <- w - lr m / (sqrt({v}) + eps)")
        if options["weight_decay"]:
            shrink = "w <- w - lr weight_decay w"
            lines.insert(0, shrink if cls._decoupled else "g <- g + weight_decay w")
        variant = f"with{'' if options['bias_correction'] else 'out'} bias correction"
        decay = ", decoupled weight decay" if cls._decoupled else ""
        amsgrad = ", amsgrad" if options["amsgrad"] else ""
        return f"{variant}, eps outside the root{amsgrad}{decay}", lines


@Kernel
def _adam(
    w: Array, g: Array, m: Array, v: Array, k: Scalars, decays: bool, decoupled: bool
) -> None:
    b1, b2, rate, eps, decay = k[0][()], k[1][()], k[2][()], k[3][()], k[4][()]
    for i in range(w.size):
        wi, gi = w[i], g[i]
        if decays and decoupled:
            wi *= decay
        elif decays:
            gi += decay * wi
        m[i] = m[i] * b1 + gi
        v[i] = v[i] * b2 + gi * gi
        w[i] = wi - m[i] / (math.sqrt(v[i]) + eps) * rate


class AdamW(Adam):
    """Adam with decoupled weight decay: the weights shrink by themselves, apart from the gradient.

    With ``b1, b2 = betas``, and t = 1, 2, ... counting the steps of each parameter::

        w <- w - lr weight_decay w
        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g**2
        w <- w - lr m / (1 - b1**t) / (sqrt(v / (1 - b2**t)) + eps)

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor) pairs, or of dicts
        The parameters, or groups ``{"params": ..., "lr": ...}`` with options of their own.
    lr : float, default 1e-3
        Learning rate, at least 0.
    betas : pair of float, default (0.9, 0.999)
        How much of the average of gradients and of squares is kept each step, in [0, 1).
    eps : float, default 1e-8
        Added to the root, outside of it; greater than 0.
    weight_decay : float, default 1e-2
        The share of a weight that goes each step, per unit of `lr`; at least 0.
    bias_correction : bool, default True
        As in `Adam`.
    amsgrad : bool, default False
        As in `Adam`.

    Raises
    ------
    ArgumentError, DtypeError
        If an option or the parameters are not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mg.optim.AdamW([w], lr=0.1, weight_decay=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data.round(4)
    array([0.85, 1.8 ], dtype=float32)

    References
    ----------
    Loshchilov, Hutter: "Decoupled weight decay regularization", 2019, with the decay multiplied by
    the learning rate, as in `torch.optim.AdamW`.
    """

    _decoupled = True

    def __init__(
        self,
        params: Parameters | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        bias_correction: bool = True,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            bias_correction=bias_correction,
            amsgrad=amsgrad,
        )
