"""What the views have in common: a graph as small as their options say."""

from __future__ import annotations

from minigrad.viz.data.collapse import collapsed, limited
from minigrad.viz.data.folding import folded
from minigrad.viz.data.graph import Graph
from minigrad.viz.options import check_depth, check_flags, check_max_nodes

__all__ = ["reduced"]


def reduced(graph: Graph, depth: int | None, fold: bool, max_nodes: int | None) -> Graph:
    """Return the graph with equal blocks once, modules below a depth as nodes, and so many nodes.

    Raises
    ------
    ArgumentError
        If `depth` or `max_nodes` is no such number.
    """
    check_depth(depth)
    check_max_nodes(max_nodes)
    check_flags(fold=fold)
    if fold:
        graph = folded(graph)
    if depth is not None:
        graph = collapsed(graph, depth)
    if max_nodes is not None:
        graph = limited(graph, max_nodes)
    return graph
