"""Inputs as Python code, for the line that reproduces a failure."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from minigrad.calls import unwrap
from minigrad.testing.trees import is_shape

__all__ = ["written"]


def written(value: Any) -> str:
    """Return inputs as Python code, if they are short."""
    text = _code(value)
    return text if text is not None and len(text) <= 400 else "inputs"


def _code(value: Any) -> str | None:
    value = unwrap(value)
    if isinstance(value, np.ndarray | np.generic):
        if value.size > 40:
            return None
        if value.size == 0:
            return f"np.zeros({value.shape}, {str(value.dtype)!r})"
        numbers = re.sub(r"\b(nan|inf)\b", r"np.\1", repr(value.tolist()))
        return f"np.array({numbers}, {str(value.dtype)!r})"
    if is_shape(value):
        return repr(value)
    if isinstance(value, list | tuple):
        parts = [_code(item) for item in value]
        if None in parts:
            return None
        return f"[{', '.join(map(str, parts))}]"
    if isinstance(value, dict):
        entries = {key: _code(item) for key, item in value.items()}
        if None in entries.values():
            return None
        return "{" + ", ".join(f"{key!r}: {code}" for key, code in entries.items()) + "}"
    return repr(value)
