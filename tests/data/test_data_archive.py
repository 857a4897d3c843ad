import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.data import read_npz
from minigrad.errors import DataError, DataNotFoundError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("npz")


@pytest.fixture
def archive(tmp_path):
    def write(entries, **options):
        path = tmp_path / "points.npz"
        with zipfile.ZipFile(path, "w", **options) as made:
            for name, content in entries.items():
                made.writestr(name, content)
        return path

    return write


def entry(array):
    content = io.BytesIO()
    np.lib.format.write_array(content, array)
    return content.getvalue()


@given(
    arrays=st.dictionaries(
        st.sampled_from(["x", "y", "x_train", "a/b", "weights.1"]),
        hnp.arrays(
            st.sampled_from([np.float32, np.int64, np.uint8, bool, ">i2", "U3", complex]),
            hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
        ),
    ),
    compressed=st.booleans(),
    transposed=st.booleans(),
)
def test_what_is_written_is_read(folder, arrays, compressed, transposed):
    if transposed:
        arrays = {name: array.T for name, array in arrays.items()}
    path = folder / "arrays.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    found = read_npz(path)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def test_only_the_names_asked_for_are_read_in_their_order(tmp_path):
    np.savez(tmp_path / "a.npz", x=[1], y=[2], z=[3])
    assert list(read_npz(tmp_path / "a.npz", ["z", "x"])) == ["z", "x"]
    assert list(read_npz(tmp_path / "a.npz", "y")) == ["y"]


def test_names_that_are_not_there(tmp_path):
    np.savez(tmp_path / "a.npz", x=[1], y=[2])
    with pytest.raises(DataError, match=r"a.npz: there is no array 'z'; the archive has 'x', 'y'"):
        read_npz(tmp_path / "a.npz", ["x", "z"])


def test_no_such_file(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"nothing.npz: there is no such file"):
        read_npz(tmp_path / "nothing.npz")
    with pytest.raises(DataError, match="is a directory"):
        read_npz(tmp_path)


def test_objects_are_never_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}], object))
    with pytest.raises(DataError, match=r"a.npz, entry 'x.npy': holds Python objects"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damage_is_noticed_or_changes_nothing(tmp_path, save):
    arrays = {"x": np.arange(6.0).reshape(2, 3), "y": np.array([1, 2], np.uint8)}
    path = tmp_path / "a.npz"
    save(path, **arrays)
    content = path.read_bytes()
    damaged = [content[:length] for length in range(0, len(content), 3)]
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        damaged.append(bytes(changed))
    messages = []
    for form in damaged:
        path.write_bytes(form)
        try:
            found = read_npz(path)
        except DataError as error:
            messages.append(str(error))
        else:
            # Names in the directory of the archive have no checksum; the values do.
            for array, expected in zip(found.values(), arrays.values(), strict=False):
                np.testing.assert_array_equal(array, expected, strict=True)
    assert len(messages) > len(damaged) // 2
    assert all(message.startswith(str(path)) for message in messages)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "does not begin as an array does"),
        (b"\x93NUMPY\x09\x00", "does not begin as an array does"),
        (entry(np.arange(3)) + b"\0", "damaged; its header announces shape"),
        (entry(np.arange(3))[:-1], "damaged; its header announces shape"),
        (entry(np.arange(3)).replace(b"(3,)", b"(-3,-1,)"), "damaged"),
    ],
)
def test_entries_that_are_no_arrays(archive, content, match):
    path = archive({"x.npy": content})
    with pytest.raises(DataError, match=rf"points.npz, entry 'x.npy': {match}"):
        read_npz(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_lying_header_costs_no_memory(archive, compression):
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000), }"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    path = archive({"x.npy": content + bytes(1000)}, compression=compression)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"announces shape \(1000000000, 1000\) of float64"):
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()


def test_archives_of_another_kind(archive):
    with pytest.raises(DataError, match="encrypted or compressed in another way"):
        read_npz(archive({"x.npy": entry(np.arange(3))}, compression=zipfile.ZIP_LZMA))
    with pytest.raises(DataError, match="two arrays of the archive have the same name"):
        read_npz(archive({"x.npy": entry(np.arange(3)), "x": entry(np.arange(3))}))
