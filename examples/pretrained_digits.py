r"""
Recognise digits with weights that someone trained
==================================================

A trained network is a list of arrays. This page loads the arrays of a 784-50-100-10 network into
modules, recognises the 10,000 test images of MNIST with it, one by one and in batches, and asks
what it gets wrong, and whether it knows when it does not know.

The weights whose results this page tells come with the book *Deep Learning from Scratch*, and are
not part of minigrad: give their file as ``--weights`` or in the environment variable
MINIGRAD_PRETRAINED. It holds W1 (784, 50), b1, W2 (50, 100), b2, W3 (100, 10) and b3 as .npz or
.safetensors. Without it, and always with ``--quick``, a small network of the same kind is trained
first, which takes seconds; quick mode does so with scikit-learn's 8x8 digits.
"""

import argparse
import os
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigrad as mg
from minigrad import data, nn, optim, plots
from minigrad.io import load_weights
from minigrad.training import fit, predict

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="the bundled digits: seconds, no download")
parser.add_argument(
    "--output", type=Path, default=Path("runs/pretrained_digits"), help="for the pictures"
)
parser.add_argument(
    "--weights", default=os.environ.get("MINIGRAD_PRETRAINED"), help="file of trained weights"
)
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# The data
# --------
# Pixels are divided by 255, as they were when the network was trained. A network that learned from
# numbers between 0 and 1 makes nothing of numbers up to 255.
(x_train, y_train), (x_test, y_test) = data.load_digits() if options.quick else data.load_mnist()
print(f"{len(x_test):,} test images, pixels from {x_test.min():g} to {x_test.max():g}")

# %%
# The network
# -----------
# Two hidden layers with sigmoids, and softmax at the end: ten probabilities for each image.
mg.random.seed(0)
inputs = x_train.shape[1]
model = nn.Sequential(
    nn.Linear(inputs, 50), nn.Sigmoid(), nn.Linear(50, 100), nn.Sigmoid(), nn.Linear(100, 10),
    nn.Softmax(),
)  # fmt: skip
if options.weights and not options.quick:
    arrays = load_weights(options.weights)
    if not {"W1", "b1", "W2", "b2", "W3", "b3"} <= set(arrays):
        raise SystemExit(f"{options.weights} holds {', '.join(arrays)}; see --help for the names")
    for k, layer in enumerate(model[:-1:2], start=1):
        layer.weight.data = arrays[f"W{k}"].T  # there (inputs, outputs), here (outputs, inputs)
        layer.bias.data = arrays[f"b{k}"]
else:
    print("No weights given: training a network of this kind first.")
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    epochs = 20 if options.quick else 2
    logits = nn.Sequential(*model[:-1])  # the loss has the softmax inside
    fit(logits, (x_train, y_train), loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=epochs)
print(nn.summary(model, x_test[:1]))

# %%
# One by one, and in batches
# --------------------------
# One image is a matrix with one row; 100 images are a matrix with 100 rows, for the same few calls
# of NumPy. The answers are the same to rounding, but the time is not: 10,000 images took 0.76 s one
# by one and 0.033 s in batches, 23 times as fast (on one core, with OPENBLAS_NUM_THREADS=1; for
# matrices as small as these more threads only get in each other's way).
#
# With the book's weights the accuracy is 0.9352.
model.eval()
begun = time.perf_counter()
with mg.no_grad():
    one_by_one = np.concatenate([model(x_test[i : i + 1]).data for i in range(len(x_test))])
singly = time.perf_counter() - begun

batched = np.inf
for _ in range(3):  # the best of three, as it is over so soon
    begun = time.perf_counter()
    probabilities = predict(model, x_test, batch_size=100)
    batched = min(batched, time.perf_counter() - begun)

predicted = probabilities.argmax(axis=1)
right = predicted == y_test
print(f"one by one {singly:.2f} s, in batches of 100 {batched:.3f} s: {singly / batched:.0f} times")
print(f"largest difference of a probability: {np.abs(one_by_one - probabilities).max():.0e}")
print(f"accuracy {right.mean():.4f}")

# %%
# See them
# --------
# The first 25 images, with what they were taken for.
figure = plots.plot_images(x_test[:25], y_test[:25], predicted[:25], columns=5)
figure.savefig(options.output / "first.png", dpi=120)

# %%
# And 25 of those that were misread: the title says what was predicted, and what it is. Some of them
# one would not like to be asked about.
wrong = [(int(i), int(y_test[i]), int(predicted[i])) for i in np.flatnonzero(~right)]
print(f"{len(wrong)} wrong; the first as (index, label, prediction): {wrong[:5]}")
some = np.flatnonzero(~right)[:25]
figure = plots.plot_images(x_test[some], y_test[some], predicted[some], columns=5)
figure.savefig(options.output / "misread.png", dpi=120)

# %%
# Which digit is taken for which: rows are what it is, columns what was said.
plots.plot_confusion(y_test, predicted).savefig(options.output / "confusion.png", dpi=120)

# %%
# How sure is it?
# ---------------
# The largest of the ten probabilities says how sure the network is. If only answers that are more
# than 80 % sure are accepted, fewer images are answered, and more of the answers are right. Each
# threshold is a point of the curve: the share of images that are answered (the coverage), and the
# accuracy among these.
#
# With the book's weights 0.8363 of all images are answered right with more than 80 % certainty.
# That is 98.5 % of the 84.9 % that are answered at all: of 648 mistakes 125 are left.
sure = probabilities.max(axis=1)
accepted = sure > 0.8
print(f"right and more than 80 % sure: {np.mean(right & accepted):.4f} of all images")
print(f"accepted: {accepted.mean():.4f}; right among these: {right[accepted].mean():.4f}")

order = np.argsort(-sure, kind="stable")  # the surest first
answered = np.arange(1, len(order) + 1)
accuracy = np.cumsum(right[order]) / answered
plt.figure(figsize=(6, 4), layout="constrained")
plt.plot(100 * answered / len(order), 100 * accuracy, color="#0072B2")
for threshold, marker in [(0.5, "^"), (0.8, "o"), (0.95, "s")]:
    last = np.count_nonzero(sure > threshold) - 1
    place = 100 * answered[last] / len(order), 100 * accuracy[last]
    plt.plot(*place, marker, color="#D55E00", label=f"more than {threshold:.0%} sure")
plt.xlabel("coverage: images that are answered (%)"), plt.ylabel("accuracy among these (%)")
plt.grid(alpha=0.3), plt.legend()
plt.savefig(options.output / "coverage.png", dpi=120)
print(f"Pictures: {options.output}/")
