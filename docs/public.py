"""What minigrad's public interface is: the modules here, and in each of them what `__all__` names.

The reference is written from this list, and the tests hold every name in it to having a docstring
with an example that runs.
"""

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

MODULES = (
    "minigrad",
    "minigrad.nn",
    "minigrad.nn.functional",
    "minigrad.nn.init",
    "minigrad.optim",
    "minigrad.optim.lr_scheduler",
    "minigrad.data",
    "minigrad.training",
    "minigrad.io",
    "minigrad.plots",
    "minigrad.viz",
    "minigrad.random",
    "minigrad.testing",
    "minigrad.testing.strategies",
    "minigrad.testing.mutants",
    "minigrad.errors",
)


class Name(NamedTuple):
    """A public name: where it is documented, and what it stands for."""

    module: str
    name: str
    value: Any

    @property
    def path(self) -> str:
        """The whole dotted name."""
        return f"{self.module}.{self.name}"


def listed(module: str) -> list[str]:
    """Return what a module announces, without the modules among it."""
    here = import_module(module)
    return [name for name in here.__all__ if not isinstance(getattr(here, name), ModuleType)]


def _home(value: Any, name: str) -> str:
    """Return the module under whose name a value is documented: its own, or the first it is in."""
    holders = [module for module in MODULES if name in listed(module)]
    holders = [module for module in holders if getattr(import_module(module), name) is value]
    own = getattr(value, "__module__", None)
    return own if own in holders else holders[0]


def names(module: str) -> Iterator[Name]:
    """Yield what a module announces, each under the module in which it is documented."""
    for name in sorted(listed(module), key=str.lower):
        value = getattr(import_module(module), name)
        yield Name(_home(value, name), name, value)


def all_names() -> list[Name]:
    """Return every public name once, the parts of the package in their order."""
    everything = [entry for module in MODULES for entry in names(module) if entry.module == module]
    return [entry for entry in everything if not is_borrowed(entry.value)]


def is_borrowed(value: Any) -> bool:
    """Return whether a public name is another package's, for convenience: documented there."""
    return inspect.isclass(value) and not value.__module__.startswith("minigrad")


def documented_methods(cls: type) -> list[str]:
    """Return the public methods and properties of a class that the package itself wrote."""
    found = []
    for name, member in inspect.getmembers_static(cls):
        owner = next((base for base in cls.__mro__ if name in vars(base)), None)
        if owner is None or not owner.__module__.startswith("minigrad") or name.startswith("_"):
            continue
        if inspect.isclass(member):
            continue
        if callable(member) or isinstance(member, property | classmethod | staticmethod):
            found.append(name)
    return found
