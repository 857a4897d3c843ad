"""Learn to read handwritten digits, and see what an L2 penalty changes.

A network of two hidden layers, 784-128-84-10 with ReLU, is trained on MNIST with cross-entropy
and Adam in batches of 32, once without and once with a penalty on the weights of the hidden
layers. At the end stand the accuracy on the 10,000 test images, a table that compares the two
runs, and a folder with the weights, the curves of the loss, the confusion matrix, the digits that
were misread, and a picture of the network.

    python examples/mnist.py                          all of it, 20 epochs
    python examples/mnist.py --epochs 3 --seed 1      a quicker look
    python examples/mnist.py --dataset digits         scikit-learn's 8x8 digits, no download
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np

import minigrad as mg
from minigrad import data, nn, optim, plots, viz
from minigrad.data import DataLoader, Dataset
from minigrad.errors import DataNotFoundError, MissingExtraError
from minigrad.io import save_weights
from minigrad.training import History, evaluate, fit, l2_penalty, predict

OPTIMIZERS = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "adagrad": optim.AdaGrad,
    "momentum": optim.Momentum,
    "rmsprop": optim.RMSProp,
    "sgd": optim.SGD,
}


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add(
        "--dataset",
        choices=["auto", "mnist", "fashion-mnist", "digits"],
        default="auto",
        help="auto: MNIST where it is or can be downloaded, else the bundled digits",
    )
    add("--data-dir", help="folder of the data set's files (else $MINIGRAD_DATA, else a download)")
    add("--hidden", type=int, nargs="*", default=[128, 84], help="sizes of the hidden layers")
    add("--optimizer", choices=sorted(OPTIMIZERS), default="adam", help="how to step")
    add("--lr", type=float, help="learning rate (else the optimizer's own default)")
    add("--l2", type=float, default=1e-4, help="strength of the penalty in the second run")
    add("--epochs", type=int, default=20, help="how often to go through the training data")
    add("--batch-size", type=int, default=32, help="images in a step")
    add("--seed", type=int, default=0, help="of the initial weights and the order of the images")
    add("--output", type=Path, default=Path("runs/mnist"), help="folder for what is written")
    return parser.parse_args()  # fmt: skip


def load(name: str, directory: str | None) -> tuple[str, Dataset]:
    """Return the data set and what it is called."""
    if name == "digits":
        return "the bundled 8x8 digits", data.load_digits()
    if name == "fashion-mnist":
        return "Fashion-MNIST", data.load_fashion_mnist(directory)
    try:
        return "MNIST", data.load_mnist(directory)
    except (DataNotFoundError, MissingExtraError) as error:
        if name == "mnist" or directory is not None:
            raise SystemExit(f"mnist.py: {error}") from None
        print(f"MNIST is not here ({error}).\nGoing on with the digits that come bundled.\n")
        return "the bundled 8x8 digits", data.load_digits()


def build(inputs: int, hidden: list[int], classes: int) -> nn.Sequential:
    """Return the network: linear layers with ReLU between them, ending in logits."""
    sizes = [inputs, *hidden, classes]
    layers: list[nn.Module] = []
    for size, following in itertools.pairwise(sizes):
        layers += [nn.Linear(size, following, weight_init="xavier_uniform"), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train(options: argparse.Namespace, dataset: Dataset, l2: float) -> tuple[nn.Module, History]:
    """Train a new network, with the penalty if its strength is not 0."""
    mg.random.seed(options.seed)
    (x, y), test = dataset
    model = build(x.shape[1], options.hidden, int(y.max()) + 1)
    rate = {} if options.lr is None else {"lr": options.lr}
    hidden_weights = [m.weight for m in model.modules() if isinstance(m, nn.Linear)][:-1]
    history = fit(
        model,
        DataLoader(x, y, batch_size=options.batch_size, shuffle=True),
        loss=nn.CrossEntropyLoss(),
        optimizer=OPTIMIZERS[options.optimizer](model.parameters(), **rate),
        epochs=options.epochs,
        validation=test,
        metrics="accuracy",
        penalty=(lambda _: l2_penalty(hidden_weights, l2)) if l2 and hidden_weights else None,
    )
    return model, history


def report(runs: dict[str, nn.Module], dataset: Dataset) -> str:
    """Return the table that compares the runs: loss and accuracy, on training and test data."""
    rows = [("", "train loss", "train acc.", "test loss", "test acc.")]
    for name, model in runs.items():
        measured = [
            evaluate(model, part, loss=nn.CrossEntropyLoss(), metrics="accuracy")
            for part in dataset
        ]
        rows.append((name, *(f"{m[k]:.4f}" for m in measured for k in ("loss", "accuracy"))))
    return "\n".join("  ".join(f"{cell:>12}" for cell in row) for row in rows)


def write_pictures(
    folder: Path, model: nn.Module, histories: dict[str, History], x: np.ndarray, y: np.ndarray
) -> None:
    """Write the curves, the confusion matrix, the misread digits and the network."""
    predicted = predict(model, x).argmax(axis=1)
    wrong = np.flatnonzero(predicted != y)
    figures = {
        "loss_curve.png": plots.plot_history(histories, metrics=["loss", "accuracy"]),
        "confusion_matrix.png": plots.plot_confusion(y, predicted),
    }
    if wrong.size:
        some = wrong[:100]
        figures["misclassified.png"] = plots.plot_images(x[some], y[some], predicted[some])
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=120)
    drawing = viz.draw_model(model, x[:1])
    try:
        drawing.save(folder / "network.svg")
    except MissingExtraError as error:
        print(f"{error}\nThe picture of the network is written as text instead.")
        drawing.save(folder / "network.dot")


def main() -> None:
    """Train without and with the penalty, compare, and write everything down."""
    options = arguments()
    title, dataset = load(options.dataset, options.data_dir)
    (x_train, _), (x_test, y_test) = dataset
    print(f"Training on {title}: {len(x_train):,} images, and {len(x_test):,} to test on.")
    models: dict[str, nn.Module] = {}
    histories: dict[str, History] = {}
    for name, l2 in {"without L2": 0.0, f"L2 of {options.l2:g}": options.l2}.items():
        begun = time.perf_counter()
        models[name], histories[name] = train(options, dataset, l2)
        seconds = time.perf_counter() - begun
        print(f"{name}: {histories[name].epochs} epochs in {seconds:.1f} s")
        if histories[name].interrupted:
            break
    first = next(iter(models))
    print(f"\n{nn.summary(models[first], x_test[:1])}\n\n{report(models, dataset)}")

    options.output.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        file = "weights.safetensors" if name == first else "weights_l2.safetensors"
        save_weights(model, options.output / file, metadata={"pixels": "from 0 to 1"})
    del dataset, x_train  # the pictures need the test images only
    write_pictures(options.output, models[first], histories, x_test, y_test)
    accuracy = evaluate(models[first], (x_test, y_test), metrics="accuracy")["accuracy"]
    print(f"\nTest accuracy without L2: {accuracy:.4f}. Weights and pictures: {options.output}/")


if __name__ == "__main__":
    main()
