"""NumPy's functions given tensors: which of ours is called instead.

Which function has which rule is the business of `minigrad.rules`, which fills the table `handlers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from minigrad.calls import Traced, fail, unwrap
from minigrad.context import context
from minigrad.errors import GraphError, MinigradError, NoGradientRuleError

__all__ = ["call", "dispatch", "dispatch_ufunc", "handlers", "loses_gradient"]

# What to call instead of a NumPy function that was given a tensor.
handlers: dict[Callable[..., Any], Callable[..., Any]] = {}


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call what is called instead of a function."""
    return handlers[function](*args, **kwargs)


_UFUNC_METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
}
_METHOD_DEFAULTS: dict[str, dict[str, Any]] = {"reduce": {"axis": 0}}


def dispatch_ufunc(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call what stands for a ufunc, or for a method of one such as its ``reduce``."""
    if method == "at" or kwargs.get("out") is not None:
        return _write_into(ufunc, method, inputs, kwargs)
    function: Callable[..., Any] = ufunc
    if method != "__call__":
        kwargs = _METHOD_DEFAULTS.get(method, {}) | kwargs
        function = _UFUNC_METHODS.get((ufunc, method), getattr(ufunc, method))
    return dispatch(function, inputs, kwargs)


def dispatch(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call what stands for a function of NumPy's, or refuse to lose the gradient."""
    try:
        return _dispatch(function, args, kwargs)
    except (TypeError, ValueError) as error:
        if isinstance(error, MinigradError):
            raise
        fail(function, _full_name(function), unwrap(args), error)


def _dispatch(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    handler = handlers.get(function)
    if handler is not None:
        return handler(*args, **kwargs)
    if loses_gradient([*args, *kwargs.values()]):
        raise NoGradientRuleError(
            f"{_full_name(function)} has no gradient rule, so the gradient would be lost; compute "
            "it from functions that have one, define a rule with "
            "minigrad.defvjp, or pass tensor.detach() if no gradient is to pass"
        )
    out = function(*unwrap(args), **{name: unwrap(value) for name, value in kwargs.items()})
    if not hasattr(out, "dtype") or out.dtype.kind not in "fc":
        return out
    result = object.__new__(Traced.result_class)
    result._data, result._node = out, None
    return result


def loses_gradient(values: Iterable[Any]) -> bool:
    """Return whether a gradient is lost where these values are used without being recorded."""
    return context.get().recording and _requires_grad(values)


def _requires_grad(values: Iterable[Any]) -> bool:
    return any(
        value._node is not None and value._node.requires_grad
        if isinstance(value, Traced)
        else isinstance(value, list | tuple) and _requires_grad(value)
        for value in values
    )


def _full_name(function: Callable[..., Any]) -> str:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):  # a method, such as np.add.at
        return f"numpy.{owner.__name__}.{function.__name__}"
    if isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is not function:
        return f"the ufunc {function.__name__}"  # of another package, which it does not tell
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module}.{getattr(function, '__name__', function)}"


def _write_into(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Compute into an array, which is fine as long as no gradient is lost that way."""
    targets = kwargs.get("out", inputs[:1])
    into_tensor = any(isinstance(target, Traced) for target in targets)
    if into_tensor or loses_gradient(inputs):
        kind = "a tensor" if into_tensor else "an array"
        raise GraphError(
            f"numpy.{ufunc.__name__} cannot write into {kind} here: the gradient would be lost; "
            "write result = ... without out= (and array = array + t, not array += t), pass "
            "t.detach(), or change a tensor by t[index] = value"
        )
    return getattr(ufunc, method)(*unwrap(inputs), **kwargs)
