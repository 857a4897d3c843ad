"""Weights on disk.

One format is written for keeping: `safetensors`, which PyTorch and many others read and which
cannot carry code. minigrad adds checksums to the file's metadata, so that damage is noticed.
Plain ``.npz`` files are read and written for exchange with NumPy. Nothing is ever unpickled.

A file is written whole or not at all: the bytes go to a temporary file in the same directory, are
flushed to the disk, and replace the old file in one step.

References
----------
The format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import secrets
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minigrad import _safetensors
from minigrad._safetensors import RESERVED_PREFIX, Arrays
from minigrad.errors import (
    ArgumentError,
    CheckpointError,
    CheckpointNotFoundError,
    DtypeError,
    StateDictError,
)
from minigrad.tensor import Tensor

__all__ = ["WeightsInfo", "inspect_weights", "load_weights", "load_weights_into", "save_weights"]

StrPath: TypeAlias = str | os.PathLike[str]


class _HasStateDict(Protocol):
    def state_dict(self) -> Mapping[str, NDArray[Any]]: ...


class _LoadsStateDict(Protocol):
    def load_state_dict(
        self, mapping: Mapping[str, NDArray[Any]], /, strict: bool = ...
    ) -> Any: ...


@dataclass(frozen=True)
class WeightsInfo:
    """What a weights file holds, apart from the numbers.

    Attributes
    ----------
    format : str
        ``"safetensors"`` or ``"npz"``.
    shapes : dict of str to tuple of int
        The shape of each tensor, in the order of the file.
    dtypes : dict of str to numpy.dtype
        The dtype of each tensor.
    metadata : dict of str to str
        What `save_weights` was given as ``metadata``; for another program's file, what it wrote.
    verified : bool
        Whether every tensor was compared with a checksum in the file. False for safetensors files
        that another program wrote: the format itself has none.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from minigrad import nn
    >>> from minigrad.io import inspect_weights, save_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.safetensors")
    ...     save_weights(nn.Linear(3, 2), path, metadata={"epochs": "3"})
    ...     info = inspect_weights(path)
    ...
    >>> info.shapes
    {'bias': (2,), 'weight': (2, 3)}
    >>> info.metadata["epochs"], info.verified
    ('3', True)
    """

    format: str
    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, np.dtype[Any]]
    metadata: dict[str, str]
    verified: bool


class _Contents(NamedTuple):
    format: str
    arrays: Arrays
    metadata: dict[str, str]
    verified: bool


# --- What users call -------------------------------------------------------------------------


def save_weights(
    source: _HasStateDict | Mapping[str, NDArray[Any] | Tensor],
    path: StrPath,
    *,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a model's weights to a file, whole or not at all.

    Whatever goes wrong on the way (a full disk, Ctrl-C, a power cut), an old file of that name
    stays as it was until the new one is complete. The same weights and metadata give the same
    bytes.

    Parameters
    ----------
    source : nn.Module or mapping of str to numpy.ndarray or Tensor
        A model (anything with a ``state_dict()``), or the named arrays themselves, of any memory
        layout. In ``.safetensors``: bool, integers, float16, float32, float64, complex64.
    path : str or path
        Ends in ``.safetensors``, or in ``.npz`` for exchange with NumPy.
    metadata : mapping of str to str, optional
        Kept in the file (``.safetensors`` only) and returned by `inspect_weights`. Keys beginning
        with ``"minigrad."`` are minigrad's own.

    Raises
    ------
    ArgumentError
        If the suffix is another, or the metadata cannot be written.
    DtypeError
        If `source` is no model or mapping, or one of its values is not a plain numeric array.
    MissingExtraError
        If ``.safetensors`` is asked for and the package is not installed.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from minigrad.io import load_weights, save_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights({"weight": np.eye(2, dtype=np.float32)}, f"{folder}/tiny.safetensors")
    ...     load_weights(f"{folder}/tiny.safetensors")
    {'weight': array([[1., 0.],
           [0., 1.]], dtype=float32)}

    References
    ----------
    The format: https://github.com/huggingface/safetensors#format, with a SHA-256 per tensor under
    ``minigrad.checksums`` in its metadata.
    """
    target = _as_path(path)
    encode = _ENCODERS.get(target.suffix.lower())
    if encode is None:
        raise ArgumentError(
            f"weights are written as .safetensors (or .npz), and {str(target)!r} ends in "
            f"{repr(target.suffix) if target.suffix else 'neither'}; write "
            f"{target.stem + '.safetensors'!r} instead"
        )
    _write_atomically(target, encode(_named_arrays(source), _checked_metadata(metadata)))


def load_weights(path: StrPath) -> Arrays:
    """Read the named arrays of a ``.safetensors`` or ``.npz`` file.

    Files that minigrad wrote are compared with their checksums. safetensors files from elsewhere
    have none and are read too, with every other check; `inspect_weights` tells the two apart.

    Parameters
    ----------
    path : str or path
        The file. What it is shows from its first bytes, not from its name.

    Returns
    -------
    dict of str to numpy.ndarray
        New, writable arrays in the order of the file, with the dtypes that were saved.

    Raises
    ------
    CheckpointError
        If the file is damaged, cut off, or not a weights file. Names the path and the reason.
    CheckpointNotFoundError
        If there is no such file.
    MissingExtraError
        If it is a safetensors file and the package is not installed.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from minigrad.io import load_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/tiny.npz", bias=np.float32([1, 2]))
    ...     load_weights(f"{folder}/tiny.npz")
    {'bias': array([1., 2.], dtype=float32)}
    """
    return _read(path).arrays


def load_weights_into(model: _LoadsStateDict, path: StrPath, *, strict: bool = True) -> None:
    """Read a weights file into a model, all of it or nothing.

    Parameters
    ----------
    model : nn.Module
        Anything with a ``load_state_dict(mapping, strict=...)``.
    path : str or path
        A ``.safetensors`` or ``.npz`` file.
    strict : bool, default True
        Whether the names in the file and in the model have to be the same ones.

    Raises
    ------
    CheckpointError
        If the file cannot be read (see `load_weights`) or does not fit the model; the reason lists
        every entry that does not. The model is unchanged.

    Examples
    --------
    >>> import tempfile
    >>> from minigrad import nn
    >>> from minigrad.io import load_weights_into, save_weights
    >>> trained, fresh = nn.Linear(3, 2, rng=0), nn.Linear(3, 2, rng=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights(trained, f"{folder}/linear.safetensors")
    ...     load_weights_into(fresh, f"{folder}/linear.safetensors")
    >>> bool((fresh.weight.data == trained.weight.data).all())
    True
    """
    if not hasattr(model, "load_state_dict"):
        raise DtypeError(
            "load_weights_into takes a model and a path, in this order, and "
            f"{type(model).__name__} is no model"
        )
    arrays = load_weights(path)
    try:
        model.load_state_dict(arrays, strict=strict)
    except StateDictError as error:
        raise CheckpointError(
            f"{os.fspath(path)}: made for another model than this "
            f"{type(model).__name__}, which is unchanged: {error}"
        ) from error


def inspect_weights(path: StrPath) -> WeightsInfo:
    """Say what a weights file holds, after checking all of it.

    Parameters
    ----------
    path : str or path
        A ``.safetensors`` or ``.npz`` file.

    Returns
    -------
    WeightsInfo
        Format, shapes, dtypes, metadata, and whether checksums confirmed the numbers.

    Raises
    ------
    CheckpointError
        As `load_weights`.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from minigrad.io import inspect_weights, save_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_weights({"w": np.ones((2, 3))}, f"{folder}/w.safetensors", metadata={"epoch": "3"})
    ...     info = inspect_weights(f"{folder}/w.safetensors")
    >>> info.shapes, info.metadata, info.verified
    ({'w': (2, 3)}, {'epoch': '3'}, True)
    """
    contents = _read(path)
    return WeightsInfo(
        format=contents.format,
        shapes={name: array.shape for name, array in contents.arrays.items()},
        dtypes={name: array.dtype for name, array in contents.arrays.items()},
        metadata=contents.metadata,
        verified=contents.verified,
    )


def _as_path(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise DtypeError(
            f"the path of a weights file is a str or a Path, not {type(path).__name__}; the order "
            "is save_weights(model, path), load_weights_into(model, path)"
        )
    return Path(path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointNotFoundError(
            f"{path}: there is no such file; save_weights(model, path) writes one"
        ) from error
    except IsADirectoryError as error:
        raise CheckpointError(f"{path}: is a directory, where a file is expected") from error


def _read(path: StrPath) -> _Contents:
    raw = _content(_as_path(path))
    try:
        if raw.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return _from_npz(raw)
        return _Contents("safetensors", *_safetensors.decode(raw))
    except CheckpointError as error:
        raise CheckpointError(f"{os.fspath(path)}: {error}") from error


# --- What may be saved -----------------------------------------------------------------------


def _named_arrays(source: object) -> Arrays:
    state_dict = getattr(source, "state_dict", None)
    mapping = state_dict() if callable(state_dict) else source
    if not isinstance(mapping, Mapping):
        raise DtypeError(
            "weights are a model or a mapping of names to arrays, "
            f"not {type(source).__name__}: {source!r:.80}"
        )
    return {_checked_name(name): _checked_array(name, value) for name, value in mapping.items()}


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise DtypeError(f"tensor names are strings, not {type(name).__name__}: {name!r}")
    if name == "__metadata__":
        raise ArgumentError("no tensor can be named '__metadata__': the format reserves that name")
    _check_text(name, "the tensor name")
    return name


def _check_text(text: str, what: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{what} {text!r} cannot be written as UTF-8: {error}") from error


def _checked_array(name: str, value: object) -> NDArray[Any]:
    array = value.data if isinstance(value, Tensor) else value
    if not isinstance(array, np.ndarray | np.generic) or isinstance(array, np.ma.MaskedArray):
        raise DtypeError(
            f"the value of {name!r} is a {type(value).__module__}.{type(value).__name__}, "
            "not a plain NumPy array; convert it first"
        )
    if array.dtype.kind not in "biufc":
        raise DtypeError(f"{name!r} has dtype {array.dtype}, and weights are numbers")
    return _contiguous(np.asarray(array))


def _contiguous(array: NDArray[Any]) -> NDArray[Any]:
    # safetensors writes wrong numbers, without an error, for any other layout. Not
    # np.ascontiguousarray: that turns 0-d arrays into 1-d ones.
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _checked_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    metadata = dict(metadata or {})
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise DtypeError(
                f"metadata maps strings to strings, not {key!r} to {value!r}; "
                "write numbers with str() and anything else with json.dumps()"
            )
        if key.startswith(RESERVED_PREFIX):
            raise ArgumentError(
                f"metadata keys beginning with {RESERVED_PREFIX!r} are minigrad's own, got {key!r}"
            )
        _check_text(key + value, "the metadata entry")
    return metadata


# --- npz -------------------------------------------------------------------------------------


def _to_npz(arrays: Arrays, metadata: dict[str, str]) -> Iterable[bytes | memoryview]:
    if metadata:
        raise ArgumentError("a .npz file has no place for metadata; write .safetensors instead")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # of a fixed date: the same bytes each time
            if member.filename != f"{name}.npy":
                raise ArgumentError(f"{name!r} cannot be a name in a .npz; write .safetensors")
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(member, content.getbuffer())
    return (file.getbuffer(),)


def _from_npz(raw: bytes) -> _Contents:
    arrays: Arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            _check_count(archive, raw)
            for member in archive.infolist():
                name = _member_name(member)
                if name in arrays:
                    raise CheckpointError(f"the name {name!r} appears twice")
                arrays[name] = _parse_npy(name, archive.read(member))
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # zipfile's parser raises a dozen types on damaged files
        raise CheckpointError(f"the .npz archive is damaged: {error}") from error
    return _Contents("npz", arrays, metadata={}, verified=True)  # zip's CRC-32 has been checked


def _check_count(archive: zipfile.ZipFile, raw: bytes) -> None:
    # zipfile does not compare, and a damaged directory can hide members.
    end = raw.rindex(b"PK\x05\x06")
    count = int.from_bytes(raw[end + 10 : end + 12], "little")
    if count != min(len(archive.infolist()), 0xFFFF):
        raise CheckpointError(
            f"the .npz archive is damaged: {count} members are announced, and its directory "
            f"lists {len(archive.infolist())}"
        )


def _member_name(member: zipfile.ZipInfo) -> str:
    name = member.filename.removesuffix(".npy")
    if member.filename.endswith("data.pkl"):
        raise CheckpointError(
            "it is a pickled PyTorch file, which minigrad does not open because it can run code; "
            "in PyTorch, write safetensors.torch.save_file(model.state_dict(), ...)"
        )
    if name == member.filename:
        raise CheckpointError(f"it is no .npz file: it holds {member.filename!r}, no .npy")
    return name


def _parse_npy(name: str, content: bytes) -> NDArray[Any]:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise CheckpointError(f"the array {name!r} is in version {version} of the .npy format")
    shape, fortran, dtype = readers[version](stream)
    if dtype.kind not in "biufc":
        raise CheckpointError(
            f"the array {name!r} has dtype {dtype}, and weights are numbers (nothing is unpickled)"
        )
    size = len(content) - stream.tell()
    if not all(n >= 0 for n in shape) or math.prod(shape) * dtype.itemsize != size:
        raise CheckpointError(f"the array {name!r} of {dtype} and shape {shape} has {size} bytes")
    array: NDArray[Any] = np.ndarray(
        shape, dtype, buffer=content, offset=stream.tell(), order="F" if fortran else "C"
    )
    return array.astype(dtype.newbyteorder("="), order="C")


_ENCODERS: dict[str, Callable[[Arrays, dict[str, str]], Iterable[bytes | memoryview]]] = {
    ".safetensors": _safetensors.encode,
    ".npz": _to_npz,
}


# --- Whole or not at all ---------------------------------------------------------------------


def _write_atomically(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    target = Path(os.path.realpath(path))  # a link stays a link
    if not target.parent.is_dir():
        raise CheckpointNotFoundError(
            f"no directory {str(path.parent)!r} to write {path.name!r} in; make it first"
        )
    with _temporary_beside(target) as temporary:
        with open(temporary, "xb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    _sync_directory(target.parent)


@contextlib.contextmanager
def _temporary_beside(target: Path) -> Iterator[Path]:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)  # after a success, its name is gone already


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a directory cannot be opened; the new name is durable a little later
    with contextlib.suppress(OSError):  # some network file systems refuse
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
