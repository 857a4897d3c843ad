"""The gradient check of the textbooks, to compare with."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad.testing.mutants.mutant import Function, Vjp
from minigrad.transforms import vjp as vjp_of

__all__ = ["ones_seeded"]


def ones_seeded(
    f: Function,
    inputs: Sequence[Any],
    *,
    vjp: Vjp | None = None,
    step: float = 1e-4,
    rtol: float = 1e-3,
    atol: float = 1e-5,
) -> bool:
    r"""Check the gradient of the sum of a function's result, as textbooks do.

    .. math:: \frac{\partial}{\partial x_i} \sum_j f_j(x) \approx
        \frac{\sum_j f_j(x + h e_i) - \sum_j f_j(x - h e_i)}{2 h}

    Do not use it: it is here to be measured by `power`. It sees only what a cotangent of ones
    shows, only first derivatives, and nothing that is smaller than its tolerance.

    Parameters
    ----------
    f : callable
        A function of arrays that returns one array.
    inputs : sequence of arrays
        The arguments; computed in float64, whatever their dtype.
    vjp : callable, optional
        The gradient as a plain function, ``vjp(g, *inputs)``; by default minigrad's.
    step : float, default 1e-4
        The textbook's h.
    rtol, atol : float, default 1e-3 and 1e-5
        As `numpy.allclose` takes them; the values are those of `torch.autograd.gradcheck`.

    Returns
    -------
    bool
        Whether the gradients agree.

    References
    ----------
    Saito, "Deep Learning from Scratch" (2016), chapter 4, for the formula and the step.

    Examples
    --------
    The gradient of softmax is zero if what arrives is one everywhere, so any multiple of it passes:

    >>> from minigrad.testing.mutants import mutant, ones_seeded
    >>> hundredfold = mutant("softmax a hundredfold")
    >>> ones_seeded(hundredfold.f, hundredfold.inputs)
    True
    """
    arrays = [np.array(x, dtype=np.float64) for x in inputs]
    ones = np.ones_like(f(*arrays))
    found = vjp(ones, *arrays) if vjp else vjp_of(f, *arrays)[1](ones)
    gradients = found if isinstance(found, tuple) else (found,)
    total = functools.partial(_total, f, arrays)
    return all(
        np.allclose(gradient, _differences(total, x, step), rtol=rtol, atol=atol)
        for gradient, x in zip(gradients, arrays, strict=True)
    )


def _total(f: Function, arrays: Sequence[Any]) -> float:
    return float(np.sum(f(*arrays)))


def _differences(total: functools.partial[float], x: Any, step: float) -> Any:
    slopes = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        kept = x[index]
        x[index] = kept + step
        above = total()
        x[index] = kept - step
        slopes[index] = (above - total()) / (2 * step)
        x[index] = kept
    return slopes
