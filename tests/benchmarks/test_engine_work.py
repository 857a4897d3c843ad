"""A guard for the engine's hot path that depends on no clock.

The limits are half as much again as was counted with Python 3.11; other versions of Python differ
by a tenth or so. Where a change makes the path shorter for good, lower them: the tests with a
doubled path fail as soon as the limits are too wide to see one.
"""

import pytest

import minigrad as mg

from .counting import work_each

LIMITS = {"record": (250, 8), "walk back": (460, 9)}  # instructions, calls of C functions


def recording(n):
    a, b = (mg.tensor(value, requires_grad=True) for value in (1.0, 2.0))

    def run():
        for _ in range(n):
            a * b

    return run


def walking(n):
    y = mg.tensor(1.0, requires_grad=True)
    for _ in range(n):
        y = y * 1.0001
    return y.backward


PATHS = {"record": recording, "walk back": walking}


def exceeds(path):
    return any(
        counted > limit for counted, limit in zip(work_each(PATHS[path]), LIMITS[path], strict=True)
    )


@pytest.mark.parametrize("path", PATHS)
def test_the_hot_path_is_short(path):
    assert not exceeds(path), f"{path}: {work_each(PATHS[path])}, limits {LIMITS[path]}"


def test_the_work_is_counted_alike_each_time():
    assert work_each(recording) == work_each(recording)


def test_a_doubled_recording_is_caught(monkeypatch):
    multiply = mg.Tensor.__mul__

    def twice(self, other):
        multiply(self, other)
        return multiply(self, other)

    monkeypatch.setattr(mg.Tensor, "__mul__", twice)
    assert exceeds("record")


def test_a_doubled_walk_is_caught(monkeypatch):
    backward = mg.Tensor.backward

    def twice(self):
        backward(self, retain_graph=True)
        backward(self)

    monkeypatch.setattr(mg.Tensor, "backward", twice)
    assert exceeds("walk back")
