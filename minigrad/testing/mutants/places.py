"""Mistakes that show in some places only: some inputs, one element, a kink, the last digits."""

from __future__ import annotations

from functools import partial

import numpy as np

from minigrad.testing.mutants.mutant import Array, Mutant, numbers, operator, pair

__all__ = ["CASES", "KINKS", "MAGNITUDES"]

VECTOR = numbers(4)
POSITIVE = np.array([0.4, 0.9, 1.7, 2.6])


def _tanh_vjp(g: Array, x: Array) -> Array:
    return g * (1 - np.tanh(x) ** 2)


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.exp(x) - 1)


def _in_memory_order(g: Array, x: Array) -> Array:
    """Go through x as it lies in memory, and through g as it is indexed."""
    flat = g.ravel() * (1 - np.tanh(x.ravel(order="K")) ** 2)
    return flat.reshape(x.shape)


def _in_halves(g: Array, x: Array) -> Array:
    if x.dtype == np.float32:
        return _tanh_vjp(g.astype(np.float16), x.astype(np.float16)).astype(np.float32)
    return _tanh_vjp(g, x)


def _others(x: Array) -> Array:
    """Return the products of all elements but one."""
    return np.stack([np.prod(np.delete(x, i)) for i in range(x.size)])


case = partial(operator, "some inputs only")
plain_case = partial(pair, "some inputs only")
CASES: tuple[Mutant, ...] = (
    case(
        "negative inputs",
        "The lower branch of ELU passes on its value, exp(x) - 1, for its slope, exp(x).",
        _elu,
        [VECTOR],
        right=lambda g, x: g * np.where(x > 0, 1.0, np.exp(x)),
        wrong=lambda g, x: g * np.where(x > 0, 1.0, np.exp(x) - 1),
    ),
    case(
        "0-d inputs",
        "A factor that has no axes is taken for a constant.",
        lambda x, y: x * y,
        [VECTOR, np.array(0.7)],
        right=lambda g, x, y: (g * y, np.sum(g * x)),
        wrong=lambda g, x, y: (g * y, np.sum(g * x) if np.ndim(y) else 0.0 * y),
    ),
    plain_case(
        "empty inputs",
        "The gradient of the sum of no rows is one row.",
        lambda x: x.sum(axis=0),
        [np.zeros((0, 3))],
        right=lambda g, x: np.repeat(g[None], len(x), axis=0),
        wrong=lambda g, x: np.repeat(g[None], max(len(x), 1), axis=0),
    ),
    plain_case(
        "inputs that are not contiguous",
        "The gradient is computed in the order in which the input lies in memory.",
        np.tanh,
        [numbers(3, 2).T],
        right=_tanh_vjp,
        wrong=_in_memory_order,
    ),
    plain_case(
        "float32 inputs",
        "In single precision the rule computes in half precision.",
        np.tanh,
        [VECTOR.astype(np.float32)],
        right=_tanh_vjp,
        wrong=_in_halves,
    ),
    case(
        "large inputs",
        "The slope of softplus overflows: exp(x) / (1 + exp(x)) is NaN.",
        lambda x: np.logaddexp(0.0, x),
        [np.array([-1.2, 0.5, 800.0])],
        right=lambda g, x: g * (0.5 + 0.5 * np.tanh(0.5 * x)),
        wrong=lambda g, x: g * np.exp(x) / (1 + np.exp(x)),
    ),
    plain_case(
        "zero among the factors",
        "The gradient of a product is the product divided by each element: NaN at zero.",
        np.prod,
        [np.array([1.5, 0.0, -0.7])],
        right=lambda g, x: g * _others(x),
        wrong=lambda g, x: g * np.prod(x) / x,
    ),
    case(
        "branches swapped",
        "The gradient of a choice between two arrays goes to the one that was not chosen.",
        lambda x, y: np.where(x > 0, x**2, y**3),
        [VECTOR, numbers(4, start=9)],
        right=lambda g, x, y: (g * 2 * x * (x > 0), g * 3 * y**2 * (x <= 0)),
        wrong=lambda g, x, y: (g * 2 * x * (x <= 0), g * 3 * y**2 * (x > 0)),
    ),
    case(
        "mask inverted",
        "ReLU passes the gradient where its input is negative.",
        lambda x: np.maximum(x, 0),
        [VECTOR],
        right=lambda g, x: g * (x > 0),
        wrong=lambda g, x: g * (x < 0),
    ),
    case(
        "bounds ignored",
        "Clipping passes the gradient outside its bounds, too.",
        lambda x: np.clip(x, -1, 1),
        [VECTOR],
        right=lambda g, x: g * (np.abs(x) <= 1),
        wrong=lambda g, x: g * 1.0,
    ),
)

kink = partial(operator, "kink")
KINKS: tuple[Mutant, ...] = (
    kink(
        "whole gradient to all ties",
        "Every largest element gets the gradient of the maximum, not a share of it.",
        np.max,
        [np.array([1.5, 0.5, 1.5])],
        right=lambda g, x: g * (x == np.max(x)) / np.sum(x == np.max(x)),
        wrong=lambda g, x: g * (x == np.max(x)),
    ),
    kink(
        "equal operands get nothing",
        "Each operand of a maximum gets the gradient only where it is strictly larger.",
        np.maximum,
        [np.array([1.0, 2.0, 0.5]), np.array([1.0, 1.0, 2.0])],
        right=lambda g, x, y: (g * (x >= y), g * (y > x)),
        wrong=lambda g, x, y: (g * (x > y), g * (y > x)),
    ),
    kink(
        "both slopes at the kink",
        "Leaky ReLU adds its two slopes at 0, where both conditions hold.",
        lambda x: np.where(x > 0, x, 0.25 * x),
        [np.array([0.0, 1.0, -2.0])],
        right=lambda g, x: g * np.where(x > 0, 1.0, 0.25),
        wrong=lambda g, x: g * ((x >= 0) + 0.25 * (x <= 0)),
    ),
    kink(
        "NaN at the kink",
        "The slope of |x| is written x / |x|, which is NaN at 0.",
        np.abs,
        [np.array([0.0, 1.0, -2.0])],
        right=lambda g, x: g * np.sign(x),
        wrong=lambda g, x: g * x / np.abs(x),
    ),
)


def _one_off(g: Array, x: Array) -> Array:
    return g * np.cos(x) * np.where(np.arange(x.size).reshape(x.shape) == 977, 1.001, 1.0)


def _whole_blocks(g: Array, x: Array) -> Array:
    return g * np.cos(x) * (np.arange(x.size) < x.size // 8 * 8)


magnitude = partial(operator, "small difference")
MAGNITUDES: tuple[Mutant, ...] = (
    magnitude(
        "a thousandth in one element",
        "One element of two thousand is wrong by 0.1 %.",
        np.sin,
        [numbers(40, 50)],
        right=lambda g, x: g * np.cos(x),
        wrong=_one_off,
    ),
    magnitude(
        "remainder of blocks",
        "Elements are treated in blocks of eight; those that are left over get no gradient.",
        np.sin,
        [numbers(251)],
        right=lambda g, x: g * np.cos(x),
        wrong=_whole_blocks,
    ),
    magnitude(
        "small function",
        "The gradient is zero, and the function so small that it hardly differs from that.",
        lambda x: 1e-7 * np.sin(x),
        [VECTOR],
        right=lambda g, x: 1e-7 * g * np.cos(x),
        wrong=lambda g, x: 0 * g * x,
    ),
    magnitude(
        "six digits of a constant",
        "The logarithm of 2 is written 0.693147, in the derivative only.",
        lambda x: 2.0**x,
        [VECTOR],
        right=lambda g, x: g * 2.0**x * np.log(2.0),
        wrong=lambda g, x: g * 2.0**x * 0.693147,
    ),
    magnitude(
        "epsilon in the denominator",
        "The derivative of the logarithm is made safe: 1 / (x + 0.000001).",
        np.log,
        [POSITIVE],
        right=lambda g, x: g / x,
        wrong=lambda g, x: g / (x + 1e-6),
    ),
    magnitude(
        "derivative by differences",
        "The derivative is a forward difference of the function, with a step of 0.00001.",
        np.exp,
        [VECTOR],
        right=lambda g, x: g * np.exp(x),
        wrong=lambda g, x: g * (np.exp(x + 1e-5) - np.exp(x)) / 1e-5,
    ),
)
