r"""
Optimizers in a narrow valley, and on digits
============================================

All optimizers are told the same, the gradient, and make different steps of it. Books, papers and
frameworks write their formulas differently, too, under the same names. This page sends the usual
ones, each in its variants, down the valley

.. math:: f(x, y) = \frac{x^2}{20} + y^2

whose floor falls twenty times less steeply than its walls, and then lets them learn digits.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.training import fit

raw = argparse.RawDescriptionHelpFormatter
parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
parser.add_argument("--quick", action="store_true", help="the bundled digits: seconds, no download")
parser.add_argument("--output", type=Path, default=Path("runs/optimizers"), help="for the pictures")
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# The candidates
# --------------
# Each is a function that makes an optimizer of the parameters. The learning rates do well in the
# valley, and variants of a method share one. For SGD it is a factor of the gradient, for Adam about
# the length of a step: they cannot be compared.
VALLEY = {
    "SGD": lambda p: optim.SGD(p, lr=0.9),
    "Momentum, heavy ball": lambda p: optim.Momentum(p, lr=0.1, form="heavy_ball"),
    "Momentum, average": lambda p: optim.Momentum(p, lr=0.1, form="average"),
    "RMSProp": lambda p: optim.RMSProp(p, lr=0.3, alpha=0.9),
    "AdaGrad": lambda p: optim.AdaGrad(p, lr=1.5),
    "Adam": lambda p: optim.Adam(p, lr=0.3),
    "Adam, no bias correction": lambda p: optim.Adam(p, lr=0.3, bias_correction=False),
    "AdamW": lambda p: optim.AdamW(p, lr=0.3, weight_decay=0.1),
}


def descend(make, steps=40):
    """Return the places that an optimizer visits from (-7, 2) on, and the optimizer."""
    place = mg.tensor([-7.0, 2.0], requires_grad=True)
    optimizer = make([place])
    path = [place.data.copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        (place[0] ** 2 / 20 + place[1] ** 2).backward()
        optimizer.step()
        path.append(place.data.copy())
    return np.array(path), optimizer


# %%
# An optimizer prints its own formula, in the variant that it is:
paths = {}
for name, make in VALLEY.items():
    paths[name], optimizer = descend(make)
    print(optimizer, "\n")

# %%
# The paths
# ---------
# SGD jumps from wall to wall, since the gradient points across the valley, not along it. Momentum
# remembers: what alternates cancels, what stays the same adds up. RMSProp, AdaGrad and Adam divide
# by how large gradients have been, direction by direction, and see no difference between walls and
# floor.
shared = {"sharex": True, "sharey": True}
figure, panels = plt.subplots(2, 4, figsize=(10, 4.6), layout="constrained", **shared)
across, up = np.meshgrid(np.linspace(-9, 9, 200), np.linspace(-4, 4, 200))
height = across**2 / 20 + up**2
for axes, (name, path) in zip(panels.flat, paths.items(), strict=True):
    axes.contour(across, up, height, levels=np.geomspace(0.05, 20, 9), cmap="viridis", alpha=0.6)
    axes.plot(*path.T, "o-", color="#D55E00", markersize=2.5, linewidth=1)
    axes.plot(0, 0, "k+", markersize=10)
    axes.set(title=name, xlim=(-9, 9), ylim=(-4, 4))
figure.supxlabel("$x$"), figure.supylabel("$y$")
figure.savefig(options.output / "valley.png", dpi=120)

# %%
# The two forms of momentum differ by the factor :math:`1 - \beta`. With :math:`\beta = 0.9` and the
# same learning rate the average is ten times slower; with ten times the rate it takes the same way:
same, _ = descend(lambda p: optim.Momentum(p, lr=1.0, form="average"))
print("average with lr=1.0 against heavy ball with lr=0.1: largest distance", end=" ")
print(f"{np.abs(same - paths['Momentum, heavy ball']).max():.1e}")

# %%
# Adam's averages begin at 0 and are too small at first. Their correction divides both by :math:`1 -
# \beta^t`. Without it the second one, under the root, is too small for much longer than the first,
# and steps are too long: 3 times the learning rate at once, and 5 times a few steps later.
for name in ("Adam", "Adam, no bias correction"):
    lengths = np.abs(np.diff(paths[name], axis=0))[:, 0] / 0.3
    print(f"{name:25s} steps along x, as multiples of lr: {lengths[:6].round(1)}")

# %%
# Learning digits
# ---------------
# Now with the rates that are usual for networks, on the same initial weights and the same order of
# the images.
DIGITS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "Momentum, heavy ball": lambda p: optim.Momentum(p, lr=0.01, form="heavy_ball"),
    "Momentum, average": lambda p: optim.Momentum(p, lr=0.01, form="average"),
    "RMSProp": lambda p: optim.RMSProp(p, lr=0.001),
    "Adam": lambda p: optim.Adam(p, lr=0.001),
    "AdamW": lambda p: optim.AdamW(p, lr=0.001),
}
train, test = data.load_digits() if options.quick else data.load_mnist()
histories = {}
for name, make in DIGITS.items():
    mg.random.seed(0)
    model = nn.Sequential(nn.Linear(train.x.shape[1], 64), nn.ReLU(), nn.Linear(64, 10))
    histories[name] = fit(
        model,
        train,
        loss=nn.CrossEntropyLoss(),
        optimizer=make(model.parameters()),
        epochs=3,
        batch_size=64,
        validation=test,
        metrics="accuracy",
    )
    print(f"{name:22s} test accuracy {histories[name]['val_accuracy'][-1]:.4f}")

# %%
# On MNIST, after three epochs in batches of 64, the test accuracies were 0.953 (SGD), 0.950 (heavy
# ball), 0.901 (average), 0.961 (RMSProp), 0.963 (Adam) and 0.963 (AdamW). The average lags behind
# because it needs ten times the rate, nothing else; the heavy ball and SGD take steps of about the
# same size, and come out the same; AdamW's decay of 0.01 is too little to be seen so soon. A rate
# that suits an optimizer does more than the choice between the good ones.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
epochs = range(1, 4)
for (name, history), colour, marker in zip(histories.items(), colours, "os^DvP", strict=True):
    style = {"color": colour, "marker": marker, "linestyle": "--" if name == "AdamW" else "-"}
    left.plot(epochs, history["loss"], **style, label=name)
    right.plot(epochs, history["val_accuracy"], **style)
left.set(xlabel="epoch", ylabel="training loss", xticks=epochs)
right.set(xlabel="epoch", ylabel="test accuracy", xticks=epochs)
figure.legend(loc="outside lower center", ncols=3)
figure.savefig(options.output / "digits.png", dpi=120)
print(f"Pictures: {options.output}/")
