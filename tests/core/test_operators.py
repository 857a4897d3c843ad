"""Operators of one's own: primitive and defvjp, and arrays of another kind than NumPy's."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.dispatch import handlers
from minigrad.errors import ArgumentError, NoGradientRuleError, RuleError


def leaf(values, **options):
    return mg.tensor(np.array(values, dtype=float), requires_grad=True, **options)


# --- Primitives ----------------------------------------------------------------------------------


def make_scaled():
    @mg.primitive
    def scaled(x, y, power=1):
        """Multiply x by a power of y."""
        return x * y**power

    mg.defvjp(
        scaled,
        lambda g, _out, _x, y, power=1: g * y**power,
        lambda g, _out, x, y, power=1: g * x * power * y ** (power - 1),
    )
    return scaled


def test_arrays_give_arrays():
    scaled = make_scaled()
    result = scaled(np.array([1.0, 2.0]), 3.0, power=2)
    assert type(result) is np.ndarray
    assert result.tolist() == [9.0, 18.0]
    assert scaled(2, 3) == 6
    assert type(scaled(2, 3)) is int


def test_tensors_give_tensors():
    scaled = make_scaled()
    result = scaled(mg.tensor([1.0, 2.0]), 3.0)
    assert isinstance(result, mg.Tensor)
    assert not result.requires_grad
    result = scaled(leaf([1.0, 2.0]), 3.0)
    assert result.requires_grad
    assert "op=scaled" in repr(result)


def test_primitives_look_like_their_function():
    scaled = make_scaled()
    assert scaled.__name__ == "scaled"
    assert scaled.__doc__ == "Multiply x by a power of y."
    assert repr(scaled) == "<primitive scaled>"


@pytest.mark.parametrize("by_name", [True, False])
def test_gradients_with_options(by_name):
    scaled = make_scaled()
    x, y = leaf([1.0, 2.0]), leaf(3.0)
    out = scaled(x, y, power=2) if by_name else scaled(x, y, 2)
    out.sum().backward()
    assert x.grad.tolist() == [9.0, 9.0]
    assert y.grad == 18.0


def test_primitives_are_copied_and_pickled_by_name():
    relu = mg.nn.functional.relu
    assert copy.deepcopy(relu) is copy.copy(relu) is pickle.loads(pickle.dumps(relu)) is relu

    class Doubling:
        def __call__(self, x):
            return 2 * x

    doubling = mg.primitive(Doubling())
    assert copy.deepcopy(doubling) is doubling


def test_primitives_are_no_methods():
    class Layer:
        activation = mg.nn.functional.relu

    assert Layer().activation(np.array([-1.0, 2.0])).tolist() == [0.0, 2.0]
    assert "__get__" in vars(type(Layer.activation))  # before Python 3.14 partials had none


def test_second_order_through_an_operator():
    scaled = make_scaled()

    def function(v):
        return scaled(v[0], v[1], power=3)  # x y**3

    x, y = 2.0, 3.0
    np.testing.assert_allclose(
        mg.hessian(function)(np.array([x, y])), [[0.0, 3 * y**2], [3 * y**2, 6 * x * y]]
    )
    np.testing.assert_allclose(mg.jacobian(mg.hessian(function))(np.array([x, y]))[1, 1], [18, 12])


def test_tensors_as_options_are_refused():
    scaled = make_scaled()
    with pytest.raises(ArgumentError, match="scaled takes tensors by position, and power= was"):
        scaled(leaf(1.0), 2.0, power=leaf(3.0))
    with pytest.raises(RuleError, match="no gradient for argument 2"):
        scaled(leaf(1.0), 2.0, leaf(3.0))


def test_operators_inside_operators():
    scaled = make_scaled()

    @mg.primitive
    def twice_scaled(x):
        return scaled(scaled(x, 2.0), 2.0)  # plain arrays all the way

    mg.defvjp(twice_scaled, lambda g, _out, _x: g * 4.0)
    assert mg.grad(twice_scaled)(3.0) == 4.0
    assert mg.grad(lambda x: scaled(scaled(x, 2.0), x))(3.0) == 12.0


def test_one_tensor_as_several_arguments():
    scaled = make_scaled()
    x = leaf([2.0, 3.0])
    scaled(x, x, power=2).sum().backward()
    assert x.grad.tolist() == [12.0, 27.0]


def test_any_number_of_arguments():
    @mg.primitive
    def weighted_sum(*xs, weights):
        return sum(w * x for w, x in zip(weights, xs, strict=True))

    mg.defvjp(weighted_sum, each=lambda i, g, _out, *_xs, weights: g * weights[i])
    xs = [leaf([float(i)] * 2) for i in range(5)]
    out = weighted_sum(*xs, weights=[1.0, 2.0, 3.0, 4.0, 5.0])
    assert out.tolist() == [40.0, 40.0]
    out.sum().backward()
    assert [x.grad.tolist() for x in xs] == [[float(w)] * 2 for w in range(1, 6)]
    weighted_sum(np.ones(2), xs[0], weights=[1.0, 7.0]).sum().backward()
    assert xs[0].grad.tolist() == [8.0, 8.0]
    assert mg.grad(lambda x: weighted_sum(x, 1.0, x, weights=(1.0, 2.0, 3.0)))(1.0) == 4.0


def test_rules_for_the_first_arguments_and_for_the_others():
    @mg.primitive
    def first_times_sum(x, *ys):
        return x * sum(ys)

    mg.defvjp(
        first_times_sum,
        lambda g, _out, _x, *ys: g * sum(ys),
        each=lambda i, g, _out, x, *_ys: g * x,
    )
    gradient = mg.grad(first_times_sum, (0, 1, 2))(2.0, 3.0, 5.0)
    assert [float(g) for g in gradient] == [8.0, 2.0, 2.0]


def test_stand_ins_know_everything_but_the_values():
    seen = []

    @mg.primitive
    def fill(x, y):
        return np.full((2, 3), x.sum() + y.sum())

    def rule(g, _out, _x, _y):
        seen.extend([_out, _x, _y])
        return np.broadcast_to(g.sum(), _x.shape)

    mg.defvjp(fill, rule, rule)
    x, y = leaf([[1.0, 2.0]]), np.ones((4, 1, 2), np.float32)
    fill(x * 1.0, y).sum().backward()
    assert x.grad.tolist() == [[6.0, 6.0]]
    described = [(v.shape, v.dtype, v.ndim, v.size) for v in seen]
    assert described == [
        ((2, 3), np.float64, 2, 6),
        ((1, 2), np.float64, 2, 2),
        ((4, 1, 2), np.float32, 3, 8),
    ]
    for use in (lambda v: v + 1.0, lambda v: x.data * v, np.sum, np.tanh, lambda v: v[0]):
        with pytest.raises(RuleError, match=r"shape \(1, 2\) that was not kept, .*rename _x to x"):
            use(seen[1])
    fill(x, mg.tensor([1.0])).sum().backward()
    assert [type(v).__name__ for v in seen[-2:]] == ["Leaf", "Leaf"]


def test_needed_values_are_kept_and_others_are_not():
    @mg.primitive
    def product(x, y, z):
        return x * y * z

    mg.defvjp(
        product,
        lambda g, _out, _x, y, z: g * y * z,
        lambda g, out, _x, y, _z: g * out / y,
        lambda g, _out, x, y, _z: g * x * y,
    )
    kept = {}
    for live in range(1, 8):
        values = [leaf(float(i + 2)) if live >> i & 1 else float(i + 2) for i in range(3)]
        node = product(*values)._node
        numbers = [np.ndim(a) == 0 and not hasattr(a, "version") for a in node.args]
        kept[live] = (node.out is not None, *numbers)
        (product(*values) + 0.0).backward()
        expected = [12.0, 8.0, 6.0]
        for i, value in enumerate(values):
            if live >> i & 1:
                assert value.grad == expected[i]
    assert kept == {
        1: (False, False, True, True),
        2: (True, True, True, True),  # Python's numbers cost nothing
        3: (True, False, True, True),
        4: (False, True, True, False),
        5: (False, True, True, True),
        6: (True, True, True, False),
        7: (True, True, True, True),
    }


def test_rules_written_as_ufuncs_and_variadic_functions():
    @mg.primitive
    def triple(x):
        return 3.0 * x

    mg.defvjp(triple, lambda *everything: everything[0] * 3.0)
    assert mg.grad(triple)(2.0) == 3.0

    @mg.primitive
    def halve(x, y):
        return x * y

    mg.defvjp(halve, lambda g, *rest: g * rest[2], lambda g, out, *args: g * args[0])
    assert [float(g) for g in mg.grad(halve, (0, 1))(2.0, 5.0)] == [5.0, 2.0]


# --- Definitions ---------------------------------------------------------------------------------


def test_rules_can_be_redefined():
    @mg.primitive
    def operator(x):
        return x * 1.0

    mg.defvjp(operator, lambda g, _out, _x: g * 2.0)
    x = leaf(1.0)
    old = operator(x)
    mg.defvjp(operator, lambda g, out, x: g * 3.0 * x * out)
    new = operator(x)
    new.backward()
    assert x.grad == 3.0
    x.zero_grad()
    old.backward()  # what was recorded goes by the rule of that time
    assert x.grad == 2.0


def test_numpys_functions_can_be_given_rules():
    x = leaf([0.25, 0.5])
    with pytest.raises(NoGradientRuleError, match=r"numpy\.sinc .*minigrad\.defvjp"):
        np.sinc(x)
    with pytest.raises(NoGradientRuleError, match=r"numpy\.fmax"):
        np.fmax(x, 0.3)
    try:
        mg.defvjp(
            np.sinc,
            lambda g, out, x: g * (np.cos(np.pi * x) - out) / x,
        )
        mg.defvjp(np.fmax, lambda g, _out, x, y: g * (x >= y), lambda g, _out, x, y: g * (x < y))
        (np.sinc(x) + np.fmax(x, 0.3)).sum().backward()
        slope = (np.cos(np.pi * x.data) - np.sinc(x.data)) / x.data
        np.testing.assert_allclose(x.grad, slope + np.array([0.0, 1.0]))
        assert mg.differentiable_functions()["numpy.sinc"] is np.sinc
        assert mg.grad(lambda x: np.fmax(1.0, x))(2.0) == 1.0
    finally:  # the table of rules is the program's
        for function in (np.sinc, np.fmax):
            del handlers[function]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "at least one gradient function"),
        ((None,), {}, "at least one gradient function"),
        ((3.0,), {}, "not 3.0"),
        ((lambda g, out, x: g, "rule"), {}, "not 'rule'"),
        ((), {"each": 5}, "not 5"),
    ],
)
def test_wrong_definitions_are_refused(arguments, options, message):
    with pytest.raises(ArgumentError, match=message):
        mg.defvjp(make_scaled(), *arguments, **options)


def test_functions_that_no_tensor_reaches_are_refused():
    def plain(x):
        return x * 2.0

    with pytest.raises(ArgumentError, match=r"plain is neither.*@minigrad\.primitive"):
        mg.defvjp(plain, lambda g, out, x: g * 2.0)


def test_differentiable_functions_are_sorted_and_callable():
    functions = mg.differentiable_functions()
    assert list(functions) == sorted(functions)
    assert functions["numpy.tanh"] is np.tanh
    assert functions["numpy.linalg.norm"] is np.linalg.norm
    assert "numpy.argmax" not in functions
    assert "numpy.copyto" not in functions


def test_a_primitive_may_return_its_argument():
    @mg.primitive
    def same(x):
        return x

    mg.defvjp(same, lambda g, _out, _x: g)
    x = leaf([1.0, 2.0])
    y = same(x)
    y.retain_grad()
    seed = np.array([1.0, 1.0])
    y.backward(seed)
    assert not np.shares_memory(x.grad, y.grad)
    assert not np.shares_memory(x.grad, seed)


# --- Arrays of another kind ----------------------------------------------------------------------


class Duck(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that is none of NumPy's: it speaks the protocols, and cannot be converted."""

    def __init__(self, array):
        self.array = np.asarray(array)

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("a duck is not converted without being asked")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return ducks(getattr(ufunc, method)(*arrays(inputs), **arrays(kwargs)))

    def __array_function__(self, function, types, args, kwargs):
        return ducks(function(*arrays(args), **arrays(kwargs)))

    def __getitem__(self, index):
        return ducks(self.array[arrays(index)])

    def __setitem__(self, index, value):
        self.array[arrays(index)] = arrays(value)

    def astype(self, dtype, copy=True):
        return Duck(self.array.astype(dtype, copy=copy))

    def reshape(self, shape):
        return Duck(self.array.reshape(shape))

    def sum(self, **options):
        return Duck(self.array.sum(**options))

    def copy(self):
        return Duck(self.array.copy())


def arrays(value):
    if isinstance(value, Duck):
        return value.array
    if isinstance(value, list | tuple):
        return type(value)(map(arrays, value))
    return {k: arrays(v) for k, v in value.items()} if isinstance(value, dict) else value


def ducks(value):
    is_floating = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fb"
    return Duck(value) if is_floating else value


DUCK_FUNCTIONS = {
    "arithmetic": lambda x: (x * 2.0 + x / 3.0 - x) * x,
    "powers": lambda x: x**2 + x**3.0 + 2.0**x,
    "elementwise": lambda x: np.tanh(np.exp(-x)) + np.log(x) * np.sqrt(x),
    "kinks": lambda x: np.maximum(x, 1.5) + np.abs(x) + np.clip(x, 1.2, 2.2),
    "choice": lambda x: np.where(x > 1.5, x, 2.0 * x),
    "reductions": lambda x: np.mean(x, axis=0) + np.sum(x) + np.max(x, axis=0, keepdims=True),
    "spread": lambda x: np.var(x, axis=1) + np.std(x, axis=0)[:2],
    "product": lambda x: np.prod(x, axis=1),
    "shapes": lambda x: np.reshape(np.transpose(x), (2, 3))[:, ::-1] + np.ravel(x)[:3],
    "broadcast": lambda x: x[0] + x,
    "picking": lambda x: x[np.array([0, 0, 1])],
    "joining": lambda x: np.concatenate([x, x], axis=0),
    "matrices": lambda x: x @ np.transpose(x),
    "einsum": lambda x: np.einsum("ij,kj->i", x, x),
    "norm": lambda x: np.linalg.norm(x, axis=1),
    "softmax": lambda x: np.exp(x - np.max(x, axis=1, keepdims=True)),
}


@pytest.mark.parametrize("name", DUCK_FUNCTIONS)
def test_arrays_of_another_kind(name):
    function = DUCK_FUNCTIONS[name]
    values = np.array([[1.0, 2.0, 3.0], [2.5, 1.1, 0.7]])
    expected = leaf(values)
    function(expected).sum().backward()
    x = mg.from_numpy(Duck(values), requires_grad=True)
    out = function(x)
    assert isinstance(out.data, Duck)
    np.sum(out).backward()
    assert isinstance(x.grad, Duck)
    np.testing.assert_allclose(x.grad.array, expected.grad, rtol=1e-14)
    np.sum(function(x)).backward()
    np.testing.assert_allclose(x.grad.array, 2 * expected.grad, rtol=1e-14)
    gradient = mg.grad(lambda x: np.sum(function(x)))(Duck(values))
    assert isinstance(gradient, Duck)
    np.testing.assert_allclose(gradient.array, expected.grad, rtol=1e-14)


@given(seed=st.integers(0, 100))
def test_second_derivatives_of_arrays_of_another_kind(seed):
    rng = np.random.default_rng(seed)
    values, vector = rng.uniform(1.0, 2.0, (2, 3)), rng.normal(size=(2, 3))

    def function(x):
        return np.sum(np.tanh(x) ** 3 * np.exp(-x)) + np.prod(np.mean(x, axis=0))

    found = mg.hvp(function, (Duck(values),), (Duck(vector),))
    assert isinstance(found, Duck)
    np.testing.assert_allclose(found.array, mg.hvp(function, (values,), (vector,)), rtol=1e-12)


def test_operators_are_shown_without_the_underscore_of_a_private_function():
    @mg.primitive
    def _double(x):
        return 2 * x

    mg.defvjp(_double, lambda g, _out, _x: 2 * g)
    assert repr(_double(leaf([1.0]))) == "tensor([2.], dtype=float64, op=double)"
    shown = []
    mg.grad(lambda x: shown.append(repr(mg.nn.functional.cross_entropy(x, np.array([0])))) or 0.0)(
        np.ones((1, 2))
    )
    assert "op=mean_cross_entropy" in shown[0]
