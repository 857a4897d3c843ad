"""Calls of functions with tensors among their arguments, and how they are recorded.

Everything that makes a tensor of others goes through `call` (any function, any arguments) or
through the operators that `binary` makes (the same in fewer steps).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn, cast

import numpy as np

from minigrad.arrays import as_operand, check_kind, explain
from minigrad.context import context, scope
from minigrad.errors import ArgumentError, DtypeError, RuleError
from minigrad.graph import Alias, Array, Leaf, Node, Rule, Vertex, View

__all__ = [
    "Traced",
    "alias_of",
    "binary",
    "call",
    "fail",
    "plain",
    "reflected",
    "rule_of",
    "unary",
    "unwrap",
]

_rules: dict[Callable[..., Any], Rule] = {}


def rule_of(function: Callable[..., Any]) -> Rule:
    """Return the rule of a function, an empty one if none is defined yet."""
    if function not in _rules:
        _rules[function] = Rule(function)
    return _rules[function]


class Traced:
    """What a call sees of a tensor: an array, and the vertex of the graph that stands for it."""

    __slots__ = ("_data", "_node")

    result_class: ClassVar[type[Traced]]  # what calls return

    _data: Array
    _node: Vertex | None

    def _vertex(self) -> Vertex:
        """Return the vertex, made now for the result of constants."""
        if self._node is None:
            self._node = Leaf(self._data.shape, self._data.dtype, False)
        return self._node


def unwrap(value: Any) -> Any:
    """Return a value with every tensor in it (in lists and tuples, too) replaced by its array."""
    if isinstance(value, Traced):
        return value._data
    if type(value) in (list, tuple):
        return type(value)(map(unwrap, value))
    return value


def call(rule: Rule, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call a function on the arrays of its arguments, and record the call under a rule.

    Returns a tensor if any argument is one, and whatever the function returns otherwise. The
    function is the rule's own, or one that does the same quicker, as an operator for a ufunc.
    """
    tensor = None
    values = [*args]
    parents: list[Vertex | None] = [None] * len(values)
    live = 0
    current = get_context()
    for index, arg in enumerate(args):
        if isinstance(arg, Traced):
            tensor = arg
            values[index] = arg._data
            vertex = arg._node
            if vertex is None and current.recording:
                vertex = arg._vertex()  # whose version tells of later changes
            parents[index] = vertex
            if vertex is not None and vertex.requires_grad:
                live |= 1 << index
    if current.observer is not None and tensor is not None:
        current.observer.computing()
    if kwargs:
        _check_options(rule, kwargs)
    try:
        out = function(*values, **kwargs) if kwargs else function(*values)
    except Exception as error:
        fail(rule.function, rule.name, values, error)
    if tensor is None:
        return out
    result = _new(tensor.result_class)
    result._data = out
    if live and current.recording:
        result._node = _record(rule, args, values, parents, kwargs, out, live)
    else:
        _check_array(rule, out)
        result._node = _alias(args, out)
    return result


def _check_options(rule: Rule, options: dict[str, Any]) -> None:
    for name, value in options.items():
        if isinstance(value, Traced):
            raise ArgumentError(
                f"{rule.name} takes tensors by position, and {name}= was given one by name"
            )


_new = object.__new__
get_context, get_scope = context.get, scope.get


def _record(
    rule: Rule,
    args: tuple[Any, ...],
    values: list[Any],
    parents: list[Vertex | None],
    kwargs: dict[str, Any],
    out: Array,
    live: int,
) -> Node:
    """Return the node of a call; `values` are its arguments, and become what it keeps of them."""
    try:
        dtype = out.dtype
    except AttributeError:
        _check_array(rule, out)
    if dtype.kind != "f":
        _refuse_dtype(rule, out)
    owner = None
    base = getattr(out, "base", None)  # the array in whose memory a view lies
    for vertex, value in zip(parents, values):  # noqa: B905  # of one length, and this is hot
        if value is out or (base is not None and _shows(base, value)):
            owner = _owner(vertex) or owner
    plan = rule.plans.get((live, len(values))) or rule.plan(live, len(values))
    versions = 0
    for index in plan.kept:
        vertex = parents[index]
        if vertex is not None:
            versions += vertex.version
    for index in plan.dropped:  # of the memory, not of the shape and dtype
        values[index] = parents[index] or _stand_in(values[index])
    node: Any = (Node if owner is None else View)(
        plan,
        tuple(parents),
        tuple(values),
        kwargs or None,
        out if plan.saves_out else None,
        out.shape,
        dtype,
        get_scope(),
        versions,
    )
    if owner is not None:
        node.belong_to(owner)
    observer = get_context().observer
    if observer is not None:
        observer.recorded(node, out, args)
    return cast("Node", node)


def _owner(vertex: Vertex | None) -> Leaf | None:
    """Return the leaf whose memory a vertex stands for, if it is one or a view of one."""
    owner: Any = getattr(vertex, "owner", vertex)
    return cast("Leaf", owner) if vertex is not None and vertex.version else None


def _alias(args: tuple[Any, ...], out: Array) -> Alias | None:
    """Return the vertex of an unrecorded view, so that a change of it is one of what it shows."""
    base = getattr(out, "base", None)
    for arg in args:
        if isinstance(arg, Traced) and (
            arg._data is out or (base is not None and _shows(base, arg._data))
        ):
            vertex = arg._vertex()
            if not isinstance(vertex, Leaf):
                read_only(out)  # a graph may need the values of a result
            return alias_of(vertex, out)
    return None


def alias_of(vertex: Vertex, view: Array) -> Alias | None:
    """Return the vertex of a constant in the memory of a leaf, by whatever way; None if of none."""
    owner = getattr(vertex, "owner", vertex)
    return Alias(owner, view.shape, view.dtype) if isinstance(owner, Leaf) else None


def read_only(view: Array) -> Array:
    """Return a new view after making it read-only, where its kind of array can be."""
    if isinstance(view, np.ndarray):
        view.flags.writeable = False
    return view


def _shows(base: Array, value: Array) -> bool:
    """Return whether a view of `base` shows memory of a value, as a slice or a transpose does."""
    return value is base or getattr(value, "base", None) is base


def _stand_in(value: Any) -> Any:
    """Return what tells the shape and dtype of an array, and keeps none of its memory."""
    if type(getattr(value, "shape", None)) is tuple and value.shape:  # not of a class of numbers
        return Leaf(value.shape, value.dtype, False)
    return value


def _refuse_dtype(rule: Rule, out: Array) -> NoReturn:
    raise DtypeError(
        f"{rule.name} gives {out.dtype} here, and only real floating-point results have gradients; "
        "compute with real floating-point operands, or pass tensor.detach()"
    )


def _check_array(rule: Rule, out: Any) -> None:
    if not hasattr(out, "dtype"):
        raise RuleError(
            f"{rule.name} returned {type(out).__name__}; a function with a gradient rule returns "
            "one array"
        )


def fail(
    function: Callable[..., Any], name: str, values: Sequence[Any], error: Exception
) -> NoReturn:
    """Raise what says in the user's terms why a function of these values failed."""
    around = scope.get()
    path = around.path if around is not None else ""
    try:
        raise explain(function, name, values, path, error)
    finally:
        del error  # which would hold this frame, and the frame would hold it


# --- Operators ---------------------------------------------------------------------------------


def binary(
    function: Callable[..., Any], compute: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    """Make the method of a binary operator: `call` for two operands, in one frame."""
    rule = rule_of(function)

    def method(self: Traced, other: Any) -> Any:
        x, x_vertex = self._data, self._node or self._vertex()
        if isinstance(other, Traced):
            y, y_vertex = other._data, other._node or other._vertex()
            live = x_vertex.requires_grad + 2 * y_vertex.requires_grad
        else:
            y = other if type(other) in _USUAL_OPERANDS else _operand(other, self)
            y_vertex = None
            if y is NotImplemented:
                return y
            live = int(x_vertex.requires_grad)
        current = get_context()
        if current.observer is not None:  # which is told by `call`
            return call(rule, compute, self, y if y_vertex is None else other)
        try:
            out = compute(x, y)
        except (TypeError, ValueError) as error:
            fail(rule.function, rule.name, [x, y], error)
        result = _new(self.result_class)
        result._data = out
        if not live or not current.recording:
            result._node = None
            return result
        dtype = out.dtype
        if dtype.kind != "f":
            _refuse_dtype(rule, out)
        plan = rule.plans_of_two[live] or rule.plan(live, 2)
        keep_x, keep_y = plan.saves[:2]
        versions = x_vertex.version if keep_x else 0
        if not keep_y:
            y = y_vertex or _stand_in(y)
        elif y_vertex is not None:
            versions += y_vertex.version
        result._node = Node(
            plan,
            (x_vertex, y_vertex),
            (x if keep_x else x_vertex, y),
            None,
            out if plan.saves_out else None,
            out.shape,
            dtype,
            get_scope(),
            versions,
        )
        return result

    return method


_USUAL_OPERANDS = frozenset({int, float, np.ndarray})


def _operand(other: Any, tensor: Traced) -> Any:
    """Return what an operator computes with, for anything but a tensor."""
    if isinstance(other, list | tuple):
        return as_operand(other, tensor._data.dtype)
    check_kind(other)
    if hasattr(other, "dtype") or isinstance(other, int | float | complex):
        return other
    return NotImplemented


def reflected(
    function: Callable[..., Any], compute: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    """Make the method of a binary operator whose left operand is not a tensor."""
    rule = rule_of(function)

    def method(self: Traced, other: Any) -> Any:
        x = _operand(other, self)
        return x if x is NotImplemented else call(rule, compute, x, self)

    return method


def unary(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """Make the method of a unary operator."""
    rule = rule_of(function)

    def method(self: Traced) -> Any:
        return call(rule, function, self)

    return method


def plain(
    function: Callable[..., Any], compute: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    """Make the method of an operator without gradient, whose result is a plain array."""
    rule = rule_of(function)

    def method(self: Traced, other: Any) -> Any:
        y = other._data if isinstance(other, Traced) else other
        try:
            return compute(self._data, y)
        except (TypeError, ValueError) as error:
            fail(rule.function, rule.name, [self._data, y], error)

    return method
