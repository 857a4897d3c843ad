"""All views by both engines: XML, with every label, no text over the edge of its box."""

import html
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from viz_engines import ENGINES, only, overflows, texts
from viz_models import net_and_loss

import minigrad as mg
from minigrad import nn, viz

X = np.ones((4, 6), np.float32)
Y = np.array([0, 1, 2, 0])


def network():
    return nn.Sequential(nn.Linear(6, 5, rng=0), nn.ReLU(), nn.Linear(5, 3, rng=1))


def block(seed):
    return nn.Sequential(nn.Linear(6, 6, rng=seed), nn.ReLU())


def trained():
    model = network()
    nn.CrossEntropyLoss()(model(X), Y).backward()
    return model


def recorded():
    with viz.record():
        _, loss, other = net_and_loss()
        loss.backward()
    return loss, other


def profiled():
    with mg.profile() as p:
        trained()
    return p


def scalars():
    x = mg.tensor(2.0, requires_grad=True, name="x")
    with viz.record():
        return np.exp(x) * x


class Broken(nn.Module):
    """Its logarithm has no value."""

    def __init__(self):
        self.first = nn.Linear(6, 3, rng=0)
        self.last = nn.Linear(3, 3, rng=1)

    def forward(self, x):
        return self.last(np.log(-np.abs(self.first(x)) - 1.0))


def broken():
    model = Broken()
    with np.errstate(all="ignore"):
        nn.CrossEntropyLoss()(model(X), Y).backward()
    return model


# For each view pictures of it, and labels that must be there.
VIEWS = {
    "computation": lambda: (
        viz.draw(*recorded(), values=True, grads=True, backward=True, dtypes=True),
        ["inp.weight", "mean_cross_entropy", "way of the gradient", "float32"],
    ),
    "computation, collapsed": lambda: (
        viz.draw(*recorded(), depth=1, direction="LR"),
        ["blocks", "Sequential", "head", "module"],
    ),
    "model": lambda: (
        viz.draw_model(network(), X),
        ["in_features=6", "(4, 6) → (4, 5)", "Linear", "ReLU", "parameters"],
    ),
    "model, folded": lambda: (
        viz.draw_model(nn.Sequential(*map(block, range(3))), X),
        ["3 times", "drawn once", "0.0", "126 parameters"],
    ),
    "network": lambda: (
        viz.draw_network(trained(), input=X[:1], grads=True),
        ["ReLU", "6", "3"],
    ),
    "network, wide": lambda: (
        viz.draw_network(nn.Sequential(nn.Linear(784, 50), nn.Sigmoid(), nn.Linear(50, 10))),
        ["784", "50", "10", "sigmoid"],
    ),
    "gradient flow": lambda: (
        viz.draw_model(trained(), X, grads=True),
        ["|g|, |w|", "|g| / |w|", "dead"],
    ),
    "gradient flow, not finite": lambda: (
        viz.draw_model(broken(), X, grads=True),
        ["NaN first appeared", "NaN came into affine"],
    ),
    "film": lambda: (viz.film(scalars())[2], ["exp", "multiply", "x"]),
    "profile": lambda: (profiled().draw(), ["affine", "MFLOP", "ms forward", "of the slowest"]),
    "profile, collapsed": lambda: (profiled().draw(depth=1), ["Linear", "MFLOP"]),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_xml_with_every_label_inside_its_box(view, engine, monkeypatch):
    picture, labels = VIEWS[view]()
    only(engine, monkeypatch)
    svg = picture.picture("svg")
    assert ET.fromstring(svg).tag.endswith("svg")
    found = texts(svg)
    for label in [*labels, *drawn_labels(picture.source)]:
        assert "".join(label.split()) in found
    assert not overflows(svg)


def drawn_labels(source):
    """Return every text in the labels of a DOT source."""
    for inside in re.findall(r"label=<(.*?)>(?: \w+=|\]$|$)", source, re.MULTILINE | re.DOTALL):
        for text in re.findall(r">([^<>]+)<", f">{inside}<"):
            if text.strip():
                yield html.unescape(text).replace("\u200b", "")


def test_labels_of_a_source_are_found():
    source = viz.draw_model(network(), X).source
    found = set(drawn_labels(source))
    assert {"0", "Linear", "in_features=6, out_features=5,", "(4, 6) → (4, 5)"} <= found
    assert {"input", "layer with parameters"} <= found  # of the legend
    assert {"0.weight", "affine"} <= set(drawn_labels(viz.draw(network()(X)).source))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_pictures_of_a_page_are_xml_with_every_label(engine, monkeypatch, tmp_path):
    loss, other = recorded()
    only(engine, monkeypatch)
    page = viz.save_html(tmp_path / "page.html", loss, other).read_text("utf-8")
    data = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    levels = json.loads(data[1].replace("\\u003c", "<"))
    assert len(levels) > 2
    for level in levels:
        found = texts(level["svg"])
        for node in level["nodes"].values():
            assert "".join(node["title"].split()) in found
        assert not overflows(level["svg"])
