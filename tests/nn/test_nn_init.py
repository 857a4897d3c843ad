"""Initialisers: the variance or the bounds of each formula, names, seeds, and what is refused."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.nn import init

SHAPE = (300, 200)  # out, in
N_OUT, N_IN = SHAPE

# The standard deviation by the formula, and the bound if the distribution is uniform.
FORMULAS = {
    "xavier_uniform": (init.xavier_uniform, math.sqrt(2 / (N_IN + N_OUT)), True),
    "xavier_normal": (init.xavier_normal, math.sqrt(2 / (N_IN + N_OUT)), False),
    "kaiming_uniform": (init.kaiming_uniform, math.sqrt(2 / N_IN), True),
    "kaiming_normal": (init.kaiming_normal, math.sqrt(2 / N_IN), False),
    "lecun_uniform": (init.lecun_uniform, math.sqrt(1 / N_IN), True),
    "lecun_normal": (init.lecun_normal, math.sqrt(1 / N_IN), False),
}


@pytest.mark.parametrize(("function", "std", "uniform"), FORMULAS.values(), ids=list(FORMULAS))
def test_draws_have_the_variance_and_the_shape_of_the_formula(function, std, uniform):
    w = function(SHAPE, rng=0)
    assert w.shape == SHAPE
    assert w.dtype == np.float32
    error = std / math.sqrt(w.size)
    assert abs(w.mean()) < 4 * error
    assert w.std() == pytest.approx(std, rel=0.01)
    largest, bound = np.abs(w).max(), math.sqrt(3) * std
    if uniform:
        assert 0.999 * bound < largest <= bound * (1 + 1e-6)
        assert np.mean(w**4) == pytest.approx(9 / 5 * std**4, rel=0.03)  # of the uniform one
    else:
        assert largest > 3.5 * std
        assert np.mean(w**4) == pytest.approx(3 * std**4, rel=0.05)  # of the normal one


@pytest.mark.parametrize("function", [init.xavier_uniform, init.xavier_normal, init.kaiming_normal])
def test_gain_scales(function):
    np.testing.assert_allclose(
        function(SHAPE, gain=3.0, rng=0, dtype=np.float64),
        3 * function(SHAPE, gain=1.0, rng=0, dtype=np.float64),
        rtol=1e-9,
    )
    single = init.lecun_uniform(SHAPE, rng=0)
    np.testing.assert_allclose(init.kaiming_uniform(SHAPE, rng=0), math.sqrt(2) * single, rtol=1e-5)


def test_fans_count_the_receptive_field():
    w = init.kaiming_normal((64, 8, 5, 5), rng=0)  # 8 * 25 inputs of each output
    assert w.std() == pytest.approx(math.sqrt(2 / 200), rel=0.02)
    w = init.xavier_uniform((64, 8, 5, 5), rng=0)
    assert np.abs(w).max() == pytest.approx(math.sqrt(6 / (200 + 64 * 25)), rel=1e-3)


def test_normal_and_uniform_have_their_moments():
    w = init.normal((200, 200), mean=2.0, std=0.5, rng=0)
    assert w.mean() == pytest.approx(2.0, abs=0.01)
    assert w.std() == pytest.approx(0.5, rel=0.01)
    w = init.uniform((200, 200), -1.0, 3.0, rng=0)
    assert w.min() == pytest.approx(-1.0, abs=1e-3)
    assert w.max() == pytest.approx(3.0, abs=1e-3)
    assert w.mean() == pytest.approx(1.0, abs=0.02)


def test_constants():
    assert init.zeros((2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert init.constant((2,), 0.5).tolist() == [0.5, 0.5]
    assert not init.constant((2,)).any()
    assert init.normal((3,), std=0).tolist() == [0, 0, 0]
    assert init.zeros(3).shape == (3,)
    assert init.zeros(()).shape == ()


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (4, 2, 3), (1, 7)])
def test_orthogonal_rows_or_columns(shape):
    w = init.orthogonal(shape, gain=2.0, rng=0, dtype=np.float64).reshape(shape[0], -1)
    rows, columns = w.shape
    product = w @ w.T if rows <= columns else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(min(rows, columns)), atol=1e-12)
    assert init.orthogonal(shape, rng=0).shape == shape


def test_orthogonal_is_uniform_among_all():
    signs = [np.sign(np.diag(init.orthogonal((2, 2), rng=seed))) for seed in range(200)]
    assert abs(np.mean(signs)) < 0.25  # without the correction, the QR's signs are all one way
    determinants = [np.linalg.det(init.orthogonal((2, 2), rng=seed)) for seed in range(200)]
    assert 60 < sum(d > 0 for d in determinants) < 140


def test_names():
    assert set(init.__all__) - {"partial", "resolve"} <= set(init.INITIALIZERS)
    for name, function in init.INITIALIZERS.items():
        assert init.resolve(name) is function
    assert init.resolve("glorot_uniform") is init.xavier_uniform
    assert init.resolve("glorot_normal") is init.xavier_normal
    assert init.resolve("he_uniform") is init.kaiming_uniform
    assert init.resolve("he_normal") is init.kaiming_normal
    assert init.resolve(len) is len
    with_gain = init.partial(init.xavier_normal, gain=2.0)
    assert init.resolve(with_gain) is with_gain


@pytest.mark.parametrize("name", sorted(init.INITIALIZERS))
def test_same_seed_same_bits(name):
    function = init.resolve(name)
    first = function((4, 5), rng=1)
    np.testing.assert_array_equal(function((4, 5), rng=1), first)
    np.testing.assert_array_equal(function([4, 5], rng=np.random.default_rng(1)), first)
    mg.random.seed(1)
    np.testing.assert_array_equal(function((4, 5)), first)
    if name not in ("zeros", "constant"):
        assert not np.array_equal(function((4, 5)), first)
    assert function((4, 5), rng=1, dtype=np.float64).dtype == np.float64
    layer = nn.Linear(5, 4, weight_init=name, rng=1)
    np.testing.assert_array_equal(layer.weight.data, first)


@pytest.mark.parametrize("name", [*FORMULAS, "orthogonal"])
@pytest.mark.parametrize("shape", [(5,), (), 5, (0, 3), (3, 0)])
def test_weights_have_two_axes(name, shape):
    with pytest.raises(ShapeError, match=r"\(out_features, in_features, .*, not \(.*init\.zeros"):
        init.resolve(name)(shape)


@pytest.mark.parametrize("name", sorted(init.INITIALIZERS))
def test_every_initialiser_refuses_what_is_no_shape_or_no_dtype(name):
    function = init.resolve(name)
    for shape in [(-1, 2), (2.0, 3), ("2", 3)]:
        with pytest.raises(ArgumentError, match="integers from 0 up, not"):
            function(shape)
    with pytest.raises(DtypeError, match="floating-point numbers, not int64"):
        function((2, 2), dtype=int)
    with pytest.raises(DtypeError, match="'fast'"):
        function((2, 2), dtype="fast")
    if name not in ("zeros", "constant"):
        with pytest.raises(ArgumentError, match="rng is"):
            function((2, 2), rng="dice")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: init.normal((2,), std=-1.0), r"std is a number from 0 up, not -1\.0"),
        (lambda: init.normal((2,), mean="a"), "mean is a number, not 'a'"),
        (lambda: init.uniform((2,), 1.0, 0.0), r"high is a number from low=1\.0 up, not 0\.0"),
        (lambda: init.uniform((2,), np.nan), "low is a number, not nan"),
        (lambda: init.constant((2,), None), "value is a number, not None"),
        (lambda: init.xavier_normal((2, 2), "2"), "gain of an initialiser is a number, not '2'"),
        (lambda: init.orthogonal((2, 2), gain=None), "gain .*not None"),
        (lambda: init.resolve("kaiming"), "did you mean 'kaiming_normal' or 'kaiming_uniform'"),
        (lambda: init.resolve("qqq"), "no initialiser 'qqq'; there are constant, glorot_normal"),
        (lambda: init.resolve(np.ones((2, 2))), r"not ndarray \(2, 2\) .*layer\.weight\.data ="),
    ],
)
def test_wrong_calls(wrong, message):
    with pytest.raises(ArgumentError, match=message):
        wrong()
