"""Derivatives by central differences, and what the tests of layers and losses check with them."""

import numpy as np

import minigrad as mg
from minigrad import backprop

STEP = 1e-6


def numeric_gradient(number, arrays, index):
    """Return the gradient of number(*arrays) with respect to one array, element by element."""
    arrays = [np.array(a, dtype=np.float64) for a in arrays]
    x = arrays[index]
    gradient = np.empty_like(x)
    for place in np.ndindex(x.shape):
        value = x[place]
        x[place] = value + STEP
        above = float(number(*arrays))
        x[place] = value - STEP
        below = float(number(*arrays))
        x[place] = value
        gradient[place] = (above - below) / (2 * STEP)
    return gradient


def random_like(array, seed=0):
    """Return a cotangent without symmetries: neither ones nor of sum 0."""
    return np.random.default_rng(seed).uniform(0.5, 2.0, np.shape(array)) * np.where(
        np.random.default_rng(seed + 1).random(np.shape(array)) < 0.5, -1, 1
    )


def assert_gradients(function, *arrays, rtol=1e-5, atol=1e-7):
    """Compare backward() through function(*arrays) with central differences, for every array."""
    arrays = [np.asarray(a, dtype=np.float64) for a in arrays]
    tensors = [mg.tensor(a, requires_grad=True) for a in arrays]
    out = function(*tensors)
    cotangent = random_like(out.data)
    out.backward(cotangent)

    def number(*values):
        return np.sum(cotangent * function(*values))

    for index, tensor in enumerate(tensors):
        assert tensor.grad.dtype == np.float64
        assert tensor.grad.shape == tensor.shape
        expected = numeric_gradient(number, arrays, index)
        np.testing.assert_allclose(tensor.grad, expected, rtol, atol, err_msg=f"argument {index}")


def assert_second_order(function, *arrays, rtol=1e-4, atol=1e-6):
    """Compare second derivatives of the square of function(*arrays) with central differences.

    Of the square, since the second derivative of what is linear is 0 whatever the rule.
    """
    arrays = [np.asarray(a, dtype=np.float64) for a in arrays]
    cotangent = random_like(np.asarray(function(*arrays)))
    everything = tuple(range(len(arrays)))

    def gradients(*values):
        return mg.grad(lambda *x: np.sum(cotangent * function(*x) ** 2), everything)(*values)

    for index in everything:
        assert_gradients(lambda *x, i=index: gradients(*x)[i], *arrays, rtol=rtol, atol=atol)


def nodes_of(tensor):
    """Return every vertex that a tensor was computed from, and its own."""
    found, stack = {}, [tensor._node]
    while stack:
        vertex = stack.pop()
        if vertex is not None and id(vertex) not in found:
            found[id(vertex)] = vertex
            stack.extend(vertex.parents)
    return list(found.values())


def assert_stays_float32(function, *arrays, monkeypatch):
    """Check the dtype of every array on the way forward and back, before anything restores it."""
    tensors = [mg.tensor(np.asarray(a, np.float32), requires_grad=True) for a in arrays]
    fit = backprop._fit
    returned = []

    def noted(contribution, parent, node, index):
        returned.append((node.rule.name, contribution.dtype))
        return fit(contribution, parent, node, index)

    monkeypatch.setattr(backprop, "_fit", noted)
    out = function(*tensors)
    out.backward(np.ones(out.shape, np.float32))
    assert out.dtype == np.float32
    assert {str(vertex.dtype) for vertex in nodes_of(out)} == {"float32"}
    assert {dtype for _, dtype in returned} <= {np.dtype(np.float32)}, returned
    assert {tensor.grad.dtype for tensor in tensors} == {np.dtype(np.float32)}
