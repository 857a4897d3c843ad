"""The main job in minigrad: DIRECTORY EPOCHS {mnist|invented} {plain|compiled}"""

import sys

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader, load_mnist
from minigrad.training import evaluate, fit


def main(directory, epochs, verify=True, compiled=False):
    mg.use_compiled(compiled)
    train, test = load_mnist(directory, verify=verify)
    model = nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 84), nn.ReLU(), nn.Linear(84, 10)
    )
    fit(
        model,
        DataLoader(*train, batch_size=32, shuffle=True),
        loss=nn.CrossEntropyLoss(),
        optimizer=optim.Adam(model.parameters()),
        epochs=epochs,
        progress=False,
    )
    return evaluate(model, test, metrics="accuracy")["accuracy"]


if __name__ == "__main__":
    options = sys.argv[3] == "mnist", sys.argv[4] == "compiled"
    sys.stdout.write(f"{main(sys.argv[1], int(sys.argv[2]), *options):.4f}\n")
