"""Why a parameter has no gradient."""

from __future__ import annotations

from minigrad.graph import Leaf, Node, Vertex
from minigrad.tensor import Tensor
from minigrad.viz.data.trace import vertices_behind
from minigrad.viz.models.watching import Computed, Watched

__all__ = ["Reasons"]


class Reasons:
    """What a call of the model tells about which parameters its results depend on."""

    def __init__(self, watched: Watched) -> None:
        self.leaves = {id(tensor): leaf for leaf, tensor in watched.parameters.items()}
        outputs: list[Vertex] = [
            array._node
            for _, array in watched.outputs
            if isinstance(array, Tensor) and isinstance(array._node, Node)
        ]
        self.reached = set(vertices_behind(outputs))
        self.used: set[Leaf] = {
            parent
            for event in watched.events
            if isinstance(event, Computed)
            for parent in event.node.parents
            if isinstance(parent, Leaf)
        }

    def why_none(self, parameter: Tensor) -> str:
        """Return why the parameter has no gradient."""
        leaf = self.leaves.get(id(parameter))
        if not parameter.requires_grad:
            return "frozen (requires_grad=False)"
        if leaf not in self.used:
            return "not used in this call, or only under no_grad()"
        if leaf not in self.reached:
            return "cut off from the result, as by detach()"
        return "backward() brought none: the loss leaves this out, or zero_grad() came after"
