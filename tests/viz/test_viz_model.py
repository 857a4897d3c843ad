"""Pictures of models: their layers, how they are joined, and that drawing changes nothing."""

import itertools
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from viz_golden import check_golden
from viz_models import calls_of

import minigrad as mg
from minigrad import nn, random, viz
from minigrad.errors import ArgumentError, DtypeError, ShapeError
from minigrad.viz.models import fewer
from minigrad.viz.models.building import build
from minigrad.viz.models.repeats import with_repeats
from minigrad.viz.models.watching import watch


def ones(*shape):
    return np.ones(shape, np.float32)


# --- Models ----------------------------------------------------------------------------------


class Block(nn.Module):
    def __init__(self, width):
        self.first = nn.Linear(width, width, rng=0)
        self.second = nn.Linear(width, width, rng=1)
        self.act = nn.ReLU()
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return self.act(x + self.drop(self.second(self.act(self.first(x)))))


class Residual(nn.Module):
    def __init__(self):
        self.stem = nn.Linear(4, 3, rng=0)
        self.blocks = [Block(3), Block(3)]
        self.head = nn.Linear(6, 2, rng=1)

    def forward(self, x):
        start = x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(np.concatenate([x, start], axis=1))


class Siamese(nn.Module):
    def __init__(self):
        self.encoder = nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh())
        self.head = nn.Linear(6, 1, rng=1)

    def forward(self, left, right):
        return self.head(np.concatenate([self.encoder(left), self.encoder(right)], axis=1))


class Recurrent(nn.Module):
    def __init__(self):
        self.cell = nn.Linear(5, 3, rng=0)
        self.act = nn.Tanh()
        self.out = nn.Linear(3, 2, rng=1)

    def forward(self, x):
        h = np.zeros((len(x), 3), np.float32)
        for t in range(x.shape[1]):
            h = self.act(self.cell(np.concatenate([x[:, t], h], axis=1)))
        return {"logits": self.out(h), "state": h}


class Embedding(nn.Module):
    def __init__(self, count, width):
        self.weight = nn.Parameter(np.zeros((count, width), np.float32))

    def forward(self, index):
        return self.weight[index]


class Text(nn.Module):
    def __init__(self):
        self.embedding = Embedding(9, 4)
        self.body = nn.Sequential(
            nn.Sequential(nn.Linear(4, 4, rng=0), nn.ReLU()), nn.Identity(), nn.Dropout(0.5)
        )

    def forward(self, tokens):
        return self.body(self.embedding(tokens)).mean(axis=1)


class Odd(nn.Module):
    """Does in its forward what a model should not."""

    def __init__(self):
        self.linear = nn.Linear(2, 2, rng=0)
        self.mean = nn.Buffer(np.zeros(2, np.float32))
        self.rng = np.random.default_rng(0)
        self.seen = []
        self.table = np.zeros(2)

    def forward(self, x):
        self.mean.data[...] += 1
        self.mean.increment_version()
        self.seen.append(1)
        self.table += 1
        self.calls = len(self.seen)
        noise = self.rng.random() + random.generator().random() + np.random.random()  # noqa: NPY002
        self.last = self.linear(x) * np.float32(noise)
        return self.last


def names(graph):
    return [layer.name or layer.title for layer in graph.layers]


def ways(graph):
    """Return the edges by names."""
    found = names(graph)
    return [(found[source], found[target]) for source, target in graph.edges]


# --- Layers and edges --------------------------------------------------------------------------


def test_a_chain_has_every_layer_and_what_returns_its_input_too():
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.Identity(), nn.Dropout(0.5), nn.ReLU())
    graph = viz.layer_graph(model, ones(2, 4))
    assert [layer.title for layer in graph.layers] == [
        "input", "Linear", "Identity", "Dropout", "ReLU", "output",
    ]  # fmt: skip
    assert graph.edges == ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5))
    linear = graph.layers[1]
    assert (linear.input_shapes, linear.output_shapes) == (((2, 4),), ((2, 3),))
    assert linear.configuration == "in_features=4, out_features=3, bias=True"
    assert (linear.parameters, linear.parameter_names) == (15, ("0.weight", "0.bias"))
    assert (graph.parameters, graph.trainable, graph.frozen, graph.bytes) == (15, 15, 0, 60)


def test_skips_and_operations_between_layers():
    graph = viz.layer_graph(Residual(), ones(2, 4))
    found = ways(graph)
    assert ("stem", "add") in found
    assert ("blocks.0.drop", "add") in found
    assert ("stem", "concatenate") in found
    assert ("blocks.1.act", "concatenate") in found
    assert [(box.name, box.title) for box in graph.boxes] == [
        ("blocks.0", "Block"), ("blocks.1", "Block"),
    ]  # fmt: skip
    assert {layer.box for layer in graph.find("blocks.1.first")} == {1}
    assert graph.find("stem")[0].box is None


def test_a_layer_that_is_called_in_two_places_is_shared_and_counted_once():
    model = Siamese()
    graph = viz.layer_graph(model, ones(2, 4), ones(2, 4))
    first, second = graph.find("encoder.0")
    assert (first.shared, second.shared) == (False, True)
    assert first.parameters == second.parameters == 15
    assert graph.parameters == sum(p.size for p in model.parameters()) == 15 + 7
    assert names(graph)[:2] == ["left", "right"]
    assert [(0, first.index), (1, second.index)] == [
        edge for edge in graph.edges if edge[0] in (0, 1)
    ]
    assert "counted already" in viz.draw_model(model, ones(2, 4), ones(2, 4)).source


def test_tied_parameters_of_different_layers_are_shared():
    model = nn.Sequential(nn.Linear(3, 3, rng=0), nn.ReLU(), nn.Linear(3, 3, rng=1))
    model[2].weight, model[2].bias = model[0].weight, model[0].bias
    graph = viz.layer_graph(model, ones(2, 3))
    assert [layer.shared for layer in graph.layers[1:4]] == [False, False, True]
    assert graph.parameters == 12


def test_a_loop_is_drawn_once_with_a_count_and_an_edge_back():
    graph = viz.layer_graph(Recurrent(), ones(2, 6, 2))
    assert [layer.calls for layer in graph.layers] == [1, 6, 6, 6, 6, 1, 1, 1]
    assert ("act", "concatenate") in ways(graph)
    assert [layer.name for layer in graph.layers if layer.kind == "output"] == ["logits", "state"]
    assert not any(layer.shared for layer in graph.layers)


def test_a_loop_can_be_unrolled():
    graph = viz.layer_graph(Recurrent(), ones(2, 6, 2), fold=False)
    assert len(graph.find("cell")) == 6
    assert [layer.shared for layer in graph.find("cell")] == [False] + [True] * 5
    assert all(source < target for source, target in graph.edges)


def test_layers_in_a_loop_with_one_activation_are_no_repetition():
    class Net(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(3, 3, rng=i) for i in range(3)]
            self.act = nn.ReLU()

        def forward(self, x):
            for layer in self.layers:
                x = self.act(layer(x))
            return x

    graph = viz.layer_graph(Net(), ones(2, 3))
    assert names(graph)[1:-1] == ["layers.0", "act", "layers.1", "act", "layers.2", "act"]
    assert all(source < target for source, target in graph.edges)


def test_loops_of_blocks_fold_as_boxes():
    class Universal(nn.Module):
        def __init__(self):
            self.block = Block(3)

        def forward(self, x):
            for _ in range(4):
                x = self.block(x)
            return x

    graph = viz.layer_graph(Universal(), ones(2, 3))
    assert [(box.name, box.calls) for box in graph.boxes] == [("block", 4)]
    assert len(graph.find("block.first")) == 1
    assert len(graph.find("block.act")) == 2
    assert "called 4 times" in viz.draw_model(Universal(), ones(2, 3)).source


def test_a_loop_around_a_loop_folds_as_one_round():
    class Stacked(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(3, 3, rng=i) for i in range(2)]
            self.act = nn.ReLU()

        def forward(self, x):
            for t in range(4):
                x = x + t
                for layer in self.layers:
                    x = self.act(layer(x))
            return x

    graph = viz.layer_graph(Stacked(), ones(2, 3))
    assert names(graph)[1:-1] == ["add", "layers.0", "act", "layers.1", "act"]
    assert [layer.calls for layer in graph.layers[1:-1]] == [4, 4, 4, 4, 4]
    assert (5, 1) in graph.edges


def test_a_layer_twice_in_a_sequential_is_drawn_twice():
    shared = nn.Linear(3, 3, rng=0)
    graph = viz.layer_graph(nn.Sequential(shared, nn.ReLU(), shared), ones(2, 3))
    assert names(graph)[1:-1] == ["0", "1", "0"]
    assert [layer.shared for layer in graph.find("0")] == [False, True]


def test_integer_input_reaches_its_layer():
    model = Text()
    model.embedding.requires_grad_(False)
    graph = viz.layer_graph(model, np.zeros((2, 5), int))
    assert ways(graph)[0] == ("tokens", "embedding")
    assert (graph.trainable, graph.frozen) == (20, 36)
    assert graph.find("embedding")[0].trainable == 0
    frozen = viz.layer_graph(model.requires_grad_(False), np.zeros((2, 5), int))
    assert frozen.edges == graph.edges


def test_depth_collapses():
    model, x = Text(), np.zeros((2, 5), int)
    assert names(viz.layer_graph(model, x, depth=1))[1:-1] == ["embedding", "body", "mean"]
    whole = viz.layer_graph(model, x, depth=0)
    assert [layer.title for layer in whole.layers] == ["input", "Text", "output"]
    assert whole.layers[1].parameters == whole.parameters == 56
    assert [box.parent for box in viz.layer_graph(model, x).boxes] == [None, 0]
    assert viz.layer_graph(model, x, depth=9) == viz.layer_graph(model, x)


def test_unused_parameters_and_parameters_of_operations():
    class Net(nn.Module):
        def __init__(self):
            self.scale = nn.Parameter(np.ones(3, np.float32))
            self.linear = nn.Linear(3, 3, rng=0)
            self.spare = nn.Linear(3, 1, rng=0)

        def forward(self, x):
            return self.linear(x) * self.scale

    graph = viz.layer_graph(Net(), ones(2, 3))
    assert graph.unused == ("spare.weight", "spare.bias")
    assert graph.layers[2].title == "multiply"
    assert graph.layers[2].parameter_names == ("scale",)
    assert "spare.weight" in viz.draw_model(Net(), ones(2, 3)).source


def test_a_model_of_operations_alone_shows_them():
    class Handmade(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(np.ones((3, 2), np.float32))

        def forward(self, x):
            return np.tanh(x @ self.weight)

    graph = viz.layer_graph(Handmade(), ones(4, 3))
    assert names(graph) == ["x", "matmul", "tanh", "output"]
    assert graph.layers[1].parameter_names == ("weight",)
    assert graph.layers[1].input_shapes == ((4, 3),)
    inside = viz.layer_graph(nn.Sequential(Handmade(), nn.ReLU()), ones(4, 3))
    assert [layer.title for layer in inside.layers[1:3]] == ["Handmade", "ReLU"]


def test_a_layer_after_detach_and_without_gradient_is_joined():
    class Net(nn.Module):
        def __init__(self):
            self.first, self.step = nn.Linear(3, 3, rng=0), nn.Step()
            self.last = nn.Linear(3, 3, rng=1)

        def forward(self, x):
            return self.last(self.step(self.first(x).detach()))

    graph = viz.layer_graph(Net(), ones(2, 3))
    assert ways(graph) == [("x", "first"), ("first", "step"), ("step", "last"), ("last", "output")]


def test_what_no_recorded_operation_computed_is_a_constant():
    class Net(nn.Module):
        def __init__(self):
            self.places = Embedding(9, 3)
            self.linear = nn.Linear(3, 3, rng=0)

        def forward(self, x):
            return self.linear(x) + self.places(np.arange(2))

    graph = viz.layer_graph(Net(), ones(2, 3))
    assert ways(graph) == [
        ("x", "linear"), ("constant", "places"), ("linear", "add"), ("places", "add"),
        ("add", "output"),
    ]  # fmt: skip
    assert "not computed from the inputs" in viz.draw_model(Net(), ones(2, 3)).source


def test_several_results_and_inputs_of_any_structure():
    class Net(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(3, 2, rng=0)

        def forward(self, pair, options=None, *more):
            y = self.linear(pair["a"][0])
            return [y, (y, pair["a"][0])]

    graph = viz.layer_graph(Net(), {"a": [ones(2, 3)]}, None, ones(1))
    assert [layer.name for layer in graph.layers] == [
        "pair[a][0]", "more[0]", "linear", "0", "1[0]", "1[1]",
    ]  # fmt: skip
    assert graph.edges == ((0, 2), (2, 3), (2, 4), (0, 5))


def test_plain_lists_are_batches():
    assert viz.layer_graph(nn.Linear(2, 1), [[1.0, 2.0]]).layers[0].output_shape == (1, 2)


def test_the_graph_is_plain_data():
    found = viz.layer_graph(nn.Linear(2, 1), ones(1, 2)).to_dict()
    assert found["layers"][1]["title"] == "Linear"
    assert found["edges"] == ((0, 1), (1, 2))


# --- Any program -------------------------------------------------------------------------------


class Program(nn.Module):
    """Runs random steps: each takes earlier results, and one of a few layers or operations."""

    def __init__(self, steps):
        self.layers = [nn.Linear(2, 2, rng=i) for i in range(3)] + [nn.ReLU(), nn.Identity()]
        self.steps = steps

    def forward(self, x):
        results = [x]
        for what, left, right in self.steps:
            a, b = results[left % len(results)], results[right % len(results)]
            results.append(self.layers[what](a) if what < 5 else a + b)
        return results[-1]


STEPS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8
)


@given(STEPS)
def test_any_program_is_drawn_in_order_with_every_parameter_once(steps):
    model = Program(steps)
    graph = viz.layer_graph(model, ones(1, 2), fold=False)
    assert len(graph.layers) == len(steps) + 2
    assert all(source < target for source, target in graph.edges)
    assert len(set(graph.edges)) == len(graph.edges)
    targets = {target for _, target in graph.edges}
    assert targets == set(range(1, len(graph.layers)))  # everything but the input gets something
    counted = sum(layer.parameters for layer in graph.layers if not layer.shared)
    unused = sum(p.size for name, p in model.named_parameters() if name in graph.unused)
    assert counted + unused == graph.parameters
    viz.draw_model(model, ones(1, 2))


# --- Nothing changes ---------------------------------------------------------------------------


def state_of(model):
    return (
        {name: (t.data.copy(), t._node, t._vertex().version, t.grad) for name, t in
         itertools.chain(model.named_parameters(), model.named_buffers())},
        [(module.training, dict(vars(module))) for module in model.modules()],
        random.generator().bit_generator.state,
        str(np.random.get_state()),  # noqa: NPY002
    )  # fmt: skip


@pytest.mark.parametrize("draw", [viz.draw_model, viz.layer_graph, viz.gradient_flow])
def test_drawing_changes_nothing(draw):
    model = Odd().train()
    model.linear.eval()
    model(ones(1, 2)).sum().backward()
    x = ones(1, 2)
    seen, table, mean = list(model.seen), model.table.copy(), model.mean.data.copy()
    rng = model.rng.bit_generator.state
    tensors, modules, generator, legacy = state_of(model)
    draw(model, x)
    after, modules_after, generator_after, legacy_after = state_of(model)
    for name, (values, node, version, grad) in tensors.items():
        assert np.array_equal(after[name][0], values)
        assert after[name][1] is node
        assert after[name][2] == version
        assert after[name][3] is grad
    assert [training for training, _ in modules_after] == [training for training, _ in modules]
    for (_, old), (_, new) in zip(modules, modules_after, strict=True):
        assert list(old) == list(new)
        assert all(old[name] is new[name] for name in old)
    assert (model.seen, model.table.tolist()) == (seen, table.tolist())
    assert model.mean.data.tolist() == mean.tolist()
    assert model.rng.bit_generator.state == rng
    assert (generator_after, legacy_after) == (generator, legacy)
    assert x.tolist() == [[1, 1]]


def test_a_graph_made_before_can_still_be_walked_back():
    model = Residual()
    loss = model(ones(2, 4)).sum()
    viz.draw_model(model, ones(2, 4))
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_drawing_inside_a_forward_leaves_its_scope():
    class Curious(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(2, 2, rng=0)

        def forward(self, x):
            viz.draw_model(self.linear, x)
            return self.linear(x) * 2

    assert viz.graph(Curious()(ones(1, 2))).groups[0].module == "Curious"


@pytest.mark.parametrize(
    "x", [mg.tensor(ones(2)), ones(2), np.ones(2, int), mg.tensor([1, 1], dtype=int)]
)
def test_a_model_that_writes_to_its_input_writes_to_a_copy(x):
    class Rude(nn.Module):
        def forward(self, x):
            values = x.data if isinstance(x, mg.Tensor) else x
            values[...] = 0
            return x * 1.0

    viz.draw_model(Rude(), x)
    assert np.array_equal(getattr(x, "_data", x), [1, 1])


def test_a_model_that_fails_is_put_back_and_says_so():
    model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Dropout(0.5)).train()
    node = model[0].weight._node
    with pytest.raises(ShapeError, match="Linear"):
        viz.draw_model(model, ones(2, 4))
    assert model.training
    assert model[0].weight._node is node


# --- Wrong calls -------------------------------------------------------------------------------

MODEL = nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU())


class Nothing(nn.Module):
    def forward(self, x):
        return None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: viz.draw_model(ones(2, 3), MODEL), DtypeError, "ndarray; the order is"),
        (lambda: viz.draw_model(nn.ReLU, ones(2, 3)), DtypeError, r"class ReLU; make one .*ReLU\("),
        (lambda: viz.draw_model(MODEL(ones(2, 3))), DtypeError, r"Tensor; .*viz\.draw\(tensor\)"),
        (lambda: viz.draw_model(MODEL), ArgumentError, "give it a batch .*, not nothing"),
        (lambda: viz.layer_graph(MODEL, (2, 3)), ArgumentError, r"not a shape \(2, 3\)"),
        (lambda: viz.layer_graph(MODEL, 2, 3), ArgumentError, "not a shape 2"),
        (lambda: viz.draw_model(MODEL, ones(2, 3), depth=-1), ArgumentError, "depth is .* not -1"),
        (lambda: viz.draw_model(MODEL, ones(2, 3), depth="1"), ArgumentError, "depth .* not '1'"),
        (lambda: viz.draw_model(MODEL, ones(2, 3), direction="down"), ArgumentError, "'down'"),
        (lambda: viz.draw_model(MODEL, ones(2, 3), max_layers=2), ArgumentError, "not 2"),
        (lambda: viz.draw_model(Nothing(), ones(1)), DtypeError, "Nothing returned NoneType"),
        (lambda: viz.draw_model(MODEL, ones(2, 5)), ShapeError, "5"),
    ],
)  # fmt: skip
def test_wrong_calls_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- Pictures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("mlp", lambda: viz.draw_model(
            nn.Sequential(nn.Linear(784, 128, rng=0), nn.ReLU(), nn.Dropout(0.2),
                          nn.Linear(128, 84, rng=0), nn.ReLU(), nn.Linear(84, 10, rng=0)),
            ones(32, 784))),
        ("residual", lambda: viz.draw_model(Residual(), ones(2, 4))),
        ("shared", lambda: viz.draw_model(Siamese(), ones(2, 4), ones(2, 4), direction="LR")),
        ("loop", lambda: viz.draw_model(Recurrent(), ones(2, 6, 2))),
        ("collapsed", lambda: viz.draw_model(Text(), np.zeros((2, 5), int), depth=1)),
    ],
)  # fmt: skip
def test_pictures_are_the_golden_ones(name, make):
    drawing = make()
    check_golden(drawing, f"model_{name}.dot")


SCRIPT = """
import numpy as np
from minigrad import nn, viz
model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU(), nn.Linear(2, 2, rng=1))
x = np.ones((4, 3), np.float32)
nn.MSELoss()(model(x), np.zeros((4, 2), np.float32)).backward()
print(viz.draw_model(model, x).source, viz.draw_model(model, x, grads=True).source)
"""


def test_the_text_is_the_same_under_any_hash_seed():
    def source(seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        root = Path(__file__).parents[2]
        return subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, cwd=root, check=True,
            capture_output=True,
        ).stdout  # fmt: skip

    first = source("1")
    assert b"digraph" in first
    assert source("2") == first


def test_names_of_any_kind_are_drawn():
    names = ['a"b', "back\\", "<b>&", "{x|y}", "näme\n", "x" * 500]
    model = nn.Sequential({name: nn.Linear(2, 2, rng=0) for name in names})
    drawing = viz.draw_model(model, ones(1, 2))
    root = ElementTree.fromstring(drawing.picture("svg"))
    texts = "".join(root.itertext())
    for name in ('a"b', "back\\", "<b>&", "{x|y}"):
        assert name in texts


def test_a_picture_has_every_label():
    drawing = viz.draw_model(Residual(), ones(2, 4))
    texts = "".join(ElementTree.fromstring(drawing.picture("svg")).itertext())
    for text in ("blocks.0.first", "Dropout", "p=0.1", "(2, 4) → (2, 3)", "concatenate",
                 "Residual: 77 parameters", "layer with parameters"):  # fmt: skip
        assert text in texts


def test_a_picture_of_many_layers_is_collapsed_and_says_so():
    model = nn.Sequential(*[nn.Sequential(*[nn.ReLU() for _ in range(20)]) for _ in range(3)])
    drawing = viz.draw_model(model, ones(1, 2), max_layers=10, fold=False)
    assert len(drawing.graph.layers) == 5
    assert "62 layers are more than 10" in drawing.source
    whole = viz.draw_model(model, ones(1, 2), max_layers=None, fold=False)
    assert len(whole.graph.layers) == 62


class Other(nn.Linear):
    """A layer of another class, with everything else the same."""


def encoder(*kinds):
    return nn.Sequential(
        *[nn.Sequential(kind(4, 4, rng=0), nn.ReLU(), kind(4, 4)) for kind in kinds]
    )


def test_equal_blocks_and_layers_are_folded_with_a_count():
    model = encoder(*[nn.Linear] * 12)
    drawing = viz.draw_model(model, ones(1, 4))
    assert names(drawing.graph) == ["x", "0.0", "0.1", "0.2", "output"]
    assert drawing.graph.boxes[0].repeats == 12
    assert "12 times" in drawing.source
    assert drawing.graph.edges == ((0, 1), (1, 2), (2, 3), (3, 4))
    assert f"{drawing.graph.parameters} parameters" in drawing.source
    assert drawing.graph.parameters == 12 * 2 * 20
    for whole in (
        viz.draw_model(model, ones(1, 4), fold=False).graph,
        viz.layer_graph(model, ones(1, 4)),
    ):
        assert len(whole.layers) == 2 + 36
    collapsed = viz.draw_model(model, ones(1, 4), depth=1)
    assert [layer.repeats for layer in collapsed.graph.layers] == [1, 12, 1]
    assert "12 times" in collapsed.source


def test_what_differs_or_is_shared_is_not_folded():
    kinds = [nn.Linear, nn.Linear, Other, Other, Other, nn.Linear]
    graph = viz.draw_model(encoder(*kinds), ones(1, 4)).graph
    used = {layer.box for layer in graph.layers}
    assert [(b.name, b.repeats) for b in graph.boxes if b.index in used] == [
        ("0", 2), ("2", 3), ("5", 1),
    ]  # fmt: skip
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, shared, shared)
    assert len(viz.draw_model(model, ones(1, 4)).graph.layers) == 5
    named = nn.Sequential({"encoder": nn.Linear(4, 4), "decoder": nn.Linear(4, 4)})
    assert len(viz.draw_model(named, ones(1, 4)).graph.layers) == 4


def test_gradients_tell_equal_blocks_apart():
    model = encoder(*[nn.Linear] * 3)
    model(ones(1, 4)).sum().backward()
    assert len(viz.draw_model(model, ones(1, 4), grads=True).graph.layers) == 2 + 9


def test_a_picture_of_a_long_chain_leaves_the_middle_out():
    flat = nn.Sequential(*[nn.Linear(2, 2, rng=0) for _ in range(20)])
    flat(ones(1, 2)).sum().backward()
    drawing = viz.draw_model(flat, ones(1, 2), max_layers=10, grads=True)
    graph = drawing.graph
    assert names(graph) == [
        "x", "0", "1", "2", "13 layers and operations", "16", "17", "18", "19", "output",
    ]  # fmt: skip
    assert graph.edges == tuple((i, i + 1) for i in range(9))
    assert sum(layer.parameters for layer in graph.layers) == graph.parameters == 120
    assert graph.unused == ()
    assert "22 layers are more than 10, so those in the middle are left out" in drawing.source
    assert viz.draw_model(flat, ones(1, 2)).graph.notes == ()


def test_tensors_may_be_given_and_named():
    x = mg.tensor(ones(1, 2), name="x")
    graph = viz.layer_graph(nn.Linear(2, 1, rng=0), x)
    assert graph.edges == ((0, 1), (1, 2))
    assert x.grad is None


def test_a_thousand_layers_take_linear_time():
    model = nn.Sequential(*[nn.ReLU() for _ in range(1000)])
    watched = watch(model, (ones(1, 2),))
    assert len(build(watched).graph.edges) == 1001


class Applied(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def test_layers_of_one_class_that_compute_different_things_are_not_folded():
    model = nn.Sequential(*map(Applied, (np.tanh, np.sin, lambda x: x * 2.0, lambda x: x * 3.0)))
    drawn = viz.draw_model(model, np.ones((1, 2), np.float32)).graph
    assert [layer.name for layer in drawn.layers if layer.kind == "layer"] == list("0123")
    same = nn.Sequential(*map(Applied, (np.tanh, np.tanh)))
    drawn = viz.draw_model(same, np.ones((1, 2), np.float32)).graph
    assert [layer.repeats for layer in drawn.layers if layer.kind == "layer"] == [2]


def test_few_depths_are_tried_where_modules_lie_deep_in_each_other(monkeypatch):
    class Nested(nn.Module):
        def __init__(self, depth):
            super().__init__()
            self.inner = Nested(depth - 1) if depth else None

        def forward(self, x):
            return (x + 1.0 if self.inner is None else self.inner(x + 1.0)) * 2.0

    built = []
    build = fewer.build
    monkeypatch.setattr(fewer, "build", lambda *a, **k: built.append(a) or build(*a, **k))
    drawing = viz.draw_model(Nested(60), np.ones(2, np.float32), max_layers=41)
    assert len(drawing.graph.layers) <= 41
    assert "(depth=" in drawing.graph.notes[0]
    assert len(built) < 20  # for this picture and a smaller one, not 60 for each


def test_what_is_left_out_counts_equal_layers_as_often_as_they_occur():
    layers = [nn.ReLU() if i % 4 == 3 else nn.Linear(4, 4) for i in range(120)]
    drawn = viz.draw_model(nn.Sequential(*layers), np.ones((1, 4), np.float32), max_layers=10).graph
    assert sum(layer.parameters * layer.repeats for layer in drawn.layers) == drawn.parameters
    (hidden,) = (layer for layer in drawn.layers if layer.kind == "hidden")
    shown = sum(layer.repeats for layer in drawn.layers if layer.kind == "layer")
    assert hidden.title == f"{120 - shown} layers and operations"


def test_as_many_layers_are_shown_as_fit():
    blocks = [nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3), nn.Linear(3, 2)) for _ in range(60)]
    drawing = viz.draw_model(
        nn.Sequential(nn.Sequential(*blocks), nn.ReLU()), ones(1, 2), fold=False, max_layers=50
    )
    assert len(drawing.graph.layers) == 50
    assert [layer.kind for layer in drawing.graph.layers].count("hidden") == 1
    assert "those in the middle are left out" in drawing.graph.notes[0]


def test_parameters_of_shared_layers_that_are_left_out_are_counted_once():
    shared = nn.Linear(4, 4)
    layers = [shared if i % 3 == 0 else nn.Linear(4, 4) for i in range(60)]
    model = nn.Sequential(*layers)
    drawn = viz.draw_model(model, np.ones((1, 4), np.float32), max_layers=9, fold=False).graph
    (hidden,) = (layer for layer in drawn.layers if layer.kind == "hidden")
    shown = {
        name for layer in drawn.layers if layer is not hidden for name in layer.parameter_names
    }
    elsewhere = sum(p.size for name, p in model.named_parameters() if name in shown)
    assert hidden.parameters == drawn.parameters - elsewhere


def test_what_was_seen_of_folded_layers_stays_with_them():
    layers = [nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.ReLU(), nn.Linear(2, 3)]
    built = with_repeats(build(watch(nn.Sequential(*layers), (ones(1, 2),))))
    assert [layer.repeats for layer in built.graph.layers] == [1, 2, 2, 1, 1]
    for layer in built.graph.layers:
        assert [c.node.rule.name for c in built.computed(layer.index)] == {
            "Linear": ["affine"], "ReLU": ["relu"], "input": [], "output": [],
        }[layer.title]  # fmt: skip


class Deep(nn.Module):
    """Modules in each other, each with some operations of its own."""

    def __init__(self, depth, operations):
        super().__init__()
        self.operations = operations
        self.layer = nn.Linear(2, 2)
        self.inner = Deep(depth - 1, operations) if depth > 1 else None

    def forward(self, x):
        x = self.layer(x)
        for _ in range(self.operations):
            x = x * 0.5
        return x if self.inner is None else self.inner(x)


def test_the_work_of_building_is_linear_in_the_depth_of_nesting():
    shallow, deep = (watch(Deep(depth, 20), (ones(1, 2),)) for depth in (30, 60))
    build(shallow)  # what is remembered afterwards counts for neither
    assert calls_of(lambda: build(deep)) < 2.3 * calls_of(lambda: build(shallow))


def test_what_is_wrong_with_options_is_said():
    model, x = nn.Linear(2, 2), ones(1, 2)
    for option in ("grads", "shapes", "fold", "configuration"):
        with pytest.raises(ArgumentError, match=f"{option} is True or False, not 'yes'"):
            viz.draw_model(model, x, **{option: "yes"})


def test_long_names_of_classes_are_shortened(tmp_path):
    kind = type("Long" * 750, (nn.Linear,), {})
    assert len(kind.__name__) == 3000
    drawing = viz.draw_model(kind(2, 2), ones(1, 2))
    assert kind.__name__ not in drawing.source
    assert "LongLong" in drawing.source
    assert kind.__name__ not in viz.draw_network(kind(2, 2)).source
    assert max(map(len, viz.text(kind(2, 2)).splitlines())) < 200
    y = kind(2, 2)(ones(1, 2))
    assert max(map(len, viz.text(y).splitlines())) < 200
    assert max(map(len, viz.text(y, depth=0).splitlines())) < 200
