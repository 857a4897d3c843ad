import numpy as np
import pandas as pd
import pytest

from minigrad.data import from_frame
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError


def openml_frame():
    """Return a small frame as fetch_openml gives MNIST: pixel columns, labels as strings."""
    pixels = pd.DataFrame({f"pixel{n}": [n, 10 * n, 255] for n in range(1, 4)}, dtype=np.int64)
    digits = pd.Series(["5", "0", "4"], name="class", dtype="category")
    return pixels, digits


def test_frame_and_series_as_fetch_openml_gives_them():
    x, y, classes = from_frame(*openml_frame())
    expected = np.array([[1, 2, 3], [10, 20, 30], [255] * 3], np.float32)
    np.testing.assert_array_equal(x, expected, strict=True)
    np.testing.assert_array_equal(y, [5, 0, 4], strict=True)
    assert classes[5] == "5"
    assert x.flags.c_contiguous


def test_arrays_as_fetch_openml_gives_them():
    pixels, digits = openml_frame()
    x, y, _ = from_frame(pixels.to_numpy(), digits.to_numpy())
    assert x.dtype == np.float32
    np.testing.assert_array_equal(y, [5, 0, 4])


@pytest.mark.parametrize("dtype", ["object", "string", "str", "category"])
def test_labels_in_a_column_of_the_frame(dtype):
    frame = pd.DataFrame(
        {"a": [1.5, 2], "kind": pd.Series(["dog", "cat"], dtype=dtype), "b": [3, 4]}
    )
    x, y, classes = from_frame(frame, "kind", dtype=float)
    np.testing.assert_array_equal(x, [[1.5, 3], [2, 4]], strict=True)
    np.testing.assert_array_equal(y, [1, 0])
    assert classes == ("cat", "dog")
    assert "kind" in frame.columns
    np.testing.assert_array_equal(from_frame(frame[:1], "kind", classes=classes).y, [1])


def test_columns_of_several_number_types_and_of_objects():
    frame = pd.DataFrame(
        {
            "a": pd.Series([1, 2], dtype="Int64"),
            "b": [True, False],
            "c": pd.Series([1.5, 2], dtype=object),
        }
    )
    np.testing.assert_array_equal(from_frame(frame, [0, 1]).x, [[1, 1, 1.5], [2, 0, 2]])


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (["x", "2"], "column 'b', row 0: 'x' is not a finite number; drop the column or row"),
        ([1.0, np.nan], "column 'b', row 1: nan is not a finite number"),
        ([1.0, np.inf], "column 'b', row 1: inf is not a finite number"),
        (pd.Series([1, None], dtype="Int64"), "column 'b', row 1: <NA> is not a finite number"),
        ([None, 1], "column 'b', row 0: (nan|None) is not a finite number"),
        ([1e300, 1.0], "the features are no numbers of dtype float32"),
    ],
)
def test_cells_that_are_no_numbers(values, match):
    with pytest.raises(DataError, match=match):
        from_frame(pd.DataFrame({"a": [1, 2], "b": values}), [0, 1])


@pytest.mark.parametrize(
    ("frame", "labels", "options", "error", "match"),
    [
        (
            openml_frame()[0],
            "class",
            {},
            ArgumentError,
            "no column 'class'; its columns are pixel1",
        ),
        (np.zeros((3, 2)), "class", {}, ArgumentError, "no column 'class'; its columns are none"),
        (np.zeros((3, 2)), [0, 1], {}, ShapeError, "the frame has 3 rows and there are 2 labels"),
        (np.zeros(3), [0, 1, 2], {}, ShapeError, r"a table of rows and columns, not of shape \(3,"),
        (np.zeros((2, 2)), ["a", None], {}, DataError, "label 1 is missing"),
        (np.zeros((2, 2)), ["a", "b"], {"classes": ["a"]}, DataError, "label 'b' at index 1"),
        (np.zeros((2, 2)), [0, 1], {"dtype": np.uint8}, DtypeError, "a float dtype, not uint8"),
    ],
)
def test_wrong_calls(frame, labels, options, error, match):
    with pytest.raises(error, match=match):
        from_frame(frame, labels, **options)
