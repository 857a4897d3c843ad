"""Beginning slowly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from minigrad.errors import ArgumentError
from minigrad.optim._options import Check, count, decay
from minigrad.optim.lr_scheduler.base import FormulaLR
from minigrad.optim.optimizer import Optimizer

__all__ = ["LinearWarmup"]


class LinearWarmup(FormulaLR):
    """Raise the rate in a straight line, then keep it or hand over to another schedule.

    With s for `start_factor`, while ``t < steps``::

        lr = first_lr * (s + (1 - s) * t / steps)

    and from then on the rate of the schedule `after` at its own step ``t - steps``; without one,
    the optimizer's own. ``first_lr`` is the first rate of that. Only `step` of the warm-up is
    called: it drives the other.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are set.
    steps : int
        Number of steps (or epochs) until the full rate.
    start_factor : float, default 1/3
        The factor of the first step, in [0, 1).
    after : FormulaLR, optional
        The schedule that follows, made for the same optimizer: any but `ReduceLROnPlateau`.

    Raises
    ------
    ArgumentError, DtypeError
        If an argument is not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
    >>> schedule = mg.optim.LinearWarmup(
    ...     optimizer, 2, start_factor=0.5, after=mg.optim.CosineAnnealingLR(optimizer, T_max=4)
    ... )
    >>> [round(schedule.lr_at(t)[0], 4) for t in range(7)]
    [0.5, 0.75, 1.0, 0.8536, 0.5, 0.1464, 0.0]

    References
    ----------
    Goyal et al.: "Accurate, large minibatch SGD: training ImageNet in 1 hour", 2017, section 2.2.
    PyTorch has it as `LinearLR`, and as `SequentialLR` with a schedule that follows.
    """

    _options: ClassVar[Mapping[str, Check]] = {"steps": count(1), "start_factor": decay}

    def __init__(
        self,
        optimizer: Optimizer,
        steps: int,
        start_factor: float = 1 / 3,
        after: FormulaLR | None = None,
    ) -> None:
        super().__init__(optimizer, steps=steps, start_factor=start_factor)
        self.after = after
        if after is not None:
            self._refuse_unsuitable(after)
            after._leader = self._name
            self.base_lrs = after.base_lrs
        self._set(0)

    def _refuse_unsuitable(self, after: Any) -> None:
        if not isinstance(after, FormulaLR):
            raise ArgumentError(
                "LinearWarmup: after must be a schedule that depends on the number of steps only, "
                f"such as CosineAnnealingLR(optimizer, ...), not {type(after).__name__}"
            )
        if after.optimizer is not self.optimizer:
            raise ArgumentError("LinearWarmup: after was made for another optimizer")
        if after.step_count or after._leader:
            raise ArgumentError(
                f"LinearWarmup: after is in use already (step_count={after.step_count}); make a "
                "new one"
            )

    def _lr(self, t: int, index: int) -> float:
        rate: float = self._settings(t, index)["lr"]
        return rate

    def _settings(self, t: int, index: int) -> dict[str, Any]:
        steps, start = self.options["steps"], self.options["start_factor"]
        if self.after is None:
            settings = {"lr": self.base_lrs[index]}
        else:
            settings = self.after._settings(max(t - steps, 0), index)
        if t < steps:
            settings["lr"] *= start + (1 - start) * t / steps
        return settings

    @classmethod
    def _formula(cls, options: Mapping[str, Any]) -> str:
        return "lr = first_lr * (start_factor + (1 - start_factor) * t / steps) while t < steps"

    def _extra_state(self) -> dict[str, Any]:
        after = None if self.after is None else self.after.state_dict()
        return {**super()._extra_state(), "after": after}

    def _problems_with(self, state_dict: Mapping[str, Any]) -> list[str]:
        problems = super()._problems_with(state_dict)
        saved = state_dict["after"]
        if self.after is None:
            return problems + ["it has a schedule that follows, and here is none"] * bool(saved)
        return problems + [f"after: {text}" for text in self.after._all_problems_with(saved)]

    def __repr__(self) -> str:
        text = super().__repr__()
        return text if self.after is None else f"{text}\nthen {self.after!r}"
