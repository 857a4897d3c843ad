"""Smaller graphs of large ones: edges between what remains are conserved."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from viz_models import Block, calls_of, chain, net_and_loss

import minigrad as mg
from minigrad import errors, nn, viz
from minigrad.testing import strategies
from minigrad.viz.computation import draw_graph
from minigrad.viz.data.graph import Cost, Edge, Graph, GraphNode, Group
from minigrad.viz.data.reducing import reduced


def owner(graph, node, depth):
    """Return what a node is drawn as at a depth: its group's index, or itself."""
    path = [group.index for group in graph.groups_around(node.group)][::-1]
    return ("group", path[depth]) if len(path) > depth else ("node", node.index)


def connections(graph, depth):
    """Return the pairs of what remains at a depth between which there are edges, and how many."""
    found = {}
    for edge in graph.edges:
        pair = tuple(owner(graph, graph.nodes[i], depth) for i in (edge.source, edge.target))
        if pair[0] != pair[1]:
            found[pair] = found.get(pair, 0) + edge.uses
    return sorted(found.values())


def check_collapsed(graph, depth):
    smaller = viz.collapsed(graph, depth)
    found = {}
    for edge in smaller.edges:
        found[edge[:2]] = found.get(edge[:2], 0) + edge.uses
    assert sorted(found.values()) == connections(graph, depth)
    assert len(smaller.nodes) == len({owner(graph, node, depth) for node in graph.nodes})
    assert all(edge.source < edge.target for edge in smaller.edges)
    assert [node.index for node in smaller.nodes] == list(range(len(smaller.nodes)))
    assert sum(n.operations for n in smaller.nodes) == sum(n.operations for n in graph.nodes)
    assert sum(n.output for n in smaller.nodes) == sum(n.output for n in graph.nodes)


@given(strategies.modules(max_layers=4), st.integers(0, 3))
def test_edges_between_what_remains_are_conserved(network, depth):
    outer = nn.Sequential(nn.Sequential(network.module), nn.Tanh())
    check_collapsed(viz.graph(np.sum(outer(network.x))), depth)


@pytest.mark.parametrize("depth", range(4))
def test_nested_modules_collapse_at_any_depth(depth):
    net, loss, _ = net_and_loss()
    check_collapsed(viz.graph(loss), depth)
    first = viz.collapsed(viz.graph(loss), 1)
    titles = [node.title for node in first.nodes if node.kind == "module"]
    assert titles == ["inp", "blocks", "head"]
    assert [node.shape for node in first.nodes if node.kind == "module"] == [(5, 4), (5, 4), (5, 2)]
    assert sum(parameter.size for parameter in net.parameters()) > 0


def test_an_intermediate_result_that_is_used_outside_keeps_the_order():
    class Leaky(nn.Module):
        def forward(self, x):
            self.kept = np.tanh(x)
            return np.sum(np.exp(self.kept))

    model = Leaky()
    x = mg.tensor([1.0], requires_grad=True, name="x")
    out = model(x)
    graph = viz.collapsed(viz.graph(np.sin(model.kept) + out, out), 0)
    assert all(edge.source < edge.target for edge in graph.edges)
    assert [node.title for node in graph.nodes] == ["x", "Leaky", "sin", "add"]
    assert graph.nodes[1].output
    assert graph.nodes[1].shape == ()


def test_a_module_comes_after_all_that_it_uses():
    x, z = (mg.tensor([1.0, 2.0], requires_grad=True, name=name) for name in "xz")

    class Using(nn.Module):
        def forward(self, x):
            return np.tanh(x) * z

    graph = viz.collapsed(viz.graph(np.sum(Using()(x))), 0)
    assert [node.title for node in graph.nodes] == ["x", "z", "Using", "sum"]
    assert [node.index for node in graph.nodes] == [0, 1, 2, 3]
    assert [edge[:2] for edge in graph.edges] == [(0, 2), (1, 2), (2, 3)]


def test_a_collapsed_module_knows_which_of_its_parameters_got_no_gradient():
    _, loss, other = net_and_loss()
    loss.backward()
    whole = viz.collapsed(viz.graph(loss, other), 0)
    (model,) = [node for node in whole.nodes if node.operation == "Net"]
    assert model.without_gradient == ("other.weight", "other.bias")
    assert model.got_gradient is False
    assert whole.unreached == {model.index}
    again = viz.collapsed(viz.collapsed(viz.graph(loss, other), 1), 0)
    assert again.nodes[model.index].without_gradient == model.without_gradient


# --- Folding -------------------------------------------------------------------------------------


def blocks(*widths_or_modules, x=None):
    model = nn.Sequential(*[Block(m) if isinstance(m, int) else m for m in widths_or_modules])
    return model, np.sum(model(np.ones((2, 3), np.float32) if x is None else x))


def repeats(graph):
    used = {g.index for node in graph.nodes for g in graph.groups_around(node.group)}
    return {g.path: g.repeats for g in graph.groups if g.index in used and g.repeats > 1}


def test_runs_of_equal_blocks_are_one_with_a_count():
    _, loss = blocks(3, 3, 3)
    graph = viz.graph(loss)
    smaller = viz.folded(graph)
    assert repeats(smaller) == {"0": 3}
    assert len(smaller.nodes) == 2 + 8 + 1  # an array that is no tensor is one at each use
    assert sum(node.operations for node in smaller.nodes) == 13
    assert all(edge.source < edge.target for edge in smaller.edges)
    (module,) = [n for n in viz.collapsed(smaller, 1).nodes if n.kind == "module"]
    assert (module.title, module.repeats, module.operations) == ("0", 3, 12)


def test_the_last_of_a_run_may_be_the_result_and_no_other():
    model = nn.Sequential(*[Block(3) for _ in range(3)])
    x = mg.tensor(np.ones((2, 3), np.float32))
    smaller = viz.folded(viz.graph(model(x)))
    assert repeats(smaller) == {"0": 3}
    assert [node.operation for node in smaller.nodes if node.output] == ["add"]
    first = model[0](x)
    second = model[1](first)
    smaller = viz.folded(viz.graph(model[2](second), first))
    assert {node.operation for node in smaller.nodes if node.output} == {"add"}
    assert sum(node.output for node in smaller.nodes) == 2


def test_what_differs_is_not_folded():
    wide = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 3))
    _, loss = blocks(3, wide, 3)
    assert repeats(viz.folded(viz.graph(loss))) == {}


def test_frozen_blocks_and_those_without_gradient_are_not_folded_into_others():
    model, loss = blocks(3, 3, 3)
    model[1].a.weight.requires_grad = False
    _, loss = model, np.sum(model(np.ones((2, 3), np.float32)))
    assert repeats(viz.folded(viz.graph(loss))) == {}
    model[1].a.weight.requires_grad = True
    loss = np.sum(model(np.ones((2, 3), np.float32)))
    loss.backward()
    assert repeats(viz.folded(viz.graph(loss))) == {"0": 3}
    model[2].b.bias.grad = None
    assert repeats(viz.folded(viz.graph(loss))) == {"0": 2}


def test_equal_operations_wired_differently_are_not_folded():
    class Power(nn.Module):
        def __init__(self, swapped):
            self.swapped = swapped

        def extra_repr(self):
            return ""

        def forward(self, x):
            one, two = np.tanh(x), np.exp(x)
            return two - one if self.swapped else one - two

    _, loss = blocks(Power(False), Power(True), x=mg.tensor([1.0], requires_grad=True))
    assert repeats(viz.folded(viz.graph(loss))) == {}
    _, loss = blocks(Power(True), Power(True), x=mg.tensor([1.0], requires_grad=True))
    assert repeats(viz.folded(viz.graph(loss))) == {"0": 2}


def test_blocks_whose_results_are_used_elsewhere_are_not_folded():
    first, second, third = (nn.Linear(3, 3) for _ in range(3))

    class Dense(nn.Module):
        def __init__(self):
            self.layers = [first, second, third]

        def forward(self, x):
            a = first(x)
            b = second(a)
            return third(b) + a

    graph = viz.graph(np.sum(Dense()(np.ones((1, 3), np.float32))))
    smaller = viz.folded(graph)
    assert repeats(smaller) == {"layers.1": 2}
    add = next(node for node in smaller.nodes if node.operation == "add")
    assert len({edge.source for edge in smaller.edges if edge.target == add.index}) == 2

    class Skipping(Dense):
        def forward(self, x):
            a = first(x)
            b = second(a)
            return third(a + b)

    smaller = viz.folded(viz.graph(np.sum(Skipping()(np.ones((1, 3), np.float32)))))
    assert repeats(smaller) == {}


def test_blocks_that_take_another_second_argument_are_not_folded():
    class Product(nn.Module):
        def forward(self, x, y):
            return x * y

    class Model(nn.Module):
        def __init__(self):
            self.layers = [Product() for _ in range(4)]

        def forward(self, x, y):
            one = self.layers[0](x, y)
            two = self.layers[1](one, y)
            three = self.layers[2](two, one)
            return self.layers[3](three, one)

    x, y = (mg.tensor([1.0], requires_grad=True, name=name) for name in "xy")
    smaller = viz.folded(viz.graph(np.sum(Model()(x, y))))
    assert repeats(smaller) == {"layers.2": 2}


def test_arrays_of_each_block_s_own_are_folded_with_it():
    class Masked(nn.Module):
        def forward(self, x):
            return x * np.array([1.0, 0.0, 1.0], np.float32)

    x = mg.tensor(np.ones(3, np.float32), requires_grad=True)
    _, loss = blocks(Masked(), Masked(), Masked(), x=x)
    smaller = viz.folded(viz.graph(loss))
    assert repeats(smaller) == {"0": 3}
    assert [node.kind for node in smaller.nodes].count("constant") == 1
    used = {edge.source for edge in smaller.edges} | {edge.target for edge in smaller.edges}
    assert used == set(range(len(smaller.nodes)))


class Two(nn.Module):
    """Two results, one computed from the other."""

    def forward(self, p):
        h = np.tanh(p)
        return h, np.exp(h)


class Fork(nn.Module):
    def forward(self, a, b):
        return np.tanh(a) - b


def named(name):
    return mg.tensor(np.ones(3, np.float32), requires_grad=True, name=name)


def edges_by_title(graph):
    return {
        (graph.nodes[edge.source].title, graph.nodes[edge.target].title) for edge in graph.edges
    }


def test_blocks_fed_from_another_result_of_the_one_before_are_not_folded():
    _, o1 = Two()(named("x"))
    h2, o2 = Two()(o1)
    _, o3 = Two()(h2)
    assert repeats(viz.folded(viz.graph(np.sum(o1 + o2 + o3)))) == {}

    def alternating(which):
        h = named("x")
        for result in which:
            h = Two()(h)[result]
        return viz.folded(viz.graph(np.sum(h)))

    assert set(repeats(alternating([1, 1, 1, 1])).values()) == {4}
    assert repeats(alternating([1, 1, 0, 0])) == {"": 2}


def test_blocks_fed_crosswise_are_not_folded():
    class Both(nn.Module):
        def forward(self, a, b):
            t = np.tanh(a)
            return t, t - b

    def fed(*crossed):
        t, out = Both()(named("x"), named("y"))
        for cross in crossed:
            t, out = Both()(out, t) if cross else Both()(t, out)
        return repeats(viz.folded(viz.graph(np.sum(out))))

    assert fed(False, False) == fed(True, True) == {"": 3}
    assert fed(False, True) == fed(True, False) == {"": 2}


def test_blocks_that_take_one_array_twice_are_not_folded_with_those_that_take_two():
    x, y = named("x"), named("y")
    a = Fork()(x, x)
    b = Fork()(a, x)
    assert repeats(viz.folded(viz.graph(np.sum(Fork()(b, b))))) == {}
    assert repeats(viz.folded(viz.graph(np.sum(Fork()(Fork()(x, y), x))))) == {}
    array = np.ones(3, np.float32)
    a = Fork()(x, array)
    assert repeats(viz.folded(viz.graph(np.sum(Fork()(a, a))))) == {}
    steady = Fork()(Fork()(Fork()(x, y), y), y)
    smaller = viz.folded(viz.graph(np.sum(steady)))
    assert repeats(smaller) == {"": 3}
    assert edges_by_title(smaller) == {
        ("x", "tanh"),
        ("tanh", "subtract"),
        ("y", "subtract"),
        ("subtract", "sum"),
    }


def test_results_that_are_all_used_keep_their_blocks():
    first, second, third = Block(3), Block(3), Block(3)
    a = first(np.ones((2, 3), np.float32))
    b = second(a)
    loss = np.sum(np.exp(a) + np.sin(b) + np.cos(third(b)))
    graph = viz.graph(loss)
    smaller = viz.folded(graph)
    assert repeats(smaller) == {}
    assert len(smaller.nodes) == len(graph.nodes)


def test_no_edge_is_drawn_from_one_block_into_the_same_block():
    class Late(nn.Module):
        def forward(self, a, b):
            t = np.tanh(a)
            return t, np.exp(t) - b

    t, out = Late()(named("x"), named("y"))
    for _ in range(2):
        t, out = Late()(out, t)
    smaller = viz.folded(viz.graph(np.sum(out)))
    assert repeats(smaller) == {"": 3}
    assert edges_by_title(smaller) == {
        ("x", "tanh"),
        ("tanh", "exp"),
        ("exp", "subtract"),
        ("y", "subtract"),
        ("subtract", "sum"),
    }


@pytest.mark.parametrize(("elsewhere", "runs"), [(None, {4}), (0, {3}), (1, {2}), (2, {2})])
def test_arrays_that_are_used_elsewhere_are_not_folded(elsewhere, runs):
    xs = [mg.tensor(np.full(3, i, np.float32), requires_grad=True) for i in range(4)]
    h = named("h")
    cell = Fork()
    for x in xs:
        h = cell(h, x)
    smaller = viz.folded(viz.graph(np.sum(h if elsewhere is None else h + xs[elsewhere] * 7)))
    assert set(repeats(smaller).values()) == runs
    if elsewhere is not None:
        (seven,) = [n for n in smaller.nodes if n.operation == "multiply"]
        (source,) = [e.source for e in smaller.edges if e.target == seven.index]
        cells = [smaller.nodes[e.target].group for e in smaller.edges if e.source == source]
        assert [smaller.groups[cell].repeats for cell in cells if cell is not None] == [1]


class OtherLinear(nn.Linear):
    """A layer that computes the same, and is of another class."""


def test_blocks_that_differ_in_the_class_of_a_module_inside_are_not_folded():
    def loss_of(*kinds):
        blocks = [nn.Sequential(nn.Sequential(kind(2, 2), nn.ReLU())) for kind in kinds]
        return np.sum(nn.Sequential(*blocks)(np.ones((1, 2), np.float32)))

    same, other = nn.Linear, OtherLinear
    assert repeats(viz.folded(viz.graph(loss_of(same, same, same)))) == {"0": 3}
    assert repeats(viz.folded(viz.graph(loss_of(same, other)))) == {}
    assert repeats(viz.folded(viz.graph(loss_of(same, same, other, other)))) == {"0": 2, "2": 2}


def test_blocks_of_other_names_are_not_folded():
    def names(*given):
        model = nn.Sequential({name: nn.Linear(2, 2) for name in given})
        return repeats(viz.folded(viz.graph(np.sum(model(np.ones((1, 2), np.float32))))))

    assert names("encoder", "decoder") == {}
    assert names("block1", "block2", "head") == {"block1": 2}


def test_runs_inside_runs_are_folded_in_all_of_them():
    """Two blocks of three layers each: what leads from layer to layer is left out in both."""
    model = nn.Sequential(*[nn.Sequential(*[Block(2) for _ in range(3)]) for _ in range(4)])
    graph = viz.graph(np.sum(model(np.ones((1, 2), np.float32))))
    smaller = viz.folded(graph)
    assert repeats(smaller) == {"0": 4, "0.0": 3}
    assert sum(node.operations for node in smaller.nodes) == 4 * 3 * 4 + 1
    assert all(edge.source < edge.target for edge in smaller.edges)
    inner = [node.index for node in smaller.nodes if node.group is not None]
    assert len(inner) == 4 + 4  # operations and parameters of one block


def test_blocks_in_blocks_are_folded_too():
    _, loss = blocks(nn.Sequential(*[Block(3) for _ in range(2)]), 3, 3)
    assert repeats(viz.folded(viz.graph(loss))) == {"0.0": 2, "1": 2}


@given(strategies.modules(max_layers=4, max_features=2))
def test_folding_loses_no_operation_and_leaves_nothing_dangling(network):
    wide = network.module(network.x).shape[-1]
    twice = nn.Sequential(network.module, *[nn.Linear(wide, wide, dtype=float) for _ in range(3)])
    loss = np.sum(twice(network.x))
    graph = viz.graph(loss)
    smaller = viz.folded(graph)
    assert sum(n.operations for n in smaller.nodes) == sum(n.operations for n in graph.nodes)
    used = {index for edge in smaller.edges for index in edge[:2]}
    assert used == set(range(len(smaller.nodes)))
    assert all(edge.source < edge.target for edge in smaller.edges)


def test_costs_add_up():
    _, loss = blocks(3, 3, 3)
    graph = viz.graph(loss)
    timed = replace(graph, nodes=tuple(replace(n, cost=Cost(1, 2, 3, 4)) for n in graph.nodes))
    for smaller in (viz.folded(timed), viz.collapsed(timed, 1), viz.limited(timed, 4)):
        assert sum(node.cost.bytes for node in smaller.nodes) == 3 * len(graph.nodes)


# --- A limit -------------------------------------------------------------------------------------


def test_modules_collapse_as_far_as_needed_and_a_note_says_so():
    _, loss, _ = net_and_loss()
    graph = viz.graph(loss)
    assert viz.limited(graph, len(graph.nodes)) is graph
    smaller = viz.limited(graph, 12)
    assert len(smaller.nodes) <= 12
    assert smaller.notes == (
        "33 nodes are more than 12, so modules are collapsed (depth=2); max_nodes= allows more",
    )


@pytest.mark.parametrize("most", [3, 4, 5, 50])
def test_the_middle_of_a_long_chain_is_left_out(most):
    smaller = viz.limited(viz.graph(chain(100)), most)
    assert len(smaller.nodes) == most
    (hidden,) = [node for node in smaller.nodes if node.kind == "hidden"]
    assert hidden.operation == f"{hidden.operations} operations"
    assert sum(node.operations for node in smaller.nodes) == 101
    assert [(e.source, e.target) for e in smaller.edges] == [(i, i + 1) for i in range(most - 1)]
    assert (
        f"102 nodes are more than {most}, so those in the middle are left out" in smaller.notes[0]
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": -1}, "depth is 0"),
        ({"depth": True}, "depth is 0"),
        ({"depth": 1.0}, "depth is 0"),
        ({"max_nodes": 2}, "max_nodes is None or a number from 3 up, not 2"),
        ({"max_nodes": True}, "max_nodes"),
    ],
)
def test_options_that_are_none_are_refused(options, message):
    with pytest.raises(errors.ArgumentError, match=message):
        reduced(viz.graph(chain(1)), **{"depth": None, "fold": True, "max_nodes": None} | options)


# --- Depth -------------------------------------------------------------------------------------


class Nest(nn.Module):
    """So many modules in each other, each with some operations of its own."""

    def __init__(self, depth, operations):
        self.operations = operations
        self.layer = nn.Linear(2, 2)
        self.inner = Nest(depth - 1, operations) if depth > 1 else None

    def forward(self, x):
        x = self.layer(x)
        for _ in range(self.operations):
            x = x * 0.5
        return x if self.inner is None else self.inner(x)


VIEWS = {
    "draw": lambda y: viz.draw(y, fold=False, max_nodes=None).source,
    "folded": lambda y: viz.draw(y, max_nodes=None).source,
    "limited": lambda y: viz.draw(y, max_nodes=10).source,
    "collapsed": lambda y: viz.draw(y, depth=1).source,
    "text": lambda y: viz.text(y, max_nodes=None),
    "mermaid": lambda y: viz.mermaid(y, max_nodes=None),
    "json": lambda y: viz.graph(y).to_json(),
}


@pytest.mark.parametrize("view", VIEWS)
def test_work_is_linear_in_the_depth_of_nesting(view):
    """Twice as deep with twice as many operations takes twice the steps, and a little more.

    The names of parameters are as long as they are deep, and the layers themselves find them.
    """
    shallow, deep = (np.sum(Nest(depth, 30)(np.ones((1, 2), np.float32))) for depth in (40, 80))
    VIEWS[view](shallow)  # what is remembered afterwards counts for neither
    assert calls_of(lambda: VIEWS[view](deep)) < 2.3 * calls_of(lambda: VIEWS[view](shallow))


def test_any_depth_of_nesting_is_drawn():
    depth = 5000
    groups = tuple(
        Group(i, i - 1 if i else None, ".".join(["m"] * min(i, 3)), "Nest") for i in range(depth)
    )
    nodes = tuple(
        GraphNode(i, "operation", operation="exp", group=g, shape=(2,), output=i == 2)
        for i, g in enumerate((0, depth - 1, 0))
    )
    graph = Graph(nodes, (Edge(0, 1, 0), Edge(1, 2, 0)), groups)
    assert draw_graph(graph).source.count("subgraph") == depth
    assert len(viz.collapsed(graph, 1).nodes) == 3
    assert len(viz.text(graph).splitlines()) > depth
    assert viz.mermaid(graph).count("subgraph") == depth
    assert viz.folded(graph) == graph


def doubled_thrice():
    x = mg.tensor([1.0, 3.0], requires_grad=True, name="x")
    with viz.record():
        return nn.Sequential(*(Doubled() for _ in range(3)))(x)


class Doubled(nn.Module):
    def forward(self, x):
        return x * 2.0


@pytest.mark.parametrize("depth", [None, 0, 1])
def test_the_value_shown_of_a_result_is_its_own_and_not_that_of_a_block_it_is_folded_with(depth):
    y = doubled_thrice()
    (result,) = (n for n in viz.draw(y, values=True, depth=depth).graph.nodes if n.output)
    assert result.value.tolist() == [8.0, 24.0]
    assert "8 24" in viz.text(y, values=True, depth=depth)
    (folded,) = (n for n in viz.draw(y, depth=depth).graph.nodes if n.output)
    assert folded.value is None or folded.value.tolist() == [8.0, 24.0]


def test_a_folded_module_names_all_parameters_without_a_gradient():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
    x = mg.tensor([[1.0, 2.0]], requires_grad=True, name="x")
    loss = np.sum(model(x))
    loss.backward()
    for parameter in model.parameters():
        parameter.grad = None
    names = tuple(name for name, _ in model.named_parameters())
    (whole,) = (n for n in viz.draw(loss, depth=0).graph.nodes if n.kind == "module")
    assert sorted(whole.without_gradient) == sorted(names)
    weight = viz.draw(loss).graph.find("0.weight")
    assert weight.without_gradient == tuple(f"{i}.weight" for i in range(4))


def test_what_is_left_out_still_says_that_it_has_a_result_and_no_gradient_somewhere():
    weights = [mg.tensor([1.0], requires_grad=True, name=f"w{i}") for i in range(150)]
    product, middle = weights[0] * 1.0, None
    for weight in weights[1:]:
        product = product * weight
        middle = product if weight.name == "w75" else middle
    np.sum(product).backward()
    weights[70].grad = None
    shown = viz.draw(middle, product, max_nodes=40)
    (hidden,) = (node for node in shown.graph.nodes if node.kind == "hidden")
    assert hidden.without_gradient == ("w70",)
    assert hidden.index in shown.graph.unreached
    assert hidden.output
    assert "no gradient: w70" in shown.source


class Scaled(nn.Module):
    def __init__(self, by):
        super().__init__()
        self.gain, self.slope = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
        self.by = by

    def forward(self, x):
        return x * getattr(self, self.by)


def test_blocks_that_use_different_parameters_are_not_folded():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    different = viz.draw(nn.Sequential(Scaled("gain"), Scaled("slope"))(x)).graph
    assert [n.name for n in different.nodes if n.kind == "parameter"] == ["0.gain", "1.slope"]
    same = viz.draw(nn.Sequential(Scaled("gain"), Scaled("gain"))(x)).graph
    assert [n.name for n in same.nodes if n.kind == "parameter"] == ["0.gain"]


class Taken(nn.Module):
    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def forward(self, x):
        return x[self.rows] * 2.0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([0, 1], [1, 0]),
        (list(range(10)), list(range(10))[::-1]),
        (np.array([0, 1]), np.array([1, 0])),
        (([0, 1], [1, 1]), ([0, 1], [1, 0])),
    ],
    ids=["short", "long", "array", "tuple"],
)
def test_blocks_that_take_other_elements_are_not_folded(first, second):
    x = mg.tensor(np.ones((10, 10)), requires_grad=True)
    different = nn.Sequential(Taken(first), Taken(second))
    if isinstance(first, tuple):
        x = mg.tensor(np.ones((2, 2)), requires_grad=True)
        different = nn.Sequential(Taken((..., first[0])), Taken((..., second[1])))
        first = (..., first[0])
    assert not repeats(viz.folded(viz.graph(different(x))))
    assert len([x for x in viz.draw_model(different, x).graph.layers if x.kind == "layer"]) == 2
    assert repeats(viz.folded(viz.graph(nn.Sequential(Taken(first), Taken(first))(x)))) == {"0": 2}


def test_blocks_of_scalars_that_look_the_same_are_not_folded():
    class Times(nn.Module):
        def __init__(self, by):
            super().__init__()
            self.by = by

        def forward(self, x):
            return x * self.by

    x = mg.tensor([1.0], requires_grad=True)
    y = nn.Sequential(Times(0.123456789), Times(0.123456780))(x)
    assert not repeats(viz.folded(viz.graph(y)))


def test_blocks_that_call_their_members_in_another_order_are_not_folded():
    class Ordered(nn.Module):
        def __init__(self, first, second):
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
            self.order = first, second

        def forward(self, x):
            for name in self.order:
                x = getattr(self, name)(x)
            return x

    x = np.ones((2, 3), np.float32)
    mixed = nn.Sequential(Ordered("a", "b"), Ordered("b", "a"))(x)
    assert repeats(viz.folded(viz.graph(mixed))) in ({}, {"0.a": 2})
    assert "0" not in repeats(viz.folded(viz.graph(mixed)))
    same = nn.Sequential(Ordered("b", "a"), Ordered("b", "a"))(x)
    assert "0" in repeats(viz.folded(viz.graph(same)))


# --- What smaller graphs say of the whole ------------------------------------------------------


def test_smaller_graphs_tell_how_much_all_is(tmp_path):
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(4)))
    graph = viz.graph(model(np.ones((1, 2), np.float32)))
    assert graph.summary == "4 operations, 24 parameters in 8 arrays"
    smaller = [viz.folded(graph), viz.collapsed(graph, 0), viz.limited(graph, 5)]
    smaller.append(viz.collapsed(smaller[0], 0))
    assert [g.summary for g in smaller] == [graph.summary] * 4
    for depth in (None, 0, 1):
        path = viz.draw(model(np.ones((1, 2), np.float32)), depth=depth).save(tmp_path / "x.txt")
        assert graph.summary in path.read_text("utf-8")


def test_modules_say_what_is_frozen_in_them():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight.requires_grad = model[1].bias.requires_grad = False
    model[2].bias.requires_grad = False
    loss = np.sum(model(np.ones((1, 2), np.float32)))
    for walk in (lambda: None, loss.backward):
        walk()
        modules = [n for n in viz.collapsed(viz.graph(loss), 1).nodes if n.kind == "module"]
        assert [n.frozen_remark for n in modules] == ["", "frozen", "frozen: 2.bias"]
    (whole,) = (n for n in viz.collapsed(viz.graph(loss), 0).nodes if n.kind == "module")
    assert whole.frozen == ("1.weight", "1.bias", "2.bias")
    assert whole.frozen_remark == "frozen: 1.weight, 1.bias, 2.bias"
    for written in (viz.text(loss, depth=1), viz.mermaid(loss, depth=1)):
        assert "frozen: 2.bias" in written
        assert len(written.split("frozen")) == 3
    assert "frozen: 2.bias" in viz.draw(loss, depth=1).source


def test_arguments_of_operations_are_still_told_apart():
    x, z = (mg.tensor([1.0, 2.0], requires_grad=True, name=name) for name in "xz")
    graph = viz.collapsed(viz.graph(z - nn.Tanh()(x)), 0)
    (last,) = (node for node in graph.nodes if node.operation == "subtract")
    arguments = {
        graph.nodes[edge.source].title: edge.argument
        for edge in graph.edges
        if edge.target == last.index
    }
    assert arguments == {"z": 0, "Tanh": 1}


def test_a_module_s_result_is_the_last_thing_it_computed():
    with viz.record():
        x = mg.tensor([1.0, 2.0], requires_grad=True)
        y = np.exp(nn.Sequential(nn.Linear(2, 3), nn.Tanh())(x))
    graph = viz.graph(y)
    (module,) = (n for n in viz.collapsed(graph, 0).nodes if n.kind == "module")
    (tanh,) = (n for n in graph.nodes if n.operation == "tanh")
    assert module.shape == (3,)
    assert np.array_equal(module.value, tanh.value)


# --- As much as fits -----------------------------------------------------------------------------


def test_as_much_is_shown_as_fits():
    small = [nn.Sequential(nn.Linear(2, 2), nn.Tanh()) for _ in range(300)]
    y = np.sum(nn.Sequential(*small)(np.ones((1, 2), np.float32)))
    graph = viz.limited(viz.graph(y), 200)
    assert len(graph.nodes) == 200
    assert [n.kind for n in graph.nodes].count("hidden") == 1
    assert sum(n.operations for n in graph.nodes) == 601
    (hidden,) = (n for n in graph.nodes if n.kind == "hidden")
    assert graph.groups[hidden.group].module == "Sequential"  # it lies in the box of what it is of


def test_modules_with_little_in_them_are_opened_where_there_is_room():
    model = nn.Sequential(Block(3), nn.Tanh(), Block(3), nn.Tanh())
    graph = viz.graph(np.sum(model(mg.tensor(np.ones((1, 3), np.float32)))))
    for most in range(3, len(graph.nodes) + 1):
        smaller = viz.limited(graph, most)
        assert most / 2 < len(smaller.nodes) <= most
    smaller = viz.limited(graph, len(graph.nodes) - 1)
    assert [n.title for n in smaller.nodes if n.kind == "module"] != []
    assert "some modules are collapsed" in smaller.notes[0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: viz.collapsed(g, -1), errors.ArgumentError, "depth is 0"),
        (lambda g: viz.collapsed(g, None), errors.ArgumentError, "depth is 0"),
        (lambda g: viz.limited(g, 0), errors.ArgumentError, "most is a number from 3 up, not 0"),
        (lambda g: viz.limited(g, None), errors.ArgumentError, "most is a number"),
        (lambda g: viz.collapsed(chain(1), 1), errors.DtypeError, r"of Tensor: viz\.graph\(loss\)"),
        (lambda g: viz.folded("x"), errors.DtypeError, "made of a Graph, not of str"),
        (lambda g: viz.limited("x", 5), errors.DtypeError, "made of a Graph, not of str"),
    ],
)
def test_smaller_graphs_of_what_is_none_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(viz.graph(chain(1)))
