"""Checking gradients: minigrad's, yours, and those of other frameworks."""

from minigrad.errors import GradientMismatch
from minigrad.testing.gradcheck import gradcheck
from minigrad.testing.report import ArgumentReport, Report
from minigrad.testing.verdict import Verdict

__all__ = ["ArgumentReport", "GradientMismatch", "Report", "Verdict", "gradcheck"]
