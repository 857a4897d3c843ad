"""At a kink a subgradient is accepted, and called a kink; anything else is still found wrong."""

import numpy as np
import pytest

from minigrad.nn import functional as F
from minigrad.testing import GradientMismatch, Verdict, gradcheck

A = np.array


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


def huber(x):
    size = np.abs(x)
    return np.where(size <= 1, 0.75 * x * x, size - 0.5)  # with a kink where its parts meet


def hard_sigmoid(x):
    return np.clip(0.25 * x + 0.5, 0, 1)


def soft_threshold(x):
    return np.sign(x) * np.maximum(np.abs(x) - 1, 0)


def norm(x):
    return np.sqrt(np.sum(x * x))


def unit(x):
    size = norm(x)
    return np.where(size == 0, 0, x / np.where(size == 0, 1, size))


def others(x):
    """The products of all elements but one."""
    return A([np.prod(np.delete(x, i)) for i in range(x.size)])


def in_order(x, g):
    out = np.zeros_like(x)
    out[np.argsort(x, kind="stable")] = g
    return out


def first(x):
    return np.arange(x.size) == np.argmax(x)


def of_ties(x, share):
    return np.where(x == x.max(), share, 0.0)


# name: function, its arguments, a right rule (one of many), a rule that is wrong at the kink only.
CASES = {
    "relu at 0": (
        lambda x: np.maximum(x, 0),
        [A([0.0, 1, -1])],
        lambda g, x: g * (x > 0),
        lambda g, x: g * np.where(x == 0, 2, x > 0),
    ),
    "relu at 0, slope to the right": (
        lambda x: np.maximum(x, 0),
        [A([0.0, 1, -1])],
        lambda g, x: g * (x >= 0),
        lambda g, x: g * np.where(x == 0, -0.01, x > 0),
    ),
    "relu near 0": (
        lambda x: np.maximum(x, 0),
        [A([0.0, 1e-3, -1e-5, 1e-7])],
        lambda g, x: g * (x > 0),
        lambda g, x: g * (x > 1e-4),
    ),
    "abs at 0": (
        np.abs,
        [A([0.0, 1, -2])],
        lambda g, x: g * np.sign(x),
        lambda g, x: g * np.where(x == 0, 5, np.sign(x)),
    ),
    "leaky relu at 0": (
        leaky,
        [A([0.0, 1, -2])],
        lambda g, x: g * np.where(x > 0, 1, 0.1),
        lambda g, x: g * np.where(x > 0, 1, np.where(x == 0, 0, 0.1)),
    ),
    "max, two ties, shared": (
        np.max,
        [A([1.0, 1, 0])],
        lambda g, x: g * of_ties(x, 0.5),
        lambda g, x: g * of_ties(x, 1.0),
    ),
    "max, three ties, the first": (
        np.max,
        [A([1.0, 1, 1])],
        lambda g, x: g * first(x),
        lambda g, x: g * of_ties(x, 0.5),
    ),
    "max, ties forgotten": (
        np.max,
        [A([1.0, 1, 0])],
        lambda g, x: g * of_ties(x, 0.5),
        lambda g, x: g * (np.sum(x == x.max()) == 1) * (x == x.max()),
    ),
    "min, ties in a column": (
        lambda x: np.min(x, axis=0),
        [A([[1.0, 3], [1, 2]])],
        lambda g, x: g * A([[0.5, 0], [0.5, 1]]),
        lambda g, x: g * A([[1.0, 0], [1, 1]]),
    ),
    "maximum, equal operands": (
        np.maximum,
        [A([1.0, 2]), A([1.0, 3])],
        lambda g, x, y: (g * (x >= y), g * (y > x)),
        lambda g, x, y: (g * (x > y), g * (y > x)),
    ),
    "minimum, equal operands": (
        np.minimum,
        [A([1.0, 2]), A([1.0, 3])],
        lambda g, x, y: (g * A([0.5, 1]), g * A([0.5, 0])),
        lambda g, x, y: (g * (x <= y), g * (y <= x)),
    ),
    "clip at both ends": (
        lambda x: np.clip(x, -1, 1),
        [A([-1.0, 1, 0, 2])],
        lambda g, x: g * (np.abs(x) <= 1),
        lambda g, x: g * np.where(np.abs(x) == 1, 1.5, np.abs(x) < 1),
    ),
    "hard sigmoid at an end": (
        hard_sigmoid,
        [A([2.0, -2, 0.5])],
        lambda g, x: g * 0.25 * (np.abs(x) < 2),
        lambda g, x: g * np.where(np.abs(x) < 2, 0.25, np.where(x == 2, -0.25, 0)),
    ),
    "sort, ties": (
        np.sort,
        [A([1.0, 0, 1, 2])],
        lambda g, x: in_order(x, g),
        lambda g, x: in_order(x, g) * np.where(x == 1, 2, 1),
    ),
    "norm at 0": (
        norm,
        [np.zeros(3)],
        lambda g, x: g * unit(x),
        lambda g, x: g * np.where(x == 0, 1, unit(x)),
    ),
    "norm at 0, a long subgradient": (
        norm,
        [np.zeros(2)],
        lambda g, x: g * A([0.6, 0.0]),
        lambda g, x: g * A([0.9, 0.9]),
    ),
    "hypot at 0": (
        np.hypot,
        [A([0.0, 3]), A([0.0, 4])],
        lambda g, x, y: (g * A([0, 0.6]), g * A([0, 0.8])),
        lambda g, x, y: (g * A([1, 0.6]), g * A([1, 0.8])),
    ),
    "standard deviation of equal numbers": (
        np.std,
        [A([2.0, 2, 2])],
        lambda g, x: 0 * x,
        lambda g, x: g + 0 * x,
    ),
    "product with a zero is smooth": (
        np.prod,
        [A([0.0, 2, 3])],
        lambda g, x: g * others(x),
        lambda g, x: g * np.where(x == 0, 0, others(x)),
    ),
    "absolute product with a zero": (
        lambda x: np.abs(np.prod(x)),
        [A([0.0, 2, 3])],
        lambda g, x: 0 * x,
        lambda g, x: g * 2 * others(x),
    ),
    "where, branches that meet": (
        lambda x: np.where(x < 1, x * x, 2 - x),
        [A([1.0, 0.5, 3])],
        lambda g, x: g * np.where(x < 1, 2 * x, -1),
        lambda g, x: g * np.where(x < 1, 2 * x, np.where(x == 1, -3, -1)),
    ),
    "where, branches that do not meet": (
        lambda x: np.where(x < 1, x, x + 1),
        [A([1.0, 0.5, 3])],
        lambda g, x: g + 0 * x,
        lambda g, x: g * np.where(x == 1, 0, 1),
    ),
    "huber at its ends": (
        huber,
        [A([1.0, -1, 0.5, 2])],
        lambda g, x: g * np.where(np.abs(x) < 1, 1.5 * x, np.sign(x)),
        lambda g, x: g * np.where(np.abs(x) < 1, 1.5 * x, np.where(x == 1, 2, np.sign(x))),
    ),
    "hinge at the margin": (
        lambda x: np.sum(np.maximum(0, 1 - x)),
        [A([1.0, 0.5, 3])],
        lambda g, x: -g * (x < 1),
        lambda g, x: g * np.where(x == 1, 1.0, -1.0 * (x < 1)),
    ),
    "soft threshold": (
        soft_threshold,
        [A([1.0, -1, 0.5, 3])],
        lambda g, x: g * (np.abs(x) > 1),
        lambda g, x: g * np.where(np.abs(x) == 1, -1, np.abs(x) > 1),
    ),
    "sign jumps at 0": (
        np.sign,
        [A([0.0, 2])],
        lambda g, x: 0 * g,
        lambda g, x: g * (x == 0),
    ),
    "square root ends at 0": (
        np.sqrt,
        [A([0.0, 4])],
        lambda g, x: g / (2 * np.sqrt(x)),
        lambda g, x: g * A([0, 0.25]),
    ),
    "power 3/2 ends at 0": (
        lambda x: x**1.5,
        [A([0.0, 4])],
        lambda g, x: g * 1.5 * np.sqrt(x),
        lambda g, x: g * A([1, 3]),
    ),
    "cube root is steep at 0": (
        np.cbrt,
        [A([0.0, 8])],
        lambda g, x: g / (3 * np.cbrt(x) ** 2),
        lambda g, x: g * A([0, 1 / 12]),
    ),
    "median, ties": (
        np.median,
        [A([1.0, 2, 2])],
        lambda g, x: g * A([0, 0.5, 0.5]),
        lambda g, x: g * A([0, 1.0, 1]),
    ),
}
SMOOTH = {"product with a zero is smooth"}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CASES)
def test_subgradient_is_a_kink_and_not_right(name, seed):
    f, arguments, right, _ = CASES[name]
    report = gradcheck(f, arguments, vjp=right, seed=seed)
    assert report.verdict is (Verdict.RIGHT if name in SMOOTH else Verdict.KINK)
    assert report


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CASES)
def test_mistake_at_the_kink_is_found(name, seed):
    f, arguments, _, wrong = CASES[name]
    report = gradcheck(f, arguments, vjp=wrong, seed=seed, raise_on_failure=False)
    assert report.verdict is Verdict.WRONG
    assert not report


@pytest.mark.parametrize("name", CASES)
def test_scaled_rule_is_wrong_though_there_is_a_kink(name):
    f, arguments, right, _ = CASES[name]
    with np.errstate(all="ignore"):
        if not np.any(right(1.0, *arguments)):
            return  # zero stays zero

    def scaled(g, *args):
        gradient = right(g, *args)
        return tuple(3 * part for part in gradient) if type(gradient) is tuple else 3 * gradient

    if name == "norm at 0, a long subgradient":
        assert np.linalg.norm(scaled(1.0, *arguments)) > 1
    assert not gradcheck(f, arguments, vjp=scaled, raise_on_failure=False)


def test_there_are_more_than_twenty():
    assert len(CASES) - len(SMOOTH) >= 20


def test_minigrads_own_rules_are_kinks():
    cases = [
        (F.relu, A([0.0, 1])),
        (np.abs, A([0.0, 1])),
        (np.max, A([1.0, 1, 0])),
        (np.sort, A([1.0, 1, 0])),
        (np.linalg.norm, np.zeros(3)),
        (np.std, A([1.0, 1])),
        (lambda x: np.clip(x, 0, 1), A([0.0, 1, 0.5])),
        (lambda x: np.maximum(x, x[::-1]), A([1.0, 2, 1])),
    ]
    for f, x in cases:
        assert gradcheck(f, [x]).verdict is Verdict.KINK


# --- What is said of kinks ---------------------------------------------------------------------


def test_kinks_are_counted_where_they_are():
    report = gradcheck(np.abs, [A([[0.0, 1, 2], [3, 0, -4]])], order=1)
    (argument,) = report.arguments
    kinks = [e.index for e in argument.elements if e.finding.verdict is Verdict.KINK]
    assert kinks == [(0, 0), (1, 1)]
    assert argument.count(Verdict.RIGHT) == 4
    finding = argument.elements[0].finding
    assert finding.low == pytest.approx(-finding.high)
    assert finding.low < finding.analytic == 0.0 < finding.high
    assert "kink" in str(report)
    assert "right" not in str(report).splitlines()[0]


def test_kinks_can_be_refused():
    with pytest.raises(GradientMismatch, match=r"argument 0 \(x\) has a kink at \[1\]"):
        gradcheck(np.abs, [A([1.0, 0.0])], kink="error")
    assert gradcheck(np.abs, [A([1.0, 2.0])], kink="error")


def test_near_a_kink_is_not_at_it():
    x = A([1e-2, -1e-4, 1e-6, -1e-8, 1e-10])
    assert gradcheck(np.abs, [x], order=1).verdict is Verdict.RIGHT
    wrong = gradcheck(
        np.abs, [x], vjp=lambda g, x: g * np.sign(x) * (np.abs(x) > 1e-9), raise_on_failure=False
    )
    assert wrong.arguments[0].worst.index == (4,)
    assert wrong.arguments[0].count(Verdict.WRONG) == 1


def test_end_of_the_domain_is_named():
    report = gradcheck(lambda x: x**1.5, [A([0.0, 1.0])], order=1)
    assert report.arguments[0].elements[0].finding.note == "the function ends here"
    report = gradcheck(np.sign, [A([0.0, 1.0])], order=1)
    assert report.arguments[0].elements[0].finding.note == "the function jumps here"


def test_function_that_raises_outside_its_domain():
    def careful_root(x):
        if np.any(x < 0):
            raise ValueError("negative")
        return np.sqrt(x)

    assert gradcheck(careful_root, [A([1e-3, 1.0])], vjp=lambda g, x: g / (2 * np.sqrt(x)))


def test_nan_gradient_is_right_only_where_the_function_is_not_finite():
    def safe(x):
        return np.where(x > 0, np.sqrt(np.abs(x)), 0)

    def nan_at_zero(g, x):
        return g * np.where(x == 0, np.nan, (x > 0) * 0.5 / np.sqrt(np.maximum(x, 1e-300)))

    report = gradcheck(safe, [A([0.0, 1.0])], vjp=nan_at_zero, raise_on_failure=False)
    assert report.verdict is Verdict.WRONG
    assert "NaN" in report.message
    assert gradcheck(np.sqrt, [A([-1.0, 1.0])]).verdict is Verdict.KINK
    assert gradcheck(np.log, [A([0.0, -1.0, 1.0])]).verdict is Verdict.KINK


def test_an_accepted_kink_is_named_in_the_table_and_is_no_finding():
    report = gradcheck(np.abs, np.array([-1.0, 0.0, 2.0, 0.0]), order=1)
    note = "note: argument 0 (x) has 2 kinks, the first at [1]: slopes differ"
    assert note in str(report)
    assert note in report._repr_html_()
    assert not report.findings
    refused = gradcheck(np.abs, np.zeros(1), order=1, kink="error", raise_on_failure=False)
    assert str(refused).count("has a kink at [0]") == 1
