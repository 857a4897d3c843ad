"""What all plots share: figures of their own, the colours, and plain arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from minigrad._extras import require
from minigrad.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]  # not as many as colours: pairs repeat late


def new_figure(purpose: str, width: float, height: float) -> Figure:
    module = require("matplotlib.figure", extra="plots", purpose=purpose)
    figure: Figure = module.Figure(figsize=(width, height), layout="constrained")
    return figure


def plain(values: ArrayLike | Tensor) -> NDArray[Any]:
    return np.asarray(values.data if isinstance(values, Tensor) else values)
