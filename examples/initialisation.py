r"""
What weights begin with
=======================

Before a network has learned anything, its first weights decide whether it can learn at all. If they
are too small, what the layers pass on fades away; if they are too large, every unit sits at the end
of its range. This page sends digits through a deep network with several initialisers and looks at
what arrives in each layer, and at what comes back.
"""

import argparse
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigrad as mg
from minigrad import data, nn, optim, viz
from minigrad.nn import init
from minigrad.training import fit

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="fewer epochs: seconds")
parser.add_argument(
    "--output", type=Path, default=Path("runs/initialisation"), help="for the pictures"
)
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# A deep network
# --------------
# Five hidden layers of 100 units; the data are the 8x8 digits that scikit-learn brings, shifted and
# scaled to mean 0 and deviation 1.
train, test = data.load_digits()
scaler = data.Standardizer(axis=None).fit(train.x)
train, test = (data.Split(scaler.transform(x), y) for x, y in (train, test))


def deep(activation, weight_init):
    """Return a 64-100-100-100-100-100-10 network."""
    mg.random.seed(0)
    layers = [nn.Linear(64, 100, weight_init=weight_init), activation()]
    for _ in range(4):
        layers += [nn.Linear(100, 100, weight_init=weight_init), activation()]
    return nn.Sequential(*layers, nn.Linear(100, 10, weight_init=weight_init))


# %%
# Five ways to begin
# ------------------
# A unit adds up n products. If inputs and weights are independent with mean 0, the variance of the
# sum is n times the product of theirs; so with weights of variance 1/n it stays the same from layer
# to layer. LeCun's initialiser is just that; Xavier's takes :math:`2 / (n_{in} + n_{out})`, to keep
# the gradients' variance on the way back as well; He's (``kaiming``) takes 2/n, because ReLU
# silences half of the units.
CASES = {
    "sigmoid, deviation 1": (nn.Sigmoid, partial(init.normal, std=1.0)),
    "tanh, deviation 0.01": (nn.Tanh, partial(init.normal, std=0.01)),
    "tanh, Xavier": (nn.Tanh, "xavier_normal"),
    "ReLU, deviation 0.01": (nn.ReLU, partial(init.normal, std=0.01)),
    "ReLU, He": (nn.ReLU, "kaiming_normal"),
}

# %%
# What arrives in each layer
# --------------------------
# A histogram for each hidden layer, of all its activations for 500 digits.
figure, panels = plt.subplots(len(CASES), 5, figsize=(8, 8), layout="constrained")
for row, (name, (activation, weight_init)) in zip(panels, CASES.items(), strict=True):
    x = train.x[:500]
    modules = list(deep(activation, weight_init))
    for k, axes in enumerate(row):
        x = modules[2 * k + 1](modules[2 * k](x))  # a linear layer and its activation
        axes.hist(x.data.ravel(), bins=30, color="#0072B2")
        axes.set_title(f"layer {k + 1}\ndeviation {x.data.std():.2g}", fontsize=9)
        axes.set_yticks([])  # the form matters, not how many there are
        axes.locator_params(axis="x", nbins=3)
        axes.ticklabel_format(axis="x", scilimits=(-2, 3))
    row[0].set_ylabel(name.replace(", ", ",\n"), fontsize=9)
for axes in panels[-1]:
    axes.set_xlabel("activation")
figure.savefig(options.output / "activations.png", dpi=120)

# %%
# The sigmoids with large weights are mostly near 0 or 1, where their slope is nearly 0. With tiny
# weights, tanh and ReLU pass on less and less: what arrives in the fifth layer is more than ten
# thousand times smaller than in the first. With Xavier for tanh it is half as large, since tanh
# itself makes everything a little smaller; with He for ReLU, the fifth layer looks like the first.
#
# What comes back
# ---------------
# After a backward pass, ``viz.gradient_flow`` compares each layer's gradient with its weights, and
# counts units that are stuck: *saturated* sigmoids, at the end of their range for every image of
# the batch, and *dead* ReLUs, which are 0 for every image.


def with_gradients(activation, weight_init, bias=0.0):
    """Return a new network after one backward pass over 100 digits."""
    model = deep(activation, weight_init)
    for layer in model[:-1:2]:
        layer.bias.data += np.float32(bias)
    nn.CrossEntropyLoss()(model(train.x[:100]), train.y[:100]).backward()
    return model


flows = {
    "sigmoid, deviation 1": with_gradients(*CASES["sigmoid, deviation 1"]),
    "tanh, deviation 0.01": with_gradients(*CASES["tanh, deviation 0.01"]),
    "ReLU, He, biases -1": with_gradients(*CASES["ReLU, He"], bias=-1.0),
    "ReLU, He": with_gradients(*CASES["ReLU, He"]),
}
for name, model in flows.items():
    print(name)
    print(viz.gradient_flow(model, train.x[:100]), "\n")

# %%
# The same as a picture, of the network whose ReLUs all got a bias of -1. Each layer has less to
# pass on, so more units of the next are dead; once all of a layer are, what comes out no longer
# depends on what went in, and all gradients before it are exactly 0. This network will never learn.
drawing = viz.draw_model(flows["ReLU, He, biases -1"], train.x[:100], grads=True)
drawing.save(options.output / "gradient_flow.png")

# %%
# Does it matter?
# ---------------
# Plain gradient descent, 20 epochs, learning rate 0.1: ReLU with He's initialiser reached a test
# accuracy of 0.9915, tanh with Xavier's 0.9746, the sigmoids with large weights 0.8986. The two
# with tiny weights stayed at 0.1014, which is no better than guessing.
for name, (activation, weight_init) in CASES.items():
    model = deep(activation, weight_init)
    history = fit(
        model,
        train,
        loss=nn.CrossEntropyLoss(),
        optimizer=optim.SGD(model.parameters(), lr=0.1),
        epochs=1 if options.quick else 20,
        validation=test,
        metrics="accuracy",
    )
    print(f"{name:21s} test accuracy {history['val_accuracy'][-1]:.4f}")
print(f"Pictures: {options.output}/")
