"""The whole job as a process: import, load MNIST, train, evaluate."""

import gzip
import os
import tempfile
from pathlib import Path

import numpy as np

from .registry import COMPILED, Goal, Job, JobBenchmark, Subject

JOBS = f"{__package__}.jobs"
SAMPLES = {"train": 640, "t10k": 100}  # of the smoke version
FIGURES = {"seconds": "s", "peak": "MB"}


def whole_job(smoke=False, epochs=(1, 20)):
    directory = invented_mnist() if smoke else mnist()
    epochs = (1,) if smoke else epochs
    goals = [
        goal
        for n in epochs
        if n == 20
        for goal in (
            Goal("20 epochs: wall time", ["PyTorch, DataLoader"], 0.45),
            Goal("20 epochs: wall time", ["Keras on JAX"], 1.1),
            Goal("20 epochs: peak memory", ["PyTorch, DataLoader"], 0.5),
            Goal("20 epochs: wall time", ["PyTorch, DataLoader"], 0.4, COMPILED),
            Goal("20 epochs: wall time", ["Keras on JAX"], 0.9, COMPILED),
            Goal("20 epochs: peak memory", ["PyTorch, DataLoader"], 0.6, COMPILED),
        )
    ]
    return Subject(
        "whole-job",
        "The whole job as a process",
        "Start Python, import, load MNIST, train 784-128-84-10 with Adam in shuffled batches of "
        "32, evaluate on the test images, exit. PyTorch once with its `DataLoader`, as its "
        "tutorials have it, and once with batches taken by index; Keras with `fit`. The test "
        "accuracies may differ by 0.02 at most, for each draws its own weights and orders. Memory "
        "is the most that the process had at any time.",
        [
            JobBenchmark(
                f"{n} epoch{'s' if n > 1 else ''}",
                jobs(str(directory), str(n), smoke),
                FIGURES,
                agreeing=1.0 if smoke else 0.02,
            )
            for n in epochs
        ],
        goals,
    )


def jobs(directory, epochs, smoke):
    def job(program, *words, needs=()):
        return Job(["-m", f"{JOBS}.{program}", directory, epochs, *words], needs)

    data = "invented" if smoke else "mnist"
    return {
        "minigrad": job("train_minigrad", data, "plain"),
        COMPILED: job("train_minigrad", data, "compiled", needs=["numba"]),
        "PyTorch, DataLoader": job("train_torch", "loader", needs=["torch"]),
        "PyTorch, batches by hand": job("train_torch", "hand", needs=["torch"]),
        "Keras on JAX": job("train_keras", needs=["keras", "jax"]),
    }


def mnist():
    """Return the folder of MNIST's files."""
    if "MINIGRAD_DATA" not in os.environ:
        raise SystemExit(
            "the whole job needs MNIST: set MINIGRAD_DATA to the folder of its files, "
            "or choose other subjects with --only"
        )
    directory = Path(os.environ["MINIGRAD_DATA"])
    return next(
        (d for d in (directory / "mnist", directory) if any(d.glob("train-images*"))), directory
    )


def invented_mnist():
    """Write a few random images in the form of MNIST; return their folder."""
    directory = Path(tempfile.mkdtemp(prefix="minigrad-benchmarks-"))
    rng = np.random.default_rng(0)
    for name, n in SAMPLES.items():
        for kind, shape, high in (("images-idx3", (n, 28, 28), 256), ("labels-idx1", (n,), 10)):
            header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">i4").tobytes()
            content = rng.integers(0, high, shape, dtype=np.uint8).tobytes()
            file = directory / f"{name}-{kind}-ubyte.gz"
            file.write_bytes(gzip.compress(header + content))
    return directory
