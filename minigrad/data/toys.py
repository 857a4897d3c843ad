"""Small data sets made by a generator: enough to see what a network can and cannot do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from minigrad import random
from minigrad.data._checks import as_floats, check_amount, check_count
from minigrad.data.dataset import Split
from minigrad.errors import ShapeError
from minigrad.random import Rng

__all__ = ["make_linear", "make_moons", "make_spiral", "make_xor"]


def make_xor(n: int = 4, *, noise: float = 0.0, rng: Rng = None) -> Split:
    """Make points at the corners of the unit square, labelled by exclusive or.

    ``y = a xor b`` at the corner (a, b): what no line can separate. With the defaults these are
    the four corners themselves.

    Parameters
    ----------
    n : int, default 4
        Number of points; they go round the corners (0,0), (0,1), (1,0), (1,1).
    noise : float, default 0.0
        Standard deviation of what is added to each coordinate.
    rng : numpy.random.Generator, int or None, default None
        Where the noise comes from; None is minigrad's own generator.

    Returns
    -------
    Split
        ``x`` float32 of shape (n, 2), ``y`` int64 of shape (n,).

    Raises
    ------
    ArgumentError
        If `n` is below 1 or `noise` negative.

    Examples
    --------
    >>> from minigrad.data import make_xor
    >>> x, y = make_xor()
    >>> x
    array([[0., 0.],
           [0., 1.],
           [1., 0.],
           [1., 1.]], dtype=float32)
    >>> y
    array([0, 1, 1, 0])
    """
    check_count("n", n)
    corner = np.arange(n) % 4
    a, b = corner // 2, corner % 2
    return Split(_blur(np.stack([a, b], axis=1), noise, rng), a ^ b)


def make_spiral(
    n: int = 300,
    *,
    classes: int = 3,
    turns: float = 0.75,
    noise: float = 0.05,
    rng: Rng = None,
) -> Split:
    """Make points on spiral arms that start at the origin, one arm for each class.

    On arm c of C, ``x = r (cos a, sin a)`` with ``a = 2 pi (c / C + turns r)`` and radius r from
    0 to 1.

    Parameters
    ----------
    n : int, default 300
        Number of points; the classes take turns, so their numbers differ by one at most.
    classes : int, default 3
        Number of arms.
    turns : float, default 0.75
        How often an arm goes round the origin.
    noise : float, default 0.05
        Standard deviation of what is added to each coordinate.
    rng : numpy.random.Generator, int or None, default None
        Where the noise comes from; None is minigrad's own generator.

    Returns
    -------
    Split
        ``x`` float32 of shape (n, 2), ``y`` int64 of shape (n,).

    Raises
    ------
    ArgumentError
        If a number is below what makes sense, such as fewer points than classes.

    Examples
    --------
    >>> from minigrad.data import make_spiral
    >>> x, y = make_spiral(7, rng=0)
    >>> x.shape, y
    ((7, 2), array([0, 1, 2, 0, 1, 2, 0]))
    """
    check_count("classes", classes)
    check_count("n", n, minimum=classes)
    check_amount("turns", turns)
    y = np.arange(n) % classes
    step = np.arange(n) // classes
    radius = step / max(int(step.max()), 1)
    angle = 2 * np.pi * (y / classes + turns * radius)
    return Split(_blur(_on_circle(angle) * radius[:, None], noise, rng), y)


def make_moons(n: int = 200, *, noise: float = 0.1, rng: Rng = None) -> Split:
    """Make points on two half circles that reach into each other.

    Class 0 is the upper half of the unit circle, ``(cos a, sin a)``; class 1 the lower half of
    the one around (1, 1/2), ``(1 - cos a, 1/2 - sin a)``; both with a from 0 to pi.

    Parameters
    ----------
    n : int, default 200
        Number of points; the classes take turns.
    noise : float, default 0.1
        Standard deviation of what is added to each coordinate.
    rng : numpy.random.Generator, int or None, default None
        Where the noise comes from; None is minigrad's own generator.

    Returns
    -------
    Split
        ``x`` float32 of shape (n, 2), ``y`` int64 of shape (n,).

    Raises
    ------
    ArgumentError
        If `n` is below 2 or `noise` negative.

    Examples
    --------
    >>> from minigrad.data import make_moons
    >>> x, y = make_moons(4, noise=0.0)
    >>> x.round(3) + 0.0
    array([[ 1. ,  0. ],
           [ 0. ,  0.5],
           [-1. ,  0. ],
           [ 2. ,  0.5]], dtype=float32)
    >>> y
    array([0, 1, 0, 1])
    """
    check_count("n", n, minimum=2)
    y = np.arange(n) % 2
    step = np.arange(n) // 2
    angle = np.pi * step / max(int(step.max()), 1)
    upper = _on_circle(angle)
    points = np.where(y[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)
    return Split(_blur(points, noise, rng), y)


def make_linear(
    n: int = 100,
    *,
    weights: Sequence[float] | npt.NDArray[np.floating] = (2.0, -3.0),
    bias: float = 1.0,
    noise: float = 0.1,
    rng: Rng = None,
) -> Split:
    """Make a linear regression: normal inputs, and targets on a plane but for noise.

    ``y = x @ weights + bias + noise * e`` with x and e standard normal.

    Parameters
    ----------
    n : int, default 100
        Number of points.
    weights : sequence of D floats, default (2, -3)
        The slope in each direction: what a fit is to find.
    bias : float, default 1.0
        The target at the origin.
    noise : float, default 0.1
        Standard deviation of the targets around the plane.
    rng : numpy.random.Generator, int or None, default None
        Where the numbers come from; None is minigrad's own generator.

    Returns
    -------
    Split
        ``x`` float32 of shape (n, D), ``y`` float32 of shape (n, 1), as a layer with one output
        returns it.

    Raises
    ------
    ArgumentError
        If `n` is below 1 or `noise` negative.
    ShapeError
        If the weights are no sequence of numbers.

    Examples
    --------
    >>> from minigrad.data import make_linear
    >>> x, y = make_linear(5, weights=[3.0], bias=1.0, noise=0.0, rng=0)
    >>> bool(abs(y - (3 * x + 1)).max() < 1e-6)
    True
    """
    check_count("n", n)
    check_amount("noise", noise)
    slopes, offset = as_floats("weights", weights), as_floats("bias", bias)
    if slopes.ndim != 1 or slopes.size == 0:
        raise ShapeError(f"weights is a sequence of numbers, not of shape {slopes.shape}")
    generator = random.resolve(rng)
    x = generator.standard_normal((n, slopes.size), np.float32)
    y = x @ slopes + offset + noise * generator.standard_normal(n)
    return Split(x, y.astype(np.float32)[:, None])


def _on_circle(angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _blur(
    points: npt.NDArray[np.float64] | npt.NDArray[np.int64], noise: float, rng: Rng
) -> npt.NDArray[np.float32]:
    check_amount("noise", noise)
    generator = random.resolve(rng)
    if noise == 0:
        return points.astype(np.float32)
    return (points + noise * generator.standard_normal(points.shape)).astype(np.float32)
