"""Smaller graphs of large ones: modules as single nodes, equal blocks once, the middle left out."""

from __future__ import annotations

import functools
import heapq
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from minigrad.viz.data.graph import Cost, Edge, Graph, GraphNode, Group
from minigrad.viz.look.numbers import count
from minigrad.viz.options import check_depth, check_max_nodes

__all__ = ["collapsed", "depth_of", "folded", "limited", "reduced"]

Place = Callable[[GraphNode], int]  # the node of the smaller graph that stands for one


def depth_of(graph: Graph) -> list[int]:
    """Return for each group how many groups are around it."""
    depths: list[int] = []
    for group in graph.groups:
        depths.append(0 if group.parent is None else depths[group.parent] + 1)
    return depths


def reduced(graph: Graph, depth: int | None, fold: bool, max_nodes: int | None) -> Graph:
    """Return the graph with equal blocks once, modules below a depth as nodes, and so many nodes.

    Raises
    ------
    ArgumentError
        If `depth` or `max_nodes` is no such number.
    """
    check_depth(depth)
    check_max_nodes(max_nodes)
    if fold:
        graph = folded(graph)
    if depth is not None:
        graph = collapsed(graph, depth)
    if max_nodes is not None:
        graph = limited(graph, max_nodes)
    return graph


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
    return _rebuilt(graph, kept, places)


def _results(graph: Graph, group_of: Callable[[GraphNode], int | None]) -> dict[int, int]:
    """Return for each group the last node in it that something outside was computed from."""
    groups = [group_of(node) for node in graph.nodes]
    results: dict[int, int] = {}
    leaving = [edge.source for edge in graph.edges if groups[edge.source] != groups[edge.target]]
    for index in sorted([*leaving, *(node.index for node in graph.nodes if node.output)]):
        group = groups[index]
        if group is not None and graph.nodes[index].kind not in _LEAVES:
            results[group] = index
    return results


_LEAVES = ("parameter", "input", "constant")


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
        cost=_cost_of(members),
    )


def _cost_of(nodes: Iterable[GraphNode]) -> Cost | None:
    """Return what some nodes took together, as far as it is known."""
    costs = [node.cost for node in nodes if node.cost is not None]
    return functools.reduce(operator.add, costs) if costs else None


def _rebuilt(
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


# --- Equal blocks ------------------------------------------------------------------------------


def folded(graph: Graph) -> Graph:
    """Return the graph with runs of equal calls, one after the other, drawn as the first of them.

    Calls are equal if their modules are of the same class and configuration and did the same
    operations on arrays of the same shapes, wired in the same way, and if gradients arrived at the
    same parameters. Each is given what the one before it made, always from the same place in it to
    the same place, and nothing else uses that. Each run's group says how often it occurs.

    Parameters
    ----------
    graph : Graph
        As `graph` returns it.

    Returns
    -------
    Graph

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> block = lambda: nn.Sequential(nn.Linear(2, 2, rng=0), nn.Tanh())
    >>> graph = viz.graph(nn.Sequential(block(), block(), block())(np.ones((1, 2))))
    >>> [group.repeats for group in viz.folded(graph).groups]
    [1, 3, 1, 1, 1, 1, 1, 1, 1, 1]
    """
    for depth in range(max(depth_of(graph), default=-1) + 1):
        graph = _folded_at(graph, depth)
    return graph


def _folded_at(graph: Graph, depth: int) -> Graph:
    depths = depth_of(graph)
    blocks = _blocks(graph, {g.index for g in graph.groups if depths[g.index] == depth})
    stands_for = list(range(len(graph.nodes)))
    same: list[list[GraphNode]] = [[node] for node in graph.nodes]
    repeats: dict[int, int] = {}
    runs = _runs(blocks, graph)
    for run in runs:
        first = run[0]
        repeats[first.group.index] = first.group.repeats * len(run)
        for block in run[1:]:
            for index, other in zip(first.nodes, block.nodes, strict=True):
                stands_for[other] = index
                same[index].append(graph.nodes[other])
            for edge, other_edge in zip(first.entering, block.entering, strict=True):
                if other_edge.source in block.own:
                    stands_for[other_edge.source] = edge.source
    if not repeats:
        return graph
    kept = [
        _as_one(node, same[node.index])
        for node in graph.nodes
        if stands_for[node.index] == node.index
    ]
    position = {node.index: place for place, node in enumerate(kept)}
    places = [position[stands_for[node.index]] for node in graph.nodes]
    turns = {edge for run in runs for edge in _turns(run)}
    forward = tuple(edge for edge in graph.edges if edge not in turns)
    groups = tuple(
        replace(group, repeats=repeats.get(group.index, group.repeats)) for group in graph.groups
    )
    smaller = _rebuilt(replace(graph, edges=forward, groups=groups), kept, places)
    # Equal calls use each argument as often as the first does.
    return replace(smaller, edges=tuple(edge._replace(uses=1) for edge in smaller.edges))


def _as_one(node: GraphNode, same: list[GraphNode]) -> GraphNode:
    return replace(
        node,
        operations=sum(n.operations for n in same),
        output=any(n.output for n in same),
        cost=_cost_of(same),
    )


def _turns(run: list[_Block]) -> list[Edge]:
    """Return what leads from a block to the next: drawn as one, it would lead back into it."""
    inside = {index for block in run for index in block.nodes}
    return [edge for block in run[1:] for edge in block.entering if edge.source in inside]


class _Block(NamedTuple):
    """A group as folding sees it."""

    group: Group
    nodes: list[int]  # in it, in order
    entering: list[Edge]
    signature: object  # equal for equal blocks
    used_by: set[int | None]  # the groups that use something in it; None for what is in none
    own: set[int]  # unnamed leaves that enter it and nothing else


def _blocks(graph: Graph, level: set[int]) -> list[_Block]:
    """Return the groups with these indices that have nodes, with what is inside and enters."""
    within: list[int | None] = []
    for group in graph.groups:
        outer = None if group.parent is None else within[group.parent]
        within.append(outer if outer is not None else group.index if group.index in level else None)
    inside = [None if node.group is None else within[node.group] for node in graph.nodes]
    nodes: dict[int, list[int]] = {}
    for index, owner in enumerate(inside):
        if owner is not None:
            nodes.setdefault(owner, []).append(index)
    relative = {index: place for own in nodes.values() for place, index in enumerate(own)}
    entering: dict[int, list[Edge]] = {owner: [] for owner in nodes}
    wires: dict[int, list[object]] = {owner: [] for owner in nodes}
    for edge in graph.edges:
        target, owner = relative.get(edge.target), inside[edge.target]
        if owner is None:
            continue
        if inside[edge.source] == owner:
            wires[owner].append((relative[edge.source], target, edge.argument))
        else:
            wires[owner].append((target, edge.argument))
            entering[owner].append(edge)
    users = _users(graph, inside)
    return [
        _Block(
            graph.groups[owner],
            own,
            entering[owner],
            (_looks(graph.groups[owner]), [_look(graph, index) for index in own], wires[owner]),
            {user for index in own for user in users[index]} - {owner},
            {
                edge.source
                for edge in entering[owner]
                if users[edge.source] == {owner} and _is_unnamed_leaf(graph.nodes[edge.source])
            },
        )
        for owner, own in nodes.items()
    ]


def _users(graph: Graph, inside: Sequence[int | None]) -> list[set[int | None]]:
    """Return for each node the groups in which it is used; None for outside of all, or a result."""
    users: list[set[int | None]] = [{None} if node.output else set() for node in graph.nodes]
    for edge in graph.edges:
        users[edge.source].add(inside[edge.target])
    return users


def _is_unnamed_leaf(node: GraphNode) -> bool:
    return node.kind in _LEAVES and not node.name


def _looks(group: Group) -> object:
    return group.parent, group.module, group.configuration


def _look(graph: Graph, index: int) -> object:
    """Return what two nodes must have in common to be drawn as one."""
    node = graph.nodes[index]
    kept = (node.operation, node.options, node.shape, node.dtype, node.requires_grad)
    own_name = node.name if node.kind != "parameter" else ""
    return node.kind, own_name, node.got_gradient, kept


def _runs(blocks: Sequence[_Block], graph: Graph) -> list[list[_Block]]:
    """Return the runs of at least two equal blocks, each fed by the one before."""
    runs: list[list[_Block]] = []
    for block in blocks:
        if runs and _continues(runs[-1], block, graph):
            runs[-1].append(block)
        else:
            runs.append([block])
    return [run for run in runs if len(run) > 1]


def _continues(run: list[_Block], block: _Block, graph: Graph) -> bool:
    """Whether a block is equal to those of a run, and goes on where the last one ends.

    Only it may use what the last one made, and at the same places as those before it did.
    """
    first, last = run[0], run[-1]
    if first.signature != block.signature or last.used_by != {block.group.index}:
        return False
    if not _enters_alike(first, last, block, graph):
        return False
    return len(run) == 1 or _feeds(last, block) == _feeds(first, run[1])


def _feeds(last: _Block, block: _Block) -> list[int | None]:
    """Return for each edge that enters a block from which place in the last one it comes."""
    places = {index: place for place, index in enumerate(last.nodes)}
    return [places.get(edge.source) for edge in block.entering]


def _enters_alike(first: _Block, last: _Block, block: _Block, graph: Graph) -> bool:
    """Whether what enters a block stands, one to one, for what enters the first of its run.

    It is from the last one, or the same, or an unnamed array that each of the two has for itself.
    """
    entering = zip(first.entering, block.entering, strict=True)
    pairs = {(there.source, here.source) for there, here in entering}
    made = set(last.nodes)
    # An array that is no tensor is a constant for each use; what stands for all is one result.
    constants = {i: _look(graph, i) for i in first.own if graph.nodes[i].kind == "constant"}
    merged = {(constants.get(t, t) if h in made else t, h) for t, h in pairs}
    if len(pairs) > len({t for t, _ in pairs}) or len(merged) > len({h for _, h in pairs}):
        return False
    return all(
        here in made
        or here == there
        or (there in first.own and here in block.own and _look(graph, here) == _look(graph, there))
        for there, here in pairs
    )


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
        requires_grad=any(node.requires_grad for node in middle),
        operations=sum(node.operations for node in middle),
        cost=_cost_of(middle),
    )
    kept = [*graph.nodes[:head], hidden, *graph.nodes[len(graph.nodes) - tail :]]
    places = [min(index, head) for index in range(len(graph.nodes) - tail)]
    places += [head + 1 + i for i in range(tail)]
    note = (
        f"{count(whole)} nodes are more than {count(most)}, so those in the middle are left out; "
        "max_nodes= allows more"
    )
    return _rebuilt(graph, kept, places, (note,))
