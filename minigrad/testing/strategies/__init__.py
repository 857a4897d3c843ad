"""Hypothesis strategies for whatever has derivatives: arrays, indices, networks, programs.

They need hypothesis: ``pip install 'minigrad[testing]'``.
"""

from minigrad.testing.strategies.arrays import (
    LAYOUTS,
    arrays,
    labels,
    matmul_operands,
    tensors,
)
from minigrad.testing.strategies.indices import indices
from minigrad.testing.strategies.modules import Network, modules
from minigrad.testing.strategies.operations import OPERATIONS, Operation
from minigrad.testing.strategies.programs import Program, Step, programs
from minigrad.testing.strategies.shapes import axes, broadcastable_shapes, shapes

__all__ = [
    "LAYOUTS",
    "OPERATIONS",
    "Network",
    "Operation",
    "Program",
    "Step",
    "arrays",
    "axes",
    "broadcastable_shapes",
    "indices",
    "labels",
    "matmul_operands",
    "modules",
    "programs",
    "shapes",
    "tensors",
]
