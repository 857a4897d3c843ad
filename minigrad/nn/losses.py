"""Losses as modules; their formulas are in `minigrad.nn.functional`."""

from __future__ import annotations

from typing import Any

from minigrad.nn import functional as F
from minigrad.nn._checks import number
from minigrad.nn.functional._operands import check_reduction
from minigrad.nn.functional.activations import is_share
from minigrad.nn.functional.cross_entropy import SMOOTHING
from minigrad.nn.functional.losses import DELTA, is_positive
from minigrad.nn.module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "NLLLoss",
]


class Loss(Module):
    """A loss with its reduction."""

    def __init__(self, reduction: str = "mean") -> None:
        check_reduction(reduction)
        self.reduction = reduction

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return f"reduction={self.reduction!r}"


class CrossEntropyLoss(Loss):
    """Cross-entropy of logits with labels or probabilities.

    See `minigrad.nn.functional.cross_entropy`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    label_smoothing : float, default 0.0
        The share of each target that is spread evenly over all classes.

    Raises
    ------
    ArgumentError
        If an option is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> loss = nn.CrossEntropyLoss()
    >>> round(float(loss(np.zeros((1, 10)), np.array([3]))), 4)
    2.3026
    """

    def __init__(self, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__(reduction)
        self.label_smoothing = number(label_smoothing, SMOOTHING, is_share)

    def forward(self, logits: Any, targets: Any) -> Any:
        """Return the cross-entropy."""
        return F.cross_entropy(
            logits, targets, reduction=self.reduction, label_smoothing=self.label_smoothing
        )

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return f"{super().extra_repr()}, label_smoothing={self.label_smoothing}"


class NLLLoss(Loss):
    """Negative logarithm of the probability of the right class.

    See `minigrad.nn.functional.nll_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> round(float(nn.NLLLoss()(np.log(np.array([[0.5, 0.5]])), np.array([1]))), 4)
    0.6931
    """

    def forward(self, log_probabilities: Any, targets: Any) -> Any:
        """Return the loss."""
        return F.nll_loss(log_probabilities, targets, reduction=self.reduction)


class BCELoss(Loss):
    """Binary cross-entropy of probabilities with targets.

    See `minigrad.nn.functional.binary_cross_entropy`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> round(float(nn.BCELoss()(np.array([0.5]), np.array([1.0]))), 4)
    0.6931
    """

    def forward(self, probabilities: Any, targets: Any) -> Any:
        """Return the loss."""
        return F.binary_cross_entropy(probabilities, targets, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of logits with targets.

    See `minigrad.nn.functional.binary_cross_entropy_with_logits`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> round(float(nn.BCEWithLogitsLoss()(np.array([0.0]), np.array([1.0]))), 4)
    0.6931
    """

    def forward(self, logits: Any, targets: Any) -> Any:
        """Return the loss."""
        return F.binary_cross_entropy_with_logits(logits, targets, reduction=self.reduction)


class MSELoss(Loss):
    """Square of the difference.

    See `minigrad.nn.functional.mse_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> float(nn.MSELoss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """

    def forward(self, x: Any, target: Any) -> Any:
        """Return the loss."""
        return F.mse_loss(x, target, reduction=self.reduction)


class L1Loss(Loss):
    """Size of the difference.

    See `minigrad.nn.functional.l1_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> float(nn.L1Loss()(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """

    def forward(self, x: Any, target: Any) -> Any:
        """Return the loss."""
        return F.l1_loss(x, target, reduction=self.reduction)


class HuberLoss(Loss):
    """Square of a small difference, size of a large one.

    See `minigrad.nn.functional.huber_loss`.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default "mean"
    delta : float, default 1.0
        Where one turns into the other.

    Raises
    ------
    ArgumentError
        If `delta` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> float(nn.HuberLoss()(np.array([3.0]), np.array([0.0])))
    2.5
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = number(delta, DELTA, is_positive)

    def forward(self, x: Any, target: Any) -> Any:
        """Return the loss."""
        return F.huber_loss(x, target, delta=self.delta, reduction=self.reduction)

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows."""
        return f"{super().extra_repr()}, delta={self.delta}"
