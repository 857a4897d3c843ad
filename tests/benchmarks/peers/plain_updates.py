"""Optimizers for frameworks that have none: the formulas, array by array, in NumPy."""

import numpy as np


def updater(params, optimizer, options):
    """Return a function of a list of gradients that changes the parameters in place."""
    update = UPDATES[optimizer]
    state = [(np.zeros_like(p), np.zeros_like(p)) for p in params]
    count = 0

    def step(grads):
        nonlocal count
        count += 1
        for w, g, kept in zip(params, grads, state, strict=True):
            update(w, g, kept, count, **options)

    return step


def adam(w, g, kept, t, lr, betas, eps):
    (b1, b2), (m, v) = betas, kept
    m *= b1
    m += (1 - b1) * g
    v *= b2
    v += (1 - b2) * g * g
    w -= lr / (1 - b1**t) * m / (np.sqrt(v / (1 - b2**t)) + eps)


def sgd(w, g, kept, t, lr):
    w -= lr * g


def momentum(w, g, kept, t, lr, momentum):
    velocity = kept[0]
    velocity *= momentum
    velocity += g
    w -= lr * velocity


def rmsprop(w, g, kept, t, lr, alpha, eps):
    v = kept[0]
    v *= alpha
    v += (1 - alpha) * g * g
    w -= lr * g / (np.sqrt(v) + eps)


UPDATES = {"Adam": adam, "SGD": sgd, "Momentum": momentum, "RMSProp": rmsprop}
