"""Backpropagation as a film: one operation a frame, and the numbers filled in as they come."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.errors import ArgumentError
from minigrad.graph import Node, Vertex
from minigrad.tensor import Tensor
from minigrad.viz.data.graph import Graph, GraphNode
from minigrad.viz.data.trace import graph, graph_of
from minigrad.viz.films.slides import embedded, page
from minigrad.viz.films.steps import Step, formula, steps_back
from minigrad.viz.look import numbers
from minigrad.viz.look.numbers import shortened
from minigrad.viz.look.palette import KINDS, PURPLE
from minigrad.viz.look.render import Drawing, check_folder
from minigrad.viz.look.theme import Row, legend, new_drawing, table
from minigrad.viz.options import check_direction

__all__ = ["Film", "Frame", "film"]

_ACTIVE = "#F0E442"  # Okabe and Ito's yellow


def film(
    loss: Tensor,
    *,
    names: Mapping[str, Tensor] | None = None,
    direction: str = "LR",
    max_frames: int = 100,
) -> Film:
    """Show backpropagation frame by frame, with all its numbers.

    The first frame has the values of the forward pass. Then each frame is one operation: the
    gradient that arrives at it, what its rule makes of it for each argument, and the gradients
    so far. Nodes stay where they are; only numbers appear.

    The film makes the walk back itself, and changes nothing: no gradient is added to any ``.grad``,
    and the graph can be walked back afterwards.

    Parameters
    ----------
    loss : Tensor
        A single number, computed inside a block ``with viz.record():``. If ``backward()`` has been
        called, that was inside the block, too.
    names : mapping from str to Tensor, optional
        What to call tensors that have no name of their own, results as well.
    direction : {"LR", "TB", "RL", "BT"}, default "LR"
        From where to where the computation goes: left to right, top to bottom, and back.
    max_frames : int, default 100
        A longer film is refused, as each frame is a picture of everything.

    Returns
    -------
    Film
        Shows itself in a notebook; ``save("film.html")`` makes a page with next and previous keys,
        ``save("folder")`` a folder of SVGs.

    Raises
    ------
    GraphError
        If the loss was not computed inside the block, or has been walked back outside.
    ArgumentError
        If the loss is not a single number, or there are too many operations.
    DtypeError
        If `loss` is not a tensor.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad import viz
    >>> x = mg.tensor(2.0, requires_grad=True, name="x")
    >>> y = mg.tensor(3.0, requires_grad=True, name="y")
    >>> with viz.record():
    ...     loss = x * y + x
    >>> film = viz.film(loss)
    >>> for frame in film.frames:
    ...     print(frame.title)
    Forward: all values
    Backward: it starts with 1
    Step 1 of 2: add
    Step 2 of 2: multiply
    All gradients
    >>> film.frames[3].lines
    ('arrives: g = 1', 'to x: g · y = 3', 'x in all = 4', 'to y: g · x = 2')
    """
    check_direction(direction)
    traced = graph(loss, names=names)
    root = loss._vertex()
    if loss.size != 1 or not isinstance(root, Node):
        raise ArgumentError(
            f"a film goes back from a single number, such as a loss, not from shape {loss.shape}; "
            "film np.sum(...) of it, or one element"
        )
    steps = steps_back(root)
    _check_length(len(steps) + 3, max_frames)
    traced, places = graph_of({root: loss.data})
    traced = _renamed(traced, places, names or {})
    return Film(traced, tuple(_Director(traced, places, steps).frames()), direction)


def _check_length(frames: int, most: Any) -> None:
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ArgumentError(f"max_frames is a number from 1 up, not {most!r}")
    if frames > most:
        raise ArgumentError(
            f"the film would have {frames} frames, one for each operation, and max_frames is "
            f"{most}; film a smaller computation, or draw(loss, grads=True) shows it in one picture"
        )


def _renamed(graph: Graph, places: Mapping[Vertex, int], names: Mapping[str, Tensor]) -> Graph:
    nodes = list(graph.nodes)
    for name, tensor in names.items():
        place = places.get(tensor._vertex())
        if place is not None and not nodes[place].name:
            nodes[place] = replace(nodes[place], name=name)
    return replace(graph, nodes=tuple(nodes))


# --- Frames as plain data --------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """A moment of the walk back.

    Attributes
    ----------
    title : str
        What happens.
    rows : tuple of (str, str)
        The local rule: what arrives, what is passed to each argument, and how much that is.
    active : int or None
        The operation whose turn it is, by its place in `Film.graph`.
    gradients : dict from int to array
        Those that are known, by places of nodes; of arguments that will get more, the sum so far.
    unfinished : frozenset of int
        The places of those.
    passed : frozenset of int
        The places of the arguments that get something now.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad import viz
    >>> with viz.record():
    ...     a = mg.tensor(2.0, requires_grad=True, name="a")
    ...     film = viz.film(a * a)
    ...
    >>> [frame.title for frame in film.frames]
    ['Forward: all values', 'Backward: it starts with 1', 'Step 1 of 1: multiply', 'All
    gradients']
    """

    title: str
    rows: tuple[tuple[str, str], ...]
    active: int | None
    gradients: dict[int, Any]
    unfinished: frozenset[int] = frozenset()
    passed: frozenset[int] = frozenset()

    @property
    def lines(self) -> tuple[str, ...]:
        """The rows as texts."""
        return tuple(" = ".join(filter(None, row)) for row in self.rows)


class _Director:
    """Makes frames of steps."""

    def __init__(self, graph: Graph, places: Mapping[Vertex, int], steps: list[Step]) -> None:
        self.graph = graph
        self.places = places
        self.steps = steps
        self.gradients: dict[int, Any] = {}
        self.waiting: dict[int, int] = {}  # for how many contributions
        for step in steps:
            for index in step.passed:
                place = self._place(step.node, index)
                self.waiting[place] = self.waiting.get(place, 0) + 1

    def frames(self) -> Iterator[Frame]:
        yield Frame("Forward: all values", (("No gradient is known yet", ""),), None, {})
        root = self.steps[0]
        place = self.places[root.node]
        self.gradients[place] = root.arrived
        row = f"{self.graph.nodes[place].title} with respect to itself", _in_a_line(root.arrived)
        yield self._frame("Backward: it starts with 1", [row], place)
        for number, step in enumerate(self.steps, 1):
            active = self.places[step.node]
            title = f"Step {number} of {len(self.steps)}: {self._title(active)}"
            passed = frozenset(self._place(step.node, index) for index in step.passed)
            yield replace(self._frame(title, list(self._take(step)), active), passed=passed)
        yield self._frame("All gradients", [("backward() adds them to .grad", "")], None)

    def _frame(self, title: str, rows: list[tuple[str, str]], active: int | None) -> Frame:
        unfinished = frozenset(p for p in self.gradients if self.waiting.get(p))
        return Frame(title, tuple(rows), active, dict(self.gradients), unfinished)

    def _place(self, node: Node, index: int) -> int:
        parent = node.parents[index]
        assert parent is not None, "gradients pass to tensors only"
        return self.places[parent]

    def _title(self, place: int) -> str:
        node = self.graph.nodes[place]
        return f"{node.name} = {node.call}" if node.name else node.call

    def _take(self, step: Step) -> Iterator[tuple[str, str]]:
        """Add what a step passes on to the gradients, and yield what it says."""
        yield "arrives: g", _in_a_line(step.arrived)
        names = self._names(step.node)
        for index, passed in step.passed.items():
            place = self._place(step.node, index)
            self.waiting[place] -= 1
            before = self.gradients.get(place)
            self.gradients[place] = passed if before is None else before + passed
            rule = formula(step.node, index, names)
            yield f"to {names[index]}{': ' * bool(rule)}{rule}", _in_a_line(passed)
            if before is not None:
                amount = "so far" if self.waiting[place] else "in all"
                yield f"{names[index]} {amount}", _in_a_line(self.gradients[place])

    def _names(self, node: Node) -> list[str]:
        """Return what the arguments of an operation are called, constants by their value."""
        found = []
        for index, parent in enumerate(node.parents):
            if parent is not None:
                found.append(shortened(self.graph.nodes[self.places[parent]].title, 20))
                continue
            value = node.constant(index)
            is_number = isinstance(value, int | float | np.number)
            found.append(numbers.number(float(value)) if is_number else "the constant")
        return found


def _in_a_line(array: Any) -> str:
    return "; ".join(numbers.array_lines(array))


# --- Frames as pictures ----------------------------------------------------------------------


class Film:
    """Backpropagation as frames; made by `viz.film`.

    Attributes
    ----------
    graph : Graph
        What was computed.
    frames : tuple of Frame
        What is known when, as plain data.

    Examples
    --------
    >>> import minigrad as mg
    >>> from minigrad import viz
    >>> with viz.record():
    ...     a = mg.tensor(2.0, requires_grad=True, name="a")
    ...     film = viz.film(a * a)
    ...
    >>> len(film), len(film.graph.nodes)
    (4, 2)
    """

    def __init__(self, graph: Graph, frames: tuple[Frame, ...], direction: str = "LR") -> None:
        self.graph = graph
        self.frames = frames
        self.direction = direction
        last = frames[-1].gradients
        self._heights = {place: len(numbers.array_lines(g)) for place, g in last.items()}
        self._widths = self._least_widths()
        self._rule_height = max(len(frame.rows) for frame in frames)
        self._rule_width = max(map(_rule_width, frames))

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Drawing:
        """Return the picture of a frame."""
        return self._draw(self.frames[index])

    def __iter__(self) -> Iterator[Drawing]:
        return map(self._draw, self.frames)

    def __repr__(self) -> str:
        return f"<film of {len(self)} frames>"

    def save(self, path: str | Path) -> Path:
        """Save the film.

        Parameters
        ----------
        path : str or Path
            Ending in .html: one page with everything in it, which shows a frame at a time; the
            arrow keys and buttons go on and back, + and - enlarge and shrink, 0 fits it in. It
            needs no network. Without a suffix: a folder,
            made if it is not there, of pictures frame-00.svg, frame-01.svg, ...; of a longer film
            that was saved there before, the frames after the last of this one are removed, and
            nothing else.

        Returns
        -------
        Path
            Where it was saved.

        Raises
        ------
        ArgumentError
            If the suffix is another one, or there is no folder for the page.
        MissingExtraError
            If there is neither a ``dot`` on the PATH nor pygraphviz.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix in (".html", ".htm"):
            check_folder(path)
            path.write_text(self.html(), encoding="utf-8")
        elif suffix and not path.is_dir():
            raise ArgumentError(
                f"a film is saved as a page, film.html, or into a folder, film, not as {path.name}"
            )
        else:
            pictures = [drawing.picture("svg") for drawing in self]
            path.mkdir(parents=True, exist_ok=True)
            for number, picture in enumerate(pictures):
                (path / _file_name(number)).write_bytes(picture)
            _remove_frames(path, len(pictures))
        return path

    def html(self) -> str:
        """Return the page that `save` writes."""
        pictures = [drawing.picture("svg").decode("utf-8") for drawing in self]
        texts = [(frame.title, frame.lines) for frame in self.frames]
        return page("Backpropagation", list(zip(texts, pictures, strict=True)))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> Any:
        try:
            return {"text/html": embedded(self.html()), "text/plain": repr(self)}
        except Exception as error:  # a notebook shows what it can
            lines = [f"{frame.title}: {'; '.join(frame.lines)}" for frame in self.frames]
            return {"text/plain": "\n".join([str(error), "", *lines])}

    # --- Drawing

    def _draw(self, frame: Frame) -> Drawing:
        drawing = new_drawing(self.direction, nodesep="0.3", ranksep="0.45")
        with drawing.subgraph(name="cluster_film") as box:
            box.attr(label=self._rule(frame), labelloc="t", penwidth="0")
            for node in self.graph.nodes:
                box.node(f"n{node.index}", self._node(node, frame), shape="plain")
            for edge in self.graph.edges:
                lit = edge.target == frame.active and edge.source in frame.passed
                drawn = {"color": PURPLE, "penwidth": "2.5", "dir": "back"} if lit else {}
                box.edge(f"n{edge.source}", f"n{edge.target}", **drawn)
        legend(drawing, "", self._entries(), ())
        drawing.graph = self.graph
        return drawing

    def _rule(self, frame: Frame) -> str:
        blank = [Row(" ", " ")] * (self._rule_height - len(frame.rows))
        rows = [*(Row(*row) for row in frame.rows), *blank]
        head = "#F3F3F3" if frame.active is None else _ACTIVE
        return table(frame.title, "", rows, head=head, line="#AAAAAA", least=self._rule_width)

    def _node(self, node: GraphNode, frame: Frame) -> str:
        """Return the label of a node: as large in all frames."""
        kind = KINDS[node.kind]
        active = node.index == frame.active
        rows = list(itertools.chain(_value_rows(node), self._gradient_rows(node, frame)))
        return table(
            node.title,
            self._place_of(node),
            rows,
            head=_ACTIVE if active else kind.fill,
            line="#222222" if active else kind.line,
            width=2,
            least=self._widths[node.index],
        )

    def _place_of(self, node: GraphNode) -> str:
        """Return what the head says beside the title: what computed it, or in which module."""
        if node.name or node.group is None:
            return node.call if node.name else ""
        path = self.graph.groups[node.group].path
        return f"in {path}" if path else ""

    def _gradient_rows(self, node: GraphNode, frame: Frame) -> Iterator[Row]:
        height = self._heights.get(node.index)
        if height is None:
            return
        gradient = frame.gradients.get(node.index)
        lines = [] if gradient is None else numbers.array_lines(gradient)[:height]
        name = _SO_FAR if node.index in frame.unfinished else "grad"
        new = node.index in frame.passed
        for place in range(height):
            left = " " if place else name
            right = lines[place] if place < len(lines) else " "
            yield Row(left, right, _INK, new)

    def _least_widths(self) -> list[int]:
        """Return widths in which the texts of all frames fit, for any usual font."""
        widths = [
            max(
                [_head_width(node.title, self._place_of(node)), *map(_row_width, _value_rows(node))]
            )
            for node in self.graph.nodes
        ]
        for frame in self.frames:
            changed = frame.passed or frame.gradients
            for place in changed:
                rows = self._gradient_rows(self.graph.nodes[place], frame)
                widths[place] = max([widths[place], *map(_row_width, rows)])
        return [int(width) + 18 for width in widths]

    def _entries(self) -> dict[str, dict[str, str]]:
        present = {node.kind for node in self.graph.nodes}
        entries = {
            kind.meaning: {"bgcolor": kind.fill, "color": kind.line}
            for name, kind in KINDS.items()
            if name in present
        }
        entries["its turn"] = {"bgcolor": _ACTIVE, "color": KINDS["operation"].line}
        entries["way of the gradient"] = {"text": "←", "color": PURPLE}
        entries["new"] = {"text": "bold", "color": _INK}
        return entries


_INK = "#8A3A6E"  # of gradients: the purple of their way, dark enough to read
_SO_FAR = "grad so far"


def _file_name(number: int) -> str:
    return f"frame-{number:02}.svg"


def _remove_frames(folder: Path, start: int) -> None:
    """Remove the frames from a number on that a longer film has left in a folder."""
    for path in folder.iterdir():
        number = re.fullmatch(r"frame-([0-9]+)\.svg", path.name)
        if number and int(number[1]) >= start and path.name == _file_name(int(number[1])):
            path.unlink()


def _value_rows(node: GraphNode) -> Iterator[Row]:
    lines = ["?"] if node.value is None else numbers.array_lines(node.value)
    for place, line in enumerate(lines):
        yield Row(" " if place else "value", line)


def _row_width(row: Row) -> float:
    left = _SO_FAR if row.left == "grad" else row.left
    return 6.3 * (len(shortened(left)) + len(shortened(row.right)) + 1)


def _head_width(title: str, beside: str = "") -> float:
    return 8.5 * len(shortened(title)) + 7 * len(shortened(beside))


def _rule_width(frame: Frame) -> int:
    return (
        int(max([200, _head_width(frame.title), *(_row_width(Row(*row)) for row in frame.rows)]))
        + 18
    )
