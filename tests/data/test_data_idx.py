import gzip
import hashlib
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.data import read_idx, write_idx
from minigrad.errors import ArgumentError, DataError, DataNotFoundError, DtypeError, ShapeError

DTYPES = [np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]
SMALL = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
SMALL_BYTES = struct.pack(">BBBB3I", 0, 0, 8, 3, 3, 2, 2) + bytes(range(12))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


@pytest.mark.parametrize("suffix", ["", ".gz"])
@given(data=st.data())
def test_what_is_written_is_read(folder, suffix, data):
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
    array = data.draw(hnp.arrays(dtype, shape))
    path = folder / f"array{suffix}"
    write_idx(path, array)
    found = read_idx(path)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert found.flags.writeable
    np.testing.assert_array_equal(found, array, strict=True)


@pytest.mark.parametrize("array", [SMALL.T, SMALL[::-1], np.asfortranarray(SMALL), SMALL[:, ::2]])
def test_any_layout_is_written(tmp_path, array):
    write_idx(tmp_path / "a", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


def test_bytes_of_a_file_are_those_of_the_format(tmp_path):
    write_idx(tmp_path / "a", SMALL)
    assert (tmp_path / "a").read_bytes() == SMALL_BYTES
    write_idx(tmp_path / "b", np.array([1, -2], dtype=np.int16))
    assert (tmp_path / "b").read_bytes() == b"\0\0\x0b\x01\0\0\0\x02\0\x01\xff\xfe"


def test_the_same_array_gives_the_same_gzip_file(tmp_path):
    write_idx(tmp_path / "a.gz", SMALL)
    write_idx(tmp_path / "b.gz", SMALL)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_gzip_is_seen_from_the_content(tmp_path):
    (tmp_path / "named-plain").write_bytes(gzip.compress(SMALL_BYTES))
    (tmp_path / "named.gz").write_bytes(SMALL_BYTES)
    np.testing.assert_array_equal(read_idx(tmp_path / "named-plain"), SMALL)
    np.testing.assert_array_equal(read_idx(tmp_path / "named.gz"), SMALL)


def test_gzip_of_several_members_is_one_content(tmp_path):
    (tmp_path / "a").write_bytes(gzip.compress(SMALL_BYTES[:9]) + gzip.compress(SMALL_BYTES[9:]))
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), SMALL)


# --- Damage ---------------------------------------------------------------------------------

EXPECTED = {
    "dtype": np.uint8,
    "shape": (None, 2, 2),
    "checksum": "sha256:" + hashlib.sha256(SMALL_BYTES).hexdigest(),
}


@pytest.mark.parametrize(
    "content", [SMALL_BYTES, gzip.compress(SMALL_BYTES, mtime=0)], ids=["plain", "gzip"]
)
def test_every_truncation_is_noticed(tmp_path, content):
    path = tmp_path / "truncated"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DataError, match="truncated"):
            read_idx(path)


@pytest.mark.parametrize(
    ("content", "changeable"),
    [(SMALL_BYTES, 16), (gzip.compress(SMALL_BYTES, mtime=0), None)],
    ids=["plain header", "gzip"],
)
def test_every_changed_byte_is_noticed_or_changes_nothing(tmp_path, content, changeable):
    path = tmp_path / "changed"
    same, errors = 0, []
    for place in range(len(content) if changeable is None else changeable):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            damaged = bytearray(content)
            damaged[place] ^= flip
            path.write_bytes(damaged)
            try:
                found = read_idx(path, dtype=np.uint8, shape=(3, 2, 2))
            except DataError as error:
                errors.append(str(error))
            else:
                np.testing.assert_array_equal(found, SMALL, strict=True)
                same += 1
    assert len(errors) > 9 * 15
    assert all(str(path) in message for message in errors)
    # Only gzip has bytes, such as the time of compression, that say nothing about the content.
    assert (same == 0) == (changeable == 16)


def test_without_expectations_a_changed_header_is_noticed_but_for_a_type_of_equal_size(tmp_path):
    path = tmp_path / "changed"
    for place in range(16):
        for flip in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            damaged = bytearray(SMALL_BYTES)
            damaged[place] ^= flip
            path.write_bytes(damaged)
            if damaged[2] == 0x09:
                assert read_idx(path).dtype == np.int8
            else:
                with pytest.raises(DataError):
                    read_idx(path)


def test_every_changed_byte_is_noticed_with_a_checksum(tmp_path):
    path = tmp_path / "changed"
    for place in range(len(SMALL_BYTES)):
        damaged = bytearray(SMALL_BYTES)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="changed"):
            read_idx(path, **EXPECTED)
    path.write_bytes(SMALL_BYTES)
    np.testing.assert_array_equal(read_idx(path, **EXPECTED), SMALL)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_too_long(tmp_path, wrap):
    (tmp_path / "long").write_bytes(wrap(SMALL_BYTES + b"\0"))
    with pytest.raises(DataError, match="long: too long; it goes on after the 3x2x2 values"):
        read_idx(tmp_path / "long")


def test_bytes_after_the_gzip_stream(tmp_path):
    (tmp_path / "long").write_bytes(gzip.compress(SMALL_BYTES) + b"rest")
    with pytest.raises(DataError, match="long: damaged or truncated gzip"):
        read_idx(tmp_path / "long")


@pytest.mark.parametrize("wrap", [bytes, gzip.compress])
def test_a_lying_header_costs_no_memory(tmp_path, wrap):
    header = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**30, 28, 28)
    (tmp_path / "liar").write_bytes(wrap(header + bytes(1000)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="announces 1073741824x28x28 values of uint8"):
            read_idx(tmp_path / "liar")
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()


def test_a_gzip_bomb_is_read_no_further_than_its_header_announces(tmp_path):
    bomb = gzip.compress(SMALL_BYTES + bytes(2**26))
    (tmp_path / "bomb").write_bytes(bomb)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="bomb: too long"):
            read_idx(tmp_path / "bomb")
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()


def test_gzip_never_expands_further_than_the_limit_allows():
    zeros = bytes(2**24)
    from minigrad.data import _files

    assert len(zeros) < _files.MAX_EXPANSION * len(gzip.compress(zeros, 9))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "ends inside the IDX header"),
        (b"\0\0\x08", "ends inside the IDX header"),
        (b"\0\0\x08\x02\0\0\0\x01\0\0", "ends inside the IDX header"),
        (b"\x89PNG\r\n", r"not an IDX file; it begins with the bytes 89 50 4e 47"),
        (b"\0\0\x0a\x01\0\0\0\0", "not an IDX file"),
        (b"\0\0\x08\x00\x05", "not an IDX file"),
        (b"\0\0\x08\xff" + bytes(4 * 255), "NumPy has no array"),
        (b"\0\0\x08\x03" + b"\xff" * 8 + bytes(4), "NumPy has no array"),
    ],
)
def test_what_is_no_idx_file(tmp_path, content, match):
    (tmp_path / "odd").write_bytes(content)
    with pytest.raises(DataError, match=match):
        read_idx(tmp_path / "odd")


def test_no_such_file(tmp_path):
    with pytest.raises(DataNotFoundError, match="nothing: there is no such file"):
        read_idx(tmp_path / "nothing")
    with pytest.raises(DataError, match="is a directory, where a file is expected"):
        read_idx(tmp_path)


# --- What is expected of a file --------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "match"),
    [
        ({"dtype": np.int8}, "holds 3x2x2 values of uint8, where values of int8 are expected"),
        ({"shape": (4, 2, 2)}, "holds 3x2x2 values of uint8, where 4x2x2 values are expected"),
        ({"shape": (None,), "dtype": "u1"}, "where N values of uint8 are expected"),
        ({"checksum": "md5:" + "0" * 32}, "the md5 of its content is [0-9a-f]{32}, where 0{32} is"),
    ],
)
def test_a_file_that_is_not_as_expected(tmp_path, expected, match):
    write_idx(tmp_path / "a", SMALL)
    with pytest.raises(DataError, match=match):
        read_idx(tmp_path / "a", **expected)


@pytest.mark.parametrize("checksum", ["", "ba89", "sha256:", "crc32:00", "sha512 00"])
def test_a_checksum_of_no_known_kind(tmp_path, checksum):
    write_idx(tmp_path / "a", SMALL)
    with pytest.raises(ArgumentError, match="checksum is one of md5, sha1, sha256"):
        read_idx(tmp_path / "a", checksum=checksum)


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.float16, bool, complex, "U3", object])
def test_dtypes_that_the_format_lacks(tmp_path, dtype):
    with pytest.raises(DtypeError, match="IDX stores uint8, int8, int16, int32, float32, float64"):
        write_idx(tmp_path / "a", np.zeros(3, dtype))
    assert not (tmp_path / "a").exists()


def test_a_single_number_is_no_array(tmp_path):
    with pytest.raises(ShapeError, match="one dimension or more"):
        write_idx(tmp_path / "a", np.uint8(5))
