"""Backpropagation as steps, as plain data: what arrives at each operation, and what it passes on.

Nothing here changes the graph that it looks at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad.backprop import backpropagate
from minigrad.context import Observer, switched
from minigrad.errors import GraphError
from minigrad.graph import Node
from minigrad.viz.data.recording import kept_by
from minigrad.viz.data.snapshots import copy_of
from minigrad.viz.data.trace import vertices_behind

__all__ = ["Step", "formula", "steps_back"]


@dataclass
class Step:
    """One operation of the walk back.

    Attributes
    ----------
    node : Node
    arrived : array
        The gradient of its result.
    passed : dict from int to array
        What its rule gives for the argument at each position.
    """

    node: Node
    arrived: Any
    passed: dict[int, Any] = field(default_factory=dict)


def steps_back(root: Node) -> list[Step]:
    """Return the steps of the walk back from a result.

    Raises
    ------
    GraphError
        If not all of it was recorded for pictures, or it cannot be walked back any more.
    """
    nodes = [vertex for vertex in vertices_behind([root]) if isinstance(vertex, Node)]
    unknown = next((node for node in nodes if kept_by(node) is None), None)
    if unknown is not None:
        raise GraphError(
            f"a film shows every number, and the result of {unknown.where()} was not kept; compute "
            "the loss inside a block: with viz.record(): loss = ..."
        )
    watcher = _Watcher()
    try:
        with switched(observer=watcher, recording=True):
            backpropagate([(root, np.ones(root.shape, root.dtype))], retain_graph=True)
    except GraphError as error:
        kept = _kept_steps(nodes)
        if not kept or kept[0].node is not root:
            raise GraphError(
                f"the film cannot be made after the fact: {error}; call viz.film(loss) before "
                "backward(), or call backward() inside the block of viz.record()"
            ) from error
        return kept
    return watcher.steps


class _Watcher(Observer):
    """An observer of a walk back."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def visiting(self, node: Node, gradient: Any) -> None:
        self.steps.append(Step(node, copy_of(gradient)))

    def visited(self, node: Node, index: int, gradient: Any) -> None:
        self.steps[-1].passed[index] = copy_of(gradient)


def _kept_steps(nodes: list[Node]) -> list[Step]:
    """Return the steps of a ``backward()`` inside the block, which kept what went where."""
    found = []
    for node in reversed(nodes):
        kept = kept_by(node)
        if kept is not None and kept.gradient is not None:
            found.append(Step(node, kept.gradient, dict(kept.contributions)))
    return found


# --- Rules as formulas -----------------------------------------------------------------------
# g is the gradient that arrives, out the result, {0} and {1} are the arguments.

_PASSED_ON = ("g", "g")
_FORMULAS: Mapping[str, tuple[str, ...]] = {
    "add": _PASSED_ON,
    "subtract": ("g", "-g"),
    "multiply": ("g · {1}", "g · {0}"),
    "divide": ("g / {1}", "-g · {0} / {1}²"),
    "negative": ("-g",),
    "power": ("g · {1} · {0}^({1} - 1)", "g · out · log {0}"),
    "square": ("g · 2 · {0}",),
    "sqrt": ("g / (2 · out)",),
    "exp": ("g · out",),
    "log": ("g / {0}",),
    "log1p": ("g / (1 + {0})",),
    "sin": ("g · cos {0}",),
    "cos": ("-g · sin {0}",),
    "tanh": ("g · (1 - out²)",),
    "sigmoid": ("g · out · (1 - out)",),
    "relu": ("g where {0} > 0, else 0",),
    "absolute": ("g · sign of {0}",),
    "maximum": ("g where {0} is larger, else 0", "g where {1} is larger, else 0"),
    "minimum": ("g where {0} is smaller, else 0", "g where {1} is smaller, else 0"),
    "where": ("", "g where {0}, else 0", "0 where {0}, else g"),
    "softmax": ("out · (g - sum of g · out)",),
    "log_softmax": ("g - softmax · sum of g",),
    "sum": ("g, for each element",),
    "mean": ("g / number of elements",),
    "matmul": ("g @ {1}ᵀ", "{0}ᵀ @ g"),
    "dot": ("g @ {1}ᵀ", "{0}ᵀ @ g"),
    "product": ("g @ {1}", "gᵀ @ {0}"),
    "affine": ("g @ {1}", "gᵀ @ {0}", "sum of the rows of g"),
    "reshape": ("g in the old shape",),
    "transpose": ("g with its axes back",),
}
_ELEMENTWISE = {"add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "where"}


_PRODUCTS = {"matmul", "dot", "product", "affine"}


def formula(node: Node, index: int, names: list[str]) -> str:
    """Return what an operation passes to an argument, as a formula; "" if none is known."""
    formulas = _formulas_of(node)
    if index >= len(formulas) or not formulas[index]:
        return ""
    text = re.sub(r"\{(\d)\}", lambda found: names[int(found[1])], formulas[index])
    parent = node.parents[index]
    repeated = parent is not None and parent.shape != node.shape
    if repeated and node.rule.name in _ELEMENTWISE:
        text += ", summed where it was repeated"
    return text


def _formulas_of(node: Node) -> tuple[str, ...]:
    name = node.rule.name
    operands = [parent for parent in node.parents[:2] if parent is not None]
    if name not in _PRODUCTS or all(array.ndim == 2 for array in (node, *operands)):
        return _FORMULAS.get(name, ())
    return _FORMULAS["multiply"] if name in ("matmul", "dot") and node.ndim == 0 else ()
