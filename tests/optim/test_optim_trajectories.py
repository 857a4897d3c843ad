"""Every optimizer against its formula in plain NumPy, and against PyTorch's recorded figures."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from optim_cases import OPTIMIZER_CASES, RECORDED, STEPS, gradient, start

import minigrad as mg
from minigrad import optim

FIGURES = json.loads(Path(__file__).with_name("torch_figures.json").read_text(encoding="utf-8"))[
    "optimizers"
]
NAMES = list(OPTIMIZER_CASES)


def tensors(dtype=np.float64):
    return [mg.tensor(w, dtype, requires_grad=True) for w in start()]


def trajectory(case, dtype=np.float64):
    """Return all weights, flat, after each step."""
    params = tensors(dtype)
    optimizer = case.cls(params, **case.options)
    weights = []
    for t in range(1, STEPS + 1):
        if t in case.changes:
            optimizer.param_groups[0].update(case.changes[t])
        for index, param in enumerate(params):
            param.grad = gradient(index, param.data, t).astype(dtype)
        optimizer.step()
        weights.append(np.concatenate([param.data.ravel() for param in params]))
    return np.array(weights)


def reference(case):
    options = dict(case.cls(tensors(), **case.options).param_groups[0].options)
    weights, kept = start(), [{}, {}]
    trajectory = []
    for t in range(1, STEPS + 1):
        options |= case.changes.get(t, {})
        weights = [
            case.formula(w, gradient(index, w, t), kept[index], t, options)
            for index, w in enumerate(weights)
        ]
        trajectory.append(np.concatenate([w.ravel() for w in weights]))
    return np.array(trajectory)


@pytest.mark.parametrize("name", NAMES)
def test_follows_the_formula(name):
    case = OPTIMIZER_CASES[name]
    np.testing.assert_allclose(trajectory(case), reference(case), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in NAMES if OPTIMIZER_CASES[name].torch])
def test_follows_pytorch(name):
    ours = trajectory(OPTIMIZER_CASES[name])[np.array(RECORDED) - 1]
    np.testing.assert_allclose(ours, FIGURES[name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_float32_follows_the_formula(name):
    case = OPTIMIZER_CASES[name]
    weights = trajectory(case, np.float32)
    assert weights.dtype == np.float32
    np.testing.assert_allclose(weights, reference(case), rtol=2e-3, atol=2e-5)


def test_the_formulas_differ():
    # A formula that another case's trajectory also satisfied would test nothing.
    ends = {name: reference(case)[-1] for name, case in OPTIMIZER_CASES.items()}
    for name, end in ends.items():
        for other, other_end in ends.items():
            assert name == other or np.abs(end - other_end).max() > 1e-6, (name, other)


def test_every_optimizer_and_variant_is_covered():
    exported = {
        thing
        for thing in map(vars(optim).get, optim.__all__)
        if isinstance(thing, type) and issubclass(thing, optim.Optimizer)
    } - {optim.Optimizer}
    assert exported == {case.cls for case in OPTIMIZER_CASES.values()}
    for cls in exported:
        signature = inspect.signature(cls).parameters.values()
        cases = [case for case in OPTIMIZER_CASES.values() if case.cls is cls]
        for option in list(signature)[1:]:
            assert any(
                option.name in case.options and case.options[option.name] != option.default
                for case in cases
            ), (cls, option)


def test_recorded_figures_are_those_of_the_cases():
    assert set(FIGURES) == {name for name, case in OPTIMIZER_CASES.items() if case.torch}


def test_adam_without_bias_correction_starts_too_fast():
    steps = {}
    for corrected in (True, False):
        w = mg.tensor([0.0], requires_grad=True)
        optimizer = optim.Adam([w], lr=1.0, bias_correction=corrected)
        steps[corrected] = []
        for _ in range(10):
            before = w.data.copy()
            w.grad = np.float32([0.5])
            optimizer.step()
            steps[corrected].append((before - w.data).item())
    assert steps[True] == pytest.approx([1.0] * 10, rel=1e-4)
    assert steps[False][0] == pytest.approx(0.1 / np.sqrt(0.001), rel=1e-4)
    assert steps[False][9] == pytest.approx((1 - 0.9**10) / np.sqrt(1 - 0.999**10), rel=1e-4)


def test_centered_rmsprop_has_no_negative_variance():
    # With a constant gradient the mean of squares and the square of the mean become one number.
    w = mg.tensor([1.0], requires_grad=True)
    optimizer = optim.RMSProp([w], lr=1e-6, alpha=0.9, centered=True)
    for _ in range(1000):
        w.grad = np.float32([0.1])
        optimizer.step()
    assert np.isfinite(w.data).all()
    assert (optimizer.state_of(w)["variance"] >= 0).all()
