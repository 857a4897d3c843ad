"""Both engines, and what a rendered picture must be: XML, with every label inside its box."""

import importlib.util
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

SVG = "{http://www.w3.org/2000/svg}"
HAS_DOT = shutil.which("dot") is not None
HAS_PYGRAPHVIZ = importlib.util.find_spec("pygraphviz") is not None

ENGINES = [
    pytest.param("dot", marks=pytest.mark.skipif(not HAS_DOT, reason="no dot on the PATH")),
    pytest.param(
        "pygraphviz", marks=pytest.mark.skipif(not HAS_PYGRAPHVIZ, reason="no pygraphviz")
    ),
]


def only(engine, monkeypatch):
    """Let pictures be drawn by "dot", "pygraphviz" or "none" alone."""
    which, find_spec = shutil.which, importlib.util.find_spec
    if engine != "dot":
        monkeypatch.setattr(shutil, "which", lambda name: None if name == "dot" else which(name))
    if engine != "pygraphviz":
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name, *rest: None if name == "pygraphviz" else find_spec(name, *rest),
        )


def texts(svg):
    """Return all text in an SVG picture, without spaces: engines split it differently."""
    root = ET.fromstring(svg)
    return "".join("".join(root.itertext()).replace("\u200b", "").split())


def overflows(svg):
    """Return the texts of nodes and boxes that are wider than the outline of these."""
    found = []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class") not in ("node", "cluster"):
            continue
        outline = extent(group)
        for text in group.iter(f"{SVG}text"):
            left, right = reach(text)
            if outline and (left < outline[0] - 1 or right > outline[1] + 1):
                found.append(("".join(text.itertext()), (left, right), outline))
    return found


def extent(group):
    numbers = []
    for shape in group.iter():
        if shape.tag == f"{SVG}polygon":
            points = shape.get("points").split()
            numbers += [float(point.partition(",")[0]) for point in points]
        elif shape.tag == f"{SVG}path":
            numbers += [float(x) for x in re.findall(r"(-?[\d.]+),-?[\d.]+", shape.get("d"))]
    return (min(numbers), max(numbers)) if numbers else None


def reach(text):
    """Return where a text begins and ends, in Arial."""
    words = "".join(text.itertext())
    bold = text.get("font-weight") == "bold"
    width = float(text.get("font-size")) / 1000 * sum(widths(bold).get(c, 556) for c in words)
    x = float(text.get("x"))
    anchor = text.get("text-anchor", "start")
    left = x - {"start": 0, "middle": 0.5, "end": 1}[anchor] * width
    return left, left + width


def widths(bold, cache={}):  # noqa: B006 (the file is read once)
    """Return the widths of Helvetica's characters, which are Arial's, as matplotlib has them."""
    if bold not in cache:
        matplotlib = pytest.importorskip("matplotlib")
        name = "phvb8a.afm" if bold else "phvr8a.afm"
        path = Path(matplotlib.get_data_path(), "fonts", "afm", name)
        entries = re.findall(r"^C (\d+) ; WX (\d+) ;", path.read_text("latin-1"), re.MULTILINE)
        cache[bold] = {chr(int(code)): int(width) for code, width in entries if int(code) < 127}
    return cache[bold]
