"""Fonts and labels of all pictures, and the legend that says what colours and shapes mean."""

from __future__ import annotations

import functools
import html
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import graphviz

from minigrad.viz.look.numbers import LONGEST, shortened, visible
from minigrad.viz.look.palette import (
    BLACK,
)
from minigrad.viz.look.render import Drawing
from minigrad.viz.options import check_direction

__all__ = [
    "Row",
    "Scale",
    "label",
    "legend",
    "new_drawing",
    "plain",
    "table",
]


# Most systems have it or a font of the same widths, so that labels are as wide where they are shown
# as where they were laid out.
FONT = "Arial"
_WIDEST = 100  # characters of a line in the legend
_STRUT = '<font point-size="11"> </font>'  # keeps lines apart: letters hang below theirs


def new_drawing(direction: str = "TB", **attributes: str) -> Drawing:
    """Return an empty picture with the fonts and sizes of all."""
    font = {"fontname": FONT, "fontsize": "11"}
    return Drawing(
        graph_attr={
            "rankdir": check_direction(direction),
            "labelloc": "b",
            "nodesep": "0.25",
            "ranksep": "0.35",
            **font,
            **attributes,
        },
        node_attr={"shape": "box", "margin": "0.12,0.06", **font},
        edge_attr={
            "color": "#555555",
            "arrowsize": "0.7",
            "fontname": FONT,
            "fontsize": "9",
        },
    )


def label(title: str, lines: Iterable[str] = (), *, longest: int = LONGEST) -> str:
    """Return an HTML-like label in which no character has a meaning: a title and smaller lines."""
    rows = [f"<b>{_escaped(shortened(title, longest)) or ' '}</b>"]
    rows += [
        f'{_STRUT}<font point-size="9">{_escaped(shortened(line, longest))}</font>{_STRUT}'
        for line in lines
        if line.strip()
    ]
    return f"<{'<br/>'.join(rows)}>"


class Row(NamedTuple):
    """A line of a table: what it is and how much, or one text alone."""

    left: str
    right: str = ""
    color: str = BLACK
    bold: bool = False


def table(
    title: str,
    kind: str,
    rows: Iterable[Row],
    *,
    head: str,
    line: str,
    fill: str = "#FFFFFF",
    text: str = BLACK,
    width: int = 1,
    least: int = 0,
    style: str = "",
) -> str:
    """Return an HTML-like label that is a small table, for a node of the shape "plain".

    Parameters
    ----------
    title, kind : str
        Left and right in the head.
    rows : iterable of Row
    head, line, fill, text : str
        Colours of the head, of the border, of the rest, and of the text in the head.
    width : int, default 1
        Of the border.
    least : int, default 0
        Width of the table, in points, if its texts need no more.
    style : str, optional
        Of the border: "dashed", "dotted".
    """
    cells = f'<td align="left">{_colored(title, text, 11, bold=True)}</td>'
    if kind:
        cells += f'<td align="right">{_colored(kind, text, 10)}</td>'
    wide = f' width="{least}"' if least else ""
    # In one cell, so that no line shows where two would meet.
    top = (
        f'<td colspan="2" bgcolor="{head}" cellpadding="0"{wide}><table border="0" cellborder="0" '
        f'cellspacing="0" cellpadding="3"><tr>{cells}</tr></table></td>'
    )
    look = f' style="{style}"' if style else ""
    lines = "".join(f"<tr>{_row(row)}</tr>" for row in rows)
    return (
        f'<<table border="{width}"{look} cellborder="0" cellspacing="0" cellpadding="3" '
        f'bgcolor="{fill}" color="{line}"><tr>{top}</tr>{lines}</table>>'
    )


def _row(row: Row) -> str:
    left = _colored(row.left, row.color, 9, bold=row.bold)
    if not row.right:
        return f'<td align="left" colspan="2">{left}</td>'
    right = _colored(row.right, row.color, 9, bold=row.bold)
    return f'<td align="left">{left}</td><td align="right">{right}</td>'


def _colored(text: str, color: str, size: int, *, bold: bool = False) -> str:
    inside = _escaped(shortened(text)) or " "
    inside = f"<b>{inside}</b>" if bold else inside
    return f'<font point-size="{size}" color="{color}">{inside}</font>'


def plain(text: str, longest: int = 400) -> str:
    """Return a text as the value of an attribute, such as a tooltip, that means nothing else."""
    # As what begins with < and ends with > it would be read as HTML, with attributes of its own.
    return str(graphviz.escape(html.escape(visible(shortened(text, longest)), quote=False)))


@functools.lru_cache(1024)
def _escaped(text: str) -> str:
    # Graphviz puts names in place of \N and the like, even here, and has no way to escape them.
    return html.escape(re.sub(r"\\(?=[EGHLNT])", "\\\\\u200b", visible(text)))


class Scale(NamedTuple):
    """Colours for a quantity, from little to much."""

    title: str
    steps: tuple[tuple[str, str, str], ...]  # colour, text in it, colour of the text


def legend(
    drawing: Drawing,
    caption: str,
    entries: Mapping[str, Mapping[str, str]],
    notes: Iterable[str],
    scale: Scale | None = None,
) -> None:
    """Put a caption, notes, and what the colours mean below a picture.

    Parameters
    ----------
    drawing : Drawing
    caption : str
    entries : mapping
        For each meaning the attributes of the cell that shows it: ``{"bgcolor": ..., "color": ...,
        "style": ..., "ink": ...}`` (ink is the colour of the text), or ``{"text": ..., "color":
        ...}`` for a sign in a colour.
    notes : iterable of str
    scale : Scale, optional
        What colours of a quantity mean.
    """
    rows = ['<tr><td height="6"></td></tr>']  # apart from the picture
    if caption:
        rows.append(f"<tr><td><b>{_escaped(caption)}</b></td></tr>")
    notes = list(notes)
    rows += [
        f'<tr><td><font point-size="9">{_escaped(line)}</font></td></tr>'
        for note in notes
        for line in textwrap.wrap(note, _WIDEST)
    ]
    if entries:
        cells = "".join(_entry(text, cell) for text, cell in entries.items())
        rows.append(
            '<tr><td><table border="0" cellspacing="5" cellborder="0" cellpadding="3">'
            f"<tr>{cells}</tr></table></td></tr>"
        )
    if scale is not None:
        steps = "".join(
            f'<td bgcolor="{color}" width="34">{_colored(text, ink, 8)}</td>'
            for color, text, ink in scale.steps
        )
        rows.append(
            '<tr><td><table border="0" cellspacing="0" cellborder="0" cellpadding="3">'
            f"<tr><td>{_small(scale.title)}</td>{steps}</tr></table></td></tr>"
        )
    if len(rows) > 1:
        table = f'<table border="0" cellspacing="0" cellborder="0">{"".join(rows)}</table>'
        drawing.attr(label=f"<{table}>")
    drawing.remark = lambda note: legend(drawing, caption, entries, [note, *notes], scale)


def _entry(meaning: str, cell: Mapping[str, Any]) -> str:
    """Return the cell of a meaning, in its colours: one cell, which looks well at any width."""
    if "text" in cell:
        return f"<td>{_colored(cell['text'], cell['color'], 11, bold=True)} {_small(meaning)}</td>"
    attributes = "".join(
        f' {name}="{value}"' for name, value in cell.items() if value and name != "ink"
    )
    return f'<td border="1"{attributes}>{_colored(meaning, cell.get("ink", BLACK), 9)}</td>'


def _small(text: str) -> str:
    return f'<font point-size="9">{_escaped(text)}</font>'
