"""The picture of a computation: operations and arrays, in the boxes of the modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from minigrad.tensor import Tensor
from minigrad.viz.data.collapse import limited
from minigrad.viz.data.graph import Cost, Graph, GraphNode, Group
from minigrad.viz.data.reducing import reduced
from minigrad.viz.data.trace import graph_behind
from minigrad.viz.look import numbers
from minigrad.viz.look.numbers import LONGEST, shortened
from minigrad.viz.look.palette import GREY, HEAT, KINDS, PURPLE, VERMILION
from minigrad.viz.look.render import Drawing
from minigrad.viz.look.theme import label, legend, new_drawing, plain
from minigrad.viz.mermaid import mermaid_of
from minigrad.viz.options import check_flags
from minigrad.viz.text import text_of

__all__ = ["View", "draw", "draw_graph"]

SHOWN = 8  # names in a note


def draw(
    *outputs: Tensor | Graph,
    depth: int | None = None,
    direction: str = "TB",
    shapes: bool = True,
    dtypes: bool = False,
    values: bool = False,
    grads: bool = False,
    backward: bool = False,
    fold: bool = True,
    max_nodes: int | None = 200,
    names: Mapping[str, Tensor] | None = None,
) -> Drawing:
    """Draw what tensors were computed from: every operation and array, by modules.

    Parameters have their dotted names, tensors those that you gave them. The boxes of modules lie
    in each other as the modules do. It may be called before or after ``backward()``; afterwards,
    parameters at which no gradient arrived stand out.

    Parameters
    ----------
    *outputs : Tensor
        Results, such as a loss; or one `Graph` of them.
    depth : int, optional
        Show modules at this depth as single boxes: 0 for whole models, 1 for what they are made
        of. By default all is shown.
    direction : {"TB", "LR", "BT", "RL"}, default "TB"
        From where to where the computation goes: top to bottom, left to right, and back.
    shapes, dtypes : bool, default True and False
        Whether to write them.
    values : bool, default False
        Whether to write values: up to 12 elements in full, of larger arrays the least, mean and
        largest. A graph keeps only what its gradients need, and only until ``backward()``; inside
        `record` it keeps all.
    grads : bool, default False
        The same for gradients. Results keep theirs only inside `record`, or by ``retain_grad()``.
    backward : bool, default False
        Whether to draw the way of the gradient, too, as dashed arrows.
    fold : bool, default True
        Whether a run of equal modules is drawn once, with a count, unless `values` or `grads`
        tell them apart; see `folded` for what is equal.
    max_nodes : int or None, default 200
        With more, inner modules are shown as single boxes, and if that is not enough the middle
        is left out; the picture says so. None for no limit.
    names : mapping from str to Tensor, optional
        What to call tensors that have no name.

    Returns
    -------
    Drawing
        Shows itself in a notebook; ``save("loss.svg")`` saves it.

    Raises
    ------
    ArgumentError, DtypeError, GraphError
        If there is nothing to draw, or an option is not one.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> loss = nn.CrossEntropyLoss()(model(np.ones((5, 3), np.float32)), np.zeros(5, int))
    >>> picture = viz.draw(loss)
    >>> "0.weight" in picture.source
    True
    >>> "0.weight" in viz.draw(loss, depth=0).source
    False
    """
    check_flags(
        shapes=shapes, dtypes=dtypes, values=values, grads=grads, backward=backward, fold=fold
    )
    view = View(direction, shapes, dtypes, values, grads, backward)
    traced = graph_behind(outputs, names)
    fold = fold and not (values or grads)  # equal blocks differ in their numbers
    return draw_graph(traced, view, depth=depth, fold=fold, max_nodes=max_nodes)


@dataclass(frozen=True)
class View:
    """What to show."""

    direction: str = "TB"
    shapes: bool = True
    dtypes: bool = False
    values: bool = False
    grads: bool = False
    backward: bool = False
    costs: bool = False


def draw_graph(
    graph: Graph,
    view: View | None = None,
    *,
    depth: int | None = None,
    fold: bool = True,
    max_nodes: int | None = 200,
    caption: str | None = None,
) -> Drawing:
    """Return the picture of a graph that is plain data; see `draw`."""
    view = view or View()
    caption = graph.summary if caption is None else caption
    shown = reduced(graph, depth, fold, max_nodes)
    drawing = _Picture(shown, view, caption).drawing()
    drawing.smaller = lambda: _Picture(limited(shown, 40), view, caption).drawing()
    return drawing


class _Picture:
    """Puts a picture together."""

    def __init__(self, graph: Graph, view: View, caption: str) -> None:
        self.graph = graph
        self.caption = caption
        self.view = view
        self.unreached = graph.unreached
        costs = [node.cost.seconds for node in graph.nodes if node.cost is not None]
        self.slowest = max(costs, default=0.0)
        self.seconds = sum(costs)
        self.members: dict[int | None, list[GraphNode]] = {}
        for node in graph.nodes:
            self.members.setdefault(node.group, []).append(node)

    def drawing(self) -> Drawing:
        drawing = new_drawing(self.view.direction)
        self._fill(drawing)
        for edge in self.graph.edges:
            drawing.edge(f"n{edge.source}", f"n{edge.target}")
        if self.view.backward:
            self._draw_backward(drawing)
        legend(drawing, self.caption, self._entries(), self._notes())
        drawing.graph = self.graph
        drawing.texts = _texts(self.graph, self.view.direction)
        return drawing

    def _fill(self, drawing: Drawing) -> None:
        """Draw the nodes of each group, and the groups in it as boxes."""
        self._draw_nodes(drawing, None)
        for group, depth, opens in self.graph.boxes():
            if opens:
                drawing.open_box(str(group.index), **self._box(group, depth))
                self._draw_nodes(drawing, group.index)
            else:
                drawing.close_box()

    def _box(self, group: Group, depth: int) -> dict[str, str]:
        times = f" (repeated {group.repeats} times)" if group.repeats > 1 else ""
        name = shortened(f"{group.path}: {group.module}" if group.path else group.module)
        shade = "#F7F7F7" if depth % 2 == 0 else "#FFFFFF"
        return {
            "label": label(name + times, longest=2 * LONGEST),
            "labelloc": "t",
            "labeljust": "l",
            "style": "filled,rounded",
            "color": "#AAAAAA",
            "fillcolor": shade,
            "tooltip": plain(group.configuration or group.module),
        }

    def _draw_nodes(self, drawing: Drawing, group: int | None) -> None:
        for node in self.members.get(group, []):
            kind = KINDS[node.kind]
            missing = node.index in self.unreached
            drawing.node(
                f"n{node.index}",
                label(node.title, self._lines(node)),
                fillcolor=self._fill_of(node) or kind.fill,
                color=VERMILION if missing else kind.line,
                style=kind.style,
                tooltip=_tooltip(node),
                **({"penwidth": "2.5"} if missing else {}),
                **({"peripheries": "2"} if node.output else {}),
            )

    def _fill_of(self, node: GraphNode) -> str:
        if not self.view.costs or node.cost is None or not self.slowest:
            return ""
        return HEAT[min(len(HEAT) - 1, int(len(HEAT) * node.cost.seconds / self.slowest))]

    def _cost_lines(self, cost: Cost) -> Iterator[str]:
        share = cost.seconds / self.seconds if self.seconds else 0.0
        yield f"{numbers.number(1e3 * cost.seconds)} ms, {share:.0%}"
        yield (
            f"{numbers.number(1e3 * cost.forward)} forward, "
            f"{numbers.number(1e3 * cost.backward)} backward"
        )
        flops = "?" if cost.flops is None else numbers.number(cost.flops / 1e6)
        yield f"{numbers.number(cost.bytes / 1e6)} MB, {flops} MFLOP"

    def _lines(self, node: GraphNode) -> Iterator[str]:
        view = self.view
        if node.kind == "module":
            yield node.operation if node.name else ""
            yield node.options
            yield f"repeated {node.repeats} times" if node.repeats > 1 else ""
        elif node.kind == "operation":
            yield node.call if node.name else ""
        described = [numbers.shape(node.shape)] if view.shapes and node.kind != "hidden" else []
        described += [node.dtype] if view.dtypes and node.dtype else []
        yield " ".join(described)
        if view.values and node.kind != "hidden":
            yield from _numbers("", node.value)
        if view.grads and node.requires_grad and node.index not in self.unreached:
            yield from _numbers("grad ", node.gradient)
        if view.costs and node.cost is not None:
            yield from self._cost_lines(node.cost)
        if node.index in self.unreached:
            yield f"no gradient: {', '.join(node.without_gradient)}".removesuffix(": ")
        yield node.frozen_remark

    def _draw_backward(self, drawing: Drawing) -> None:
        for edge in self.graph.edges:
            source = self.graph.nodes[edge.source]
            if source.requires_grad and edge.source not in self.unreached:
                drawing.edge(
                    f"n{edge.target}",
                    f"n{edge.source}",
                    color=PURPLE,
                    style="dashed",
                    constraint="false",
                )

    def _entries(self) -> dict[str, dict[str, str]]:
        entries = {}
        present = {node.kind for node in self.graph.nodes}
        for name, kind in KINDS.items():
            if name in present:
                style = kind.style.rpartition(",")[2]
                entries[kind.meaning] = {
                    "bgcolor": kind.fill,
                    "color": kind.line,
                    "style": style if style in ("rounded", "dashed", "dotted") else "",
                }
        if self.unreached:
            entries["no gradient arrived"] = {"bgcolor": "#FFFFFF", "color": VERMILION}
        if self.view.costs:
            for place, color in enumerate(HEAT):
                low, high = (f"{share / len(HEAT):.0%}" for share in (place, place + 1))
                entries[f"{low} to {high} of the slowest"] = {"bgcolor": color, "color": "#222222"}
        if self.view.backward:
            entries["way of the gradient"] = {"text": "⇠", "color": PURPLE}
        entries["result"] = {"text": "▣", "color": GREY}
        return entries

    def _notes(self) -> Iterator[str]:
        yield from self.graph.notes
        if self.graph.unused:
            yield f"Not used here: {_listed([node.name for node in self.graph.unused])}"
        nodes = [node for node in self.graph.nodes if node.kind != "hidden"]
        if self.view.values and any(node.value is None for node in nodes):
            yield (
                '"?": a value that the graph did not keep; compute inside "with viz.record():" '
                "to see all"
            )
        wanted = [n for n in nodes if n.requires_grad and n.index not in self.unreached]
        if self.view.grads and any(node.gradient is None for node in wanted):
            if self.graph.walked_back:
                yield '"?": a gradient that was not kept; run backward() in "with viz.record():"'
            else:
                yield '"?": no gradient yet; call backward() first'


def _texts(graph: Graph, direction: str) -> dict[str, Callable[[], str]]:
    """Return what makes the texts that a picture of a graph can be saved as."""
    return {
        ".json": graph.to_json,
        ".txt": lambda: text_of(graph),
        ".mmd": lambda: mermaid_of(graph, direction),
        ".md": lambda: f"```mermaid\n{mermaid_of(graph, direction)}```\n",
    }


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(map(shortened, names[:SHOWN])) + more


def _numbers(what: str, array: Any) -> Iterator[str]:
    if array is None:
        yield f"{what}?"
        return
    first, *others = numbers.array_lines(array)
    yield what + first
    yield from others


def _tooltip(node: GraphNode) -> str:
    parts = [node.title, node.call if node.call != node.title else ""]
    parts += [numbers.shape(node.shape), node.dtype, node.line]
    text = ", ".join(part for part in parts if part)
    return plain(text, 2000)
