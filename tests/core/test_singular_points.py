"""Decided values at kinks, ties and poles, and known derivatives, as numbers."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.nn.functional import relu


def grad(function, *args):
    """Return the gradient of the sum of a function's results, one list for each argument."""
    positions = tuple(range(len(args)))
    values = [np.asarray(x, dtype=float) for x in args]
    found = mg.grad(lambda *xs: np.sum(function(*xs)), positions)(*values)
    found = [g.tolist() for g in found]
    return found if len(args) > 1 else found[0]


def second(function, x):
    """Return the matrix of second derivatives."""
    return mg.hessian(lambda x: np.sum(function(x)))(np.asarray(x, dtype=float)).tolist()


# --- Kinks and ties ------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.abs, np.absolute, np.fabs, np.sign])
def test_slope_of_the_absolute_value_at_0_is_0(function):
    assert grad(function, 0.0) == 0.0
    assert grad(function, -0.0) == 0.0
    assert second(function, [0.0, 1.0]) == [[0.0, 0.0], [0.0, 0.0]]


def test_slope_of_relu_at_0_is_0():
    assert grad(relu, [-1.0, 0.0, 2.0]) == [0.0, 0.0, 1.0]
    assert second(relu, [0.0, 1.0]) == [[0.0, 0.0], [0.0, 0.0]]


def test_maximum_and_minimum_share_equally_between_equal_operands():
    x, y = [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]
    assert grad(np.maximum, x, y) == [[0.5, 0.0, 1.0], [0.5, 1.0, 0.0]]
    assert grad(np.minimum, x, y) == [[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]


def test_maximum_with_a_constant_shares_as_well():
    assert grad(lambda x: np.maximum(x, 0), [-1.0, 0.0, 1.0]) == [0.0, 0.5, 1.0]
    assert grad(lambda x: np.minimum(0, x), [-1.0, 0.0, 1.0]) == [1.0, 0.5, 0.0]


def test_what_equal_operands_share_is_the_gradient_that_arrives():
    def weighted(function):
        return lambda x, y: function(x, y) * np.array([3.0, 5.0])

    assert grad(weighted(np.maximum), [1.0, 2.0], [1.0, 1.0]) == [[1.5, 5.0], [1.5, 0.0]]
    assert grad(weighted(np.minimum), [1.0, 2.0], [1.0, 1.0]) == [[1.5, 0.0], [1.5, 5.0]]


def test_maximum_of_one_tensor_twice_is_the_identity():
    assert grad(lambda x: np.maximum(x, x), [-1.0, 2.0]) == [1.0, 1.0]


@pytest.mark.parametrize("function", [np.max, np.amax, np.maximum.reduce])
def test_largest_elements_share_equally(function):
    assert grad(function, [1.0, 3.0, 3.0, 2.0]) == [0.0, 0.5, 0.5, 0.0]
    assert grad(function, [5.0, 5.0, 5.0, 5.0]) == [0.25] * 4
    assert second(function, [1.0, 3.0, 3.0]) == [[0.0] * 3] * 3


@pytest.mark.parametrize("function", [np.min, np.amin, np.minimum.reduce])
def test_smallest_elements_share_equally(function):
    assert grad(function, [1.0, 1.0, 2.0, 1.0, 1.0]) == [0.25, 0.25, 0.0, 0.25, 0.25]


def test_ties_are_shared_along_the_reduced_axes_only():
    x = [[1.0, 1.0], [1.0, 0.0]]
    assert grad(lambda x: np.max(x, axis=0), x) == [[0.5, 1.0], [0.5, 0.0]]
    assert grad(lambda x: np.max(x, axis=1), x) == [[0.5, 0.5], [1.0, 0.0]]
    assert grad(np.max, x) == pytest.approx(np.array([[1 / 3, 1 / 3], [1 / 3, 0.0]]))


def test_equal_elements_are_sorted_in_their_order():
    weights = np.array([1.0, 10.0, 100.0])
    assert grad(lambda x: np.sort(x) * weights, [2.0, 1.0, 1.0]) == [100.0, 1.0, 10.0]
    assert grad(lambda x: np.sort(x) * weights, [1.0, 1.0, 1.0]) == [1.0, 10.0, 100.0]


def test_many_equal_elements_are_sorted_in_their_order():
    x = np.arange(1000.0) % 3
    weights = np.arange(1000.0)
    expected = np.empty(1000)
    expected[np.argsort(x, kind="stable")] = weights
    assert grad(lambda x: np.sort(x) * weights, x) == expected.tolist()


def test_clip_passes_the_gradient_at_both_bounds():
    x = [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert grad(lambda x: np.clip(x, -1, 1), x) == [0.0, 1.0, 1.0, 1.0, 0.0]
    assert grad(lambda x: np.clip(x, None, 1), x) == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert grad(lambda x: np.clip(x, -1, None), x) == [0.0, 1.0, 1.0, 1.0, 1.0]


def test_bounds_of_clip_get_the_gradients_beyond_them():
    x = [-3.0, -1.0, 0.0, 1.0, 3.0, 4.0]
    assert grad(np.clip, x, -1.0, 1.0) == [[0.0, 1.0, 1.0, 1.0, 0.0, 0.0], 1.0, 2.0]


def test_upper_bound_of_clip_wins_over_a_lower_one_above_it():
    assert np.clip(np.array([0.0, 5.0]), 3.0, 1.0).tolist() == [1.0, 1.0]
    assert grad(np.clip, [0.0, 5.0], 3.0, 1.0) == [[0.0, 0.0], 0.0, 2.0]


def test_sign_of_a_copied_sign_is_taken_at_zeros():
    assert grad(np.copysign, [2.0, -2.0], [-0.0, 0.0]) == [[-1.0, -1.0], [0.0, 0.0]]
    assert grad(np.copysign, 0.0, 1.0) == [0.0, 0.0]


def test_where_is_blind_to_the_branch_not_taken():
    with np.errstate(divide="ignore", invalid="ignore"):
        assert grad(lambda x: np.where(x > 0, x, 7.0), [-1.0, 0.0, 2.0]) == [0.0, 0.0, 1.0]
        at_pole = grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0.0, 4.0])
    assert np.isnan(at_pole[0])  # 0 times the infinite slope of the root, as in PyTorch
    assert at_pole[1] == 0.25
    safe = grad(lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0), [0.0, 4.0])
    assert safe == [0.0, 0.25]


def test_not_a_number_is_replaced_without_a_gradient():
    assert grad(np.nan_to_num, [1.0, np.nan, np.inf]) == [1.0, 0.0, 0.0]


# --- Distances at 0 ------------------------------------------------------------------------------

DISTANCES = {
    "norm": np.linalg.norm,
    "norm with ord=2": lambda x: np.linalg.norm(x, ord=2),
    "norm over an axis": lambda x: np.linalg.norm(x, axis=0),
    "hypot": lambda x: np.hypot(x[0], x[1]),
    "arctan2": lambda x: np.arctan2(x[0], x[1]),
    "sum of absolute values": lambda x: np.linalg.norm(x, ord=1),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_derivatives_of_distances_at_0_are_0(name):
    assert grad(DISTANCES[name], [0.0, 0.0]) == [0.0, 0.0]
    assert second(DISTANCES[name], [0.0, 0.0]) == [[0.0, 0.0], [0.0, 0.0]]


def test_only_the_rows_at_0_are_special():
    x = [[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]]
    expected = [[0.6, 0.8], [0.0, 0.0], [0.0, -1.0]]
    for distance in (lambda x: np.linalg.norm(x, axis=1), lambda x: np.hypot(x[:, 0], x[:, 1])):
        np.testing.assert_allclose(grad(distance, x), expected, rtol=1e-15)


def test_hypot_on_an_axis():
    assert grad(np.hypot, [0.0, 2.0], [-2.0, 0.0]) == [[0.0, 1.0], [-1.0, 0.0]]


def test_standard_deviation_of_constants():
    assert grad(np.std, [2.0, 2.0, 2.0]) == [0.0, 0.0, 0.0]
    assert second(np.std, [2.0, 2.0]) == [[0.0, 0.0], [0.0, 0.0]]
    assert grad(np.var, [2.0, 2.0, 2.0]) == [0.0, 0.0, 0.0]
    assert grad(lambda x: np.std(x, axis=1), [[1.0, 1.0], [1.0, 3.0]]) == [[0.0, 0.0], [-0.5, 0.5]]


def test_variance_without_degrees_of_freedom_is_not_a_number():
    x = mg.tensor([1.0], requires_grad=True)
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        out = np.var(x, ddof=1)
    out.backward()
    assert np.isnan(out.data)
    assert np.isnan(x.grad).all()


# --- Powers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [np.power, np.float_power, lambda x, y: x**y])
def test_0_to_the_0_has_slopes_0(power):
    assert grad(power, 0.0, 0.0) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("exponent", "slopes"),
    [
        (0, [0.0, 0.0, 0.0]),
        (1, [1.0, 1.0, 1.0]),
        (2, [-4.0, 0.0, 6.0]),
        (3, [12.0, 0.0, 27.0]),
        (2.0, [-4.0, 0.0, 6.0]),
        (np.float64(2), [-4.0, 0.0, 6.0]),
        (np.array([1, 2, 0]), [1.0, 0.0, 0.0]),
        (True, [1.0, 1.0, 1.0]),
    ],
)
def test_powers_with_constant_exponents(exponent, slopes):
    assert grad(lambda x: x**exponent, [-2.0, 0.0, 3.0]) == slopes
    assert grad(lambda x: np.power(x, exponent), [-2.0, 0.0, 3.0]) == slopes


def test_negative_integer_exponents():
    assert grad(lambda x: x**-1, [2.0, -4.0]) == [-0.25, -0.0625]
    assert grad(lambda x: x**-2, [2.0, -1.0]) == [-0.25, 2.0]


def test_0_to_a_positive_power():
    assert grad(np.power, 0.0, 2.0) == [0.0, 0.0]
    assert grad(np.power, 0.0, 1.0) == [1.0, 0.0]


def test_second_derivatives_of_a_power_at_exponent_0():
    # d2/dx dy x**y = x**(y - 1) (1 + y log x), from either side.
    hessian = mg.hessian(lambda v: v[0] ** v[1])(np.array([2.0, 0.0]))
    log2 = math.log(2.0)
    np.testing.assert_allclose(hessian, [[0.0, 0.5], [0.5, log2**2]], rtol=1e-15)


def test_derivatives_of_every_order_of_0_to_the_0_are_0():
    third = mg.jacobian(mg.hessian(lambda v: v[0] ** v[1]))(np.zeros(2))
    assert third[0].tolist() == [[0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_])
def test_unsigned_exponent_0_has_slope_0(dtype):
    x = mg.tensor(np.array([100.0, 0.0, -2.0], np.float32), requires_grad=True)
    np.power(x, np.zeros(3, dtype)).sum().backward()
    np.testing.assert_array_equal(x.grad, np.zeros(3))


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_angles_to_small_integers_have_slopes_without_overflow(dtype):
    x = mg.tensor([2.0], dtype=np.float64, requires_grad=True)
    np.arctan2(x, np.array([100], dtype)).sum().backward()
    np.testing.assert_allclose(x.grad, [100 / 10004])
    x.zero_grad()
    np.arctan2(np.array([100], dtype), x).sum().backward()
    np.testing.assert_allclose(x.grad, [-100 / 10004])


def test_square_root_at_0_has_an_infinite_slope():
    with np.errstate(divide="ignore"):
        assert grad(np.sqrt, 0.0) == np.inf


# --- Products ------------------------------------------------------------------------------------


def test_product_without_zeros():
    assert grad(np.prod, [2.0, 3.0, 5.0]) == [15.0, 10.0, 6.0]
    assert second(np.prod, [2.0, 3.0, 5.0]) == [[0.0, 5.0, 3.0], [5.0, 0.0, 2.0], [3.0, 2.0, 0.0]]


def test_product_with_one_zero():
    assert grad(np.prod, [2.0, 0.0, 5.0]) == [0.0, 10.0, 0.0]
    assert second(np.prod, [2.0, 0.0, 5.0]) == [[0.0, 5.0, 0.0], [5.0, 0.0, 2.0], [0.0, 2.0, 0.0]]


def test_product_with_two_zeros():
    assert grad(np.prod, [0.0, 3.0, 0.0]) == [0.0, 0.0, 0.0]
    assert second(np.prod, [0.0, 3.0, 0.0]) == [[0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]


def test_product_with_three_zeros_and_third_derivative():
    assert second(np.prod, [0.0, 0.0, 0.0]) == [[0.0] * 3] * 3
    third = mg.jacobian(mg.hessian(np.prod))(np.zeros(3))
    expected = np.zeros((3, 3, 3))
    for i, j, k in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]:
        expected[i, j, k] = 1.0
    np.testing.assert_array_equal(third, expected)


def test_products_along_axes_have_their_own_zeros():
    x = [[2.0, 0.0], [3.0, 4.0], [0.0, 0.0]]
    expected = [[0.0, 2.0], [4.0, 3.0], [0.0, 0.0]]
    assert grad(lambda x: np.prod(x, axis=1), x) == expected
    assert grad(lambda x: np.prod(x, axis=-1, keepdims=True), x) == expected


# --- Logarithms and exponentials at their limits -------------------------------------------------


def test_logaddexp_of_large_values_stays_finite():
    assert grad(np.logaddexp, 1000.0, 1000.0) == pytest.approx([0.5, 0.5], rel=1e-13)
    assert grad(np.logaddexp, 1000.0, -1000.0) == [1.0, 0.0]
    assert grad(np.logaddexp, -np.inf, 0.0) == [0.0, 1.0]
    assert grad(np.logaddexp2, 3.0, 3.0) == [0.5, 0.5]


def test_tanh_saturates():
    assert grad(np.tanh, [-1000.0, 0.0, 1000.0]) == [0.0, 1.0, 0.0]


def test_remainder_steps_without_a_slope_of_the_step():
    assert grad(np.remainder, [7.0, -7.0], [3.0, 3.0]) == [[1.0, 1.0], [-2.0, 3.0]]


# --- Known derivatives ---------------------------------------------------------------------------

E = math.e
KNOWN = [
    # function, point, first and second derivative
    ("exp", np.exp, 1.0, E, E),
    ("exp2", np.exp2, 3.0, 8 * math.log(2), 8 * math.log(2) ** 2),
    ("expm1", np.expm1, 0.0, 1.0, 1.0),
    ("log", np.log, 2.0, 0.5, -0.25),
    ("log2", np.log2, 1.0, 1 / math.log(2), -1 / math.log(2)),
    ("log10", np.log10, 10.0, 0.1 / math.log(10), -0.01 / math.log(10)),
    ("log1p", np.log1p, 1.0, 0.5, -0.25),
    ("sqrt", np.sqrt, 4.0, 0.25, -1 / 32),
    ("cbrt", np.cbrt, 8.0, 1 / 12, -1 / 144),
    ("square", np.square, 3.0, 6.0, 2.0),
    ("reciprocal", np.reciprocal, 2.0, -0.25, 0.25),
    ("sin", np.sin, math.pi / 6, math.sqrt(3) / 2, -0.5),
    ("cos", np.cos, math.pi / 6, -0.5, -math.sqrt(3) / 2),
    ("tan", np.tan, math.pi / 4, 2.0, 4.0),
    ("arcsin", np.arcsin, 0.5, 2 / math.sqrt(3), 4 / (3 * math.sqrt(3))),
    ("arccos", np.arccos, 0.5, -2 / math.sqrt(3), -4 / (3 * math.sqrt(3))),
    ("arctan", np.arctan, 1.0, 0.5, -0.5),
    ("sinh", np.sinh, 0.0, 1.0, 0.0),
    ("cosh", np.cosh, 0.0, 0.0, 1.0),
    ("tanh", np.tanh, math.log(2) / 2, 8 / 9, -16 / 27),
    ("arcsinh", np.arcsinh, 0.75, 0.8, -0.384),
    ("arccosh", np.arccosh, 1.25, 4 / 3, -80 / 27),
    ("arctanh", np.arctanh, 0.5, 4 / 3, 16 / 9),
    ("deg2rad", np.deg2rad, 90.0, math.pi / 180, 0.0),
    ("rad2deg", np.rad2deg, 1.0, 180 / math.pi, 0.0),
    ("x**3", lambda x: x**3, 2.0, 12.0, 12.0),
    ("2**x", lambda x: 2**x, 0.0, math.log(2), math.log(2) ** 2),
    ("x**x", lambda x: x**x, 1.0, 1.0, 2.0),
    ("1/x", lambda x: 1 / x, 2.0, -0.25, 0.25),
    ("x/(1 + x)", lambda x: x / (1 + x), 1.0, 0.25, -0.25),
    ("x exp(-x)", lambda x: x * np.exp(-x), 0.0, 1.0, -2.0),
    ("log(1 + exp(x))", lambda x: np.logaddexp(x, 0.0), 0.0, 0.5, 0.25),
    ("1/(1 + exp(-x))", lambda x: 1 / (1 + np.exp(-x)), 0.0, 0.25, 0.0),
    ("sin(x)/x", lambda x: np.sin(x) / x, math.pi, -1 / math.pi, 2 / math.pi**2),
    ("hypot(x, 4)", lambda x: np.hypot(x, 4.0), 3.0, 0.6, 0.128),
    ("arctan2(x, 1)", lambda x: np.arctan2(x, 1.0), 1.0, 0.5, -0.5),
]


@pytest.mark.parametrize(
    ("function", "x", "first", "derivative"),
    [case[1:] for case in KNOWN],
    ids=[case[0] for case in KNOWN],
)
def test_known_derivative(function, x, first, derivative):
    slope = mg.grad(function)
    assert slope(x) == pytest.approx(first, rel=1e-14, abs=1e-15)
    assert mg.grad(slope)(x) == pytest.approx(derivative, rel=1e-13, abs=1e-15)


def test_known_gradients_of_matrices():
    w = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = np.array([5.0, 6.0])
    by_matrix, by_vector = mg.grad(lambda w, x: np.sum(w @ x), (0, 1))(w, x)
    assert by_matrix.tolist() == [[5.0, 6.0], [5.0, 6.0]]
    assert by_vector.tolist() == [4.0, 6.0]
    assert mg.grad(lambda w: np.trace(w @ w))(w).tolist() == [[2.0, 6.0], [4.0, 8.0]]
    assert mg.grad(lambda w: np.einsum("ij,j,i", w, x, x))(w).tolist() == [[25, 30], [30, 36]]
    assert mg.hessian(lambda x: x @ w @ x)(x).tolist() == [[2.0, 5.0], [5.0, 8.0]]


def test_known_gradients_of_statistics():
    x = [1.0, 2.0, 6.0]
    assert grad(np.mean, x) == pytest.approx([1 / 3] * 3)
    assert grad(np.var, x) == pytest.approx([-4 / 3, -2 / 3, 2.0])
    assert grad(lambda x: np.var(x, ddof=1), x) == pytest.approx([-2.0, -1.0, 3.0])
    assert grad(np.std, [1.0, 3.0]) == [-0.5, 0.5]
    assert grad(lambda x: np.cumsum(x) * np.array([1.0, 10.0, 100.0]), x) == [111.0, 110.0, 100.0]
    assert grad(np.linalg.norm, [3.0, 4.0]) == pytest.approx([0.6, 0.8])
