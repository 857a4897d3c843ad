"""The textbook picture of a network: columns of neurons, an edge for each weight.

Graphviz orders and places nodes as it likes, so each column is a stack without gaps: neurons,
biases, and invisible boxes between them that keep their distance. All stacks have the same height
and are tied together at both ends, so it has no choice, and neurons lie on straight lines.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.errors import ArgumentError
from minigrad.nn.module import Module
from minigrad.viz.look import numbers
from minigrad.viz.look.numbers import shortened
from minigrad.viz.look.palette import BLUE, GREEN, GREY, PURPLE, RED, VERMILION
from minigrad.viz.look.render import Drawing
from minigrad.viz.look.theme import label, legend, new_drawing, plain
from minigrad.viz.networks.chain import Chain, ChainLayer, chain_of
from minigrad.viz.networks.columns import (
    ANCHOR,
    APART,
    Column,
    View,
    columns_of,
    inches,
    largest,
    on_white,
    short,
    signed,
    sizes_of,
    subscript,
    tint,
)
from minigrad.viz.options import check_direction, check_flags

__all__ = ["draw_network"]


def draw_network(
    model: Module,
    *,
    input: Any = None,  # noqa: A002 (what it is)
    grads: bool = False,
    max_units: int = 10,
    values: bool | None = None,
    direction: str = "LR",
) -> Drawing:
    """Draw a network as columns of neurons, with an edge for each weight.

    Blue edges are positive weights, dashed vermilion ones negative; the larger a weight, the wider
    its edge. The small boxes at the neurons are their biases. Below each column stand the number
    of units and the activation. Drawing changes nothing in the model, as
    `draw_model` says.

    Parameters
    ----------
    model : Module
        A `Sequential` or any other module that is a chain of `Linear` layers with activations
        between. It is called once, in evaluation mode.
    input : array, optional
        One sample, such as ``x[0]``: each neuron is shaded by its activation, relative to the
        largest of its layer, and where `values` are shown the number stands below its name.
        NaN and infinity are red.
    grads : bool, default False
        Draw edges and biases by the gradients that ``backward()`` left, instead of by the weights:
        colour and dashes are then the sign of the gradient, width is its size. Of two numbers the
        upper one is the weight or bias, the lower one, after ∂, its gradient.
    max_units : int, default 10
        From 3 up. Of a wider layer the first and the last third of so many units are shown (3 and
        3 of 10), with dots between.
    values : bool, optional
        Whether to write the numbers at edges, biases and neurons. By default if there are
        at most 30 weights.
    direction : {"LR", "TB", "RL", "BT"}, default "LR"
        Left to right, top to bottom, and back.

    Returns
    -------
    Drawing
        Shows itself in a notebook; ``save("network.svg")`` saves it.

    Raises
    ------
    DtypeError
        If `model` is not a module.
    ArgumentError
        If the model is no such chain (`draw_model` draws it), the input is not one sample, there
        are no gradients to draw, or an option is not one.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 2))
    >>> picture = viz.draw_network(model, input=[1.0, 0.5])
    >>> "sigmoid" in picture.source
    True
    >>> wide = nn.Sequential(nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10), nn.Softmax())
    >>> "784 units" in viz.draw_network(wide).source
    True
    """
    _check_options(max_units, values)
    check_flags(grads=grads)
    check_direction(direction)
    chain = chain_of(model, input)
    if grads and all(layer.weight_gradient is None for layer in chain.layers):
        raise ArgumentError(
            "there are no gradients to draw: call loss.backward() first, and draw before "
            "zero_grad()"
        )
    shown = _is_small(chain, max_units) if values is None else values
    view = View(direction, shown, grads, input is not None, max_units)
    return _Picture(chain, view).drawing()


def _check_options(max_units: Any, values: Any) -> None:
    if isinstance(max_units, bool) or not isinstance(max_units, int) or max_units < 3:
        raise ArgumentError(f"max_units is a number from 3 up, not {max_units!r}")
    if values is not None and not isinstance(values, bool):
        raise ArgumentError(f"values is True, False, or None for what fits, not {values!r}")


def _is_small(chain: Chain, max_units: int) -> bool:
    widest = max(chain.values.size, *(layer.values.size for layer in chain.layers))
    weights = sum(layer.weight.size for layer in chain.layers)
    return bool(widest <= max_units and weights <= 30)


# --- The picture -----------------------------------------------------------------------------


class _Picture:
    """Puts a picture together."""

    def __init__(self, chain: Chain, view: View) -> None:
        self.chain = chain
        self.view = view
        self.columns = columns_of(chain, view)
        self.sizes = sizes_of(view, [len(column.units) for column in self.columns])
        self.height = self.sizes.row * max(len(column.units) for column in self.columns)
        self.widest = largest(self._matrices())
        self.count = 0  # of nodes
        self.circles: list[dict[int, str]] = []  # in each column: the nodes of its units
        self.ends: list[tuple[str, str]] = []  # of each column

    def drawing(self) -> Drawing:
        drawing = new_drawing(
            self.view.direction,
            nodesep=inches(APART),
            ranksep=inches(self.sizes.gap),
            splines="line",
            outputorder="edgesfirst",
        )
        drawing.attr("node", fixedsize="true", margin="0", fontsize="9")
        for column in self.columns:
            self._draw_column(drawing, column)
        for (first, last), (other_first, other_last) in itertools.pairwise(self.ends):
            for tail, head in ((first, other_first), (last, other_last)):
                drawing.edge(tail, head, style="invis", weight="1000")
        arrow = "0.5" if self.view.values else "0.3"
        drawing.attr("edge", weight="0", arrowsize=arrow, labelangle="0", fontsize="9")
        for k in range(1, len(self.columns)):
            self._draw_edges(drawing, k)
        legend(drawing, self._caption(), self._entries(), self._notes())
        drawing.graph = self.chain
        return drawing

    # --- Columns

    def _draw_column(self, drawing: Drawing, column: Column) -> None:
        """Stack the nodes of a column, each neuron at its place."""
        sizes = self.sizes
        stack = [self._space(drawing, ANCHOR)]
        end = 0  # of what is stacked so far, with the distance to what comes next
        circles: dict[int, str] = {}
        for place, unit in enumerate(column.units):
            start = self._centre(place, len(column.units)) - sizes.circle // 2
            stack.append(self._space(drawing, start - APART - end))
            stack.append(self._neuron(drawing, column, unit))
            end = start + sizes.circle + APART
            if unit is None:
                continue
            circles[unit] = stack[-1]
            if column.layer is not None and column.layer.bias is not None:
                stack.append(self._bias(drawing, column.layer, unit))
                end += sizes.bias[0] + APART
        stack.append(self._space(drawing, self.height + sizes.bias[0] + 8 - end))
        stack.append(self._text(drawing, column))
        with drawing.subgraph() as rank:
            rank.attr(rank="same")
            for upper, lower in itertools.pairwise(stack):
                rank.edge(upper, lower, style="invis")
        self.circles.append(circles)
        self.ends.append((stack[0], stack[-1]))

    def _centre(self, place: int, places: int) -> int:
        return (self.height + (2 * place - places + 1) * self.sizes.row) // 2

    def _node(self, drawing: Drawing, size: tuple[int, int], text: str, **attributes: str) -> str:
        """Add a node of a size along and across its column, and return its name."""
        name = f"n{self.count}"
        self.count += 1
        along, across = map(inches, size)
        height, width = (along, across) if self.view.upright else (across, along)
        drawing.node(name, text, height=height, width=width, **attributes)
        return name

    def _space(self, drawing: Drawing, length: int) -> str:
        return self._node(drawing, (length, 2), "", style="invis")

    def _neuron(self, drawing: Drawing, column: Column, unit: int | None) -> str:
        size = (self.sizes.circle, self.sizes.circle)
        if unit is None:
            dots = label("⋮" if self.view.upright else "⋯")
            return self._node(drawing, size, dots, shape="plaintext", fontsize="18")
        name = column.symbol + subscript(unit + 1)
        value = float(column.values[unit])
        numbered = self.view.values and self.view.shades
        fill, ink = "#FFFFFF", {}
        tooltip = name
        if self.view.shades:
            most = largest([column.values])
            share = min(abs(value) / most, 1.0) if most and math.isfinite(value) else 0.0
            fill = tint(GREEN if value > 0 else PURPLE, 0.75 * share)
            if not math.isfinite(value):
                fill, ink = RED, {"fontcolor": "#FFFFFF"}
            tooltip = f"{name} = {numbers.number(value)}"
        return self._node(
            drawing,
            size,
            label(name, [short(value)] if numbered else []),
            shape="circle",
            style="filled",
            fillcolor=fill,
            color="#222222",
            tooltip=plain(tooltip),
            **ink,
        )

    def _bias(self, drawing: Drawing, layer: ChainLayer, unit: int) -> str:
        value = float(layer.bias[unit])
        gradient = None if layer.bias_gradient is None else float(layer.bias_gradient[unit])
        look = signed(gradient if self.view.grads else value)
        tooltip = _described(f"{layer.bias_name}[{unit}]", value, gradient)
        if self.view.values:
            style, fill = f"filled,{look['style']}", "#FFFFFF"
        else:
            style, fill = "filled", look["color"]
        return self._node(
            drawing,
            self.sizes.bias,
            self._number_label(value, gradient) if self.view.values else "",
            style=style,
            fillcolor=fill,
            color=look["color"],
            tooltip=plain(tooltip),
            fontsize="8",
        )

    def _text(self, drawing: Drawing, column: Column) -> str:
        units = f"{numbers.count(column.width)} unit{'s'[: column.width != 1]}"
        lines = [units, shortened(column.activation, 22)]
        return self._node(
            drawing, self.sizes.text, label(column.title, lines), shape="plaintext", fontsize="11"
        )

    # --- Edges

    def _drawn_matrix(self, k: int) -> Any:
        """Return what the edges to column k are drawn by: of the units that are shown."""
        layer = self.columns[k].layer
        assert layer is not None, "only the input has none"
        matrix = layer.weight_gradient if self.view.grads else layer.weight
        if matrix is None:
            return None
        return matrix[np.ix_(self.columns[k].shown, self.columns[k - 1].shown)]

    def _draw_edges(self, drawing: Drawing, k: int) -> None:
        source, target = self.columns[k - 1 : k + 1]
        layer = target.layer
        assert layer is not None, "only the input has none"
        for i, unit in enumerate(source.units):
            for j, other in enumerate(target.units):
                if unit is None or other is None:
                    continue
                gradients = layer.weight_gradient
                gradient = None if gradients is None else float(gradients[other, unit])
                weight = float(layer.weight[other, unit])
                name = f"{layer.weight_name}[{other}, {unit}]"
                drawing.edge(
                    self.circles[k - 1][unit],
                    self.circles[k][other],
                    **self._edge(weight, gradient),
                    edgetooltip=plain(_described(name, weight, gradient)),
                    **self._edge_label(
                        weight, gradient, (i, len(source.units)), (j, len(target.units))
                    ),
                )

    def _edge(self, weight: float, gradient: float | None) -> dict[str, str]:
        value = gradient if self.view.grads else weight
        share = 0.0
        if value is not None and math.isfinite(value) and self.widest:
            share = abs(value) / self.widest
        thin, wide = (0.6, 3.0) if self.view.values else (0.3, 2.7)
        return {**signed(value), "penwidth": f"{thin + (wide - thin) * share:.2f}"}

    def _edge_label(
        self, weight: float, gradient: float | None, tail: tuple[int, int], head: tuple[int, int]
    ) -> dict[str, str]:
        """Return the number at an edge, where those of all edges are equally far apart.

        Between n and m places in rows of the same height, all n·m edges are equally far from each
        other at 1/(m+1) of the way, and at n/(n+1) of it.
        """
        if not self.view.values:
            return {}
        (i, n), (j, m) = tail, head
        share = 1 / (m + 1) if m <= n else n / (n + 1)
        drop = self._centre(j, m) - self._centre(i, n)
        distance = share * math.hypot(self.sizes.reach, drop) - self.sizes.circle / 2
        return {
            "taillabel": on_white(self._number_label(weight, gradient)),
            "labeldistance": f"{distance / 10:.4f}",
        }

    def _number_label(self, value: float, gradient: float | None) -> str:
        if not self.view.grads:
            return label(short(value))
        return label(short(value), ["∂ none" if gradient is None else f"∂ {short(gradient)}"])

    # --- What stands below

    def _caption(self) -> str:
        count = numbers.count(self.chain.parameters)
        return (
            f"{shortened(self.chain.model)}: {count} parameter{'s'[: self.chain.parameters != 1]}"
        )

    def _entries(self) -> dict[str, dict[str, str]]:
        what = "gradient" if self.view.grads else "weight"
        entries = {
            f"positive {what}": {"text": "━━", "color": BLUE},
            f"negative {what}": {"text": "╍╍", "color": VERMILION},
        }
        if any(matrix is None or (matrix == 0).any() for matrix in self._matrices()):
            entries[f"no {what}, or 0"] = {"text": "──", "color": "#AAAAAA"}
        if any(matrix is not None and not np.isfinite(matrix).all() for matrix in self._matrices()):
            entries[f"{what} NaN or infinity"] = {"text": "┈┈", "color": RED}
        if any(column.layer and column.layer.bias is not None for column in self.columns):
            entries["bias"] = {"text": "▫" if self.view.values else "▪", "color": GREY}
        if self.view.shades:
            entries["activation above 0"] = {"bgcolor": tint(GREEN, 0.75), "color": "#222222"}
            entries["below 0"] = {"bgcolor": tint(PURPLE, 0.75), "color": "#222222"}
            if not all(np.isfinite(column.values[column.shown]).all() for column in self.columns):
                entries["NaN or infinity"] = {"bgcolor": RED, "color": RED, "ink": "#FFFFFF"}
        return entries

    def _matrices(self) -> list[Any]:
        return [self._drawn_matrix(k) for k in range(1, len(self.columns))]

    def _notes(self) -> Iterator[str]:
        what = "gradient" if self.view.grads else "weight"
        yield f"The wider an edge, the larger the {what}: the widest here is {short(self.widest)}."
        if self.view.grads:
            yield "Colour and dashes are the sign of the gradient, not of the weight."
        if self.view.grads and self.view.values:
            yield "Of two numbers the upper is the weight or bias, the lower (∂) its gradient."
        if self.view.shades:
            yield "Shades are relative to the largest activation of a column."
        if any(None in column.units for column in self.columns):
            yield "Of wide layers, the first and last units and the edges between them are shown."


def _described(name: str, value: float, gradient: float | None) -> str:
    text = f"{name} = {numbers.number(value)}"
    return text if gradient is None else f"{text}, gradient {numbers.number(gradient)}"
