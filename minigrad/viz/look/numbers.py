"""Numbers, arrays and names as the short texts of a label."""

from __future__ import annotations

import math
from typing import Any

from minigrad.arrays import as_numpy
from minigrad.viz.data.snapshots import WHOLE, Statistics

__all__ = ["LONGEST", "array_lines", "count", "number", "shape", "shortened", "visible"]

LONGEST = 48  # characters of a line in a label
_JOINERS = "\u200c\u200d"  # inside words of some scripts, and inside emoji


def number(value: float) -> str:
    """Return a number with four significant digits: 0.25, -1.234e-05, 12340."""
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "-∞"}.get(value, "NaN")
    text = f"{value:.4g}"
    if "e" in text and 1e-4 <= abs(value) < 1e7:
        return f"{value:.0f}"
    return text


def count(value: int) -> str:
    """Return an integer with commas: 101,770."""
    return f"{value:,}"


def shape(lengths: tuple[int, ...]) -> str:
    """Return a shape as in NumPy, and "scalar" for none: (32, 784)."""
    return str(tuple(lengths)) if lengths else "scalar"


def array_lines(array: Any) -> list[str]:
    """Return a small array in full, a row to a line; of another its least, mean and largest."""
    if isinstance(array, Statistics):
        return [_statistics(array)]
    values = as_numpy(array)
    if values.size == 0:
        return ["empty"]
    if values.ndim == 0:
        return [number(float(values))]
    if values.size > WHOLE or values.ndim > 2:
        return [_statistics(values)]
    rows = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values[None]
    return [line for row in rows for line in _wrapped([number(float(x)) for x in row])]


def _wrapped(texts: list[str]) -> list[str]:
    """Return texts in as many lines as they need; in brackets if they are several."""
    lines = [""]
    for text in texts:
        if lines[-1] and len(lines[-1]) + len(text) > LONGEST - 8:
            lines.append("")
        lines[-1] += f" {text}" if lines[-1] else text
    if len(lines) > 1:
        lines[0], lines[-1] = f"[{lines[0]}", f"{lines[-1]}]"
    return lines


def _statistics(values: Any) -> str:
    found = Statistics.of(values)
    text = f"{number(found.min)} … {number(found.max)}, mean {number(found.mean)}"
    return f"{text}, {found.not_finite} not finite" if found.not_finite else text


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return a text in one line, without its middle if it is long."""
    text = " ".join(text.split())
    if len(text) <= longest:
        return text
    head = (longest - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def visible(text: str) -> str:
    """Return a text with a sign in place of each character that nothing can be seen of."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else "�" for c in text)
