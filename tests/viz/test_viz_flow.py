"""How gradients flow: the numbers, what stands out, and why there is no gradient."""

import gc
import weakref
from xml.etree import ElementTree

import numpy as np
import pytest
from viz_golden import check_golden

import minigrad as mg
from minigrad import nn, optim, viz
from minigrad.errors import ArgumentError, DtypeError, GraphError


def ones(*shape):
    return np.ones(shape, np.float32)


def filled(layer, value, gradient=None):
    """Set all weights of a linear layer, the biases to zero, and their gradients."""
    layer.weight.data[...] = value
    layer.bias.data[...] = 0
    if gradient is not None:
        layer.weight.grad = np.full(layer.weight.shape, gradient, np.float32)
        layer.bias.grad = np.zeros(layer.bias.shape, np.float32)
    return layer


def mlp(first, second, third):
    return nn.Sequential(
        filled(nn.Linear(4, 4, rng=0), 0.5, first),
        nn.ReLU(),
        filled(nn.Linear(4, 4, rng=0), 0.5, second),
        nn.Sigmoid(),
        filled(nn.Linear(4, 4, rng=0), 0.5, third),
    )


class Root(nn.Module):
    """Its square root of zeros has an infinite gradient, its logarithm no value."""

    def __init__(self, function):
        self.first = filled(nn.Linear(3, 3, rng=0), -1.0)
        self.act = nn.ReLU()
        self.last = nn.Linear(3, 2, rng=1)
        self.function = function

    def forward(self, x):
        return self.last(self.function(self.act(self.first(x))))


def walked_back(model, *inputs):
    with np.errstate(all="ignore"):
        model(*inputs).sum().backward()
    return model


# --- Numbers -----------------------------------------------------------------------------------


def test_norms_are_those_of_gradient_and_weights_together():
    model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Tanh(), nn.Linear(2, 1, rng=1))
    x = np.random.default_rng(0).random((5, 3)).astype(np.float32)
    walked_back(model, x)
    row = viz.gradient_flow(model, x).find("0")[0]
    both = np.concatenate([model[0].weight.data.ravel(), model[0].bias.data])
    gradients = np.concatenate([model[0].weight.grad.ravel(), model[0].bias.grad])
    assert row.weight == pytest.approx(np.linalg.norm(both), rel=1e-6)
    assert row.gradient == pytest.approx(np.linalg.norm(gradients), rel=1e-6)
    assert row.ratio == pytest.approx(row.gradient / row.weight)
    assert [p.name for p in row.parameters] == ["0.weight", "0.bias"]
    assert row.parameters[1].gradient == pytest.approx(np.linalg.norm(model[0].bias.grad))


def test_gradients_are_those_of_the_users_backward():
    model = nn.Sequential(nn.Linear(3, 2, rng=0))
    model[0].weight.grad = np.full((2, 3), 2.0, np.float32)
    row = viz.gradient_flow(model, ones(1, 3)).rows[0]
    assert row.gradient == pytest.approx(np.sqrt(24))
    assert model[0].weight.grad.tolist() == [[2.0] * 3] * 2
    assert row.parameters[1].gradient is None


def test_gradients_that_are_tensors_count():
    model = nn.Linear(3, 2, rng=0)
    model(ones(1, 3)).sum().backward(create_graph=True)
    assert viz.gradient_flow(model, ones(1, 3)).rows[0].gradient == pytest.approx(np.sqrt(8))
    model.zero_grad()


@pytest.mark.parametrize(
    ("gradients", "statuses"),
    [
        ((0.5, 0.5, 0.5), ("fine", "fine", "fine")),
        ((1e-6, 0.5, 0.5), ("vanishing", "fine", "fine")),
        ((1e3, 0.5, 0.5), ("exploding", "fine", "fine")),
        ((0.0, 1e-6, 0.5), ("zero", "vanishing", "fine")),
        ((0.1, np.nan, 0.5), ("fine", "not finite", "fine")),
        ((0.1, 0.1, np.inf), ("fine", "fine", "not finite")),
    ],
)
def test_what_stands_out(gradients, statuses):
    flow = viz.gradient_flow(mlp(*gradients), ones(2, 4))
    assert tuple(row.status for row in flow.rows if row.parameters) == statuses
    assert [row.status for row in flow.rows if not row.parameters] == ["", ""]


@pytest.mark.parametrize("size", [1e160, 1e-170, 1.5e308, 5e-324])
def test_gradients_whose_squares_are_no_numbers_are_neither_zero_nor_infinite(size):
    model = nn.Sequential(
        nn.Linear(2, 2, rng=0, dtype=np.float64), nn.Linear(2, 1, rng=1, dtype=np.float64)
    )
    for parameter in model.parameters():
        parameter.data[...] = 0.5
        parameter.grad = np.full(parameter.shape, size)
    flow = viz.gradient_flow(model, np.ones((1, 2)))
    assert [row.status for row in flow.rows] == ["fine", "fine"]
    assert [row.remarks for row in flow.rows] == [(), ()]
    assert flow.first_not_finite is None
    assert np.isfinite(flow.rows[0].gradient)
    if 1e-300 < size < 1e300:
        assert flow.rows[0].gradient == pytest.approx(np.sqrt(6) * size)
        assert flow.rows[0].ratio == pytest.approx(2 * size)
    model[0].weight.grad[0, 0] = np.nan
    model[0].weight.grad[0, 1] = np.inf
    model[1].weight.grad[...] = model[1].bias.grad[...] = 0
    assert [row.status for row in viz.gradient_flow(model, np.ones((1, 2))).rows] == [
        "not finite",
        "zero",
    ]


def test_a_deep_sigmoid_network_vanishes_towards_the_input():
    layers = [m for i in range(14) for m in (nn.Linear(8, 8, rng=i), nn.Sigmoid())]
    model = nn.Sequential(*layers, nn.Linear(8, 2, rng=14))
    x = np.random.default_rng(0).random((16, 8)).astype(np.float32)
    nn.CrossEntropyLoss()(model(x), np.arange(16) % 2).backward()
    flow = viz.gradient_flow(model, x)
    ratios = [row.ratio for row in flow.rows if row.parameters]
    assert ratios[0] < 1e-5 * ratios[-1]
    assert flow.rows[0].status == "vanishing"
    assert flow.rows[-1].of_last == 1
    picture = viz.draw_model(model, x, grads=True)
    assert picture.source.count("vanishing") > 3
    assert 'n0 -> n1 [color="#1F6FA8" penwidth=2.5]' in picture.source
    assert f"n{len(flow.rows)} -> n{len(flow.rows) + 1}\n" in picture.source


# --- Units -------------------------------------------------------------------------------------


def test_dead_units_are_zero_for_the_whole_batch():
    model = nn.Sequential(nn.ReLU(), nn.Linear(3, 1, rng=0))
    x = np.array([[-1, 1, -1], [-1, -1, 0]], np.float32)
    walked_back(model, x)
    row = viz.gradient_flow(model, x).rows[0]
    assert row.dead == viz.Units(2, 3)
    assert row.saturated is None
    assert row.remarks == ("2 of 3 units (67%) dead",)


@pytest.mark.parametrize("module", [nn.Sigmoid(), nn.Tanh()])
def test_saturated_units_are_at_a_bound_for_the_whole_batch(module):
    model = nn.Sequential(module, nn.Linear(4, 1, rng=0))
    x = np.array([[9, -9, 9, 0], [9, -9, 0, 0]], np.float32)
    walked_back(model, x)
    row = viz.gradient_flow(model, x).rows[0]
    assert row.saturated == viz.Units(2, 4)
    assert row.saturated.share == 0.5


def test_a_maximum_with_zero_is_a_rectifier_and_another_is_not():
    class Net(nn.Module):
        def __init__(self, floor):
            self.linear = filled(nn.Linear(2, 2, rng=0), -1.0)
            self.floor = floor

        def forward(self, x):
            return np.maximum(self.linear(x), self.floor)

    dead = [viz.gradient_flow(walked_back(Net(c), ones(2, 2)), ones(2, 2)).rows[1].dead
            for c in (0, -9.0)]  # fmt: skip
    assert dead == [viz.Units(2, 2), None]


# --- No gradient -------------------------------------------------------------------------------


class Partial(nn.Module):
    def __init__(self):
        self.used = nn.Linear(3, 3, rng=0)
        self.cut = nn.Linear(3, 3, rng=1)
        self.frozen = nn.Linear(3, 3, rng=2).requires_grad_(False)
        self.aside = nn.Linear(3, 3, rng=3)
        self.quiet = nn.Linear(3, 3, rng=4)
        self.spare = nn.Linear(3, 3, rng=5)

    def forward(self, x):
        h = self.frozen(self.used(x) + self.cut(x).detach())
        with mg.no_grad():
            self.quiet(h)
        return h, self.aside(h)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("used", ""),
        ("cut", "cut off from the result, as by detach"),
        ("frozen", "frozen"),
        ("aside", "the loss leaves this out"),
        ("quiet", "only under no_grad"),
    ],
)
def test_why_there_is_no_gradient(name, reason):
    model = Partial()
    model(ones(2, 3))[0].sum().backward()
    flow = viz.gradient_flow(model, ones(2, 3))
    (row,) = flow.find(name)
    assert row.status == ("none" if reason else "fine")
    assert all(reason in parameter.reason for parameter in row.parameters)
    assert [p.name for p in flow.unused] == ["spare.weight", "spare.bias"]
    assert "not used in this call" in flow.unused[0].reason
    source = viz.draw_model(model, ones(2, 3), grads=True).source
    assert "spare.weight, spare.bias" in source
    assert reason.split(",")[0][:12] in source


def test_a_missing_gradient_of_one_parameter_is_named():
    model = nn.Sequential(nn.Linear(3, 2, rng=0))
    model[0].bias.requires_grad = False
    walked_back(model, ones(1, 3))
    row = viz.gradient_flow(model, ones(1, 3)).rows[0]
    assert row.status == "fine"
    assert row.remarks == ("bias: no gradient: frozen (requires_grad=False)",)


# --- NaN and infinity --------------------------------------------------------------------------


def test_a_value_that_is_not_finite_is_traced_to_its_operation():
    model = walked_back(Root(lambda h: np.log(h - 1)), ones(2, 3))
    flow = viz.gradient_flow(model, ones(2, 3))
    fault = flow.first_not_finite
    assert (fault.what, fault.kind) == ("value", "NaN")
    assert str(fault) == "NaN first appeared in the forward value of log"
    assert flow.rows[fault.index - 1].title == "log"
    assert flow.find("last")[0].not_finite == ("value", "gradient")
    assert flow.find("act")[0].not_finite == ()


def test_a_gradient_that_is_not_finite_is_traced_to_its_operation():
    model = walked_back(Root(np.sqrt), ones(2, 3))
    flow = viz.gradient_flow(model, ones(2, 3))
    assert str(flow.first_not_finite) == "infinity first appeared in the gradient of sqrt"
    assert flow.find("first")[0].not_finite == ("gradient",)
    assert flow.find("last")[0].status == "fine"
    assert flow.tints[flow.first_not_finite.index] == ""
    drawing = viz.draw_model(model, ones(2, 3), grads=True)
    assert "infinity first appeared in the gradient of sqrt" in drawing.source


def test_a_gradient_that_comes_not_finite_from_the_loss_is_seen_at_the_last_layer():
    model = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Linear(3, 1, rng=1))
    with np.errstate(all="ignore"):
        np.sqrt(np.sum(model(ones(1, 3)) * 0)).backward()
    fault = viz.gradient_flow(model, ones(1, 3)).first_not_finite
    assert (fault.what, fault.kind, fault.index) == ("gradient", "NaN", 2)
    assert fault.where == "the parameter 1.weight"


def test_the_table_says_which_operation_began_it_and_where_it_came_in():
    model, x = not_finite()
    table = str(viz.gradient_flow(model, x))
    rows = {line.split()[0]: line for line in table.splitlines()[3:]}
    assert "infinity" in rows["-"]
    assert "here infinity began" in rows["-"]
    assert "NaN in the gradient of weight" in rows["first"]

    class Log(nn.Module):
        def __init__(self):
            self.first = filled(nn.Linear(3, 3, rng=0), -1.0)
            self.last = nn.Linear(3, 1, rng=1)

        def forward(self, x):
            return self.last(np.log(self.first(x)))

    model = Log()
    with np.errstate(all="ignore"):
        model(ones(2, 3)).sum().backward()
    flow = viz.gradient_flow(model, ones(2, 3))
    (log,) = (row for row in flow.rows if row.title == "log")
    assert log.faults == ("NaN made by log, in 6 of 6 elements",)
    assert flow.find("last")[0].faults[0] == "NaN came into affine, in 2 of 2 elements"
    source = viz.draw_model(model, ones(2, 3), grads=True).source
    assert "NaN came into affine" in source
    assert flow.find("first")[0].faults == ()


def test_a_parameter_or_an_input_that_is_not_finite_is_named():
    model = walked_back(mlp(0.5, 0.5, 0.5), ones(2, 4))
    wrong = ones(2, 4)
    wrong[0, 0] = np.inf
    flow = viz.gradient_flow(model, wrong)
    assert str(flow.first_not_finite) == "infinity is there from the start, in the input x"
    model[2].weight.data[0, 0] = np.nan
    flow = viz.gradient_flow(model, ones(2, 4))
    assert str(flow.first_not_finite) == "NaN is there from the start, in the parameter 2.weight"
    assert flow.find("2")[0].not_finite == ("value", "parameter")


def test_finding_faults_leaves_gradients_alone():
    model = walked_back(Root(np.sqrt), ones(2, 3))
    before = [p.grad for p in model.parameters()]
    copies = [grad.copy() for grad in before]
    viz.draw_model(model, ones(2, 3), grads=True)
    for parameter, grad, copy in zip(model.parameters(), before, copies, strict=True):
        assert parameter.grad is grad
        assert np.array_equal(grad, copy, equal_nan=True)


# --- Shared, looped, collapsed -----------------------------------------------------------------


def test_a_shared_layer_shows_its_gradient_everywhere():
    shared = nn.Linear(3, 3, rng=0)
    model = walked_back(nn.Sequential(shared, nn.ReLU(), shared), ones(2, 3))
    first, second = viz.gradient_flow(model, ones(2, 3)).find("0")
    assert first.gradient == second.gradient


def test_collapsed_modules_join_their_norms():
    model = mlp(3.0, 4.0, 0.0)
    row = viz.gradient_flow(model, ones(2, 4), depth=0).rows[0]
    assert row.gradient == pytest.approx(20.0)
    assert len(row.parameters) == 6
    assert row.dead == viz.Units(0, 4)


# --- As text and pictures ----------------------------------------------------------------------


def test_the_table():
    model = mlp(1e-6, 0.25, 0.5)
    model.append(nn.Linear(4, 4, rng=0).requires_grad_(False))
    filled(model[5], 0.5)
    lines = str(viz.gradient_flow(model, ones(2, 4))).splitlines()
    assert lines[0] == "Sequential"
    assert lines[1].split() == ["name", "layer", "|g|", "|w|", "|g|/|w|", "of", "last", "remarks"]
    assert lines[3].split() == ["0", "Linear", "4e-06", "2", "2e-06", "2e-06", "vanishing"]
    assert lines[4].split() == ["1", "ReLU", "-", "-", "-", "-"]
    assert lines[5].split() == ["2", "Linear", "1", "2", "0.5", "0.5"]
    assert lines[8].endswith("no gradient: frozen (requires_grad=False)")


def test_the_data_is_plain():
    found = viz.gradient_flow(mlp(0.5, 0.5, 0.5), ones(2, 4)).to_dict()
    assert found["rows"][0]["parameters"][0]["name"] == "0.weight"
    assert found["rows"][1]["dead"] == {"count": 0, "of": 4}


def not_finite():
    return walked_back(Root(np.sqrt), ones(2, 3)), ones(2, 3)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("fine", lambda: (mlp(0.5, 0.125, 0.5), ones(2, 4))),
        ("vanishing", lambda: (mlp(0.0, 2.0**-20, 0.5), ones(2, 4))),
        ("not_finite", not_finite),
        ("exploding", lambda: (mlp(2.0**12, 0.5, 0.5), ones(2, 4))),
    ],
)
def test_pictures_are_the_golden_ones(name, make):
    model, x = make()
    check_golden(viz.draw_model(model, x, grads=True), f"flow_{name}.dot")


def test_a_picture_has_its_numbers_and_its_scale():
    model, x = not_finite()
    drawing = viz.draw_model(model, x, grads=True)
    texts = "".join(ElementTree.fromstring(drawing.picture("svg")).itertext())
    for text in ("|g|, |w|", "≤ 1e-6", "≥ 1e2", "dead", "100% (3 of 3)", "gradient of sqrt",
                 "NaN or infinity"):  # fmt: skip
        assert text in texts


def test_colours_have_steps_of_a_decade():
    fills = []
    for gradient in (1e-9, 1e-6, 1e-4, 1e-2, 1.0, 1e9):
        model = nn.Sequential(filled(nn.Linear(2, 2, rng=0), 1.0, gradient))
        source = viz.draw_model(model, ones(1, 2), grads=True).source
        fills.append(source.split("n1 [label")[1].split('bgcolor="')[2].split('"')[0])
    assert fills == ["#0B3C5D", "#0B3C5D", "#6BAAD6", "#F4F1EA", "#F2B04B", "#7F4700"]


# --- Wrong calls -------------------------------------------------------------------------------

NEW = nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU())


def reset():
    model = nn.Sequential(nn.Linear(3, 2, rng=0))
    walked_back(model, ones(1, 3))
    optim.SGD(model.parameters(), lr=0.1).zero_grad()
    return model


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: viz.draw_model(NEW, ones(1, 3), grads=True), GraphError,
         r"no parameter of Sequential has a gradient yet; call loss\.backward\(\) first"),
        (lambda: viz.gradient_flow(reset(), ones(1, 3)), GraphError, r"before zero_grad\(\)"),
        (lambda: viz.gradient_flow(nn.ReLU(), ones(1, 3)), ArgumentError, "ReLU has no parameters"),
        (lambda: viz.gradient_flow(NEW), ArgumentError, "give it a batch"),
        (lambda: viz.gradient_flow(NEW, (1, 3)), ArgumentError, r"not a shape \(1, 3\)"),
        (lambda: viz.gradient_flow(NEW(ones(1, 3))), DtypeError, "made of a Module, not Tensor"),
        (lambda: viz.gradient_flow(NEW, ones(1, 3), depth=1.5), ArgumentError, "not 1.5"),
    ],
)  # fmt: skip
def test_wrong_calls_say_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_smaller_picture_is_of_the_gradients_there_were_and_keeps_no_activations():
    made = []

    class Watched(nn.ReLU):
        def forward(self, x):
            out = super().forward(x)
            made.append(weakref.ref(out._data))
            return out

    pairs = ((nn.Linear(3, 3), Watched()) for _ in range(30))
    model = nn.Sequential(*(layer for pair in pairs for layer in pair))
    x = np.ones((2, 3), np.float32)
    np.sum(model(x)).backward()
    drawing = viz.draw_model(model, x, grads=True)
    for parameter in model.parameters():
        parameter.grad = None
    gc.collect()
    assert not any(array() is not None for array in made[-30:])
    smaller = drawing.smaller()
    assert len(drawing.graph.layers) == 62
    assert len(smaller.graph.layers) <= 40
    assert "|g| / |w|" in smaller.source
    assert "no gradient:" not in drawing.source


def test_small_pictures_have_no_smaller_one():
    assert viz.draw_model(nn.Linear(2, 2), np.ones((1, 2), np.float32)).smaller is None


def test_a_model_that_is_all_frozen_is_said_to_be():
    model = nn.Linear(2, 2)
    for parameter in model.parameters():
        parameter.requires_grad = False
    with pytest.raises(
        GraphError, match=r"all parameters of Linear are frozen .* set requires_grad"
    ):
        viz.draw_model(model, np.ones((1, 2), np.float32), grads=True)


def test_very_long_names_are_shortened_in_the_table():
    model = nn.Sequential({"long" * 800: nn.Linear(2, 2)})
    x = np.ones((1, 2), np.float32)
    np.sum(model(x)).backward()
    assert max(map(len, str(viz.gradient_flow(model, x)).splitlines())) < 200
