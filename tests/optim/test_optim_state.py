"""Saving and going on: the same bits, or a list of what does not fit and nothing changed."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optim_cases import OPTIMIZER_CASES

import minigrad as mg
from minigrad import optim
from minigrad.errors import ArgumentError, StateDictError

SHAPES = [(3, 2), (4,), ()]


def parameters(dtype=np.float32):
    rng = np.random.default_rng(0)
    return [mg.tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in SHAPES]


def run(optimizer, params, steps):
    """Take the given steps; which of the parameters take part depends on the step."""
    for t in steps:
        for index, param in enumerate(params):
            grad = np.random.default_rng([t, index]).standard_normal(param.shape)
            param.grad = None if (t + index) % 4 == 3 else np.asarray(grad, param.dtype)
        optimizer.step()


def through_a_file(state):
    """Return the state as a file gives it back: JSON and separate arrays, nothing pickled."""
    arrays = {}

    def take_out(value, path=()):
        if isinstance(value, np.ndarray):
            arrays[path] = value
            return None
        if isinstance(value, dict):
            return {key: take_out(item, (*path, key)) for key, item in value.items()}
        return value

    restored = json.loads(json.dumps(take_out(state)))
    for path, array in arrays.items():
        *parents, last = path
        target = restored
        for key in parents:
            target = target[key]
        target[last] = array.copy()
    return restored


CASES = st.sampled_from(list(OPTIMIZER_CASES.values()))


@given(case=CASES, total=st.integers(1, 12), data=st.data())
def test_resuming_gives_the_same_bits(case, total, data):
    k = data.draw(st.integers(0, total))
    whole = parameters()
    optimizer = case.cls(whole, **case.options)
    run(optimizer, whole, range(total))

    params = parameters()
    first = case.cls(params, **case.options)
    run(first, params, range(k))
    state = first.state_dict()
    weights = [param.data.copy() for param in params]
    run(first, params, range(k, total))  # what was saved is a copy
    state = through_a_file(state)

    params = parameters()
    second = case.cls(params)  # the options come with the state
    second.load_state_dict(state)
    for param, value in zip(params, weights, strict=True):
        param.data = value
    run(second, params, range(k, total))
    for param, expected in zip(params, whole, strict=True):
        assert param.data.tobytes() == expected.data.tobytes()


@pytest.mark.parametrize("name", OPTIMIZER_CASES)
def test_loading_what_was_saved_changes_nothing(name):
    case = OPTIMIZER_CASES[name]
    params = parameters()
    optimizer = case.cls(params, **case.options)
    run(optimizer, params, range(3))
    before = optimizer.state_dict()
    optimizer.load_state_dict(before)
    assert repr(optimizer.state_dict()) == repr(before)


@pytest.mark.parametrize("name", OPTIMIZER_CASES)
def test_going_back_to_an_earlier_state(name):
    case = OPTIMIZER_CASES[name]
    params = parameters()
    optimizer = case.cls(params, **case.options)
    run(optimizer, params, range(2))
    state = optimizer.state_dict()
    weights = [param.data.copy() for param in params]
    ends = []
    for _ in range(2):  # twice, since what was loaded must not change with the steps
        optimizer.load_state_dict(state)
        for param, value in zip(params, weights, strict=True):
            param.data = value.copy()
        run(optimizer, params, range(2, 5))
        ends.append(np.concatenate([param.data.ravel() for param in params]))
    np.testing.assert_array_equal(*ends)


def test_an_option_changed_after_the_last_step_is_saved_with_what_it_needs():
    params, others = parameters(), parameters()
    optimizer = optim.SGD(params)
    run(optimizer, params, range(2))
    optimizer.param_groups[0]["momentum"] = 0.9
    other = optim.SGD(others)
    other.load_state_dict(optimizer.state_dict())
    for param, value in zip(others, params, strict=True):
        param.data = value.data.copy()
    run(optimizer, params, range(2, 5))
    run(other, others, range(2, 5))
    for param, expected in zip(others, params, strict=True):
        np.testing.assert_array_equal(param.data, expected.data)


def test_the_quantities_of_the_formula():
    w = mg.tensor([1.0], np.float64, requires_grad=True)
    optimizer = optim.Adam([w], betas=(0.5, 0.75))
    for grad in (2.0, 4.0):
        w.grad = np.array([grad])
        optimizer.step()
    state = optimizer.state_of(w)
    assert state["steps"] == 2
    np.testing.assert_allclose(state["m"], 0.5 * (0.5 * 2) + 0.5 * 4)
    np.testing.assert_allclose(state["v"], 0.75 * (0.25 * 4) + 0.25 * 16)
    entry = optimizer.state_dict()["state"]["0"]
    np.testing.assert_allclose(entry["arrays"]["v"] * entry["scales"]["v"], state["v"])


# --- What does not fit ---------------------------------------------------------------------------


def adam(**options):
    names = ("weight", "bias", "scale")
    params = parameters()
    optimizer = optim.Adam(list(zip(names, params, strict=True)), **options)
    run(optimizer, params, range(2))
    return optimizer


def changed(state, *path, to):
    state = copy.deepcopy(state)
    target = state
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = to
    return state


def without(state, *path):
    state = copy.deepcopy(state)
    target = state
    for key in path[:-1]:
        target = target[key]
    del target[path[-1]]
    return state


GOOD = adam().state_dict()
ONE = ("state", "1")
BAD_STATES = [
    (None, "it is a NoneType, not a dict"),
    ({}, "it has no 'optimizer', 'param_groups', 'state'"),
    (without(GOOD, "state"), "it has no 'state'"),
    (changed(GOOD, "state", to=[]), "its state is not a dict"),
    (changed(GOOD, "optimizer", to="SGD"), "it was saved by SGD"),
    (changed(GOOD, "param_groups", to=[]), "it has 0 parameter groups, and this optimizer has 1"),
    (changed(GOOD, "param_groups", to=3), "its param_groups are not a list"),
    (changed(GOOD, "param_groups", 0, to=3), "parameter group 0 has 3 in place of"),
    (without(GOOD, "param_groups", 0, "eps"), "parameter group 0 has .* in place of .*'eps'"),
    (changed(GOOD, "param_groups", 0, "rho", to=1), "parameter group 0 has .*'rho'.* in place"),
    (changed(GOOD, "param_groups", 0, "lr", to=-1), "Adam, parameter group 0: lr must be"),
    (changed(GOOD, "param_groups", 0, "betas", to=[0.9]), "parameter group 0: betas must be"),
    (changed(GOOD, "param_groups", 0, "params", to=[0, 2, 1]), r"parameters \[0, 2, 1\], and here"),
    (without(GOOD, *ONE), "parameter 'bias': its entry is missing or incomplete"),
    (changed(GOOD, *ONE, to=[]), "parameter 'bias': its entry is missing or incomplete"),
    (without(GOOD, *ONE, "steps"), "parameter 'bias': its entry is missing or incomplete"),
    (changed(GOOD, *ONE, "name", to="b"), "parameter 'bias': it is called 'b' in the state dict"),
    (changed(GOOD, *ONE, "steps", to=-1), "steps=-1 is not a number of steps"),
    (changed(GOOD, *ONE, "steps", to=1.5), "steps=1.5 is not a number of steps"),
    (changed(GOOD, *ONE, "steps", to=0), r"it has the arrays \['m', 'v'\] in place of \[\]"),
    (without(GOOD, *ONE, "arrays", "v"), r"it has the arrays \['m'\] in place of \['m', 'v'\]"),
    (changed(GOOD, *ONE, "arrays", "x", to=1), r"it has the arrays \['m', 'v', 'x'\] in place"),
    (without(GOOD, *ONE, "scales", "v"), r"it has the scales \['m'\] in place of \['m', 'v'\]"),
    (changed(GOOD, *ONE, "arrays", to=None), "it has the arrays None in place"),
    (changed(GOOD, *ONE, "scales", "v", to=0), "the scale of v is 0"),
    (changed(GOOD, *ONE, "scales", "v", to="1"), "the scale of v is '1'"),
    (changed(GOOD, *ONE, "arrays", "v", to=[1.0] * 4), r"v is list in place of float32 \(4,\)"),
    (
        changed(GOOD, *ONE, "arrays", "v", to=np.ones(3, np.float32)),
        r"parameter 'bias': v is float32 \(3,\) in place of float32 \(4,\)",
    ),
    (
        changed(GOOD, *ONE, "arrays", "m", to=np.ones(4)),
        r"m is float64 \(4,\) in place of float32 \(4,\)",
    ),
]


@pytest.mark.parametrize(("state", "message"), BAD_STATES)
def test_a_bad_state_changes_nothing(state, message):
    optimizer = adam(lr=0.5)
    before = repr(optimizer.state_dict())
    with pytest.raises(StateDictError, match=rf"not fit Adam; nothing was loaded:\n.*{message}"):
        optimizer.load_state_dict(state)
    assert repr(optimizer.state_dict()) == before


def test_every_problem_is_listed():
    state = changed(GOOD, "param_groups", 0, "lr", to=-1)
    state = changed(state, "state", "0", "arrays", "m", to=np.ones(1))
    state = changed(state, "state", "2", "name", to="other")
    with pytest.raises(StateDictError) as caught:
        adam().load_state_dict(state)
    assert str(caught.value).count("\n  - ") == 3


def test_state_of_other_options_needs_their_arrays():
    state = changed(GOOD, "param_groups", 0, "amsgrad", to=True)
    with pytest.raises(StateDictError, match=r"in place of .*'v_max'"):
        adam().load_state_dict(state)


def test_names_are_compared_where_both_have_them():
    unnamed = parameters()
    optimizer = optim.Adam(unnamed)
    optimizer.load_state_dict(GOOD)
    adam().load_state_dict(optimizer.state_dict())


# --- Copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("name", OPTIMIZER_CASES)
def test_a_copy_with_its_parameters_goes_on_like_the_original(name, copied):
    params = parameters()
    case = OPTIMIZER_CASES[name]
    optimizer = case.cls(params, **case.options)
    run(optimizer, params, range(3))
    twins, twin = copied((params, optimizer))
    for params_of_one, one in ((params, optimizer), (twins, twin)):
        one.param_groups[0]["lr"] = 0.05
        run(one, params_of_one, range(3, 8))
    for param, other in zip(params, twins, strict=True):
        np.testing.assert_array_equal(param.data, other.data)
        assert param.data is not other.data


def test_a_copy_checks_options_as_the_original_does():
    twin = copy.deepcopy(optim.Adam(parameters(np.float16), eps=1e-4))
    with pytest.raises(ArgumentError, match="eps=1e-30 is 0 in float16, the dtype of parameter 0"):
        twin.param_groups[0]["eps"] = 1e-30
