"""Names of modules and parameters, as seen from the outermost modules that were called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from minigrad.graph import Node, Vertex
from minigrad.nn.module import Call, Module
from minigrad.tensor import Tensor

__all__ = ["Paths", "called_modules", "named_state"]


class Paths:
    """The dotted paths of calls, each module's parts listed once for all of its calls."""

    def __init__(self) -> None:
        self._prefixes: dict[Call, str] = {}
        self._parts: dict[int, dict[int, str]] = {}  # of a module: the names of those in it

    def of(self, call: Call) -> str:
        """Return the path of a call's module: ``encoder.0``, or its class outside any other."""
        if self._owner(call)[0] is None and call.parent is not None:
            return type(call.module).__name__
        return self._prefix(call)

    def _prefix(self, call: Call) -> str:
        path = self._prefixes.get(call)
        if path is None:
            owner, name = self._owner(call)
            around = self._prefix(owner) if owner is not None else ""
            path = self._prefixes[call] = f"{around}.{name}" if around else name
        return path

    def _owner(self, call: Call) -> tuple[Call | None, str]:
        around = call.parent
        while isinstance(around, Call):
            name = self._names_in(around.module).get(id(call.module))
            if name:
                return around, name
            around = around.parent
        return None, ""

    def _names_in(self, module: Module) -> dict[int, str]:
        names = self._parts.get(id(module))
        if names is None:
            names = self._parts[id(module)] = {id(m): name for name, m in module.named_modules()}
        return names


def called_modules(vertices: Iterable[Vertex]) -> list[Module]:
    """Return the outermost modules in whose calls something was computed, each once, in order."""
    outermost: dict[int, Module] = {}
    seen: set[Call] = set()
    for vertex in vertices:
        call = vertex.scope if isinstance(vertex, Node) else None
        while isinstance(call, Call) and call not in seen:
            seen.add(call)
            module = call.module
            call = call.parent
            if not isinstance(call, Call):
                outermost.setdefault(id(module), module)
    return list(outermost.values())


def named_state(modules: Sequence[Module]) -> Iterator[tuple[str, Tensor, bool]]:
    """Yield the names and tensors of all parameters and buffers, and which are parameters.

    Where several modules have some, the names begin with the module's class.
    """
    owners = [module for module in modules if any(_state(module))]
    for module, prefix in zip(owners, _prefixes(owners), strict=True):
        for name, tensor, is_parameter in _state(module):
            yield prefix + name, tensor, is_parameter


def _state(module: Module) -> Iterator[tuple[str, Tensor, bool]]:
    for name, tensor in module.named_parameters():
        yield name, tensor, True
    for name, tensor in module.named_buffers():
        yield name, tensor, False


def _prefixes(modules: list[Module]) -> list[str]:
    """Return what to put before the names of each module's parameters, where there are several."""
    if len(modules) < 2:
        return [""] * len(modules)
    kinds = [type(module).__name__ for module in modules]
    counts: dict[str, int] = {}
    prefixes = []
    for kind in kinds:
        counts[kind] = counts.get(kind, 0) + 1
        prefixes.append(f"{kind}.{counts[kind]}." if kinds.count(kind) > 1 else f"{kind}.")
    return prefixes
