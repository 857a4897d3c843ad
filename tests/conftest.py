"""The hypothesis profiles, and the tests that wait for the deep one."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, register_random, settings

from minigrad import random

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
PROFILES = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["hypothesis"]["profiles"]
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")


class MinigradGenerator:
    """minigrad's generator in the shape of `random.Random`, which hypothesis can seed."""

    def seed(self, n):
        random.seed(n)

    def getstate(self):
        return random.generator().bit_generator.state

    def setstate(self, state):
        random.generator().bit_generator.state = state


GENERATOR = MinigradGenerator()  # hypothesis holds only a weak reference
register_random(GENERATOR)  # every example starts from the same state, so a failure repeats


def pytest_configure(config):
    if PROFILE not in PROFILES:
        raise pytest.UsageError(
            f"HYPOTHESIS_PROFILE={PROFILE!r} is no profile; "
            f"pyproject.toml has: {', '.join(PROFILES)}"
        )
    for name, options in PROFILES.items():
        settings.register_profile(
            name,
            deadline=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no failure
            **options,
        )
    settings.load_profile(PROFILE)


def pytest_report_header(config):
    slow = "with" if PROFILE == "deep" else "without"
    return f"hypothesis profile of minigrad: {PROFILE}, {slow} the slow tests"


def pytest_collection_modifyitems(items):
    if PROFILE == "deep":
        return
    skip = pytest.mark.skip(reason="slow: runs with HYPOTHESIS_PROFILE=deep")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(skip)
