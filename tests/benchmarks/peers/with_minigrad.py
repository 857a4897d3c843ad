"""minigrad, as its tutorials write it."""

import minigrad as mg
from minigrad import nn, optim

OPTIMIZERS = {
    "Adam": optim.Adam,
    "SGD": optim.SGD,
    "Momentum": optim.SGD,
    "RMSProp": optim.RMSProp,
}


def trainer(weights, optimizer, options, compiled=False):
    mg.use_compiled(compiled)
    return Trainer(weights, OPTIMIZERS[optimizer], options)


def network(weights):
    layers = []
    for w in weights[::2]:
        layers += [nn.Linear(w.shape[1], w.shape[0]), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    for parameter, value in zip(model.parameters(), weights, strict=True):
        parameter.data = value
    return model


class Trainer:
    def __init__(self, weights, optimizer, options):
        self.model = network(weights)
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = optimizer(self.model.parameters(), **options)

    def place(self, x, y):
        return x, y

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def parameters(self):
        return [p.data for p in self.model.parameters()]


def adam_alone(params, grads, options, compiled=False):
    """Return a step of Adam with these gradients, and what shows the parameters."""
    mg.use_compiled(compiled)
    tensors = [mg.tensor(p, requires_grad=True) for p in params]
    for tensor, grad in zip(tensors, grads, strict=True):
        tensor.grad = grad
    return optim.Adam(tensors, **options).step, lambda: [t.data for t in tensors]
