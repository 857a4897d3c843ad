"""What users hand over as data, as batches."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sized
from typing import Any

import numpy as np

from minigrad.data import DataLoader
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError
from minigrad.nn import Module
from minigrad.tensor import Tensor

__all__ = ["as_batches", "mode", "pair", "samples"]


def as_batches(data: Any, *, name: str, passes: int, defaults: Any, **options: Any) -> Any:
    """Return something that gives ``(x, y)`` batches each time it is iterated over.

    `options` are those of a DataLoader as the user gave them, or None; `defaults` stand in for
    the latter where `data` is a pair of arrays.
    """
    if isinstance(data, tuple):
        _check_arrays(data, name)
        given = {key: value for key, value in options.items() if value is not None}
        return DataLoader(*data, **{**defaults, **given})
    for option, value in options.items():
        if value is not None:
            raise ArgumentError(
                f"{option}={value!r} is for a pair of arrays; {name} makes its own batches: set "
                f"it there, as in DataLoader(x, y, {option}=...)"
            )
    _check_loader(data, name, passes)
    return data


def _check_arrays(data: tuple[Any, ...], name: str) -> None:
    if len(data) != 2:
        raise ArgumentError(f"{name} is a pair of arrays (x, y), not a tuple of {len(data)}")
    for part in data:
        if isinstance(part, tuple | set | frozenset | Mapping | Iterator):
            raise DtypeError(
                f"{name} is a pair of arrays (x, y), and holds a {type(part).__name__}; of a "
                "data set, pass one part, such as dataset.train; batches go in a list"
            )


def _check_loader(data: Any, name: str, passes: int) -> None:
    if isinstance(data, np.ndarray | Tensor | str | Mapping) or not isinstance(data, Iterable):
        raise DtypeError(
            f"{name} is a pair of arrays (x, y), or a DataLoader or list of such batches, "
            f"not {type(data).__name__}"
        )
    if passes > 1 and isinstance(data, Iterator):
        raise ArgumentError(
            f"{name} is a {type(data).__name__}, which is used up after one of {passes} epochs; "
            "pass a list or a DataLoader"
        )
    if isinstance(data, Sized) and not len(data):
        raise DataError(f"{name} is empty: there is no batch in it")


def pair(batch: Any) -> tuple[Any, Any]:
    """Return the x and y of a batch."""
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        what = f"{len(batch)} parts" if isinstance(batch, tuple | list) else type(batch).__name__
        raise DtypeError(
            f"a batch is a pair (x, y), and this one is {what}; two whole arrays go into a tuple: "
            "(x, y), not [x, y]"
        )
    return batch[0], batch[1]


def samples(x: Any, y: Any) -> int:
    """Return how many samples a batch has."""
    try:
        count, targets = len(x), len(y)
    except TypeError as error:
        raise DtypeError(
            "a batch is two arrays whose first axis is samples, not "
            f"{type(x).__name__} and {type(y).__name__} without a length"
        ) from error
    if count != targets:
        raise ShapeError(f"a batch has {count} samples in x and {targets} in y")
    return count


@contextlib.contextmanager
def mode(model: Any, training: bool) -> Iterator[None]:
    """Put a module into training or evaluation mode, and every part back as it was afterwards."""
    before = (
        [(part, part.training) for part in model.modules()] if isinstance(model, Module) else []
    )
    if isinstance(model, Module):
        model.train(training)
    try:
        yield
    finally:
        for part, was in before:
            part.training = was
