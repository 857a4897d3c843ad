"""The picture of a model: each layer a small table, in the boxes of the modules around it."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from minigrad.errors import ArgumentError
from minigrad.nn.module import Module
from minigrad.viz.flow.colours import edge_look, flow_entries, flow_look, flow_notes, flow_scale
from minigrad.viz.flow.flow import GradientFlow, flow_of
from minigrad.viz.look import numbers
from minigrad.viz.look.numbers import shortened
from minigrad.viz.look.palette import BLUE, GREEN, GREY, PURPLE
from minigrad.viz.look.render import Drawing
from minigrad.viz.look.theme import Row, label, legend, new_drawing, plain, table
from minigrad.viz.models.building import Built, build
from minigrad.viz.models.fewer import fitting
from minigrad.viz.models.layers import Box, Layer, LayerGraph
from minigrad.viz.models.watching import Watched, watch
from minigrad.viz.options import check_depth, check_direction, check_flags

__all__ = ["draw_model"]


class _Look(NamedTuple):
    """The colours of a kind of layer, and what the legend says of it."""

    head: str
    line: str
    meaning: str


DARK_PURPLE = "#8A3A68"  # of text
_LOOKS = {
    "input": _Look("#E1EFF9", BLUE, "input"),
    "parameters": _Look("#D5EEE5", GREEN, "layer with parameters"),
    "plain": _Look("#F3F3F3", GREY, "layer without parameters"),
    "operation": _Look("#FFFFFF", "#222222", "operation between layers"),
    "shared": _Look("#F6E4EE", PURPLE, "parameters used in several places"),
    "unused": _Look("#FFFFFF", GREY, "not used in this call"),
    "hidden": _Look("#FFFFFF", GREY, "left out"),
    "constant": _Look("#FFFFFF", GREY, "constant: not computed from the inputs"),
    "output": _Look("#E1EFF9", BLUE, "result"),
}


def draw_model(
    model: Module,
    *inputs: Any,
    direction: str = "TB",
    depth: int | None = None,
    grads: bool = False,
    shapes: bool = True,
    configuration: bool | None = None,
    fold: bool = True,
    max_layers: int | None = 150,
) -> Drawing:
    """Draw the layers of a model, from one call of it.

    Each layer is a table: its name, class, configuration, the shapes that went in and came out,
    and the number of its parameters. Modules that are made of others are boxes around them.
    Branches, several inputs and results, and operations between layers are drawn as they ran;
    a layer that is called in several places is marked as shared, one that a loop calls shows how
    often. The model is called in evaluation mode, and nothing is left of the call: parameters,
    buffers, versions and gradients are as before; so are the attributes of all modules, with what
    lists, dicts, sets, deques, arrays, tensors and random generators among them hold; and the
    global random generators of minigrad, NumPy and Python. What objects of other classes hold is
    not seen to.

    Parameters
    ----------
    model : Module
    *inputs : arrays
        What to call it with, such as one batch.
    direction : {"TB", "LR", "BT", "RL"}, default "TB"
        From where to where the picture goes: top to bottom, left to right, and back.
    depth : int, optional
        Show modules at this depth as single layers: 0 for the whole model, 1 for what it is made
        of. By default all is shown.
    grads : bool, default False
        Whether to show how gradients flow, after ``loss.backward()``: layers coloured by the norm
        of their gradient relative to that of their parameters; vanishing and exploding gradients,
        dead and saturated units, and where NaN or infinity first appeared. See `gradient_flow`,
        which returns the numbers.
    shapes : bool, default True
        Whether to write the shapes that went in and came out.
    configuration : bool, optional
        Whether to write the layers' options; by default only where `grads` are not.
    fold : bool, default True
        Whether a layer that a loop calls again and again is drawn once, with a count; and a run of
        equal layers or blocks, as `draw` does it, unless `grads` tell them apart.
    max_layers : int or None, default 150
        With more, inner modules are shown as single layers, and if that is not enough those in
        the middle are left out; the picture says so. None for no limit.

    Returns
    -------
    Drawing
        Shows itself in a notebook; ``save("model.svg")`` saves it. ``drawing.graph`` is what
        `layer_graph` returns, as far as it is drawn.

    Raises
    ------
    DtypeError
        If `model` is not a module, or returns no array.
    ArgumentError
        If there is nothing to call it with, or an option is not one.
    GraphError
        With ``grads=True``, if no parameter has a gradient.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> x = np.ones((5, 4), np.float32)
    >>> picture = viz.draw_model(model, x)
    >>> "in_features=4" in picture.source
    True
    >>> nn.CrossEntropyLoss()(model(x), np.zeros(5, int)).backward()
    >>> flow = viz.draw_model(model, x, grads=True)
    """
    check_depth(depth)
    check_direction(direction)
    check_flags(grads=grads, shapes=shapes, fold=fold)
    if configuration is not None:
        check_flags(configuration=configuration)
    if max_layers is not None and (
        isinstance(max_layers, bool) or not isinstance(max_layers, int) or max_layers < 3
    ):
        raise ArgumentError(f"max_layers is None or a number from 3 up, not {max_layers!r}")
    watched = watch(model, inputs)
    built = build(watched, depth, fold=fold)
    view = _View(direction, shapes, not grads if configuration is None else configuration, grads)
    fit = functools.partial(fitting, watched, built, fold=fold, repeats=fold and not grads)
    picture = _picture(watched, fit(sys.maxsize if max_layers is None else max_layers), view)
    drawing = picture.drawing()
    if len(picture.graph.layers) > SMALL:
        # Found out now, for later the model and its gradients are others; drawn when it is needed.
        drawing.smaller = _picture(watched, fit(SMALL), view).drawing
    return drawing


SMALL = 40  # layers of a picture whose layout takes no time


class _View(NamedTuple):
    """What to show."""

    direction: str
    shapes: bool
    configuration: bool
    grads: bool


def _picture(watched: Watched, built: Built, view: _View) -> _Picture:
    flow = flow_of(watched, built) if view.grads else None
    return _Picture(built.graph, view, flow)


class _Picture:
    """Puts a picture together."""

    def __init__(self, graph: LayerGraph, view: _View, flow: GradientFlow | None) -> None:
        self.graph = graph
        self.view = view
        self.flow = flow
        self.tints = {} if flow is None else flow.tints
        self.rows = {} if flow is None else {row.index: row for row in flow.rows}
        uses = Counter(name for layer in graph.layers for name in layer.parameter_names)
        self.several = {name for name, count in uses.items() if count > 1}
        self.members: dict[int | None, list[Layer]] = {}
        self.inside: dict[int | None, list[Box]] = {}
        for layer in graph.layers:
            self.members.setdefault(layer.box, []).append(layer)
        used = {layer.box for layer in graph.layers}
        for box in reversed(graph.boxes):
            if box.index in used:
                used.add(box.parent)
        for box in graph.boxes:
            if box.index in used:
                self.inside.setdefault(box.parent, []).append(box)

    def drawing(self) -> Drawing:
        drawing = new_drawing(self.view.direction)
        drawing.attr("node", shape="plain")
        self._fill(drawing)
        for source, target in self.graph.edges:
            drawing.edge(f"n{source}", f"n{target}", **edge_look(self.tints, source, target))
        self._draw_unused(drawing)
        scale = None if self.flow is None else flow_scale()
        legend(drawing, self._caption(), self._entries(), self._notes(), scale)
        drawing.graph = self.graph
        drawing.texts = {".json": self.graph.to_json}
        return drawing

    def _fill(self, drawing: Drawing) -> None:
        """Draw the layers of each box, and the boxes in it."""
        self._draw_layers(drawing, None)
        boxes: list[tuple[Box | None, int]] = [(b, 0) for b in reversed(self.inside.get(None, []))]
        while boxes:
            box, level = boxes.pop()
            if box is None:
                drawing.close_box()
                continue
            drawing.open_box(str(box.index), **_box(box, level))
            self._draw_layers(drawing, box.index)
            inner = reversed(self.inside.get(box.index, []))
            boxes += [(None, level), *((b, level + 1) for b in inner)]

    def _draw_layers(self, drawing: Drawing, box: int | None) -> None:
        for layer in self.members.get(box, []):
            drawing.node(f"n{layer.index}", self._table(layer), tooltip=_tooltip(layer))

    # --- Layers ------------------------------------------------------------------------------

    def _kind(self, layer: Layer) -> str:
        if layer.kind == "layer":
            if self.several.intersection(layer.parameter_names):
                return "shared"
            return "parameters" if layer.parameters else "plain"
        return layer.kind

    def _table(self, layer: Layer) -> str:
        look = _LOOKS[self._kind(layer)]
        rows = list(self._lines(layer))
        if self.flow is not None:
            paint = flow_look(self.flow, self.rows.get(layer.index))
            rows += paint.rows
            if paint.head:
                return table(
                    *_heading(layer),
                    rows,
                    head=paint.head,
                    line=paint.line,
                    text=paint.text,
                    width=paint.width,
                    style=paint.style,
                )
        return table(*_heading(layer), rows, head=look.head, line=look.line)

    def _lines(self, layer: Layer) -> Iterator[Row]:
        if layer.configuration and self.view.configuration:
            yield from (Row(text, color="#555555") for text in _wrapped(layer.configuration))
        if self.view.shapes:
            yield from _shape_rows(layer)
        if layer.calls > 1:
            yield Row("called", f"{layer.calls} times", DARK_PURPLE, bold=True)
        if layer.repeats > 1:
            yield Row("repeated", f"{layer.repeats} times", DARK_PURPLE, bold=True)
        if layer.parameters:
            if self.flow is None or self.several.intersection(layer.parameter_names):
                yield self._parameter_row(layer)
            if self.flow is None and layer.trainable < layer.parameters:
                some = layer.trainable > 0
                count = layer.parameters - layer.trainable
                yield Row("frozen", numbers.count(count) if some else "all", "#555555")

    def _parameter_row(self, layer: Layer) -> Row:
        count = numbers.count(layer.parameters)
        if layer.shared:
            return Row("parameters", f"shared ({count}, counted already)", DARK_PURPLE)
        if self.several.intersection(layer.parameter_names):
            return Row("parameters", f"shared, {count}", DARK_PURPLE)
        return Row("parameters", count)

    def _draw_unused(self, drawing: Drawing) -> None:
        """Put parameters that the call had no use for into a table at the side."""
        names = self.graph.unused
        if names:
            look = _LOOKS["unused"]
            rows = [Row(name) for name in names[:8]]
            rows += [Row(f"and {len(names) - 8} more")] if len(names) > 8 else []
            drawing.node(
                "unused",
                table(
                    "not used in this call",
                    "",
                    rows,
                    head=look.head,
                    line=look.line,
                    style="dashed",
                ),
            )

    # --- Below the picture -------------------------------------------------------------------

    def _caption(self) -> str:
        graph = self.graph
        frozen = f", {numbers.count(graph.frozen)} of them frozen" if graph.frozen else ""
        trainable = " (all trainable)" if not frozen and graph.parameters else ""
        count = f"{numbers.count(graph.parameters)} parameters{frozen}{trainable}"
        return f"{shortened(graph.model)}: {count}, {_bytes(graph.bytes)}"

    def _entries(self) -> dict[str, dict[str, str]]:
        if self.flow is not None:
            return flow_entries(self.flow)
        present = {self._kind(layer) for layer in self.graph.layers}
        return {
            look.meaning: {"bgcolor": look.head, "color": look.line}
            for kind, look in _LOOKS.items()
            if kind in present and kind != "output"
        }

    def _notes(self) -> Iterator[str]:
        yield from self.graph.notes
        repeats = [part.repeats for part in self.graph.layers]
        repeats += [part.repeats for part in self.graph.boxes]
        if max(repeats) > 1:
            yield "Equal layers and boxes, one after the other, are drawn once, with their number."
        if self.flow is not None:
            yield from flow_notes(self.flow)


def _box(box: Box, level: int) -> dict[str, str]:
    """Return how the box of a module looks."""
    called = f"called {box.calls} times" if box.calls > 1 else ""
    repeated = f"{box.repeats} times" if box.repeats > 1 else ""
    # Short lines, which edges into the box hardly ever run through.
    lines = [box.title if box.name else "", called, repeated]
    return {
        "label": label(box.name or box.title, lines),
        "labelloc": "t",
        "labeljust": "l",
        "style": "filled,rounded",
        "color": "#AAAAAA",
        "fillcolor": "#F7F7F7" if level % 2 == 0 else "#FFFFFF",
        "margin": "10",
        "tooltip": plain(box.configuration or box.title),
    }


def _heading(layer: Layer) -> tuple[str, str]:
    if layer.kind == "operation":
        return layer.title, "operation"
    if layer.kind == "layer":
        return (layer.name, layer.title) if layer.name else (layer.title, "")
    if layer.kind == "output":
        return "result", layer.name
    if layer.kind in ("constant", "hidden"):
        return layer.title, ""
    return layer.name, layer.title


def _wrapped(text: str, longest: int = 34) -> Iterator[str]:
    """Yield a configuration in lines, broken between options."""
    line = ""
    for part in text.split(", "):
        if line and len(line) + len(part) > longest:
            yield line + ","
            line = part
        else:
            line = f"{line}, {part}" if line else part
    yield line


def _shape_rows(layer: Layer) -> Iterator[Row]:
    if layer.kind in ("input", "output", "constant"):
        for shape in layer.output_shapes or layer.input_shapes:
            yield Row("shape", numbers.shape(shape))
        return
    if len(layer.input_shapes) == len(layer.output_shapes) == 1:
        before, after = layer.input_shapes[0], layer.output_shapes[0]
        yield Row("shape", f"{numbers.shape(before)} → {numbers.shape(after)}")
        return
    for what, shapes in (("in", layer.input_shapes), ("out", layer.output_shapes)):
        for shape in shapes[:4]:
            yield Row(what, numbers.shape(shape))
        if len(shapes) > 4:
            yield Row(what, f"and {len(shapes) - 4} more")


def _bytes(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _tooltip(layer: Layer) -> str:
    parts = [layer.name, layer.title, layer.configuration, ", ".join(layer.parameter_names)]
    return plain("; ".join(part for part in parts if part) or layer.kind)
