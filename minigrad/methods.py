"""The methods that a tensor shares with NumPy's arrays, each the NumPy function of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike

__all__ = ["ArrayMethods"]

Axis = int | tuple[int, ...] | None

# What other frameworks have as a method, and what it is here.
_ELSEWHERE = {
    "cpu": "t.data: what kind of array it is decides where it is computed",
    "cuda": "t.data: what kind of array it is decides where it is computed",
    "device": "t.data: what kind of array it is decides where it is computed",
    "gelu": "minigrad.nn.functional.gelu(t)",
    "log_softmax": "minigrad.nn.functional.log_softmax(t)",
    "mm": "t @ other",
    "norm": "np.linalg.norm(t)",
    "numel": "t.size",
    "permute": "t.transpose(axes)",
    "relu": "minigrad.nn.functional.relu(t)",
    "sigmoid": "minigrad.nn.functional.sigmoid(t)",
    "softmax": "minigrad.nn.functional.softmax(t)",
    "t": "t.T",
    "to": "t.astype(dtype)",
    "unsqueeze": "np.expand_dims(t, axis)",
    "view": "t.reshape(shape)",
}


def _hint(name: str) -> str:
    if name in _ELSEWHERE:
        return f"; write {_ELSEWHERE[name]}"
    if callable(getattr(np, name, None)):
        return f"; NumPy's functions take tensors: np.{name}(t)"
    return ""


class ArrayMethods:
    """Methods written in plain NumPy, for a class that speaks NumPy's protocols."""

    __slots__ = ()

    if not TYPE_CHECKING:  # where a missing attribute is to be found without it

        def __getattr__(self, name: str) -> NoReturn:
            hint = "" if name.startswith("_") else _hint(name)
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}{hint}",
                name=name,
                obj=self,
            )

    @property
    def T(self) -> Any:
        """The axes in reverse order."""
        return np.transpose(self)  # type: ignore[call-overload]

    @property
    def mT(self) -> Any:
        """The last two axes exchanged."""
        return np.swapaxes(self, -1, -2)  # type: ignore[call-overload]

    def sum(
        self, axis: Axis = None, *, keepdims: bool = False, dtype: DTypeLike | None = None
    ) -> Any:
        """Sum over the given axes, all by default; see `numpy.sum`."""
        options = {} if dtype is None else {"dtype": dtype}
        return np.sum(self, axis=axis, keepdims=keepdims, **options)  # type: ignore[call-overload]

    def prod(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Product over the given axes, all by default; see `numpy.prod`."""
        return np.prod(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def mean(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Mean over the given axes, all by default; see `numpy.mean`."""
        return np.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def var(self, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
        """Variance, the sum of squared deviations over ``n - ddof``; see `numpy.var`."""
        return np.var(self, axis=axis, ddof=ddof, keepdims=keepdims)  # type: ignore[call-overload]

    def std(self, axis: Axis = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
        """Compute the standard deviation, the square root of `var`; see `numpy.std`."""
        return np.std(self, axis=axis, ddof=ddof, keepdims=keepdims)  # type: ignore[call-overload]

    def max(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Largest element; where several are largest, they share the gradient equally."""
        return np.max(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def min(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Smallest element; where several are smallest, they share the gradient equally."""
        return np.min(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """Index of the largest element, a plain array or number."""
        return np.argmax(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Any:
        """Index of the smallest element, a plain array or number."""
        return np.argmin(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def any(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Whether any element is not zero, a plain array or boolean."""
        return np.any(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def all(self, axis: Axis = None, *, keepdims: bool = False) -> Any:
        """Whether every element is not zero, a plain array or boolean."""
        return np.all(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def reshape(self, *shape: Any) -> Any:
        """Arrange the elements in another shape; -1 for one axis means what is left."""
        wanted = shape[0] if len(shape) == 1 else shape
        return np.reshape(self, wanted)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        """Axes in the given order, reversed by default."""
        order = axes[0] if len(axes) == 1 else axes or None
        return np.transpose(self, order)  # type: ignore[call-overload]

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Two axes exchanged."""
        return np.swapaxes(self, axis1, axis2)  # type: ignore[call-overload]

    def squeeze(self, axis: Axis = None) -> Any:
        """Without axes of length 1."""
        return np.squeeze(self, axis=axis)  # type: ignore[call-overload]

    def ravel(self) -> Any:
        """All elements on one axis."""
        return np.ravel(self)  # type: ignore[call-overload]

    def flatten(self) -> Any:
        """All elements on one axis, as `ravel`, in memory of their own."""
        return np.copy(np.ravel(self))  # type: ignore[call-overload]

    def clip(self, min: Any = None, max: Any = None) -> Any:  # noqa: A002 (NumPy's names)
        """Elements limited to ``min`` and ``max``; at both bounds the gradient passes."""
        return np.clip(self, min, max)  # type: ignore[call-overload]

    def dot(self, other: Any) -> Any:
        """Product of arrays; see `numpy.dot`."""
        return np.dot(self, other)  # type: ignore[call-overload]
