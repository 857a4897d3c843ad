"""Functions of functions: gradients and their relatives, of plain functions over plain arrays.

The functions that are transformed are written in NumPy. Arrays go in and arrays come out; inside
another transformed function, tensors go in and come out, so that transformations can be nested.
Arguments may be nested lists, tuples and dicts of arrays, and so is then the gradient.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from minigrad.arrays import as_array, is_floating
from minigrad.calls import call, rule_of, unwrap
from minigrad.context import context, switched
from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.graph import Leaf
from minigrad.tensor import Tensor, walk_back, wrap

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Array: TypeAlias = Any
Tree: TypeAlias = Any  # an array, or a nested list, tuple or dict of them
Function: TypeAlias = Callable[..., Any]
Argnums: TypeAlias = int | Sequence[int]


# --- Nested arguments --------------------------------------------------------------------------


def _map(function: Function, tree: Tree, *others: Tree) -> Tree:
    """Apply a function to every array of a nested structure (and those at its place in others)."""
    if isinstance(tree, dict):
        for other in others:
            _check_alike(tree, other, isinstance(other, dict) and other.keys() == tree.keys())
        return {key: _map(function, tree[key], *(o[key] for o in others)) for key in tree}
    if isinstance(tree, list | tuple):
        for other in others:
            _check_alike(tree, other, isinstance(other, list | tuple) and len(other) == len(tree))
        items = map(functools.partial(_map, function), tree, *others)
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return function(tree, *others)


def _check_alike(tree: Tree, other: Tree, alike: bool) -> None:
    if not alike:
        raise ShapeError(
            f"what multiplies the derivative of a {_structure(tree)} is one, too, with the same "
            f"shapes, and not a {_structure(other)}"
        )


def _structure(tree: Tree) -> str:
    name = type(tree).__name__
    if isinstance(tree, dict):
        return f"{name} with keys {', '.join(map(repr, tree)) or 'none'}"
    return f"{name} of {len(tree)}" if isinstance(tree, list | tuple) else name


def _leaves(tree: Tree) -> list[Any]:
    found: list[Any] = []
    _map(found.append, tree)
    return found


# --- Tracing -----------------------------------------------------------------------------------


def _alias(x: Array) -> Array:
    return x


rule_of(_alias).define((lambda g, _out, _x: g,))


def _as_variable(value: Any, *, copy: bool = False) -> Tensor:
    """Return a new variable of this value, which stays connected to where the value came from."""
    if isinstance(value, Tensor):
        if value.requires_grad:
            alias: Tensor = call(rule_of(_alias), _alias, value)
            return alias
        value = value.data
    elif isinstance(value, int | float):
        value = np.asarray(float(value))
    elif not hasattr(value, "dtype"):
        raise DtypeError(
            f"can differentiate with respect to arrays, numbers, and nested lists, tuples and "
            f"dicts of them, not {type(value).__name__} {value!r}"
        )
    if not is_floating(value.dtype):
        raise DtypeError(
            f"can differentiate with respect to floating-point values only, not {value.dtype}; "
            "convert with .astype(float)"
        )
    value = np.asarray(value) if isinstance(value, np.generic) else as_array(value, copy=copy)
    return wrap(value, Leaf(value.shape, value.dtype, True))


def _is_traced(args: Sequence[Any]) -> bool:
    """Return whether what is computed of these arguments is to be differentiated in turn."""
    return context.get().tracing or any(
        isinstance(leaf, Tensor) and leaf.requires_grad for leaf in _leaves(list(args))
    )


def _note_lists(error: Exception, args: Sequence[Any], positions: Sequence[int]) -> None:
    """Tell those who meant an array that a list of numbers is a list of variables."""
    for position in positions:
        value = args[position]
        if isinstance(value, list | tuple) and value and all(map(_is_number, value)):
            error.add_note(
                f"Argument {position} is a {type(value).__name__} of {len(value)} numbers, so the "
                f"function gets a {type(value).__name__} of {len(value)} tensors; for one array "
                "pass np.array([...])."
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number)


class _Trace:
    """One call of a function on variables, and what is needed to differentiate it."""

    def __init__(
        self, function: Function, args: Sequence[Any], argnums: Argnums, *, copy: bool = False
    ) -> None:
        self.create_graph = _is_traced(args)
        as_variable = functools.partial(_as_variable, copy=copy)
        with switched(recording=True, tracing=True):
            positions = [argnums] if isinstance(argnums, int) else list(argnums)
            values = list(args)
            for position in positions:
                values[position] = _map(as_variable, values[position])
            variables = [values[position] for position in positions]
            self.variables = variables[0] if isinstance(argnums, int) else tuple(variables)
            try:
                self.out = function(*values)
            except Exception as error:
                _note_lists(error, args, positions)
                raise

    def pull_back(self, cotangents: Tree, *, retain_graph: bool = False) -> Tree:
        """Return the gradient of the variables, in their structure."""
        seeds = [
            (out._node, seed)
            for out, seed in zip(_leaves(self.out), _leaves(cotangents), strict=True)
            if isinstance(out, Tensor) and out.requires_grad
        ]
        targets = {variable._node for variable in _leaves(self.variables)}
        found = walk_back(
            seeds,  # type: ignore[arg-type]
            targets,
            retain_graph=retain_graph,
            create_graph=self.create_graph,
        )

        def gradient(variable: Tensor) -> Array:
            if variable._node not in found:
                return np.zeros_like(variable.data)
            return found[variable._node] if self.create_graph else _own(found[variable._node])

        return _map(gradient, self.variables)

    def value(self) -> Tree:
        """Return the function's result, plain unless tensors were given."""
        return self.out if self.create_graph else _map(_plain, self.out)


def _own(array: Array) -> Array:
    """Return an array that shares its memory with no argument and no other result."""
    return np.copy(array)


def _plain(value: Any) -> Any:
    return _own(value.data) if isinstance(value, Tensor) else value


def _check_function(name: str, function: Any) -> None:
    if not callable(function):
        hint = ""
        if isinstance(function, Tensor):
            hint = "; for the gradients of a computed tensor call its backward(), and read w.grad"
        raise DtypeError(
            f"{name} takes a function of arrays, as in {name}(lambda x: np.sum(x**2)), not "
            f"{type(function).__name__}{hint}"
        )


def _check_argnums(name: str, argnums: Argnums, args: Sequence[Any]) -> None:
    one_only = name in ("jacobian", "hessian")
    positions: Any = [argnums] if isinstance(argnums, int) or one_only else argnums
    if not isinstance(positions, list | tuple | range) or any(
        isinstance(position, bool) or not isinstance(position, int) for position in positions
    ):
        several = "" if one_only else " or a tuple of them"
        raise ArgumentError(
            f"{name} counts the function's arguments from 0, so argnums is an integer{several}, "
            f"not {argnums!r}"
        )
    for position in positions:
        if not -len(args) <= position < len(args):
            raise ArgumentError(
                f"{name} with argnums={argnums} needs an argument {position}, and the function was "
                f"called with {len(args)} by position"
            )


def _check_scalar(transformation: str, out: Any, function: Function) -> None:
    name = getattr(function, "__name__", repr(function))
    if not hasattr(out, "shape") and not isinstance(out, int | float):
        raise DtypeError(
            f"{transformation} is for functions that return one number, and {name} returned "
            f"{type(out).__name__}; use vjp or jacobian"
        )
    if np.size(unwrap(out)) != 1:
        raise ShapeError(
            f"{transformation} is for functions that return one number, and {name} returned shape "
            f"{np.shape(unwrap(out))}; reduce it (as with .sum()), or use jacobian or vjp"
        )


# --- Reverse mode ------------------------------------------------------------------------------


def value_and_grad(function: Function, argnums: Argnums = 0) -> Function:
    r"""Return the function that computes `function` and its gradient at once.

    Parameters
    ----------
    function : callable
        Takes arrays, returns one number. Written in NumPy.
    argnums : int or sequence of int, default 0
        Which arguments to differentiate with respect to.

    Returns
    -------
    callable
        Of the same arguments, returning ``(value, gradient)``. The gradient has the structure,
        shapes and dtypes of the argument; for several `argnums` it is a tuple of such.

    Raises
    ------
    ShapeError, DtypeError
        When called: if the function returns more than one number, or an argument is not made of
        floating-point arrays.
    ArgumentError
        When called: if there is no such argument.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> value, gradient = mg.value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> value, gradient
    (array(5.), array([2., 4.]))
    """
    return _value_and_grad("value_and_grad", function, argnums)


def _value_and_grad(name: str, function: Function, argnums: Argnums) -> Function:
    """Return what `value_and_grad` does, for the transformation of that name."""
    _check_function(name, function)

    @functools.wraps(function)
    def differentiate(*args: Any, **kwargs: Any) -> tuple[Any, Tree]:
        _check_argnums(name, argnums, args)
        trace = _Trace(functools.partial(function, **kwargs), args, argnums)
        _check_scalar(name, trace.out, function)
        seed = np.ones_like(unwrap(trace.out)) if isinstance(trace.out, Tensor) else 1.0
        return trace.value(), trace.pull_back(seed)

    return differentiate


def grad(function: Function, argnums: Argnums = 0) -> Function:
    r"""Return the gradient of a function, as a function.

    .. math:: \nabla f(x) = \left(\partial f / \partial x_1, \dots, \partial f / \partial x_n\right)

    Parameters
    ----------
    function : callable
        Takes arrays, returns one number. Written in NumPy.
    argnums : int or sequence of int, default 0
        Which arguments to differentiate with respect to.

    Returns
    -------
    callable
        Of the same arguments. What it returns has the structure, shapes and dtypes of the
        argument; for several `argnums` it is a tuple of such.

    Raises
    ------
    ShapeError, DtypeError
        When called: if the function returns more than one number, or an argument is not made of
        floating-point arrays.
    ArgumentError
        When called: if there is no such argument.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> mg.grad(lambda x: np.sum(np.sin(x)))(np.array([0.0, np.pi]))
    array([ 1., -1.])

    Nested, for higher derivatives:

    >>> float(mg.grad(mg.grad(lambda x: x**4))(2.0))
    48.0

    With respect to a dict of parameters:

    >>> def loss(parameters, x):
    ...     return np.sum((parameters["w"] @ x + parameters["b"]) ** 2)
    >>> g = mg.grad(loss)({"w": np.ones((1, 2)), "b": np.zeros(1)}, np.array([1.0, 2.0]))
    >>> g["w"], g["b"]
    (array([[ 6., 12.]]), array([6.]))
    """
    return _grad("grad", function, argnums)


def _grad(name: str, function: Function, argnums: Argnums) -> Function:
    both = _value_and_grad(name, function, argnums)

    @functools.wraps(function)
    def differentiate(*args: Any, **kwargs: Any) -> Tree:
        return both(*args, **kwargs)[1]

    return differentiate


def vjp(function: Function, *args: Any) -> tuple[Any, Function]:
    r"""Evaluate a function, and return with its value the product of vectors with its Jacobian.

    .. math:: u \mapsto J^{\top} u, \qquad J = \partial f / \partial x

    Parameters
    ----------
    function : callable
        Takes arrays, returns an array (or a nested structure of them).
    *args : arrays, or nested structures of them
        Where to evaluate it.

    Returns
    -------
    value
        ``function(*args)``.
    pull_back : callable
        Takes what has the structure and shapes of the value, and returns the tuple of gradients
        with respect to the arguments. Can be called any number of times, whatever happened to the
        arguments and the value since: they are copied.

    Raises
    ------
    ShapeError
        If what `pull_back` is given does not have the structure and shapes of the value.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> value, pull_back = mg.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pull_back(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    _check_function("vjp", function)
    trace = _Trace(function, args, tuple(range(len(args))), copy=True)

    def pull_back(cotangents: Tree) -> Tree:
        cotangents = _map(_seed, trace.out, cotangents)
        return trace.pull_back(cotangents, retain_graph=True)

    return trace.value(), pull_back


def _seed(value: Any, vector: Any) -> Any:
    """Return the vector as what can multiply a derivative of, or with respect to, the value."""
    seed = vector if hasattr(vector, "dtype") else as_array(vector, np.float64)
    if np.shape(unwrap(seed)) != np.shape(unwrap(value)):
        raise ShapeError(
            f"a vector to be multiplied must have the shape {np.shape(unwrap(value))} of what is "
            f"differentiated here, not {np.shape(unwrap(seed))}"
        )
    dtype = getattr(value, "dtype", seed.dtype)
    return seed if seed.dtype == dtype else seed.astype(dtype)


# --- Forward mode, as reverse mode twice -------------------------------------------------------


def jvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    r"""Evaluate a function and its derivative in a direction.

    .. math:: J v, \qquad J = \partial f / \partial x

    The product from the left, :math:`J^\top u`, is linear in `u`, and its own product from the left
    is the one from the right; so it takes no rules of its own.

    Parameters
    ----------
    function : callable
        Takes arrays, returns an array.
    primals : sequence of arrays
        Where to evaluate it: its arguments.
    tangents : sequence of arrays
        The direction: an array of the same shape for each argument.

    Returns
    -------
    value, tangent
        ``function(*primals)`` and its derivative.

    Raises
    ------
    ShapeError
        If primals and tangents differ in number, structure or shape.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> mg.jvp(np.sin, (np.array([0.0, 1.0]),), (np.array([2.0, 0.0]),))
    (array([0.        , 0.84147098]), array([2., 0.]))
    """
    directions = _directions("jvp", function, primals, tangents)
    with switched(tracing=True):
        value, pull_back = vjp(function, *primals)
    start = _map(lambda out: np.zeros_like(unwrap(out)), value)
    _, push_forward = vjp(pull_back, start)
    (tangent,) = push_forward(directions)
    return value if _is_traced(primals) else _map(_plain, value), tangent


def _directions(name: str, function: Any, primals: Any, tangents: Any) -> tuple[Any, ...]:
    """Return the tangents as what can multiply derivatives with respect to the primals."""
    _check_function(name, function)
    for what, values in (("arguments", primals), ("tangents", tangents)):
        if not isinstance(values, list | tuple):
            raise DtypeError(
                f"{name} takes the {what} as a tuple, as in {name}(f, (x,), (v,)), not "
                f"{type(values).__name__}"
            )
    if len(primals) != len(tangents):
        raise ShapeError(
            f"{name} takes a tangent for each argument, and was given {len(primals)} arguments and "
            f"{len(tangents)} tangents"
        )
    directions: tuple[Any, ...] = _map(_seed, tuple(primals), tuple(tangents))
    return directions


# --- Whole matrices ----------------------------------------------------------------------------


def jacobian(function: Function, argnum: int = 0) -> Function:
    r"""Return the function that computes all partial derivatives of an array-valued function.

    .. math:: J_{i j} = \partial f_i / \partial x_j

    Parameters
    ----------
    function : callable
        Takes arrays, returns one array.
    argnum : int, default 0
        Which argument to differentiate with respect to.

    Returns
    -------
    callable
        Of the same arguments; returns an array of the value's shape followed by the argument's.
        One walk back for each element of the value.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> mg.jacobian(lambda x: np.array([[1.0, 2.0], [3.0, 4.0]]) @ x)(np.ones(2))
    array([[1., 2.],
           [3., 4.]])
    """
    _check_function("jacobian", function)
    return _jacobian("jacobian", function, argnum)


def _jacobian(name: str, function: Function, argnum: int) -> Function:
    @functools.wraps(function)
    def differentiate(*args: Any, **kwargs: Any) -> Array:
        _check_argnums(name, argnum, args)

        def of_one(x: Array) -> Array:
            return function(*args[:argnum], x, *args[argnum % len(args) + 1 :], **kwargs)

        value, pull_back = vjp(of_one, args[argnum])
        if not hasattr(value, "shape") and not isinstance(value, int | float):
            raise DtypeError(
                "jacobian is for functions that return one array, not a "
                f"{_structure(value)}; use vjp"
            )
        shape = np.shape(unwrap(value))
        directions = np.eye(math.prod(shape), dtype=getattr(value, "dtype", np.float64))
        rows = [pull_back(np.reshape(direction, shape))[0] for direction in directions]
        if not rows:
            x = args[argnum]
            return np.zeros(shape + np.shape(unwrap(x)), dtype=getattr(x, "dtype", np.float64))
        stacked = np.stack(rows)
        return np.reshape(stacked, shape + tuple(stacked.shape[1:]))

    return differentiate


def hessian(function: Function, argnum: int = 0) -> Function:
    r"""Return the function that computes the matrix of second derivatives.

    .. math:: H_{i j} = \partial^2 f / \partial x_i \, \partial x_j

    Parameters
    ----------
    function : callable
        Takes arrays, returns one number.
    argnum : int, default 0
        Which argument to differentiate with respect to.

    Returns
    -------
    callable
        Of the same arguments; returns an array of the argument's shape, twice.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> mg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    return _jacobian("hessian", _grad("hessian", function, argnum), argnum)


def hvp(function: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    r"""Return the product of the Hessian with a vector, without forming the Hessian.

    .. math:: H v = \nabla \left( \nabla f(x) \cdot v \right)

    Parameters
    ----------
    function : callable
        Takes arrays, returns one number.
    primals : sequence of arrays, or of nested structures of them
        Its arguments.
    tangents : the same
        The vector: an array of the same shape for each array of the arguments.

    Returns
    -------
    tuple of arrays
        One for each argument; for a function of one argument that array alone.

    Raises
    ------
    ShapeError
        If primals and tangents differ in number, structure or shape.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> mg.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    directions = _leaves(_directions("hvp", function, primals, tangents))
    positions = tuple(range(len(primals)))

    def slope(*args: Any) -> Any:
        gradients = _leaves(_grad("hvp", function, positions)(*args))
        return sum(np.sum(g * v) for g, v in zip(gradients, directions, strict=True))

    products = grad(slope, positions)(*primals)
    return products if len(products) > 1 else products[0]
