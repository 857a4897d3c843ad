"""Write torch_losses.json: the values and gradients of PyTorch's losses in the cases of the tests.

Run it where PyTorch is installed, after a case was added or changed:

    python tests/nn/record_torch_losses.py
"""

import json
from pathlib import Path

from nn_cases import LOSSES, RECORDED_SHAPE, REDUCTIONS

FIGURES = Path(__file__).with_name("torch_losses.json")
# Where the formula has no value, and ours are documented to be PyTorch's.
EDGES = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.5), (1.0, 0.25)]
FAR_LOGITS = [(-1e4, 0.0), (-1e4, 1.0), (1e4, 0.0), (1e4, 1.0), (1e4, 0.5), (0.0, 0.5)]


def figures(torch, case, reduction):
    """Return the loss, and the gradients of its sum of squares, so that no row is like another."""
    x, t = (torch.from_numpy(a) for a in case.draw(RECORDED_SHAPE))
    x.requires_grad_()
    if case.soft:
        t.requires_grad_()
    loss = getattr(torch.nn.functional, case.torch)(x, t, reduction=reduction, **case.options)
    (loss**2).sum().backward()
    return {
        "loss": loss.tolist(),
        "gradient": x.grad.tolist(),
        **({"target gradient": t.grad.tolist()} if case.soft else {}),
    }


def edge_figures(torch, name, pairs):
    """Return losses and gradients of single numbers."""
    x, t = torch.tensor(pairs, dtype=torch.float64).T
    x = x.clone().requires_grad_()
    loss = getattr(torch.nn.functional, name)(x, t.clone(), reduction="none")
    loss.sum().backward()
    return {"pairs": pairs, "loss": loss.tolist(), "gradient": x.grad.tolist()}


def as_lines(figures):
    """Return JSON with a line for each case."""
    lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in figures.items())
    return "{\n " + ",\n ".join(lines) + "\n}"


def main():
    """Record everything."""
    import torch

    losses = {
        f"{name}, {reduction}": figures(torch, case, reduction)
        for name, case in LOSSES.items()
        for reduction in REDUCTIONS
    }
    edges = {
        name: edge_figures(torch, name, pairs)
        for name, pairs in [
            ("binary_cross_entropy", EDGES),
            ("binary_cross_entropy_with_logits", FAR_LOGITS),
        ]
    }
    FIGURES.write_text(
        f'{{"torch": {json.dumps(torch.__version__)},\n"losses": {as_lines(losses)},\n'
        f'"edges": {as_lines(edges)}}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
