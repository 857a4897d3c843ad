"""The trajectories that the optimizers and schedules are tested on.

Shared by the tests and by record_torch_figures.py. A case has the options of our optimizer, the
formula in plain NumPy, and what it is called in PyTorch, if it exists there.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minigrad import optim

STEPS = 30
RECORDED = (1, 2, 3, 10, 30)  # the steps after which PyTorch's weights are on record


# --- The problem: a valley, and a push that changes with time ------------------------------------


def start():
    return [np.linspace(-1.0, 1.5, 6).reshape(3, 2), np.array([0.7, -0.2, 1e-3, 2.0])]


def gradient(index, w, t):
    slopes = np.linspace(0.05, 3.0, w.size).reshape(w.shape)
    push = np.sin(1.7 * t + np.arange(w.size)).reshape(w.shape)
    return slopes * (w - 0.3) + (0.4, 0.01)[index] * push


# --- The formulas, step by step and without any folding ------------------------------------------
# w, g: parameter and gradient; s: what is kept, empty at first; t: the step, from 1; o: options.


def decayed(w, g, o):
    return g + o["weight_decay"] * w


def sgd(w, g, s, t, o):
    g = decayed(w, g, o)
    if o["momentum"]:
        s["V"] = o["momentum"] * s["V"] + (1 - o["dampening"]) * g if "V" in s else g
        g = g + o["momentum"] * s["V"] if o["nesterov"] else s["V"]
    return w - o["lr"] * g


def momentum_average(w, g, s, t, o):
    s["V"] = o["beta"] * s.get("V", 0) + (1 - o["beta"]) * decayed(w, g, o)
    return w - o["lr"] * s["V"]


def heavy_ball(w, g, s, t, o):
    s["U"] = o["beta"] * s.get("U", 0) - o["lr"] * decayed(w, g, o)
    return w + s["U"]


def rmsprop(w, g, s, t, o):
    g = decayed(w, g, o)
    s["S"] = o["alpha"] * s.get("S", 0) + (1 - o["alpha"]) * g**2
    square = s["S"]
    if o["centered"]:
        s["a"] = o["alpha"] * s.get("a", 0) + (1 - o["alpha"]) * g
        square = square - s["a"] ** 2
    root = np.sqrt(square + o["eps"]) if o["eps_in_sqrt"] else np.sqrt(square) + o["eps"]
    if o["momentum"]:
        s["B"] = o["momentum"] * s.get("B", 0) + g / root
        return w - o["lr"] * s["B"]
    return w - o["lr"] * g / root


def adam(w, g, s, t, o):
    return adam_step(w, decayed(w, g, o), s, t, o)


def adamw(w, g, s, t, o):
    return adam_step(w - o["lr"] * o["weight_decay"] * w, g, s, t, o)


def adam_step(w, g, s, t, o):
    b1, b2 = o["betas"]
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g**2
    s["v_max"] = np.maximum(s.get("v_max", 0), s["v"])
    m, v = s["m"], s["v_max"] if o["amsgrad"] else s["v"]
    if o["bias_correction"]:
        m, v = m / (1 - b1**t), v / (1 - b2**t)
    return w - o["lr"] * m / (np.sqrt(v) + o["eps"])


def adagrad(w, g, s, t, o):
    g = decayed(w, g, o)
    s["S"] = s.get("S", o["initial_accumulator_value"]) + g**2
    return w - o["lr"] / (1 + (t - 1) * o["lr_decay"]) * g / (np.sqrt(s["S"]) + o["eps"])


# --- Optimizers ----------------------------------------------------------------------------------


@dataclass
class OptimizerCase:
    cls: type
    formula: Any
    options: dict[str, Any] = field(default_factory=dict)
    torch: str | None = None  # the class in torch.optim
    torch_options: dict[str, Any] | None = None  # where they are not the same
    changes: dict[int, dict[str, Any]] = field(default_factory=dict)  # before which step

    def options_for_torch(self):
        return self.options if self.torch_options is None else self.torch_options


def cases_of(cls, formula, torch, **variants):
    return {
        f"{cls.__name__} {name.replace('_', ' ')}": OptimizerCase(cls, formula, options, torch)
        for name, options in variants.items()
    }


OPTIMIZER_CASES = {
    **cases_of(
        optim.SGD,
        sgd,
        "SGD",
        plain={"lr": 0.1},
        weight_decay={"lr": 0.1, "weight_decay": 0.2},
        momentum={"lr": 0.1, "momentum": 0.8},
        momentum_and_dampening={"lr": 0.1, "momentum": 0.8, "dampening": 0.3},
        nesterov={"lr": 0.1, "momentum": 0.8, "nesterov": True},
        everything={"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.2},
        dampening_and_decay={"lr": 0.1, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.2},
    ),
    **cases_of(
        optim.Momentum,
        momentum_average,
        None,
        default={},
        average={"lr": 0.1, "beta": 0.8, "form": "average"},
        average_with_decay={"lr": 0.1, "beta": 0.8, "weight_decay": 0.2},
    ),
    "Momentum heavy ball": OptimizerCase(
        optim.Momentum,
        heavy_ball,
        {"lr": 0.1, "beta": 0.8, "form": "heavy_ball", "weight_decay": 0.2},
        "SGD",
        {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.2},
    ),
    **cases_of(
        optim.RMSProp,
        rmsprop,
        "RMSprop",
        default={},
        alpha_999={"lr": 0.001, "alpha": 0.999, "eps": 1e-7},
        large_eps={"lr": 0.1, "alpha": 0.9, "eps": 0.1},
        weight_decay={"weight_decay": 0.2},
        momentum={"momentum": 0.8},
        centered={"centered": True},
        everything={
            "lr": 0.02,
            "alpha": 0.95,
            "eps": 1e-3,
            "weight_decay": 0.2,
            "momentum": 0.8,
            "centered": True,
        },
    ),
    **cases_of(
        optim.RMSProp,
        rmsprop,
        None,
        eps_in_sqrt={"lr": 0.1, "alpha": 0.9, "eps": 0.1, "eps_in_sqrt": True},
        eps_in_sqrt_and_everything={
            "eps": 1e-3,
            "weight_decay": 0.2,
            "momentum": 0.8,
            "centered": True,
            "eps_in_sqrt": True,
        },
    ),
    **cases_of(
        optim.Adam,
        adam,
        "Adam",
        default={},
        other_betas={"lr": 0.1, "betas": (0.5, 0.7), "eps": 0.1},
        without_first_average={"lr": 0.1, "betas": (0.0, 0.9)},
        weight_decay={"lr": 0.1, "weight_decay": 0.2},
        amsgrad={"lr": 0.1, "betas": (0.8, 0.6), "amsgrad": True},
        amsgrad_with_decay={"lr": 0.1, "amsgrad": True, "weight_decay": 0.2},
    ),
    **cases_of(
        optim.Adam,
        adam,
        None,
        without_bias_correction={"lr": 0.1, "bias_correction": False, "eps": 0.1},
        amsgrad_without_bias_correction={
            "lr": 0.1,
            "betas": (0.8, 0.6),
            "bias_correction": False,
            "amsgrad": True,
        },
    ),
    **cases_of(
        optim.AdamW,
        adamw,
        "AdamW",
        default={},
        large_decay={"lr": 0.1, "weight_decay": 0.5},
        amsgrad={"lr": 0.1, "betas": (0.8, 0.6), "amsgrad": True},
        no_decay={"lr": 0.1, "betas": (0.7, 0.9), "eps": 0.1, "weight_decay": 0.0},
    ),
    **cases_of(
        optim.AdamW, adamw, None, without_bias_correction={"lr": 0.1, "bias_correction": False}
    ),
    **cases_of(
        optim.AdaGrad,
        adagrad,
        "Adagrad",
        default={},
        lr_decay={"lr": 0.1, "lr_decay": 0.1},
        weight_decay={"lr": 0.1, "weight_decay": 0.2},
        start_and_eps={"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 0.1},
    ),
    # What is kept is scaled by the betas, so a change of them must not change its meaning.
    "SGD changing": OptimizerCase(
        optim.SGD,
        sgd,
        {"lr": 0.1, "momentum": 0.8, "dampening": 0.3},
        "SGD",
        changes={8: {"dampening": 0.1}, 15: {"lr": 0.2, "momentum": 0.5}},
    ),
    "SGD changing nesterov": OptimizerCase(
        optim.SGD,
        sgd,
        {"lr": 0.1, "momentum": 0.8, "nesterov": True},
        "SGD",
        changes={8: {"momentum": 0.6}, 15: {"nesterov": False}, 20: {"nesterov": True}},
    ),
    "Momentum changing": OptimizerCase(
        optim.Momentum, momentum_average, {"lr": 0.1}, changes={8: {"beta": 0.6}, 15: {"lr": 0.2}}
    ),
    "Momentum changing heavy ball": OptimizerCase(
        optim.Momentum,
        heavy_ball,
        {"lr": 0.1, "form": "heavy_ball"},
        changes={8: {"beta": 0.6}, 15: {"lr": 0.2}},
    ),
    "RMSProp changing": OptimizerCase(
        optim.RMSProp,
        rmsprop,
        {"momentum": 0.8},
        "RMSprop",
        changes={8: {"alpha": 0.9}, 15: {"lr": 0.02, "momentum": 0.5}},
    ),
    "RMSProp changing centered": OptimizerCase(
        optim.RMSProp,
        rmsprop,
        {"momentum": 0.8, "centered": True},
        "RMSprop",
        changes={8: {"alpha": 0.9}, 15: {"lr": 0.02, "momentum": 0.5}},
    ),
    "Adam changing": OptimizerCase(
        optim.Adam,
        adam,
        {"lr": 0.1, "amsgrad": True},
        "Adam",
        changes={8: {"betas": (0.8, 0.99)}, 15: {"lr": 0.2, "weight_decay": 0.1}},
    ),
    "AdaGrad changing": OptimizerCase(
        optim.AdaGrad, adagrad, {"lr": 0.1}, "Adagrad", changes={8: {"lr": 0.3}}
    ),
}


# --- Schedules -----------------------------------------------------------------------------------

BASE_LR = 0.4
RATES = 14  # how many rates of each schedule are compared
LOSSES = [3.0, 2.0, 2.1, 1.99995, 2.2, 2.3, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 0.5]


@dataclass
class ScheduleCase:
    make: Any  # optimizer -> schedule
    torch: Any  # (torch.optim.lr_scheduler, optimizer) -> schedule
    rate: Any  # t -> learning rate
    momentum: Any = lambda t: 0.9
    metrics: list[float] | None = None  # what step() is given, if anything


def line(a, b, share):
    return a + (b - a) * share


def wave(a, b, share):
    return b + (a - b) * (1 + math.cos(math.pi * share)) / 2


def in_phases(t, shape, *phases):
    """Go from a to b along the shape, for each (end, a, b) in turn."""
    start = 0
    for end, a, b in phases:
        if t <= end:
            return shape(a, b, (t - start) / (end - start))
        start = end
    raise AssertionError("more steps than the phases have")


def warm(t, steps, start_factor):
    return line(start_factor, 1, t / steps) if t < steps else 1


SCHEDULE_CASES = {
    "StepLR": ScheduleCase(
        lambda o: optim.StepLR(o, step_size=3, gamma=0.5),
        lambda torch, o: torch.StepLR(o, step_size=3, gamma=0.5),
        lambda t: BASE_LR * 0.5 ** (t // 3),
    ),
    "ExponentialLR": ScheduleCase(
        lambda o: optim.ExponentialLR(o, gamma=0.7),
        lambda torch, o: torch.ExponentialLR(o, gamma=0.7),
        lambda t: BASE_LR * 0.7**t,
    ),
    "CosineAnnealingLR": ScheduleCase(
        lambda o: optim.CosineAnnealingLR(o, T_max=6, eta_min=0.1),
        lambda torch, o: torch.CosineAnnealingLR(o, T_max=6, eta_min=0.1),
        lambda t: wave(BASE_LR, 0.1, t / 6),
    ),
    "LinearWarmup": ScheduleCase(
        lambda o: optim.LinearWarmup(o, 5),
        lambda torch, o: torch.LinearLR(o, total_iters=5),
        lambda t: BASE_LR * warm(t, 5, 1 / 3),
    ),
    "LinearWarmup then CosineAnnealingLR": ScheduleCase(
        lambda o: optim.LinearWarmup(
            o, 4, start_factor=0.2, after=optim.CosineAnnealingLR(o, T_max=10)
        ),
        lambda torch, o: torch.SequentialLR(
            o,
            [torch.LinearLR(o, 0.2, total_iters=4), torch.CosineAnnealingLR(o, T_max=10)],
            milestones=[4],
        ),
        lambda t: BASE_LR * warm(t, 4, 0.2) * wave(1, 0, max(t - 4, 0) / 10),
    ),
    "LinearWarmup then StepLR": ScheduleCase(
        lambda o: optim.LinearWarmup(
            o, 4, start_factor=0.2, after=optim.StepLR(o, step_size=3, gamma=0.5)
        ),
        lambda torch, o: torch.SequentialLR(
            o,
            [torch.LinearLR(o, 0.2, total_iters=4), torch.StepLR(o, step_size=3, gamma=0.5)],
            milestones=[4],
        ),
        lambda t: BASE_LR * warm(t, 4, 0.2) * 0.5 ** (max(t - 4, 0) // 3),
    ),
    "OneCycleLR": ScheduleCase(
        lambda o: optim.OneCycleLR(o, 0.5, RATES),
        lambda torch, o: torch.OneCycleLR(o, 0.5, RATES),
        lambda t: in_phases(t, wave, (3.2, 0.02, 0.5), (13, 0.5, 2e-6)),
        lambda t: in_phases(t, wave, (3.2, 0.95, 0.85), (13, 0.85, 0.95)),
    ),
    "OneCycleLR linear": ScheduleCase(
        lambda o: optim.OneCycleLR(
            o, 0.5, RATES, anneal_strategy="linear", cycle_momentum=False, final_div_factor=10
        ),
        lambda torch, o: torch.OneCycleLR(
            o, 0.5, RATES, anneal_strategy="linear", cycle_momentum=False, final_div_factor=10
        ),
        lambda t: in_phases(t, line, (3.2, 0.02, 0.5), (13, 0.5, 0.002)),
    ),
    "OneCycleLR in three phases": ScheduleCase(
        lambda o: optim.OneCycleLR(
            o, 0.5, RATES, pct_start=0.4, div_factor=10, base_momentum=0.7, three_phase=True
        ),
        lambda torch, o: torch.OneCycleLR(
            o, 0.5, RATES, pct_start=0.4, div_factor=10, base_momentum=0.7, three_phase=True
        ),
        lambda t: in_phases(t, wave, (4.6, 0.05, 0.5), (9.2, 0.5, 0.05), (13, 0.05, 5e-6)),
        lambda t: in_phases(t, wave, (4.6, 0.95, 0.7), (9.2, 0.7, 0.95), (13, 0.95, 0.95)),
    ),
    "ReduceLROnPlateau": ScheduleCase(
        lambda o: optim.ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=2, min_lr=0.08),
        lambda torch, o: torch.ReduceLROnPlateau(
            o, factor=0.5, patience=1, cooldown=2, min_lr=0.08
        ),
        # Bad: losses 3 and 4 (1.99995 is not a ten-thousandth below 2), then 8 and 9 of five bad
        # ones; 12 is the second bad one after the cooldown of 10 and 11, which is 13.
        lambda t: BASE_LR * (1 if t < 4 else 0.5 if t < 9 else 0.25 if t < 13 else 0.2),
        metrics=LOSSES,
    ),
    "ReduceLROnPlateau of a maximum": ScheduleCase(
        lambda o: optim.ReduceLROnPlateau(
            o, "max", 0.5, patience=2, threshold=0.15, threshold_mode="abs"
        ),
        lambda torch, o: torch.ReduceLROnPlateau(
            o, "max", 0.5, patience=2, threshold=0.15, threshold_mode="abs"
        ),
        # The first loss stays the highest, so every third of the others is one too many.
        lambda t: BASE_LR * 0.5 ** (max(t - 1, 0) // 3),
        metrics=LOSSES,
    ),
}
