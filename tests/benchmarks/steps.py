"""A training step, from forward pass to changed parameters, of small, deep and wide networks."""

from functools import partial
from itertools import cycle

import numpy as np

from . import references
from .network import Task
from .peers import PEERS
from .registry import Benchmark, Contender, Goal, Subject

CHECKED_STEPS = 50
MNIST = (784, 128, 84, 10)


def training_step(make, task):
    """Return a callable that takes a training step, each with another batch."""
    trainer = make(task)
    batches = cycle([trainer.place(x, y) for x, y in task.batches()])
    step = trainer.step
    return lambda: step(*next(batches))


def after_some_steps(make, task, steps):
    """Return what has to agree: the losses of all steps, and how far the parameters have come."""
    trainer = make(task)
    losses = [float(trainer.step(*trainer.place(x, y))) for x, y in task.batches(steps)]
    moved = [
        (p - w).ravel() for p, w in zip(trainer.parameters(), task.weights(), strict=True)
    ]
    return {"losses": losses, "changes of the parameters": np.concatenate(moved)}


def of_peer(name, task):
    return PEERS[name].trainer(task.weights(), task.optimizer, task.options)


def step_benchmark(title, task, steps=CHECKED_STEPS, without=(), tolerance=1e-3):
    """Return the benchmark of one training step of a network."""

    def contender(make, needs=()):
        return Contender(
            partial(training_step, make, task), partial(after_some_steps, make, task, steps), needs
        )

    contenders = {"NumPy by hand": contender(references.by_hand)}
    contenders |= {
        name: contender(partial(of_peer, name), peer.needs)
        for name, peer in PEERS.items()
        if name not in without and task.optimizer in peer.optimizers
    }
    contenders["matrix products alone"] = Contender(partial(references.products, task))
    return Benchmark(title, contenders, tolerance=tolerance)


def steps(smoke=False):
    batches = (1, 32) if smoke else (1, 32, 100, 1000, 10_000)
    return Subject(
        "steps",
        "One training step",
        "784-128-84-10 with ReLU, softmax cross-entropy and Adam, in float32, by batch size.",
        [step_benchmark(f"batch {n}", Task(MNIST, n)) for n in batches],
    )


def optimizers(smoke=False):
    return Subject(
        "step-optimizers",
        "The same step with other optimizers",
        "Batch 32; momentum is PyTorch's, with the learning rate outside the velocity.",
        [step_benchmark(name, Task(MNIST, 32, name)) for name in ("SGD", "Momentum", "RMSProp")],
    )
