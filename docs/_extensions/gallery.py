"""How sphinx-gallery runs the examples: quickly, in their order, in folders that go afterwards."""

import re
import shutil
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from sphinx_gallery.scrapers import figure_rst

EXAMPLES = Path(__file__).parents[2] / "examples"
ORDER = re.findall(r"``(\w+)\.py``", (EXAMPLES / "README.rst").read_text(encoding="utf-8"))

_seen: dict[Path, int] = {}  # pictures, with the times at which they were written
_outputs = tempfile.TemporaryDirectory(prefix="minigrad-gallery-")
OUTPUTS = re.compile(re.escape(str(Path(_outputs.name).parent)) + r"[/\\]minigrad-gallery-\w+")


def _output(script: str) -> Path:
    return Path(_outputs.name, Path(script).stem)


def place(script: str) -> int:
    """Return what the examples are sorted by: their place in the table above the gallery."""
    return ORDER.index(Path(script).stem)


def options(_conf: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """Return the options that an example is run with."""
    return ["--quick", "--output", str(_output(script["src_file"]))]


def with_its_command(page: str, name: str) -> str:
    """Return the page of an example with a sentence below its title on how it was run."""
    command = f"``python examples/{name}.py --quick``"
    said = f"*What this page prints and draws below the code is of* {command}."
    return re.sub(r"^=+\n", rf"\g<0>\n{said}\n", page, count=1, flags=re.MULTILINE)


def pictures(block: Any, variables: dict[str, Any], conf: dict[str, Any]) -> str:
    """Show the pictures that a cell has saved, one below the other."""
    plt.close("all")
    shown = []
    saved = _new_pictures(_output(variables["src_file"]))
    for picture, wanted in zip(saved, variables["image_path_iterator"], strict=False):
        copy = str(Path(wanted).with_suffix(picture.suffix))
        shutil.copyfile(picture, copy)
        shown.append(figure_rst([copy], conf["src_dir"], picture.stem.replace("_", " ")))
    if not shown:
        return ""
    return f"\n.. container:: picture\n\n{textwrap.indent(''.join(shown), '    ')}\n"


def _new_pictures(folder: Path) -> list[Path]:
    """Return the pictures that were written since the last call, in their order."""
    written = {
        path: path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.suffix in (".png", ".svg")
    }
    new = [path for path, time in written.items() if _seen.get(path) != time]
    _seen.update(written)
    return sorted(new, key=written.__getitem__)
