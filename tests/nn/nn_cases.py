"""Every activation and loss: how it is made, and its formula in the textbook's form.

The formulas are good for numbers that are not large; the layers have to be for all.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import nn


def softmax(x, axis=-1):
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


def gelu(x):
    values = [v / 2 * (1 + math.erf(v / math.sqrt(2))) for v in np.ravel(x)]
    return np.array(values).reshape(np.shape(x))


ACTIVATIONS = {
    "Sigmoid": (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
    "Tanh": (nn.Tanh(), lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x))),
    "ReLU": (nn.ReLU(), lambda x: (x > 0) * x),
    "LeakyReLU": (nn.LeakyReLU(0.1), lambda x: np.where(x > 0, x, 0.1 * x)),
    "Softplus": (nn.Softplus(), lambda x: np.log(1 + np.exp(x))),
    "GELU": (nn.GELU(), gelu),
    "GELU tanh": (
        nn.GELU("tanh"),
        lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    ),
    "Softmax": (nn.Softmax(), softmax),
    "Softmax first axis": (nn.Softmax(0), lambda x: softmax(x, 0)),
    "LogSoftmax": (nn.LogSoftmax(), lambda x: np.log(softmax(x))),
    "LogSoftmax first axis": (nn.LogSoftmax(axis=0), lambda x: np.log(softmax(x, 0))),
}


# --- Losses --------------------------------------------------------------------------------------


def cross_entropy(z, y, smoothing=0.0):
    """Return the cross-entropy of each row of logits with labels or probabilities."""
    classes = z.shape[-1]
    rows = np.eye(classes)[y] if y.dtype.kind in "iu" else y
    rows = (1 - smoothing) * rows + smoothing / classes
    return -(rows * np.log(softmax(z))).sum(axis=-1)


def nll(log_p, y):
    return -np.take_along_axis(log_p, y[..., None], axis=-1)[..., 0]


def bce(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


def huber(x, t, delta=1.0):
    gap = np.abs(x - t)
    return np.where(gap <= delta, gap**2 / 2, delta * (gap - delta / 2))


def logits(rng, shape):
    return rng.uniform(-3, 3, shape)


def labels(rng, shape):
    return rng.integers(0, shape[-1], shape[:-1])


def probabilities(rng, shape):
    return softmax(rng.uniform(-2, 2, shape))


def shares(rng, shape):
    return rng.uniform(0.05, 0.95, shape)


def log_probabilities(rng, shape):
    return np.log(probabilities(rng, shape))


def numbers(rng, shape):
    """Return numbers so that the gap of two such arrays is not near 0, 1 or 0.7: no kinks."""
    return rng.integers(-9, 9, shape) / 4 + 0.0


def other_numbers(rng, shape):
    return rng.integers(-9, 9, shape) / 4 + 0.1


@dataclass(frozen=True)
class Loss:
    """A loss with certain options; `torch` is its name in torch.nn.functional."""

    module: Callable[..., nn.Module]
    formula: Callable[[Any, Any], Any]
    inputs: Callable[[Any, Any], Any]
    targets: Callable[[Any, Any], Any]
    torch: str
    options: dict[str, float] = field(default_factory=dict)
    by_row: bool = False  # one loss for each row, not for each element
    soft: bool = True  # whether targets can have gradients

    def draw(self, shape, seed=0):
        """Return an input and a target."""
        rng = np.random.default_rng(seed)
        return self.inputs(rng, shape), self.targets(rng, shape)

    def reduced(self, x, t, reduction):
        """Return what the formula gives."""
        losses = self.formula(x, t)
        return {"mean": np.mean, "sum": np.sum, "none": np.asarray}[reduction](losses)


LOSSES = {
    "cross_entropy labels": Loss(
        nn.CrossEntropyLoss, cross_entropy, logits, labels, "cross_entropy", {}, True, False
    ),
    "cross_entropy probabilities": Loss(
        nn.CrossEntropyLoss, cross_entropy, logits, probabilities, "cross_entropy", {}, True
    ),
    "cross_entropy labels smoothed": Loss(
        nn.CrossEntropyLoss,
        lambda z, y: cross_entropy(z, y, 0.2),
        logits,
        labels,
        "cross_entropy",
        {"label_smoothing": 0.2},
        True,
        False,
    ),
    "cross_entropy probabilities smoothed": Loss(
        nn.CrossEntropyLoss,
        lambda z, y: cross_entropy(z, y, 0.2),
        logits,
        probabilities,
        "cross_entropy",
        {"label_smoothing": 0.2},
        True,
    ),
    "nll": Loss(nn.NLLLoss, nll, log_probabilities, labels, "nll_loss", {}, True, False),
    "bce": Loss(nn.BCELoss, bce, shares, shares, "binary_cross_entropy"),
    "bce logits": Loss(
        nn.BCEWithLogitsLoss,
        lambda z, t: bce(1 / (1 + np.exp(-z)), t),
        logits,
        shares,
        "binary_cross_entropy_with_logits",
    ),
    "mse": Loss(nn.MSELoss, lambda x, t: (x - t) ** 2, numbers, other_numbers, "mse_loss"),
    "l1": Loss(nn.L1Loss, lambda x, t: np.abs(x - t), numbers, other_numbers, "l1_loss"),
    "huber": Loss(nn.HuberLoss, huber, numbers, other_numbers, "huber_loss"),
    "huber delta": Loss(
        nn.HuberLoss,
        lambda x, t: huber(x, t, 0.7),
        numbers,
        other_numbers,
        "huber_loss",
        {"delta": 0.7},
    ),
}
REDUCTIONS = ("mean", "sum", "none")
RECORDED_SHAPE = (3, 4)  # of what PyTorch's figures are recorded for

# --- Everything else, with the shape of an input -------------------------------------------------

LAYERS = {
    "Linear": (nn.Linear(3, 2, rng=0, dtype=np.float64), (4, 3)),
    "Flatten": (nn.Flatten(), (2, 3, 2)),
    "Identity": (nn.Identity(), (2, 3)),
    "Dropout": (nn.Dropout(0.5).eval(), (2, 3)),
    "Sequential": (
        nn.Sequential(nn.Linear(3, 2, rng=0, dtype=np.float64), nn.Tanh()),
        (4, 3),
    ),
}
WITHOUT_GRADIENT = {nn.Step, nn.Module}
