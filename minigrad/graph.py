"""The graph: what was computed from what.

A `Leaf` stands for a tensor that nothing computed, a `Node` for the result of one recorded call,
and a `Rule` says how a gradient passes back through a call. Each node points to the vertices its
arguments came from, never to what was made of it, so a graph has no reference cycle and is gone
with the last tensor that needs it.

This module knows no array function by name.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, TypeAlias

from minigrad.context import Scope
from minigrad.errors import RuleError

__all__ = ["Alias", "Array", "Leaf", "Node", "Plan", "Rule", "Vertex", "View"]

Array: TypeAlias = Any  # whatever speaks NumPy: an ndarray, a CuPy array, a Tensor
Vjp: TypeAlias = Callable[..., Array]

_FEW = 8  # arguments: so many combinations that want gradients are worth remembering


# --- Rules -----------------------------------------------------------------------------------


class Rule:
    """How a gradient passes back through one function, to each of its arguments.

    ``vjps[i]`` takes ``(g, out, *args, **kwargs)``, the gradient that arrived, the function's
    result and its arguments, and returns the gradient of argument ``i``. A parameter whose name
    starts with an underscore is not needed: its value is not kept from the forward pass to the
    backward, and a stand-in with its ``shape``, ``dtype``, ``ndim`` and ``size`` is passed.
    """

    __slots__ = ("_parameters", "each", "function", "name", "plans", "plans_of_two", "vjps")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name: str = getattr(function, "__name__", "").lstrip("_") or repr(function)
        self.vjps: tuple[Vjp | None, ...] = ()
        self.each: Vjp | None = None
        self._parameters: list[list[tuple[bool, bool]]] = []
        self.plans: dict[tuple[int, int], Plan] = {}
        self.plans_of_two: list[Plan | None] = [None] * 4

    def define(self, vjps: tuple[Vjp | None, ...], each: Vjp | None = None) -> None:
        """Set the rule: one function per argument, or one that is told which argument."""
        self.vjps = vjps
        self.each = each
        self._parameters = [_after_cotangent(vjp, leading=1) for vjp in vjps]
        self._parameters.append(_after_cotangent(each, leading=2))
        self.plans.clear()
        self.plans_of_two = [None] * 4

    def vjp(self, index: int) -> Vjp:
        """Return the function that gives the gradient of one argument."""
        if index < len(self.vjps):
            vjp = self.vjps[index]
            if vjp is not None:
                return vjp
        if self.each is not None:
            return functools.partial(self.each, index)
        raise self._missing(index)

    def plan(self, live: int, arity: int) -> Plan:
        """Return what to keep and to compute for the arguments whose bits are in `live`."""
        try:
            return self.plans[live, arity]
        except KeyError:
            wanted = [index for index, bit in enumerate(reversed(bin(live))) if bit == "1"]
            vjps = tuple((index, self.vjp(index)) for index in wanted)
            # Beyond the rules for single arguments all have the same needs.
            needs = [self._needs(index, arity) for index in wanted[: len(self.vjps) + 1]]
            saves_out, *saves = (any(column) for column in zip(*needs, strict=True))
            kept = tuple(index for index in range(arity) if saves[index])
            dropped = tuple(index for index in range(arity) if not saves[index])
            plan = Plan(self, saves_out, tuple(saves), kept, dropped, vjps)
            if arity <= _FEW:
                self.plans[live, arity] = plan
            if arity == 2:
                self.plans_of_two[live] = plan  # for binary operators, at the cost of an index
            return plan

    def _needs(self, index: int, arity: int) -> list[bool]:
        own = index < len(self.vjps) and self.vjps[index] is not None
        flags: list[bool] = []
        for needed, is_variadic in self._parameters[index if own else -1]:
            flags += [needed] * (1 + arity - len(flags) if is_variadic else 1)
        # Options given by position are small and always passed.
        return (flags + [True] * (1 + arity))[: 1 + arity]

    def _missing(self, index: int) -> RuleError:
        if not self.vjps and self.each is None:
            what = "no gradient rule is defined for it"
        else:
            what = f"its rule has no gradient for argument {index}"
        return RuleError(
            f"{self.name} was given a tensor that requires a gradient, but {what}; "
            f"define one with minigrad.defvjp({self.name}, ...) or pass tensor.detach()"
        )

    def __repr__(self) -> str:
        return f"<rule of {self.name}>"


class Plan(NamedTuple):
    """What a call keeps for the backward pass, given which arguments want gradients."""

    rule: Rule
    saves_out: bool
    saves: tuple[bool, ...]  # one for each argument
    kept: tuple[int, ...]  # positions of the arguments whose values are needed
    dropped: tuple[int, ...]  # and of the others
    vjps: tuple[tuple[int, Vjp], ...]  # position and function of each gradient that is wanted


def _after_cotangent(vjp: Vjp | None, leading: int) -> list[tuple[bool, bool]]:
    """Return whether a rule needs each parameter from `out` on, and whether it is variadic."""
    if vjp is None:
        return []
    try:
        parameters = list(inspect.signature(vjp).parameters.values())
    except ValueError:  # compiled: who knows what it needs
        return []
    kinds = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return [
        (not parameter.name.startswith("_"), parameter.kind is parameter.VAR_POSITIONAL)
        for parameter in parameters
        if parameter.kind in kinds
    ][leading:]


# --- Vertices --------------------------------------------------------------------------------


class _Described:
    """What is known of an array without its values, all that a rule needs of some arguments."""

    __slots__ = ()

    shape: tuple[int, ...]
    dtype: Any

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise RuleError(
            f"this rule computes with a value of shape {self.shape} that was not kept, because its "
            "parameter begins with an underscore; rename _x to x, or use its shape and dtype only"
        )

    # What a rule may try, in ignorance of that.
    __array_ufunc__ = __array__ = __getitem__ = __float__ = __abs__ = __neg__ = _refuse
    __add__ = __sub__ = __mul__ = __truediv__ = __pow__ = __matmul__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = _refuse
    T = mT = sum = mean = max = min = reshape = astype = copy = property(_refuse)


class Leaf(_Described):
    """A tensor that no recorded operation made: an input, a constant, a parameter."""

    __slots__ = ("dtype", "grad", "name", "requires_grad", "shape", "version")

    is_leaf = True
    parents: tuple[Vertex | None, ...] = ()

    def __init__(
        self, shape: tuple[int, ...], dtype: Any, requires_grad: bool, name: str | None = None
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.requires_grad = requires_grad
        self.name = name
        self.grad: Array | None = None
        self.version = 1  # a node's version is 0, so a sum of versions is 0 without any leaf

    def __repr__(self) -> str:
        return f"<leaf {self.name or ''}{list(self.shape)} {self.dtype}>"


class Node(_Described):
    """The result of one recorded call: the rule, the parents, and what the rule needs."""

    __slots__ = (
        "args",
        "constants",
        "dtype",
        "grad",
        "kwargs",
        "name",
        "note",
        "out",
        "parents",
        "plan",
        "retains_grad",
        "scope",
        "shape",
        "versions",
    )

    is_leaf = False
    requires_grad = True
    version = 0

    def __init__(
        self,
        plan: Plan,
        parents: tuple[Vertex | None, ...],
        args: tuple[Any, ...],
        kwargs: dict[str, Any] | None,
        out: Array,
        shape: tuple[int, ...],
        dtype: Any,
        scope: Scope | None,
        versions: int,
    ) -> None:
        self.plan = plan
        self.parents = parents  # one for each argument; None for what is not a tensor
        self.args: tuple[Any, ...] | None = args  # None once freed
        self.kwargs = kwargs
        self.out = out
        self.shape = shape
        self.dtype = dtype
        self.scope = scope
        self.versions = versions  # the sum of the versions of the leaves whose values are kept
        self.name: str | None = None
        self.grad: Array | None = None
        self.retains_grad = False
        self.note: Any = None  # an observer's

    @property
    def rule(self) -> Rule:
        """The rule of the function that was called."""
        return self.plan.rule

    @property
    def path(self) -> str:
        """Dotted path of the module that was running, empty outside any."""
        return self.scope.path if self.scope is not None else ""

    def free(self) -> None:
        """Let go of the saved values; the structure stays, and the shapes of constants."""
        if self.args is not None and None in self.parents:
            pairs = zip(self.args, self.parents, strict=True)
            self.constants = tuple([_remains(v) if p is None else None for v, p in pairs])
        if self.kwargs:
            self.kwargs = {name: _remains(value) for name, value in self.kwargs.items()}
        self.args = self.out = None

    def constant(self, index: int) -> Any:
        """Return an argument that is no tensor, or what is left of it; None if it is not known."""
        given = getattr(self, "constants", ()) if self.args is None else self.args
        return given[index] if index < len(given) else None

    def where(self) -> str:
        """Say which operation this is, in the user's terms."""
        name = f" {self.name!r}" if self.name else ""
        path = f" in {self.path}" if self.path else ""
        return f"{self.rule.name}{name}{path}"

    def __repr__(self) -> str:
        return f"<node {self.where()} {list(self.shape)} {self.dtype}>"


_PLAIN = frozenset({int, float, bool, str, slice, type(None), type(...)})


def _remains(value: Any) -> Any:
    """Return what a picture shows of a constant: a number itself, of an array only its shape."""
    if type(value) in _PLAIN:
        return value
    if type(getattr(value, "shape", None)) is tuple and value.shape:  # not of a class of numbers
        return Leaf(value.shape, value.dtype, False)
    if type(value) is tuple:
        return tuple(map(_remains, value))
    if type(value) is list:  # a short index in full
        return value[:] if len(value) <= 6 and all(isinstance(v, int) for v in value) else []
    if isinstance(value, type):
        return value
    return value.item() if hasattr(value, "dtype") and value.dtype.kind in "fiub" else None


class View(Node):
    """A result in the memory of a leaf: a change of the leaf's values is a change of its own."""

    __slots__ = ("owner",)

    owner: Leaf

    def belong_to(self, owner: Leaf) -> None:
        """Say in whose memory the result lies."""
        self.owner = owner
        if self.plan.saves_out:
            self.versions += owner.version

    @property
    def version(self) -> int:  # type: ignore[override]
        """The leaf's."""
        return self.owner.version


class Alias(Leaf):
    """A constant in the memory of another leaf: a change of one is a change of both."""

    __slots__ = ("owner",)

    def __init__(self, owner: Leaf, shape: tuple[int, ...], dtype: Any) -> None:
        self.owner = owner
        super().__init__(shape, dtype, False)

    @property
    def version(self) -> int:
        """The owner's."""
        return self.owner.version

    @version.setter
    def version(self, version: int) -> None:
        if version > self.owner.version:
            self.owner.version = version


Vertex: TypeAlias = Leaf | Node
