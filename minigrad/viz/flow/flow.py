"""How gradients flow through a model's layers, as plain data."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from minigrad.arrays import as_numpy
from minigrad.errors import ArgumentError, GraphError
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.viz.flow.faults import Fault, faults_in, first_fault, kind_of
from minigrad.viz.flow.reasons import Reasons
from minigrad.viz.flow.units import Units, units_of
from minigrad.viz.look import numbers
from minigrad.viz.look.numbers import shortened
from minigrad.viz.models.building import Built, build
from minigrad.viz.models.layers import Layer
from minigrad.viz.models.watching import Watched, watch
from minigrad.viz.options import check_depth

__all__ = ["FlowRow", "GradientFlow", "ParameterFlow", "flow_of", "gradient_flow"]

VANISHING, EXPLODING = 1e-3, 1e3  # of the last layer's ratio


@dataclass(frozen=True)
class ParameterFlow:
    """One parameter: the norms of its gradient and of its values.

    Attributes
    ----------
    name : str
    shape : tuple of int
    gradient : float or None
        Euclidean norm of ``grad``; None if there is none.
    weight : float
        Euclidean norm of the values.
    reason : str
        Why there is no gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    >>> nn.CrossEntropyLoss()(model(np.ones((5, 3))), np.arange(5) % 2).backward()
    >>> flow = viz.gradient_flow(model, np.ones((5, 3)))
    >>> part = flow.rows[0].parameters[0]
    >>> part.name, part.shape, part.gradient > 0
    ('0.weight', (4, 3), True)
    """

    name: str
    shape: tuple[int, ...]
    gradient: float | None
    weight: float
    reason: str = ""


@dataclass(frozen=True)
class FlowRow:
    """What is known of the gradients in one layer.

    Attributes
    ----------
    index : int
        Of the layer in the graph of layers.
    name, title : str
        Dotted name and class of the layer; of an operation "" and what it is.
    parameters : tuple of ParameterFlow
    gradient, weight, ratio : float or None
        Norms over all its parameters that have a gradient, and the one divided by the other. None
        where there is no gradient; the ratio also where the values are all zero.
    of_last : float or None
        The ratio divided by that of the last layer that has one.
    status : str
        ``"fine"``, ``"vanishing"`` (`of_last` below 0.001), ``"exploding"`` (above 1000),
        ``"zero"`` (all gradients are exactly 0), ``"not finite"``, ``"none"`` (no gradient), or
        "" for what has no parameters.
    dead, saturated : Units or None
        Units of a ReLU that are 0 for the whole batch; of a sigmoid or tanh that are within 0.01
        of a bound of its range for the whole batch.
    not_finite : tuple of str
        What in it has NaN or infinity: ``"value"``, ``"gradient"``, ``"parameter"``.
    faults : tuple of str
        Which operation in it was the first to have NaN or infinity, whether they came in with what
        it was given, and which parameters and gradients have them.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    >>> nn.CrossEntropyLoss()(model(np.ones((5, 3))), np.arange(5) % 2).backward()
    >>> flow = viz.gradient_flow(model, np.ones((5, 3)))
    >>> [(row.name, row.status) for row in flow.rows if row.parameters]
    [('0', 'fine'), ('2', 'fine')]
    """

    index: int
    name: str
    title: str
    parameters: tuple[ParameterFlow, ...] = ()
    gradient: float | None = None
    weight: float | None = None
    ratio: float | None = None
    of_last: float | None = None
    status: str = ""
    dead: Units | None = None
    saturated: Units | None = None
    not_finite: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What stands out, in words."""
        return tuple(_remarks(self))


@dataclass(frozen=True)
class GradientFlow:
    """How gradients flow through a model; prints as a table.

    Attributes
    ----------
    model : str
        Class name.
    rows : tuple of FlowRow
        One for each layer and operation, in the order of the program.
    unused : tuple of ParameterFlow
        Parameters that the call had no use for.
    first_not_finite : Fault or None
        What first gave NaN or infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    >>> nn.CrossEntropyLoss()(model(np.ones((5, 3))), np.arange(5) % 2).backward()
    >>> flow = viz.gradient_flow(model, np.ones((5, 3)))
    >>> flow.model, len(flow.rows), flow.first_not_finite
    ('Sequential', 3, None)
    """

    model: str
    rows: tuple[FlowRow, ...]
    unused: tuple[ParameterFlow, ...] = ()
    first_not_finite: Fault | None = None
    edges: tuple[tuple[int, int], ...] = ()

    @property
    def tints(self) -> dict[int, str]:
        """Of each layer, by its index, what is wrong with the gradient that arrives at it.

        ``"vanishing"``, ``"exploding"``, ``"not finite"`` or "". What has no parameters passes on
        to the layers before it what shows in them.
        """
        own = {"vanishing": "vanishing", "zero": "vanishing", "exploding": "exploding"}
        own |= {"not finite": "not finite"}
        found = {row.index: own.get(row.status, "") for row in self.rows}
        without = {row.index for row in self.rows if not row.status}
        fault = self.first_not_finite
        if fault is not None and fault.what == "gradient":
            without.discard(fault.index or 0)  # what arrives there is finite still
        for source, target in self.edges:
            if target in without and source < target and not found[target]:
                found[target] = found.get(source, "")
        return found

    def find(self, name: str) -> tuple[FlowRow, ...]:
        """Return the rows of a layer, by its dotted name."""
        return tuple(row for row in self.rows if row.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in dicts, tuples, strings and numbers."""
        return asdict(self)

    def __str__(self) -> str:
        header = ("name", "layer", "|g|", "|w|", "|g|/|w|", "of last", "remarks")
        fault = self.first_not_finite
        began = {fault.index: f"here {fault.kind} began"} if fault is not None else {}
        cells = [
            _cells(row, began.get(row.index))
            for row in self.rows
            if row.name or row.parameters or row.remarks or row.index in began
        ]
        cells += [_unused_cells(parameter) for parameter in self.unused]
        widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
        rule = "  ".join("-" * width for width in widths)
        lines = [
            shortened(self.model),
            _line(header, widths),
            rule,
            *(_line(row, widths) for row in cells),
        ]
        if fault is not None:
            lines += [rule, str(fault)]
        return "\n".join(lines)

    __repr__ = __str__


def gradient_flow(
    model: Module, *inputs: Any, depth: int | None = None, fold: bool = True
) -> GradientFlow:
    r"""Return how large the gradients are in each layer of a model, after ``loss.backward()``.

    Of each layer :math:`\|g\| / \|w\|`, the Euclidean norm of the gradient relative to that of
    the parameters. The gradients are those that `Tensor.backward` left in the parameters; the
    model is called once more with `inputs`, in evaluation mode, for what only its values tell:
    dead and saturated units, and where NaN or infinity first appeared. Nothing is left of the
    call, as `draw_model` says.

    Parameters
    ----------
    model : Module
    *inputs : arrays
        What to call it with, best the batch that the loss was computed of.
    depth : int, optional
        Take modules at this depth as single layers, as in `draw_model`.
    fold : bool, default True
        Whether a layer that a loop calls again and again is one row.

    Returns
    -------
    GradientFlow
        Prints as a table.

    Raises
    ------
    GraphError
        If no parameter has a gradient.
    ArgumentError, DtypeError
        As `layer_graph`.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 1, rng=1))
    >>> x = np.ones((4, 2), np.float32)
    >>> np.mean(model(x) ** 2).backward()
    >>> flow = viz.gradient_flow(model, x)
    >>> [(row.name, row.status) for row in flow.rows]
    [('0', 'fine'), ('1', ''), ('2', 'fine')]
    >>> bool(np.isclose(flow.rows[0].ratio * flow.rows[0].weight, flow.rows[0].gradient))
    True
    """
    check_depth(depth)
    watched = watch(model, inputs)
    return flow_of(watched, build(watched, depth, fold=fold))


def flow_of(watched: Watched, built: Built) -> GradientFlow:
    """Return the flow through layers that have been seen."""
    model = watched.model
    parameters = dict(model.named_parameters())
    _check_gradients(model, parameters)
    reasons = Reasons(watched)
    flows = {name: _parameter_flow(name, p, reasons) for name, p in parameters.items()}
    layers = [layer for layer in built.graph.layers if layer.kind in ("layer", "operation")]
    rows = [_row(layer, built, flows) for layer in layers]
    last = next((row.ratio for row in reversed(rows) if row.ratio), None)
    return GradientFlow(
        type(model).__name__,
        tuple(_compared(row, last) for row in rows),
        tuple(flows[name] for name in built.graph.unused),
        first_fault(watched, built),
        built.graph.edges,
    )


def _check_gradients(model: Module, parameters: dict[str, Tensor]) -> None:
    kind = type(model).__name__
    if not parameters:
        raise ArgumentError(f"{kind} has no parameters, so there are no gradients to show")
    if not any(p.requires_grad for p in parameters.values()):
        raise GraphError(
            f"all parameters of {kind} are frozen (requires_grad is False), so none of them gets a "
            "gradient; set requires_grad = True on those that learn, and call loss.backward()"
        )
    if all(_gradient(p) is None for p in parameters.values()):
        raise GraphError(
            f"no parameter of {kind} has a gradient yet; call loss.backward() first, and draw "
            "before zero_grad() resets what it gave"
        )


def _gradient(parameter: Tensor) -> Any:
    gradient = parameter._node.grad if parameter._node is not None else None
    return gradient.data if isinstance(gradient, Tensor) else gradient


def _parameter_flow(name: str, parameter: Tensor, reasons: Reasons) -> ParameterFlow:
    gradient = _gradient(parameter)
    return ParameterFlow(
        name,
        tuple(parameter.shape),
        None if gradient is None else _norm(gradient),
        _norm(parameter.data),
        reasons.why_none(parameter) if gradient is None else "",
    )


def _norm(array: Any) -> float:
    """Return the Euclidean norm: 0 only of zeros, and not finite only with such an element."""
    sizes = np.abs(as_numpy(array).astype(np.float64))
    largest = float(sizes.max(initial=0.0))
    if not largest or not _finite(largest):
        return largest
    scaled = sizes / largest  # squares of the elements themselves could over- or underflow
    return min(largest * math.sqrt(np.sum(scaled * scaled)), _LARGEST)


def _joined(norms: Iterable[float]) -> float:
    return _norm(list(norms))


def _quotient(gradient: float, weight: float) -> float | None:
    if not weight or not _finite(gradient) or not _finite(weight):
        return None
    return min(gradient / weight, _LARGEST)


_LARGEST = sys.float_info.max


def _finite(value: float) -> bool:
    return math.isfinite(value)


# --- Rows --------------------------------------------------------------------------------------


def _row(layer: Layer, built: Built, flows: dict[str, ParameterFlow]) -> FlowRow:
    parameters = tuple(flows[name] for name in layer.parameter_names if name in flows)
    with_gradient = [p for p in parameters if p.gradient is not None]
    gradient = weight = ratio = None
    if with_gradient:
        gradient = _joined(p.gradient or 0.0 for p in with_gradient)
        weight = _joined(p.weight for p in with_gradient)
        ratio = _quotient(gradient, weight)
    dead, saturated = units_of(built.events[layer.index])
    return FlowRow(
        layer.index,
        layer.name,
        layer.title,
        parameters,
        gradient,
        weight,
        ratio,
        None,
        "",
        dead,
        saturated,
        tuple(_not_finite(parameters, built, layer)),
        (*faults_in(built.events[layer.index]), *_wrong_parameters(parameters)),
    )


def _wrong_parameters(parameters: Iterable[ParameterFlow]) -> Iterator[str]:
    for p in parameters:
        name = p.name.rpartition(".")[2]
        if not _finite(p.weight):
            yield f"{_kind(p.weight)} in {name}"
        if p.gradient is not None and not _finite(p.gradient):
            yield f"{_kind(p.gradient)} in the gradient of {name}"


def _kind(norm: float) -> str:
    return "NaN" if math.isnan(norm) else "infinity"


def _not_finite(parameters: Iterable[ParameterFlow], built: Built, layer: Layer) -> Iterator[str]:
    if any(kind_of(event.value) for event in built.computed(layer.index)) or any(
        kind_of(array) for array in built.returned(layer.index)
    ):
        yield "value"
    parameters = list(parameters)
    if any(p.gradient is not None and not _finite(p.gradient) for p in parameters):
        yield "gradient"
    if any(not _finite(p.weight) for p in parameters):
        yield "parameter"


def _compared(row: FlowRow, last: float | None) -> FlowRow:
    of_last = row.ratio / last if row.ratio is not None and last else None
    return FlowRow(**{**vars(row), "of_last": of_last, "status": _status(row, of_last)})


def _status(row: FlowRow, of_last: float | None) -> str:
    if row.not_finite:
        return "not finite"
    if not row.parameters:
        return ""
    if row.gradient is None:
        return "none"
    if row.gradient == 0:
        return "zero"
    if of_last is None:
        return "fine"
    return "vanishing" if of_last < VANISHING else "exploding" if of_last > EXPLODING else "fine"


# --- As text -----------------------------------------------------------------------------------


def _remarks(row: FlowRow) -> Iterator[str]:
    if row.not_finite:
        yield from row.faults or [f"NaN or infinity in the {' and the '.join(row.not_finite)}"]
    if row.status in ("vanishing", "exploding"):
        yield row.status
    if row.status == "zero":
        yield "the gradient is exactly 0"
    if row.dead and row.dead.count:
        yield f"{row.dead} dead"
    if row.saturated and row.saturated.count:
        yield f"{row.saturated} saturated"
    yield from dict.fromkeys(_reasons(row.parameters))


def _reasons(parameters: tuple[ParameterFlow, ...]) -> Iterator[str]:
    missing = [p for p in parameters if p.gradient is None]
    for p in missing:
        if len(missing) == len(parameters):
            yield f"no gradient: {p.reason}"
        else:
            yield f"{p.name.rpartition('.')[2]}: no gradient: {p.reason}"


def _cells(row: FlowRow, began: str | None) -> tuple[str, ...]:
    measures = (row.gradient, row.weight, row.ratio, row.of_last)
    texts = ("-" if value is None else numbers.number(value) for value in measures)
    remarks = filter(None, (began, *row.remarks))
    return (shortened(row.name or "-"), shortened(row.title), *texts, "; ".join(remarks))


def _unused_cells(parameter: ParameterFlow) -> tuple[str, ...]:
    weight = numbers.number(parameter.weight)
    return (
        shortened(parameter.name),
        "-",
        "-",
        weight,
        "-",
        "-",
        f"no gradient: {parameter.reason}",
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [
        text.rjust(width) if 2 <= column <= 5 else text.ljust(width)
        for column, (text, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()
