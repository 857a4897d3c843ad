"""Pictures of models, by way of plain graphs that can be used as such."""

from minigrad.viz.model import Layer, LayerGraph, draw_model, layer_graph
from minigrad.viz.render import Drawing

__all__ = ["Drawing", "Layer", "LayerGraph", "draw_model", "layer_graph"]
