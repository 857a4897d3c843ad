"""The networks that are trained, and what all contenders start from.

A network is its sizes: linear layers with ReLU between them, then softmax cross-entropy with
integer labels, in float32.
"""

import itertools
from typing import NamedTuple

import numpy as np

# As PyTorch names and means them. The steps of Adam and RMSProp are short ones: they hardly depend
# on the size of a gradient, so after long ones rounding shows where a gradient is nearly zero.
OPTIMIZERS = {
    "Adam": {"lr": 1e-5, "betas": (0.9, 0.999), "eps": 1e-8},
    "SGD": {"lr": 1e-2},
    "Momentum": {"lr": 1e-2, "momentum": 0.9},
    "RMSProp": {"lr": 1e-5, "alpha": 0.99, "eps": 1e-12},
}


class Task(NamedTuple):
    """A network, the optimizer, and the number of samples in a step."""

    sizes: tuple[int, ...]
    batch: int
    optimizer: str = "Adam"

    @property
    def options(self) -> dict[str, object]:
        return OPTIMIZERS[self.optimizer]

    def weights(self) -> list[np.ndarray]:
        """Return kernels of shape (out, in) and biases, in turns: He's uniform distribution."""
        rng = np.random.default_rng(0)
        arrays = []
        for n, m in itertools.pairwise(self.sizes):
            bound = np.sqrt(6 / n)
            arrays.append(rng.uniform(-bound, bound, (m, n)).astype(np.float32))
            arrays.append(np.zeros(m, np.float32))
        return arrays

    def batches(self, count: int = 64) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return as many batches, which share a few arrays of samples.

        The labels are drawn anew for each, so that nothing can be learned by heart: gradients
        that go to zero would end as denormal numbers, which are slow everywhere.
        """
        rng = np.random.default_rng(1)
        shape = (self.batch, self.sizes[0])
        samples = [
            rng.random(shape, dtype=np.float32) for _ in range(8 if self.batch < 2000 else 2)
        ]
        labels = rng.integers(0, self.sizes[-1], (count, self.batch))
        return [(samples[i % len(samples)], y) for i, y in enumerate(labels)]
