"""Checking gradients: minigrad's, yours, and those of other frameworks.

Where it is used in pytest nothing need be imported: the fixture ``gradcheck`` is there once
minigrad is installed. `minigrad.testing.strategies` and `minigrad.testing.mutants` are imported by
their full names; `power` runs a checker on the wrong gradients of the latter.
"""

from minigrad.errors import GradientMismatch
from minigrad.testing.gradcheck import gradcheck
from minigrad.testing.mutants.power import power
from minigrad.testing.numerical import Estimate, numerical_derivative, numerical_jacobian
from minigrad.testing.report import ArgumentReport, Report
from minigrad.testing.taylor import TaylorTest, taylor_test
from minigrad.testing.verdict import Verdict

__all__ = [
    "ArgumentReport",
    "Estimate",
    "GradientMismatch",
    "Report",
    "TaylorTest",
    "Verdict",
    "gradcheck",
    "numerical_derivative",
    "numerical_jacobian",
    "power",
    "taylor_test",
]
