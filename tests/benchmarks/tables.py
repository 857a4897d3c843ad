"""Figures as Markdown, and the page that they go to."""

import re

from .registry import OURS

SCALES = {"s": 1.0, "ms": 1e3, "µs": 1e6, "ns": 1e9}


def section(subject, measurements, command):
    """Return a subject's section: its text, ratios, times, goals, and who was not there."""
    parts = [f"## {subject.title}", subject.text]
    for ours in OURS:
        if any(ours in m.seconds for m in measurements):
            parts += [f"{ours} ÷ contender:", table(measurements, lambda m, n, o=ours: ratio(m, o, n))]
    parts += ["Times:", table(measurements, time_of)]
    parts += absences(measurements)
    return "\n\n".join(parts)


def table(measurements, cell):
    """Return a table with a row for each contender and a column for each benchmark."""
    names = list(dict.fromkeys(n for m in measurements for n in m.benchmark.contenders))
    rows = [["", *(m.benchmark.title for m in measurements)]]
    rows.append(["---", *("---:" for _ in measurements)])
    for name in names:
        cells = [cell(m, name) if name in m.seconds else "" for m in measurements]
        if any(cells):
            rows.append([name, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def ratio(measurement, ours, theirs):
    if ours == theirs or ours not in measurement.seconds:
        return ""
    middle, low, high = measurement.ratio(ours, theirs)
    return f"**{middle:.2f}** ({low:.2f}–{high:.2f})"


def time_of(measurement, name):
    scale = SCALES[measurement.benchmark.unit]
    values = [s * scale for s in measurement.seconds[name]]
    figures = (measurement.median(name) * scale, min(values), max(values))
    middle, low, high = (f"{f:,.0f}" if f >= 100 else f"{f:.3g}" for f in figures)
    return f"{middle} {measurement.benchmark.unit} ({low}–{high})"


def absences(measurements):
    absent = dict.fromkeys(
        f"{name}: {why}" for m in measurements for name, why in m.absent.items()
    )
    return ["Did not take part: " + "; ".join(absent) + "."] if absent else []


# --- The page ----------------------------------------------------------------------------------


def replace_section(page, name, text):
    """Put a section between its markers in the page, or at the end where it has none yet."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{begin}\n\n{text}\n\n{end}"
    if begin not in page:
        return f"{page.rstrip()}\n\n{section}\n"
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: section, page, flags=re.S)
