r"""
Read a picture of one's own
===========================

Write a digit on paper, take a picture of it, and let the network read it. It was trained on small
light digits on black; the picture is large, dark on light, and the digit sits in a corner. This
page brings the one to the other, by a preparation that is kept in the file of the weights. First
train, then read::

    python examples/mnist.py
    python examples/read_my_digit.py my_digit.png

Without a picture it makes one. With ``--quick`` it trains a network on the bundled 8x8 digits
first.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.data import ImagePreparation
from minigrad.errors import MinigradError
from minigrad.io import inspect_weights, load_weights, save_weights
from minigrad.nn import functional as F
from minigrad.training import evaluate, fit, predict

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("picture", nargs="?", type=Path, help="image file of a digit")
parser.add_argument("--quick", action="store_true", help="the bundled digits: seconds, no download")
parser.add_argument("--output", type=Path, default=Path("runs/read_my_digit"), help="for pictures")
parser.add_argument(
    "--weights", type=Path, default=Path("runs/mnist/weights.safetensors"), help="of mnist.py"
)
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# Weights, and how to use them
# ----------------------------
# ``mnist.py`` has written a file of weights; quick mode trains a small network and writes its own.
# The line to look at is the last one. An ``ImagePreparation`` says how images were made before they
# were given to the network, and ``metadata`` puts that into the file.
if options.quick:
    options.weights = options.output / "weights.safetensors"
    mg.random.seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    train, _ = data.load_digits()
    fit(model, train, loss=nn.CrossEntropyLoss(), optimizer=optimizer, epochs=8)
    prepare = ImagePreparation(8, 8, middle="box")
    save_weights(model, options.weights, metadata=prepare.to_metadata())

# %%
# Now forget all that, as if the file had come by mail. It tells the weights of the layers, and the
# preparation. What lies between the layers it does not tell; that is in the program.
try:
    prepare = ImagePreparation.from_metadata(inspect_weights(options.weights).metadata)
    arrays = load_weights(options.weights)
except MinigradError as error:
    raise SystemExit(f"{error}\nTrain first: python examples/mnist.py") from None
print(prepare)

layers = []
for place in sorted({int(name.split(".")[0]) for name in arrays}):  # of "0.weight", "0.bias", ...
    outputs, inputs = arrays[f"{place}.weight"].shape
    linear = nn.Linear(inputs, outputs)
    linear.load_state_dict({name: arrays[f"{place}.{name}"] for name in ("weight", "bias")})
    layers += [linear, nn.ReLU()]
model = nn.Sequential(*layers[:-1])

# %%
# A picture
# ---------
# If you gave none, here is one: a test image, ten times as large, dark grey on light grey, in a
# corner of a sheet.


def load_test_images():
    """Return images and labels of the kind that the network was trained on."""
    try:
        return (data.load_digits() if prepare.size == 8 else data.load_mnist()).test
    except MinigradError as error:
        raise SystemExit(str(error)) from None


if options.picture is None:
    options.picture = options.output / "my_digit.png"
    x_test, _ = load_test_images()
    strokes = np.kron(x_test[0].reshape(prepare.size, -1), np.ones((10, 10)))
    sheet = np.full((3 * len(strokes) // 2, 2 * len(strokes)), 230.0)
    sheet[20 : 20 + len(strokes), 30 : 30 + len(strokes)] -= 170 * strokes
    Image.fromarray(sheet.astype(np.uint8)).save(options.picture)

# %%
# What the network sees, and what it says
# ---------------------------------------
# ``read`` makes the digit light on black, cuts it out, fits it into its box and puts it into the
# middle. What comes out is what the network was trained on.
try:
    x = prepare.read(options.picture)
except MinigradError as error:
    raise SystemExit(str(error)) from None
probabilities = F.softmax(predict(model, x))[0]
print(f"It is a {probabilities.argmax()}, says the network, and is {probabilities.max():.1%} sure.")

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
left.imshow(Image.open(options.picture).convert("L"), cmap="gray", vmin=0, vmax=255)
left.set(title="the picture", xlabel="pixel", ylabel="pixel")
middle.imshow(x.reshape(prepare.size, -1), cmap="gray")
middle.set(title="what the network sees", xlabel="pixel")
right.bar(range(10), 100 * probabilities, color="#0072B2")
right.set(title="what it says", xlabel="digit", ylabel="probability (%)", xticks=range(10))
figure.savefig(options.output / "reading.png", dpi=120)

# %%
# The mistake that nobody notices
# -------------------------------
# The network was trained on pixels from 0 to 1. Given pixels from 0 to 255 it raises no error, and
# may even be right as often: twice the input makes about twice the logits, and the largest stays
# the largest. But it is now sure of everything, mistakes included, which shows in the loss.
x_test, y_test = load_test_images()
for name, pixels in {"from 0 to 1": x_test, "from 0 to 255": 255 * x_test}.items():
    measured = evaluate(model, (pixels, y_test), loss=nn.CrossEntropyLoss(), metrics="accuracy")
    sure = F.softmax(predict(model, pixels)).max(axis=1).mean()
    print(f"pixels {name:13s} accuracy {measured['accuracy']:.4f}", end=", ")
    print(f"loss {measured['loss']:7.3f}, {sure:.1%} sure on average")

# %%
# With the weights of 20 epochs of ``mnist.py``, 0.9779 of the test images were read rightly with
# pixels from 0 to 1, and 0.9756 with pixels from 0 to 255; but the loss went from 0.13 to 34, and
# the network was 100.0 % sure on average. (The sigmoids of ``pretrained_digits.py`` went from
# 0.9352 to 0.9207.)
#
# The preparation takes bytes and gives numbers that are ready; what is ready it refuses:
try:
    prepare(x)
except MinigradError as error:
    print(f"{type(error).__name__}: {error}")
print(f"Pictures: {options.output}/")
