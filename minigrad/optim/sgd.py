"""Gradient descent, and the two things that are called momentum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from numpy import add, divide, multiply, subtract

from minigrad.compiled import Kernel, flat, same_layout
from minigrad.optim._options import Check, at_least_zero, choice, decay, flag
from minigrad.optim._parameters import Parameters
from minigrad.optim._slots import Array, Arrays, Kept, Options, Scalars
from minigrad.optim.optimizer import Optimizer

__all__ = ["SGD", "Momentum"]


@Kernel
def _descent(w: Array, g: Array, k: Scalars) -> None:
    rate, weight_decay = k[0][()], k[1][()]
    for i in range(w.size):
        gi = g[i] + weight_decay * w[i] if weight_decay else g[i]  # where w is infinite, too
        w[i] -= gi * rate


@Kernel
def _momentum(w: Array, g: Array, v: Array, k: Scalars) -> None:
    rate, momentum, weight_decay = k[0][()], k[1][()], k[2][()]
    for i in range(w.size):
        gi = g[i] + weight_decay * w[i] if weight_decay else g[i]
        v[i] = v[i] * momentum + gi
        w[i] -= v[i] * rate


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum as PyTorch has it.

    Without momentum (the default)::

        w <- w - lr g

    With momentum, the learning rate outside the velocity; Nesterov's form looks one step ahead::

        V <- momentum V + (1 - dampening) g        (the first time: V <- g)
        w <- w - lr V                              (nesterov: w <- w - lr (g + momentum V))

    With weight decay, ``g`` is ``gradient + weight_decay w`` in all of these: the gradient of
    ``weight_decay / 2 * sum(w**2)`` added to the loss.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor) pairs, or of dicts
        The parameters, or groups ``{"params": ..., "lr": ...}`` with options of their own.
    lr : float, default 1e-3
        Learning rate, at least 0.
    momentum : float, default 0.0
        How much of the velocity is kept each step, in [0, 1). For the velocity as an *average* of
        gradients, or with the learning rate inside it, see `Momentum`.
    dampening : float, default 0.0
        How much of the gradient is kept out of the velocity, in [0, 1).
    weight_decay : float, default 0.0
        L2 penalty, at least 0.
    nesterov : bool, default False
        Nesterov's form; needs ``momentum`` and no ``dampening``.

    Raises
    ------
    ArgumentError, DtypeError
        If an option or the parameters are not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> optimizer = mg.optim.SGD([w], lr=0.1)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.8, 1.6], dtype=float32)
    >>> mg.optim.SGD([w], lr=0.1, momentum=0.9)
    SGD: momentum, learning rate outside the velocity
      V <- momentum V + g
      w <- w - lr V
      <1 parameter: lr=0.1, momentum=0.9, dampening=0.0, weight_decay=0.0, nesterov=False>

    References
    ----------
    Sutskever, Martens, Dahl, Hinton: "On the importance of initialization and momentum in deep
    learning", 2013, for both momenta; there the learning rate is inside the velocity. Here it is
    outside, as in `torch.optim.SGD`, which makes a difference as soon as it changes.
    """

    _options: ClassVar[Mapping[str, Check]] = {
        "lr": at_least_zero,
        "momentum": decay,
        "dampening": decay,
        "weight_decay": at_least_zero,
        "nesterov": flag,
    }

    def __init__(
        self,
        params: Parameters | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        *,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
        )

    @classmethod
    def _conflict(cls, options: Options) -> str:
        momentum, dampening = options["momentum"], options["dampening"]
        if options["nesterov"] and (not momentum or dampening):
            return (
                "nesterov=True needs momentum > 0 and dampening = 0, and there is "
                f"momentum={momentum}, dampening={dampening}"
            )
        return ""

    def _layout(self, options: Options) -> tuple[Kept, ...]:
        momentum = options["momentum"]
        if not momentum:
            return ()
        if options["nesterov"]:
            return (Kept("V", 1 / momentum),)
        return (Kept("V", 1 - options["dampening"]),)

    def _coefficients(self, options: Options, step: int) -> tuple[float, ...]:
        gain = 1 - options["dampening"]
        rate = options["lr"] * (gain if options["momentum"] else 1)
        first = gain if step == 1 else 1.0  # V <- g, not (1 - dampening) g
        return rate, options["momentum"], first, options["weight_decay"]

    def _update(
        self, w: Array, g: Array, kept: Arrays, k: Scalars, scratch: Arrays, options: Options
    ) -> None:
        rate, momentum, first, weight_decay = k
        (s,) = scratch
        plain = not options["nesterov"] and (first == 1 or not options["dampening"])
        if plain and same_layout(w, g, *kept):
            if kept:
                _momentum.run(*flat(w, g, *kept), (rate, momentum, weight_decay))
            else:
                _descent.run(*flat(w, g), (rate, weight_decay))
            return
        if options["weight_decay"]:
            multiply(w, weight_decay, s)
            g = add(s, g, s)
        if options["nesterov"]:
            (lead,) = kept  # momentum V: so that g + momentum V takes one addition
            add(lead, g, lead)  # V <- momentum V + g
            multiply(lead, momentum, lead)
            g = add(lead, g, s)
        elif kept:
            (v,) = kept  # V / (1 - dampening)
            multiply(v, momentum, v)
            if options["dampening"] and first != 1:
                g = divide(g, first, s)
            g = add(v, g, v)
        multiply(g, rate, s)
        subtract(w, s, w)

    @classmethod
    def _formula(cls, options: Options) -> tuple[str, list[str]]:
        decayed = ["g <- g + weight_decay w"] if options["weight_decay"] else []
        if not options["momentum"]:
            return "plain gradient descent", [*decayed, "w <- w - lr g"]
        gain = "(1 - dampening) g   (the first time: V <- g)" if options["dampening"] else "g"
        velocity = f"V <- momentum V + {gain}"
        if options["nesterov"]:
            variant = "Nesterov momentum, learning rate outside the velocity"
            return variant, [*decayed, velocity, "w <- w - lr (g + momentum V)"]
        variant = "momentum, learning rate outside the velocity"
        return variant, [*decayed, velocity, "w <- w - lr V"]


class Momentum(Optimizer):
    """Gradient descent with momentum, in the two forms that textbooks have.

    ``form="average"`` (the default): the velocity is a running average of the gradients, so that
    ``lr`` means what it means without momentum. The first steps are short, by 1 - beta**t::

        V <- beta V + (1 - beta) g
        w <- w - lr V

    ``form="heavy_ball"``: the velocity is a sum of past steps, as Polyak's ball has it; in the
    long run ``1 / (1 - beta)`` times as fast as the average. While ``lr`` stays the same, this is
    `SGD` with ``momentum=beta``; a change of ``lr`` only affects the gradients after it::

        U <- beta U - lr g
        w <- w + U

    With weight decay, ``g`` is ``gradient + weight_decay w``.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor) pairs, or of dicts
        The parameters, or groups ``{"params": ..., "lr": ...}`` with options of their own.
    lr : float, default 1e-3
        Learning rate, at least 0.
    beta : float, default 0.9
        How much of the velocity is kept each step, in [0, 1).
    form : {"average", "heavy_ball"}, default "average"
        Which of the two.
    weight_decay : float, default 0.0
        L2 penalty, at least 0.

    Raises
    ------
    ArgumentError, DtypeError
        If an option or the parameters are not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> mg.optim.Momentum([w])
    Momentum: average of the gradients
      V <- beta V + (1 - beta) g
      w <- w - lr V
      <1 parameter: lr=0.001, beta=0.9, form='average', weight_decay=0.0>
    >>> optimizer = mg.optim.Momentum([w], lr=0.1, form="heavy_ball")
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([0.8, 1.6], dtype=float32)

    References
    ----------
    Polyak: "Some methods of speeding up the convergence of iteration methods", 1964, for the heavy
    ball. The average is the form without bias correction of the first moment in `Adam`.
    """

    _options: ClassVar[Mapping[str, Check]] = {
        "lr": at_least_zero,
        "beta": decay,
        "form": choice("average", "heavy_ball"),
        "weight_decay": at_least_zero,
    }

    def __init__(
        self,
        params: Parameters | Iterable[Mapping[str, Any]],
        lr: float = 1e-3,
        *,
        beta: float = 0.9,
        form: str = "average",
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, beta=beta, form=form, weight_decay=weight_decay)

    def _layout(self, options: Options) -> tuple[Kept, ...]:
        if options["form"] == "average":
            return (Kept("V", 1 - options["beta"]),)
        return (Kept("U"),)

    def _coefficients(self, options: Options, step: int) -> tuple[float, ...]:
        lr, beta = options["lr"], options["beta"]
        rate = lr * (1 - beta) if options["form"] == "average" else lr
        return rate, beta, options["weight_decay"]

    def _update(
        self, w: Array, g: Array, kept: Arrays, k: Scalars, scratch: Arrays, options: Options
    ) -> None:
        rate, beta, weight_decay = k
        if options["form"] == "average" and same_layout(w, g, *kept):
            _momentum.run(*flat(w, g, *kept), k)
            return
        (v,) = kept
        (s,) = scratch
        if options["weight_decay"]:
            multiply(w, weight_decay, s)
            g = add(s, g, s)
        multiply(v, beta, v)
        if options["form"] == "average":
            add(v, g, v)  # v is V / (1 - beta)
            multiply(v, rate, s)
            subtract(w, s, w)
        else:
            multiply(g, rate, s)
            subtract(v, s, v)
            add(w, v, w)

    @classmethod
    def _formula(cls, options: Options) -> tuple[str, list[str]]:
        decayed = ["g <- g + weight_decay w"] if options["weight_decay"] else []
        if options["form"] == "average":
            lines = ["V <- beta V + (1 - beta) g", "w <- w - lr V"]
            return "average of the gradients", [*decayed, *lines]
        lines = ["U <- beta U - lr g", "w <- w + U"]
        return "heavy ball, learning rate inside the velocity", [*decayed, *lines]
