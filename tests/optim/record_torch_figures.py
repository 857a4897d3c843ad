"""Write torch_figures.json: what PyTorch's optimizers and schedules do in the cases of the tests.

Run it where PyTorch is installed, after a case was added or changed:

    python tests/optim/record_torch_figures.py
"""

import json
import warnings
from pathlib import Path

from optim_cases import (
    BASE_LR,
    OPTIMIZER_CASES,
    RATES,
    RECORDED,
    SCHEDULE_CASES,
    STEPS,
    gradient,
    start,
)

FIGURES = Path(__file__).with_name("torch_figures.json")


def optimizer_figures(torch, case):
    """Return all weights, flat, after each of the recorded steps."""
    params = [torch.tensor(w, requires_grad=True) for w in start()]
    optimizer = getattr(torch.optim, case.torch)(params, **case.options_for_torch())
    figures = []
    for t in range(1, STEPS + 1):
        optimizer.param_groups[0].update(case.changes.get(t, {}))
        for index, param in enumerate(params):
            param.grad = torch.from_numpy(gradient(index, param.detach().numpy().copy(), t))
        optimizer.step()
        if t in RECORDED:
            figures.append([x for param in params for x in param.detach().numpy().ravel().tolist()])
    return figures


def schedule_figures(torch, case):
    """Return the learning rate and the momentum after 0, 1, 2, ... steps."""
    params = [torch.zeros(1, requires_grad=True)]
    optimizer = torch.optim.SGD(params, lr=BASE_LR, momentum=0.9)
    schedule = case.torch(torch.optim.lr_scheduler, optimizer)
    figures = []
    for t in range(RATES):
        group = optimizer.param_groups[0]
        figures.append([float(group["lr"]), float(group["momentum"])])
        optimizer.step()
        if t < RATES - 1:
            schedule.step(*([case.metrics[t]] if case.metrics else []))
    return figures


def main():
    import torch

    warnings.simplefilter("ignore")  # SequentialLR warns about itself
    figures = {
        "torch": torch.__version__,
        "optimizers": {
            name: optimizer_figures(torch, case)
            for name, case in OPTIMIZER_CASES.items()
            if case.torch
        },
        "schedules": {name: schedule_figures(torch, case) for name, case in SCHEDULE_CASES.items()},
    }
    lines = json.dumps(figures).replace('"optimizers"', '\n"optimizers"')
    FIGURES.write_text(lines.replace("]], ", "]],\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
