import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad import random
from minigrad.data import DataLoader, Split, make_xor, scale_pixels
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError, StateDictError

N = 10
X = np.arange(2 * N, dtype=np.float32).reshape(N, 2)
Y = np.arange(N)


def epoch(loader):
    """Return the labels of each batch of one epoch."""
    return [batch[-1].tolist() for batch in loader]


# --- What an epoch holds ---------------------------------------------------------------------


@given(
    n=st.integers(1, 40),
    batch_size=st.integers(1, 45),
    shuffle=st.booleans(),
    seed=st.integers(0, 5),
)
def test_every_sample_is_visited_once_in_each_epoch(n, batch_size, shuffle, seed):
    x, y = np.arange(3 * n).reshape(n, 3), np.arange(n)
    loader = DataLoader(x, y, batch_size=batch_size, shuffle=shuffle, rng=seed)
    for count in range(2):
        assert loader.epoch == count
        batches = list(loader)
        assert len(batches) == len(loader) == -(-n // batch_size)
        assert [len(labels) for _, labels in batches[:-1]] == [batch_size] * (len(loader) - 1)
        for samples, labels in batches:
            np.testing.assert_array_equal(samples, x[labels], strict=True)
        visited = np.concatenate([labels for _, labels in batches])
        np.testing.assert_array_equal(np.sort(visited), y)


@given(n=st.integers(1, 40), batch_size=st.integers(1, 40), shuffle=st.booleans())
def test_drop_last_leaves_whole_batches(n, batch_size, shuffle):
    if batch_size > n:
        with pytest.raises(ArgumentError, match=f"no batch of {batch_size} out of {n} samples"):
            DataLoader(np.arange(n), batch_size=batch_size, drop_last=True)
        return
    loader = DataLoader(np.arange(n), batch_size=batch_size, shuffle=shuffle, drop_last=True)
    sizes = [len(batch) for batch in loader]
    assert sizes == [batch_size] * len(loader)
    assert len(loader) == n // batch_size


def test_without_shuffling_batches_are_read_only_views_in_order():
    loader = DataLoader(X, Y, batch_size=4)
    assert epoch(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    for x, y in loader:
        assert np.shares_memory(x, X)
        assert np.shares_memory(y, Y)
        with pytest.raises(ValueError, match="read-only"):
            x -= 1
    assert X.flags.writeable
    assert X[0, 0] == 0


def test_shuffled_batches_are_copies_of_their_own():
    loader = DataLoader(X, Y, batch_size=4, shuffle=True, rng=0)
    batches = [x for x, _ in loader]
    for x in batches:
        assert not np.shares_memory(x, X)
        assert not any(np.shares_memory(x, other) for other in batches if other is not x)
        assert x.dtype == np.float32
        x[...] = -1
    assert X.min() == 0


@pytest.mark.parametrize("layout", [X[::-1], np.asfortranarray(X), np.repeat(X, 2, 1)[:, ::2]])
@pytest.mark.parametrize("shuffle", [False, True])
def test_any_layout_gives_the_same_batches(layout, shuffle):
    plain = DataLoader(layout.copy(), batch_size=3, shuffle=shuffle, rng=1)
    for a, b in zip(DataLoader(layout, batch_size=3, shuffle=shuffle, rng=1), plain, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_array_several_arrays_and_splits():
    assert [batch.tolist() for batch in DataLoader(Y, batch_size=8)] == [[*range(8)], [8, 9]]
    assert [len(batch) for batch in DataLoader(X, Y, Y, batch_size=5)] == [3, 3]
    for loader in (DataLoader(Split(X, Y)), DataLoader((X, Y)), DataLoader(*make_xor(N))):
        x, y = next(iter(loader))
        assert (x.shape, y.shape) == ((N, 2), (N,))
    (batch,) = DataLoader([[1, 2], [3, 4]])
    np.testing.assert_array_equal(batch, [[1, 2], [3, 4]])
    (batch,) = DataLoader(pd.Series([1.5, 2.5]))
    np.testing.assert_array_equal(batch, [1.5, 2.5])


def test_arrays_that_speak_numpy_are_taken_as_they_are():
    class Foreign:
        dtype, ndim, shape = np.dtype(np.float32), 2, (N, 2)

        def __array_function__(self, func, types, args, kwargs):
            raise AssertionError("not needed")

        def __len__(self):
            return N

        def __getitem__(self, rows):
            return ("rows", rows)

    array = Foreign()
    assert DataLoader(array).arrays[0] is array
    assert next(iter(DataLoader(array, batch_size=4))) == ("rows", slice(0, 4))
    name, rows = next(iter(DataLoader(array, batch_size=4, shuffle=True)))
    assert (name, len(rows)) == ("rows", 4)


def test_description():
    loader = DataLoader(X, Y, batch_size=4, shuffle=True, drop_last=True)
    assert repr(loader) == (
        "DataLoader(float32(10, 2), int64(10,), batch_size=4, shuffle=True, drop_last=True, "
        "epoch=0)"
    )


# --- Orders and seeds ------------------------------------------------------------------------


def test_each_epoch_has_an_order_of_its_own():
    loader = DataLoader(np.arange(50), batch_size=50, shuffle=True, rng=0)
    orders = {tuple(batch.tolist()) for _ in range(5) for batch in loader}
    assert len(orders) == 5
    assert tuple(range(50)) not in orders


def test_the_same_seed_gives_the_same_orders():
    def orders(rng):
        loader = DataLoader(Y, batch_size=N, shuffle=True, rng=rng)
        return [batch.tolist() for _ in range(3) for batch in loader]

    assert orders(0) == orders(0) == orders(np.random.default_rng(0))
    assert orders(0) != orders(1)
    random.seed(0)
    assert orders(None) == orders(0)
    random.seed(0)
    assert orders(None) == orders(0)


def test_a_shared_generator_is_drawn_from_once_for_each_epoch():
    generator, twin = np.random.default_rng(0), np.random.default_rng(0)
    loader = DataLoader(Y, shuffle=True, rng=generator)
    for _ in range(3):
        list(loader)
        twin.integers(2**63)
    assert generator.bit_generator.state == twin.bit_generator.state
    list(DataLoader(Y, rng=generator))
    assert generator.bit_generator.state == twin.bit_generator.state


def test_two_loops_at_once_do_not_disturb_each_other():
    loader = DataLoader(Y, batch_size=2, shuffle=True, rng=0)
    twin = DataLoader(Y, batch_size=2, shuffle=True, rng=0)
    first, second = [batch.tolist() for batch in twin], [batch.tolist() for batch in twin]
    both = [(a.tolist(), b.tolist()) for a, b in zip(loader, loader, strict=True)]
    assert both == list(zip(first, second, strict=True))


def test_epochs_are_counted_also_if_they_were_left():
    loader = DataLoader(Y, batch_size=4)
    for _ in loader:
        break
    assert loader.epoch == 0
    list(loader)
    assert loader.epoch == 2


# --- Transforms ------------------------------------------------------------------------------


def test_a_transform_of_the_whole_batch():
    calls = []

    def transform(x, y):
        calls.append(len(x))
        return x * 2, y + 1

    loader = DataLoader(X, Y, batch_size=4, transform=transform)
    for x, y in loader:
        np.testing.assert_array_equal(x, X[y - 1] * 2)
    assert calls == [4, 4, 2]


@pytest.mark.parametrize("sequence", [tuple, list])
def test_a_transform_for_each_array(sequence):
    pixels = np.array([[0], [255]], np.uint8)
    loader = DataLoader(pixels, [3, 4], transform=sequence([scale_pixels, None]))
    ((x, y),) = loader
    np.testing.assert_array_equal(x, np.array([[0], [1]], np.float32), strict=True)
    np.testing.assert_array_equal(y, [3, 4])
    (x,) = DataLoader(pixels, transform=scale_pixels)
    assert x.dtype == np.float32
    (x,) = DataLoader(pixels, transform=sequence([scale_pixels]))
    assert x.dtype == np.float32


@pytest.mark.parametrize("transform", [lambda x, y: None, (None, lambda y: None)])
def test_a_transform_that_forgets_to_return(transform):
    with pytest.raises(ArgumentError, match="transform returned None; it must return"):
        next(iter(DataLoader(X, Y, transform=transform)))


@pytest.mark.parametrize("transform", [(scale_pixels,), [None] * 3, "l2", 3, (None, "l2")])
def test_transforms_that_are_none(transform):
    with pytest.raises(ArgumentError, match="transform is a function of the 2 arrays of a batch"):
        DataLoader(X, Y, transform=transform)


# --- Saving and resuming ---------------------------------------------------------------------

BIT_GENERATORS = [
    np.random.PCG64,
    np.random.PCG64DXSM,
    np.random.MT19937,
    np.random.Philox,
    np.random.SFC64,
]


@given(
    stop=st.integers(0, 12),
    shuffle=st.booleans(),
    batch_size=st.integers(1, 11),
    bit_generator=st.sampled_from(BIT_GENERATORS),
)
def test_a_restored_loader_goes_on_where_the_saved_one_stood(
    stop, shuffle, batch_size, bit_generator
):
    def new(seed):
        rng = np.random.Generator(bit_generator(seed))
        return DataLoader(Y, batch_size=batch_size, shuffle=shuffle, rng=rng)

    def batches(loader):
        while True:
            for batch in loader:
                yield loader.epoch, batch.tolist()

    loader = new(0)
    saved = batches(loader)
    for _ in range(stop):
        next(saved)
    state = json.loads(json.dumps(loader.state_dict()))
    resumed = new(1)
    resumed.load_state_dict(state)
    assert resumed.epoch == loader.epoch
    going_on = batches(resumed)
    for _ in range(15):
        assert next(going_on) == next(saved)


def test_saved_in_the_body_of_the_last_batch_the_epoch_has_nothing_left():
    loader = DataLoader(Y, batch_size=5, shuffle=True, rng=0)
    for _ in loader:
        state = loader.state_dict()
    resumed = DataLoader(Y, batch_size=5, shuffle=True, rng=9)
    resumed.load_state_dict(state)
    assert resumed.epoch == 0
    assert epoch(resumed) == []
    assert resumed.epoch == 1
    assert [b.tolist() for b in resumed] == [b.tolist() for b in loader]


def test_saved_before_the_first_batch():
    loader = DataLoader(Y, batch_size=5, shuffle=True, rng=0)
    batches = iter(loader)
    resumed = DataLoader(Y, batch_size=5, shuffle=True, rng=9)
    resumed.load_state_dict(loader.state_dict())
    assert [b.tolist() for b in resumed] == [b.tolist() for b in batches]


def test_a_loader_can_be_set_back_itself():
    loader = DataLoader(Y, batch_size=3, shuffle=True, rng=0)
    start = loader.state_dict()
    first = [b.tolist() for b in loader]
    batches = iter(loader)
    next(batches)
    loader.load_state_dict(start)
    next(batches)  # of a loop that the position no longer follows
    assert loader.state_dict() == start
    assert [b.tolist() for b in loader] == first


def test_settings_may_change_between_epochs_and_not_within():
    loader = DataLoader(Y, batch_size=5, shuffle=True, rng=0)
    list(loader)
    other = DataLoader(Y[:8], batch_size=4, shuffle=True)
    other.load_state_dict(loader.state_dict())
    assert other.epoch == 1
    next(iter(loader))
    for changed in (
        DataLoader(Y, batch_size=4, shuffle=True),
        DataLoader(Y[:8], batch_size=5, shuffle=True),
        DataLoader(Y, batch_size=5),
        DataLoader(Y, batch_size=5, shuffle=True, drop_last=True),
    ):
        with pytest.raises(
            StateDictError, match=r"middle of an epoch with .*, and this loader has"
        ):
            changed.load_state_dict(loader.state_dict())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"more": 1}, "has the entries num_samples, batch_size, .* and this one has"),
        ({"epoch": -1}, "epoch is an integer from 0 up, not -1"),
        ({"batch": 1.5}, "batch is an integer from 0 up, not 1.5"),
        ({"batch": True}, "batch is an integer from 0 up, not True"),
        ({"order_seed": "x"}, "order_seed is an integer or None, not 'x'"),
        ({"batch": 9}, "batch 9 of 5 with order_seed [0-9]+ is no place in an epoch"),
        ({"order_seed": None}, "batch 1 of 5 with order_seed None is no place in an epoch"),
        ({"rng": None}, "state of the generator does not fit this loader's PCG64"),
        ({"rng": {}}, "state of the generator does not fit this loader's PCG64"),
        ({"rng": {"bit_generator": "PCG64", "state": {"state": -1, "inc": 1}}}, "does not fit"),
        ({"rng": {"bit_generator": "MT19937"}}, "does not fit this loader's PCG64"),
    ],
)
def test_wrong_state_changes_nothing(change, match):
    loader = DataLoader(Y, batch_size=2, shuffle=True, rng=0)
    next(iter(loader))
    before = loader.state_dict()
    with pytest.raises(StateDictError, match=match):
        loader.load_state_dict({**before, **change})
    assert loader.state_dict() == before
    with pytest.raises(StateDictError, match="this one has none"):
        loader.load_state_dict({})


# --- Wrong calls -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "options", "error", "match"),
    [
        (
            (X, Y[:3]),
            {},
            ShapeError,
            r"have 10, 3 samples \(shapes \(10, 2\), \(3,\)\), and belong",
        ),
        ((X[:0], Y[:0]), {}, DataError, "the arrays are empty"),
        ((), {}, ArgumentError, "needs at least one array"),
        (((),), {}, ArgumentError, "needs at least one array"),
        ((X, 3), {}, ShapeError, "array 2 is a single value, 3; the first axis is samples"),
        ((X, ["a"] * N), {}, DtypeError, "array 2 holds <U1, not numbers; .*encode_labels"),
        ((pd.DataFrame({"a": ["x"]}),), {}, DtypeError, "array 1 holds .*from_frame"),
        ((X,), {"batch_size": 0}, ArgumentError, "batch_size is an integer from 1 up, not 0"),
        ((X,), {"batch_size": -1}, ArgumentError, "batch_size is an integer from 1 up, not -1"),
        ((X,), {"batch_size": 2.5}, ArgumentError, "batch_size is an integer from 1 up, not 2.5"),
        ((X,), {"batch_size": True}, ArgumentError, "batch_size is an integer from 1 up, not True"),
        ((X,), {"batch_size": None}, ArgumentError, "batch_size is an integer from 1 up, not None"),
        ((X,), {"rng": -1}, ArgumentError, "rng is a numpy.random.Generator"),
        ((X,), {"rng": np.random}, ArgumentError, "rng is a numpy.random.Generator"),
    ],
)
def test_wrong_calls(arrays, options, error, match):
    with pytest.raises(error, match=match):
        DataLoader(*arrays, **options)


def test_numpy_integers_are_integers():
    assert len(DataLoader(X, batch_size=np.int32(4))) == 3
    json.dumps(DataLoader(X, batch_size=np.int32(4)).state_dict())
