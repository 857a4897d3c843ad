"""Every benchmark runs, and the suite notices who computes something else or is not there."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from . import harness, page, processes, references, tables
from .__main__ import main
from .network import Task
from .registry import Benchmark, Contender, Goal, Job, JobBenchmark, Prepared
from .steps import after_some_steps, training_step

ROOT = Path(__file__).parents[2]
TASK = Task((6, 5, 4), 3)
FAST = harness.Settings(rounds=2, turn=0.0, pause=0.0)


def test_every_benchmark_runs_and_all_agree():
    before = (ROOT / "docs" / "performance.md").read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--smoke"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "steps: batch 32: runs, and all agree" in done.stdout
    assert "growth-memory: 1 layers: runs" in done.stdout
    assert (ROOT / "docs" / "performance.md").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "word"),
    [("--benchmarks", "batch 33"), ("--contenders", "pytorch"), ("--rounds", "0")],
)
def test_what_there_is_not_is_refused_before_anything_is_measured(option, word, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--only", "steps", option, word])
    said = f"{exit_.value.code} {capsys.readouterr()}"
    assert exit_.value.code != 0
    assert word in said
    assert "steps: batch" not in said


# --- Agreement ---------------------------------------------------------------------------------


class Off:
    """A trainer that is a little wrong."""

    def __init__(self, task, loss=1.0, change=1.0):
        self.right, self.start = references.by_hand(task), task.weights()
        self.place, self.loss, self.change = self.right.place, loss, change

    def step(self, x, y):
        return self.right.step(x, y) * self.loss

    def parameters(self):
        pairs = zip(self.right.parameters(), self.start, strict=True)
        return [w + (p - w) * self.change for p, w in pairs]


def contender(make):
    return Contender(partial(training_step, make, TASK), partial(after_some_steps, make, TASK, 50))


@pytest.mark.parametrize(
    ("mistake", "what"), [({"loss": 1.02}, "losses"), ({"change": 1.02}, "changes")]
)
def test_a_contender_that_computes_something_else_is_caught(mistake, what):
    contenders = {
        "right": contender(references.by_hand),
        "wrong": contender(partial(Off, **mistake)),
    }
    with pytest.raises(harness.DisagreementError, match=rf"{what}.* of wrong are 2\.0e-02 away"):
        harness.smoke(Benchmark("steps", contenders))


def test_rounding_is_no_disagreement():
    contenders = {
        "right": contender(references.by_hand),
        "rounded": contender(partial(Off, change=1.00001)),
    }
    assert harness.smoke(Benchmark("steps", contenders)) == []


def test_not_a_number_is_caught():
    contenders = {
        "right": contender(references.by_hand),
        "wrong": contender(partial(Off, loss=np.nan)),
    }
    with pytest.raises(harness.DisagreementError, match="are nan away"):
        harness.smoke(Benchmark("steps", contenders))


@pytest.mark.parametrize("other", ["0.91", "'nan'"])
def test_different_accuracies_of_processes_are_caught(other):
    jobs = {str(a): Job(["-c", f"print('log'); print({a})"]) for a in ("0.97", other)}
    with pytest.raises(harness.DisagreementError, match="far apart"):
        processes.smoke(JobBenchmark("job", jobs, {"seconds": "s"}, agreeing=0.02))


def test_a_different_accuracy_in_one_of_several_rounds_is_caught():
    benchmark = JobBenchmark("job", {}, {"seconds": "s"}, agreeing=0.02)
    rounds = {"one": [{"printed": "0.91"}, {"printed": "0.97"}], "other": [{"printed": "0.97"}] * 2}
    with pytest.raises(harness.DisagreementError, match="far apart"):
        processes.check_accuracies(benchmark, rounds)


def test_a_process_that_fails_says_why():
    with pytest.raises(RuntimeError, match="ValueError: no data"):
        processes.run_job(Job(["-c", "raise ValueError('no data')"]))


# --- Measuring ---------------------------------------------------------------------------------


def nothing():
    return int


def fails():
    raise RuntimeError("no compiler")


def test_contenders_are_timed_and_those_who_cannot_are_named():
    contenders = {
        "minigrad": Contender(nothing),
        "elsewhere": Contender(nothing, needs=["a_module_that_nobody_has"]),
        "broken": Contender(fails),
    }
    found = harness.measure(Benchmark("call", contenders, per=2), FAST, lambda text: None)
    assert list(found.seconds) == ["minigrad"]
    assert len(found.seconds["minigrad"]) == 2
    assert all(0 < seconds < 1 for seconds in found.seconds["minigrad"])
    assert found.absent == {
        "elsewhere": "not installed",
        "broken": "RuntimeError: no compiler",
    }


def test_who_disagrees_is_not_timed_unless_it_is_minigrad():
    right, wrong = contender(references.by_hand), contender(partial(Off, change=1.02))
    found = harness.measure(Benchmark("x", {"right": right, "b": wrong}), FAST, lambda text: None)
    assert list(found.seconds) == ["right"]
    assert found.absent["b"].startswith("the changes of the parameters of b are 2.0e-02 away")
    ours = Benchmark("x", {"right": right, "minigrad": wrong})
    with pytest.raises(harness.DisagreementError, match="of minigrad are"):
        harness.measure(ours, FAST, lambda text: None)


def test_what_is_prepared_is_new_for_each_call():
    made = []
    harness.timed(Prepared(lambda: made.append(1) or len(made), lambda number: number), repeat=3)
    assert len(made) == 3


def test_peak_memory_is_that_of_the_process():
    small, large = (processes.run_job(Job(["-c", f"bytearray({n})"])) for n in (1, 200_000_000))
    assert 150e6 < large["peak"] - small["peak"] < 250e6


# --- Tables and the page -----------------------------------------------------------------------

MEASURED = harness.Measurement(
    Benchmark("batch 1", {"NumPy by hand": None, "minigrad": None, "PyTorch": None, "JAX": None}),
    {"NumPy by hand": [1e-6] * 3, "minigrad": [1e-6, 2e-6, 3e-6], "PyTorch": [4e-6, 4e-6, 3e-6]},
    {"JAX": "not installed"},
)


def test_ratios_are_medians_over_rounds():
    assert MEASURED.ratio("minigrad", "PyTorch") == (0.5, 0.375, 0.75)
    assert tables.ratio(MEASURED, "minigrad", "PyTorch") == f"**0.50** (0.38{tables.TO}0.75)"
    assert tables.absolute(MEASURED, "PyTorch") == f"4 µs (3{tables.TO}4)"
    assert tables.absences([MEASURED]) == ["Did not take part: JAX: not installed."]


def test_who_was_absent_from_a_part_is_named_with_that_part():
    other = harness.Measurement(Benchmark("batch 7", {}), {}, {"JAX": "not installed", "X": "off"})
    assert tables.absences([MEASURED, other]) == [
        "Did not take part: JAX: not installed; X in batch 7: off."
    ]


@pytest.mark.parametrize(
    ("theirs", "at_most", "row"),
    [
        (["PyTorch"], 0.5, "minigrad ÷ PyTorch | 0.50 | 0.50 | reached |"),
        (["PyTorch"], 0.49, "minigrad ÷ PyTorch | 0.49 | 0.50 | **missed** |"),
        ([], 1.0, "minigrad ÷ the fastest peer (PyTorch) | 1.00 | 0.50 | reached |"),
    ],
)
def test_goals_are_reached_or_missed(theirs, at_most, row):
    assert row in tables.goals([Goal("batch 1", theirs, at_most)], [MEASURED])


def test_goals_of_who_is_absent_are_left_out():
    wanted = [Goal("batch 1", ["JAX"], 1.0), Goal("batch 7", ["PyTorch"], 1.0)]
    assert tables.goals(wanted, [MEASURED]) == ""


def test_a_partial_run_replaces_its_section_only():
    text = page.with_section(page.with_section("frame\n", "one", "1 \\d", "x"), "two", "2", "x")
    again = page.with_section(text, "one", "new", "x")
    assert "1 \\d" in text
    assert "1 \\d" not in again
    assert again.index("new") < again.index("2")
    assert page.with_frame(again).startswith("# Performance")
    assert page.with_frame(again).endswith(again[again.index("<!-- begin one") :])
