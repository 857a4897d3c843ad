"""What holds for every gradient, whatever the function; and for losses, dropout and optimizers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F
from minigrad.testing import strategies

SEEDS = st.integers(0, 1000)


def noise(seed, *arrays):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(-1, 1, np.shape(array))) for array in arrays]


def assert_close(actual, expected, tolerance=1e-9):
    scale = 1 + max(np.max(np.abs(expected), initial=0), np.max(np.abs(actual), initial=0))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * scale)


# --- Any function ----------------------------------------------------------------------------


@given(strategies.programs(), SEEDS)
def test_gradients_are_linear_in_the_cotangent(program, seed):
    out, pull_back = mg.vjp(program, *program.inputs)
    u, v = noise(seed, out, out)
    both = pull_back(2.0 * u - 3.0 * v)
    for together, of_u, of_v in zip(both, pull_back(u), pull_back(v), strict=True):
        assert_close(together, 2.0 * of_u - 3.0 * of_v)
    for nothing in pull_back(np.zeros_like(u)):
        assert not np.any(nothing)


@given(strategies.programs(), strategies.programs(), SEEDS)
def test_product_rule(f, g, seed):
    def product(x, y):
        return np.sum(f(*x)) * np.sum(g(*y))

    x, y = list(f.inputs), list(g.inputs)
    of_f = mg.grad(lambda x: np.sum(f(*x)))(x)
    of_g = mg.grad(lambda y: np.sum(g(*y)))(y)
    by_x, by_y = mg.grad(product, (0, 1))(x, y)
    for actual, alone in zip(by_x, of_f, strict=True):
        assert_close(actual, alone * np.sum(g(*y)))
    for actual, alone in zip(by_y, of_g, strict=True):
        assert_close(actual, alone * np.sum(f(*x)))


@given(strategies.programs(), SEEDS)
def test_product_rule_of_a_function_with_itself(program, seed):
    x = list(program.inputs)
    once = mg.grad(lambda x: np.sum(program(*x)))(x)
    square = mg.grad(lambda x: np.sum(program(*x)) * np.sum(program(*x)))(x)
    for actual, alone in zip(square, once, strict=True):
        assert_close(actual, 2 * np.sum(program(*x)) * alone)


@given(strategies.programs(), SEEDS)
def test_chain_rule(program, seed):
    inner, pull_back = mg.vjp(program, *program.inputs)
    (weights,) = noise(seed, inner)

    def outer(y):
        return np.sum(np.sin(y) * weights)

    through = mg.grad(lambda x: outer(program(*x)))(list(program.inputs))
    for actual, expected in zip(through, pull_back(mg.grad(outer)(inner)), strict=True):
        assert_close(actual, expected)


@given(strategies.programs(), strategies.arrays())
def test_the_gradient_of_a_constant_is_zero(program, x):
    constant = np.sum(program(*program.inputs))
    assert not np.any(mg.grad(lambda x: constant)(x))
    assert not np.any(mg.grad(lambda x: constant + 0.0 * np.sum(x))(x))
    assert not np.any(mg.grad(lambda x: np.sum(program(*program.inputs) * (x - x).sum()))(x))


@given(strategies.programs())
def test_what_is_detached_is_a_constant(program):
    tensors = program.tensors()
    out = program(*tensors)
    (out * out.detach()).sum().backward()
    _, pull_back = mg.vjp(program, *program.inputs)
    for tensor, expected in zip(tensors, pull_back(np.asarray(out.data)), strict=True):
        assert_close(tensor.grad, expected)


@given(strategies.programs(), SEEDS)
def test_backward_does_what_vjp_does(program, seed):
    tensors = program.tensors()
    out = program(*tensors)
    (cotangent,) = noise(seed, out.data)
    out.backward(cotangent)
    _, pull_back = mg.vjp(program, *program.inputs)
    for tensor, expected in zip(tensors, pull_back(cotangent), strict=True):
        assert np.array_equal(tensor.grad, expected)


@given(strategies.programs())
def test_nothing_widens(program):
    check_dtype(program, np.float32)


@given(strategies.programs())
def test_nothing_narrows(program):
    check_dtype(program, np.float64)


def check_dtype(program, dtype):
    """Find every array of this dtype: each step's value, each gradient, of both orders."""
    seen = []
    tensors = program.astype(dtype).tensors()
    with mg.debug():
        out = program(*tensors)
    stack = [out._node]
    while stack:
        vertex = stack.pop()
        seen.append(vertex.dtype)
        stack.extend(parent for parent in vertex.parents if parent is not None)
    out.backward(np.ones_like(out.data), retain_graph=True, create_graph=True)
    total = sum((tensor.grad * tensor.grad).sum() for tensor in tensors)
    seen += [tensor.grad.dtype for tensor in tensors] + [total.dtype]
    assert {str(kind) for kind in seen} == {np.dtype(dtype).name}
    assert program.astype(dtype)(*program.astype(dtype).inputs).dtype == dtype


# --- Networks and losses ---------------------------------------------------------------------


@given(strategies.modules(), SEEDS)
def test_permuting_a_batch_permutes_gradients(network, seed):
    module, x = network
    if x.ndim < 2:
        x = np.stack([x, 2 * x, -x])
    order = np.random.default_rng(seed).permutation(len(x))
    (weights,) = noise(seed, module(x).data)

    def gradients(rows, weights):
        module.zero_grad()
        batch = mg.tensor(rows, requires_grad=True)
        (module(batch) * weights).sum().backward()
        return batch.grad, [parameter.grad for parameter in module.parameters()]

    of_x, of_parameters = gradients(x, weights)
    of_permuted, of_parameters_again = gradients(x[order], weights[order])
    assert_close(of_permuted, of_x[order])
    for first, second in zip(of_parameters, of_parameters_again, strict=True):
        assert_close(first, second)


LOGITS = strategies.arrays(strategies.shapes(min_dims=1, max_dims=2), low=-30.0, high=30.0)


@given(LOGITS, st.sampled_from([-100.0, -1.0, 0.5, 1000.0]), SEEDS)
def test_softmax(x, shift, seed):
    out = F.softmax(x)
    np.testing.assert_allclose(out.sum(axis=-1), 1, rtol=1e-12)
    np.testing.assert_allclose(F.softmax(x + shift), out, atol=1e-12)
    np.testing.assert_allclose(np.exp(F.log_softmax(x)), out, atol=1e-12)
    (cotangent,) = noise(seed, out)
    for function in (F.softmax, F.log_softmax):
        _, pull_back = mg.vjp(function, x)
        (gradient,) = pull_back(cotangent)
        np.testing.assert_allclose(gradient.sum(axis=-1), 0, atol=1e-12)


@st.composite
def classified(draw):
    batch, classes = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    logits = draw(strategies.arrays((batch, classes), low=-30.0, high=30.0))
    return logits, draw(strategies.labels(batch, classes))


@given(classified(), st.sampled_from(["mean", "sum", "none"]), SEEDS)
def test_cross_entropy_is_nll_of_log_softmax(pair, reduction, seed):
    logits, labels = pair
    fused, pull_fused = mg.vjp(lambda x: F.cross_entropy(x, labels, reduction=reduction), logits)
    parts, pull_parts = mg.vjp(
        lambda x: F.nll_loss(F.log_softmax(x), labels, reduction=reduction), logits
    )
    np.testing.assert_allclose(fused, parts, rtol=1e-12, atol=1e-12)
    (cotangent,) = noise(seed, fused)
    np.testing.assert_allclose(pull_fused(cotangent)[0], pull_parts(cotangent)[0], atol=1e-12)
    np.testing.assert_allclose(pull_fused(cotangent)[0].sum(axis=-1), 0, atol=1e-12)


@given(classified())
def test_cross_entropy_is_not_moved_by_a_shift(pair):
    logits, labels = pair
    loss = F.cross_entropy(logits, labels)
    np.testing.assert_allclose(F.cross_entropy(logits + 100.0, labels), loss, atol=1e-9)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_expectation(p):
    n = 40_000
    x = mg.tensor(np.full(n, 3.0), requires_grad=True)
    out = F.dropout(x, p, rng=1)
    deviation = 3.0 * np.sqrt(p / (1 - p) / n)
    assert abs(out.data.mean() - 3.0) < 5 * deviation
    assert abs((out.data == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / n)
    out.backward(np.full(n, 2.0))
    np.testing.assert_allclose(x.grad, 2.0 * out.data / 3.0)  # the same elements, scaled the same


# --- Optimizers ------------------------------------------------------------------------------

OPTIMIZERS = {
    "SGD": lambda groups: optim.SGD(groups, lr=0.1, weight_decay=0.01),
    "Momentum": lambda groups: optim.Momentum(groups, lr=0.1),
    "RMSProp": lambda groups: optim.RMSProp(groups, lr=0.01),
    "Adam": lambda groups: optim.Adam(groups, lr=0.01),
    "AdamW": lambda groups: optim.AdamW(groups, lr=0.01),
    "AdaGrad": lambda groups: optim.AdaGrad(groups, lr=0.1),
}


def test_every_optimizer_is_here():
    defined = {
        name
        for name, value in vars(optim).items()
        if isinstance(value, type) and issubclass(value, optim.Optimizer)
    }
    assert defined - {"Optimizer"} == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(sizes=st.lists(st.integers(1, 4), min_size=2, max_size=5), data=st.data())
def test_splitting_parameters_into_groups_changes_nothing(name, sizes, data):
    group_of = [data.draw(st.integers(0, 2)) for _ in sizes]
    seed = data.draw(SEEDS)
    start = noise(seed, *(np.zeros(n) for n in sizes))
    together = [nn.Parameter(array) for array in start]
    apart = [nn.Parameter(array) for array in start]
    groups = [[p for p, g in zip(apart, group_of, strict=True) if g == i] for i in range(3)]
    one = OPTIMIZERS[name](together)
    several = OPTIMIZERS[name]([{"params": group} for group in groups if group])
    for step in range(4):
        gradients = noise(seed + step, *start)
        for p, q, gradient in zip(together, apart, gradients, strict=True):
            p.grad, q.grad = gradient.copy(), gradient.copy()
        one.step()
        several.step()
    for p, q, before in zip(together, apart, start, strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-14)
        assert not np.array_equal(p.data, before)
