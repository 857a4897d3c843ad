"""Whole processes in turns: their wall time, and the most memory they had."""

import itertools
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from .harness import DisagreementError, Measurement
from .registry import Benchmark, missing

LAUNCHER = Path(__file__).parent / "jobs" / "launcher.py"
ROOT = Path(__file__).parents[2]


def run_job(job):
    """Return what the launcher says: seconds, peak bytes, and what the process printed last."""
    # A process counts the memory of the one that started it as its own, up to its first
    # instruction; the launcher is a small one.
    command = [sys.executable, "-I", "-S", str(LAUNCHER), sys.executable, *job.command]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    # From the second run on everybody finds its modules compiled, as installed ones are.
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**inherited, "PYTHONPATH": os.pathsep.join(paths)},
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(job.command)} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def measure_jobs(benchmark, settings, say):
    """Run every process as often as there are rounds; return a measurement for each figure."""
    absent = {n: "not installed" for n, job in benchmark.contenders.items() if missing(job.needs)}
    present = {
        name: job
        for name, job in benchmark.contenders.items()
        if name not in absent and (not settings.only or name in settings.only)
    }
    results = {name: [] for name in present}
    for number in range(settings.rounds):
        for name in random.Random(number).sample(list(present), len(present)):
            time.sleep(settings.pause)
            results[name].append(run_job(present[name]))
            say(f"  {name}: {results[name][-1]['seconds']:.2f} s")
    check_accuracies(benchmark, results)
    return [
        Measurement(
            Benchmark(title_of(benchmark, figure), benchmark.contenders, unit),
            {name: [r[figure] for r in runs] for name, runs in results.items()},
            absent,
        )
        for figure, unit in benchmark.figures.items()
    ]


def title_of(benchmark, figure):
    if len(benchmark.figures) == 1:
        return benchmark.title
    return f"{benchmark.title}: {'wall time' if figure == 'seconds' else 'peak memory'}"


def check_accuracies(benchmark, results):
    """Compare what the processes print: the accuracy that they reached."""
    if benchmark.agreeing is None:
        return
    reached = {name: [float(run["printed"]) for run in runs] for name, runs in results.items()}
    each = list(itertools.chain(*reached.values()))
    # Every pair, since neither the largest nor the least tells of a NaN.
    if not all(abs(a - b) <= benchmark.agreeing for a, b in itertools.product(each, each)):
        raise DisagreementError(f"{benchmark.title}: the accuracies are far apart: {reached}")


def smoke(benchmark):
    """Run each process once, and check that they agree; return who is not installed."""
    present = {n: job for n, job in benchmark.contenders.items() if not missing(job.needs)}
    check_accuracies(benchmark, {n: [run_job(job)] for n, job in present.items()})
    return sorted(benchmark.contenders.keys() - present.keys())
