"""What is public is tested: every layer in the tables of cases, every function by its name."""

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from nn_cases import ACTIVATIONS, LAYERS, LOSSES, WITHOUT_GRADIENT
from nn_numeric import assert_gradients, assert_stays_float32

from minigrad import nn

SOURCES = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))
)
MODULES = {
    value
    for value in (getattr(nn, name) for name in nn.__all__)
    if isinstance(value, type) and issubclass(value, nn.Module)
}


def test_every_public_module_is_in_a_table():
    tested = {type(layer) for layer, _ in [*ACTIVATIONS.values(), *LAYERS.values()]}
    tested |= {case.module for case in LOSSES.values()}
    assert tested | WITHOUT_GRADIENT == MODULES
    assert not tested & WITHOUT_GRADIENT


@pytest.mark.parametrize("name", nn.functional.__all__)
def test_every_function_is_called(name):
    assert re.search(rf"\bF\.{name}\b", SOURCES)


@pytest.mark.parametrize("name", nn.init.__all__)
def test_every_initialiser_is_called(name):
    assert re.search(rf"\binit\.{name}\b", SOURCES)


@pytest.mark.parametrize("module", sorted(MODULES, key=lambda m: m.__name__))
def test_every_module_has_an_example(module):
    assert ">>>" in module.__doc__


@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=list(LAYERS))
def test_gradients_of_inputs_and_parameters(layer, shape, monkeypatch):
    x = np.random.default_rng(0).normal(size=shape)
    assert_gradients(layer, x)
    names = [name for name, _ in layer.named_parameters()]

    def with_parameters(*values):
        """Call a twin whose parameters are the given tensors or arrays."""
        twin = copy.deepcopy(layer)
        for name, value in zip(names, values, strict=True):
            *path, last = name.split(".")
            owner = twin
            for part in path:
                owner = owner[part]
            vars(owner)[last] = value
        return twin(x)

    if names:
        assert_gradients(with_parameters, *layer.state_dict().values())
    single = copy.deepcopy(layer).to(np.float32)
    assert_stays_float32(single, x, monkeypatch=monkeypatch)


REPRS = {
    "Linear": "Linear(in_features=3, out_features=2, bias=True)",
    "Flatten": "Flatten(start_dim=1, end_dim=-1)",
    "Identity": "Identity()",
    "Dropout": "Dropout(p=0.5)",
    "Sequential": (
        "Sequential(\n  (0): Linear(in_features=3, out_features=2, bias=True)\n  (1): Tanh()\n)"
    ),
    "Sigmoid": "Sigmoid()",
    "Tanh": "Tanh()",
    "ReLU": "ReLU()",
    "LeakyReLU": "LeakyReLU(negative_slope=0.1)",
    "Softplus": "Softplus()",
    "GELU": "GELU(approximate='none')",
    "GELU tanh": "GELU(approximate='tanh')",
    "Softmax": "Softmax(axis=-1)",
    "Softmax first axis": "Softmax(axis=0)",
    "LogSoftmax": "LogSoftmax(axis=-1)",
    "LogSoftmax first axis": "LogSoftmax(axis=0)",
    "cross_entropy labels": "CrossEntropyLoss(reduction='sum', label_smoothing=0.0)",
    "cross_entropy probabilities": "CrossEntropyLoss(reduction='sum', label_smoothing=0.0)",
    "cross_entropy labels smoothed": "CrossEntropyLoss(reduction='sum', label_smoothing=0.2)",
    "cross_entropy probabilities smoothed": (
        "CrossEntropyLoss(reduction='sum', label_smoothing=0.2)"
    ),
    "nll": "NLLLoss(reduction='sum')",
    "bce": "BCELoss(reduction='sum')",
    "bce logits": "BCEWithLogitsLoss(reduction='sum')",
    "mse": "MSELoss(reduction='sum')",
    "l1": "L1Loss(reduction='sum')",
    "huber": "HuberLoss(reduction='sum', delta=1.0)",
    "huber delta": "HuberLoss(reduction='sum', delta=0.7)",
}
EVERY_CASE = {
    **{name: layer for name, (layer, _) in (LAYERS | ACTIVATIONS).items()},
    **{name: case.module("sum", **case.options) for name, case in LOSSES.items()},
}


@pytest.mark.parametrize("name", EVERY_CASE)
def test_reprs_and_copies(name):
    module = EVERY_CASE[name]
    assert repr(module) == REPRS[name]
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == repr(module)
        assert twin.training == module.training
        assert list(twin.state_dict()) == list(module.state_dict())
