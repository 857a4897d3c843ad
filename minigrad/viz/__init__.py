"""Pictures of models, by way of plain graphs that can be used as such."""

from minigrad.viz.computation import draw
from minigrad.viz.data.collapse import collapsed, limited
from minigrad.viz.data.folding import folded
from minigrad.viz.data.graph import Edge, Graph, GraphNode, Group
from minigrad.viz.data.recording import record
from minigrad.viz.data.snapshots import Statistics
from minigrad.viz.data.trace import graph
from minigrad.viz.films.film import Film, Frame, film
from minigrad.viz.flow.faults import Fault
from minigrad.viz.flow.flow import FlowRow, GradientFlow, ParameterFlow, gradient_flow
from minigrad.viz.flow.units import Units
from minigrad.viz.look.render import Drawing
from minigrad.viz.mermaid import mermaid
from minigrad.viz.model import draw_model
from minigrad.viz.models.building import layer_graph
from minigrad.viz.models.layers import Box, Layer, LayerGraph
from minigrad.viz.networks.network import draw_network
from minigrad.viz.page import save_html
from minigrad.viz.profiles.profiling import Profile, ProfileRow, ProfileTable, profile
from minigrad.viz.text import text

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
