"""A model as a chain of fully connected layers, as plain data, from one recorded call of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from minigrad.arrays import as_array, as_numpy
from minigrad.context import switched
from minigrad.errors import ArgumentError, DtypeError, MinigradError
from minigrad.graph import Leaf, Node, Vertex
from minigrad.nn.activations import Step
from minigrad.nn.containers import Sequential
from minigrad.nn.layers import Linear
from minigrad.nn.module import Call, Module
from minigrad.tensor import Tensor, from_numpy
from minigrad.viz.data.recording import kept_by, record
from minigrad.viz.data.snapshots import copy_of
from minigrad.viz.data.trace import vertices_behind
from minigrad.viz.data.untouched import untouched

__all__ = ["Chain", "ChainLayer", "chain_of"]


@dataclass(frozen=True)
class ChainLayer:
    """A fully connected layer and the activation after it; arrays are copies.

    Attributes
    ----------
    weight_name, bias_name : str
        Dotted names of the parameters, "" for no bias.
    weight : array, shape (out, in)
    bias : array, shape (out,), or None
    weight_gradient, bias_gradient : array or None
        Of the same shapes; None where there is none.
    activation : str
        What is applied to the sums: ``"sigmoid"``; "" for nothing.
    sums, values : array, shape (out,)
        Before and after the activation, for the sample that the model was called with.
    """

    weight_name: str
    bias_name: str
    weight: Any
    bias: Any
    weight_gradient: Any
    bias_gradient: Any
    activation: str
    sums: Any
    values: Any


@dataclass(frozen=True)
class Chain:
    """What a model computes, where that is layer after layer.

    Attributes
    ----------
    model : str
        Class name.
    before : str
        What is done to the input before the first layer; "" for nothing.
    values : array, shape (in,)
        What the first layer is given.
    layers : tuple of ChainLayer
    parameters : int
        How many numbers the model has in all its parameters.
    """

    model: str
    before: str
    values: Any
    layers: tuple[ChainLayer, ...]
    parameters: int


def chain_of(model: Module, sample: Any = None) -> Chain:
    """Return a model as a chain of layers, from a call with one sample, or with zeros.

    Raises
    ------
    DtypeError
        If `model` is not a module.
    ArgumentError
        If it is not a chain, or cannot be called with the sample.
    """
    if not isinstance(model, Module):
        raise DtypeError(f"a picture of neurons is made of a Module, not {type(model).__name__}")
    if sample is not None:
        return _called(model, _given(model, sample))
    first, *others = _widths(model)
    for width in others:  # of parameters of one's own, which may be (in, out) or (out, in)
        try:
            return _called(model, _zeros(model, first))
        except ArgumentError:
            first = width
    return _called(model, _zeros(model, first))


def _called(model: Module, batch: Tensor) -> Chain:
    with (
        untouched(model) as parameters,
        switched(recording=True, observer=None, tracing=False),
        record(),
        np.errstate(all="ignore"),
    ):
        try:
            out = _with_recorded_steps(model)(batch)
        except MinigradError as error:
            raise ArgumentError(_UNCALLABLE.format(batch.shape, error)) from error
    if not isinstance(out, Tensor | np.ndarray):
        raise _refusal(model, f"it returns {type(out).__name__}, not one tensor")
    if not isinstance(out, Tensor) or not isinstance(out._node, Node):
        raise _refusal(model, "what it returns is not connected with its input by gradients")
    return _Reader(model, parameters, batch, out).chain()


_UNCALLABLE = (
    "draw_network calls the model with one sample, here of shape {}, and that failed: {}; give it "
    "a sample as the model takes it: draw_network(model, input=x[:1])"
)


def _refusal(model: Module, why: str) -> ArgumentError:
    return ArgumentError(
        f"{type(model).__name__} cannot be drawn as columns of neurons: {why}. That needs fully "
        "connected layers, one after the other, with activations between; draw_model(model, x) "
        "draws every model"
    )


# --- The call --------------------------------------------------------------------------------


def _widths(model: Module) -> list[int]:
    """Return how many numbers the model may take, the likeliest first."""
    first = next((m for m in model.modules() if isinstance(m, Linear)), None)
    if first is not None:
        return [first.in_features]
    return list(dict.fromkeys(_first_matrix(model).shape))


def _first_matrix(model: Module) -> Tensor:
    for parameter in model.parameters():
        if parameter.ndim == 2:
            return parameter
    raise _refusal(model, "it has no matrix of weights")


def _zeros(model: Module, width: int) -> Tensor:
    matrix = _first_matrix(model).data  # the input is of its library
    return from_numpy(np.zeros_like(matrix, shape=(1, width)), requires_grad=True)


def _given(model: Module, sample: Any) -> Tensor:
    """Return a sample as a batch of one, in the dtype of the parameters."""
    array = copy_of(sample.data) if isinstance(sample, Tensor) else as_array(sample)
    if array.dtype.kind not in "fiub":
        raise DtypeError(f"input is one sample of real numbers, not {array.dtype}")
    array = array.astype(_first_matrix(model).dtype)
    if array.ndim < 2 or len(array) != 1:
        width = _widths(model)[0]
        if array.ndim > 1 and array.size != width:
            raise ArgumentError(
                f"input is one sample, such as x[0] of shape ({width},), or a batch of one; "
                f"got shape {array.shape}"
            )
        array = array.reshape(1, *(array.shape or (1,)))
    return from_numpy(array, requires_grad=True)


class _Step(Module):
    """The step function as operations that can be recorded, as `Step` cannot."""

    def forward(self, x: Any) -> Any:
        return np.maximum(np.sign(x), 0)


def _with_recorded_steps(model: Module) -> Module:
    """Return a model of the same modules in which each step in a row of modules is recorded."""
    if isinstance(model, Step):
        return _Step()
    if type(model) is not Sequential or not any(isinstance(m, Step) for m in model.modules()):
        return model
    members = ((name, m) for name, m in model.members() if isinstance(m, Module))
    return Sequential({name: _with_recorded_steps(m) for name, m in members})


# --- The graph -------------------------------------------------------------------------------


class _Matrix(NamedTuple):
    """A parameter of a layer, or its transpose: what the layer multiplies by."""

    name: str
    parameter: Tensor
    turned: bool  # whether it is (in, out)

    def read(self, gradient: bool = False) -> Any:
        array = self.parameter.grad if gradient else self.parameter.data
        if array is None:
            return None
        array = as_numpy(array).copy()
        return array.T if self.turned and array.ndim == 2 else array


class _Layer(NamedTuple):
    """Where a layer is in the graph: its input, its sums, its parameters."""

    source: Vertex
    sums: Node
    weight: _Matrix
    bias: _Matrix | None


class _Reader:
    """Finds the layers in a recorded call."""

    def __init__(
        self, model: Module, parameters: dict[Leaf, Tensor], batch: Tensor, out: Tensor
    ) -> None:
        self.model = model
        self.start = batch._vertex()
        self.end = out._vertex()
        self.result = as_numpy(out.data).copy()
        self.sample = as_numpy(batch.data).copy()
        names = {id(p): name for name, p in model.named_parameters()}
        self.parameters: dict[Vertex | None, tuple[str, Tensor]] = {
            leaf: (names[id(p)], p) for leaf, p in parameters.items()
        }
        self.nodes = [v for v in vertices_behind([self.end]) if isinstance(v, Node)]
        self.live: set[Vertex] = {self.start}  # what depends on the input
        for node in self.nodes:
            if any(parent in self.live for parent in node.parents):
                self.live.add(node)

    def chain(self) -> Chain:
        layers = self._layers()
        if not layers:
            raise self._refuse("no layer in it multiplies by a matrix of weights")
        before, *activations = self._between(layers)
        drawn = [self._drawn(*pair) for pair in zip(layers, activations, strict=True)]
        values = self._value(layers[0].source)
        chain = Chain(
            type(self.model).__name__,
            before[1],
            values,
            tuple(drawn),
            sum(parameter.size for parameter in self.model.parameters()),
        )
        self._check_widths(chain)
        return chain

    def _refuse(self, why: str) -> ArgumentError:
        return _refusal(self.model, why)

    # --- Layers

    def _layers(self) -> list[_Layer]:
        found: dict[Node, _Layer] = {}  # by the node of their sums
        for node in self.nodes:
            if node not in self.live:
                continue
            weight = self._weight(node)
            if weight is not None:
                bias = self._parameter(node.parents[2]) if len(node.parents) > 2 else None
                found[node] = _Layer(_source(node), node, weight, bias)
            elif (biased := self._biased(node, found)) is not None:
                found[node] = biased
            else:
                self._check_free_of_parameters(node)
        return list(found.values())

    def _weight(self, node: Node) -> _Matrix | None:
        """Return what a node multiplies its input by, if it is the product of a layer."""
        if node.rule.name not in _PRODUCTS or node.parents[0] not in self.live:
            return None
        matrix = self._parameter(node.parents[1])
        if matrix is None or matrix.parameter.ndim != 2:
            return None
        return matrix._replace(turned=matrix.turned != _PRODUCTS[node.rule.name])

    def _parameter(self, vertex: Vertex | None) -> _Matrix | None:
        turned = False
        while isinstance(vertex, Node) and vertex.rule.name == "transpose" and not vertex.kwargs:
            turned = not turned
            vertex = vertex.parents[0]
        return None if vertex not in self.parameters else _Matrix(*self.parameters[vertex], turned)

    def _biased(self, node: Node, found: dict[Node, _Layer]) -> _Layer | None:
        """Return the layer that a node adds the bias to, taking it out of those found."""
        if node.rule.name != "add":
            return None
        sides = list(node.parents)
        if sides[0] not in self.live:
            sides.reverse()
        layer = found.get(sides[0]) if isinstance(sides[0], Node) else None
        bias = self._parameter(sides[1])
        if layer is None or layer.bias is not None or bias is None:
            return None
        del found[layer.sums]
        return layer._replace(sums=node, bias=bias)

    def _check_free_of_parameters(self, node: Node) -> None:
        for vertex in vertices_behind(p for p in node.parents if p and p not in self.live):
            if vertex in self.parameters:
                name = self.parameters[vertex][0]
                raise self._refuse(f"{node.rule.name} uses {name}, and is no such layer")

    # --- What is between them

    def _between(self, layers: list[_Layer]) -> list[tuple[Vertex, str]]:
        """Return for each stretch between layers where it ends, and what is computed in it."""
        starts: list[Vertex] = [self.start, *(layer.sums for layer in layers)]
        ends = [*(layer.source for layer in layers), self.end]
        found = []
        for start, end in zip(starts, ends, strict=True):
            stretch = self._stretch(start, end, set(starts))
            found.append((end, _activation(self.model, stretch)))
        return found

    def _stretch(self, start: Vertex, end: Vertex, starts: set[Vertex]) -> list[Node]:
        """Return the nodes on the ways from one vertex to another, all of which lead there."""
        inside: set[Vertex] = set()
        stack = [end]
        while stack:
            vertex = stack.pop()
            if vertex == start or vertex in inside:
                continue
            if vertex in starts:
                raise self._refuse("what one layer gives is used in more than one place")
            inside.add(vertex)
            stack.extend(p for p in vertex.parents if p in self.live and p is not None)
        return [node for node in self.nodes if node in inside]

    # --- Numbers

    def _drawn(self, layer: _Layer, after: tuple[Vertex, str]) -> ChainLayer:
        end, activation = after
        weight, bias = layer.weight, layer.bias
        return ChainLayer(
            weight.name,
            bias.name if bias else "",
            weight.read(),
            bias.read().ravel() if bias else None,
            weight.read(gradient=True),
            _flat(bias.read(gradient=True)) if bias else None,
            activation,
            self._value(layer.sums),
            self._value(end),
        )

    def _value(self, vertex: Vertex) -> Any:
        if vertex == self.start:
            return self.sample.ravel()
        kept = kept_by(vertex) if isinstance(vertex, Node) else None
        return np.ravel(self.result if kept is None else as_numpy(kept.value))

    def _check_widths(self, chain: Chain) -> None:
        given = chain.values
        for layer in chain.layers:
            width, units = layer.weight.shape[1], layer.weight.shape[0]
            if given.size != width:
                raise self._refuse(
                    f"{layer.weight_name} takes {width} numbers, and is applied to {given.size}"
                )
            if layer.values.size != units or layer.sums.size != units:
                raise self._refuse(
                    f"the {units} results of {layer.weight_name} become {layer.values.size} numbers"
                )
            if layer.bias is not None and layer.bias.size != units:
                raise self._refuse(f"{layer.bias_name} is not one number for each unit")
            given = layer.values


_PRODUCTS = {"affine": False, "product": False, "matmul": True, "dot": True}  # weight is (in, out)


def _source(node: Node) -> Vertex:
    source = node.parents[0]
    assert source is not None, "a live vertex is one"
    return source


def _flat(array: Any) -> Any:
    return None if array is None else array.ravel()


# --- Names of activations --------------------------------------------------------------------

_SHAPING = {"reshape", "ravel", "transpose", "squeeze", "expand_dims", "astype"}
_SILENT = _SHAPING | {"Flatten", "Identity", "Dropout"}
_USUAL = {
    "ReLU": "ReLU",
    "relu": "ReLU",
    "GELU": "GELU",
    "gelu": "GELU",
    "LeakyReLU": "leaky ReLU",
    "leaky_relu": "leaky ReLU",
    "LogSoftmax": "log-softmax",
    "log_softmax": "log-softmax",
}


def _activation(model: Module, nodes: Iterable[Node]) -> str:
    """Return what is done between two layers, in the order of the program."""
    composed = {id(m) for m in model.modules() if next(m.named_children(), None) is not None}
    composed.add(id(model))
    names = (_name(node, lambda module: id(module) in composed) for node in nodes)
    return ", ".join(dict.fromkeys(name for name in names if name))


def _name(node: Node, is_composed: Callable[[Module], bool]) -> str:
    call = node.scope
    in_a_layer = isinstance(call, Call) and not is_composed(call.module)
    name = type(call.module).__name__ if in_a_layer and isinstance(call, Call) else node.rule.name
    name = name.lstrip("_")
    if name in _SILENT:
        return ""
    in_minigrad = type(getattr(call, "module", None)).__module__.startswith("minigrad.")
    plain = name.lower() if in_minigrad or not in_a_layer else name
    return _USUAL.get(name, plain)
