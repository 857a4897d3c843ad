"""The handwritten digits that scikit-learn brings along: no download."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from minigrad import _extras
from minigrad.data.dataset import Dataset, Split
from minigrad.data.labels import one_hot as to_one_hot

__all__ = ["load_digits"]

_EVERY = 5


def load_digits(*, flatten: bool = True, normalize: bool = True, one_hot: bool = False) -> Dataset:
    """Load 1797 handwritten digits of 8x8 pixels, which need no download.

    The split is fixed and keeps the proportions of the classes: of each digit, every fifth
    sample in the order of the original file is a test sample. That makes 1442 training and 355
    test samples.

    Parameters
    ----------
    flatten : bool, default True
        Samples of shape (64,), or (8, 8) if False.
    normalize : bool, default True
        Pixels as float32 from 0 to 1, or as uint8 from 0 to 16 if False.
    one_hot : bool, default False
        Labels as float32 rows of shape (10,), or as int64 if False.

    Returns
    -------
    Dataset
        ``(x_train, y_train), (x_test, y_test)``.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.

    Examples
    --------
    >>> from minigrad.data import load_digits
    >>> (x_train, y_train), (x_test, y_test) = load_digits()
    >>> x_train.shape, x_train.dtype, x_test.shape
    ((1442, 64), dtype('float32'), (355, 64))

    References
    ----------
    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, 1998; the test part of it, as `sklearn.datasets.load_digits` has it.
    """
    datasets = _extras.require("sklearn.datasets", extra="data", purpose="load_digits")
    bundled = datasets.load_digits()
    images = bundled.images.astype(np.uint8)
    x = images.reshape(len(images), -1) if flatten else images
    if normalize:
        x = x / np.float32(16)
    labels = bundled.target.astype(np.int64)
    y = to_one_hot(labels, 10) if one_hot else labels
    test = _every_fifth_of_each(labels)
    return Dataset(Split(x[~test], y[~test]), Split(x[test], y[test]))


def _every_fifth_of_each(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    test = np.zeros(len(labels), bool)
    for digit in range(10):
        test[np.flatnonzero(labels == digit)[_EVERY - 1 :: _EVERY]] = True
    return test
