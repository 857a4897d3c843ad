"""Where the time goes: operations with their milliseconds, bytes and floating-point operations."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NoReturn

from minigrad.backprop import backpropagate
from minigrad.context import Observer, context, observing, watching
from minigrad.debugging import users_line
from minigrad.errors import ArgumentError, GraphError
from minigrad.graph import Node
from minigrad.nn.module import Call
from minigrad.viz.computation import View, draw_graph
from minigrad.viz.data.graph import Cost, Graph
from minigrad.viz.data.trace import graph_of
from minigrad.viz.look.numbers import count, number, shortened
from minigrad.viz.look.render import Drawing
from minigrad.viz.profiles.flops import floating_point_operations

__all__ = ["Profile", "ProfileRow", "ProfileTable", "profile"]

KEYS = ("operation", "module", "line")


@dataclass(frozen=True)
class ProfileRow:
    """What the operations of one kind took together.

    Attributes
    ----------
    name : str
        The operation, the module's path, or the user's line.
    calls : int
    forward, backward : float
        Seconds.
    bytes : int
        Of the operands that were read and the results that were written, forward.
    flops : int
        Floating-point operations, forward, of those calls for which they are known.
    unknown : int
        Calls whose number of floating-point operations is not known.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> x = mg.tensor(np.ones((8, 8)), requires_grad=True)
    >>> with mg.profile() as measured:
    ...     np.sum(np.tanh(x @ x)).backward()
    ...
    >>> rows = sorted(measured.table().rows, key=lambda row: row.name)
    >>> [(row.name, row.calls, row.flops) for row in rows]
    [('matmul', 1, 1024), ('sum', 1, 64), ('tanh', 1, 64)]
    """

    name: str
    calls: int = 0
    forward: float = 0.0
    backward: float = 0.0
    bytes: int = 0
    flops: int = 0
    unknown: int = 0

    @property
    def seconds(self) -> float:
        """Forward and backward together."""
        return self.forward + self.backward


@dataclass(frozen=True)
class ProfileTable:
    """A table that prints; its rows, the slowest first.

    Attributes
    ----------
    rows : tuple of ProfileRow
    by : str
        What a row stands for: ``"operation"``, ``"module"`` or ``"line"``.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> x = mg.tensor(np.ones((8, 8)), requires_grad=True)
    >>> with mg.profile() as measured:
    ...     np.sum(np.tanh(x @ x)).backward()
    ...
    >>> measured.table().by, len(measured.table().rows)
    ('operation', 3)
    """

    rows: tuple[ProfileRow, ...]
    by: str

    def __str__(self) -> str:
        header = (self.by, "calls", "forward ms", "backward ms", "share", "MB", "MFLOP")
        total = sum(row.seconds for row in self.rows) or 1.0
        cells = [_cells(row, total) for row in self.rows]
        everything = _sum("all", self.rows)
        cells.append(_cells(everything, total))
        widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
        rule = "  ".join("-" * width for width in widths)
        lines = [_line(header, widths), rule, *(_line(row, widths) for row in cells)]
        lines.insert(len(lines) - 1, rule)
        if everything.unknown:
            lines.append(f"without the MFLOP of {everything.unknown} calls, which are not known")
        return "\n".join(lines)

    __repr__ = __str__


def _cells(row: ProfileRow, total: float) -> tuple[str, ...]:
    return (
        shortened(row.name),
        count(row.calls),
        f"{1e3 * row.forward:.3f}",
        f"{1e3 * row.backward:.3f}",
        f"{row.seconds / total:.0%}",
        f"{row.bytes / 1e6:.3f}",
        "?" if row.unknown == row.calls else f"{row.flops / 1e6:.3f}",
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    name, *figures = cells
    padded = [text.rjust(width) for text, width in zip(figures, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *padded]).rstrip()


def _sum(name: str, rows: Iterable[ProfileRow]) -> ProfileRow:
    total = ProfileRow(name)
    for row in rows:
        total = replace(
            total,
            calls=total.calls + row.calls,
            forward=total.forward + row.forward,
            backward=total.backward + row.backward,
            bytes=total.bytes + row.bytes,
            flops=total.flops + row.flops,
            unknown=total.unknown + row.unknown,
        )
    return total


@dataclass
class _Measured:
    """One recorded call."""

    node: Node
    line: str
    cost: Cost
    consumed: bool = False


class Profile:
    """What `profile` measured.

    Attributes
    ----------
    seconds : float
        How long the block took, with everything that was not an operation.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> x = mg.tensor(np.ones((8, 8)), requires_grad=True)
    >>> with mg.profile() as measured:
    ...     np.sum(np.tanh(x @ x)).backward()
    ...
    >>> measured.seconds > 0
    True
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._calls: dict[Node, _Measured] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def table(self, by: str = "operation") -> ProfileTable:
        """Return a table of what took how long, the slowest first.

        Parameters
        ----------
        by : {"operation", "module", "line"}, default "operation"
            What to add up: calls of the same function, of the same module, or from the same line
            of your program.

        Raises
        ------
        ArgumentError
            If `by` is none of these.
        """
        if by not in KEYS:
            raise ArgumentError(f"by is one of {', '.join(KEYS)}, not {by!r}")
        key: Callable[[_Measured], str] = {
            "operation": lambda call: call.node.rule.name,
            "module": lambda call: _module(call.node),
            "line": lambda call: call.line,
        }[by]
        groups: dict[str, list[ProfileRow]] = {}
        for call in self._calls.values():
            groups.setdefault(key(call), []).append(_row(call.cost))
        rows = [_sum(name, found) for name, found in groups.items()]
        return ProfileTable(tuple(sorted(rows, key=lambda row: -row.seconds)), by)

    def graph(self) -> Graph:
        """Return the graph of the last result, each operation with what it took.

        Raises
        ------
        GraphError
            If no operation was recorded.
        """
        results = self._results
        if not results:
            raise GraphError(
                "no operation was recorded inside the block; run a model there, not under no_grad()"
            )
        last = results[-1]
        traced, indices = graph_of({last.node: None})
        costs = {indices[n]: c.cost for n, c in self._calls.items() if n in indices}
        return replace(
            traced,
            notes=(*traced.notes, *_note(len(results))),
            nodes=tuple(
                replace(node, cost=costs[node.index]) if node.index in costs else node
                for node in traced.nodes
            ),
        )

    def draw(self, *, depth: int | None = None, direction: str = "TB") -> Drawing:
        """Draw the computation of the last result, coloured by the time that operations took.

        Parameters
        ----------
        depth, direction
            As of `minigrad.viz.draw`.

        Returns
        -------
        Drawing
        """
        view = View(direction, costs=True)
        return draw_graph(self.graph(), view, depth=depth, fold=False, caption=self._caption())

    def _caption(self) -> str:
        total = _sum("", (_row(call.cost) for call in self._calls.values()))
        return (
            f"{count(total.calls)} operations: {number(1e3 * total.forward)} ms forward, "
            f"{number(1e3 * total.backward)} ms backward, of {number(1e3 * self.seconds)} ms"
        )

    @property
    def _results(self) -> list[_Measured]:
        """The calls that nothing was computed from, such as losses."""
        return [call for call in self._calls.values() if not call.consumed]

    def __repr__(self) -> str:
        return f"<Profile: {self._caption()}>"


def _note(results: int) -> list[str]:
    if results == 1:
        return []
    return [f"The boxes show the last of {results} results; the times below are those of all."]


def _module(node: Node) -> str:
    """Return the path of the module that an operation ran in, or the class of an outermost one."""
    if isinstance(node.scope, Call):
        return node.path or type(node.scope.module).__name__
    return "(outside any module)"


def _row(cost: Cost) -> ProfileRow:
    unknown = cost.flops is None
    return ProfileRow("", 1, cost.forward, cost.backward, cost.bytes, cost.flops or 0, int(unknown))


class profile(observing):
    """Measure what each operation inside takes: a context manager.

    Time is measured around the computation of each recorded operation and of its gradients; what
    lies between (Python, loading data, the optimizer) is in ``seconds`` only. Measuring itself
    takes some microseconds for each operation, which are not counted. Bytes and floating-point
    operations are those of the forward pass. Operations that ``create_graph=True`` records while
    it walks back count as backward. It may be entered inside `minigrad.debug` and
    `minigrad.viz.record`, and they inside it; what they do is not counted.

    Returns
    -------
    Profile
        By ``as``: `Profile.table` and `Profile.draw` say where the time went. ``p.table(by=...)``
        adds up by ``"operation"`` (the default), ``"module"`` or ``"line"`` of your program.

    Examples
    --------
    >>> import numpy as np
    >>> import minigrad as mg
    >>> from minigrad import nn
    >>> model = nn.Sequential(nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10))
    >>> x = np.ones((32, 100), np.float32)
    >>> with mg.profile() as p:
    ...     (model(x) ** 2).sum().backward()
    >>> {row.name: (row.calls, row.flops) for row in p.table().rows}["affine"]
    (2, 353920)
    >>> "affine" in p.draw().source
    True
    """

    def __init__(self) -> None:
        self._profile = Profile()
        super().__init__(_Timer(self._profile))

    def __enter__(self) -> Profile:  # type: ignore[override]
        if any(isinstance(observer, _Timer) for observer in watching(context.get().observer)):
            raise GraphError(
                "this is being profiled already, by a block around it; operations can be counted "
                "for one profile at a time"
            )
        super().__enter__()
        self._begun = time.perf_counter()
        return self._profile

    def __call__(self, function: Any) -> NoReturn:
        """Refuse to decorate: there would be no way to the profile."""
        raise ArgumentError(
            "profile is no decorator, for its times would be lost; write: "
            "with minigrad.profile() as p: ..."
        )

    def __exit__(self, *error: Any) -> None:
        self._profile.seconds += time.perf_counter() - self._begun
        super().__exit__(*error)


@dataclass
class _Timer(Observer):
    """The observer behind `profile`."""

    profile: Profile
    mark: float = field(default=0.0)
    has_walked: bool = field(default=False)
    measures_time: ClassVar[bool] = True

    def computing(self) -> None:
        self.resuming()

    def recorded(self, node: Node, out: Any, args: tuple[Any, ...]) -> None:
        seconds = time.perf_counter() - self.mark
        file, line = users_line()
        calls = self.profile._calls
        for parent in node.parents:
            if isinstance(parent, Node) and parent in calls:
                calls[parent].consumed = True
        walking = self.has_walked and _is_walking_back()
        cost = Cost(
            0.0 if walking else seconds,
            seconds if walking else 0.0,
            sum(_bytes(value) for value in (*args, out)),
            floating_point_operations(
                node.rule.function, node.rule.name, args, out.shape, node.kwargs
            ),
        )
        calls[node] = _Measured(node, f"{file.rpartition('/')[2]}:{line}", cost)
        self.resuming()

    def visiting(self, node: Node, gradient: Any) -> None:
        self.has_walked = True
        self.resuming()

    def visited(self, node: Node, index: int, gradient: Any) -> None:
        now = time.perf_counter()
        call = self.profile._calls.get(node)
        if call is not None:
            call.cost = call.cost._replace(backward=call.cost.backward + now - self.mark)
        self.resuming()

    def resuming(self) -> None:
        self.mark = time.perf_counter()


def _is_walking_back() -> bool:
    """Whether what is computed now is part of a walk back, which records it for second gradients.

    A walk tells its observers where it is, but not that it has ended.
    """
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_code is not backpropagate.__code__:
        frame = frame.f_back
    return frame is not None


def _bytes(value: Any) -> int:
    size, dtype = getattr(value, "size", None), getattr(value, "dtype", None)
    return int(size) * int(dtype.itemsize) if size is not None and dtype is not None else 0
