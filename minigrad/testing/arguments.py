"""A function's arguments, in whatever form they are given, and what they are called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from minigrad.calls import unwrap
from minigrad.errors import ArgumentError, DtypeError, RuleError
from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.testing.trees import Tree, is_shape, leaves, mapped

__all__ = [
    "Arguments",
    "Array",
    "Function",
    "Inputs",
    "argument_names",
    "as_arguments",
    "function_name",
    "is_leaf",
    "make_arguments",
]

Array: TypeAlias = np.ndarray[Any, Any]
Function: TypeAlias = Callable[..., Any]
Inputs: TypeAlias = Any  # arrays, tensors, shapes, or nested structures of them


def as_arguments(inputs: Inputs) -> list[Any]:
    """Return the list of a function's arguments that `inputs` stands for."""
    if isinstance(inputs, list | tuple) and not is_shape(inputs) and not hasattr(inputs, "_fields"):
        return list(inputs)
    return [inputs]


def is_leaf(value: Any) -> bool:
    """Return whether a value is one array, or stands for one as a shape does."""
    return is_shape(value) or not isinstance(value, list | tuple | dict)


def _as_variable(value: Any, rng: np.random.Generator, dtype: Any, dtypes: list[Any]) -> Any:
    """Return what a leaf of the arguments stands for: a new array if it is a variable.

    Of variables, the dtype that they were given in is added to `dtypes`.
    """
    made = _as_array_of(value, rng, dtype)
    if _varies(made):
        is_array = hasattr(value, "dtype")
        given = np.dtype(value.dtype) if is_array else np.dtype(dtype)
        dtypes.append(given.newbyteorder("="))
    return made


def _as_array_of(value: Any, rng: np.random.Generator, dtype: Any) -> Any:
    if is_shape(value):
        # Away from 0, where many functions have kinks and poles.
        magnitude = rng.uniform(0.3, 1.7, value)
        return np.asarray(magnitude * rng.choice([-1.0, 1.0], value), dtype)
    if isinstance(value, float) and not isinstance(value, np.generic):
        return np.array(value, dtype)
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if kind == "c":
        raise DtypeError("gradcheck is for functions of real numbers, and an input is complex")
    if kind != "f" or not isinstance(value, np.ndarray | np.generic | Tensor):
        return value
    return np.array(unwrap(value), dtype, order="C")


def _signature(function: Function) -> inspect.Signature | None:
    try:
        return inspect.signature(function.forward if isinstance(function, Module) else function)
    except (TypeError, ValueError):  # compiled functions tell nothing
        return None


def _check_count(function: Function, count: int) -> None:
    signature = _signature(function)
    try:
        if signature is not None:
            signature.bind(*[None] * count)
    except TypeError as error:
        raise ArgumentError(
            f"{function_name(function)}{signature} cannot be called with the {count} "
            f"argument{'s' * (count != 1)} that inputs stand for ({error}); the arguments are a "
            "list, as in gradcheck(f, [x, y]), or in pytest's fixture gradcheck(f, x, y)"
        ) from error


def argument_names(function: Function, count: int) -> list[str]:
    """Return what the function calls its first arguments."""
    names: list[str] = []
    signature = _signature(function)
    for parameter in signature.parameters.values() if signature else ():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(count - len(names))]
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            names.append(parameter.name)
    names += [f"x{i}" for i in range(len(names), count)]
    return names[:count]


def function_name(function: Function) -> str:
    """Return what to call a function in a report."""
    if isinstance(function, Module):
        return type(function).__name__
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    if name is None and isinstance(function, functools.partial):  # a primitive is one with a name
        return f"partial({function_name(function.func)})"
    return str(name or type(function).__name__).rpartition("<locals>.")[2]


@dataclass
class Arguments:
    """A function's arguments: which of the values in them vary, and the rest."""

    tree: list[Any]
    names: list[str]
    wanted: set[int]
    dtypes: list[Any]  # those that the variables had when they were given

    def variables(self) -> Iterator[tuple[str, Array]]:
        """Yield the name and value of each variable."""
        for index, (name, argument) in enumerate(zip(self.names, self.tree, strict=True)):
            for path, value in leaves(argument, name):
                if index in self.wanted and _varies(value):
                    yield path, value

    def constants(self) -> list[Array]:
        """Return the arrays that do not vary."""
        variables = {id(value) for _, value in self.variables()}
        found = (unwrap(value) for _, value in leaves(self.tree) if id(value) not in variables)
        return [value for value in found if isinstance(value, np.ndarray)]

    def filled(self, values: Sequence[Any]) -> list[Any]:
        """Return the arguments with other values for the variables."""
        supply = iter(values)
        return [
            mapped(lambda value: next(supply) if _varies(value) else value, tree, is_leaf)
            if index in self.wanted
            else tree
            for index, tree in enumerate(self.tree)
        ]

    def gradients(self, result: Any) -> list[Any]:
        """Return the gradients of the variables, out of what a function for gradients returned."""
        if not isinstance(result, list | tuple):
            result = (result,)
        varying = [i for i, tree in enumerate(self.tree) if self._has_variables(i, tree)]
        if len(result) == len(self.tree):
            result = [result[i] for i in varying]
        elif len(result) != len(varying):
            raise RuleError(
                f"vjp returned {len(result)} gradients for {len(varying)} arguments; it returns "
                "one gradient, or a tuple with one for each argument"
            )
        found: list[Any] = []
        for index, gradient in zip(varying, result, strict=True):
            found += self._parts(index, gradient)
        return found

    def _parts(self, index: int, gradient: Any) -> list[Any]:
        """Return the gradients of an argument's variables, those in dicts by their keys."""
        if is_leaf(self.tree[index]):
            return [gradient]
        paths = [path for path, value in leaves(self.tree[index]) if _varies(value)]
        parts = dict(leaves(gradient))
        if set(parts) >= set(paths):
            return [parts[path] for path in paths]
        if len(parts) != len(paths) or _has_dict(gradient):
            raise RuleError(
                f"vjp returned {len(parts)} gradients for the {len(paths)} arrays in argument "
                f"{index} ({self.names[index]}); it returns them in the argument's structure"
            )
        return list(parts.values())

    def _has_variables(self, index: int, tree: Tree) -> bool:
        return index in self.wanted and any(_varies(value) for _, value in leaves(tree))


def _has_dict(tree: Tree) -> bool:
    parts = tree if isinstance(tree, list | tuple) else ()
    return isinstance(tree, dict) or any(map(_has_dict, parts))


def _varies(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def make_arguments(
    function: Function, inputs: Inputs, wrt: Sequence[int | str] | None, rng: Any, dtype: Any
) -> Arguments:
    """Return a function's arguments; what varies in them is drawn, or copied, in a dtype."""
    tree = as_arguments(inputs)
    _check_count(function, len(tree))
    names = argument_names(function, len(tree))
    wanted = set(range(len(tree)))
    if isinstance(wrt, int | str):
        wrt = [wrt]
    if wrt is not None:
        unknown = [w for w in wrt if w not in names and w not in range(len(tree))]
        if unknown:
            raise ArgumentError(
                f"wrt names {unknown}, and the arguments of {function_name(function)} are "
                f"{', '.join(names)}"
            )
        wanted = {names.index(w) if isinstance(w, str) else w for w in wrt}
    dtypes: list[Any] = []
    drawn = []
    for index, each in enumerate(tree):
        variable = functools.partial(
            _as_variable, rng=rng, dtype=dtype, dtypes=dtypes if index in wanted else []
        )
        drawn.append(mapped(variable, each, is_leaf))
    return Arguments(drawn, names, wanted, dtypes)
