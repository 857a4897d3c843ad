"""A model as a graph of its layers: first as plain data, then as a picture."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

from minigrad.arrays import as_array
from minigrad.context import scope, switched
from minigrad.errors import ArgumentError, DtypeError
from minigrad.graph import Leaf, Node, Vertex
from minigrad.nn.module import Call, Module
from minigrad.nn.summary import is_shape
from minigrad.tensor import Tensor, from_numpy
from minigrad.viz.render import Drawing

__all__ = ["Layer", "LayerGraph", "draw_model", "layer_graph"]


@dataclass(frozen=True)
class Layer:
    """One call of a layer, one operation between layers, or an input."""

    kind: str  # "input", "layer" or "operation"
    name: str
    title: str
    configuration: str
    output_shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class LayerGraph:
    """What a model did in one call: its layers and, as pairs of positions, what went where."""

    model: str
    layers: tuple[Layer, ...]
    edges: tuple[tuple[int, int], ...]
    parameters: int


class _Builder:
    """Collects the layers of a recorded call, each in the order of its first operation."""

    def __init__(self, model: Module) -> None:
        self.names = {id(module): name for name, module in model.named_modules()}
        self.places: dict[Any, int] = {}
        self.layers: list[Layer] = []
        self.edges: dict[tuple[int, int], None] = {}

    def add(self, key: Any, layer: Layer) -> int:
        if key not in self.places:
            self.places[key] = len(self.layers)
            self.layers.append(layer)
        return self.places[key]

    def add_vertex(self, vertex: Vertex) -> int:
        """Add what a vertex is a part of: its layer, or itself."""
        if isinstance(vertex, Leaf):
            return self.add(vertex, Layer("input", vertex.name or "", "input", "", vertex.shape, 0))
        call = vertex.scope
        if not isinstance(call, Call) or list(call.module.named_children()):
            layer = Layer("operation", vertex.path, vertex.rule.name, "", vertex.shape, 0)
            return self.add(vertex, layer)
        module = call.module
        layer = Layer(
            "layer",
            self.names.get(id(module), ""),
            type(module).__name__,
            module.extra_repr(),
            vertex.shape,
            sum(parameter.size for _, parameter in module.own_parameters()),
        )
        return self.add(call, layer)

    def connect(self, node: Node, inputs: set[Leaf]) -> None:
        parents = [p for p in node.parents if isinstance(p, Node) or p in inputs]
        sources = [self.add_vertex(parent) for parent in parents]
        target = self.add_vertex(node)
        for source in sources:
            if source != target:
                self.edges[source, target] = None


def layer_graph(model: Module, *inputs: Any) -> LayerGraph:
    """Call a model once and return its layers and what went from one to the other.

    The model is called in evaluation mode and left as it was.

    Parameters
    ----------
    model : Module
    *inputs : arrays
        What to call it with, such as one batch.

    Returns
    -------
    LayerGraph

    Raises
    ------
    DtypeError
        If `model` is not a module, or returns no tensor.
    ArgumentError
        If there is nothing to call it with.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    >>> graph = viz.layer_graph(model, np.zeros((1, 4)))
    >>> [layer.title for layer in graph.layers], graph.edges
    (['input', 'Linear', 'ReLU'], ((0, 1), (1, 2)))
    """
    if not isinstance(model, Module):
        raise DtypeError(f"a picture of layers is made of a Module, not {type(model).__name__}")
    if not inputs or any(map(is_shape, inputs)):
        raise ArgumentError(
            "a picture of layers is made by calling the model, so give it a batch as the model "
            f"takes it, not {'nothing' if not inputs else f'a shape {inputs[0]}'}: "
            "draw_model(model, np.zeros((1, 784), np.float32))"
        )
    tensors = [_recordable(value) for value in inputs]
    modes = [(module, module.training) for module in model.modules()]
    outside = scope.set(None)
    try:
        with switched(recording=True):
            out = model.eval()(*tensors)
    finally:
        scope.reset(outside)
        for module, training in modes:
            module.training = training
    if not isinstance(out, Tensor) or not isinstance(out._node, Node):
        raise DtypeError(
            f"{type(model).__name__} returned {type(out).__name__} without a graph; the layers of "
            "a model that returns one tensor computed from its input can be drawn"
        )
    builder = _Builder(model)
    leaves = {t._node for t in tensors if isinstance(t, Tensor) and isinstance(t._node, Leaf)}
    for node in reversed(_nodes_from(out._node)):
        builder.connect(node, leaves)
    return LayerGraph(
        type(model).__name__,
        tuple(builder.layers),
        tuple(builder.edges),
        sum(parameter.size for parameter in model.parameters()),
    )


def _recordable(value: Any) -> Any:
    """Return an input as a tensor whose every use is recorded, if it can be."""
    array = value.data if isinstance(value, Tensor) else value
    if not hasattr(array, "dtype"):
        array = as_array(array)
    return from_numpy(array, requires_grad=True) if array.dtype.kind == "f" else array


def _nodes_from(root: Node) -> list[Node]:
    """Return the nodes that a result was computed from, each before what it was computed from."""
    uses: dict[Node, int] = {root: 0}
    stack = [root]
    while stack:
        for parent in stack.pop().parents:
            if isinstance(parent, Node):
                if parent not in uses:
                    uses[parent] = 0
                    stack.append(parent)
                uses[parent] += 1
    ordered: list[Node] = []
    ready = [root]
    while ready:
        node = ready.pop()
        ordered.append(node)
        for parent in reversed(node.parents):
            if isinstance(parent, Node):
                uses[parent] -= 1
                if not uses[parent]:
                    ready.append(parent)
    return ordered


_FILL = {"input": "#f2f2f2", "layer": "#dbe9f6", "operation": "#fdebd0"}


def draw_model(model: Module, *inputs: Any, direction: str = "TB") -> Drawing:
    """Draw the layers of a model, from one call of it.

    Each layer is a box with its name, class, configuration, output shape and number of parameters;
    an operation between layers is a rounded box.

    Parameters
    ----------
    model : Module
    *inputs : arrays
        What to call it with, such as one batch.
    direction : {"TB", "LR"}, default "TB"
        Whether the picture goes from top to bottom or from left to right.

    Returns
    -------
    Drawing
        Shows itself in a notebook; ``save("model.svg")`` saves it.

    Raises
    ------
    DtypeError
        If `model` is not a module, or returns no tensor.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> drawing = viz.draw_model(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), np.zeros((1, 4)))
    >>> "Linear" in drawing.source
    True
    """
    graph = layer_graph(model, *inputs)
    drawing = Drawing(
        graph_attr={
            "rankdir": direction,
            "fontname": "Helvetica",
            "fontsize": "12",
            "label": f"{graph.model}: {graph.parameters:,} parameters",
        },
        node_attr={"shape": "box", "fontname": "Helvetica", "fontsize": "11", "style": "filled"},
        edge_attr={"color": "#555555", "arrowsize": "0.7"},
    )
    for index, layer in enumerate(graph.layers):
        style = "filled,rounded" if layer.kind == "operation" else "filled"
        drawing.node(f"n{index}", _label(layer), fillcolor=_FILL[layer.kind], style=style)
    for source, target in graph.edges:
        drawing.edge(f"n{source}", f"n{target}")
    return drawing


def _label(layer: Layer) -> str:
    """Return an HTML-like label of lines, in which no character has a meaning of its own."""
    name = f"{layer.name}: " if layer.name and layer.kind == "layer" else ""
    lines = [f"<b>{html.escape(name + layer.title)}</b>"]
    if layer.configuration:
        lines.append(html.escape(layer.configuration))
    lines.append(html.escape(str(layer.output_shape)))
    if layer.parameters:
        lines.append(f"{layer.parameters:,} parameters")
    return f"<{'<br/>'.join(lines)}>"
