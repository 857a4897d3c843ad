"""A change by any way through tensors is noticed, or impossible: none gives a wrong gradient."""

import copy

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DtypeError, GraphError, ShapeError


def leaf(*values):
    return mg.tensor(np.array(values), requires_grad=True)


def by_detached(w):
    d = w.detach()
    d += 1


def by_detached_twice(w):
    w.detach().detach()[0] = 7.0


def by_slice(w):
    with mg.no_grad():
        r = w[0:1]
        r -= 1


def by_transpose(w):
    with mg.no_grad():
        r = w.T
        r *= 2


def by_slice_of_slice(w):
    with mg.no_grad():
        r = w[0:2][0:1]
        r -= 1


@pytest.mark.parametrize(
    "change", [by_detached, by_detached_twice, by_slice, by_transpose, by_slice_of_slice]
)
def test_changing_a_leaf_through_another_tensor_is_noticed(change):
    w = leaf(3.0, 4.0)
    y = (w * w).sum()
    change(w)
    with pytest.raises(GraphError, match="was changed after the forward pass"):
        y.backward()


def test_changing_a_constant_behind_a_view_of_it_is_noticed():
    w, c = leaf(2.0, 2.0), mg.tensor(np.ones(3))
    y = (w * c[:2]).sum()
    c += 10
    with pytest.raises(GraphError, match="was changed after the forward pass"):
        y.backward()


def test_values_of_a_result_cannot_be_written_to():
    w = leaf(1.0)
    y = np.exp(w)
    d = y.detach()
    with pytest.raises(ShapeError, match="read-only"):
        d *= 2
    with mg.no_grad():
        part = y[0:1]
    with pytest.raises(ShapeError, match="read-only"):
        part *= 2
    y.sum().backward()
    np.testing.assert_allclose(w.grad, np.e)


def test_a_view_under_no_grad_still_updates_its_leaf():
    w = leaf(1.0, 2.0)
    with mg.no_grad():
        w[0] -= 3.0
        part = w[1:]
        part += 5.0
    assert w.data.tolist() == [-2.0, 7.0]


def test_a_detached_tensor_can_be_a_variable_of_its_own():
    w = leaf(1.0, 2.0)
    d = w.detach().requires_grad_()
    (d * d).sum().backward()
    assert d.grad.tolist() == [2.0, 4.0]
    assert w.grad is None


def test_shallow_copies_of_leaves_have_memory_of_their_own():
    w = leaf(1.0)
    twin = copy.copy(w)
    with mg.no_grad():
        twin += 1
    assert (w.item(), twin.item()) == (1.0, 2.0)


@pytest.mark.parametrize("index", [np.array([0, 1]), np.array([True, True, False]), [0, 1]])
def test_an_index_may_be_reused(index):
    w = leaf(1.0, 2.0, 3.0)
    y = w[index].sum() + w[index,].sum()
    index[:] = [2, 2] if len(index) == 2 else [False, False, True]
    y.backward()
    assert w.grad.tolist() == [2.0, 2.0, 0.0]


@pytest.mark.parametrize(
    "spelling",
    [
        lambda w, numbers: w + numbers,
        lambda w, numbers: numbers + w,
        np.add,
        lambda w, numbers: np.concatenate([w * 0, numbers]) + w,
        lambda w, numbers: np.stack([w * 0, numbers]).sum(axis=0) + w,
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lists_have_the_precision_of_what_they_meet(spelling, dtype):
    w = mg.tensor(np.zeros(1, dtype), requires_grad=True)
    out = spelling(w, [0.1])
    assert out.dtype == dtype
    assert out.data[-1] == dtype(0.1)


@pytest.mark.parametrize(
    "call",
    [
        lambda w: w * (1 + 2j),
        lambda w: np.exp(1j * w),
        lambda w: np.sum(w, dtype=int),
        lambda w: w * np.array([1j]),
    ],
)
def test_results_without_gradients_are_refused_when_they_are_made(call):
    with pytest.raises(DtypeError, match=r"only real floating-point results have gradients"):
        call(leaf(1.0))


@pytest.mark.parametrize(
    "operand", [np.ma.masked_array([1.0], [True]), np.ones((1, 1)).view(np.matrix)]
)
def test_arrays_with_operators_of_their_own_are_refused(operand):
    with pytest.raises(DtypeError, match="computes in ways of its own"):
        leaf(1.0) * operand


@pytest.mark.parametrize(
    "constant_of",
    [
        lambda w: np.flip(w).detach(),
        lambda w: w[1:].detach(),
        lambda w: np.flip(w).detach().detach()[:1],
        lambda w: unrecorded(lambda: np.flip(w)),
        lambda w: unrecorded(lambda view: view[:1], np.flip(w)),
    ],
)
def test_changing_a_leaf_behind_a_constant_that_shows_it_is_noticed(constant_of):
    w, x = leaf(3.0, 4.0), leaf(2.0)
    constant = constant_of(w)
    y = (x * constant).sum()
    with mg.no_grad():
        w += 1
    assert np.shares_memory(constant.data, w.data)
    with pytest.raises(GraphError, match="was changed after the forward pass"):
        y.backward()


def unrecorded(function, *args):
    with mg.no_grad():
        return function(*args)


def test_a_changed_result_of_constants_is_noticed():
    w = mg.tensor([1.0, 2.0], requires_grad=True)
    constant = mg.tensor([3.0, 4.0]) * 2
    loss = np.multiply(w, constant).sum()
    constant[0] = 50.0
    with pytest.raises(GraphError, match="was changed after the forward pass"):
        loss.backward()


def test_a_constant_that_a_function_returns_as_it_is_stays_the_same_constant():
    same = mg.primitive(lambda x: x)
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.no_grad():
        v = same(x)
    y = (x * x).sum()
    v[0] = 100.0
    with pytest.raises(GraphError, match="was changed after the forward pass"):
        y.backward()


def test_a_result_in_the_memory_of_a_leaf_that_its_rule_needs_is_kept_an_eye_on():
    top = mg.primitive(lambda x: x[:2])
    mg.defvjp(top, lambda g, out, _x: np.concatenate([g * out, np.zeros(1, out.dtype)]))
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
    y = top(x).sum()
    x.data[0] = 50.0
    x.increment_version()
    with pytest.raises(GraphError, match="'x', whose value <lambda> needs"):
        y.backward()
