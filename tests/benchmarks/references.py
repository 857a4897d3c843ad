"""What nobody can be faster than in NumPy: a training step written by hand, and its products alone."""

import numpy as np


def by_hand(task):
    """Return a training step in NumPy: flat buffers, in place, activations used again.

    The mean over the batch is taken once, of the smallest array. The moments of Adam and RMSProp
    are kept divided by ``1 - beta``, which saves two passes: ten over one flat buffer remain.
    """
    return ByHand(task.weights(), task.optimizer, task.options)


class ByHand:
    def __init__(self, weights, optimizer, options):
        self.flat, params = packed(weights)
        self.flat_grad, grads = packed(weights)
        self.kernels, self.biases = params[::2], params[1::2]
        self.kernel_grads, self.bias_grads = grads[::2], grads[1::2]
        self.params = params
        self.update = UPDATES[optimizer](self.flat, self.flat_grad, **options)
        self.buffers = {}

    def place(self, x, y):
        return x, y

    def parameters(self):
        return self.params

    def step(self, x, y):
        n = len(x)
        if n not in self.buffers:
            self.buffers[n] = Activations(n, self.biases)
        kept = self.buffers[n]
        last = len(self.kernels) - 1
        h = x
        for i, (w, b, out) in enumerate(zip(self.kernels, self.biases, kept.outputs, strict=True)):
            h = np.dot(h, w.T, out)
            np.add(h, b, h)
            if i < last:
                np.maximum(h, 0, h)
        loss, g = cross_entropy(h, y, kept)
        for i in range(last, -1, -1):
            below = kept.outputs[i - 1] if i else x
            np.dot(g.T, below, self.kernel_grads[i])
            np.dot(kept.ones, g, self.bias_grads[i])
            if i:
                g = np.dot(g, self.kernels[i], kept.grads[i - 1])
                np.multiply(g, np.greater(below, 0, kept.masks[i - 1]), g)
        self.update()
        return loss


class Activations:
    """Arrays for a batch of n samples, used again in every step."""

    def __init__(self, n, biases):
        self.outputs = [np.empty((n, len(b)), np.float32) for b in biases]
        self.grads = [np.empty_like(h) for h in self.outputs[:-1]]
        self.masks = [np.empty(h.shape, bool) for h in self.outputs[:-1]]
        self.ones = np.ones(n, np.float32)
        self.starts = np.arange(n) * len(biases[-1])
        self.column = np.empty((n, 1), np.float32)


def cross_entropy(z, y, kept):
    """Return the mean loss, and its gradient in the place of the logits."""
    n, column = len(z), kept.column
    np.maximum.reduce(z, axis=1, keepdims=True, out=column)
    np.subtract(z, column, z)
    right = kept.starts + y
    flat = z.reshape(-1)
    picked = flat[right]
    np.exp(z, z)
    np.add.reduce(z, axis=1, keepdims=True, out=column)
    loss = (np.log(column[:, 0]) - picked).sum() / n
    np.multiply(column, n, column)
    np.divide(z, column, z)
    flat[right] -= 1 / n
    return loss, z


def packed(arrays):
    """Return one flat copy of some arrays, and views of it in their shapes."""
    flat = np.concatenate([a.reshape(-1) for a in arrays])
    ends = np.cumsum([a.size for a in arrays])
    return flat, [
        flat[end - a.size : end].reshape(a.shape) for a, end in zip(arrays, ends, strict=True)
    ]


# --- Optimizers --------------------------------------------------------------------------------


def adam(w, g, lr, betas, eps):
    b1, b2 = betas
    m, v, s = (np.zeros_like(w) for _ in range(3))
    t = 0

    def update():
        nonlocal t
        t += 1
        root = ((1 - b2) / (1 - b2**t)) ** 0.5
        np.multiply(m, b1, m)
        np.add(m, g, m)
        np.multiply(g, g, s)
        np.multiply(v, b2, v)
        np.add(v, s, v)
        np.sqrt(v, s)
        np.add(s, eps / root, s)
        np.divide(m, s, s)
        np.multiply(s, lr * (1 - b1) / ((1 - b1**t) * root), s)
        np.subtract(w, s, w)

    return update


def sgd(w, g, lr):
    def update():
        np.multiply(g, lr, g)
        np.subtract(w, g, w)

    return update


def momentum(w, g, lr, momentum):
    velocity, s = np.zeros_like(w), np.empty_like(w)

    def update():
        np.multiply(velocity, momentum, velocity)
        np.add(velocity, g, velocity)
        np.multiply(velocity, lr, s)
        np.subtract(w, s, w)

    return update


def rmsprop(w, g, lr, alpha, eps):
    v, s = np.zeros_like(w), np.empty_like(w)
    root = (1 - alpha) ** 0.5

    def update():
        np.multiply(g, g, s)
        np.multiply(v, alpha, v)
        np.add(v, s, v)
        np.sqrt(v, s)
        np.add(s, eps / root, s)
        np.divide(g, s, s)
        np.multiply(s, lr / root, s)
        np.subtract(w, s, w)

    return update


UPDATES = {"Adam": adam, "SGD": sgd, "Momentum": momentum, "RMSProp": rmsprop}


# --- The products alone ------------------------------------------------------------------------


def products(task):
    """Return the matrix products of a training step, into arrays that are there."""
    weights = task.weights()[::2]
    x = task.batches(1)[0][0]
    outputs = [x, *(np.full((len(x), len(w)), 0.1, np.float32) for w in weights)]
    grads = [np.empty_like(h) for h in outputs]
    weight_grads = [np.empty_like(w) for w in weights]

    def run():
        for w, h, out in zip(weights, outputs, grads[1:], strict=False):
            np.dot(h, w.T, out)
        for i in range(len(weights) - 1, -1, -1):
            np.dot(outputs[i + 1].T, outputs[i], weight_grads[i])
            if i:
                np.dot(outputs[i + 1], weights[i], grads[i])

    return run
