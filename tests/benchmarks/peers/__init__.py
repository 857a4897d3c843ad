"""The frameworks that are compared, one file each: a training step as their users write it.

Each file has a function ``trainer(weights, optimizer, options, ...)`` that returns an object with

- ``place(x, y)``: a batch as the framework wants it;
- ``step(x, y)``: a training step, which returns the loss;
- ``parameters()``: kernels of shape (out, in) and biases, in turns, as NumPy arrays.

A framework is imported when its trainer is made, never before.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Peer(NamedTuple):
    """A framework, or a way to use it."""

    module: str
    needs: Sequence[str] = ()  # what has to be installed
    options: Mapping[str, Any] = {}  # of its trainer
    optimizers: Sequence[str] = ("Adam", "SGD", "Momentum", "RMSProp")

    def trainer(self, weights, optimizer, options):
        module = importlib.import_module(f"{__name__}.{self.module}")
        return module.trainer(weights, optimizer, options, **self.options)


PEERS = {
    "minigrad": Peer("with_minigrad"),
    "minigrad (numba)": Peer("with_minigrad", ["numba"], {"compiled": True}),
    "PyTorch": Peer("with_torch", ["torch"]),
    "PyTorch, fused": Peer(
        "with_torch", ["torch"], {"fused": True}, optimizers=("Adam", "SGD", "Momentum")
    ),
    "PyTorch, compiled": Peer("with_torch", ["torch"], {"compiled": True}),
    "JAX, jit": Peer("with_jax", ["jax"]),
    "Keras on JAX": Peer("with_keras", ["keras", "jax"]),
    "MyGrad": Peer("with_mygrad", ["mygrad"]),
    "autograd": Peer("with_autograd", ["autograd"]),
}
