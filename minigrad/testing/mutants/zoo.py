"""All wrong gradients."""

from __future__ import annotations

from minigrad.errors import ArgumentError
from minigrad.testing.mutants.arrangements import ORDERS, REDUCTIONS
from minigrad.testing.mutants.formulas import FACTORS, FORMULAS, TERMS
from minigrad.testing.mutants.mutant import Mutant
from minigrad.testing.mutants.places import CASES, KINKS, MAGNITUDES
from minigrad.testing.mutants.sides import COTANGENTS, DTYPES, MEMORY, SECOND_ORDER, STATES

__all__ = ["MUTANTS", "mutant"]

MUTANTS: tuple[Mutant, ...] = (
    *FACTORS,
    *FORMULAS,
    *TERMS,
    *COTANGENTS,
    *ORDERS,
    *REDUCTIONS,
    *CASES,
    *KINKS,
    *MAGNITUDES,
    *MEMORY,
    *STATES,
    *DTYPES,
    *SECOND_ORDER,
)
"""All wrong gradients, from simple mistakes to hidden ones."""


def mutant(name: str) -> Mutant:
    """Return the wrong gradient of that name, as if never called.

    Parameters
    ----------
    name : str

    Returns
    -------
    Mutant

    Raises
    ------
    ArgumentError
        If there is none.

    Examples
    --------
    >>> from minigrad.testing.mutants import mutant
    >>> mutant("sort not undone").mistake
    'The gradient of sorted elements stays sorted.'
    """
    for each in MUTANTS:
        if each.name == name:
            return each.fresh()
    names = ", ".join(each.name for each in MUTANTS)
    raise ArgumentError(f"there is no mutant {name!r}; there are {names}")
