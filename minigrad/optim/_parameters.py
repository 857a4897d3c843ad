"""What may be handed over as the parameters of an optimizer, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from minigrad.errors import ArgumentError, DtypeError
from minigrad.tensor import Tensor

__all__ = ["Named", "Parameters", "read_groups", "read_parameters"]

Parameters: TypeAlias = Iterable[Tensor] | Iterable[tuple[str, Tensor]]


class Named(NamedTuple):
    """A parameter and what to call it in messages and state dicts."""

    name: str | None
    tensor: Tensor

    def label(self, index: int) -> str:
        """Return the name, or the position in its place."""
        return f"parameter {self.name!r}" if self.name else f"parameter {index}"


def read_groups(
    owner: str, params: Parameters | Iterable[Mapping[str, Any]]
) -> list[tuple[list[Named], dict[str, Any]]]:
    """Return the groups in `params`: the parameters of each, and the options it sets."""
    items = _listed(owner, params)
    groups = [item for item in items if isinstance(item, Mapping)]
    if not groups:
        return [(_named(owner, items, ""), {})]
    if len(groups) < len(items):
        raise ArgumentError(
            f"{owner} takes either parameters or groups of them, not a list of both; put the "
            'others into a group as well: {"params": [...]}'
        )
    return [_read_group(owner, index, group) for index, group in enumerate(groups)]


def _read_group(
    owner: str, index: int, group: Mapping[str, Any]
) -> tuple[list[Named], dict[str, Any]]:
    where = f" in group {index}"
    if "params" not in group:
        raise ArgumentError(
            f'{owner} got no "params"{where}, which has only: {", ".join(map(repr, group))}'
        )
    options = {name: value for name, value in group.items() if name != "params"}
    return read_parameters(owner, group["params"], where), options


def read_parameters(owner: str, params: Parameters, where: str = "") -> list[Named]:
    """Return the parameters of an iterable of tensors or of (name, tensor) pairs."""
    return _named(owner, _listed(owner, params, where), where)


def _listed(owner: str, params: Any, where: str = "") -> list[Any]:
    problem = _why_unsuitable(owner, params)
    if problem:
        raise DtypeError(f"{owner} takes an iterable of parameters{where}, not {problem}")
    items = list(params)
    if not items:
        raise ArgumentError(
            f"{owner} got no parameters{where}; an iterator such as model.parameters() can be read "
            "only once, and a model knows the parameters that are its attributes"
        )
    return items


def _why_unsuitable(owner: str, params: Any) -> str:
    """Return what was given in place of an iterable of parameters, and what to write."""
    kind = type(params).__name__
    if isinstance(params, Tensor):
        return f"one tensor; write {owner}([{params.name or 'tensor'}])"
    if callable(getattr(params, "parameters", None)):
        return f"a module; write {owner}(model.parameters())"
    if isinstance(params, Mapping):
        if "params" in params:
            return f'one group; put it into a list: {owner}([{{"params": ...}}])'
        return f"a {kind}; write {owner}(list(parameters.values()))"
    if isinstance(params, set | frozenset):
        return f"a {kind}, which has no fixed order; write {owner}([...])"
    if callable(params) and not isinstance(params, type):
        name = getattr(params, "__name__", "parameters")
        return f"a function; write {owner}(model.{name}()), with parentheses"
    if isinstance(params, str) or not isinstance(params, Iterable):
        return f"{kind} {params!r}"
    return ""


def _named(owner: str, items: list[Any], where: str) -> list[Named]:
    named = [_checked(owner, item, index, where) for index, item in enumerate(items)]
    if not any(parameter.tensor.requires_grad for parameter in named):
        raise ArgumentError(
            f"{owner}: {named[0].label(0)}{where} has requires_grad=False"
            f"{', as all parameters have,' if len(named) > 1 else ''} and would never change; "
            "leave it out: [p for p in model.parameters() if p.requires_grad]"
        )
    return named


def _checked(owner: str, item: Any, index: int, where: str) -> Named:
    name = None
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):
        name, item = item
    if not isinstance(item, Tensor):
        what = f"parameter {name!r}" if name else f"item {index}"
        raise DtypeError(
            f"{owner}: {what}{where} is a {type(item).__name__}, not a Tensor; a parameter is made "
            "with minigrad.tensor(array, requires_grad=True) or nn.Parameter(array)"
        )
    named = Named(name or item.name, item)
    if not item.is_leaf:
        raise ArgumentError(
            f"{owner}: {named.label(index)}{where} was computed from other tensors, so it has no "
            "gradient of its own to follow; optimize what it was computed from, or make a new "
            "parameter of its value: minigrad.tensor(x.detach(), requires_grad=True)"
        )
    return named
