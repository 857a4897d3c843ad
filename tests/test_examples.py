"""The scripts in examples/: each runs in quick mode, and has the form of a page of the gallery."""

import ast
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from minigrad import nn
from minigrad.data import ImagePreparation
from minigrad.io import save_weights

FOLDER = Path(__file__).parents[1] / "examples"
SCRIPTS = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}
MOST_LINES = 150

# Python runs this file first if it finds it: whoever reaches for the network fails.
NO_NETWORK = """
import socket


def refuse(*arguments):
    raise RuntimeError("an example reached for the network")


socket.socket.connect = socket.getaddrinfo = refuse
"""


class Finished(NamedTuple):
    status: int
    out: str
    err: str
    output: Path


def run(script: Path, folder: Path, *options: str) -> Finished:
    """Run a script where there is neither network nor MNIST, with warnings as errors."""
    (folder / "sitecustomize.py").write_text(NO_NETWORK, "utf-8")
    (folder / "no-data").mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(FOLDER.parent)]),
        "PYTHONWARNINGS": "error",
        "MINIGRAD_DATA": str(folder / "no-data"),  # not unset: there may be MNIST in the cache
        "MPLBACKEND": "agg",
        # More threads than free cores make small matrices a hundred times slower.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, str(script), *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return Finished(done.returncode, done.stdout, done.stderr, folder / "out")


def files_of(source: str) -> list[str]:
    """Return the files that a script writes into its output folder, as far as it names them."""
    return re.findall(r'options\.output / "([^"]+)"', source)


@pytest.mark.parametrize("name", SCRIPTS)
def test_quick_run_says_something_and_writes_its_files(name, tmp_path):
    finished = run(SCRIPTS[name], tmp_path, "--quick", "--output", "out")
    assert finished.status == 0, finished.err
    assert finished.err == ""
    assert len(re.findall(r"\d", finished.out)) > 10, "no numbers: what came out of it?"
    assert "out/" in finished.out, "it does not say where its pictures are"
    files = files_of(SCRIPTS[name].read_text("utf-8"))
    assert any(file.endswith((".png", ".svg")) for file in files), "no picture"
    for file in files:
        path = finished.output / file
        assert path.is_file(), f"{file} was not written"
        assert path.stat().st_size > 0
        if path.suffix == ".png":
            pixels = np.asarray(Image.open(path).convert("L"))
            assert pixels.std() > 1, f"{file} is empty"


def test_each_file_of_weights_of_the_mnist_example_reads_a_picture(tmp_path):
    assert run(SCRIPTS["mnist"], tmp_path, "--quick", "--output", "out").status == 0
    files = sorted((tmp_path / "out").glob("*.safetensors"))
    assert [file.stem for file in files] == ["weights", "weights_dropout", "weights_l2"]
    for file in files:
        finished = run(SCRIPTS["read_my_digit"], tmp_path, "--weights", str(file))
        assert finished.status == 0, finished.err
        assert "It is a " in finished.out


def test_a_picture_is_read_where_there_is_no_data_set(tmp_path):
    weights = tmp_path / "weights.safetensors"
    metadata = ImagePreparation().to_metadata()  # as for MNIST, which is not here
    save_weights(nn.Sequential(nn.Linear(784, 10)), weights, metadata=metadata)
    strokes = np.zeros((90, 60), np.uint8)
    strokes[20:70, 25:35] = 255
    Image.fromarray(strokes).save(tmp_path / "one.png")
    finished = run(SCRIPTS["read_my_digit"], tmp_path, "one.png", "--weights", str(weights))
    assert "It is a " in finished.out
    assert (tmp_path / "runs" / "read_my_digit" / "reading.png").is_file()
    assert finished.err.startswith("MNIST: ")  # and no traceback


# --- The form of a page ----------------------------------------------------------------------


def faults(source: str):
    """Yield what keeps a script from being a page of sphinx-gallery, or a short one."""
    lines = source.splitlines()
    if len(lines) > MOST_LINES:
        yield f"{len(lines)} lines, more than {MOST_LINES}"
    title, underline, *text = (ast.get_docstring(ast.parse(source)) or "").splitlines() or ["", ""]
    if not title or underline != "=" * len(title):
        yield "its docstring does not begin with a title, underlined with ==="
    if not any(text):
        yield "its docstring says nothing"
    yield from faults_of_blocks(lines)
    for word in ("if __name__", "__file__", "plt.show", ".close("):
        if word in source:
            yield f"{word} is not for pages that are run from top to bottom"
    for option in ('"--quick"', '"--output"'):
        if option not in source:
            yield f"no option {option}"


def faults_of_blocks(lines: list[str]):
    if "# %%" not in lines:
        yield "no block of prose: lines '# %%' begin them"
    for number, (line, following) in enumerate(itertools.pairwise(lines), start=1):
        if line.startswith("# %%") and (line != "# %%" or not following.startswith("# ")):
            yield f"line {number}: a block begins with '# %%' alone, and with prose below it"


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_is_a_page(name):
    assert list(faults(SCRIPTS[name].read_text("utf-8"))) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_is_in_the_table(name):
    table = (FOLDER / "README.rst").read_text("utf-8")
    assert f"``{name}.py``" in table


def test_the_table_has_no_script_that_is_gone():
    table = (FOLDER / "README.rst").read_text("utf-8")
    assert set(re.findall(r"``(\w+)\.py``", table)) == set(SCRIPTS)


def test_help_tells_what_the_page_is_about(tmp_path):
    finished = run(SCRIPTS["spiral"], tmp_path, "--help")
    assert finished.status == 0
    assert "Three spirals\n=============" in finished.out
    assert "--quick" in finished.out


# --- The checks themselves -------------------------------------------------------------------

PAGE = '''"""
A page
======

About something.
"""
parser.add_argument("--quick"), parser.add_argument("--output")

# %%
# Prose.
print(1)
'''


def test_a_good_page_has_no_faults():
    assert list(faults(PAGE)) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("======", "=====", "title"),
        ("About something.\n", "", "says nothing"),
        ("# %%\n", "# %% Title\n", "line 9"),
        ("# %%\n# Prose.\n", "", "no block"),
        ("print(1)", "plt.show()", "plt.show"),
        ('"--quick"', '"--fast"', "--quick"),
        ("print(1)\n", "print(1)\n" * MOST_LINES, "lines, more than"),
    ],
)
def test_a_fault_of_a_page_is_found(old, new, fault):
    assert old in PAGE
    assert any(fault in found for found in faults(PAGE.replace(old, new)))


def test_the_network_is_out_of_reach(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from urllib.request import urlopen\nurlopen('http://localhost')\n", "utf-8")
    finished = run(script, tmp_path)
    assert finished.status != 0
    assert "reached for the network" in finished.err
