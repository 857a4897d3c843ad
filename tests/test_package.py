import subprocess
import sys

import minigrad as mg


def test_everything_announced_is_there_and_listed():
    assert set(mg.__all__) <= set(dir(mg))
    assert all(getattr(mg, name) is not None for name in mg.__all__)
    assert all(f"minigrad.{name}`" in mg.__doc__ for name in ("nn", "data", "io", "plots", "viz"))


def test_what_not_every_program_needs_is_imported_on_demand():
    program = """
import sys
import minigrad as mg
late = ["data", "io", "plots", "training", "viz"]
assert not any(f"minigrad.{name}" in sys.modules for name in late)
assert set(late) <= set(dir(mg))
assert all(getattr(mg, name).__name__ == f"minigrad.{name}" for name in late)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
