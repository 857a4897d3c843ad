"""pytest's plugin: the fixture ``gradcheck``.

In a module of its own, beside the package, since pytest loads it at the start of every run in every
environment that minigrad is installed in. It imports minigrad when a test asks for the fixture.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from minigrad.testing import Report


@pytest.fixture
def gradcheck(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """Check gradients: ``gradcheck(f, *inputs, **options)``.

    The inputs are arrays, tensors, or shapes such as ``(3, 4)``; the options are those of
    `minigrad.testing.gradcheck`, whose report is returned. The seed is made from the test's name:
    a test does the same in every run, and no two tests do.
    """
    testing = importlib.import_module("minigrad.testing")
    seed = zlib.crc32(request.node.nodeid.encode())

    def check(f: Callable[..., Any], *inputs: Any, **options: Any) -> Report:
        __tracebackhide__ = True  # a failure is shown at the line of the test
        report: Report = testing.gradcheck(f, list(inputs), **{"seed": seed, **options})
        return report

    return check
