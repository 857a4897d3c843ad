"""Pictures of models, by way of plain graphs that can be used as such."""

from minigrad.viz.building import layer_graph
from minigrad.viz.collapse import collapsed, folded, limited
from minigrad.viz.computation import draw
from minigrad.viz.faults import Fault
from minigrad.viz.film import Film, Frame, film
from minigrad.viz.flow import FlowRow, GradientFlow, ParameterFlow, gradient_flow
from minigrad.viz.graph import Edge, Graph, GraphNode, Group, Statistics
from minigrad.viz.layers import Box, Layer, LayerGraph
from minigrad.viz.mermaid import mermaid
from minigrad.viz.model import draw_model
from minigrad.viz.network import draw_network
from minigrad.viz.page import save_html
from minigrad.viz.profiling import Profile, ProfileRow, ProfileTable, profile
from minigrad.viz.recording import record
from minigrad.viz.render import Drawing
from minigrad.viz.text import text
from minigrad.viz.trace import graph
from minigrad.viz.units import Units

__all__ = [
    "Box",
    "Drawing",
    "Edge",
    "Fault",
    "Film",
    "FlowRow",
    "Frame",
    "GradientFlow",
    "Graph",
    "GraphNode",
    "Group",
    "Layer",
    "LayerGraph",
    "ParameterFlow",
    "Profile",
    "ProfileRow",
    "ProfileTable",
    "Statistics",
    "Units",
    "collapsed",
    "draw",
    "draw_model",
    "draw_network",
    "film",
    "folded",
    "gradient_flow",
    "graph",
    "layer_graph",
    "limited",
    "mermaid",
    "profile",
    "record",
    "save_html",
    "text",
]
