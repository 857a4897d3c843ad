"""Checks of the options that several views have."""

from __future__ import annotations

from typing import Any

from minigrad.errors import ArgumentError

__all__ = ["check_depth", "check_direction", "check_flags", "check_max_nodes"]


def check_depth(depth: Any, *, optional: bool = True) -> None:
    """Refuse what is neither a depth nor None."""
    if (depth is not None or not optional) and (
        isinstance(depth, bool) or not isinstance(depth, int) or depth < 0
    ):
        raise ArgumentError(f"depth is 0 for whole models, 1, 2, ... for parts, not {depth!r}")


def check_direction(direction: Any) -> str:
    """Refuse what is not a direction of graphviz; return it."""
    if isinstance(direction, str) and direction in ("TB", "LR", "BT", "RL"):
        return direction
    raise ArgumentError(
        f'direction is "TB" (from top to bottom), "LR", "BT" or "RL", not {direction!r}'
    )


def check_max_nodes(most: Any, name: str = "max_nodes") -> None:
    """Refuse what is no number of nodes; of `max_nodes` itself None is one, too."""
    optional = name == "max_nodes"
    if most is None and optional:
        return
    if isinstance(most, bool) or not isinstance(most, int) or most < 3:
        kinds = "None or a number" if optional else "a number"
        raise ArgumentError(f"{name} is {kinds} from 3 up, not {most!r}")


def check_flags(**flags: Any) -> None:
    """Refuse options that are neither True nor False."""
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise ArgumentError(f"{name} is True or False, not {value!r}")
