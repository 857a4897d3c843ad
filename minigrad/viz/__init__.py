"""Pictures of models, by way of plain graphs that can be used as such."""

from minigrad.viz.collapse import collapsed, folded, limited
from minigrad.viz.computation import draw
from minigrad.viz.graph import Edge, Graph, GraphNode, Group, Statistics
from minigrad.viz.model import Layer, LayerGraph, draw_model, layer_graph
from minigrad.viz.recording import record
from minigrad.viz.render import Drawing
from minigrad.viz.trace import graph

__all__ = [
    "Drawing",
    "Edge",
    "Graph",
    "GraphNode",
    "Group",
    "Layer",
    "LayerGraph",
    "Statistics",
    "collapsed",
    "draw",
    "draw_model",
    "folded",
    "graph",
    "layer_graph",
    "limited",
    "record",
]
