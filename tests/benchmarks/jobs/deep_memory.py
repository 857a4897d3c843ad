"""Forward and backward through a deep network: FRAMEWORK DEPTH free|retain

Each layer is 256 wide, of 4096 samples: 4 MiB of float32 for each array that is kept.
"""

import sys

SAMPLES, WIDTH = 4096, 256


def with_minigrad(depth, retain):
    import numpy as np

    import minigrad as mg
    from minigrad import nn

    mg.random.seed(0)
    model = nn.Sequential(*(layer() for _ in range(depth) for layer in (linear(nn), nn.Tanh)))
    model(np.ones((SAMPLES, WIDTH), np.float32)).sum().backward(retain_graph=retain)


def with_torch(depth, retain):
    import torch
    from torch import nn

    model = nn.Sequential(*(layer() for _ in range(depth) for layer in (linear(nn), nn.Tanh)))
    model(torch.ones((SAMPLES, WIDTH))).sum().backward(retain_graph=retain)


def linear(nn):
    return lambda: nn.Linear(WIDTH, WIDTH)


if __name__ == "__main__":
    framework, depth, keeping = sys.argv[1:]
    {"minigrad": with_minigrad, "torch": with_torch}[framework](int(depth), keeping == "retain")
