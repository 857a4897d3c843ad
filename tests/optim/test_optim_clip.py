"""Clipping gradients."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import ArgumentError, DtypeError, GraphError

ORDERS = [1.0, 2.0, 3.5, math.inf]


def parameter(grad, dtype=np.float64, name=None):
    grad = np.asarray(grad, dtype)
    tensor = mg.tensor(np.zeros_like(grad), requires_grad=True, name=name)
    tensor.grad = grad
    return tensor


def flat(params):
    return np.concatenate([param.grad.ravel() for param in params])


@given(
    rows=st.lists(st.lists(st.integers(-900, 900), min_size=1, max_size=4), min_size=1, max_size=4),
    order=st.sampled_from(ORDERS),
    max_norm=st.floats(0.01, 20),
)
def test_norm_and_clipping(rows, order, max_norm):
    params = [parameter(np.array(row) / 100) for row in rows]
    before = flat(params)
    norm = optim.clip_grad_norm(params, max_norm, norm_type=order)
    assert norm == pytest.approx(np.linalg.norm(before, order), rel=1e-9)
    np.testing.assert_allclose(flat(params), before * min(1, max_norm / (norm + 1e-6)), rtol=1e-12)
    assert np.linalg.norm(flat(params), order) <= max_norm * (1 + 1e-9)


def test_pytorch_figures():
    # torch.nn.utils.clip_grad_norm_ 2.13 on the same gradients
    params = [parameter([[3.0, -4.0], [1.0, 2.0]]), parameter([5.0])]
    assert optim.clip_grad_norm(params, 2.0) == pytest.approx(7.416198487095663, rel=1e-15)
    figures = [
        0.8090397258649961,
        -1.0787196344866614,
        0.26967990862166535,
        0.5393598172433307,
        1.3483995431083269,
    ]
    np.testing.assert_allclose(flat(params), figures, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ORDERS)
def test_dtype_and_place_are_kept(dtype, order):
    w = parameter([3.0, 4.0], dtype)
    grad = w.grad
    optim.clip_grad_norm([w], 0.5, norm_type=order)
    assert w.grad is grad
    assert grad.dtype == dtype
    assert np.linalg.norm(grad, order) == pytest.approx(0.5, rel=1e-2)


@pytest.mark.parametrize("size", [1e-30, 1e30])
@pytest.mark.parametrize("order", ORDERS)
def test_squares_that_overflow_or_vanish(size, order):
    w = parameter([3 * size, 4 * size], np.float32)
    expected = np.linalg.norm([3.0, 4.0], order) * size
    assert optim.clip_grad_norm([w], 1.0, norm_type=order) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("order", ORDERS)
def test_zero_and_empty_gradients(order):
    params = [parameter([0.0, 0.0]), parameter(np.zeros((0, 3))), parameter(0.0)]
    assert optim.clip_grad_norm(params, 1.0, norm_type=order) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("order", ORDERS)
def test_what_is_not_finite_is_named(bad, order):
    params = [parameter([1.0]), parameter([bad, 1.0], name="weight")]
    with pytest.raises(GraphError, match="because of parameter 'weight'; lower the learning rate"):
        optim.clip_grad_norm(params, 0.1, norm_type=order)
    assert params[0].grad == [1.0]
    total = optim.clip_grad_norm(params, 0.1, norm_type=order, error_if_nonfinite=False)
    assert math.isnan(total) if math.isnan(bad) else math.isinf(total)


def test_clip_value():
    params = [parameter([[-3.0, 0.5], [0.1, 2.0]], np.float32), parameter(1.0)]
    grads = [param.grad for param in params]
    optim.clip_grad_value(params, 0.5)
    np.testing.assert_array_equal(grads[0], np.float32([[-0.5, 0.5], [0.1, 0.5]]))
    assert grads[1] == 0.5
    assert [param.grad.dtype for param in params] == [np.float32, np.float64]


def test_parameters_without_gradient_are_left_out():
    idle = mg.tensor([1.0], requires_grad=True)
    w = parameter([3.0, 4.0])
    assert optim.clip_grad_norm([idle, w], 10.0) == 5.0
    optim.clip_grad_value([("idle", idle), ("w", w)], 3.5)
    np.testing.assert_array_equal(w.grad, [3.0, 3.5])
    assert idle.grad is None


def test_an_array_that_two_parameters_were_given_is_clipped_once():
    first, second = parameter([3.0, 4.0]), parameter([0.0, 0.0])
    second.grad = first.grad
    optim.clip_grad_norm([first, second], 1.0)
    assert np.linalg.norm(flat([first, second])) == pytest.approx(1.0, rel=1e-5)


def test_gradients_that_are_tensors_are_replaced():
    w = mg.tensor([3.0, 4.0], requires_grad=True)
    (w * w / 2).sum().backward(create_graph=True)
    recorded = w.grad
    optim.clip_grad_norm([w], 1.0)
    np.testing.assert_allclose(w.grad, [0.6, 0.8], rtol=1e-5)
    np.testing.assert_array_equal(recorded.data, [3.0, 4.0])


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
def test_mistakes(clip):
    w = parameter([1.0])
    for limit in (0, -1.0, math.nan, "1"):
        with pytest.raises(ArgumentError, match=f"{clip.__name__}: .* must be a number greater"):
            clip([w], limit)
    with pytest.raises(GraphError, match="no parameter has a gradient; call it between"):
        clip([mg.tensor([1.0], requires_grad=True)], 1.0)
    with pytest.raises(ArgumentError, match="got no parameters"):
        clip([], 1.0)
    with pytest.raises(DtypeError, match=r"not one tensor; write clip_grad_\w+\(\["):
        clip(w, 1.0)
    with pytest.raises(DtypeError, match="not a module"):
        clip(nn.Linear(1, 1), 1.0)


@pytest.mark.parametrize("order", [0, 0.5, -1, math.nan, "2", True])
def test_norms_that_are_none(order):
    with pytest.raises(ArgumentError, match="norm_type must be a number of at least 1"):
        optim.clip_grad_norm([parameter([1.0])], 1.0, norm_type=order)


def test_orders_of_norms_may_be_whole_numbers():
    w = parameter([3.0, 4.0])
    assert optim.clip_grad_norm([w], 1e9, norm_type=1) == pytest.approx(7.0)


def test_norm_is_accurate_where_squares_are_almost_lost():
    grad = np.full(10_000, 3e-21, np.float32)  # whose squares have few bits left
    w = parameter(grad, np.float32)
    assert optim.clip_grad_norm([w], 1.0) == pytest.approx(100 * float(grad[0]), rel=1e-6)


@pytest.mark.parametrize("order", [1.5, 3, 4])
def test_norm_of_any_order(order):
    w = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    w.grad = np.array([1.0, -2.0, 2.0], np.float32)
    expected = (1 + 2 * 2.0**order) ** (1 / order)
    assert optim.clip_grad_norm([w], 100.0, norm_type=order) == pytest.approx(expected, rel=1e-6)


def test_whether_to_raise_is_true_or_false():
    w = mg.tensor([1.0], requires_grad=True)
    w.grad = np.array([1.0], np.float32)
    with pytest.raises(ArgumentError, match="error_if_nonfinite"):
        optim.clip_grad_norm([w], 1.0, error_if_nonfinite="no")
