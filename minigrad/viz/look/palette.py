"""Colours and outlines of all pictures.

The colours are those of Okabe and Ito ("Color universal design", 2008), which colour-blind readers
tell apart, on tints of theirs; kinds differ in outline as well, for print.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "HEAT",
    "KINDS",
    "ORANGE",
    "PURPLE",
    "RED",
    "VERMILION",
    "Kind",
]

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, GREY, BLACK = "#CC79A7", "#777777", "#222222"
RED = "#B00020"  # of NaN and infinity
HEAT = ("#FFF7EC", "#FDE3BC", "#FDBE85", "#FC8D59", "#E5644B")  # from little to much


class Kind(NamedTuple):
    """How nodes of a kind look, and what the legend says of them."""

    fill: str
    line: str
    style: str
    meaning: str


KINDS = {
    "parameter": Kind("#FDF1D6", ORANGE, "filled", "parameter"),
    "input": Kind("#E1EFF9", BLUE, "filled", "tensor that requires a gradient"),
    "constant": Kind("#F3F3F3", GREY, "filled,dashed", "constant"),
    "operation": Kind("#FFFFFF", BLACK, "filled,rounded", "operation"),
    "module": Kind("#E0F3EC", GREEN, "filled,rounded", "module"),
    "hidden": Kind("#FFFFFF", GREY, "filled,rounded,dotted", "left out"),
}
