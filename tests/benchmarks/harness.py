"""Timing: contenders take turns, each in a process of its own.

Thread pools and allocators of several libraries in one process disturb each other, so a contender
lives alone in a process that sleeps until it is its turn. All are there at once, and take turns in
an order that is drawn anew for each round. Before each turn is a pause: the threads of PyTorch and
OpenMP go on spinning for a while after they have worked, at the expense of whoever comes next.
"""

import math
import multiprocessing
import random
import statistics
import time
import traceback
from typing import NamedTuple

import numpy as np

from .registry import OURS, Prepared, missing


class Settings(NamedTuple):
    """How long to measure."""

    rounds: int = 9
    turn: float = 0.15  # seconds that a contender runs before the next one does
    pause: float = 0.1  # seconds
    only: tuple = ()  # names of contenders; empty for all


class Failure(NamedTuple):
    """What went wrong in a contender's process."""

    message: str


class Measurement(NamedTuple):
    """Seconds for one operation, round by round, of each contender; and who did not take part."""

    benchmark: object
    seconds: dict
    absent: dict  # name -> why

    def median(self, name):
        return statistics.median(self.seconds[name])

    def ratio(self, ours, theirs):
        """Return the median of the ratios of all rounds, and the quartiles around it."""
        pairs = zip(self.seconds[ours], self.seconds[theirs], strict=True)
        ratios = [one / other for one, other in pairs]
        if len(ratios) < 2:
            return ratios * 3
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return middle, low, high


class DisagreementError(AssertionError):
    """Contenders that should compute the same thing do not."""


def measure(benchmark, settings, say):
    """Start everybody, check that all compute the same, and time them in turns."""
    absent = {n: "not installed" for n, c in benchmark.contenders.items() if missing(c.needs)}
    present = {
        name: contender
        for name, contender in benchmark.contenders.items()
        if name not in absent and (not settings.only or name in settings.only)
    }
    workers = {name: Worker(contender) for name, contender in present.items()}
    try:
        for name, why in failures(workers, present):
            if name in OURS:
                raise DisagreementError(f"{benchmark.title}: {why}")
            say(f"  {name} does not take part: {why}")
            absent[name] = why.strip().splitlines()[-1]
            if name in workers:
                workers.pop(name).close()
        seconds = take_turns(workers, settings)
    finally:
        for worker in workers.values():
            worker.close()
    return Measurement(
        benchmark, {n: [s / benchmark.per for s in v] for n, v in seconds.items()}, absent
    )


def failures(workers, contenders):
    """Yield the name of each that cannot run or computes something else, and why."""
    broken = [(n, a) for n, w in workers.items() if isinstance(a := w.answer(), Failure)]
    for name, answer in broken:
        yield name, answer.message
    running = {name: contenders[name] for name in workers}
    yield from list(disagreements(running, lambda name: workers[name].outcome()))


def take_turns(workers, settings):
    repeats = {}
    for name, worker in workers.items():
        time.sleep(settings.pause)
        one = min(worker.time(1) for _ in range(3))
        repeats[name] = max(1, math.ceil(settings.turn / one))
    seconds = {name: [] for name in workers}
    for number in range(settings.rounds):
        for name in random.Random(number).sample(list(workers), len(workers)):
            time.sleep(settings.pause)
            seconds[name].append(workers[name].time(repeats[name]))
    return seconds


def timed(run, repeat=1):
    """Return the seconds that a call takes."""
    if isinstance(run, Prepared):
        return sum(timed_alone(run) for _ in range(repeat)) / repeat
    begun = time.perf_counter()
    for _ in range(repeat):
        result = run()
    finish(result)
    return (time.perf_counter() - begun) / repeat


def timed_alone(prepared):
    fresh = prepared.prepare()
    begun = time.perf_counter()
    finish(prepared.run(fresh))
    return time.perf_counter() - begun


def finish(result):
    """Wait for a result that is still being computed, as JAX's are."""
    if hasattr(result, "block_until_ready"):
        result.block_until_ready()


# --- Agreement ---------------------------------------------------------------------------------


# How far an outcome may be from that of the first contender, relative to its norm. Changes of
# parameters add up what Adam makes of gradients that are nearly zero, where rounding is everything.
TOLERANCE = {"losses": 1e-4, "changes of the parameters": 1e-2}


def disagreements(contenders, outcome_of):
    """Compare what the contenders compute with what the first of them does; yield (name, why)."""
    reference = None
    for name, contender in contenders.items():
        if contender.outcome is None:
            continue
        found = outcome_of(name)
        if isinstance(found, Failure):
            yield name, found.message
        elif reference is None:
            reference, first = found, name
        else:
            for key, value in reference.items():
                distance, allowed = relative_distance(found[key], value), TOLERANCE.get(key, 1e-4)
                if not distance <= allowed:
                    yield (
                        name,
                        f"the {key} of {name} are {distance:.1e} away from those of {first}, "
                        f"relative to their norm, and {allowed:.0e} is allowed",
                    )


def relative_distance(one, other):
    one, other = (np.asarray(a, dtype=np.float64) for a in (one, other))
    return np.linalg.norm(one - other) / np.linalg.norm(other)


# --- Processes ---------------------------------------------------------------------------------


class Worker:
    """A contender in a process of its own."""

    def __init__(self, contender):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, contender))
        self.process.start()
        other.close()

    def answer(self):
        try:
            return self.connection.recv()
        except EOFError:
            return Failure("its process ended without a word")

    def ask(self, command):
        self.connection.send(command)
        return self.answer()

    def time(self, repeat):
        seconds = self.ask(repeat)
        if isinstance(seconds, Failure):
            raise RuntimeError(seconds.message)
        return seconds

    def outcome(self):
        return self.ask("outcome")

    def close(self):
        self.connection.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def serve(connection, contender):
    """Build the contender, and time it as often as asked, until nobody asks any more."""
    try:
        run = contender.make()
        timed(run)  # compiles, allocates, fills caches
        connection.send("ready")
        while True:
            command = connection.recv()
            answer = contender.outcome() if command == "outcome" else timed(run, command)
            connection.send(answer)
    except EOFError:
        return
    except Exception:
        connection.send(Failure(traceback.format_exc()))


# --- Without a clock ---------------------------------------------------------------------------


def smoke(benchmark):
    """Call each contender once, here, and check that they agree; return who is not installed."""
    present = {n: c for n, c in benchmark.contenders.items() if not missing(c.needs)}
    for contender in present.values():
        timed(contender.make())
    for _, why in disagreements(present, lambda name: present[name].outcome()):
        raise DisagreementError(f"{benchmark.title}: {why}")
    return sorted(benchmark.contenders.keys() - present.keys())
