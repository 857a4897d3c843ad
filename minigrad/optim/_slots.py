"""What an optimizer keeps for each of its parameters from one step to the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minigrad.errors import GraphError, ShapeError
from minigrad.optim._parameters import Named
from minigrad.tensor import Tensor

__all__ = ["Array", "Arrays", "Kept", "Options", "Scalars", "Slot"]

Array: TypeAlias = Any  # whatever speaks NumPy
Arrays: TypeAlias = tuple[Array, ...]
Scalars: TypeAlias = tuple[Any, ...]  # numbers, or 0-d arrays of the parameter's dtype
Options: TypeAlias = Mapping[str, Any]


class Kept(NamedTuple):
    """An array that an optimizer keeps for each parameter.

    What is stored is the quantity of the formula divided by `scale`: then the constant factors of
    the formula meet in a few scalars, and each of them saves a pass over the array.
    """

    name: str
    scale: float = 1.0
    start: float = 0.0


class Slot:
    """A parameter, with the number of steps it has taken and what is kept for it."""

    __slots__ = ("arrays", "index", "kept", "layout", "named", "scratch", "seen", "steps", "tensor")

    def __init__(self, named: Named, index: int) -> None:
        self.named = named
        self.index = index
        self.tensor: Tensor = named.tensor
        self.steps = 0
        self.kept: dict[str, tuple[float, Array]] = {}  # name -> (scale, array)
        self.layout: tuple[Kept, ...] | None = None  # what `arrays` holds, in this order
        self.arrays: Arrays = ()
        self.scratch: Arrays = ()
        self.seen: Array = None  # the array that `scratch` fits

    @property
    def label(self) -> str:
        """What to call the parameter in a message."""
        return self.named.label(self.index)

    def arrange(self, layout: tuple[Kept, ...]) -> None:
        """Make `arrays` hold what the layout says, at its scales."""
        for name, scale, start in layout:
            if name not in self.kept:
                self.kept[name] = scale, np.full_like(self.tensor.data, start / scale)
            old, array = self.kept[name]
            if old != scale:  # an option such as a beta was changed between two steps
                np.multiply(array, old / scale, out=array)
                self.kept[name] = scale, array
        self.arrays = tuple(self.kept[name][1] for name, _, _ in layout)
        self.layout = layout

    def restore(self, steps: int, kept: dict[str, tuple[float, Array]]) -> None:
        """Take over what another slot kept after so many steps."""
        self.steps = steps
        self.kept = kept
        self.layout = None  # so that the next step arranges it

    def check_array(self, data: Array) -> None:
        """Refuse an array that cannot be updated in place with what is kept."""
        flags = getattr(data, "flags", None)
        if not getattr(flags, "writeable", True):
            raise GraphError(
                f"{self.label} is read-only, so no step can change it; give the tensor an array "
                "of its own: p.data = p.data.copy()"
            )
        for name, (_, array) in self.kept.items():
            if array.shape != data.shape or array.dtype != data.dtype:
                raise ShapeError(
                    f"{self.label} is now {data.dtype} {data.shape}, and what the optimizer keeps "
                    f"for it ({name}) is {array.dtype} {array.shape}; make a new optimizer"
                )

    def usable_gradient(self, data: Array, grad: Any) -> Array:
        """Return the array of a gradient that is not simply an array like the parameter's."""
        array = grad.data if isinstance(grad, Tensor) else grad  # a Tensor under create_graph
        shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
        if shape != data.shape or dtype != data.dtype:
            what = type(grad).__name__ if shape is None else f"{dtype} {shape}"
            raise ShapeError(
                f"the gradient of {self.label} is {what}, and the parameter is {data.dtype} "
                f"{data.shape}; assign p.grad an array of that shape and dtype, or leave it to "
                "backward()"
            )
        return array
