"""The few words in which the engine's benchmarks are written, for each framework."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Toolkit(NamedTuple):
    """An engine's own names for the same things."""

    leaf: Callable[[Any], Any]  # an array whose gradient is wanted, float32
    total: Callable[[Any], Any]  # the sum of all elements
    concatenate: Callable[[list], Any]
    gradient: Callable[[Any], np.ndarray]  # of a leaf, after backward()


def of_minigrad():
    import minigrad as mg

    return Toolkit(
        lambda a: mg.tensor(np.asarray(a, np.float32), requires_grad=True),
        np.sum,
        np.concatenate,
        lambda x: x.grad,
    )


def of_torch():
    import torch

    return Toolkit(
        lambda a: torch.tensor(a, dtype=torch.float32, requires_grad=True),
        torch.sum,
        torch.cat,
        lambda x: x.grad.numpy(),
    )


def of_mygrad():
    import mygrad

    return Toolkit(
        lambda a: mygrad.tensor(np.asarray(a, np.float32)),
        mygrad.sum,
        mygrad.concatenate,
        lambda x: x.grad,
    )


# --- Second derivatives of sum(tanh(x) * x) by each element ------------------------------------


def second_of_minigrad():
    import minigrad as mg

    f = mg.grad(lambda x: np.sum(np.tanh(x) * x))
    return mg.grad(lambda x: np.sum(f(x)))


def second_of_torch():
    import torch

    def second(a):
        x = torch.from_numpy(a).requires_grad_()
        (g,) = torch.autograd.grad((torch.tanh(x) * x).sum(), x, create_graph=True)
        return torch.autograd.grad(g.sum(), x)[0]

    return second


def second_of_autograd():
    from autograd import grad
    from autograd import numpy as anp

    f = grad(lambda x: anp.sum(anp.tanh(x) * x))
    return grad(lambda x: anp.sum(f(x)))


def second_of_jax():
    import jax
    from jax import numpy as jnp

    f = jax.grad(lambda x: jnp.sum(jnp.tanh(x) * x))
    return jax.jit(jax.grad(lambda x: jnp.sum(f(x))))


TOOLKITS = {"minigrad": of_minigrad, "PyTorch": of_torch, "MyGrad": of_mygrad}
SECONDS = {
    "minigrad": second_of_minigrad,
    "PyTorch": second_of_torch,
    "autograd": second_of_autograd,
    "JAX, jit": second_of_jax,
}
NEEDS = {"minigrad": (), "PyTorch": ["torch"], "MyGrad": ["mygrad"], "autograd": ["autograd"],
         "JAX, jit": ["jax"]}  # fmt: skip
