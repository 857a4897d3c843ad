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

`excused.toml` lists the changes that make no difference a test could see, each with its reason.
Exit status 1: a rule has a survivor without an excuse, or less than 95 % of the others is caught.
"""

import argparse
import collections
import gc
import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import pytest
from mutation_operators import Mutant
from mutation_sources import (
    Source,
    changed_function,
    imported_as,
    outermost_functions,
    outside_functions,
)
from mutation_tests import Outcome, Survey, Tests, collect, first_failure, forked

ROOT = Path(__file__).resolve().parents[2]
COPIED = ["minigrad", "tests", "conftest.py", "pytest_minigrad.py", "pyproject.toml", "README.md"]
EXCUSES = Path(__file__).with_name("excused.toml")


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
            "tests/test_bad_input.py", "tests/nn",
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


# --- Trying mutants ----------------------------------------------------------------------------


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
            collect(self.tests.paths, loop)

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
        record = results.get(mutant.key, {"status": "not tried"})
        status = "excused" if mutant.key in excuses else record["status"]
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


def digest_of(directory: Path, part: Part) -> str:
    """Return what changes whenever a source or a test of the part does."""
    roots = [directory / path for path in part.tests]
    roots += [path for pattern in part.sources for path in (directory / "minigrad").glob(pattern)]
    files = {file for root in roots for file in ([root] if root.is_file() else root.rglob("*.py"))}
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def attempt_all(
    directory: Path, part: Part, sources: list[Source], todo: list[Mutant], options: Any
) -> Path:
    """Survey the tests, and try the mutants in so many processes; return the file of results."""
    results = options.results
    survey = results.with_name(f"{results.name}.{digest_of(directory, part)}")
    outcome = None if survey.exists() else forked(lambda: Survey(sources).write(part.tests, survey))
    if outcome and outcome.status != "survived":
        sys.exit(f"the survey of the tests failed: {outcome.by}")
    tests = Tests(survey, part.tests)
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
        todo.sort(key=lambda mutant: mutant.key in known)  # the survivors of another run last
        attempt_all(directory, part, sources, todo, options)
        passed = report(chosen, read_results(options.results), excuses, part.target)
        say(f"{(time.perf_counter() - begun) / 60:.1f} minutes")
        return 0 if passed else 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
