"""Smaller graphs of large ones: modules as single nodes, the middle left out."""

from __future__ import annotations

import functools
import heapq
import itertools
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from minigrad.viz.data.graph import Cost, Edge, Graph, GraphNode, Group

__all__ = ["LEAVES", "collapsed", "cost_of", "depth_of", "limited", "rebuilt"]

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

    Parameters
    ----------
    graph : Graph
        As `graph` returns it.
    depth : int
        From 0 up.

    Returns
    -------
    Graph

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Tanh(), nn.Linear(2, 2, rng=0), nn.Tanh())
    >>> graph = viz.graph(model(np.ones((1, 2))))
    >>> len(graph.nodes), len(viz.collapsed(graph, depth=0).nodes)
    (9, 2)
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
    results = _results(graph, group_of)
    kept: list[GraphNode] = []
    places: list[int] = [0] * len(graph.nodes)
    for node in graph.nodes:
        group = group_of(node)
        if group is None:
            places[node.index] = len(kept)
            kept.append(node)
        elif node is members[group][0]:
            for member in members[group]:
                places[member.index] = len(kept)
            result = graph.nodes[results.get(group, members[group][-1].index)]
            kept.append(_module_node(graph.groups[group], members[group], result))
    return rebuilt(graph, kept, places)


def _results(graph: Graph, group_of: Callable[[GraphNode], int | None]) -> dict[int, int]:
    """Return for each group the last node in it that something outside was computed from."""
    groups = [group_of(node) for node in graph.nodes]
    results: dict[int, int] = {}
    leaving = [edge.source for edge in graph.edges if groups[edge.source] != groups[edge.target]]
    for index in sorted([*leaving, *(node.index for node in graph.nodes if node.output)]):
        group = groups[index]
        if group is not None and graph.nodes[index].kind not in LEAVES:
            results[group] = index
    return results


LEAVES = ("parameter", "input", "constant")


def _module_node(group: Group, members: Sequence[GraphNode], result: GraphNode) -> GraphNode:
    """Return the node that stands for a group, with what is known of its result."""
    wanted = [node for node in members if node.kind == "parameter" and node.requires_grad]
    missing = [node.name for node in wanted if not node.got_gradient]
    for node in members:
        missing += node.without_gradient
        wanted += [node] if node.got_gradient is not None and node.kind == "module" else []
    return GraphNode(
        members[-1].index,
        "module",
        group.path,
        group.module,
        group.configuration,
        group=group.parent,
        shape=result.shape,
        dtype=result.dtype,
        requires_grad=any(node.requires_grad for node in members),
        got_gradient=not missing if wanted else None,
        operations=sum(node.operations for node in members),
        output=any(node.output for node in members),
        repeats=group.repeats,
        without_gradient=tuple(missing),
        value=result.value,
        gradient=result.gradient,
        cost=cost_of(members),
    )


def cost_of(nodes: Iterable[GraphNode]) -> Cost | None:
    """Return what some nodes took together, as far as it is known."""
    costs = [node.cost for node in nodes if node.cost is not None]
    return functools.reduce(operator.add, costs) if costs else None


def rebuilt(
    graph: Graph, kept: Sequence[GraphNode], places: Sequence[int], notes: tuple[str, ...] = ()
) -> Graph:
    """Return a graph of these nodes; `places` says what each old node has become a part of."""
    moved = _in_order(graph, kept, places)
    nodes: list[GraphNode] = [*kept]
    for place, new in enumerate(moved):
        nodes[new] = replace(kept[place], index=new)
    uses: dict[tuple[int, int, int], int] = {}
    for edge in graph.edges:
        source, target = moved[places[edge.source]], moved[places[edge.target]]
        if source != target:
            plain = nodes[target].kind == "operation"
            key = source, target, edge.argument if plain else 0
            uses[key] = uses.get(key, 0) + edge.uses
    edges = tuple(Edge(*key, count) for key, count in uses.items())
    return replace(graph, nodes=tuple(nodes), edges=edges, notes=(*graph.notes, *notes))


def _in_order(graph: Graph, kept: Sequence[GraphNode], places: Sequence[int]) -> list[int]:
    """Return for each node its new index: after all that it is computed from, else as before."""
    after: list[set[int]] = [set() for _ in kept]
    for edge in graph.edges:
        source, target = places[edge.source], places[edge.target]
        if source != target:
            after[source].add(target)
    waits_for = [0] * len(kept)
    for targets in after:
        for target in targets:
            waits_for[target] += 1
    ready = [(node.index, place) for place, node in enumerate(kept) if not waits_for[place]]
    heapq.heapify(ready)
    moved = [-1] * len(kept)
    new = 0
    while ready:
        _, place = heapq.heappop(ready)
        moved[place], new = new, new + 1
        for target in after[place]:
            waits_for[target] -= 1
            if not waits_for[target]:
                heapq.heappush(ready, (kept[target].index, target))
    # What an outer module computed between two steps of an inner one needs both before itself.
    for place in sorted(range(len(kept)), key=lambda place: kept[place].index):
        if moved[place] < 0:
            moved[place], new = new, new + 1
    return moved


# --- A limit -----------------------------------------------------------------------------------


def limited(graph: Graph, most: int) -> Graph:
    """Return the graph with at most so many nodes, or as few as can be told apart.

    Modules are collapsed as far as needed, the innermost first; if that is not enough, the
    operations in the middle are left out. A note says so.

    Parameters
    ----------
    graph : Graph
        As `graph` returns it.
    most : int
        Number of nodes, from 1 up.

    Returns
    -------
    Graph

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Tanh(), nn.Linear(2, 2, rng=0), nn.Tanh())
    >>> graph = viz.graph(model(np.ones((1, 2))))
    >>> len(viz.limited(graph, 4).nodes)
    2
    """
    if len(graph.nodes) <= most:
        return graph
    whole = len(graph.nodes)
    sizes = _sizes(graph)
    depth = next((d for d in reversed(range(len(sizes))) if sizes[d] <= most), None)
    smaller = collapsed(graph, depth or 0)
    if depth is None:
        return _without_middle(smaller, most, whole)
    note = (
        f"{whole:,} nodes are more than {most:,}, so modules are collapsed "
        f"(depth={depth}); max_nodes= allows more"
    )
    return replace(smaller, notes=(*smaller.notes, note))


def _sizes(graph: Graph) -> list[int]:
    """Return for each depth how many nodes there are with modules at it as single ones."""
    depths = depth_of(graph)
    occupied = [False] * len(graph.groups)
    outside = [0] * (max(depths, default=-1) + 2)  # nodes above each depth
    for node in graph.nodes:
        if node.group is not None:
            occupied[node.group] = True
        outside[0 if node.group is None else depths[node.group] + 1] += 1
    for group in reversed(graph.groups):
        if group.parent is not None:
            occupied[group.parent] |= occupied[group.index]
    modules = Counter(depth for depth, full in zip(depths, occupied, strict=True) if full)
    above = itertools.accumulate(outside)
    return [nodes + modules[depth] for depth, nodes in enumerate(above)][:-1]


def _without_middle(graph: Graph, most: int, whole: int) -> Graph:
    """Return the graph with everything between its beginning and its end as one node."""
    head = max(1, (most - 1) // 2)
    tail = max(1, most - 1 - head)
    middle = graph.nodes[head : len(graph.nodes) - tail]
    hidden = GraphNode(
        middle[0].index,
        "hidden",
        operation=f"{sum(node.operations for node in middle):,} operations",
        shape=middle[-1].shape,
        dtype=middle[-1].dtype,
        requires_grad=any(node.requires_grad for node in middle),
        operations=sum(node.operations for node in middle),
        cost=cost_of(middle),
    )
    kept = [*graph.nodes[:head], hidden, *graph.nodes[len(graph.nodes) - tail :]]
    places = [min(index, head) for index in range(len(graph.nodes) - tail)]
    places += [head + 1 + i for i in range(tail)]
    note = (
        f"{whole:,} nodes are more than {most:,}, so those in the middle are left out; "
        "max_nodes= allows more"
    )
    return rebuilt(graph, kept, places, (note,))
