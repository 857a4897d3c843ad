r"""Initialisers: arrays to begin training with, by name and formula.

An initialiser is a function of a shape, an ``rng`` (see `minigrad.random.resolve`) and a ``dtype``
(float32 unless given) that returns an array. Layers take one by its name, as in
``nn.Linear(784, 128, weight_init="kaiming_normal")``; a parameter is set to one with
``p.data = init.orthogonal(p.shape)``. ``init.partial``, which is `functools.partial`, fixes
options: ``weight_init=init.partial(init.normal, std=0.01)``.

Weights have the shape (out_features, in_features, ...); :math:`n_\mathrm{in}` and
:math:`n_\mathrm{out}` are the numbers of inputs of one output and of outputs of one input.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from minigrad import random
from minigrad.arrays import as_dtype
from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.nn._checks import described, number
from minigrad.random import Rng

__all__ = [
    "constant",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "orthogonal",
    "partial",
    "resolve",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Array: TypeAlias = Any
Initializer: TypeAlias = Callable[..., Array]
partial = functools.partial


def _shape(shape: Any) -> tuple[int, ...]:
    lengths = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if not all(isinstance(n, int | np.integer) and n >= 0 for n in lengths):
        raise ArgumentError(f"a shape is made of integers from 0 up, not {shape!r}")
    return tuple(map(int, lengths))


def _dtype(dtype: DTypeLike) -> np.dtype[Any]:
    wanted = as_dtype(dtype)
    if wanted.kind != "f":
        raise DtypeError(f"parameters begin as floating-point numbers, not {wanted}")
    return wanted


def zeros(shape: Sequence[int], *, rng: Rng = None, dtype: DTypeLike = np.float32) -> Array:
    """Return zeros, as biases begin with.

    Parameters
    ----------
    shape : sequence of int
        Of what is to be initialised.
    rng, dtype : optional
        As all initialisers take them.

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.zeros((2,))
    array([0., 0.], dtype=float32)
    """
    return np.zeros(_shape(shape), _dtype(dtype))


def constant(
    shape: Sequence[int], value: float = 0.0, *, rng: Rng = None, dtype: DTypeLike = np.float32
) -> Array:
    """Return one number everywhere.

    Parameters
    ----------
    shape : sequence of int
        Of what is to be initialised.
    value : float, default 0.0
        The number.
    rng, dtype : optional
        As all initialisers take them.

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.constant((2,), 0.5)
    array([0.5, 0.5], dtype=float32)
    """
    value = number(value, "init.constant's value is a number")
    return np.full(_shape(shape), value, _dtype(dtype))


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    std: float = 1.0,
    *,
    rng: Rng = None,
    dtype: DTypeLike = np.float32,
) -> Array:
    r"""Draw from a normal distribution, :math:`N(\mathrm{mean}, \mathrm{std}^2)`.

    Parameters
    ----------
    shape : sequence of int
        Of what is to be initialised.
    mean : float, default 0.0
    std : float, default 1.0
        At least 0.
    rng, dtype : optional
        As all initialisers take them.

    Raises
    ------
    ArgumentError
        If `std` is negative, or `shape` is no shape.
    DtypeError
        If `dtype` is not a floating-point dtype; so do all initialisers.

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.normal((2, 3), std=0.01, rng=0).shape
    (2, 3)
    """
    mean = number(mean, "init.normal's mean is a number")
    std = number(std, "init.normal's std is a number from 0 up", lambda x: x >= 0)
    draws = random.resolve(rng).standard_normal(_shape(shape))
    return (mean + std * draws).astype(_dtype(dtype))


def uniform(
    shape: Sequence[int],
    low: float = 0.0,
    high: float = 1.0,
    *,
    rng: Rng = None,
    dtype: DTypeLike = np.float32,
) -> Array:
    r"""Draw from a uniform distribution on the interval from `low` to `high`.

    Parameters
    ----------
    shape : sequence of int
        Of what is to be initialised.
    low, high : float, default 0.0, 1.0
        The ends; `high` is not below `low`.
    rng, dtype : optional
        As all initialisers take them.

    Raises
    ------
    ArgumentError
        If `high` is below `low`.

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.uniform((2, 3), -1.0, 1.0, rng=0).shape
    (2, 3)
    """
    low = number(low, "init.uniform's low is a number")
    high = number(high, f"init.uniform's high is a number from low={low} up", lambda x: x >= low)
    return random.resolve(rng).uniform(low, high, _shape(shape)).astype(_dtype(dtype))


def _gain(gain: Any) -> float:
    return number(gain, "the gain of an initialiser is a number")


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return the numbers of inputs of one output and of outputs of one input."""
    shape = _shape(shape)
    if len(shape) < 2 or 0 in shape:
        raise ShapeError(
            f"this initialiser is for weights of shape (out_features, in_features, ...), not "
            f"{shape}; biases begin with init.zeros"
        )
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


def xavier_uniform(
    shape: Sequence[int], gain: float = 1.0, *, rng: Rng = None, dtype: DTypeLike = np.float32
) -> Array:
    r"""Draw uniformly so that variances are kept forward and backward (Glorot's initialisation).

    .. math:: U(-a, a), \qquad a = \mathrm{gain} \sqrt{6 / (n_\mathrm{in} + n_\mathrm{out})}

    Parameters
    ----------
    shape : sequence of int
        (out_features, in_features, ...), at least two axes.
    gain : float, default 1.0
        What the spread is multiplied by.
    rng, dtype : optional
        As all initialisers take them.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010: their "normalized initialization", equation 16.

    Examples
    --------
    >>> from minigrad.nn import init
    >>> bool(abs(init.xavier_uniform((3, 3), rng=0)).max() <= 1.0)
    True
    """
    bound = _gain(gain) * math.sqrt(6 / sum(_fans(shape)))
    return uniform(shape, -bound, bound, rng=rng, dtype=dtype)


def xavier_normal(
    shape: Sequence[int], gain: float = 1.0, *, rng: Rng = None, dtype: DTypeLike = np.float32
) -> Array:
    r"""Draw normally so that variances are kept forward and backward (Glorot's initialisation).

    .. math:: N(0, \sigma^2), \qquad \sigma = \mathrm{gain} \sqrt{2/(n_\mathrm{in}+n_\mathrm{out})}

    Parameters
    ----------
    shape : sequence of int
        (out_features, in_features, ...), at least two axes.
    gain : float, default 1.0
        What the spread is multiplied by.
    rng, dtype : optional
        As all initialisers take them.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    Glorot and Bengio, as for `xavier_uniform`: the same variance.

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.xavier_normal((2, 3), rng=0).shape
    (2, 3)
    """
    return normal(shape, 0.0, _gain(gain) * math.sqrt(2 / sum(_fans(shape))), rng=rng, dtype=dtype)


def kaiming_uniform(
    shape: Sequence[int],
    gain: float = math.sqrt(2),
    *,
    rng: Rng = None,
    dtype: DTypeLike = np.float32,
) -> Array:
    r"""Draw uniformly so that variances are kept through ReLUs (He's initialisation).

    .. math:: U(-a, a), \qquad a = \mathrm{gain} \sqrt{3 / n_\mathrm{in}}

    Parameters
    ----------
    shape : sequence of int
        (out_features, in_features, ...), at least two axes.
    gain : float, default sqrt(2)
        What the spread is multiplied by.
    rng, dtype : optional
        As all initialisers take them.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015: the variance of equation 10
    (forward).

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.kaiming_uniform((2, 3), rng=0).shape
    (2, 3)
    """
    bound = _gain(gain) * math.sqrt(3 / _fans(shape)[0])
    return uniform(shape, -bound, bound, rng=rng, dtype=dtype)


def kaiming_normal(
    shape: Sequence[int],
    gain: float = math.sqrt(2),
    *,
    rng: Rng = None,
    dtype: DTypeLike = np.float32,
) -> Array:
    r"""Draw normally so that variances are kept through ReLUs (He's initialisation).

    .. math:: N(0, \sigma^2), \qquad \sigma = \mathrm{gain} / \sqrt{n_\mathrm{in}}

    Parameters
    ----------
    shape : sequence of int
        (out_features, in_features, ...), at least two axes.
    gain : float, default sqrt(2)
        What the spread is multiplied by.
    rng, dtype : optional
        As all initialisers take them.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015: equation 10 (forward).

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.kaiming_normal((2, 3), rng=0).shape
    (2, 3)
    """
    return normal(shape, 0.0, _gain(gain) / math.sqrt(_fans(shape)[0]), rng=rng, dtype=dtype)


def lecun_uniform(shape: Sequence[int], *, rng: Rng = None, dtype: DTypeLike = np.float32) -> Array:
    r"""Draw uniformly so that variances are kept forward through linear units.

    .. math:: U(-a, a), \qquad a = \sqrt{3 / n_\mathrm{in}}

    Parameters
    ----------
    shape : sequence of int
        (out_features, in_features, ...), at least two axes.
    rng, dtype : optional
        As all initialisers take them.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, equation 16.

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.lecun_uniform((2, 3), rng=0).shape
    (2, 3)
    """
    return kaiming_uniform(shape, 1.0, rng=rng, dtype=dtype)


def lecun_normal(shape: Sequence[int], *, rng: Rng = None, dtype: DTypeLike = np.float32) -> Array:
    r"""Draw normally so that variances are kept forward: ``randn / sqrt(fan_in)``.

    Some courses call this one Xavier's.

    .. math:: N(0, \sigma^2), \qquad \sigma = 1 / \sqrt{n_\mathrm{in}}

    Parameters
    ----------
    shape : sequence of int
        (out_features, in_features, ...), at least two axes.
    rng, dtype : optional
        As all initialisers take them.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, equation 16.

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.lecun_normal((2, 3), rng=0).shape
    (2, 3)
    """
    return kaiming_normal(shape, 1.0, rng=rng, dtype=dtype)


def orthogonal(
    shape: Sequence[int], gain: float = 1.0, *, rng: Rng = None, dtype: DTypeLike = np.float32
) -> Array:
    r"""Draw a matrix with orthonormal rows or columns, uniformly among all.

    .. math:: W W^\top = \mathrm{gain}^2 I \quad\text{or}\quad W^\top W = \mathrm{gain}^2 I

    whichever the shape allows, with the axes after the first taken as one.

    Parameters
    ----------
    shape : sequence of int
        (out_features, in_features, ...), at least two axes.
    gain : float, default 1.0
        What the spread is multiplied by.
    rng, dtype : optional
        As all initialisers take them.

    Raises
    ------
    ShapeError
        If the shape has fewer than two axes.

    References
    ----------
    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", 2014; by QR decomposition with the signs made unique.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import init
    >>> w = init.orthogonal((2, 4), rng=0)
    >>> bool(np.allclose(w @ w.T, np.eye(2), atol=1e-6))
    True
    """
    _fans(shape)
    rows, columns = shape[0], math.prod(shape[1:])
    draws = random.resolve(rng).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(draws)
    q *= np.sign(np.diag(r))
    matrix = q if rows >= columns else q.T
    return (_gain(gain) * matrix).reshape(_shape(shape)).astype(_dtype(dtype))


INITIALIZERS: dict[str, Initializer] = {
    function.__name__: function
    for function in (
        constant,
        kaiming_normal,
        kaiming_uniform,
        lecun_normal,
        lecun_uniform,
        normal,
        orthogonal,
        uniform,
        xavier_normal,
        xavier_uniform,
        zeros,
    )
} | {
    "glorot_normal": xavier_normal,
    "glorot_uniform": xavier_uniform,
    "he_normal": kaiming_normal,
    "he_uniform": kaiming_uniform,
}


def resolve(initializer: Initializer | str) -> Initializer:
    """Return the initialiser of a name; a function is returned as it is.

    Parameters
    ----------
    initializer : str or callable
        A name, as ``"kaiming_normal"``, or an initialiser itself.

    Returns
    -------
    callable

    Raises
    ------
    ArgumentError
        If there is none of this name, or `initializer` is neither a name nor a function.

    Examples
    --------
    >>> from minigrad.nn import init
    >>> init.resolve("glorot_uniform") is init.xavier_uniform
    True
    """
    if callable(initializer):
        return initializer
    if not isinstance(initializer, str):
        raise ArgumentError(
            f"an initialiser is a name or a function of (shape, rng, dtype), not "
            f"{described(initializer)}; values of your own are assigned: layer.weight.data = array"
        )
    if initializer not in INITIALIZERS:
        import difflib  # which only mistakes need

        close = difflib.get_close_matches(initializer, INITIALIZERS, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, close))}? T" if close else "t"
        raise ArgumentError(
            f"there is no initialiser {initializer!r}; {hint}here are "
            f"{', '.join(sorted(INITIALIZERS))}"
        )
    return INITIALIZERS[initializer]
