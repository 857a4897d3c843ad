"""Adam alone, over a few arrays and over many."""

from functools import partial

import numpy as np

from . import references
from .network import OPTIMIZERS
from .peers import with_jax, with_keras, with_minigrad, with_torch
from .registry import COMPILED, Benchmark, Contender, Goal, Subject

SIX = ((128, 784), (128,), (84, 128), (84,), (10, 84), (10,))  # 112 k parameters
HUNDRED = ((89, 89), (89,)) * 50  # 400 k parameters
STEPS = 50


def arrays(shapes):
    """Return parameters, and gradients that stay the same."""
    rng = np.random.default_rng(0)
    return tuple([rng.standard_normal(s).astype(np.float32) for s in shapes] for _ in range(2))


def by_hand(params, grads, options):
    """Return a step over flat copies, and what shows the parameters in their shapes."""
    flat, views = references.packed(params)
    flat_grad, _ = references.packed(grads)
    return references.adam(flat, flat_grad, **options), lambda: views


MAKERS = {  # name -> what makes (step, current parameters), options, modules
    "NumPy by hand": (by_hand, {}, ()),
    "minigrad": (with_minigrad.adam_alone, {}, ()),
    COMPILED: (with_minigrad.adam_alone, {"compiled": True}, ["numba"]),
    "PyTorch": (with_torch.adam_alone, {}, ["torch"]),
    "PyTorch, foreach": (with_torch.adam_alone, {"foreach": True}, ["torch"]),
    "PyTorch, fused": (with_torch.adam_alone, {"fused": True}, ["torch"]),
    "JAX, jit": (with_jax.adam_alone, {}, ["jax"]),
    "Keras on JAX": (with_keras.adam_alone, {}, ["keras", "jax"]),
}


def alone(make, options, shapes):
    step, _ = make(*arrays(shapes), OPTIMIZERS["Adam"], **options)
    return step


def after_some_steps(make, options, shapes):
    """Return how far the parameters have come."""
    params, grads = arrays(shapes)
    step, current = make(params, grads, OPTIMIZERS["Adam"], **options)
    for _ in range(STEPS):
        step()
    moved = [np.asarray(p) - w for p, w in zip(current(), arrays(shapes)[0], strict=True)]
    return {"changes of the parameters": np.concatenate([m.ravel() for m in moved])}


def optimizers_alone(smoke=False):
    def benchmark(title, shapes):
        return Benchmark(
            title,
            {
                name: Contender(
                    partial(alone, make, options, shapes),
                    partial(after_some_steps, make, options, shapes),
                    needs,
                )
                for name, (make, options, needs) in MAKERS.items()
            },
        )

    return Subject(
        "optimizers",
        "Adam alone",
        "One step with gradients that are there already: 112 k parameters in six arrays, and 400 k "
        "in a hundred.",
        [benchmark("6 arrays", SIX), benchmark("100 arrays", HUNDRED)],
        [
            Goal("100 arrays", ["PyTorch, foreach"], 0.7),
            Goal("100 arrays", ["PyTorch, foreach"], 0.3, COMPILED),
        ],
    )
