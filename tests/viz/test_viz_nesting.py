"""`debug`, `record` and `profile` inside one another: each sees everything."""

import contextlib
import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import viz
from minigrad.context import context
from minigrad.errors import ArgumentError, GraphError

WATCHERS = {"debug": mg.debug, "record": viz.record, "profile": mg.profile}
PAIRS = list(itertools.permutations(WATCHERS, 2))
TRIPLES = list(itertools.permutations(WATCHERS, 3))


def run(names, program):
    """Run a program in blocks, the outermost named first; return its result and the profile."""
    with contextlib.ExitStack() as stack:
        entered = {name: stack.enter_context(WATCHERS[name]()) for name in names}
        return program(), entered.get("profile")


def exponential(data=(1.0, 2.0)):
    x = mg.tensor(list(data), requires_grad=True, name="x")
    loss = np.sum(np.exp(x) * x)
    loss.backward()
    return loss


def nothing_wrong(names, loss, profile):
    if "record" in names:
        nodes = viz.graph(loss).nodes
        assert all(node.value is not None and node.gradient is not None for node in nodes)
        assert nodes[-1].line.startswith("test_viz_nesting.py:")
    if "profile" in names:
        found = {row.name: row for row in profile.table().rows}
        assert {name: row.calls for name, row in found.items()} == {
            "exp": 1,
            "multiply": 1,
            "sum": 1,
        }
        assert all(row.forward > 0 and row.backward > 0 for row in found.values())


@pytest.mark.parametrize("names", [*PAIRS, *TRIPLES], ids="-".join)
def test_each_sees_every_operation_and_gradient(names):
    loss, profile = run(names, exponential)
    nothing_wrong(names, loss, profile)
    assert context.get().observer is None


@pytest.mark.parametrize("names", [n for n in [*PAIRS, *TRIPLES] if "debug" in n], ids="-".join)
def test_debug_raises_inside_and_around_others(names):
    def overflow():
        return exponential([1e4])

    with np.errstate(over="ignore"), pytest.raises(GraphError, match=r"exp .* gave inf at index"):
        run(names, overflow)
    assert context.get().observer is None

    def write_between():
        values = np.ones(2)
        x = mg.from_numpy(values, requires_grad=True)
        y = np.sum(x * x)
        values[0] = 7.0
        y.backward()

    with pytest.raises(GraphError, match=r"multiply .* was written to"):
        run(names, write_between)


@pytest.mark.parametrize("outer", WATCHERS)
@pytest.mark.parametrize("inner", WATCHERS)
def test_the_outer_one_goes_on_where_the_inner_one_ends(outer, inner):
    if outer == inner == "profile":
        return  # refused, see test_viz_profiling.py
    with WATCHERS[outer]() as p:
        with WATCHERS[inner]():
            x = mg.tensor([1.0, 2.0], requires_grad=True, name="x")
            y = np.exp(x)
        loss = np.sum(y * x)
        loss.backward()
    nothing_wrong({outer}, loss, p)


def test_a_profile_is_refused_inside_another_with_something_between():
    with mg.profile(), viz.record(), pytest.raises(GraphError, match="being profiled already"):
        mg.profile().__enter__()


def test_a_decorated_function_may_call_itself():
    @mg.debug()
    @viz.record()
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)

    x = mg.tensor([2.0], requires_grad=True)
    y = power(x, 4)
    assert [node.operation for node in viz.graph(y).nodes[1:]] == ["multiply"] * 3
    assert all(node.line for node in viz.graph(y).nodes[1:])
    with np.errstate(over="ignore"), pytest.raises(GraphError, match="gave inf"):
        power(mg.tensor([1e30], requires_grad=True), 4)
    assert context.get().observer is None


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True)])
def test_checksums_are_those_of_the_block_that_makes_them(first, second):
    values = np.ones(2)
    x = mg.from_numpy(values, requires_grad=True)
    with mg.debug(check_saved=first), mg.debug(check_saved=second):
        y = np.sum(x * x)
        values[0] = 7.0
        with pytest.raises(GraphError, match="was written to"):
            y.backward()


def test_what_ran_without_checksums_is_walked_back_in_debug_mode():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.debug(check_saved=False):
        y = np.sum(x * x)
    with mg.debug():
        y.backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])


def test_a_picture_inside_a_block_is_not_part_of_it():
    model = mg.nn.Linear(2, 1)
    with mg.profile() as p, viz.record(), mg.debug():
        viz.draw_model(model, np.ones((1, 2), np.float32))
        viz.draw_network(model)
    assert len(p) == 0


def test_profile_is_no_decorator():
    with pytest.raises(ArgumentError, match=r"with minigrad\.profile"):
        mg.profile()(exponential)


def test_the_copies_of_record_are_not_counted_as_time():
    """The clock goes on while something is copied; the profile does not see it."""
    clock = itertools.count(1)

    class Slow(mg.context.Observer):
        def recorded(self, node, out, args):
            for _ in range(1000):
                next(clock)

        visiting = visited = lambda self, *args: [next(clock) for _ in range(1000)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.perf_counter", lambda: float(next(clock)))
        for order in (0, 1):
            watchers = [mg.context.observing(Slow()), mg.profile()]
            if order:
                watchers.reverse()
            with watchers[0] as first, watchers[1] as second:
                exponential()
            profile = first if order else second
            assert all(row.forward < 10 and row.backward < 10 for row in profile.table().rows)
