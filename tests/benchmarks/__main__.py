"""The command."""

import argparse
import sys
from pathlib import Path

from . import __doc__ as description
from . import (
    curves,
    engine,
    growth,
    harness,
    imports_and_loader,
    machine,
    optimizers,
    page,
    processes,
    steps,
    tables,
    whole_job,
)
from .registry import JobBenchmark

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "performance.md"
SUBJECTS = {
    "steps": steps.steps,
    "step-optimizers": steps.other_optimizers,
    "narrow-and-wide": steps.narrow_and_wide,
    "engine": engine.engine,
    "optimizers": optimizers.optimizers_alone,
    "whole-job": whole_job.whole_job,
    "imports": imports_and_loader.imports,
    "loader": imports_and_loader.loader,
    "growth-batch": growth.with_batch,
    "growth-width": growth.with_width,
    "growth-depth": growth.with_depth,
    "growth-graph": growth.with_graph,
    "growth-memory": growth.memory,
}


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def arguments(words):
    parser = argparse.ArgumentParser(
        prog="python3 dev.py benchmark",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    settings = harness.Settings()
    add("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), metavar="SUBJECT",
        help=f"these sections alone: {', '.join(SUBJECTS)}")  # fmt: skip
    add("--contenders", nargs="+", default=[], metavar="NAME",
        help="the others stay out, and nothing is written")  # fmt: skip
    add("--benchmarks", nargs="+", default=[], metavar="TITLE",
        help="columns such as 'batch 32'; the others stay out, and nothing is written")  # fmt: skip
    add("--rounds", type=at_least_one, default=settings.rounds, help="turns for each (%(default)s)")
    add("--turn", type=float, default=settings.turn, help="seconds of a turn (%(default)s)")
    add("--pause", type=float, default=settings.pause, help="seconds between turns (%(default)s)")
    add("--epochs", type=int, nargs="+", default=[1, 20], help="of the whole job (1 20)")
    add("--smoke", action="store_true",
        help="each benchmark once, small: nothing is timed or written")  # fmt: skip
    add("--no-write", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args(words)


def at_least_one(word):
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {number}")
    return number


def titles(subjects):
    return {benchmark.title for chosen in subjects for benchmark in chosen.benchmarks}


def contenders(subjects):
    return {
        name
        for chosen in subjects
        for benchmark in chosen.benchmarks
        for name in benchmark.contenders
    }


def refuse_unknown(option, names, known):
    """End with the names that there are, before hours are spent on none of them."""
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"{option}: no {', '.join(map(repr, unknown))}; there are {sorted(known)}")


def main(words=None):
    words = sys.argv[1:] if words is None else words
    options = arguments(words)
    subjects = [subject(name, options) for name in options.only]
    refuse_unknown("--benchmarks", options.benchmarks, titles(subjects))
    refuse_unknown("--contenders", options.contenders, contenders(subjects))
    if options.smoke:
        return smoke(subjects)
    say(machine.description())
    settings = harness.Settings(
        options.rounds, options.turn, options.pause, tuple(options.contenders)
    )
    whole = not (options.contenders or options.benchmarks or options.no_write)
    for chosen in subjects:
        measurements = measured(chosen, settings, options.benchmarks)
        if measurements:
            say("\n" + tables.section(chosen, measurements) + "\n")
        if whole:
            write(chosen, measurements, " ".join(["python3 dev.py benchmark", *words]))
    return 0


def subject(name, options):
    if name == "whole-job":
        return SUBJECTS[name](options.smoke, options.epochs)
    return SUBJECTS[name](options.smoke)


def measured(chosen, settings, titles):
    """Measure a subject's benchmarks, or those with the titles."""
    found = []
    for benchmark in chosen.benchmarks:
        if titles and benchmark.title not in titles:
            continue
        say(f"{chosen.name}: {benchmark.title}")
        if isinstance(benchmark, JobBenchmark):
            found += processes.measure_jobs(benchmark, settings, say)
        else:
            found.append(harness.measure(benchmark, settings, say))
    return found


def write(chosen, measurements, command):
    """Write a subject's section, and its curve, at once: what comes later may be interrupted."""
    text = tables.section(chosen, measurements)
    if chosen.curve and curves.draw(chosen, measurements, DOCS / "images" / f"{chosen.name}.svg"):
        text += f"\n\n![{chosen.title}](images/{chosen.name}.svg)"
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    after = page.with_section(page.with_frame(before), chosen.name, text, command)
    PAGE.write_text(after, encoding="utf-8")


def smoke(subjects):
    """Run everything once, in small, and see that all compute the same."""
    missing = set()
    for chosen in subjects:
        for benchmark in chosen.benchmarks:
            run = processes.smoke if isinstance(benchmark, JobBenchmark) else harness.smoke
            missing |= set(run(benchmark))
            say(f"{chosen.name}: {benchmark.title}: runs, and all agree")
    if missing:
        say(f"not installed: {'; '.join(sorted(missing))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
