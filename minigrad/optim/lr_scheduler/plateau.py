"""Lowering the rate when there is no more progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from minigrad.errors import ArgumentError
from minigrad.optim._options import Check, at_least_zero, between, choice, count
from minigrad.optim.lr_scheduler.base import LRScheduler
from minigrad.optim.optimizer import Optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Lower the rate when a figure has not become better for a while.

    After more than `patience` steps without a better figure::

        lr <- max(factor * lr, min_lr)

    In mode ``"min"`` a figure is better if it is below ``best - threshold * |best|`` (``"rel"``)
    or below ``best - threshold`` (``"abs"``); in mode ``"max"``, above with plus signs.

    Parameters
    ----------
    optimizer : Optimizer
        Whose rates are lowered.
    mode : {"min", "max"}, default "min"
        Whether a loss is watched or an accuracy.
    factor : float, default 0.1
        In (0, 1).
    patience : int, default 10
        Number of steps without progress that are borne.
    threshold : float, default 1e-4
        What counts as progress, at least 0.
    threshold_mode : {"rel", "abs"}, default "rel"
        Whether `threshold` is a share of the best figure.
    cooldown : int, default 0
        Number of steps after a reduction in which nothing is counted.
    min_lr : float, default 0.0
        The lowest rate.
    eps : float, default 1e-8
        A reduction by less than this is not made.

    Raises
    ------
    ArgumentError, DtypeError
        If an argument is not of this kind.

    Examples
    --------
    >>> import minigrad as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.8)
    >>> schedule = mg.optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [1.0, 0.9, 0.95, 0.91]:
    ...     schedule.step(loss)
    ...     print(loss, schedule.last_lr)
    1.0 [0.8]
    0.9 [0.8]
    0.95 [0.8]
    0.91 [0.4]

    Notes
    -----
    As `torch.optim.lr_scheduler.ReduceLROnPlateau`, except for negative figures with a relative
    threshold: there PyTorch takes what is slightly worse for progress.
    """

    _options: ClassVar[Mapping[str, Check]] = {
        "mode": choice("min", "max"),
        "factor": between(0, 1),
        "patience": count(0),
        "threshold": at_least_zero,
        "threshold_mode": choice("rel", "abs"),
        "cooldown": count(0),
        "min_lr": at_least_zero,
        "eps": at_least_zero,
    }

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        *,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        super().__init__(
            optimizer,
            mode=mode,
            factor=factor,
            patience=patience,
            threshold=threshold,
            threshold_mode=threshold_mode,
            cooldown=cooldown,
            min_lr=min_lr,
            eps=eps,
        )
        self.best: float | None = None
        self.bad_steps = 0
        self.cooldown_left = 0

    def step(self, metric: Any) -> None:
        """Tell the figure of another step, usually of an epoch's validation.

        Parameters
        ----------
        metric : float or anything that `float` takes
            The loss, or with ``mode="max"`` the accuracy.

        Raises
        ------
        ArgumentError
            If `metric` is NaN or no number.

        Examples
        --------
        >>> import minigrad as mg
        >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=1.0)
        >>> plateau = mg.optim.ReduceLROnPlateau(optimizer, patience=0)
        >>> plateau.step(0.5)
        >>> plateau.step(0.5)  # no better
        >>> optimizer.param_groups[0]["lr"]
        0.1

        As a callback of `fit`: ``lambda run: plateau.step(run.history["val_loss"][-1])``.
        """
        figure = _figure(metric)
        self.step_count += 1
        if self._is_better(figure):
            self.best = figure
            self.bad_steps = 0
        else:
            self.bad_steps += 1
        if self.cooldown_left:
            self.cooldown_left -= 1
            self.bad_steps = 0
        if self.bad_steps > self.options["patience"]:
            self._reduce()
            self.cooldown_left = self.options["cooldown"]
            self.bad_steps = 0

    def _is_better(self, figure: float) -> bool:
        if self.best is None or not math.isfinite(figure):
            return math.isfinite(figure)
        sign = 1 if self.options["mode"] == "min" else -1
        margin = self.options["threshold"]
        if self.options["threshold_mode"] == "rel":
            margin *= abs(self.best)
        return bool(sign * figure < sign * self.best - margin)

    def _reduce(self) -> None:
        for group in self.optimizer.param_groups:
            lower = max(self.options["factor"] * group["lr"], self.options["min_lr"])
            if group["lr"] - lower > self.options["eps"]:
                group["lr"] = lower

    @classmethod
    def _formula(cls, options: Mapping[str, Any]) -> str:
        return (
            f"lr <- max(factor * lr, min_lr) after more than {options['patience']} steps without a "
            f"new {options['mode']}imum"
        )

    def _extra_state(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "bad_steps": self.bad_steps,
            "cooldown_left": self.cooldown_left,
            "last_lr": self.last_lr,
        }

    def _problems_with(self, state_dict: Mapping[str, Any]) -> list[str]:
        rates, best, groups = state_dict["last_lr"], state_dict["best"], len(self.last_lr)
        problems = [
            f"{name}={state_dict[name]!r} is not a number of steps"
            for name in ("bad_steps", "cooldown_left")
            if not isinstance(state_dict[name], int) or state_dict[name] < 0
        ]
        if not isinstance(rates, list | tuple) or len(rates) != groups:
            problems.append(f"last_lr={rates!r} does not have a rate for each of {groups} groups")
        elif not all(isinstance(rate, int | float) and rate >= 0 for rate in rates):
            problems.append(f"last_lr={rates!r} are not learning rates")
        if not isinstance(best, int | float | None):
            problems.append(f"best={best!r} is not a number")
        return problems

    def _restore(self, state_dict: Mapping[str, Any]) -> None:
        self.best = state_dict["best"]
        self.bad_steps = state_dict["bad_steps"]
        self.cooldown_left = state_dict["cooldown_left"]
        for group, rate in zip(self.optimizer.param_groups, state_dict["last_lr"], strict=True):
            group["lr"] = rate


def _figure(metric: Any) -> float:
    try:
        figure = float(metric)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"ReduceLROnPlateau.step(metric) takes a number such as the validation loss, not "
            f"{type(metric).__name__}"
        ) from error
    if math.isnan(figure):
        raise ArgumentError(
            "ReduceLROnPlateau.step(metric) was given NaN, which no lower rate can repair; look "
            "for where the training went wrong"
        )
    return figure
