"""Activation functions: f, and its rule a few lines below."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad import random, workspace
from minigrad.calls import unwrap
from minigrad.compiled import ENOUGH, Kernel, same_layout
from minigrad.errors import ArgumentError
from minigrad.nn._checks import described, number, numbers
from minigrad.primitive import defvjp, primitive
from minigrad.random import Rng

__all__ = [
    "dropout",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "step",
]

Array = Any
SLOPE = "leaky_relu's negative_slope is a number"
PROBABILITY = "dropout's p is a probability, from 0 to 1"


def is_share(x: float) -> bool:
    """Return whether a number is from 0 to 1."""
    return 0 <= x <= 1


@primitive
def sigmoid(x: Array) -> Array:
    r"""Squash to the interval from 0 to 1, without overflow.

    .. math:: \sigma(x) = \frac{1}{1 + e^{-x}}

    Parameters
    ----------
    x : array

    Returns
    -------
    array of the same shape and dtype

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> F.sigmoid(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    """
    x = numbers(x, "sigmoid")
    small = np.exp(-np.abs(x))  # at most 1
    return np.maximum(small, x >= 0) / (1 + small)  # np.where(x >= 0, 1, small), in a tenth of it


# sigma(x) sigma(-x), since 1 - sigma(x) would lose its digits for large x.
defvjp(sigmoid, lambda g, out, x: g * out * sigmoid(-x))


@primitive
def relu(x: Array) -> Array:
    r"""Replace negative numbers by 0. The slope at 0 is 0.

    .. math:: \max(x, 0)

    Parameters
    ----------
    x : array

    Returns
    -------
    array of the same shape and dtype

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> F.relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    x = numbers(x, "relu")
    if x.size > ENOUGH and same_layout(x):
        out = workspace.empty_like(x)
        _relu_of.run(x.reshape(-1), out.reshape(-1))
        return out
    return workspace.ufunc(np.maximum, x, 0)


def _relu(g: Array, out: Array, _x: Array) -> Array:
    if g.size > ENOUGH and same_layout(g, out):
        result = workspace.empty_like(g)
        _relu_gradient.run(g.reshape(-1), out.reshape(-1), result.reshape(-1))
        return result
    return workspace.ufunc(np.multiply, g, out > 0)


@Kernel
def _relu_of(x: Array, out: Array) -> None:
    for i in range(x.size):
        out[i] = x[i] if x[i] > 0 or x[i] != x[i] else 0


@Kernel
def _relu_gradient(g: Array, out: Array, result: Array) -> None:
    for i in range(g.size):
        result[i] = g[i] * (out[i] > 0)


defvjp(relu, _relu)


@primitive
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    r"""Multiply negative numbers by a small slope. At 0 the slope is that one.

    .. math:: \max(x, 0) + a \min(x, 0)

    Parameters
    ----------
    x : array
    negative_slope : float, default 0.01
        The slope a.

    Returns
    -------
    array of the same shape and dtype

    Raises
    ------
    ArgumentError
        If `negative_slope` is not a number.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> F.leaky_relu(np.array([-1.0, 2.0]), 0.1)
    array([-0.1,  2. ])
    """
    x = numbers(x, "leaky_relu")
    return np.where(x > 0, x, number(negative_slope, SLOPE) * x)


def _leaky_relu(g: Array, _out: Array, x: Array, negative_slope: float = 0.01) -> Array:
    return np.where(x > 0, g, float(negative_slope) * g)


defvjp(leaky_relu, _leaky_relu)


@primitive
def softplus(x: Array) -> Array:
    r"""Compute a smooth version of `relu`, without overflow.

    .. math:: \log(1 + e^x)

    Parameters
    ----------
    x : array

    Returns
    -------
    array of the same shape and dtype

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> F.softplus(np.array([-1e4, 0.0, 1e4]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+04])
    """
    x = numbers(x, "softplus")
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


defvjp(softplus, lambda g, _out, x: g * sigmoid(x))

_each_erfc = np.frompyfunc(math.erfc, 1, 1)


@primitive
def erfc(x: Array) -> Array:
    """Compute 1 less the error function, with Python's `math.erfc` for each element."""
    return np.asarray(_each_erfc(x)).astype(x.dtype)


defvjp(erfc, lambda g, _out, x: g * (-2 / math.sqrt(math.pi)) * np.exp(-(x**2)))


def gelu(x: Array, approximate: str = "none") -> Array:
    r"""Weigh each number by the probability that a standard normal one is smaller.

    .. math::
        x \, \Phi(x) = \tfrac{x}{2} \left(1 + \mathrm{erf}(x / \sqrt 2)\right)

    and with ``approximate="tanh"``

    .. math::
        \tfrac{x}{2} \left(1 + \tanh\left(\sqrt{2 / \pi} \, (x + 0.044715 \, x^3)\right)\right)

    Parameters
    ----------
    x : array
    approximate : {"none", "tanh"}, default "none"
        The second is much faster, NumPy having no error function, and off by at most 0.0005.

    Returns
    -------
    array of the same shape and dtype

    Raises
    ------
    ArgumentError
        If `approximate` is anything else.

    References
    ----------
    Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016, arXiv:1606.08415.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> np.round(F.gelu(np.array([-1.0, 1.0])), 4)
    array([-0.1587,  0.8413])
    """
    x = numbers(x, "gelu")
    if approximate == "none":
        return 0.5 * x * erfc(x * -math.sqrt(0.5))  # which is exact for large negative x, too
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    raise ArgumentError(f"gelu is approximate='none' or 'tanh', not {approximate!r}")


def _logits(name: str, x: Any, axis: int) -> Array:
    """Return logits as floating-point numbers, with at least one class on the axis."""
    x = numbers(x, name)
    if not x.shape:
        raise ArgumentError(f"{name} needs an axis of classes, and a single number has none")
    if not isinstance(axis, int | np.integer) or not -x.ndim <= axis < x.ndim:
        raise ArgumentError(
            f"{name} over axis {described(axis)} of an array of shape {x.shape}, whose axes are "
            f"0 to {x.ndim - 1}, or -1 for the last"
        )
    if not x.shape[axis]:
        raise ArgumentError(f"{name} over axis {axis} of an array of shape {x.shape}: no classes")
    return x if x.dtype.kind == "f" else x.astype(np.float64)


@primitive
def softmax(x: Array, axis: int = -1) -> Array:
    r"""Turn numbers into probabilities: positive, with sum 1 over an axis.

    .. math:: p_i = \frac{e^{x_i - m}}{\sum_j e^{x_j - m}}, \qquad m = \max_j x_j

    Subtracting the maximum changes nothing but that no exponential overflows.

    Parameters
    ----------
    x : array
        Logits.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    array of the same shape and dtype

    Raises
    ------
    ArgumentError
        If there is no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> F.softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    x = _logits("softmax", x, axis)
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    e /= e.sum(axis=axis, keepdims=True)
    return e


def _softmax(g: Array, out: Array, _x: Array, axis: int = -1) -> Array:
    weighted = g * out
    return weighted - out * weighted.sum(axis=axis, keepdims=True)


defvjp(softmax, _softmax)


@primitive
def log_softmax(x: Array, axis: int = -1) -> Array:
    r"""Compute the logarithm of `softmax`, accurately also where a probability is tiny.

    .. math:: x_i - m - \log \sum_j e^{x_j - m}, \qquad m = \max_j x_j

    Parameters
    ----------
    x : array
        Logits.
    axis : int, default -1
        The axis of the classes.

    Returns
    -------
    array of the same shape and dtype

    Raises
    ------
    ArgumentError
        If there is no such axis.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> F.log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    x = _logits("log_softmax", x, axis)
    shifted = x - x.max(axis=axis, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return shifted


def _log_softmax(g: Array, out: Array, _x: Array, axis: int = -1) -> Array:
    return g - np.exp(out) * g.sum(axis=axis, keepdims=True)


defvjp(log_softmax, _log_softmax)


def step(x: Array) -> Array:
    """Return 1 where a number is positive and 0 elsewhere: the perceptron's activation.

    It has no gradient, so the result is a plain array, and nothing before it can be trained
    through it.

    Parameters
    ----------
    x : array

    Returns
    -------
    plain array of the same shape and dtype

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> F.step(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 1.])
    """
    x = numbers(unwrap(x), "step")
    return (x > 0).astype(x.dtype)


def dropout(
    x: Array,
    p: float = 0.5,
    training: bool = True,
    rng: Rng = None,
) -> Array:
    r"""Set elements to 0 at random, and scale the others so that the expectation stays.

    .. math:: y_i = \frac{m_i}{1 - p} \, x_i, \qquad m_i \sim \mathrm{Bernoulli}(1 - p)

    This is the inverted form: nothing is scaled where `training` is False.

    Parameters
    ----------
    x : array
    p : float, default 0.5
        Probability of setting an element to 0.
    training : bool, default True
        Whether to do anything.
    rng : numpy.random.Generator, int or None, default None
        Where the randomness comes from; see `minigrad.random.resolve`.

    Returns
    -------
    array of the same shape and dtype

    Raises
    ------
    ArgumentError
        If `p` is not between 0 and 1.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A Simple Way to Prevent
    Neural Networks from Overfitting", JMLR 15, 2014; scaled at training time, not at test time.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> y = F.dropout(np.ones(1000), 0.25, rng=0)
    >>> sorted(set(y.tolist()))
    [0.0, 1.3333333333333333]
    """
    p = number(p, PROBABILITY, is_share)
    x = numbers(x, "dropout")
    if not training or p == 0:
        return x
    if p == 1:
        return x * np.zeros_like(unwrap(x))
    draws = random.resolve(rng).random(x.shape, dtype=np.float32)
    keep = (draws >= p).astype(x.dtype if x.dtype.kind == "f" else np.float64)
    keep /= 1 - p
    return x * keep
