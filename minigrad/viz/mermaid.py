"""Graphs as Mermaid flowcharts, which README files on many sites show as pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from minigrad.tensor import Tensor
from minigrad.viz.data.graph import Graph, GraphNode, Group
from minigrad.viz.data.reducing import reduced
from minigrad.viz.data.trace import graph_behind
from minigrad.viz.look import numbers
from minigrad.viz.look.numbers import shortened, visible
from minigrad.viz.look.palette import BLACK, KINDS, VERMILION
from minigrad.viz.options import check_direction

__all__ = ["mermaid", "mermaid_of"]

LONGEST = 60  # characters of a line in a label


def mermaid(
    *what: Tensor | Graph,
    depth: int | None = None,
    direction: str = "TB",
    shapes: bool = True,
    dtypes: bool = False,
    fold: bool = True,
    max_nodes: int | None = 100,
    names: Mapping[str, Tensor] | None = None,
) -> str:
    """Return a computation as a Mermaid flowchart: text that README files show as a picture.

    Put it between a line of three backticks and ``mermaid``, and one of three backticks; or save
    it as ``.mmd``, and so enclosed as ``.md``, with ``viz.draw(loss).save("loss.md")``.

    Parameters
    ----------
    *what : Tensor or Graph
        Results, such as a loss.
    depth : int, optional
        Show modules at this depth as single boxes: 0 for whole models, 1 for what they are made
        of. By default all is shown.
    direction : {"TB", "LR", "BT", "RL"}, default "TB"
        From where to where the computation goes: top to bottom, left to right, and back.
    shapes, dtypes : bool, default True and False
        Whether to write them.
    fold : bool, default True
        Whether a run of equal modules is drawn once, with a count.
    max_nodes : int or None, default 100
        With more, inner modules are shown as single boxes, and if that is not enough the middle
        is left out: sites refuse large flowcharts. None for no limit.
    names : mapping from str to Tensor, optional
        What to call tensors that have no name.

    Returns
    -------
    str

    Raises
    ------
    ArgumentError, DtypeError, GraphError
        If there is nothing to draw, or an option is not one.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad import viz
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> print(viz.mermaid(x * 3.0))
    flowchart TB
        n0["<b>x</b><br/>(2,)"]:::input
        n1(["<b>multiply(·, 3)</b><br/>(2,)"]):::operation
        n0 --> n1
        classDef input fill:#E1EFF9,stroke:#0072B2,color:#222222
        classDef operation fill:#FFFFFF,stroke:#222222,color:#222222
        style n1 stroke-width:3px
    """
    check_direction(direction)
    whole = graph_behind(what, names)
    flowchart = _Flowchart(reduced(whole, depth, fold, max_nodes), shapes, dtypes)
    return flowchart.text(direction).rstrip("\n")


def mermaid_of(graph: Graph, direction: str = "TB") -> str:
    """Return a graph as it is as a flowchart, with a newline at the end."""
    return _Flowchart(graph, shapes=True, dtypes=False).text(direction)


class _Flowchart:
    """Writes a flowchart."""

    def __init__(self, graph: Graph, shapes: bool, dtypes: bool) -> None:
        self.graph = graph
        self.shapes = shapes
        self.dtypes = dtypes
        self.unreached = graph.unreached
        self.members: dict[int | None, list[GraphNode]] = {}
        for node in graph.nodes:
            self.members.setdefault(node.group, []).append(node)

    def text(self, direction: str) -> str:
        """Return it."""
        lines = [f"flowchart {direction}"]
        lines += [f"    %% {note.replace('%', '')}" for note in self.graph.notes]
        lines += self._boxes()
        lines += [f"    n{source} --> n{target}" for source, target, *_ in self.graph.edges]
        lines += self._styles()
        return "\n".join(lines) + "\n"

    def _boxes(self) -> Iterator[str]:
        yield from self._members(None, "    ")
        for group, depth, opens in self.graph.boxes():
            indent = "    " * (depth + 1)
            if opens:
                yield f'{indent}subgraph g{group.index}["{_title(group)}"]'
                yield from self._members(group.index, indent + "    ")
            else:
                yield f"{indent}end"

    def _members(self, group: int | None, indent: str) -> Iterator[str]:
        for node in self.members.get(group, []):
            opening, closing = _OUTLINES.get(node.kind, ("[", "]"))
            label = "<br/>".join(self._lines(node))
            yield f'{indent}n{node.index}{opening}"{label}"{closing}:::{node.kind}'

    def _lines(self, node: GraphNode) -> Iterator[str]:
        yield f"<b>{_escaped(node.title)}</b>"
        if node.kind in ("operation", "module") and node.name:
            yield _escaped(node.call)
        described = [numbers.shape(node.shape)] if self.shapes and node.kind != "hidden" else []
        described += [node.dtype] if self.dtypes and node.dtype else []
        if described:
            yield _escaped(" ".join(described))
        if node.repeats > 1:
            yield f"repeated {node.repeats} times"
        if node.index in self.unreached:
            yield "no gradient"
        if node.frozen_remark:
            yield _escaped(node.frozen_remark)

    def _styles(self) -> Iterator[str]:
        present = {node.kind for node in self.graph.nodes}
        for name, kind in KINDS.items():
            if name in present:
                dashes = ",stroke-dasharray:4 3" if _is_dashed(kind.style) else ""
                fill = f"fill:{kind.fill},stroke:{kind.line},color:{BLACK}{dashes}"
                yield f"    classDef {name} {fill}"
        for node in self.graph.nodes:
            if node.output:
                yield f"    style n{node.index} stroke-width:3px"
            elif node.index in self.unreached:
                yield f"    style n{node.index} stroke-width:3px,stroke:{VERMILION}"


_OUTLINES = {"operation": ("([", "])"), "module": ("[[", "]]"), "hidden": ("([", "])")}
_PLAIN = frozenset("_.,=():…·� ")  # what means nothing to Mermaid, letters and digits aside


def _is_dashed(style: str) -> bool:
    return "dashed" in style or "dotted" in style


def _title(group: Group) -> str:
    name = f"{group.path}: {group.module}" if group.path else group.module
    times = f" (repeated {group.repeats} times)" if group.repeats > 1 else ""
    return _escaped(name) + times


def _escaped(text: str) -> str:
    """Return a text in which no character means anything to Mermaid, Markdown or HTML."""
    one_line = visible(shortened(text, LONGEST)).replace(". ", ".\u00a0")  # "1. " begins a list
    return "".join(c if c in _PLAIN or c.isalnum() else f"#{ord(c)};" for c in one_line)
