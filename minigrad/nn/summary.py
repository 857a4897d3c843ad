"""A table of a model's layers."""

from __future__ import annotations

from typing import Any, NamedTuple

from minigrad.context import Observer, context, no_grad, scope
from minigrad.errors import ArgumentError, DtypeError
from minigrad.nn.module import Call, Module
from minigrad.tensor import Tensor

__all__ = ["Row", "Summary", "is_shape", "summary"]


class Row(NamedTuple):
    """One call of a module: what it is, what it returned, and its own parameters."""

    name: str
    layer: str
    output_shape: str
    parameters: int
    shared: bool


class Summary(NamedTuple):
    """The layers of a model, in the order in which they were called.

    Attributes
    ----------
    rows : tuple of Row
    parameters : int
        Numbers in all parameters together, shared ones counted once.
    trainable : int
        Those of the parameters that require a gradient.
    """

    model: str
    rows: tuple[Row, ...]
    parameters: int
    trainable: int

    def __str__(self) -> str:
        header = ("name", "layer", "output shape", "parameters")
        cells = [
            (
                row.name,
                row.layer,
                row.output_shape,
                "shared" if row.shared else f"{row.parameters:,}",
            )
            for row in self.rows
        ]
        widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
        rule = "  ".join("-" * width for width in widths)
        lines = [
            self.model,
            _line(header, widths),
            rule,
            *(_line(row, widths) for row in cells),
            rule,
        ]
        frozen = self.parameters - self.trainable
        lines.append(
            f"{self.parameters:,} parameters" + (f", {frozen:,} of them frozen" if frozen else "")
        )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    *texts, number = cells
    padded = [text.ljust(width) for text, width in zip(texts, widths[:-1], strict=True)]
    return "  ".join([*padded, number.rjust(widths[-1])])


class _Calls(Observer):
    """An observer that writes down the calls of modules."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call, Any]] = []

    def called(self, call: Any, args: tuple[Any, ...], out: Any) -> None:
        self.calls.append((call, out))


def summary(model: Module, *inputs: Any) -> Summary:
    """Call a model once and tabulate its layers.

    The model is called in evaluation mode without recording, and left as it was.

    Parameters
    ----------
    model : Module
    *inputs : arrays
        What to call it with, such as one batch.

    Returns
    -------
    Summary
        Prints as a table: name, class, output shape and number of parameters of each layer. A
        layer that is called again, or whose parameters were counted before, is marked as shared.

    Raises
    ------
    DtypeError
        If `model` is not a module.
    ArgumentError
        If there is nothing to call it with.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
    >>> nn.summary(model, np.zeros((32, 784), np.float32))
    Sequential
    name  layer   output shape  parameters
    ----  ------  ------------  ----------
    0     Linear  (32, 128)        100,480
    1     ReLU    (32, 128)              0
    2     Linear  (32, 10)           1,290
    ----  ------  ------------  ----------
    101,770 parameters
    """
    if not isinstance(model, Module):
        raise DtypeError(
            f"summary describes a Module, not {type(model).__name__}; the order is (model, inputs)"
        )
    if not inputs or any(map(is_shape, inputs)):
        raise ArgumentError(
            "summary calls the model, so give it a batch as the model takes it, not "
            f"{'nothing' if not inputs else f'a shape {inputs[0]}'}: "
            "nn.summary(model, np.zeros((1, 784), np.float32))"
        )
    calls = _observed_calls(model, inputs)
    names = {id(module): name for name, module in model.named_modules()}
    counted: set[int] = set()
    rows = []
    for call, out in calls:
        module = call.module
        own = [t for _, t in module.own_parameters()]
        if module is model and len(calls) > 1 and not own:
            continue
        new = [t for t in own if id(t) not in counted]
        counted.update(map(id, own))
        rows.append(
            Row(
                names.get(id(module), "") or "-",
                type(module).__name__,
                _shape(out),
                sum(t.size for t in new),
                bool(own) and not new,
            )
        )
    parameters = list(model.parameters())
    return Summary(
        type(model).__name__,
        tuple(rows),
        sum(p.size for p in parameters),
        sum(p.size for p in parameters if p.requires_grad),
    )


def is_shape(value: Any) -> bool:
    """Return whether an input is the shape of one, or a part of it."""
    parts = value if isinstance(value, tuple) else (value,)
    return bool(parts) and all(isinstance(part, int) for part in parts)


def _observed_calls(model: Module, inputs: tuple[Any, ...]) -> list[tuple[Call, Any]]:
    observer = _Calls()
    modes = [(module, module.training) for module in model.modules()]
    outside = scope.set(None)
    token = context.set(context.get()._replace(observer=observer))
    try:
        model.eval()
        with no_grad():
            model(*inputs)
    finally:
        context.reset(token)
        scope.reset(outside)
        for module, training in modes:
            module.training = training
    return observer.calls


def _shape(out: Any) -> str:
    if isinstance(out, Tensor) or hasattr(out, "shape"):
        return str(tuple(out.shape))
    if isinstance(out, list | tuple):
        return ", ".join(map(_shape, out))
    return type(out).__name__
