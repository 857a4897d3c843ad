"""Checks of the options that several views have."""

from __future__ import annotations

from typing import Any

from minigrad.errors import ArgumentError

__all__ = ["check_depth", "check_direction", "check_max_nodes"]


def check_depth(depth: Any) -> None:
    """Refuse what is neither a depth nor None."""
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        raise ArgumentError(f"depth is 0 for whole models, 1, 2, ... for parts, not {depth!r}")


def check_direction(direction: Any) -> str:
    """Refuse what is not a direction of graphviz; return it."""
    if isinstance(direction, str) and direction in ("TB", "LR", "BT", "RL"):
        return direction
    raise ArgumentError(
        f'direction is "TB" (from top to bottom), "LR", "BT" or "RL", not {direction!r}'
    )


def check_max_nodes(most: Any) -> None:
    """Refuse what is neither a number of nodes nor None."""
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 3):
        raise ArgumentError(f"max_nodes is None or a number from 3 up, not {most!r}")
