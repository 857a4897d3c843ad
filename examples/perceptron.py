r"""
Logic gates, and why XOR needs a hidden layer
=============================================

A neuron adds up its inputs, each times a weight, and fires if the sum is large enough:

.. math:: y = h(b + w_1 x_1 + w_2 x_2), \qquad h(a) = 1 \text{ if } a > 0 \text{ else } 0

With two inputs that are 0 or 1 it is a logic gate. This page makes AND, NAND and OR by choosing
three numbers, shows why no three numbers make XOR, and lets a network with a hidden layer find
XOR by itself.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import make_xor
from minigrad.plots import plot_decision_regions

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="fewer repetitions: seconds")
parser.add_argument("--output", type=Path, default=Path("runs/perceptron"), help="for the pictures")
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# Three gates
# -----------
# The rows of ``corners`` are the four possible inputs. Each gate is one choice of
# :math:`(w_1, w_2, b)`; many others would do as well.
corners, xor = make_xor()
GATES = {"AND": (0.5, 0.5, -0.7), "NAND": (-0.5, -0.5, 0.7), "OR": (0.5, 0.5, -0.2)}


def perceptron(x, w1, w2, b):
    """Return 1 where the weighted sum is above 0, else 0."""
    return (x @ np.array([w1, w2]) + b > 0).astype(int)


print("inputs ", corners.astype(int).tolist())
for name, numbers in GATES.items():
    print(f"{name:7s}", perceptron(corners, *numbers).tolist())

# %%
# What a gate decides is on which side of the line :math:`b + w_1 x_1 + w_2 x_2 = 0` a point lies.
# So a gate can be made if one straight line parts its zeros from its ones. For XOR there is none:
# its ones ask for :math:`w_1 + b > 0` and :math:`w_2 + b > 0`, so that the sum
# :math:`w_1 + w_2 + 2b` is positive; its zeros ask for :math:`b \le 0` and
# :math:`w_1 + w_2 + b \le 0`, so that the same sum is not.
figure, panels = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
for axes, name in zip(panels, [*GATES, "XOR"], strict=True):
    y = perceptron(corners, *GATES[name]) if name in GATES else xor
    axes.scatter(*corners[y == 0].T, s=90, marker="o", color="#0072B2", label="0")
    axes.scatter(*corners[y == 1].T, s=90, marker="s", color="#D55E00", label="1")
    if name in GATES:
        w1, w2, b = GATES[name]
        across = np.array([-0.5, 1.5])
        axes.plot(across, -(b + w1 * across) / w2, color="black")
    axes.set(title=name if name in GATES else "XOR: no line", xlabel="$x_1$", ylabel="$x_2$")
    axes.set(xlim=(-0.4, 1.4), ylim=(-0.4, 1.4), xticks=[0, 1], yticks=[0, 1], aspect="equal")
figure.legend(*panels[0].get_legend_handles_labels(), title="output", loc="outside right")
figure.savefig(options.output / "gates.png", dpi=120)

# %%
# A second layer
# --------------
# Two gates side by side, and a third that takes what they say, make XOR.
nand, either = (perceptron(corners, *GATES[name]) for name in ("NAND", "OR"))
by_gates = perceptron(np.stack([nand, either], axis=1), *GATES["AND"])
print("XOR    ", by_gates.tolist(), "= AND(NAND, OR)")

# %%
# Learning it
# -----------
# The step has slope 0 everywhere and tells gradient descent nothing. A sigmoid is a step with a
# slope: its output is the probability of a 1, and the loss is the mean of
# :math:`-t \log y - (1 - t) \log(1 - y)`. ``BCEWithLogitsLoss`` has the sigmoid inside.


def train(hidden, seed, steps=400):
    """Return a network of so many hidden units (0: a single neuron) and its last loss."""
    mg.random.seed(seed)
    if hidden:
        model = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 1))
    else:
        model = nn.Linear(2, 1)
    loss = nn.BCEWithLogitsLoss()
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        error = loss(model(corners), xor[:, None].astype(np.float32))
        error.backward()
        optimizer.step()
    return model, error.item()


neuron, neuron_loss = train(hidden=0, seed=0)
network, network_loss = train(hidden=2, seed=1)
print(f"one neuron: loss {neuron_loss:.4f} (log 2 is {np.log(2):.4f}: it says 1/2 to everything)")
print(f"two hidden units: loss {network_loss:.4f}")
plot_decision_regions(network, corners, xor).savefig(options.output / "xor.png", dpi=120)

# %%
# The picture shows where the network says 1. Its hidden layer has moved the points: in the plane
# of the two hidden units both zeros of XOR lie in the same place, and one line is enough.
moved = np.tanh(network[0](corners)).data
weight, bias = network[2].weight.data[0], network[2].bias.data[0]
plt.figure(figsize=(4.6, 4), layout="constrained")
for k, (marker, colour) in enumerate([("o", "#0072B2"), ("s", "#D55E00")]):
    plt.scatter(*moved[xor == k].T, s=90, marker=marker, color=colour, label=f"XOR is {k}")
across = np.array([-1.2, 1.2])
plt.plot(across, -(bias + weight[0] * across) / weight[1], color="black")
plt.xlim(-1.2, 1.2), plt.ylim(-1.2, 1.2)
plt.xlabel("first hidden unit"), plt.ylabel("second hidden unit"), plt.legend()
plt.savefig(options.output / "hidden.png", dpi=120)

# %%
# Two hidden units can do it, and yet do not always find it: from many initial weights the descent
# ends in a place where two of the four answers are right and the other two stay at 1/2. More units
# than necessary are easier to train: of 50 initial weights each, 1, 2, 3, 4 and 8 hidden units
# learned XOR from 0, 20, 41, 50 and 50.
seeds = 2 if options.quick else 50
for hidden in (2, 4) if options.quick else (1, 2, 3, 4, 8):
    learned = sum(train(hidden, seed)[1] < 0.1 for seed in range(seeds))
    print(f"{hidden} hidden units: XOR learned from {learned} of {seeds} initial weights")
print(f"Pictures: {options.output}/")
