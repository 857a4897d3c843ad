"""Texts that pictures are compared with, byte for byte: the files in golden/.

Write them anew with MINIGRAD_GOLDEN=write, look at the difference, and commit it.
"""

import contextlib
import difflib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def check_golden(text, name):
    """Compare a text, or the source of a picture, with the file of that name."""
    text = re.sub(r"(test_\w+\.py):\d+", r"\1:0", getattr(text, "source", text))  # any line
    path = GOLDEN / name
    if os.environ.get("MINIGRAD_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
        return
    if not path.exists():
        pytest.fail(f"there is no {path}; MINIGRAD_GOLDEN=write writes it")
    expected = path.read_bytes()
    if text.encode("utf-8") != expected:
        lines = difflib.unified_diff(
            expected.decode("utf-8").splitlines(), text.splitlines(), name, "now", lineterm="", n=1
        )
        pytest.fail(
            "\n".join([f"not what {name} has (MINIGRAD_GOLDEN=write to change it)", *lines])
        )


def check_hash_seed(script):
    """Run a script that prints pictures here and under another hash seed, and compare."""
    there = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
    )
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        exec(script, {})
    assert there.stdout.decode("utf-8").splitlines() == here.getvalue().splitlines()
    assert here.getvalue().startswith("digraph")
