"""What a wrong gradient consists of."""

from __future__ import annotations

import copy
import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from minigrad.primitive import defvjp, primitive
from minigrad.transforms import vjp as vjp_of

__all__ = ["Array", "Mutant", "Vjp", "numbers", "operator", "pair"]

Array: TypeAlias = Any  # one of NumPy's, or a tensor where a rule is itself differentiated
Function: TypeAlias = Callable[..., Any]
Vjp: TypeAlias = Callable[..., Any]  # (g, *inputs) -> gradient, or tuple of gradients


@dataclass(frozen=True)
class Mutant:
    """A function with a wrong gradient, and the same function with the right one.

    Attributes
    ----------
    name : str
    kind : str
        The kind of mistake.
    mistake : str
        What is wrong, in a sentence.
    inputs : tuple of arrays
        Where it shows.
    f : callable
        The function, with the wrong gradient.
    right : callable
        The function, with the right gradient.
    vjp, right_vjp : callable or None
        None if `f` and `right` are functions that minigrad differentiates. Otherwise these are
        their gradients, ``vjp(g, *inputs)``, and they are plain functions of plain arrays: so
        where the mistake is one that the engine mends or does not allow, such as shared memory.

    Examples
    --------
    >>> from minigrad.testing import gradcheck
    >>> from minigrad.testing.mutants import mutant
    >>> cosine = mutant("sign flipped")
    >>> print(cosine.mistake)
    The derivative of the cosine is written without its minus sign.
    >>> bool(gradcheck(cosine.right, list(cosine.inputs)))
    True
    >>> bool(gradcheck(cosine.f, list(cosine.inputs), raise_on_failure=False))
    False
    """

    name: str
    kind: str
    mistake: str
    inputs: tuple[Any, ...]
    f: Function
    right: Function
    vjp: Vjp | None = None
    right_vjp: Vjp | None = None

    @property
    def pair(self) -> tuple[Function, Vjp]:
        """`f` and its wrong gradient, as plain functions of arrays."""
        return self.f, self.vjp or functools.partial(_pulled_back, self.f)

    @property
    def right_pair(self) -> tuple[Function, Vjp]:
        """`right` and its gradient, as plain functions of arrays."""
        return self.right, self.right_vjp or functools.partial(_pulled_back, self.right)

    def fresh(self) -> Mutant:
        """Return the same, with inputs of its own, and as if its gradient was never called."""
        inputs = tuple(np.copy(x, order="K") for x in self.inputs)
        if self.vjp is None:
            return dataclasses.replace(self, inputs=inputs)
        f, vjp = copy.deepcopy((self.f, self.vjp))
        return dataclasses.replace(self, inputs=inputs, f=f, vjp=vjp)


def _pulled_back(f: Function, g: Any, *inputs: Any) -> tuple[Any, ...]:
    gradients: tuple[Any, ...] = vjp_of(f, *inputs)[1](g)
    return gradients


def operator(
    kind: str, name: str, mistake: str, f: Function, inputs: Sequence[Any], right: Vjp, wrong: Vjp
) -> Mutant:
    """Return a mutant whose functions are operators of minigrad's, with these as their rules."""
    made = [_operator(f, vjp) for vjp in (wrong, right)]
    return Mutant(name, kind, mistake, _frozen(inputs), *made)


def _operator(f: Function, vjp: Vjp) -> Function:
    @primitive
    @functools.wraps(f)
    def made(*inputs: Array) -> Array:
        return f(*inputs)

    def each(index: int, g: Array, _out: Array, *inputs: Array) -> Array:
        gradients = vjp(g, *inputs)
        return gradients[index] if isinstance(gradients, tuple) else gradients

    defvjp(made, each=each)
    return made


def pair(
    kind: str, name: str, mistake: str, f: Function, inputs: Sequence[Any], right: Vjp, wrong: Vjp
) -> Mutant:
    """Return a mutant of plain functions."""
    return Mutant(name, kind, mistake, _frozen(inputs), f, f, wrong, right)


def _frozen(inputs: Sequence[Any]) -> tuple[Any, ...]:
    arrays = tuple(map(np.asarray, inputs))
    for array in arrays:
        array.setflags(write=False)
    return arrays


def numbers(*shape: int, start: int = 1) -> Any:
    """Return numbers of either sign, from 0.3 to 1.5 in size, all different.

    Examples
    --------
    >>> from minigrad.testing.mutants.mutant import numbers
    >>> numbers(2, 2).round(2)
    array([[ 1.31, -1.21],
           [ 0.79, -0.65]])
    """
    size = math.prod(shape)
    waves = np.sin(np.arange(start, start + size, dtype=np.float64) ** 2)
    return (np.sign(waves) * (0.3 + 1.2 * np.abs(waves))).reshape(shape)
