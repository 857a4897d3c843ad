"""`viz.graph`: exactly the tensors' graph, and answers to questions about it."""

import gc
import json
import weakref

import numpy as np
import pytest
from hypothesis import given
from viz_models import Elsewhere, Net, chain, net_and_loss

import minigrad as mg
from minigrad import errors, nn, viz
from minigrad.testing import strategies
from minigrad.viz.data.snapshots import copy_of, snapshot
from minigrad.viz.look.numbers import array_lines


def walked(*outputs):
    """Return how many vertices there are behind tensors, and how many uses of them, found anew."""
    seen, uses, todo = set(), 0, [output._node for output in outputs]
    while todo:
        vertex = todo.pop()
        if vertex in seen:
            continue
        seen.add(vertex)
        parents = [parent for parent in vertex.parents if parent is not None]
        uses += len(parents)
        todo += parents
    return len(seen), uses


def without_constants(graph):
    """Return the counts of `walked` for a graph in which arrays that are no tensors are nodes."""
    added = {n.index for n in graph.nodes if n.kind == "constant" and not n.name}
    uses = sum(edge.source not in added for edge in graph.edges)
    return len(graph.nodes) - len(added), uses


@given(strategies.programs())
def test_nodes_and_edges_are_those_of_the_tensors_graph(program):
    out = program(*program.tensors())
    graph = viz.graph(out)
    assert without_constants(graph) == walked(out)
    assert [node.index for node in graph.nodes] == list(range(len(graph.nodes)))
    assert all(edge.source < edge.target for edge in graph.edges)
    assert [node.index for node in graph.nodes if node.output] == [len(graph.nodes) - 1]
    assert graph.nodes[-1].shape == out.shape


@given(strategies.programs())
def test_backward_changes_nothing_but_gradients(program):
    inputs = program.tensors()
    out = np.sum(program(*inputs))
    before = viz.graph(out).to_dict()
    out.backward()
    after = viz.graph(out).to_dict()
    for graph in (before, after):
        graph.pop("walked_back")
        for node in graph["nodes"]:
            for known in ("value", "gradient", "got_gradient"):
                node.pop(known)
    assert before == after


def test_each_use_of_an_argument_is_an_edge():
    x = mg.tensor([1.0, 2.0], requires_grad=True, name="x")
    graph = viz.graph(np.sum(np.where([True, False], x, x * x)))
    uses = [(e.source, e.target, e.argument) for e in graph.edges if e.source == 0]
    assert [argument for *_, argument in uses] == [0, 1, 1]


def test_outputs_share_what_they_were_computed_from():
    x = mg.tensor(2.0, requires_grad=True, name="x")
    y = np.exp(x)
    graph = viz.graph(y * 2.0, y)
    assert [node.title for node in graph.nodes] == ["x", "exp", "multiply(·, 2)"]
    assert [node.output for node in graph.nodes] == [False, True, True]


def test_a_diamond_of_sixty_is_sixty_one_nodes():
    y = mg.tensor(1.0, requires_grad=True)
    for _ in range(60):
        y = y + y
    graph = viz.graph(y)
    assert len(graph.nodes) == 61
    assert len(graph.edges) == 120
    assert len(graph.what_reaches(60)) == 60


@pytest.mark.parametrize("length", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_long_chains_need_no_recursion(length):
    graph = viz.graph(chain(length, size=1))
    assert len(graph.nodes) == length + 2
    assert graph.parameters_of(length + 1) == ()
    assert len(graph.what_reaches(length + 1)) == length + 1


def test_each_module_s_parts_are_listed_once_however_often_they_are_called(monkeypatch):
    model = nn.Sequential(*[nn.Linear(2, 2) for _ in range(30)])
    listed = []
    unseen = nn.Module._unseen_modules

    def counted(self, path, seen):
        listed.append(self)
        return unseen(self, path, seen)

    loss = np.sum(model(np.ones((1, 2), np.float32)))
    monkeypatch.setattr(nn.Module, "_unseen_modules", counted)
    assert viz.graph(loss).groups[30].path == "29"
    assert len(listed) <= 5 * 31


def test_paths_are_those_of_the_calls():
    _, loss, other = net_and_loss()
    groups = viz.graph(loss, other).groups
    assert [group.path for group in groups][:6] == [
        "", "inp", "blocks", "blocks.0", "blocks.0.a", "blocks.0.act",
    ]  # fmt: skip
    assert groups[4].parent == groups[3].index
    assert [group.module for group in groups if not group.path] == ["Net", "CrossEntropyLoss"]


def test_a_module_that_is_part_of_none_around_it_has_its_class_for_a_path():
    inner = nn.Linear(2, 2)

    class Outer(nn.Module):
        def forward(self, x):
            return inner(x)

    outer = Outer()
    loss = np.sum(outer(np.ones((1, 2), np.float32)))
    assert [group.path for group in viz.graph(loss).groups] == ["", "Linear"]


# --- Names ---------------------------------------------------------------------------------------


def test_names_are_those_of_parameters_of_users_and_of_the_call():
    w = nn.Linear(1, 1)
    x = mg.tensor([[1.0]], name="x")
    z = mg.tensor([[1.0]], requires_grad=True)
    y = w(x) + z
    graph = viz.graph(y, names={"z": z, "y": y, "nothing": mg.tensor(1.0)})
    assert [n.title for n in graph.nodes] == ["x", "weight", "bias", "affine", "z", "y"]
    assert graph.find("z").kind == "input"
    with pytest.raises(errors.ArgumentError, match=r"0 nodes.*'q'; names are: x, weight, bias"):
        graph.find("q")


def test_two_models_in_one_graph_have_names_that_differ():
    class Generator(nn.Linear):
        pass

    generator, one, two = Generator(2, 2), nn.Linear(2, 1), nn.Linear(2, 1)
    fake = generator(np.ones((3, 2), np.float32))
    graph = viz.graph(np.sum(one(fake)), np.sum(two(fake)))
    names = [node.name for node in graph.nodes if node.kind == "parameter"]
    assert names == [
        "Generator.weight", "Generator.bias",
        "Linear.1.weight", "Linear.1.bias", "Linear.2.weight", "Linear.2.bias",
    ]  # fmt: skip


def test_a_shared_parameter_is_one_node_outside_both_its_users():
    layer = nn.Linear(2, 2)
    model = nn.Sequential(nn.Sequential(layer), nn.Sequential(layer))
    graph = viz.graph(np.sum(model(np.ones((1, 2), np.float32))))
    weights = [node for node in graph.nodes if node.kind == "parameter"]
    assert [weight.name for weight in weights] == ["0.0.weight", "0.0.bias"]
    assert graph.groups[weights[0].group].module == "Sequential"
    assert graph.groups[weights[0].group].parent is None


def test_views_and_aliases_are_followed():
    x = mg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True, name="x")
    view = x.T[:, 0]
    graph = viz.graph(np.sum(view * x.detach()[0]))
    assert [node.operation or node.kind for node in graph.nodes] == [
        "input", "transpose", "getitem", "constant", "multiply", "sum",
    ]  # fmt: skip
    assert without_constants(graph)[0] >= 5


def test_gradients_of_gradients_can_be_drawn():
    x = mg.tensor(2.0, requires_grad=True, name="x")
    second = mg.grad(mg.grad(lambda t: t**3))(2.0)
    assert float(second) == 12
    y = x**3
    y.backward(create_graph=True)
    graph = viz.graph(x.grad)
    assert graph.find("x") in graph.what_reaches(len(graph.nodes) - 1)
    assert all(edge.source < edge.target for edge in graph.edges)
    assert viz.draw(x.grad).source


# --- Which parameters got no gradient, and why ---------------------------------------------------


def reasons(graph):
    return {node.name: reason for node, reason in graph.without_gradient()}


def test_parameters_without_a_gradient_are_told_with_the_reason():
    _, loss, other = net_and_loss()
    before = reasons(viz.graph(loss))
    assert "backward() has not been called" in before["head.weight"]
    loss.backward()
    graph = viz.graph(loss, other, names={"other": other})
    after = reasons(graph)
    assert list(after) == [
        "x", "inp.bias", "other.weight", "other.bias", "spare.weight", "spare.bias",
    ]  # fmt: skip
    assert after["x"] == "it is a constant"
    assert after["inp.bias"] == "it is frozen (requires_grad is False)"
    assert after["other.weight"].startswith("backward() has not been called on other, or")
    assert after["spare.weight"] == "nothing here was computed from it"
    assert {graph.nodes[index].name for index in graph.unreached} == {"other.weight", "other.bias"}


def test_parameters_that_the_loss_does_not_use_are_known():
    _, loss, _ = net_and_loss()
    graph = viz.graph(loss)
    assert [node.name for node in graph.unused] == [
        "other.weight", "other.bias", "spare.weight", "spare.bias",
    ]  # fmt: skip
    assert all(node.index == -1 for node in graph.unused)
    assert [entry["name"] for entry in graph.to_dict()["unused"]][-1] == "spare.bias"


def test_a_parameter_used_only_detached_is_told_so():
    class Detached(nn.Module):
        def __init__(self):
            self.w = nn.Parameter(np.ones(2, np.float32))
            self.v = nn.Parameter(np.ones(2, np.float32))

        def forward(self, x):
            return x * self.v * self.w.detach()

    loss = np.sum(Detached()(np.ones(2, np.float32)))
    loss.backward()
    assert reasons(viz.graph(loss))["w"].startswith("only a detached view of it was used")


def test_a_gradient_from_another_loss_counts():
    net, loss, other = net_and_loss()
    np.sum(other).backward(retain_graph=True)
    loss.backward()
    assert "other.weight" not in reasons(viz.graph(loss))
    net.zero_grad()
    assert "backward() has not been called" in reasons(viz.graph(loss))["head.bias"]


# --- As data -------------------------------------------------------------------------------------


def test_queries_know_what_reaches_what():
    _, loss, other = net_and_loss()
    graph = viz.graph(loss, other)
    head = graph.find("head.weight")
    assert [n.output for n in graph.what_is_reached_from(head)] == [False, True]
    assert len(graph.parameters_of(graph.nodes[-1])) == 16
    assert graph.what_reaches(graph.find("x")) == ()


def test_json_holds_everything_and_is_json_for_numbers_that_are_not_finite():
    x = mg.tensor([np.inf, 1.0, np.nan], requires_grad=True, name='na"me\x00')
    with viz.record():
        y = np.sum(x * np.array([1, 2, 3]))
    loaded = json.loads(viz.graph(y).to_json())
    assert loaded["nodes"][0]["name"] == 'na"me\x00'
    assert loaded["nodes"][0]["value"] == {"min": 1.0, "mean": 1.0, "max": 1.0, "not_finite": 2}
    assert loaded["nodes"][-1]["value"]["mean"] == "nan"
    assert loaded["edges"][0] == {"source": 0, "target": 2, "argument": 0, "uses": 1}


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: viz.graph(), errors.ArgumentError, r"viz.graph\(loss\)"),
        (lambda: viz.graph(Net()), errors.DtypeError, r"not of Net; .*model\(x\)"),
        (lambda: viz.graph(mg.tensor(1.0)), errors.GraphError, "nothing was recorded"),
        (lambda: viz.graph(chain(1), names=[1]), errors.ArgumentError, "names is a dict"),
    ],
)
def test_what_is_no_graph_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


# --- Drawing changes nothing ---------------------------------------------------------------------


def state(net, x, loss):
    tensors = [*net.parameters(), x]
    return (
        [(t.data.tobytes(), t._vertex().version, t.requires_grad) for t in tensors],
        [None if t.grad is None else t.grad.tobytes() for t in tensors],
        loss._node.retains_grad,
        loss._node.args is None,
        json.dumps(mg.random.generator().bit_generator.state, default=str),
    )


@pytest.mark.parametrize("backward", [False, True])
def test_looking_changes_nothing(backward):
    net, loss, _ = net_and_loss()
    x = next(iter(net.parameters()))
    if backward:
        loss.backward()
    before = state(net, x, loss)
    viz.draw(loss, values=True, grads=True, backward=True, depth=1)
    viz.text(loss)
    viz.graph(loss).to_json()
    assert state(net, x, loss) == before
    if not backward:
        loss.backward()  # the graph has not been freed
        assert net.head.weight.grad is not None


# --- Snapshots ---------------------------------------------------------------------------------


def stepped(parameters):
    for parameter in parameters:
        parameter.data[...] += 1.0
        parameter.grad[...] *= 2.0


def test_a_graph_stays_as_it_was_when_parameters_and_gradients_change():
    model = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh(), nn.Linear(3, 20, rng=1))
    x = mg.tensor(np.ones((1, 2), np.float32), requires_grad=True, name="x")
    loss = np.sum(model(x))
    loss.backward(retain_graph=True)
    graph, drawing = viz.graph(loss), viz.draw(loss, values=True, grads=True)
    before = graph.to_json(), drawing.source, drawing.graph.to_dict(), viz.text(graph, values=True)
    stepped([*model.parameters(), x])
    after = graph.to_json(), drawing.source, drawing.graph.to_dict(), viz.text(graph, values=True)
    assert after == before
    assert drawing.smaller().source == before[1]
    assert viz.graph(loss).to_json() != before[0]


def test_a_graph_keeps_small_arrays_in_full_and_no_large_one_alive():
    small = mg.tensor(np.arange(12.0), requires_grad=True, name="small")
    large = mg.tensor(np.arange(13.0), requires_grad=True, name="large")
    with viz.record():
        loss = np.sum(small) * np.sum(large)
        loss.backward()
    drawing = viz.draw(loss)
    np.testing.assert_array_equal(drawing.graph.find("small").value, np.arange(12.0))
    assert drawing.graph.find("large").value == viz.Statistics(0.0, 6.0, 12.0, 0)
    assert drawing.graph.find("large").gradient == viz.Statistics(66.0, 66.0, 66.0, 0)
    watched = weakref.ref(large.data)
    del small, large, loss
    gc.collect()
    assert watched() is None
    assert drawing.graph.find("large").value.max == 12.0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64, bool])
def test_statistics_are_those_of_finite_elements(dtype):
    values = np.array([1, 0, 1, 1], dtype)
    assert viz.Statistics.of(values) == (0.0, 0.75, 1.0, 0)
    if np.dtype(dtype).kind == "f":
        wild = np.array([np.nan, 2, np.inf, 4, -np.inf], dtype)
        assert viz.Statistics.of(wild) == (2.0, 3.0, 4.0, 3)
        largest = np.full(3, np.finfo(dtype).max)
        assert np.isclose(viz.Statistics.of(largest).mean, float(largest[0]))


# --- Arrays of other libraries -----------------------------------------------------------------


def test_arrays_that_numpy_cannot_read_are_recorded_and_drawn():
    x = mg.tensor([1.0, 2.0], requires_grad=True, name="x")
    there = Elsewhere([3.0, 4.0])
    kept = copy_of(there)
    assert isinstance(kept, Elsewhere)
    assert kept is not there
    np.testing.assert_array_equal(snapshot(there), [3.0, 4.0])
    assert snapshot(Elsewhere(np.arange(20.0))) == viz.Statistics(0.0, 9.5, 19.0, 0)
    assert array_lines(there) == ["3 4"]
    with viz.record():
        y = x * 2.0
        node = y._node
        recorder = mg.context.context.get().observer
        recorder.recorded(node, there, (x, there))
        recorder.visiting(node, there)
        recorder.visited(node, 0, there)
    (shown,) = (n for n in viz.graph(y).nodes if n.operation == "multiply")
    np.testing.assert_array_equal(shown.gradient, [3.0, 4.0])
    assert "3 4" in viz.draw(y, grads=True).source


def test_what_cannot_be_read_at_all_is_unknown():
    class Locked(Elsewhere):
        get = property()

    assert snapshot(Locked([1.0])) is None


def test_a_node_may_be_given_by_its_name():
    x, y = (mg.tensor([1.0], requires_grad=True, name=name) for name in "xy")
    graph = viz.graph(np.sum(x * y))
    assert [n.title for n in graph.what_is_reached_from("x")] == ["multiply", "sum"]
    model = nn.Linear(1, 1)
    graph = viz.graph(np.sum(model(x)))
    (last,) = (n.index for n in graph.nodes if n.output)
    names = [n.name for n in graph.parameters_of(last)]
    assert names == ["weight", "bias"]
    assert [n.name for n in graph.parameters_of(np.int64(last))] == names
    with pytest.raises(errors.ArgumentError, match=f"computed node {last}: give that number"):
        graph.parameters_of("sum")
    with pytest.raises(errors.ArgumentError, match="there is no node 99: the graph has"):
        graph.parameters_of(99)
    with pytest.raises(errors.DtypeError, match="its name, not as float"):
        graph.what_reaches(1.0)


def test_json_holds_any_name(tmp_path):
    x = mg.tensor([1.0], requires_grad=True, name="a\ud800b😀")
    path = viz.draw(x * 2.0).save(tmp_path / "x.json")
    assert json.loads(path.read_text("utf-8"))["nodes"][0]["name"] == "a\ud800b😀"
    for suffix in (".dot", ".txt", ".mmd", ".md"):
        viz.draw(x * 2.0).save(tmp_path / f"x{suffix}")


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = mg.from_numpy(Elsewhere([1.0, -2.0, 0.0]))
        self.scale.requires_grad = True

    def forward(self, x):
        return np.sqrt(np.maximum(x * self.scale, 0.0))


def test_models_on_another_device_are_drawn_with_their_gradients():
    model, x = Scaled(), mg.from_numpy(Elsewhere([[1.0, 2.0, 3.0]]))
    with np.errstate(all="ignore"):
        with viz.record():
            loss = np.sum(model(x))
            assert "multiply" in viz.film(loss)[2].source
        loss.backward()
        flow = viz.gradient_flow(model, x)
        assert flow.first_not_finite.where == "sqrt"
        assert "sqrt" in viz.draw_model(model, x, grads=True).source
        assert "1 -2 0" in viz.draw(loss, values=True, grads=True).source


def test_the_first_number_that_is_not_finite_is_found_on_another_device():
    x = mg.from_numpy(Elsewhere([1.0, -1.0]), requires_grad=True)
    with (
        np.errstate(all="ignore"),
        mg.debug(),
        pytest.raises(errors.GraphError, match=r"log.* gave nan at index \(1,\)"),
    ):
        np.log(x)
    with mg.debug():
        y = np.sum(np.exp(x))
        x.data[0] = 7.0
        y.backward()  # exp needs its result alone
        z = np.sum(x * x)
        x.data[0] = 8.0
        with pytest.raises(errors.GraphError, match="was written to after the forward pass"):
            z.backward()


def test_a_list_of_indices_is_shown_before_and_after_the_walk_back():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = np.sum(x[[0, 2]])
    before = viz.graph(y).nodes[1].options
    y.backward()
    assert viz.graph(y).nodes[1].options == before == "·, [0, 2]"
