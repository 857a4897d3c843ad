"""What a tensor turns into: Python numbers, plain arrays, text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad.context import context
from minigrad.errors import DtypeError, GraphError, ShapeError
from minigrad.graph import Array, Node, Vertex

__all__ = ["Conversions"]


class Conversions:
    """Conversions of a tensor, of which only its array and its vertex are used."""

    __slots__ = ()

    _data: Array
    _node: Vertex | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        shape: tuple[int, ...] = self._data.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._data.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(self._data.size)

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self._data.dtype

    def _called(self) -> str:
        name = self._node.name if self._node is not None else None
        return f"tensor {name!r}" if name else "a tensor"

    def item(self) -> Any:
        """Return the value of a tensor of one element as a Python number.

        Raises
        ------
        ShapeError
            If there are more elements, or none.
        GraphError
            If that would lose a gradient inside a function that is being differentiated.
        """
        if context.get().tracing and self._node is not None and self._node.requires_grad:
            raise GraphError(
                "float(t) and t.item() in a function that is differentiated would lose the "
                "gradient; compute with NumPy's functions (np.sin(t), not math.sin(t)), and for a "
                "look at the value write t.detach().item()"
            )
        return self._number()

    def _number(self) -> Any:
        if self._data.size != 1:
            raise ShapeError(
                f"only a tensor of one element is one number, and {self._called()} has shape "
                f"{self.shape}; .tolist() gives all of them"
            )
        return self._data.item()

    def tolist(self) -> Any:
        """Return the values as nested lists of Python numbers."""
        return self._data.tolist()

    def _refuse_conversion(self, what: str) -> None:
        if self._node is not None and self._node.requires_grad:
            raise GraphError(
                f"{what} would leave the graph and lose the gradient; for the values alone write "
                "t.detach() (a tensor) or t.numpy() (an array), and to make one tensor of several "
                "use np.stack or np.concatenate"
            )

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Any:
        self._refuse_conversion("converting a tensor that requires a gradient to an array")
        return np.array(self._data, dtype=dtype, copy=copy)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self._number())

    def __round__(self, digits: int | None = None) -> Any:
        if self._data.size != 1:
            raise ShapeError(
                f"round(t) is of one number, and {self._called()} has shape {self.shape}; "
                "np.round(t.detach(), digits) rounds all of them"
            )
        return round(self.item(), digits)

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DtypeError(
                f"a tensor of dtype {self.dtype} cannot be an index; use int(t) for a whole number"
            )
        return int(self._number())

    def __bool__(self) -> bool:
        if self._data.size != 1:
            raise ShapeError(
                f"the truth of {self._called()} of shape {self.shape} is ambiguous; "
                "use t.any() or t.all()"
            )
        return bool(self._data)

    def __format__(self, spec: str) -> str:
        return format(self._number(), spec) if spec else str(self)

    def __len__(self) -> int:
        if not self.shape:
            raise DtypeError("a tensor without axes has no length; t.item() is its number")
        return self.shape[0]

    def __contains__(self, value: Any) -> bool:
        return bool(np.any(self._data == getattr(value, "_data", value)))

    def __repr__(self) -> str:
        values = np.array2string(np.asarray(self._data), separator=", ", prefix="tensor(")
        notes = [f"dtype={self.dtype}"]
        if isinstance(self._node, Node):
            notes.append(f"op={self._node.rule.name}")
        elif self._node is not None and self._node.requires_grad:
            notes.append("requires_grad=True")
        if self._node is not None and self._node.name:
            notes.append(f"name={self._node.name!r}")
        return f"tensor({values}, {', '.join(notes)})"
