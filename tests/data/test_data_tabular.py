import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.data import read_csv
from minigrad.errors import ArgumentError, DataError, DataNotFoundError, DtypeError


@pytest.fixture
def table(tmp_path):
    def write(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("csv")


@given(
    x=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
        elements=st.floats(-(2.0**90), 2.0**90, width=32),
    ),
    label=st.integers(-(2**31), 2**31),
)
def test_what_is_written_is_read(folder, x, label):
    path = folder / "table.csv"
    rows = [",".join([str(label), *(repr(float(value)) for value in row)]) for row in x]
    path.write_text("\n".join(rows))
    found, labels = read_csv(path)
    np.testing.assert_array_equal(found, x, strict=True)
    np.testing.assert_array_equal(labels, np.full(len(x), label), strict=True)


def test_mnist_has_785_columns_and_more_lines_than_are_parsed_together(folder):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1100, 784), dtype=np.uint8)
    digits = rng.integers(0, 10, 1100)
    path = folder / "mnist.csv"
    np.savetxt(path, np.column_stack([digits, pixels]), fmt="%d", delimiter=",")
    for dtype in (np.float32, np.uint8):
        x, y = read_csv(path, columns=785, dtype=dtype)
        np.testing.assert_array_equal(x, pixels.astype(dtype), strict=True)
        np.testing.assert_array_equal(y, digits, strict=True)
        assert x.flags.c_contiguous


def test_forms_of_one_table(table):
    plain = "1,2,3\n4,5,6\n"
    forms = [
        plain,
        "\n1,2,3\n\n4,5,6\n  \n",
        "1,2,3\r\n4,5,6\r\n",
        "1, 2 ,3\n4.0,5e0,+6",
        "\ufeff1,2,3\n4,5,6",
        gzip.compress(plain.encode(), mtime=0),
    ]
    for form in forms:
        x, y = read_csv(table(form))
        np.testing.assert_array_equal(x, np.array([[2, 3], [5, 6]], np.float32), strict=True)
        np.testing.assert_array_equal(y, [1, 4], strict=True)


def test_options(table):
    path = table("a;b;y\n1;2;0.5\n3;4;1.5\n")
    x, y = read_csv(path, header=True, delimiter=";", label_column=-1, label_dtype=np.float32)
    np.testing.assert_array_equal(x, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(y, np.array([0.5, 1.5], np.float32), strict=True)
    x, y = read_csv(path, header=True, delimiter=";", label_column=1, dtype=float)
    assert x.dtype == np.float64
    np.testing.assert_array_equal(y, [2, 4])
    x, y = read_csv(path, header=True, delimiter=";", label_column="b")
    np.testing.assert_array_equal(x, [[1, 0.5], [3, 1.5]])
    np.testing.assert_array_equal(y, [2, 4])


@pytest.mark.parametrize(
    ("content", "options", "match"),
    [
        ("", {}, "table.csv: the file is empty"),
        ("\n \n", {}, "table.csv: the file is empty"),
        ("label,a\n", {"header": True}, "no line after the header"),
        ("label,a\n1,2\n", {}, "line 1, cell 1: 'label' is not a finite number; if the line names"),
        ("a,b,c\n1,2\n", {"columns": 2}, "line 1: 3 cells, where columns asks for 2; if the line"),
        ("1,2\n3,4\n", {"header": True}, "line 1: with header=True .* holds only numbers"),
        ("1,2,3\n4,5\n", {}, "line 2: 2 cells, where the first line has 3$"),
        ("1,2\n4,5,6\n", {}, "line 2: 3 cells, where the first line has 2$"),
        ("1,2,3\n4,5,6\n", {"columns": 785}, "line 1: 3 cells, where columns asks for 785"),
        ("1,2\n\n3,x\n", {}, "line 3, cell 2: 'x' is not a finite number$"),
        ("n,m\n\n3,x\n", {"header": True}, "line 3, cell 2: 'x' is not a finite number$"),
        ("1,2\n3,\n", {}, "line 2, cell 2: '' is not a finite number"),
        ("1,2,\n", {}, "line 1, cell 3: '' is not a finite number"),
        ("1,nan\n", {}, "line 1, cell 2: 'nan' is not a finite number"),
        ("1,2\n1,1e999\n", {}, "line 2, cell 2: '1e999' is not a finite number"),
        ("1,#2\n", {}, "line 1, cell 2: '#2' is not a finite number"),
        ('1,"2"\n', {}, "line 1, cell 2: '\"2\"' is not a finite number"),
        ("1,1_0\n", {}, "lines 1 to 1: could not convert string '1_0'"),
        (
            "1,2\n1.5,2\n",
            {},
            "line 2, cell 1: '1.5' is nothing that int64 can hold; are the labels",
        ),
        ("1,2\n1,256\n", {"dtype": np.uint8}, "line 2, cell 2: '256' is nothing that uint8 can"),
        ("1,2,-1\n", {"dtype": np.uint8}, "line 1, cell 3: '-1' is nothing that uint8"),
        ("1,2,0.5\n", {"dtype": np.int32}, "line 1, cell 3: '0.5' is nothing that int32"),
        ("1,1e39\n", {}, "line 1, cell 2: '1e39' is nothing that float32 can hold$"),
        ("1,2\n1,2,7\n", {"label_column": -1}, "line 2: 3 cells"),
        ("1;2;3\n", {}, "make two columns, and the first line has 1; is ',' the delimiter"),
        (b"1,2\n\xff\xfe\n", {}, "table.csv: not a text file in UTF-8"),
        (gzip.compress(b"1,2\n", mtime=0)[:-4], {}, "table.csv: damaged or truncated gzip file"),
    ],
)
def test_errors_name_file_line_and_cell(table, content, options, match):
    path = table(content)
    with pytest.raises(DataError, match=match) as caught:
        read_csv(path, **options)
    assert str(caught.value).startswith(str(path))


def test_the_line_at_fault_is_found_far_down(table):
    lines = ["1,2\n"] * 3000
    lines[2500] = "1,two\n"
    with pytest.raises(DataError, match="line 2501, cell 2: 'two'"):
        read_csv(table("".join(lines)))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"label_column": 2}, ArgumentError, "label_column 2 is none of the 2 columns"),
        ({"label_column": -3}, ArgumentError, "label_column -3 is none of the 2 columns"),
        ({"delimiter": ", "}, ArgumentError, "delimiter is a single character, not ', '"),
        ({"delimiter": "\n"}, ArgumentError, "delimiter is a single character"),
        ({"dtype": "U5"}, DtypeError, "dtype is an integer or float dtype, not <U5"),
        ({"label_dtype": complex}, DtypeError, "label_dtype is an integer or float dtype"),
    ],
)
def test_options_that_make_no_sense(table, options, error, match):
    with pytest.raises(error, match=match):
        read_csv(table("1,2\n"), **options)


def test_no_such_file(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"nothing.csv: there is no such file"):
        read_csv(tmp_path / "nothing.csv")


def test_a_table_is_never_held_twice(table):
    path = table("1" + ",7" * 200 + "\n" * 1 + ("1" + ",7" * 200 + "\n") * 9999)
    tracemalloc.start()
    try:
        x, _ = read_csv(path)
        assert tracemalloc.get_traced_memory()[1] < 1.75 * x.nbytes
    finally:
        tracemalloc.stop()
