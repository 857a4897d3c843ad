"""Losses of classifiers: scores or log-probabilities of classes, compared with the right ones.

The reductions are ``"mean"`` (over all samples), ``"sum"`` and ``"none"``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.calls import unwrap
from minigrad.compiled import Kernel, same_layout
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError
from minigrad.graph import Node
from minigrad.nn._checks import number
from minigrad.nn.functional._operands import (
    as_constant,
    as_operand,
    check_reduction,
    reduced,
    reshape_hint,
)
from minigrad.nn.functional._sums import sums_in_rows
from minigrad.nn.functional.activations import is_share, log_softmax, softmax
from minigrad.primitive import defvjp, primitive
from minigrad.tensor import Tensor

__all__ = ["cross_entropy", "nll_loss"]

Array = Any
Memo = list[Any]  # what the forward pass leaves for the backward pass: an empty list at first
SMOOTHING = "label_smoothing is a share, from 0 to 1"


@primitive
def _pick(log_probabilities: Array, labels: Array) -> Array:
    """Pick the entry of each row's label, with the opposite sign."""
    return -log_probabilities[np.arange(len(labels)), labels]


def _unpick(g: Array, _out: Array, _log_probabilities: Array, labels: Array) -> Array:
    return -g[:, None] * _one_hot(labels, _log_probabilities.shape[1], g.dtype)


defvjp(_pick, _unpick)


def _one_hot(labels: Array, classes: int, dtype: Any) -> Array:
    rows = np.zeros((len(labels), classes), dtype)
    rows[np.arange(len(labels)), labels] = 1
    return rows


@primitive
def _mean_cross_entropy(logits: Array, labels: Array, memo: Memo | None = None) -> Array:
    """Compute the mean cross-entropy of logits with integer labels, in one operation."""
    rows, classes = logits.shape
    _check_labels(labels, classes)
    # What is computed for each row is (N,), and elements are picked by their positions among all,
    # since for small batches the time goes into starting NumPy's functions, and these start fast.
    starts = np.arange(0, rows * classes, classes)
    right = labels.astype(np.intp, copy=False) + starts  # which nobody changes before backward
    if same_layout(logits) and type(right) is np.ndarray:
        return _compiled_mean_cross_entropy(logits, right, memo)
    largest = logits.take(logits.argmax(axis=1) + starts)
    shifted = logits - largest[:, None]
    of_right = shifted.take(right)
    exps = np.exp(shifted, out=shifted)
    totals = sums_in_rows(exps)
    if memo is not None:
        memo[:] = logits, exps, totals, right
    return np.add.reduce(np.log(totals) - of_right) / rows


def _compiled_mean_cross_entropy(logits: Array, right: Array, memo: Memo | None) -> Array:
    exps, totals = np.empty_like(logits), np.empty(len(right), logits.dtype)
    of_right = _shift.run(logits, right, exps)
    np.exp(exps, out=exps)  # which NumPy does faster
    loss = _sum_of_logs.run(exps, totals) - of_right
    if memo is not None:
        memo[:] = logits, exps, totals, right
    return logits.dtype.type(loss / len(right))


@Kernel
def _shift(logits: Array, right: Array, shifted: Array) -> Any:
    rows, classes = logits.shape
    of_right = 0.0
    for i in range(rows):
        largest = logits[i, 0]
        for j in range(1, classes):
            if logits[i, j] > largest:  # NaN is not, but makes NaN of the row all the same
                largest = logits[i, j]
        for j in range(classes):
            shifted[i, j] = logits[i, j] - largest
        of_right += shifted[i, right[i] - i * classes]
    return of_right


@Kernel
def _sum_of_logs(exps: Array, totals: Array) -> Any:
    rows, classes = exps.shape
    logs = 0.0
    for i in range(rows):
        totals[i] = exps[i, 0]
        for j in range(1, classes):
            totals[i] += exps[i, j]
        logs += math.log(totals[i])
    return logs


@Kernel
def _softmax_minus_one_hot(
    exps: Array, totals: Array, right: Array, share: Any, gradient: Array
) -> None:
    rows, classes = exps.shape
    for i in range(rows):
        for j in range(classes):
            gradient[i, j] = exps[i, j] / totals[i] * share
        gradient[i, right[i] - i * classes] -= share


def _mean_cross_entropy_logits(
    g: Array, _out: Array, logits: Array, labels: Array, memo: Memo | None = None
) -> Array:
    # (p - y) / N
    rows, classes = logits.shape
    if memo and memo[0] is logits:  # not where tensors are passed, to be differentiated once more
        _, exps, totals, right = memo
        share = g / rows
        if same_layout(exps) and type(right) is np.ndarray:
            gradient = np.empty_like(exps)
            _softmax_minus_one_hot.run(exps, totals, right, share, gradient)
            return gradient
        gradient = exps * (share / totals)[:, None]
        gradient.put(right, gradient.take(right) - share)
        return gradient
    return (softmax(logits) - _one_hot(labels, classes, g.dtype)) * (g / rows)


defvjp(_mean_cross_entropy, _mean_cross_entropy_logits)


@primitive
def _soft_cross_entropy(logits: Array, targets: Array) -> Array:
    """Compute the cross-entropy of each row of logits with a row of probabilities."""
    return -(targets * log_softmax(logits)).sum(axis=-1)


defvjp(
    _soft_cross_entropy,
    lambda g, _out, logits, targets: (
        g[..., None] * (softmax(logits) * targets.sum(axis=-1, keepdims=True) - targets)
    ),
    lambda g, _out, logits, _targets: -g[..., None] * log_softmax(logits),
)


def cross_entropy(
    logits: Array, targets: Array, *, reduction: str = "mean", label_smoothing: float = 0.0
) -> Array:
    r"""Compare logits with the classes that are right: the loss of a classifier.

    .. math:: \ell = - \sum_c y_c \log p_c, \qquad p = \mathrm{softmax}(z)

    It works on the logits `z` themselves, the network's last result *without* a softmax, so it is
    finite however wrong they are.

    Parameters
    ----------
    logits : array, shape (N, C)
        Floating-point; any number of leading axes.
    targets : array of integers, shape (N,), or of probabilities, shape (N, C)
        The right class of each row, counted from 0; or a distribution over the classes, such as a
        one-hot row.
    reduction : {"mean", "sum", "none"}, default "mean"
        What to do with the losses of the rows.
    label_smoothing : float, default 0.0
        The share of each target that is spread evenly over all classes.

    Returns
    -------
    array
        A number; for ``"none"`` an array of shape (N,).

    Raises
    ------
    DataError
        If a label is not one of the C classes, or the probabilities of a row don't sum to 1.
    ShapeError
        If the shapes do not fit.
    DtypeError
        If integer labels come as floats.
    ArgumentError
        If an option is out of range, or `logits` is the output of a softmax.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    >>> round(float(F.cross_entropy(logits, np.array([0, 1]))), 6)
    0.220095
    >>> round(float(F.cross_entropy(logits, np.array([[1.0, 0.0], [0.0, 1.0]]))), 6)
    0.220095
    """
    check_reduction(reduction)
    logits = _as_logits(logits)
    targets = _as_targets(targets, logits)
    label_smoothing = number(label_smoothing, SMOOTHING, is_share)
    if targets.dtype.kind != "f":
        if reduction == "mean" and logits.ndim == 2 and len(targets) and not label_smoothing:
            return _mean_cross_entropy(logits, targets, [])
        classes = logits.shape[-1]
        _check_labels(targets, classes)
        if not label_smoothing:
            return _nll(log_softmax(logits), targets, reduction)
        targets = np.eye(classes, dtype=logits.dtype)[targets]
    if label_smoothing:
        targets = targets * (1 - label_smoothing) + label_smoothing / logits.shape[-1]
    return reduced(_soft_cross_entropy(logits, targets), reduction)


def _as_logits(logits: Any) -> Array:
    logits = as_operand(logits, "logits")
    if logits.dtype.kind != "f" or not logits.shape:
        raise ShapeError(
            "logits are floating-point numbers of shape (N, classes), not "
            f"{logits.dtype} of shape {tuple(logits.shape)}; the order is (logits, targets)"
        )
    node = logits._node if isinstance(logits, Tensor) else None
    if isinstance(node, Node) and node.rule is softmax.rule:
        raise ArgumentError(
            "cross_entropy applies the softmax itself, and was handed the output of one; leave "
            "nn.Softmax() out of the model (predictions are the same without), or use "
            "nn.LogSoftmax() with nll_loss"
        )
    return logits


def _as_targets(targets: Any, logits: Array) -> Array:
    """Return labels as integers or rows of probabilities, checked against the logits' shape."""
    if isinstance(targets, list | tuple):
        targets = np.array(targets)
    targets = as_operand(targets, "targets")
    if isinstance(targets, Tensor) and not targets.requires_grad:
        targets = targets.data
    shape = tuple(logits.shape)
    if tuple(targets.shape) == shape:
        _check_distributions(unwrap(targets))
        return as_constant(targets, logits)
    if tuple(targets.shape) != shape[:-1]:
        raise ShapeError(
            f"for logits of shape {shape}, targets are labels of shape {shape[:-1]} or "
            f"probabilities of shape {shape}, not {tuple(targets.shape)}"
            + reshape_hint(targets, shape[:-1])
        )
    _check_integers(targets)
    return targets


def _check_integers(labels: Array) -> None:
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"labels are integers, not {labels.dtype}; {_advice(unwrap(labels))}")


def _advice(labels: Array) -> str:
    if labels.dtype.kind == "f" and (np.trunc(labels) != labels).any():
        return (
            f"{labels[np.trunc(labels) != labels].ravel()[0]} is no class: to predict numbers take "
            "nn.MSELoss(), and a probability for each sample nn.BCEWithLogitsLoss()"
        )
    return "convert them with labels.astype(int)"


def _check_distributions(targets: Array) -> None:
    sums = targets.sum(axis=-1)
    if not (np.abs(sums - 1) < 1e-3).all() or (targets < 0).any():
        row = int(np.argmax(np.ravel(~(np.abs(sums - 1) < 1e-3) | (targets < 0).any(axis=-1))))
        raise DataError(
            "targets with one number for each class are probabilities that sum to 1; row "
            f"{row} is {targets.reshape(-1, targets.shape[-1])[row]}"
        )


def _check_labels(labels: Array, classes: int) -> None:
    # As unsigned numbers, negative labels are too large; as an index, -1 would be the last class.
    unsigned = labels.astype(np.uintp)
    if labels.size and not unsigned.item(unsigned.argmax()) < classes:
        wrong = int(labels[(labels < 0) | (labels >= classes)].ravel()[0])
        advice = f"the model has one output for each class, so it would need {wrong + 1}"
        if classes == 1:
            advice = "for two classes and one output use nn.BCEWithLogitsLoss()"
        elif wrong < 0:
            advice = "leave such samples out"
        elif wrong == classes:
            advice = "if yours begin at 1, subtract 1"
        raise DataError(
            f"label {wrong} is not one of the {classes} classes, which are counted from 0 to "
            f"{classes - 1}; {advice}"
        )


def _nll(log_probabilities: Array, labels: Array, reduction: str) -> Array:
    rows = np.reshape(log_probabilities, (-1, log_probabilities.shape[-1]))
    losses = _pick(rows, labels.reshape(-1))
    return reduced(np.reshape(losses, labels.shape) if labels.ndim != 1 else losses, reduction)


def nll_loss(log_probabilities: Array, targets: Array, *, reduction: str = "mean") -> Array:
    r"""Compare logarithms of probabilities with the classes that are right.

    .. math:: \ell = - \log p_y

    Parameters
    ----------
    log_probabilities : array, shape (N, C)
        As `log_softmax` gives them.
    targets : array of integers, shape (N,)
        The right class of each row, counted from 0.
    reduction : {"mean", "sum", "none"}, default "mean"

    Returns
    -------
    array
        A number; for ``"none"`` an array of shape (N,).

    Raises
    ------
    DataError, ShapeError, DtypeError, ArgumentError
        As `cross_entropy` does.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.nn import functional as F
    >>> round(float(F.nll_loss(np.log(np.array([[0.25, 0.75]])), np.array([1]))), 6)
    0.287682
    """
    check_reduction(reduction)
    log_probabilities = as_operand(log_probabilities, "log_probabilities")
    if isinstance(targets, list | tuple):
        targets = np.array(targets)
    targets = unwrap(as_operand(targets, "targets"))
    if not log_probabilities.shape or targets.shape != tuple(log_probabilities.shape)[:-1]:
        raise ShapeError(
            f"for log-probabilities of shape {tuple(log_probabilities.shape)}, labels have shape "
            f"{tuple(log_probabilities.shape)[:-1]}, not {targets.shape}"
            + reshape_hint(targets, tuple(log_probabilities.shape)[:-1])
        )
    _check_integers(targets)
    _check_labels(targets, log_probabilities.shape[-1])
    return _nll(log_probabilities, targets, reduction)
