"""What the strategies take from hypothesis, or the message that says how to install it."""

from minigrad.errors import MissingExtraError

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as hnp
    from hypothesis.strategies import DrawFn, SearchStrategy
except ModuleNotFoundError as error:
    raise MissingExtraError("hypothesis", "testing", "minigrad.testing.strategies") from error

__all__ = ["DrawFn", "SearchStrategy", "hnp", "st"]
