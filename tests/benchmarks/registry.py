"""What a benchmark is."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

OURS = ("minigrad",)  # the contenders whose times the ratios are about


class Prepared(NamedTuple):
    """A callable that needs something fresh for each call, which is not timed."""

    prepare: Callable[[], Any]
    run: Callable[[Any], Any]


@dataclass(frozen=True)
class Contender:
    """Somebody who does what the benchmark asks for.

    Everything here can be pickled, so that a contender can be built in a process of its own:
    functions of modules, and `functools.partial` of them.
    """

    make: Callable[[], Callable[[], Any] | Prepared]
    outcome: Callable[[], Mapping[str, Any]] | None = None  # what has to agree, by name
    needs: Sequence[str] = ()  # modules

    @property
    def missing(self) -> list[str]:
        return [name for name in self.needs if importlib.util.find_spec(name) is None]


@dataclass(frozen=True)
class Benchmark:
    """One thing that is measured: a column of a table.

    A call does `per` operations, and the figure shown is that of one; `tolerance` says how far
    the outcomes may be from the first contender's, relative to their norm.
    """

    title: str
    contenders: Mapping[str, Contender]
    unit: str = "µs"
    per: int = 1
    tolerance: float = 1e-3


class Goal(NamedTuple):
    """A ratio that is to be reached: `ours` divided by the fastest of `theirs`."""

    benchmark: str
    ours: str
    theirs: Sequence[str]  # empty: every peer
    at_most: float


@dataclass(frozen=True)
class Subject:
    """Benchmarks that make one section of the page: a table, and what to say about it."""

    name: str
    title: str
    text: str
    benchmarks: Sequence[Benchmark] = ()
    goals: Sequence[Goal] = field(default=())
