"""Learning-rate schedules."""

from minigrad.optim.lr_scheduler.base import FormulaLR, LRScheduler
from minigrad.optim.lr_scheduler.decay import CosineAnnealingLR, ExponentialLR, StepLR
from minigrad.optim.lr_scheduler.one_cycle import OneCycleLR
from minigrad.optim.lr_scheduler.plateau import ReduceLROnPlateau
from minigrad.optim.lr_scheduler.warmup import LinearWarmup

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "FormulaLR",
    "LRScheduler",
    "LinearWarmup",
    "OneCycleLR",
    "ReduceLROnPlateau",
    "StepLR",
]
