"""The walk back: no shared memory, no stale values, nothing kept too long, nothing done twice."""

import gc
import itertools
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.context import Observer, switched
from minigrad.errors import DtypeError, GraphError, MinigradError, RuleError, ShapeError


def leaf(values, **options):
    return mg.tensor(np.array(values, dtype=float), requires_grad=True, **options)


# --- Random programs -----------------------------------------------------------------------------

# On 2x2 matrices; many of them return their argument's gradient, or a view of it.
OPERATIONS = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x @ y,
    lambda x, y: x + x,
    lambda x, y: +x,
    lambda x, y: x.T,
    lambda x, y: x[::-1],
    lambda x, y: x[0] + y,
    lambda x, y: np.reshape(np.ravel(x), (2, 2)),
    lambda x, y: np.copy(x),
    lambda x, y: np.concatenate([x, y])[1:3],
    lambda x, y: np.stack([x[0], y[1]]),
    lambda x, y: np.broadcast_to(np.sum(x, axis=0), (2, 2)) - y,
    lambda x, y: np.einsum("ij->ji", x),
]


@st.composite
def programs(draw):
    """Draw (operation, left operand, right operand) of each step; operands count from the end."""
    steps = draw(st.integers(1, 8))
    return [
        (
            draw(st.integers(0, len(OPERATIONS) - 1)),
            draw(st.integers(1, 3 + step)),
            draw(st.integers(1, 3 + step)),
        )
        for step in range(steps)
    ]


def run(program, leaves):
    """Return all values of a program, the leaves first."""
    values = list(leaves)
    for operation, left, right in program:
        values.append(OPERATIONS[operation](values[-left], values[-right]))
    return values


@given(program=programs(), seed=st.integers(0, 99), retained=st.lists(st.integers(0, 10)))
def test_gradients_of_random_programs(program, seed, retained):
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=(2, 2)) for _ in range(3)]
    cotangent = rng.normal(size=(2, 2))
    leaves = [mg.from_numpy(x, requires_grad=True) for x in arrays]
    values = run(program, leaves)
    kept = [v for i, v in enumerate(values) if i in retained and v.requires_grad]
    for value in kept:
        value.retain_grad()
    before = [v.data.copy() for v in values]
    given_cotangent = cotangent.copy()
    values[-1].backward(given_cotangent, retain_graph=True)
    for i, x in enumerate(leaves):
        for j, k in itertools.product(range(2), range(2)):  # exact: a step along the imaginary axis
            moved = [np.array(a, dtype=complex) for a in arrays]
            moved[i][j, k] += 1e-100j
            slope = np.sum(run(program, moved)[-1] * cotangent).imag * 1e100
            found = 0.0 if x.grad is None else x.grad[j, k]
            assert found == pytest.approx(slope, rel=1e-9, abs=1e-9)
    owners = list({id(v): v for v in (*leaves, *kept)}.values())
    first = [None if v.grad is None else v.grad.copy() for v in owners]
    # Whoever writes into a gradient changes nothing else.
    for value, expected in zip(owners, first, strict=True):
        if expected is not None:
            np.testing.assert_array_equal(value.grad, expected)
            value.grad[...] = np.nan
    np.testing.assert_array_equal(given_cotangent, cotangent)
    for value, expected in zip(values, before, strict=True):
        np.testing.assert_array_equal(value.data, expected)
    for value in owners:
        value.zero_grad()
    values[-1].backward(given_cotangent)
    for value, expected in zip(owners, first, strict=True):
        np.testing.assert_array_equal(value.grad, expected)


# --- Shared memory -------------------------------------------------------------------------------


@mg.primitive
def identity(x):
    return x


@mg.primitive
def keep_left(x, y):
    return x * 1.0


@mg.primitive
def constant_slope(x):
    return x * 3.0


@mg.primitive
def own_input(x):
    return x * x / 2


SLOPE = np.full(2, 3.0)

mg.defvjp(identity, lambda g, _out, _x: g)
mg.defvjp(keep_left, lambda g, _out, _x, _y: g, lambda g, _out, _x, _y: g)
mg.defvjp(constant_slope, lambda g, _out, _x: SLOPE)
mg.defvjp(own_input, lambda g, _out, x: x)

ALIASING = {
    "the leaf itself": lambda x, y: x,
    "sum": lambda x, y: x + y,
    "doubled": lambda x, y: x + x,
    "chain of sums": lambda x, y: (x + y) + (y + x) + x,
    "positive": lambda x, y: +x + +y,
    "copy": lambda x, y: np.copy(x) + y,
    "identity": lambda x, y: identity(x) + identity(y),
    "one gradient for two": keep_left,
    "constant of the rule": lambda x, y: constant_slope(x) + constant_slope(y),
    "input of the rule": lambda x, y: own_input(x) + own_input(y),
    "views": lambda x, y: np.reshape(x, (2, 1))[:, 0] + y[::-1],
    "broadcast": lambda x, y: np.broadcast_to(np.sum(x), (2,)) + np.broadcast_to(y[0], (2,)),
    "joined": lambda x, y: np.concatenate([x, y])[1:3],
    "stacked": lambda x, y: np.sum(np.stack([x, y, x]), axis=0),
}


@pytest.mark.parametrize("name", ALIASING)
@pytest.mark.parametrize("create_graph", [False, True])
def test_no_two_gradients_share_memory(name, create_graph):
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    seed = np.array([5.0, 6.0])
    out = ALIASING[name](x, y)
    out.retain_grad()
    out.backward(seed, retain_graph=True, create_graph=create_graph)
    grads = [t.grad for t in {id(t): t for t in (x, y, out)}.values() if t.grad is not None]
    arrays = [g.data if create_graph else g for g in grads]
    assert all(type(g) is (mg.Tensor if create_graph else np.ndarray) for g in grads)
    for a, b in itertools.combinations([*arrays, x.data, y.data, out.data, seed, SLOPE], 2):
        if a is not b and not (a is out.data or b is out.data):
            assert not np.shares_memory(a, b)
    assert not any(np.shares_memory(a, out.data) for a in arrays)
    assert all(a.flags.writeable for a in arrays)


@pytest.mark.parametrize("as_tensor", [False, True])
def test_seed_is_neither_kept_nor_changed(as_tensor):
    x = leaf([1.0, 2.0])
    array = np.array([5.0, 6.0])
    seed = mg.from_numpy(array) if as_tensor else array
    y = x + 0.0
    (y + y).backward(seed)
    (x + x).backward(seed)
    assert x.grad.tolist() == [20.0, 24.0]
    assert array.tolist() == [5.0, 6.0]
    x.backward(seed)
    assert not np.shares_memory(x.grad, array)
    assert x.grad.tolist() == [25.0, 30.0]


def test_gradients_that_somebody_holds_are_not_added_to_in_place():
    held = []

    @mg.primitive
    def spying(x):
        return x * 1.0

    def rule(g, _out, _x):
        gradient = g * 1.0
        held.append((gradient, gradient.copy()))
        return gradient

    mg.defvjp(spying, rule)
    x = leaf([1.0, 2.0])
    h = x * 1.0
    h.retain_grad()
    sum((spying(h) for _ in range(5)), h).backward(np.array([1.0, 10.0]))
    assert x.grad.tolist() == h.grad.tolist() == [6.0, 60.0]
    for gradient, before in held:
        np.testing.assert_array_equal(gradient, before)


@pytest.mark.parametrize(
    "hold",
    [lambda a: a, lambda a: a[:1], lambda a: a.T.view(), memoryview, lambda a: [iter([a])]],
    ids=["array", "slice", "view", "buffer", "nested"],
)
def test_any_kind_of_reference_protects_a_gradient(hold):
    held = []

    @mg.primitive
    def spying(x):
        return x * 1.0

    def rule(g, _out, _x):
        gradient = g * 1.0
        held.append((hold(gradient), gradient.copy()))
        return gradient

    mg.defvjp(spying, rule)
    x = leaf([1.0, 2.0])
    (spying(x) + spying(x) + spying(x)).backward(np.array([1.0, 1.0]))
    assert x.grad.tolist() == [3.0, 3.0]
    for reference, before in held:
        found = next(reference[0]) if isinstance(reference, list) else np.asarray(reference)
        np.testing.assert_array_equal(found, before[: len(found)])


def test_contributions_are_added_in_place_where_nobody_can_see_it():
    # 200 contributions of 80 kB: fresh memory for each sum would show as 2 arrays at the peak.
    x = leaf(np.zeros(10_000))
    out = sum((x * float(i) for i in range(200)), 0.0 * x).sum()
    out.backward()
    assert x.grad[0] == 199 * 100


def test_read_only_gradients_of_rules_are_copied():
    @mg.primitive
    def frozen(x):
        return x * 2.0

    def rule(g, _out, _x):
        gradient = g * 2.0
        gradient.flags.writeable = False
        return gradient

    mg.defvjp(frozen, rule)
    x = leaf([1.0])
    frozen(x).backward()
    x.grad += 1.0
    assert x.grad.tolist() == [3.0]
    x.zero_grad()
    (frozen(x) + frozen(x)).backward()
    assert x.grad.tolist() == [4.0]


def test_gradients_of_numbers_are_arrays():
    x = leaf(2.0)
    (x * x).backward()
    assert type(x.grad) is np.ndarray
    assert (x.grad.shape, x.grad.dtype, x.grad) == ((), np.float64, 4.0)


# --- Backward, once and again --------------------------------------------------------------------


def test_gradients_accumulate_over_calls():
    x = leaf([1.0, 2.0])
    for times in (1, 2, 3):
        (x * x).sum().backward()
        assert x.grad.tolist() == [2.0 * times, 4.0 * times]
    held = x.grad
    (x * x).sum().backward()
    assert held.tolist() == [6.0, 12.0]
    x.zero_grad()
    assert x.grad is None


def test_second_backward_says_that_the_graph_is_freed():
    x = leaf([1.0, 2.0])
    y = (np.exp(x) * x).sum()
    y.backward()
    before = x.grad.copy()
    with pytest.raises(GraphError, match=r"behind sum .* pass retain_graph=True to the first"):
        y.backward()
    np.testing.assert_array_equal(x.grad, before)


def test_parts_of_a_freed_graph_are_freed_for_everyone():
    x = leaf([1.0, 2.0])
    trunk = np.exp(x)
    first, second = trunk.sum(), (trunk * x).sum()
    first.backward()
    before = x.grad.copy()
    with pytest.raises(GraphError, match="behind exp"):
        second.backward()
    np.testing.assert_array_equal(x.grad, before)  # nothing was walked


def test_retain_graph_allows_more_walks():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [6.0, 12.0]
    with pytest.raises(GraphError, match="retain_graph"):
        y.backward()


def test_structure_stays_when_values_are_freed():
    x = leaf([1.0, 2.0], name="x")
    y = np.exp(x).sum()
    node = y._node
    y.backward()
    assert node.args is None
    assert node.out is None
    assert node.rule.name == "sum"
    (parent,) = node.parents
    assert (parent.rule.name, parent.shape) == ("exp", (2,))
    assert parent.parents[0].name == "x"


def test_graph_can_be_extended_above_a_freed_part():
    x, w = leaf([1.0]), leaf([2.0])
    h = x * x
    h.sum().backward()
    (h.detach() * w).sum().backward()
    assert w.grad.tolist() == [1.0]


def test_create_graph_gives_tensors_with_a_graph():
    x = leaf([1.0, 2.0])
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    assert isinstance(first, mg.Tensor)
    assert first.requires_grad
    x.zero_grad()
    first.sum().backward()
    assert type(x.grad) is np.ndarray
    assert x.grad.tolist() == [6.0, 12.0]


def test_create_graph_retains_the_graph():
    x = leaf(3.0)
    y = x * x * x
    y.backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    y.backward(retain_graph=True)  # the graph of the gradient needs the same values
    assert x.grad == 27.0
    x.zero_grad()
    first.backward()
    assert x.grad == 18.0


def test_create_graph_works_under_no_grad():
    x = leaf(3.0)
    y = x * x * x
    with mg.no_grad():
        y.backward(create_graph=True)
        y.backward(create_graph=True)
    assert x.grad.requires_grad
    first = x.grad
    x.zero_grad()
    first.backward()
    assert x.grad == 36.0


def test_create_graph_with_a_tensor_as_gradient():
    x, v = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (x * x).backward(v, create_graph=True)
    first = x.grad
    assert first.data.tolist() == [6.0, 16.0]
    first.sum().backward()
    assert v.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize("start", ["result", "leaf"])
def test_gradient_of_backward_is_checked(start):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 1.0 if start == "result" else x
    with pytest.raises(ShapeError, match=r"one number to start from.*\(2,\).*backward\(gradient\)"):
        y.backward()
    with pytest.raises(ShapeError, match=r"shape \(2,\), not \(3,\)"):
        y.backward(np.ones(3))
    with pytest.raises(ShapeError, match=r"shape \(2,\), not \(\)"):
        y.backward(1.0)
    with pytest.raises(DtypeError):
        y.backward(["a", "b"])
    for gradient in ([1, 2], np.array([1, 2]), np.array([1.0, 2.0]), mg.tensor(np.array([1, 2]))):
        x.zero_grad()
        y.backward(gradient, retain_graph=True)
        assert x.grad.dtype == np.float32
        assert x.grad.tolist() == [1.0, 2.0]


def test_backward_without_a_graph_says_why():
    for t in (mg.tensor(1.0), mg.tensor(1.0) * 2.0, leaf(1.0).detach()):
        with pytest.raises(GraphError, match=r"no graph to walk back.*requires_grad=True"):
            t.backward()
    with mg.no_grad():
        t = leaf(1.0) * 2.0
    with pytest.raises(GraphError, match="no_grad"):
        t.backward()
    with pytest.raises(GraphError, match="'loss'"):
        mg.tensor(1.0, name="loss").backward()


def test_one_element_is_enough_to_start_from():
    x = leaf([[3.0]])
    (x * x).backward()
    assert x.grad.tolist() == [[6.0]]


def test_leaf_can_be_the_start():
    x = leaf(3.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0


# --- requires_grad between forward and backward --------------------------------------------------


@pytest.mark.parametrize("function", [np.multiply, np.logaddexp, np.hypot, np.matmul])
def test_leaf_unfrozen_after_the_forward_pass_gets_no_gradient(function):
    x, w = mg.tensor([1.0, 2.0]), mg.tensor([3.0, 4.0], requires_grad=True)
    y = function(x, w).sum()
    x.requires_grad = True
    y.backward()
    assert x.grad is None
    assert w.grad is not None


def test_leaf_frozen_after_the_forward_pass_gets_no_gradient():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    y = (x * w).sum()
    x.requires_grad = False
    y.backward()
    assert x.grad is None
    assert w.grad.tolist() == [1.0, 2.0]


def test_leaf_frozen_for_a_while_still_gets_its_gradient():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    x.requires_grad = False
    constant = (x * x).sum()
    x.requires_grad = True
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]
    assert not constant.requires_grad


# --- Changed values ------------------------------------------------------------------------------


def add_under_no_grad(p):
    with mg.no_grad():
        p += 1.0


def write_under_no_grad(p):
    with mg.no_grad():
        p[0] = 7.0


def assign(p):
    p.data = np.ones_like(p.data)


def write_into_data(p):
    p.data[...] = 5.0
    p.increment_version()


def update_data(p):
    p.data -= 0.1


CHANGES = [add_under_no_grad, write_under_no_grad, assign, write_into_data, update_data]
NEEDS = {
    "product": lambda p: p * p,
    "product with a constant": lambda p: p * leaf([[1.0, 2.0], [3.0, 4.0]]),
    "exp of a transpose": lambda p: np.sin(p.T),
    "matrix product": lambda p: leaf([[1.0, 2.0]]) @ p,
    "product with a transpose": lambda p: leaf([[1.0, 2.0]]) @ p.T,
    "product with a view of a view": lambda p: leaf([1.0]) * p.T[0].reshape(1, 2)[:, ::-1],
    "broadcast": lambda p: np.sin(np.broadcast_to(p, (3, 2, 2))),
    "diagonal by einsum": lambda p: np.sin(np.einsum("ii->i", p)),
    "identity": lambda p: np.sin(identity(p)),
    "squeezed": lambda p: np.sin(np.squeeze(np.expand_dims(p, 0))),
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", NEEDS)
def test_changed_values_are_noticed(change, name):
    p = leaf([[1.0, 2.0], [3.0, 4.0]], name="weight")
    y = NEEDS[name](p).sum()
    change(p)
    with pytest.raises(GraphError, match=r"'weight'.*changed after the forward pass"):
        y.backward()
    assert p.grad is None
    NEEDS[name](p).sum().backward()
    assert p.grad is not None


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize(
    "function",
    [
        lambda p: p + 1.0,
        lambda p: p - leaf([[1.0, 2.0]]),
        np.exp,  # needs its result only
        np.sum,
        lambda p: np.reshape(p, 4)[1:].sum(),
        lambda p: np.concatenate([p, p]),
        lambda p: (p * 2.0) * 3.0,
    ],
    ids=range(7),
)
def test_changes_of_values_that_nobody_needs_are_not_noticed(change, function):
    p = leaf([[1.0, 2.0], [3.0, 4.0]])
    expected = mg.grad(lambda p: function(p).sum())(p.data.copy())
    y = function(p).sum()
    change(p)
    y.backward()
    np.testing.assert_array_equal(p.grad, expected)


def test_changed_constants_are_noticed():
    w = leaf([3.0, 4.0])
    constants = [mg.tensor([1.0, 2.0]), mg.tensor([1.0, 2.0]) * 2.0, mg.tensor([[1.0, 2.0]])[0]]
    for x in constants:
        y = (x * w).sum()
        x += 1.0
        with pytest.raises(
            GraphError, match=r"a tensor of shape \((1, )?2,?\), whose value multiply"
        ):
            y.backward()
        y = (x * w).sum()
        x[0] = 5.0
        with pytest.raises(GraphError, match="changed after the forward pass"):
            y.backward()


def test_changes_before_a_retained_second_walk_are_noticed():
    p = leaf([1.0, 2.0])
    y = (p * p).sum()
    y.backward(retain_graph=True)
    add_under_no_grad(p)
    with pytest.raises(GraphError, match="changed"):
        y.backward()
    assert p.grad.tolist() == [2.0, 4.0]


def test_values_of_results_cannot_be_changed():
    x = leaf([1.0, 2.0])
    y = np.exp(x)
    with pytest.raises(GraphError, match=r"result \(of exp\) cannot be replaced"):
        y.data = np.zeros(2)
    with pytest.raises(GraphError, match=r"result \(of exp\) must not be changed"):
        y.increment_version()
    with pytest.raises(GraphError, match=r"np\.where"):
        y[0] = 3.0


def test_training_step_in_the_usual_order_is_not_disturbed():
    p = leaf([1.0, 2.0])
    for _ in range(3):
        ((p * p) @ p.T).backward()
        with mg.no_grad():
            p -= 0.1 * p.grad
        p.zero_grad()


# --- Memory --------------------------------------------------------------------------------------


def test_saved_values_are_freed_on_the_way():
    alive = []

    @mg.primitive
    def step(x):
        out = x * 1.0
        results.append(weakref.ref(out))
        return out

    def rule(g, out, _x):
        alive.append(sum(ref() is not None for ref in results))
        return g * 1.0

    mg.defvjp(step, rule)
    results = []
    y = leaf(np.ones(3))
    for _ in range(5):
        y = step(y)
    y = y.sum()
    y.backward()
    assert alive == [5, 4, 3, 2, 1]


def test_peak_of_memory_is_that_of_the_forward_pass():
    size = 100_000  # numbers of 8 bytes
    depth = 20
    x = leaf(np.zeros(size))
    tracemalloc.start()
    try:
        y = x
        for _ in range(depth):
            y = np.tanh(y) * 0.5
        y = y.sum()
        forward, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        y.backward()
        backward, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    array = 8 * size
    assert forward > depth * array
    assert peak < forward + 5 * array
    assert backward < 2 * array


def test_values_that_no_rule_needs_are_not_kept():
    x, w = leaf(np.ones(3)), leaf(np.ones(3))
    large = np.ones(3)
    product = x * w
    refs = [weakref.ref(large), weakref.ref(product.data)]
    y = np.sum(product + large)
    del product, large
    assert [ref() is None for ref in refs] == [True, True]
    y.backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("operation", [np.add, lambda x, y: x + y, lambda x, y: y - x])
def test_plain_arrays_that_no_rule_needs_are_not_kept(operation):
    x, constant = leaf(np.ones(3)), np.ones((2, 3))
    ref = weakref.ref(constant)
    y = operation(x, constant)
    del constant
    assert ref() is None
    y.backward(np.ones((2, 3)))
    assert abs(x.grad).tolist() == [2.0, 2.0, 2.0]


def test_values_of_arguments_without_gradient_are_not_kept_for_it():
    x, constant = leaf(np.ones(3)), mg.tensor(np.ones(3))
    ref = weakref.ref(x.data)
    y = x * constant  # needs the constant for x, and x for nothing
    assert y._node.args[0] is x._node
    assert y._node.args[1] is constant.data
    del x
    assert ref() is None


CYCLE_FREE = {
    "forward": lambda x: np.exp(x) * x,
    "backward": lambda x: (np.exp(x) * x).sum().backward(),
    "retained": lambda x: (np.exp(x) * x).sum().backward(retain_graph=True),
    "create_graph": lambda x: with_graph(x).zero_grad(),  # or the leaf's gradient leads to it
    "views": lambda x: np.sin(x.T[0]).sum().backward(),
    "grad": lambda x: mg.grad(lambda x: np.sum(x**3))(x.data),
    "nested grad": lambda x: mg.hessian(lambda x: np.sum(x**3))(x.data),
    "jvp": lambda x: mg.jvp(np.sin, (x.data,), (x.data,)),
    "failed operation": lambda x: fails(lambda: x @ np.ones((3, 3))),
    "failed function": lambda x: fails(lambda: np.concatenate([x, x], axis=5)),
    "unknown option": lambda x: fails(lambda: np.take(x, [0], mode="wrap")),
    "failed rule": lambda x: fails(lambda: raising(x).sum().backward()),
    "missing rule": lambda x: fails(lambda: np.cross(x, x)),
    "walked twice": lambda x: fails(lambda: [t.backward() for t in [np.exp(x).sum()] * 2]),
}


def with_graph(x):
    (np.exp(x) * x).sum().backward(create_graph=True)
    return x


def fails(function):
    try:
        function()
    except (MinigradError, ValueError, ZeroDivisionError):
        return
    pytest.fail("no exception")


@mg.primitive
def raising(x):
    return x * 1.0


def raise_in_rule(g, _out, _x):
    raise ZeroDivisionError("planted")


mg.defvjp(raising, raise_in_rule)


@pytest.mark.parametrize("name", CYCLE_FREE)
def test_no_reference_cycles(name):
    x = leaf(np.ones((2, 2)))
    CYCLE_FREE[name](x)  # fills caches
    x.zero_grad()
    gc.collect()
    gc.disable()
    try:
        array = weakref.ref(x.data)
        result = CYCLE_FREE[name](x)
        vertex = result._node.parents[0] if isinstance(result, mg.Tensor) else None
        del result, vertex, x
        assert array() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_dropping_the_result_frees_the_graph_at_once():
    gc.disable()
    try:
        x = leaf(np.ones(3))
        y = x
        refs = []
        for _ in range(10):
            y = np.sin(y) * y
            refs.append(weakref.ref(y.data))
        assert all(ref() is not None for ref in refs)
        del y
        assert all(ref() is None for ref in refs)
    finally:
        gc.enable()


# --- Size ----------------------------------------------------------------------------------------


class Counter(Observer):
    """An observer that counts what the walk does."""

    def __init__(self):
        self.visits = 0
        self.gradients = 0

    def visiting(self, node, gradient):
        self.visits += 1

    def visited(self, node, index, gradient):
        self.gradients += 1


def counted_backward(out, **options):
    counter = Counter()
    with switched(observer=counter):
        out.backward(**options)
    return counter.visits, counter.gradients


def chain_of_additions(length):
    x, one = leaf(1.0), leaf(1.0)
    y = x
    for _ in range(length):
        y = y + one
    assert counted_backward(y) == (length, 2 * length)
    assert x.grad == 1.0
    assert one.grad == length
    del y  # must not overflow the stack either


def test_chain_of_a_hundred_thousand_additions():
    chain_of_additions(100_000)


@pytest.mark.slow
def test_chain_of_a_million_additions():
    chain_of_additions(1_000_000)


def test_long_chain_with_create_graph():
    x = leaf(1.0)
    y = x
    for _ in range(5_000):
        y = y * 1.0
    y.backward(create_graph=True)
    assert x.grad.item() == 1.0
    x.zero_grad()


def test_diamond_of_depth_sixty():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    assert counted_backward(y) == (60, 120)
    assert x.grad == 2.0**60


def test_diamond_of_depth_sixty_for_transformations():
    calls = []

    @mg.primitive
    def double(x, y):
        return x + y

    def rule(g, _out, _x, _y):
        calls.append(1)
        return g

    mg.defvjp(double, rule, rule)

    def function(x):
        for _ in range(60):
            x = double(x, x)
        return x

    assert mg.grad(function)(1.0) == 2.0**60
    assert len(calls) == 120


def test_fan_out_of_a_hundred_thousand():
    x = leaf(1.0)
    total = x * 1.0
    for _ in range(99_999):
        total = x + total
    assert counted_backward(total) == (100_000, 199_999)
    assert x.grad == 100_000.0


def test_fan_in_of_thousands():
    xs = [leaf(float(i)) for i in range(4_000)]
    y = np.stack(xs)
    assert counted_backward((y * y).sum()) == (4_003, 4_000 + 4_000 + 2 + 1)
    assert [float(x.grad) for x in xs] == [2.0 * i for i in range(4_000)]


def test_only_the_way_to_the_wanted_is_walked():
    x = leaf(1.0)
    constant = mg.tensor(1.0)
    for _ in range(100):
        constant = constant * 1.0
    unrelated = leaf(1.0) * 2.0
    y = x * constant + 1.0
    assert counted_backward(y) == (2, 2)
    assert unrelated.requires_grad


def test_nothing_depends_on_the_recursion_limit():
    limit = sys.getrecursionlimit()
    depth = 0
    frame = sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    x = leaf(1.0)
    y = x
    for _ in range(500):
        y = np.tanh(y) + 1.0
    sys.setrecursionlimit(depth + 60)
    try:
        y.backward()
    finally:
        sys.setrecursionlimit(limit)
    assert x.grad is not None


# --- Rules that are wrong ------------------------------------------------------------------------


def operator_with(*rules):
    @mg.primitive
    def planted(x, y=1.0):
        return x * y

    mg.defvjp(planted, *rules)
    return planted


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda g, out, x: g[:1], r"planted returned shape \(1,\), float64, for its argument 0"),
        (lambda g, out, x: np.ones((2, 3)), r"shape \(2, 3\), float64, .* shape \(2,\), float64"),
        (lambda g, out, x: np.ones(()), r"shape \(\), float64, for its argument 0"),
        (lambda g, out, x: 1.0, r"returned 1\.0 for its argument 0"),
        (lambda g, out, x: [1.0, 2.0], r"returned \[1\.0, 2\.0\] for its argument 0"),
        (lambda g, out, x: "no", "returned 'no' for"),
        (lambda g, out, x: g * 1j, r"complex128, .*float64"),
        (lambda g, out, x: np.array(["a", "b"]), "<U1"),
    ],
)
def test_wrong_gradients_are_reported(rule, message):
    x = leaf([1.0, 2.0])
    y = operator_with(rule)(x)
    with pytest.raises(RuleError, match=message):
        y.backward(np.ones(2))
    assert x.grad is None


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (lambda g, out, x: np.ones((3, 2)), [3.0, 3.0]),  # broadcasting is undone
        (lambda g, out, x: np.ones((1, 2)), [1.0, 1.0]),
        (lambda g, out, x: np.array([1, 2]), [1.0, 2.0]),  # and so is promotion
        (lambda g, out, x: np.array([True, False]), [1.0, 0.0]),
        (lambda g, out, x: g.astype(np.float16), [1.0, 1.0]),
        (lambda g, out, x: mg.tensor([3.0, 4.0]), [3.0, 4.0]),
    ],
)
def test_gradients_get_the_shape_and_dtype_of_their_argument(rule, expected):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    operator_with(rule)(x).backward(np.ones(2))
    assert type(x.grad) is np.ndarray
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == expected


def test_a_rule_that_forgot_to_return_is_reported():
    x, y = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    planted = operator_with(lambda g, out, x, y: None, lambda g, out, x, y: g)
    with pytest.raises(RuleError, match=r"planted returned None for its argument 0"):
        planted(np.exp(x), y).backward(np.ones(2))


def test_missing_rules_are_reported_when_the_call_is_made():
    @mg.primitive
    def unknown(x):
        return x

    x = leaf(1.0)
    with pytest.raises(RuleError, match=r"unknown .*defvjp\(unknown, \.\.\.\).*detach"):
        unknown(x)
    assert unknown(x.detach()).data == 1.0
    with mg.no_grad():
        assert unknown(x).data == 1.0


def test_missing_rule_for_one_argument():
    planted = operator_with(lambda g, out, x, y: g, None)
    x = leaf(1.0)
    planted(x, 2.0).backward()
    with pytest.raises(RuleError, match=r"planted .*no gradient for argument 1"):
        planted(2.0, x)


def test_exceptions_in_rules_say_where_and_leave_nothing_behind():
    x, w = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    w.grad = np.array([7.0, 7.0])
    y = raising(x * w) + w
    with pytest.raises(ZeroDivisionError, match="planted") as caught:
        y.backward(np.ones(2))
    assert "in the gradient rule of raising for argument 0" in caught.value.__notes__
    assert x.grad is None
    assert w.grad.tolist() == [7.0, 7.0]
    assert mg.is_grad_enabled()
    y = raising(x)
    with mg.no_grad():
        with pytest.raises(ZeroDivisionError):
            y.backward(np.ones(2), create_graph=True)
        assert not mg.is_grad_enabled()
    (x * w).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_functions_that_return_no_array_are_reported():
    @mg.primitive
    def pair(x):
        return x, x

    mg.defvjp(pair, lambda g, out, x: g)
    for x in (leaf(1.0), mg.tensor(1.0)):
        with pytest.raises(RuleError, match=r"pair returned tuple.*returns one array"):
            pair(x)
    assert pair(3.0) == (3.0, 3.0)


def test_only_wanted_gradients_are_computed():
    asked = []

    def rule(index):
        def vjp(g, _out, _x, _y):
            asked.append(index)
            return g

        return vjp

    planted = operator_with(rule(0), rule(1))
    planted(leaf(1.0), 2.0).backward()
    planted(leaf(1.0), mg.tensor(2.0)).backward()
    planted(leaf(1.0), leaf(2.0).detach()).backward()
    assert asked == [0, 0, 0]
    planted(3.0, leaf(1.0)).backward()
    assert asked == [0, 0, 0, 1]
    asked.clear()
    mg.grad(planted, 1)(1.0, 2.0)
    assert asked == [1]
    asked.clear()
    w = leaf(5.0)  # wants a gradient, but not from this walk
    assert mg.grad(lambda x: planted(x, w))(1.0) == 1.0
    assert asked == [0]
    assert w.grad is None


def test_gradients_of_complex_steps_are_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(DtypeError, match="multiply gives complex128"):
        np.abs(x * 1j)


# --- Threads -------------------------------------------------------------------------------------


def test_threads_walk_their_own_graphs():
    shared = leaf(np.ones(100))
    found = {}

    def work(number):
        x = leaf(np.full(100, float(number)))
        for _ in range(20):
            x.zero_grad()
            h = x
            for _ in range(20):
                h = h * shared.detach() + x
            h.sum().backward()
        found[number] = x.grad.copy()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1, 2, 3]
    assert all((grad == 21.0).all() for grad in found.values())
