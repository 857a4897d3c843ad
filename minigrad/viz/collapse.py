"""Smaller graphs of large ones: modules as single nodes, equal blocks once, the middle left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from minigrad.viz.graph import Edge, Graph, GraphNode, Group
from minigrad.viz.numbers import count

__all__ = ["collapsed", "depth_of", "folded", "limited"]

Place = Callable[[GraphNode], int]  # the node of the smaller graph that stands for one


def depth_of(graph: Graph) -> list[int]:
    """Return for each group how many groups are around it."""
    depths: list[int] = []
    for group in graph.groups:
        depths.append(0 if group.parent is None else depths[group.parent] + 1)
    return depths


# --- Modules as nodes --------------------------------------------------------------------------


def collapsed(graph: Graph, depth: int) -> Graph:
    """Return the graph with every call of a module below a depth as one node.

    At depth 0 the outermost modules are single nodes; at depth 1 what they are made of, and so on.
    Edges between what remains are conserved: one stands for all between the same two nodes.
    """
    depths = depth_of(graph)
    # For each group the one that it becomes a part of, if any.
    within: list[int | None] = []
    for group, level in zip(graph.groups, depths, strict=True):
        outer = None if group.parent is None else within[group.parent]
        within.append(outer if outer is not None else group.index if level == depth else None)
    return _merged(graph, lambda node: None if node.group is None else within[node.group])


def _merged(graph: Graph, group_of: Callable[[GraphNode], int | None]) -> Graph:
    """Return the graph with the nodes of each of some groups as one."""
    members: dict[int, list[GraphNode]] = {}
    for node in graph.nodes:
        group = group_of(node)
        if group is not None:
            members.setdefault(group, []).append(node)
    kept: list[GraphNode] = []
    places: list[int] = [0] * len(graph.nodes)
    for node in graph.nodes:
        group = group_of(node)
        if group is None or len(members[group]) == 1:
            places[node.index] = len(kept)
            kept.append(node)
        elif node is members[group][-1]:  # where all that the group needs has been computed
            for member in members[group]:
                places[member.index] = len(kept)
            kept.append(_module_node(graph.groups[group], members[group]))
    return _rebuilt(graph, kept, places)


def _module_node(group: Group, members: Sequence[GraphNode]) -> GraphNode:
    """Return the node that stands for a group, with the shape of its last result."""
    last = members[-1]
    parameters = [node for node in members if node.kind == "parameter"]
    got = [node.got_gradient for node in parameters if node.requires_grad]
    return GraphNode(
        last.index,
        "module",
        group.path,
        group.module,
        group.configuration,
        group.parent,
        last.shape,
        last.dtype,
        last.requires_grad,
        all(got) if got else None,
        "",
        sum(node.operations for node in members),
        any(node.output for node in members),
        group.repeats,
        last.value,
        last.gradient,
    )


def _rebuilt(
    graph: Graph, kept: Sequence[GraphNode], places: Sequence[int], notes: tuple[str, ...] = ()
) -> Graph:
    """Return a graph of these nodes; `places` says what each old node has become a part of."""
    order = sorted(range(len(kept)), key=lambda place: kept[place].index)
    moved = {place: new for new, place in enumerate(order)}
    nodes = tuple(replace(kept[place], index=new) for new, place in enumerate(order))
    uses: dict[tuple[int, int, int], int] = {}
    for edge in graph.edges:
        source, target = moved[places[edge.source]], moved[places[edge.target]]
        if source != target:
            plain = nodes[target].kind == "operation"
            key = source, target, edge.argument if plain else 0
            uses[key] = uses.get(key, 0) + edge.uses
    edges = tuple(Edge(*key, count) for key, count in uses.items())
    return Graph(nodes, edges, graph.groups, (*graph.notes, *notes))


# --- Equal blocks ------------------------------------------------------------------------------


def folded(graph: Graph) -> Graph:
    """Return the graph with runs of equal calls, one after the other, drawn as the first of them.

    Calls are equal if their modules are of the same class and configuration and did the same
    operations on arrays of the same shapes. Each run's group says how often it occurs.
    """
    for depth in range(max(depth_of(graph), default=-1) + 1):
        graph = _folded_at(graph, depth)
    return graph


def _folded_at(graph: Graph, depth: int) -> Graph:
    members: dict[int, list[GraphNode]] = {}
    for node in graph.nodes:
        for group in graph.groups_around(node.group):
            members.setdefault(group.index, []).append(node)
    depths = depth_of(graph)
    level = [group for group in graph.groups if depths[group.index] == depth]
    runs = _runs([group for group in level if group.index in members], graph, members)
    if not runs:
        return graph
    stands_for = list(range(len(graph.nodes)))
    repeats: dict[int, int] = {}
    for run in runs:
        repeats[run[0].index] = run[0].repeats * len(run)
        for group in run[1:]:
            for first, other in zip(members[run[0].index], members[group.index], strict=True):
                stands_for[other.index] = first.index
    kept = [node for node in graph.nodes if stands_for[node.index] == node.index]
    position = {node.index: place for place, node in enumerate(kept)}
    places = [position[stands_for[node.index]] for node in graph.nodes]
    forward = tuple(  # a call's result that enters the next, equal one would turn back
        edge for edge in graph.edges if stands_for[edge.source] < stands_for[edge.target]
    )
    groups = tuple(
        replace(group, repeats=repeats.get(group.index, group.repeats)) for group in graph.groups
    )
    smaller = Graph(graph.nodes, forward, groups, graph.notes)
    return _once(_rebuilt(smaller, kept, places))


def _once(graph: Graph) -> Graph:
    """Return the graph with the uses of each argument counted once: those of equal calls are."""
    return replace(graph, edges=tuple(edge._replace(uses=1) for edge in graph.edges))


def _runs(
    groups: Sequence[Group], graph: Graph, members: dict[int, list[GraphNode]]
) -> list[list[Group]]:
    """Return the runs of at least two equal groups, each fed by the one before."""
    inside = {node.index: g.index for g in groups for node in members[g.index]}
    feeds = {
        (inside[edge.source], inside[edge.target])
        for edge in graph.edges
        if edge.source in inside and edge.target in inside
    }
    runs: list[list[Group]] = []
    for group in groups:
        last = runs[-1][-1] if runs else None
        if (
            last is not None
            and last.parent == group.parent
            and (last.index, group.index) in feeds
            and _signature(last, members) == _signature(group, members)
        ):
            runs[-1].append(group)
        else:
            runs.append([group])
    return [run for run in runs if len(run) > 1]


def _signature(group: Group, members: dict[int, list[GraphNode]]) -> object:
    return (
        group.module,
        group.configuration,
        [
            (node.kind, node.operation, node.options, node.shape, node.dtype)
            for node in members[group.index]
        ],
    )


# --- A limit -----------------------------------------------------------------------------------


def limited(graph: Graph, most: int) -> Graph:
    """Return the graph with at most so many nodes, or as few as can be told apart.

    Modules are collapsed as far as needed, the innermost first; if that is not enough, the
    operations in the middle are left out. A note says so.
    """
    if len(graph.nodes) <= most:
        return graph
    whole = len(graph.nodes)
    smaller = graph
    for depth in range(max(depth_of(graph), default=-1), -1, -1):
        smaller = collapsed(graph, depth)
        if len(smaller.nodes) <= most:
            note = (
                f"{count(whole)} nodes are more than {count(most)}, so modules are collapsed "
                f"(depth={depth}); max_nodes= allows more"
            )
            return replace(smaller, notes=(*smaller.notes, note))
    return _without_middle(smaller, most, whole)


def _without_middle(graph: Graph, most: int, whole: int) -> Graph:
    """Return the graph with everything between its beginning and its end as one node."""
    head = max(1, (most - 1) // 2)
    tail = max(1, most - 1 - head)
    middle = graph.nodes[head : len(graph.nodes) - tail]
    hidden = GraphNode(
        middle[0].index,
        "hidden",
        operation=f"{count(sum(node.operations for node in middle))} operations",
        shape=middle[-1].shape,
        dtype=middle[-1].dtype,
        operations=sum(node.operations for node in middle),
    )
    kept = [*graph.nodes[:head], hidden, *graph.nodes[len(graph.nodes) - tail :]]
    places = [min(index, head) for index in range(len(graph.nodes) - tail)]
    places += [head + 1 + i for i in range(tail)]
    note = (
        f"{count(whole)} nodes are more than {count(most)}, so those in the middle are left out; "
        "max_nodes= allows more"
    )
    return _rebuilt(graph, kept, places, (note,))
