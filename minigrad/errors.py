"""The exceptions users meet.

Every one derives from `MinigradError` and from the built-in exception that a user of NumPy or
PyTorch would catch, so both ``except MinigradError`` and ``except ValueError`` do what they say.
Messages name what was wrong (names, shapes, values) and what to do about it.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "ArgumentError",
    "CheckpointError",
    "CheckpointNotFoundError",
    "DataError",
    "DataNotFoundError",
    "DtypeError",
    "GradientMismatch",
    "GraphError",
    "MinigradError",
    "MissingExtraError",
    "MissingMethodError",
    "NoGradientRuleError",
    "NonFiniteError",
    "NotFittedError",
    "RenderingError",
    "RuleError",
    "ShapeError",
    "StateDictError",
]


class MinigradError(Exception):
    """Base class of every exception that minigrad raises on purpose."""


class ShapeError(MinigradError, ValueError):
    """Shapes that do not fit together."""


class DtypeError(MinigradError, TypeError):
    """A value of the wrong type or dtype, such as integers that are asked for a gradient."""


class ArgumentError(MinigradError, ValueError):
    """An option outside its range, such as a negative learning rate or an unknown name."""


class GraphError(MinigradError, RuntimeError):
    """A graph asked for what it cannot give: freed, changed since, or never recorded."""


class NoGradientRuleError(MinigradError, NotImplementedError, TypeError):
    """A function that could have a gradient was given a tensor, and no rule for it is known."""


class RuleError(MinigradError, RuntimeError):
    """A gradient rule returned something that cannot be the gradient of its argument."""


class GradientMismatch(MinigradError, AssertionError):
    """A gradient that is not the derivative of its function.

    Attributes
    ----------
    report : minigrad.testing.Report
        Everything the check found.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class NonFiniteError(MinigradError, FloatingPointError):
    """A loss that has become NaN or infinite."""


class MissingMethodError(MinigradError, NotImplementedError):
    """A subclass that does not define a method it has to, such as a module's forward."""


class StateDictError(MinigradError, ValueError):
    """A state dict whose entries do not match the model or optimizer it is loaded into."""


class DataError(MinigradError, ValueError):
    """Data that cannot be what it is said to be: a damaged file, labels out of range, NaN."""


class DataNotFoundError(DataError, FileNotFoundError):
    """A data set that is neither on disk nor can be downloaded."""


class NotFittedError(MinigradError, ValueError, AttributeError):
    """A scaler that is asked to scale before it has seen a training set."""


class CheckpointError(MinigradError, ValueError):
    """A weights file that is damaged, foreign, or made for another model."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """A weights file, or the directory to write it in, that does not exist."""


class RenderingError(MinigradError, RuntimeError):
    """A picture could not be made of a description that is there."""


class MissingExtraError(MinigradError, ImportError):
    """An optional package that a feature needs is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"install it with: pip install 'minigrad[{extra}]' (in a clone of the repository: "
            f"pip install '.[{extra}]')"
        )
