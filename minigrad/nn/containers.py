"""Modules that call other modules in turn."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

from minigrad.errors import ArgumentError, DtypeError
from minigrad.nn.module import Module

__all__ = ["Sequential"]


class Sequential(Module):
    """Modules one after the other, each called with the result of the one before.

    Parameters
    ----------
    *modules : Module, or one dict from str to Module
        A dict gives the entries names; otherwise they are numbered: ``"0"``, ``"1"``, ...

    Raises
    ------
    DtypeError
        If something is not a module.
    ArgumentError
        If a name is not one that a dotted path can have.

    Examples
    --------
    >>> from minigrad import nn
    >>> model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    >>> model[0]
    Linear(in_features=784, out_features=128, bias=True)
    >>> model[-2:]
    Sequential(
      (1): ReLU()
      (2): Linear(in_features=128, out_features=10, bias=True)
    )
    >>> named = nn.Sequential({"hidden": nn.Linear(2, 3), "out": nn.Linear(3, 1)})
    >>> [name for name, _ in named.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    >>> named.out
    Linear(in_features=3, out_features=1, bias=True)
    """

    def __init__(self, *modules: Module | dict[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], dict):
            entries: dict[str, Any] = dict(modules[0])
        else:
            entries = {str(index): module for index, module in enumerate(modules)}
        for name, module in entries.items():
            _check_name(name)
            _check_entry(name, module)
        self._modules: dict[str, Module] = entries

    def members(self) -> Iterator[tuple[str, Any]]:
        """Yield the entries under their own names, and what else is assigned to the module."""
        yield from self._modules.items()
        yield from ((name, value) for name, value in vars(self).items() if name != "_modules")

    def forward(self, x: Any) -> Any:
        """Call the modules in turn."""
        for module in self._modules.values():
            x = module(x)
        return x

    def append(self, module: Module) -> Sequential:
        """Add a module at the end, under the next number, and return the whole."""
        name = str(len(self._modules))
        _check_entry(name, module)
        if name in self._modules:
            raise ArgumentError(f"there is an entry named {name!r} already")
        self._modules[name] = module
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self).get("_modules", {}):
            self[name] = value
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        entries = vars(self).get("_modules", {})
        if name in entries:
            return entries[name]
        raise AttributeError(
            f"Sequential has no attribute or entry {name!r}; its entries are {', '.join(entries)}"
        )

    def __getitem__(self, key: int | slice | str) -> Any:
        if isinstance(key, slice):
            return Sequential(dict(list(self._modules.items())[key]))
        return self._modules[self._name_of(key)]

    def __setitem__(self, key: int | str, module: Module) -> None:
        """Put another module in the place of an entry."""
        name = self._name_of(key)
        _check_entry(name, module)
        self._modules[name] = module

    def _name_of(self, key: int | str) -> str:
        names = list(self._modules)
        if isinstance(key, str):
            if key not in names:
                raise KeyError(f"no entry {key!r}; the entries are {', '.join(names) or 'none'}")
            return key
        index = operator.index(key)
        if not -len(names) <= index < len(names):
            raise IndexError(
                f"no entry {index} in a Sequential with {len(names)} entries, counted from 0"
            )
        return names[index]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name or "." in name:
        raise ArgumentError(
            f"an entry of a Sequential is named by a str without dots, such as 'hidden', not "
            f"{name!r}"
        )
    if hasattr(Sequential, name):
        raise ArgumentError(
            f"an entry of a Sequential cannot be named {name!r}, which is its {name} already; "
            "choose another name"
        )


def _check_entry(name: str, module: Any) -> None:
    if isinstance(module, Module):
        return
    hint = ""
    if isinstance(module, list | tuple):
        hint = "; hand over the modules one by one: nn.Sequential(*modules)"
    elif isinstance(module, type) and issubclass(module, Module):
        hint = f"; write nn.{module.__name__}(...) to make one"
    elif callable(module):
        hint = "; a function becomes one in the forward of a Module"
    raise DtypeError(f"Sequential is made of modules, and entry {name} is {module!r}{hint}")
