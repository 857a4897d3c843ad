"""How sphinx-gallery runs the examples: quickly, and in a folder that is thrown away."""

import os
import tempfile
from typing import Any

_folder = tempfile.TemporaryDirectory(prefix="minigrad-gallery-")


def quickly(_conf: dict[str, Any], _script: dict[str, Any]) -> list[str]:
    """Return the options of every example."""
    return ["--quick"]


def in_a_folder_of_its_own(_conf: dict[str, Any], _file: str) -> None:
    """Go to a folder for what an example writes."""
    os.chdir(_folder.name)
