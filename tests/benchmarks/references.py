"""What NumPy allows at all: a training step written by hand, and its matrix products alone."""

import numpy as np


def by_hand(task):
    """Return a training step in NumPy: flat buffers, in place, activations used again.

    The mean over the batch is taken once, of the smallest array. The moments of Adam and RMSProp
    are kept divided by ``1 - beta``, which saves two passes: ten over one flat buffer remain.

    What was tried, and what each choice is worth (two cores, OpenBLAS):

    - logits of shape (classes, n), so that softmax reduces along the first axis: of a batch of 1000
      the maximum takes a fifth of the time, subtraction and division half of it;
    - kernels of shape (in, out): ``x.T @ g`` is 5 to 10 % faster than ``g.T @ x`` up to batch 100,
      and never slower;
    - the sums over the batch as products with ones: a third of the time of ``add.reduce``;
    - the gradient of ReLU as comparison and product: ``putmask`` and ``copyto(where=)`` take twice
      to ten times as long, ``sign`` is no better at batch 32 and twice as slow at 1000;
    - one flat index for the right logits: half the time of a pair of index arrays;
    - Adam in blocks that fit into a cache: slower, for every block pays ten calls.
    """
    return ByHand(task.weights(), task.optimizer, task.options)


class ByHand:
    def __init__(self, weights, optimizer, options):
        self.flat, params = packed([w.T for w in weights])  # kernels as (in, out)
        self.flat_grad, grads = packed([w.T for w in weights])
        self.kernels, self.biases = params[::2], params[1::2]
        self.kernel_grads, self.bias_grads = grads[::2], grads[1::2]
        self.update = UPDATES[optimizer](self.flat, self.flat_grad, **options)
        self.buffers = {}

    def place(self, x, y):
        return x, y

    def parameters(self):
        return [p.T for pair in zip(self.kernels, self.biases, strict=True) for p in pair]

    def step(self, x, y):
        kept = self.buffers.get(len(x))
        if kept is None:
            kept = self.buffers[len(x)] = Activations(len(x), self.biases)
        inputs = self.forward(x, kept)
        loss = cross_entropy(kept.logits, y, kept)
        self.backward(inputs, kept)
        self.update()
        return loss

    def forward(self, x, kept):
        """Return what goes into each layer; the logits go to ``kept.logits``."""
        inputs = [x]
        for w, b, h in zip(self.kernels, self.biases, kept.hidden, strict=False):
            np.dot(inputs[-1], w, h)
            np.add(h, b, h)
            inputs.append(np.maximum(h, 0, out=h))
        np.dot(self.kernels[-1].T, inputs[-1].T, kept.logits)
        np.add(kept.logits, self.biases[-1][:, None], kept.logits)
        return inputs

    def backward(self, inputs, kept):
        """Fill the gradients, beginning with that of the logits in their place."""
        g = kept.logits.T
        for i in range(len(inputs) - 1, -1, -1):
            np.dot(inputs[i].T, g, self.kernel_grads[i])
            np.dot(kept.ones, g, self.bias_grads[i])
            if i:
                g = np.dot(g, self.kernels[i].T, kept.grads[i - 1])
                np.multiply(g, np.greater(inputs[i], 0, kept.masks[i - 1]), g)


class Activations:
    """Arrays for a batch of n samples, used again in every step."""

    def __init__(self, n, biases):
        self.hidden = [np.empty((n, len(b)), np.float32) for b in biases[:-1]]
        self.logits = np.empty((len(biases[-1]), n), np.float32)
        self.grads = [np.empty_like(h) for h in self.hidden]
        self.masks = [np.empty(h.shape, bool) for h in self.hidden]
        self.ones = np.ones(n, np.float32)
        self.columns = np.arange(n)
        self.row = np.empty(n, np.float32)


def cross_entropy(z, y, kept):
    """Return the mean loss of logits of shape (classes, n); put its gradient in their place."""
    n, row = len(y), kept.row
    np.maximum.reduce(z, axis=0, out=row)
    np.subtract(z, row, z)
    right = y * n + kept.columns
    flat = z.reshape(-1)
    picked = flat[right]
    np.exp(z, z)
    np.add.reduce(z, axis=0, out=row)
    loss = (np.log(row) - picked).sum() / n
    np.multiply(row, n, row)
    np.divide(z, row, z)
    flat[right] -= 1 / n
    return loss


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
