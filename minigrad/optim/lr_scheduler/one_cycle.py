"""One cycle of the rate: up, down, and far down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from minigrad.errors import ArgumentError
from minigrad.optim._group import ParamGroup
from minigrad.optim._options import Check, between, choice, count, decay, flag, positive
from minigrad.optim.lr_scheduler.base import FormulaLR
from minigrad.optim.optimizer import Optimizer

__all__ = ["OneCycleLR"]


def _rates(label: str, value: Any) -> float | list[float]:
    if isinstance(value, list | tuple):
        return [positive(f"{label}[{index}]", rate) for index, rate in enumerate(value)]
    rate: float = positive(label, value)
    return rate


class _Phase(NamedTuple):
    """A part of the cycle, up to step `end`; the rates are factors of max_lr."""

    end: float
    lr: tuple[float, float]
    momentum: tuple[float, float]


class OneCycleLR(FormulaLR):
    """Raise the rate from a low one to `max_lr`, then lower it to a much lower one.

    With n for `total_steps`, ``low = max_lr / div_factor`` and
    ``lowest = low / final_div_factor``::

        steps 0 ... pct_start n - 1        from low to max_lr
        then ... n - 1                     from max_lr to lowest

    or, with ``three_phase=True``::

        steps 0 ... pct_start n - 1        from low to max_lr
        then ... 2 pct_start n - 2         from max_lr to low
        then ... n - 1                     from low to lowest

    Between a and b, at the share p of the way, with ``"cos"`` and with ``"linear"``::

        b + (a - b) * (1 + cos(pi p)) / 2
        b + (a - b) * (1 - p)

    The momentum goes the other way: from `max_momentum` to `base_momentum` as the rate rises, and
    back as it falls for the first time.

    Parameters
    ----------
    optimizer : Optimizer
        Its own learning rate is not used.
    max_lr : float or list of float
        The highest rate; a list has one for each parameter group.
    total_steps : int
        Number of steps of the whole cycle: ``epochs * len(batches)`` if `step` is called after
        each batch. There can be no more than these.
    pct_start : float, default 0.3
        The share of the steps on the way up, in (0, 1).
    anneal_strategy : {"cos", "linear"}, default "cos"
        The shape of the ways up and down.
    cycle_momentum : bool, default True
        Whether to set the momentum too: ``momentum``, ``beta``, or the first of ``betas``.
    base_momentum, max_momentum : float, default 0.85 and 0.95
        The lowest and the highest momentum, in [0, 1).
    div_factor : float, default 25.0
        How many times lower than `max_lr` the rate begins.
    final_div_factor : float, default 1e4
        How many times lower than that it ends.
    three_phase : bool, default False
        Whether the rate falls in two phases, of which the first mirrors its rise.

    Raises
    ------
    ArgumentError, DtypeError
        If an argument is not of this kind, or there is no momentum to cycle.

    Examples
    --------
    >>> import minigrad as mg
    >>> optimizer = mg.optim.Adam([mg.tensor([1.0], requires_grad=True)])
    >>> schedule = mg.optim.OneCycleLR(optimizer, max_lr=0.1, total_steps=10)
    >>> [round(schedule.lr_at(t)[0], 4) for t in range(10)]
    [0.004, 0.052, 0.1, 0.095, 0.0812, 0.0611, 0.0389, 0.0188, 0.005, 0.0]
    >>> optimizer.param_groups[0]["betas"]
    (0.95, 0.999)

    References
    ----------
    Smith, Topin: "Super-convergence: very fast training of neural networks using large learning
    rates", 2018, in the two phases of fast.ai, as in `torch.optim.lr_scheduler.OneCycleLR`.
    """

    _options: ClassVar[Mapping[str, Check]] = {
        "max_lr": _rates,
        "total_steps": count(1),
        "pct_start": between(0, 1),
        "anneal_strategy": choice("cos", "linear"),
        "cycle_momentum": flag,
        "base_momentum": decay,
        "max_momentum": decay,
        "div_factor": positive,
        "final_div_factor": positive,
        "three_phase": flag,
    }

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int,
        *,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        super().__init__(
            optimizer,
            max_lr=max_lr,
            total_steps=total_steps,
            pct_start=pct_start,
            anneal_strategy=anneal_strategy,
            cycle_momentum=cycle_momentum,
            base_momentum=base_momentum,
            max_momentum=max_momentum,
            div_factor=div_factor,
            final_div_factor=final_div_factor,
            three_phase=three_phase,
        )
        self._phases = _phases(self.options)
        rates, groups = self.options["max_lr"], len(optimizer.param_groups)
        if isinstance(rates, list) and len(rates) != groups:
            raise ArgumentError(
                f"OneCycleLR: max_lr has {len(rates)} rates, and the optimizer {groups} parameter "
                "groups; give one rate, or one for each group"
            )
        if self.options["cycle_momentum"]:
            for index, group in enumerate(optimizer.param_groups):
                _refuse_without_momentum(group, index)
        self._set(0)

    def _at(self, t: int) -> tuple[float, float]:
        """Return the rate (as a factor of max_lr) and the momentum after `t` steps."""
        start = 0.0
        for phase in self._phases:
            if t <= phase.end:
                break
            start = phase.end
        # Past the last phase, start is its end.
        share = (t - start) / (phase.end - start) if start < phase.end else 1.0
        return self._between(*phase.lr, share), self._between(*phase.momentum, share)

    def _between(self, a: float, b: float, share: float) -> float:
        is_linear = self.options["anneal_strategy"] == "linear"
        left = 1 - share if is_linear else (1 + math.cos(math.pi * share)) / 2
        return a * left + b * (1 - left)  # exactly a and b at the ends

    def _lr(self, t: int, index: int) -> float:
        rates = self.options["max_lr"]
        highest: float = rates[index] if isinstance(rates, list) else rates
        return highest * self._at(t)[0]

    def _settings(self, t: int, index: int) -> dict[str, Any]:
        if t > self.options["total_steps"]:
            raise ArgumentError(
                f"OneCycleLR: the cycle was to have total_steps={self.options['total_steps']}, and "
                f"this is step {t}; call step() once per optimizer step, or give a larger number"
            )
        settings: dict[str, Any] = {"lr": self._lr(t, index)}
        if self.options["cycle_momentum"]:
            momentum, group = self._at(t)[1], self.optimizer.param_groups[index]
            name = _momentum_option(group)
            settings[name] = (momentum, group["betas"][1]) if name == "betas" else momentum
        return settings

    @classmethod
    def _formula(cls, options: Mapping[str, Any]) -> str:
        highest, shape = "max_lr", options["anneal_strategy"]
        ways = ["max_lr / div_factor", highest, "max_lr / div_factor / final_div_factor"]
        if options["three_phase"]:
            ways.insert(2, ways[0])
        return f"lr = {' -> '.join(ways)} ({shape})"


def _phases(options: Mapping[str, Any]) -> list[_Phase]:
    low = 1 / options["div_factor"]
    lowest = low / options["final_div_factor"]
    slow, fast = options["base_momentum"], options["max_momentum"]
    total, up = options["total_steps"], options["pct_start"] * options["total_steps"]
    rise = _Phase(up - 1, (low, 1.0), (fast, slow))
    if not options["three_phase"]:
        return [rise, _Phase(total - 1, (1.0, lowest), (slow, fast))]
    fall = _Phase(2 * up - 2, (1.0, low), (slow, fast))
    return [rise, fall, _Phase(total - 1, (low, lowest), (fast, fast))]


def _momentum_option(group: ParamGroup) -> str:
    """Return which option is the momentum, an empty name if there is none."""
    return next((name for name in ("betas", "momentum", "beta") if name in group), "")


def _refuse_without_momentum(group: ParamGroup, index: int) -> None:
    name = _momentum_option(group)
    momentum = group.get(name, 0.0)
    if momentum == 0 or (name == "betas" and momentum[0] == 0):
        reason = f"has {name}={momentum}, which it would turn on" if name else "has no momentum"
        raise ArgumentError(
            f"OneCycleLR: cycle_momentum=True, and parameter group {index} {reason}; pass "
            "cycle_momentum=False, or use an optimizer with momentum"
        )
