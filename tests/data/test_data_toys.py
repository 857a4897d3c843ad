import numpy as np
import pytest

from minigrad import random
from minigrad.data import make_linear, make_moons, make_spiral, make_xor
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError

CLASSES = [make_xor, make_spiral, make_moons]


@pytest.mark.parametrize("make", [*CLASSES, make_linear])
def test_the_same_seed_gives_the_same_points(make):
    first = make(20, noise=0.1, rng=3)
    for again in (make(20, noise=0.1, rng=3), make(20, noise=0.1, rng=np.random.default_rng(3))):
        np.testing.assert_array_equal(first.x, again.x)
        np.testing.assert_array_equal(first.y, again.y)
    assert (make(20, noise=0.1, rng=4).x != first.x).any()
    random.seed(3)
    np.testing.assert_array_equal(make(20, noise=0.1).x, first.x)


@pytest.mark.parametrize("make", CLASSES)
@pytest.mark.parametrize("n", [4, 9, 100])
def test_shapes_dtypes_and_balanced_classes(make, n):
    x, y = make(n, noise=0.1, rng=0)
    assert (x.shape, x.dtype) == ((n, 2), np.float32)
    assert (y.shape, y.dtype) == ((n,), np.int64)
    assert np.ptp(np.bincount(y)) <= 1


def test_xor_is_the_truth_table():
    x, y = make_xor(8)
    np.testing.assert_array_equal(y, (x[:, 0] != x[:, 1]).astype(int))
    np.testing.assert_array_equal(np.unique(x, axis=0), [[0, 0], [0, 1], [1, 0], [1, 1]])


def test_arms_of_a_spiral_go_round_from_the_origin():
    x, y = make_spiral(400, classes=2, turns=0.25, noise=0.0)
    radius = np.hypot(*x.T)
    np.testing.assert_array_equal(x[:2], 0)
    np.testing.assert_allclose(radius[-2:], 1, rtol=1e-6)
    np.testing.assert_allclose(x[y == 0], -x[y == 1], atol=1e-6)  # half a turn apart
    np.testing.assert_allclose(x[-2], [0, 1], atol=1e-6)  # a quarter turn after (1, 0)


def test_moons_are_half_circles():
    x, y = make_moons(50, noise=0.0)
    np.testing.assert_allclose(np.hypot(*x[y == 0].T), 1, rtol=1e-6)
    np.testing.assert_allclose(np.hypot(*(x[y == 1] - [1, 0.5]).T), 1, rtol=1e-6)
    assert (x[y == 0, 1] >= -1e-6).all()
    assert (x[y == 1, 1] <= 0.5 + 1e-6).all()


def test_targets_of_a_regression_lie_on_a_plane():
    weights = [2.0, -3.0, 0.5]
    x, y = make_linear(200, weights=weights, bias=4.0, noise=0.0, rng=0)
    assert (x.shape, x.dtype) == ((200, 3), np.float32)
    assert (y.shape, y.dtype) == ((200, 1), np.float32)
    found = np.linalg.lstsq(np.column_stack([x, np.ones(200)]), y, rcond=None)[0]
    np.testing.assert_allclose(found[:, 0], [*weights, 4.0], atol=1e-5)


def test_noise_has_the_deviation_asked_for():
    x, y = make_linear(20_000, noise=0.5, rng=0)
    residuals = y[:, 0] - (x @ [2.0, -3.0] + 1.0)
    np.testing.assert_allclose(residuals.std(), 0.5, rtol=0.05)
    clean = make_xor(20_000).x
    np.testing.assert_allclose((make_xor(20_000, noise=0.2, rng=0).x - clean).std(), 0.2, rtol=0.05)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: make_xor(0), ArgumentError, "n is an integer from 1 up, not 0"),
        (lambda: make_xor(2.5), ArgumentError, "n is an integer from 1 up, not 2.5"),
        (lambda: make_moons(1), ArgumentError, "n is an integer from 2 up, not 1"),
        (lambda: make_spiral(2), ArgumentError, "n is an integer from 3 up, not 2"),
        (lambda: make_spiral(classes=0), ArgumentError, "classes is an integer from 1 up, not 0"),
        (lambda: make_spiral(turns=np.inf), ArgumentError, "turns is a number from 0 up, not inf"),
        (lambda: make_moons(noise=-1), ArgumentError, "noise is a number from 0 up, not -1"),
        (lambda: make_linear(noise="1"), ArgumentError, "noise is a number from 0 up, not '1'"),
        (lambda: make_xor(noise=np.nan), ArgumentError, "noise is a number from 0 up, not nan"),
        (lambda: make_xor(rng="seed"), ArgumentError, "rng is a numpy.random.Generator"),
        (lambda: make_linear(weights=2.0), ShapeError, r"weights is a sequence .* of shape \(\)"),
        (lambda: make_linear(weights=[]), ShapeError, r"weights is a sequence .* of shape \(0,\)"),
        (lambda: make_linear(weights=[np.nan]), DataError, r"weights holds nan at index \[0\]"),
        (lambda: make_linear(weights="ab"), DtypeError, "weights holds real numbers"),
        (lambda: make_linear(bias=np.nan), DataError, "bias holds nan"),
    ],
)
def test_wrong_calls(call, error, match):
    with pytest.raises(error, match=match):
        call()
