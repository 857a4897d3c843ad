"""Where the files of a data set are: a directory of the user's, or a cache that is filled."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minigrad import _extras
from minigrad.errors import DataError, DataNotFoundError, MissingExtraError

__all__ = ["ENVIRONMENT_VARIABLE", "Source", "locate"]

ENVIRONMENT_VARIABLE = "MINIGRAD_DATA"
_TIMEOUT = 60  # seconds without an answer before the next mirror is tried


@dataclass(frozen=True)
class Source:
    """A data set of several files, and where to get it.

    Attributes
    ----------
    title : str
        Its name in messages.
    folders : tuple of str
        Where in a data directory its files may lie, besides the directory itself; the first is
        its place in the cache.
    mirrors : tuple of str
        Addresses that serve the gzip files, each ending in a slash.
    files : tuple of str
        Names of the files without ``.gz``.
    """

    title: str
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    files: tuple[str, ...]


def locate(
    source: Source,
    directory: str | os.PathLike[str] | None,
    verify: Callable[[str, Path], object],
) -> dict[str, Path]:
    """Return the path of each file of a data set, downloading what the cache lacks.

    Parameters
    ----------
    source : Source
        The data set.
    directory : path or None
        Where to look; None is the directory that the environment variable MINIGRAD_DATA names,
        else the cache.
    verify : callable
        Called with the name and path of a downloaded file before the cache takes it; raises
        DataError if it is not the right one.

    Returns
    -------
    dict of str to Path

    Raises
    ------
    DataNotFoundError
        If a file is neither there nor can be downloaded.
    """
    if directory is not None:
        return _look_in(source, Path(directory).expanduser(), "the directory argument")
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        place = f"the environment variable {ENVIRONMENT_VARIABLE}"
        return _look_in(source, Path(named).expanduser(), place)
    return _look_in_cache(source, verify)


def _look_in(source: Source, directory: Path, origin: str) -> dict[str, Path]:
    if not directory.is_dir():
        problem = "is a file" if directory.exists() else "does not exist"
        raise DataNotFoundError(
            f"{source.title}: the directory {directory}, which {origin} names, {problem}. "
            f"{_ways_out(source)}"
        )
    folders = [directory, *(directory / folder for folder in source.folders)]
    finds = [_find_all(source, folder) for folder in reversed(folders)]
    best = max(finds, key=len)
    missing = [name for name in source.files if name not in best]
    if missing:
        raise DataNotFoundError(
            f"{source.title}: found no {' and no '.join(missing)}, with or without .gz, in "
            f"{', '.join(map(str, folders))} (named by {origin}). {_ways_out(source)}"
        )
    return best


def _find_all(source: Source, folder: Path) -> dict[str, Path]:
    found = {name: _find(folder, name) for name in source.files}
    return {name: path for name, path in found.items() if path is not None}


def _find(folder: Path, name: str) -> Path | None:
    # Some copies write "train-images.idx3-ubyte" for "train-images-idx3-ubyte".
    dotted = name.replace("-idx", ".idx")
    candidates = (folder / f"{stem}{suffix}" for stem in (name, dotted) for suffix in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _look_in_cache(source: Source, verify: Callable[[str, Path], object]) -> dict[str, Path]:
    try:
        pooch = _extras.require("pooch", extra="data", purpose=f"downloading {source.title}")
    except MissingExtraError as error:
        raise DataNotFoundError(
            f"{source.title}: no directory was given, {ENVIRONMENT_VARIABLE} is not set, and "
            f"{error}. {_ways_out(source)}"
        ) from error
    folder = Path(pooch.os_cache("minigrad")) / source.folders[0]
    paths = {}
    for name in source.files:
        paths[name] = _find(folder, name) or _download(pooch, source, name, folder, verify)
    return paths


def _download(
    pooch: Any,
    source: Source,
    name: str,
    folder: Path,
    verify: Callable[[str, Path], object],
) -> Path:
    target = folder / f"{name}.gz"
    failures = []
    for mirror in source.mirrors:
        url = f"{mirror}{target.name}"
        try:
            _download_from(pooch, url, target, lambda path: verify(name, path))
        except (OSError, DataError) as error:
            failures.append(f"{url} ({type(error).__name__}: {error})")
        else:
            return target
    raise DataNotFoundError(
        f"{source.title}: no directory was given, {ENVIRONMENT_VARIABLE} is not set, "
        f"{target} is not there, and no mirror gave it: {'; '.join(failures)}. "
        f"{_ways_out(source)}"
    )


def _download_from(pooch: Any, url: str, target: Path, verify: Callable[[Path], object]) -> None:
    """Put a file into the cache whole and verified, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix="download-", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        pooch.get_logger().info("downloading %s to %s", url, target)
        pooch.HTTPDownloader(timeout=_TIMEOUT)(url, str(part), None)
        verify(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _ways_out(source: Source) -> str:
    return (
        f"Either pass directory=... with a directory that holds the files of {source.title}, or "
        f"set the environment variable {ENVIRONMENT_VARIABLE} to it, or, online and with "
        f"pip install 'minigrad[data]', give neither: the files are downloaded once."
    )
