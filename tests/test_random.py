"""The generator behind everything random is one, whoever asks first."""

import threading

import numpy as np

import minigrad as mg
from minigrad import random


def test_threads_that_ask_at_once_get_the_same_generator(monkeypatch):
    monkeypatch.setattr(random, "_process_wide", {})
    made, both_are_here = [], threading.Barrier(2, timeout=10)
    default_rng = np.random.default_rng

    def slow(*args):
        both_are_here.wait()  # so that neither has kept its own yet
        return default_rng(*args)

    monkeypatch.setattr(np.random, "default_rng", slow)
    threads = [threading.Thread(target=lambda: made.append(random.generator())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2
    assert made[0] is made[1] is random.generator()


def test_whoever_holds_the_generator_is_seeded_too():
    held = random.generator()
    mg.random.seed(3)
    first = held.random()
    mg.random.seed(3)
    assert random.generator().random() == first
