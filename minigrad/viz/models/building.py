"""From what a model did in one call to the graph of its layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Any, NamedTuple

from minigrad.context import Scope
from minigrad.graph import Leaf
from minigrad.nn.module import Call, Module
from minigrad.tensor import Tensor
from minigrad.viz.models.layers import Box, Layer, LayerGraph, Shape
from minigrad.viz.models.loops import Key, keys_of
from minigrad.viz.models.watching import Called, Computed, Event, Watched, arrays_in, watch
from minigrad.viz.options import check_depth

__all__ = ["Built", "build", "layer_graph"]


class Built(NamedTuple):
    """A graph of layers, and what was seen at each place."""

    graph: LayerGraph
    events: tuple[tuple[Event, ...], ...]  # for each layer

    def computed(self, index: int) -> list[Computed]:
        """Return the operations of a layer."""
        return [event for event in self.events[index] if isinstance(event, Computed)]

    def returned(self, index: int) -> list[Any]:
        """Return the arrays that a layer returned."""
        outs = [event.out for event in self.events[index] if isinstance(event, Called)]
        return [array for _, array in arrays_in(outs, "")]


def layer_graph(
    model: Module, *inputs: Any, depth: int | None = None, fold: bool = True
) -> LayerGraph:
    """Call a model once and return its layers and what went from one to the other.

    The model is called in evaluation mode and left as it was, as `draw_model` says.

    Parameters
    ----------
    model : Module
    *inputs : arrays
        What to call it with, such as one batch.
    depth : int, optional
        Show modules at this depth as single layers: 0 for the whole model, 1 for what it is made
        of. By default those that call no others.
    fold : bool, default True
        Whether a layer that a loop calls again and again is shown once, with a count.

    Returns
    -------
    LayerGraph

    Raises
    ------
    DtypeError
        If `model` is not a module, or returns no array.
    ArgumentError
        If there is nothing to call it with, or `depth` is not a depth.

    Notes
    -----
    What a layer returns unchanged, as `Dropout` does in evaluation, counts as its result from then
    on.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5))
    >>> graph = viz.layer_graph(model, np.zeros((1, 4)))
    >>> [layer.title for layer in graph.layers], graph.edges
    (['input', 'Linear', 'Dropout', 'output'], ((0, 1), (1, 2), (2, 3)))
    >>> graph.layers[1].input_shapes, graph.layers[1].output_shape, graph.layers[1].parameters
    (((1, 4),), (1, 3), 15)
    """
    check_depth(depth)
    return build(watch(model, inputs), depth, fold=fold).graph


def build(watched: Watched, depth: int | None = None, *, fold: bool = True) -> Built:
    """Return the graph of what was seen, with modules below a depth as single layers."""
    return _Builder(watched, depth, fold).built()


# --- Which call stands for which events --------------------------------------------------------


def calls_around(scope: Scope | None, known: Container[Scope | None]) -> list[Call]:
    """Return the calls around something of which nothing is known yet, the outermost first."""
    found: list[Call] = []
    while isinstance(scope, Call) and scope not in known:
        found.append(scope)
        scope = scope.parent
    return found[::-1]


def _handmade(watched: Watched) -> set[Call]:
    """Return the call of the model itself if a user's forward has operations: they are shown."""
    ours = type(watched.model).__module__.startswith("minigrad.")
    operations = (event for event in watched.events if isinstance(event, Computed))
    scopes = {event.node.scope for event in operations} if not ours else set()
    return {scope for scope in scopes if isinstance(scope, Call) and scope.parent is None}


class _Draft:
    """A layer in the making."""

    def __init__(self, kind: str, name: str, title: str, box: int | None) -> None:
        self.kind, self.name, self.title, self.box = kind, name, title, box
        self.configuration = ""
        self.input_shapes: tuple[Shape, ...] = ()
        self.output_shapes: tuple[Shape, ...] = ()
        self.parameters: dict[str, Tensor] = {}
        self.calls = 0
        self.events: list[Event] = []


class _Builder:
    """Puts a graph together."""

    def __init__(self, watched: Watched, depth: int | None, fold: bool) -> None:
        self.watched = watched
        self.depth = depth
        self.names = {id(module): name for name, module in watched.model.named_modules()}
        self.of_tensor = {id(t): name for name, t in watched.model.named_parameters()}
        called = [event for event in watched.events if isinstance(event, Called)]
        self.composite = {event.call.parent for event in called}
        self.composite |= _handmade(watched)
        self.keys = keys_of(watched.events, fold=fold)
        self.counts = Counter(self.keys[event.call] for event in called)
        self.drafts: list[_Draft] = []
        self.places: dict[Key, int] = {}
        self.boxes: list[Box] = []
        self.box_places: dict[Key, int] = {}
        self.edges: dict[tuple[int, int], None] = {}
        self.producers: dict[Any, int] = {}
        self.inside: dict[Call, list[Computed]] = {}  # of layers that have not returned yet
        self.owners: dict[Scope | None, tuple[Call | None, int]] = {}
        self.call_boxes: dict[Scope | None, int | None] = {}

    def built(self) -> Built:
        """Return it."""
        for name, array in self.watched.inputs:
            draft = _Draft("input", name, "input", None)
            draft.output_shapes = (tuple(array.shape),)
            self.drafts.append(draft)
            self.produce(array, len(self.drafts) - 1)
        for event in self.watched.events:
            if isinstance(event, Computed):
                self.add_operation(event)
            else:
                self.add_call(event)
        for name, array in self.watched.outputs:
            draft = _Draft("output", name, "output", None)
            draft.input_shapes = (tuple(array.shape),)
            self.drafts.append(draft)
            self.connect(self.sources([array]), len(self.drafts) - 1)
        layers = tuple(self.layers())
        return Built(self.graph(layers), tuple(tuple(draft.events) for draft in self.drafts))

    # --- Layers and operations ---------------------------------------------------------------

    def owner(self, scope: Scope | None) -> Call | None:
        """Return the outermost call around something that is shown as one layer."""
        for call in calls_around(scope, self.owners):
            owner, level = self.owners.get(call.parent, (None, -1))
            level += 1
            if owner is None and (
                call not in self.composite or (self.depth is not None and level >= self.depth)
            ):
                owner = call
            self.owners[call] = owner, level
        return self.owners.get(scope, (None, -1))[0]

    def add_operation(self, event: Computed) -> None:
        node = event.node
        owner = self.owner(node.scope)
        if owner is not None:
            self.inside.setdefault(owner, []).append(event)
            return
        place = self.place(self.keys[node], "operation", "", node.rule.name, node.scope)
        draft = self.drafts[place]
        if draft.calls == 1:
            parents = [p for p in node.parents if p is not None and p not in self.parameters]
            draft.input_shapes = tuple(tuple(parent.shape) for parent in parents)
            draft.output_shapes = (tuple(node.shape),)
        draft.events.append(event)
        self.use_parameters(draft, [event])
        self.connect(self.sources(event.args), place)
        self.producers[node] = self.producers[id(event.value)] = place

    def add_call(self, event: Called) -> None:
        call, module = event.call, event.call.module
        if self.owner(call) is not call:
            return
        inside = self.inside.pop(call, [])
        given = [array for _, array in arrays_in(event.args, "")]
        returned = [array for _, array in arrays_in(event.out, "")]
        sources = self.sources([*given, *(arg for each in inside for arg in each.args)])
        key = self.keys[call]
        if not sources and key not in self.places:
            sources = self.constants(given, call.parent)
        name = self.names.get(id(module), "")
        place = self.place(key, "layer", name, type(module).__name__, call.parent)
        self.describe(self.drafts[place], event, inside, given, returned)
        self.connect(sources, place)
        for computed in inside:
            self.producers[computed.node] = place
        for array in returned:
            self.produce(array, place)

    def describe(
        self,
        draft: _Draft,
        event: Called,
        inside: list[Computed],
        given: list[Any],
        returned: list[Any],
    ) -> None:
        """Write down what there is to say of a layer; its shapes are those of the first time."""
        module = event.call.module
        if draft.calls == 1:
            draft.configuration = module.extra_repr()
            draft.input_shapes = tuple(tuple(array.shape) for array in given)
            draft.output_shapes = tuple(tuple(array.shape) for array in returned)
        draft.events += [*inside, event]
        whole = event.call in self.composite
        for _, tensor in module.named_parameters() if whole else module.own_parameters():
            draft.parameters.setdefault(self.of_tensor.get(id(tensor), "?"), tensor)
        self.use_parameters(draft, inside)

    def constants(self, arrays: Iterable[Any], scope: Scope | None) -> list[int]:
        """Return the places of arrays that come from nowhere in the graph, made now."""
        places = []
        for array in arrays:
            draft = _Draft("constant", "", "constant", self.box(scope))
            draft.output_shapes = (tuple(array.shape),)
            places.append(len(self.drafts))
            self.drafts.append(draft)
            self.produce(array, places[-1])
        return places

    def place(self, key: Key, kind: str, name: str, title: str, scope: Scope | None) -> int:
        """Return the place of what happens here, made for the first time round."""
        if key not in self.places:
            self.places[key] = len(self.drafts)
            self.drafts.append(_Draft(kind, name, title, self.box(scope)))
        place = self.places[key]
        self.drafts[place].calls += 1
        return place

    @property
    def parameters(self) -> dict[Leaf, Tensor]:
        return self.watched.parameters

    def use_parameters(self, draft: _Draft, events: Iterable[Computed]) -> None:
        for event in events:
            for parent in event.node.parents:
                if isinstance(parent, Leaf) and parent in self.parameters:
                    tensor = self.parameters[parent]
                    draft.parameters.setdefault(self.of_tensor.get(id(tensor), "?"), tensor)

    # --- Where arrays come from --------------------------------------------------------------

    def produce(self, array: Any, place: int) -> None:
        self.producers[id(array)] = place
        if isinstance(array, Tensor):
            self.producers[id(array._data)] = place
            if array._node is not None:
                self.producers[array._node] = place

    def sources(self, values: Iterable[Any]) -> list[int]:
        found = (self.source(value) for value in values)
        return [place for place in found if place is not None]

    def source(self, value: Any) -> int | None:
        """Return where an array was made: as this tensor, this array, or a view of that."""
        array = value
        if isinstance(value, Tensor):
            if value._node in self.producers:
                return self.producers[value._node]
            array = value._data
        for candidate in (value, array, getattr(array, "base", None)):
            if candidate is not None and id(candidate) in self.producers:
                return self.producers[id(candidate)]
        return None

    def connect(self, sources: Iterable[int], target: int) -> None:
        for source in sources:
            self.edges[source, target] = None

    # --- Boxes -------------------------------------------------------------------------------

    def box(self, scope: Scope | None) -> int | None:
        """Return the place of the box of a module's call, made with those around it."""
        for call in calls_around(scope, self.call_boxes):
            if not isinstance(call.parent, Call):  # the model itself has none
                self.call_boxes[call] = None
                continue
            place = self.call_boxes[call.parent]
            key = self.keys[call]
            if key not in self.box_places:
                self.box_places[key] = len(self.boxes)
                module = call.module
                name = self.names.get(id(module), "")
                title = type(module).__name__
                index = len(self.boxes)
                configuration = module.extra_repr()
                self.boxes.append(Box(index, place, name, title, configuration, self.counts[key]))
            self.call_boxes[call] = self.box_places[key]
        return self.call_boxes.get(scope)

    # --- Together ----------------------------------------------------------------------------

    def layers(self) -> Iterator[Layer]:
        counted: set[str] = set()
        for index, draft in enumerate(self.drafts):
            names = tuple(draft.parameters)
            tensors = draft.parameters.values()
            yield Layer(
                index,
                draft.kind,
                draft.name,
                draft.title,
                draft.configuration,
                draft.input_shapes,
                draft.output_shapes,
                sum(tensor.size for tensor in tensors),
                sum(tensor.size for tensor in tensors if tensor.requires_grad),
                names,
                bool(names) and counted.issuperset(names),
                max(1, draft.calls),
                draft.box,
            )
            counted.update(names)

    def graph(self, layers: tuple[Layer, ...]) -> LayerGraph:
        model = self.watched.model
        parameters = list(model.named_parameters())
        state = [t for _, t in (*parameters, *model.named_buffers())]
        held = {name for layer in layers for name in layer.parameter_names}
        return LayerGraph(
            type(model).__name__,
            layers,
            tuple(self.edges),
            tuple(self.boxes),
            sum(t.size for _, t in parameters),
            sum(t.size for _, t in parameters if t.requires_grad),
            sum(t.data.nbytes for t in state),
            tuple(name for name, _ in parameters if name not in held),
        )
