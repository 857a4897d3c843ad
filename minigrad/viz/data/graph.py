"""A graph as plain data: what a picture shows, and what questions about it are answered from."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from minigrad.errors import ArgumentError, DtypeError
from minigrad.viz.data.snapshots import Snapshot, Statistics

__all__ = ["Cost", "Edge", "Graph", "GraphNode", "Group", "as_json"]


class Cost(NamedTuple):
    """What an operation took: seconds, bytes of operands and results, operations on numbers."""

    forward: float
    backward: float
    bytes: int
    flops: int | None  # None where it is not known

    @property
    def seconds(self) -> float:
        """Forward and backward together."""
        return self.forward + self.backward

    def __add__(self, other: Any) -> Cost:
        unknown = self.flops is None or other.flops is None
        return Cost(
            self.forward + other.forward,
            self.backward + other.backward,
            self.bytes + other.bytes,
            None if unknown else (self.flops or 0) + other.flops,
        )


@dataclass(frozen=True)
class Group:
    """One call of a module: the operations in it belong together.

    Attributes
    ----------
    index : int
        Its place among the groups of the graph.
    parent : int or None
        The group around it.
    path : str
        Dotted name of the module; "" for the outermost.
    module : str
        Its class.
    configuration : str
        As the repr shows it.
    repeats : int
        How often it occurs, one after the other, where equal ones are folded.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    >>> graph = viz.graph(model(np.ones((1, 3))))
    >>> [(group.path, group.module) for group in graph.groups]
    [('', 'Sequential'), ('0', 'Linear'), ('1', 'ReLU'), ('2', 'Linear')]
    """

    index: int
    parent: int | None  # the group around it
    path: str  # dotted, from the outermost module: "encoder.0"; "" for that itself
    module: str  # class name
    configuration: str = ""
    repeats: int = 1  # how often it occurs, one after the other, where equal ones are folded


@dataclass(frozen=True)
class GraphNode:
    """An array that was given or computed, or a group of operations that is shown as one.

    Attributes
    ----------
    index : int
        Its place in `Graph.nodes`: what a node was computed from comes before it.
    kind : str
        ``"parameter"``, ``"input"`` (a tensor that requires a gradient and belongs to no module),
        ``"constant"`` (one that does not), ``"operation"``, ``"module"`` (a collapsed group), or
        ``"hidden"`` (operations left out).
    name : str
        Of a parameter its dotted name, of another tensor the name its user gave it, or "".
    operation : str
        What computed it, or the class of a collapsed module; "" for what was not computed.
    options : str
        How it was computed: ``"axis=1"``; of a collapsed module its configuration.
    group : int or None
        The innermost group that it belongs to.
    shape : tuple of int
    dtype : str
    requires_grad : bool
    got_gradient : bool or None
        Whether a gradient is there now; None for results, which do not keep theirs. Of a
        collapsed module, whether one is there for all its parameters that require one.
    without_gradient : tuple of str
        Of what stands for several, the names of those parameters for which none is there.
    frozen : tuple of str
        Of what stands for several, the names of the parameters that require no gradient.
    line : str
        ``"file.py:12"``, the user's line that made it; "" unless it was recorded.
    operations : int
        How many operations it stands for.
    repeats : int
        How often it occurs, one after the other, where equal ones are folded.
    output : bool
        Whether it is what the graph was made for.
    value, gradient : array, Statistics or None
        What they were when the graph was made, as far as that is known: up to 12 elements in full,
        of larger arrays the statistics. Not part of comparisons.
    cost : Cost or None
        What it took, if that was measured.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> from minigrad import viz
    >>> x = mg.tensor([1.0, 3.0], requires_grad=True, name="x")
    >>> graph = viz.graph(np.sum(x * x))
    >>> [(node.kind, node.name or node.operation, node.shape) for node in graph.nodes]
    [('input', 'x', (2,)), ('operation', 'multiply', (2,)), ('operation', 'sum', ())]
    """

    index: int
    kind: str
    name: str = ""
    operation: str = ""
    options: str = ""
    group: int | None = None
    shape: tuple[int, ...] = ()
    dtype: str = ""
    requires_grad: bool = False
    got_gradient: bool | None = None
    line: str = ""
    operations: int = 1
    output: bool = False
    repeats: int = 1
    value: Snapshot | None = field(default=None, compare=False, repr=False)
    gradient: Snapshot | None = field(default=None, compare=False, repr=False)
    without_gradient: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    cost: Cost | None = field(default=None, compare=False, repr=False)
    # Of the constants what `options` is too short for; equal operations have it in common.
    exactly: str = field(default="", compare=False, repr=False)

    @property
    def title(self) -> str:
        """What it is called: its name, or what made it."""
        return self.name or self.call or self.kind

    @property
    def frozen_remark(self) -> str:
        """``"frozen"`` of a parameter that requires no gradient, or of what has only such ones.

        ``"frozen: 0.weight"`` of what has others, too; else "".
        """
        if self.kind == "parameter":
            return "" if self.requires_grad else "frozen"
        some = f"frozen: {', '.join(self.frozen)}" if self.frozen else ""
        return "frozen" if some and self.got_gradient is None else some

    @property
    def call(self) -> str:
        """What computed it, with the options: ``"sum(axis=1)"``; of a module its class."""
        is_call = self.kind == "operation" and self.options
        return f"{self.operation}({self.options})" if is_call else self.operation


class Edge(NamedTuple):
    """One use of an array: as which argument of which operation.

    Attributes
    ----------
    source, target : int
        Places of the array and of the operation in `Graph.nodes`.
    argument : int
        Which argument of the operation it is.
    uses : int
        How many uses it stands for, where nodes are collapsed.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> from minigrad import viz
    >>> x = mg.tensor([1.0, 3.0], requires_grad=True, name="x")
    >>> graph = viz.graph(np.sum(x * x))
    >>> graph.edges[0]
    Edge(source=0, target=1, argument=0, uses=1)
    """

    source: int
    target: int
    argument: int
    uses: int = 1  # how many a collapsed picture shows as one


@dataclass(frozen=True)
class Graph:
    """What was computed from what, as it was when the graph was made.

    It does not change when parameters and gradients do, and keeps no large array alive.

    Attributes
    ----------
    nodes : tuple of GraphNode
        Each after what it was computed from; the order is that of the program's arguments, the
        same on every run.
    edges : tuple of Edge
    groups : tuple of Group
        Calls of modules, each after the one around it.
    notes : tuple of str
        What the reader should know: what was left out, and why.
    unused : tuple of GraphNode
        Parameters of the modules that were called which nothing here was computed from. They are
        not among `nodes`, and have the index -1.
    walked_back : bool
        Whether a gradient has arrived at any parameter or input.
    summary : str
        How much it is; of a smaller form of a graph (collapsed, folded, limited), how much all is.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> from minigrad import viz
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> graph = viz.graph(np.sum(x * x))
    >>> [node.title for node in graph.nodes]
    ['x', 'multiply', 'sum']
    >>> [(edge.source, edge.target) for edge in graph.edges]
    [(0, 1), (0, 1), (1, 2)]
    >>> graph.what_reaches(2)[0].name
    'x'
    """

    nodes: tuple[GraphNode, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()
    notes: tuple[str, ...] = ()
    unused: tuple[GraphNode, ...] = ()
    walked_back: bool = False
    of_all: str = field(default="", compare=False, repr=False)  # the summary, if it is of more

    @property
    def summary(self) -> str:
        """How much it is: ``"15 operations, 1,460 parameters in 16 arrays"``."""
        if self.of_all:
            return self.of_all
        operations = sum(node.operations for node in self.nodes)
        parameters = [node for node in self.nodes if node.kind == "parameter"]
        text = _counted(operations, "operation")
        if not parameters:
            return text
        size = sum(math.prod(node.shape) for node in parameters)
        return f"{text}, {_counted(size, 'parameter')} in {_counted(len(parameters), 'array')}"

    @property
    def unreached(self) -> frozenset[int]:
        """Indices of parameters, inputs and modules without a gradient, where others have one."""
        kinds = ("parameter", "input", "module", "hidden")
        return frozenset(
            node.index
            for node in self.nodes
            if node.kind in kinds and node.requires_grad and node.got_gradient is False
            if self.walked_back
        )

    # --- Questions ---------------------------------------------------------------------------

    def find(self, name: str) -> GraphNode:
        """Return the node of a parameter or tensor by its name.

        Raises
        ------
        ArgumentError
            If there is none of that name, or more than one.
        """
        found = [node for node in self.nodes if node.name == name]
        if len(found) == 1:
            return found[0]
        names = ", ".join(dict.fromkeys(node.name for node in self.nodes if node.name))
        computed = [node.index for node in self.nodes if node.operation == name]
        hint = f"; it is what computed node {computed[-1]}: give that number" if computed else ""
        raise ArgumentError(
            f"{len(found)} nodes of the graph are named {name!r}{hint}; names are: "
            f"{names or 'none'}"
        )

    def what_reaches(self, node: GraphNode | int | str) -> tuple[GraphNode, ...]:
        """Return everything a node was computed from: parameters, inputs, operations.

        The node itself, its place in `nodes`, or its name, as `find` takes it.
        """
        sources = self._neighbours(forward=False)
        return self._reached(node, sources)

    def what_is_reached_from(self, node: GraphNode | int | str) -> tuple[GraphNode, ...]:
        """Return everything that was computed from a node, given as for `what_reaches`."""
        return self._reached(node, self._neighbours(forward=True))

    def parameters_of(self, node: GraphNode | int | str) -> tuple[GraphNode, ...]:
        """Return the parameters that a node was computed from, given as for `what_reaches`."""
        return tuple(n for n in self.what_reaches(node) if n.kind == "parameter")

    def without_gradient(self) -> tuple[tuple[GraphNode, str], ...]:
        """Return the parameters and inputs that have no gradient, each with the reason.

        Among them are parameters that the computation did not use, if a module that has them was
        called.

        Examples
        --------
        >>> import numpy as np
        >>> from minigrad import nn, viz
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> model[0].bias.requires_grad = False
        >>> loss = np.sum(model(np.ones((1, 2), np.float32)))
        >>> loss.backward()
        >>> for node, reason in viz.graph(loss).without_gradient():
        ...     print(f"{node.title}: {reason}")
        0.bias: it is frozen (requires_grad is False)
        """
        leaves = [n for n in self.nodes if n.kind in ("parameter", "input") or _named(n)]
        missing = [node for node in (*leaves, *self.unused) if not node.got_gradient]
        if not missing:
            return ()
        after = self._neighbours(forward=True)
        return tuple((node, self._why_none(node, after)) for node in missing)

    def _why_none(self, node: GraphNode, after: list[list[int]]) -> str:
        if not node.requires_grad:
            frozen = node.kind == "parameter"
            return "it is frozen (requires_grad is False)" if frozen else "it is a constant"
        if node.index < 0:
            if node.options == "detached":
                return "only a detached view of it was used, which gradients do not pass"
            return "nothing here was computed from it"
        if not self.walked_back:
            return "backward() has not been called, or all gradients were reset since"
        results = [n.title for n in self._reached(node, after) if n.output]
        return (
            f"backward() has not been called on {' or '.join(results) or 'a result of it'}, "
            "or its gradient was reset since"
        )

    def _neighbours(self, *, forward: bool) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in self.nodes]
        for edge in self.edges:
            if forward:
                found[edge.source].append(edge.target)
            else:
                found[edge.target].append(edge.source)
        return found

    def _reached(
        self, start: GraphNode | int | str, ways: list[list[int]]
    ) -> tuple[GraphNode, ...]:
        first = self._place(start)
        seen: set[int] = set()
        stack = list(ways[first])
        while stack:
            index = stack.pop()
            if index not in seen:
                seen.add(index)
                stack.extend(ways[index])
        return tuple(self.nodes[index] for index in sorted(seen))

    def _place(self, node: Any) -> int:
        if isinstance(node, str):
            node = self.find(node)
        place = node.index if isinstance(node, GraphNode) else node
        if isinstance(place, bool) or not isinstance(place, int | np.integer):
            raise DtypeError(
                f"a node is given by itself, its place among the nodes, or its name, not as "
                f"{type(node).__name__}"
            )
        if not 0 <= place < len(self.nodes):
            raise ArgumentError(
                f"there is no node {place}: the graph has {len(self.nodes)}, from 0 up"
            )
        return int(place)

    def groups_around(self, group: int | None) -> Iterator[Group]:
        """Yield a group and the groups around it, the innermost first."""
        while group is not None:
            yield self.groups[group]
            group = self.groups[group].parent

    def boxes(self) -> Iterator[tuple[Group, int, bool]]:
        """Yield each group that has nodes twice: as it opens (True) and as it closes (False).

        The groups inside come between; with each the number of groups around it.
        """
        occupied = {node.group for node in self.nodes}
        inside: dict[int | None, list[Group]] = {}
        for group in reversed(self.groups):
            if group.index in occupied:
                occupied.add(group.parent)
                inside.setdefault(group.parent, []).append(group)
        ahead = [(group, 0, True) for group in inside.get(None, [])]
        while ahead:
            group, depth, opens = ahead.pop()
            yield group, depth, opens
            if opens:
                ahead.append((group, depth, False))
                ahead += [(inner, depth + 1, True) for inner in inside.get(group.index, [])]

    # --- As text -----------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the graph in dicts, lists, strings and numbers; arrays as their statistics."""
        return {
            "nodes": [_node_as_dict(node) for node in self.nodes],
            "edges": [edge._asdict() for edge in self.edges],
            "groups": [dict(vars(group)) for group in self.groups],
            "notes": list(self.notes),
            "unused": [_node_as_dict(node) for node in self.unused],
            "walked_back": self.walked_back,
        }

    def to_json(self) -> str:
        """Return the graph as JSON; numbers that are not finite as strings."""
        return as_json(self.to_dict())


def as_json(entries: dict[str, Any]) -> str:
    """Return plain data as JSON; numbers that are not finite as strings."""
    text = json.dumps(_finite(entries), indent=1, ensure_ascii=False, allow_nan=False)
    # Half of a pair of surrogates, as a name may have it, is no character of UTF-8.
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s'[: number != 1]}"


def _named(node: GraphNode) -> bool:
    return node.kind == "constant" and bool(node.name)


def _node_as_dict(node: GraphNode) -> dict[str, Any]:
    entries: dict[str, Any] = {**vars(node), "shape": list(node.shape)}
    entries |= {name: list(entries[name]) for name in ("without_gradient", "frozen")}
    del entries["exactly"]
    for what in ("value", "gradient"):
        array = entries[what]
        entries[what] = None if array is None else Statistics.of(array)._asdict()
    entries["cost"] = None if node.cost is None else node.cost._asdict()
    return entries


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value
