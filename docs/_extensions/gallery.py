"""How sphinx-gallery runs the examples: quickly, in their order, in folders that go afterwards."""

import re
import shutil
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from sphinx_gallery.scrapers import figure_rst, matplotlib_scraper

ORDER = (
    "perceptron",
    "activations",
    "first_network",
    "pretrained_digits",
    "mnist",
    "read_my_digit",
    "numerical_vs_backprop",
    "optimizers",
    "initialisation",
    "overfitting",
    "regression",
    "spiral",
    "check_your_gradients",
)  # others come after them

_seen: dict[Path, int] = {}  # pictures, with the times at which they were written
_outputs = tempfile.TemporaryDirectory(prefix="minigrad-gallery-")
OUTPUTS = re.compile(re.escape(str(Path(_outputs.name).parent)) + r"[/\\]minigrad-gallery-\w+")


def _output(script: str) -> Path:
    return Path(_outputs.name, Path(script).stem)


def place(script: str) -> tuple[int, str]:
    """Return what the examples are sorted by."""
    name = Path(script).stem
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def options(_conf: dict[str, Any], script: dict[str, Any]) -> list[str]:
    """Return the options of an example."""
    takes_output = "--output" in Path(script["src_file"]).read_text(encoding="utf-8")
    return ["--quick", *(["--output", str(_output(script["src_file"]))] if takes_output else [])]


def say_how_it_ran(page: str) -> str:
    """Return the source of an example's page with a line below its title on what it shows."""
    title = re.search(r"^=+\n", page, re.MULTILINE)
    if title is None:
        return page
    line = (
        "\n*Printed and drawn below is what a run with* ``--quick`` *gave; what the text says of "
        "results is of a whole run.*\n"
    )
    return page[: title.end()] + line + page[title.end() :]


def pictures(block: Any, variables: dict[str, Any], conf: dict[str, Any], **kwargs: Any) -> str:
    """Show the pictures that a cell has saved; where it saved none, the figures it left open."""
    saved = _new_pictures(_output(variables["src_file"]))
    if not saved:
        return matplotlib_scraper(block, variables, conf, **kwargs)
    plt.close("all")
    copies = []
    for picture, wanted in zip(saved, variables["image_path_iterator"], strict=False):
        copies.append(str(Path(wanted).with_suffix(picture.suffix)))
        shutil.copyfile(picture, copies[-1])
    shown = "".join(figure_rst([copy], conf["src_dir"]) for copy in copies)  # one below the other
    return f"\n.. container:: picture\n\n{textwrap.indent(shown, '    ')}\n"


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
