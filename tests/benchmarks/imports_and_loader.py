"""What it costs to import minigrad, and to take batches out of a data set."""

from functools import partial

import numpy as np

from .registry import Benchmark, Contender, Goal, Job, JobBenchmark, Subject

IMPORTS = {
    "nothing": ("pass", ()),
    "import numpy": ("import numpy", ()),
    "minigrad": ("import minigrad", ()),
    "minigrad, all of it": (
        "import minigrad; from minigrad import nn, optim, data, training, viz, io", ()
    ),
    "PyTorch": ("import torch", ["torch"]),
    "JAX": ("import jax.numpy", ["jax"]),
    "MyGrad": ("import mygrad", ["mygrad"]),
    "autograd": ("import autograd.numpy", ["autograd"]),
}  # fmt: skip
BATCH = 32


def imports(smoke=False):
    contenders = {name: Job(["-c", code], needs) for name, (code, needs) in IMPORTS.items()}
    return Subject(
        "imports",
        "Importing",
        "A Python process that imports this and ends.",
        [JobBenchmark("start to end", contenders, {"seconds": "ms"})],
        [Goal("start to end", ["import numpy"], 60, milliseconds=True)],
    )


def images(n):
    rng = np.random.default_rng(0)
    return rng.random((n, 784), dtype=np.float32), rng.integers(0, 10, n)


def epoch(batches):
    """Return what goes once through the batches, as a training loop would."""

    def run():
        for batch in batches():
            last = batch
        return last[0]

    return run


def by_take(n):
    x, y = images(n)
    rng = np.random.default_rng(0)

    def batches():
        order = rng.permutation(n)
        for start in range(0, n, BATCH):
            rows = order[start : start + BATCH]
            yield np.take(x, rows, axis=0), np.take(y, rows)

    return epoch(batches)


def by_minigrad(n):
    from minigrad.data import DataLoader

    loader = DataLoader(*images(n), batch_size=BATCH, shuffle=True, rng=0)
    return epoch(lambda: loader)


def by_torch(n):
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    dataset = TensorDataset(*map(torch.from_numpy, images(n)))
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True)
    return epoch(lambda: loader)


def samples_seen(make, n):
    """Return what has to agree: the number of samples in the last batch."""
    return {"sizes of the last batch": [len(make(n)())]}


def loader(smoke=False):
    n = 330 if smoke else 60_000
    makers = {
        "np.take": (by_take, ()),
        "minigrad": (by_minigrad, ()),
        "PyTorch": (by_torch, ["torch"]),
    }
    contenders = {
        name: Contender(partial(make, n), partial(samples_seen, make, n), needs)
        for name, (make, needs) in makers.items()
    }
    return Subject(
        "loader",
        "Taking batches",
        f"Shuffled batches of {BATCH} out of {n:,} images of 784 float32 numbers and their labels; "
        f"the time of one batch. Reference is a loop with `np.take`.",
        [Benchmark("one batch", contenders, per=-(-n // BATCH))],
    )
