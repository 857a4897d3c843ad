"""PyTorch: as its tutorials write it, with the fused optimizers, and compiled."""


def trainer(weights, optimizer, options, fused=False, compiled=False):
    import torch

    model = network(weights)
    cls = {"Adam": torch.optim.Adam, "RMSProp": torch.optim.RMSprop}.get(optimizer, torch.optim.SGD)
    made = cls(model.parameters(), **options, **({"fused": True} if fused else {}))
    return Trainer(torch.compile(model) if compiled else model, made)


def network(weights):
    import torch
    from torch import nn

    layers = []
    for w in weights[::2]:
        layers += [nn.Linear(w.shape[1], w.shape[0]), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(value))
    return model


class Trainer:
    def __init__(self, model, optimizer):
        from torch.nn import CrossEntropyLoss

        self.model, self.optimizer = model, optimizer
        self.loss = CrossEntropyLoss()

    def place(self, x, y):
        import torch

        return torch.from_numpy(x), torch.from_numpy(y)

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def parameters(self):
        return [p.detach().numpy() for p in self.model.parameters()]


def adam_alone(params, grads, options, **mode):
    """Return a step of Adam with these gradients, and what shows the parameters."""
    import torch

    tensors = [torch.from_numpy(p).requires_grad_() for p in params]
    for tensor, grad in zip(tensors, grads, strict=True):
        tensor.grad = torch.from_numpy(grad)
    return torch.optim.Adam(tensors, **options, **mode).step, lambda: [t.detach() for t in tensors]
