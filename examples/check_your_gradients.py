r"""
Check your gradients
====================

A wrong gradient raises no error. The network trains, only worse, and one looks for the reason
everywhere else. This page takes a layer that somebody wrote in plain NumPy, backward pass
included, and lets minigrad's checker find what is wrong with it. Then the layer becomes an operator
of minigrad's: checked, drawn, and trained, once with the right rule and once with the wrong one.
"""

import argparse
from pathlib import Path

import numpy as np

import minigrad as mg
from minigrad import data, nn, optim, plots, viz
from minigrad.testing import gradcheck
from minigrad.training import fit

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="changes nothing: this takes seconds")
parser.add_argument("--output", type=Path, default=Path("runs/check_your_gradients"), help="folder")
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# The suspect
# -----------
# The layer scales every row to length 1: :math:`y = x / |x|`. Forward and backward, as one writes
# them in a course:


class UnitRows:
    """A layer that scales each row of its input to length 1."""

    def forward(self, x):
        """Return the rows at length 1."""
        self.length = np.sqrt((x**2).sum(axis=1, keepdims=True))
        return x / self.length

    def backward(self, g):
        """Return the gradient with respect to the input."""
        return g / self.length


# %%
# The verdict
# -----------
# The checker wants two functions: the values, and the product of the gradient that arrives, u, with
# the derivative. It compares the second with differences of the first along many directions, and
# knows how exact these are. Shapes stand for random arguments.


def backward(u, x):
    """Return what the layer says its gradient is."""
    layer = UnitRows()
    layer.forward(x)
    return layer.backward(u)


forward = UnitRows().forward
print(gradcheck(forward, (4, 3), vjp=backward, raise_on_failure=False))

# %%
# All elements are wrong, by far more than rounding. (Without ``raise_on_failure=False`` it raises,
# so that the call is a test.) The layer has a second way from x to y, and the backward pass has
# forgotten it: a larger x also makes the length larger. With both,
#
# .. math:: \bar x = \frac{u - y \, (u \cdot y)}{|x|}
#
# What points along y is taken out. It has to be: a longer row gives the same y.


def mended(u, x):
    """Return the gradient with respect to the input."""
    y = forward(x)
    return (u - y * (u * y).sum(axis=1, keepdims=True)) / np.sqrt((x**2).sum(axis=1, keepdims=True))


print(gradcheck(forward, (4, 3), vjp=mended).verdict)

# %%
# An operator
# -----------
# For minigrad the same is a function and a rule. The rule is given the gradient, the result and
# the arguments; undoing broadcasts and keeping dtypes is not its business. This time ``gradcheck``
# needs nothing but the operator, and checks second derivatives along with the first.


@mg.primitive
def unit_rows(x):
    """Return the rows of x at length 1."""
    return x / np.sqrt((x**2).sum(axis=1, keepdims=True))


RULES = {"wrong": lambda g, y, x: backward(g, x), "right": lambda g, y, x: mended(g, x)}
mg.defvjp(unit_rows, RULES["right"])
print(gradcheck(unit_rows, (4, 3)))

# %%
# In a network
# ------------
# Between two layers it makes a classifier that looks only at directions. In the picture of the
# computation it stands like any other operation.


class Directions(nn.Module):
    """A network whose last layer sees the direction of its input and not the length."""

    def __init__(self):
        self.hidden = nn.Linear(64, 32)
        self.out = nn.Linear(32, 10)

    def forward(self, x):
        """Return the logits."""
        return self.out(10 * unit_rows(np.tanh(self.hidden(x))))


train, test = data.load_digits()
mg.random.seed(0)
loss = nn.CrossEntropyLoss()(Directions()(train.x[:5]), train.y[:5])
viz.draw(loss, direction="LR").save(options.output / "computation.png")

# %%
# Would one have noticed?
# -----------------------
# The same training with either rule. After 30 epochs the loss was 0.062 with the wrong rule and
# 0.043 with the right one, and the test accuracy 0.969 with both. Nobody would have suspected it.
histories = {}
for name, rule in RULES.items():
    mg.defvjp(unit_rows, rule)
    mg.random.seed(0)
    model = Directions()
    histories[f"{name} rule"] = history = fit(
        model,
        train,
        loss=nn.CrossEntropyLoss(),
        optimizer=optim.Adam(model.parameters()),
        epochs=30,
        validation=test,
        metrics="accuracy",
    )
    last = history.last()
    print(f"{name} rule: loss {last['loss']:.4f}, test accuracy {last['val_accuracy']:.4f}")

plots.plot_history(histories).savefig(options.output / "curves.png", dpi=120)
print(f"Pictures: {options.output}/")
