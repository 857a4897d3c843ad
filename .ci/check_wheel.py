"""Use the installed minigrad as somebody does who has nothing but it and its dependencies.

`dev.py wheel` runs this outside the checkout, in an environment that has no extra.
"""

import importlib
import importlib.metadata
import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np

import minigrad as mg
from minigrad import data, io, nn, optim, plots, viz
from minigrad.errors import MissingExtraError

WITHOUT_EXTRAS: dict[str, Callable[[], object]] = {
    "io": lambda: io.save_weights({"w": np.zeros(2)}, "weights.safetensors"),
    "data": lambda: data.load_digits(),
    "plots": lambda: plots.plot_history({"loss": [2.0, 1.0]}),
    "viz": lambda: viz.draw_model(nn.Linear(2, 1), np.zeros((1, 2))).save("model.svg"),
    "testing": lambda: importlib.import_module("minigrad.testing.strategies"),
}


def check_installation() -> None:
    """Find the package where the wheel put it, complete."""
    package = Path(mg.__file__).parent
    assert package == Path(sysconfig.get_path("purelib")) / "minigrad", package
    assert (package / "py.typed").is_file(), "the marker for type checkers is missing"
    metadata = importlib.metadata.metadata("minigrad")
    assert metadata["Version"] == mg.__version__
    assert metadata["License-Expression"] == "MIT"
    names = {file.name for file in importlib.metadata.files("minigrad") or ()}
    assert "LICENSE" in names, "the licence is missing"
    assert "conftest.py" not in names, "the wheel carries tests"


def check_training() -> None:
    """Let a small network learn XOR, in float32."""
    mg.random.seed(0)
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    y = np.array([[0], [1], [1], [0]], dtype=np.float32)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = optim.Adam(model.parameters(), lr=0.05)
    for _ in range(200):
        loss = ((model(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.dtype == np.float32
    assert loss.item() < 0.01, f"XOR was not learned: the loss is {loss.item()}"


def check_messages() -> None:
    """Use what needs an extra; be told which one, and how to install it."""
    os.environ["PATH"] = ""  # hides a `dot` that would render in place of the extra
    for extra, use in WITHOUT_EXTRAS.items():
        message = missing_extra(use)
        assert f"pip install 'minigrad[{extra}]'" in message, f"{extra}: {message}"


def missing_extra(use: Callable[[], object]) -> str:
    """Return what the user is told."""
    try:
        use()
    except MissingExtraError as error:
        return str(error)
    return "no extra was missed"


if __name__ == "__main__":
    check_installation()
    check_training()
    check_messages()
    sys.stdout.write("the installed wheel works\n")
