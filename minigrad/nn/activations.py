"""Activation functions as modules; their formulas are in `minigrad.nn.functional`."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.errors import ArgumentError
from minigrad.nn import functional as F
from minigrad.nn._checks import axis_option, described, number
from minigrad.nn.functional.activations import SLOPE
from minigrad.nn.module import Module

__all__ = [
    "GELU",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Step",
    "Tanh",
]


class Sigmoid(Module):
    r"""The logistic function, :math:`1 / (1 + e^{-x})`; see `minigrad.nn.functional.sigmoid`.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> nn.Sigmoid()(np.array([0.0]))
    array([0.5])
    """

    def forward(self, x: Any) -> Any:
        """Return the sigmoid of `x`."""
        return F.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent; see `numpy.tanh`.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> nn.Tanh()(np.array([0.0]))
    array([0.])
    """

    def forward(self, x: Any) -> Any:
        """Return the hyperbolic tangent of `x`."""
        return np.tanh(x)


class ReLU(Module):
    r"""The rectifier, :math:`\max(x, 0)`; see `minigrad.nn.functional.relu`.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> nn.ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x: Any) -> Any:
        """Return `x` with negative numbers replaced by 0."""
        return F.relu(x)


class LeakyReLU(Module):
    """The rectifier with a small slope for negative numbers.

    See `minigrad.nn.functional.leaky_relu`.

    Parameters
    ----------
    negative_slope : float, default 0.01

    Raises
    ------
    ArgumentError
        If `negative_slope` is not a number.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> nn.LeakyReLU(0.1)(np.array([-1.0, 2.0]))
    array([-0.1,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = number(negative_slope, SLOPE)

    def forward(self, x: Any) -> Any:
        """Return `x` with negative numbers scaled down."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return f"negative_slope={self.negative_slope}"


class Softplus(Module):
    r"""The smooth rectifier, :math:`\log(1 + e^x)`; see `minigrad.nn.functional.softplus`.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> nn.Softplus()(np.array([1000.0]))
    array([1000.])
    """

    def forward(self, x: Any) -> Any:
        """Return the softplus of `x`."""
        return F.softplus(x)


class GELU(Module):
    r"""The Gaussian error linear unit, :math:`x \, \Phi(x)`; see `minigrad.nn.functional.gelu`.

    Parameters
    ----------
    approximate : {"none", "tanh"}, default "none"
        The second is much faster, NumPy having no error function, and off by at most 0.0005.

    Raises
    ------
    ArgumentError
        If `approximate` is anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> np.round(nn.GELU()(np.array([1.0])), 4)
    array([0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        if not isinstance(approximate, str) or approximate not in ("none", "tanh"):
            raise ArgumentError(
                f"GELU is approximate='none' or 'tanh', not {described(approximate)}"
            )
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        """Return the GELU of `x`."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return f"approximate={self.approximate!r}"


class Softmax(Module):
    """Probabilities of logits; see `minigrad.nn.functional.softmax`.

    Not for a model that is trained with `CrossEntropyLoss`, which applies it itself.

    Parameters
    ----------
    axis : int, default -1
        The axis of the classes.

    Raises
    ------
    ArgumentError
        If `axis` is not an integer.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> nn.Softmax()(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis_option(axis, "Softmax")

    def forward(self, x: Any) -> Any:
        """Return the softmax of `x`."""
        return F.softmax(x, self.axis)

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return f"axis={self.axis}"


class LogSoftmax(Module):
    """Logarithms of the probabilities of logits; see `minigrad.nn.functional.log_softmax`.

    Parameters
    ----------
    axis : int, default -1
        The axis of the classes.

    Raises
    ------
    ArgumentError
        If `axis` is not an integer.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> np.round(nn.LogSoftmax()(np.array([[0.0, 0.0]])), 4)
    array([[-0.6931, -0.6931]])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis_option(axis, "LogSoftmax")

    def forward(self, x: Any) -> Any:
        """Return the log-softmax of `x`."""
        return F.log_softmax(x, self.axis)

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return f"axis={self.axis}"


class Step(Module):
    """The perceptron's activation: 1 where a number is positive, 0 elsewhere.

    It has no gradient: the result is a plain array. See `minigrad.nn.functional.step`.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> nn.Step()(np.array([-1.0, 2.0]))
    array([0., 1.])
    """

    def forward(self, x: Any) -> Any:
        """Return where `x` is positive."""
        return F.step(x)
