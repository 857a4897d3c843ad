"""Schedules that only ever lower the rate: in steps, exponentially, along a cosine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from minigrad.errors import ArgumentError
from minigrad.optim._options import Check, at_least_zero, count, positive
from minigrad.optim.lr_scheduler.base import FormulaLR
from minigrad.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "ExponentialLR", "StepLR"]


class StepLR(FormulaLR):
    """Multiply the rate by a factor every so many steps.

    ::

        lr = base_lr * gamma ** (t // step_size)

    Parameters
    ----------
    optimizer : Optimizer
        Its rates at this moment are ``base_lr``.
    step_size : int
        Number of steps (or epochs, if `step` is called once an epoch) with the same rate.
    gamma : float, default 0.1
        The factor, greater than 0.

    Raises
    ------
    ArgumentError, DtypeError
        If an argument is not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.8)
    >>> schedule = mg.optim.StepLR(optimizer, step_size=2, gamma=0.5)
    >>> rates = []
    >>> for epoch in range(6):
    ...     rates += schedule.last_lr  # train with optimizer here
    ...     schedule.step()
    >>> rates
    [0.8, 0.8, 0.4, 0.4, 0.2, 0.2]
    """

    _options: ClassVar[Mapping[str, Check]] = {"step_size": count(1), "gamma": positive}

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        super().__init__(optimizer, step_size=step_size, gamma=gamma)
        self._set(0)

    def _lr(self, t: int, index: int) -> float:
        factor: float = self.options["gamma"] ** (t // self.options["step_size"])
        return self.base_lrs[index] * factor

    @classmethod
    def _formula(cls, options: Mapping[str, Any]) -> str:
        return "lr = base_lr * gamma ** (t // step_size)"


class ExponentialLR(FormulaLR):
    """Multiply the rate by a factor at every step.

    ::

        lr = base_lr * gamma ** t

    Parameters
    ----------
    optimizer : Optimizer
        Its rates at this moment are ``base_lr``.
    gamma : float
        The factor, greater than 0.

    Raises
    ------
    ArgumentError, DtypeError
        If an argument is not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.8)
    >>> schedule = mg.optim.ExponentialLR(optimizer, gamma=0.5)
    >>> schedule.step()
    >>> schedule.last_lr
    [0.4]
    """

    _options: ClassVar[Mapping[str, Check]] = {"gamma": positive}

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        super().__init__(optimizer, gamma=gamma)
        self._set(0)

    def _lr(self, t: int, index: int) -> float:
        factor: float = self.options["gamma"] ** t
        return self.base_lrs[index] * factor

    @classmethod
    def _formula(cls, options: Mapping[str, Any]) -> str:
        return "lr = base_lr * gamma ** t"


class CosineAnnealingLR(FormulaLR):
    """Lower the rate along half a cosine, from ``base_lr`` at the start to ``eta_min`` at T_max.

    ::

        lr = eta_min + (base_lr - eta_min) * (1 + cos(pi * t / T_max)) / 2

    After `T_max` the cosine goes on: the rate rises again, and is back at ``base_lr`` at 2 T_max.

    Parameters
    ----------
    optimizer : Optimizer
        Its rates at this moment are ``base_lr``.
    T_max : int
        Number of steps (or epochs) on the way down.
    eta_min : float, default 0.0
        The lowest rate; at most ``base_lr``.

    Raises
    ------
    ArgumentError, DtypeError
        If an argument is not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.CosineAnnealingLR(optimizer, T_max=4)
    >>> [round(schedule.lr_at(t)[0], 4) for t in range(5)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0]

    References
    ----------
    Loshchilov, Hutter: "SGDR: stochastic gradient descent with warm restarts", 2017, equation 5,
    without the restarts.
    """

    _options: ClassVar[Mapping[str, Check]] = {"T_max": count(1), "eta_min": at_least_zero}

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        super().__init__(optimizer, T_max=T_max, eta_min=eta_min)
        for index, rate in enumerate(self.base_lrs):
            if rate < self.options["eta_min"]:
                raise ArgumentError(
                    f"CosineAnnealingLR: eta_min={eta_min} is above the rate {rate} of parameter "
                    f"group {index}, which would rise to it; choose a lower one"
                )
        self._set(0)

    def _lr(self, t: int, index: int) -> float:
        low: float = self.options["eta_min"]
        wave = (1 + math.cos(math.pi * t / self.options["T_max"])) / 2
        return self.base_lrs[index] * wave + low * (1 - wave)  # exact at both ends

    @classmethod
    def _formula(cls, options: Mapping[str, Any]) -> str:
        return "lr = eta_min + (base_lr - eta_min) * (1 + cos(pi * t / T_max)) / 2"
