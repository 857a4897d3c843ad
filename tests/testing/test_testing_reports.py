"""What the report says, and the fixture that pytest users meet it through."""

import re
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
import pytest_minigrad
from minigrad import nn
from minigrad.errors import ArgumentError, MinigradError
from minigrad.testing import GradientMismatch, Verdict, gradcheck

A = np.array


def softplus(x):
    return np.log1p(np.exp(x))


def off_in_two(g, x):
    gradient = g / (1 + np.exp(-x))
    gradient[1, 2] *= 3
    gradient[0, 0] *= 1.01
    return gradient


def without_digits(text):
    """Leave the digits out that depend on how numbers are rounded."""
    return re.sub(r"(\d\.\d{3})\d*(e[-+]\d+)?|\d+e-\d+", r"\1", text)


def test_message_names_everything():
    with pytest.raises(GradientMismatch) as caught:
        gradcheck(softplus, (2, 3), vjp=off_in_two, seed=3)
    assert without_digits(str(caught.value)).splitlines() == [
        "gradcheck of softplus, float64, seed 3: wrong",
        "  the gradient of argument 0 (x), shape (2, 3), is wrong in 2 of the 6 elements looked at",
        "    worst at [1, 2]: analytic 2.644, numerical 0.881 ± ; off by 1.76 (relative 0.667)",
        "  reproduce: gradcheck(softplus, (2, 3), seed=3, vjp=off_in_two)",
    ]


def test_operators_are_called_by_their_names_and_partial_functions_by_what_they_are_of():
    operator = mg.primitive(softplus)
    mg.defvjp(operator, lambda g, _out, x: off_in_two(g, x))
    with pytest.raises(GradientMismatch, match=r"^gradcheck of softplus, .*"):
        gradcheck(operator, (2, 3))
    with pytest.raises(GradientMismatch, match=r"^gradcheck of partial\(softplus\), .*"):
        gradcheck(partial(softplus), (2, 3), vjp=off_in_two)


def test_exception_is_both_of_ours_and_an_assertion():
    with pytest.raises(AssertionError):
        gradcheck(softplus, (2, 3), vjp=off_in_two)
    with pytest.raises(MinigradError) as caught:
        gradcheck(softplus, (2, 3), vjp=off_in_two)
    report = caught.value.report
    assert report.verdict is Verdict.WRONG
    assert report.message == str(caught.value)
    worst = report.arguments[0].worst
    assert worst.index == (1, 2)
    assert worst.finding.analytic == pytest.approx(3 * worst.finding.numerical)
    assert worst.finding.difference > worst.finding.allowed > worst.finding.error


def test_the_line_that_reproduces_it_does():
    f = softplus
    for inputs, options in [
        ((2, 3), {"vjp": off_in_two}),
        ([A([[0.1, -0.2, 0.3], [1.0, 2.0, 3.0]])], {"vjp": off_in_two, "order": 1}),
        ([A([[0.1, -0.2, 0.3]] * 2, np.float32)], {"vjp": off_in_two, "wrt": [0]}),
        ([{"a": 0.0}, 3], {"kink": "error"}),
    ]:
        if "vjp" not in options:

            def f(p, n):
                return np.abs(p["a"]) * n

        report = gradcheck(f, inputs, **options, raise_on_failure=False)
        line = report.reproduce.replace(report.function, "f", 1)
        scope = {"gradcheck": gradcheck, "f": f, "np": np, "off_in_two": off_in_two}
        with pytest.raises(GradientMismatch) as caught:
            eval(line, scope)
        assert caught.value.report.findings == report.findings


def test_inputs_are_written_as_code_that_runs():
    report = gradcheck(np.sin, A([np.nan, 1.0]), rtol=1e-5, raise_on_failure=False)
    assert (
        report.reproduce == "gradcheck(sin, np.array([np.nan, 1.0], 'float64'), seed=0, rtol=1e-05)"
    )
    empty = gradcheck(np.sin, np.zeros((0, 3)))
    assert empty.reproduce == "gradcheck(sin, np.zeros((0, 3), 'float64'), seed=0)"


def test_large_inputs_are_not_written_out():
    report = gradcheck(np.sin, [np.ones(100)])
    assert report.reproduce == "gradcheck(sin, inputs, seed=0)"


def test_report_is_a_table():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh())
    report = gradcheck(model, (4, 2))
    assert str(report).splitlines() == [
        "gradcheck of Sequential, float64, seed 0: right",
        "  order  argument      shape       looked at  right  kink  wrong",
        "  1      0 (0.weight)  (3, 2)              6      6     0      0",
        "  1      1 (0.bias)    (3,)                3      3     0      0",
        "  1      2 (x)         (4, 2)              8      8     0      0",
        "  1      all of them           10 directions     10     0      0",
        "  2      all of them           10 directions     10     0      0",
    ]


def test_report_in_a_notebook():
    report = gradcheck(softplus, (2, 3), vjp=lambda g, x: 2 * g, raise_on_failure=False)
    page = report._repr_html_()
    assert page.count("<tr>") == 3
    assert "softplus" in page
    assert "<lambda>" not in page
    assert "vjp=&lt;lambda&gt;" in page


def test_report_is_true_where_nothing_is_wrong():
    assert bool(gradcheck(np.sin, (2,))) is True
    assert bool(gradcheck(np.abs, A([0.0]))) is True
    assert bool(gradcheck(np.abs, A([0.0]), kink="error", raise_on_failure=False)) is False
    assert bool(gradcheck(np.sin, (2,), vjp=lambda g, x: g, raise_on_failure=False)) is False


def test_wrong_along_directions_only():
    def all_ones(g, x):
        return g * (x == x.max()) * 1.0

    with pytest.raises(GradientMismatch) as caught:
        gradcheck(np.max, A([1.0, 1.0, 0.0]), vjp=all_ones)
    assert "directions across all arguments, though along no single element" in str(caught.value)
    assert "look at elements that are equal" in str(caught.value)


def test_report_notes_what_was_not_checked():
    report = gradcheck(np.sin, (2,), vjp=lambda g, x: g * np.cos(x), order=2)
    assert report.notes == ("of a function given with its vjp only first order can be checked",)
    assert not gradcheck(np.sin, (2,), vjp=lambda g, x: g * np.cos(x), order=1).notes


def test_kinds_of_names():
    def f(x, *rest, scale=1.0):
        return x * rest[0] * rest[1] * scale

    report = gradcheck(f, [(2,), (2,), (2,)], order=1)
    assert [argument.name for argument in report.arguments] == ["x", "rest[0]", "rest[1]"]
    report = gradcheck(nn.MSELoss(), [(2, 3), (2, 3)], order=1)
    assert report.function == "MSELoss"


# --- Losses and float32 ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses(reduction, dtype):
    labels = A([0, 2, 1, 1])
    assert gradcheck(nn.CrossEntropyLoss(reduction), [(4, 3), labels], dtype=dtype)
    assert gradcheck(nn.MSELoss(reduction), [(4, 3), (4, 3)], dtype=dtype)
    logits = A([50.0, -50.0, 800.0, 0.0, 1.0])
    targets = A([1.0, 0.0, 1.0, 1.0, 0.0])
    loss = nn.BCEWithLogitsLoss(reduction)
    assert gradcheck(loss, [logits, targets], wrt=[0], dtype=dtype)


def test_float32_is_judged_by_its_own_rounding():
    x = np.linspace(-3, 3, 12).reshape(3, 4)
    f, slope = np.tanh, lambda x: 1 - np.tanh(x) ** 2
    assert gradcheck(f, [x], dtype=np.float32).verdict is Verdict.RIGHT
    assert gradcheck(lambda x: f(x * 1e-3 + 1), [x], dtype=np.float32)
    assert gradcheck(f, [x], vjp=lambda g, x: g * slope(x), dtype=np.float32)
    fine = gradcheck(f, [x], vjp=lambda g, x: g * slope(x) * np.float32(1.0000005), dtype="float32")
    assert fine
    with pytest.raises(GradientMismatch, match="float32"):
        gradcheck(f, [x], vjp=lambda g, x: g * slope(x) * np.float32(1.0001), dtype=np.float32)
    with pytest.raises(GradientMismatch, match="is float64, and the argument is float32"):
        gradcheck(f, [x], vjp=lambda g, x: g * slope(x.astype(np.float64)), dtype=np.float32)


def test_function_that_computes_in_float32_whatever_it_is_given():
    def f(x):
        return np.tanh(x.astype(np.float32))

    def vjp(g, x):
        return (g * (1 - f(x) ** 2)).astype(x.dtype)

    for dtype in (np.float32, np.float64):
        assert gradcheck(f, (3, 4), vjp=vjp, dtype=dtype)
        off = gradcheck(
            f,
            (3, 4),
            vjp=lambda g, x: (1.02 * vjp(g, x)).astype(x.dtype),
            dtype=dtype,
            raise_on_failure=False,
        )
        assert not off


def test_overflow_in_float32_is_no_mistake():
    report = gradcheck(np.exp, [A([100.0, 1.0])], dtype=np.float32)
    assert report.verdict is Verdict.KINK
    assert gradcheck(np.exp, [A([100.0, 1.0])]).verdict is Verdict.RIGHT


def test_tolerances_can_be_set():
    def off(g, x):
        return g * np.cos(x) * 1.001

    assert not gradcheck(np.sin, (3,), vjp=off, raise_on_failure=False)
    assert gradcheck(np.sin, (3,), vjp=off, rtol=1e-2)
    assert gradcheck(np.sin, (3,), vjp=off, atol=1e-2)
    assert not gradcheck(np.sin, (3,), vjp=off, rtol=1e-4, atol=1e-8, raise_on_failure=False)


# --- The fixture -------------------------------------------------------------------------------

USERS_TESTS = """
import numpy as np

def my_op(x, y):
    return np.tanh(x) @ y

def test_my_op(gradcheck):
    assert gradcheck(my_op, (3, 4), (4,))

def test_same_seed(gradcheck, request):
    seeds = {gradcheck(my_op, (3, 4), (4,)).seed for _ in range(2)}
    print("SEED", *seeds)
    assert gradcheck(my_op, (3, 4), (4,), seed=5).seed == 5

def test_my_pair(gradcheck):
    gradcheck(np.sin, (3,), vjp=lambda g, x: g * np.sin(x))
"""


def test_fixture_in_a_users_project(pytester):
    pytester.makepyfile(test_mine=USERS_TESTS)
    options = ["-s", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    if "minigrad" not in entry_points(group="pytest11").names:  # run from a checkout
        options += ["-p", "pytest_minigrad"]
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*gradcheck(np.sin, (3,), vjp=lambda g, x: g * np.sin(x))",
            "E*GradientMismatch: gradcheck of sin, float64, seed *: wrong",
            "E*the gradient of argument 0 (*), shape (3,), is wrong in 3 of the 3 elements*",
        ]
    )
    again = pytester.runpytest_inprocess(*options)
    seeds = [re.findall(r"SEED (\d+)", run.stdout.str()) for run in (result, again)]
    assert len(seeds[0]) == 1
    assert seeds[0] == seeds[1]


def test_plugin_loads_nothing_of_ours(pytester, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(pytest_minigrad.__file__).parent))
    script = pytester.makepyfile(
        "import sys, pytest_minigrad; print(sorted(n for n in sys.modules if n in "
        "('minigrad', 'numpy', 'hypothesis')))"
    )
    assert pytester.runpython(script).stdout.str().strip() == "[]"


def test_a_gradient_that_shares_memory_is_compared_all_the_same():
    report = gradcheck(np.exp, (2,), vjp=lambda u, x: u, raise_on_failure=False)
    shared, wrong = report.issues[0], report.findings[0]
    assert "shares memory with the cotangent" in shared
    assert "is wrong in 2 of the 2 elements" in wrong
    assert report.notes == ()  # nobody asked for second order


def test_inputs_are_given_as_one_list():
    with pytest.raises(ArgumentError, match=r"as one list: gradcheck\(f, .* 2 arguments after f"):
        gradcheck(np.multiply, (3,), (3,))
