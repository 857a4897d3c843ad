"""The table of a model's layers."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import ArgumentError, DtypeError, ShapeError

X = np.ones((32, 784), np.float32)


def test_golden_table():
    model = nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 84), nn.Linear(84, 10)
    )
    table = nn.summary(model, X)
    assert (
        str(table)
        == repr(table)
        == (
            "Sequential\n"
            "name  layer    output shape  parameters\n"
            "----  -------  ------------  ----------\n"
            "0     Linear   (32, 128)        100,480\n"
            "1     ReLU     (32, 128)              0\n"
            "2     Dropout  (32, 128)              0\n"
            "3     Linear   (32, 84)          10,836\n"
            "4     Linear   (32, 10)             850\n"
            "----  -------  ------------  ----------\n"
            "112,166 parameters"
        )
    )
    assert (table.parameters, table.trainable) == (112_166, 112_166)
    assert sum(row.parameters for row in table.rows) == table.parameters


def test_shared_layers_count_once():
    layer = nn.Linear(4, 4)
    tied = nn.Linear(4, 4, bias=False)
    tied.weight = layer.weight
    table = nn.summary(nn.Sequential(layer, nn.Tanh(), layer, tied), np.ones((2, 4), np.float32))
    assert str(table) == (
        "Sequential\n"
        "name  layer   output shape  parameters\n"
        "----  ------  ------------  ----------\n"
        "0     Linear  (2, 4)                20\n"
        "1     Tanh    (2, 4)                 0\n"
        "0     Linear  (2, 4)            shared\n"
        "3     Linear  (2, 4)            shared\n"
        "----  ------  ------------  ----------\n"
        "20 parameters"
    )


class Two(nn.Module):
    """Two branches, a parameter of its own, and a loop over a list."""

    def __init__(self):
        self.left = nn.Sequential({"map": nn.Linear(3, 2), "bend": nn.ReLU()})
        self.right = [nn.Linear(3, 2), nn.Linear(2, 2)]
        self.mix = nn.Parameter(np.ones(2, np.float32))
        self.unused = nn.Linear(10, 10)

    def forward(self, x):
        right = x
        for layer in self.right:
            right = layer(right)
        return self.left(x) * self.mix, right


def test_models_with_branches_of_ones_own():
    model = Two()
    model.right[0].requires_grad_(False)
    assert str(nn.summary(model, np.ones((5, 3), np.float32))) == (
        "Two\n"
        "name       layer       output shape    parameters\n"
        "---------  ----------  --------------  ----------\n"
        "right.0    Linear      (5, 2)                   8\n"
        "right.1    Linear      (5, 2)                   6\n"
        "left.map   Linear      (5, 2)                   8\n"
        "left.bend  ReLU        (5, 2)                   0\n"
        "left       Sequential  (5, 2)                   0\n"
        "-          Two         (5, 2), (5, 2)           2\n"
        "---------  ----------  --------------  ----------\n"
        "134 parameters, 8 of them frozen"
    )


def test_a_single_layer_and_several_inputs():
    assert "Linear  (2, 1)" in str(nn.summary(nn.Linear(3, 1), np.ones((2, 3), np.float32)))

    class Add(nn.Module):
        def forward(self, x, y):
            return {"sum": x + y}

    (row,) = nn.summary(Add(), np.ones(2), np.ones(2)).rows
    assert (row.layer, row.output_shape, row.parameters) == ("Add", "dict", 0)


def test_a_layer_that_is_made_while_running_has_no_name():
    class Passing(nn.Module):
        def forward(self, x):
            return nn.ReLU()(x)

    (row,) = nn.summary(Passing(), np.ones((2, 3))).rows
    assert (row.name, row.layer) == ("-", "ReLU")


def test_nothing_is_changed():
    model = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Dropout(0.5), nn.Dropout(0.5))
    model[1].eval()
    x = np.ones((4, 3), np.float32)
    model(mg.tensor(x)).sum().backward()
    before = model.state_dict()
    gradients = [p.grad.copy() for p in model.parameters()]
    state = mg.random.generator().bit_generator.state
    nn.summary(model, x)
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert mg.random.generator().bit_generator.state == state
    for p, gradient in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(p.grad, gradient)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert mg.is_grad_enabled()


def test_modes_come_back_after_an_error():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(4, 1))
    with pytest.raises(ShapeError, match=r"layer 1, Linear\(4, 1\)"):
        nn.summary(model, np.ones((2, 3), np.float32))
    assert all(module.training for module in model.modules())
    assert mg.is_grad_enabled()


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((X, nn.ReLU()), DtypeError, r"a Module, not ndarray; the order is \(model, inputs\)"),
        ((nn.ReLU(),), ArgumentError, r"not nothing: nn\.summary\(model, np\.zeros"),
        ((nn.ReLU(), (1, 784)), ArgumentError, r"not a shape \(1, 784\): nn\.summary\(model, np"),
        ((nn.ReLU(), 784), ArgumentError, "not a shape 784"),
    ],
)
def test_wrong_calls(args, error, message):
    with pytest.raises(error, match=message):
        nn.summary(*args)
