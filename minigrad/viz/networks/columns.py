"""Where neurons stand, and in which sizes and colours, so that nothing overlaps."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigrad.viz.look import numbers
from minigrad.viz.look.palette import BLUE, RED, VERMILION
from minigrad.viz.networks.chain import Chain, ChainLayer

__all__ = [
    "ANCHOR",
    "APART",
    "Column",
    "Sizes",
    "View",
    "columns_of",
    "inches",
    "largest",
    "on_white",
    "short",
    "signed",
    "sizes_of",
    "subscript",
    "tint",
]


@dataclass(frozen=True)
class View:
    """What to show."""

    direction: str
    values: bool
    grads: bool
    shades: bool
    max_units: int

    @property
    def upright(self) -> bool:
        """Whether neurons of a layer stand on top of each other."""
        return self.direction in ("LR", "RL")


# --- Sizes, in points ------------------------------------------------------------------------
# All even, so that no half of one is rounded.

APART = 2  # between what is stacked in a column
ANCHOR = 4  # at the end of a column


@dataclass(frozen=True)
class Sizes:
    """How large things are, and how far from each other; first along a column, then across."""

    circle: int
    bias: tuple[int, int]
    text: tuple[int, int]  # what stands at the end of a column
    row: int  # from one neuron of a column to the next
    gap: int  # between columns

    @property
    def reach(self) -> int:
        """From the middle of one column to that of the next."""
        return self.text[1] + self.gap


def sizes_of(view: View, widths: list[int]) -> Sizes:
    """Return the sizes with which nothing overlaps, given how many units the columns show."""
    text = (44, 100) if view.upright else (100, 44)
    if not view.values:
        return Sizes(24, (8, 8), text, 40 if view.upright else 44, 76 if view.upright else 72)
    fewest = max(min(pair) for pair in itertools.pairwise(widths))
    high, wide = (
        12 * (1 + view.grads) + 2,
        56 if view.grads else 40,
    )  # of a number at an edge, with a margin
    along, across = (high, wide) if view.upright else (wide, high)
    bias = (high + 2, wide + 4)
    row = max(
        44 + 20 + (bias[0] if view.upright else bias[1]),
        (along + 2 + 2 * (fewest > 2)) * (fewest + 1),
    )
    reach = (22 + across // 2 + 14) * (fewest + 1)
    return Sizes(
        44,
        bias if view.upright else bias[::-1],
        text,
        _multiple_of_4(row),
        _multiple_of_4(max(reach - text[1], 56)),
    )


def _multiple_of_4(length: int) -> int:
    return -(-length // 4) * 4


# --- Columns ---------------------------------------------------------------------------------


class Column(NamedTuple):
    """A layer of neurons."""

    title: str
    symbol: str  # x, h or y
    width: int  # how many units it has
    units: list[int | None]  # those that are shown, in order; None for dots
    values: Any
    activation: str
    layer: ChainLayer | None  # whose results these are; None for the input

    @property
    def shown(self) -> list[int]:
        """The units that are shown."""
        return [unit for unit in self.units if unit is not None]


def columns_of(chain: Chain, view: View) -> list[Column]:
    """Return the columns of a chain: its input, and each layer."""
    units = partial(_shown, most=view.max_units)
    width = chain.values.size
    columns = [Column("input", "x", width, units(width), chain.values, chain.before, None)]
    last = len(chain.layers)
    for number, layer in enumerate(chain.layers, 1):
        width = layer.values.size
        title = "output" if number == last else "hidden" if last == 2 else f"hidden {number}"
        symbol = "y" if number == last else "h"
        columns.append(
            Column(title, symbol, width, units(width), layer.values, layer.activation, layer)
        )
    return columns


def _shown(width: int, most: int) -> list[int | None]:
    if width <= most:
        return list(range(width))
    ends = max(1, (most - 1) // 3)
    return [*range(ends), None, *range(width - ends, width)]


# --- Looks -----------------------------------------------------------------------------------


def signed(value: float | None) -> dict[str, str]:
    """Return how the edge or box of a number looks, by its sign; in print, too."""
    if value is None or value == 0:
        return {"color": "#AAAAAA", "style": "solid"}
    if not math.isfinite(value):
        return {"color": RED, "style": "dotted"}
    return {"color": BLUE if value > 0 else VERMILION, "style": "solid" if value > 0 else "dashed"}


def tint(color: str, share: float) -> str:
    """Return a colour, lighter the smaller a share is."""
    parts = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(255 + (part - 255) * share):02X}" for part in parts)


def short(value: float) -> str:
    """Return a number in at most seven characters: 0.123, -0.0013, -6.7e-4."""
    if not math.isfinite(value):
        return numbers.number(value)
    texts = [f"{value:.{digits}g}" for digits in (3, 2)]
    for text in texts:
        if len(text) <= 7 and "e" not in text:
            return text
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def subscript(number: int) -> str:
    """Return a number in small digits below the line."""
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def inches(points: float) -> str:
    """Return a length as DOT has it."""
    return f"{points / 72:.6f}"


def largest(arrays: list[Any]) -> float:
    """Return the largest finite absolute value; 0 if there is none."""
    sizes = [np.abs(a[np.isfinite(a)]).max(initial=0.0) for a in arrays if a is not None]
    return float(max(sizes, default=0.0))


def on_white(text: str) -> str:
    """Return a label with a background, to be read above a line."""
    table = '<table border="0" cellborder="0" cellpadding="1" cellspacing="0" bgcolor="#FFFFFF">'
    return f"<{table}<tr><td>{text[1:-1]}</td></tr></table>>"
