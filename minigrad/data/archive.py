"""Archives of arrays (`.npz`), read without unpickling anything."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.data._files import MAX_EXPANSION, fill
from minigrad.errors import DataError, DataNotFoundError

__all__ = ["read_npz"]

# What zipfile raises for archives that are not as they should be.
_DAMAGE = (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, UnicodeDecodeError)


def read_npz(
    path: str | os.PathLike[str], names: Iterable[str] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Read arrays from an archive that `numpy.savez` or `numpy.savez_compressed` has written.

    Arrays of Python objects are refused, because reading them can run any code. What an entry
    announces is checked against its size before memory is taken for it.

    Parameters
    ----------
    path : path
        The archive.
    names : iterable of str, optional
        The arrays to read; all where it is not given.

    Returns
    -------
    dict of str to numpy.ndarray
        In the order of `names`, or of the archive.

    Raises
    ------
    DataNotFoundError
        If there is no such file.
    DataError
        If it is damaged, no archive of arrays, or lacks one of `names`.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from minigrad.data import read_npz
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "points.npz")
    ...     np.savez(path, x=np.zeros((3, 2)), y=np.arange(3))
    ...     arrays = read_npz(path, ["y"])
    >>> arrays
    {'y': array([0, 1, 2])}
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _entries(path, archive)
            wanted = list(entries) if names is None else _checked_names(path, entries, names)
            return {name: _read_entry(path, archive, entries[name]) for name in wanted}
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a directory, where a file is expected") from error
    except _DAMAGE as error:
        raise DataError(f"{path}: damaged, or not an .npz archive ({error})") from error


def _entries(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if len(entries) < len(archive.infolist()):
        raise DataError(f"{path}: two arrays of the archive have the same name")
    return entries


def _checked_names(path: Path, entries: Iterable[str], names: Iterable[str]) -> list[str]:
    wanted = [names] if isinstance(names, str) else list(names)
    missing = [name for name in wanted if name not in entries]
    if missing:
        raise DataError(
            f"{path}: there is no array {', '.join(map(repr, missing))}; the archive has "
            f"{', '.join(map(repr, entries)) or 'none'}"
        )
    return wanted


def _read_entry(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    where = f"{path}, entry {info.filename!r}"
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{where}: is encrypted or compressed in another way than .npz files are")
    if info.header_offset < 0:
        raise DataError(f"{where}: damaged; its place in the archive is before the beginning")
    with archive.open(info) as stream:
        shape, fortran_order, dtype = _read_header(where, stream)
        nbytes = math.prod(shape) * dtype.itemsize
        # The sizes in the archive may lie as well; that of the file does not.
        possible = MAX_EXPANSION * min(info.compress_size, path.stat().st_size)
        held = min(info.file_size, possible) - stream.tell()
        if nbytes != held or min(shape, default=0) < 0:
            raise DataError(
                f"{where}: damaged; its header announces shape {shape} of {dtype}, {nbytes} "
                f"bytes, and {held} can follow"
            )
        array = np.empty(shape, dtype, order="F" if fortran_order else "C")
        # A transposed view of memory in Fortran order is contiguous, as reading needs it.
        fill(stream, array.T if fortran_order else array)  # type: ignore[arg-type]
        if stream.read(1):
            raise DataError(f"{where}: damaged; it goes on after its values")
    return array


def _read_header(where: str, stream: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        version = np.lib.format.read_magic(stream)
        shape, fortran_order, dtype = readers[version](stream)
    except (ValueError, KeyError) as error:
        raise DataError(f"{where}: does not begin as an array does ({error})") from error
    if dtype.hasobject:
        raise DataError(f"{where}: holds Python objects, and reading those can run any code")
    return shape, fortran_order, dtype
