"""Mistakes of place: the right numbers, in the wrong elements or added up along the wrong axis."""

from __future__ import annotations

from functools import partial

import numpy as np

from minigrad.testing.mutants.formulas import softmax, softmax_vjp
from minigrad.testing.mutants.mutant import Array, Mutant, numbers, operator, pair

__all__ = ["ORDERS", "REDUCTIONS"]

VECTOR = numbers(5)
SQUARE = numbers(3, 3)
CUBE = numbers(2, 2, 2)
ORDER = np.array([2, 0, 3, 1, 4])
REPEATED = np.array([0, 2, 2, 1, 0])
KERNEL = np.array([0.5, -1.25, 2.0])


def _tanh_vjp(g: Array, x: Array) -> Array:
    return g * (1 - np.tanh(x) ** 2)


def _sum_at(g: Array, x: Array) -> Array:
    """Add what arrives at each element that was picked, however often it was."""
    return np.eye(len(x))[:, REPEATED] @ g


def _last_at(g: Array, x: Array) -> Array:
    """Set what arrives at each element that was picked: of repeated ones the last counts."""
    last = {int(picked): place for place, picked in enumerate(REPEATED)}
    return np.stack([g[last[i]] if i in last else 0 * g[0] for i in range(len(x))])


def _to_even(g: Array, x: Array) -> Array:
    return np.eye(len(x))[:, ::2] @ g


def _to_front(g: Array, x: Array) -> Array:
    return np.eye(len(x))[:, : len(g)] @ g


def _convolution_vjp(g: Array, x: Array, kernel: Array) -> Array:
    return np.stack([np.sum(g[i : i + len(kernel)] * kernel) for i in range(len(x))])


order = partial(operator, "order")
ORDERS: tuple[Mutant, ...] = (
    order(
        "transposed",
        "The gradient of a square matrix is transposed.",
        np.tanh,
        [SQUARE],
        right=_tanh_vjp,
        wrong=lambda g, x: _tanh_vjp(g, x).T,
    ),
    order(
        "reshape for transpose",
        "A transpose is undone by a reshape.",
        lambda x: x.T * 1.0,
        [numbers(2, 3)],
        right=lambda g, x: g.T,
        wrong=lambda g, x: g.reshape(x.shape),
    ),
    order(
        "axes permuted twice",
        "A permutation of axes is undone by the same permutation.",
        lambda x: np.transpose(x, (1, 2, 0)) * 1.0,
        [CUBE],
        right=lambda g, x: np.transpose(g, (2, 0, 1)),
        wrong=lambda g, x: np.transpose(g, (1, 2, 0)),
    ),
    order(
        "off by one",
        "The gradient of x[1:] is put where x[:-1] is.",
        lambda x: x[1:] * 1.0,
        [VECTOR],
        right=lambda g, x: np.concatenate([np.zeros(1), g]),
        wrong=lambda g, x: np.concatenate([g, np.zeros(1)]),
    ),
    order(
        "rolled further",
        "A roll is undone by rolling in the same direction.",
        lambda x: np.roll(x, 1),
        [VECTOR],
        right=lambda g, x: np.roll(g, -1),
        wrong=lambda g, x: np.roll(g, 1),
    ),
    order(
        "not flipped back",
        "The gradient of reversed elements is not reversed.",
        lambda x: x[::-1] * 2.0,
        [VECTOR],
        right=lambda g, x: 2 * g[::-1],
        wrong=lambda g, x: 2 * g,
    ),
    order(
        "permuted",
        "A permutation is undone by the same permutation, not by its inverse.",
        lambda x: x[ORDER],
        [VECTOR],
        right=lambda g, x: g[np.argsort(ORDER)],
        wrong=lambda g, x: g[ORDER],
    ),
    order(
        "sort not undone",
        "The gradient of sorted elements stays sorted.",
        np.sort,
        [VECTOR],
        right=lambda g, x: g[np.argsort(np.argsort(x))],
        wrong=lambda g, x: g * 1.0,
    ),
    order(
        "split at the wrong place",
        "The gradient of a concatenation is cut as if the second part came first.",
        lambda x, y: np.concatenate([x, y]),
        [numbers(2), numbers(3, start=9)],
        right=lambda g, x, y: (g[: len(x)], g[len(x) :]),
        wrong=lambda g, x, y: (g[-len(x) :], g[: len(y)]),
    ),
    order(
        "cumulated forwards",
        "The gradient of a cumulative sum is summed from the start, not from the end.",
        np.cumsum,
        [VECTOR],
        right=lambda g, x: np.cumsum(g[::-1])[::-1],
        wrong=lambda g, x: np.cumsum(g),
    ),
    order(
        "kernel not flipped",
        "The gradient of a convolution is a convolution with the kernel as it was.",
        lambda x: np.convolve(x, KERNEL),
        [VECTOR],
        right=lambda g, x: _convolution_vjp(g, x, KERNEL),
        wrong=lambda g, x: _convolution_vjp(g, x, KERNEL[::-1]),
    ),
    order(
        "picked twice, added once",
        "Of an element that is picked twice only the last gradient is kept.",
        lambda x: x[REPEATED] * 1.0,
        [numbers(4)],
        right=_sum_at,
        wrong=_last_at,
    ),
    order(
        "stride forgotten",
        "The gradient of every other element is put side by side.",
        lambda x: x[::2] * 1.0,
        [VECTOR],
        right=_to_even,
        wrong=_to_front,
    ),
    order(
        "mask transposed",
        "The gradient of the upper triangle is masked with the lower one.",
        np.triu,
        [SQUARE],
        right=lambda g, x: g * np.triu(np.ones(x.shape)),
        wrong=lambda g, x: g * np.tril(np.ones(x.shape)),
    ),
)

reduction = partial(operator, "reduction")
plain_reduction = partial(pair, "reduction")
REDUCTIONS: tuple[Mutant, ...] = (
    plain_reduction(
        "missing reduction",
        "The gradient of a bias is the first row's, not the sum over the rows.",
        lambda x, b: x + b,
        [numbers(4, 3), numbers(3)],
        right=lambda g, x, b: (g.copy(), g.sum(axis=0)),
        wrong=lambda g, x, b: (g.copy(), g[0].copy()),
    ),
    plain_reduction(
        "wrong axis reduced",
        "The gradient of a bias is summed over the columns of a square matrix.",
        lambda x, b: x + b,
        [SQUARE, numbers(3)],
        right=lambda g, x, b: (g.copy(), g.sum(axis=0)),
        wrong=lambda g, x, b: (g.copy(), g.sum(axis=1)),
    ),
    reduction(
        "sum without keepdims",
        "The gradient of a sum along the rows of a square matrix goes to the columns.",
        lambda x: np.sum(x, axis=1),
        [SQUARE],
        right=lambda g, x: g[:, None] + 0 * x,
        wrong=lambda g, x: g + 0 * x,
    ),
    reduction(
        "softmax over the wrong axis",
        "Softmax is taken of rows, its gradient of columns.",
        softmax,
        [SQUARE],
        right=softmax_vjp,
        wrong=lambda g, x: softmax(x) * (g - np.sum(g * softmax(x), axis=0, keepdims=True)),
    ),
    reduction(
        "largest of all",
        "The gradient of each row's maximum goes to the largest element of all.",
        lambda x: np.max(x, axis=1),
        [SQUARE],
        right=lambda g, x: g[:, None] * (x == np.max(x, axis=1, keepdims=True)),
        wrong=lambda g, x: g[:, None] * (x == np.max(x)),
    ),
    plain_reduction(
        "batch not summed",
        "Weights shared by a batch of matrices get the first matrix's gradient.",
        lambda x, w: x @ w,
        [numbers(4, 2, 3), numbers(3, 2)],
        right=lambda g, x, w: (g @ w.T, np.einsum("nij,nik->jk", x, g)),
        wrong=lambda g, x, w: (g @ w.T, x[0].T @ g[0]),
    ),
    reduction(
        "product of means",
        "Where an operand was broadcast, the sum of products becomes a product of sums.",
        lambda x, y: x * y,
        [numbers(3, 4), numbers(3, 1, start=20)],
        right=lambda g, x, y: (g * y, np.sum(g * x, axis=1, keepdims=True)),
        wrong=lambda g, x, y: (
            g * y,
            np.sum(g, axis=1, keepdims=True) * np.mean(x, axis=1, keepdims=True),
        ),
    ),
    plain_reduction(
        "shape that broadcasts",
        "The gradient of a bias keeps an axis of length 1 that the bias does not have.",
        lambda x, b: x + b,
        [numbers(4, 3), numbers(3)],
        right=lambda g, x, b: (g.copy(), g.sum(axis=0)),
        wrong=lambda g, x, b: (g.copy(), g.sum(axis=0, keepdims=True)),
    ),
)
