"""What `minigrad.profile` counts, and what it leaves alone."""

import itertools
import time

import numpy as np
import pytest
from viz_golden import check_golden

import minigrad as mg
from minigrad import nn
from minigrad.errors import ArgumentError, GraphError
from minigrad.nn import functional as F
from minigrad.viz.profiles.flops import floating_point_operations


def network():
    return nn.Sequential(nn.Linear(6, 5, rng=0), nn.ReLU(), nn.Linear(5, 4, rng=1))


def profiled(steps=1):
    model, loss = network(), nn.CrossEntropyLoss()
    x, y = np.ones((3, 6), np.float32), np.array([0, 1, 2])
    with mg.profile() as p:
        for _ in range(steps):
            loss(model(x), y).backward()
    return p


def rows(p, by="operation"):
    return {row.name: row for row in p.table(by).rows}


def test_every_call_is_counted_once():
    p = profiled(steps=4)
    found = rows(p)
    assert {name: row.calls for name, row in found.items()} == {
        "affine": 8,
        "relu": 4,
        "mean_cross_entropy": 4,
    }
    assert len(p) == 16
    assert all(row.forward > 0 and row.backward > 0 for row in found.values())
    assert sum(row.seconds for row in found.values()) <= p.seconds


def test_modules_and_lines_add_up_to_the_same():
    p = profiled()
    assert set(rows(p, "module")) == {"0", "1", "2", "CrossEntropyLoss"}
    (line,) = rows(p, "line")
    assert line.startswith("test_viz_profiling.py:")
    keys = ("operation", "module", "line")
    for what in ("calls", "bytes", "flops"):
        sums = {sum(getattr(row, what) for row in p.table(by).rows) for by in keys}
        assert len(sums) == 1


def test_bytes_are_those_of_operands_and_result():
    x = mg.tensor(np.ones((2, 3)), requires_grad=True)
    with mg.profile() as p:
        np.exp(x)
        x + np.ones(3)
    found = rows(p)
    assert found["exp"].bytes == 8 * (6 + 6)
    assert found["add"].bytes == 8 * (6 + 3 + 6)


A, B = np.ones((4, 3)), np.ones((3, 5))
FLOPS = {
    "elementwise": (np.add, (A, 1.0), (4, 3), 12),
    "broadcast": (np.multiply, (A, np.ones(3)), (4, 3), 12),
    "matmul": (np.matmul, (A, B), (4, 5), 2 * 4 * 3 * 5),
    "batched matmul": (np.matmul, (np.ones((2, 4, 3)), B), (2, 4, 5), 2 * 2 * 4 * 3 * 5),
    "tensordot": (np.tensordot, (A, B), (4, 5), 2 * 4 * 3 * 5),
    "dot of vectors": (np.dot, (np.ones(7), np.ones(7)), (), 14),
    "outer": (np.outer, (np.ones(3), np.ones(4)), (3, 4), 12),
    "einsum": (np.einsum, ("ij,jk->ik", A, B), (4, 5), 2 * 4 * 3 * 5),
    "sum": (np.sum, (A,), (), 12),
    "reshape": (np.reshape, (A, (12,)), (12,), 0),
    "affine": (F.linear, (A, np.ones((5, 3)), np.ones(5)), (4, 5), 2 * 4 * 3 * 5 + 20),
    "a user's own": (lambda x: x, (A,), (4, 3), None),
}


@pytest.mark.parametrize(("function", "args", "out", "expected"), FLOPS.values(), ids=FLOPS)
def test_floating_point_operations(function, args, out, expected):
    name = "affine" if function is F.linear else function.__name__
    assert floating_point_operations(function, name, args, out) == expected


def test_einsum_is_counted_by_its_subscripts():
    x = mg.tensor(A, requires_grad=True)
    with mg.profile() as p:
        np.einsum("ij,jk->ik", x, B)
    assert rows(p)["einsum"].flops == 2 * 4 * 3 * 5


def test_unknown_numbers_of_operations_are_said():
    @mg.primitive
    def strange(x):
        return x * 1.0

    mg.defvjp(strange, lambda g, _out, _x: g)
    with mg.profile() as p:
        strange(mg.tensor([1.0], requires_grad=True))
    table = str(p.table())
    assert table.splitlines()[2].split()[-1] == "?"
    assert "without the MFLOP of 1 calls, which are not known" in table


def test_the_picture_shows_the_last_result_with_its_times():
    p = profiled(steps=2)
    graph = p.graph()
    assert sum(node.cost is not None for node in graph.nodes) == 4
    source = p.draw().source
    assert "8 operations" in source
    assert "of the slowest" in source
    assert "MFLOP" in source
    assert "Sequential" in p.draw(depth=0).source


def test_values_and_gradients_are_the_same():
    model, other = network(), network()
    x = np.ones((3, 6), np.float32)
    with mg.profile():
        (model(x) ** 2).sum().backward()
    (other(x) ** 2).sum().backward()
    for measured, plain in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(measured.grad, plain.grad)
    assert not mg.nn.Linear(2, 1)(np.ones((1, 2), np.float32))._node.note  # nobody watches any more


def test_mistakes_are_named():
    with mg.profile() as p, mg.no_grad():
        network()(np.ones((1, 6), np.float32))
    with pytest.raises(GraphError, match="no operation was recorded inside the block"):
        p.draw()
    assert str(p.table()).splitlines()[-1].split()[:2] == ["all", "0"]
    with pytest.raises(ArgumentError, match="by is one of operation, module, line, not 'layer'"):
        p.table("layer")


def test_an_error_inside_goes_on():
    with pytest.raises(ZeroDivisionError), mg.profile() as p:
        _ = 1 / 0
    assert p.seconds > 0
    assert mg.is_grad_enabled()


def test_one_profile_at_a_time():
    with mg.profile() as p:
        with pytest.raises(GraphError, match="being profiled already"), mg.profile():
            pass
        network()(np.ones((1, 6), np.float32))
    assert len(p) == 3


def test_the_picture_of_several_results_says_which_it_shows():
    assert "the last of 3 results" in profiled(steps=3).draw().source
    assert "results" not in profiled(steps=1).draw().source


def test_what_a_walk_back_records_for_second_gradients_is_backward():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.profile() as p:
        np.sum(np.exp(x)).backward(create_graph=True)
        np.sum(np.sin(x.grad)).backward()
    found = rows(p)
    assert found["multiply"].calls > 0  # g * out, the rule of exp
    assert found["multiply"].forward == 0 < found["multiply"].backward
    assert found["sin"].forward > 0  # computed after the walk, forward again
    assert found["exp"].forward > 0


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows one millisecond more each time somebody looks."""
    ticks = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks) * 1e-3)


def test_picture_and_table_are_the_golden_ones(clock):
    model, loss = network(), nn.CrossEntropyLoss()
    x, y = np.ones((3, 6), np.float32), np.array([0, 1, 2])
    with mg.profile() as p:
        loss(model(x), y).backward()
    check_golden(p.draw(), "profile.dot")
    check_golden(p.draw(depth=1, direction="LR"), "profile_depth_1.dot")
    check_golden("\n\n".join(str(p.table(by)) for by in ("operation", "module", "line")) + "\n",
                 "profile.txt")  # fmt: skip


def test_very_long_names_are_shortened_in_the_table():
    model = nn.Sequential({"long" * 800: nn.Linear(2, 2)})
    with mg.profile() as p:
        model(np.ones((1, 2), np.float32))
    assert max(map(len, str(p.table(by="module")).splitlines())) < 200
