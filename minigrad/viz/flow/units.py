"""Units that do nothing: of a ReLU that are always 0, of a sigmoid that are at its bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minigrad.arrays import as_numpy
from minigrad.viz.models.watching import Computed, Event

__all__ = ["NEAR", "Units", "units_of"]

NEAR = 0.01  # to a bound of its range counts as saturated


@dataclass(frozen=True)
class Units:
    """How many of a layer's units.

    Attributes
    ----------
    count, of : int
        So many of so many.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, viz
    >>> model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    >>> model[0].bias.data[:] = [-9, -9, 9, 9]
    >>> loss = nn.CrossEntropyLoss()(model(np.ones((5, 3))), np.arange(5) % 2)
    >>> loss.backward()
    >>> dead = viz.gradient_flow(model, np.ones((5, 3))).rows[1].dead
    >>> dead.count, dead.of
    (2, 4)
    """

    count: int
    of: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.count / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{self.count} of {self.of} units ({self.share:.0%})"


def units_of(events: Iterable[Event]) -> tuple[Units | None, Units | None]:
    """Return the dead units of a ReLU among the operations, and saturated ones of a sigmoid.

    A unit is an element of the result, the first axis being that of the batch; it counts if it is
    so in every row of the batch.
    """
    dead: list[Any] = []
    saturated: list[Any] = []
    for event in events:
        if isinstance(event, Computed):
            value = as_numpy(event.value)
            name = event.node.rule.name
            if name == "relu" or (name == "maximum" and _with_zero(event)):
                dead.append(_always(value == 0))
            elif name == "sigmoid":
                saturated.append(_always((value < NEAR) | (value > 1 - NEAR)))
            elif name == "tanh":
                saturated.append(_always(np.abs(value) > 1 - NEAR))
    return _counted(dead), _counted(saturated)


def _with_zero(event: Computed) -> bool:
    constants = [
        arg for arg, parent in zip(event.args, event.node.parents, strict=False) if parent is None
    ]
    return any(not np.any(as_numpy(constant)) for constant in constants)


def _always(mask: Any) -> Any:
    return mask.all(axis=0) if mask.ndim > 1 else mask


def _counted(masks: list[Any]) -> Units | None:
    if not masks:
        return None
    return Units(sum(int(np.sum(mask)) for mask in masks), sum(mask.size for mask in masks))
