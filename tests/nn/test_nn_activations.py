"""Activations: values, slopes, shapes, precision, and numbers far from 0."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nn_cases import ACTIVATIONS, softmax
from nn_numeric import assert_gradients, assert_second_order, assert_stays_float32, random_like

import minigrad as mg
from minigrad import nn
from minigrad.errors import ArgumentError, DtypeError
from minigrad.nn import functional as F

FUNCTIONS = {
    "sigmoid": F.sigmoid,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "softplus": F.softplus,
    "gelu": F.gelu,
    "softmax": F.softmax,
    "log_softmax": F.log_softmax,
    "step": F.step,
    "dropout": F.dropout,
}
every_case = pytest.mark.parametrize(
    ("layer", "formula"), ACTIVATIONS.values(), ids=list(ACTIVATIONS)
)
every_layer = pytest.mark.parametrize(
    "layer", [layer for layer, _ in ACTIVATIONS.values()], ids=list(ACTIVATIONS)
)


def away_from_kinks(seed, shape):
    """Return numbers between -3 and 3, none nearer to 0 than a central difference reaches."""
    x = np.random.default_rng(seed).uniform(-3, 3, shape)
    return np.where(np.abs(x) < 1e-3, 0.5, x)


shapes = st.one_of(
    hnp.array_shapes(min_dims=2, max_dims=4, max_side=3),
    st.sampled_from([(4,), (0, 3), (2, 0, 3), (1,), (1, 1)]),
)


@every_case
@given(shape=shapes, seed=st.integers(0, 2**16))
def test_values_are_the_formula(layer, formula, shape, seed):
    if getattr(layer, "axis", None) == 0 and not shape[0]:
        shape = (2, *shape[1:])
    x = away_from_kinks(seed, shape)
    expected = formula(x)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12, atol=1e-15)
    out = layer(mg.tensor(x, requires_grad=True))
    assert out.shape == shape
    np.testing.assert_array_equal(out.data, layer(x))


@every_layer
@given(shape=shapes, seed=st.integers(0, 2**16))
def test_gradients_are_central_differences(layer, shape, seed):
    if getattr(layer, "axis", None) == 0 and not shape[0]:
        shape = (2, *shape[1:])
    assert_gradients(layer, away_from_kinks(seed, shape))


@every_layer
def test_second_derivatives_are_central_differences(layer):
    assert_second_order(layer, away_from_kinks(0, (2, 3)))


@every_layer
def test_float32_stays_float32(layer, monkeypatch):
    assert_stays_float32(layer, away_from_kinks(0, (4, 3)), monkeypatch=monkeypatch)
    assert layer(np.ones((2, 3), np.float32)).dtype == np.float32


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_numbers_neither_overflow_nor_warn(layer, dtype):
    x = mg.tensor(np.array([[-1e4, -50.0, 0.0, 50.0, 1e4]], dtype), requires_grad=True)
    out = layer(x)
    out.backward(random_like(out.data).astype(dtype))
    assert np.isfinite(out.data).all()
    assert np.isfinite(x.grad).all()


def test_values_far_from_zero():
    x = np.array([-1e4, 1e4])
    assert nn.Sigmoid()(x).tolist() == [0.0, 1.0]
    assert nn.Tanh()(x).tolist() == [-1.0, 1.0]
    assert nn.ReLU()(x).tolist() == [0.0, 1e4]
    assert nn.LeakyReLU(0.5)(x).tolist() == [-5e3, 1e4]
    assert nn.Softplus()(x).tolist() == [0.0, 1e4]
    assert nn.GELU()(x).tolist() == [0.0, 1e4]
    assert nn.GELU("tanh")(x).tolist() == [0.0, 1e4]
    assert nn.Softmax()(x).tolist() == [0.0, 1.0]
    assert nn.LogSoftmax()(x).tolist() == [-2e4, 0.0]


def test_small_probabilities_keep_their_digits():
    np.testing.assert_allclose(F.sigmoid(np.array([-40.0])), np.exp(-40.0), rtol=1e-14)
    x = mg.tensor(np.array([40.0]), requires_grad=True)
    F.sigmoid(x).backward()
    np.testing.assert_allclose(x.grad, np.exp(-40.0), rtol=1e-14)  # not 1 - 1 = 0
    np.testing.assert_allclose(F.softplus(np.array([-40.0])), np.exp(-40.0), rtol=1e-14)


# Known by heart, beside the machinery.
SLOPES = [
    (F.sigmoid, 0.0, 0.25),
    (F.relu, 0.0, 0.0),
    (F.relu, 2.0, 1.0),
    (F.relu, -2.0, 0.0),
    (F.leaky_relu, 0.0, 0.01),
    (F.leaky_relu, -3.0, 0.01),
    (F.softplus, 0.0, 0.5),
    (np.tanh, 0.0, 1.0),
    (F.gelu, 0.0, 0.5),
]


@pytest.mark.parametrize(("function", "x", "slope"), SLOPES)
def test_known_slopes(function, x, slope):
    assert mg.grad(function)(np.float64(x)) == pytest.approx(slope, abs=1e-15)


def test_both_forms_of_gelu_differ_as_documented():
    x = np.linspace(-6, 6, 10001)
    gap = np.abs(F.gelu(x) - F.gelu(x, "tanh")).max()
    assert 1e-4 < gap < 5e-4
    assert F.gelu(np.array(1.0)) == pytest.approx(0.8413447460685429, rel=1e-14)
    with pytest.raises(ArgumentError, match="'none' or 'tanh', not 'fast'"):
        F.gelu(x, approximate="fast")


# --- Softmax ---------------------------------------------------------------------------------


@given(
    x=hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=5),
        elements=st.floats(-1e4, 1e4),
    ),
    shift=st.floats(-1e3, 1e3),
    axis=st.integers(-3, 2),
)
def test_softmax_is_a_distribution_and_knows_differences_only(x, shift, axis):
    if not -x.ndim <= axis < x.ndim:
        axis = -1
    p = F.softmax(x, axis)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=axis), 1, rtol=1e-12)
    np.testing.assert_allclose(F.softmax(x + shift, axis), p, atol=1e-9)
    np.testing.assert_allclose(
        F.log_softmax(x + shift, axis), F.log_softmax(x, axis), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(np.exp(F.log_softmax(x, axis)), p, rtol=1e-9, atol=1e-300)


def test_softmax_maximum_is_subtracted_row_by_row():
    rows = np.array([[1e4, 1e4 - 1.0], [0.0, -1.0]])
    np.testing.assert_allclose(F.softmax(rows), softmax(np.array([[1.0, 0.0]] * 2)))


def test_softmax_gradient_is_orthogonal_to_ones():
    x = mg.tensor(np.array([[1.0, 2.0, 4.0]]), requires_grad=True)
    (F.softmax(x) * np.array([3.0, -1.0, 0.5])).sum().backward()
    assert np.abs(x.grad).max() > 0.1
    assert x.grad.sum() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("function", [F.softmax, F.log_softmax])
@pytest.mark.parametrize(
    ("x", "axis", "message"),
    [
        (np.ones((2, 3)), 2, r"over axis 2 of an array of shape \(2, 3\).*0 to 1"),
        (np.ones((2, 3)), (0, 1), r"over axis \(0, 1\)"),
        (np.ones((2, 3)), None, "over axis None"),
        (np.array(1.0), -1, "needs an axis of classes"),
        (np.ones((2, 0)), -1, r"shape \(2, 0\): no classes"),
    ],
)
def test_softmax_refuses_an_axis_that_is_not_there(function, x, axis, message):
    with pytest.raises(ArgumentError, match=message):
        function(x, axis=axis)


# --- What is accepted -------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_lists_and_integers_are_numbers_too(function):
    options = {"rng": 0} if function is F.dropout else {}
    x = np.array([[-1.0, 2.0, 3.0]])
    expected = function(x, **options)
    out = function(x.tolist(), **options)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    np.testing.assert_allclose(function(x.astype(int), **options), expected)
    assert isinstance(
        function(mg.tensor(x), **options), np.ndarray if function is F.step else mg.Tensor
    )


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
@pytest.mark.parametrize("x", ["numbers", None, np.array(["a"]), np.array([1j])])
def test_what_has_no_numbers_is_refused(function, x):
    with pytest.raises(DtypeError, match=function.__name__):
        function(x)


def test_options_do_not_widen():
    x = np.ones(3, np.float32)
    assert F.leaky_relu(-x, np.float64(0.1)).dtype == np.float32
    assert nn.LeakyReLU(np.float64(0.1))(-x).dtype == np.float32
    assert F.dropout(x, np.float64(0.1)).dtype == np.float32


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.LeakyReLU("steep"), "negative_slope is a number, not 'steep'"),
        (lambda: nn.LeakyReLU(np.nan), "negative_slope is a number, not nan"),
        (lambda: F.leaky_relu(np.ones(2), None), "negative_slope is a number, not None"),
        (lambda: nn.GELU("fast"), "'none' or 'tanh', not 'fast'"),
        (lambda: nn.GELU(np.ones(2)), r"not ndarray \(2,\) float64"),
        (lambda: nn.Softmax(np.ones(2)), r"nn\.Softmax\(\)\(x\)"),
        (lambda: nn.LogSoftmax(1.0), "LogSoftmax's axis is an integer, not 1.0"),
    ],
)
def test_wrong_options(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        wrong()


# --- Step ---------------------------------------------------------------------------------------


def test_step_is_a_plain_array_that_has_no_gradient():
    x = mg.tensor(np.array([-1.0, 0.0, 1e-30]), requires_grad=True)
    for out in (F.step(x), nn.Step()(x)):
        assert type(out) is np.ndarray
        assert out.tolist() == [0.0, 0.0, 1.0]
    assert nn.Step()(np.ones(2, np.float32)).dtype == np.float32
    assert F.step(np.array(5.0)) == 1.0


def test_a_perceptron_computes_and():
    class And(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(2, 1)
            self.linear.weight.data = np.array([[0.5, 0.5]], np.float32)
            self.linear.bias.data = np.array([-0.7], np.float32)

        def forward(self, x):
            return F.step(self.linear(x))

    inputs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    assert And()(inputs).ravel().tolist() == [0, 0, 0, 1]


def test_axis_of_softmax_may_be_a_number_of_numpy():
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    np.testing.assert_array_equal(F.softmax(x, np.int64(0)), F.softmax(x, 0))
