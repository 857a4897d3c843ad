"""Optimizers, what they may do to gradients first, and schedules of their learning rates."""

from minigrad.optim._group import ParamGroup
from minigrad.optim.adagrad import AdaGrad
from minigrad.optim.adam import Adam, AdamW
from minigrad.optim.clip import clip_grad_norm, clip_grad_value
from minigrad.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearWarmup,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)
from minigrad.optim.optimizer import Optimizer
from minigrad.optim.rmsprop import RMSProp
from minigrad.optim.sgd import SGD, Momentum

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LinearWarmup",
    "Momentum",
    "OneCycleLR",
    "Optimizer",
    "ParamGroup",
    "RMSProp",
    "ReduceLROnPlateau",
    "StepLR",
    "clip_grad_norm",
    "clip_grad_value",
]
