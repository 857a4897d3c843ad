"""Wrong gradients are found, and right ones are not called wrong."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F
from minigrad.testing import GradientMismatch, Verdict, gradcheck, taylor_test

A = np.array


def softmax(x):
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def softmax_vjp(g, x):
    y = softmax(x)
    return y * (g - np.sum(g * y, axis=-1, keepdims=True))


def affine(x, w, b):
    return x @ w + b


def affine_vjp(g, x, w, b):
    return g @ w.T, x.T @ g, g.sum(axis=0)


SQUARE = [A([[0.5, -1.2, 0.7], [1.1, 0.3, -0.4], [0.9, -0.8, 1.3]])]
AFFINE = [(5, 3), (3, 2), (2,)]

# name: function, inputs, wrong vjp, what the diagnosis says
MISTAKES = {
    "factor": (np.sin, (4,), lambda g, x: 0.25 * g * np.cos(x), "it is 0.25 times what is right"),
    "twice": (np.sin, (4,), lambda g, x: 2 * g * np.cos(x), "accumulated twice?"),
    "sign": (np.cos, (4,), lambda g, x: g * np.sin(x), "its sign is flipped"),
    "some signs": (
        lambda x: x**3,
        A([1.0, -2.0, 3.0]),
        lambda g, x: g * 3 * np.abs(x) * x,
        "the sign of 1 of its 3 elements is flipped",
    ),
    "sum for mean": (
        lambda x: np.mean(x, axis=0),
        (5, 2),
        lambda g, x: g + 0 * x,
        "a sum over 5 elements where a mean is meant?",
    ),
    "mean for sum": (
        lambda x: np.sum(x, axis=0),
        (5, 3),
        lambda g, x: (g + 0 * x) / 5,
        "a mean over 5 elements where a sum is meant?",
    ),
    "zero": (softmax, (2, 3), lambda g, x: 0 * x, "it is zero everywhere"),
    "zero of a small function": (lambda x: 1e-7 * x, (3,), lambda g, x: 0 * g, "zero everywhere"),
    "ignored cotangent": (
        lambda x: np.exp(x) * np.arange(1, 5),
        (4,),
        lambda g, x: np.exp(x) * np.arange(1, 5),
        "the cotangent is ignored",
    ),
    "transposed": (
        lambda x: np.tanh(x),
        SQUARE,
        lambda g, x: (g * (1 - np.tanh(x) ** 2)).T.copy(),
        "it is transposed",
    ),
    "reshape for transpose": (
        lambda x: x.T * 1.0,
        (2, 3),
        lambda g, x: g.reshape(2, 3).copy(),
        "transposed by reshape?",
    ),
    "reversed": (np.exp, (5,), lambda g, x: (g * np.exp(x))[::-1].copy(), "reversed along axis 0"),
    "off by one": (np.exp, (5,), lambda g, x: np.roll(g * np.exp(x), 1), "off by one index"),
    "permuted": (
        np.exp,
        (5,),
        lambda g, x: (g * np.exp(x))[[2, 0, 1, 4, 3]],
        "they are permuted",
    ),
    "one part of a broadcast": (
        affine,
        AFFINE,
        lambda g, x, w, b: (g @ w.T, x.T @ g, g[0].copy()),
        "the sum over broadcast axis 0 is missing: only the first of its 5 parts is there",
    ),
    "sum not taken": (
        affine,
        AFFINE,
        lambda g, x, w, b: (g @ w.T, x.T @ g, g.copy()),
        "the sum over the broadcast axes (0,) is missing",
    ),
    "NaN": (
        np.exp,
        (3,),
        lambda g, x: g * np.exp(x) * A([1, np.nan, 1]),
        "it is NaN where the function is finite",
    ),
    "softmax without its sum": (softmax, (2, 3), lambda g, x: softmax(x) * g, ""),
    "softmax of a sum of ones": (softmax, (2, 3), lambda g, x: 100 * softmax_vjp(g, x), "100"),
    "one element by a thousandth": (
        np.exp,
        (3, 4),
        lambda g, x: g * np.exp(x) * np.where(np.arange(12).reshape(3, 4) == 7, 1.001, 1),
        "",
    ),
    "a millionth": (np.exp, (3,), lambda g, x: g * np.exp(x) * (1 + 1e-6), ""),
    "a millionth of a small function": (
        lambda x: 1 + 1e-7 * x,
        (3,),
        lambda g, x: g * 1e-7 * (1 + 1e-6),
        "",
    ),
    "wrong for one argument only": (
        affine,
        AFFINE,
        lambda g, x, w, b: (g @ w.T, 0.5 * x.T @ g, g.sum(axis=0)),
        "it is 0.5 times what is right",
    ),
    "saturated": (
        lambda x: 1 / (1 + np.exp(-x)),
        A([20.0, 1.0]),
        lambda g, x: g * np.where(x > 10, 0, np.exp(-x) / (1 + np.exp(-x)) ** 2),
        "",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_found_and_recognised(name):
    f, inputs, vjp, diagnosis = MISTAKES[name]
    with pytest.raises(GradientMismatch) as caught:
        gradcheck(f, inputs, vjp=vjp)
    assert diagnosis in str(caught.value)
    assert caught.value.report.verdict is Verdict.WRONG


@pytest.mark.parametrize("name", [n for n in MISTAKES if n not in ("NaN", "sum not taken")])
def test_taylor_remainder_agrees(name):
    f, inputs, vjp, _ = MISTAKES[name]
    if "millionth" in name or name == "saturated":
        return  # seen only near the limit of what it can tell
    result = taylor_test(f, inputs, vjp=vjp)
    assert not result
    assert result.order == pytest.approx(1.0, abs=0.1)


def test_mistakes_that_ones_do_not_see():
    """The gradient of the sum of softmax is zero, so a cotangent of ones sees nothing."""
    for factor in (0, 2, -1, 100):

        def vjp(g, x, factor=factor):
            return factor * softmax_vjp(g, x)

        x = np.linspace(-1, 1, 6).reshape(2, 3)
        assert np.abs(vjp(np.ones((2, 3)), x)).max() < 1e-14
        assert not gradcheck(softmax, [x], vjp=vjp, raise_on_failure=False)
    assert gradcheck(softmax, [x], vjp=softmax_vjp)


def test_one_element_of_a_large_array_is_located():
    wrong = (23, 45)

    def vjp(g, x):
        gradient = g * np.cos(x)
        gradient[wrong] *= 1.01
        return gradient

    report = gradcheck(np.sin, (40, 60), vjp=vjp, raise_on_failure=False)
    assert report.arguments[0].worst.index == wrong
    assert report.arguments[0].count(Verdict.WRONG) == 1


def test_wrong_elements_of_a_middling_array_are_all_counted():
    def vjp(g, x):
        return g * np.cos(x) * np.where(np.arange(300) % 100 == 7, 1.01, 1)

    report = gradcheck(np.sin, (300,), vjp=vjp, raise_on_failure=False)
    found = {e.index[0] for e in report.arguments[0].elements if e.finding.verdict is Verdict.WRONG}
    assert found == {7, 107, 207}


# --- Rules of minigrad's, wrong on purpose -------------------------------------------------------


def planted(function, *vjps):
    """Return a new operator with these rules."""
    operator = mg.primitive(lambda *args: function(*args))
    mg.defvjp(operator, *vjps)
    return operator


def test_right_rule_that_is_wrong_in_second_order():
    right = planted(lambda x: x**3, lambda g, out, x: g * 3 * x**2)
    assert gradcheck(right, (3,))

    def hidden(g, out, x):
        square = x.data**2 if isinstance(x, mg.Tensor) else x**2
        return g * 3 * square

    cube = planted(lambda x: x**3, hidden)
    assert gradcheck(cube, (3,), order=1)
    with pytest.raises(GradientMismatch, match=r"order-2 gradient of argument 0 .* is wrong in 3"):
        gradcheck(cube, (3,))


def test_rule_that_is_not_linear_in_the_cotangent():
    square = planted(np.square, lambda g, out, x: 2 * x * np.abs(g))
    with pytest.raises(GradientMismatch, match="not linear in the cotangent"):
        gradcheck(square, (3,))


def test_rule_that_cannot_be_differentiated():
    sine = planted(np.sin, lambda g, out, x: g * np.cos(np.array(x)))
    assert gradcheck(sine, (3,), order=1)
    with pytest.raises(GradientMismatch, match="forward mode raised GraphError"):
        gradcheck(sine, (3,))


def test_rule_of_the_wrong_shape():
    sine = planted(np.sin, lambda g, out, x: np.ones(7))
    with pytest.raises(GradientMismatch, match=r"returned shape \(7,\)"):
        gradcheck(sine, (3,))


def test_rule_that_raises():
    def boom(g, out, x):
        raise ZeroDivisionError("boom")

    with pytest.raises(GradientMismatch, match="raised ZeroDivisionError: boom"):
        gradcheck(planted(np.sin, boom), (3,))


def test_detached_part_is_found():
    with pytest.raises(GradientMismatch, match=r"0\.5 times"):
        gradcheck(lambda x: x * x.detach(), (3,))


# --- No false alarms ---------------------------------------------------------------------------

FUNCTIONS = {
    "exp": (np.exp, np.exp, 1),
    "sin": (np.sin, np.cos, 3),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2, 1),
    "log": (lambda x: np.log(np.abs(x)), lambda x: 1 / x, 3),
    "cube": (lambda x: x**3, lambda x: 3 * x**2, 3),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2, 3),
    "quick sine": (lambda x: np.sin(30 * x), lambda x: 30 * np.cos(30 * x), 1),
    "small": (lambda x: 1e-7 * np.sin(x), lambda x: 1e-7 * np.cos(x), 2),
    "large": (lambda x: 1e6 * x**3, lambda x: 3e6 * x**2, 2),
    "aliased": (
        lambda x: np.sin(512 * np.pi * x),
        lambda x: 512 * np.pi * np.cos(512 * np.pi * x),
        0,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_smooth_functions_of_all_magnitudes(name):
    f, slope, largest = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    for seed in range(4):
        x = rng.normal(size=5) * 10.0 ** rng.uniform(-3, largest, 5)
        if name == "aliased":
            x = np.round(x)
        right = gradcheck(f, [x], vjp=lambda g, x: g * slope(x), seed=seed)
        assert right.verdict is Verdict.RIGHT
        for error in (1e-2, 1e-4, 1e-6):
            off = gradcheck(
                f,
                [x],
                vjp=lambda g, x, error=error: g * slope(x) * (1 + error),
                seed=seed,
                raise_on_failure=False,
            )
            assert off.verdict is Verdict.WRONG


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x: np.sum(x - np.mean(x)), (5,)),
        (lambda x: np.sum(np.exp(x) / np.sum(np.exp(x))), (5,)),
        (lambda x: F.softmax(x, axis=-1), A([700.0, 0.0, 1.0])),
        (lambda x: np.exp(x) / np.sum(np.exp(x)), A([70.0, 0.0, 1.0])),
        (lambda x: F.log_softmax(x, axis=-1), A([1e3, 0.0, -1e3])),
        (lambda x: F.softplus(x), A([-50.0, 50.0, -700.0, 700.0])),
        (lambda x: F.sigmoid(x), A([-50.0, 50.0, -700.0, 700.0])),
        (lambda x: x**20, A([1e3, 1e-3, 1.0])),
        (lambda x: np.var(x), A([1e3 + 1, 1e3 + 2, 1e3])),
        (lambda x: (x - 1e6) * 1.0, A([1e6, 1e6 + 1])),
        (lambda x: np.ones(3) * 2.0, (3,)),
        (lambda x: x - (2.0 - (2.0 - x)), A([[0.3681640625, 2.091796875]])),
        (lambda x: np.logaddexp(x, x) + (0.25 - x) - 1.0, A([0.400390625, -0.73, 1.146484375])),
        (lambda x: np.tensordot(1 / x, x, axes=1), A([0.9677734375, -2.0390625, 1.15234375])),
        (lambda x: np.tanh(1 / np.tanh(x @ x)), A([-1.509765625, 0.9287109375, -1.1, 1.865234375])),
        (lambda x, y: np.tanh(2 * x * x @ y), [A([[0.78, 1.695]]), A([-0.3887, -1.5137])]),
        (lambda x, y: x * 2.0, [(2,), (3,)]),
    ],
)
def test_ill_conditioned_but_right(f, inputs):
    for seed in range(5):
        assert gradcheck(f, inputs, seed=seed).verdict is Verdict.RIGHT


def test_ill_conditioned_matrices():
    def inverse_vjp(g, a):
        inverse = np.linalg.inv(a)
        return -inverse.T @ g @ inverse.T

    for size in (2, 4, 6, 8):
        hilbert = 1 / (np.arange(size)[:, None] + np.arange(size) + 1.0)
        assert gradcheck(np.linalg.inv, [hilbert], vjp=inverse_vjp)
        off = gradcheck(
            np.linalg.inv,
            [hilbert],
            vjp=lambda g, a: 1.01 * inverse_vjp(g, a),
            raise_on_failure=False,
        )
        assert not off


@pytest.mark.parametrize("seed", range(10))
def test_network_of_relus(seed):
    model = nn.Sequential(nn.Linear(6, 8, rng=seed), nn.ReLU(), nn.Linear(8, 3, rng=seed))
    assert gradcheck(model, (4, 6), seed=seed).verdict is Verdict.RIGHT
