"""minigrad: automatic differentiation over NumPy, small enough to read in an evening."""

from importlib import import_module
from types import ModuleType

import numpy as np

from minigrad import nn, optim, random, rules
from minigrad.context import enable_grad, is_grad_enabled, no_grad
from minigrad.debugging import debug
from minigrad.errors import MinigradError
from minigrad.primitive import defvjp, differentiable_functions, primitive
from minigrad.tensor import Tensor, from_numpy, tensor
from minigrad.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__version__ = "0.1.0"

__all__ = [
    "MinigradError",
    "Tensor",
    "debug",
    "defvjp",
    "differentiable_functions",
    "enable_grad",
    "from_numpy",
    "grad",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "nn",
    "no_grad",
    "optim",
    "primitive",
    "random",
    "rules",
    "tensor",
    "value_and_grad",
    "vjp",
]

# Imported when first used, since not every program needs them.
_ON_DEMAND = frozenset({"data", "io", "plots", "training", "viz"})


def __getattr__(name: str) -> ModuleType:
    if name in _ON_DEMAND:
        return import_module(f"minigrad.{name}")
    hint = f"; NumPy has it, and its functions take tensors: np.{name}" if hasattr(np, name) else ""
    raise AttributeError(f"module 'minigrad' has no attribute {name!r}{hint}")
