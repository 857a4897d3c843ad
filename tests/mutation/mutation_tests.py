"""Running tests one by one in forks, and finding out which test runs through which line."""

import collections
import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, Verbosity, given, settings, strategies
from mutation_operators import Mutant
from mutation_sources import Source

MEMORY = 8 << 30  # bytes: a change may ask for any amount
SLACK = 5.0  # seconds that a test may take beyond ten times what it usually does

# --- Running tests -----------------------------------------------------------------------------


class Collected:
    """A pytest plugin that collects, and leaves the running to a function of the items."""

    def __init__(self, loop: Callable[[list[pytest.Item]], None]) -> None:
        self.loop = loop
        self.ran = False

    def pytest_sessionstart(self) -> None:
        usual = settings.get_profile("dev")
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutation",
            usual,
            derandomize=True,
            database=None,
            phases=phases,
            print_blob=False,
            verbosity=Verbosity.quiet,
            report_multiple_bugs=False,
        )
        settings.load_profile("mutation")
        pytest.Function.repr_failure = lambda *args, **kwargs: "failed"  # hypothesis asks for it

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport | None:
        """Report a failure without its text, which would take longer than the test."""
        error = call.excinfo
        if (
            error is None
            or error.errisinstance(pytest.skip.Exception)
            or any(item.iter_markers("xfail"))
        ):
            return None
        return pytest.TestReport(item.nodeid, item.location, {}, "failed", None, call.when)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not session.testsfailed:
            self.ran = True
            warm_up()
            self.loop([item for item in session.items if not item.get_closest_marker("slow")])
        return True


def warm_up() -> None:
    """Let hypothesis read, import and remember now what it would again in every fork."""

    @given(strategies.floats())
    def failing(number: float) -> None:
        raise ValueError(number)

    with contextlib.suppress(ValueError):
        failing()


def collect(tests: Iterable[str], loop: Callable[[list[pytest.Item]], None]) -> bool:
    """Call a function of the collected tests; return whether it came to that."""
    plugin = Collected(loop)
    options = [
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    pytest.main([*options, *tests], plugins=[plugin])
    return plugin.ran


def first_failure(items: list[pytest.Item], limits: dict[str, float]) -> str | None:
    """Run tests up to the first that fails; one that takes too long ends the process."""
    for item, following in zip(items, [*items[1:], None], strict=True):
        signal.setitimer(signal.ITIMER_REAL, limits.get(item.nodeid, SLACK))
        reports = runtestprotocol(item, nextitem=following, log=False)
        if any(report.failed for report in reports):
            return item.nodeid
    return None


class Outcome(NamedTuple):
    status: str  # survived, caught, timed out
    by: str = ""


def forked(function: Callable[[], str | None]) -> Outcome:
    """Run a function in a fork, quietly; it returns what noticed the change, or None."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            found = function()
            status = 0 if found is None else 1
            os.write(writer, (found or "")[:4000].encode())
        except BaseException as error:
            os.write(writer, f"{type(error).__name__} outside the tests: {error}".encode())
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        by = pipe.read().decode(errors="replace")
    _, code = os.waitpid(child, 0)
    if os.WIFSIGNALED(code):
        late = os.WTERMSIG(code) == signal.SIGALRM
        return Outcome("timed out" if late else "caught", f"signal {os.WTERMSIG(code)}")
    return Outcome("caught", by) if os.WEXITSTATUS(code) else Outcome("survived")


# --- The survey: which test runs through which line ----------------------------------------------


class Survey:
    """How long each test takes, and the lines of the sources that it executes."""

    def __init__(self, sources: list[Source]) -> None:
        self.files = {str(source.path): source.file for source in sources}
        self.modules = [source.module for source in sources]
        self.failures: list[str] = []
        self.seconds: dict[str, float] = {}
        self.hits: dict[str, list[tuple[str, int]]] = {}  # by test
        self.called: set[tuple[str, int, str]] = set()

    @contextlib.contextmanager
    def traced(self) -> Iterator[set[tuple[str, int]]]:
        lines: set[tuple[str, int]] = set()
        files, usual = self.files, sys.gettrace()

        def trace(frame: Any, event: str, arg: Any) -> Any:
            code = frame.f_code
            file = files.get(code.co_filename)
            if file is None:
                return None
            self.called.add((file, code.co_firstlineno, code.co_name))

            def local(frame: Any, event: str, arg: Any) -> Any:
                lines.add((file, frame.f_lineno))
                return local

            return local(frame, event, arg)

        threading.settrace(trace)
        sys.settrace(trace)
        try:
            yield lines
        finally:
            sys.settrace(usual)
            threading.settrace(None)

    def run(self, items: list[pytest.Item]) -> None:
        for item in items:
            begun = time.perf_counter()
            if first_failure([item], {item.nodeid: 120.0}):
                self.failures.append(item.nodeid)
            self.seconds[item.nodeid] = time.perf_counter() - begun
        for item in items if not self.failures else []:
            with self.traced() as lines:  # what a test does when it is traced does not matter
                first_failure([item], {item.nodeid: 600.0})
            self.hits[item.nodeid] = sorted(lines)

    def write(self, tests: Iterable[str], path: Path) -> None:
        with self.traced():
            for module in self.modules:
                importlib.import_module(module)
        at_import = sorted(self.called)
        if not collect(tests, self.run):
            self.failures.append("the collection of the tests")
        path.write_text(json.dumps([self.failures, self.seconds, self.hits, at_import]))


class Tests:
    """What the survey found, asked by mutant."""

    def __init__(self, path: Path, paths: tuple[str, ...]) -> None:
        self.failures, seconds, hits, at_import = json.loads(path.read_text())
        self.paths = paths
        self.limits = {test: SLACK + 10 * taken for test, taken in seconds.items()}
        self.total = sum(seconds.values())
        self.at_import = {tuple(function) for function in at_import}
        self.of_line: dict[tuple[str, int], set[str]] = collections.defaultdict(set)
        for test, lines in hits.items():
            for file, line in lines:
                self.of_line[file, line].add(test)
        self.order = {test: (self.rank(test), number) for number, test in enumerate(seconds)}

    def rank(self, test: str) -> int:
        return next(i for i, start in enumerate(self.paths) if test.startswith(start))

    def through(self, mutant: Mutant) -> list[str]:
        """Return the tests that run through a changed statement."""
        found = set().union(*(self.of_line[mutant.file, line] for line in mutant.lines))
        return sorted(found, key=self.order.__getitem__)
