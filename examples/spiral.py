r"""
Three spirals
=============

Three arms wind around each other, and no line, nor any few lines, can part them. A network with two
inputs is small enough to see all that it knows: the whole plane, coloured by what it would say.
This page watches the borders between the colours bend until they follow the arms.
"""

import argparse
from pathlib import Path

import minigrad as mg
from minigrad import data, nn, optim, plots, viz
from minigrad.training import evaluate, fit

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="changes nothing: this takes seconds")
parser.add_argument("--output", type=Path, default=Path("runs/spiral"), help="for the pictures")
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# The points
# ----------
# 300 points on three arms, with a little noise, and 300 others of the same kind to test with.
train = data.make_spiral(300, classes=3, noise=0.03, rng=0)
test = data.make_spiral(300, classes=3, noise=0.03, rng=1)

# %%
# Straight lines
# --------------
# A single linear layer gives each class a score that grows in one direction. Its regions are
# wedges, and wedges are the best that it can do.
mg.random.seed(0)
epochs = 100
linear = nn.Linear(2, 3)
optimizer = optim.Adam(linear.parameters(), lr=0.02)
fit(linear, train, loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=epochs)
print(f"linear: test accuracy {evaluate(linear, test, metrics='accuracy')['accuracy']:.3f}")
figure = plots.plot_decision_regions(linear, *train)
figure.savefig(options.output / "linear.png", dpi=120)

# %%
# A hidden layer
# --------------
# 64 tanh units between the two. Each of them is a soft step across the plane, in a direction of its
# own; the regions are where sums of such steps are largest. Here is what it knows after the first
# tenth of the training:
model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 3))
optimizer = optim.Adam(model.parameters(), lr=0.02)
begun = fit(model, train, loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=epochs // 10)
figure = plots.plot_decision_regions(model, *train)
figure.savefig(options.output / "begun.png", dpi=120)

# %%
# And after all of it, with the borders along the arms:
history = fit(
    model,
    train,
    loss=nn.CrossEntropyLoss(),
    optimizer=optimizer,
    epochs=epochs - epochs // 10,
    validation=test,
    metrics="accuracy",
)
print(f"hidden layer: test accuracy {evaluate(model, test, metrics='accuracy')['accuracy']:.3f}")
figure = plots.plot_decision_regions(model, *train)
figure.savefig(options.output / "learned.png", dpi=120)

# %%
# In 100 epochs the linear layer came to a test accuracy of 0.443, and the network to 0.963. Where
# the arms meet in the middle, the noise is as wide as they are apart; nobody could tell them apart
# there.
plots.plot_history(history).savefig(options.output / "curves.png", dpi=120)

# %%
# Far from all points the picture means nothing. The network has to say something everywhere, and
# there it says it as surely as anywhere else.
#
# The network itself:
print(nn.summary(model, test.x[:1]))
viz.draw_model(model, test.x[:1], direction="LR").save(options.output / "network.png")
print(f"Pictures: {options.output}/")
