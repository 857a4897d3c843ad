import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad.data import MinMaxScaler, Standardizer, normalize, scale_pixels
from minigrad.errors import (
    ArgumentError,
    DataError,
    DtypeError,
    NotFittedError,
    ShapeError,
    StateDictError,
)

FLOATS = [np.float32, np.float64]
SCALERS = [MinMaxScaler, Standardizer]


@st.composite
def tables(draw, max_magnitude=1e6):
    """Draw floats of both widths, some of whose columns may be constant."""
    dtype = draw(st.sampled_from(FLOATS))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=6))
    limit = float(np.float32(max_magnitude))
    elements = st.floats(-limit, limit, width=32)
    return draw(hnp.arrays(dtype, shape, elements=elements, fill=elements))


# --- Both scalers ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [*SCALERS, lambda: MinMaxScaler((-1, 3))])
@given(x=tables())
def test_inverse_undoes_transform(make, x):
    scaler = make()
    out = scaler.fit_transform(x)
    back = scaler.inverse_transform(out)
    assert out.dtype == back.dtype == x.dtype
    assert out.shape == back.shape == x.shape
    atol = 16 * np.finfo(x.dtype).eps * max(np.abs(x).max(), np.finfo(x.dtype).tiny)
    np.testing.assert_allclose(back, x, rtol=0, atol=atol)


@pytest.mark.parametrize("make", SCALERS)
@given(x=tables())
def test_input_is_neither_changed_nor_shared(make, x):
    before = x.copy()
    out = make().fit_transform(x)
    assert not np.shares_memory(out, x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("make", SCALERS)
@pytest.mark.parametrize("axis", [0, None, (0, 2), (0, 1, 2)])
def test_statistics_have_the_shape_of_a_sample(make, axis):
    x = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    scaler = make(axis=axis).fit(x)
    axes = (0, 1, 2) if axis is None else axis
    shape = x.max(axes, keepdims=True).shape[1:]
    assert [value.shape for value in scaler.state_dict().values()] == [shape, shape]
    assert scaler.transform(x[:2]).shape == (2, 3, 4)
    np.testing.assert_array_equal(scaler.transform(x)[3], scaler.transform(x[3]))
    assert f"axis={axis}" in repr(make(axis=axis))


@pytest.mark.parametrize("make", SCALERS)
def test_statistics_are_those_of_the_training_set(make):
    scaler = make().fit(np.array([[0.0], [2.0]]))
    state = scaler.state_dict()
    scaler.transform(np.array([[100.0]]))
    assert scaler.state_dict() == state


@pytest.mark.parametrize("make", SCALERS)
def test_integers_become_float32(make):
    out = make().fit_transform(np.array([[0], [255]], dtype=np.uint8))
    assert out.dtype == np.float32


@pytest.mark.parametrize("make", SCALERS)
def test_float16_keeps_its_dtype(make):
    assert make().fit_transform(np.array([[0.0], [2.0]], np.float16)).dtype == np.float16


@pytest.mark.parametrize("make", SCALERS)
def test_saved_statistics_make_the_same_scaler(make):
    x = np.random.default_rng(0).normal(size=(5, 3))
    scaler, other = make().fit(x), make()
    state = scaler.state_dict()
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.transform(x), scaler.transform(x))
    for value in state.values():
        value[...] = np.nan
    assert np.isfinite(scaler.transform(x)).all()
    assert np.isfinite(other.transform(x)).all()


@pytest.mark.parametrize("make", SCALERS)
def test_wrong_state_changes_nothing(make):
    scaler = make().fit([[1.0], [3.0]])
    for state in ({}, {"mean": 1.0}, {**scaler.state_dict(), "more": 1.0}):
        with pytest.raises(StateDictError, match=f"{make.__name__} is described by"):
            scaler.load_state_dict(state)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform([[2.0]])), [[2.0]])


@pytest.mark.parametrize("make", SCALERS)
@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_nothing_learnt_yet(make, method):
    with pytest.raises(NotFittedError, match="has seen no data; call fit with the training set"):
        getattr(make(), method)(np.zeros((1, 2)))
    with pytest.raises(NotFittedError, match="has seen no data"):
        make().state_dict()


@pytest.mark.parametrize("make", SCALERS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found(make, value):
    x = np.zeros((3, 2), np.float32)
    x[1, 0] = value
    scaler = make().fit(np.ones((3, 2)))
    for method in (scaler.fit, scaler.transform, scaler.inverse_transform):
        with pytest.raises(DataError, match=rf"x holds {value} at index \[1, 0\]; replace or drop"):
            method(x)


@pytest.mark.parametrize("make", SCALERS)
def test_other_features_than_those_learnt(make):
    scaler = make().fit(np.zeros((5, 3)))
    for shape in [(5, 4), (3, 5), (), (5, 1)]:
        with pytest.raises(ShapeError, match=r"does not end in the shape \(3,\) of the features"):
            scaler.transform(np.zeros(shape))


@pytest.mark.parametrize("make", SCALERS)
def test_data_that_cannot_be_learnt_from(make):
    for empty in (np.zeros((0, 3)), np.zeros((3, 0)), np.float32(3)):
        with pytest.raises(DataError, match="nothing to learn from an array of shape"):
            make().fit(empty)
    with pytest.raises(DtypeError, match="x holds real numbers, not <U1"):
        make().fit([["a"]])
    with pytest.raises(DtypeError, match="x holds real numbers, not complex128"):
        make().fit([[1j]])
    with pytest.raises(DataError, match="a wider span than float32 can hold"):
        make().fit(np.array([[-3e38], [3e38]], np.float32))
    with pytest.raises(ShapeError, match=r"axis \(0, 3\) reaches beyond x of shape \(2, 2\)"):
        make(axis=(0, 3)).fit(np.zeros((2, 2)))


@pytest.mark.parametrize("make", SCALERS)
@pytest.mark.parametrize("axis", [1, -1, (1, 2), (0, -1), ()])
def test_axes_that_lack_the_samples(make, axis):
    with pytest.raises(ArgumentError, match=r"with 0 \(the samples\) among them"):
        make(axis=axis)


# --- Each on its own -------------------------------------------------------------------------


@given(x=tables())
def test_min_max_spans_its_range(x):
    out = MinMaxScaler().fit_transform(x)
    constant = x.min(0) == x.max(0)
    np.testing.assert_allclose(out.min(0), 0, atol=0)
    np.testing.assert_allclose(out.max(0), np.where(constant, 0, 1), rtol=1e-6)


def test_min_max_of_known_values():
    x = np.array([[0.0, 5.0], [10.0, 5.0]], np.float32)
    np.testing.assert_allclose(
        MinMaxScaler((0.01, 0.99)).fit_transform(x), [[0.01, 0.01], [0.99, 0.01]], rtol=1e-6
    )
    scaler = MinMaxScaler().fit(x)
    np.testing.assert_array_equal(scaler.transform([[20.0, 6.0]]), [[2.0, 1.0]])  # not clipped
    np.testing.assert_array_equal(scaler.minimum, [0, 5])
    np.testing.assert_array_equal(scaler.maximum, [10, 5])


@pytest.mark.parametrize("bounds", [(1, 1), (1, 0), (0, np.inf), (np.nan, 1), (0, 1, 2), 3, "ab"])
def test_ranges_that_are_none(bounds):
    with pytest.raises(ArgumentError, match="feature_range is two numbers, the lower one first"):
        MinMaxScaler(bounds)


@given(x=tables(max_magnitude=1e3))
def test_standardized_data_has_mean_0_and_deviation_1(x):
    x = x.astype(np.float64)
    out = Standardizer().fit_transform(x)
    varied = x.std(0) > 1e-6 * np.abs(x).max(initial=1)
    np.testing.assert_allclose(out.mean(0)[varied], 0, atol=1e-6)
    np.testing.assert_allclose(out.std(0)[varied], 1, atol=1e-6)


def test_standardizer_agrees_with_scikit_learn_over_many_blocks():
    from sklearn.preprocessing import StandardScaler

    x = np.random.default_rng(0).normal(1000, 3, size=(10_000, 3)).astype(np.float32)
    scaler, theirs = Standardizer().fit(x), StandardScaler().fit(x)
    np.testing.assert_allclose(scaler.mean, theirs.mean_, rtol=1e-6)
    np.testing.assert_allclose(scaler.std, theirs.scale_, rtol=1e-6)


@pytest.mark.parametrize("value", [0.1, 1e6 + 0.1, -3.3, 0.0])
def test_constant_features_become_0_and_come_back_exactly(value):
    x = np.full((7, 2), value, np.float32)
    scaler = Standardizer().fit(x)
    np.testing.assert_array_equal(scaler.std, 0)
    np.testing.assert_array_equal(scaler.transform(x), np.zeros_like(x))
    np.testing.assert_array_equal(scaler.inverse_transform(scaler.transform(x)), x)


# --- Norms and pixels ------------------------------------------------------------------------

NORMS = {
    "l1": lambda x: np.abs(x).sum(-1),
    "l2": lambda x: np.sqrt(np.square(x).sum(-1)),
    "max": lambda x: np.abs(x).max(-1),
}


@pytest.mark.parametrize("norm", NORMS)
@given(x=tables())
def test_norm_of_each_sample_becomes_1_or_stays_0(norm, x):
    out = normalize(x, norm)
    assert out.dtype == x.dtype
    expected = np.where((x == 0).all(-1), 0, 1)
    np.testing.assert_allclose(NORMS[norm](out), expected, rtol=1e-5)
    np.testing.assert_array_equal(np.sign(out), np.sign(x) * (out != 0))


def test_norms_of_known_values():
    x = np.array([[3, -4], [0, 0]], np.float32)
    np.testing.assert_allclose(normalize(x, "l1"), [[3 / 7, -4 / 7], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(normalize(x, "l2"), [[0.6, -0.8], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(normalize(x, "max"), [[0.75, -1], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(normalize(x, "l2", axis=0), [[1, -1], [0, 0]], rtol=1e-6)
    assert normalize([3, 4]).dtype == np.float32
    assert normalize(np.zeros((0, 3), np.float32)).shape == (0, 3)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [1e-38, 1e38])
def test_norms_of_extreme_samples_neither_overflow_nor_vanish(norm, size):
    x = np.full((1, 4), size, np.float32)
    np.testing.assert_allclose(NORMS[norm](normalize(x, norm)), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: normalize([1.0], "L2"), ArgumentError, "norm is 'l1', 'l2' or 'max', not 'L2'"),
        (lambda: normalize([1.0], axis=1), ArgumentError, r"x of shape \(1,\) has no axis 1"),
        (lambda: normalize([1.0, np.nan]), DataError, r"x holds nan at index \[1\]"),
        (lambda: normalize(["a"]), DtypeError, "x holds real numbers"),
        (lambda: scale_pixels([0.5]), ArgumentError, "are the pixels scaled already"),
    ],
)
def test_wrong_calls(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_pixels_are_divided_in_float32():
    pixels = np.arange(256, dtype=np.uint8)
    out = scale_pixels(pixels)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, pixels.astype(np.float32) / np.float32(255))
