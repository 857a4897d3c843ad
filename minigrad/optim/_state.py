"""An optimizer's state as a plain dict, and back: all of it fits, or nothing is changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from minigrad.errors import ArgumentError, StateDictError
from minigrad.optim._group import ParamGroup
from minigrad.optim._slots import Array, Kept, Slot

__all__ = ["pack", "refuse", "unpack"]

Options: TypeAlias = dict[str, Any]
Layout: TypeAlias = Callable[[Options], tuple[Kept, ...]]


# --- Out -------------------------------------------------------------------------------------


def pack(owner: str, groups: Sequence[ParamGroup], layout: Layout) -> dict[str, Any]:
    """Return the state dict of an optimizer of that class."""
    return {
        "optimizer": owner,
        "param_groups": [_pack_group(group) for group in groups],
        "state": {
            str(slot.index): _pack_slot(slot, layout(group.options))
            for group in groups
            for slot in group.slots
        },
    }


def _pack_group(group: ParamGroup) -> dict[str, Any]:
    options = {
        name: list(value) if isinstance(value, tuple) else value  # as JSON has it
        for name, value in group.options.items()
    }
    return {**options, "params": [slot.index for slot in group.slots]}


def _pack_slot(slot: Slot, layout: tuple[Kept, ...]) -> dict[str, Any]:
    if slot.steps:
        slot.arrange(layout)  # an option changed since the last step may ask for another array
    names = [kept.name for kept in layout] if slot.steps else []
    return {
        "name": slot.named.name,
        "steps": slot.steps,
        "scales": {name: slot.kept[name][0] for name in names},
        "arrays": {name: slot.kept[name][1].copy() for name in names},
    }


# --- And back --------------------------------------------------------------------------------


def unpack(
    state_dict: Mapping[str, Any], owner: str, groups: Sequence[ParamGroup], layout: Layout
) -> None:
    """Put a state dict into the groups of an optimizer of that class."""
    problems: list[str] = []
    options = _read_groups(state_dict, owner, groups, problems)
    restored: list[tuple[Slot, int, dict[str, tuple[float, Array]]]] = []
    for group, checked in zip(groups, options, strict=False):
        for slot in group.slots:
            entry = _SlotReader(slot, state_dict["state"].get(str(slot.index)), problems)
            restored.append((slot, *entry.read(layout(checked))))
    refuse(owner, problems)
    for group, checked in zip(groups, options, strict=True):
        group.options = checked
    for slot, steps, kept in restored:
        slot.restore(steps, kept)


def refuse(owner: str, problems: Sequence[str]) -> None:
    """Raise a StateDictError that lists the problems, if there are any."""
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise StateDictError(f"this state dict does not fit {owner}; nothing was loaded:{listed}")


def _read_groups(
    state_dict: Mapping[str, Any],
    owner: str,
    groups: Sequence[ParamGroup],
    problems: list[str],
) -> list[Options]:
    """Return the options of each group; none if the rest is not worth reading."""
    problem = _why_foreign(state_dict, owner, len(groups))
    if problem:
        problems.append(problem)
        return []
    saved = state_dict["param_groups"]
    return [
        _read_options(index, saved[index], group, problems) for index, group in enumerate(groups)
    ]


def _why_foreign(state_dict: Any, owner: str, groups: int) -> str:
    if not isinstance(state_dict, Mapping):
        return f"it is a {type(state_dict).__name__}, not a dict"
    missing = [key for key in ("optimizer", "param_groups", "state") if key not in state_dict]
    if missing:
        return f"it has no {', '.join(map(repr, missing))}"
    if state_dict["optimizer"] != owner:
        return f"it was saved by {state_dict['optimizer']}"
    saved, state = state_dict["param_groups"], state_dict["state"]
    if not isinstance(saved, list | tuple) or not isinstance(state, Mapping):
        return "its param_groups are not a list, or its state is not a dict"
    if len(saved) != groups:
        return f"it has {len(saved)} parameter groups, and this optimizer has {groups}"
    return ""


def _read_options(
    index: int, saved: Mapping[str, Any], group: ParamGroup, problems: list[str]
) -> Options:
    expected = {*group.options, "params"}
    if not isinstance(saved, Mapping) or set(saved) != expected:
        keys = sorted(map(str, saved)) if isinstance(saved, Mapping) else saved
        problems.append(f"parameter group {index} has {keys} in place of {sorted(expected)}")
        return group.options
    positions = [slot.index for slot in group.slots]
    if list(saved["params"]) != positions:
        problems.append(
            f"parameter group {index} has the parameters {saved['params']}, and here {positions}"
        )
    try:
        return group.check({name: saved[name] for name in group.options}, {})
    except ArgumentError as error:
        problems.append(str(error))
        return group.options


class _SlotReader:
    """Reads the entry of one parameter, and says what is wrong with it."""

    def __init__(self, slot: Slot, entry: Any, problems: list[str]) -> None:
        self.slot = slot
        self.entry = entry
        self.problems = problems

    def read(self, layout: tuple[Kept, ...]) -> tuple[int, dict[str, tuple[float, Array]]]:
        """Return the number of steps and what is kept; nothing useful if there are problems."""
        entry = self.entry
        if not isinstance(entry, Mapping) or not {"name", "steps", "scales", "arrays"} <= {*entry}:
            self._complain("its entry is missing or incomplete")
            return 0, {}
        self._compare_name(entry["name"])
        steps = entry["steps"]
        if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 0:
            self._complain(f"steps={steps!r} is not a number of steps")
            return 0, {}
        names = [kept.name for kept in layout] if steps else []
        arrays, scales = entry["arrays"], entry["scales"]
        for what, found in (("arrays", arrays), ("scales", scales)):
            if not isinstance(found, Mapping) or set(found) != set(names):
                keys = sorted(map(str, found)) if isinstance(found, Mapping) else found
                self._complain(f"it has the {what} {keys} in place of {sorted(names)}")
                return 0, {}
        return int(steps), {name: self._read_array(name, scales, arrays) for name in names}

    def _compare_name(self, name: str | None) -> None:
        here = self.slot.named.name
        if name and here and name != here:
            self._complain(f"it is called {name!r} in the state dict")

    def _read_array(
        self, name: str, scales: Mapping[str, Any], arrays: Mapping[str, Any]
    ) -> tuple[float, Array]:
        scale, array, data = scales[name], arrays[name], self.slot.tensor.data
        if not isinstance(scale, int | float) or not 0 < scale < math.inf:
            self._complain(f"the scale of {name} is {scale!r}")
            return 1.0, data
        shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
        if shape != data.shape or dtype != data.dtype:
            what = f"{dtype} {shape}" if dtype is not None else type(array).__name__
            self._complain(f"{name} is {what} in place of {data.dtype} {data.shape}")
            return 1.0, data
        mine = np.empty_like(data)  # of the same kind as the parameter's array
        mine[...] = array
        return float(scale), mine

    def _complain(self, what: str) -> None:
        self.problems.append(f"{self.slot.label}: {what}")
