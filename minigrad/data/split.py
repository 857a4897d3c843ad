"""Parting a data set into what is trained on and what is tested with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minigrad import random
from minigrad.data.dataset import Dataset, Split
from minigrad.errors import ArgumentError, DataError, ShapeError
from minigrad.random import Rng

__all__ = ["split_train_test"]


def split_train_test(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    test_fraction: float = 0.2,
    stratify: bool = False,
    rng: Rng = None,
) -> Dataset:
    """Choose test samples at random; both parts keep the order of the samples.

    Parameters
    ----------
    x : array_like, shape (N, ...)
        Samples.
    y : array_like, shape (N, ...)
        Their labels.
    test_fraction : float, default 0.2
        The share of the samples that becomes the test set, between 0 and 1, rounded to whole
        samples.
    stratify : bool, default False
        Whether the share is taken of each class, so that both parts have the classes in the
        same proportions; needs labels of shape (N,).
    rng : numpy.random.Generator, int or None, default None
        Where the choice comes from; None is minigrad's own generator.

    Returns
    -------
    Dataset
        ``(x_train, y_train), (x_test, y_test)``, copies.

    Raises
    ------
    ShapeError
        If `x` and `y` differ in length, or labels to stratify by have more than one axis.
    ArgumentError
        If `test_fraction` is not between 0 and 1.
    DataError
        If a part would be empty.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.data import split_train_test
    >>> x, y = np.arange(10), np.arange(10) % 2
    >>> train, test = split_train_test(x, y, stratify=True, rng=0)
    >>> train.y.sum(), test.y
    (np.int64(4), array([0, 1]))
    """
    x, y = np.asarray(x), np.asarray(y)
    if not x.ndim or not y.ndim or len(x) != len(y):
        raise ShapeError(f"x of shape {x.shape} and y of shape {y.shape} differ in length")
    if not 0 < test_fraction < 1:
        raise ArgumentError(f"test_fraction lies between 0 and 1, and is {test_fraction!r}")
    if stratify and y.ndim != 1:
        raise ShapeError(f"labels to stratify by are one-dimensional, not of shape {y.shape}")
    groups = np.unique(y, return_inverse=True)[1] if stratify else np.zeros(len(x), np.intp)
    test = _choose(groups, test_fraction, random.resolve(rng))
    if test.all() or not test.any():
        raise DataError(
            f"test_fraction {test_fraction} of {len(x)} samples leaves one of the parts empty"
        )
    return Dataset(Split(x[~test], y[~test]), Split(x[test], y[test]))


def _choose(
    groups: npt.NDArray[np.intp], fraction: float, generator: np.random.Generator
) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(len(groups), bool)
    for group in range(int(groups.max(initial=-1)) + 1):
        members = np.flatnonzero(groups == group)
        count = round(len(members) * fraction)
        chosen[generator.permutation(members)[:count]] = True
    return chosen
