"""What first gave NaN or infinity: an operation forward, a rule backward, or what was given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from minigrad.arrays import as_numpy
from minigrad.context import Observer, switched
from minigrad.errors import MinigradError
from minigrad.graph import Node
from minigrad.tensor import Tensor, walk_back
from minigrad.viz.models.building import Built
from minigrad.viz.models.watching import Computed, Event, Watched, arrays_in

__all__ = ["Fault", "faults_in", "first_fault", "kind_of"]


@dataclass(frozen=True)
class Fault:
    """The first appearance of NaN or infinity.

    Attributes
    ----------
    what : str
        In what: ``"input"``, ``"parameter"``, ``"value"`` (of the forward pass) or ``"gradient"``.
    kind : str
        ``"NaN"`` or ``"infinity"``.
    index : int or None
        The layer, by its place in the graph of layers.
    where : str
        The operation, parameter or input.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    >>> model(np.ones((1, 3))).sum().backward()
    >>> viz.gradient_flow(model, np.array([[1.0, np.nan, 2.0]])).first_not_finite
    Fault(what='input', kind='NaN', index=0, where='x')
    """

    what: str
    kind: str
    index: int | None
    where: str

    def __str__(self) -> str:
        if self.what in ("input", "parameter"):
            return f"{self.kind} is there from the start, in the {self.what} {self.where}"
        way = "forward value" if self.what == "value" else "gradient"
        return f"{self.kind} first appeared in the {way} of {self.where}"


def kind_of(array: Any) -> str:
    """Return "NaN" or "infinity" if an array has it, "" otherwise."""
    values = as_numpy(array.data if isinstance(array, Tensor) else array)
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return ""
    return "NaN" if np.isnan(values).any() else "infinity"


def faults_in(events: Iterable[Event]) -> Iterator[str]:
    """Say what first gave NaN and infinity in a layer, or that they came in with what it was given.

    ``"NaN made by log, in 3 of 12 elements"``.
    """
    seen: set[str] = set()
    for event in events:
        if not isinstance(event, Computed):
            continue
        kind = kind_of(event.value)
        if not kind or kind in seen:
            continue
        came_in = any(kind_of(arg) for _, arg in arrays_in(event.args, ""))
        values = as_numpy(event.value)
        count = int(np.count_nonzero(~np.isfinite(values)))
        how = f"came into {event.node.rule.name}" if came_in else f"made by {event.node.rule.name}"
        yield f"{kind} {how}, in {count:,} of {values.size:,} elements"
        seen.add(kind)


def first_fault(watched: Watched, built: Built) -> Fault | None:
    """Return what gave NaN or infinity first, the forward pass being before the backward one."""
    places = {
        event.node: layer.index
        for layer in built.graph.layers
        for event in built.computed(layer.index)
    }
    found = chain(
        _given(watched, built),
        _forward(watched, places, built),
        _backward(watched, places, built),
    )
    return next(found, None)


def _given(watched: Watched, built: Built) -> Iterator[Fault]:
    for index, (name, array) in enumerate(watched.inputs):
        if kind_of(array):
            yield Fault("input", kind_of(array), index, name)
    for name, parameter in watched.model.named_parameters():
        if kind_of(parameter):
            holder = next((x.index for x in built.graph.layers if name in x.parameter_names), None)
            yield Fault("parameter", kind_of(parameter), holder, name)


def _forward(watched: Watched, places: dict[Node, int], built: Built) -> Iterator[Fault]:
    for event in watched.events:
        if isinstance(event, Computed) and kind_of(event.value):
            yield _fault("value", kind_of(event.value), event.node, places)
    for layer in built.graph.layers:
        for array in built.returned(layer.index):
            if kind_of(array):
                yield Fault("value", kind_of(array), layer.index, layer.name or layer.title)


def _fault(what: str, kind: str, node: Node, places: dict[Node, int]) -> Fault:
    return Fault(what, kind, places.get(node), node.where())


def _backward(watched: Watched, places: dict[Node, int], built: Built) -> Iterator[Fault]:
    wrong = {
        name: kind_of(parameter._node.grad)
        for name, parameter in watched.model.named_parameters()
        if parameter._node is not None and parameter._node.grad is not None
    }
    if not any(wrong.values()):
        return
    found = _walked(watched)
    if found is not None:
        yield _fault("gradient", *found, places)
    for layer in reversed(built.graph.layers):  # where backward() comes first
        for name in layer.parameter_names:
            if wrong.get(name):
                yield Fault("gradient", wrong[name], layer.index, f"the parameter {name}")


def _walked(watched: Watched) -> tuple[str, Node] | None:
    """Walk back from the results with a gradient of ones, and return what first was not finite."""
    seeds = [
        (array._node, np.ones_like(array.data))
        for _, array in watched.outputs
        if isinstance(array, Tensor) and isinstance(array._node, Node)
    ]
    observer = _Gradients()
    try:
        with switched(observer=observer), np.errstate(all="ignore"):
            walk_back(list(dict(seeds).items()), retain_graph=True)
    except MinigradError:  # a rule that is missing, say: what was seen until there counts
        pass
    return observer.found


class _Gradients(Observer):
    """An observer that looks for the first gradient that is not finite."""

    def __init__(self) -> None:
        self.found: tuple[str, Node] | None = None

    def visited(self, node: Node, index: int, gradient: Any) -> None:
        if self.found is None and kind_of(gradient):
            self.found = kind_of(gradient), node
