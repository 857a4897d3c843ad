"""The cost of the engine, side by side with PyTorch and with a loop written by hand.

    python tests/benchmarks/lean.py

Contenders take turns in one process; the figures are medians over rounds. First the engine:
nanoseconds to record a scalar multiplication, and to walk back a node of a long chain. Then one
training step of 784-128-84-10 with ReLU, cross-entropy and Adam in float32, in microseconds; the
losses after all steps must agree.
"""

import itertools
import statistics
import sys
import time

import numpy as np

import minigrad as mg
from minigrad import nn, optim

ROUNDS = 12
PAUSE = 0.3  # seconds
SIZES = (784, 128, 84, 10)


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def timed(function, *args, repeat=1):
    begun = time.perf_counter()
    for _ in range(repeat):
        function(*args)
    return (time.perf_counter() - begun) / repeat


def compare(title, contenders, unit, scale):
    """Time contenders in turns, and print the medians, their spread, and ratios to the first.

    Each round has another order, and a pause before each turn: PyTorch's threads go on spinning for
    a while after they have worked, at the expense of whoever comes next.
    """
    times = {name: [] for name in contenders}
    orders = itertools.cycle(itertools.permutations(contenders))
    for _, order in zip(range(ROUNDS), orders, strict=False):
        for name in order:
            time.sleep(PAUSE)
            times[name].append(contenders[name]() * scale)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ours = medians["minigrad"]
    cells = [
        f"{name} {median:.0f} {unit} ({min(times[name]):.0f}-{max(times[name]):.0f})"
        + ("" if name == "minigrad" else f", ratio {ours / median:.2f}")
        for name, median in medians.items()
    ]
    say(f"{title}: " + "; ".join(cells))


# --- The engine --------------------------------------------------------------------------------


def record(a, b, n=10_000):
    begun = time.perf_counter()
    for _ in range(n):
        a * b
    return (time.perf_counter() - begun) / n


def walk(x, operation, n=50_000):
    y = x
    for _ in range(n):
        y = operation(y, x)
    begun = time.perf_counter()
    y.backward()
    return (time.perf_counter() - begun) / n


def engine(torch):
    ours = [mg.tensor(v, requires_grad=True) for v in (1.0, 2.0)]
    theirs = [torch.tensor(v, requires_grad=True) for v in (1.0, 2.0)]
    pairs = {"minigrad": ours, "PyTorch": theirs}
    for title, measure in {
        "record a scalar a * b": lambda a, b: record(a, b),
        "walk back y * 1.0001": lambda a, b: walk(a, lambda y, x: y * 1.0001),
        "walk back y + x": lambda a, b: walk(a, lambda y, x: y + x),
        "walk back tanh": lambda a, b: walk(
            a, lambda y, x: np.tanh(y) if b is ours[1] else y.tanh()
        ),
    }.items():
        compare(title, {k: (lambda p=p, m=measure: m(*p)) for k, p in pairs.items()}, "ns", 1e9)


# --- Training steps ----------------------------------------------------------------------------


def weights():
    rng = np.random.default_rng(0)
    for n, m in itertools.pairwise(SIZES):
        bound = np.sqrt(6 / (n + m))
        yield rng.uniform(-bound, bound, (m, n)).astype(np.float32), np.zeros(m, np.float32)


def by_hand():
    """Return a training step in NumPy: in place, and nothing computed twice."""
    params = [p for pair in weights() for p in pair]
    kernels, biases = params[::2], params[1::2]
    moments = [(p, np.zeros_like(p), np.zeros_like(p), np.empty_like(p)) for p in params]
    t = 0

    def step(x, y):
        nonlocal t
        rows = np.arange(len(y))
        inputs = [x]
        for w, b in zip(kernels[:-1], biases[:-1], strict=True):
            h = inputs[-1] @ w.T
            h += b
            inputs.append(np.maximum(h, 0, out=h))
        z = inputs[-1] @ kernels[-1].T
        z += biases[-1]
        z -= z.max(axis=1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=1, keepdims=True)
        loss = (np.log(total[:, 0]) - z[rows, y]).mean()
        e /= total
        e[rows, y] -= 1
        e /= len(y)
        grads = []
        for layer in (2, 1, 0):
            grads[:0] = [e.T @ inputs[layer], e.sum(axis=0)]
            if layer:
                e = e @ kernels[layer]
                e *= inputs[layer] > 0
        t += 1
        root = float(np.sqrt(1 - 0.999**t))
        rate, eps = 1e-3 * root / (1 - 0.9**t), 1e-8 * root
        for g, (p, m, v, s) in zip(grads, moments, strict=True):
            m *= 0.9
            np.multiply(g, 0.1, out=s)
            m += s
            v *= 0.999
            np.multiply(g, g, out=s)
            s *= 0.001
            v += s
            np.sqrt(v, out=s)
            s += eps
            np.divide(m, s, out=s)
            s *= rate
            p -= s
        return loss

    return step


def by_minigrad():
    model = nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 84), nn.ReLU(), nn.Linear(84, 10)
    )
    for parameter, value in zip(model.parameters(), (p for w in weights() for p in w), strict=True):
        parameter.data = value
    loss, optimizer = nn.CrossEntropyLoss(), optim.Adam(model.parameters(), lr=1e-3)

    def step(x, y):
        optimizer.zero_grad()
        error = loss(model(x), y)
        error.backward()
        optimizer.step()
        return error

    return step


def by_torch(torch):
    n = torch.nn
    model = n.Sequential(
        n.Linear(784, 128), n.ReLU(), n.Linear(128, 84), n.ReLU(), n.Linear(84, 10)
    )
    with torch.no_grad():
        for parameter, value in zip(
            model.parameters(), (p for w in weights() for p in w), strict=True
        ):
            parameter.copy_(torch.from_numpy(value))
    loss, optimizer = n.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(x, y):
        optimizer.zero_grad()
        error = loss(model(x), y)
        error.backward()
        optimizer.step()
        return error

    return step


def steps(torch):
    rng = np.random.default_rng(1)
    for batch in (1, 32, 100, 1000):
        x = rng.random((batch, 784), dtype=np.float32)
        y = rng.integers(0, 10, batch)
        arrays, tensors = (x, y), (torch.from_numpy(x), torch.from_numpy(y))
        ours, hand, theirs = by_minigrad(), by_hand(), by_torch(torch)
        repeat = 100 if batch <= 100 else 20
        compare(
            f"training step, batch {batch}",
            {
                "minigrad": lambda f=ours, a=arrays, r=repeat: timed(f, *a, repeat=r),
                "by hand": lambda f=hand, a=arrays, r=repeat: timed(f, *a, repeat=r),
                "PyTorch": lambda f=theirs, a=tensors, r=repeat: timed(f, *a, repeat=r),
            },
            "us",
            1e6,
        )
        losses = [float(ours(*arrays)), float(hand(*arrays)), float(theirs(*tensors))]
        assert np.allclose(losses, losses[0], rtol=1e-2, atol=1e-5), losses


def main():
    import torch

    say(f"minigrad {mg.__version__}, NumPy {np.__version__}, PyTorch {torch.__version__}")
    engine(torch)
    steps(torch)


if __name__ == "__main__":
    main()
