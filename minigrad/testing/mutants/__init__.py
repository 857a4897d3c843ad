"""Wrong gradients, to try gradient checkers on.

Each is a mistake that somebody could make and overlook: a `Mutant` has its name, kind and
description, a function with the wrong gradient, the same function with the right one, and inputs at
which the mistake shows. `minigrad.testing.power` runs a checker on all of them. For other uses take
them from `mutant` (one, by name) or with ``fresh()``: those in `MUTANTS` have read-only inputs, and
some remember that they were called, which is their mistake.
"""

from minigrad.testing.mutants.mutant import Mutant
from minigrad.testing.mutants.naive import ones_seeded
from minigrad.testing.mutants.power import Power, Trial, power
from minigrad.testing.mutants.zoo import MUTANTS, mutant

__all__ = ["MUTANTS", "Mutant", "Power", "Trial", "mutant", "ones_seeded", "power"]
