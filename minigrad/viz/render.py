"""Pictures of DOT text: with the system's Graphviz, or with the engine inside pygraphviz."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import graphviz

from minigrad._extras import require
from minigrad.errors import ArgumentError, MissingExtraError

__all__ = ["Drawing"]

_PICTURES = {".svg", ".png", ".pdf"}
_TEXTS = {".dot", ".gv"}


class Drawing(graphviz.Digraph):  # type: ignore[misc]
    """A `graphviz.Digraph` that also renders where no ``dot`` is installed.

    It shows itself in a notebook, and `write` saves it.
    """

    def write(self, path: str | Path) -> Path:
        """Write the picture in the format that the suffix names.

        Parameters
        ----------
        path : str or Path
            Ending in .svg, .png, .pdf, or .dot for the text that describes it.

        Returns
        -------
        Path
            Where it was written.

        Raises
        ------
        ArgumentError
            If the suffix names no such format.
        MissingExtraError
            If there is neither a ``dot`` on the PATH nor pygraphviz; .dot can be written still.

        Examples
        --------
        >>> import os, tempfile
        >>> from minigrad import nn, viz
        >>> drawing = viz.draw_model(nn.Linear(2, 1), [[1.0, 2.0]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = drawing.write(os.path.join(folder, "model.dot"))
        ...     print(path.name, path.read_text(encoding="utf-8").startswith("digraph"))
        model.dot True
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix in _TEXTS:
            path.write_text(self.source, encoding="utf-8")
        elif suffix in _PICTURES:
            path.write_bytes(rendered(self.source, suffix[1:]))
        else:
            raise ArgumentError(
                f"a picture is written as .svg, .png, .pdf or .dot, not {path.name!r}"
            )
        return path

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> Any:
        try:
            return {"image/svg+xml": rendered(self.source, "svg").decode("utf-8")}
        except MissingExtraError as error:
            return {"text/plain": f"{error}\n\n{self.source}"}


def rendered(source: str, format: str) -> bytes:  # noqa: A002 (graphviz's name)
    """Return the picture of DOT text in a format such as ``"svg"``.

    Raises
    ------
    MissingExtraError
        If there is neither a ``dot`` on the PATH nor pygraphviz.
    """
    if shutil.which("dot"):
        picture: bytes = graphviz.Source(source).pipe(format=format)
        return picture
    pygraphviz = require(
        "pygraphviz", extra="viz", purpose="Rendering a picture without Graphviz's dot on the PATH"
    )
    drawn: bytes = pygraphviz.AGraph(string=source).draw(format=format, prog="dot")
    return drawn
