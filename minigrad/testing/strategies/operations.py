"""The operations that random programs are made of: how each is written, and where it is smooth.

`DOMAIN_MARGIN` is how far from a kink or a pole an operation must be, so that a numerical
derivative does not step across it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from minigrad.testing.strategies._hypothesis import SearchStrategy, hnp, st
from minigrad.testing.strategies.indices import indices
from minigrad.testing.strategies.shapes import Shape, axes

__all__ = ["OPERATIONS", "Operation", "literal"]

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Options: TypeAlias = SearchStrategy[dict[str, Any]]

DOMAIN_MARGIN = 0.125


def _of_any_shape(*_shapes: Shape) -> bool:
    return True


def _without_options(*_shapes: Shape) -> Options:
    return st.just({})


def _everywhere(_out: Array, *_operands: Array) -> bool:
    return True


@dataclass(frozen=True)
class Operation:
    """One kind of step of a program.

    Attributes
    ----------
    template : str
        The expression, with ``{0}`` and ``{1}`` for the operands and names for the options.
    fits : callable
        Takes the operands' shapes; whether the operation takes such operands.
    options : callable
        Takes the operands' shapes; returns the strategy for a dict of options.
    domain : callable
        Takes the values of the result and of the operands; whether the operation has well
        conditioned derivatives there.

    Examples
    --------
    >>> from minigrad.testing.strategies import OPERATIONS
    >>> sorted(OPERATIONS)[:3]
    ['absolute', 'add', 'add_number']
    >>> OPERATIONS["matmul"].template
    '{0} @ {1}'
    >>> OPERATIONS["matmul"].fits((2, 3), (3, 4))
    True
    """

    template: str
    fits: Callable[..., bool] = _of_any_shape
    options: Callable[..., Options] = _without_options
    domain: Callable[..., bool] = _everywhere

    @property
    def arity(self) -> int:
        """Number of operands."""
        return 2 if "{1}" in self.template else 1

    def expression(self, operands: tuple[str, ...], options: dict[str, Any]) -> str:
        """Return the operation as code, applied to named operands."""
        values = {name: literal(value) for name, value in options.items()}
        return self.template.format(*operands, **values)


def literal(value: Any) -> str:
    """Return an option's value as code that gives it back."""
    if isinstance(value, np.ndarray):
        kind = "" if value.size else f", dtype=np.{value.dtype}"
        return f"np.array({value.tolist()}{kind})"
    if isinstance(value, EllipsisType):
        return "..."
    if isinstance(value, tuple):
        inside = ", ".join(map(literal, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


# --- Which shapes ------------------------------------------------------------------------------


def _has_axes(shape: Shape) -> bool:
    return len(shape) >= 1


def _is_matrix(shape: Shape) -> bool:
    return len(shape) >= 2


def _has_neighbours(shape: Shape) -> bool:
    return len(shape) >= 1 and shape[-1] >= 2


def _broadcast(x: Shape, y: Shape) -> bool:
    pairs = zip(reversed(x), reversed(y), strict=False)
    return all(m == n or 1 in (m, n) for m, n in pairs)


def _are_equal(x: Shape, y: Shape) -> bool:
    return x == y


def _multiply(x: Shape, y: Shape) -> bool:
    if not x or not y or not _broadcast(x[:-2], y[:-2]):
        return False
    return x[-1] == y[-2 if len(y) > 1 else -1]


def _share_last_axis(x: Shape, y: Shape) -> bool:
    return bool(x) and bool(y) and x[-1] == y[-1] and _broadcast(x, y)


def _touch(x: Shape, y: Shape) -> bool:
    return bool(x) and bool(y) and x[-1] == y[0]


def _joints(x: Shape, y: Shape) -> list[int]:
    """Return the axes along which two shapes can be concatenated."""
    if len(x) != len(y):
        return []
    others = range(len(x))
    return [axis for axis in others if all(x[i] == y[i] for i in others if i != axis)]


def _can_be_joined(x: Shape, y: Shape) -> bool:
    return bool(_joints(x, y))


# --- Which options -----------------------------------------------------------------------------

_NUMBERS = [1.0, -1.0, 2.0, 0.5, -0.5, 1.5, -2.0, 0.25]


def _number(*_shapes: Shape) -> Options:
    return st.fixed_dictionaries({"number": st.sampled_from(_NUMBERS)})


def _reduction(shape: Shape) -> Options:
    return st.fixed_dictionaries({"axis": axes(len(shape)), "keepdims": st.booleans()})


def _any_axis(shape: Shape) -> Options:
    return st.fixed_dictionaries({"axis": st.integers(-len(shape), len(shape) - 1)})


def _axis_or_none(shape: Shape) -> Options:
    return st.fixed_dictionaries({"axis": axes(len(shape), tuples=False)})


def _new_axis(shape: Shape, *_: Shape) -> Options:
    return st.fixed_dictionaries({"axis": st.integers(-len(shape) - 1, len(shape))})


def _two_axes(shape: Shape) -> Options:
    one = st.integers(-len(shape), len(shape) - 1)
    return st.fixed_dictionaries({"first": one, "second": one})


def _order(shape: Shape) -> Options:
    return st.fixed_dictionaries({"axes": st.permutations(range(len(shape))).map(tuple)})


def _new_shape(shape: Shape) -> Options:
    size = math.prod(shape)
    sides = [n for n in range(1, size + 1) if size % n == 0]
    found = [s for ndim in (1, 2, 3) for s in itertools.product(sides, repeat=ndim)]
    return st.fixed_dictionaries(
        {"shape": st.sampled_from([s for s in found if math.prod(s) == size])}
    )


def _wider_shape(shape: Shape) -> Options:
    grown = st.tuples(*(st.integers(1, 3) if n == 1 else st.just(n) for n in shape))
    front = st.lists(st.integers(1, 2), max_size=1).map(tuple)
    return st.fixed_dictionaries({"shape": st.builds(lambda a, b: a + b, front, grown)})


def _shift(shape: Shape) -> Options:
    axis = axes(len(shape), tuples=False)
    return st.fixed_dictionaries({"shift": st.integers(-3, 3), "axis": axis})


def _count(_shape: Shape) -> Options:
    return st.fixed_dictionaries({"count": st.integers(1, 2)})


def _diagonal(_shape: Shape) -> Options:
    return st.fixed_dictionaries({"k": st.integers(-1, 1)})


def _index(shape: Shape) -> Options:
    return st.fixed_dictionaries({"index": indices(shape)})


def _positions(shape: Shape) -> Options:
    last = shape[-1]
    some = st.lists(st.integers(-last, last - 1), min_size=1, max_size=3)
    return st.fixed_dictionaries({"positions": some})


def _joint(x: Shape, y: Shape) -> Options:
    return st.fixed_dictionaries({"axis": st.sampled_from(_joints(x, y))})


def _choice(x: Shape, y: Shape) -> Options:
    mask = hnp.arrays(bool, np.broadcast_shapes(x, y), fill=st.nothing())
    return st.fixed_dictionaries({"mask": mask})


# --- Which values ------------------------------------------------------------------------------


def _is_clear(values: Array) -> bool:
    return bool(np.all(np.abs(values) >= DOMAIN_MARGIN))


def _is_positive(_out: Array, x: Array, *_: Array) -> bool:
    return bool(np.all(x >= DOMAIN_MARGIN))


def _is_not_zero(_out: Array, *operands: Array) -> bool:
    return _is_clear(operands[-1])


def _is_not_at_cut(_out: Array, _x: Array, y: Array) -> bool:
    # arctan2 jumps by a turn where its first argument passes zero and its second is negative.
    return bool(np.all(y >= DOMAIN_MARGIN))


def _is_inside(_out: Array, x: Array) -> bool:
    return bool(np.all(np.abs(x) <= 1 - DOMAIN_MARGIN))


def _gives_no_zero(out: Array, *_operands: Array) -> bool:
    return _is_clear(out)


def _is_apart(_out: Array, x: Array, y: Array) -> bool:
    return _is_clear(x - y)


def _is_not_at_bounds(_out: Array, x: Array) -> bool:
    return _is_clear(np.abs(x) - 1)


def _has_no_ties(_out: Array, x: Array) -> bool:
    return bool(np.all(np.diff(np.sort(x, axis=None)) >= DOMAIN_MARGIN))


# --- The operations ----------------------------------------------------------------------------

_ARITHMETIC = {
    "add": Operation("{0} + {1}", _broadcast),
    "subtract": Operation("{0} - {1}", _broadcast),
    "multiply": Operation("{0} * {1}", _broadcast),
    "divide": Operation("{0} / {1}", _broadcast, domain=_is_not_zero),
    "power": Operation("{0} ** {1}", _broadcast, domain=_is_positive),
    "hypot": Operation("np.hypot({0}, {1})", _broadcast, domain=_gives_no_zero),
    "arctan2": Operation("np.arctan2({0}, {1})", _broadcast, domain=_is_not_at_cut),
    "logaddexp": Operation("np.logaddexp({0}, {1})", _broadcast),
    "negative": Operation("-{0}"),
    "add_number": Operation("{0} + {number}", options=_number),
    "multiply_number": Operation("{number} * {0}", options=_number),
    "subtract_from_number": Operation("{number} - {0}", options=_number),
    "divide_number": Operation("{number} / {0}", options=_number, domain=_is_not_zero),
    "square": Operation("np.square({0})"),
    "cube": Operation("{0} ** 3"),
    "reciprocal": Operation("np.reciprocal({0})", domain=_is_not_zero),
    "sqrt": Operation("np.sqrt({0})", domain=_is_positive),
    "cbrt": Operation("np.cbrt({0})", domain=_is_not_zero),
    "copy": Operation("np.copy({0})"),
}
_FUNCTIONS = {
    "exp": Operation("np.exp({0})"),
    "exp2": Operation("np.exp2({0})"),
    "expm1": Operation("np.expm1({0})"),
    "log": Operation("np.log({0})", domain=_is_positive),
    "log2": Operation("np.log2({0})", domain=_is_positive),
    "log1p": Operation("np.log1p(np.square({0}))"),
    "sin": Operation("np.sin({0})"),
    "cos": Operation("np.cos({0})"),
    "tan": Operation("np.tan({0})", domain=_is_inside),
    "arcsin": Operation("np.arcsin({0})", domain=_is_inside),
    "arctan": Operation("np.arctan({0})"),
    "sinh": Operation("np.sinh({0})"),
    "cosh": Operation("np.cosh({0})"),
    "tanh": Operation("np.tanh({0})"),
    "arcsinh": Operation("np.arcsinh({0})"),
    "arctanh": Operation("np.arctanh({0})", domain=_is_inside),
}
_KINKS = {
    "absolute": Operation("np.abs({0})", domain=_is_not_zero),
    "maximum": Operation("np.maximum({0}, {1})", _broadcast, domain=_is_apart),
    "minimum": Operation("np.minimum({0}, {1})", _broadcast, domain=_is_apart),
    "clip": Operation("np.clip({0}, -1.0, 1.0)", domain=_is_not_at_bounds),
    "where": Operation("np.where({mask}, {0}, {1})", _broadcast, _choice),
    "max": Operation(
        "np.max({0}, axis={axis}, keepdims={keepdims})", options=_reduction, domain=_has_no_ties
    ),
    "min": Operation(
        "np.min({0}, axis={axis}, keepdims={keepdims})", options=_reduction, domain=_has_no_ties
    ),
    "sort": Operation("np.sort({0}, axis={axis})", _has_axes, _any_axis, _has_no_ties),
}
_REDUCTIONS = {
    "sum": Operation("np.sum({0}, axis={axis}, keepdims={keepdims})", options=_reduction),
    "mean": Operation("np.mean({0}, axis={axis}, keepdims={keepdims})", options=_reduction),
    "prod": Operation("np.prod({0}, axis={axis}, keepdims={keepdims})", options=_reduction),
    "var": Operation("np.var({0}, axis={axis}, keepdims={keepdims})", options=_reduction),
    "std": Operation(
        "np.std({0}, axis={axis}, keepdims={keepdims})", options=_reduction, domain=_gives_no_zero
    ),
    "norm": Operation("np.linalg.norm({0}, axis={axis})", _has_axes, _axis_or_none, _gives_no_zero),
    "cumsum": Operation("np.cumsum({0}, axis={axis})", _has_axes, _axis_or_none),
}
_SHAPES = {
    "reshape": Operation("np.reshape({0}, {shape})", options=_new_shape),
    "ravel": Operation("np.ravel({0})"),
    "transpose": Operation("np.transpose({0}, {axes})", _is_matrix, _order),
    "swapaxes": Operation("np.swapaxes({0}, {first}, {second})", _is_matrix, _two_axes),
    "moveaxis": Operation("np.moveaxis({0}, {first}, {second})", _is_matrix, _two_axes),
    "expand_dims": Operation("np.expand_dims({0}, {axis})", options=_new_axis),
    "broadcast_to": Operation("np.broadcast_to({0}, {shape})", options=_wider_shape),
    "flip": Operation("np.flip({0}, {axis})", _has_axes, _axis_or_none),
    "roll": Operation("np.roll({0}, {shift}, axis={axis})", _has_axes, _shift),
    "repeat": Operation("np.repeat({0}, {count}, axis=0)", _has_axes, _count),
    "tile": Operation("np.tile({0}, {count})", _has_axes, _count),
    "diff": Operation("np.diff({0})", _has_neighbours),
    "pad": Operation("np.pad({0}, {count})", _has_axes, _count),
    "triu": Operation("np.triu({0}, {k})", _is_matrix, _diagonal),
    "concatenate": Operation("np.concatenate([{0}, {1}], axis={axis})", _can_be_joined, _joint),
    "stack": Operation("np.stack([{0}, {1}], axis={axis})", _are_equal, _new_axis),
    "getitem": Operation("{0}[{index}]", _has_axes, _index),
    "take": Operation("np.take({0}, {positions}, axis=-1)", _has_axes, _positions),
}
_PRODUCTS = {
    "matmul": Operation("{0} @ {1}", _multiply),
    "outer": Operation("np.outer({0}, {1})"),
    "tensordot": Operation("np.tensordot({0}, {1}, axes=1)", _touch),
    "einsum": Operation("np.einsum('...i,...i->...', {0}, {1})", _share_last_axis),
    "trace": Operation("np.trace({0})", _is_matrix),
}
_NETWORK = {
    "sigmoid": Operation("F.sigmoid({0})"),
    "softplus": Operation("F.softplus({0})"),
    "gelu": Operation("F.gelu({0})"),
    "relu": Operation("F.relu({0})", domain=_is_not_zero),
    "softmax": Operation("F.softmax({0}, axis={axis})", _has_axes, _any_axis),
    "log_softmax": Operation("F.log_softmax({0}, axis={axis})", _has_axes, _any_axis),
}

OPERATIONS: dict[str, Operation] = {
    **_ARITHMETIC,
    **_FUNCTIONS,
    **_KINKS,
    **_REDUCTIONS,
    **_SHAPES,
    **_PRODUCTS,
    **_NETWORK,
}
"""The operations that random programs are made of, by name; add one and `programs` uses it."""
