"""Memory that is used again is never memory that somebody still sees."""

import gc
import pickle
import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, workspace
from minigrad.nn import functional as F

ROWS, FEATURES = 300, 200  # enough elements for a block
SHAPE = (ROWS, FEATURES)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(workspace, "_blocks", workspace._Blocks())


def large(seed=0, shape=SHAPE, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def address(array):
    return array.__array_interface__["data"][0]


def doubled(x):
    return workspace.ufunc(np.multiply, x, 2)


def test_memory_is_used_again_once_nothing_refers_to_it():
    x = large()
    out = doubled(x)
    first = address(out)
    assert address(doubled(x)) != first
    del out
    assert first in {address(doubled(x)), address(doubled(x))}


@pytest.mark.parametrize(
    "hold",
    [
        lambda out: out,
        lambda out: out[3:5, 1],
        lambda out: out.T,
        lambda out: out.reshape(-1)[::7],
        lambda out: out.view(np.uint32),
        lambda out: memoryview(out),
        lambda out: np.frombuffer(out, np.uint8),
        lambda out: mg.from_numpy(out),
        lambda out: mg.from_numpy(out).detach(),
    ],
    ids=["array", "slice", "transpose", "flat", "dtype", "memoryview", "buffer", "tensor", "alias"],
)
def test_memory_that_somebody_sees_is_left_alone(hold):
    out = doubled(large())
    held = hold(out)
    before = bytes(np.asarray(held).tobytes()) if not isinstance(held, mg.Tensor) else held.numpy()
    before = np.array(before, copy=True)
    del out
    for seed in range(1, 10):
        doubled(large(seed))
    after = held.numpy() if isinstance(held, mg.Tensor) else np.asarray(held).tobytes()
    np.testing.assert_array_equal(np.array(after), before)


def test_small_results_are_ordinary_arrays():
    assert doubled(large(shape=(10, 10))).base is None
    assert workspace.matmul(large(shape=(10, 10)), large(shape=(10, 10))).base is None


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_products_are_numpys(dtype):
    x, y = large(dtype=dtype), large(1, dtype=dtype).T
    for one, other in [(x, y), (x.T, y.T), (x, y.astype(np.float64)), (x[None], y), (x[0], y)]:
        np.testing.assert_array_equal(workspace.matmul(one, other), one @ other)
        assert workspace.matmul(one, other).dtype == (one @ other).dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 3, 20000])
@pytest.mark.parametrize("inner", [1, 5])
@pytest.mark.parametrize("columns", [1, 4])
def test_products_of_zero_with_infinity_are_numpys(rows, inner, columns, dtype):
    x, y = np.zeros((rows, inner), dtype), np.ones((inner, columns), dtype)
    with np.errstate(invalid="ignore"):
        for special in (np.inf, np.nan):
            y[-1, -1] = special
            np.testing.assert_array_equal(workspace.matmul(x, y), x @ y)
            np.testing.assert_array_equal(workspace.matmul(y.T, x.T), y.T @ x.T)


def test_large_products_of_another_byte_order_are_numpys():
    x, y = large().astype(">f4"), large(1).astype(">f4")
    for other in (x, y):
        np.testing.assert_array_equal(workspace.matmul(x, other.T), x @ other.T)


def test_products_of_what_was_pickled_lie_in_memory_used_again():
    x, y = pickle.loads(pickle.dumps(large())), large(1)
    assert x.dtype is not np.dtype(np.float32)
    assert type(workspace.matmul(x, y.T).base) is workspace._Block


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_results_are_numpys(dtype):
    x = large(dtype=dtype)
    np.testing.assert_array_equal(workspace.ufunc(np.maximum, x, 0), np.maximum(x, 0))
    assert workspace.ufunc(np.maximum, x, 0).dtype == dtype
    assert workspace.empty_like(x).shape == SHAPE
    assert workspace.empty_like(x).dtype == x.dtype


@pytest.mark.parametrize(
    "x",
    [large() > 0, large().astype(">f4"), np.arange(60000), large().T],
    ids=lambda x: x.dtype.str,
)
def test_unusual_operands_give_what_small_ones_give(x):
    out = F.relu(x)
    expected = np.maximum(x, 0)
    np.testing.assert_array_equal(out, expected)
    assert out.dtype == expected.dtype
    assert out.strides == expected.strides


def test_large_operands_of_another_class_keep_it():
    x = np.ma.array(large(), mask=large(1) > 0)
    out = workspace.ufunc(np.maximum, x, 0)
    assert type(out) is np.ma.MaskedArray
    np.testing.assert_array_equal(out.mask, x.mask)


def test_gradients_and_values_share_no_memory():
    model = nn.Sequential(nn.Linear(FEATURES, 256), nn.ReLU(), nn.Linear(256, 200))
    x = mg.tensor(large(), requires_grad=True)
    hidden = model[1](model[0](x))
    out = model[2](hidden) + x
    out.backward(large(1))
    seen = [x.grad, x.data, hidden.data, out.data]
    for parameter in model.parameters():
        seen += [parameter.data, parameter.grad]
    for index, one in enumerate(seen):
        for other in seen[:index]:
            assert not np.shares_memory(one, other)


def test_a_gradient_in_memory_used_again_is_handed_over_without_a_copy():
    layer = nn.Linear(FEATURES, 200)
    layer(large()).sum().backward()
    assert type(layer.weight.grad.base) is workspace._Block


def test_memory_that_somebody_knows_by_its_block_is_shared():
    out = doubled(large())
    assert not workspace.is_shared(out)
    block = out.base
    assert workspace.is_shared(out)
    assert address(block) == address(out)


def test_a_gradient_that_is_kept_is_not_changed_by_later_steps():
    layer = nn.Linear(FEATURES, 200)
    layer(large()).sum().backward()
    kept = layer.weight.grad
    before = kept.copy()
    for seed in range(1, 6):
        layer.zero_grad()
        layer(large(seed)).sum().backward()
    np.testing.assert_array_equal(kept, before)
    assert kept is not layer.weight.grad


def test_a_gradient_is_added_to_in_place_only_where_nobody_sees_it():
    layer = nn.Linear(FEATURES, FEATURES, bias=False)
    x = mg.tensor(large(), requires_grad=True)
    seen = []

    @mg.primitive
    def keep(x):
        return x * 1

    mg.defvjp(keep, lambda g, _out, _x: seen.append(g) or g * 1)
    keep(layer(x) + layer(x)).sum().backward()
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], np.ones(SHAPE, np.float32))


def test_each_thread_has_its_own_memory():
    x = large()
    addresses = []

    def work():
        addresses.append(address(doubled(x)))

    first = address(doubled(x))  # free again, but not for others
    for _ in range(2):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert address(doubled(x)) == first
    assert len(addresses) == 2
    assert first not in addresses


def test_what_is_kept_has_a_limit(monkeypatch):
    monkeypatch.setattr(workspace, "MOST", 4 * large().nbytes)
    results = [doubled(large(seed, shape=(ROWS, FEATURES + seed))) for seed in range(12)]
    kept = [block.nbytes for blocks in workspace._blocks.of_size.values() for block in blocks]
    assert 0 < sum(kept) == workspace._blocks.total <= workspace.MOST
    for seed, result in enumerate(results):
        np.testing.assert_array_equal(result, 2 * large(seed, shape=(ROWS, FEATURES + seed)))


def test_one_result_beyond_the_limit_is_not_kept(monkeypatch):
    monkeypatch.setattr(workspace, "MOST", large().nbytes - 1)
    assert doubled(large()).base is None
    assert workspace._blocks.total == 0


def test_a_result_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        x = mg.tensor(large(), requires_grad=True)
        first = address(F.relu(x).data)
        assert first in {address(F.relu(x).data) for _ in range(3)}
    finally:
        gc.enable()
