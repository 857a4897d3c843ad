"""How sphinx-gallery runs the examples: quickly, and with what they write thrown away."""

import tempfile
from pathlib import Path
from typing import Any

_folder = tempfile.TemporaryDirectory(prefix="minigrad-gallery-")


def options(_conf: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """Return the options of an example."""
    path = Path(script["src_file"])
    takes_output = "--output" in path.read_text(encoding="utf-8")
    output = ["--output", f"{_folder.name}/{path.stem}"] if takes_output else []
    return ["--quick", *output]
