"""What the loaders of data sets return."""

from typing import Any, NamedTuple

import numpy.typing as npt

__all__ = ["Dataset", "Split"]


class Split(NamedTuple):
    """Samples and what they are labelled with: ``x, y = split``.

    Attributes
    ----------
    x : numpy.ndarray, shape (N, ...)
        One sample for each index of the first axis.
    y : numpy.ndarray, shape (N,) or (N, C)
        Their labels or targets.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.data import Split
    >>> x, y = Split(np.zeros((5, 2)), np.arange(5))
    >>> x.shape, y.shape
    ((5, 2), (5,))
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]


class Dataset(NamedTuple):
    """A training and a test set: ``(x_train, y_train), (x_test, y_test) = dataset``.

    Attributes
    ----------
    train : Split
        What a model is trained on.
    test : Split
        What it has never seen.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.data import Dataset, Split
    >>> dataset = Dataset(Split(np.ones((4, 2)), np.ones(4)), Split(np.ones((1, 2)), np.ones(1)))
    >>> (x_train, y_train), (x_test, y_test) = dataset
    >>> dataset.test.x.shape
    (1, 2)
    """

    train: Split
    test: Split
