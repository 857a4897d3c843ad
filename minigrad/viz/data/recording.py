"""What a picture can show only if it was kept while the program ran."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minigrad.calls import Traced, unwrap
from minigrad.context import Observer, leave_note, note_on, observing
from minigrad.debugging import users_line
from minigrad.graph import Leaf, Node
from minigrad.viz.data.snapshots import copy_of

__all__ = ["Kept", "kept_by", "record"]


class Kept:
    """What is kept of one operation: its line, its result, and the gradient that arrived at it."""

    __slots__ = ("constants", "contributions", "gradient", "leaves", "line", "value")

    def __init__(self, line: str, value: Any) -> None:
        self.line = line
        self.value = value
        self.leaves: list[tuple[Leaf, Any]] = []  # arrays of tensors that nothing computed
        self.constants: dict[int, Any] = {}  # arguments that are arrays and no tensors
        self.gradient: Any = None
        self.contributions: dict[int, Any] = {}  # to the gradient of each argument


def kept_by(node: Node) -> Kept | None:
    """Return what was kept of an operation, if it ran inside `record`."""
    return note_on(node, Kept)


class record(observing):
    """Keep every value and gradient inside, and the lines that made them, for pictures.

    A graph keeps only what its gradients need, and lets go of that in ``backward()``. What is
    computed inside this block (a context manager and a decorator) keeps all of it, so that
    pictures with ``values=True`` and ``grads=True`` show every number, and pages show your lines.
    It copies everything: meant for one batch, not for training. It may be entered inside
    `minigrad.debug` and `minigrad.profile`, and they inside it: each sees everything.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> from minigrad import viz
    >>> x = mg.tensor([1.0, 2.0], requires_grad=True, name="x")
    >>> with viz.record():
    ...     y = np.sum(np.exp(x))
    ...     y.backward()
    >>> [node.title for node in viz.graph(y).nodes if node.gradient is not None]
    ['x', 'exp', 'sum']
    """

    def __init__(self) -> None:
        super().__init__(_Recorder())


class _Recorder(Observer):
    """The observer behind `record`."""

    def recorded(self, node: Node, out: Any, args: tuple[Any, ...]) -> None:
        file, line = users_line()
        kept = Kept(f"{Path(file).name}:{line}", copy_of(out))
        leave_note(node, kept)
        for position, (arg, parent) in enumerate(zip(args, node.parents, strict=True)):
            if isinstance(parent, Leaf) and isinstance(arg, Traced):
                kept.leaves.append((parent, copy_of(arg._data)))
            elif parent is None and hasattr(arg, "shape"):
                kept.constants[position] = copy_of(arg)

    def visiting(self, node: Node, gradient: Any) -> None:
        kept = kept_by(node)
        if kept is not None:
            kept.gradient = copy_of(unwrap(gradient))

    def visited(self, node: Node, index: int, gradient: Any) -> None:
        kept = kept_by(node)
        if kept is not None:
            kept.contributions[index] = copy_of(unwrap(gradient))
