"""What calling a function may change besides its result, and how to put it back.

A check calls a function hundreds of times. Each call finds everything as the first one did, so
that dropout drops the same elements in each; and afterwards nothing is left of the calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import numpy as np

from minigrad import random
from minigrad.arrays import is_floating
from minigrad.context import switched
from minigrad.nn.module import Module
from minigrad.tensor import Tensor, wrap

__all__ = ["Surroundings", "substituted"]


class Surroundings:
    """The random generators, and the modules, around a function that is called many times."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.modules = [each for module in modules for each in module.modules()]
        self.generators = [random.generator()] + [
            value
            for module in self.modules
            for value in vars(module).values()
            if isinstance(value, np.random.Generator)
        ]
        self._recording = switched(recording=True, observer=None, tracing=False)

    def __enter__(self) -> Self:
        self._attributes = [dict(vars(module)) for module in self.modules]
        self._states = [generator.bit_generator.state for generator in self.generators]
        self._legacy = np.random.get_state()  # noqa: NPY002 (the user's function may draw from it)
        self._draws = False
        self._recording.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._recording.__exit__(kind, error, traceback)
        self._draws = True
        self.rewind()

    def notice(self) -> None:
        """Find out, after a first call, whether the function draws random numbers at all."""
        _, *legacy = self._legacy
        _, *now = np.random.get_state()  # noqa: NPY002
        self._draws = (
            any(
                generator.bit_generator.state != state
                for generator, state in zip(self.generators, self._states, strict=True)
            )
            or not np.array_equal(legacy[0], now[0])
            or legacy[1] != now[1]
        )

    def rewind(self) -> None:
        """Put everything back to how it was at the start."""
        for module, attributes in zip(self.modules, self._attributes, strict=True):
            vars(module).clear()
            vars(module).update(attributes)
        if self._draws:
            for generator, state in zip(self.generators, self._states, strict=True):
                generator.bit_generator.state = state
            np.random.set_state(self._legacy)  # noqa: NPY002


@contextmanager
def substituted(
    tensors: Sequence[Tensor], values: Sequence[Any], buffers: Sequence[Tensor]
) -> Iterator[None]:
    """Let tensors be others, and buffers be copies of the same precision, for a while.

    The tensors themselves stay the objects they are, wherever a model refers to them.
    """
    kept = [(tensor, tensor._data, tensor._node) for tensor in (*tensors, *buffers)]
    try:
        for tensor, value in zip(tensors, values, strict=True):
            value = value if isinstance(value, Tensor) else wrap(value, None)
            tensor._data, tensor._node = value._data, value._node
        dtype = tensors[0].dtype if tensors else None
        for buffer in buffers:
            converts = dtype is not None and is_floating(buffer.dtype)
            buffer._data = buffer.data.astype(dtype if converts else buffer.dtype)
            buffer._node = None
        yield
    finally:
        for tensor, data, node in kept:
            tensor._data, tensor._node = data, node
