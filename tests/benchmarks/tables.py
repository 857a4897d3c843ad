"""Figures as Markdown: ratios, times, goals."""

from .registry import OURS, REFERENCES

SCALES = {"s": 1.0, "ms": 1e3, "µs": 1e6, "ns": 1e9, "MB": 1e-6}
TO = "\N{NON-BREAKING HYPHEN}"


def section(subject, measurements):
    """Return a subject's section: its text, ratios, absolute figures, goals, and who was absent."""
    parts = [f"## {subject.title}", subject.text]
    for ours in OURS:
        cells = table(measurements, lambda m, name, ours=ours: ratio(m, ours, name))
        if cells:
            parts += [f"{ours} ÷ contender:", cells]
    parts += ["Absolute:", table(measurements, absolute)]
    reached = goals(subject.goals, measurements)
    if reached:
        parts += ["Goals:", reached]
    parts += absences(measurements)
    return "\n\n".join(parts)


def table(measurements, cell):
    """Return a table with a row for each contender and a column for each benchmark, or nothing."""
    names = list(dict.fromkeys(n for m in measurements for n in m.benchmark.contenders))
    rows = []
    for name in names:
        cells = [cell(m, name) if name in m.seconds else "" for m in measurements]
        if any(cells):
            rows.append([name, *cells])
    if not rows:
        return ""
    return markdown(["", *(m.benchmark.title for m in measurements)], rows)


def markdown(header, rows):
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ratio(measurement, ours, theirs):
    if ours == theirs or ours not in measurement.seconds:
        return ""
    middle, low, high = measurement.ratio(ours, theirs)
    return f"**{middle:.2f}** ({low:.2f}{TO}{high:.2f})"


def absolute(measurement, name):
    unit = measurement.benchmark.unit
    values = sorted(s * SCALES[unit] for s in measurement.seconds[name])
    middle = measurement.median(name) * SCALES[unit]
    return f"{figure(middle)} {unit} ({figure(values[0])}{TO}{figure(values[-1])})"


def figure(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def absences(measurements):
    """Return who did not take part and why; and in what, unless in nothing at all."""
    titles = {}
    for m in measurements:
        for name, why in m.absent.items():
            titles.setdefault((name, why), []).append(m.benchmark.title)
    absent = []
    for (name, why), where in titles.items():
        part = f" in {', '.join(where)}" if len(where) < len(measurements) else ""
        absent.append(f"{name}{part}: {why}")
    return ["Did not take part: " + "; ".join(absent) + "."] if absent else []


# --- Goals -------------------------------------------------------------------------------------


def goals(wanted, measurements):
    """Return the table of what was to be reached and what was, or nothing."""
    by_title = {m.benchmark.title: m for m in measurements}
    rows = [
        row
        for goal in wanted
        if goal.benchmark in by_title
        for row in goal_row(goal, by_title[goal.benchmark])
    ]
    return markdown(["", "goal: at most", "reached", ""], rows) if rows else ""


def goal_row(goal, measurement):
    theirs = [name for name in goal.theirs or peers(measurement) if name in measurement.seconds]
    if goal.ours not in measurement.seconds or not theirs:
        return
    fastest = min(theirs, key=measurement.median)
    if goal.milliseconds:
        reached = (measurement.median(goal.ours) - measurement.median(fastest)) * 1e3
        shown, bound, sign = f"{reached:.0f} ms", f"{goal.at_most:.0f} ms", "-"
    else:
        reached = measurement.ratio(goal.ours, fastest)[0]
        shown, bound, sign = f"{reached:.2f}", f"{goal.at_most:.2f}", "÷"
    whom = fastest if goal.theirs else f"the fastest peer ({fastest})"
    title = f"{goal.benchmark}: {goal.ours} {sign} {whom}"
    yield [title, bound, shown, "reached" if reached <= goal.at_most else "**missed**"]


def peers(measurement):
    return [name for name in measurement.seconds if name not in (*OURS, *REFERENCES)]
