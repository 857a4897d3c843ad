"""The bytes of a safetensors file, with checksums.

The package `safetensors` converts; what is around it here makes that safe. Its writer needs arrays
that are C-contiguous, its format has no checksums, and its reader accepts a key that appears twice.

A file of minigrad's has two keys more in its ``__metadata__``: ``minigrad.format``, the version,
and ``minigrad.checksums``, a JSON object with a SHA-256 for each tensor (over name, dtype, shape
and numbers) and one for the metadata of the user. A file with either key is held to them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minigrad._extras import require
from minigrad.errors import CheckpointError, DtypeError

__all__ = ["RESERVED_PREFIX", "Arrays", "Decoded", "decode", "encode"]

Arrays: TypeAlias = dict[str, NDArray[Any]]

RESERVED_PREFIX = "minigrad."  # a file with metadata under this prefix claims to be ours
_FORMAT_KEY = RESERVED_PREFIX + "format"
_CHECKSUMS_KEY = RESERVED_PREFIX + "checksums"
_FORMAT_VERSION = "1"
_HEADER_LIMIT = 100_000_000  # bytes; the format's own limit
_NDIM_LIMIT = 64  # NumPy's own limit

_DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "F16": np.dtype("<f2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "C64": np.dtype("<c8"),
}
_DTYPE_NAMES = {dtype: name for name, dtype in _DTYPES.items()}

_FOREIGN = {  # the first bytes of files that are often mistaken for weights of ours
    b"\x80": "a Python pickle, which minigrad does not open because it can run code",
    b"\x89HDF": "an HDF5 file, as Keras writes it",
    b"\x93NUMPY": "a single array in .npy format; read it with numpy.load",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
}


class Decoded(NamedTuple):
    """What a file held; `verified` says whether it had checksums."""

    arrays: Arrays
    metadata: dict[str, str]
    verified: bool


class _Entry(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    begin: int  # in bytes, from the end of the header
    end: int


class _Header(NamedTuple):
    entries: dict[str, _Entry]
    metadata: dict[str, str]
    size: int  # of everything before the numbers, in bytes


# --- Writing ---------------------------------------------------------------------------------


def encode(arrays: Arrays, metadata: dict[str, str]) -> Sequence[bytes | memoryview]:
    """Return the file in pieces. The arrays are C-contiguous and little-endian."""
    for name, array in arrays.items():
        if array.dtype not in _DTYPE_NAMES:
            raise DtypeError(
                f"{name!r} has dtype {array.dtype}, which the safetensors format does not know; "
                f"it knows {', '.join(dtype.name for dtype in _DTYPES.values())}"
            )
    written = _safetensors().save(arrays)
    header = _parse_header(written)
    # The package orders metadata at random, so the header is written again with ours in it.
    document: dict[str, Any] = {"__metadata__": _with_checksums(arrays, metadata)}
    for name, entry in header.entries.items():
        offsets = [entry.begin, entry.end]
        document[name] = {"dtype": entry.dtype, "shape": entry.shape, "data_offsets": offsets}
    text = _dump(document).encode("utf-8")
    text += b" " * (-len(text) % 8)  # keeps the numbers aligned
    return len(text).to_bytes(8, "little"), text, memoryview(written)[header.size :]


def _safetensors() -> Any:
    return require("safetensors.numpy", extra="io", purpose="Reading and writing weights")


def _with_checksums(arrays: Arrays, metadata: dict[str, str]) -> dict[str, str]:
    digests = {
        name: _digest(name, _DTYPE_NAMES[array.dtype], array.shape, array)
        for name, array in arrays.items()
    }
    checksums = {"metadata": _metadata_digest(metadata), "tensors": digests}
    added = {_FORMAT_KEY: _FORMAT_VERSION, _CHECKSUMS_KEY: _dump(checksums)}
    return dict(sorted({**metadata, **added}.items()))


def _digest(name: str, dtype: str, shape: Sequence[int], data: Any) -> str:
    # Over the header's entry as well: a changed name or shape is damage too.
    sha256 = hashlib.sha256(_dump([name, dtype, list(shape)]).encode("utf-8", "surrogatepass"))
    sha256.update(data)
    return sha256.hexdigest()


def _metadata_digest(metadata: Mapping[str, str]) -> str:
    text = _dump(sorted(metadata.items()))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _dump(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


# --- Reading ---------------------------------------------------------------------------------


def decode(raw: bytes) -> Decoded:
    """Check every byte of a file and return what it holds, or raise a `CheckpointError`."""
    header = _parse_header(raw)
    ours = any(key.startswith(RESERVED_PREFIX) for key in header.metadata)
    if ours:
        _verify(header, memoryview(raw))
    for name, entry in header.entries.items():
        if entry.dtype not in _DTYPES:
            raise CheckpointError(
                f"the tensor {name!r} has dtype {entry.dtype!r}, which NumPy does not have; "
                "convert it to F32 with the program that wrote it"
            )
    package = _safetensors()
    try:
        loaded = package.load(raw)
    except require("safetensors", extra="io", purpose="Reading weights").SafetensorError as error:
        raise CheckpointError(f"the safetensors package rejects it: {error}") from error
    return Decoded(
        arrays={name: np.require(loaded[name], requirements="W") for name in header.entries},
        metadata=_user_metadata(header),
        verified=ours,
    )


def _parse_header(raw: bytes) -> _Header:
    text = _header_text(raw)
    document = _parse_json(text, "the header")
    metadata = document.pop("__metadata__", {})
    if not _is_text_mapping(metadata):
        raise CheckpointError("the header's __metadata__ does not map strings to strings")
    entries = {name: _parse_entry(name, spec) for name, spec in document.items()}
    size = 8 + int.from_bytes(raw[:8], "little")
    entries = dict(sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)))
    _check_layout(entries, len(raw) - size)
    return _Header(entries, metadata, size)


def _header_text(raw: bytes) -> bytes:
    for magic, what in _FOREIGN.items():
        if raw.startswith(magic) and raw[8:9] != b"{":
            raise CheckpointError(f"it is no weights file but {what}")
    if len(raw) < 8:
        raise CheckpointError(f"{len(raw)} bytes are too few for a weights file")
    length = int.from_bytes(raw[:8], "little")
    if length > min(_HEADER_LIMIT, len(raw) - 8) or raw[8:9] != b"{":
        raise CheckpointError(
            f"it is cut off, damaged, or no safetensors file: its first bytes promise a header of "
            f"{length} bytes beginning with '{{' (at most {_HEADER_LIMIT}), and the file has "
            f"{len(raw) - 8} bytes more, beginning with {raw[8:16]!r}"
        )
    return raw[8 : 8 + length]


def _parse_json(text: bytes | str, what: str) -> dict[str, Any]:
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        document = json.loads(
            decoded, object_pairs_hook=_unique_keys, parse_constant=_reject_constant
        )
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{what} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{what} is not a JSON object")
    return document


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        if key in document:
            raise ValueError(f"the key {key!r} appears twice")
        document[key] = value
    return document


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _is_text_mapping(document: object) -> bool:
    return isinstance(document, dict) and all(isinstance(v, str) for v in document.values())


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _parse_entry(name: str, spec: object) -> _Entry:
    if not isinstance(spec, dict) or set(spec) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"the header's entry {name!r} is not dtype, shape, data_offsets")
    dtype, shape, offsets = spec["dtype"], spec["shape"], spec["data_offsets"]
    if not isinstance(dtype, str) or not dtype:
        raise CheckpointError(f"the tensor {name!r} has no dtype name but {dtype!r}")
    if not isinstance(shape, list) or len(shape) > _NDIM_LIMIT or not all(map(_is_count, shape)):
        raise CheckpointError(f"the tensor {name!r} has no shape but {shape!r:.80}")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        raise CheckpointError(f"the tensor {name!r} has no pair of offsets but {offsets!r:.80}")
    entry = _Entry(dtype, tuple(shape), *offsets)
    _check_size(name, entry)
    return entry


def _check_size(name: str, entry: _Entry) -> None:
    known = _DTYPES.get(entry.dtype)
    if known is None:
        return  # refused later, with a word on what to do; the layout is checked all the same
    expected = math.prod(entry.shape) * known.itemsize
    if entry.end - entry.begin != expected:
        taken = expected if expected < 2**63 else "too many"
        raise CheckpointError(
            f"the tensor {name!r} of dtype {entry.dtype} and shape {entry.shape!s:.80} takes "
            f"{taken} bytes, and its offsets {entry.begin} to {entry.end} do not span that many"
        )


def _check_layout(entries: Mapping[str, _Entry], size: int) -> None:
    position = 0
    for name, entry in entries.items():
        if entry.begin != position or entry.end < entry.begin:
            raise CheckpointError(
                f"the tensor {name!r} lies at bytes {entry.begin} to {entry.end}, where byte "
                f"{position} is the next one: the tensors overlap or leave a hole"
            )
        position = entry.end
    if position != size:
        raise CheckpointError(
            f"the header describes {position} bytes of numbers, and the file has {size}: "
            "it is cut off or has bytes too many"
        )


def _user_metadata(header: _Header) -> dict[str, str]:
    return {k: v for k, v in header.metadata.items() if not k.startswith(RESERVED_PREFIX)}


def _verify(header: _Header, raw: memoryview) -> None:
    version = header.metadata.get(_FORMAT_KEY)
    if version != _FORMAT_VERSION:
        raise CheckpointError(
            f"it is in version {version!r} of minigrad's format, and this minigrad reads "
            f"{_FORMAT_VERSION!r}: the file is damaged, or a newer minigrad wrote it"
        )
    actual = {
        name: _digest(name, e.dtype, e.shape, raw[header.size + e.begin : header.size + e.end])
        for name, e in header.entries.items()
    }
    checksums = _parse_json(header.metadata.get(_CHECKSUMS_KEY, ""), "the list of checksums")
    if checksums.get("metadata") != _metadata_digest(_user_metadata(header)):
        raise CheckpointError("its metadata does not match its checksum: the file is damaged")
    expected = checksums.get("tensors")
    if expected != actual:
        raise CheckpointError(_checksum_message(expected, actual))


def _checksum_message(expected: object, actual: dict[str, str]) -> str:
    listed = expected if isinstance(expected, dict) else {}
    wrong = [name for name, digest in actual.items() if listed.get(name) != digest]
    missing = [name for name in listed if name not in actual]
    parts = [f"the checksum of {', '.join(map(repr, wrong))} is wrong"] if wrong else []
    parts += [f"{', '.join(map(repr, missing))} is not in it"] if missing else []
    return f"{' and '.join(parts) or 'its checksums are wrong'}: the file is damaged"
