"""Nested lists, tuples and dicts of arrays, and where in them an array is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

__all__ = ["Tree", "is_shape", "leaves", "mapped"]

Tree: TypeAlias = Any  # a value, or a nested list, tuple or dict of such


def is_shape(value: Any) -> bool:
    """Return whether a value is the shape of an array: a tuple of nothing but integers."""
    return type(value) is tuple and all(type(length) is int and length >= 0 for length in value)


def leaves(tree: Tree, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values in a nested structure, each with the index that leads to it.

    Examples
    --------
    >>> from minigrad.testing.trees import leaves
    >>> list(leaves({"w": [1.0, 2.0]}, "parameters"))
    [("parameters['w'][0]", 1.0), ("parameters['w'][1]", 2.0)]
    """
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}[{key!r}]")
    elif isinstance(tree, list | tuple):
        for index, value in enumerate(tree):
            yield from leaves(value, f"{path}[{index}]")
    else:
        yield path, tree


def mapped(function: Callable[[Any], Any], tree: Tree, is_leaf: Callable[[Any], bool]) -> Tree:
    """Return the structure with a function applied to every value in it."""
    if is_leaf(tree):
        return function(tree)
    if isinstance(tree, dict):
        return {key: mapped(function, value, is_leaf) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(mapped(function, value, is_leaf) for value in tree))
    if isinstance(tree, list | tuple):
        return type(tree)(mapped(function, value, is_leaf) for value in tree)
    return function(tree)
