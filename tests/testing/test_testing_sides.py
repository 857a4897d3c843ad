"""What a gradient function must not do besides being wrong: one planted offender for each."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import ArgumentError, GraphError, NoGradientRuleError
from minigrad.testing import GradientMismatch, Verdict, gradcheck, taylor_test

A = np.array


def product(x, y):
    return x * y


def product_vjp(g, x, y):
    return g * y, g * x


def total(x, y):
    return x + y


class Remembering:
    """A gradient that adds up from call to call."""

    def __init__(self):
        self.gradient = 0.0

    def __call__(self, g, x, y):
        self.gradient = self.gradient + g * y
        return self.gradient.copy(), g * x


def changes_input(g, x, y):
    gradients = product_vjp(g, x.copy(), y)
    x += 1e-3
    return gradients


def changes_cotangent(g, x, y):
    gradients = product_vjp(g, x, y)
    g *= 2
    return gradients


def returns_cotangent(g, x, y):
    return g, g.copy()


def returns_view_of_cotangent(g, x, y):
    return g.copy(), g[...]


def returns_the_same_twice(g, x, y):
    both = g.copy()
    return both, both


def returns_input(g, x, y):
    y *= 1.0
    return y, g * x


def wrong_for_strided(g, x, y):
    if not x.flags.c_contiguous:
        return 1.5 * g * y, g * x
    return product_vjp(g, x, y)


def wrong_at_zero(g, x, y):
    if not g.any():
        return np.ones_like(x), np.zeros_like(y)
    return product_vjp(g, x, y)


def saturates(g, x, y):
    return np.clip(g, -1, 1) * y, g * x


def narrows(g, x, y):
    return (g * y).astype(np.float32), g * x


def as_matrix(g, x, y):
    return (g * y)[None], g * x


def clips(g, x, y):
    return product_vjp(np.clip(g, -100, 100), x, y)


def flushes(g, x, y):
    return product_vjp(np.where(np.abs(g) < 1e-4, 0, g), x, y)


class RememberingAPart:
    """One of whose gradients is that of where it was first asked for one."""

    def __init__(self):
        self.x = None

    def __call__(self, g, x, y):
        self.x = x.copy() if self.x is None else self.x
        return g * y, g * self.x


class Caching:
    """Which gives the same array again where it is asked the same again."""

    def __init__(self):
        self.found = {}

    def __call__(self, g, x, y):
        key = (g.tobytes(), x.tobytes(), y.tobytes())
        return self.found.setdefault(key, product_vjp(g, x, y))


OFFENDERS = {
    "cached": (product, Caching(), r"gradient of argument 1 \(y\) in the same memory"),
    "input": (product, changes_input, r"changed argument 0 \(x\) in place"),
    "cotangent": (product, changes_cotangent, "changed the cotangent in place"),
    "shares with cotangent": (total, returns_cotangent, "shares memory with the cotangent"),
    "view of cotangent": (total, returns_view_of_cotangent, "argument 1 .* with the cotangent"),
    "shares": (
        total,
        returns_the_same_twice,
        r"argument 0 \(x\) and argument 1 \(y\) share memory",
    ),
    "shares with input": (
        lambda x, y: x * y,
        returns_input,
        r"gradient of argument 0 \(x\) shares memory with argument 1 \(y\)",
    ),
    "second call": (product, Remembering(), "the second call gives another gradient of argument 0"),
    "strided": (product, wrong_for_strided, "for arrays that are not contiguous"),
    "zero": (product, wrong_at_zero, "is not 0 where the cotangent is 0"),
    "linear": (product, saturates, "is not linear in the cotangent"),
    "large cotangents": (product, clips, "is not linear in the cotangent"),
    "small cotangents": (product, flushes, "is not linear in the cotangent"),
    "part kept": (product, RememberingAPart(), "or a part is kept from an earlier call"),
    "dtype": (product, narrows, r"argument 0 \(x\) is float32, and the argument is float64"),
    "shape": (product, as_matrix, r"has shape \(1, 3\), and the argument has \(3,\)"),
    "arity": (product, lambda g, x, y: (g * y, g * x, g), "3 gradients for 2 arguments"),
    "no array": (product, lambda g, x, y: ("a", g * x), "returned str as a gradient"),
}


@pytest.mark.parametrize("name", OFFENDERS)
def test_offender_is_caught(name):
    f, vjp, message = OFFENDERS[name]
    with pytest.raises(GradientMismatch, match=message):
        gradcheck(f, [(3,), (3,)], vjp=vjp)


def test_honest_pair_passes():
    for shape in ((3,), (), (0,), (2, 3), (2, 0, 3)):
        assert gradcheck(product, [shape, shape], vjp=product_vjp).verdict is Verdict.RIGHT


def test_constant_gradients_may_be_kept_where_nobody_can_write_to_them():
    zero = np.broadcast_to(0.0, (3,))
    assert gradcheck(lambda x: np.floor(x), (3,), vjp=lambda g, x: zero)
    assert gradcheck(lambda x: np.floor(x), (3,), vjp=lambda g, x: 0 * g)


def test_function_may_not_change_its_arguments():
    def relu(x, places):
        np.maximum(x, 0, out=x)
        places[...] = 0
        return 2 * x

    x, places = A([-1.0, 2.0]), A([3, 4])
    with pytest.raises(
        GradientMismatch,
        match=r"relu itself changes argument 0 \(x\), a constant argument in place",
    ):
        gradcheck(relu, [x, places], vjp=lambda g, x, places: 2 * g)
    assert (x.tolist(), places.tolist()) == ([-1.0, 2.0], [3, 4])


def test_constants_are_not_changed_either():
    def vjp(g, x, labels):
        labels += 1
        return g * 2, None

    labels = A([1, 2, 3])
    with pytest.raises(GradientMismatch, match="changed a constant argument"):
        gradcheck(lambda x, labels: 2 * x, [(3,), labels], vjp=vjp)


def test_given_dtype_is_kept():
    x = np.ones(3, np.float32)

    def widens(g, x):
        return g * np.float64(2.0) * np.ones(3)

    assert gradcheck(lambda x: 2 * x, [np.ones(3)], vjp=widens)
    with pytest.raises(GradientMismatch, match="is float64, and the argument is float32"):
        gradcheck(lambda x: 2 * x, [x], vjp=widens)
    assert gradcheck(lambda x: 2 * x, [x])


# --- Arguments in other forms --------------------------------------------------------------------


def test_arguments_of_every_form():
    def f(parameters, x, scale, labels, options):
        w, (b, c) = parameters["w"], parameters["bc"]
        assert options == {"axis": None, "name": "sum"}
        return (np.tanh(x @ w + b) * c * scale)[labels]

    inputs = [
        {"w": mg.tensor(np.ones((3, 2)) / 3), "bc": [(2,), 0.5]},
        (4, 3),
        2.0,
        A([0, 2]),
        {"axis": None, "name": "sum"},
    ]
    report = gradcheck(f, inputs)
    names = [argument.name for argument in report.arguments if argument.order == 1]
    assert names == ["parameters['w']", "parameters['bc'][0]", "parameters['bc'][1]", "x", "scale"]
    assert report.verdict is Verdict.RIGHT


def test_nested_gradient_of_a_pair():
    def f(p, x):
        return p["w"] * x + p["b"]

    def vjp(g, p, x):
        return {"w": g * x, "b": 1.0 * g}, g * p["w"]

    assert gradcheck(f, [{"w": (3,), "b": (3,)}, (3,)], vjp=vjp)
    assert gradcheck(
        f, [{"w": (3,), "b": (3,)}, (3,)], vjp=lambda g, p, x: vjp(g, p, x)[0], wrt=[0]
    )
    with pytest.raises(
        GradientMismatch, match="returned 1 gradients for the 2 arrays in argument 0"
    ):
        gradcheck(f, [{"w": (3,), "b": (3,)}, (3,)], vjp=lambda g, p, x: (g * x, g * p["w"]))


def test_gradients_in_a_dict_are_told_by_their_keys():
    def line(p):
        return 2 * p["a"] + 3 * p["b"]

    inputs = [{"a": (2,), "b": (2,)}]
    assert gradcheck(line, inputs, vjp=lambda g, p: {"b": 3 * g, "a": 2 * g})
    assert not gradcheck(
        line, inputs, vjp=lambda g, p: {"b": 2 * g, "a": 3 * g}, raise_on_failure=False
    )
    with pytest.raises(GradientMismatch, match="in the argument's structure"):
        gradcheck(line, inputs, vjp=lambda g, p: {"a": 2 * g, "c": 3 * g})


def test_several_results():
    def f(x):
        return {"s": np.sin(x), "q": (x**2, np.argmax(x)), "n": 3}

    def vjp(g, x):
        assert g["q"][1] is None
        return g["s"] * np.cos(x) + g["q"][0] * 2 * x

    assert gradcheck(f, (3,))
    assert gradcheck(f, (3,), vjp=vjp)
    with pytest.raises(GradientMismatch):
        gradcheck(f, (3,), vjp=lambda g, x: g["s"] * np.cos(x))


def test_wrt_leaves_the_others_alone():
    assert gradcheck(product, [(3,), (3,)], vjp=lambda g, x, y: g * y, wrt=["x"])
    assert gradcheck(product, [(3,), (3,)], vjp=lambda g, x, y: (None, g * x), wrt=[1])
    report = gradcheck(product, [(3,), (3,)], wrt=["y"])
    assert {argument.name for argument in report.arguments} == {"y", "cotangent"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "order is 1 for gradients"),
        ({"order": True}, "order is 1 for gradients"),
        ({"seed": -1}, "seed is an integer from 0 up"),
        ({"kink": "ignore"}, 'kink is "accept" or "error"'),
        ({"dtype": np.float16}, "float64 or float32, not float16"),
        ({"dtype": "nonsense"}, "float64 or float32"),
        ({"wrt": ["z"]}, "wrt names"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(mg.MinigradError, match=message):
        gradcheck(np.sin, (3,), **options)


def product(x, y):
    return x * y


@pytest.mark.parametrize(
    ("f", "inputs", "count"),
    [
        (product, (3,), "1 argument "),
        (product, [(3,)] * 3, "3 arguments"),
        (nn.ReLU(), [(3,)] * 2, "2"),
    ],
)
def test_another_number_of_arguments(f, inputs, count):
    with pytest.raises(
        ArgumentError, match=rf"\(.*\).* cannot be called with the {count}.*\[x, y\]"
    ):
        gradcheck(f, inputs)


def test_what_is_no_function():
    for check in (gradcheck, taylor_test):
        with pytest.raises(ArgumentError, match=r"f must be a function of arrays .*, not 3"):
            check(3, (3,))
        with pytest.raises(ArgumentError, match=r"vjp must be a function of arrays .*, not 'a'"):
            check(np.sin, (3,), vjp="a")


def test_nothing_to_check():
    with pytest.raises(ValueError, match="no floating-point input"):
        gradcheck(np.sin, A([1, 2]))
    with pytest.raises(ValueError, match="returned no floating-point array"):
        gradcheck(np.argmax, (3,))
    with pytest.raises(TypeError, match="complex"):
        gradcheck(np.sin, A([1j]))
    for out in (3j, [np.ones(3), np.ones(3) * 1j]):
        with pytest.raises(TypeError, match="a result is complex"):
            gradcheck(lambda x, out=out: out, [(3,)], vjp=lambda g, x: x)
    with pytest.raises(NoGradientRuleError, match="no gradient rule"):
        gradcheck(np.median, (3,))
    with pytest.raises(GraphError, match="leave the graph"):
        gradcheck(lambda x: np.asarray(x) * 2, (3,))


def test_errors_of_the_function_itself_come_through():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        gradcheck(f, (3,))


# --- Nothing of the user's is changed ------------------------------------------------------------


class Stateful(nn.Module):
    """A module with everything that a call might change."""

    def __init__(self):
        self.linear = nn.Linear(3, 2)
        self.dropout = nn.Dropout(0.5)
        self.own = nn.Dropout(0.3, rng=7)
        self.mean = nn.Buffer(np.zeros(2, np.float32))
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        self.last = x
        out = self.own(self.dropout(np.tanh(self.linear(x)) - self.mean))
        self.mean.data = self.mean.data + 1
        return out


def everything(model):
    return (
        {name: value.tobytes() for name, value in model.state_dict().items()},
        [(p.dtype, p.requires_grad, p.grad, id(p), id(p.data)) for p in model.parameters()],
        [module.training for module in model.modules()],
        model.calls,
        sorted(vars(model)),
        model.own.rng.bit_generator.state,
        mg.random.generator().bit_generator.state,
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        mg.is_grad_enabled(),
    )


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("check", [gradcheck, taylor_test])
def test_module_is_as_it_was(check, fails):
    model = Stateful()
    if fails:
        model.own.forward = lambda x: (_ for _ in ()).throw(ValueError("no"))
    before = everything(model)
    if fails:
        with pytest.raises(ValueError, match="no"):
            check(model, (4, 3))
    else:
        assert check(model, (4, 3))
    assert everything(model) == before
    model(np.ones((1, 3), np.float32)) if not fails else None


def test_gradients_and_modes_are_left_alone():
    model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5)).eval()
    for parameter in model.parameters():
        parameter.grad = np.full_like(parameter.data, 7)
    x = mg.tensor(np.ones((2, 3)), requires_grad=True)
    with mg.no_grad():
        assert gradcheck(model, x).verdict is Verdict.RIGHT
        assert not mg.is_grad_enabled()
    assert x.grad is None
    assert x.requires_grad
    assert not model.training
    assert all(np.all(parameter.grad == 7) for parameter in model.parameters())


def test_inputs_stay_as_they_are():
    x = np.ones(3, np.float32)
    x.flags.writeable = False

    def rude(x):
        return (x * 2) if x is None else 2 * x

    gradcheck(rude, [x])
    assert x.dtype == np.float32
    assert np.all(x == 1)


def test_global_randomness_is_repeated_and_put_back():
    def noisy(x):
        return x * np.random.normal(size=3)  # noqa: NPY002

    state = np.random.get_state()[1].tobytes()  # noqa: NPY002
    assert gradcheck(noisy, (3,))
    assert np.random.get_state()[1].tobytes() == state  # noqa: NPY002


def test_function_that_is_another_each_time():
    rng = np.random.default_rng(0)
    with pytest.raises(GradientMismatch, match="gives another result at each call"):
        gradcheck(lambda x: x * rng.normal(), (3,))


def test_same_seed_same_report():
    reports = [
        gradcheck(np.sin, (3,), vjp=lambda g, x: g, seed=s, raise_on_failure=False)
        for s in (1, 1, 2)
    ]
    texts = [report.message.replace("seed=2", "seed=1") for report in reports]
    assert texts[0] == texts[1] != texts[2]
