"""The engine alone: recording operations, and walking back through them."""

from functools import partial

import numpy as np

from .registry import Benchmark, Contender, Goal, Prepared, Subject
from .toolkits import NEEDS, SECONDS, TOOLKITS


def chain(kit, x, n):
    y = x
    for _ in range(n):
        y = y * 1.00001
    return y


def fan_out(kit, x, n):
    return kit.total(kit.concatenate([x * 1.5 for _ in range(n)]))


def broadcast(kit, x, n):
    bias = kit.leaf(np.ones(256))
    y = x
    for _ in range(n):
        y = y + bias
    return kit.total(y)


def index(kit, x, n):
    return kit.total(kit.concatenate([x[i : i + 1] for i in range(n)]))


def concatenate(kit, x, n):
    y = x
    for _ in range(n):
        y = kit.concatenate([y[:64], x])
    return kit.total(y)


ONE = np.float32(1.0)
VECTOR, MATRIX = np.ones(1, np.float32), np.ones((64, 256), np.float32)


def record(kind, n):
    """Return what records n products of scalars, and lets them go."""
    kit = TOOLKITS[kind]()
    a, b = kit.leaf(1.0), kit.leaf(2.0)

    def run():
        for _ in range(n):
            a * b

    return run


def walk(kind, build, start, n):
    """Return what walks back through a graph that is built anew each time."""
    kit = TOOLKITS[kind]()
    return Prepared(lambda: build(kit, kit.leaf(start), n), lambda y: y.backward())


def both_ways(kind, build, start, n):
    """Return what builds a graph and walks back through it."""
    kit = TOOLKITS[kind]()
    return lambda: build(kit, kit.leaf(start), n).backward()


def gradient(kind, build, start, n):
    kit = TOOLKITS[kind]()
    x = kit.leaf(start)
    build(kit, x, n).backward()
    return {"gradients": kit.gradient(x)}


def second(kind):
    f = SECONDS[kind]()
    x = np.linspace(-1, 1, 100, dtype=np.float32)
    return lambda: f(x)


def second_outcome(kind):
    return {"second derivatives": np.asarray(second(kind)())}


def micro(title, make, build, start, n, unit="ns", names=TOOLKITS):
    """Return the benchmark of one computation of n nodes, in every toolkit."""
    contenders = {
        name: Contender(
            partial(make, name, build, start, n),
            partial(gradient, name, build, start, n),
            NEEDS[name],
        )
        for name in names
    }
    return Benchmark(title, contenders, unit, per=n)


def engine(smoke=False):
    few, some, many = (3, 5, 10) if smoke else (100, 1000, 100_000)
    recording = {n: Contender(partial(record, n, some), needs=NEEDS[n]) for n in TOOLKITS}
    seconds = {
        n: Contender(partial(second, n), partial(second_outcome, n), NEEDS[n]) for n in SECONDS
    }
    return Subject(
        "engine",
        "The engine alone",
        f"Per operation: recording the product of two scalars; walking back a chain of {many:,}; "
        f"one number used {some * 10:,} times, forward and back; adding a row to a matrix of "
        f"64 by 256, forward and back; taking {some:,} rows out of a matrix, and putting their "
        f"gradients together; concatenating. And `grad(grad(f))` of sum(tanh(x) x) at 100 points.",
        [
            Benchmark("record", recording, "ns", per=some),
            micro("walk back", walk, chain, ONE, many),
            micro("fan-out", both_ways, fan_out, VECTOR, some * 10),
            micro("broadcasting add", both_ways, broadcast, MATRIX, few, "µs"),
            micro("index", both_ways, index, np.ones((some, 10), np.float32), some, "µs"),
            micro("concatenate", both_ways, concatenate, np.ones(64, np.float32), few, "µs"),
            Benchmark("grad(grad(f))", seconds),
        ],
        [Goal("record", ["PyTorch"], 0.9), Goal("walk back", ["PyTorch"], 0.35)],
    )
