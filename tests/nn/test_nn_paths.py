"""The path of the module that was running, on every operation that it recorded."""

import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import ShapeError
from minigrad.graph import Node

X = np.ones((2, 3), np.float32)


def paths(tensor):
    """Return the path of every operation, from the last back to the first."""
    found, stack = [], [tensor._node]
    while stack:
        vertex = stack.pop()
        if isinstance(vertex, Node):
            found.append(vertex.path)
            stack.extend(vertex.parents)
    return found


class Model(nn.Module):
    def __init__(self):
        self.encoder = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Tanh())
        self.layers = [nn.Linear(3, 3, rng=1), nn.Linear(3, 1, rng=2)]
        self.scale = nn.Parameter(2.0)

    def forward(self, x):
        x = self.encoder(x)
        for layer in self.layers:
            x = layer(x)
        return x * self.scale


def test_operations_know_their_module():
    assert paths(Model()(X)) == ["", "layers.1", "layers.0", "encoder.1", "encoder.0"]


def test_paths_are_those_inside_the_outermost_module():
    outer = nn.Module()
    outer.parts = {"body": Model()}
    outer.forward = lambda x: np.exp(outer.parts["body"](x))
    assert paths(outer(X)) == [
        "",
        "parts.body",
        "parts.body.layers.1",
        "parts.body.layers.0",
        "parts.body.encoder.1",
        "parts.body.encoder.0",
    ]


def test_a_module_called_twice_has_the_same_path_twice():
    class Twice(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            return self.layer(self.layer(x))

    model = Twice()
    assert paths(model(X)) == ["layer", "layer"]
    assert paths(model(X)) == ["layer", "layer"]


def test_a_module_called_alone_has_no_path():
    model = Model()
    assert paths(model.encoder[0](X)) == [""]
    assert paths(model.encoder(X)) == ["1", "0"]


def test_a_module_that_its_caller_does_not_have_is_called_by_its_class():
    class Passing(nn.Module):
        def forward(self, x):
            return nn.Linear(3, 2)(x)

    assert paths(Passing()(X)) == ["Linear"]


def test_a_shared_module_has_its_first_name():
    model = nn.Sequential({"a": nn.Linear(3, 3), "b": nn.ReLU()})
    model.alias = model.a
    assert paths(model(X)) == ["b", "a"]


def test_operations_after_a_call_and_after_an_error_have_no_path():
    model = Model()
    out = model(X)
    assert (out + 1)._node.path == ""
    with pytest.raises(ShapeError, match=r"layer encoder\.0"):
        model(np.ones((2, 4), np.float32))
    w = mg.tensor(1.0, requires_grad=True)
    assert (w * 2)._node.path == ""
    assert model.place() == ""


def test_place_is_where_a_module_is_being_called():
    seen = []

    class Asks(nn.Module):
        def forward(self, x):
            seen.append(self.place())
            return x

    ask = Asks()
    nn.Sequential(nn.Sequential(ask), ask)(X)
    ask(X)
    assert seen == ["0.0", "0.0", ""]


def test_paths_of_another_thread_are_its_own():
    found = []

    class Waiting(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            def other():
                found.extend(paths(Model()(X)))

            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
            return self.layer(x)

    assert paths(Waiting()(X)) == ["layer"]
    assert found == ["", "layers.1", "layers.0", "encoder.1", "encoder.0"]


def test_errors_of_operations_name_the_module():
    class Wrong(nn.Module):
        def __init__(self):
            self.head = Head()

        def forward(self, x):
            return self.head(x)

    class Head(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(np.ones((4, 2)))

        def forward(self, x):
            return x @ self.w

    with pytest.raises(ShapeError, match=r"matmul of \(2, 3\) float32, \(4, 2\) float64 in head"):
        Wrong()(mg.tensor(X))


def test_nothing_is_recorded_without_gradients():
    with mg.no_grad():
        assert Model()(X)._node is None
