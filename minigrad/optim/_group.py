"""A parameter group: some of an optimizer's parameters, and the options of their steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from minigrad.errors import ArgumentError
from minigrad.optim._slots import Kept, Options, Slot
from minigrad.tensor import Tensor

__all__ = ["ParamGroup"]


class ParamGroup(MutableMapping[str, Any]):
    """Parameters, and the options they are updated with; reads and writes like a dict.

    ``group["params"]`` are the parameters, every other key is an option of the optimizer. An
    option that is set is checked as in the optimizer's constructor; several that depend on each
    other are set at once with ``group.update(momentum=0.9, nesterov=True)``.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad.optim import SGD
    >>> group = SGD([mg.tensor([1.0], requires_grad=True)], lr=0.1).param_groups[0]
    >>> group["lr"] = 0.01
    >>> group["lr"] = -1
    Traceback (most recent call last):
        ...
    minigrad.errors.ArgumentError: SGD, parameter group 0: lr must be a number of at least 0, ...
    """

    __slots__ = ("_arranged_for", "_layout", "check", "options", "slots")

    def __init__(
        self,
        slots: list[Slot],
        options: dict[str, Any],
        check: Callable[[Options, Options], dict[str, Any]],
    ) -> None:
        self.slots = slots
        self.check = check  # (changes, other options) -> all of them, checked
        self.options = check(options, {})  # replaced whenever one is set
        self._layout: tuple[Kept, ...] = ()
        self._arranged_for: dict[str, Any] = {}

    @property
    def params(self) -> tuple[Tensor, ...]:
        """The parameters, in the order they were given."""
        return tuple(slot.tensor for slot in self.slots)

    def __getitem__(self, name: str) -> Any:
        return self.params if name == "params" else self.options[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        raise ArgumentError(f"{name!r} cannot be taken out of a parameter group, only set")

    def __iter__(self) -> Iterator[str]:
        return iter(("params", *self.options))

    def __len__(self) -> int:
        return 1 + len(self.options)

    def update(self, other: Any = (), /, **options: Any) -> None:
        """Set several options: all of them, or none if one is refused."""
        changes = {**dict(other), **options}
        if "params" in changes:
            raise ArgumentError(
                "the parameters of a group are fixed; optimizer.add_param_group adds a group"
            )
        self.options = self.check(changes, self.options)

    def arranged(self, layout: Callable[[Options], tuple[Kept, ...]]) -> tuple[Kept, ...]:
        """Return the layout for the options: the same object for as long as it is equal."""
        if self._arranged_for is not self.options:
            self._arranged_for = self.options
            new = layout(self.options)
            if new != self._layout:
                self._layout = new
        return self._layout

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        count = len(self.slots)
        return f"<{count} parameter{'s'[: count != 1]}: {options}>"
