r"""
A first network, by hand
========================

Two inputs, three and two hidden units, two outputs: a network small enough for pencil and paper.
This page computes it with NumPy, lets minigrad watch the same lines to get the gradients, builds
it from modules, draws it with all its numbers, and films one backward pass.
"""

import argparse
from pathlib import Path

import numpy as np

import minigrad as mg
from minigrad import nn, optim, viz

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="changes nothing: this takes seconds")
parser.add_argument(
    "--output", type=Path, default=Path("runs/first_network"), help="for the pictures"
)
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# Shapes first
# ------------
# A layer with weights W takes a row of inputs x to the row :math:`x W + b`. The inner lengths must
# agree and the outer ones remain: (2,) times (2, 3) is (3,), and (2, 3) times (3, 2) is (2, 2).
print(np.array([1, 2]) @ np.array([[1, 3, 5], [2, 4, 6]]))
print(np.arange(1, 7).reshape(2, 3) @ np.arange(1, 7).reshape(3, 2))

# %%
# The network in NumPy
# --------------------
# Each column of a matrix holds the weights of one unit. The hidden layers end in a sigmoid, the
# last one in nothing: what the network is to say may be any number.
WEIGHTS = [
    np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]),
    np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]),
    np.array([[0.1, 0.3], [0.2, 0.4]]),
]
BIASES = [np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.2]), np.array([0.1, 0.2])]


def sigmoid(a):
    """Return 1 / (1 + exp(-a))."""
    return 1 / (1 + np.exp(-a))


def network(x, weights, biases):
    """Return the two outputs for two inputs."""
    w1, w2, w3 = weights
    b1, b2, b3 = biases
    z1 = sigmoid(x @ w1 + b1)
    z2 = sigmoid(z1 @ w2 + b2)
    return z2 @ w3 + b3


x = np.array([1.0, 0.5])
print("by NumPy:   ", network(x, WEIGHTS, BIASES))

# %%
# The same lines, watched
# -----------------------
# Now let the weights be tensors. Nothing in ``network`` changes: a tensor goes through NumPy's
# operators, remembers them, and can walk back. Suppose the outputs ought to be 0 and 1. The loss is
# their squared distance from that, and ``backward`` puts its gradient beside each weight: the
# direction in which the loss grows.
tensors = [mg.tensor(w, requires_grad=True) for w in WEIGHTS]
loss = np.sum((network(x, tensors, BIASES) - np.array([0.0, 1.0])) ** 2)
loss.backward()
print(f"loss {loss.item():.6f}; its gradient with respect to the last weights:")
print(tensors[2].grad)

# %%
# Is that so? Move one weight a little, and look at the loss.
moved = [w.copy() for w in WEIGHTS]
moved[2][0, 0] += 1e-6
change = np.sum((network(x, moved, BIASES) - np.array([0.0, 1.0])) ** 2) - loss.item()
print(f"by differences {change / 1e-6:.6f}, by minigrad {tensors[2].grad[0, 0]:.6f}")

# %%
# From modules
# ------------
# Written down with layers it is shorter. ``nn.Linear`` keeps its weights as (outputs, inputs), a
# row for each unit, as PyTorch does; so the matrices are transposed on their way in.
model = nn.Sequential(
    nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 2)
)  # fmt: skip
for layer, weight, bias in zip(model[::2], WEIGHTS, BIASES, strict=True):
    layer.weight.data = weight.T.astype(np.float32)
    layer.bias.data = bias.astype(np.float32)

inputs, target = np.array([[1.0, 0.5]], np.float32), np.array([[0.0, 1.0]], np.float32)
print("by modules: ", model(inputs).data[0])
print(nn.summary(model, inputs))

# %%
# With the numbers on it: values in the circles, weights on the lines, biases below.
viz.draw_network(model, input=x).save(options.output / "network.png")

# %%
# One backward pass, filmed
# -------------------------
# ``viz.record`` keeps every number of what is computed inside. The film then goes back from the
# loss, one operation a frame: what arrives there, what the rule of the operation makes of it, and
# to whom it is passed on. ``film.html`` is a page to click through; here is the frame in which the
# gradient reaches the last layer.
with viz.record():
    output = model(mg.tensor(inputs, name="x"))
    error = nn.MSELoss()(output, target)

film = viz.film(error, names={"output": output, "loss": error}, direction="TB")
film.save(options.output / "film.html")
film[5].save(options.output / "frame.png")
print(len(film), "frames:", ", ".join(frame.title for frame in film.frames[1:5]), "...")

# %%
# One step
# --------
# A step against the gradient makes the loss smaller, and that is all there is to learning. The
# rest of it is doing this many times, with data. (``nn.MSELoss`` is the mean of the two squares, so
# half of the loss above.)
optimizer = optim.SGD(model.parameters(), lr=0.1)
for step in range(4):
    optimizer.zero_grad()
    error = nn.MSELoss()(model(inputs), target)
    error.backward()
    optimizer.step()
    print(f"step {step + 1}: loss {error.item():.4f}")
print(f"Pictures: {options.output}/")
