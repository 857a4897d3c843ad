"""Equal layers and blocks of a model, one after the other, as one with a count."""

from __future__ import annotations

from dataclasses import replace

from minigrad.graph import Node
from minigrad.viz.data.folding import folded
from minigrad.viz.data.graph import Edge, Graph, GraphNode, Group
from minigrad.viz.data.trace import exactly, options_of
from minigrad.viz.models.building import Built
from minigrad.viz.models.layers import LayerGraph

__all__ = ["with_repeats"]


def with_repeats(built: Built) -> Built:
    """Return the layers with runs of equal ones, and of equal boxes, as the first of each run.

    Equal are those of the same classes, configurations, operations, shapes and numbers of
    parameters, wired in the same way, with names that differ in numbers only, if nothing but the
    next one uses what one makes. The rule is that of `folded`.
    """
    smaller = folded(_as_graph(built))
    old = [int(node.line) for node in smaller.nodes]
    if len(old) == len(built.graph.layers):
        return built
    groups = smaller.groups
    boxes = tuple(replace(b, repeats=groups[b.index].repeats) for b in built.graph.boxes)
    layers = []
    for node, index in zip(smaller.nodes, old, strict=True):
        layer = built.graph.layers[index]
        in_own_group = node.group is not None and node.group >= len(boxes)
        repeats = groups[node.group].repeats if in_own_group and node.group is not None else 1
        layers.append(replace(layer, index=node.index, repeats=repeats))
    edges = tuple((edge.source, edge.target) for edge in smaller.edges)
    graph = replace(built.graph, layers=tuple(layers), edges=edges, boxes=boxes)
    return Built(graph, tuple(built.events[index] for index in old))


def _as_graph(built: Built) -> Graph:
    """Return layers as a graph of operations: boxes are groups, and each layer is one by itself."""
    layers = built.graph
    shared = _shared(layers)
    groups = [
        Group(b.index, b.parent, b.name, b.title, f"{b.configuration}|{b.calls}")
        for b in layers.boxes
    ]
    nodes = []
    for layer in layers.layers:
        home = layer.box
        if layer.kind == "layer":
            home = len(groups)
            groups.append(Group(home, layer.box, layer.name, layer.title, layer.configuration))
        look = (
            layer.kind, layer.configuration, layer.input_shapes, layer.output_shapes,
            layer.parameters, layer.trainable, layer.calls,
            [_operation(event.node) for event in built.computed(layer.index)],
            layer.index if shared.intersection(layer.parameter_names) else None,
        )  # fmt: skip
        nodes.append(
            GraphNode(
                layer.index,
                "operation",
                operation=layer.title,
                options=repr(look),
                group=home,
                line=str(layer.index),
                output=layer.kind == "output",
            )
        )
    edges = tuple(Edge(source, target, 0) for source, target in layers.edges)
    return Graph(tuple(nodes), edges, tuple(groups))


def _operation(node: Node) -> tuple[str, str, str]:
    return node.rule.name, options_of(node), exactly(node)


def _shared(layers: LayerGraph) -> set[str]:
    """Return the names of the parameters that several layers use: no two of these are alike."""
    seen: set[str] = set()
    shared: set[str] = set()
    for layer in layers.layers:
        shared.update(seen.intersection(layer.parameter_names))
        seen.update(layer.parameter_names)
    return shared
