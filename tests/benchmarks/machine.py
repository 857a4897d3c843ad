"""What the figures were measured on."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = ("minigrad", "numpy", "numba", "torch", "jax", "keras", "mygrad", "autograd")


def description():
    """Return the machine, the versions and the day, as one sentence each."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{processor()}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}; "
        f"Python {platform.python_version()}, {versions}; {datetime.date.today().isoformat()}."
    )


def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "is not installed" if name != "minigrad" else "from the checkout"


def processor():
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "an unknown processor"
