"""A training step, from forward pass to changed parameters, of small, deep and wide networks."""

from functools import partial
from itertools import cycle

import numpy as np

from . import references
from .network import Task
from .peers import PEERS
from .registry import COMPILED, Benchmark, Contender, Goal, Subject

CHECKED_STEPS = 50
# So many ReLUs stand in a deep network that rounding soon lets one of them switch earlier here than
# there, which changes the gradients of a whole sample.
CHECKED_STEPS_DEEP = 10
MNIST = (784, 128, 84, 10)
SMALL = (20, 12, 8, 10)  # of the smoke version
BY_HAND, PRODUCTS = "NumPy by hand", "matrix products alone"


def training_step(make, task):
    """Return a callable that takes a training step, each with another batch."""
    trainer = make(task)
    batches = cycle([trainer.place(x, y) for x, y in task.batches()])
    step = trainer.step
    return lambda: step(*next(batches))


def after_some_steps(make, task, steps):
    """Return what has to agree: the losses of all steps, and how far the parameters have come."""
    trainer = make(task)
    losses = [number(trainer.step(*trainer.place(x, y))) for x, y in task.batches(steps)]
    moved = [(p - w).ravel() for p, w in zip(trainer.parameters(), task.weights(), strict=True)]
    return {"losses": losses, "changes of the parameters": np.concatenate(moved)}


def number(loss):
    return float(loss.detach() if hasattr(loss, "detach") else loss)


def of_peer(name, task):
    return PEERS[name].trainer(task.weights(), task.optimizer, task.options)


def step_benchmark(title, task, steps=CHECKED_STEPS, only=None):
    """Return the benchmark of one training step of a network."""

    def contender(make, needs=()):
        return Contender(
            partial(training_step, make, task), partial(after_some_steps, make, task, steps), needs
        )

    contenders = {BY_HAND: contender(references.by_hand)}
    contenders |= {
        name: contender(partial(of_peer, name), peer.needs)
        for name, peer in PEERS.items()
        if task.optimizer in peer.optimizers
    }
    contenders[PRODUCTS] = Contender(partial(references.products, task))
    if only is not None:
        contenders = {name: c for name, c in contenders.items() if name in only}
    return Benchmark(title, contenders)


def steps(smoke=False):
    sizes, batches = (SMALL, (1, 32)) if smoke else (MNIST, (1, 32, 100, 1000, 10_000))
    pytorch = {1: (0.65, 0.5), 32: (0.65, 0.5), 100: (0.75, 0.65), 1000: (1.0, 0.95)}
    fastest = {1: 1.0, 32: 0.8, 100: 1.0, 1000: 1.3}
    return Subject(
        "steps",
        "One training step",
        "784-128-84-10 with ReLU, softmax cross-entropy and Adam, in float32, by batch size.",
        [step_benchmark(f"batch {n}", Task(sizes, n)) for n in batches],
        [
            *(Goal(f"batch {n}", [BY_HAND], 1.05) for n in batches),
            *(Goal(f"batch {n}", ["PyTorch"], plain) for n, (plain, _) in pytorch.items()),
            *(Goal(f"batch {n}", ["PyTorch"], fast, COMPILED) for n, (_, fast) in pytorch.items()),
            *(Goal(f"batch {n}", [], most, COMPILED) for n, most in fastest.items()),
        ],
    )


def other_optimizers(smoke=False):
    sizes = SMALL if smoke else MNIST
    return Subject(
        "step-optimizers",
        "The same step with other optimizers",
        "Batch 32. Momentum is PyTorch's, with the learning rate outside the velocity.",
        [step_benchmark(name, Task(sizes, 32, name)) for name in ("SGD", "Momentum", "RMSProp")],
    )


def narrow_and_wide(smoke=False):
    deep = (64,) * (4 if smoke else 51) + (10,)
    wide = (64,) * 3 if smoke else (4096,) * 3
    return Subject(
        "narrow-and-wide",
        "A deep narrow network, and a wide one",
        "Fifty hidden layers of 64, batch 16, Adam: the cost of each operation is everything. And "
        "4096-4096-4096, batch 256, SGD: the matrix products are.",
        [
            step_benchmark("deep and narrow", Task(deep, 16), CHECKED_STEPS_DEEP),
            step_benchmark("wide", Task(wide, 256, "SGD"), steps=5),
        ],
        [
            Goal("deep and narrow", ["PyTorch"], 0.7),
            Goal("deep and narrow", ["PyTorch"], 0.6, COMPILED),
        ],
    )
