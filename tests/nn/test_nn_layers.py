"""Layers: the affine map, flattening, dropout, and that every layer there is has tests."""

import copy
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nn_numeric import assert_gradients, assert_second_order, assert_stays_float32

import minigrad as mg
from minigrad import nn
from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.nn import functional as F
from minigrad.nn import init

sizes = st.integers(1, 4)
leading = st.lists(st.integers(0, 3), max_size=3).map(tuple)


def operands(leading, features, outputs, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(*leading, features)),
        rng.normal(size=(outputs, features)),
        rng.normal(size=outputs),
    )


# --- The affine map as a function --------------------------------------------------------------


@given(leading, sizes, sizes)
def test_linear_is_the_formula(leading, features, outputs):
    x, w, b = operands(leading, features, outputs)
    np.testing.assert_allclose(F.linear(x, w, b), x @ w.T + b, rtol=1e-14)
    np.testing.assert_array_equal(F.linear(x, w), x @ w.T)
    out = F.linear(mg.tensor(x), mg.tensor(w, requires_grad=True), mg.tensor(b))
    assert isinstance(out, mg.Tensor)
    np.testing.assert_allclose(out.data, x @ w.T + b, rtol=1e-14)


@given(leading, sizes, sizes, st.booleans())
def test_linear_gradients_are_central_differences(leading, features, outputs, bias):
    x, w, b = operands(leading, features, outputs)
    assert_gradients(F.linear, *((x, w, b) if bias else (x, w)))


def test_linear_of_no_features_is_the_bias():
    assert_gradients(F.linear, np.ones((2, 3, 0)), np.ones((4, 0)), np.arange(4.0))
    assert F.linear(np.ones((2, 0)), np.ones((4, 0)), np.arange(4.0)).tolist() == [[0, 1, 2, 3]] * 2


@pytest.mark.parametrize("leading", [(), (2,), (2, 2)])
def test_linear_second_derivatives_are_central_differences(leading):
    assert_second_order(F.linear, *operands(leading, 2, 3))


@pytest.mark.parametrize("leading", [(), (5,), (2, 3)])
def test_linear_stays_float32(leading, monkeypatch):
    assert_stays_float32(F.linear, *operands(leading, 3, 2), monkeypatch=monkeypatch)


def test_linear_is_one_operation_and_changes_no_operand():
    x, w, b = operands((4,), 3, 2)
    before = [a.copy() for a in (x, w, b)]
    out = F.linear(x, mg.tensor(w, requires_grad=True), b)
    out.backward(np.ones((4, 2)))
    assert [p.shape for p in out._node.parents if p is not None] == [(2, 3)]
    for array, old in zip((x, w, b), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_matrix_products_of_the_first_chapter():
    x, w = np.array([1.0, 2.0]), np.array([[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    assert F.linear(x, w.T).tolist() == [5.0, 11.0, 17.0]


X = np.ones((4, 3), np.float32)
W = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((np.ones((4, 5)), W), ShapeError, r"\(2, 3\).*takes \(\.\.\., 3\), not \(4, 5\)"),
        ((np.ones((4, 5)), W), ShapeError, "give it 3 features, or .* in_features=5"),
        ((np.ones((3, 4)), W), ShapeError, r"not \(3, 4\); .*perhaps x\.T was meant"),
        ((np.ones((4, 3, 1)), W), ShapeError, r"not \(4, 3, 1\); put nn\.Flatten\(\) before it"),
        ((np.array(1.0), W), ShapeError, r"takes \(\.\.\., 3\), not \(\)"),
        ((X, np.ones(3)), ShapeError, r"\(out_features, in_features\), not \(3,\)"),
        ((np.array(1.0), np.ones(3)), ShapeError, r"\(out_features, in_features\), not \(3,\)"),
        ((X, np.ones((2, 3, 3))), ShapeError, r"not \(2, 3, 3\)"),
        ((X, W.tolist()), DtypeError, r"weight .*not list; write np\.array\(weight"),
        ((X.tolist(), W), DtypeError, r"input .*not list; write np\.array\(input"),
        ((None, W), DtypeError, "not NoneType"),
        ((X.astype(int), W), DtypeError, r"not int64; .*x\.astype\(np\.float32\) / 255"),
        ((X, W, np.ones(3)), ShapeError, r"takes a bias of shape \(2,\), not \(3,\) float64"),
        ((X, W, [1, 2]), ShapeError, r"takes a bias of shape \(2,\), not list \[1, 2\]"),
    ],
)
def test_linear_says_what_does_not_fit(args, error, message):
    with pytest.raises(error, match=message):
        F.linear(*args)


# --- Linear as a layer -----------------------------------------------------------------------


def test_linear_layer_is_the_formula():
    layer = nn.Linear(3, 2, rng=0, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    expected = x @ layer.weight.data.T + layer.bias.data
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-14)
    assert layer.weight.shape == (2, 3)
    assert layer.bias.shape == (2,)
    bare = nn.Linear(3, 2, bias=False, rng=0)
    assert bare.bias is None
    assert [name for name, _ in bare.named_parameters()] == ["weight"]
    assert bare(x).shape == (2, 5, 2)


def test_linear_layer_begins_as_pytorch_does():
    layer = nn.Linear(100, 400, rng=0)
    for p in (layer.weight, layer.bias):
        assert p.dtype == np.float32
        assert 0.099 < np.abs(p.data).max() <= 0.1
        assert p.data.std() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)
    assert not np.array_equal(layer.weight.data[:, 0], layer.bias.data)


def test_linear_layer_takes_initialisers():
    layer = nn.Linear(100, 50, weight_init="he_normal", rng=0)
    assert layer.weight.data.std() == pytest.approx(math.sqrt(2 / 100), rel=0.05)
    assert not layer.bias.data.any()
    expected = init.kaiming_normal((50, 100), rng=0)
    np.testing.assert_array_equal(layer.weight.data, expected)
    own = nn.Linear(
        2,
        2,
        weight_init=lambda shape, rng, dtype: np.eye(*shape, dtype=dtype),
        bias_init=init.partial(init.constant, value=0.5),
        dtype=np.float64,
    )
    assert own.weight.data.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert own.bias.data.tolist() == [0.5, 0.5]
    assert own.weight.dtype == own.bias.dtype == np.float64


def test_same_seed_same_weights():
    def weights(rng=None):
        return nn.Linear(3, 3, rng=rng).weight.data

    np.testing.assert_array_equal(weights(3), weights(3))
    assert not np.array_equal(weights(3), weights(4))
    mg.random.seed(1)
    first, second = weights(), weights()
    assert not np.array_equal(first, second)
    mg.random.seed(1)
    np.testing.assert_array_equal(weights(), first)


def test_linear_layer_names_itself_in_errors():
    class Autoencoder(nn.Module):
        def __init__(self):
            self.encoder = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(4, 1))

        def forward(self, x):
            return self.encoder(x)

    with pytest.raises(ShapeError, match=r"^layer encoder\.2, Linear\(4, 1\): .*not \(5, 2\)"):
        Autoencoder()(np.ones((5, 3), np.float32))
    with pytest.raises(DtypeError, match=r"^layer encoder\.0, Linear\(3, 2\): .*not uint8"):
        Autoencoder()(np.ones((5, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"^Linear\(3, 2\): "):
        nn.Linear(3, 2)(np.ones((5, 4), np.float32))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: nn.Linear(0, 2), ArgumentError, "in_features is a positive integer, not 0"),
        (lambda: nn.Linear(2, 2.0), ArgumentError, r"out_features .*not 2\.0"),
        (lambda: nn.Linear(True, 2), ArgumentError, "in_features .*not True"),
        (lambda: nn.Linear(2, 2, weight_init="xavir"), ArgumentError, "'xavir'; did you mean"),
        (lambda: nn.Linear(2, 3, weight_init=np.ones((3, 2))), ArgumentError, r"weight\.data ="),
        (lambda: nn.Linear(2, 3, bias_init=[0, 0, 0]), ArgumentError, "a name or a function"),
        (
            lambda: nn.Linear(2, 3, weight_init=lambda shape, **_: np.ones(shape[::-1])),
            ShapeError,
            r"weight returned shape \(2, 3\), and was asked for \(3, 2\)",
        ),
        (lambda: nn.Linear(2, 3, bias_init=np.zeros), ArgumentError, "bias cannot be called as"),
        (lambda: nn.Linear(2, 3, dtype=int), DtypeError, "floating-point numbers, not int64"),
        (lambda: nn.Linear(2, 3, dtype="half precision"), DtypeError, "no dtype of NumPy's"),
        (lambda: nn.Linear(2, 3, rng="seed"), ArgumentError, "rng is .*not 'seed'"),
    ],
)
def test_linear_layer_refuses_wrong_options(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_errors_of_an_initialiser_are_its_own():
    def broken(shape, rng, dtype):
        raise TypeError("not today")

    with pytest.raises(TypeError, match="not today"):
        nn.Linear(2, 2, weight_init=broken)


# --- Flatten and Identity ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.Flatten(), (5, 28, 28), (5, 784)),
        (nn.Flatten(), (5, 3), (5, 3)),
        (nn.Flatten(), (0, 2, 3), (0, 6)),
        (nn.Flatten(), (2, 0, 3), (2, 0)),
        (nn.Flatten(0), (2, 3, 4), (24,)),
        (nn.Flatten(0, 1), (2, 3, 4), (6, 4)),
        (nn.Flatten(-2), (2, 3, 4), (2, 12)),
        (nn.Flatten(1, 1), (2, 3, 4), (2, 3, 4)),
    ],
)
def test_flatten_joins_axes(layer, shape, expected):
    x = np.arange(math.prod(shape), dtype=np.float64).reshape(shape)
    np.testing.assert_array_equal(layer(x), x.reshape(expected))
    assert layer(x).shape == expected
    assert_gradients(layer, np.sin(x))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Flatten(), (784,), r"shape \(784,\) does not have; .*x\[None\]"),
        (nn.Flatten(), (), r"shape \(\) does not have"),
        (nn.Flatten(1, 7), (2, 3, 4), r"Flatten\(1, 7\) .*\(2, 3, 4\)"),
        (nn.Flatten(2, 1), (2, 3, 4), r"Flatten\(2, 1\)"),
        (nn.Flatten(-4), (2, 3, 4), r"Flatten\(-4, -1\)"),
    ],
)
def test_flatten_refuses_axes_that_are_not_there(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer(np.zeros(shape))


def test_flatten_takes_integers_only():
    with pytest.raises(ArgumentError, match=r"start_dim is an integer, not ndarray \(2, 2\)"):
        nn.Flatten(np.zeros((2, 2)))
    with pytest.raises(ArgumentError, match=r"end_dim is an integer, not 1\.0"):
        nn.Flatten(1, 1.0)


def test_identity_returns_what_it_is_given():
    x = mg.tensor([1.0], requires_grad=True)
    assert nn.Identity()(x) is x


# --- Dropout -------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_expectation(p):
    n = 40_000
    out = F.dropout(np.ones(n), p, rng=0)
    assert set(np.unique(out)) == {0.0, 1 / (1 - p)}
    deviation = math.sqrt(p / (1 - p) / n)
    assert abs(out.mean() - 1) < 4 * deviation
    assert abs((out == 0).mean() - p) < 4 * math.sqrt(p * (1 - p) / n)


def test_dropout_passes_the_gradient_where_it_passed_the_value():
    x = mg.tensor(np.full((20, 10), 3.0), requires_grad=True)
    out = F.dropout(x, 0.4, rng=0)
    out.backward(np.full((20, 10), 2.0))
    np.testing.assert_allclose(x.grad, out.data / 3.0 * 2.0)
    assert (x.grad == 0).any()
    assert_gradients(lambda x: F.dropout(x, 0.4, rng=0), np.linspace(1, 2, 12).reshape(3, 4))


def test_dropout_stays_float32(monkeypatch):
    assert_stays_float32(
        lambda x: F.dropout(x, 0.4, rng=0), np.ones((5, 4)), monkeypatch=monkeypatch
    )
    assert F.dropout(np.ones(3, np.float32), 0.5).dtype == np.float32


def test_dropout_at_the_ends():
    x = np.ones((2, 3))
    assert F.dropout(x, 0) is x
    assert not F.dropout(x, 1).any()
    assert F.dropout(x, 0.9, training=False) is x
    assert F.dropout(np.ones((0, 3)), 0.5).shape == (0, 3)


def test_gradient_of_dropping_everything_is_0():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    F.dropout(x, 1.0).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0]


def test_linear_computes_in_the_wider_dtype():
    x, weight = np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)
    third = np.full(4, 1 / 3)
    out = F.linear(x, weight, third)
    assert out.dtype == np.float64
    np.testing.assert_array_equal(out, np.full((2, 4), 3 + 1 / 3))


def test_dropout_layer_follows_the_mode():
    layer = nn.Dropout(0.5, rng=0)
    x = np.ones(100)
    assert (layer(x) == 0).any()
    assert layer.eval()(x) is x
    assert (layer.train()(x) == 0).any()


def test_dropout_layer_gives_the_same_bits_from_the_same_seed():
    x = np.ones(50)

    def twice(rng):
        layer = nn.Dropout(0.5, rng=rng)
        return layer(x), layer(x)

    first, second = twice(7)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, twice(7)[0])
    np.testing.assert_array_equal(second, twice(np.random.default_rng(7))[1])
    assert not np.array_equal(first, twice(8)[0])


@pytest.mark.parametrize("same", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copied_dropout_still_follows_the_seed(same):
    x = np.ones(50)
    layer = nn.Dropout(0.5)
    twin = same(layer)
    mg.random.seed(5)
    expected = layer(x)
    mg.random.seed(5)
    np.testing.assert_array_equal(twin(x), expected)
    assert not np.array_equal(layer(x), twin(x))  # one after the other from one generator


@pytest.mark.parametrize("p", [-0.1, 1.5, "half", True, None, np.nan])
def test_dropout_refuses_what_is_no_probability(p):
    for wrong in (lambda: nn.Dropout(p), lambda: F.dropout(np.ones(3), p)):
        with pytest.raises(ArgumentError, match=r"from 0 to 1, not (-0\.1|1\.5|'half'|True|N|nan)"):
            wrong()
