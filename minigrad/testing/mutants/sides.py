"""Mistakes beside the formula: the cotangent, memory, state, dtypes; and the second derivative."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from minigrad.context import no_grad
from minigrad.primitive import defvjp, primitive
from minigrad.tensor import Tensor
from minigrad.testing.mutants.mutant import Array, Mutant, numbers, operator, pair

__all__ = ["COTANGENTS", "DTYPES", "MEMORY", "SECOND_ORDER", "STATES"]

VECTOR = numbers(4)
OTHER = numbers(4, start=9)


def _exp_vjp(g: Array, x: Array) -> Array:
    return g * np.exp(x)


cotangent = partial(operator, "cotangent")
COTANGENTS: tuple[Mutant, ...] = (
    cotangent(
        "cotangent ignored",
        "The rule returns the derivative, without the gradient that arrives.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=lambda g, x: 0 * g + np.exp(x),
    ),
    cotangent(
        "cotangent averaged",
        "Every element gets the mean of the gradients that arrive.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=lambda g, x: np.mean(g) * np.exp(x),
    ),
    cotangent(
        "one cotangent for all rows",
        "The gradient that arrives at the first row is used for every row.",
        np.exp,
        [numbers(3, 2)],
        right=_exp_vjp,
        wrong=lambda g, x: g[:1] * np.exp(x),
    ),
    cotangent(
        "cotangent clipped",
        "Gradient clipping was left in the rule.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=lambda g, x: np.clip(g, -1, 1) * np.exp(x),
    ),
    cotangent(
        "cotangent's magnitude",
        "The rule takes the absolute value of the gradient that arrives.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=lambda g, x: np.abs(g) * np.exp(x),
    ),
    cotangent(
        "cotangent added",
        "The rule adds the derivative to the gradient that arrives.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=lambda g, x: g + np.exp(x),
    ),
)


# --- Memory ------------------------------------------------------------------------------------


def _same_array(g: Array, x: Array, y: Array) -> tuple[Array, Array]:
    gradient = g.copy()
    return gradient, gradient


def _over_input(g: Array, x: Array) -> Array:
    x *= g
    return x


def _over_cotangent(g: Array, x: Array) -> Array:
    g[x < 0] = 0
    return g.copy()


memory = partial(pair, "memory")
MEMORY: tuple[Mutant, ...] = (
    memory(
        "same array for two arguments",
        "Both arguments of a sum get one and the same array.",
        lambda x, y: x + y,
        [VECTOR, OTHER],
        right=lambda g, x, y: (g.copy(), g.copy()),
        wrong=_same_array,
    ),
    memory(
        "cotangent returned",
        "The array that arrives is returned, not a copy of it.",
        lambda x: x + 1,
        [VECTOR],
        right=lambda g, x: g.copy(),
        wrong=lambda g, x: g,
    ),
    memory(
        "view of the cotangent",
        "The parts of a concatenation get slices of the array that arrives.",
        lambda x, y: np.concatenate([x, y]),
        [VECTOR, OTHER],
        right=lambda g, x, y: (g[: len(x)].copy(), g[len(x) :].copy()),
        wrong=lambda g, x, y: (g[: len(x)], g[len(x) :]),
    ),
    memory(
        "input overwritten",
        "The gradient is computed in the input's memory, and shares it.",
        lambda x: 0.5 * x**2,
        [VECTOR],
        right=lambda g, x: g * x,
        wrong=_over_input,
    ),
    memory(
        "cotangent overwritten",
        "ReLU's mask is applied to the array that arrives.",
        lambda x: np.maximum(x, 0),
        [VECTOR],
        right=lambda g, x: g * (x > 0),
        wrong=_over_cotangent,
    ),
)


# --- State -------------------------------------------------------------------------------------


class _Accumulating:
    """Adds to what it returned before."""

    def __init__(self) -> None:
        self.total: Any = 0.0

    def __call__(self, g: Array, x: Array) -> Array:
        self.total = self.total + _exp_vjp(g, x)
        return self.total.copy()


class _Reusing:
    """Writes every gradient into the same array."""

    def __init__(self) -> None:
        self.buffer = np.empty(VECTOR.shape)

    def __call__(self, g: Array, x: Array) -> Array:
        return np.multiply(g, np.exp(x), out=self.buffer)


class _Freeing:
    """Gives up what it has saved after the first use."""

    def __init__(self) -> None:
        self.is_used = False

    def __call__(self, g: Array, x: Array) -> Array:
        saved = 0 * x if self.is_used else np.exp(x)
        self.is_used = True
        return g * saved


class _Remembering:
    """Keeps the derivative of the first input for all inputs of that shape."""

    def __init__(self) -> None:
        self.derivatives: dict[tuple[int, ...], Any] = {}

    def __call__(self, g: Array, x: Array) -> Array:
        return g * self.derivatives.setdefault(x.shape, np.exp(x))


def _dropout(x: Array) -> Array:
    return x * _mask(np.random.default_rng(0), x)


def _mask(rng: np.random.Generator, x: Array) -> Array:
    return (rng.random(x.shape) < 0.5) / 0.5


class _Redrawing:
    """Draws other elements to drop than the forward pass did."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(1)

    def __call__(self, g: Array, x: Array) -> Array:
        return g * _mask(self.rng, x)


state = partial(pair, "state")
STATES: tuple[Mutant, ...] = (
    state(
        "accumulated",
        "Each call adds to the gradient of the calls before it.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=_Accumulating(),
    ),
    state(
        "buffer reused",
        "Each call writes into the array that the call before it returned.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=_Reusing(),
    ),
    state(
        "second call differs",
        "What was saved is given up in the first call; the second returns zero.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=_Freeing(),
    ),
    state(
        "derivative remembered",
        "The derivative is kept from the first call, and used for every input of that shape.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=_Remembering(),
    ),
    state(
        "another mask",
        "Dropout draws a new mask for the backward pass.",
        _dropout,
        [numbers(3, 4)],
        right=lambda g, x: g * _mask(np.random.default_rng(0), x),
        wrong=_Redrawing(),
    ),
)


# --- Dtypes ------------------------------------------------------------------------------------

dtype = partial(pair, "dtype")
DTYPES: tuple[Mutant, ...] = (
    dtype(
        "narrowed to float32",
        "The gradient of a float64 array is a float32 array.",
        np.exp,
        [VECTOR],
        right=_exp_vjp,
        wrong=lambda g, x: _exp_vjp(g, x).astype(np.float32),
    ),
    dtype(
        "widened to float64",
        "A constant turns the gradient of a float32 array into a float64 array.",
        lambda x: 3 * x,
        [VECTOR.astype(np.float32)],
        right=lambda g, x: g * 3.0,
        wrong=lambda g, x: g * np.float64(3.0),
    ),
)


# --- Second derivatives ------------------------------------------------------------------------


def _constant(x: Array) -> Array:
    """Cut a value off the graph."""
    return x.data if isinstance(x, Tensor) else x


def _constant_rule(g: Array, x: Array) -> Array:
    with no_grad():
        return _constant(g) * 3 * _constant(x) ** 2


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@primitive
def _sigmoid_slope(x: Array) -> Array:
    return _sigmoid(x) * (1 - _sigmoid(x))


defvjp(_sigmoid_slope, lambda g, out, x: g * out * (1 + 2 * _sigmoid(x)))  # it is 1 - 2 ...

second_order = partial(operator, "second order")
SECOND_ORDER: tuple[Mutant, ...] = (
    second_order(
        "input detached",
        "The rule of x³ uses x as a constant, so that its own derivative is lost.",
        lambda x: x**3,
        [VECTOR],
        right=lambda g, x: g * 3 * x**2,
        wrong=lambda g, x: g * 3 * _constant(x) ** 2,
    ),
    second_order(
        "cotangent detached",
        "The rule uses the gradient that arrives as a constant.",
        np.sin,
        [VECTOR],
        right=lambda g, x: g * np.cos(x),
        wrong=lambda g, x: _constant(g) * np.cos(x),
    ),
    second_order(
        "rule without a graph",
        "The whole rule is computed under no_grad.",
        lambda x: x**3,
        [VECTOR],
        right=lambda g, x: g * 3 * x**2,
        wrong=_constant_rule,
    ),
    second_order(
        "second formula",
        "The derivative of the sigmoid is an operator of its own, with a sign wrong in its rule.",
        _sigmoid,
        [VECTOR],
        right=lambda g, x: g * _sigmoid(x) * (1 - _sigmoid(x)),
        wrong=lambda g, x: g * _sigmoid_slope(x),
    ),
)
