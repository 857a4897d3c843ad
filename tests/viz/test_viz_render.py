"""Rendering: by either engine, by none, and when a layout takes too long."""

import importlib.util
import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from viz_engines import ENGINES, HAS_DOT, only, overflows, texts
from viz_models import NASTY, chain, net_and_loss

import minigrad as mg
from minigrad import errors, nn, viz
from minigrad.errors import ArgumentError
from minigrad.viz import computation
from minigrad.viz.look import render
from minigrad.viz.look.render import Drawing


def pictures():
    with viz.record():
        _, loss, other = net_and_loss()
        loss.backward()
    named = [mg.tensor([1.0], requires_grad=True, name=name) for name in NASTY]
    yield viz.draw(loss, other, values=True, grads=True, dtypes=True, backward=True)
    yield viz.draw(loss, other, depth=1, direction="LR")
    yield viz.draw(sum(named, named[0]))


@pytest.mark.parametrize("engine", ENGINES)
def test_svg_is_xml_with_every_label_inside_its_box(engine, monkeypatch):
    only(engine, monkeypatch)
    for picture in pictures():
        svg = picture.picture("svg")
        assert ET.fromstring(svg).tag.endswith("svg")
        found = texts(svg)
        for node in picture.graph.nodes:
            if node.name and node.name not in NASTY:
                assert node.name in found
        assert not overflows(svg)


def test_text_that_overflows_is_noticed():
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg"><g class="node">'
        '<polygon points="0,0 20,0 20,9 0,9"/>'
        '<text x="10" y="5" text-anchor="middle" font-size="11">{}</text></g></svg>'
    )
    assert not overflows(svg.format("abc"))
    ((text, *_),) = overflows(svg.format("abcdef"))
    assert text == "abcdef"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("suffix", "beginning"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF")]
)
def test_the_suffix_chooses_the_format(engine, suffix, beginning, monkeypatch, tmp_path):
    only(engine, monkeypatch)
    path = viz.draw(chain(1)).save(tmp_path / f"picture{suffix.upper()}")
    assert path.read_bytes().startswith(beginning)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_texts_need_no_engine(monkeypatch, tmp_path):
    only("none", monkeypatch)
    picture = viz.draw(chain(2))
    assert picture.save(tmp_path / "a.dot").read_text("utf-8") == picture.source
    assert picture.save("a.gv", directory=tmp_path).read_text("utf-8") == picture.source
    assert json.loads(picture.save(tmp_path / "a.json").read_text("utf-8"))["nodes"]
    assert picture.save(tmp_path / "a.txt").read_text("utf-8") == viz.text(picture.graph) + "\n"
    flowchart = viz.mermaid(picture.graph) + "\n"
    assert picture.save(tmp_path / "a.mmd").read_text("utf-8") == flowchart
    assert picture.save(tmp_path / "a.md").read_text("utf-8") == f"```mermaid\n{flowchart}```\n"


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_without_an_engine_the_error_names_both_ways_to_get_one(suffix, monkeypatch, tmp_path):
    only("none", monkeypatch)
    real = importlib.import_module

    def importing(name, *rest):
        if name == "pygraphviz":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", importing)
    with pytest.raises(errors.MissingExtraError) as caught:
        viz.draw(chain(1)).save(tmp_path / f"a{suffix}")
    assert "dot on the PATH" in str(caught.value)
    assert "package graphviz of your system" in str(caught.value)
    assert "pip install 'minigrad[viz]'" in str(caught.value)
    assert ".dot, .json, .txt and .mmd can be saved without either" in str(caught.value)
    assert not list(tmp_path.iterdir())
    shown = viz.draw(chain(1))._repr_mimebundle_()["text/plain"]
    assert "minigrad[viz]" in shown
    assert "sum(#1)" in shown


def test_suffixes_that_are_none_are_refused(tmp_path):
    with pytest.raises(errors.ArgumentError, match=r"\.svg, \.png.*not 'a\.bmp'"):
        viz.draw(chain(1)).save(tmp_path / "a.bmp")
    with pytest.raises(errors.ArgumentError, match=r"not made of a graph that 'a\.json'"):
        Drawing().save(tmp_path / "a.json")


# --- Engines that fail ---------------------------------------------------------------------------


class Engine:
    """Stands in for subprocess.run: gives outcomes one after the other, and notes the calls."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.sources = []
        self.limits = []
        self.commands = []

    def __call__(self, command, *, input, timeout, **_options):  # noqa: A002 (subprocess's name)
        self.commands.append(command)
        self.sources.append(input.decode())
        self.limits.append(timeout)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def engine(monkeypatch):
    def install(*outcomes):
        engine = Engine(*outcomes)
        monkeypatch.setattr(subprocess, "run", engine)
        monkeypatch.setattr(
            render, "_engines", lambda form: iter([("dot", ["dot"]), ("pygraphviz", ["python"])])
        )
        return engine

    return install


def done(status=0, out=b"<svg/>", said=b""):
    return subprocess.CompletedProcess([], status, out, said)


LATE = subprocess.TimeoutExpired("dot", 30)


def test_a_broken_dot_is_replaced_by_the_other_engine(engine):
    used = engine(OSError("Exec format error"), done())
    assert viz.draw(chain(1)).picture() == b"<svg/>"
    assert used.commands == [["dot"], ["python"]]


def test_what_both_engines_say_is_told(engine):
    engine(done(1, b"", b"no plugin for svg"), done(3, b""))
    with pytest.raises(errors.RenderingError) as caught:
        viz.draw(chain(1)).picture()
    assert "dot could not draw the picture: no plugin for svg" in str(caught.value)
    assert "pygraphviz could not draw the picture: exit status 3" in str(caught.value)
    assert "saved still, as .dot" in str(caught.value)


def test_a_layout_that_takes_too_long_falls_back_to_less_and_says_so(engine):
    used = engine(LATE, done())
    picture = viz.draw(chain(100))
    assert picture.picture() == b"<svg/>"
    whole, less = used.sources
    assert whole == picture.source
    assert "The layout of everything took longer than 30 s: this is less of it." in less
    assert less.count("\tn") < whole.count("\tn")
    assert used.limits == [30, 30]
    assert "took longer" not in picture.source


@pytest.mark.skipif(not HAS_DOT, reason="no dot on the PATH")
def test_the_note_can_be_read_in_the_picture_of_less(monkeypatch):
    picture = viz.draw(chain(100))
    run = subprocess.run

    def late(command, *, timeout, **options):
        if timeout < 30:
            raise LATE
        return run(command, timeout=timeout, **options)

    monkeypatch.setattr(subprocess, "run", late)
    svg = picture.picture("svg", timeout=0.5)
    assert "Thelayoutofeverythingtooklongerthan0.5s" in texts(svg)
    assert not overflows(svg)


def test_layouts_without_a_smaller_picture_say_what_helps(engine):
    engine(LATE)
    small = viz.draw(chain(1))
    with pytest.raises(errors.RenderingError, match=r"depth=.*timeout=300.*save the \.dot"):
        small.picture()
    engine(LATE, LATE)
    with pytest.raises(errors.RenderingError, match="no smaller picture of it that takes less"):
        viz.draw(chain(100)).picture()
    engine(LATE)
    with pytest.raises(errors.RenderingError, match="longer than 5 s"):
        Drawing().picture(timeout=5)


def test_the_limit_can_be_set_where_a_picture_is_saved(engine, tmp_path):
    used = engine(done())
    viz.draw(chain(1)).save(tmp_path / "a.svg", timeout=300)
    assert used.limits == [300]


def test_a_notebook_shows_something_whatever_happens(engine, monkeypatch):
    engine(done())
    assert viz.draw(chain(1))._repr_mimebundle_() == {"image/svg+xml": "<svg/>"}
    for outcomes in [(LATE, LATE), (OSError("no"), MemoryError()), (done(1, b""), done(1, b""))]:
        engine(*outcomes)
        shown = viz.draw(chain(100))._repr_mimebundle_(include=["image/png"], exclude=[])
        assert "sum(#" in shown["text/plain"]
    engine(OSError("no"), OSError("no"))
    assert "digraph" in Drawing()._repr_mimebundle_()["text/plain"]
    monkeypatch.setattr(computation, "text_of", lambda graph: 1 / 0)
    engine(OSError("no"), OSError("no"))
    assert "digraph" in viz.draw(chain(1))._repr_mimebundle_()["text/plain"]


def test_modules_in_the_current_folder_do_not_get_in_the_way(monkeypatch, tmp_path):
    pytest.importorskip("pygraphviz")
    only("pygraphviz", monkeypatch)
    (tmp_path / "warnings.py").write_text("raise SystemExit('wrong module')")
    monkeypatch.chdir(tmp_path)
    assert viz.draw(chain(1)).picture("svg").lstrip().startswith(b"<?xml")
    assert sys.executable


def test_other_pictures_are_saved_in_the_same_way(monkeypatch, tmp_path):
    only("none", monkeypatch)
    picture = viz.draw_model(nn.Linear(2, 1), [[1.0, 2.0]])
    assert picture.save(tmp_path / "m.dot").read_text("utf-8").startswith("digraph")


def test_a_model_is_saved_as_json_too(tmp_path):
    drawing = viz.draw_model(nn.Linear(2, 1), [[1.0, 2.0]])
    entries = json.loads(drawing.save(tmp_path / "m.json").read_text("utf-8"))
    assert [layer["title"] for layer in entries["layers"]] == ["input", "Linear", "output"]
    with pytest.raises(ArgumentError, match=r"save it as \.svg, \.png, \.pdf, \.json or \.dot"):
        drawing.save(tmp_path / "m.txt")
