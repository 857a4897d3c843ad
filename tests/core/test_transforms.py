"""grad and its relatives: nested, of nested arguments, without a trace in what they were given."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.errors import ArgumentError, DtypeError, ShapeError

X = np.array([1.0, 2.0, 3.0])
A = np.array([[2.0, 1.0, 0.0], [0.5, 3.0, 1.0], [0.0, -1.0, 4.0]])


def same(found, expected):
    """Compare structures, types, dtypes and values."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            same(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


# --- grad and value_and_grad ---------------------------------------------------------------------


def test_gradient_has_shape_and_dtype_of_the_argument():
    for dtype in (np.float32, np.float64, np.float16):
        x = X.astype(dtype)
        same(mg.grad(lambda x: np.sum(x**2))(x), 2 * x)
        value, gradient = mg.value_and_grad(lambda x: np.sum(x**2))(x)
        same(value, np.array(14, dtype))
        same(gradient, 2 * x)


def test_python_numbers_are_float64():
    same(mg.grad(lambda x: x * x)(3.0), np.array(6.0))
    same(mg.grad(lambda x: x * x)(3), np.array(6.0))
    same(mg.grad(lambda x: np.sin(x))(np.float32(0.0)), np.array(1.0, np.float32))


def test_argnums():
    def function(x, y, z):
        return np.sum(x * y) + z

    args = (X, 2 * X, 1.5)
    same(mg.grad(function)(*args), 2 * X)
    same(mg.grad(function, 1)(*args), X)
    same(mg.grad(function, -1)(*args), np.array(1.0))
    same(mg.grad(function, (1, 0))(*args), (X, 2 * X))
    same(mg.grad(function, [0])(*args), (2 * X,))
    same(mg.grad(function, (-1, -2))(*args), (np.array(1.0), X))
    same(mg.grad(function, ())(*args), ())


@pytest.mark.parametrize("argnums", [1, -2, (0, 5), 3])
def test_argnums_out_of_range(argnums):
    for transform in (mg.grad, mg.value_and_grad):
        with pytest.raises(ArgumentError, match=r"argument -?[1235].* 1 by position"):
            transform(lambda x: np.sum(x), argnums)(X)


def test_keyword_arguments_are_passed_on():
    def function(x, *, power=1, flag):
        assert flag == "on"
        return np.sum(x**power)

    same(mg.grad(function)(X, power=2, flag="on"), 2 * X)
    value, gradient = mg.value_and_grad(function)(X, power=3, flag="on")
    same(value, np.array(36.0))
    same(gradient, 3 * X**2)
    same(mg.jacobian(lambda x, by=1.0: x * by)(X, by=2.0), 2 * np.eye(3))
    same(mg.hessian(lambda x, by=1.0: np.sum(x**2) * by)(X, by=3.0), 6 * np.eye(3))


class Parameters(NamedTuple):
    w: np.ndarray
    b: list


def test_nested_arguments():
    parameters = {
        "layers": [{"w": A, "b": X}, (X.astype(np.float32),)],
        "tuple": Parameters(X, [np.array(2.0), 3.0]),
        "empty": [],
    }

    def function(p, scale):
        first, second = p["layers"]
        named = p["tuple"]
        assert isinstance(named, Parameters)
        out = np.sum(first["w"] @ first["b"]) + np.sum(second[0] ** 2) * scale
        return out + np.sum(named.w) * named.b[0] + named.b[1] ** 2

    same(
        mg.grad(function)(parameters, 2.0),
        {
            "layers": [
                {"w": np.tile(X, (3, 1)), "b": A.sum(axis=0)},
                ((4 * X).astype(np.float32),),
            ],
            "tuple": Parameters(np.full(3, 2.0), [np.array(6.0), np.array(6.0)]),
            "empty": [],
        },
    )


def test_functions_that_ignore_their_argument():
    for function in (lambda x: 5.0, lambda x: 5, lambda x: np.array(5.0), lambda x: np.sum(X)):
        same(mg.grad(function)(X.astype(np.float32)), np.zeros(3, np.float32))
    same(mg.grad(lambda x, y: np.sum(x), (0, 1))(X, X), (np.ones(3), np.zeros(3)))
    same(mg.grad(mg.grad(lambda x: 3.0 * x))(2.0), np.array(0.0))
    same(mg.grad(lambda x: float(np.argmax(x)))(X), np.zeros(3))


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: x, ShapeError, r"returned shape \(3,\).*\.sum\(\).*jacobian"),
        (lambda x: (x, x), DtypeError, "returned tuple; use vjp"),
        (lambda x: None, DtypeError, "returned NoneType"),
        (lambda x: "a", DtypeError, "returned str"),
        (lambda x: x[:0], ShapeError, r"shape \(0,\)"),
    ],
)
def test_functions_that_return_no_number(function, error, message):
    with pytest.raises(error, match=message):
        mg.grad(function)(X)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (np.arange(3), "floating-point values only, not int64"),
        ("a", "not str 'a'"),
        ([1.0, None], "not NoneType None"),
        (np.array([1j]), "complex128"),
        (np.array([True]), "bool"),
    ],
)
def test_arguments_that_have_no_gradient(argument, message):
    with pytest.raises(DtypeError, match=message):
        mg.grad(lambda x: 1.0)(argument)


def test_one_number_may_have_axes():
    same(mg.grad(lambda x: (x**2).reshape(1, 1))(np.array([3.0])), np.array([6.0]))


def test_decorated_functions_keep_their_names():
    def loss(x):
        """Say so."""
        return np.sum(x)

    for transform in (mg.grad, mg.value_and_grad, mg.jacobian, mg.hessian):
        assert (transform(loss).__name__, transform(loss).__doc__) == ("loss", "Say so.")


# --- Nested --------------------------------------------------------------------------------------


def test_derivatives_of_any_order():
    f = np.sin
    for k in range(6):
        assert f(0.5) == pytest.approx(np.sin(0.5 + k * np.pi / 2), abs=1e-14)
        f = mg.grad(f)


def test_perturbations_are_not_confused():
    # d/dx [x d/dy (x + y)] = 1, and not 2.
    assert mg.grad(lambda x: x * mg.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert mg.grad(lambda x: x * mg.grad(lambda y: x * y)(1.0))(3.0) == 6.0
    assert mg.grad(lambda x: mg.grad(lambda y: x * y**2)(x))(3.0) == 12.0
    assert mg.grad(lambda x: mg.grad(lambda x: x**3)(2.0) * x)(5.0) == 12.0
    # The same variable as argument and in the closure: d/dx [f_y(x, y)] at y = x.
    assert mg.grad(lambda x: mg.grad(lambda y: x**2 * y**3)(x))(2.0) == 12 * 2.0**3


def test_closures_over_outer_variables():
    def outer(x):
        inner = mg.grad(lambda y: np.sum(np.sin(x * y)))
        return np.sum(inner(x) ** 2)

    def by_hand(x):  # the inner gradient is x cos(x**2)
        return np.sum((x * np.cos(x * x)) ** 2)

    np.testing.assert_allclose(mg.grad(outer)(X), mg.grad(by_hand)(X), rtol=1e-12)


def test_transformations_of_every_kind_nest():
    def f(x):
        return np.sum(np.sin(x) * x**2)

    def slope(x):
        return np.cos(x) * x**2 + 2 * x * np.sin(x)

    def second(x):
        return -np.sin(x) * x**2 + 4 * x * np.cos(x) + 2 * np.sin(x)

    v = np.array([1.0, -1.0, 0.5])
    np.testing.assert_allclose(mg.hessian(f)(X), np.diag(second(X)), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(mg.jacobian(mg.grad(f))(X), np.diag(second(X)), atol=1e-13)
    np.testing.assert_allclose(mg.hvp(f, (X,), (v,)), second(X) * v, rtol=1e-12)
    np.testing.assert_allclose(mg.jvp(mg.grad(f), (X,), (v,))[1], second(X) * v, rtol=1e-12)
    np.testing.assert_allclose(mg.vjp(mg.grad(f), X)[1](v)[0], second(X) * v, rtol=1e-12)
    along = mg.grad(lambda x: mg.jvp(f, (x,), (v,))[1])(X)
    np.testing.assert_allclose(along, second(X) * v, rtol=1e-12)
    pulled = mg.grad(lambda x: np.sum(mg.vjp(np.sin, x)[1](v)[0]))(X)
    np.testing.assert_allclose(pulled, -np.sin(X) * v, rtol=1e-12)
    value, gradient = mg.value_and_grad(lambda x: mg.value_and_grad(f)(x)[0])(X)
    np.testing.assert_allclose((value, *gradient), (f(X), *slope(X)), rtol=1e-12)


def test_training_step_inside_a_gradient():
    # The learning rate's gradient through three steps of gradient descent on (w - 1)**2.
    def after_training(rate):
        w = 3.0
        for _ in range(3):
            w = w - rate * mg.grad(lambda w: (w - 1.0) ** 2)(w)
        return (w - 1.0) ** 2

    rate = 0.1  # the loss is (2 (1 - 2 rate)**3)**2
    assert mg.grad(after_training)(rate) == pytest.approx(-48 * (1 - 2 * rate) ** 5)


def test_tensors_in_the_closure_are_constants():
    w = mg.tensor(np.array(2.0), requires_grad=True)
    same(mg.grad(lambda x: x**3 * w)(1.5), np.array(3 * 1.5**2 * 2))
    assert w.grad is None


def test_tensors_as_arguments_stay_connected():
    x = mg.tensor(X, requires_grad=True)
    gradient = mg.grad(lambda x: np.sum(x**3))(x)
    gradient.sum().backward()
    np.testing.assert_allclose(x.grad, 6 * X)
    constant = mg.grad(lambda x: np.sum(x**3))(x.detach())
    assert type(constant) is np.ndarray


def test_no_grad_does_not_stop_transformations():
    with mg.no_grad():
        same(mg.grad(lambda x: np.sum(x**2))(X), 2 * X)
        assert not mg.is_grad_enabled()

    def half_constant(x):
        with mg.no_grad():
            scale = np.sum(x)
        return np.sum(x) * scale

    same(mg.grad(half_constant)(X), np.full(3, 6.0))


# --- vjp and jvp ---------------------------------------------------------------------------------


def two_results(x, y):
    return {"a": np.tanh(A @ x) * y, "b": [np.sum(x * y), x[:2]]}


@given(seed=st.integers(0, 1000))
def test_vjp_and_jvp_are_adjoint(seed):
    rng = np.random.default_rng(seed)
    primals = (rng.normal(size=3), rng.normal(size=3))
    tangents = (rng.normal(size=3), rng.normal(size=3))
    cotangents = {"a": rng.normal(size=3), "b": [rng.normal(), rng.normal(size=2)]}
    value, pull_back = mg.vjp(two_results, *primals)
    again, pushed = mg.jvp(two_results, primals, tangents)
    same(again, value)
    pulled = pull_back(cotangents)
    left = np.sum(cotangents["a"] * pushed["a"]) + cotangents["b"][0] * pushed["b"][0]
    left += np.sum(cotangents["b"][1] * pushed["b"][1])
    right = sum(np.sum(g * t) for g, t in zip(pulled, tangents, strict=True))
    assert left == pytest.approx(right, rel=1e-12, abs=1e-12)


def test_jvp_is_the_slope_in_a_direction():
    v = np.array([1.0, 0.0, -1.0])
    value, tangent = mg.jvp(lambda x: np.tanh(A @ x), (X,), (v,))
    np.testing.assert_allclose(value, np.tanh(A @ X))
    np.testing.assert_allclose(tangent, (1 - np.tanh(A @ X) ** 2) * (A @ v), rtol=1e-12)


def test_jvp_calls_the_function_once():
    calls = []

    def function(x):
        calls.append(1)
        return x * len(calls)

    same(mg.jvp(function, (X,), (X,)), (X, X))
    assert len(calls) == 1


def test_jvp_of_functions_that_ignore_arguments():
    same(mg.jvp(lambda x, y: 2.0 * y, (X, X), (X, np.zeros(3))), (2.0 * X, np.zeros(3)))
    value, tangent = mg.jvp(lambda x: np.ones(2), (X,), (X,))
    same((value, tangent), (np.ones(2), np.zeros(2)))


def test_pull_back_can_be_called_again():
    _, pull_back = mg.vjp(lambda x: np.exp(x), X)
    for scale in (1.0, 2.0):
        same(pull_back(np.full(3, scale)), (scale * np.exp(X),))


def test_pull_back_does_not_depend_on_what_happens_later():
    x = X.copy()
    value, pull_back = mg.vjp(lambda x: x * np.exp(x), x)
    expected = (1 + x) * np.exp(x)
    x[:] = 0.0
    value[:] = 0.0
    same(pull_back(np.ones(3)), (expected,))


def test_cotangents_may_be_lists_and_numbers():
    _, pull_back = mg.vjp(lambda x: x.astype(np.float64) * 2.0, X.astype(np.float32))
    for cotangent in ([1, 2, 3], X, X.astype(np.float32), mg.tensor(X)):
        same(pull_back(cotangent), ((2 * X).astype(np.float32),))


def test_structures_and_shapes_of_vectors_are_checked():
    _, pull_back = mg.vjp(two_results, X, X)
    good = {"a": X, "b": [1.0, X[:2]]}
    pull_back(good)
    for wrong, message in [
        ([X, 1.0], "a dict with keys 'a', 'b' .* not a list of 2"),
        ({"a": X}, "not a dict with keys 'a'"),
        (good | {"b": [1.0]}, "a list of 2 .* not a list of 1"),
        (good | {"b": [1.0, X[:2], X]}, "not a list of 3"),
        (good | {"a": X[:2]}, r"\(3,\).*not \(2,\)"),
    ]:
        with pytest.raises(ShapeError, match=message):
            pull_back(wrong)
    for transform in (mg.jvp, mg.hvp):
        for tangents in ((), (X, X), (X[:2],), ([X],)):
            with pytest.raises(ShapeError):
                transform(lambda x: np.sum(x**2), (X,), tangents)


# --- Whole matrices ------------------------------------------------------------------------------


def test_jacobian_of_a_linear_map_is_its_matrix():
    same(mg.jacobian(lambda x: A @ x)(X), A)
    same(mg.jacobian(lambda x: A @ x)(X.astype(np.float32)), A.astype(np.float32))


def test_shape_of_a_jacobian_is_that_of_value_and_argument():
    x = np.arange(6.0).reshape(2, 3)
    jacobian = mg.jacobian(lambda x: np.stack([x.T, x.T]))(x)
    assert jacobian.shape == (2, 3, 2, 2, 3)
    for i, j in np.ndindex(2, 3):
        expected = np.zeros((2, 3, 2))
        expected[:, j, i] = 1.0
        np.testing.assert_array_equal(jacobian[..., i, j], expected)
    assert mg.jacobian(np.sum)(x).tolist() == np.ones((2, 3)).tolist()
    assert mg.jacobian(lambda x: x**2)(3.0) == 6.0


def test_jacobian_with_respect_to_other_arguments():
    def function(w, x):
        return w @ x

    same(mg.jacobian(function, 1)(A, X), A)
    same(mg.jacobian(function, -1)(A, X), A)
    assert mg.jacobian(function)(A, X).shape == (3, 3, 3)


def test_empty_jacobians():
    same(mg.jacobian(lambda x: x[:0])(X), np.zeros((0, 3)))
    same(mg.jacobian(lambda x: x[:0])(X.astype(np.float32)), np.zeros((0, 3), np.float32))
    same(mg.jacobian(lambda x: x * 2.0)(X[:0]), np.zeros((0, 0)))
    same(mg.jacobian(lambda x: np.zeros(2))(X), np.zeros((2, 3)))
    with pytest.raises(DtypeError, match="one array, not a tuple of 2; use vjp"):
        mg.jacobian(lambda x: (x, x))(X)


def test_hessian_of_a_quadratic_form():
    same(mg.hessian(lambda x: 0.5 * x @ A @ x)(X), (A + A.T) / 2)
    same(mg.hessian(lambda x, y: np.sum(x) * np.sum(y**2), 1)(X, X), 12 * np.eye(3))


def test_hessian_of_the_rosenbrock_valley():
    def valley(v):
        return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2

    x, y = -1.2, 1.0
    expected = [[2 - 400 * (y - 3 * x**2), -400 * x], [-400 * x, 200.0]]
    np.testing.assert_allclose(mg.hessian(valley)(np.array([x, y])), expected, rtol=1e-12)


def test_hessian_of_logsumexp():
    def logsumexp(x):
        return np.log(np.sum(np.exp(x)))

    p = np.exp(X) / np.exp(X).sum()
    np.testing.assert_allclose(mg.hessian(logsumexp)(X), np.diag(p) - np.outer(p, p), atol=1e-14)


def test_hvp_of_several_and_nested_arguments():
    def function(p, y):
        return np.sum(p["x"] ** 2 * y)

    p, y = {"x": X}, 2 * X
    v, w = {"x": np.ones(3)}, np.array([1.0, 0.0, 0.0])
    by_p, by_y = mg.hvp(function, (p, y), (v, w))
    same(by_p, {"x": 2 * y + 2 * X * w})
    same(by_y, 2 * X)
    narrow = mg.hvp(lambda x: np.sum(x**3), (X.astype(np.float32),), (X,))
    same(narrow, (6 * X * X).astype(np.float32))
    same(mg.hvp(lambda x: np.sum(x), (X,), (X,)), np.zeros(3))


# --- Nothing leaks -------------------------------------------------------------------------------

TRANSFORMATIONS = {
    "grad": lambda x: mg.grad(lambda x: np.sum(x))(x),
    "value_and_grad": lambda x: mg.value_and_grad(lambda x: x[0])(x),
    "vjp": lambda x: mg.vjp(lambda x: x, x)[0],
    "vjp of a view": lambda x: mg.vjp(lambda x: x[::-1], x)[0],
    "pull_back": lambda x: mg.vjp(lambda x, y: x + y, x, x)[1](x),
    "jvp": lambda x: mg.jvp(lambda x: x, (x,), (x,)),
    "jacobian": lambda x: mg.jacobian(lambda x: x)(x),
    "hvp": lambda x: mg.hvp(lambda x: np.sum(x * x) / 2, (x,), (x,)),
    "both arguments": lambda x: mg.grad(lambda x, y: np.sum(x + y), (0, 1))(x, x),
}


def arrays_of(result):
    return (
        [a for item in result for a in arrays_of(item)] if isinstance(result, tuple) else [result]
    )


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_results_share_no_memory(name):
    x = X.copy()
    found = [*arrays_of(TRANSFORMATIONS[name](x)), x]
    for i, a in enumerate(found):
        for b in found[:i]:
            assert not np.shares_memory(a, b)
        assert type(a) is np.ndarray
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda a: a[::-1, ::-1], lambda a: a.T])
def test_any_layout_and_read_only_arguments(layout):
    x = layout(A.copy())
    x.flags.writeable = False
    same(mg.grad(lambda x: np.sum(A @ x * x))(x), A @ x + A.T @ x)
    same(mg.grad(np.sum)(x), np.ones((3, 3)))


def test_exceptions_leave_no_trace():
    def failing(x):
        assert mg.is_grad_enabled()
        raise RuntimeError("planted")

    with mg.no_grad():
        with pytest.raises(RuntimeError, match="planted"):
            mg.grad(failing)(X)
        assert not mg.is_grad_enabled()
    assert type(mg.grad(np.sum)(X)) is np.ndarray  # and not a tensor, as inside of failing


def test_functions_may_use_everything_of_numpy():
    def function(p, x):
        hidden = np.tanh(np.einsum("ij,nj->ni", p["w"], x) + p["b"])
        scores = np.concatenate([hidden, hidden[:, :1]], axis=1)
        shifted = scores - scores.max(axis=1, keepdims=True)
        return -np.mean(shifted[:, 0] - np.log(np.exp(shifted).sum(axis=1)))

    rng = np.random.default_rng(0)
    p, x = {"w": rng.normal(size=(2, 3)), "b": rng.normal(size=2)}, rng.normal(size=(5, 3))
    v = {"w": rng.normal(size=(2, 3)), "b": rng.normal(size=2)}
    gradient = mg.grad(function)(p, x)
    h = 1e-5
    ahead, behind = ({k: p[k] + s * h * v[k] for k in p} for s in (1, -1))
    slope = (function(ahead, x) - function(behind, x)) / (2 * h)
    assert sum(np.sum(gradient[k] * v[k]) for k in p) == pytest.approx(slope, rel=1e-8)
