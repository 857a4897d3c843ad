"""Parameters and buffers: the tensors that belong to a module."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from minigrad.tensor import Tensor

__all__ = ["Buffer", "Parameter", "is_parameter", "is_state"]


class Parameter(Tensor):
    """A tensor that a module learns: it requires a gradient, and `Module.parameters` finds it.

    Parameters
    ----------
    data : array, number, or nested list of numbers
        The initial values; copied. An array keeps its dtype, which must be floating-point; Python
        numbers become float32.
    dtype : dtype, optional
        What to convert to instead.
    requires_grad : bool, default True
        False for a parameter that is kept as it is.
    name : str, optional
        What to call it in messages and pictures, instead of its place in the module.

    Raises
    ------
    DtypeError
        If the values are not floating-point numbers.

    Examples
    --------
    >>> from minigrad import nn
    >>> nn.Parameter([1.0, 2.0])
    tensor([1., 2.], dtype=float32, requires_grad=True)
    """

    __slots__ = ()

    def __init__(
        self,
        data: Any,
        dtype: DTypeLike | None = None,
        *,
        requires_grad: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(data, dtype, requires_grad=requires_grad, name=name)


class Buffer(Tensor):
    """A tensor that belongs to a module's state and is not learned, such as a running mean.

    Parameters
    ----------
    data : array, number, or nested list of numbers
        The initial values; copied.
    dtype : dtype, optional
        What to convert to.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> class Centre(nn.Module):
    ...     def __init__(self, mean):
    ...         self.mean = nn.Buffer(mean)
    ...
    ...     def forward(self, x):
    ...         return x - self.mean
    >>> list(Centre(np.zeros(2)).state_dict())
    ['mean']
    """

    __slots__ = ()

    def __init__(self, data: Any, dtype: DTypeLike | None = None) -> None:
        super().__init__(data, dtype)


def is_parameter(value: Any) -> bool:
    """Return whether a module learns this: a parameter, or a tensor that requires a gradient."""
    return isinstance(value, Parameter) or (
        isinstance(value, Tensor) and value.requires_grad and value.is_leaf
    )


def is_state(value: Any) -> bool:
    """Return whether this belongs into a module's state dict."""
    return is_parameter(value) or isinstance(value, Buffer)
