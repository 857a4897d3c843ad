"""Layers with parameters or with state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minigrad import random
from minigrad.errors import ArgumentError, DtypeError, MinigradError, ShapeError
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn._checks import described, number
from minigrad.nn.functional.activations import PROBABILITY, is_share
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter
from minigrad.random import Rng

__all__ = ["Dropout", "Flatten", "Identity", "Linear"]


class Linear(Module):
    r"""An affine map of the last axis.

    .. math:: y = x W^\top + b

    Parameters
    ----------
    in_features, out_features : int
        Length of the last axis before and after.
    bias : bool, default True
        Whether to add b.
    weight_init : str or callable, optional
        The initialiser of W, by its name in `minigrad.nn.init` or itself. By default, as in
        PyTorch, W and b are uniform in :math:`\pm 1 / \sqrt{n_\mathrm{in}}`.
    bias_init : str or callable, optional
        The initialiser of b; ``"zeros"`` where `weight_init` is given.
    rng : numpy.random.Generator, int or None, default None
        Where the randomness comes from; see `minigrad.random.resolve`.
    dtype : dtype, default float32

    Attributes
    ----------
    weight : Parameter, shape (out_features, in_features)
    bias : Parameter, shape (out_features,), or None

    Raises
    ------
    ArgumentError
        If a number of features is not a positive integer, or an initialiser is unknown.
    ShapeError
        If an initialiser returns another shape than it was asked for.
    ShapeError, DtypeError
        When called with what does not fit; the message names the layer.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> layer = nn.Linear(3, 2, weight_init="xavier_uniform", rng=0)
    >>> layer(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        weight_init: init.Initializer | str | None = None,
        bias_init: init.Initializer | str | None = None,
        rng: Rng = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        for name, value in (("in_features", in_features), ("out_features", out_features)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ArgumentError(f"Linear's {name} is a positive integer, not {value!r}")
        rng = random.resolve(rng)
        self.in_features = int(in_features)
        self.out_features = int(out_features)
        shape = (self.out_features, self.in_features)
        bound = 1 / math.sqrt(in_features)
        default = init.partial(init.uniform, low=-bound, high=bound)
        if bias_init is None:
            bias_init = default if weight_init is None else init.zeros
        if weight_init is None:
            weight_init = default
        self.weight = _initial("weight", shape, weight_init, rng, dtype)
        self.bias = _initial("bias", shape[:1], bias_init, rng, dtype) if bias else None

    def forward(self, x: Any) -> Any:
        """Return ``x @ weight.T + bias``."""
        try:
            return F.linear(x, self.weight, self.bias)
        except (ShapeError, DtypeError) as error:
            raise type(error)(f"{self._called()}: {error}") from None

    def _called(self) -> str:
        place = self.place()
        layer = f"Linear({self.in_features}, {self.out_features})"
        return f"layer {place}, {layer}" if place else layer

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


def _initial(
    name: str,
    shape: tuple[int, ...],
    initializer: init.Initializer | str,
    rng: np.random.Generator,
    dtype: DTypeLike,
) -> Parameter:
    function = init.resolve(initializer)
    try:
        values = function(shape, rng=rng, dtype=dtype)
    except TypeError as error:
        if isinstance(error, MinigradError) or "keyword argument" not in str(error):
            raise
        raise ArgumentError(
            f"the initialiser of Linear's {name} cannot be called as initializer(shape, rng=..., "
            f"dtype=...): {error}; write lambda shape, rng, dtype: ..."
        ) from error
    if np.shape(values) != shape:
        raise ShapeError(
            f"the initialiser of Linear's {name} returned shape {np.shape(values)}, and was asked "
            f"for {shape}; it is called as initializer(shape, rng=..., dtype=...)"
        )
    return Parameter(values)


class Flatten(Module):
    """Join axes into one, by default all but the first: images become rows.

    Parameters
    ----------
    start_dim : int, default 1
        The first axis to join.
    end_dim : int, default -1
        The last axis to join.

    Raises
    ------
    ArgumentError
        If one is not an integer.
    ShapeError
        When called with an array that does not have these axes.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> nn.Flatten()(np.zeros((5, 28, 28))).shape
    (5, 784)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        for name, value in (("start_dim", start_dim), ("end_dim", end_dim)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ArgumentError(f"Flatten's {name} is an integer, not {described(value)}")
        self.start_dim = int(start_dim)
        self.end_dim = int(end_dim)

    def forward(self, x: Any) -> Any:
        """Return `x` with the axes joined."""
        shape = tuple(np.shape(x))
        ndim = len(shape)
        start, end = (d + ndim if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < ndim:
            raise ShapeError(
                f"Flatten({self.start_dim}, {self.end_dim}) joins axes that an array of shape "
                f"{shape} does not have"
                + ("; a single sample becomes a batch of one as x[None]" if ndim == start else "")
            )
        joined = math.prod(shape[start : end + 1])
        return np.reshape(x, (*shape[:start], joined, *shape[end + 1 :]))

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Return what it is given.

    Examples
    --------
    >>> from minigrad import nn
    >>> nn.Identity()(3.0)
    3.0
    """

    def forward(self, x: Any) -> Any:
        """Return `x`."""
        return x


class Dropout(Module):
    r"""Set elements to 0 at random while training; do nothing in evaluation.

    .. math:: y_i = \frac{m_i}{1 - p} \, x_i, \qquad m_i \sim \mathrm{Bernoulli}(1 - p)

    Parameters
    ----------
    p : float, default 0.5
        Probability of setting an element to 0.
    rng : numpy.random.Generator, int or None, default None
        Where the randomness comes from; see `minigrad.random.resolve`.

    Raises
    ------
    ArgumentError
        If `p` is not between 0 and 1.

    References
    ----------
    See `minigrad.nn.functional.dropout`.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> layer = nn.Dropout(0.5, rng=0)
    >>> layer(np.ones(6)).tolist()
    [2.0, 2.0, 2.0, 0.0, 0.0, 0.0]
    >>> layer.eval()(np.ones(6)).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        self.p = number(p, PROBABILITY, is_share)
        # None stays None, so that a copy of the layer, too, draws from minigrad's own generator.
        self.rng = None if rng is None else random.resolve(rng)

    def forward(self, x: Any) -> Any:
        """Return `x` with some elements set to 0."""
        return F.dropout(x, self.p, self.training, self.rng)

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return f"p={self.p}"
