"""What a model does in one call: its operations and the calls of its modules, in order."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minigrad.arrays import as_array
from minigrad.context import Observer, switched
from minigrad.debugging import PACKAGE
from minigrad.errors import ArgumentError, DtypeError
from minigrad.graph import Leaf, Node
from minigrad.nn.module import Call, Module
from minigrad.nn.summary import is_shape
from minigrad.tensor import Tensor, from_numpy, wrap
from minigrad.viz.data.snapshots import copy_of
from minigrad.viz.data.untouched import untouched

__all__ = ["Called", "Computed", "Event", "Site", "Watched", "arrays_in", "watch"]

Site: TypeAlias = tuple[Any, ...]  # the places in the code from a module's forward to a call


class Computed(NamedTuple):
    """A recorded operation."""

    node: Node
    args: tuple[Any, ...]
    value: Any
    site: Site


class Called(NamedTuple):
    """A module's call that has returned."""

    call: Call
    args: tuple[Any, ...]
    out: Any
    site: Site


Event: TypeAlias = Computed | Called


@dataclass
class Watched:
    """What was seen of one call of a model."""

    model: Module
    events: list[Event] = field(default_factory=list)
    inputs: list[tuple[str, Any]] = field(default_factory=list)
    outputs: list[tuple[str, Any]] = field(default_factory=list)
    parameters: dict[Leaf, Tensor] = field(default_factory=dict)  # by stand-ins for their leaves


class _Watch(Observer):
    """The observer that writes the events down."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def recorded(self, node: Node, out: Any, args: tuple[Any, ...]) -> None:
        self.events.append(Computed(node, args, out, _site(0)))

    def called(self, call: Any, args: tuple[Any, ...], out: Any) -> None:
        self.events.append(Called(call, args, out, _site(1)))


def _site(skip: int) -> Site:
    """Return the way through the code from the forward that is running to the observer's caller.

    In a loop it is the same each time round. Empty where that forward is one of minigrad's, which
    call what they are given.
    """
    frame: Any = sys._getframe(2 + skip)
    way: list[Any] = []
    while frame is not None and frame.f_code is not Module.__call__.__code__:
        way.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    ours = not way or way[-1][0].co_filename.startswith(PACKAGE)
    return () if ours else tuple(way)


def watch(model: Any, inputs: tuple[Any, ...]) -> Watched:
    """Call a model with copies of the inputs, in evaluation mode, and leave it as it was."""
    _check(model, inputs)
    given = [_copied(value) for value in inputs]
    observer = _Watch()
    with (
        untouched(model) as parameters,
        switched(recording=True, observer=observer, tracing=False),
        np.errstate(all="ignore"),
    ):
        out = model(*given)
        vertices = list(arrays_in(out, ""))
    if not vertices:
        raise DtypeError(
            f"{type(model).__name__} returned {type(out).__name__}, in which there is no tensor or "
            "array; a model whose picture is drawn returns one, or a list, tuple or dict of them"
        )
    named = zip(_input_names(model, len(given)), given, strict=True)
    arrays = [pair for name, value in named for pair in arrays_in(value, name)]
    return Watched(model, observer.events, arrays, vertices, parameters)


def _check(model: Any, inputs: tuple[Any, ...]) -> None:
    if not isinstance(model, Module):
        hint = ""
        if isinstance(model, type) and issubclass(model, Module):
            hint = f"; make one first: {model.__name__}(...)"
        elif inputs and isinstance(inputs[0], Module):
            hint = "; the order is (model, inputs)"
        elif isinstance(model, Tensor):
            hint = "; what a tensor was computed from is drawn by viz.draw(tensor)"
        raise DtypeError(f"a picture of layers is made of a Module, not {_kind(model)}{hint}")
    if not inputs or all(map(is_shape, inputs)):
        raise ArgumentError(
            "a picture of layers is made by calling the model, so give it a batch as the model "
            f"takes it, not {'nothing' if not inputs else f'a shape {inputs[0]}'}: "
            "draw_model(model, np.zeros((1, 784), np.float32))"
        )


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def _copied(value: Any) -> Any:
    """Return an input in memory of its own, and with its every use recorded, if it can be."""
    if isinstance(value, Tensor):
        return _recordable(value.data.copy(), value.name, is_tensor=True)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return _recordable(copy_of(value), None, is_tensor=False)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple) and value:
        if any(hasattr(item, "dtype") or isinstance(item, dict) for item in value):
            items = [_copied(item) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        return _recordable(as_array(value), None, is_tensor=False)
    return value


def _recordable(array: Any, name: str | None, *, is_tensor: bool) -> Any:
    if array.dtype.kind == "f":
        return from_numpy(array, requires_grad=True, name=name)
    return wrap(array, Leaf(array.shape, array.dtype, False, name)) if is_tensor else array


def _input_names(model: Module, number: int) -> list[str]:
    """Return what `forward` calls its arguments."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):  # compiled
        parameters = []
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(number - len(names))]
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            names.append(parameter.name)
    names += [f"input {i}" for i in range(len(names), number)]
    return names[:number]


def arrays_in(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the tensors and arrays in lists, tuples and dicts, named by where they are."""
    if isinstance(value, Tensor) or (hasattr(value, "dtype") and hasattr(value, "shape")):
        yield name, value
    elif isinstance(value, list | tuple):
        fields = getattr(value, "_fields", range(len(value)))
        for key, item in zip(fields, value, strict=True):
            yield from arrays_in(item, f"{name}[{key}]" if name else str(key))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from arrays_in(item, f"{name}[{key}]" if name else str(key))
