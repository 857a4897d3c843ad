"""`viz.draw`: what is in the picture, and that it is the same on every run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from viz_engines import HAS_DOT, only, texts
from viz_golden import check_golden
from viz_models import NASTY, chain, net_and_loss

import minigrad as mg
from minigrad import errors, nn, viz
from minigrad.errors import ArgumentError, DtypeError, GraphError
from minigrad.testing import strategies
from minigrad.viz.look.theme import label, plain

HERE = Path(__file__).parent


def walked_loss(**options):
    with viz.record():
        net, loss, other = net_and_loss()
        loss.backward()
    return net, loss, other


def small():
    """Return the same small computation for every golden picture, with its numbers."""
    x = mg.tensor([[1.0, -2.0]], name="x")
    layer = nn.Linear(2, 1)
    layer.weight.data = np.array([[0.5, 0.25]], np.float32)
    layer.bias.data = np.array([1.0], np.float32)
    with viz.record():
        loss = np.sum(np.tanh(layer(x)) ** 2)
        loss.backward()
    return loss


GOLDEN = {
    "draw_plain": lambda: viz.draw(net_and_loss()[1]),
    "draw_unreached": lambda: viz.draw(*walked_loss()[1:]),
    "draw_depth_1": lambda: viz.draw(*walked_loss()[1:], depth=1),
    "draw_depth_0": lambda: viz.draw(net_and_loss()[1], depth=0),
    "draw_unfolded": lambda: viz.draw(net_and_loss()[1], fold=False, direction="LR"),
    "draw_numbers": lambda: viz.draw(small(), values=True, grads=True, dtypes=True, backward=True),
    "draw_limited": lambda: viz.draw(chain(50), max_nodes=7),
    "draw_names": lambda: viz.draw(
        sum(mg.tensor([1.0], requires_grad=True, name=name) for name in NASTY)
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_pictures_are_as_they_were(name):
    check_golden(GOLDEN[name](), f"{name}.dot")


def parses(source):
    dot = shutil.which("dot")
    done = subprocess.run([dot, "-Tcanon"], input=source.encode(), capture_output=True, check=False)
    return done.returncode == 0 and not done.stderr


@pytest.mark.skipif(not HAS_DOT, reason="no dot on the PATH")
def test_dot_always_parses(request):
    sources = []

    @given(strategies.programs())
    def draw(program):
        sources.append(viz.draw(program(*program.tensors()), values=True, backward=True).source)

    draw()
    assert parses("\n".join(sources))  # one after the other: a process for each would take long


@given(strategies.programs())
def test_drawn_nodes_and_edges_are_those_of_the_graph(program):
    picture = viz.draw(program(*program.tensors()), max_nodes=None)
    nodes = re.findall(r"^\t*n(\d+) \[", picture.source, re.MULTILINE)
    edges = re.findall(r"^\t*n(\d+) -> n(\d+)$", picture.source, re.MULTILINE)
    assert sorted(map(int, nodes)) == [node.index for node in picture.graph.nodes]
    assert [(int(a), int(b)) for a, b in edges] == [edge[:2] for edge in picture.graph.edges]


def test_backward_changes_nothing_but_what_is_said_of_gradients():
    _, loss, _ = net_and_loss()
    before = viz.draw(loss).source
    loss.backward()
    assert viz.draw(loss).source == before


@pytest.mark.parametrize("seeds", [("0", "4711")])
def test_the_text_is_the_same_in_every_process(seeds):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_viz_draw import GOLDEN\n"
        "from minigrad import viz\n"
        "for make in GOLDEN.values():\n"
        "    picture = make()\n"
        "    sys.stdout.buffer.write(picture.source.encode())\n"
        "    print(ascii(viz.text(picture.graph)), ascii(viz.mermaid(picture.graph)))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, str(HERE)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in seeds
    }
    assert len(outputs) == 1


# --- Labels --------------------------------------------------------------------------------------


def shown(name):
    """Return what a picture shows of a name: one line, without spaces, shortened, printable."""
    one_line = " ".join(name.split())
    if len(one_line) > 48:
        one_line = one_line[:31] + "…" + one_line[-16:]
    kept = (c if c.isprintable() or c == "\u200d" else "�" for c in one_line)
    return "".join("".join(kept).split())


@pytest.mark.parametrize("engine", ["dot", "pygraphviz"])
def test_names_of_any_characters_appear_as_they_are(engine, monkeypatch):
    pytest.importorskip("pygraphviz") if engine == "pygraphviz" else HAS_DOT or pytest.skip(
        "no dot"
    )
    only(engine, monkeypatch)
    inputs = [mg.tensor([1.0], requires_grad=True, name=name) for name in NASTY]
    svg = viz.draw(sum(inputs, inputs[0])).picture("svg")
    found = texts(svg)
    for name in NASTY:
        assert shown(name) in found


def test_no_label_is_longer_than_a_line():
    assert len(label("x" * 10_000, ["y" * 10_000])) < 300
    assert label("a<b>&\"'\\N") == "<<b>a&lt;b&gt;&amp;&quot;&#x27;\\\u200bN</b>>"
    assert label(" \n ", ["", "  "]) == "<<b> </b>>"


def test_values_of_attributes_mean_nothing_else():
    assert plain("<b>") == "&lt;b&gt;"
    assert plain("a\\N\x00&amp;") == "a\\\\N�&amp;amp;"

    class Odd(nn.Linear):
        def extra_repr(self):
            return '<table>"\\'

    source = viz.draw(np.sum(Odd(2, 2)(np.ones(2, np.float32)))).source
    assert r'tooltip="&lt;table&gt;\"\\"' in source


# --- Options -------------------------------------------------------------------------------------


def test_shapes_dtypes_values_and_gradients_are_shown_on_request():
    loss = small()
    bare = viz.draw(loss, shapes=False).source
    labels = re.findall(r"label=<(.*?)>(?: |\])", bare)
    assert not any("(1, 2)" in text for text in labels)
    assert "float32" not in "".join(labels)
    every = viz.draw(loss, dtypes=True, values=True, grads=True).source
    for text in ("(1, 2) float32", "0.5 0.25", "grad 0.", "1 -2"):
        assert text in every
    assert "?<" not in every  # all was recorded


def test_what_was_not_kept_is_said_with_the_way_to_keep_it():
    _, loss, _ = net_and_loss()
    loss.backward()
    source = viz.draw(loss, values=True, grads=True).source
    assert "a value that the graph did not keep" in source
    assert "a gradient that was not kept" in source


def test_directions_are_graphviz_s():
    _, loss, _ = net_and_loss()
    for direction in ("TB", "LR", "BT", "RL"):
        assert f"rankdir={direction}" in viz.draw(loss, direction=direction).source
    with pytest.raises(errors.ArgumentError, match="direction is"):
        viz.draw(loss, direction="down")


def test_the_way_of_the_gradient_leads_to_what_requires_one():
    _, loss, _ = net_and_loss()
    picture = viz.draw(loss, backward=True)
    graph = picture.graph
    dashed = re.findall(r"n(\d+) -> n(\d+) \[[^]]*style=dashed", picture.source)
    expected = [e for e in graph.edges if graph.nodes[e.source].requires_grad]
    assert {(int(b), int(a)) for a, b in dashed} == {edge[:2] for edge in expected}
    assert graph.find("x").index not in {int(b) for _, b in dashed}


def test_what_received_no_gradient_stands_out_with_its_name():
    _, loss, other = walked_loss()
    source = viz.draw(loss, other).source
    assert source.count("penwidth=2.5") == 2
    assert source.count(">no gradient<") == 2
    assert "no gradient arrived" in source
    assert "Not used here: spare.weight, spare.bias" in source
    assert source.count(">frozen<") == 1
    deep = viz.draw(loss, other, depth=0).source
    assert "no gradient: other.weight, other.bias" in deep
    assert "no gradient" not in viz.draw(*net_and_loss()[1:]).source


def test_many_unused_parameters_are_a_short_note():
    class Wide(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(1, 1) for _ in range(40)]

        def forward(self, x):
            return self.layers[0](x)

    source = viz.draw(np.sum(Wide()(np.ones((1, 1), np.float32)))).source
    assert "and 70 more" in source


def test_long_names_of_modules_keep_their_count():
    class AClassWithQuiteALongNameAsSomePeopleLikeThemToBe(nn.Linear):
        pass

    model = nn.Sequential(*[AClassWithQuiteALongNameAsSomePeopleLikeThemToBe(2, 2)] * 3)
    layers = [AClassWithQuiteALongNameAsSomePeopleLikeThemToBe(2, 2) for _ in range(3)]
    assert len(list(model.parameters())) == 2
    loss = np.sum(nn.Sequential(*layers)(np.ones(2, np.float32)))
    assert "(repeated 3 times)" in viz.draw(loss).source


def test_a_limit_collapses_and_says_so():
    _, loss, _ = net_and_loss()
    picture = viz.draw(loss, max_nodes=8, fold=False)
    assert len(picture.graph.nodes) <= 8
    assert "33 nodes are more than 8" in picture.source
    assert "15 operations, 146 parameters in 16 arrays" in picture.source


def test_a_tensor_used_by_many_is_one_node():
    x = mg.tensor([1.0], requires_grad=True, name="x")
    picture = viz.draw(sum(x * float(i) for i in range(1, 20)))
    assert picture.source.count("<b>x</b>") == 1
    assert len(re.findall(r"n0 -> ", picture.source)) == 19


def test_every_kind_in_a_picture_is_in_its_legend():
    _, loss, _ = net_and_loss()
    for options, kinds in (
        ({}, ["parameter", "constant", "operation"]),
        ({"depth": 0}, ["constant", "module"]),
        ({"max_nodes": 3}, ["left out"]),
    ):
        legend = viz.draw(loss, **options).source.rpartition("label=<<table")[2]
        assert all(f">{kind}<" in legend for kind in kinds)


def test_long_rows_of_numbers_are_wrapped_between_numbers():
    x = mg.tensor(np.arange(8) * 0.123456 - 0.5, requires_grad=True, name="x")
    source = viz.draw(np.sum(x * x), values=True).source
    shown = [f"{value:.4g}" for value in x.data]
    assert all(re.search(rf"[\[ >]{re.escape(text)}[\] <]", source) for text in shown)


def test_parameters_without_gradient_get_no_arrow_of_one():
    left, right = nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=1)
    x = np.ones((1, 2), np.float32)
    a, b = np.sum(left(x)), np.sum(right(x))
    a.backward()
    drawing = viz.draw(a, b, backward=True, grads=True)
    for node in drawing.graph.nodes:
        if node.kind == "parameter":
            arrows = re.findall(rf"-> n{node.index} \[.*dashed", drawing.source)
            assert len(arrows) == int(bool(node.got_gradient)), node.name


def test_gradients_before_backward_are_said_to_be_missing():
    y = np.sum(nn.Linear(2, 2, rng=0)(np.ones((1, 2), np.float32)))
    assert "no gradient yet; call backward() first" in viz.draw(y, grads=True).source


@pytest.mark.parametrize(
    ("results", "advice"),
    [(lambda y: [y], "one by one"), (lambda y: y.item(), "have left the graph")],
)
def test_what_is_no_tensor_is_answered_with_advice(results, advice):
    y = np.sum(nn.Linear(2, 2, rng=0)(np.ones((1, 2), np.float32)))
    with pytest.raises(errors.DtypeError, match=advice):
        viz.draw(results(y))


def test_where_a_picture_cannot_be_saved_is_said(tmp_path):
    drawing = viz.draw(np.sum(nn.Linear(2, 2, rng=0)(np.ones((1, 2), np.float32))))
    with pytest.raises(errors.ArgumentError, match=r"there is no folder .*none"):
        drawing.save(tmp_path / "none" / "a.svg")
    with pytest.raises(errors.ArgumentError, match="not 'a'"):
        drawing.save(tmp_path / "a")
    with pytest.raises(errors.ArgumentError, match=r"viz\.save_html saves a page"):
        drawing.save(tmp_path / "a.html")


def test_a_flowchart_goes_the_way_of_the_picture(tmp_path):
    y = np.sum(nn.Linear(2, 2, rng=0)(np.ones((1, 2), np.float32)))
    path = viz.draw(y, direction="LR").save(tmp_path / "a.mmd")
    assert path.read_text(encoding="utf-8").startswith("flowchart LR")


def test_texts_that_look_like_html_are_texts(tmp_path):
    class Nasty(nn.Linear):
        def extra_repr(self):
            return '<x> URL="javascript:alert(1)" comment=<y>'

    class Outer(nn.Module):
        def __init__(self):
            self.inner = Nasty(2, 2, rng=0)

        def forward(self, x):
            return np.tanh(self.inner(x))

        def extra_repr(self):
            return "<script>alert(1)</script> \x00 \ud800 \x1b"

    x = np.ones((1, 2), np.float32)
    y = np.sum(Outer()(x))
    for drawing in (viz.draw(y), viz.draw(y, depth=1), viz.draw_model(Outer(), x)):
        assert "tooltip=<" not in drawing.source
        svg = drawing.picture("svg").decode("utf-8")
        assert not re.search(r"<script|href=.javascript", svg)
        ElementTree.fromstring(svg)


def test_classes_of_numbers_are_no_arrays():
    x = mg.tensor(np.ones(2, np.float32), requires_grad=True)
    y = np.sum(x.astype(np.float64))
    before = viz.draw(y).source
    assert "astype(·, float64)" in before
    y.backward()
    assert viz.draw(y).source == before
    assert x.grad.dtype == np.float32


# --- Mistakes that newcomers make ----------------------------------------------------------------


def leaf():
    return mg.tensor([1.0, 2.0], requires_grad=True, name="x")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: viz.draw(leaf()), GraphError, "tensor 'x' .* begins, .* give a result that was"),
        (lambda: viz.draw(mg.tensor([1.0])), GraphError, "not computed from anything"),
        (lambda: viz.draw("loss"), DtypeError, "not of str; .* without quotes"),
        (lambda: viz.draw({"a": 1}), DtypeError, r"not of dict; .*\*results\.values\(\)"),
        (lambda: viz.draw(None), DtypeError, "forget to return"),
        (lambda: viz.draw(1), DtypeError, r"not of int: viz\.draw\(loss\), where"),
        (lambda: viz.draw(leaf() * 2, values="yes"), ArgumentError, "values is True or False"),
        (lambda: viz.draw(leaf() * 2, fold=1), ArgumentError, "fold is True or False, not 1"),
        (lambda: viz.save_html(leaf() * 2, "a.html"), ArgumentError, r"order is \(path, loss\)"),
        (lambda: viz.save_html(3, leaf()), ArgumentError, r"not under int$"),
    ],
)
def test_mistakes_are_explained_with_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_graph_is_drawn_as_the_tensors_it_was_made_of(tmp_path):
    _, loss, _ = walked_loss()
    assert viz.draw(viz.graph(loss), depth=1).source == viz.draw(loss, depth=1).source
    small = viz.collapsed(viz.graph(loss), 0)
    assert len(viz.draw(small).graph.nodes) == len(small.nodes)
    assert viz.save_html(tmp_path / "a.html", small).exists()
