"""The command."""

import argparse
import sys
from pathlib import Path

from . import __doc__ as description
from . import harness, machine, steps, tables

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
SUBJECTS = {"steps": steps.steps, "step-optimizers": steps.optimizers}


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def arguments(words):
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    defaults = harness.Settings()
    add("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), metavar="SUBJECT",
        help=f"of: {', '.join(SUBJECTS)}")  # fmt: skip
    add("--contenders", nargs="+", default=[], metavar="NAME", help="the others stay out")
    add("--benchmarks", nargs="+", default=[], metavar="TITLE", help="the others stay out")
    add("--rounds", type=int, default=defaults.rounds, help="turns of each (default %(default)s)")
    add("--smoke", action="store_true", help="each benchmark once, small; no clock, no file")
    add("--no-write", action="store_true", help="print only; partial runs never write")
    return parser.parse_args(words)


def main(words=None):
    options = arguments(words)
    chosen = [SUBJECTS[name](smoke=options.smoke) for name in options.only]
    if options.smoke:
        return smoke(chosen)
    say(machine.description())
    settings = harness.Settings(rounds=options.rounds, only=tuple(options.contenders))
    for subject in chosen:
        measurements = []
        for benchmark in subject.benchmarks:
            if options.benchmarks and benchmark.title not in options.benchmarks:
                continue
            say(f"{subject.name}: {benchmark.title}")
            measurements.append(harness.measure(benchmark, settings, say))
            say(tables.section(subject, measurements[-1:], ""))
    return 0


def smoke(subjects):
    missing = set()
    for subject in subjects:
        for benchmark in subject.benchmarks:
            missing |= set(harness.smoke(benchmark))
            say(f"{subject.name}: {benchmark.title}: runs, and all agree")
    if missing:
        say(f"not installed: {', '.join(sorted(missing))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
