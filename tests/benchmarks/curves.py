"""Pictures of how times grow, where matplotlib is there to draw them."""

from importlib.util import find_spec

from .tables import SCALES


def draw(subject, measurements, file):
    """Draw medians against the numbers in the titles; return whether it could be done."""
    if find_spec("matplotlib") is None:
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for name in measurements[0].benchmark.contenders:
        points = [(size_of(m), scaled(m, name)) for m in measurements if name in m.seconds]
        if points:
            axes.loglog(*zip(*points, strict=True), marker="o", label=name)
    axes.set_xlabel(subject.curve)
    axes.set_ylabel(measurements[0].benchmark.unit)
    axes.set_title(subject.title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file)
    return True


def size_of(measurement):
    return int(measurement.benchmark.title.split()[0].replace(",", ""))


def scaled(measurement, name):
    return measurement.median(name) * SCALES[measurement.benchmark.unit]
