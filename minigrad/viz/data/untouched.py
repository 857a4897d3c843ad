"""Calling a model for a picture, so that nothing is left of the call."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from minigrad import random as minigrad_random
from minigrad.arrays import is_floating
from minigrad.context import scope
from minigrad.graph import Leaf
from minigrad.nn.module import Module
from minigrad.nn.parameter import is_parameter, is_state
from minigrad.tensor import Tensor
from minigrad.viz.data.snapshots import copy_of

__all__ = ["untouched"]


@contextmanager
def untouched(model: Module) -> Iterator[dict[Leaf, Tensor]]:
    """Put a model in evaluation mode for a while, and afterwards everything back as it was.

    That is: training flags and other attributes of all modules; what lists, dicts, sets, deques
    and NumPy arrays among them hold, and those in them, however deep; values, versions and
    gradients of parameters and buffers; values and versions of other tensors there; and the
    states of random generators: minigrad's, NumPy's and Python's global ones, and any
    `numpy.random.Generator`, `numpy.random.RandomState` and `random.Random` there. Not what
    objects of other classes hold, global variables, files and the like. Another thread must not
    use the model meanwhile: it would see the stand-ins.

    Yields
    ------
    dict
        The parameters, by the leaves that stand in for theirs meanwhile. They require gradients
        all, so that what is computed from frozen ones is recorded as well.
    """
    modules = list(model.modules())
    state = list(_state(modules))
    undo = [*_ways_back(model, {id(tensor) for tensor in state}), *_global_generators()]
    tensors = [(t, t._data, t._node) for t in state]
    outside = scope.set(None)
    try:
        leaves = dict(_substitute(tensor) for tensor in state)
        for module in modules:
            module.training = False
        yield {leaf: tensor for leaf, tensor in leaves.items() if is_parameter(tensor)}
    finally:
        scope.reset(outside)
        for tensor, data, node in tensors:
            tensor._data, tensor._node = data, node
        for put_back in undo:
            put_back()


def _state(modules: list[Module]) -> Iterator[Tensor]:
    """Yield parameters and buffers, each once."""
    seen: set[int] = set()
    for module in modules:
        for _, value in module._tensors_and_modules():
            if isinstance(value, Tensor) and is_state(value) and id(value) not in seen:
                seen.add(id(value))
                yield value


def _substitute(tensor: Tensor) -> tuple[Leaf, Tensor]:
    """Give a tensor a copy of its values and another leaf."""
    learned = is_parameter(tensor) and is_floating(tensor.dtype)
    tensor._data = tensor._data.copy()
    leaf = tensor._node = Leaf(tensor.shape, tensor.dtype, learned, tensor.name)
    return leaf, tensor


# --- Ways back ---------------------------------------------------------------------------------

Undo = Callable[[], Any]  # puts one thing back as it was


def _global_generators() -> Iterator[Undo]:
    yield _generator(minigrad_random.generator())
    yield partial(np.random.set_state, np.random.get_state())  # noqa: NPY002 (a user's layer may use it)
    yield partial(random.setstate, random.getstate())


def _ways_back(model: Module, state: Container[int]) -> Iterator[Undo]:
    """Yield what puts a model's attributes back, and all that can be changed in them.

    `state` are the ids of the tensors that are seen to elsewhere.
    """
    seen: dict[int, Any] = {}
    ahead: list[Any] = [model]
    while ahead:
        value = ahead.pop()
        if id(value) in seen or id(value) in state:
            continue
        seen[id(value)] = value  # alive, so that its id is no other's
        if isinstance(value, Module):
            attributes = vars(value)
            yield partial(_refill, attributes, dict(attributes))
            ahead += attributes.values()
        elif isinstance(value, dict):
            yield partial(_refill, value, value.copy())
            ahead += value.values()
        elif isinstance(value, list | deque):
            yield partial(_replace_items, value, list(value))
            ahead += value
        elif isinstance(value, set):
            yield partial(_refill, value, value.copy())
            ahead += value
        elif isinstance(value, tuple | frozenset):
            ahead += value
        else:
            yield from _way_back(value)


def _way_back(value: Any) -> Iterator[Undo]:
    """Yield what puts a thing back in which no others are."""
    if isinstance(value, Tensor):
        yield partial(_reset_tensor, value, value._data, value._node, copy_of(value._data))
        leaf = getattr(value._node, "owner", value._node)  # of a detached view, that of the whole
        if isinstance(leaf, Leaf):
            yield partial(setattr, leaf, "version", leaf.version)
    elif isinstance(value, np.ndarray):
        if value.flags.writeable:
            yield partial(np.copyto, value, value.copy())
    elif isinstance(value, np.random.Generator):
        yield _generator(value)
    elif isinstance(value, np.random.RandomState):
        yield partial(value.set_state, value.get_state())
    elif isinstance(value, random.Random):
        yield partial(value.setstate, value.getstate())


def _generator(generator: np.random.Generator) -> Undo:
    bits = generator.bit_generator
    return partial(setattr, bits, "state", bits.state)


def _refill(container: Any, content: Any) -> None:
    container.clear()
    container.update(content)


def _replace_items(container: Any, items: list[Any]) -> None:
    container.clear()
    container.extend(items)


def _reset_tensor(tensor: Tensor, data: Any, node: Any, content: Any) -> None:
    tensor._data, tensor._node = data, node
    if getattr(data, "flags", None) is None or data.flags.writeable:
        data[...] = content
