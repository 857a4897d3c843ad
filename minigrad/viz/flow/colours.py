"""How the flow of gradients looks: colours from blue (little) to orange (much), red for NaN."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from minigrad.viz.flow.flow import EXPLODING, VANISHING, FlowRow, GradientFlow
from minigrad.viz.flow.units import NEAR
from minigrad.viz.look import numbers
from minigrad.viz.look.palette import RED
from minigrad.viz.look.theme import Row, Scale

__all__ = ["Paint", "edge_look", "flow_entries", "flow_look", "flow_notes", "flow_scale"]

# From |g|/|w| of 1e-6 and less to 1e2 and more, a step each decade: blue to orange, which
# colour-blind readers tell apart, and dark at both ends.
LOWEST = -6
STEPS = (
    "#0B3C5D", "#1F6FA8", "#6BAAD6", "#BBD7EA", "#F4F1EA", "#FBDDA6", "#F2B04B", "#C97A0A",
    "#7F4700",
)  # fmt: skip
DARK_TEXT, LIGHT_TEXT = "#222222", "#FFFFFF"
PALE_RED = "#D9808C"
BLUE_EDGE, ORANGE_EDGE, NO_GRADIENT = "#1F6FA8", "#C97A0A", "#8A8A8A"
PLAIN = "#DDDDDD"
MUCH = 0.5  # share of units that are dead or saturated that stands out


class Paint(NamedTuple):
    """The colours of a layer, and the lines that it has besides; no `head`: as any picture."""

    head: str = ""
    line: str = PLAIN
    text: str = DARK_TEXT
    width: int = 1
    style: str = ""
    rows: tuple[Row, ...] = ()


def _step(ratio: float) -> int:
    """Return the place of a ratio among the colours."""
    if ratio <= 0:
        return 0
    return min(max(math.floor(math.log10(ratio) + 0.5) - LOWEST, 0), len(STEPS) - 1)


def _ink(step: int) -> str:
    return LIGHT_TEXT if step in (0, 1, len(STEPS) - 2, len(STEPS) - 1) else DARK_TEXT


def flow_look(flow: GradientFlow, row: FlowRow | None) -> Paint:
    """Return how a layer looks; None for inputs and results."""
    if row is None:
        return Paint("#FFFFFF", "#AAAAAA")
    rows = tuple(_lines(flow, row))
    first = flow.first_not_finite
    is_first = first is not None and first.index == row.index
    if is_first or row.status == "not finite":
        return Paint(
            RED if is_first or "gradient" in row.not_finite else PALE_RED,
            RED,
            LIGHT_TEXT if is_first or "gradient" in row.not_finite else DARK_TEXT,
            4 if is_first else 1,
            rows=rows,
        )
    if row.status == "none":
        return Paint("#FFFFFF", NO_GRADIENT, "#555555", style="dashed", rows=rows)
    if row.ratio is None:
        return Paint("#FFFFFF", "#AAAAAA", rows=rows)
    step = _step(row.ratio)
    line = {"vanishing": BLUE_EDGE, "zero": BLUE_EDGE, "exploding": ORANGE_EDGE}
    stands_out = row.status in line
    return Paint(
        STEPS[step],
        line.get(row.status, "#555555"),
        _ink(step),
        4 if stands_out else 1,
        rows=rows,
    )


def _lines(flow: GradientFlow, row: FlowRow) -> Iterator[Row]:
    if row.gradient is not None and row.weight is not None:
        norms = f"{numbers.number(row.gradient)}, {numbers.number(row.weight)}"
        yield Row("|g|, |w|", norms)
        if row.ratio is not None:
            yield Row("|g| / |w|", numbers.number(row.ratio), bold=True)
    yield from _alarms(flow, row)
    for what, units in (("dead", row.dead), ("saturated", row.saturated)):
        if units is not None:
            much = units.share >= MUCH
            color = "#A04000" if much else DARK_TEXT
            yield Row(what, f"{units.share:.0%} ({units.count} of {units.of})", color, much)


def _alarms(flow: GradientFlow, row: FlowRow) -> Iterator[Row]:
    first = flow.first_not_finite
    if first is not None and first.index == row.index:
        yield from (Row(text, color=RED, bold=True) for text in _broken(str(first)))
    elif row.faults:
        for fault in row.faults:
            yield from (Row(text, color=RED) for text in _broken(fault))
    elif row.not_finite:
        yield Row("not finite", " and ".join(row.not_finite), RED)
    if row.status == "vanishing":
        yield Row("vanishing", f"{_times(row)} of the last", BLUE_EDGE, bold=True)
    elif row.status == "exploding":
        yield Row("exploding", f"{_times(row)} times the last", "#A04000", bold=True)
    elif row.status == "zero":
        yield Row("the gradient is exactly 0", color=BLUE_EDGE, bold=True)
    for remark in row.remarks:
        if "no gradient" in remark:
            yield from (Row(text, color="#A04000") for text in _broken(remark))


def _times(row: FlowRow) -> str:
    return "?" if row.of_last is None else f"{row.of_last:.1e}"


def _broken(text: str, longest: int = 38) -> Iterator[str]:
    """Yield a sentence in lines."""
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= longest:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


# --- Edges -------------------------------------------------------------------------------------


def edge_look(tints: Mapping[int, str], source: int, target: int) -> dict[str, str]:
    """Return how an edge looks: strong where the gradient that comes back over it is ill."""
    tint = tints.get(source) or tints.get(target, "")
    if not tint:
        return {}
    color = {"vanishing": BLUE_EDGE, "exploding": ORANGE_EDGE, "not finite": RED}[tint]
    return {"color": color, "penwidth": "2.5"}


# --- Below the picture -------------------------------------------------------------------------


def flow_scale() -> Scale:
    """Return the legend of the colours."""
    texts = [f"1e{LOWEST + i}" for i in range(len(STEPS))]
    texts[0], texts[-1] = f"≤ {texts[0]}", f"≥ {texts[-1]}"
    steps = zip(STEPS, texts, (_ink(i) for i in range(len(STEPS))), strict=True)
    return Scale("|g| / |w|, gradient relative to weights", tuple(steps))


def flow_entries(flow: GradientFlow) -> dict[str, dict[str, str]]:
    """Return what else the colours mean, as far as it occurs."""
    statuses = {row.status for row in flow.rows}
    found: dict[str, dict[str, str]] = {}
    if statuses & {"vanishing", "zero"}:
        found[f"vanishing: below {VANISHING:g} of the last layer"] = {
            "text": "━", "color": BLUE_EDGE,
        }  # fmt: skip
    if "exploding" in statuses:
        found[f"exploding: above {EXPLODING:g} times the last layer"] = {
            "text": "━", "color": ORANGE_EDGE,
        }  # fmt: skip
    if "not finite" in statuses or flow.first_not_finite is not None:
        found["NaN or infinity (thick border: where it began)"] = {
            "bgcolor": RED, "color": RED, "ink": LIGHT_TEXT,
        }  # fmt: skip
    if any(row.not_finite and "gradient" not in row.not_finite for row in flow.rows):
        found["in the values only"] = {"bgcolor": PALE_RED, "color": RED}
    if "none" in statuses:
        found["no gradient"] = {
            "bgcolor": "#FFFFFF", "color": NO_GRADIENT, "style": "dashed",
        }  # fmt: skip
    found["no parameters"] = {"bgcolor": "#FFFFFF", "color": "#AAAAAA"}
    return found


def flow_notes(flow: GradientFlow) -> Iterator[str]:
    """Return what the reader should know."""
    if flow.first_not_finite is not None:
        yield f"{flow.first_not_finite}."
    if any(row.dead for row in flow.rows):
        yield "Dead: units that are 0 for the whole batch."
    if any(row.saturated for row in flow.rows):
        yield f"Saturated: units within {NEAR} of a bound of their range for the whole batch."
    missing = [p for p in flow.unused if p.gradient is None]
    if missing:
        names = ", ".join(p.name for p in missing[:4]) + (" ..." if len(missing) > 4 else "")
        yield f"No gradient, because not used in this call: {names}"
