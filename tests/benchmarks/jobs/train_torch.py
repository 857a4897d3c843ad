"""The main job in PyTorch: DIRECTORY EPOCHS, as its tutorials have it or with batches by hand."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from .mnist_arrays import load


def by_loader(x, y):
    return DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)


class ByHand:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __iter__(self):
        for rows in torch.randperm(len(self.x)).split(32):
            yield self.x[rows], self.y[rows]


def main(directory, epochs, batches):
    (x, y), (x_test, y_test) = (map(torch.from_numpy, part) for part in load(directory))
    model = nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 84), nn.ReLU(), nn.Linear(84, 10)
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters())
    loader = batches(x, y)
    for _ in range(epochs):
        model.train()
        for inputs, labels in loader:
            optimizer.zero_grad()
            error = loss(model(inputs), labels)
            error.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(x_test).argmax(1) == y_test).float().mean().item()


if __name__ == "__main__":
    batching = {"loader": by_loader, "hand": ByHand}[sys.argv[3]]
    sys.stdout.write(f"{main(sys.argv[1], int(sys.argv[2]), batching):.4f}\n")
