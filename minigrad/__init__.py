"""minigrad: automatic differentiation over NumPy, small enough to read in an evening."""

from minigrad import nn, random, rules
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
    "primitive",
    "random",
    "rules",
    "tensor",
    "value_and_grad",
    "vjp",
]
