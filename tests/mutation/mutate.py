"""Change minigrad in small ways, one at a time, and report the changes that no test notices.

    python tests/mutation/mutate.py rules           every rule (or: engine, optim)
    python tests/mutation/mutate.py engine --only backprop.py
    python tests/mutation/mutate.py rules --resume caught.jsonl

Works on a copy of the project in a temporary directory. The tests run once as they are, and have to
pass; then once with a record of the lines that each executes. A changed function then only meets
the tests that run through the changed lines, those first that noticed an earlier change of it, and
the first failure ends it. Hypothesis draws the same examples in every run, and does not shrink.

Most changes are made in a fork of a process that has collected the tests already, by giving the
function other code. What has its effect during the import (tables, defaults, decorators) is changed
in the source, and imported and collected anew.

`excused.toml` lists the changes that make no difference that a test could see, each with its reason.
Exit status 1: a rule has a survivor without an excuse, or less than 95 % of the others is caught.
"""

import argparse
import ast
import collections
import contextlib
import gc
import hashlib
import importlib
import importlib.machinery
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
import tomllib
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, given, settings, strategies
from mutation_operators import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
COPIED = ["minigrad", "tests", "conftest.py", "pytest_minigrad.py", "pyproject.toml", "README.md"]
EXCUSES = Path(__file__).with_name("excused.toml")
MEMORY = 8 << 30  # bytes: a change may ask for any amount
SLACK = 5.0  # seconds that a test may take beyond ten times what it usually does


class Part(NamedTuple):
    """Sources, and the tests to run, those that are likely to notice first."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]
    target: float  # of the share that is caught or excused


PARTS = {
    "rules": Part(
        ("rules/*.py", "nn/functional/*.py"),
        (
            "tests/core/test_rules.py", "tests/core/test_singular_points.py",
            "tests/nn/test_nn_losses.py", "tests/nn/test_nn_activations.py", "tests/core",
            "tests/nn", "minigrad/nn/functional", "tests/test_bad_input.py",
        ),
        1.0,
    ),
    "engine": Part(
        (
            "graph.py", "calls.py", "backprop.py", "context.py", "dispatch.py", "tensor.py",
            "transforms.py", "primitive.py",
        ),
        (
            "tests/core/test_engine.py", "tests/core/test_transforms.py",
            "tests/core/test_modes.py", "tests/core", "minigrad/context.py", "minigrad/dispatch.py",
            "minigrad/tensor.py", "minigrad/transforms.py", "minigrad/primitive.py",
            "tests/test_bad_input.py", "tests/test_debugging.py", "tests/nn",
        ),
        0.95,
    ),
    "optim": Part(
        ("optim/*.py",),
        (
            "tests/optim/test_optim_steps.py", "tests/optim", "minigrad/optim",
            "tests/test_bad_input.py",
        ),
        0.95,
    ),
}  # fmt: skip


def say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


# --- What is changed ---------------------------------------------------------------------------


class Source:
    """A module of the copy, and its changes."""

    def __init__(self, path: Path, package: Path) -> None:
        self.path = path
        self.file = path.relative_to(package).as_posix()
        text = path.read_text(encoding="utf-8")
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.tree = ast.parse(text)
        self.code = self.compiled()
        self.mutants = mutants(self.tree, self.file)
        name = ".".join(Path(self.file).with_suffix("").parts)
        self.module = f"minigrad.{name}".removesuffix(".__init__")

    def compiled(self) -> types.CodeType:
        return compile(self.tree, str(self.path), "exec", dont_inherit=True)

    def compiled_with(self, mutant: Mutant) -> types.CodeType:
        with mutant.applied():
            return self.compiled()


def is_function(code: types.CodeType) -> bool:
    # The body of a class has locals of its own, too, but no fixed places for them.
    return code.co_flags & 1 != 0 and (code.co_name == "<lambda>" or code.co_name[0] != "<")


def outermost_functions(code: types.CodeType) -> list[types.CodeType]:
    """Return the functions of a module and of its classes, without those inside functions."""
    found = []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found += [constant] if is_function(constant) else outermost_functions(constant)
    return found


def outside_functions(code: types.CodeType) -> list[Any]:
    """Return what a module does when it is imported, in a form to be compared."""
    inner = [
        ("function" if is_function(constant) else outside_functions(constant))
        if isinstance(constant, types.CodeType)
        else repr(constant)
        for constant in code.co_consts
    ]
    return [code.co_code, code.co_names, inner]


def changed_function(
    old: types.CodeType, new: types.CodeType
) -> tuple[types.CodeType, types.CodeType] | None:
    """Return the one function that differs, before and after; None if it is not so simple."""
    if outside_functions(old) != outside_functions(new):
        return None
    pairs = zip(outermost_functions(old), outermost_functions(new), strict=True)
    different = [(a, b) for a, b in pairs if a != b]
    if len(different) == 1 and different[0][0].co_freevars == different[0][1].co_freevars:
        return different[0]
    return None


@contextlib.contextmanager
def imported_as(codes: dict[str, types.CodeType]) -> Iterator[None]:
    """Import modules from code that is given, for the length of a with-block."""
    loader = importlib.machinery.SourceFileLoader
    usual = loader.get_code
    loader.get_code = lambda self, name: codes[name] if name in codes else usual(self, name)
    try:
        yield
    finally:
        loader.get_code = usual


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
            report_multiple_bugs=False,
        )
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport | None:
        """Report a failure without its text, which would take longer than the test."""
        error = call.excinfo
        if error is None or error.errisinstance(pytest.skip.Exception) or any(
            item.iter_markers("xfail")
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


@settings(max_examples=1, database=None)
@given(strategies.floats())
def warm_up(number: float) -> None:
    """Let hypothesis read the sources for constants now, and not again in every fork."""


def collect(tests: Iterable[str], loop: Callable[[list[pytest.Item]], None]) -> bool:
    """Call a function of the collected tests; return whether it came to that."""
    plugin = Collected(loop)
    options = ["-q", "-s", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
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

    def __init__(self, path: Path, part: Part) -> None:
        self.failures, seconds, hits, at_import = json.loads(path.read_text())
        self.part = part
        self.limits = {test: SLACK + 10 * taken for test, taken in seconds.items()}
        self.total = sum(seconds.values())
        self.at_import = {tuple(function) for function in at_import}
        self.of_line: dict[tuple[str, int], set[str]] = collections.defaultdict(set)
        for test, lines in hits.items():
            for file, line in lines:
                self.of_line[file, line].add(test)
        self.order = {test: (self.rank(test), number) for number, test in enumerate(seconds)}

    def rank(self, test: str) -> int:
        return next(i for i, start in enumerate(self.part.tests) if test.startswith(start))

    def through(self, mutant: Mutant) -> list[str]:
        """Return the tests that run through a changed statement."""
        found = set().union(*(self.of_line[mutant.file, line] for line in mutant.lines))
        return sorted(found, key=self.order.__getitem__)


# --- Trying mutants --------------------------------------------------------------------------------


class Trial:
    """Tries mutants, and writes down what became of each."""

    def __init__(self, sources: list[Source], tests: Tests, results: Path) -> None:
        self.sources = {source.file: source for source in sources}
        self.tests = tests
        self.results = results
        self.killers: dict[Any, list[str]] = collections.defaultdict(list)

    def run(self, chosen: list[Mutant]) -> None:
        quick, slow = [], []
        for mutant in chosen:
            source = self.sources[mutant.file]
            code = source.compiled_with(mutant)
            change = changed_function(source.code, code)
            if change and not self.runs_at_import(change[0], mutant.file):
                quick.append((mutant, *change))
            elif change or outside_functions(code) != outside_functions(source.code):
                slow.append((mutant, code))
            elif outermost_functions(code) == outermost_functions(source.code):
                self.record(mutant, Outcome("unchanged"), 0.0)
            else:
                slow.append((mutant, code))
        outcome = forked(lambda: self.try_functions(quick))
        if outcome.status != "survived":
            raise RuntimeError(f"could not try the changes of functions: {outcome.by}")
        for mutant, code in slow:
            self.timed(mutant, lambda mutant=mutant, code=code: self.try_module(mutant, code))

    def runs_at_import(self, function: types.CodeType, file: str) -> bool:
        if (file, function.co_firstlineno, function.co_name) in self.tests.at_import:
            return True
        inner = [code for code in function.co_consts if isinstance(code, types.CodeType)]
        return any(self.runs_at_import(code, file) for code in inner)

    def timed(self, mutant: Mutant, attempt: Callable[[], Outcome]) -> None:
        begun = time.perf_counter()
        outcome = attempt()
        self.record(mutant, outcome, time.perf_counter() - begun)

    def record(self, mutant: Mutant, outcome: Outcome, seconds: float) -> None:
        line = {
            "key": mutant.key,
            "digest": self.sources[mutant.file].digest,
            "status": outcome.status,
            "by": outcome.by,
            "seconds": round(seconds, 2),
        }
        with self.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def remember(self, mutant: Mutant, outcome: Outcome) -> None:
        if outcome.by in self.tests.order:
            for place in ((mutant.file, mutant.function), mutant.file):
                killers = self.killers[place]
                if outcome.by in killers:
                    killers.remove(outcome.by)
                killers.insert(0, outcome.by)

    def likely_first(self, mutant: Mutant, tests: list[str]) -> list[str]:
        """Put the tests first that noticed the last changes of the function, or of the file."""
        likely = self.killers[mutant.file, mutant.function][:8] + self.killers[mutant.file][:8]
        known = set(tests)
        first = [test for test in dict.fromkeys(likely) if test in known]
        return first + [test for test in tests if test not in set(first)]

    def try_functions(self, quick: list[tuple[Mutant, types.CodeType, types.CodeType]]) -> None:
        """Collect the tests once, and try each mutant in a fork."""
        codes = {source.module: source.code for source in self.sources.values()}

        def loop(items: list[pytest.Item]) -> None:
            by_id = {item.nodeid: item for item in items}
            functions = collections.defaultdict(list)
            for found in gc.get_objects():
                if type(found) is types.FunctionType:
                    functions[found.__code__].append(found)
            gc.collect()
            gc.freeze()  # and so a fork need not copy what it only looks at
            for mutant, old, new in quick:
                tests = self.likely_first(mutant, self.tests.through(mutant))

                def attempt(mutant=mutant, old=old, new=new, tests=tests) -> Outcome:
                    def change_and_run() -> str | None:
                        for function in functions[old]:
                            function.__code__ = new
                        chosen = [by_id[test] for test in tests if test in by_id]
                        return first_failure(chosen, self.tests.limits)

                    outcome = forked(change_and_run)
                    self.remember(mutant, outcome)
                    return outcome

                self.timed(mutant, attempt)

        with imported_as(codes):
            collect(self.tests.part.tests, loop)

    def try_module(self, mutant: Mutant, code: types.CodeType) -> Outcome:
        """Import the changed module and collect the tests anew, in ever more of the files."""
        through = self.likely_first(mutant, self.tests.through(mutant))
        known = sorted(self.tests.order, key=self.tests.order.__getitem__)
        tests = list(dict.fromkeys([*self.killers[mutant.file][:8], *through, *known]))
        files: dict[str, list[str]] = {}
        for test in tests:
            files.setdefault(test.partition("::")[0], []).append(test)
        for file, selected in files.items():
            outcome = forked(
                lambda file=file, selected=selected: self.failure_in(mutant, code, file, selected)
            )
            self.remember(mutant, outcome)
            if outcome.status != "survived":
                return outcome
        return Outcome("survived")

    def failure_in(
        self, mutant: Mutant, code: types.CodeType, file: str, selected: list[str]
    ) -> str | None:
        failure: list[str | None] = []

        def loop(items: list[pytest.Item]) -> None:
            by_id = {item.nodeid: item for item in items}
            if missing := [test for test in selected if test not in by_id]:
                failure.append(missing[0])
            else:
                failure.append(first_failure([by_id[test] for test in selected], self.tests.limits))

        signal.setitimer(signal.ITIMER_REAL, 60.0)
        with imported_as({self.sources[mutant.file].module: code}):
            importlib.import_module("minigrad.optim")  # and so everything below
            return failure[0] if collect([file], loop) else f"collection of {file}"


# --- Excuses and the report --------------------------------------------------------------------


def read_excuses() -> dict[tuple[str, str, str], str]:
    entries = tomllib.loads(EXCUSES.read_text(encoding="utf-8")).get("excuse", [])
    return {
        (entry["file"], entry["function"], change): entry["reason"]
        for entry in entries
        for change in entry["changes"]
    }


def read_results(path: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {tuple(record["key"]): record for record in map(json.loads, lines)}


def report(
    chosen: list[Mutant],
    results: dict[tuple[str, ...], dict[str, Any]],
    excuses: dict[tuple[str, str, str], str],
    target: float,
) -> bool:
    """Say what became of the mutants; return whether enough of them were caught."""
    by_status: dict[str, list[Mutant]] = collections.defaultdict(list)
    for mutant in chosen:
        status = "excused" if mutant.key in excuses else results[mutant.key]["status"]
        by_status[status].append(mutant)
    for status in ("excused", "survived"):
        for mutant in by_status[status]:
            say(f"{status}: minigrad/{mutant.file}:{mutant.line} {mutant.function}")
            say(f"    {mutant.change}")
            if status == "excused":
                say(f"    because {excuses[mutant.key]}")
    figures = {status: len(found) for status, found in by_status.items() if status != "unchanged"}
    total = sum(figures.values())
    noticed = figures.get("caught", 0) + figures.get("timed out", 0)
    excused = figures.get("excused", 0)
    say(f"{total} mutants: " + ", ".join(f"{n} {status}" for status, n in sorted(figures.items())))
    score = noticed / max(1, total - excused)
    say(f"score: {noticed / max(1, total):.2%}, without the excused ones {score:.2%}")
    return score >= target


# --- The command line --------------------------------------------------------------------------


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--only", metavar="FILE", help="files whose path ends in this")
    parser.add_argument("--function", help="functions whose name contains this")
    parser.add_argument("--list", action="store_true", help="list the mutants, and try none")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("--sample", type=int, metavar="N", help="N of them, always the same ones")
    parser.add_argument(
        "--resume", type=Path, metavar="FILE",
        help="write results to this file; do not try again what it says is caught",
    )  # fmt: skip
    parser.add_argument("--survey", type=lambda p: Path(p).resolve(), metavar="FILE", help="x")
    return parser.parse_args(arguments)


def copied() -> Path:
    """Return a directory with a copy of the project, the current one from now on."""
    directory = Path(tempfile.mkdtemp(prefix="minigrad-mutation-")).resolve()
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, directory / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, directory / name)
    os.chdir(directory)
    sys.path[:] = [str(directory), *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]
    os.environ["PYTHONPATH"] = str(directory)
    return directory


def choose(sources: list[Source], options: argparse.Namespace) -> list[Mutant]:
    chosen = [
        mutant
        for source in sources
        for mutant in source.mutants
        if (not options.only or mutant.file.endswith(options.only))
        and (not options.function or options.function in mutant.function)
    ]
    if options.sample and options.sample < len(chosen):
        by_hash = sorted(chosen, key=lambda m: hashlib.sha256(repr(m.key).encode()).digest())
        kept = {mutant.key for mutant in by_hash[: options.sample]}
        return [mutant for mutant in chosen if mutant.key in kept]
    return chosen


def attempt_all(
    directory: Path, part: Part, sources: list[Source], todo: list[Mutant], options: Any
) -> Path:
    """Survey the tests, and try the mutants in so many processes; return the file of results."""
    results = options.results
    survey = options.survey or directory / "survey.json"
    outcome = None if survey.exists() else forked(lambda: Survey(sources).write(part.tests, survey))
    if outcome and outcome.status != "survived":
        sys.exit(f"the survey of the tests failed: {outcome.by}")
    tests = Tests(survey, part)
    if tests.failures:
        sys.exit("without any change there are failures: " + ", ".join(tests.failures))
    say(f"{len(tests.limits)} tests pass in {tests.total:.0f} s; {len(todo)} mutants to try")
    workers = []
    for number in range(options.jobs):
        worker = os.fork()
        if not worker:
            Trial(sources, tests, results).run(todo[number :: options.jobs])
            os._exit(0)
        workers.append(worker)
    while workers:
        done, _ = os.waitpid(-1, 0)
        workers.remove(done)
    return results


def main() -> int:
    if os.environ.get("PYTHONHASHSEED") != "0":  # the same order of sets in every run
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    options = parse()
    begun = time.perf_counter()
    part = PARTS[options.part]
    options.results = options.resume.resolve() if options.resume else None
    directory = copied()
    try:
        options.results = options.results or directory / "results.jsonl"
        package = directory / "minigrad"
        paths = [path for pattern in part.sources for path in sorted(package.glob(pattern))]
        sources = [Source(path, package) for path in paths]
        chosen = choose(sources, options)
        if options.list:
            for mutant in chosen:
                say(f"{mutant.file}:{mutant.line} {mutant.function}: {mutant.change}")
            say(f"{len(chosen)} mutants")
            return 0
        excuses = read_excuses()
        digests = {source.file: source.digest for source in sources}
        known = read_results(options.results)
        todo = [
            mutant
            for mutant in chosen
            if mutant.key not in excuses
            and not (
                (record := known.get(mutant.key))
                and record["status"] != "survived"
                and record["digest"] == digests[mutant.file]
            )
        ]
        attempt_all(directory, part, sources, todo, options)
        passed = report(chosen, read_results(options.results), excuses, part.target)
        say(f"{(time.perf_counter() - begun) / 60:.1f} minutes")
        return 0 if passed else 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
