"""What is checked: a function of a list of arrays, and how its gradient is had.

Whatever the user hands over (a NumPy function, a module, a pair of plain functions; arguments that
are nested, constant, or only shapes) becomes a `Problem`, which knows lists of arrays only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from minigrad.calls import unwrap
from minigrad.errors import ArgumentError, DtypeError, RuleError
from minigrad.nn.module import Module
from minigrad.tensor import Tensor, from_numpy, wrap
from minigrad.testing.arguments import (
    Arguments,
    Array,
    Function,
    Inputs,
    function_name,
    is_leaf,
    make_arguments,
)
from minigrad.testing.surroundings import Surroundings, substituted
from minigrad.testing.trees import Tree, leaves, mapped
from minigrad.transforms import jvp, vjp

__all__ = ["Pair", "Problem", "Traced", "make_problem", "unpacked"]

Arrays: TypeAlias = Sequence[Array]


# --- Results -----------------------------------------------------------------------------------


def _kind(value: Any) -> str:
    return getattr(getattr(value, "dtype", None), "kind", "")


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or _kind(value) == "f"


def _float_outputs(out: Tree) -> list[Any]:
    """Return the floating-point arrays in a result, the others have no derivative."""
    found = [value for _, value in leaves(out)]
    if any(isinstance(v, complex) or _kind(v) == "c" for v in found):
        raise DtypeError(
            "gradcheck is for functions of real numbers, and a result is complex; let the function "
            "return the real and the imaginary part, np.real(out) and np.imag(out)"
        )
    return [value for value in found if _is_float(value)]


def _foreign(out: Tree) -> Tree:
    """Return a result with arrays of other packages turned into NumPy's."""
    return mapped(lambda v: np.asarray(v) if hasattr(v, "__array__") else v, out, is_leaf)


# --- Problems ----------------------------------------------------------------------------------


@dataclass
class Problem:
    """A function from a list of arrays to a list of arrays, with its gradient, at a point.

    Attributes
    ----------
    name : str
        What the function is called.
    names : list of str
        What its variables are called.
    point : list of arrays
        Their values.
    constants : list of arrays
        What the function is given besides.
    dtypes : list of dtypes
        Those that the variables had when they were given.
    """

    name: str
    names: list[str]
    point: list[Array]
    around: Surroundings
    constants: list[Array] = field(default_factory=list)
    dtypes: list[Any] = field(default_factory=list)

    def outputs(self, arrays: Arrays) -> list[Array]:
        """Return the function's floating-point results."""
        raise NotImplementedError

    def pull_back(self, cotangents: Arrays, arrays: Arrays) -> list[Any]:
        """Return the gradient of <cotangents, outputs> with respect to each variable."""
        raise NotImplementedError

    def push_forward(self, tangents: Arrays, arrays: Arrays) -> list[Array] | None:
        """Return the derivative of the outputs in a direction, if there is forward mode."""
        return None

    def derivative(self, cotangents: Arrays) -> Problem | None:
        """Return the problem whose function is this one's gradient, if it can be differentiated."""
        return None


@dataclass
class Traced(Problem):
    """A function that minigrad differentiates, of a list of tensors."""

    function: Callable[[Sequence[Any]], Sequence[Any]] = field(kw_only=True)

    def outputs(self, arrays: Arrays) -> list[Array]:
        """Return the function's floating-point results."""
        self.around.rewind()
        out = self.function([wrap(array, None) for array in arrays])
        return [np.asarray(unwrap(value)) for value in out]

    def pull_back(self, cotangents: Arrays, arrays: Arrays) -> list[Any]:
        """Return what `Tensor.backward` leaves in each variable's ``grad``."""
        self.around.rewind()
        variables = [from_numpy(array, requires_grad=True) for array in arrays]
        for out, cotangent in zip(self.function(variables), cotangents, strict=True):
            if isinstance(out, Tensor) and out.requires_grad:
                out.backward(cotangent, retain_graph=True)
        return [np.zeros_like(v.data) if v.grad is None else v.grad for v in variables]

    def push_forward(self, tangents: Arrays, arrays: Arrays) -> list[Array] | None:
        """Return the derivative in a direction, by forward mode."""
        _, tangent = jvp(self._rewound, tuple(arrays), tuple(tangents))
        return [np.asarray(value) for value in tangent]

    def derivative(self, cotangents: Arrays) -> Problem:
        """Return the gradient as a function of the point and of the cotangents."""
        count = len(self.point)

        def gradient(variables: Sequence[Any]) -> Sequence[Any]:
            _, pull_back = vjp(self._rewound, *variables[:count])
            gradients: Sequence[Any] = pull_back(tuple(variables[count:]))
            return gradients

        names = [*self.names, *_numbered("cotangent", cotangents)]
        point = [*self.point, *cotangents]
        return Traced(f"grad({self.name})", names, point, self.around, function=gradient)

    def _rewound(self, *variables: Any) -> tuple[Any, ...]:
        self.around.rewind()
        return tuple(self.function(variables))


def _numbered(name: str, items: Sequence[Any]) -> list[str]:
    return [name] if len(items) == 1 else [f"{name}[{index}]" for index in range(len(items))]


@dataclass
class Pair(Problem):
    """A plain function, and a plain function for its gradient."""

    function: Function = field(kw_only=True)
    vjp: Function = field(kw_only=True)
    arguments: Arguments = field(kw_only=True)

    def outputs(self, arrays: Arrays) -> list[Array]:
        """Return the function's floating-point results."""
        return [np.asarray(value) for value in _float_outputs(self._call(arrays))]

    def pull_back(self, cotangents: Arrays, arrays: Arrays) -> list[Any]:
        """Return what the second function returns."""
        supply = iter(cotangents)
        out = self._call(arrays)
        seed = mapped(lambda value: next(supply) if _is_float(value) else None, out, is_leaf)
        self.around.rewind()
        gradients = self.arguments.gradients(self.vjp(seed, *self.arguments.filled(arrays)))
        return [gradient if gradient is None else _as_array(gradient) for gradient in gradients]

    def _call(self, arrays: Arrays) -> Tree:
        self.around.rewind()
        return _foreign(self.function(*self.arguments.filled(arrays)))


def _as_array(gradient: Any) -> Array:
    array = unwrap(gradient) if isinstance(gradient, Tensor) else np.asarray(gradient)
    if array.dtype.kind not in "fiub":
        raise RuleError(f"vjp returned {type(gradient).__name__} as a gradient, not an array")
    return np.asarray(array)


def make_problem(
    function: Function,
    inputs: Inputs,
    *,
    vjp: Function | None,
    wrt: Sequence[int | str] | None,
    rng: np.random.Generator,
    dtype: Any,
    around: Surroundings,
) -> Problem:
    """Return the problem of a function and its arguments, which are converted to `dtype`."""
    for what, given in (("f", function), ("vjp", vjp)):
        if not callable(given) and (what == "f" or given is not None):
            raise ArgumentError(
                f"{what} must be a function of arrays (or a Module), not {given!r}; "
                "call it as gradcheck(f, inputs)"
            )
    arguments = make_arguments(function, inputs, wrt, rng, dtype)
    variables = list(arguments.variables())
    names, point = [n for n, _ in variables], [value for _, value in variables]
    constants = arguments.constants()
    name = function_name(function)
    if isinstance(function, Module) and vjp is None:
        return _module_problem(function, arguments, names, point, around, dtype)
    _check_variables(name, point)
    if vjp is not None:
        shared = (name, names, point, around, constants, arguments.dtypes)
        return Pair(*shared, function=function, vjp=vjp, arguments=arguments)

    def call(values: Sequence[Any]) -> Sequence[Any]:
        return _float_outputs(function(*arguments.filled(values)))

    return Traced(name, names, point, around, constants, arguments.dtypes, function=call)


def _module_problem(
    module: Module,
    arguments: Arguments,
    names: list[str],
    point: list[Array],
    around: Surroundings,
    dtype: Any,
) -> Problem:
    """Return a module as a function of its parameters and its inputs."""
    parameters = dict(module.named_parameters())
    tensors = list(parameters.values())
    buffers = [buffer for _, buffer in module.named_buffers()]
    values = [np.array(tensor.data, dtype, order="C") for tensor in tensors]
    count = len(tensors)

    def call(variables: Sequence[Any]) -> Sequence[Any]:
        with substituted(tensors, variables[:count], buffers):
            return _float_outputs(module(*arguments.filled(variables[count:])))

    _check_variables(function_name(module), [*values, *point])
    return Traced(
        function_name(module),
        [*parameters, *names],
        [*values, *point],
        around,
        arguments.constants(),
        [tensor.dtype for tensor in tensors] + arguments.dtypes,
        function=call,
    )


def _check_variables(name: str, point: list[Array]) -> None:
    if not point:
        raise ArgumentError(
            f"gradcheck of {name} was given no floating-point input to differentiate with respect "
            "to; pass arrays, tensors, floats, or shapes such as (3, 4)"
        )


def unpacked(vector: Array, like: Arrays) -> list[Array]:
    """Return a vector as arrays of given shapes (views of it)."""
    found: list[Array] = []
    start = 0
    for array in like:
        stop = start + math.prod(array.shape)
        found.append(vector[start:stop].reshape(array.shape))
        start = stop
    return found
