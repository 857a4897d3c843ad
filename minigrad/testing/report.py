"""What a check found, for people: a table, a message, a notebook's repr."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from minigrad.testing.examine import Element
from minigrad.testing.judge import Finding
from minigrad.testing.verdict import Verdict, worst

__all__ = ["ArgumentReport", "Report"]


@dataclass(frozen=True)
class ArgumentReport:
    """What is found of the gradient with respect to one argument.

    Attributes
    ----------
    order : int
        1 for the gradient, 2 for that of the gradient.
    index : int
        Which of the arguments (of a module: parameters first, then inputs).
    name : str
        What the function calls it.
    shape : tuple of int
    elements : tuple of Element
        Those that were looked at, one by one.
    diagnosis : tuple of str
        The usual mistakes that a wrong gradient looks like.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.testing import gradcheck
    >>> report = gradcheck(np.multiply, [(2,), (3, 1)], order=1)
    >>> [(part.name, part.shape, len(part.elements)) for part in report.arguments]
    [('x1', (2,), 2), ('x2', (3, 1), 3)]
    """

    order: int
    index: int
    name: str
    shape: tuple[int, ...]
    elements: tuple[Element, ...]
    diagnosis: tuple[str, ...] = ()

    def count(self, verdict: Verdict) -> int:
        """Return the number of elements with a verdict."""
        return sum(element.finding.verdict is verdict for element in self.elements)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of any element."""
        return worst(element.finding.verdict for element in self.elements)

    @property
    def worst(self) -> Element | None:
        """The element that is off the most; None if no element is wrong."""
        return _most_wrong(self.elements)

    @property
    def called(self) -> str:
        """The argument by its place and name."""
        return f"argument {self.index} ({self.name})"


def _most_wrong(elements: Sequence[Element]) -> Element | None:
    wrong = [e for e in elements if e.finding.verdict is Verdict.WRONG]

    def excess(element: Element) -> float:
        difference = element.finding.difference
        return difference if difference == difference else float("inf")

    return max(wrong, key=excess, default=None)


@dataclass(frozen=True)
class Report:
    """What `minigrad.testing.gradcheck` found; true where nothing is wrong.

    Attributes
    ----------
    function : str
        Name of the function.
    seed : int
        What the cotangent, the directions and the inputs given as shapes were drawn from.
    dtype : str
        The precision in which the gradient was computed.
    arguments : tuple of ArgumentReport
        One for each argument and order.
    directions : tuple of (int, Finding)
        Slopes along random directions across all arguments, with their order.
    issues : tuple of str
        What else is wrong: what was changed, shared, or depended on.
    notes : tuple of str
        What could not be looked at.
    reproduce : str
        A line of Python that does the check again.
    refuses_kinks : bool
        Whether a kink counts as a failure.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.testing import gradcheck
    >>> report = gradcheck(np.abs, np.array([-1.0, 0.0, 2.0]), order=1)
    >>> report.verdict
    <Verdict.KINK: 'kink'>
    >>> print(report)
    gradcheck of absolute, float64, seed 0: kink
      order  argument        shape  looked at  right  kink  wrong
      1      0 (x)           (3,)           3      2     1      0
      1      all of them            10 directions      0    10      0
      note: argument 0 (x) has a kink at [1]: slopes differ
    """

    function: str
    seed: int
    dtype: str
    arguments: tuple[ArgumentReport, ...]
    directions: tuple[tuple[int, Finding], ...]
    issues: tuple[str, ...]
    notes: tuple[str, ...]
    reproduce: str
    refuses_kinks: bool = False
    highest_order: int = field(default=1)

    @property
    def verdict(self) -> Verdict:
        """The worst that was found of anything."""
        if self.issues:
            return Verdict.WRONG
        found = [argument.verdict for argument in self.arguments]
        return worst([*found, *(finding.verdict for _, finding in self.directions)])

    def __bool__(self) -> bool:
        refused = (Verdict.WRONG, Verdict.KINK) if self.refuses_kinks else (Verdict.WRONG,)
        return self.verdict not in refused

    # --- Text --------------------------------------------------------------------------------

    @property
    def headline(self) -> str:
        """One line that names the function and the verdict."""
        return f"gradcheck of {self.function}, {self.dtype}, seed {self.seed}: {self.verdict}"

    @property
    def findings(self) -> list[str]:
        """What is wrong, in sentences; empty if nothing is."""
        lines = [line for argument in self.arguments for line in _wrong_argument(argument)]
        located = {a.order for a in self.arguments if a.verdict is Verdict.WRONG}
        for order in sorted({order for order, _ in self.directions} - located):
            lines += _wrong_directions(order, [f for o, f in self.directions if o == order])
        if self.refuses_kinks:
            lines += self._kinks
        return [*lines, *self.issues]

    @property
    def _kinks(self) -> list[str]:
        return [line for argument in self.arguments for line in _kinks(argument)]

    @property
    def _remarks(self) -> list[str]:
        """What is no failure and yet worth knowing."""
        kinks = [] if self.refuses_kinks else self._kinks
        return [f"note: {note}" for note in (*kinks, *self.notes)]

    @property
    def message(self) -> str:
        """What the exception says."""
        body = [f"  {line}" for line in self.findings]
        return "\n".join([self.headline, *body, f"  reproduce: {self.reproduce}"])

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for argument in self.arguments:
            if argument.elements or argument.order == 1:
                yield (
                    str(argument.order),
                    f"{argument.index} ({argument.name})",
                    str(argument.shape),
                    str(len(argument.elements)),
                    *(str(argument.count(verdict)) for verdict in Verdict),
                )
        for order in sorted({order for order, _ in self.directions}):
            found = [finding for o, finding in self.directions if o == order]
            counts = (str(sum(f.verdict is verdict for f in found)) for verdict in Verdict)
            yield (str(order), "all of them", "", f"{len(found)} directions", *counts)

    def __str__(self) -> str:
        header = ("order", "argument", "shape", "looked at", *map(str, Verdict))
        rows = [header, *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = []
        for row in rows:
            cells = [
                cell.ljust(width) if index < 3 else cell.rjust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            table.append(("  " + "  ".join(cells)).rstrip())
        notes = [f"  {remark}" for remark in self._remarks]
        findings = [f"  {line}" for line in self.findings]
        end = [f"  reproduce: {self.reproduce}"] if findings else []
        return "\n".join([self.headline, *table, *findings, *notes, *end])

    def _repr_html_(self) -> str:
        header = ("order", "argument", "shape", "looked at", *map(str, Verdict))
        rows = [("th", header), *(("td", row) for row in self._rows())]
        lines = "".join(
            "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
            for tag, row in rows
        )
        extra = [*self.findings, *self._remarks]
        if self.findings:
            extra.append(f"reproduce: {self.reproduce}")
        items = "".join(f"<li>{html.escape(line)}</li>" for line in extra)
        return f"<p><b>{html.escape(self.headline)}</b></p><table>{lines}</table>" + (
            f"<ul>{items}</ul>" if items else ""
        )


def _derivative(order: int) -> str:
    return "gradient" if order == 1 else f"order-{order} gradient"


def _wrong_argument(argument: ArgumentReport) -> Iterator[str]:
    element = argument.worst
    if element is None:
        return
    wrong, seen = argument.count(Verdict.WRONG), len(argument.elements)
    yield (
        f"the {_derivative(argument.order)} of {argument.called}, shape {argument.shape}, is wrong "
        f"in {wrong} of the {seen} elements looked at"
    )
    yield f"  worst at {list(element.index)}: {_comparison(element.finding)}"
    for line in argument.diagnosis:
        yield f"  looks like this: {line}"


def _comparison(finding: Finding) -> str:
    if finding.low != finding.high and finding.low == finding.low:
        numerical = f"at a kink with slopes from {finding.low:.10g} to {finding.high:.10g}"
    else:
        numerical = f"numerical {finding.numerical:.10g} ± {finding.error:.1g}"
    size = max(abs(finding.numerical), abs(finding.analytic))
    relative = finding.difference / size if 0 < size < float("inf") else 1.0
    return (
        f"analytic {finding.analytic:.10g}, {numerical}; "
        f"off by {finding.difference:.3g} (relative {relative:.3g})"
    )


def _wrong_directions(order: int, findings: Sequence[Finding]) -> Iterator[str]:
    wrong = [finding for finding in findings if finding.verdict is Verdict.WRONG]
    if not wrong:
        return
    yield (
        f"the {_derivative(order)} is wrong along {len(wrong)} of {len(findings)} random "
        "directions across all arguments, though along no single element: look at elements that "
        "are equal, and at what several elements do together"
    )
    most = max(wrong, key=lambda finding: finding.difference)
    yield f"  worst: {_comparison(most)}"


def _kinks(argument: ArgumentReport) -> Iterator[str]:
    kinks = [e for e in argument.elements if e.finding.verdict is Verdict.KINK]
    if kinks:
        first = kinks[0]
        count = "a kink" if len(kinks) == 1 else f"{len(kinks)} kinks, the first"
        yield (
            f"{argument.called} has {count} at {list(first.index)}: "
            f"{first.finding.note or 'slopes differ'}"
        )
