import numpy as np
import pytest
from sklearn import datasets

from minigrad.data import digits, load_digits
from minigrad.errors import MissingExtraError


def test_defaults():
    (x_train, y_train), (x_test, y_test) = load_digits()
    assert (x_train.shape, x_test.shape) == ((1442, 64), (355, 64))
    assert (x_train.dtype, y_train.dtype) == (np.float32, np.int64)
    assert (x_train.min(), x_train.max()) == (0, 1)
    counts, test_counts = np.bincount(np.concatenate([y_train, y_test])), np.bincount(y_test)
    np.testing.assert_array_equal(test_counts, counts // 5)


def test_the_split_is_fixed_and_parts_all_samples():
    first, again = load_digits(normalize=False), load_digits(normalize=False)
    np.testing.assert_array_equal(first.train.x, again.train.x)
    rows = np.concatenate([first.train.x, first.test.x])
    bundled = datasets.load_digits().data
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], bundled[np.lexsort(bundled.T)])
    assert first.test.y[:10].tolist() == [5, 0, 9, 8, 7, 1, 2, 6, 3, 4]


def test_options():
    train, test = load_digits(flatten=False, normalize=False, one_hot=True)
    assert (train.x.shape, train.x.dtype) == ((1442, 8, 8), np.uint8)
    assert train.x.max() == 16
    assert (test.y.shape, test.y.dtype) == ((355, 10), np.float32)
    plain = load_digits()
    np.testing.assert_array_equal(train.y.argmax(1), plain.train.y)
    np.testing.assert_array_equal(train.x.reshape(1442, 64) / np.float32(16), plain.train.x)


def test_without_scikit_learn(monkeypatch):
    def require(package, *, extra, purpose):
        raise MissingExtraError(package.partition(".")[0], extra, purpose)

    monkeypatch.setattr(digits._extras, "require", require)
    with pytest.raises(MissingExtraError, match=r"load_digits needs .*'sklearn'.*minigrad\[data\]"):
        load_digits()
