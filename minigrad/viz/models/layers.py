"""The layers of a model and what went from one to the other, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from minigrad.viz.data.graph import as_json

__all__ = ["Box", "Layer", "LayerGraph", "Shape"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One call of a layer, an operation between layers, an input or a result.

    Attributes
    ----------
    index : int
        Its place in `LayerGraph.layers`.
    kind : str
        ``"layer"``, ``"operation"``, ``"input"``, ``"output"``, or ``"constant"`` (what a layer is
        called with that no recorded operation computed from the inputs); in pictures of too many
        ``"hidden"`` for those left out.
    name : str
        Of a layer its dotted name in the model, of an input what ``forward`` calls it, of a result
        its place in what was returned.
    title : str
        Class of the layer, or name of the operation.
    configuration : str
        As the repr shows it: ``"in_features=784, out_features=128, bias=True"``.
    input_shapes, output_shapes : tuple of shapes
        Of the arrays that it was called with, and that it returned; of the first call, if there
        were several.
    parameters : int
        Numbers in its parameters.
    trainable : int
        Those of them that require a gradient.
    parameter_names : tuple of str
        Dotted, as ``model.named_parameters()`` has them.
    shared : bool
        Whether its parameters are those of a layer before, with which they are counted.
    calls : int
        How often it was called at this place: more than once in a loop.
    box : int or None
        The innermost box it lies in.
    repeats : int
        How often it occurs, one after the other, where equal ones are folded.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    >>> layers = viz.layer_graph(model, np.ones((1, 3)))
    >>> layer = layers.layers[1]
    >>> layer.title, layer.output_shapes, layer.parameters
    ('Linear', ((1, 4),), 16)
    """

    index: int
    kind: str
    name: str = ""
    title: str = ""
    configuration: str = ""
    input_shapes: tuple[Shape, ...] = ()
    output_shapes: tuple[Shape, ...] = ()
    parameters: int = 0
    trainable: int = 0
    parameter_names: tuple[str, ...] = ()
    shared: bool = False
    calls: int = 1
    box: int | None = None
    repeats: int = 1

    @property
    def output_shape(self) -> Shape:
        """Shape of the first array that it returned; () if there is none."""
        return self.output_shapes[0] if self.output_shapes else ()


@dataclass(frozen=True)
class Box:
    """One call of a module that calls others: what lies in it belongs together.

    Attributes
    ----------
    index : int
        Its place among the boxes of the graph.
    parent : int or None
        The box around it.
    name, title : str
        Dotted name and class of the module.
    configuration : str
        As the repr shows it.
    calls : int
        How often it was called at this place.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> inner = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Tanh())
    >>> layers = viz.layer_graph(nn.Sequential(inner, nn.Linear(2, 1, rng=0)), np.ones((1, 2)))
    >>> [(box.name, box.title) for box in layers.boxes]
    [('0', 'Sequential')]
    """

    index: int
    parent: int | None
    name: str
    title: str
    configuration: str = ""
    calls: int = 1
    repeats: int = 1  # how often it occurs, one after the other, where equal ones are folded


@dataclass(frozen=True)
class LayerGraph:
    """What a model did in one call.

    Attributes
    ----------
    model : str
        Class name.
    layers : tuple of Layer
        In the order of the program.
    edges : tuple of (int, int)
        What went where, as places in `layers`; of a loop an edge leads back.
    boxes : tuple of Box
        Modules that are made of others, each after the one around it; not the model itself.
    parameters, trainable, bytes : int
        Numbers in all parameters of the model, shared ones counted once; those that require a
        gradient; and the memory of parameters and buffers.
    unused : tuple of str
        Parameters that this call had no use for.
    notes : tuple of str
        What the reader should know.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    >>> layers = viz.layer_graph(model, np.ones((1, 3)))
    >>> layers.parameters, layers.edges
    (26, ((0, 1), (1, 2), (2, 3), (3, 4)))
    """

    model: str
    layers: tuple[Layer, ...]
    edges: tuple[tuple[int, int], ...]
    boxes: tuple[Box, ...] = ()
    parameters: int = 0
    trainable: int = 0
    bytes: int = 0
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def frozen(self) -> int:
        """Numbers in the parameters that require no gradient."""
        return self.parameters - self.trainable

    def find(self, name: str) -> tuple[Layer, ...]:
        """Return the layers of a name, one for each place where it was called."""
        return tuple(layer for layer in self.layers if layer.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return the graph in dicts, tuples, strings and numbers."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the graph as JSON."""
        return as_json(self.to_dict())
