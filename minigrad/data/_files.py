"""Opening data files, plain or gzip, with errors that name the file and the reason."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
import numpy.typing as npt

from minigrad.errors import DataError, DataNotFoundError

GZIP_MAGIC = b"\x1f\x8b"
# Deflate stores at most 258 bytes in two bits, so no stream grows by more than this factor.
# A header that announces more is lying, and is refused before anything is allocated for it.
MAX_EXPANSION = 1032
CHUNK = 1 << 20


class Hasher(Protocol):
    """What `hashlib` returns."""

    def update(self, data: memoryview | bytes, /) -> None:
        """Take more bytes in."""


@dataclass(frozen=True)
class Content:
    """The uncompressed content of an open file.

    `size` is what is known of its length before reading: exactly that many bytes where `exact`
    (a plain file), at most that many otherwise (gzip).
    """

    path: Path
    stream: BinaryIO
    size: int
    exact: bool


@contextmanager
def open_content(path: str | os.PathLike[str]) -> Iterator[Content]:
    """Open a file, seen through gzip if its first bytes say so."""
    path = Path(path)
    with _open(path) as raw:
        size = os.fstat(raw.fileno()).st_size
        magic = raw.read(2)
        raw.seek(0)
        if magic != GZIP_MAGIC:
            yield Content(path, raw, size, exact=True)
            return
        try:
            with gzip.GzipFile(fileobj=raw) as unzipped:
                yield Content(path, cast(BinaryIO, unzipped), size * MAX_EXPANSION, exact=False)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: damaged or truncated gzip file ({error})") from error


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path}: there is no such file") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a directory, where a file is expected") from error


def fill(stream: BinaryIO, array: npt.NDArray[Any], hasher: Hasher | None = None) -> int:
    """Read into a new contiguous array; return how many bytes there were for it."""
    if not array.nbytes:
        return 0
    view = array.reshape(-1).view(np.uint8).data
    filled = 0
    while filled < len(view):
        count = stream.readinto(view[filled : filled + CHUNK])  # type: ignore[attr-defined]
        if not count:
            break
        if hasher is not None:
            hasher.update(view[filled : filled + count])
        filled += count
    return filled
