"""What the learning-rate schedules share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from minigrad.errors import ArgumentError, DtypeError
from minigrad.optim._options import Check, check_options
from minigrad.optim._state import refuse
from minigrad.optim.optimizer import Optimizer

__all__ = ["FormulaLR", "LRScheduler"]


class LRScheduler(ABC):
    """Base of the schedules, which set the learning rate of an optimizer's parameter groups.

    Attributes
    ----------
    optimizer : Optimizer
        Whose rates are set.
    options : dict
        The schedule's options.
    step_count : int
        How often `step` was called.

    Examples
    --------
    >>> import minigrad as mg
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.1)
    >>> schedule = mg.optim.StepLR(optimizer, step_size=1, gamma=0.5)
    >>> isinstance(schedule, mg.optim.LRScheduler)
    True
    >>> schedule.step()
    >>> schedule.step_count, optimizer.param_groups[0]["lr"]
    (1, 0.05)
    """

    _options: ClassVar[Mapping[str, Check]]

    def __init__(self, optimizer: Optimizer, **options: Any) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DtypeError(
                f"{self._name} takes an optimizer, not {type(optimizer).__name__}; write "
                f"{self._name}(optimizer, ...)"
            )
        self.optimizer = optimizer
        self.options = check_options(self._options, options, self._name)
        self.step_count = 0

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def last_lr(self) -> list[float]:
        """The learning rate of each parameter group, as of now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    @classmethod
    @abstractmethod
    def _formula(cls, options: Mapping[str, Any]) -> str:
        """Return the formula that these options choose."""

    @abstractmethod
    def _extra_state(self) -> dict[str, Any]:
        """Return what else there is to save, by the attribute's name."""

    @abstractmethod
    def _problems_with(self, state_dict: Mapping[str, Any]) -> list[str]:
        """Return what is wrong with the extra state of a state dict."""

    @abstractmethod
    def _restore(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the extra state."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that has to be saved to go on later; nothing that JSON cannot hold.

        Returns
        -------
        dict
            The schedule's class and options, the number of steps, and what else it remembers.
        """
        return {
            "schedule": self._name,
            "options": dict(self.options),
            "step_count": self.step_count,
            **self._extra_state(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where another schedule was when its `state_dict` was made.

        Parameters
        ----------
        state_dict : mapping
            What `state_dict` returned for a schedule of the same kind and options.

        Raises
        ------
        StateDictError
            If anything does not fit. Lists everything that does not; nothing was changed.
        """
        refuse(self._name, self._all_problems_with(state_dict))
        self.step_count = int(state_dict["step_count"])
        self._restore(state_dict)

    def _all_problems_with(self, state_dict: Mapping[str, Any]) -> list[str]:
        if not isinstance(state_dict, Mapping):
            return [f"it is a {type(state_dict).__name__}, not a dict"]
        missing = [repr(key) for key in self.state_dict() if key not in state_dict]
        if missing:
            return [f"it has no {', '.join(missing)}"]
        if state_dict["schedule"] != self._name:
            return [f"it was saved by {state_dict['schedule']}"]
        steps = state_dict["step_count"]
        problems = _differences(state_dict["options"], self.options)
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
            problems.append(f"step_count={steps!r} is not a number of steps")
        return problems + self._problems_with(state_dict)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return (
            f"{self._name}: {self._formula(self.options)}\n"
            f"  <t={self.step_count}, lr={self.last_lr}: {options}>"
        )


def _differences(saved: Any, here: Mapping[str, Any]) -> list[str]:
    if not isinstance(saved, Mapping):
        return [f"its options are {saved!r}"]
    return [
        f"{name} is {saved.get(name, 'missing')!r} in the state dict, and {value!r} here"
        for name, value in here.items()
        if name not in saved or saved[name] != value
    ]


class FormulaLR(LRScheduler):
    """Base of the schedules that are a formula of the number of steps.

    A subclass computes the rate of a group at step ``t`` in `_lr`, or everything that it sets in
    `_settings`.

    Attributes
    ----------
    base_lrs : list of float
        The rate of each group that the formula starts from: that of the optimizer when the
        schedule was made. May be changed.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.optim.lr_scheduler import FormulaLR
    >>> class Harmonic(FormulaLR):
    ...     _options = {}
    ...     def _lr(self, t, index):
    ...         return self.base_lrs[index] / (1 + t)
    ...     @classmethod
    ...     def _formula(cls, options):
    ...         return "lr = first_lr / (1 + t)"
    ...
    >>> optimizer = mg.optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=0.6)
    >>> Harmonic(optimizer).step()
    >>> optimizer.param_groups[0]["lr"]
    0.3
    """

    def __init__(self, optimizer: Optimizer, **options: Any) -> None:
        super().__init__(optimizer, **options)
        self.base_lrs = self.last_lr
        self._last_set = self.last_lr
        self._leader: str | None = None  # the schedule that this one follows

    @abstractmethod
    def _lr(self, t: int, index: int) -> float:
        """Return the rate of parameter group `index` after `t` steps."""

    def _settings(self, t: int, index: int) -> dict[str, Any]:
        """Return the options of parameter group `index` after `t` steps."""
        return {"lr": self._lr(t, index)}

    def lr_at(self, t: int) -> list[float]:
        """Return the rate of each parameter group after `t` steps, without changing anything.

        Parameters
        ----------
        t : int
            Number of steps, from 0 up.

        Returns
        -------
        list of float
            One rate for each parameter group.

        Examples
        --------
        >>> import minigrad as mg
        >>> w = mg.tensor([1.0], requires_grad=True)
        >>> schedule = mg.optim.StepLR(mg.optim.SGD([w], lr=1.0), step_size=2, gamma=0.5)
        >>> [schedule.lr_at(t)[0] for t in range(5)]
        [1.0, 1.0, 0.5, 0.5, 0.25]
        """
        if t < 0:
            raise ArgumentError(f"{self._name}.lr_at(t) needs t >= 0, not {t}")
        return [self._settings(t, index)["lr"] for index in range(len(self.base_lrs))]

    def step(self) -> None:
        """Set the rates for the next step: call it once after ``optimizer.step()``, or per epoch.

        Raises
        ------
        ArgumentError
            If somebody else has changed a rate, which would be overwritten.
        """
        if self._leader:
            raise ArgumentError(
                f"this {self._name} is driven by a {self._leader}; call the step() of that one"
            )
        self._refuse_change_of_others()
        for group in self.optimizer.param_groups[len(self.base_lrs) :]:
            self.base_lrs.append(group["lr"])  # added since the last step
        self._set(self.step_count + 1)
        self.step_count += 1

    def _set(self, t: int) -> None:
        """Set the options of all groups; none, if they cannot be computed."""
        settings = [self._settings(t, index) for index in range(len(self.base_lrs))]
        for group, options in zip(self.optimizer.param_groups, settings, strict=False):
            group.update(options)
        self._last_set = self.last_lr[: len(settings)]

    def _refuse_change_of_others(self) -> None:
        for index, (now, mine) in enumerate(zip(self.last_lr, self._last_set, strict=False)):
            if now != mine:
                raise ArgumentError(
                    f"{self._name} had set lr={mine!r} in parameter group {index}, and now it is "
                    f"{now!r}: another schedule or assignment sets it as well, and one would undo "
                    "the other. A warm-up takes the schedule that follows it: "
                    "LinearWarmup(optimizer, steps, after=...). To go on from another rate, set "
                    "schedule.base_lrs. After optimizer.load_state_dict, load the schedule's, too"
                )

    def _extra_state(self) -> dict[str, Any]:
        return {"base_lrs": list(self.base_lrs)}

    def _problems_with(self, state_dict: Mapping[str, Any]) -> list[str]:
        rates = state_dict["base_lrs"]
        count = len(self.optimizer.param_groups)
        if not isinstance(rates, list | tuple) or len(rates) != count:
            return [f"base_lrs={rates!r} does not have one rate for each parameter group ({count})"]
        return [
            f"base_lrs[{index}]={rate!r} is not a learning rate"
            for index, rate in enumerate(rates)
            if isinstance(rate, bool) or not isinstance(rate, int | float) or not rate >= 0
        ]

    def _restore(self, state_dict: Mapping[str, Any]) -> None:
        self.base_lrs[:] = map(float, state_dict["base_lrs"])
        self._set(self.step_count)
