"""The generator behind everything random."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from minigrad.errors import ArgumentError

__all__ = ["generator", "resolve", "seed"]

# In quotes, since NumPy imports its `random` when first asked for it, which takes 20 ms.
Rng: TypeAlias = "np.random.Generator | int | None"


def seed(n: int) -> None:
    """Restart the generator that minigrad draws from where none is given.

    The same seed gives the same bits: initial weights, dropout masks, shuffles.

    Parameters
    ----------
    n : int
        Any integer from 0 up.

    Raises
    ------
    ArgumentError
        If `n` is negative or not an integer.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.random.seed(0)
    >>> first = minigrad.random.generator().random(3)
    >>> minigrad.random.seed(0)
    >>> bool((first == minigrad.random.generator().random(3)).all())
    True
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise ArgumentError(f"a seed is an integer from 0 up, not {n!r}")
    # In place, so that whoever already holds the generator is seeded too.
    generator().bit_generator.state = np.random.default_rng(int(n)).bit_generator.state


_process_wide: dict[str, np.random.Generator] = {}  # the one, once it is made


def generator() -> np.random.Generator:
    """Return the process-wide `numpy.random.Generator`.

    Returns
    -------
    numpy.random.Generator
        Seeded by `seed`; from the operating system's entropy before the first call of it.

    Examples
    --------
    >>> import minigrad
    >>> minigrad.random.generator().standard_normal(2).shape
    (2,)
    """
    made = _process_wide.get("generator")
    # Of several threads that find none, all get the one that comes first.
    return made or _process_wide.setdefault("generator", np.random.default_rng())


def resolve(rng: Rng = None) -> np.random.Generator:
    """Return the generator an ``rng`` argument stands for.

    Parameters
    ----------
    rng : numpy.random.Generator, int or None, default None
        A generator is returned as it is, an integer seeds a new one, None is the process-wide one.

    Returns
    -------
    numpy.random.Generator

    Raises
    ------
    ArgumentError
        If `rng` is anything else.

    Examples
    --------
    >>> import minigrad
    >>> int(minigrad.random.resolve(0).integers(10))
    8
    """
    if rng is None:
        return generator()
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise ArgumentError(
        f"rng is a numpy.random.Generator, an integer seed from 0 up, or None, not {rng!r}"
    )
