"""Pictures of DOT text: with the system's Graphviz, or with the engine inside pygraphviz."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import graphviz

from minigrad._extras import require
from minigrad.errors import ArgumentError, RenderingError

__all__ = ["Drawing", "rendered"]

_PICTURES = {".svg", ".png", ".pdf"}
_TEXTS = {".dot", ".gv", ""}
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
    """A `graphviz.Digraph` that also renders where no ``dot`` is installed.

    It shows itself in a notebook, and `save` saves it.

    Attributes
    ----------
    graph : Graph or None
        What is drawn, as plain data.
    smaller : callable or None
        Makes a picture of less, for a layout that takes too long.
    """

    graph: Any = None
    smaller: Callable[[], Drawing] | None = None

    def save(self, filename: Any = None, directory: Any = None, **options: Any) -> Any:
        """Save the picture in the format that the suffix names.

        Parameters
        ----------
        filename : str or Path
            Ending in .svg, .png, .pdf; or .dot for the text that describes it, which needs no
            engine.
        directory : str or Path, optional
            Where, if `filename` does not say.

        Returns
        -------
        Path
            Where it was saved.

        Raises
        ------
        ArgumentError
            If the suffix names no such format.
        MissingExtraError
            If there is neither a ``dot`` on the PATH nor pygraphviz; .dot can be saved still.

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
        if suffix in _TEXTS:
            path.write_text(self.source, encoding="utf-8")
        elif suffix in _PICTURES:
            path.write_bytes(self.picture(suffix[1:]))
        else:
            raise ArgumentError(
                f"a picture is saved as .svg, .png, .pdf or .dot, not {path.name!r}"
            )
        return path

    def picture(self, format: str = "svg") -> bytes:  # noqa: A002 (graphviz's name)
        """Return the rendered picture: of less, if the layout of all takes longer than 30 s."""
        try:
            return rendered(self.source, format)
        except subprocess.TimeoutExpired:
            if self.smaller is None:
                raise RenderingError(
                    f"the layout took longer than {TIMEOUT:.0f} s, and there is no smaller picture "
                    "of it; draw less (depth=, max_nodes=), or save the .dot"
                ) from None
        smaller = self.smaller()
        note = f"The layout of everything took longer than {TIMEOUT:.0f} s: this is less of it."
        smaller.attr(xlabel=note, tooltip=note)
        smaller.node("too_large", note, shape="plaintext", fontcolor="#D55E00")
        return rendered(smaller.source, format)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> Any:
        try:
            return {"image/svg+xml": self.picture("svg").decode("utf-8")}
        except Exception as error:  # a notebook shows what it can
            return {"text/plain": f"{error}\n\n{self.source}"}


def rendered(source: str, format: str, timeout: float = TIMEOUT) -> bytes:  # noqa: A002
    """Return the picture of DOT text in a format such as ``"svg"``.

    Raises
    ------
    MissingExtraError
        If there is neither a ``dot`` on the PATH nor pygraphviz.
    RenderingError
        If the engine fails.
    subprocess.TimeoutExpired
        If it takes longer than `timeout` seconds.
    """
    dot = shutil.which("dot")
    if dot:
        command = [dot, f"-T{format}"]
    elif importlib.util.find_spec("pygraphviz"):
        command = [sys.executable, "-c", _WITH_PYGRAPHVIZ, format]
    else:
        require("pygraphviz", extra="viz", purpose=_PURPOSE)
    done = subprocess.run(
        command, input=source.encode("utf-8"), capture_output=True, timeout=timeout, check=False
    )
    if done.returncode or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise RenderingError(f"{Path(command[0]).name} could not draw the picture: {said}")
    return done.stdout


_PURPOSE = (
    "Rendering a picture without Graphviz's dot on the PATH (which your system's package graphviz "
    "brings); .dot can be saved without either"
)
