"""autograd (HIPS): a function of the parameters, and its gradient."""

from .plain_updates import updater


def trainer(weights, optimizer, options):
    return Trainer(weights, optimizer, options)


class Trainer:
    def __init__(self, weights, optimizer, options):
        from autograd import value_and_grad

        self.params = [w.copy() for w in weights]
        self.differentiate = value_and_grad(loss_of)
        self.update = updater(self.params, optimizer, options)

    def place(self, x, y):
        return x, y

    def step(self, x, y):
        loss, grads = self.differentiate(self.params, x, y)
        self.update(grads)
        return loss

    def parameters(self):
        return self.params


def loss_of(params, x, y):
    from autograd import numpy as np

    *hidden, (w, b) = zip(params[::2], params[1::2], strict=True)
    for kernel, bias in hidden:
        x = np.maximum(np.dot(x, kernel.T) + bias, 0)
    z = np.dot(x, w.T) + b
    z = z - np.max(z, axis=1, keepdims=True)
    log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(y)), y])
