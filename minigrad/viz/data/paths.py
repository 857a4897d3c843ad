"""Names of modules and parameters, as seen from the outermost modules that were called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from minigrad.graph import Node, Vertex
from minigrad.nn.module import Call, Module
from minigrad.tensor import Tensor

__all__ = ["Paths", "called_modules", "named_state"]


class Paths:
    """The dotted paths of calls, from the outermost module that they are a part of."""

    def __init__(self) -> None:
        self._prefixes: dict[Call, str] = {}
        self._owners: dict[Call, tuple[Call | None, str]] = {}
        self._children: dict[int, dict[int, str]] = {}  # of a module: the names of those in it
        self._parts: dict[int, dict[int, str]] = {}  # the same at any depth

    def of(self, call: Call) -> str:
        """Return the path of a call's module: ``encoder.0``, or its class outside any other."""
        if self._owner(call)[0] is None and call.parent is not None:
            return type(call.module).__name__
        missing: list[Call] = []
        around: Call | None = call
        while around is not None and around not in self._prefixes:
            missing.append(around)
            around = self._owner(around)[0]
        path = self._prefixes[around] if around is not None else ""
        for inner in reversed(missing):
            name = self._owner(inner)[1]
            path = self._prefixes[inner] = f"{path}.{name}" if path else name
        return path

    def _owner(self, call: Call) -> tuple[Call | None, str]:
        """Return the innermost call of a module that has this one's in it, and its name there.

        Directly in it, but for outermost modules: only of these it is asked what all they contain,
        since the answer is as long as the way down is deep.
        """
        if call not in self._owners:
            self._owners[call] = self._found_owner(call)
        return self._owners[call]

    def _found_owner(self, call: Call) -> tuple[Call | None, str]:
        around = call.parent
        while isinstance(around, Call):
            name = self._children_of(around.module).get(id(call.module))
            if not name and self._owner(around)[0] is None:
                name = self._parts_of(around.module).get(id(call.module))
            if name:
                return around, name
            around = around.parent
        return None, ""

    def _children_of(self, module: Module) -> dict[int, str]:
        names = self._children.get(id(module))
        if names is None:
            names = self._children[id(module)] = {id(m): n for n, m in module.named_children()}
        return names

    def _parts_of(self, module: Module) -> dict[int, str]:
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
