"""The zoo of wrong gradients: each is wrong, its right version is not, and the checker tells."""

import dataclasses
import functools
from collections import Counter

import numpy as np
import pytest

import minigrad as mg
from minigrad import testing
from minigrad.errors import ArgumentError
from minigrad.testing import GradientMismatch, Verdict, gradcheck, power
from minigrad.testing.mutants import MUTANTS, Mutant, Power, mutant, ones_seeded

A = np.array
ALL = pytest.mark.parametrize("wrong", MUTANTS, ids=lambda mutant: mutant.name)
# What of a gradient is wrong, where it is not the values that the first call returns.
BESIDE_VALUES = {
    "shape that broadcasts", "empty inputs", "same array for two arguments", "cotangent returned",
    "view of the cotangent", "input overwritten", "cotangent overwritten", "accumulated",
    "buffer reused", "second call differs", "derivative remembered", "narrowed to float32",
    "widened to float64", "input detached", "cotangent detached", "rule without a graph",
    "second formula",
}  # fmt: skip


def as_tuple(gradients):
    return gradients if isinstance(gradients, tuple) else (gradients,)


def cotangent_of(f, inputs):
    out = np.asarray(f(*inputs))
    return np.linspace(-1.75, 1.25, out.size).reshape(out.shape).astype(out.dtype)


def gradients_of(pair, inputs, g=None):
    f, vjp = pair
    with np.errstate(all="ignore"):
        return as_tuple(vjp(cotangent_of(f, inputs) if g is None else g, *inputs))


def differences(f, inputs, g, step=1e-5):
    """Return central differences of <g, f>, written as plainly as can be."""
    found = []
    for x in inputs:
        slopes = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            kept = x[index]
            x[index] = kept + step
            above = np.sum(g * f(*inputs))
            x[index] = kept - step
            slopes[index] = (above - np.sum(g * f(*inputs))) / (2 * step)
            x[index] = kept
        found.append(slopes)
    return found


def is_small(each):
    return sum(x.size for x in each.inputs) < 300


# --- The zoo itself ----------------------------------------------------------------------------


def test_there_are_enough_and_their_names_are_unique():
    names = [each.name for each in MUTANTS]
    assert len(set(names)) == len(names) == 92
    mistakes = [each.mistake for each in MUTANTS]
    assert len(set(mistakes)) == len(mistakes)
    assert all(mistake.endswith(".") and mistake.count(". ") == 0 for mistake in mistakes)
    assert Counter(each.kind for each in MUTANTS) == {
        "factor": 9, "formula": 8, "missing term": 11, "cotangent": 6, "order": 14, "reduction": 8,
        "some inputs only": 10, "kink": 4, "small difference": 6, "memory": 5, "state": 5,
        "dtype": 2, "second order": 4,
    }  # fmt: skip


@ALL
def test_both_compute_the_same_function(wrong):
    each = wrong.fresh()
    np.testing.assert_array_equal(each.f(*each.inputs), each.right(*each.inputs))


@ALL
def test_right_gradient_is_that_of_plain_differences(wrong):
    """Written out here, so that it does not depend on the checker; kinks are looked at below."""
    if wrong.kind == "kink":
        return
    f, vjp = wrong.right_pair
    inputs = [np.array(x, np.float64) for x in wrong.inputs]
    g = cotangent_of(f, inputs)
    for gradient, slopes in zip(as_tuple(vjp(g, *inputs)), differences(f, inputs, g), strict=True):
        np.testing.assert_allclose(gradient, slopes, rtol=1e-7, atol=1e-9)


@ALL
def test_right_gradient_has_the_inputs_shapes_and_dtypes(wrong):
    for gradient, x in zip(gradients_of(wrong.right_pair, wrong.inputs), wrong.inputs, strict=True):
        assert gradient.shape == x.shape
        assert gradient.dtype == x.dtype


@ALL
def test_wrong_gradient_differs_from_the_right_one(wrong):
    each = wrong.fresh()
    found = gradients_of(each.pair, each.inputs)
    wanted = gradients_of(each.right_pair, wrong.inputs)
    largest = max(np.max(np.abs(w), initial=0) for w in wanted)
    off = [
        np.max(np.abs(f - w), initial=0) if f.shape == w.shape else 0
        for f, w in zip(found, wanted, strict=True)
    ]
    differs = not max(off) <= 1e-7 * largest  # NaN differs
    assert differs == (wrong.name not in BESIDE_VALUES)


def test_wrong_shapes_and_dtypes():
    for name, index, shape in [("shape that broadcasts", 1, (1, 3)), ("empty inputs", 0, (1, 3))]:
        each = mutant(name)
        assert gradients_of(each.pair, each.inputs)[index].shape == shape
    for name, dtype in [("narrowed to float32", np.float32), ("widened to float64", np.float64)]:
        each = mutant(name)
        (gradient,) = gradients_of(each.pair, each.inputs)
        assert gradient.dtype == dtype != each.inputs[0].dtype


def test_memory_is_shared_and_overwritten():
    each = mutant("same array for two arguments")
    one, other = gradients_of(each.pair, each.inputs)
    assert one is other
    for name in ("cotangent returned", "view of the cotangent"):
        each = mutant(name)
        g = cotangent_of(each.f, each.inputs)
        assert all(np.shares_memory(g, found) for found in gradients_of(each.pair, each.inputs, g))
    each = mutant("input overwritten")
    (gradient,) = gradients_of(each.pair, each.inputs)
    assert gradient is each.inputs[0]
    assert not np.array_equal(each.inputs[0], mutant("input overwritten").inputs[0])
    each = mutant("cotangent overwritten")
    g = np.ones(4)
    gradients_of(each.pair, each.inputs, g)
    assert g.tolist() == [1, 0, 1, 0]


def test_state_shows_in_further_calls():
    each = mutant("accumulated")
    (first,), (second,) = (gradients_of(each.pair, each.inputs) for _ in range(2))
    np.testing.assert_allclose(second, 2 * first)
    each = mutant("buffer reused")
    (first,) = gradients_of(each.pair, each.inputs)
    gradients_of(each.pair, each.inputs, np.zeros(4))
    assert not first.any()
    each = mutant("second call differs")
    (first,), (second,) = (gradients_of(each.pair, each.inputs) for _ in range(2))
    assert first.all()
    assert not second.any()
    each = mutant("derivative remembered")
    (first,) = gradients_of(each.pair, each.inputs)
    (second,) = gradients_of(each.pair, [each.inputs[0] + 1])
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "derivative", "wrong_derivative"),
    [
        ("input detached", lambda x: 6 * x, lambda x: 0 * x),
        ("cotangent detached", lambda x: -np.sin(x), lambda x: -np.sin(x)),
        ("rule without a graph", lambda x: 6 * x, lambda x: 0 * x),
        (
            "second formula",
            lambda x: np.exp(-x) * (np.exp(-x) - 1) / (1 + np.exp(-x)) ** 3,
            lambda x: np.exp(-x) * (np.exp(-x) + 3) / (1 + np.exp(-x)) ** 3,
        ),
    ],
)
def test_second_derivatives(name, derivative, wrong_derivative):
    each = mutant(name)
    (x,) = each.inputs

    def second(f):
        return mg.grad(lambda x: np.sum(mg.grad(lambda x: np.sum(f(x)))(x)))(x)

    np.testing.assert_allclose(second(each.right), derivative(x))
    np.testing.assert_allclose(second(each.f), wrong_derivative(x))


def test_detached_cotangent_loses_the_derivative_by_what_comes_later():
    each = mutant("cotangent detached")

    def second(f):
        # d²/dx² sin(x)² = 2 cos(2x), of which 2 cos(x)² passes through the cotangent of sin
        return mg.grad(lambda x: np.sum(mg.grad(lambda x: np.sum(f(x) ** 2))(x)))(each.inputs[0])

    x = each.inputs[0]
    np.testing.assert_allclose(second(each.right), 2 * np.cos(2 * x))
    np.testing.assert_allclose(second(each.f), -2 * np.sin(x) ** 2)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("whole gradient to all ties", [[0.5, 0, 0.5]], [[1, 0, 1]]),
        ("equal operands get nothing", [[1, 1, 0], [0, 0, 1]], [[0, 1, 0], [0, 0, 1]]),
        ("both slopes at the kink", [[0.25, 1, 0.25]], [[1.25, 1, 0.25]]),
        ("NaN at the kink", [[0, 1, -1]], [[np.nan, 1, -1]]),
        ("mean of everything", [[[0.25] * 3] * 4], [[[1 / 12] * 3] * 4]),
        ("off by one", [[0, 1, 1, 1, 1]], [[1, 1, 1, 1, 0]]),
        ("stride forgotten", [[1, 0, 1, 0, 1]], [[1, 1, 1, 0, 0]]),
        ("picked twice, added once", [[2, 1, 2, 0]], [[1, 1, 1, 0]]),
        ("cumulated forwards", [[5, 4, 3, 2, 1]], [[1, 2, 3, 4, 5]]),
        ("zero among the factors", [[0, -1.05, 0]], [[0, np.nan, 0]]),
        ("mask transposed", [np.triu(np.ones((3, 3)))], [np.tril(np.ones((3, 3)))]),
        ("bounds ignored", [[0, 0, 1, 1]], [[1, 1, 1, 1]]),
        ("mask inverted", [[1, 0, 1, 0]], [[0, 1, 0, 1]]),
        ("batch not summed", None, None),
    ],
)
def test_numbers_by_hand(name, right, wrong):
    """The gradients of the sum of the results."""
    each = mutant(name)
    if right is None:
        x, _ = each.inputs
        columns = [x.sum(axis=(0, 1)), x[0].sum(axis=0)]
        right, wrong = ([None, np.stack([c, c], axis=1)] for c in columns)
    g = np.ones_like(each.f(*each.inputs))
    for pair, numbers in ((each.right_pair, right), (each.pair, wrong)):
        for found, wanted in zip(gradients_of(pair, each.inputs, g), numbers, strict=True):
            if wanted is not None:
                np.testing.assert_allclose(found, wanted, rtol=1e-14, atol=0)


def test_pairs_of_operators_are_plain_functions():
    each = mutant("scaled")
    f, vjp = each.pair
    assert type(f(*each.inputs)) is np.ndarray
    (gradient,) = vjp(np.ones(4), *each.inputs)
    np.testing.assert_allclose(gradient, 0.5 * each.inputs[0])
    _, vjp = each.right_pair
    np.testing.assert_allclose(vjp(np.ones(4), *each.inputs)[0], each.inputs[0])


def test_those_of_the_table_cannot_be_changed_and_fresh_ones_can():
    for each in MUTANTS:
        assert not any(x.flags.writeable for x in each.inputs)
        fresh = each.fresh()
        assert all(x.flags.writeable for x in fresh.inputs)
        for x, y in zip(each.inputs, fresh.inputs, strict=True):
            np.testing.assert_array_equal(x, y)
            assert (x.dtype, x.strides) == (y.dtype, y.strides)
            assert not np.shares_memory(x, y)
    with pytest.raises(dataclasses.FrozenInstanceError):
        each.name = "another"


def test_fresh_ones_have_no_memory_of_earlier_calls():
    for _ in range(2):
        each = mutant("second call differs")
        assert gradients_of(each.pair, each.inputs)[0].all()


def test_unknown_name():
    with pytest.raises(ArgumentError, match="there is no mutant 'scald'; there are scaled, sign"):
        mutant("scald")


# --- The checker -------------------------------------------------------------------------------


@ALL
def test_checker_catches_the_mutant_and_not_its_right_version(wrong):
    each = wrong.fresh()
    right = gradcheck(each.right, list(each.inputs), vjp=each.right_vjp)
    assert right.verdict is (Verdict.KINK if wrong.kind == "kink" else Verdict.RIGHT)
    assert not right.findings
    with pytest.raises(GradientMismatch) as caught:
        gradcheck(each.f, list(each.inputs), vjp=each.vjp)
    assert "raised" not in str(caught.value)  # found wrong, not failed
    assert caught.value.report.findings


@pytest.mark.slow
def test_checker_catches_all_pairs_but_second_order_with_another_seed():
    found = power(functools.partial(gradcheck, seed=1), filter(is_small, MUTANTS), pairs=True)
    assert found.missed == [each.name for each in MUTANTS if each.kind == "second order"]
    assert found.false_alarms == []


def test_first_order_does_not_see_second_order():
    mutants = [each for each in MUTANTS if each.kind == "second order"]
    found = power(functools.partial(gradcheck, order=1), mutants)
    # Forward mode, which is the transpose of the rule, sees what is lost of the cotangent.
    assert found.missed == ["input detached", "second formula"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("buffer reused", r"a further call changed the gradient of argument 0 \(x\) in place"),
        ("derivative remembered", "the same at another point, and wrong there"),
        ("float32 inputs", 'wrong in float32 only; dtype="float32" shows where'),
        ("input overwritten", r"gradient of argument 0 \(x\) shares memory with argument 0 \(x\)"),
        ("six digits of a constant", "right to within 1e-05 of its largest element"),
        ("transposed", "looks like this: it is transposed"),
        ("another mask", "the second call gives another gradient"),
        ("inputs that are not contiguous", "another for arrays that are not contiguous"),
    ],
)
def test_checker_says_what_is_wrong(name, message):
    each = mutant(name)
    with pytest.raises(GradientMismatch, match=message):
        gradcheck(each.f, list(each.inputs), vjp=each.vjp)


def test_float32_mutant_is_located_in_float32():
    each = mutant("float32 inputs")
    report = gradcheck(
        each.f, list(each.inputs), vjp=each.vjp, dtype=np.float32, raise_on_failure=False
    )
    assert report.arguments[0].verdict is Verdict.WRONG
    assert gradcheck(each.f, [x.astype(np.float64) for x in each.inputs], vjp=each.vjp)


# --- The same, given in float32: no false alarm --------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.exp(x) / np.sum(np.exp(x)), [70.0, 0.0, 1.0]),  # overflows in float32
        (lambda x: np.sqrt(1 + x**2) - x, [300.0, 1e3, 1.0]),  # cancels
        (lambda x: np.sum(x - np.mean(x)), [1.0, 2.0, 4.0]),
        (lambda x: np.maximum(np.tanh(x), 1), [20.0, 30.0, 1.0]),  # saturates: at a kink or not
        (lambda x: np.var(x), [1000.1, 1000.2, 999.7]),
        (lambda x: np.log(np.cosh(x)), [1e-3, 80.0, -2.0]),
        (lambda x: np.sort(1 / (1 + np.exp(-x))), [18.0, 17.5, 19.0, 40.0]),  # ties in float32 only
        (np.abs, [0.0, -1.0, 2.0]),
    ],
)
def test_right_gradients_of_float32_inputs(f, x):
    for seed in range(3):
        assert gradcheck(f, [A(x, np.float32)], seed=seed)


def test_staircase_of_roundings_is_no_slope():
    """To short steps this does not change at all, as what it subtracts is rounded."""

    def right(g, x):
        return -g / (np.sqrt(1 + x**2) * (np.sqrt(1 + x**2) + x))

    def f(x):
        return np.sqrt(1 + x**2) - x

    x = [A([300.0, 1e3, 1.0])]
    assert gradcheck(f, x, vjp=right).verdict is Verdict.RIGHT
    assert not gradcheck(f, x, vjp=lambda g, x: 1.001 * right(g, x), raise_on_failure=False)
    assert not gradcheck(f, x, vjp=lambda g, x: 0 * g, raise_on_failure=False)


def test_constant_gradients_are_not_taken_for_remembered_ones():
    fixed = A([2.0, 3.0])
    assert gradcheck(lambda x: fixed * x, (2,), vjp=lambda g, x: g * fixed)
    assert gradcheck(lambda x: np.round(x), [A([0.2, 1.4])], vjp=lambda g, x: 0 * x)

    def only_here(x):
        if np.any(x > 1):
            raise ValueError("outside the domain")
        return np.arcsin(x)

    assert gradcheck(only_here, [A([0.2, 0.999])], vjp=lambda g, x: g / np.sqrt(1 - x**2))


# --- The textbook's check ------------------------------------------------------------------------

MISSED_BY_ONES = {
    "softmax a hundredfold", "deviation held constant", "cotangent ignored", "cotangent averaged",
    "one cotangent for all rows", "cotangent clipped", "cotangent's magnitude",
    "reshape for transpose", "axes permuted twice", "rolled further", "not flipped back",
    "permuted", "sort not undone", "split at the wrong place", "kernel not flipped",
    "wrong axis reduced", "sum without keepdims", "product of means", "shape that broadcasts",
    "empty inputs", "float32 inputs", "a thousandth in one element", "small function",
    "six digits of a constant", "epsilon in the denominator", "derivative by differences",
    "same array for two arguments", "cotangent returned", "view of the cotangent",
    "input overwritten", "cotangent overwritten", "accumulated", "buffer reused",
    "second call differs", "derivative remembered", "narrowed to float32", "widened to float64",
    "input detached", "cotangent detached", "rule without a graph", "second formula",
}  # fmt: skip


def test_textbook_check_misses_nearly_half():
    found = power(ones_seeded)
    assert set(found.missed) == MISSED_BY_ONES
    assert len(found.missed) == 41
    assert found.false_alarms == ["equal operands get nothing", "both slopes at the kink"]
    assert power(ones_seeded, filter(is_small, MUTANTS), pairs=True).caught == [
        name for name in found.caught if is_small(mutant(name))
    ]


def test_textbook_check_is_the_textbooks():
    x = A([0.5, -1.0])
    assert ones_seeded(np.sin, [x], vjp=lambda g, x: g * np.cos(x))
    assert ones_seeded(np.sin, [x], vjp=lambda g, x: g * np.cos(x) * (1 + 5e-4))
    assert not ones_seeded(np.sin, [x], vjp=lambda g, x: g * np.cos(x) * (1 + 5e-3))
    assert not ones_seeded(np.sin, [x], vjp=lambda g, x: g * np.cos(x) * (1 + 5e-4), rtol=1e-4)
    assert not ones_seeded(lambda x: x**3, [x], vjp=lambda g, x: 3 * g * x**2, step=0.1)
    assert ones_seeded(lambda x: np.sin(x) * x, [x])
    assert x.tolist() == [0.5, -1.0]
    assert ones_seeded(lambda x, y: x * y, [x, x + 1], vjp=lambda g, x, y: (g * y, g * x))


# --- Power -------------------------------------------------------------------------------------

FEW = [mutant(name) for name in ("scaled", "sign flipped", "dead", "transposed", "accumulated")]
NAMES = [each.name for each in FEW]


def test_power_is_exported():
    assert testing.power is power
    assert "power" in testing.__all__


def test_checker_that_never_complains():
    found = power(lambda f, inputs, vjp=None: True, FEW)
    assert (found.caught, found.missed, found.false_alarms) == ([], NAMES, [])
    assert found.kinds == {"factor": (0, 3), "order": (0, 1), "state": (0, 1)}
    assert not found


def test_checker_that_always_complains():
    found = power(lambda f, inputs, vjp=None: False, FEW)
    assert (found.caught, found.missed, found.false_alarms) == (NAMES, [], NAMES)
    assert found.kinds == {"factor": (3, 3), "order": (1, 1), "state": (1, 1)}
    assert not found


def test_checker_that_raises():
    def broken(f, inputs, vjp=None):
        raise ZeroDivisionError("oh\ndear")

    found = power(broken, FEW)
    assert (found.caught, found.missed, found.false_alarms) == (NAMES, [], NAMES)
    assert found.trials[0].said == "ZeroDivisionError: oh\ndear"
    assert "false alarm: dead (ZeroDivisionError: oh)" in str(found)


def test_checker_that_forgets_to_answer_complains():
    assert power(lambda f, inputs, vjp=None: None, FEW).false_alarms == NAMES


def test_interrupting_a_checker_interrupts():
    def interrupted(f, inputs, vjp=None):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        power(interrupted, FEW)


def test_good_checker_is_true():
    assert power(gradcheck, FEW)
    assert bool(Power("nobody", ()))


def test_what_a_checker_is_given():
    calls = []

    def record(f, inputs, **options):
        assert all(x.flags.writeable for x in inputs)
        calls.append((type(inputs), sorted(options), inputs[0]))
        inputs[0][...] = 0
        return True

    power(record, FEW)
    assert [options for _, options, _ in calls] == [[]] * 8 + [["vjp"]] * 2
    assert all(kind is list for kind, _, _ in calls)
    calls.clear()
    power(record, FEW, pairs=True)
    assert [options for _, options, _ in calls] == [["vjp"]] * 10
    assert all(each.inputs[0].any() for each in FEW)


def test_checkers_do_not_disturb_each_other():
    first, second = (power(gradcheck, FEW) for _ in range(2))
    assert [t.is_caught for t in first.trials] == [t.is_caught for t in second.trials]
    assert [t.said for t in first.trials] == [t.said for t in second.trials]


def test_mutant_of_ones_own():
    def wrong(g, x):
        return g * np.exp(x) * 0.99

    def right(g, x):
        return g * np.exp(x)

    own = Mutant(
        "mine", "my kind", "It is 1 % short.", (A([0.5, 1.0]),), np.exp, np.exp, wrong, right
    )
    found = power(gradcheck, [own])
    assert found.caught == ["mine"]
    assert found.kinds == {"my kind": (1, 1)}


def test_what_it_prints():
    def finds_factors(f, inputs, vjp=None):
        return bool(np.all(inputs[0].shape == (3, 3))) if inputs[0].ndim > 1 else vjp is not None

    found = power(finds_factors, FEW)
    assert str(found).splitlines() == [
        "finds_factors catches 3 of 5 wrong gradients, with 3 false alarms",
        "  kind    caught  missed",
        "  factor  3 of 3",
        "  order   0 of 1  transposed",
        "  state   0 of 1  accumulated",
        "  false alarm: scaled",
        "  false alarm: sign flipped",
        "  false alarm: dead",
    ]
    page = found._repr_html_()
    assert "<td>order</td><td>0 of 1</td><td>transposed</td>" in page
    assert "<li>false alarm: dead</li>" in page
    assert "<lambda>" not in power(lambda f, inputs, vjp=None: True, FEW)._repr_html_()


def test_what_is_no_checker():
    with pytest.raises(ArgumentError, match=r"power takes a checker, .* not 3"):
        power(3)


def test_partial_and_object_have_names():
    assert power(functools.partial(gradcheck, order=1), []).checker == "partial"
