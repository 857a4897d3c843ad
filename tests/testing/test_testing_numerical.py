"""Derivatives from values, their errors, and the order of Taylor's remainder."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.testing import numerical_derivative, numerical_jacobian, taylor_test

A = np.array
FUNCTIONS = {
    "exp": (np.exp, np.exp),
    "sin": (np.sin, np.cos),
    "tanh": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "log": (np.log, lambda x: 1 / x),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
}


@pytest.mark.parametrize(
    ("method", "accuracy"), [("central", 3e-7), ("richardson", 1e-11), ("complex", 1e-14)]
)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy_and_its_estimate(name, method, accuracy):
    f, slope = FUNCTIONS[name]
    x = np.linspace(0.2, 3, 60)
    estimate = numerical_derivative(f, x, method=method)
    error = np.abs(estimate.value - slope(x))
    assert (error / np.abs(slope(x))).max() < accuracy
    assert np.all(error <= 10 * estimate.error)
    assert np.all(estimate.error < 10 * accuracy * np.maximum(np.abs(slope(x)), 1))
    assert estimate.value.shape == estimate.error.shape == x.shape
    assert np.array_equal(np.asarray(estimate), estimate.value)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_step_follows_the_size_of_the_point(size):
    x = size * A([1.0, -2.0, 0.5])
    for f, slope in [(lambda x: x**3, 3 * x**2), (lambda x: 1 / x, -1 / x**2), (np.sin, np.cos(x))]:
        estimate = numerical_derivative(f, x)
        assert estimate.value == pytest.approx(slope, rel=1e-8)


def test_central_difference_is_the_books():
    def function_1(x):
        return 0.01 * x**2 + 0.1 * x

    h = 1e-4
    expected = (function_1(5.0 + h) - function_1(5.0 - h)) / (2 * h)
    assert numerical_derivative(function_1, 5.0, method="central").value == expected
    assert numerical_derivative(function_1, 10.0, method="central").value == pytest.approx(0.3)


def test_gradient_of_one_number():
    def function_2(x):
        return x[0] ** 2 + x[1] ** 2

    for point, gradient in [((3.0, 4.0), [6, 8]), ((0.0, 2.0), [0, 4]), ((3.0, 0.0), [6, 0])]:
        for method in ("central", "richardson", "complex"):
            estimate = numerical_derivative(function_2, point, method=method)
            assert estimate.value == pytest.approx(gradient, abs=1e-9)


def test_step_can_be_set():
    f = np.exp
    x = A([1.0])
    for method in ("central", "richardson"):
        coarse = numerical_derivative(f, x, method=method, step=0.5)
        fine = numerical_derivative(f, x, method=method, step=0.01)
        assert np.abs(fine.value - np.e) < np.abs(coarse.value - np.e)
        assert fine.error < coarse.error
    book = (f(x + 0.5) - f(x - 0.5)) / 1.0
    assert numerical_derivative(f, x, method="central", step=0.5).value == book


def test_error_at_a_kink_spans_the_slopes_of_both_sides():
    for f, size in ((lambda x: np.maximum(x, 0), 0.5), (np.abs, 1.0)):
        estimate = numerical_derivative(f, A([0.0, 1.0, -1.0]))
        assert estimate.error[0] == pytest.approx(size)
        assert np.all(estimate.error[1:] < 1e-10)


@pytest.mark.parametrize("waves", [256, 1024, 4096, 2**16])
def test_wave_whose_period_divides_the_steps(waves):
    omega = 2 * np.pi * waves
    estimate = numerical_derivative(lambda x: np.sin(omega * x), 1.0)
    assert estimate.value == pytest.approx(omega, rel=1e-6)
    assert np.abs(estimate.value - omega) <= 10 * estimate.error


def test_step_that_the_point_swallows():
    for method in ("central", "richardson"):
        with pytest.raises(ValueError, match="lost in the last digits of the point"):
            numerical_derivative(np.square, A([1e15]), method=method, step=1e-3)
        assert numerical_derivative(np.square, A([1e15]), method=method, step=1e3).value > 1e15
    assert numerical_derivative(np.square, A([1.0]), method="complex", step=1e-200).value == 2


def test_jacobian():
    a = np.arange(6.0).reshape(2, 3)
    for method in ("central", "richardson", "complex"):
        found = numerical_jacobian(lambda x: a @ x, np.ones((3, 2)), method=method)
        expected = np.einsum("ij,kl->ikjl", a, np.eye(2))
        assert found.value.shape == found.error.shape == (2, 2, 3, 2)
        assert found.value == pytest.approx(expected, abs=1e-9)


def test_jacobian_is_what_minigrad_computes():
    def f(x):
        return np.tanh(x[:, None] * x) @ x

    x = A([0.3, -1.2, 0.7])
    assert numerical_jacobian(f, x).value == pytest.approx(mg.jacobian(f)(x), rel=1e-10)


def test_shapes_and_kinds_of_arguments():
    assert numerical_derivative(np.sum, np.zeros((0, 3))).value.shape == (0, 3)
    assert numerical_jacobian(lambda x: x[:0], np.ones(3)).value.shape == (0, 3)
    assert numerical_derivative(np.square, mg.tensor([3.0])).value == pytest.approx([6.0])
    assert numerical_derivative(np.square, 3).value == pytest.approx(6.0)
    integer = numerical_derivative(np.square, A([1, 2]))
    assert integer.value.dtype == np.float64
    layer = nn.Linear(2, 3, dtype=np.float64)
    columns = numerical_jacobian(layer, np.ones(2)).value
    assert columns == pytest.approx(layer.weight.data)


def test_function_in_float32_has_a_larger_error():
    estimate = numerical_derivative(lambda x: np.exp(x.astype(np.float32)), A([1.0]))
    assert np.abs(estimate.value - np.e) < 10 * estimate.error
    assert 1e-7 < estimate.error < 1e-2


def test_point_at_the_edge_of_the_domain():
    estimate = numerical_derivative(np.log, A([1e-6, 1.0]))
    assert estimate.value == pytest.approx([1e6, 1.0], rel=1e-8)
    assert numerical_derivative(np.sqrt, A([0.0])).error == np.inf


def test_argument_is_not_changed():
    x = A([1.0, 2.0])

    def rude(x):
        x *= 2
        return x

    assert numerical_derivative(rude, x).value == pytest.approx([2, 2])
    assert x.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("f", "options", "message"),
    [
        (np.exp, {"method": "forward"}, "method is one of"),
        (np.exp, {"step": 0.0}, "step is a positive number"),
        (np.exp, {"step": "a"}, "step is a positive number, not 'a'"),
        (np.exp, {"step": np.nan}, "step is a positive number, not nan"),
        (np.abs, {"method": "complex"}, "of complex numbers it returned float64"),
        (np.cbrt, {"method": "complex"}, "does not take complex numbers"),
        (lambda x: np.conj(x) ** 2, {"method": "complex"}, "real differences give another"),
    ],
)
def test_bad_calls(f, options, message):
    with pytest.raises(ValueError, match=message):
        numerical_derivative(f, A([1.0]), **options)


def test_what_is_not_finite_at_the_point_has_no_derivative():
    x = A([-1.0, 1.0])
    for method in ("richardson", "central"):
        with np.errstate(all="ignore"):
            found = numerical_derivative(lambda x: np.log(x), x, method=method)
        assert np.isnan(found.value[0]), method
        assert found.error[0] == np.inf
    with pytest.raises(TypeError, match="returned object"):
        numerical_derivative(lambda x: None, x)
    with np.errstate(all="ignore"):
        nowhere = taylor_test(lambda x: x * np.nan, (3,), vjp=lambda g, x: 100 * g)
    assert not nowhere


def test_complex_point_is_refused():
    with pytest.raises(TypeError, match="real numbers"):
        numerical_derivative(np.exp, A([1j]))


# --- Taylor --------------------------------------------------------------------------------------


def test_order_of_a_right_gradient():
    assert taylor_test(np.exp, (3, 4)).order == pytest.approx(2, abs=0.05)
    assert taylor_test(lambda x: x**3, A([0.0])).order == pytest.approx(3, abs=0.05)
    assert taylor_test(lambda x: 3 * x, (3,)).order == np.inf
    assert taylor_test(nn.Sequential(nn.Linear(3, 4), nn.Sigmoid()), (5, 3)).order > 1.9


@pytest.mark.parametrize("error", [1.0, 1e-2, 1e-4, 1e-5])
def test_order_of_a_wrong_gradient(error):
    result = taylor_test(np.exp, (20,), vjp=lambda g, x: g * np.exp(x) * (1 + error))
    assert not result
    assert result.order == pytest.approx(1, abs=0.1)


def test_order_when_one_element_of_twenty_is_off():
    def vjp(g, x):
        return g * np.exp(x) * np.where(np.arange(20) == 3, 1.05, 1)

    assert taylor_test(np.exp, (20,), vjp=vjp).order == pytest.approx(1, abs=0.1)


def test_nan_gradient_and_kinks_are_not_of_second_order():
    assert not taylor_test(np.exp, (3,), vjp=lambda g, x: g * np.nan)
    assert taylor_test(np.abs, A([0.0])).order == pytest.approx(1)


def test_taylor_prints_its_steps():
    text = str(taylor_test(np.exp, (3,)))
    assert text.startswith("Taylor remainder of order 2\n")
    assert len(text.splitlines()) == 17


def test_taylor_needs_a_result():
    with pytest.raises(ValueError, match="no floating-point array"):
        taylor_test(np.argmax, (3,))
