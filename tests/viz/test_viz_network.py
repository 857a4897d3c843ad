"""The textbook picture of a network: what is drawn, where, and of which models."""

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from viz_golden import check_golden, check_hash_seed

from minigrad import nn, no_grad, random, viz
from minigrad.errors import ArgumentError, DtypeError
from minigrad.nn import functional as F

X = [1.0, 0.5]


def story():
    """The 2-3-2-2 network that one first computes by hand."""
    model = nn.Sequential(
        nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 2)
    )
    weights = (
        [[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]],
        [[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]],
        [[0.1, 0.3], [0.2, 0.4]],
    )
    biases = ([0.1, 0.2, 0.3], [0.1, 0.2], [0.1, 0.2])
    for layer, weight, bias in zip((model[0], model[2], model[4]), weights, biases, strict=True):
        layer.weight.data = np.array(weight, np.float32).T.copy()
        layer.bias.data = np.array(bias, np.float32)
    return model


def story_with_gradients():
    model = story()
    nn.MSELoss()(model(np.array([X], np.float32)), np.array([[0.0, 1.0]], np.float32)).backward()
    return model


def wide():
    model = nn.Sequential(
        nn.Linear(784, 50), nn.Sigmoid(), nn.Linear(50, 100), nn.Sigmoid(), nn.Linear(100, 10),
        nn.Softmax(),
    )  # fmt: skip
    for number, parameter in enumerate(model.parameters()):
        values = np.arange(parameter.size).reshape(parameter.shape) + 7 * number
        parameter.data = (values % 13 - 6).astype(np.float32) / 10
    return model


def xor():
    model = nn.Sequential(nn.Linear(2, 2), nn.Step(), nn.Linear(2, 1), nn.Step())
    model[0].weight.data = np.array([[1, 1], [-1, -1]], np.float32)
    model[0].bias.data = np.array([-0.5, 1.5], np.float32)
    model[2].weight.data = np.array([[1, 1]], np.float32)
    model[2].bias.data = np.array([-1.5], np.float32)
    return model


def lines_of(drawing, *, visible=True):
    """The edges of a picture as (tail, head, attributes)."""
    found = re.findall(r"^\s*(n\d+) -> (n\d+) \[(.*)\]$", drawing.source, flags=re.MULTILINE)
    return [edge for edge in found if ("invis" not in edge[2]) == visible]


def circles_of(drawing):
    """Return the node and the name of each neuron."""
    return re.findall(r"(n\d+) \[label=<<b>(.*?)</b>.*> .*shape=circle", drawing.source)


def activations_of(drawing):
    """Return the numbers below the names of the neurons."""
    return re.findall(
        r'label=<<b>.*<font point-size="9">(.*?)</font>.*shape=circle', drawing.source
    )


def numbers_at(drawing):
    return [re.search(r"<b>(.*?)</b>", text)[1] for *_, text in lines_of(drawing)]


def colors_of(drawing):
    return [re.search(r'color="(.*?)"', text)[1] for *_, text in lines_of(drawing)]


def widths_of(drawing):
    return [float(re.search(r'penwidth="?([\d.]+)', text)[1]) for *_, text in lines_of(drawing)]


# --- Golden files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("network_story", lambda: viz.draw_network(story())),
        ("network_story_input", lambda: viz.draw_network(story(), input=X)),
        (
            "network_story_gradients",
            lambda: viz.draw_network(story_with_gradients(), input=X, grads=True),
        ),
        ("network_story_down", lambda: viz.draw_network(story(), input=X, direction="TB")),
        ("network_xor", lambda: viz.draw_network(xor(), input=[1, 0])),
        ("network_wide", lambda: viz.draw_network(wide())),
    ],
)
def test_pictures_are_those_of_the_golden_files(name, draw):
    check_golden(draw(), f"{name}.dot")


def test_pictures_do_not_depend_on_the_hash_seed():
    script = (
        "import numpy as np\n"
        "from minigrad import nn, random, viz\n"
        "random.seed(0)\n"
        "model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 20))\n"
        "print(viz.draw_network(model, input=np.ones(2)).source)\n"
    )
    check_hash_seed(script)


# --- What is drawn ---------------------------------------------------------------------------


def test_every_weight_is_an_edge_with_its_number():
    drawing = viz.draw_network(story())
    assert numbers_at(drawing) == [
        "0.1", "0.3", "0.5", "0.2", "0.4", "0.6",
        "0.1", "0.4", "0.2", "0.5", "0.3", "0.6",
        "0.1", "0.3", "0.2", "0.4",
    ]  # fmt: skip
    assert [text for _, text in circles_of(drawing)] == [
        "x₁", "x₂", "h₁", "h₂", "h₃", "h₁", "h₂", "y₁", "y₂"
    ]  # fmt: skip


def test_edges_lead_from_each_neuron_to_each_of_the_next_column():
    drawing = viz.draw_network(story())
    circles = [name for name, _ in circles_of(drawing)]
    columns = circles[:2], circles[2:5], circles[5:7], circles[7:]
    expected = [(tail, head) for k in range(3) for tail in columns[k] for head in columns[k + 1]]
    assert [(tail, head) for tail, head, _ in lines_of(drawing)] == expected


def test_an_input_shows_the_activations_of_the_sample():
    model = story()
    drawing = viz.draw_network(model, input=X)
    names = [name for _, name in circles_of(drawing)]
    assert names == ["x₁", "x₂", "h₁", "h₂", "h₃", "h₁", "h₂", "y₁", "y₂"]
    texts = activations_of(drawing)
    hidden = model[:2](np.array(X, np.float32)).numpy()
    out = model(np.array(X, np.float32)).numpy()
    assert texts[:2] == ["1", "0.5"]
    assert texts[2:5] == [f"{value:.3g}" for value in hidden]
    assert texts[-2:] == ["0.317", "0.696"] == [f"{value:.3g}" for value in out]


def test_shades_are_of_the_activations_relative_to_the_largest():
    model = nn.Linear(3, 3, bias=False)
    model.weight.data = np.diag([2.0, -1.0, 0.0]).astype(np.float32)
    fills = re.findall(r'fillcolor="(#\w+)"', viz.draw_network(model, input=[1, 1, 1]).source)
    assert len(set(fills[:3])) == 1
    assert fills[3] == fills[0]  # 2 of 2, as 1 of 1
    assert fills[4] not in (fills[3], "#FFFFFF")
    assert fills[5] == "#FFFFFF"


def test_edges_are_colored_by_sign_and_wide_by_size():
    model = nn.Linear(3, 1, bias=False)
    model.weight.data = np.array([[1.0, -0.5, 0.0]], np.float32)
    drawing = viz.draw_network(model)
    assert colors_of(drawing) == ["#0072B2", "#D55E00", "#AAAAAA"]
    assert ["dashed" in text for *_, text in lines_of(drawing)] == [False, True, False]
    widest, middle, thinnest = widths_of(drawing)
    assert widest == 3.0
    assert middle == pytest.approx((widest + thinnest) / 2, abs=0.01)


def test_with_gradients_edges_are_colored_by_them_and_both_numbers_stand_there():
    model = nn.Linear(2, 1, bias=False)
    model.weight.data = np.array([[1.0, 2.0]], np.float32)
    model.weight.grad = np.array([[-0.25, 0.5]], np.float32)
    drawing = viz.draw_network(model, grads=True)
    assert colors_of(drawing) == ["#D55E00", "#0072B2"]
    assert numbers_at(drawing) == ["1", "2"]
    assert "∂ -0.25" in drawing.source
    assert "∂ 0.5" in drawing.source


def test_a_frozen_layer_has_no_gradients_to_show():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model[0].requires_grad_(False)
    np.sum(model(np.ones((1, 2), np.float32))).backward()
    source = viz.draw_network(model, grads=True).source
    assert "∂ none" in source
    assert "no gradient, or 0" in source


def test_numbers_that_are_not_finite_are_said_to_be():
    model = nn.Linear(2, 1)
    model.weight.data = np.array([[np.nan, np.inf]], np.float32)
    drawing = viz.draw_network(model)
    assert numbers_at(drawing) == ["NaN", "∞"]
    assert colors_of(drawing) == ["#B00020", "#B00020"]
    assert "weight NaN or infinity" in drawing.source


def test_neurons_that_are_not_finite_stand_out():
    model = nn.Linear(2, 2, bias=False)
    model.weight.data = np.array([[1.0, 1.0], [np.nan, 1.0]], np.float32)
    source = viz.draw_network(model, input=[1.0, 2.0]).source
    fills = re.findall(r'fillcolor="(#\w+)".*shape=circle', source)
    assert [fill == "#B00020" for fill in fills] == [False, False, False, True]
    assert ">NaN or infinity<" in source
    assert "NaN or infinity" not in viz.draw_network(nn.Linear(2, 2), input=[1.0, 2.0]).source


def test_grads_is_true_or_false():
    with pytest.raises(ArgumentError, match="grads is True or False, not 'yes'"):
        viz.draw_network(story(), grads="yes")


def test_with_gradients_it_is_said_what_colours_and_numbers_mean():
    source = viz.draw_network(story_with_gradients(), grads=True).source
    assert "Colour and dashes are the sign of the gradient, not of the weight." in source
    assert "the upper is the weight or bias, the lower (∂) its gradient" in source
    assert "Colour and dashes" not in viz.draw_network(story_with_gradients()).source


def test_wide_layers_are_shortened_with_a_count():
    drawing = viz.draw_network(wide())
    texts = [text for _, text in circles_of(drawing)]
    assert texts[:6] == ["x₁", "x₂", "x₃", "x₇₈₂", "x₇₈₃", "x₇₈₄"]
    assert texts[-10:] == [f"y{n}" for n in ["₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉", "₁₀"]]
    assert drawing.source.count("⋮") == 3
    for text in ("784 units", "50 units", "100 units", "10 units", "sigmoid", "softmax", "45,360"):
        assert text in drawing.source
    assert "taillabel" not in drawing.source


def test_edges_of_a_shortened_layer_are_those_of_the_units_shown():
    model = nn.Linear(20, 1, bias=False)
    model.weight.data = np.arange(20, dtype=np.float32)[None]
    drawing = viz.draw_network(model, max_units=4)
    tips = re.findall(r'edgetooltip="(.*?)"', drawing.source)
    assert tips == ["weight[0, 0] = 0", "weight[0, 19] = 19"]


def test_values_may_be_asked_for_and_left_out():
    assert "taillabel" in viz.draw_network(wide(), values=True, max_units=3).source
    assert "taillabel" not in viz.draw_network(story(), values=False).source


def test_numbers_are_short_enough_for_their_places():
    model = nn.Linear(6, 1, bias=False)
    weights = [-0.0013456, 123456.7, -1.5e-30, 0.1, -0.000672, 99999.0]
    model.weight.data = np.array([weights], np.float32)
    texts = numbers_at(viz.draw_network(model))
    assert texts == ["-0.0013", "1.2e5", "-1.5e-30", "0.1", "-6.7e-4", "1e5"]


def test_the_plain_data_come_with_the_picture():
    chain = viz.draw_network(story(), input=X).graph
    assert [layer.activation for layer in chain.layers] == ["sigmoid", "sigmoid", ""]
    assert chain.layers[0].weight_name == "0.weight"
    assert chain.parameters == 23
    np.testing.assert_allclose(chain.layers[-1].values, [0.31682708, 0.69627909], rtol=1e-6)


@given(
    sizes=st.lists(st.integers(1, 12), min_size=2, max_size=4),
    max_units=st.integers(3, 10),
    bias=st.booleans(),
)
def test_of_any_chain_the_units_shown_are_joined_to_each_other(sizes, max_units, bias):
    layers = [nn.Linear(a, b, bias, rng=0) for a, b in itertools.pairwise(sizes)]
    drawing = viz.draw_network(nn.Sequential(*layers), max_units=max_units)
    ends = max(1, (max_units - 1) // 3)
    shown = [size if size <= max_units else 2 * ends for size in sizes]
    assert len(circles_of(drawing)) == sum(shown)
    assert len(lines_of(drawing)) == sum(a * b for a, b in itertools.pairwise(shown))
    assert drawing.source.count("⋮") == sum(size > max_units for size in sizes)
    assert len(set(lines_of(drawing))) == len(lines_of(drawing))


# --- Where it is drawn -----------------------------------------------------------------------


def placed(drawing):
    """The nodes of a rendered picture, with the middle of each."""
    svg = ET.fromstring(drawing.picture("svg"))
    found = {}
    for circle in svg.iter("{http://www.w3.org/2000/svg}ellipse"):
        found[float(circle.get("cx")), float(circle.get("cy"))] = circle.get("rx")
    return sorted(found)


@pytest.mark.parametrize("engine", ["dot", "pygraphviz"])
def test_columns_are_straight_and_rows_equally_far_apart(engine, monkeypatch):
    if engine == "pygraphviz":
        pytest.importorskip("pygraphviz")
        monkeypatch.setattr("minigrad.viz.look.render.shutil.which", lambda name: None)
    middles = placed(viz.draw_network(story(), input=X))
    columns = {}
    for x, y in middles:
        columns.setdefault(x, []).append(y)
    assert [len(rows) for rows in columns.values()] == [2, 3, 2, 2]
    rows = {round(b - a, 1) for ys in columns.values() for a, b in itertools.pairwise(ys)}
    assert len(rows) == 1
    assert len({round(sum(ys) / len(ys), 1) for ys in columns.values()}) == 1  # all centred


def test_numbers_at_edges_are_equally_far_apart():
    svg = viz.draw_network(story()).picture("svg").decode("utf-8")
    texts = re.findall(r'<text[^>]* x="([-\d.]+)" y="([-\d.]+)"[^>]*>0\.\d</text>', svg)
    columns = {}
    for x, y in texts:
        columns.setdefault(round(float(x) / 4), []).append(float(y))
    stacks = [sorted(ys) for ys in columns.values() if len(ys) in (4, 6)]
    assert sorted(map(len, stacks)) == [4, 6, 6]
    for ys in stacks:
        assert np.diff(ys).min() > 13


# --- Which models ----------------------------------------------------------------------------


class Plain(nn.Module):
    """Weights of one's own, (in, out), and activations written with NumPy."""

    def __init__(self):
        self.W1 = nn.Parameter(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], np.float32))
        self.b1 = nn.Parameter(np.zeros((1, 3), np.float32))
        self.W2 = nn.Parameter(np.ones((1, 3), np.float32))

    def forward(self, x):
        hidden = np.tanh(x @ self.W1 + self.b1)
        return F.sigmoid(hidden @ self.W2.T)


class Swish(nn.Module):
    def forward(self, x):
        return x * F.sigmoid(x)


class Residual(nn.Module):
    def __init__(self):
        self.first = nn.Linear(2, 2)
        self.second = nn.Linear(2, 2)

    def forward(self, x):
        hidden = F.relu(self.first(x))
        return self.second(hidden) + hidden


class Scaled(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(2, 2)
        self.scale = nn.Parameter(np.ones(2, np.float32))

    def forward(self, x):
        return self.layer(x) * self.scale


class Sliced(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(2, 3)

    def forward(self, x):
        return self.layer(x)[:, :2]


class Pair(Sliced):
    def forward(self, x):
        return self.layer(x), x


class Detached(Sliced):
    def forward(self, x):
        return self.layer(x).detach()


def test_a_chain_of_ones_own_parameters_is_read_from_its_recorded_call():
    drawing = viz.draw_network(Plain(), input=[1, 1])
    assert numbers_at(drawing) == ["1", "2", "3", "4", "5", "6", "1", "1", "1"]
    assert [layer.activation for layer in drawing.graph.layers] == ["tanh", "sigmoid"]
    assert drawing.graph.layers[0].bias_name == "b1"
    assert "bias" in drawing.source


def test_a_module_between_layers_is_one_activation():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), Swish(), nn.Dropout(0.5), nn.Linear(3, 1))
    chain = viz.draw_network(model, input=np.ones((2, 2))).graph
    assert [layer.activation for layer in chain.layers] == ["Swish", ""]
    assert chain.values.shape == (4,)


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (nn.ReLU(), "ReLU"), (nn.Sigmoid(), "sigmoid"), (nn.Softmax(), "softmax"),
        (nn.LogSoftmax(), "log-softmax"), (nn.GELU(), "GELU"), (nn.LeakyReLU(), "leaky ReLU"),
        (nn.Tanh(), "tanh"), (nn.Softplus(), "softplus"), (nn.Step(), "step"), (nn.Identity(), ""),
    ],
)  # fmt: skip
def test_activations_are_named(activation, name):
    chain = viz.draw_network(nn.Sequential(nn.Linear(2, 2), activation)).graph
    assert [layer.activation for layer in chain.layers] == [name]


def test_perceptrons_are_drawn_though_steps_have_no_gradient():
    for sample, expected in (([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)):
        chain = viz.draw_network(xor(), input=sample).graph
        assert chain.layers[-1].values == [expected]


def test_a_layer_used_twice_is_drawn_twice_and_counted_once():
    layer = nn.Linear(2, 2)
    drawing = viz.draw_network(nn.Sequential(layer, nn.Tanh(), layer))
    assert len(lines_of(drawing)) == 8
    assert drawing.graph.parameters == 6


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Residual(), "used in more than one place"),
        (Scaled(), "multiply uses scale"),
        (Sliced(), "3 results of layer.weight become 2"),
        (Pair(), "returns tuple"),
        (Detached(), "not connected"),
        (nn.ReLU(), "no matrix of weights"),
    ],
)
def test_other_models_are_referred_to_draw_model(model, why):
    with pytest.raises(ArgumentError, match=f"{why}.*draw_model"):
        viz.draw_network(model)


# --- Bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"input": np.ones((3, 2))}, ArgumentError, r"one sample.*\(2,\).*got shape \(3, 2\)"),
        ({"input": np.ones(3)}, ArgumentError, "takes .*2.* not .*3"),
        ({"input": [1j, 0]}, DtypeError, "real numbers"),
        ({"grads": True}, ArgumentError, "backward"),
        ({"max_units": 2}, ArgumentError, "max_units is a number from 3 up"),
        ({"max_units": True}, ArgumentError, "max_units"),
        ({"values": 1}, ArgumentError, "values is True, False, or None"),
        ({"direction": "left"}, ArgumentError, "direction"),
    ],
)
def test_mistakes_are_explained(options, error, message):
    with pytest.raises(error, match=message):
        viz.draw_network(story(), **options)


def test_what_is_no_module_is_refused():
    with pytest.raises(DtypeError, match="a Module, not ndarray"):
        viz.draw_network(np.ones(3))


# --- Drawing changes nothing -----------------------------------------------------------------


def test_drawing_changes_nothing():
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.ReLU(), nn.Linear(3, 1))
    np.sum(model(np.ones((1, 2), np.float32))).backward()
    sample = np.ones(2, np.float32)
    model[1].eval()

    def state():
        return (
            [p.data.tobytes() for p in model.parameters()],
            [p.grad.tobytes() for p in model.parameters()],
            [p._vertex().version for p in model.parameters()],
            [module.training for module in model.modules()],
            str(random.generator().bit_generator.state),
            sample.tobytes(),
        )

    before = state()
    viz.draw_network(model, input=sample, grads=True)
    assert state() == before


class Leaving(nn.Module):
    """A forward that counts, draws random numbers and changes a buffer."""

    def __init__(self):
        self.inner = nn.Linear(2, 2, rng=0)
        self.mean = nn.Buffer(np.zeros(2, np.float32))
        self.calls = 0
        self.seen = []

    def forward(self, x):
        self.calls += 1
        self.seen.append(x)
        np.random.random()  # noqa: NPY002 (what a user's layer may do)
        with no_grad():
            self.mean.data += 1
            self.inner.weight.data *= 2
            self.mean.increment_version()
        return self.inner(x)


def test_what_a_forward_leaves_behind_is_taken_back():
    model = Leaving()
    weight = model.inner.weight.data.copy()
    version = model.mean._vertex().version
    drawn = np.random.get_state()[2]  # noqa: NPY002
    chain = viz.draw_network(model, input=np.ones(2, np.float32)).graph
    assert (model.calls, model.seen) == (0, [])
    assert model.mean.data.tolist() == [0, 0]
    assert model.mean._vertex().version == version
    assert np.random.get_state()[2] == drawn  # noqa: NPY002
    assert np.array_equal(model.inner.weight.data, weight)
    assert np.array_equal(chain.layers[0].weight, weight)
    assert chain.layers[0].weight_name == "inner.weight"


def test_it_is_drawn_where_nothing_is_recorded_as_well():
    with no_grad():
        assert len(lines_of(viz.draw_network(story()))) == 16


def test_a_sample_of_another_dtype_is_converted():
    chain = viz.draw_network(story(), input=np.array([1, 0], np.int64)).graph
    assert chain.values.dtype == chain.layers[-1].values.dtype == np.float32


def test_the_golden_files_are_all_used():
    names = {path.name for path in (Path(__file__).parent / "golden").glob("network_*.dot")}
    source = Path(__file__).read_text(encoding="utf-8")
    assert names
    assert all(f'"{name.removesuffix(".dot")}"' in source for name in names)
