"""Operators: functions of arrays, and the rules by which gradients pass back through them.

minigrad's own operators and NumPy's are declared with what is here, and so are a user's.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from minigrad.arrays import as_operand
from minigrad.calls import call, rule_of, unwrap
from minigrad.dispatch import handlers, loses_gradient
from minigrad.errors import ArgumentError, GraphError, NoGradientRuleError
from minigrad.graph import Rule
from minigrad.tensor import Tensor

__all__ = [
    "composite",
    "defvjp",
    "differentiable_functions",
    "nondifferentiable",
    "primitive",
    "writing",
]

Function = Callable[..., Any]


class Primitive(functools.partial):  # type: ignore[type-arg]  # which is called fastest
    """A function of arrays that takes tensors, too, and is one operation of the graph."""

    rule: Rule

    def __new__(cls, function: Function) -> Self:
        """Make the call of a function one that is recorded if an argument is a tensor."""
        rule = rule_of(function)
        self = super().__new__(cls, call, rule, function)
        functools.update_wrapper(self, function)
        self.rule = rule
        return self

    def __reduce__(self) -> Any:
        """Pickle and copy by name, as functions are."""
        return getattr(self.rule.function, "__qualname__", self.rule.name)

    def __get__(self, instance: Any, owner: Any = None) -> Self:
        """Return itself as an attribute of a class: it is no method, as a partial will be one."""
        return self

    def __repr__(self) -> str:
        return f"<primitive {self.rule.name}>"


def primitive(function: Function) -> Primitive:
    """Turn a function of arrays into one operation of the graph.

    Give it a gradient with `defvjp`. Tensors are passed to it by position, options by name or by
    position; it returns one array.

    Parameters
    ----------
    function : callable
        Takes plain arrays, returns one plain array, and changes none of its arguments.

    Returns
    -------
    callable
        The same function, for arrays and for tensors: arrays give an array, and as soon as one
        argument is a tensor the result is one.

    Raises
    ------
    ArgumentError
        If `function` cannot be called.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> @mg.primitive
    ... def cube(x):
    ...     return x * x * x
    >>> mg.defvjp(cube, lambda g, out, x: g * 3 * x**2)
    >>> cube(np.array(2.0))
    np.float64(8.0)
    >>> float(mg.grad(cube)(2.0))
    12.0
    >>> float(mg.grad(mg.grad(cube))(2.0))
    12.0
    """
    if not callable(function):
        raise ArgumentError(
            "primitive makes an operation of a function of arrays, not of "
            f"{type(function).__name__}"
        )
    return Primitive(function)


def defvjp(function: Function, *vjps: Function | None, each: Function | None = None) -> None:
    r"""Define how a gradient passes back through a function to each of its arguments.

    For ``out = f(x, y)`` and the gradient ``g`` of a later number with respect to ``out``, a rule
    (a vector-Jacobian product) computes the gradient with respect to one argument:

    .. math:: \bar x = \left(\frac{\partial f}{\partial x}\right)^{\!\top} g

    Parameters
    ----------
    function : callable
        A `primitive`, or a NumPy function.
    *vjps : callable or None
        For each argument in turn a function of ``(g, out, *args, **options)``, called with the
        arguments and options of the call, that returns an array of the argument's shape; None for
        an argument that has no gradient. Broadcasting is undone and the dtype restored afterwards,
        so a rule need not do it.
    each : callable, optional
        Instead, one function of ``(i, g, out, *args, **options)`` for every argument ``i``, for
        functions with any number of them.

    Raises
    ------
    ArgumentError
        If there is no rule among the arguments, or something that cannot be called as one, or if
        tensors could not be recognised by `function`.

    Notes
    -----
    Write a rule in plain NumPy, without writing into any array and without `numpy.asarray`: the
    same rule then serves for second derivatives, where it is given tensors. A parameter whose name
    begins with an underscore says that its value is not needed: it is not kept in memory for the
    backward pass, and a stand-in with its ``shape``, ``dtype`` and ``ndim`` is passed.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> @mg.primitive
    ... def scale(x, by):
    ...     return x * by
    >>> mg.defvjp(scale, lambda g, _out, _x, by: g * by, lambda g, _out, x, _by: g * x)
    >>> mg.grad(lambda x: scale(x, 3.0).sum())(np.ones(2))
    array([3., 3.])
    """
    if each is None and not any(vjps):
        raise ArgumentError(f"defvjp({_name(function)}, ...) needs at least one gradient function")
    for vjp in (*vjps, each):
        if vjp is not None and not callable(vjp):
            raise ArgumentError(
                f"a gradient rule is a function of (g, out, *args) or None, not {vjp!r}"
            )
    fewest, most = 0.0, math.inf
    if isinstance(function, Primitive):  # NumPy's have options that no rule is given
        fewest, most = _parameter_counts(function.rule.function)
    for vjp in vjps:
        _check_rule(function, vjp, "(g, out, *args)", 2 + max(fewest, len(vjps)), 2 + most)
    _check_rule(function, each, "(i, g, out, *args)", 4, math.inf)
    if isinstance(function, Primitive):
        function.rule.define(vjps, each)
        return
    if not isinstance(function, np.ufunc) and not hasattr(function, "_implementation"):
        raise ArgumentError(
            f"{_name(function)} is neither a primitive nor a function of NumPy's, so nobody would "
            "ask for its rule; decorate it with @minigrad.primitive first"
        )
    rule = rule_of(function)
    rule.define(vjps, each)
    handlers[function] = (
        _ufunc_handler(rule) if isinstance(function, np.ufunc) else _function_handler(rule)
    )


def _check_rule(
    function: Function, vjp: Function | None, wanted: str, fewest: float, most: float
) -> None:
    """Refuse a rule that cannot be called with as many values as it will be."""
    if vjp is None:
        return
    required, accepted = _parameter_counts(vjp)
    if accepted >= fewest and required <= most:
        return
    limit = f"least {fewest}" if accepted < fewest else f"most {most}"
    raise ArgumentError(
        f"a gradient rule of {_name(function)} takes {wanted}: the gradient that arrived, the "
        f"result, and every argument, at {limit} in all; {_name(vjp)} takes "
        f"{accepted if accepted < fewest else required}"
    )


def _parameter_counts(function: Function) -> tuple[float, float]:
    """Return how many parameters a function needs, and how many it accepts at most."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # compiled: who knows
        return 0, math.inf
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    single = [parameter for parameter in parameters if parameter.kind not in variadic]
    required = sum(parameter.default is parameter.empty for parameter in single)
    return required, len(single) if len(single) == len(parameters) else math.inf


def differentiable_functions() -> dict[str, Function]:
    """Return NumPy's functions that have a gradient here, by their full names, sorted.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> functions = mg.differentiable_functions()
    >>> functions["numpy.tanh"] is np.tanh
    True
    >>> "numpy.unwrap" in functions
    False
    """
    named = {
        _name(function): function for function in handlers if function not in _without_gradient
    }
    return dict(sorted(named.items()))


_without_gradient: set[Function] = set()


def nondifferentiable(*functions: Function, of_first_only: bool = False) -> None:
    """Declare that functions have no gradient: of tensors they give plain arrays and numbers.

    With `of_first_only` that is said of the first argument, and another one that requires a
    gradient is refused.
    """
    for function in functions:
        _without_gradient.add(function)
        handlers[function] = _plain_handler(function, of_first_only)


def writing(*functions: Function) -> None:
    """Declare that functions write into their first argument, which must not be a tensor."""
    for function in functions:
        _without_gradient.add(function)
        handlers[function] = _writing_handler(function)


def composite(*functions: Function) -> Callable[[Function], Function]:
    """Declare what to call instead of NumPy functions: one made of functions that have rules."""

    def declare(implementation: Function) -> Function:
        for function in functions:
            handlers[function] = implementation
        # For Python's own messages about options that it does not take.
        implementation.__qualname__ = f"minigrad's {_name(functions[0])}"
        return implementation

    return declare


def _name(function: Function) -> str:
    if isinstance(function, Primitive):
        return function.rule.name
    if isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is not function:
        return f"the ufunc {function.__name__}"  # of another package, which it does not tell
    module = getattr(function, "__module__", None) or (
        "numpy" if isinstance(function, np.ufunc) else ""
    )
    return f"{module}.{getattr(function, '__name__', function)}".lstrip(".")


# --- Calls of NumPy's functions ----------------------------------------------------------------

# What only the forward pass needs to know: the engine restores the dtype by itself.
_FORWARD_ONLY = {"dtype", "casting", "order", "subok", "optimize"}
_ABSENT = {"out": None, "where": True, "initial": np._NoValue}


def _plain_handler(function: Function, of_first_only: bool) -> Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        if of_first_only:
            _refuse_gradient(function, [*args, *kwargs.values()][1:])
        plain = {name: unwrap(value) for name, value in kwargs.items()}
        return function(*map(unwrap, args), **plain)

    return call


def _writing_handler(function: Function) -> Function:
    def call(*args: Any, **kwargs: Any) -> Any:
        target, *values = [*args, *kwargs.values()]
        if isinstance(target, Tensor):
            raise GraphError(
                f"{_name(function)} cannot write into a tensor; write t[index] = value, under "
                "minigrad.no_grad() if t requires a gradient"
            )
        _refuse_gradient(function, values)
        plain = {name: unwrap(value) for name, value in kwargs.items()}
        return function(*map(unwrap, args), **plain)

    return call


def _refuse_gradient(function: Function, values: list[Any]) -> None:
    if loses_gradient(values):
        raise NoGradientRuleError(
            f"{_name(function)} has no gradient rule for an argument that requires a gradient "
            "here, so it would be lost; compute it from functions that have one, or pass "
            "tensor.detach()"
        )


def _ufunc_handler(rule: Rule) -> Function:
    function = rule.function

    def handle(*args: Any, **kwargs: Any) -> Any:
        types = [*map(type, args)]
        if list in types or tuple in types:
            dtype = np.result_type(*(a.dtype for a in args if hasattr(a, "dtype")))
            args = tuple(as_operand(a, dtype) if type(a) in (list, tuple) else a for a in args)
        if not kwargs:
            return call(rule, function, *args)
        return _call_with_options(rule, args, kwargs, frozenset())

    return handle


def _function_handler(rule: Rule) -> Function:
    function = rule.function
    parameters = _parameters(function)
    arity = len(rule.vjps)
    accepted = frozenset(
        name
        for vjp in rule.vjps
        if vjp is not None
        for name in list(inspect.signature(vjp).parameters)[2 + arity :]
    )

    def handle(*args: Any, **kwargs: Any) -> Any:
        if len(args) > arity:  # options given by position
            kwargs = dict(zip(parameters[arity:], args[arity:], strict=False)) | kwargs
            args = args[:arity]
        if not kwargs:
            return call(rule, function, *args)
        named = [name for name in parameters[len(args) : arity] if name in kwargs]
        args += tuple(kwargs.pop(name) for name in named)
        return _call_with_options(rule, args, kwargs, accepted)

    return handle


def _parameters(function: Function) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:  # compiled, as numpy.where is before NumPy 2.4: by position only
        return []


def _call_with_options(
    rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any], accepted: frozenset[str]
) -> Any:
    given = {
        name: unwrap(value)
        for name, value in kwargs.items()
        if not (name in _ABSENT and value is _ABSENT[name]) and value is not np._NoValue
    }
    options = {name: value for name, value in given.items() if name in accepted}
    forward_only = {name: value for name, value in given.items() if name in _FORWARD_ONLY}
    unknown = given.keys() - options.keys() - forward_only.keys()
    if unknown:
        raise NoGradientRuleError(
            f"{_name(rule.function)} of a tensor has no gradient rule for the option "
            f"{', '.join(sorted(unknown))}; leave it out (np.where selects elements), or pass "
            "tensor.detach()"
        )
    _refuse_gradient(rule.function, list(kwargs.values()))
    function = functools.partial(rule.function, **forward_only) if forward_only else rule.function
    return call(rule, function, *args, **options)
