"""Training loops: `fit`, `evaluate` and `predict`, and what they need.

All that `fit` does is this loop, which needs nothing from here, with care taken of the rest::

    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            error = loss(model(x), y)
            error.backward()
            optimizer.step()
"""

from minigrad.training.callbacks import Callback, EarlyStopping, Run
from minigrad.training.evaluation import evaluate, predict
from minigrad.training.fitting import fit
from minigrad.training.history import History
from minigrad.training.metrics import accuracy
from minigrad.training.penalty import l2_penalty

__all__ = [
    "Callback",
    "EarlyStopping",
    "History",
    "Run",
    "accuracy",
    "evaluate",
    "fit",
    "l2_penalty",
    "predict",
]
