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
    """Base class of every exception that minigrad raises on purpose.

    Examples
    --------
    >>> import minigrad as mg
    >>> try:
    ...     mg.tensor([1.0]).backward()
    ... except mg.MinigradError as error:
    ...     print(type(error).__name__)
    ...
    GraphError
    """


class ShapeError(MinigradError, ValueError):
    """Shapes that do not fit together.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> nn.Linear(3, 2)(np.ones((5, 4)))
    Traceback (most recent call last):
        ...
    minigrad.errors.ShapeError: Linear(3, 2): a linear layer with a weight of shape (2, 3)
    (out_features, in_features) takes (..., 3), not (5, 4); give it 3 features, or make the
    layer with in_features=4
    """


class DtypeError(MinigradError, TypeError):
    """A value of the wrong type or dtype, such as integers that are asked for a gradient.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.tensor([1, 2], dtype=int, requires_grad=True)
    Traceback (most recent call last):
        ...
    minigrad.errors.DtypeError: only floating-point tensors can require a gradient, and a
    tensor is int64; write minigrad.tensor(data, dtype=np.float32, requires_grad=True)
    """


class ArgumentError(MinigradError, ValueError):
    """An option outside its range, such as a negative learning rate or an unknown name.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([1.0], requires_grad=True)
    >>> mg.optim.SGD([w], lr=-0.1)
    Traceback (most recent call last):
        ...
    minigrad.errors.ArgumentError: SGD: lr must be a number of at least 0, not -0.1
    """


class GraphError(MinigradError, RuntimeError):
    """A graph asked for what it cannot give: freed, changed since, or never recorded.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor(3.0, requires_grad=True)
    >>> y = w * w
    >>> y.backward()
    >>> y.backward()
    Traceback (most recent call last):
        ...
    minigrad.errors.GraphError: the graph behind multiply has been walked back before, and the
    values it kept for that are freed; compute the result again, or pass retain_graph=True to
    the first backward()
    """


class NoGradientRuleError(MinigradError, NotImplementedError, TypeError):
    """A function that could have a gradient was given a tensor, and no rule for it is known.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> np.unwrap(mg.tensor([1.0, 2.0], requires_grad=True))
    Traceback (most recent call last):
        ...
    minigrad.errors.NoGradientRuleError: numpy.unwrap has no gradient rule, so the gradient
    would be lost; compute it from functions that have one, define a rule with
    minigrad.defvjp, or pass tensor.detach() if no gradient is to pass
    """


class RuleError(MinigradError, RuntimeError):
    """A gradient rule returned something that cannot be the gradient of its argument.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> double = mg.primitive(lambda x: 2 * x)
    >>> mg.defvjp(double, lambda g, out, x: np.ones(7))
    >>> mg.grad(lambda x: double(x).sum())(np.ones(3))
    Traceback (most recent call last):
        ...
    minigrad.errors.RuleError: the gradient rule of <lambda> returned shape (7,), float64, for
    its argument 0, which has shape (3,), float64
    """


class GradientMismatch(MinigradError, AssertionError):
    """A gradient that is not the derivative of its function.

    Attributes
    ----------
    report : minigrad.testing.Report
        Everything the check found.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.errors import GradientMismatch
    >>> from minigrad.testing import gradcheck
    >>> try:
    ...     gradcheck(np.sin, [(3,)], vjp=lambda u, x: -u * np.cos(x))
    ... except GradientMismatch as error:
    ...     print(error.report.verdict)
    ...
    wrong
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


class NonFiniteError(MinigradError, FloatingPointError):
    """A loss that has become NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn, optim
    >>> from minigrad.errors import NonFiniteError
    >>> from minigrad.training import fit
    >>> model = nn.Linear(1, 1, rng=0)
    >>> sgd = optim.SGD(model.parameters(), lr=1e30)
    >>> data = np.ones((64, 1)), np.zeros((64, 1))
    >>> try:
    ...     with np.errstate(all="ignore"):
    ...         history = fit(model, data, loss=nn.MSELoss(), optimizer=sgd, epochs=9)
    ... except NonFiniteError as error:
    ...     print(str(error)[:24])
    ...
    the loss is inf in epoch
    """


class MissingMethodError(MinigradError, NotImplementedError):
    """A subclass that does not define a method it has to, such as a module's forward.

    Examples
    --------
    >>> from minigrad import nn
    >>> class Net(nn.Module):
    ...     pass
    ...
    >>> Net()(1.0)
    Traceback (most recent call last):
        ...
    minigrad.errors.MissingMethodError: Net does not define forward, which a call runs; write
    def forward(self, x): in the class
    """


class StateDictError(MinigradError, ValueError):
    """A state dict whose entries do not match the model or optimizer it is loaded into.

    Examples
    --------
    >>> from minigrad import nn
    >>> from minigrad.errors import StateDictError
    >>> try:
    ...     nn.Linear(3, 2).load_state_dict({})
    ... except StateDictError as error:
    ...     print(error)
    ...
    the state dict does not fit Linear (2 of its entries):
      missing: weight (2, 3)
      missing: bias (2,)
    """


class DataError(MinigradError, ValueError):
    """Data that cannot be what it is said to be: a damaged file, labels out of range, NaN.

    Examples
    --------
    >>> from minigrad.data import one_hot
    >>> one_hot([0, 2], num_classes=2)
    Traceback (most recent call last):
        ...
    minigrad.errors.DataError: label 2 at index [1] is out of range: with 2 classes, labels go
    from 0 to 1
    """


class DataNotFoundError(DataError, FileNotFoundError):
    """A data set that is neither on disk nor can be downloaded.

    Examples
    --------
    >>> from minigrad.data import load_mnist
    >>> load_mnist("nowhere")
    Traceback (most recent call last):
        ...
    minigrad.errors.DataNotFoundError: MNIST: the directory nowhere, which the directory
    argument names, does not exist. Either pass directory=... with a directory that holds the
    files of MNIST, or set the environment variable MINIGRAD_DATA to it, or, online and with
    pip install 'minigrad[data]', give neither: the files are downloaded once.
    """


class NotFittedError(MinigradError, ValueError, AttributeError):
    """A scaler that is asked to scale before it has seen a training set.

    Examples
    --------
    >>> from minigrad.data import MinMaxScaler
    >>> MinMaxScaler().transform([[1.0]])
    Traceback (most recent call last):
        ...
    minigrad.errors.NotFittedError: this MinMaxScaler has seen no data; call fit with the
    training set
    """


class CheckpointError(MinigradError, ValueError):
    """A weights file that is damaged, foreign, or made for another model.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from minigrad.errors import CheckpointError
    >>> from minigrad.io import load_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "weights.safetensors")
    ...     size = path.write_bytes(b"something else")
    ...     try:
    ...         load_weights(path)
    ...     except CheckpointError as error:
    ...         print(str(error).split(": ")[1])
    ...
    it is cut off, damaged, or no safetensors file
    """


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """A weights file, or the directory to write it in, that does not exist.

    Examples
    --------
    >>> from minigrad.io import load_weights
    >>> load_weights("nowhere.safetensors")
    Traceback (most recent call last):
        ...
    minigrad.errors.CheckpointNotFoundError: nowhere.safetensors: there is no such file;
    save_weights(model, path) writes one
    """


class RenderingError(MinigradError, RuntimeError):
    """A picture could not be made of a description that is there.

    Examples
    --------
    >>> from minigrad import viz
    >>> from minigrad.errors import RenderingError
    >>> try:
    ...     viz.Drawing(body=["no { dot"]).save("picture.svg")
    ... except RenderingError as error:
    ...     print("could not draw the picture" in str(error))
    ...
    True
    """


class MissingExtraError(MinigradError, ImportError):
    """An optional package that a feature needs is not installed.

    Examples
    --------
    >>> from minigrad.errors import MissingExtraError
    >>> raise MissingExtraError("tqdm", "progress", "the progress bar")
    Traceback (most recent call last):
        ...
    minigrad.errors.MissingExtraError: the progress bar needs the package 'tqdm', which is not
    installed; install it with: pip install 'minigrad[progress]' (in a clone of the
    repository: pip install '.[progress]')
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed; "
            f"install it with: pip install 'minigrad[{extra}]' (in a clone of the repository: "
            f"pip install '.[{extra}]')"
        )
