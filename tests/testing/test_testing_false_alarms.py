"""Right gradients are called right: ten thousand random programs in the deep profile."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad.nn import functional as F
from minigrad.testing import Verdict, gradcheck, strategies

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
SEEDS = st.integers(0, 2**16)


@settings(max_examples=10_000 if DEEP else 20)
@given(strategies.programs(), SEEDS)
def test_no_false_alarm_in_float64(program, seed):
    assert gradcheck(program, list(program.inputs), seed=seed).verdict is Verdict.RIGHT


@settings(max_examples=2_000 if DEEP else 10)
@given(strategies.programs(), SEEDS)
def test_no_false_alarm_in_float32(program, seed):
    assert gradcheck(program, list(program.inputs), seed=seed, dtype=np.float32)


# Nearly saturated: 1 - tanh(x)**2 has a few digits left and stays the same over long stretches,
# where what else changes looks like an exact slope.
SATURATED = {
    "tanh of a power": (lambda x: np.tanh(np.exp2(x * x + 0.5)), [[-1.8623046875]]),
    "tanh of a square": (
        lambda x: np.exp2(np.tanh(np.einsum("...i,...i->...", x @ x, x @ x)) + 1.5),
        [[-0.3701171875, 1.4892578125], [-1.294921875, -1.8662109375]],
    ),
    "tanh of a product": (
        lambda x: np.tanh(np.prod(np.broadcast_to(x + x, (2, 2)))),
        [[1.857421875, 0.9462890625], [1.33984375, 0.404296875]],
    ),
    "steps lost in a result near 1": (
        lambda x: np.cosh(np.log1p(np.square(np.var(np.arctan(x), axis=0))) ** 2),
        [-1.689453125, -0.9189453125],
    ),
    "tail of gelu": (lambda x: np.arcsin(F.gelu(x**3)), [[-2.0732421875]]),
}


@pytest.mark.parametrize("seed", [0, 1, 2, 129, 220, 221])
@pytest.mark.parametrize(("f", "x"), SATURATED.values(), ids=SATURATED)
def test_no_false_alarm_where_few_digits_are_left(f, x, seed):
    assert gradcheck(f, np.array(x), seed=seed).verdict is Verdict.RIGHT


@pytest.mark.parametrize("large", [1e6, 5e8, 1.7e9, 2e10])
def test_no_false_alarm_where_large_numbers_cancel(large):
    x = np.array([0.5, -1.2, 1.6])

    def f(x):
        return np.sin((x + large) - large)

    def wrong(u, x):
        return 1.1 * u * np.cos(x)

    assert gradcheck(f, x).verdict is Verdict.RIGHT
    assert not gradcheck(f, x, vjp=wrong, raise_on_failure=False)


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-100, 1e100, 1e150])
def test_no_false_alarm_at_any_size(size):
    x = size * np.array([1.0, 2.0, 3.0])
    assert gradcheck(np.log, x).verdict is Verdict.RIGHT
    assert gradcheck(lambda x: (x / size) ** 2, x).verdict is Verdict.RIGHT


def test_no_false_alarm_at_the_ends_of_the_numbers():
    assert gradcheck(np.sin, np.array([1.0, np.nan])).verdict is Verdict.KINK
    big_endian = np.array([1.0, 2.0], ">f8")
    assert gradcheck(np.sin, big_endian, vjp=lambda u, x: u * np.cos(x))


@pytest.mark.slow
@settings(max_examples=500)
@given(strategies.programs(), SEEDS)
def test_a_gradient_wrong_by_a_thousandth_is_seen(program, seed):
    """So that silence means something: scale one gradient and have it found."""

    def vjp(u, *arrays):
        _, pull_back = mg.vjp(program, *arrays)
        first, *others = pull_back(u)
        return 1.001 * first, *others

    report = gradcheck(program, list(program.inputs), vjp=vjp, seed=seed, raise_on_failure=False)
    _, pull_back = mg.vjp(program, *program.inputs)
    if np.abs(pull_back(np.ones_like(program(*program.inputs)))[0]).max() > 1e-3:
        assert not report
