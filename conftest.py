"""What every test starts from, the examples in the docstrings included."""

import os

import pytest

from minigrad import random

pytest_plugins = ["pytester"]  # which runs pytest inside a test, for the fixture that we publish

os.environ["MPLBACKEND"] = "agg"  # read when matplotlib is imported: draw, but open no window


@pytest.fixture(autouse=True)
def seeded():
    """Seed minigrad's generator, so that a test gives the same result alone and among others."""
    random.seed(0)
