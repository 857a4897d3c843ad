"""MyGrad: its tensors, its ReLU and its softmax cross-entropy."""

from .plain_updates import updater


def trainer(weights, optimizer, options):
    return Trainer(weights, optimizer, options)


class Trainer:
    def __init__(self, weights, optimizer, options):
        import mygrad as mg
        from mygrad.nnet.activations import relu
        from mygrad.nnet.losses import softmax_crossentropy

        self.relu, self.loss = relu, softmax_crossentropy
        self.matmul = mg.matmul
        self.params = [mg.tensor(w) for w in weights]
        self.update = updater([p.data for p in self.params], optimizer, options)

    def place(self, x, y):
        return x, y

    def step(self, x, y):
        *hidden, (w, b) = zip(self.params[::2], self.params[1::2], strict=True)
        for kernel, bias in hidden:
            x = self.relu(self.matmul(x, kernel.T) + bias)
        loss = self.loss(self.matmul(x, w.T) + b, y)
        loss.backward()
        self.update([p.grad for p in self.params])
        return loss

    def parameters(self):
        return [p.data for p in self.params]
