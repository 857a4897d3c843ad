"""The main job in PyTorch, as its tutorials write it: to compare wall time with examples/mnist.py.

python tests/benchmarks/train_torch.py DIRECTORY_OF_MNIST [EPOCHS]
"""

import sys
import time


def main(directory: str, epochs: int = 20) -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from minigrad.data import load_mnist

    begun = time.perf_counter()
    train, test = (
        TensorDataset(torch.from_numpy(x), torch.from_numpy(y)) for x, y in load_mnist(directory)
    )
    loader = DataLoader(train, batch_size=32, shuffle=True)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 84), nn.ReLU(), nn.Linear(84, 10)
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            error = loss(model(x), y)
            error.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum(
                (model(x).argmax(1) == y).sum().item() for x, y in DataLoader(test, batch_size=256)
            )
    sys.stdout.write(
        f"{epochs} epochs in {time.perf_counter() - begun:.1f} s, "
        f"test accuracy {right / len(test):.4f}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
