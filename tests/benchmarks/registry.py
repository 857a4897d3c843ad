"""What a benchmark is: a title, contenders, a unit."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

COMPILED = "minigrad (numba)"
OURS = ("minigrad", COMPILED)  # whose times the ratios are about
REFERENCES = ("NumPy by hand", "matrix products alone")  # who is no peer


class Prepared(NamedTuple):
    """A callable that needs something fresh for each call, which is not timed."""

    prepare: Callable[[], Any]
    run: Callable[[Any], Any]


def missing(modules):
    return [name for name in modules if importlib.util.find_spec(name) is None]


@dataclass(frozen=True)
class Contender:
    """Somebody who does what the benchmark asks for.

    Everything here can be pickled, so that a contender can be built in a process of its own:
    functions of modules, and `functools.partial` of them.
    """

    make: Callable[[], Callable[[], Any] | Prepared]
    outcome: Callable[[], Mapping[str, Any]] | None = None  # what has to agree, by name
    needs: Sequence[str] = ()  # modules


@dataclass(frozen=True)
class Benchmark:
    """Something that is called again and again: a column of a table.

    A call does `per` operations, and the figure shown is that of one.
    """

    title: str
    contenders: Mapping[str, Contender]
    unit: str = "µs"
    per: int = 1


@dataclass(frozen=True)
class Job:
    """A whole process, by the words of its command."""

    command: Sequence[str]
    needs: Sequence[str] = ()


@dataclass(frozen=True)
class JobBenchmark:
    """Processes that take turns: one column for each of the figures (title, unit)."""

    title: str
    contenders: Mapping[str, Job]
    figures: Mapping[str, str]  # "seconds" or "peak" -> unit
    agreeing: float | None = None  # how far apart the accuracies that they print may be


class Goal(NamedTuple):
    """What is to be reached: `ours` divided by the fastest of `theirs`, or less that."""

    benchmark: str
    theirs: Sequence[str]  # empty: every peer
    at_most: float
    ours: str = "minigrad"
    milliseconds: bool = False  # more than theirs, not times theirs


@dataclass(frozen=True)
class Subject:
    """Benchmarks that make one section of the page: a table, and what to say about it."""

    name: str
    title: str
    text: str
    benchmarks: Sequence[Benchmark | JobBenchmark] = ()
    goals: Sequence[Goal] = ()
    curve: str = ""  # what the columns measure, where they are points of a curve
