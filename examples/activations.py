r"""
Activations and their derivatives
=================================

Between its layers a network needs a function that is no straight line; otherwise all its layers
are one. This page draws the usual ones with their derivatives, which minigrad computes from the
functions themselves, and looks at softmax: what it does, and how it is computed without overflow.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigrad as mg
from minigrad.nn import functional as F

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="changes nothing: this takes a second")
parser.add_argument(
    "--output", type=Path, default=Path("runs/activations"), help="for the pictures"
)
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# Why not straight lines?
# -----------------------
# Because :math:`W_2 (W_1 x) = (W_2 W_1) x`: two linear layers are one linear layer with the matrix
# :math:`W_2 W_1`, and so are ten. Here with matrices that can be multiplied in the head:
w1 = np.array([[1, 3, 5], [2, 4, 6]])
w2 = np.array([[1, 2], [3, 4], [5, 6]])
x = np.array([1, 2])
print("x @ w1      =", x @ w1)
print("(x @ w1) @ w2 =", x @ w1 @ w2, "= x @ (w1 @ w2) =", x @ (w1 @ w2))

# %%
# Four functions
# --------------
# The sum of :math:`f(x_i)` over many places has the derivatives :math:`f'(x_i)` as its gradient:
# one backward pass gives the whole curve. NumPy's own ``np.tanh`` is differentiated like the rest.
FUNCTIONS = {
    "step: 1 if $x > 0$ else 0": F.step,
    "sigmoid: $1 / (1 + e^{-x})$": F.sigmoid,
    "tanh": np.tanh,
    "ReLU: $\\max(0, x)$": F.relu,
}


def slope(function, places):
    """Return the derivative of a function of numbers at each place."""
    x = mg.tensor(places, requires_grad=True)
    y = function(x)
    if not isinstance(y, mg.Tensor):  # as the step says that no gradient passes through it
        return np.zeros_like(places)
    y.sum().backward()
    return x.grad


places = np.linspace(-5, 5, 1001)
figure, panels = plt.subplots(2, 2, figsize=(8, 5.6), layout="constrained", sharex=True)
for axes, (name, function) in zip(panels.flat, FUNCTIONS.items(), strict=True):
    axes.plot(places, function(places), color="#0072B2", label="$f(x)$")
    axes.plot(places, slope(function, places), "--", color="#D55E00", label="$f'(x)$")
    axes.set(title=name, ylim=(-1.2, 2.2))
    axes.grid(alpha=0.3)
panels[0, 0].legend()
for axes in panels[1]:
    axes.set_xlabel("$x$")
figure.savefig(options.output / "activations.png", dpi=120)

# %%
# What to see in it:
#
# - The step is flat wherever it has a derivative. Nothing can be learned through it.
# - The sigmoid's derivative is at most 1/4, and nearly 0 outside of [-5, 5]. A gradient that comes
#   back through ten sigmoids is smaller by :math:`4^{10}`, a million, at least: it vanishes.
# - Tanh has slope 1 at 0, and saturates like the sigmoid.
# - ReLU has slope 1 for positive x, where gradients pass unchanged, and 0 for negative x: a unit
#   that is negative for all inputs has stopped learning. At 0 itself minigrad takes 0.


def ten_sigmoids(x):
    """Apply the sigmoid ten times."""
    for _ in range(10):
        x = F.sigmoid(x)
    return x


print(f"slope of ten sigmoids at 0: {mg.grad(ten_sigmoids)(0.0):.1e}")

# %%
# Softmax
# -------
# The last layer of a classifier gives a score :math:`x_k` for each class, the logits. Softmax makes
# probabilities of them:
#
# .. math:: p_k = \frac{e^{x_k}}{\sum_j e^{x_j}}, \qquad
#           \frac{\partial p_k}{\partial x_i} = p_k \, ([k = i] - p_i)
#
# Below the first of three scores moves, while the others stay at 0 and 1. All three probabilities
# move, for they sum to 1; so their derivatives sum to 0.


def probability(k, moving):
    """Return the k-th probability for scores (moving, 0, 1)."""
    others = np.zeros(len(moving)), np.ones(len(moving))
    return F.softmax(np.stack([moving, *others], axis=1))[:, k]


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for k, (colour, line) in enumerate([("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", ":")]):
    values = probability(k, places)
    slopes = slope(lambda x, k=k: probability(k, x), places)
    left.plot(places, values, line, color=colour, label=f"$p_{k}$")
    right.plot(places, slopes, line, color=colour, label=rf"$\partial p_{k} / \partial x_0$")
for axes in (left, right):
    axes.set_xlabel("$x_0$, with $x_1 = 0$ and $x_2 = 1$")
    axes.grid(alpha=0.3)
    axes.legend()
left.set_title("probabilities"), right.set_title("their derivatives")
figure.savefig(options.output / "softmax.png", dpi=120)

# %%
# Softmax without overflow
# ------------------------
# Written as it stands, :math:`e^{1000}` is infinite. A constant c may be taken from all scores
# beforehand, since :math:`e^{x - c} = e^x / e^c` and the :math:`e^c` cancels; with the largest
# score for c nothing overflows. It must go from the scores *inside* the exponentials. Taken from
# the exponentials instead, it gives something with negative "probabilities":
scores = np.array([0.3, 2.9, 4.0])
wrong = np.exp(scores) - np.max(scores)
print("wrong place:", (wrong / wrong.sum()).round(3))
print("softmax:    ", F.softmax(scores).round(3), "sum", F.softmax(scores).sum().round(12))
print("of 1000s:   ", F.softmax(scores + 1000).round(3))

# %%
# The exponential keeps the order, so the largest score is the largest probability: to say which
# class it is, softmax can be left out. ``nn.CrossEntropyLoss`` takes logits for the same reason
# that c was taken away: it computes :math:`\log p_k` without computing :math:`p_k`, which may be 0.
print("the same class:", scores.argmax() == F.softmax(scores).argmax())
print(f"Pictures: {options.output}/")
