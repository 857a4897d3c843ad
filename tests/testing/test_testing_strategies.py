"""The strategies generate what they promise, and shrink to what is small."""

from random import Random

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.errors import ArgumentError, ShapeError
from minigrad.testing import gradcheck, strategies
from minigrad.testing.strategies import OPERATIONS, Program, Step


def found(strategy, condition):
    """Return an example, not the smallest."""
    options = settings(max_examples=3000, database=None, phases=[Phase.generate])
    return find(strategy, condition, settings=options)


def sample(strategy, size):
    """Return the same examples every time."""
    examples = []

    @settings(max_examples=size, database=None, derandomize=True, phases=[Phase.generate])
    @given(strategy)
    def collect(example):
        examples.append(example)

    collect()
    return examples


def smallest(strategy, condition, seed=0):
    options = settings(max_examples=3000, database=None)
    return find(strategy, condition, settings=options, random=Random(seed))


def smallest_program(programs, condition):
    """Return the smallest of a few, for shrinking goes downhill and may end in a hollow."""
    found = [smallest(programs, condition, seed) for seed in range(4)]
    return min(found, key=lambda program: (len(program.steps), program.inputs[0].size))


# --- Shapes and axes -------------------------------------------------------------------------


@given(strategies.shapes(min_dims=1, max_dims=2, min_side=0, max_side=2))
def test_shapes_keep_their_limits(shape):
    assert 1 <= len(shape) <= 2
    assert all(0 <= n <= 2 for n in shape)


@given(strategies.broadcastable_shapes(3))
def test_shapes_broadcast(shapes):
    assert len(shapes) == 3
    np.broadcast_shapes(*shapes)


@pytest.mark.parametrize(
    "feature",
    [
        lambda x, y: x == y,
        lambda x, y: len(x) > len(y) > 0,
        lambda x, y: any(m == 1 < n for m, n in zip(x[::-1], y[::-1], strict=False)),
        lambda x, y: 1 in x and 1 in y and max(x) > 1 and max(y) > 1 and x != y,
    ],
)
def test_shapes_broadcast_in_every_way(feature):
    found(strategies.broadcastable_shapes(2), lambda pair: feature(*pair))


@given(strategies.broadcastable_shapes(2, min_dims=1, max_dims=2, min_side=2, max_side=3))
def test_broadcastable_shapes_keep_their_limits(shapes):
    assert all(1 <= len(s) <= 2 and all(2 <= n <= 3 for n in s) for s in shapes)


@pytest.mark.parametrize(
    "feature",
    [
        lambda axis: axis is None,
        lambda axis: axis == 0,
        lambda axis: axis == -3,
        lambda axis: isinstance(axis, tuple) and len(axis) == 3,
        lambda axis: isinstance(axis, tuple) and min(axis) < 0 <= max(axis),
        lambda axis: isinstance(axis, tuple) and list(axis) != sorted(axis),
    ],
)
def test_axes_are_of_every_kind(feature):
    axis = found(strategies.axes(3), feature)
    np.sum(np.zeros((2, 3, 4)), axis=axis)


@given(strategies.axes(2, none=False, tuples=False))
def test_axes_are_of_the_wanted_kind(axis):
    assert axis in (-2, -1, 0, 1)


def test_axes_may_be_empty_only_if_asked_for():
    assert found(strategies.axes(2, empty=True), lambda axis: axis == ()) == ()
    assert found(strategies.axes(0, none=False, empty=True), lambda axis: True) == ()
    with pytest.raises(ArgumentError, match="leaves nothing to choose"):
        strategies.axes(0, none=False)


# --- Arrays ----------------------------------------------------------------------------------


@given(strategies.arrays(dtype=np.float32, layout="any"))
def test_arrays_are_fit_for_derivatives(x):
    assert x.dtype == np.float32
    assert np.all(np.abs(x) <= 2)
    assert np.all((x == 0) | (np.abs(x) >= 2.0**-10))


@given(strategies.arrays(avoid=[-1.0, 0.0, 1.0], margin=0.25))
def test_arrays_stay_away_from_kinks(x):
    for kink in (-1.0, 0.0, 1.0):
        assert np.all(np.abs(x - kink) >= 0.25)


@given(strategies.arrays(near=[-0.3, 1.0], margin=0.01))
def test_arrays_stay_near_kinks(x):
    assert np.all((np.abs(x + 0.3) <= 0.01) | (np.abs(x - 1) <= 0.01))


@pytest.mark.parametrize("feature", [lambda d: d == 0, lambda d: d > 0, lambda d: d < 0])
def test_arrays_are_at_kinks_and_on_both_sides(feature):
    found(strategies.arrays((1,), near=[0.3]), lambda x: feature(x[0] - 0.3))


@given(strategies.arrays((3, 4), distinct=True))
def test_distinct_elements_are_apart(x):
    assert np.diff(np.sort(x, axis=None)).min() >= 0.125


@given(strategies.arrays((30,), avoid=[0.0], distinct=True, low=0.0, high=1.0))
def test_many_distinct_elements_are_as_far_apart_as_they_can(x):
    assert np.diff(np.sort(x)).min() >= 0.014
    assert x.min() >= 0.125


@given(strategies.arrays((2, 3), low=1e6, high=1e6 + 1, dtype=np.float32))
def test_arrays_keep_narrow_ranges(x):
    assert np.all((x >= 1e6) & (x <= 1e6 + 1))


LAYOUT_FEATURES = {
    "C": lambda x: x.flags.c_contiguous and not x.flags.f_contiguous,
    "F": lambda x: x.flags.f_contiguous and not x.flags.c_contiguous,
    "strided": lambda x: x.strides == (96, 16),
    "reversed": lambda x: x.strides == (-24, -8),
    "broadcast": lambda x: x.strides == (0, 8) and not x.flags.writeable,
}


@pytest.mark.parametrize("layout", strategies.LAYOUTS)
def test_layouts_are_what_they_are_called(layout):
    def has_feature(x):
        return x.any() and LAYOUT_FEATURES[layout](x)

    assert np.isfinite(found(strategies.arrays((2, 3), layout=layout), has_feature)).all()
    found(strategies.arrays((2, 3), layout="any"), has_feature)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (2, 1, 2)])
@pytest.mark.parametrize("layout", strategies.LAYOUTS)
def test_layouts_take_every_shape(layout, shape):
    x = found(strategies.arrays(shape, layout=layout), lambda x: True)
    assert x.shape == shape
    assert isinstance(x, np.ndarray)


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": np.int64},
        {"low": 1.0, "high": 1.0},
        {"low": -0.1, "high": 0.1, "avoid": [0.0]},
        {"near": [5.0]},
        {"margin": 0.0},
        {"layout": "diagonal"},
    ],
)
def test_arrays_refuse_what_cannot_be(options):
    with pytest.raises(ArgumentError):
        strategies.arrays((2,), **options)


@given(strategies.tensors(dtype=np.float32, name="x", layout="any"))
def test_tensors_are_leaves(x):
    assert isinstance(x, mg.Tensor)
    assert x.is_leaf
    assert x.requires_grad
    assert (x.name, x.dtype) == ("x", np.float32)


def test_tensors_may_be_constants_and_keep_the_layout():
    found(strategies.tensors(requires_grad=st.booleans()), lambda t: not t.requires_grad)
    found(strategies.tensors((2, 3), layout="F"), lambda t: not t.data.flags.c_contiguous)


@given(strategies.matmul_operands())
def test_operands_can_be_multiplied(operands):
    x, y = operands
    assert np.isfinite(x @ y).all()


def test_operands_have_any_number_of_axes():
    seen = {(x.ndim, y.ndim) for x, y in sample(strategies.matmul_operands(max_side=2), 250)}
    assert seen >= {(1, 1), (1, 2), (2, 1), (2, 2), (3, 3)}
    found(strategies.matmul_operands(max_dims=2), lambda pair: pair[0].ndim == 4)


@given(strategies.labels((2, 3), 4, dtype=np.uint8))
def test_labels_are_classes(y):
    assert y.shape == (2, 3)
    assert y.dtype == np.uint8
    assert y.max() < 4


def test_labels_repeat_and_are_missing():
    assert list(smallest(strategies.labels(3, 3), lambda y: len(set(y.tolist())) == 3)) == [0, 1, 2]
    found(strategies.labels(3, 3), lambda y: len(set(y.tolist())) == 1)
    with pytest.raises(ArgumentError, match="at least one class"):
        strategies.labels(3, 0)


# --- Indices ---------------------------------------------------------------------------------


@given(
    strategies.shapes(min_side=0).flatmap(lambda s: st.tuples(st.just(s), strategies.indices(s)))
)
def test_indices_are_valid(pair):
    shape, index = pair
    np.zeros(shape)[index]


def parts(index):
    return index if isinstance(index, tuple) else (index,)


def is_array(part, dtype):
    return isinstance(part, np.ndarray) and part.dtype == dtype


INDEX_FEATURES = {
    "integer": lambda index: isinstance(index, int) and not isinstance(index, bool),
    "negative": lambda index: any(isinstance(p, int) and p < 0 for p in parts(index)),
    "slice": lambda index: any(isinstance(p, slice) for p in parts(index)),
    "negative step": lambda index: any(
        isinstance(p, slice) and (p.step or 0) < 0 for p in parts(index)
    ),
    "ellipsis": lambda index: any(p is ... for p in parts(index)),
    "ellipsis inside": lambda index: len(parts(index)) > 2 and parts(index)[1] is ...,
    "newaxis": lambda index: any(p is None for p in parts(index)),
    "list": lambda index: any(isinstance(p, list) and p for p in parts(index)),
    "repeats": lambda index: any(
        is_array(p, int) and p.size > len(set(p.ravel().tolist())) for p in parts(index)
    ),
    "matrix of integers": lambda index: any(is_array(p, int) and p.ndim == 2 for p in parts(index)),
    "mask": lambda index: any(is_array(p, bool) and p.any() for p in parts(index)),
    "mask of everything": lambda index: is_array(index, bool) and index.ndim == 3,
    "mask of two axes": lambda index: any(is_array(p, bool) and p.ndim == 2 for p in parts(index)),
    "boolean": lambda index: index is True,
    "two arrays": lambda index: sum(is_array(p, int) for p in parts(index)) > 1,
    "arrays apart": lambda index: (
        len(parts(index)) == 3
        and isinstance(parts(index)[0], list | np.ndarray)
        and isinstance(parts(index)[1], slice)
        and isinstance(parts(index)[2], list | np.ndarray)
    ),
    "mask and array": lambda index: (
        any(is_array(p, bool) for p in parts(index)) and any(is_array(p, int) for p in parts(index))
    ),
    "nothing picked": lambda index: np.zeros((2, 3, 2))[index].size == 0,
}


def test_indices_are_of_every_kind():
    examples = sample(strategies.indices((2, 3, 2)), 800)
    counts = {
        name: sum(bool(has_feature(index)) for index in examples)
        for name, has_feature in INDEX_FEATURES.items()
    }
    assert all(counts.values()), counts


@given(strategies.indices((2, 3), advanced=False))
def test_basic_indices_give_views(index):
    x = np.zeros((2, 3))
    picked = x[index]
    assert not picked.size or not isinstance(picked, np.ndarray) or np.shares_memory(picked, x)


# --- Networks --------------------------------------------------------------------------------


@given(strategies.modules(dtype=np.float32, smooth=False, dropout=True))
def test_networks_take_their_input(network):
    module, x = network
    out = module(x)
    assert (x.dtype, out.dtype) == (np.float32, np.float32)
    out.sum().backward()
    for parameter in module.parameters():
        assert parameter.grad.shape == parameter.shape


def layers(network, kind):
    return [layer for layer in network.module if isinstance(layer, kind)]


@pytest.mark.parametrize(
    "feature",
    [
        lambda network: network.x.ndim == 1,
        lambda network: network.x.ndim == 3,
        lambda network: layers(network, nn.Flatten),
        lambda network: len(layers(network, nn.Linear)) > len(set(layers(network, nn.Linear))),
        lambda network: layers(network, nn.Linear)[0].bias is not None,
        lambda network: layers(network, nn.ReLU),
        lambda network: layers(network, nn.Dropout),
        lambda network: layers(network, nn.Softmax),
    ],
)
def test_networks_have_every_part(feature):
    found(strategies.modules(smooth=False, dropout=True), feature)


@given(strategies.modules())
def test_networks_are_smooth_by_default(network):
    assert not layers(network, (nn.ReLU, nn.LeakyReLU, nn.Dropout))


# --- Programs --------------------------------------------------------------------------------


@given(strategies.programs())
def test_programs_are_well_conditioned(program):
    out = program(*program.inputs)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 16
    assert 1 <= np.size(out) <= 32


@given(strategies.programs(dtype=np.float32))
def test_programs_print_code_that_gives_the_value(program):
    namespace = {}
    exec(repr(program), namespace)
    expected = program(*program.inputs)
    assert np.array_equal(namespace["result"], expected)
    assert np.asarray(namespace["result"]).dtype == expected.dtype == np.float32


@given(strategies.programs())
def test_programs_run_on_tensors(program):
    tensors = program.tensors()
    out = program(*tensors)
    np.testing.assert_allclose(out.data, program(*program.inputs), rtol=1e-12)
    assert [tensor.name for tensor in tensors] == list(program.names)
    assert program.astype(np.float32)(*program.inputs).dtype == np.float64


@given(strategies.programs())
def test_every_part_of_a_program_takes_part(program):
    used = {name for step in program.steps for name in step.operands}
    if program.steps:
        assert used == {*program.names, *(step.name for step in program.steps[:-1])}


def uses(program):
    return [operand for step in program.steps for operand in step.operands]


PROGRAM_FEATURES = {
    "fan-out": lambda program: any(uses(program).count(name) > 1 for name in uses(program)),
    "one value twice": lambda program: any(
        len(set(step.operands)) < len(step.operands) for step in program.steps
    ),
    "a result used again": lambda program: uses(program).count("v0") > 1,
    "depth": lambda program: len(program.steps) >= 6,
    "several inputs": lambda program: len(program.inputs) >= 2,
    "broadcasting": lambda program: len({x.shape for x in program.inputs}) > 1,
}


def test_programs_have_fan_out_reuse_and_broadcasting():
    examples = sample(strategies.programs(), 300)
    counts = {
        name: sum(map(has_feature, examples)) for name, has_feature in PROGRAM_FEATURES.items()
    }
    assert min(counts.values()) >= 10, counts
    assert len({name for program in examples for name in program.operations}) > 60


@pytest.mark.parametrize("name", ["exp", "softmax"])
def test_programs_shrink_to_one_operation(name):
    program = smallest(strategies.programs(), lambda program: name in program.operations)
    assert program.operations == (name,)
    assert sum(x.size for x in program.inputs) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_programs_have_every_operation_and_shrink(name):
    program = smallest(strategies.programs(), lambda program: name in program.operations)
    assert len(program.operations) <= 2
    assert sum(x.size for x in program.inputs) <= 4


def test_programs_shrink_to_the_smallest_failing_graph():
    operations = ["add", "exp", "sum", "tanh", "matmul", "sin"]

    def fails(program):  # as if the gradient of tanh were wrong in what is computed from a sum
        sums = {step.name for step in program.steps if step.operation == "sum"}
        return any(s.operation == "tanh" and sums & {*s.operands} for s in program.steps)

    program = smallest_program(strategies.programs(operations=operations), fails)
    assert program.operations == ("sum", "tanh")
    assert program.inputs[0].size == 1


def test_programs_shrink_to_what_catches_a_wrong_rule():
    @mg.primitive
    def wrong_tanh(x):
        return np.tanh(x)

    mg.defvjp(wrong_tanh, lambda g, out, _x: g * (1 - out))

    def gradients_differ(program):
        (x, *others) = program.inputs
        right = mg.grad(lambda x: np.sum(np.tanh(program(x, *others))))(x)
        wrong = mg.grad(lambda x: np.sum(wrong_tanh(program(x, *others))))(x)
        return not np.allclose(right, wrong)

    program = smallest_program(strategies.programs(), gradients_differ)
    assert len(program.steps) == 1
    assert program.inputs[0].size == 1


def test_programs_use_only_the_wanted_operations():
    @given(strategies.programs(operations=["sin", "add"], max_inputs=1, max_steps=3))
    def check(program):
        assert {*program.operations} <= {"sin", "add"}
        assert len(program.inputs) == 1
        assert len(program.steps) <= 3

    check()
    with pytest.raises(ArgumentError, match="not sine"):
        strategies.programs(operations=["sine"])


def test_programs_are_the_same_when_derandomized():
    def sample():
        sources = []

        @settings(derandomize=True, max_examples=20, database=None)
        @given(strategies.programs())
        def collect(program):
            sources.append(program.source())

        collect()
        return sources

    assert sample() == sample()


def test_a_program_without_steps_returns_its_input():
    x = np.ones(2)
    assert Program({"x0": x}, [])(x) is x


def test_a_check_of_a_program_is_reproduced_below_its_source():
    program = Program({"x0": np.array([0.5, 1.0])}, [Step("v0", "multiply", ("x0", "x0"), {})])
    report = gradcheck(program, list(program.inputs), vjp=lambda g, x: g, raise_on_failure=False)
    assert not report
    assert report.reproduce.startswith("gradcheck(program, [np.array([0.5, 1.0]")


def test_a_program_says_how_many_inputs_it_takes():
    with pytest.raises(ShapeError, match=r"takes 1 inputs \(x0\), and got 2"):
        Program({"x0": np.ones(2)}, [])(1.0, 2.0)


def test_a_program_draws_itself():
    steps = [Step("v0", "add", ("x0", "x0"), {}), Step("v1", "exp", ("v0",), {})]
    source = Program({"x0": np.ones(2)}, steps).draw().source
    assert "v0 = x0 + x0" in source
    assert source.count("x0 -> v0") == 2
    assert "v0 -> v1" in source


def test_the_message_without_hypothesis_says_what_to_install(monkeypatch):
    import importlib
    import sys

    from minigrad.errors import MissingExtraError

    name = "minigrad.testing.strategies._hypothesis"
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError, match=r"pip install 'minigrad\[testing\]'"):
        importlib.import_module(name)
