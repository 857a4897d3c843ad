"""Equal blocks of a graph, one after the other, as one with a count."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from minigrad.viz.data.collapse import LEAVES, check_is_graph, cost_of, missing_in, rebuilt
from minigrad.viz.data.graph import Edge, Graph, GraphNode, Group

__all__ = ["folded"]


def folded(graph: Graph) -> Graph:
    """Return the graph with runs of equal calls, one after the other, as the first of them.

    Calls are equal if their modules have names that differ in numbers only, if these and those
    inside them are of the same classes and configurations, and if they did the same operations on
    arrays of the same shapes, wired in the same way, with parameters of the same names in their
    modules, and gradients arrived at the same ones. Each is given what the one before it made,
    always from the same place in it to the same place, and nothing else uses that. Each run's
    group says how often it occurs. Of what stands for several, no value and no gradient is told.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    Graph
        Its `summary` is that of the graph given; the graph itself, if there is no such run.

    Raises
    ------
    DtypeError
        If `graph` is not a graph.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))
    >>> graph = viz.graph(model(np.ones((1, 3), np.float32)))
    >>> len(graph.nodes), len(viz.folded(graph).nodes)
    (13, 4)
    >>> [(group.path, group.repeats) for group in viz.folded(graph).groups[:2]]
    [('', 1), ('0', 4)]
    """
    check_is_graph(graph)
    return _Folding(graph).folded()


class _Block(NamedTuple):
    """A group as folding sees it."""

    group: Group
    nodes: list[int]  # in it and in the groups inside, in order
    places: dict[int, int]  # of each among them
    entering: list[Edge]
    leaving: list[Edge]
    signature: object  # equal for equal blocks
    own: set[int]  # unnamed leaves that enter it and nothing else


class _Folding:
    """Finds the runs, in outer groups before inner ones.

    Blocks of different sizes are not looked into, so each node is looked at once for every level
    at which a group around it has a neighbour as large: no more often than log2 of their number.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.arriving: list[list[Edge]] = [[] for _ in graph.nodes]
        self.departing: list[list[Edge]] = [[] for _ in graph.nodes]
        for edge in graph.edges:
            self.arriving[edge.target].append(edge)
            self.departing[edge.source].append(edge)
        self.members: list[list[int]] = [[] for _ in graph.groups]
        for node in graph.nodes:
            if node.group is not None:
                self.members[node.group].append(node.index)
        self.sizes = [len(own) for own in self.members]
        self.inside: dict[int | None, list[Group]] = {}
        for group in graph.groups:
            self.inside.setdefault(group.parent, []).append(group)
        for group in reversed(graph.groups):
            if group.parent is not None:
                self.sizes[group.parent] += self.sizes[group.index]
        self.used_later = [node.output for node in graph.nodes]
        self.stands_for = list(range(len(graph.nodes)))
        self.blocks_around: list[dict[int, int]] = [{} for _ in graph.nodes]  # run: place in it
        self.repeats: dict[int, int] = {}

    def folded(self) -> Graph:
        gone: set[int | None] = set()
        for parent in (None, *(group.index for group in self.graph.groups)):
            around = None if parent is None else self.graph.groups[parent].parent
            if parent is not None and around in gone:
                gone.add(parent)
            if parent in gone:
                continue
            for run in self.runs(self.inside.get(parent, [])):
                self.fold(run)
                gone.update(block.group.index for block in run[1:])
        return self.together() if self.repeats else self.graph

    # --- Runs --------------------------------------------------------------------------------

    def runs(self, groups: Sequence[Group]) -> Iterator[list[_Block]]:
        """Yield the runs of at least two equal blocks, each fed by the one before."""
        groups = [group for group in groups if self.sizes[group.index]]
        for _, alike in itertools.groupby(
            groups, lambda g: (_name(g), _looks(g), self.sizes[g.index])
        ):
            candidates = list(alike)
            if len(candidates) < 2:
                continue
            run: list[_Block] = []
            for block in map(self.block, candidates):
                if run and self.continues(run, block):
                    run.append(block)
                    continue
                if len(run) > 1:
                    yield run
                run = [block]
            if len(run) > 1:
                yield run

    def block(self, group: Group) -> _Block:
        groups, nodes = self.within(group)
        places = {index: place for place, index in enumerate(nodes)}
        group_places = {g.index: place for place, g in enumerate(groups)}
        wires: list[object] = []
        entering, leaving = [], []
        for place, index in enumerate(nodes):
            for edge in self.arriving[index]:
                if edge.source in places:
                    wires.append((places[edge.source], place, edge.argument))
                else:
                    wires.append((place, edge.argument))
                    entering.append(edge)
            leaving += [edge for edge in self.departing[index] if edge.target not in places]
        structure = [
            (group_places.get(g.parent or 0), g.path.removeprefix(group.path), _looks(g))
            for g in groups[1:]
        ]
        looks = [
            (group_places[self.graph.nodes[index].group or 0], self.look(index)) for index in nodes
        ]
        own = {edge.source for edge in entering if self.is_only_for(edge.source, places)}
        signature = (_looks(group), structure, looks, wires)
        return _Block(group, nodes, places, entering, leaving, signature, own)

    def within(self, group: Group) -> tuple[list[Group], list[int]]:
        """Return a group and those inside it, and the nodes of all, each in order."""
        found = [group]
        for outer in found:  # grows meanwhile
            found += self.inside.get(outer.index, [])
        return found, sorted(index for g in found for index in self.members[g.index])

    def look(self, index: int) -> object:
        """Return what two nodes must have in common to be drawn as one."""
        node = self.graph.nodes[index]
        kept = (node.operation, node.options, node.shape, node.dtype, node.requires_grad)
        own_name = _own_name(node.name) if node.kind == "parameter" else node.name
        return node.kind, own_name, node.got_gradient, node.repeats, node.exactly, kept

    def is_only_for(self, index: int, places: dict[int, int]) -> bool:
        node = self.graph.nodes[index]
        if node.kind not in LEAVES or node.name or node.output:
            return False
        return all(edge.target in places for edge in self.departing[index])

    def continues(self, run: list[_Block], block: _Block) -> bool:
        """Whether a block is equal to those of a run, and goes on where the last one ends.

        Only it may use what the last one made, and at the same places as those before it did.
        """
        first, last = run[0], run[-1]
        if first.signature != block.signature or not last.leaving:
            return False
        if any(edge.target not in block.places for edge in last.leaving):
            return False
        if any(self.used_later[index] for index in last.nodes):
            return False
        if not self.enters_alike(first, last, block):
            return False
        return len(run) == 1 or _feeds(last, block) == _feeds(first, run[1])

    def enters_alike(self, first: _Block, last: _Block, block: _Block) -> bool:
        """Whether what enters a block stands, one to one, for what enters the first of its run.

        It is from the last one, or the same, or an unnamed array that each of the two has for
        itself.
        """
        entering = zip(first.entering, block.entering, strict=True)
        pairs = {(there.source, here.source) for there, here in entering}
        made = last.places
        # An array that is no tensor is a constant for each use; what stands for all is one result.
        constants = {i: self.look(i) for i in first.own if self.graph.nodes[i].kind == "constant"}
        merged = {(constants.get(t, t) if h in made else t, h) for t, h in pairs}
        if len(pairs) > len({t for t, _ in pairs}) or len(merged) > len({h for _, h in pairs}):
            return False
        return all(
            here in made
            or here == there
            or (there in first.own and here in block.own and self.look(here) == self.look(there))
            for there, here in pairs
        )

    # --- Folding -----------------------------------------------------------------------------

    def fold(self, run: list[_Block]) -> None:
        """Let the first block of a run stand for all."""
        first = run[0]
        number = len(self.repeats)
        self.repeats[first.group.index] = first.group.repeats * len(run)
        for place, block in enumerate(run):
            for index, other in zip(first.nodes, block.nodes, strict=True):
                self.stands_for[other] = index
                self.blocks_around[other][number] = place
            for edge, other_edge in zip(first.entering, block.entering, strict=True):
                if other_edge.source in block.own:
                    self.stands_for[other_edge.source] = edge.source
            for edge in block.leaving:
                self.used_later[first.nodes[block.places[edge.source]]] = True
            for index, other in zip(first.nodes, block.nodes, strict=True):
                self.used_later[index] |= self.used_later[other]

    def together(self) -> Graph:
        """Return the graph without what others stand for."""
        graph = self.graph
        last = list(map(self.representative, range(len(graph.nodes))))
        same: dict[int, list[GraphNode]] = {}
        for node in graph.nodes:
            same.setdefault(last[node.index], []).append(node)
        kept = [_as_one(node, same[node.index]) for node in graph.nodes if node.index in same]
        position = {node.index: place for place, node in enumerate(kept)}
        groups = tuple(
            replace(group, repeats=self.repeats[group.index])
            if group.index in self.repeats
            else group
            for group in graph.groups
        )
        # What leads from a block to the next would, drawn as one, lead back into it.
        forward = tuple(edge for edge in graph.edges if not self.is_turn(edge))
        smaller = rebuilt(
            replace(graph, edges=forward, groups=groups), kept, [position[i] for i in last]
        )
        # Equal calls use each argument as often as the first does.
        return replace(smaller, edges=tuple(edge._replace(uses=1) for edge in smaller.edges))

    def representative(self, index: int) -> int:
        """Return what stands for a node: that may lie in a block that another one stands for."""
        while self.stands_for[index] != index:
            index = self.stands_for[index]
        return index

    def is_turn(self, edge: Edge) -> bool:
        """Whether an edge leads from a block to another of its run, or stands for such a one."""
        source, target = edge.source, edge.target
        while True:
            ends = self.blocks_around[target]
            if any(
                ends.get(run, place) != place for run, place in self.blocks_around[source].items()
            ):
                return True
            before = source, target
            source, target = self.stands_for[source], self.stands_for[target]
            if (source, target) == before:
                return False


def _name(group: Group) -> str:
    return re.sub(r"\d+", "", group.path)


def _own_name(parameter: str) -> str:
    """Return a parameter's name in its module, after that of the module without its numbers."""
    path, dot, own = parameter.rpartition(".")
    return re.sub(r"\d+", "", path) + dot + own


def _looks(group: Group) -> object:
    return group.module, group.configuration, group.repeats


def _as_one(node: GraphNode, same: list[GraphNode]) -> GraphNode:
    if len(same) == 1:
        return node
    return replace(
        node,
        operations=sum(n.operations for n in same),
        output=any(n.output for n in same),
        value=None,  # of many: the first one's is not what the next module or the result has
        gradient=None,
        without_gradient=tuple(dict.fromkeys(name for n in same for name in missing_in(n))),
        cost=cost_of(same),
    )


def _feeds(last: _Block, block: _Block) -> list[int | None]:
    """Return for each edge that enters a block from which place in the last one it comes."""
    return [last.places.get(edge.source) for edge in block.entering]
