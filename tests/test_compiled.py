"""Kernels compiled by Numba do what the NumPy code beside them does."""

import importlib
import os
import pickle
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad import compiled, nn, optim
from minigrad.errors import ArgumentError, DataError, MissingExtraError
from minigrad.nn import functional as F

numba = pytest.importorskip("numba")

DTYPES = [np.float32, np.float64]


@pytest.fixture(autouse=True)
def restored():
    before = mg.is_compiled()
    yield
    mg.use_compiled(before)


def both(function):
    """Return what a function gives with kernels and without."""
    results = []
    for on in (True, False):
        mg.use_compiled(on)
        mg.random.seed(0)
        results.append(function())
    return results


def assert_agree(function, dtype):
    with_kernels, without = both(function)
    tolerance = 50 * np.finfo(dtype).eps
    for found, expected in zip(with_kernels, without, strict=True):
        assert found.dtype == expected.dtype == dtype
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def kernels():
    for module in pkgutil.walk_packages(mg.__path__, "minigrad."):
        if module.name.startswith(("minigrad.optim", "minigrad.nn")):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, compiled.Kernel):
                    yield f"{module.name}.{name}", value


# --- Optimizers --------------------------------------------------------------------------------

OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "SGD, decay": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.3),
    "SGD, momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "SGD, momentum, decay": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.3),
    "SGD, dampening": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5),
    "SGD, nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Momentum": lambda p: optim.Momentum(p, lr=0.1, weight_decay=0.3),
    "Momentum, heavy ball": lambda p: optim.Momentum(p, lr=0.1, form="heavy_ball"),
    "RMSProp": lambda p: optim.RMSProp(p, lr=0.1),
    "RMSProp, decay": lambda p: optim.RMSProp(p, lr=0.1, weight_decay=0.3),
    "RMSProp, centered": lambda p: optim.RMSProp(p, lr=0.1, centered=True, momentum=0.5),
    "RMSProp, eps inside": lambda p: optim.RMSProp(p, lr=0.1, eps_in_sqrt=True),
    "AdaGrad": lambda p: optim.AdaGrad(p, lr=0.1, weight_decay=0.3, lr_decay=0.1),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "Adam, decay": lambda p: optim.Adam(p, lr=0.1, weight_decay=0.3),
    "Adam, uncorrected": lambda p: optim.Adam(p, lr=0.1, bias_correction=False),
    "Adam, amsgrad": lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.3),
}


def trained(make, dtype, order="C"):
    rng = np.random.default_rng(0)
    start = np.asarray(rng.standard_normal((7, 5)), dtype, order=order)
    parameter = mg.from_numpy(start, requires_grad=True)
    optimizer = make([parameter])
    for _ in range(5):
        parameter.grad = rng.standard_normal((7, 5)).astype(dtype)
        optimizer.step()
    state = optimizer.state_of(parameter)
    return [parameter.data, *(state[name] for name in sorted(state) if name != "steps")]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_agree(name, dtype):
    assert_agree(lambda: trained(OPTIMIZERS[name], dtype), dtype)


def test_a_parameter_that_lies_column_by_column_is_updated_by_numpy():
    assert_agree(lambda: trained(OPTIMIZERS["Adam"], np.float32, order="F"), np.float32)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_infinite_parameters_agree(name):
    def run():
        parameter = mg.tensor([np.inf, -np.inf, 1.0], requires_grad=True)
        optimizer = OPTIMIZERS[name]([parameter])
        with np.errstate(invalid="ignore"):
            for _ in range(2):
                parameter.grad = np.ones(3, np.float32)
                optimizer.step()
        return [parameter.data]

    assert_agree(run, np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_was_pickled_is_trained_by_kernels(dtype):
    arrays = pickle.loads(pickle.dumps([normal(7, 5, dtype=dtype) for _ in range(2)]))
    assert all(array.dtype is not np.dtype(dtype) for array in arrays)
    mg.use_compiled(True)
    assert compiled.same_layout(*arrays, normal(7, 5, dtype=dtype))


def test_half_precision_is_updated_by_numpy():
    with_kernels, without = both(lambda: trained(lambda p: optim.SGD(p, lr=0.1), np.float16))
    np.testing.assert_array_equal(with_kernels, without)


# --- Functions ---------------------------------------------------------------------------------


def value_and_gradients(function, *arrays):
    tensors = [mg.tensor(array, requires_grad=True) for array in arrays]
    out = function(*tensors)
    weights = np.random.default_rng(1).standard_normal(out.shape).astype(out.dtype)
    (out * weights).sum().backward()
    return [out.data, *(tensor.grad for tensor in tensors)]


def normal(*shape, dtype=np.float32):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 3, 400])
def test_linear_and_relu_agree(rows, dtype):
    arrays = [normal(rows, 6, dtype=dtype), normal(5, 6, dtype=dtype), normal(5, dtype=dtype)]
    assert_agree(lambda: value_and_gradients(F.linear, *arrays), dtype)
    assert_agree(lambda: value_and_gradients(lambda *a: F.relu(F.linear(*a)), *arrays), dtype)


def test_more_axes_agree():
    arrays = [normal(30, 4, 9, 6), normal(5, 6), normal(5)]
    assert_agree(lambda: value_and_gradients(lambda *a: F.relu(F.linear(*a)), *arrays), np.float32)


def test_relu_of_what_is_no_number():
    x = np.tile(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32), 400)
    with_kernels, without = both(lambda: F.relu(x))
    np.testing.assert_array_equal(with_kernels, without)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("labels", [np.int64, np.int32, np.int8, np.uint8, np.uint64])
@pytest.mark.parametrize("rows", [1, 64])
def test_cross_entropy_agrees(rows, labels, dtype):
    logits = normal(rows, 7, dtype=dtype) * 5
    targets = (np.arange(rows) * 3 % 7).astype(labels)

    def run():
        z = mg.tensor(logits, requires_grad=True)
        loss = F.cross_entropy(z, targets)
        loss.backward()
        return [loss.data, z.grad]

    assert_agree(run, dtype)


@pytest.mark.parametrize("extreme", [1e4, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("place", range(4))
def test_cross_entropy_of_extreme_logits_agrees(extreme, place):
    logits = normal(5, 4)
    logits[2, place] = extreme

    def run():
        with np.errstate(invalid="ignore"):
            z = mg.tensor(logits, requires_grad=True)
            loss = F.cross_entropy(z, np.array([0, 1, 2, 3, 0]))
            loss.backward()
        return [loss.data, z.grad]

    assert_agree(run, np.float32)


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_that_are_no_classes_are_refused(label):
    for on in (True, False):
        mg.use_compiled(on)
        with pytest.raises(DataError, match="is not one of the 3 classes"):
            F.cross_entropy(normal(2, 3), np.array([0, label]))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64])
def test_the_largest_number_of_a_dtype_is_no_class_either(dtype):
    largest = np.iinfo(dtype).max
    with pytest.raises(DataError, match=f"label {largest} is not.* would need {int(largest) + 1}"):
        F.cross_entropy(normal(2, 3), np.array([0, largest], dtype))


@pytest.mark.parametrize("later", [2, 10**9])
def test_labels_that_change_after_the_forward_pass(later):
    def run():
        labels = np.array([0, 1, 2])
        z = mg.tensor(normal(3, 4), requires_grad=True)
        loss = F.cross_entropy(z, labels)
        labels[:] = later  # a buffer that the next batch is read into
        loss.backward()
        return [z.grad]

    assert_agree(run, np.float32)


def test_labels_of_another_byte_order():
    targets = np.array([0, 1, 2], ">i4")
    with_kernels, without = both(lambda: F.cross_entropy(normal(3, 4), targets))
    np.testing.assert_allclose(with_kernels, without, rtol=1e-6)


def test_labels_with_gaps_between_them():
    targets = np.arange(20)[::2] % 4
    logits = normal(10, 4)
    with_kernels, without = both(lambda: F.cross_entropy(logits, targets))
    np.testing.assert_allclose(with_kernels, without, rtol=1e-6)


# --- Training ----------------------------------------------------------------------------------


def training(steps=20):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer, loss = optim.Adam(model.parameters()), nn.CrossEntropyLoss()
    x, y = normal(50, 20), np.arange(50) % 5
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    return [parameter.data for parameter in model.parameters()]


def test_training_agrees_and_is_deterministic_in_each():
    (first, without), (again, without_again) = both(training), both(training)
    for one, two in zip([*first, *without], [*again, *without_again], strict=True):
        np.testing.assert_array_equal(one, two)
    for one, two in zip(first, without, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-5)


def test_every_kernel_is_run_by_these_tests():
    mg.use_compiled(True)
    training(1)
    for make in OPTIMIZERS.values():
        trained(make, np.float32)
    waiting = [name for name, kernel in kernels() if kernel.run == kernel._compile]
    assert len(list(kernels())) > 5
    assert waiting == []


# --- The switch --------------------------------------------------------------------------------


def test_no_kernel_runs_while_they_are_off(monkeypatch):
    def refuse(*_args):
        raise AssertionError("a kernel ran")

    mg.use_compiled(False)
    for _, kernel in kernels():
        monkeypatch.setattr(kernel, "run", refuse)
    F.relu(normal(50, 40))
    training(1)
    for make in OPTIMIZERS.values():
        trained(make, np.float32)


@pytest.mark.parametrize(
    "other",
    [
        normal(4, 3, dtype=np.float64),
        normal(4, 3, dtype=np.float16),
        normal(4, 3).astype(">f4"),
        normal(3, 4).T,
        normal(4, 6)[:, ::2],
        np.ma.array(normal(4, 3)),
        mg.tensor(normal(4, 3)),
    ],
    ids=["double", "half", "byte order", "transpose", "gaps", "class", "tensor"],
)
def test_kernels_take_plain_arrays_of_one_dtype_and_layout(other):
    mg.use_compiled(True)
    plain = normal(4, 3)
    assert compiled.same_layout(plain, plain.copy())
    assert not compiled.same_layout(plain, other)
    assert not compiled.same_layout(other, plain)


def in_a_process(code, **environment):
    # With kernels unless the test says otherwise, also where the tests run without.
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MINIGRAD_COMPILED": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_imported_before_a_kernel_runs():
    code = (
        "import sys, minigrad as mg; mg.is_compiled(); assert 'numba' not in sys.modules;"
        "from minigrad.nn import functional as F; import numpy as np; mg.use_compiled(True);"
        "F.relu(np.ones(5000)); assert 'numba' in sys.modules"
    )
    done = in_a_process(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("value", "expected"), [("0", "False"), ("1", "True")])
def test_environment_variable(value, expected):
    done = in_a_process("import minigrad as mg; print(mg.is_compiled())", MINIGRAD_COMPILED=value)
    assert done.stdout.strip() == expected, done.stderr


def test_environment_variable_that_says_neither():
    done = in_a_process("import minigrad as mg; mg.is_compiled()", MINIGRAD_COMPILED="yes")
    assert "MINIGRAD_COMPILED is 0 or 1, not 'yes'" in done.stderr


def test_without_numba_kernels_are_off_and_cannot_be_turned_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(compiled._Switch, "on", None)
    assert not mg.is_compiled()
    with pytest.raises(MissingExtraError, match=r"pip install 'minigrad\[fast\]'"):
        mg.use_compiled(True)
    monkeypatch.undo()


@pytest.mark.parametrize("error", ["ImportError", "OSError", "AttributeError"])
def test_numba_that_cannot_be_imported(error, tmp_path):
    (tmp_path / "numba.py").write_text(f"raise {error}('Numba needs another NumPy')")
    code = (
        "import numpy as np, minigrad as mg; from minigrad.nn import functional as F;"
        "print(mg.is_compiled(), F.relu(-np.ones(5000)).sum(), mg.is_compiled())"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = in_a_process(code, PYTHONPATH=path)
    assert done.stdout.strip() == "True 0.0 False", done.stderr
    assert "Numba needs another NumPy" in done.stderr


def test_where_nothing_can_be_kept_on_disk(monkeypatch):
    def refuse(self, *_args, **_kwargs):
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr(numba.core.dispatcher.Dispatcher, "enable_caching", refuse)
    kernel = compiled.Kernel(lambda x: x + 1)
    assert kernel.run(1) == 2


def test_where_what_is_kept_on_disk_is_damaged(tmp_path):
    code = (
        "import numpy as np; from minigrad.nn import functional as F;"
        "print(F.relu(-np.ones(5000)).sum())"
    )
    for _ in range(2):
        done = in_a_process(code, NUMBA_CACHE_DIR=str(tmp_path))
        assert done.stdout.strip() == "0.0", done.stderr
        kept = list(tmp_path.rglob("*.nbi"))
        assert kept
        for file in kept:
            file.write_bytes(file.read_bytes()[:20])


def test_switch_takes_a_truth_value():
    with pytest.raises(ArgumentError, match="takes True or False, not 1"):
        mg.use_compiled(1)
