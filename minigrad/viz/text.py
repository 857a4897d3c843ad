"""Graphs and models as trees of text, for terminals and logs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from minigrad.nn.module import Module
from minigrad.tensor import Tensor
from minigrad.viz.data.graph import Graph, GraphNode, Group
from minigrad.viz.data.reducing import reduced
from minigrad.viz.data.trace import graph_behind
from minigrad.viz.look import numbers
from minigrad.viz.options import check_depth

__all__ = ["text", "text_of"]

LONGEST = 72  # characters of a name


def text(
    *what: Tensor | Module | Graph,
    depth: int | None = None,
    shapes: bool = True,
    dtypes: bool = False,
    values: bool = False,
    grads: bool = False,
    fold: bool = True,
    max_nodes: int | None = 1000,
    names: Mapping[str, Tensor] | None = None,
) -> str:
    """Return a computation or a model as a tree of text.

    The branches are the modules; each array has one line and a number, by which the lines of what
    was computed from it refer to it, unless it has a name. ``print`` it.

    Parameters
    ----------
    *what : Tensor, Module or Graph
        Results, such as a loss; or a model, for its modules and parameters.
    depth : int, optional
        Show modules at this depth as single lines: 0 for whole models, 1 for what they are made
        of. By default all is shown.
    shapes, dtypes : bool, default True and False
        Whether to write them.
    values, grads : bool, default False
        Whether to write values and gradients: of up to 12 elements, of larger arrays the least,
        mean and largest. Inside `record` the graph keeps all of them.
    fold : bool, default True
        Whether a run of equal modules is written once, with a count, unless `values` or `grads`
        tell them apart.
    max_nodes : int or None, default 1000
        With more, inner modules become single lines, and if that is not enough the middle is left
        out. None for no limit.
    names : mapping from str to Tensor, optional
        What to call tensors that have no name.

    Returns
    -------
    str

    Raises
    ------
    ArgumentError, DtypeError, GraphError
        If there is nothing to write, or an option is not one.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> from minigrad import nn, viz
    >>> x = mg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    >>> print(viz.text(np.sum(nn.Sequential(nn.Linear(2, 3), nn.Tanh())(x))))
    ├─ x  (1, 2)
    ├─ Sequential
    │  ├─ 0: Linear  in_features=2, out_features=3, bias=True
    │  │  ├─ 0.weight  (3, 2)
    │  │  ├─ 0.bias  (3,)
    │  │  └─ #3 = affine(x, 0.weight, 0.bias)  (1, 3)
    │  └─ 1: Tanh
    │     └─ #4 = tanh(#3)  (1, 3)
    └─ #5 = sum(#4)  scalar  [result]
    3 operations, 9 parameters in 2 arrays
    >>> print(viz.text(nn.Sequential(nn.Linear(2, 3), nn.Tanh())))
    Sequential
    ├─ 0: Linear  in_features=2, out_features=3, bias=True
    │  ├─ weight  (3, 2)
    │  └─ bias  (3,)
    └─ 1: Tanh
    9 parameters in 2 arrays
    """
    show = _Show(shapes, dtypes, values, grads)
    one = what[0] if len(what) == 1 else None
    if isinstance(one, Module):
        return _model(one, show, depth)
    whole = graph_behind(what, names)
    fold = fold and not (values or grads)  # equal blocks differ in their numbers
    return _tree(reduced(whole, depth, fold, max_nodes), show, whole.summary)


def text_of(graph: Graph) -> str:
    """Return a graph as it is as a tree, with a newline at the end."""
    return _tree(graph, _Show(), graph.summary) + "\n"


@dataclass(frozen=True)
class _Show:
    """What to write."""

    shapes: bool = True
    dtypes: bool = False
    values: bool = False
    grads: bool = False


# --- Computations ------------------------------------------------------------------------------


def _tree(graph: Graph, show: _Show, summary: str) -> str:
    lines = [*_Tree(graph, show).lines(), summary, *graph.notes]
    if graph.unused:
        lines.append(f"not used here: {', '.join(_clean(node.name) for node in graph.unused)}")
    return "\n".join(lines)


class _Tree:
    """Writes the lines of a graph."""

    def __init__(self, graph: Graph, show: _Show) -> None:
        self.graph = graph
        self.show = show
        self.unreached = graph.unreached
        self.sources: list[list[int]] = [[] for _ in graph.nodes]
        for edge in graph.edges:
            self.sources[edge.target].append(edge.source)
        names = Counter(node.name for node in graph.nodes if node.name)
        self.unique = {name for name, count in names.items() if count == 1}
        self.inside: dict[int | None, list[GraphNode | Group]] = {}
        seen: set[int] = set()
        for node in graph.nodes:
            new: list[Group] = []
            for group in graph.groups_around(node.group):
                if group.index in seen:  # and so are those around it
                    break
                seen.add(group.index)
                new.append(group)
            for group in reversed(new):
                self.inside.setdefault(group.parent, []).append(group)
            self.inside.setdefault(node.group, []).append(node)

    def lines(self) -> Iterator[str]:
        """Yield the lines, what is in a group after its own."""
        ahead = self._branches(None, "")
        while ahead:
            item, indent, last = ahead.pop()
            corner, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
            if isinstance(item, Group):
                yield indent + corner + _group(item)
                ahead += self._branches(item.index, indent + rest)
            else:
                yield indent + corner + self._node(item)

    def _branches(
        self, group: int | None, indent: str
    ) -> list[tuple[GraphNode | Group, str, bool]]:
        """Return what is in a group, the last one first, and whether it is that."""
        items = self.inside.get(group, [])
        return [(item, indent, item is items[-1]) for item in reversed(items)]

    def _node(self, node: GraphNode) -> str:
        parts = [self._head(node)]
        if node.kind != "hidden":
            parts.append(_described(node.shape, node.dtype, self.show))
        if self.show.values and node.kind != "hidden":
            parts.append(_array("", node.value))
        if self.show.grads and node.requires_grad:
            parts.append(_array("grad ", node.gradient))
        parts += self._remarks(node)
        return "  ".join(filter(None, parts))

    def _remarks(self, node: GraphNode) -> Iterator[str]:
        if node.output:
            yield "[result]"
        if node.repeats > 1:
            yield f"[{node.repeats} times]"
        if node.index in self.unreached:
            which = ", ".join(map(_clean, node.without_gradient))
            yield f"[no gradient: {which}]" if which else "[no gradient]"
        if node.frozen_remark:
            yield f"[{_clean(node.frozen_remark)}]"

    def _head(self, node: GraphNode) -> str:
        if node.kind in ("parameter", "input", "constant"):
            return (
                _clean(node.name)
                if node.name in self.unique
                else f"#{node.index} {_clean(node.title)}"
            )
        arguments = [self._reference(source) for source in self.sources[node.index]]
        name = self._reference(node.index)
        if node.kind == "hidden":
            return f"{name} = … {node.operation} …"
        if node.kind == "module":
            kind = _clean(node.operation)
            module = f"{_clean(node.name)}: {kind}" if node.name else kind
            return f"#{node.index} = {module}({', '.join(dict.fromkeys(arguments))})"
        return f"{name} = {node.operation}({_with(arguments, node.options)})"

    def _reference(self, index: int) -> str:
        node = self.graph.nodes[index]
        named = node.name in self.unique and node.kind != "module"
        return _clean(node.name) if named else f"#{index}"


def _with(arguments: list[str], options: str) -> str:
    """Put the arguments where the options have places for them, or before the options."""
    if "·" not in options:
        return ", ".join(filter(None, [*arguments, options]))
    pieces = options.split("·")
    if len(pieces) - 1 != len(arguments):
        return ", ".join([*arguments, options])
    return "".join(f"{piece}{arg}" for piece, arg in zip(pieces, [*arguments, ""], strict=True))


def _group(group: Group) -> str:
    kind = _clean(group.module)
    title = f"{_clean(group.path)}: {kind}" if group.path else kind
    times = f"[{group.repeats} times]" if group.repeats > 1 else ""
    return "  ".join(filter(None, [title, _clean(group.configuration), times]))


def _described(shape: tuple[int, ...], dtype: str, show: _Show) -> str:
    texts = [numbers.shape(shape)] if show.shapes else []
    return " ".join([*texts, dtype] if show.dtypes and dtype else texts)


def _array(what: str, array: Any) -> str:
    return f"{what}{'; '.join(numbers.array_lines(array))}" if array is not None else f"{what}?"


def _clean(text: str) -> str:
    """Return a text in one line, of what a terminal shows."""
    return numbers.visible(numbers.shortened(text, LONGEST))


# --- Models ------------------------------------------------------------------------------------


def _model(model: Module, show: _Show, depth: int | None) -> str:
    check_depth(depth)
    lines = [_module(model, "")]
    lines += _parts(model, show, depth, "", {id(model)}, set())
    parameters = list(model.parameters())
    size = sum(math.prod(parameter.shape) for parameter in parameters)
    plural = "s"[: len(parameters) != 1]
    lines.append(f"{size:,} parameter{'s'[: size != 1]} in {len(parameters):,} array{plural}")
    return "\n".join(lines)


def _module(module: Module, name: str) -> str:
    kind = _clean(type(module).__name__)
    title = f"{name}: {kind}" if name else kind
    return "  ".join(filter(None, [title, _clean(module.extra_repr())]))


def _parts(
    module: Module,
    show: _Show,
    depth: int | None,
    indent: str,
    modules: set[int],
    tensors: set[int],
) -> Iterator[str]:
    """Yield the lines of the parameters and modules in a module; those seen before say so."""
    if depth == 0:
        return
    items: list[tuple[str, Any]] = [*module.own_parameters(), *module.named_children()]
    for position, (name, item) in enumerate(items):
        corner, rest = ("└─ ", "   ") if position == len(items) - 1 else ("├─ ", "│  ")
        seen = modules if isinstance(item, Module) else tensors
        shared = "  [shared: see above]" if id(item) in seen else ""
        new = id(item) not in seen
        seen.add(id(item))
        if isinstance(item, Module):
            yield indent + corner + _module(item, _clean(name)) + shared
            if new:
                inner = None if depth is None else depth - 1
                yield from _parts(item, show, inner, indent + rest, modules, tensors)
        else:
            yield indent + corner + _parameter(name, item, show) + shared


def _parameter(name: str, tensor: Tensor, show: _Show) -> str:
    parts = [_clean(name), _described(tensor.shape, str(tensor.dtype), show)]
    parts += [_array("", tensor.data)] if show.values else []
    parts += [_array("grad ", tensor.grad)] if show.grads and tensor.requires_grad else []
    parts += [] if tensor.requires_grad else ["[frozen]"]
    return "  ".join(filter(None, parts))
