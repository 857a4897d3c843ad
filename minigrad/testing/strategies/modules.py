"""Small networks with their inputs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minigrad import nn
from minigrad.testing.strategies._hypothesis import DrawFn, SearchStrategy, st
from minigrad.testing.strategies.arrays import arrays

__all__ = ["Network", "modules"]

_SMOOTH: tuple[type[nn.Module], ...] = (nn.Tanh, nn.Sigmoid, nn.Softplus, nn.GELU)
_NORMALIZING: tuple[type[nn.Module], ...] = (nn.Softmax, nn.LogSoftmax)
_KINKED: tuple[type[nn.Module], ...] = (nn.ReLU, nn.LeakyReLU)


class Network(NamedTuple):
    """A module and an input that it takes.

    Attributes
    ----------
    module : nn.Module
    x : array
        Of a shape that the module takes.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> from minigrad.testing.strategies import Network
    >>> network = Network(nn.Linear(3, 2), np.ones((1, 3)))
    >>> network.module(network.x).shape
    (1, 2)
    """

    module: nn.Module
    x: np.ndarray[Any, np.dtype[Any]]


def modules(
    *,
    dtype: DTypeLike = np.float64,
    max_layers: int = 3,
    max_features: int = 4,
    smooth: bool = True,
    dropout: bool = False,
) -> SearchStrategy[Network]:
    """Generate small networks: affine layers and activations, with an input for each.

    Among them are layers without a bias, a layer that is used twice (its gradient is a sum), an
    input that has to be flattened first, and inputs of one row, of a batch, and of batches of
    batches.

    Parameters
    ----------
    dtype : dtype, default float64
        Of parameters and input.
    max_layers, max_features : int, default 3 and 4
        How deep and how wide.
    smooth : bool, default True
        Whether all activations have a derivative everywhere. With False, `ReLU` and `LeakyReLU` are
        among them, and an input may be at a kink.
    dropout : bool, default False
        Whether `Dropout` is among the layers; such a network gives another result at each call
        while it is being trained.

    Returns
    -------
    strategy for Network
        Pairs ``(module, x)``, in training mode. The weights are those that layers begin with, from
        a seed that is generated. Shrinks towards a single layer.

    Examples
    --------
    >>> from hypothesis import find
    >>> from minigrad.testing import strategies
    >>> from minigrad import nn
    >>> module, x = find(strategies.modules(), lambda found: isinstance(found.module[-1], nn.Tanh))
    >>> module[-1]
    Tanh()
    >>> module(x).shape[-1] == module[-2].out_features
    True
    """
    activations = [*_SMOOTH, *_NORMALIZING, *([] if smooth else _KINKED)]
    return _networks(np.dtype(dtype), max_layers, max_features, activations, dropout)


@st.composite
def _networks(
    draw: DrawFn,
    dtype: np.dtype[Any],
    max_layers: int,
    max_features: int,
    activations: list[type[nn.Module]],
    dropout: bool,
) -> Network:
    widths = st.integers(1, max_features)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    features = draw(widths)
    x, layers = draw(_inputs(features, dtype))
    for _ in range(draw(st.integers(1, max_layers))):
        width = draw(widths)
        linear = nn.Linear(features, width, bias=draw(st.booleans()), rng=rng, dtype=dtype)
        layers.append(linear)
        if draw(st.booleans()):
            layers.append(draw(st.sampled_from(activations))())
            if width == features and draw(st.booleans()):
                layers.append(linear)
        if dropout and draw(st.booleans()):
            layers.append(nn.Dropout(0.5, rng=rng))
        features = width
    return Network(nn.Sequential(*layers), x)


@st.composite
def _inputs(
    draw: DrawFn, features: int, dtype: np.dtype[Any]
) -> tuple[np.ndarray[Any, np.dtype[Any]], list[nn.Module]]:
    """Draw an input with this many features, and the layers that it needs before all others."""
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    if batch and features % 2 == 0 and draw(st.booleans()):
        return draw(arrays((batch[0], 2, features // 2), dtype=dtype)), [nn.Flatten()]
    return draw(arrays((*batch, features), dtype=dtype)), []
