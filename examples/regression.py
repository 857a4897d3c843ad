r"""
Fitting a line and a curve
==========================

Not every network sorts things into classes. A regression finds a number: first the slope of a
line, by descending by hand, then a curve that nobody has a formula for, with a network. The curve
fits where there are points to fit, and a picture shows what the network says elsewhere.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.training import evaluate, fit, predict

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--quick", action="store_true", help="changes nothing: this takes seconds")
parser.add_argument("--output", type=Path, default=Path("runs/regression"), help="for the pictures")
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)

# %%
# A line, by hand
# ---------------
# 100 points around the line :math:`y = 3x + 1`. The model is :math:`\hat y = wx + b`, and the loss
# is the mean of the squared errors. Gradient descent starts with w = b = 0 and takes 50 steps, each
# against the gradient, which ``backward`` computes.
x, y = data.make_linear(100, weights=[3.0], bias=1.0, noise=0.5, rng=0)
w, b = (mg.tensor(0.0, requires_grad=True) for _ in range(2))
for _ in range(50):
    loss = np.mean((x * w + b - y) ** 2)
    loss.backward()
    with mg.no_grad():
        w -= 0.1 * w.grad
        b -= 0.1 * b.grad
    w.zero_grad(), b.zero_grad()

# %%
# For a line there is a formula, least squares, to compare with.
exact = np.linalg.lstsq(np.column_stack([x, np.ones_like(x)]), y, rcond=None)[0].ravel()
print(f"gradient descent: w = {w.item():.4f}, b = {b.item():.4f}")
print(f"least squares:    w = {exact[0]:.4f}, b = {exact[1]:.4f}")

# %%
# A curve, with a network
# -----------------------
# 200 points of :math:`y = \sin(3x) + x / 2` with noise of deviation 0.1, for x from -2 to 2. A
# network with one hidden layer of 64 tanh units adds up 64 soft steps; with enough of them it comes
# as close to any continuous curve on an interval as one likes. 40 of the points are kept to measure
# with.
rng = np.random.default_rng(0)
x = rng.uniform(-2, 2, (200, 1)).astype(np.float32)
noise = 0.1 * rng.standard_normal((200, 1))


def curve(x):
    """Return what the points scatter around."""
    return np.sin(3 * x) + x / 2


train, test = data.split_train_test(x, (curve(x) + noise).astype(np.float32), rng=0)
mg.random.seed(0)
model = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 1))
history = fit(
    model,
    train,
    loss=nn.MSELoss(),
    optimizer=optim.Adam(model.parameters(), lr=0.01),
    epochs=400,
    validation=test,
)
measured = evaluate(model, test, metrics=["mse", "mae"])
print(f"test points: mean squared error {measured['mse']:.4f}, absolute {measured['mae']:.4f}")

# %%
# The noise alone has a mean square of 0.01, so no model can do better on points that it has not
# seen. After 400 epochs the test error was 0.013.
#
# The fit is good between -2 and 2. Outside it is the network's own invention: no point was there to
# object. Its slopes are as easy to have as its values: the derivative of the network with respect
# to its input, by one backward pass.
places = np.linspace(-4, 4, 401, dtype=np.float32)[:, None]
inputs = mg.tensor(places, requires_grad=True)
model(inputs).sum().backward()

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.scatter(*map(np.ravel, train), s=12, color="#0072B2", label="training points")
left.scatter(*map(np.ravel, test), s=16, marker="s", color="#009E73", label="test points")
left.plot(places, predict(model, places), color="#D55E00", label="network")
left.plot(places, curve(places), "k:", label="the truth")
left.set(xlabel="$x$", ylabel="$y$", ylim=(-4, 4), title="values")
right.plot(places, inputs.grad, color="#D55E00", label="of the network")
right.plot(places, 3 * np.cos(3 * places) + 0.5, "k:", label="of the truth")
right.set(xlabel="$x$", ylabel="$dy/dx$", title="slopes")
for axes in (left, right):
    axes.axvspan(-2, 2, color="#56B4E9", alpha=0.15)
    axes.legend(fontsize=8)
figure.savefig(options.output / "curve.png", dpi=120)
print(f"Pictures: {options.output}/")
