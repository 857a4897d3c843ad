"""A page of a computation to move about in: one HTML file that needs no network."""

from __future__ import annotations

import html
import importlib.resources
import json
import math
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigrad.errors import ArgumentError
from minigrad.tensor import Tensor
from minigrad.viz.computation import View, draw_graph
from minigrad.viz.data.collapse import depth_of, limited
from minigrad.viz.data.graph import Graph, GraphNode
from minigrad.viz.data.reducing import reduced
from minigrad.viz.data.trace import graph_behind
from minigrad.viz.look import numbers
from minigrad.viz.look.numbers import visible
from minigrad.viz.look.render import check_folder, rendered

__all__ = ["save_html"]

DEEPEST = 6  # levels of modules that have a layout of their own


def save_html(
    path: str | Path,
    *outputs: Tensor | Graph,
    title: str = "",
    direction: str = "TB",
    max_nodes: int | None = 200,
    names: Mapping[str, Tensor] | None = None,
) -> Path:
    """Save what tensors were computed from as a page: to pan, zoom, search and look into.

    One file, for any browser, without network. A click on a node shows its details: shape, module,
    statistics of its value and gradient, your line that made it (as far as they are known, see
    `record`), and what it was computed from. A click on the title of a module closes it and opens
    it again; the levels show all modules at a depth closed, in a layout of their own. Everything
    can be done by keyboard, too; the key ``?`` lists the keys.

    Parameters
    ----------
    path : str or Path
        Ending in .html.
    *outputs : Tensor
        Results, such as a loss; or one `Graph` of them.
    title : str, optional
        Of the page.
    direction, max_nodes, names
        As of `draw`.

    Returns
    -------
    Path
        Where it was saved.

    Raises
    ------
    ArgumentError, DtypeError, GraphError
        If the path is no .html, or there is nothing to show.
    MissingExtraError
        If there is neither Graphviz nor pygraphviz to lay it out.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> with viz.record():
    ...     loss = nn.CrossEntropyLoss()(model(np.ones((5, 3), np.float32)), np.zeros(5, int))
    ...     loss.backward()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = viz.save_html(os.path.join(folder, "loss.html"), loss)
    ...     "0.weight" in page.read_text(encoding="utf-8")
    True
    """
    if not isinstance(path, str | os.PathLike):
        swapped = isinstance(path, Tensor | Graph) and "; the order is (path, loss)"
        raise ArgumentError(
            "a page is saved under a path: viz.save_html('loss.html', loss), not under "
            f"{type(path).__name__}{swapped or ''}"
        )
    path = Path(path)
    if path.suffix.lower() != ".html":
        raise ArgumentError(f"a page is saved as .html, not {path.name!r}")
    check_folder(path)
    traced = graph_behind(outputs, names)
    path.write_text(_page(traced, title or path.stem, direction, max_nodes), encoding="utf-8")
    return path


def _page(graph: Graph, title: str, direction: str, max_nodes: int | None) -> str:
    depths = [*range(min(max(depth_of(graph), default=-1) + 1, DEEPEST)), None]
    levels = [_level(graph, depth, direction, max_nodes) for depth in depths]
    texts = {
        "title": html.escape(visible(title)),
        "summary": html.escape(graph.summary),
        "style": _asset("page.css"),
        "script": _asset("page.js"),
        # Inside a script element nothing may look like its end.
        "data": json.dumps(levels, ensure_ascii=True).replace("<", "\\u003c"),
    }
    template = _asset("page.html")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: texts[match[1]], template)


def _asset(name: str) -> str:
    return importlib.resources.files("minigrad.viz").joinpath("assets", name).read_text("utf-8")


def _level(
    graph: Graph, depth: int | None, direction: str, max_nodes: int | None
) -> dict[str, Any]:
    """Return the layout and the details with modules closed at a depth."""
    shown = reduced(graph, depth, True, max_nodes)
    drawing = draw_graph(shown, View(direction), fold=False, max_nodes=None, caption=graph.summary)
    try:
        svg = rendered(drawing.source, "svg").decode("utf-8")
    except subprocess.TimeoutExpired:
        shown = limited(shown, 40)
        drawing = draw_graph(
            shown, View(direction), fold=False, max_nodes=None, caption=graph.summary
        )
        svg = drawing.picture("svg").decode("utf-8")
    sources: dict[int, list[int]] = {}
    users: dict[int, list[int]] = {}
    for edge in shown.edges:
        sources.setdefault(edge.target, []).append(edge.source)
        users.setdefault(edge.source, []).append(edge.target)
    return {
        "name": "everything" if depth is None else f"modules at depth {depth}",
        "svg": svg[svg.index("<svg") :],
        "nodes": {
            f"n{node.index}": {
                "title": node.title,
                "groups": [f"cluster_{g.index}" for g in shown.groups_around(node.group)],
                "from": [f"n{i}" for i in dict.fromkeys(sources.get(node.index, []))],
                "to": [f"n{i}" for i in dict.fromkeys(users.get(node.index, []))],
                "rows": [[name, text] for name, text in _rows(shown, node) if text],
            }
            for node in shown.nodes
        },
        "groups": {
            f"cluster_{group.index}": {
                "title": f"{group.path}: {group.module}" if group.path else group.module,
                "configuration": group.configuration,
            }
            for group in shown.groups
        },
    }


def _rows(graph: Graph, node: GraphNode) -> list[tuple[str, str]]:
    """Return what is told of a node, as names and texts."""
    groups = list(graph.groups_around(node.group))
    around = [group.path or group.module for group in groups]
    times = math.prod(group.repeats for group in groups) * node.repeats
    gradient = {None: "", True: "yes", False: "no"}[node.got_gradient]
    return [
        ("kind", node.kind),
        ("computed by", node.call if node.kind in ("operation", "module") else ""),
        ("configuration", node.options if node.kind == "module" else ""),
        ("module", around[0] if around else ""),
        ("shape", numbers.shape(node.shape) if node.kind != "hidden" else ""),
        ("dtype", node.dtype),
        ("value", _described(node.value)),
        ("gradient", _described(node.gradient)),
        ("requires a gradient", "yes" if node.requires_grad else "no"),
        ("has a gradient", gradient),
        ("without gradient", ", ".join(node.without_gradient)),
        ("frozen", ", ".join(node.frozen)),
        ("line", node.line),
        ("repeated", f"{times} times, each with its own numbers" if times > 1 else ""),
        ("operations", numbers.count(node.operations) if node.operations > 1 else ""),
    ]


def _described(array: Any) -> str:
    return "" if array is None else "\n".join(numbers.array_lines(array))
