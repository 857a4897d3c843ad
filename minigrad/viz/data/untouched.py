"""Calling a model for a picture, so that nothing is left of the call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minigrad import random
from minigrad.arrays import is_floating
from minigrad.context import scope
from minigrad.graph import Leaf
from minigrad.nn.module import Module
from minigrad.nn.parameter import is_parameter, is_state
from minigrad.tensor import Tensor

__all__ = ["untouched"]


@contextmanager
def untouched(model: Module) -> Iterator[dict[Leaf, Tensor]]:
    """Put a model in evaluation mode for a while, and afterwards everything back as it was.

    That is: training flags and other attributes, what lists, dicts and arrays among them hold,
    values, versions and gradients of parameters and buffers, and the states of random generators.
    Another thread must not use the model meanwhile: it would see the stand-ins.

    Yields
    ------
    dict
        The parameters, by the leaves that stand in for theirs meanwhile. They require gradients
        all, so that what is computed from frozen ones is recorded as well.
    """
    modules = list(model.modules())
    attributes = [(module, _contents(module)) for module in modules]
    generators = [random.generator(), *_generators(modules)]
    states = [generator.bit_generator.state for generator in generators]
    legacy = np.random.get_state()  # noqa: NPY002 (a layer of the user's may draw from it)
    tensors = [(t, t._data, t._node) for t in _state(modules)]
    outside = scope.set(None)
    try:
        leaves = dict(_substitute(tensor) for tensor, _, _ in tensors)
        for module in modules:
            module.training = False
        yield {leaf: tensor for leaf, tensor in leaves.items() if is_parameter(tensor)}
    finally:
        scope.reset(outside)
        for tensor, data, node in tensors:
            tensor._data, tensor._node = data, node
        for module, kept in attributes:
            _restore(module, kept)
        for generator, state in zip(generators, states, strict=True):
            generator.bit_generator.state = state
        np.random.set_state(legacy)  # noqa: NPY002


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


def _generators(modules: list[Module]) -> Iterator[np.random.Generator]:
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, np.random.Generator):
                yield value


def _contents(module: Module) -> dict[str, tuple[Any, Any]]:
    """Return for each attribute the value and, where it can be changed in place, a copy."""
    return {
        name: (value, value.copy() if isinstance(value, _CHANGEABLE) else None)
        for name, value in vars(module).items()
    }


_CHANGEABLE = (list, dict, set, np.ndarray)


def _restore(module: Module, kept: dict[str, tuple[Any, Any]]) -> None:
    vars(module).clear()
    for name, (value, copy) in kept.items():
        vars(module)[name] = value
        if isinstance(value, list):
            value[:] = copy
        elif isinstance(value, dict | set):
            value.clear()
            value.update(copy)
        elif isinstance(value, np.ndarray) and value.flags.writeable:
            value[...] = copy
