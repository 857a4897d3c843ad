"""minigrad: automatic differentiation over NumPy, small enough to read in an evening.

Here are the tensor (`tensor`, `no_grad`), gradients of functions (`grad`, `value_and_grad`, `vjp`,
`jvp`, `jacobian`, `hessian`, `hvp`), operators of one's own (`primitive`, `defvjp`), `debug` and
`profile`.
Arrays are computed with NumPy's own functions. The rest is in

- `minigrad.nn`: modules, layers, losses, initialisers, `summary`
- `minigrad.optim`: optimizers, learning-rate schedules, clipping
- `minigrad.data`: data sets, files, `DataLoader`, scaling
- `minigrad.training`: `fit`, `evaluate`, `predict`, early stopping
- `minigrad.io`: weights on disk
- `minigrad.plots`, `minigrad.viz`: curves and images; pictures of models
- `minigrad.random`: the seed
- `minigrad.testing`: `gradcheck`; imported by its name
- `minigrad.errors`: all exceptions
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad import nn, optim, random, rules
from minigrad.compiled import is_compiled, use_compiled
from minigrad.context import enable_grad, is_grad_enabled, no_grad
from minigrad.debugging import debug
from minigrad.errors import MinigradError
from minigrad.primitive import defvjp, differentiable_functions, primitive
from minigrad.tensor import Tensor, from_numpy, tensor
from minigrad.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:  # imported when first used, see below
    from minigrad import data, io, plots, training, viz
    from minigrad.viz import profile

__version__ = "0.1.0"

__all__ = [
    "MinigradError",
    "Tensor",
    "data",
    "debug",
    "defvjp",
    "differentiable_functions",
    "enable_grad",
    "from_numpy",
    "grad",
    "hessian",
    "hvp",
    "io",
    "is_compiled",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "nn",
    "no_grad",
    "optim",
    "plots",
    "primitive",
    "profile",
    "random",
    "rules",
    "tensor",
    "training",
    "use_compiled",
    "value_and_grad",
    "viz",
    "vjp",
]

# Imported when first used, since not every program needs them.
_ON_DEMAND = frozenset({"data", "io", "plots", "training", "viz"})


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        return import_module(f"minigrad.{name}")
    if name == "profile":
        return import_module("minigrad.viz").profile
    hint = f"; NumPy has it, and its functions take tensors: np.{name}" if hasattr(np, name) else ""
    raise AttributeError(f"module 'minigrad' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted({*__all__, "errors", *(name for name in globals() if name.startswith("__"))})
