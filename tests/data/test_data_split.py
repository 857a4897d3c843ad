import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.data import split_train_test
from minigrad.errors import ArgumentError, DataError, ShapeError


@given(n=st.integers(4, 60), fraction=st.floats(0.2, 0.8), seed=st.integers(0, 9))
def test_every_sample_is_in_one_part_with_its_label(n, fraction, seed):
    x = np.arange(n)
    (x_train, y_train), (x_test, y_test) = split_train_test(x, -x, test_fraction=fraction, rng=seed)
    np.testing.assert_array_equal(np.sort(np.concatenate([x_train, x_test])), x)
    np.testing.assert_array_equal(y_train, -x_train)
    np.testing.assert_array_equal(y_test, -x_test)
    assert len(x_test) == round(n * fraction)
    assert (np.diff(x_train) > 0).all()
    assert not np.shares_memory(x, x_train)


def test_stratified_parts_have_the_same_proportions():
    y = np.repeat([3, 7, 8], [50, 30, 20])
    train, test = split_train_test(np.arange(100), y, test_fraction=0.3, stratify=True, rng=0)
    np.testing.assert_array_equal(np.unique(test.y, return_counts=True), [[3, 7, 8], [15, 9, 6]])
    assert len(train.y) == 70
    names = np.repeat(["a", "b"], 5)
    assert sorted(split_train_test(names, names, stratify=True).test.y) == ["a", "b"]


def test_seeds():
    x = np.arange(100)
    first, again, other = (split_train_test(x, x, rng=seed).test.x for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "match"),
    [
        ([1, 2], [1], {}, ShapeError, r"x of shape \(2,\) and y of shape \(1,\) differ in length"),
        (1, [1], {}, ShapeError, r"x of shape \(\) and y"),
        ([1, 2], [1, 2], {"test_fraction": 1.0}, ArgumentError, "between 0 and 1, and is 1.0"),
        ([1, 2], [1, 2], {"test_fraction": np.nan}, ArgumentError, "between 0 and 1, and is nan"),
        ([1, 2], [1, 2], {"test_fraction": 0.1}, DataError, "0.1 of 2 samples leaves one of the"),
        ([], [], {}, DataError, "0.2 of 0 samples leaves one of the parts empty"),
        ([1], [[1]], {"stratify": True}, ShapeError, "to stratify by are one-dimensional"),
    ],
)
def test_wrong_calls(x, y, options, error, match):
    with pytest.raises(error, match=match):
        split_train_test(x, y, **options)
