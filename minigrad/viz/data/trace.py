"""From tensors to a `Graph`: everything that they were computed from, as plain data."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from minigrad.arrays import as_numpy
from minigrad.calls import unwrap
from minigrad.context import Scope
from minigrad.errors import ArgumentError, DtypeError, GraphError
from minigrad.graph import Alias, Leaf, Node, Vertex
from minigrad.nn.module import Call, Module
from minigrad.tensor import Tensor
from minigrad.viz.data.collapse import common_group
from minigrad.viz.data.graph import Edge, Graph, GraphNode, Group
from minigrad.viz.data.paths import Paths, called_modules, named_state
from minigrad.viz.data.recording import kept_by
from minigrad.viz.data.snapshots import snapshot

__all__ = ["exactly", "graph", "graph_behind", "graph_of", "options_of", "vertices_behind"]

Names = Mapping[str, Any]


def graph(*outputs: Tensor, names: Names | None = None) -> Graph:
    """Return what tensors were computed from, as plain data.

    Parameters
    ----------
    *outputs : Tensor
        Results, such as a loss; what they were computed from may be shared. They may have been
        walked back (``backward()``) or not.
    names : mapping from str to Tensor, optional
        What to call tensors that have no name of their own.

    Returns
    -------
    Graph
        Nodes for arrays and operations, each after what it was computed from; edges; and the calls
        of modules as nested groups; a snapshot, which later changes of parameters and gradients
        do not reach. Linear in the number of operations.

    Raises
    ------
    ArgumentError
        If there is no output.
    DtypeError
        If an output is not a tensor.
    GraphError
        If nothing was recorded on the way to an output.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> graph = viz.graph(model(np.ones((1, 3), np.float32)))
    >>> [node.name for node in graph.nodes if node.kind == "parameter"]
    ['0.weight', '0.bias', '2.weight', '2.bias']
    >>> [node.operation for node in graph.nodes if node.kind == "operation"]
    ['affine', 'relu', 'affine']
    >>> [group.module for group in graph.groups]
    ['Sequential', 'Linear', 'ReLU', 'Linear']
    """
    _check(outputs, names)
    results: dict[Vertex, Any] = {output._vertex(): output._data for output in outputs}
    return _Tracer(results, names or {}).graph()


def graph_behind(what: Sequence[Any], names: Names | None) -> Graph:
    """Return a graph that is given as such, or that of the tensors that are given."""
    if len(what) == 1 and isinstance(what[0], Graph):
        return what[0]
    return graph(*what, names=names)


def graph_of(results: Mapping[Vertex, Any]) -> tuple[Graph, Mapping[Vertex, int]]:
    """Return the graph behind vertices, given with their arrays, and the index of each vertex."""
    tracer = _Tracer(results, {})
    return tracer.graph(), tracer.indices


def _check(outputs: tuple[Any, ...], names: Any) -> None:
    if not outputs:
        raise ArgumentError("a graph is made of results: viz.graph(loss)")
    for output in outputs:
        if not isinstance(output, Tensor):
            is_model = isinstance(output, Module)
            raise DtypeError(
                f"a graph is made of tensors, not of {type(output).__name__}"
                + _HINTS.get("model" if is_model else type(output).__name__, _HINTS["other"])
            )
        if not isinstance(output._node, Node):
            raise GraphError(_why_no_graph(output))
    if names is not None and not (
        isinstance(names, Mapping) and all(isinstance(t, Tensor) for t in names.values())
    ):
        raise ArgumentError("names is a dict of tensors: viz.graph(loss, names={'x': x})")


def _why_no_graph(tensor: Tensor) -> str:
    if tensor.requires_grad:
        name = f"tensor {tensor.name!r}" if tensor.name else "this tensor"
        return (
            f"{name} of shape {tensor.shape} is where a computation begins, and was not computed "
            "itself, so there is nothing behind it; give a result that was computed from it, such "
            "as a loss"
        )
    return (
        f"nothing was recorded on the way to a tensor of shape {tensor.shape}: it was not "
        "computed from anything that has requires_grad=True, or under no_grad()"
    )


_HINTS = {
    "model": "; give it what the model returns: model(x)",
    "str": "; give it the tensor itself, without quotes: viz.draw(loss)",
    "dict": "; give it the results one by one: *results.values()",
    "Graph": "; a single graph is drawn as it is: viz.draw(graph)",
    "NoneType": "; did a forward method forget to return its result?",
    "other": ": viz.draw(loss), where loss is what your model or program computed",
    "list": "; give it the results one by one: *results",
    "tuple": "; give it the results one by one: *results",
    "float": "; a tensor's item() and float() have left the graph: give it the tensor itself",
    "ndarray": "; an array has no graph: compute with tensors that require gradients",
}


def vertices_behind(roots: Iterable[Vertex]) -> list[Vertex]:
    """Return vertices and all that they were computed from, each after its own parents.

    Parents come in the order of the arguments, so the order is that of the program, and the same
    on every run.
    """
    ordered: list[Vertex] = []
    seen: set[Vertex] = set()
    stack: list[tuple[Vertex, bool]] = [(root, False) for root in reversed(list(roots))]
    while stack:
        vertex, parents_are_done = stack.pop()
        if parents_are_done:
            ordered.append(vertex)
        elif vertex not in seen:
            seen.add(vertex)
            stack.append((vertex, True))
            stack.extend((p, False) for p in reversed(vertex.parents) if p is not None)
    return ordered


class _Constant(NamedTuple):
    """An array among the arguments of an operation that is no tensor."""

    shape: tuple[int, ...]
    dtype: Any
    value: Any


class _Tracer:
    """Puts a graph together."""

    def __init__(self, outputs: Mapping[Vertex, Any], names: Names) -> None:
        self.outputs = outputs
        self.indices: dict[Vertex, int] = {}
        self.vertices = vertices_behind(self.outputs)
        self.groups: list[Group] = []
        self.places: dict[Scope, int] = {}  # of groups
        self.named: dict[Vertex, tuple[str, Any]] = {}  # name and array
        self.parameters: dict[Vertex, tuple[str, Tensor]] = {}  # of modules, by their names
        self.paths = Paths()
        for name, tensor in names.items():
            self.named[tensor._vertex()] = name, tensor.data
        self._name_parameters()
        self.homes = dict(self._homes())
        self.values = dict(self._known_values())
        self.nodes: list[GraphNode] = []
        self.edges: list[Edge] = []

    def graph(self) -> Graph:
        """Return it."""
        indices = self.indices
        for vertex in self.vertices:
            if isinstance(vertex, Leaf):
                indices[vertex] = len(self.nodes)
                self.nodes.append(self._leaf(vertex, len(self.nodes)))
                continue
            sources = [(p, indices[v]) for p, v in enumerate(vertex.parents) if v is not None]
            for position, constant in _constants(vertex):
                sources.append((position, len(self.nodes)))
                self.nodes.append(_constant_node(constant, len(self.nodes)))
            index = indices[vertex] = len(self.nodes)
            self.nodes.append(self._operation(vertex, index))
            self.edges += [Edge(source, index, position) for position, source in sorted(sources)]
        return Graph(
            tuple(self.nodes),
            tuple(self.edges),
            tuple(self.groups),
            unused=tuple(self._unused()),
            walked_back=any(node.got_gradient for node in self.nodes if not node.operation),
        )

    # --- Names -------------------------------------------------------------------------------

    def _name_parameters(self) -> None:
        """Name parameters and buffers by their place in the outermost modules."""
        for name, tensor, is_parameter in named_state(called_modules(self.vertices)):
            vertex = tensor._vertex()
            if is_parameter:
                self.parameters.setdefault(vertex, (name, tensor))
            self.named.setdefault(vertex, (vertex.name or name, tensor.data))

    def _unused(self) -> Iterator[GraphNode]:
        """Yield the parameters of those modules that nothing was computed from."""
        used = set(self.vertices)
        detached = {vertex.owner for vertex in self.vertices if isinstance(vertex, Alias)}
        for vertex, (name, tensor) in self.parameters.items():
            if vertex not in used and isinstance(vertex, Leaf):
                self.named[vertex] = vertex.name or name, tensor.data
                self.values[vertex] = tensor.data
                options = "detached" if vertex in detached else ""
                yield replace(self._leaf(vertex, -1), options=options)

    # --- Values ------------------------------------------------------------------------------

    def _known_values(self) -> Iterator[tuple[Vertex, Any]]:
        """Yield the values that something still holds; the best source last."""
        nodes = [vertex for vertex in self.vertices if isinstance(vertex, Node)]
        for node in nodes:
            yield from _held_by(node)
        for vertex, (_, array) in self.named.items():
            yield vertex, array
        yield from self.outputs.items()
        for node in nodes:
            kept = kept_by(node)
            if kept is not None:
                yield from kept.leaves
                yield node, kept.value

    # --- Nodes -------------------------------------------------------------------------------

    def _leaf(self, leaf: Leaf, index: int) -> GraphNode:
        name = leaf.name or self.named.get(leaf, ("",))[0]
        kind = "input" if leaf.requires_grad else "constant"
        return GraphNode(
            index,
            "parameter" if leaf in self.parameters else kind,
            name,
            group=self.homes.get(leaf),
            shape=tuple(leaf.shape),
            dtype=_dtype(leaf.dtype),
            requires_grad=leaf.requires_grad,
            got_gradient=leaf.grad is not None,
            operations=0,
            value=snapshot(self.values.get(leaf)),
            gradient=snapshot(unwrap(leaf.grad)),
        )

    def _operation(self, node: Node, index: int) -> GraphNode:
        kept = kept_by(node)
        gradient = node.grad if kept is None or kept.gradient is None else kept.gradient
        return GraphNode(
            index,
            "operation",
            node.name or self.named.get(node, ("",))[0],
            node.rule.name,
            options_of(node),
            group=self._group(node.scope),
            shape=tuple(node.shape),
            dtype=_dtype(node.dtype),
            requires_grad=True,
            got_gradient=node.grad is not None if node.retains_grad else None,
            line=kept.line if kept is not None else "",
            output=node in self.outputs,
            value=snapshot(self.values.get(node)),
            gradient=snapshot(unwrap(gradient)),
            exactly=exactly(node),
        )

    # --- Groups ------------------------------------------------------------------------------

    def _group(self, scope: Scope | None) -> int | None:
        """Return the place of the group of a module's call, made with those around it."""
        missing: list[Call] = []
        while isinstance(scope, Call) and scope not in self.places:
            missing.append(scope)
            scope = scope.parent
        place = self.places[scope] if isinstance(scope, Call) else None
        for call in reversed(missing):
            index = self.places[call] = len(self.groups)
            module = call.module
            outermost = place is None
            self.groups.append(
                Group(
                    index,
                    place,
                    "" if outermost else self.paths.of(call),
                    type(module).__name__,
                    module.extra_repr(),
                )
            )
            place = index
        return place

    def _homes(self) -> Iterator[tuple[Vertex, int | None]]:
        """Yield each parameter with the innermost group that all its uses are in."""
        users: dict[Vertex, dict[int | None, None]] = {}
        for vertex in self.vertices:
            if isinstance(vertex, Node):
                group = self._group(vertex.scope)
                for parent in vertex.parents:
                    if parent in self.parameters:
                        users.setdefault(parent, {})[group] = None
        for parameter, groups in users.items():
            yield parameter, common_group(self.groups, groups)


def _constants(node: Node) -> Iterator[tuple[int, _Constant]]:
    """Yield the arrays among the arguments that are no tensors, with their positions."""
    kept = kept_by(node)
    for position, parent in enumerate(node.parents):
        value: Any = node.constant(position) if parent is None else None
        if type(getattr(value, "shape", None)) is tuple and value.shape:
            known = None if isinstance(value, Leaf) else value
            if kept is not None:
                known = kept.constants.get(position, known)
            yield position, _Constant(tuple(value.shape), value.dtype, known)


def _constant_node(constant: _Constant, index: int) -> GraphNode:
    return GraphNode(
        index,
        "constant",
        shape=constant.shape,
        dtype=_dtype(constant.dtype),
        got_gradient=False,
        operations=0,
        value=snapshot(constant.value),
    )


def _held_by(node: Node) -> Iterator[tuple[Vertex, Any]]:
    """Yield the values that a node keeps for its gradients."""
    for parent, value in zip(node.parents, node.args or (), strict=False):
        if parent is not None and value is not parent:
            yield parent, value
    if node.out is not None:
        yield node, node.out


def options_of(node: Node) -> str:
    """Return the arguments that are no arrays as a call has them: ``·, 2.0, axis=1``."""
    given = [
        "·" if parent is not None else _shown(node.constant(position), lists=True)
        for position, parent in enumerate(node.parents)
    ]
    while given and given[-1] in ("", "None", _LIST):
        given.pop()
    if all(text in ("·", "") for text in given):
        given = []
    named = [
        f"{name}={_shown(value)}"
        for name, value in (node.kwargs or {}).items()
        if value is not None and value is not False and _shown(value) != _LIST
    ]
    return ", ".join([*(text or "·" for text in given), *named])


def exactly(node: Node) -> str:
    """Return of an operation's constants what its options are too short to tell.

    All digits of numbers, all elements of lists, and which elements an array of indices takes.
    """
    constants = [node.constant(i) for i, parent in enumerate(node.parents) if parent is None]
    indices = node.rule.name == "getitem"
    options = [v for v in (node.kwargs or {}).values() if not isinstance(v, list)]  # a rule's own
    texts = (_exactly(value, indices) for value in (*constants, *options))
    return " ".join(filter(None, texts))


def _exactly(value: Any, indices: bool) -> str:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, tuple):
        return " ".join(filter(None, (_exactly(item, indices) for item in value)))
    if indices and hasattr(value, "dtype") and not isinstance(value, Leaf):
        return f"{zlib.crc32(as_numpy(value).tobytes()):08x}"
    if isinstance(value, list) and (indices or not any(map(_is_array, value))):
        return f"{zlib.crc32(repr(value).encode()):08x}"
    return ""


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape")


_LIST = "[…]"
_dtype = functools.lru_cache(64)(str)


def _shown(value: Any, *, lists: bool = False) -> str:
    """Return a small constant as text; "" for an array or what is not known.

    With `lists`, short ones of numbers in full: a rule's own, which it changes, are none of them.
    """
    if isinstance(value, type):
        return value.__name__
    if getattr(value, "shape", ()):
        return ""
    if hasattr(value, "dtype"):
        value = value.item()
    if isinstance(value, slice):
        parts = [value.start, value.stop, value.step]
        texts = ["" if part is None else str(part) for part in parts]
        return ":".join(texts if value.step is not None else texts[:2])
    if isinstance(value, tuple):
        inside = [_shown(item, lists=lists) or "·" for item in value]
        return f"({', '.join(inside)}{',' if len(inside) == 1 else ''})"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        is_short = 0 < len(value) <= 6 and all(isinstance(item, int) for item in value)
        return str(value) if lists and is_short else _LIST
    return "..." if value is ... else str(value)
