"""Gradients that are right at a point by chance, or too small there to be told from rounding."""

import numpy as np
import pytest

from minigrad.testing import GradientMismatch, Verdict, gradcheck

A = np.array


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def positive_loss(x):
    return softplus(-x)


# Where function and slope are both far below the rounding errors of numbers near 1.
WRONG_IN_TAILS = {
    "zero for exp": (np.exp, -40.0, lambda u, x: 0 * u),
    "twice for sigmoid": (sigmoid, -36.0, lambda u, x: 2 * u * sigmoid(x) * sigmoid(-x)),
    "zero for softplus": (softplus, -40.0, lambda u, x: 0 * u),
    "sign of a loss": (positive_loss, 38.0, lambda u, x: u * sigmoid(-x)),
}


@pytest.mark.parametrize("name", WRONG_IN_TAILS)
def test_wrong_in_a_tail(name):
    f, x, vjp = WRONG_IN_TAILS[name]
    with pytest.raises(GradientMismatch, match=r"too small to be told .* wrong at 0\.\d+ times it"):
        gradcheck(f, np.full(4, x), vjp=vjp)


RIGHT_IN_TAILS = {
    "exp": (np.exp, -40.0, lambda u, x: u * np.exp(x)),
    "sigmoid": (sigmoid, -36.0, lambda u, x: u * sigmoid(x) * sigmoid(-x)),
    # These lose all their digits, as they may where 1 is subtracted from nearly 1.
    "softplus": (softplus, -40.0, lambda u, x: u * (1 - sigmoid(-x))),
    "loss": (positive_loss, 38.0, lambda u, x: u * (sigmoid(x) - 1)),
    "loss with few digits": (positive_loss, 34.0, lambda u, x: u * (sigmoid(x) - 1)),
    "tanh": (np.tanh, 20.0, lambda u, x: u * (1 - np.tanh(x) ** 2)),
}


@pytest.mark.parametrize("name", RIGHT_IN_TAILS)
def test_right_in_a_tail(name):
    f, x, vjp = RIGHT_IN_TAILS[name]
    assert gradcheck(f, np.full(4, x), vjp=vjp).verdict is Verdict.RIGHT


RIGHT_BY_CHANCE = {
    "at 1": (lambda x: x**3, np.ones(3), lambda u, x: 3 * u * x),
    "at 0": (np.sin, np.zeros(3), lambda u, x: u + 0 * x),
    "at one 0": (np.sin, A([0.5, 0.0]), lambda u, x: np.where(x == 0.5, u * np.cos(x), u)),
}


@pytest.mark.parametrize("name", RIGHT_BY_CHANCE)
def test_right_at_one_point_only(name):
    f, x, vjp = RIGHT_BY_CHANCE[name]
    with pytest.raises(
        GradientMismatch, match=r"wrong (at another point, a few|there: .* a constant)"
    ):
        gradcheck(f, x, vjp=vjp)


def test_points_outside_the_domain_are_left_alone():
    def vjp(u, x):
        if np.any(x > 1):
            raise ValueError("not in the domain")
        return -u * x / np.sqrt(1 - x**2)

    assert gradcheck(lambda x: np.sqrt(1 - x**2), A([0.99, 0.995]), vjp=vjp)
