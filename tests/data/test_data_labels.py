import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.data import encode_labels, one_hot
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError


@given(
    labels=hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.int64]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
        elements=st.integers(0, 6),
    ),
    extra=st.integers(0, 2),
)
def test_argmax_undoes_one_hot(labels, extra):
    out = one_hot(labels, 7 + extra)
    assert out.shape == (*labels.shape, 7 + extra)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out.argmax(-1), labels)
    np.testing.assert_array_equal(out.sum(-1), np.ones(labels.shape))
    assert set(np.unique(out)) <= {0, 1}


def test_one_hot_counts_the_classes_itself():
    np.testing.assert_array_equal(one_hot([0, 2]), [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(one_hot([True, False]), [[0, 1], [1, 0]])
    assert one_hot([1], dtype=np.int8).dtype == np.int8
    assert one_hot([], 4).shape == (0, 4)


@pytest.mark.parametrize(
    ("labels", "num_classes", "error", "match"),
    [
        ([0, 3], 3, DataError, r"label 3 at index \[1\] is out of range: with 3 classes, labels"),
        ([[0], [-1]], 3, DataError, r"label -1 at index \[1, 0\] is out of range"),
        ([-1], None, DataError, "label -1 at index"),
        ([], None, DataError, "pass num_classes"),
        ([0.0, 1.0], 3, DtypeError, r"integers, not float64 such as 0.0; .* labels.astype\(int\)"),
        (["1"], 3, DtypeError, "not <U1 such as '1'; .*encode_labels"),
        (np.array(["a"], object), 3, DtypeError, "not object such as 'a'"),
        ([0], 0, ArgumentError, "num_classes is an integer from 1 up, not 0"),
        ([0], 2.0, ArgumentError, "num_classes is an integer from 1 up, not 2.0"),
        ([0], True, ArgumentError, "num_classes is an integer from 1 up, not True"),
    ],
)
def test_wrong_labels(labels, num_classes, error, match):
    with pytest.raises(error, match=match):
        one_hot(labels, num_classes)


# --- encode_labels ---------------------------------------------------------------------------


@given(st.lists(st.text(max_size=3) | st.integers(-3, 12).map(str), min_size=1))
def test_every_label_is_found_again_among_the_classes(names):
    codes, classes = encode_labels(names)
    assert [classes[code] for code in codes] == names
    assert codes.dtype == np.int64
    again, same = encode_labels(names[::-1], classes)
    np.testing.assert_array_equal(again, codes[::-1])
    assert same == classes


def test_numbers_as_strings_stand_for_themselves_also_in_a_part_of_the_data():
    digits = [str(n) for n in range(10)]
    for part in (digits, ["5", "3"], ["9"]):
        for labels in (part, np.array(part, object), pd.Series(part, dtype="category")):
            np.testing.assert_array_equal(encode_labels(labels)[0], [int(d) for d in part])


def test_numbers_stay_numbers():
    codes, classes = encode_labels(np.array([2, 0], np.uint8))
    np.testing.assert_array_equal(codes, [2, 0])
    assert classes == (0, 1, 2)
    np.testing.assert_array_equal(encode_labels([2.0, 0.0])[0], [2, 0])


def test_numbers_that_are_no_numbers_of_classes_are_numbered():
    codes, classes = encode_labels([1, -1, 1])
    np.testing.assert_array_equal(codes, [1, 0, 1])
    assert classes == (-1, 1)
    assert encode_labels(["2001", "12345", "2001"])[1] == ("12345", "2001")
    assert encode_labels([10**12, 5])[1] == (5, 10**12)
    assert encode_labels(["01", "1"])[1] == ("01", "1")


def test_names_keep_their_type():
    codes, classes = encode_labels(["a", 1, "1"])
    assert [classes[code] for code in codes] == ["a", 1, "1"]
    assert encode_labels(["a\0", "a"])[1] == ("a", "a\0")


def test_no_labels():
    codes, classes = encode_labels([])
    assert codes.shape == (0,)
    assert classes == ()


@pytest.mark.parametrize(
    ("labels", "classes", "error", "match"),
    [
        (["a", None], None, DataError, r"label 1 is missing \(None\)"),
        ([1.0, np.nan], None, DataError, r"label 1 is missing \(nan\)"),
        (pd.Series(["a", pd.NA], dtype="string"), None, DataError, r"label 1 is missing \(<NA>\)"),
        ([0.5, 1.0], None, DataError, "label 0.5 at index 0 is neither a name nor a whole number"),
        (["a", "c"], ["a", "b"], DataError, r"label 'c' at index 1 is not among the classes \['a"),
        (["a"], ["a", "a"], ArgumentError, "names one twice"),
        ([["a"]], None, ShapeError, r"one-dimensional, not of shape \(1, 1\)"),
    ],
)
def test_labels_that_cannot_be_encoded(labels, classes, error, match):
    with pytest.raises(error, match=match):
        encode_labels(labels, classes)
