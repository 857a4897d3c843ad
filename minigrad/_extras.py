"""Optional packages, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

from minigrad.errors import MissingExtraError


def require(package: str, *, extra: str, purpose: str) -> Any:
    """Import an optional package, or raise an error that says how to install it.

    Parameters
    ----------
    package : str
        Module to import, such as ``"matplotlib.pyplot"``.
    extra : str
        The extra of minigrad's that brings it, such as ``"plots"``.
    purpose : str
        What it is needed for, as the beginning of a sentence: ``"Drawing a loss curve"``.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingExtraError
        If the package is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        top_level = package.partition(".")[0]
        if error.name != top_level:
            raise  # the package is there and misses something of its own
        raise MissingExtraError(top_level, extra, purpose) from error
