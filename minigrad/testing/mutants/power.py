"""How many wrong gradients a checker finds."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from minigrad.errors import ArgumentError
from minigrad.testing.mutants.mutant import Function, Mutant, Vjp
from minigrad.testing.mutants.zoo import MUTANTS

__all__ = ["Power", "Trial", "power"]

Checker: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Trial:
    """What a checker said of one mutant.

    Attributes
    ----------
    mutant : Mutant
    is_caught : bool
        Whether it called the wrong gradient wrong.
    is_false_alarm : bool
        Whether it called the right one wrong.
    said : str
        What it raised, of the right gradient if that was a false alarm.

    Examples
    --------
    >>> from minigrad.testing.mutants import MUTANTS, ones_seeded, power
    >>> (trial,) = power(ones_seeded, MUTANTS[:1]).trials
    >>> trial.mutant.name, trial.is_caught, trial.is_false_alarm
    ('scaled', True, False)
    """

    mutant: Mutant
    is_caught: bool
    is_false_alarm: bool
    said: str = ""


@dataclass(frozen=True)
class Power:
    """What `power` found; true where every mutant is caught without a false alarm.

    Attributes
    ----------
    checker : str
        Name of the checker.
    trials : tuple of Trial
        One for each mutant.

    Examples
    --------
    >>> from minigrad.testing.mutants import MUTANTS, ones_seeded, power
    >>> found = power(ones_seeded, MUTANTS[:4])
    >>> len(found.trials), bool(found)
    (4, False)
    """

    checker: str
    trials: tuple[Trial, ...]

    @property
    def caught(self) -> list[str]:
        """Names of the mutants whose wrong gradient was called wrong."""
        return [trial.mutant.name for trial in self.trials if trial.is_caught]

    @property
    def missed(self) -> list[str]:
        """Names of the mutants whose wrong gradient passed."""
        return [trial.mutant.name for trial in self.trials if not trial.is_caught]

    @property
    def false_alarms(self) -> list[str]:
        """Names of the mutants whose right gradient was called wrong."""
        return [trial.mutant.name for trial in self.trials if trial.is_false_alarm]

    @property
    def kinds(self) -> dict[str, tuple[int, int]]:
        """For each kind of mistake how many were caught, and out of how many."""
        found: dict[str, tuple[int, int]] = {}
        for trial in self.trials:
            caught, count = found.get(trial.mutant.kind, (0, 0))
            found[trial.mutant.kind] = caught + trial.is_caught, count + 1
        return found

    def __bool__(self) -> bool:
        return not self.missed and not self.false_alarms

    # --- Text --------------------------------------------------------------------------------

    @property
    def headline(self) -> str:
        """One line that names the checker and its figures."""
        return (
            f"{self.checker} catches {len(self.caught)} of {len(self.trials)} wrong gradients, "
            f"with {len(self.false_alarms)} false alarms"
        )

    def _rows(self) -> Iterator[tuple[str, str, str]]:
        for kind, (caught, count) in self.kinds.items():
            trials = [trial for trial in self.trials if trial.mutant.kind == kind]
            missed = ", ".join(t.mutant.name for t in trials if not t.is_caught)
            yield kind, f"{caught} of {count}", missed

    @property
    def _alarms(self) -> list[str]:
        alarms = [trial for trial in self.trials if trial.is_false_alarm]
        return [
            f"false alarm: {t.mutant.name}{f' ({t.said.splitlines()[0]})' if t.said else ''}"
            for t in alarms
        ]

    def __str__(self) -> str:
        rows = [("kind", "caught", "missed"), *self._rows()]
        first, second = (max(len(row[i]) for row in rows) for i in (0, 1))
        table = [f"  {a:<{first}}  {b:>{second}}  {c}".rstrip() for a, b, c in rows]
        return "\n".join([self.headline, *table, *(f"  {alarm}" for alarm in self._alarms)])

    def _repr_html_(self) -> str:
        rows = [("th", ("kind", "caught", "missed")), *(("td", row) for row in self._rows())]
        lines = "".join(
            "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
            for tag, row in rows
        )
        items = "".join(f"<li>{html.escape(alarm)}</li>" for alarm in self._alarms)
        return f"<p><b>{html.escape(self.headline)}</b></p><table>{lines}</table>" + (
            f"<ul>{items}</ul>" if items else ""
        )


def power(checker: Checker, mutants: Iterable[Mutant] = MUTANTS, *, pairs: bool = False) -> Power:
    """Run a gradient checker on wrong gradients, and on the right ones of the same functions.

    Parameters
    ----------
    checker : callable
        ``checker(f, inputs)`` raises, or returns something false, if it finds the gradient of `f`
        at `inputs`, a list of arrays, wrong. Some mistakes cannot be had in a function that
        minigrad differentiates; for these it is called ``checker(f, inputs, vjp=vjp)``, with plain
        functions of plain arrays ``f(*inputs)`` and ``vjp(g, *inputs)``, which returns the
        gradient, or a tuple with one for each input.
    mutants : iterable of Mutant, optional
        By default, all of `minigrad.testing.mutants.MUTANTS`.
    pairs : bool, default False
        Whether to call ``checker(f, inputs, vjp=vjp)`` for every mutant: what a checker needs that
        knows nothing of minigrad. It cannot see second derivatives then.

    Returns
    -------
    Power
        With the names of those ``caught`` and ``missed``, and ``false_alarms``; printed, it is a
        table.

    Raises
    ------
    ArgumentError
        If `checker` cannot be called.

    Notes
    -----
    Whatever the checker raises counts as calling the gradient wrong. So one that cannot be called
    in this way catches everything, and raises as many false alarms; they say what it raised.

    Examples
    --------
    >>> from minigrad.testing import gradcheck, power
    >>> from minigrad.testing.mutants import MUTANTS, ones_seeded
    >>> mistakes = [mutant for mutant in MUTANTS if mutant.kind in ("factor", "cotangent")]
    >>> print(power(gradcheck, mistakes))
    gradcheck catches 15 of 15 wrong gradients, with 0 false alarms
      kind        caught  missed
      factor      9 of 9
      cotangent   6 of 6
    >>> print(power(ones_seeded, mistakes))
    ones_seeded catches 9 of 15 wrong gradients, with 0 false alarms
      kind        caught  missed
      factor      8 of 9  softmax a hundredfold
      cotangent   1 of 6  cotangent ignored, cotangent averaged, one cotangent for all rows,
                          cotangent clipped, cotangent's magnitude

    A checker of your own, here one that looks at the shape only:

    >>> def is_shaped(f, inputs, vjp):
    ...     gradients = vjp(f(*inputs), *inputs)
    ...     gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    ...     return all(g.shape == x.shape for g, x in zip(gradients, inputs, strict=True))
    >>> power(is_shaped, pairs=True).caught
    ['shape that broadcasts', 'empty inputs']
    """
    if not callable(checker):
        raise ArgumentError(
            "power takes a checker, a function of (f, inputs) or (f, inputs, vjp=vjp), not "
            f"{checker!r}"
        )
    name = str(getattr(checker, "__name__", None) or type(checker).__name__)
    return Power(name, tuple(_try(checker, mutant, pairs) for mutant in mutants))


def _try(checker: Checker, mutant: Mutant, pairs: bool) -> Trial:
    wrong, right = mutant.fresh(), mutant.fresh()
    plain = pairs or mutant.vjp is not None
    f, vjp = wrong.pair
    is_caught, said = _complains(checker, f, vjp if plain else None, wrong.inputs)
    f, vjp = right.right_pair
    is_alarm, alarm = _complains(checker, f, vjp if plain else None, right.inputs)
    return Trial(mutant, is_caught, is_alarm, alarm if is_alarm else said)


def _complains(
    checker: Checker, f: Function, vjp: Vjp | None, inputs: tuple[Any, ...]
) -> tuple[bool, str]:
    """Return whether a checker calls a gradient wrong, and what it said."""
    gradient = {} if vjp is None else {"vjp": vjp}
    try:
        with np.errstate(all="ignore"):
            return not checker(f, list(inputs), **gradient), ""
    except Exception as error:
        return True, f"{type(error).__name__}: {error}"
