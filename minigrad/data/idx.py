"""The IDX format of MNIST: a big-endian header of type and lengths, then the values."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.data._files import Content, Hasher, fill, open_content
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError

__all__ = ["read_idx", "write_idx"]

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(">u1"),
    0x09: np.dtype(">i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_ALGORITHMS = ("md5", "sha1", "sha256", "sha384", "sha512")


def read_idx(
    path: str | os.PathLike[str],
    *,
    dtype: npt.DTypeLike | None = None,
    shape: Sequence[int | None] | None = None,
    checksum: str | None = None,
) -> npt.NDArray[Any]:
    """Read an array from an IDX file, plain or gzip.

    What the file is said to hold is checked before memory is taken for it: a header that
    announces more than the file can contain is an error, however large its numbers. The format
    itself has no checksum, so a changed value in a plain file is only noticed with `checksum`.

    Parameters
    ----------
    path : path
        The file. Whether it is gzip is seen from its content, not from its name.
    dtype : dtype, optional
        The dtype it must have.
    shape : sequence of int or None, optional
        The shape it must have, with None for a length that may be anything.
    checksum : str, optional
        The sum that the uncompressed content, header included, must have: ``"sha256:..."`` in
        hexadecimal (md5, sha1, sha384 and sha512 are known too).

    Returns
    -------
    numpy.ndarray
        uint8, int8, int16, int32, float32 or float64 in the machine's own byte order.

    Raises
    ------
    DataNotFoundError
        If there is no such file.
    DataError
        If it is truncated, too long, damaged, no IDX file, or not what was asked for.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from minigrad.data import read_idx, write_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "labels-idx1-ubyte.gz")
    ...     write_idx(path, np.array([5, 0, 4], dtype=np.uint8))
    ...     read_idx(path)
    array([5, 0, 4], dtype=uint8)

    References
    ----------
    The description of the format on the page of the MNIST database by Y. LeCun, C. Cortes and
    C. J. C. Burges.
    """
    hasher = None if checksum is None else _new_hasher(checksum)
    with open_content(path) as content:
        header = _Header(content, hasher)
        if dtype is not None or shape is not None:
            _check_expected(content, header, dtype, shape)
        _check_size(content, header)
        array = _read_values(content, header, hasher)
        if checksum is not None:
            _check_sum(content, checksum, hasher)
    return _native(array)


class _Header:
    """Dtype, shape and length of the header, read from the start of a file."""

    def __init__(self, content: Content, hasher: Hasher | None) -> None:
        magic = _read_header_bytes(content, 4, hasher)
        if magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
            raise DataError(
                f"{content.path}: not an IDX file; it begins with the bytes {magic.hex(' ')}, "
                f"where two zeros, a type (08, 09, 0b to 0e) and the number of dimensions belong"
            )
        self.dtype = _DTYPES[magic[2]]
        ndim = magic[3]
        self.shape = struct.unpack(f">{ndim}I", _read_header_bytes(content, 4 * ndim, hasher))
        self.length = 4 + 4 * ndim
        self.nbytes = math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{_describe(self.shape)} values of {self.dtype.newbyteorder('=').name}"


def _read_header_bytes(content: Content, count: int, hasher: Hasher | None) -> bytes:
    found = content.stream.read(count)
    if len(found) < count:
        raise DataError(f"{content.path}: truncated; it ends inside the IDX header")
    if hasher is not None:
        hasher.update(found)
    return found


def _check_expected(
    content: Content,
    header: _Header,
    dtype: npt.DTypeLike | None,
    shape: Sequence[int | None] | None,
) -> None:
    fits = dtype is None or header.dtype.newbyteorder("=") == np.dtype(dtype)
    if shape is not None:
        fits = fits and len(shape) == len(header.shape)
        fits = fits and all(e in (None, n) for e, n in zip(shape, header.shape, strict=False))
    if not fits:
        wanted = "" if shape is None else f"{_describe(shape)} "
        kind = "values" if dtype is None else f"values of {np.dtype(dtype).name}"
        raise DataError(f"{content.path}: holds {header}, where {wanted}{kind} are expected")


def _describe(shape: Sequence[int | None]) -> str:
    return "x".join("N" if n is None else str(n) for n in shape)


def _check_size(content: Content, header: _Header) -> None:
    expected = header.length + header.nbytes
    if content.size < expected:
        holds = "holds" if content.exact else "is compressed and can hold at most"
        raise DataError(
            f"{content.path}: truncated, or its header lies: it announces {header}, "
            f"{expected} bytes, and the file {holds} {content.size}"
        )


def _read_values(content: Content, header: _Header, hasher: Hasher | None) -> npt.NDArray[Any]:
    try:
        array = np.empty(header.shape, header.dtype)
    except ValueError as error:  # more dimensions, or larger ones, than NumPy has
        raise DataError(f"{content.path}: NumPy has no array of {header} ({error})") from error
    filled = fill(content.stream, array, hasher)
    if filled < array.nbytes:
        raise DataError(
            f"{content.path}: truncated; its header announces {header}, {array.nbytes} bytes, "
            f"and {filled} follow"
        )
    # One byte more tells whether it ends here, and makes gzip compare its own checksum.
    if content.stream.read(1):
        raise DataError(
            f"{content.path}: too long; it goes on after the {header} that its header announces"
        )
    return array


def _native(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.isnative:
        return array
    native: npt.NDArray[Any] = array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))
    return native


def _new_hasher(checksum: str) -> Any:
    algorithm, separator, digest = checksum.partition(":")
    if not separator or not digest or algorithm not in _ALGORITHMS:
        raise ArgumentError(
            f"checksum is one of {', '.join(_ALGORITHMS)}, a colon and the hexadecimal sum, "
            f"such as 'sha256:...', not {checksum!r}"
        )
    return hashlib.new(algorithm, usedforsecurity=False)


def _check_sum(content: Content, checksum: str, hasher: Any) -> None:
    algorithm, _, expected = checksum.partition(":")
    found = hasher.hexdigest()
    if found != expected.lower():
        raise DataError(
            f"{content.path}: damaged, or not the file it is named after; the {algorithm} of its "
            f"content is {found}, where {expected} is expected"
        )


def write_idx(path: str | os.PathLike[str], array: npt.ArrayLike) -> None:
    """Write an array as an IDX file.

    Parameters
    ----------
    path : path
        The file to write; a name that ends in ``.gz`` makes it gzip.
    array : array_like
        uint8, int8, int16, int32, float32 or float64, of 1 to 255 dimensions.

    Raises
    ------
    DtypeError
        If IDX has no such dtype.
    ShapeError
        If it is a single number, or an axis has 2**32 entries or more.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from minigrad.data import read_idx, write_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "images-idx3-ubyte")
    ...     write_idx(path, np.zeros((2, 28, 28), dtype=np.uint8))
    ...     read_idx(path).shape
    (2, 28, 28)
    """
    array = np.asarray(array)
    stored = array.dtype.newbyteorder(">")
    if stored not in _CODES:
        names = ", ".join(dtype.newbyteorder("=").name for dtype in _CODES)
        raise DtypeError(f"IDX stores {names}, not {array.dtype}; convert it with astype first")
    if array.ndim == 0 or max(array.shape) >= 2**32:
        raise ShapeError(
            f"IDX stores arrays of one dimension or more, each below 2**32, not {array.shape}"
        )
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _CODES[stored], array.ndim, *array.shape)
    content = header + array.astype(stored).tobytes()
    if Path(path).suffix == ".gz":
        content = gzip.compress(content, mtime=0)  # the same array gives the same file
    Path(path).write_bytes(content)
