"""Drawing a model calls it, and leaves nothing of the call, whatever the call changes."""

import random
from collections import Counter, OrderedDict, deque

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, viz

X = np.ones((1, 2), np.float32)


class Changing(nn.Module):
    """Changes all that it has, and draws from every generator."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.t = mg.tensor([1.0, 2.0])
        self.part = self.t.detach()
        self.whole = mg.tensor([[1.0], [2.0]])
        self.nested = {"lists": [[1, [2]], ({"deep": [3]},)], "count": Counter("aab")}
        self.ordered = OrderedDict(b=[1], a=[2])
        self.queue = deque([1, 2], maxlen=3)
        self.elements = {1, 2}
        self.arrays = [np.zeros(3), {"array": np.ones(2)}, mg.tensor([5.0])]
        self.itself = [self]
        self.legacy = np.random.RandomState(3)
        self.generators = [np.random.default_rng(1), {"python": random.Random(2)}]

    def forward(self, x):
        self.t += 1
        self.part += 1
        self.whole = mg.tensor([0.0])
        self.nested["lists"][0][1].append(9)
        self.nested["lists"][1][0]["deep"].clear()
        self.nested["count"]["a"] += 1
        self.ordered["a"].append(3)
        self.ordered.move_to_end("b")
        self.queue.append(5)
        self.queue.append(6)
        self.elements.add(7)
        self.arrays[0] += 1
        self.arrays[1]["array"][0] = 7
        self.arrays[2] += 1
        self.arrays.append(1)
        self.new = 1
        draws(self)
        return self.layer(x)


def draws(model):
    """Return the next number of every generator."""
    return [
        model.legacy.rand(),
        model.generators[0].random(),
        model.generators[1]["python"].random(),
        random.random(),
        np.random.rand(),  # noqa: NPY002
        float(mg.random.generator().random()),
    ]


def state(model):
    """Return all that there is to see, without the generators."""
    return repr(
        [
            (name, value)
            for name, value in vars(model).items()
            if name not in ("itself", "legacy", "generators", "layer")
        ]
    ), [model.t._node.version, model.arrays[2]._node.version, model.part._node.version]


VIEWS = {
    "draw_model": lambda model: viz.draw_model(model, X),
    "layer_graph": lambda model: viz.layer_graph(model, X),
    "draw_network": lambda model: viz.draw_network(model, input=X),
}


@pytest.mark.parametrize("view", VIEWS)
def test_drawing_leaves_nothing_of_the_call(view):
    model, other = Changing(), Changing()
    before = state(model)
    for seeded in (random.seed, np.random.seed, mg.random.seed):
        seeded(5)
    expected = draws(other)
    for seeded in (random.seed, np.random.seed, mg.random.seed):
        seeded(5)
    VIEWS[view](model)
    assert state(model) == before
    assert draws(model) == expected
    model(X)
    assert state(model) != before


def test_parts_are_the_same_objects_as_before():
    model = Changing()
    parts = [model.t, model.whole, model.nested["lists"][0], model.arrays[0], model.t._data]
    viz.draw_model(model, X)
    now = [model.t, model.whole, model.nested["lists"][0], model.arrays[0], model.t._data]
    assert all(a is b for a, b in zip(parts, now, strict=True))
    assert model.part._data is model.t._data or np.shares_memory(model.part._data, model.t._data)
