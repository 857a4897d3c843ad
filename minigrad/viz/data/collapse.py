"""Smaller graphs of large ones: modules as single nodes, the middle left out."""

from __future__ import annotations

import functools
import heapq
import itertools
import operator
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from minigrad.errors import DtypeError
from minigrad.viz.data.graph import Cost, Edge, Graph, GraphNode, Group
from minigrad.viz.options import check_depth, check_max_nodes

__all__ = [
    "LEAVES",
    "check_is_graph",
    "collapsed",
    "common_group",
    "cost_of",
    "depth_of",
    "limited",
    "missing_in",
    "rebuilt",
]

GroupOf = Callable[[GraphNode], int | None]  # the group that a node is shown as a part of


def depth_of(graph: Graph) -> list[int]:
    """Return for each group how many groups are around it."""
    depths: list[int] = []
    for group in graph.groups:
        depths.append(0 if group.parent is None else depths[group.parent] + 1)
    return depths


# --- Modules as nodes --------------------------------------------------------------------------


def collapsed(graph: Graph, depth: int) -> Graph:
    """Return the graph with every call of a module below a depth as one node.

    Edges between what remains are conserved: one stands for all between the same two nodes.

    Parameters
    ----------
    graph : Graph
    depth : int
        0 for the outermost modules as single nodes, 1 for what they are made of, and so on.

    Returns
    -------
    Graph
        Its `summary` is that of the graph given.

    Raises
    ------
    DtypeError
        If `graph` is not a graph.
    ArgumentError
        If `depth` is not such a number.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> graph = viz.graph(np.sum(model(np.ones((1, 3), np.float32))))
    >>> [node.title for node in viz.collapsed(graph, 1).nodes]
    ['constant', '0', '1', '2', 'sum']
    >>> [node.title for node in viz.collapsed(graph, 0).nodes]
    ['constant', 'Sequential', 'sum']
    """
    check_is_graph(graph)
    check_depth(depth, optional=False)
    return _merged(graph, _enclosed(graph, frozenset(), depth))


def check_is_graph(graph: Any) -> None:
    """Refuse what is not a graph."""
    if not isinstance(graph, Graph):
        raise DtypeError(
            f"a smaller graph is made of a Graph, not of {type(graph).__name__}: "
            "viz.graph(loss) makes one"
        )


def _enclosed(graph: Graph, opened: Collection[int], depth: int) -> GroupOf:
    """Return what tells in which group a node is that is shown as one, if it is in one.

    Those are the groups at the depth and below that are not opened, if none around them is one.
    """
    within: list[int | None] = []
    for group, level in zip(graph.groups, depth_of(graph), strict=True):
        outer = None if group.parent is None else within[group.parent]
        closed = level >= depth and group.index not in opened
        within.append(outer if outer is not None else group.index if closed else None)
    return lambda node: None if node.group is None else within[node.group]


def _merged(graph: Graph, group_of: GroupOf) -> Graph:
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
        if group is None:
            places[node.index] = len(kept)
            kept.append(node)
        elif node is members[group][0]:
            for member in members[group]:
                places[member.index] = len(kept)
            kept.append(_module_node(graph.groups[group], members[group]))
    return rebuilt(graph, kept, places)


LEAVES = ("parameter", "input", "constant")


def _module_node(group: Group, members: Sequence[GraphNode]) -> GraphNode:
    """Return the node that stands for a group, with what is known of its result.

    That is the last of its members: nothing in the group was computed from it.
    """
    result = members[-1]
    wanted = [node for node in members if node.kind == "parameter" and node.requires_grad]
    wanted += [n for n in members if n.kind in _SEVERAL and n.got_gradient is not None]
    missing = [name for node in members for name in missing_in(node)]
    return GraphNode(
        result.index,
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
        without_gradient=tuple(dict.fromkeys(missing)),
        frozen=_frozen_in(members),
        value=result.value,
        gradient=result.gradient,
        cost=cost_of(members),
    )


_SEVERAL = ("module", "hidden")  # kinds that stand for several nodes


def _frozen_in(nodes: Iterable[GraphNode]) -> tuple[str, ...]:
    """Return the names of the parameters that require no gradient which some nodes stand for."""
    names = [
        name
        for node in nodes
        for name in (node.frozen or ((node.name,) if node.frozen_remark else ()))
    ]
    return tuple(dict.fromkeys(names))


def missing_in(node: GraphNode) -> tuple[str, ...]:
    """Return the names of the parameters and inputs without a gradient in what a node stands for.

    The node itself may be one.
    """
    if node.without_gradient:
        return node.without_gradient
    is_leaf = node.kind in ("parameter", "input")
    return (node.title,) if is_leaf and node.requires_grad and not node.got_gradient else ()


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
    return replace(
        graph,
        nodes=tuple(nodes),
        edges=edges,
        notes=(*graph.notes, *notes),
        of_all=graph.summary,
    )


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
    """Return the graph with at most so many nodes.

    Modules are collapsed as far as needed, the innermost first and of these the largest; where
    that would leave half of what is allowed or less, or is not enough, the nodes in the middle
    are left out. A note says so.

    Parameters
    ----------
    graph : Graph
    most : int
        From 3 up.

    Returns
    -------
    Graph
        The graph itself, if it is as small.

    Raises
    ------
    DtypeError
        If `graph` is not a graph.
    ArgumentError
        If `most` is not such a number.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> graph = viz.graph(np.sum(model(np.ones((1, 3), np.float32))))
    >>> len(graph.nodes), [node.title for node in viz.limited(graph, 6).nodes]
    (9, ['constant', '0', 'relu', '2', 'sum'])
    """
    check_is_graph(graph)
    check_max_nodes(most, "most")
    if len(graph.nodes) <= most:
        return graph
    whole = len(graph.nodes)
    sizes = _sizes(graph)
    depth = next((d for d in reversed(range(len(sizes))) if sizes[d] <= most), None)
    if depth is None:
        return _without_middle(collapsed(graph, 0), most, whole)
    opened = _opened(graph, depth, most - sizes[depth])
    smaller = _merged(graph, _enclosed(graph, opened, depth))
    if 2 * len(smaller.nodes) <= most:  # one of the modules has more in it than all that is shown
        return _without_middle(_merged(graph, _enclosed(graph, opened, depth + 1)), most, whole)
    extent = "some modules are collapsed" if opened else f"modules are collapsed (depth={depth})"
    note = f"{whole:,} nodes are more than {most:,}, so {extent}; max_nodes= allows more"
    return replace(smaller, notes=(*smaller.notes, note))


def _opened(graph: Graph, depth: int, room: int) -> set[int]:
    """Return which groups, from a depth on, can be shown in full in room for so many nodes more.

    Outer ones before inner ones, and of these those with the least in them first.
    """
    depths = depth_of(graph)
    occupied = _occupied(graph)
    inside = Counter(node.group for node in graph.nodes)
    inside.update(g.parent for g in graph.groups if occupied[g.index])
    children: dict[int | None, list[int]] = {}
    for inner in graph.groups:
        if occupied[inner.index]:
            children.setdefault(inner.parent, []).append(inner.index)
    closed = [(depth, inside[g], g) for g, level in enumerate(depths) if level == depth]
    closed = [entry for entry in closed if occupied[entry[2]]]
    heapq.heapify(closed)
    opened: set[int] = set()
    while closed:
        level, more, group = heapq.heappop(closed)
        if more - 1 <= room:
            room -= more - 1
            opened.add(group)
            for child in children.get(group, []):
                heapq.heappush(closed, (level + 1, inside[child], child))
    return opened


def _occupied(graph: Graph) -> list[bool]:
    """Return for each group whether there is a node in it, or in a group inside."""
    occupied = [False] * len(graph.groups)
    for node in graph.nodes:
        if node.group is not None:
            occupied[node.group] = True
    for group in reversed(graph.groups):
        if group.parent is not None:
            occupied[group.parent] |= occupied[group.index]
    return occupied


def _sizes(graph: Graph) -> list[int]:
    """Return for each depth how many nodes there are with modules at it as single ones."""
    depths = depth_of(graph)
    outside = [0] * (max(depths, default=-1) + 2)  # nodes above each depth
    for node in graph.nodes:
        outside[0 if node.group is None else depths[node.group] + 1] += 1
    modules = Counter(depth for depth, full in zip(depths, _occupied(graph), strict=True) if full)
    above = itertools.accumulate(outside)
    return [nodes + modules[depth] for depth, nodes in enumerate(above)][:-1]


def common_group(groups: Sequence[Group], of: Iterable[int | None]) -> int | None:
    """Return the innermost group around several, given by their places."""
    common, *others = of
    for other in others:
        # A group comes after the one around it, so the later of two is not around the other.
        while common != other:
            if common is None or other is None:
                return None
            if common > other:
                common = groups[common].parent
            else:
                other = groups[other].parent
    return common


def _without_middle(graph: Graph, most: int, whole: int) -> Graph:
    """Return the graph with everything between its beginning and its end as one node."""
    head = max(1, (most - 1) // 2)
    tail = max(1, most - 1 - head)
    middle = graph.nodes[head : len(graph.nodes) - tail]
    wanted = [n for n in middle if n.kind in (*LEAVES, *_SEVERAL) and n.requires_grad]
    wanted = [n for n in wanted if n.got_gradient is not None]
    missing = tuple(dict.fromkeys(name for node in middle for name in missing_in(node)))
    hidden = GraphNode(
        middle[0].index,
        "hidden",
        operation=f"{sum(node.operations for node in middle):,} operations",
        group=common_group(graph.groups, dict.fromkeys(node.group for node in middle)),
        shape=middle[-1].shape,
        dtype=middle[-1].dtype,
        requires_grad=any(node.requires_grad for node in middle),
        got_gradient=not missing if wanted else None,
        operations=sum(node.operations for node in middle),
        output=any(node.output for node in middle),
        without_gradient=missing,
        frozen=_frozen_in(middle),
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
