"""Mistakes in the formula: a derivative that is too large, another function's, or a part of one."""

from __future__ import annotations

from functools import partial

import numpy as np

from minigrad.testing.mutants.mutant import Array, Mutant, numbers, operator, pair

__all__ = ["FACTORS", "FORMULAS", "TERMS"]

VECTOR = numbers(4)
POSITIVE = np.array([0.4, 0.9, 1.7, 2.6])
MATRIX = numbers(3, 3)
LABELS = np.eye(3)[[0, 2, 1, 1]]


def softmax(x: Array) -> Array:
    """Return the softmax of each row."""
    e = np.exp(x)
    return e / np.sum(e, axis=-1, keepdims=True)


def softmax_vjp(g: Array, x: Array) -> Array:
    """Return the gradient of `softmax`."""
    y = softmax(x)
    return y * (g - np.sum(g * y, axis=-1, keepdims=True))


def _log_softmax(x: Array) -> Array:
    return x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True))


def _cross_entropy(x: Array) -> Array:
    return -np.sum(LABELS * _log_softmax(x)) / len(LABELS)


def _centred(x: Array) -> Array:
    return x - np.mean(x, axis=0)


def _normal(x: Array) -> Array:
    return _centred(x) / np.std(x, axis=0)


def _normal_vjp(g: Array, x: Array) -> Array:
    y = _normal(x)
    return (_centred(g) - y * np.mean(g * y, axis=0)) / np.std(x, axis=0)


def _inverse_vjp(g: Array, x: Array) -> Array:
    inverse = np.linalg.inv(x).T
    return -inverse @ g @ inverse


def _two_layers_vjp(g: Array, x: Array, w: Array) -> tuple[Array, Array]:
    return g @ w.T @ w.T, (x @ w).T @ g + x.T @ (g @ w.T)


factor = partial(operator, "factor")
FACTORS: tuple[Mutant, ...] = (
    factor(
        "scaled",
        "The half in 0.5 x² is kept in the derivative, where it cancels.",
        lambda x: 0.5 * x**2,
        [VECTOR],
        right=lambda g, x: g * x,
        wrong=lambda g, x: 0.5 * g * x,
    ),
    factor(
        "sign flipped",
        "The derivative of the cosine is written without its minus sign.",
        np.cos,
        [VECTOR],
        right=lambda g, x: -g * np.sin(x),
        wrong=lambda g, x: g * np.sin(x),
    ),
    factor(
        "dead",
        "The gradient is zero.",
        np.tanh,
        [VECTOR],
        right=lambda g, x: g * (1 - np.tanh(x) ** 2),
        wrong=lambda g, x: 0 * g * x,
    ),
    factor(
        "softmax a hundredfold",
        "The gradient of softmax is a hundred times too large.",
        softmax,
        [numbers(2, 3)],
        right=softmax_vjp,
        wrong=lambda g, x: 100 * softmax_vjp(g, x),
    ),
    factor(
        "mean without 1/N",
        "The gradient of the mean is that of the sum.",
        lambda x: np.mean(x, axis=0),
        [numbers(4, 3)],
        right=lambda g, x: g / len(x) + 0 * x,
        wrong=lambda g, x: g + 0 * x,
    ),
    factor(
        "mean of everything",
        "The mean over one axis passes on a share of all elements' number.",
        lambda x: np.mean(x, axis=0),
        [numbers(4, 3)],
        right=lambda g, x: g / len(x) + 0 * x,
        wrong=lambda g, x: g / x.size + 0 * x,
    ),
    factor(
        "cross-entropy without 1/N",
        "The loss is a mean over the batch, its gradient is that of a sum.",
        _cross_entropy,
        [numbers(4, 3)],
        right=lambda g, x: g * (softmax(x) - LABELS) / len(LABELS),
        wrong=lambda g, x: g * (softmax(x) - LABELS),
    ),
    factor(
        "variance by N",
        "The variance divides by N - 1, its gradient by N.",
        lambda x: np.var(x, ddof=1),
        [VECTOR],
        right=lambda g, x: g * 2 * _centred(x) / (x.size - 1),
        wrong=lambda g, x: g * 2 * _centred(x) / x.size,
    ),
    factor(
        "base of the power",
        "The derivative of 2ˣ lacks the logarithm of 2.",
        lambda x: 2.0**x,
        [VECTOR],
        right=lambda g, x: g * 2.0**x * np.log(2.0),
        wrong=lambda g, x: g * 2.0**x,
    ),
)

formula = partial(operator, "formula")
FORMULAS: tuple[Mutant, ...] = (
    formula(
        "neighbour function",
        "The derivative is that of log(x), and the function is log(1 + x).",
        np.log1p,
        [POSITIVE],
        right=lambda g, x: g / (1 + x),
        wrong=lambda g, x: g / x,
    ),
    formula(
        "power one too high",
        "The derivative of x³ is written 3 x³.",
        lambda x: x**3,
        [VECTOR],
        right=lambda g, x: 3 * g * x**2,
        wrong=lambda g, x: 3 * g * x**3,
    ),
    formula(
        "input for output",
        "The derivative of tanh is computed from its input, 1 - x², not from its result.",
        np.tanh,
        [VECTOR],
        right=lambda g, x: g * (1 - np.tanh(x) ** 2),
        wrong=lambda g, x: g * (1 - x**2),
    ),
    formula(
        "absolute value",
        "The derivative of √(x² + 1) takes |x| for x.",
        lambda x: np.sqrt(x**2 + 1),
        [VECTOR],
        right=lambda g, x: g * x / np.sqrt(x**2 + 1),
        wrong=lambda g, x: g * np.abs(x) / np.sqrt(x**2 + 1),
    ),
    formula(
        "quotient without square",
        "The gradient of x / y with respect to y is written -x / y.",
        lambda x, y: x / y,
        [VECTOR, POSITIVE],
        right=lambda g, x, y: (g / y, -g * x / y**2),
        wrong=lambda g, x, y: (g / y, -g * x / y),
    ),
    formula(
        "arguments swapped",
        "The two gradients of a product are handed to the wrong arguments.",
        lambda x, y: x * y,
        [VECTOR, numbers(4, start=9)],
        right=lambda g, x, y: (g * y, g * x),
        wrong=lambda g, x, y: (g * x, g * y),
    ),
    formula(
        "matrix not transposed",
        "The gradient of x @ w with respect to x is g @ w, for w square.",
        lambda x, w: x @ w,
        [numbers(2, 3), numbers(3, 3, start=9)],
        right=lambda g, x, w: (g @ w.T, x.T @ g),
        wrong=lambda g, x, w: (g @ w, x.T @ g),
    ),
    pair(
        "formula",
        "inverse not transposed",
        "The gradient of the inverse matrix y is -y g y, without the transposes.",
        np.linalg.inv,
        [numbers(3, 3) + 2 * np.eye(3)],
        right=_inverse_vjp,
        wrong=lambda g, x: -np.linalg.inv(x) @ g @ np.linalg.inv(x),
    ),
)

term = partial(operator, "missing term")
TERMS: tuple[Mutant, ...] = (
    term(
        "inner derivative",
        "The chain rule's inner factor is forgotten.",
        lambda x: np.sin(2 * x),
        [VECTOR],
        right=lambda g, x: 2 * g * np.cos(2 * x),
        wrong=lambda g, x: g * np.cos(2 * x),
    ),
    term(
        "outer derivative elsewhere",
        "The chain rule's outer factor is taken at x, not at the inner function's value.",
        lambda x: np.exp(np.sin(x)),
        [VECTOR],
        right=lambda g, x: g * np.exp(np.sin(x)) * np.cos(x),
        wrong=lambda g, x: g * np.exp(x) * np.cos(x),
    ),
    term(
        "product rule",
        "The second term of the product rule is forgotten.",
        lambda x: x * np.exp(x),
        [VECTOR],
        right=lambda g, x: g * (np.exp(x) + x * np.exp(x)),
        wrong=lambda g, x: g * np.exp(x),
    ),
    term(
        "skip connection",
        "Of x + tanh(x) only the branch through tanh passes a gradient.",
        lambda x: x + np.tanh(x),
        [VECTOR],
        right=lambda g, x: g + g * (1 - np.tanh(x) ** 2),
        wrong=lambda g, x: g * (1 - np.tanh(x) ** 2),
    ),
    term(
        "replaced, not accumulated",
        "Weights that are used twice get the gradient of the last use only.",
        lambda x, w: x @ w @ w,
        [numbers(2, 3), MATRIX],
        right=_two_layers_vjp,
        wrong=lambda g, x, w: (g @ w.T @ w.T, (x @ w).T @ g),
    ),
    term(
        "quadratic form",
        "The gradient of xᵀ A x is that for a symmetric A, 2 A x.",
        lambda x: np.sum(x * (MATRIX @ x)),
        [numbers(3, start=20)],
        right=lambda g, x: g * ((MATRIX + MATRIX.T) @ x),
        wrong=lambda g, x: g * 2 * (MATRIX @ x),
    ),
    term(
        "softmax's diagonal",
        "Each probability is differentiated by its own logit only: y (1 - y).",
        softmax,
        [numbers(2, 3)],
        right=softmax_vjp,
        wrong=lambda g, x: g * softmax(x) * (1 - softmax(x)),
    ),
    term(
        "log-softmax's sum",
        "The cotangent is not summed over the row.",
        _log_softmax,
        [numbers(2, 3)],
        right=lambda g, x: g - softmax(x) * np.sum(g, axis=-1, keepdims=True),
        wrong=lambda g, x: g - softmax(x) * g,
    ),
    term(
        "statistics held constant",
        "A batch is normalised, and its mean and deviation are treated as constants.",
        _normal,
        [numbers(4, 3)],
        right=_normal_vjp,
        wrong=lambda g, x: g / np.std(x, axis=0),
    ),
    term(
        "deviation held constant",
        "A batch is normalised, and only its mean is differentiated.",
        _normal,
        [numbers(4, 3)],
        right=_normal_vjp,
        wrong=lambda g, x: _centred(g) / np.std(x, axis=0),
    ),
    term(
        "forgotten argument",
        "The exponent of a power gets no gradient.",
        lambda x, y: x**y,
        [POSITIVE, VECTOR],
        right=lambda g, x, y: (g * y * x ** (y - 1), g * x**y * np.log(x)),
        wrong=lambda g, x, y: (g * y * x ** (y - 1), 0 * g * y),
    ),
)
