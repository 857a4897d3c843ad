"""Pictures of DOT text: with the system's Graphviz, or with the engine inside pygraphviz."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import graphviz

from minigrad._extras import require
from minigrad.errors import ArgumentError, RenderingError

__all__ = ["OF_GRAPHS", "Drawing", "check_folder", "rendered"]

_PICTURES = {".svg", ".png", ".pdf"}
_TEXTS = {".dot", ".gv"}
OF_GRAPHS = (".json", ".txt", ".mmd", ".md")
TIMEOUT = 30.0  # seconds that the layout of a picture may take

# In a process of its own, which can be stopped when a layout takes too long.
_WITH_PYGRAPHVIZ = """
import sys, warnings
import pygraphviz
warnings.simplefilter("ignore")
source = sys.stdin.buffer.read().decode("utf-8")
picture = pygraphviz.AGraph(string=source).draw(format=sys.argv[1], prog="dot")
sys.stdout.buffer.write(picture)
"""


class Drawing(graphviz.Digraph):  # type: ignore[misc]
    """A picture: ``save("model.svg")`` saves it, as .svg, .png, .pdf or .dot; see `Drawing.save`.

    In a notebook it shows itself. It is a `graphviz.Digraph` that also renders where no ``dot`` is
    installed, and ``source`` is its DOT text. Made of a computation, it can be saved as .json,
    .txt, .mmd and .md, too; of a model as .json.

    Attributes
    ----------
    graph : Graph, LayerGraph or None
        What is drawn, as plain data.
    texts : mapping from str to callable
        What makes the texts that it can be saved as besides .dot, by their suffixes.
    smaller : callable or None
        Makes a picture of less, for a layout that takes too long.
    remark : callable or None
        Puts a note above the legend.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> from minigrad import viz
    >>> drawing = viz.draw(np.tanh(mg.tensor([1.0], requires_grad=True)))
    >>> drawing.source.startswith("digraph"), len(drawing.graph.nodes)
    (True, 2)
    """

    graph: Any = None
    texts: Mapping[str, Callable[[], str]] = MappingProxyType({})
    smaller: Callable[[], Drawing] | None = None
    remark: Callable[[str], None] | None = None
    _indent = "\t"

    # Statements as graphviz writes them, in fewer steps: pictures have thousands.

    def node(
        self, name: str, label: str | None = None, _attributes: Any = None, **attrs: str
    ) -> None:
        """Add a node, with a label and attributes of Graphviz."""
        attributes = _attribute_list(label, attrs, _attributes)
        self.body.append(f"{self._indent}{_quoted(name)}{attributes}\n")

    def edge(
        self,
        tail_name: str,
        head_name: str,
        label: str | None = None,
        _attributes: Any = None,
        **attrs: str,
    ) -> None:
        """Add an edge, with a label and attributes of Graphviz."""
        ends = f"{_quoted_end(tail_name)} -> {_quoted_end(head_name)}"
        attributes = _attribute_list(label, attrs, _attributes)
        self.body.append(f"{self._indent}{ends}{attributes}\n")

    def open_box(self, name: str, **attrs: str) -> None:
        """Begin a box, in which everything lies until `close_box`."""
        self.body.append(f"{self._indent}subgraph cluster_{name} {{\n")
        self._indent += "\t"
        self.body.append(f"{self._indent}graph{_attribute_list(None, attrs, None)}\n")

    def close_box(self) -> None:
        """End the innermost box."""
        self._indent = self._indent[1:]
        self.body.append(f"{self._indent}}}\n")

    def save(
        self,
        filename: Any = None,
        directory: Any = None,
        *,
        timeout: float | None = None,
        **options: Any,
    ) -> Any:
        """Save the picture in the format that the suffix names.

        Parameters
        ----------
        filename : str or Path
            Ending in .svg, .png, .pdf; or, which needs no engine, in .dot for the text that
            describes it, and where it is made of a graph in .json for that as data, .txt for a
            tree and .mmd or .md for a Mermaid flowchart.
        directory : str or Path, optional
            Where, if `filename` does not say.
        timeout : float, default 30
            Seconds that the layout may take; after that, a picture of less is saved, which says so.

        Returns
        -------
        Path
            Where it was saved.

        Raises
        ------
        ArgumentError
            If the suffix names no such format, or one of a graph and there is none.
        MissingExtraError
            If there is neither a ``dot`` on the PATH nor pygraphviz; texts can be saved still.
        RenderingError
            If the engine fails, or cannot even draw less in time.

        Examples
        --------
        >>> import os, tempfile
        >>> from minigrad import nn, viz
        >>> drawing = viz.draw_model(nn.Linear(2, 1), [[1.0, 2.0]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = drawing.save(os.path.join(folder, "model.dot"))
        ...     print(path.name, path.read_text(encoding="utf-8").startswith("digraph"))
        model.dot True
        """
        if filename is None or options:  # as graphviz calls it
            return super().save(filename, directory, **options)
        path = Path(directory or "", filename)
        suffix = path.suffix.lower()
        check_folder(path)
        if suffix in _PICTURES:
            path.write_bytes(self.picture(suffix[1:], timeout))
        else:
            path.write_bytes(self._as_text(path, suffix).encode("utf-8"))
        return path

    def _as_text(self, path: Path, suffix: str) -> str:
        if suffix in _TEXTS:
            return str(self.source)
        if suffix in self.texts:
            return self.texts[suffix]()
        if suffix in OF_GRAPHS:
            raise ArgumentError(
                f"this picture is not made of a graph that {path.name!r} could hold; save it as "
                f"{', '.join(['.svg', '.png', '.pdf', *self.texts])} or .dot"
            )
        page = "; viz.save_html saves a page" if suffix in (".html", ".htm") else ""
        raise ArgumentError(
            "a picture is saved as .svg, .png, .pdf, .dot, .json, .txt, .mmd or .md, "
            f"not {path.name!r}{page}"
        )

    def picture(self, format: str = "svg", timeout: float | None = None) -> bytes:  # noqa: A002 (graphviz's name)
        """Return the rendered picture: of less, if the layout of all takes longer than 30 s."""
        limit = TIMEOUT if timeout is None else timeout
        try:
            return rendered(self.source, format, limit)
        except subprocess.TimeoutExpired:
            pass
        smaller = self.smaller() if self.smaller is not None else None
        if smaller is not None and smaller.source != self.source:
            smaller._say(
                f"The layout of everything took longer than {limit:g} s: this is less of it."
            )
            with contextlib.suppress(subprocess.TimeoutExpired):
                return rendered(smaller.source, format, max(limit, TIMEOUT))
        raise RenderingError(
            f"the layout took longer than {limit:g} s, and there is no smaller picture of it that "
            "takes less; draw less (depth=, max_nodes=), allow more (save(..., timeout=300)), or "
            "save the .dot"
        )

    def _say(self, note: str) -> None:
        if self.remark is not None:
            self.remark(note)
        else:
            self.node("note", note, shape="plaintext", fontcolor="#D55E00")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> Any:
        try:
            return {"image/svg+xml": self.picture("svg").decode("utf-8")}
        except Exception as error:  # a notebook shows what it can
            return {"text/plain": f"{error}\n\n{self._in_words()}"}

    def _in_words(self) -> str:
        try:
            return self.texts[".txt"]() if ".txt" in self.texts else str(self.source)
        except Exception:  # see above
            return str(self.source)


def check_folder(path: Path) -> None:
    """Refuse a path in a folder that is not there."""
    if not path.parent.is_dir():
        raise ArgumentError(
            f"{str(path)!r} cannot be saved, for there is no folder {str(path.parent)!r}; make it "
            "first"
        )


_quoted = functools.lru_cache(4096, typed=True)(graphviz.quoting.quote)
_quoted_end = functools.lru_cache(4096, typed=True)(graphviz.quoting.quote_edge)


def _attribute_list(label: str | None, attrs: Mapping[str, str], more: Any) -> str:
    if more:
        return str(graphviz.quoting.attr_list(label, kwargs=attrs, attributes=more))
    parts = [] if label is None else [f"label={_quoted(label)}"]
    parts += [f"{key}={_quoted(attrs[key])}" for key in sorted(attrs) if attrs[key] is not None]
    return f" [{' '.join(parts)}]" if parts else ""


# --- Engines -----------------------------------------------------------------------------------


def rendered(source: str, format: str, timeout: float | None = None) -> bytes:  # noqa: A002
    """Return the picture of DOT text in a format such as ``"svg"``.

    Raises
    ------
    MissingExtraError
        If there is neither a ``dot`` on the PATH nor pygraphviz.
    RenderingError
        If the engine fails, the other one too where there are two.
    subprocess.TimeoutExpired
        If it takes longer than `timeout` seconds.
    """
    engines = list(_engines(format))
    if not engines:
        require("pygraphviz", extra="viz", purpose=_PURPOSE)
    said = []
    for name, command in engines:
        try:
            done = subprocess.run(
                command,
                input=source.encode("utf-8"),
                capture_output=True,
                timeout=TIMEOUT if timeout is None else timeout,
                check=False,
            )
        except OSError as error:
            said.append(f"{name} could not be run: {error}")
            continue
        if done.stdout and not done.returncode:
            return done.stdout
        message = done.stderr.decode("utf-8", "replace").strip()
        said.append(
            f"{name} could not draw the picture: {message or f'exit status {done.returncode}'}"
        )
    raise RenderingError("\n".join([*said, "The text of the picture can be saved still, as .dot"]))


def _engines(format: str) -> Iterator[tuple[str, list[str]]]:  # noqa: A002
    """Yield what can draw, by name, with the command for it."""
    dot = shutil.which("dot")
    if dot:
        yield dot, [dot, f"-T{format}"]
    if importlib.util.find_spec("pygraphviz") and sys.executable:
        # -P: modules are not looked for in the folder that the program happens to run in
        yield "pygraphviz", [sys.executable, "-P", "-c", _WITH_PYGRAPHVIZ, format]


_PURPOSE = (
    "rendering a picture without Graphviz's dot on the PATH (which the package graphviz of your "
    "system brings; .dot, .json, .txt and .mmd can be saved without either)"
)
