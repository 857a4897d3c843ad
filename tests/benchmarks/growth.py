"""How time and memory grow: with the batch, the width, the depth, the size of the graph."""

from .engine import ONE, chain, micro, walk
from .network import Task
from .registry import Job, JobBenchmark, Subject
from .steps import CHECKED_STEPS_DEEP, MNIST, SMALL, step_benchmark

PEERS = ("NumPy by hand", "minigrad", "minigrad (numba)", "PyTorch")


def curve(name, title, text, axis, tasks):
    benchmarks = [
        step_benchmark(f"{n:,}", task, CHECKED_STEPS_DEEP, only=PEERS) for n, task in tasks
    ]
    return Subject(f"growth-{name}", title, text, benchmarks, curve=axis)


def with_batch(smoke=False):
    network, sizes = (SMALL, (1, 8)) if smoke else (MNIST, (1, 4, 16, 64, 256, 1024, 4096))
    return curve(
        "batch",
        "Growth with the batch",
        "A step of 784-128-84-10 with Adam, as above.",
        "samples in a batch",
        [(n, Task(network, n)) for n in sizes],
    )


def with_width(smoke=False):
    widths = (8, 16) if smoke else (16, 64, 256, 1024, 2048)
    return curve(
        "width",
        "Growth with the width",
        "A step of a network with two hidden layers, batch 64, SGD.",
        "units in a layer",
        [(n, Task((n, n, n, 10), 64, "SGD")) for n in widths],
    )


def with_depth(smoke=False):
    depths = (1, 2) if smoke else (1, 4, 16, 64)
    return curve(
        "depth",
        "Growth with the depth",
        "A step of a network with layers of 64 units, batch 16, Adam.",
        "hidden layers",
        [(n, Task((64,) * (n + 1) + (10,), 16)) for n in depths],
    )


def with_graph(smoke=False):
    sizes = (10, 20) if smoke else (1000, 10_000, 100_000, 1_000_000)
    return Subject(
        "growth-graph",
        "Growth with the graph",
        "Walking back a chain of n operations: the time of one node, which should not depend on n.",
        [micro(f"{n:,}", walk, chain, ONE, n, names=("minigrad", "PyTorch")) for n in sizes],
        curve="operations",
    )


def memory(smoke=False):
    depths = (1,) if smoke else (8, 32, 128)

    def job(framework, depth, keeping):
        words = ["-m", f"{__package__}.jobs.deep_memory", framework, str(depth), keeping]
        return Job(words, ["torch"] if framework == "torch" else [])

    return Subject(
        "growth-memory",
        "Memory with the depth",
        "The peak memory of a process that goes forward and back through layers of 256 units with "
        "tanh, 4096 samples: two arrays of 4 MiB a layer. By default `backward()` frees what the "
        "graph holds as it goes; with `retain_graph=True` everything stays.",
        [
            JobBenchmark(
                f"{n} layers",
                {
                    "minigrad": job("minigrad", n, "free"),
                    "minigrad, retaining": job("minigrad", n, "retain"),
                    "PyTorch": job("torch", n, "free"),
                    "PyTorch, retaining": job("torch", n, "retain"),
                },
                {"peak": "MB"},
            )
            for n in depths
        ],
    )
