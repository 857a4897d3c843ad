"""Losses: formulas, PyTorch's figures, gradients, numbers far out, and what is refused."""

import json
import math
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nn_cases import LOSSES, RECORDED_SHAPE, REDUCTIONS, bce, labels, logits, probabilities
from nn_numeric import assert_gradients, assert_second_order, assert_stays_float32

import minigrad as mg
from minigrad import nn
from minigrad.errors import ArgumentError, DataError, DtypeError, ShapeError
from minigrad.nn import functional as F

FIGURES = json.loads(Path(__file__).with_name("torch_losses.json").read_text(encoding="utf-8"))

every_loss = pytest.mark.parametrize("case", LOSSES.values(), ids=list(LOSSES))
every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)
shapes = st.one_of(
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), st.sampled_from([(5, 1), (1, 1, 2)])
)


# --- Values and gradients --------------------------------------------------------------------


@every_loss
@every_reduction
@given(shape=shapes, seed=st.integers(0, 2**16))
def test_values_are_the_formula(case, reduction, shape, seed):
    x, t = case.draw(shape, seed)
    loss = case.module(reduction, **case.options)
    expected = case.reduced(x, t, reduction)
    assert np.shape(expected) == (() if reduction != "none" else shape[: len(shape) - case.by_row])
    np.testing.assert_allclose(loss(x, t), expected, rtol=1e-9, atol=1e-12)
    out = loss(mg.tensor(x, requires_grad=True), mg.tensor(t))
    assert isinstance(out, mg.Tensor)
    np.testing.assert_allclose(out.data, expected, rtol=1e-9, atol=1e-12)


@every_loss
@every_reduction
@given(shape=shapes, seed=st.integers(0, 2**16))
def test_gradients_are_central_differences(case, reduction, shape, seed):
    x, t = case.draw(shape, seed)
    loss = case.module(reduction, **case.options)
    if case.soft:
        assert_gradients(loss, x, t)
    else:
        assert_gradients(lambda x: loss(x, t), x)


@every_loss
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_second_derivatives_are_central_differences(case, reduction):
    x, t = case.draw((2, 3))
    loss = case.module(reduction, **case.options)
    if case.soft:
        assert_second_order(loss, x, t)
    else:
        assert_second_order(lambda x: loss(x, t), x)


def test_pytorch_figures_are_those_of_every_case():
    assert set(FIGURES["losses"]) == {f"{name}, {r}" for name in LOSSES for r in REDUCTIONS}


@pytest.mark.parametrize("name", FIGURES["losses"])
def test_values_and_gradients_are_pytorchs(name):
    loss_name, reduction = name.rsplit(", ", 1)
    case, figures = LOSSES[loss_name], FIGURES["losses"][name]
    x, t = case.draw(RECORDED_SHAPE)
    x = mg.tensor(x, requires_grad=True)
    t = mg.tensor(t, requires_grad=case.soft)
    loss = case.module(reduction, **case.options)(x, t)
    (loss**2).sum().backward()
    np.testing.assert_allclose(loss.data, figures["loss"], rtol=1e-12)
    np.testing.assert_allclose(x.grad, figures["gradient"], rtol=1e-9, atol=1e-14)
    if case.soft:
        np.testing.assert_allclose(t.grad, figures["target gradient"], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("name", FIGURES["edges"])
def test_single_numbers_at_the_edges_are_pytorchs(name):
    figures = FIGURES["edges"][name]
    x, t = np.array(figures["pairs"]).T
    x = mg.tensor(x, requires_grad=True)
    loss = getattr(F, name)(x, t, reduction="none")
    loss.sum().backward()
    np.testing.assert_allclose(loss.data, figures["loss"], rtol=1e-12, atol=0)
    np.testing.assert_allclose(x.grad, figures["gradient"], rtol=1e-7, atol=0)


@every_loss
@every_reduction
def test_float32_stays_float32(case, reduction, monkeypatch):
    x, t = case.draw((5, 3))
    loss = case.module(reduction, **case.options)
    if case.soft:
        assert_stays_float32(loss, x, t, monkeypatch=monkeypatch)
    else:
        assert_stays_float32(lambda x: loss(x, t), x, monkeypatch=monkeypatch)


@every_loss
def test_float64_targets_do_not_widen_float32_predictions(case, monkeypatch):
    x, t = case.draw((5, 3))
    loss = case.module("mean", **case.options)
    assert_stays_float32(lambda x: loss(x, t), x, monkeypatch=monkeypatch)
    assert_stays_float32(lambda x: loss(x, mg.tensor(t)), x, monkeypatch=monkeypatch)
    assert loss(x.astype(np.float32), t).dtype == np.float32


# --- Cross-entropy ---------------------------------------------------------------------------


@given(shape=shapes, seed=st.integers(0, 2**16), smoothing=st.sampled_from([0.0, 0.1, 1.0]))
@every_reduction
def test_integer_labels_equal_one_hot_rows(reduction, shape, seed, smoothing):
    rng = np.random.default_rng(seed)
    z, y = logits(rng, shape), labels(rng, shape)
    loss = nn.CrossEntropyLoss(reduction, label_smoothing=smoothing)
    results = []
    for target in (
        y,
        y.astype(np.uint8),
        y.tolist() if y.shape else y,
        np.eye(shape[-1])[y],
        np.eye(shape[-1], dtype=int)[y],
    ):
        x = mg.tensor(z, requires_grad=True)
        out = loss(x, target)
        out.backward(np.full(out.shape, 2.0))
        results.append((out.data, x.grad))
    for out, gradient in results[1:]:
        np.testing.assert_allclose(out, results[0][0], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(gradient, results[0][1], rtol=1e-12, atol=1e-13)


@every_reduction
def test_cross_entropy_is_the_nll_of_the_log_softmax(reduction):
    rng = np.random.default_rng(0)
    z, y = logits(rng, (6, 4)), labels(rng, (6, 4))
    x, twin = mg.tensor(z, requires_grad=True), mg.tensor(z, requires_grad=True)
    one = F.cross_entropy(x, y, reduction=reduction)
    two = F.nll_loss(F.log_softmax(twin), y, reduction=reduction)
    np.testing.assert_allclose(one.data, two.data, rtol=1e-14)
    for out in (one, two):
        out.backward(np.linspace(1.0, 2.0, out.size).reshape(out.shape))
    np.testing.assert_allclose(x.grad, twin.grad, rtol=1e-12, atol=1e-15)


def test_cross_entropy_of_ignorance_is_the_log_of_the_number_of_classes():
    assert F.cross_entropy(np.zeros((7, 10)), np.arange(7)) == pytest.approx(math.log(10))
    smoothed = F.cross_entropy(np.zeros((7, 10)), np.arange(7), label_smoothing=0.3)
    assert smoothed == pytest.approx(math.log(10))


def test_cross_entropy_gradient_is_right_for_targets_that_sum_to_one_only_nearly():
    rng = np.random.default_rng(0)
    z, t = logits(rng, (3, 4)), 1.0009 * probabilities(rng, (3, 4))
    assert_gradients(lambda z: F.cross_entropy(z, t), z)


def test_cross_entropy_gradient_is_p_minus_y_over_n():
    z = mg.tensor(np.log(np.array([[1.0, 3.0], [2.0, 2.0]])), requires_grad=True)
    F.cross_entropy(z, np.array([0, 1])).backward()
    np.testing.assert_allclose(z.grad, [[-0.375, 0.375], [0.25, -0.25]], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_far_out_is_finite_and_right(dtype):
    z = np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]], dtype)
    for target in (np.array([1, 0]), np.array([[0, 1, 0], [1, 0, 0]], dtype)):
        x = mg.tensor(z, requires_grad=True)
        loss = F.cross_entropy(x, target, reduction="none")
        loss.backward(np.ones(2, dtype))
        assert loss.data.tolist() == [2e4, 0.0]
        assert x.grad.tolist() == [[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]


def test_label_smoothing_keeps_the_options_of_the_layer():
    loss = nn.CrossEntropyLoss(label_smoothing=np.float64(0.1))
    assert type(loss.label_smoothing) is float
    z = np.array([[2.0, 0.0]])
    p = np.exp(z) / np.exp(z).sum()
    expected = -(0.95 * np.log(p[0, 0]) + 0.05 * np.log(p[0, 1]))
    assert loss(z, np.array([0])) == pytest.approx(expected)


def test_empty_batches_have_a_sum_and_no_mean():
    z, y = np.zeros((0, 3)), np.zeros(0, int)
    x = mg.tensor(z, requires_grad=True)
    total = F.cross_entropy(x, y, reduction="sum")
    total.backward()
    assert total.item() == 0
    assert x.grad.shape == (0, 3)
    assert F.cross_entropy(z, y, reduction="none").shape == (0,)
    for empty in (
        lambda: F.cross_entropy(z, y),
        lambda: F.mse_loss(z, z),
        lambda: F.nll_loss(z, y),
    ):
        with pytest.raises(ShapeError, match=r"empty \(shape \(0.*reduction='sum'"):
            empty()


@every_loss
def test_every_loss_of_an_empty_batch(case):
    x, t = case.draw((0, 3))
    x = mg.tensor(x, requires_grad=True)
    total = case.module("sum", **case.options)(x, t)
    total.backward()
    assert total.item() == 0
    assert x.grad.shape == (0, 3)
    losses = case.module("none", **case.options)(x, t)
    assert losses.shape == ((0,) if case.by_row else (0, 3))
    with pytest.raises(ShapeError, match="no mean of nothing"):
        case.module("mean", **case.options)(x, t)


# --- Binary cross-entropy ---------------------------------------------------------------------


@given(
    z=hnp.arrays(np.float64, 5, elements=st.floats(-1e4, 1e4)),
    t=hnp.arrays(np.float64, 5, elements=st.floats(0, 1)),
)
def test_bce_on_logits_is_finite_and_right_everywhere(z, t):
    x = mg.tensor(z, requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    loss.backward(np.ones(5))
    # log(1 + e^z) is z + log(1 + e^-z), and one of the two exponents is small.
    softplus = np.where(z > 0, z, 0) + np.log1p(np.exp(-np.abs(z)))
    np.testing.assert_allclose(loss.data, softplus - z * t, rtol=1e-12, atol=1e-11)
    p = np.where(z >= 0, 1, np.exp(-np.abs(z))) / (1 + np.exp(-np.abs(z)))
    np.testing.assert_allclose(x.grad, p - t, rtol=1e-12, atol=1e-15)


def test_bce_on_logits_and_on_probabilities_agree():
    rng = np.random.default_rng(0)
    z, t = logits(rng, (4, 3)), rng.random((4, 3))
    x, twin = mg.tensor(z, requires_grad=True), mg.tensor(z, requires_grad=True)
    one = F.binary_cross_entropy_with_logits(x, t)
    two = F.binary_cross_entropy(F.sigmoid(twin), t)
    one.backward()
    two.backward()
    np.testing.assert_allclose(one.data, two.data, rtol=1e-12)
    np.testing.assert_allclose(x.grad, twin.grad, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bce_at_certainty_is_as_documented(dtype):
    p = mg.tensor(np.array([0, 0, 1, 1], dtype), requires_grad=True)
    t = mg.tensor(np.array([0, 1, 0, 1], dtype), requires_grad=True)
    loss = F.binary_cross_entropy(p, t, reduction="none")
    loss.backward(np.ones(4, dtype))
    assert loss.data.tolist() == [0.0, 100.0, 100.0, 0.0]
    np.testing.assert_allclose(p.grad, [0.0, -1e12, 1e12, 0.0], rtol=1e-6)
    assert t.grad.tolist() == [100.0, 100.0, -100.0, -100.0]
    assert F.binary_cross_entropy(np.array([0.25]), np.array([1])) == pytest.approx(math.log(4))


# --- Regression ----------------------------------------------------------------------------------


def test_kinks_have_the_documented_slopes():
    x = mg.tensor(np.array([1.0, 3.0, -3.0]), requires_grad=True)
    nn.L1Loss("sum")(x, np.array([1.0, 0.0, 0.0])).backward()
    assert x.grad.tolist() == [0.0, 1.0, -1.0]
    y = mg.tensor(np.array([0.0, 1.0, -1.0, 0.5, 4.0]), requires_grad=True)
    nn.HuberLoss("sum")(y, np.zeros(5)).backward()
    assert y.grad.tolist() == [0.0, 1.0, -1.0, 0.5, 1.0]


def test_huber_is_half_the_square_near_and_a_line_far_out():
    x = np.array([0.5, -0.5, 10.0, -10.0])
    assert F.huber_loss(x, np.zeros(4), reduction="none").tolist() == [0.125, 0.125, 9.5, 9.5]
    out = F.huber_loss(x.astype(np.float32), np.zeros(4, np.float32), delta=np.float64(2.0))
    assert out.dtype == np.float32


def test_lists_are_arrays():
    assert F.mse_loss([1.0, 2.0], [1.0, 4.0]) == 2.0
    assert nn.MSELoss()(np.array([1.0, 2.0]), [1, 4]) == 2.0
    assert F.cross_entropy([[0.0, 0.0]], [1]) == pytest.approx(math.log(2), rel=1e-6)


# --- What is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss", [nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.BCELoss(), nn.BCEWithLogitsLoss()]
)
@pytest.mark.parametrize(
    ("shape", "target", "advice"),
    [
        ((3, 1), (3,), r"target\.reshape\(\(3, 1\)\) makes them fit"),
        ((3,), (3, 1), r"target\.reshape\(\(3,\)\) makes them fit"),
        ((3, 2), (2,), r"np\.broadcast_to"),
        ((3, 2), (), r"np\.broadcast_to"),
        ((4,), (5,), r"np\.broadcast_to"),
    ],
)
def test_different_shapes_are_not_broadcast(loss, shape, target, advice):
    both = rf"was given \({', '.join(map(str, shape))},?\) and .*does not broadcast; {advice}"
    with pytest.raises(ShapeError, match=both):
        loss(np.full(shape, 0.5), np.full(target, 0.5))


Z = np.zeros((2, 3))
Y = np.array([0, 2])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            lambda: F.cross_entropy(Z, np.array([0, 3])),
            DataError,
            "label 3 .*3 classes.*subtract 1",
        ),
        (lambda: F.cross_entropy(Z, np.array([0, 9])), DataError, "label 9 .*0 to 2; .*need 10"),
        (lambda: F.cross_entropy(Z, np.array([-1, 0])), DataError, "label -1 .*leave such"),
        (lambda: F.cross_entropy(Z[:, :1], np.array([0, 1])), DataError, "BCEWithLogitsLoss"),
        (
            lambda: F.cross_entropy(Z, np.array([0, 3]), label_smoothing=0.1),
            DataError,
            "label 3 is not one of the 3 classes",
        ),
        (
            lambda: F.cross_entropy(Z, np.array([0, 3]), reduction="none"),
            DataError,
            "label 3 is not one of the 3 classes",
        ),
        (lambda: F.nll_loss(Z, np.array([0, 3])), DataError, "label 3 is not one of the 3"),
        (lambda: F.cross_entropy(Z, Y.astype(float)), DtypeError, r"labels\.astype\(int\)"),
        (lambda: F.nll_loss(Z, Y.astype(float)), DtypeError, "labels are integers, not float64"),
        (lambda: F.cross_entropy(Z, Y == 0), DtypeError, "labels are integers, not bool"),
        (lambda: F.cross_entropy(Z, Y[:, None]), ShapeError, r"reshape\(\(2,\)\) makes them fit"),
        (lambda: F.nll_loss(Z, Y[None]), ShapeError, r"not \(1, 2\); target\.reshape\(\(2,\)\)"),
        (
            lambda: F.cross_entropy(Z, np.array([0])),
            ShapeError,
            r"labels of shape \(2,\) .*not \(1,\)",
        ),
        (lambda: F.cross_entropy(Z, Z), DataError, r"sum to 1; row 0 is \[0\. 0\. 0\.\]"),
        (
            lambda: F.cross_entropy(Z, np.array([[0.5, 0.5, 0], [1.5, -0.5, 0]])),
            DataError,
            r"sum to 1; row 1 is \[ 1\.5 -0\.5  0\. \]",
        ),
        (lambda: F.cross_entropy(Z, np.full((2, 3), np.nan)), DataError, "row 0 is .nan nan nan"),
        (
            lambda: F.cross_entropy(Y, Z),
            ShapeError,
            r"not int64 of shape \(2,\); .*\(logits, targets\)",
        ),
        (lambda: F.cross_entropy(Z, 1), DtypeError, "targets must be an array .*not int"),
        (lambda: F.cross_entropy("logits", Y), DtypeError, "logits must be an array .*not str"),
        (lambda: F.cross_entropy(Z, np.array(["a", "b"])), DtypeError, "real numbers, not of <U1"),
        (
            lambda: F.cross_entropy(F.softmax(mg.tensor(Z, requires_grad=True)), Y),
            ArgumentError,
            "itself",
        ),
        (
            lambda: nn.CrossEntropyLoss()(nn.Softmax()(mg.tensor(Z, requires_grad=True)), Y),
            ArgumentError,
            r"leave nn\.Softmax\(\) out",
        ),
        (lambda: F.mse_loss(Z, None), DtypeError, "mse_loss's target must be .*not NoneType"),
        (lambda: F.binary_cross_entropy(Z + 2, Z), DataError, r"there is 2\.0; apply a sigmoid"),
        (lambda: F.binary_cross_entropy(Z - np.nan, Z), DataError, "there is nan; apply a sigmoid"),
        (lambda: F.binary_cross_entropy(Z, Z - 1), DataError, r"targets .*there is -1\.0; scale"),
        (lambda: F.binary_cross_entropy_with_logits(Z, Z + 9), DataError, r"there is 9\.0; scale"),
        (lambda: F.l1_loss(Z, Z, reduction="average"), ArgumentError, "not 'average'"),
        (lambda: nn.NLLLoss(reduction=None), ArgumentError, "'mean', 'sum' or 'none', not None"),
        (lambda: nn.MSELoss(Z), ArgumentError, r"not ndarray \(2, 3\) .*nn\.MSELoss\(\)\("),
        (lambda: nn.CrossEntropyLoss(mg.tensor(Z), Y), ArgumentError, r"not Tensor \(2, 3\)"),
        (lambda: nn.CrossEntropyLoss(label_smoothing=1.5), ArgumentError, r"0 to 1, not 1\.5"),
        (lambda: F.cross_entropy(Z, Y, label_smoothing="a"), ArgumentError, "0 to 1, not 'a'"),
        (lambda: nn.HuberLoss(delta=0), ArgumentError, "positive delta, not 0"),
        (lambda: F.huber_loss(Z, Z, delta=None), ArgumentError, "positive delta, not None"),
    ],
)
def test_wrong_calls(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_soft_targets_are_used_as_they_are():
    rng = np.random.default_rng(0)
    z, t = logits(rng, (3, 4)), probabilities(rng, (3, 4))
    before = t.copy()
    F.cross_entropy(mg.tensor(z, requires_grad=True), t, label_smoothing=0.1).backward()
    np.testing.assert_array_equal(t, before)
    two_classes = np.stack([t[:, 0], 1 - t[:, 0]], axis=1)
    pair = np.stack([z[:, 0], np.zeros(3)], axis=1)
    binary = bce(1 / (1 + np.exp(-z[:, 0])), t[:, 0])
    np.testing.assert_allclose(F.cross_entropy(pair, two_classes, reduction="none"), binary)


def test_the_quick_gradient_of_cross_entropy_is_that_of_the_rule():
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((7, 5)), rng.integers(0, 5, 7)
    quick, plain = (mg.tensor(logits, requires_grad=True) for _ in range(2))
    (3 * F.cross_entropy(quick, labels)).backward()
    (3 * F.cross_entropy(plain, labels)).backward(create_graph=True)
    np.testing.assert_allclose(quick.grad, plain.grad.data, rtol=1e-14, atol=1e-17)


FUNCTIONS = {
    F.mse_loss: ([0.5], [1.0]),
    F.l1_loss: ([0.5], [1.0]),
    F.huber_loss: ([0.5], [1.0]),
    F.binary_cross_entropy: ([0.5], [1.0]),
    F.binary_cross_entropy_with_logits: ([0.5], [1.0]),
    F.nll_loss: ([[-0.5, -1.0]], [1]),
    F.cross_entropy: ([[0.5, 1.0]], [1]),
}


@pytest.mark.parametrize("loss", FUNCTIONS)
def test_functions_refuse_unknown_reductions(loss):
    x, t = map(np.array, FUNCTIONS[loss])
    with pytest.raises(ArgumentError, match=r"not 'average'$"):
        loss(x, t, reduction="average")


@pytest.mark.parametrize("loss", FUNCTIONS)
def test_functions_take_lists_and_tuples(loss):
    x, t = FUNCTIONS[loss]
    expected = loss(np.array(x), np.array(t))
    for kind in (list, tuple):
        np.testing.assert_allclose(loss(kind(x), kind(t)), expected, rtol=1e-6)


def test_functions_take_numbers_of_numpy():
    assert F.mse_loss(np.float64(3.0), np.float64(1.0)) == 4.0


def test_mean_cross_entropy_far_out():
    z = np.array([[1e4, 0.0, -1e4], [-1e4, -2e4, 0.0]])
    assert F.cross_entropy(z, np.array([1, 2])) == 5000.0
    x = mg.from_numpy(z, requires_grad=True)
    F.cross_entropy(x, np.array([1, 2])).backward()
    assert x.grad.tolist() == [[0.5, -0.5, 0.0], [0.0, 0.0, 0.0]]


def test_predictions_of_whole_numbers_do_not_cut_the_targets():
    assert F.mse_loss(np.array([1, 2]), np.array([1.5, 2.5])) == 0.25


def test_targets_that_are_variables_keep_their_dtype():
    target = mg.tensor([0.1], dtype=np.float64, requires_grad=True)
    out = F.mse_loss(mg.tensor([0.0], requires_grad=True), target)
    assert out.dtype == np.float64
    assert out.item() == 0.1**2


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_a_number_is_no_row_of_classes(loss):
    with pytest.raises(ShapeError):
        loss(np.array(0.5), np.array(0))


def test_a_number_is_no_array_of_labels():
    with pytest.raises(DtypeError, match="targets must be an array"):
        F.nll_loss(np.zeros((1, 2)), 1)


@pytest.mark.parametrize(
    "wrong", [[0.25, 0.25], [0.75, 0.75], [-0.5, 1.5], [0.5, 0.5015], [0.5, 0.4985]]
)
def test_the_first_row_that_is_no_distribution_is_named(wrong):
    z, good = np.zeros((2, 2, 2)), [0.5, 0.5]
    targets = np.array([[good, good], [wrong, wrong]])
    with pytest.raises(DataError, match="row 2 is"):
        F.cross_entropy(z, targets)
    with pytest.raises(DataError, match="row 3 is"):
        F.cross_entropy(z, np.array([[good, good], [good, wrong]]))
