"""Backpropagation as a film: the steps, the frames, the pictures, the page."""

import copy
import html.parser
import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from viz_golden import check_golden, check_hash_seed

import minigrad as mg
from minigrad import nn, viz
from minigrad.errors import ArgumentError, DtypeError, GraphError, MissingExtraError
from minigrad.nn import functional as F
from minigrad.viz.films.steps import formula, steps_back


def scalars():
    x = mg.tensor(2.0, requires_grad=True, name="x")
    y = mg.tensor(3.0, requires_grad=True, name="y")
    with viz.record():
        return x, y, np.tanh(x * y * 0.1 + x)


def network():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 2))
    for number, parameter in enumerate(model.parameters()):
        values = np.arange(parameter.size).reshape(parameter.shape) + number
        parameter.data = (values % 5 - 2).astype(np.float32) / 4
    with viz.record():
        return model, nn.CrossEntropyLoss()(model(np.array([[1, 0.5]], np.float32)), np.array([1]))


def title_of(film, place):
    return film.graph.nodes[place].title


# --- Steps and frames ------------------------------------------------------------------------


def test_frames_are_the_forward_pass_the_start_each_operation_and_the_end():
    *_, loss = scalars()
    film = viz.film(loss)
    assert [frame.title for frame in film.frames] == [
        "Forward: all values",
        "Backward: it starts with 1",
        "Step 1 of 4: tanh",
        "Step 2 of 4: add",
        "Step 3 of 4: multiply(·, 0.1)",
        "Step 4 of 4: multiply",
        "All gradients",
    ]
    assert len(film) == 7


def test_each_step_says_what_arrives_and_what_is_passed_on():
    *_, loss = scalars()
    frames = viz.film(loss).frames
    assert frames[4].lines == ("arrives: g = 0.02182", "to multiply: g · 0.1 = 0.002182")
    assert frames[5].lines == (
        "arrives: g = 0.002182",
        "to x: g · y = 0.006547",
        "x in all = 0.02837",
        "to y: g · x = 0.004365",
    )


def test_gradients_appear_one_operation_at_a_time():
    *_, loss = scalars()
    film = viz.film(loss)
    known = [sorted(title_of(film, place) for place in frame.gradients) for frame in film.frames]
    assert known[:3] == [[], ["tanh"], ["add", "tanh"]]
    assert known[3] == ["add", "multiply(·, 0.1)", "tanh", "x"]
    assert known[-1] == ["add", "multiply", "multiply(·, 0.1)", "tanh", "x", "y"]


def test_a_gradient_that_waits_for_more_is_marked_until_it_is_whole():
    *_, loss = scalars()
    film = viz.film(loss)
    marked = [[title_of(film, place) for place in frame.unfinished] for frame in film.frames]
    assert marked == [[], [], [], ["x"], ["x"], [], []]
    assert "grad so far" in film[3].source
    assert "grad so far" not in film[5].source


@pytest.mark.parametrize("make", [scalars, network])
def test_the_last_frame_has_the_gradients_of_backward(make):
    *_, loss = make()
    film = viz.film(loss)
    found = film.frames[-1].gradients
    loss.backward()
    after = viz.graph(loss)
    leaves = [node for node in after.nodes if node.kind in ("parameter", "input")]
    assert leaves
    for node in leaves:
        np.testing.assert_array_equal(found[node.index], node.gradient)


def test_an_argument_used_twice_is_added_up():
    x = mg.tensor(3.0, requires_grad=True, name="x")
    with viz.record():
        loss = x * x
    frame = viz.film(loss).frames[2]
    assert frame.lines == ("arrives: g = 1", "to x: g · x = 3", "to x: g · x = 3", "x in all = 6")


def test_repeats_are_said_to_be_summed():
    x = mg.tensor([1.0, 2.0], requires_grad=True, name="x")
    b = mg.tensor(1.0, requires_grad=True, name="b")
    with viz.record():
        loss = np.sum(x + b)
    lines = viz.film(loss).frames[3].lines
    assert lines == (
        "arrives: g = 1 1",
        "to x: g = 1 1",
        "to b: g, summed where it was repeated = 2",
    )


def test_names_may_be_given():
    x = mg.tensor(2.0, requires_grad=True)
    with viz.record():
        square = x * x
        loss = square + 1
    film = viz.film(loss, names={"x": x, "square": square, "loss": loss})
    assert film.frames[2].title == "Step 1 of 2: loss = add(·, 1)"
    assert "to square: g = 1" in film.frames[2].lines
    assert title_of(film, 0) == "x"


def test_backward_may_have_been_called_inside_the_block():
    x = mg.tensor(2.0, requires_grad=True, name="x")
    with viz.record():
        loss = x * x * x
        loss.backward()
    film = viz.film(loss)
    assert film.frames[-1].gradients[0] == 12
    before = [frame.lines for frame in film.frames]
    x.zero_grad()
    with viz.record():
        again = x * x * x
    assert [frame.lines for frame in viz.film(again).frames] == before


def test_a_loop_of_operations_is_walked_without_recursion():
    x = mg.tensor(1.0, requires_grad=True, name="x")
    with viz.record():
        y = x
        for _ in range(1200):
            y = y * 1.0
    film = viz.film(y, max_frames=1300)
    assert len(film) == 1203
    assert film.frames[-1].gradients[0] == 1


# --- Formulas --------------------------------------------------------------------------------

PYTHON = [
    (r"(.*) where (.*) is larger, else 0", r"(\1) * (\2 >= max(a, b))"),
    (r"(.*) where (.*) is smaller, else 0", r"(\1) * (\2 <= min(a, b))"),
    (r"(.*) where (.*), else (.*)", r"(\1) if \2 else (\3)"),
    (r"(sin|cos|log) (\w)", r"np.\1(\2)"),
    (r"sign of (\w)", r"np.sign(\1)"),
    ("·", "*"), ("²", "**2"), (r"\^", "**"), ("(.*), for each element", r"\1"),
    (" / number of elements", " / 1"), ("g in the old shape", "g"),
]  # fmt: skip
OF_ONE = [
    np.negative, np.square, np.sqrt, np.exp, np.log, np.log1p, np.sin, np.cos, np.tanh,
    F.sigmoid, F.relu, np.absolute, np.sum, np.mean,
]  # fmt: skip
OF_TWO = [np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum]


@pytest.mark.parametrize("function", [*OF_ONE, *OF_TWO], ids=lambda f: f.__name__)
@pytest.mark.parametrize(("a", "b"), [(0.7, 1.3), (1.3, 0.7)])
def test_formulas_give_the_gradients_beside_them(function, a, b):
    tensors = [mg.tensor(value, requires_grad=True, dtype=np.float64) for value in (a, b)]
    tensors = tensors[: 1 if function in OF_ONE else 2]
    with viz.record():
        out = function(*tensors)
        loss = out * 1.7
    step = steps_back(loss._node)[1]
    for index, passed in step.passed.items():
        text = formula(step.node, index, ["a", "b"])
        for pattern, python in PYTHON:
            text = re.sub(pattern, python, text)
        found = eval(text, {"np": np, "a": a, "b": b, "g": 1.7, "out": out.item()})
        assert found == pytest.approx(passed.item(), rel=1e-12), text


def test_formulas_of_matrices_give_the_gradients_beside_them():
    rng = np.random.default_rng(0)
    a, b, c = (mg.tensor(rng.normal(size=s), requires_grad=True) for s in ((2, 3), (3, 4), (2, 3)))
    with viz.record():
        loss = np.sum((a @ b) * 2) + np.sum(F.linear(a, c, c[:, 0]) * 3)
    steps = {step.node.rule.name: step for step in steps_back(loss._node)}
    product, layer = steps["matmul"], steps["affine"]
    assert [formula(product.node, i, ["a", "b"]) for i in (0, 1)] == ["g @ bᵀ", "aᵀ @ g"]
    np.testing.assert_allclose(product.passed[0], product.arrived @ b.data.T)
    np.testing.assert_allclose(product.passed[1], a.data.T @ product.arrived)
    texts = [formula(layer.node, i, ["a", "c", "d"]) for i in (0, 1, 2)]
    assert texts == ["g @ c", "gᵀ @ a", "sum of the rows of g"]
    np.testing.assert_allclose(layer.passed[0], layer.arrived @ c.data)
    np.testing.assert_allclose(layer.passed[1], layer.arrived.T @ a.data)
    np.testing.assert_allclose(layer.passed[2], layer.arrived.sum(0))


def test_formulas_of_matrices_are_not_shown_for_vectors():
    v = mg.tensor([1.0, 2.0], requires_grad=True, name="v")
    m = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="m")
    with viz.record():
        loss = v @ (m @ v)
    lines = [line for frame in viz.film(loss).frames for line in frame.lines]
    assert "to v: g · matmul = 5 11" in lines
    assert "to m = 1 2; 2 4" in lines


# --- Pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", [0, 3, 5])
def test_frames_are_those_of_the_golden_files(frame):
    *_, loss = scalars()
    check_golden(viz.film(loss)[frame], f"film_scalars_{frame}.dot")


def test_a_frame_of_a_network_is_that_of_the_golden_file():
    *_, loss = network()
    check_golden(viz.film(loss)[3], "film_network_3.dot")


def test_frames_do_not_depend_on_the_hash_seed():
    script = (
        "import numpy as np, minigrad as mg\n"
        "from minigrad import viz\n"
        "x = mg.tensor([1.0, 2.0], requires_grad=True, name='x')\n"
        "with viz.record():\n"
        "    loss = np.sum(np.exp(x) * x)\n"
        "print(*(drawing.source for drawing in viz.film(loss)))\n"
    )
    check_hash_seed(script)


def boxes(svg):
    """The size of a picture, and where the borders of its nodes are."""
    tree = ET.fromstring(svg)
    found = [tree.get("width"), tree.get("height")]
    for group in tree.iter("{http://www.w3.org/2000/svg}g"):
        if group.get("class") == "node":
            found += [polygon.get("points") for polygon in group][-1:]
            found += [text.get("y") for text in group.iter("{http://www.w3.org/2000/svg}text")][:1]
    return found


@pytest.mark.parametrize("engine", ["dot", "pygraphviz"])
def test_nodes_stay_where_they_are_in_all_frames(engine, monkeypatch):
    if engine == "pygraphviz":
        pytest.importorskip("pygraphviz")
        monkeypatch.setattr("minigrad.viz.look.render.shutil.which", lambda name: None)
    *_, loss = network()
    film = viz.film(loss)
    pictures = [film[index].picture("svg") for index in (0, 3, len(film) - 1)]
    first, *others = map(boxes, pictures)
    assert len(first) > 15
    assert all(other == first for other in others)


def test_the_operation_whose_turn_it_is_stands_out_with_the_way_of_the_gradient():
    *_, loss = scalars()
    film = viz.film(loss)
    add = next(node.index for node in film.graph.nodes if node.operation == "add")
    source = film[3].source
    lit = re.findall(r"(n\d+) -> (n\d+) \[.*dir=back", source)
    assert {head for _, head in lit} == {f"n{add}"}
    assert len(lit) == 2
    assert re.search(rf"n{add} \[label=<.*#F0E442", source)
    assert "dir=back" not in film[0].source


def test_names_with_signs_of_dot_and_html_are_drawn_as_they_are():
    x = mg.tensor(2.0, requires_grad=True, name='<b>"x|{}\\N&')
    with viz.record():
        loss = x * x
    film = viz.film(loss)
    svg = ET.fromstring(film[2].picture("svg"))
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert any('<b>"x|{}\\N&' in (text or "").replace("\u200b", "") for text in texts)
    assert "&lt;b&gt;" in film.html()


# --- Files -----------------------------------------------------------------------------------


class Checker(html.parser.HTMLParser):
    """Notes what a page has, and that its elements close."""

    VOID = frozenset({"meta", "link", "input"})

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.tags, self.loaded = [], [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.loaded += [found[name] for name in ("src", "href") if name in found]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def saved_page(tmp_path_factory):
    *_, loss = scalars()
    return viz.film(loss).save(tmp_path_factory.mktemp("film") / "film.html")


def test_the_page_has_all_frames_and_needs_nothing_else(saved_page):
    text = saved_page.read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    assert [tag for tag, _ in checker.tags].count("svg") == 7
    assert len(set(checker.ids)) == len(checker.ids)
    assert checker.loaded == ["data:,"]
    assert not re.search(r"@import|url\(|fetch\(", text)
    assert "<!DOCTYPE svg" not in text
    assert "prefers-color-scheme: dark" in text


def test_the_page_can_be_read_aloud_and_used_with_keys(saved_page):
    text = saved_page.read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    spoken = [a["aria-label"] for tag, a in checker.tags if a.get("role") == "img"]
    assert len(spoken) == 7
    assert "to x: g · y = 0.006547" in spoken[5]
    assert [a["aria-live"] for _, a in checker.tags if "aria-live" in a] == ["polite"]
    for key in ("ArrowLeft", "ArrowRight", "Home", "End"):
        assert key in text


def test_a_folder_gets_a_picture_of_each_frame(tmp_path):
    *_, loss = scalars()
    folder = viz.film(loss).save(tmp_path / "a" / "film")
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"frame-{number:02}.svg" for number in range(7)]
    for name in names:
        assert ET.parse(folder / name).getroot().tag.endswith("svg")


def test_a_notebook_shows_the_page():
    *_, loss = scalars()
    shown = viz.film(loss)._repr_mimebundle_()
    assert shown["text/html"].startswith("<iframe srcdoc=")
    assert shown["text/plain"] == "<film of 7 frames>"


def test_a_notebook_without_an_engine_shows_text(monkeypatch, tmp_path):
    monkeypatch.setattr("minigrad.viz.look.render.shutil.which", lambda name: None)
    monkeypatch.setattr("minigrad.viz.look.render.importlib.util.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    *_, loss = scalars()
    film = viz.film(loss)
    shown = film._repr_mimebundle_()
    assert "to x: g · y = 0.006547" in shown["text/plain"]
    with pytest.raises(MissingExtraError):
        film.save(tmp_path / "film")
    assert not (tmp_path / "film").exists()


# --- Bad input -------------------------------------------------------------------------------


def test_a_loss_that_was_not_recorded_is_refused():
    x = mg.tensor(2.0, requires_grad=True)
    with pytest.raises(GraphError, match=r"result of multiply was not kept.*viz\.record"):
        viz.film(x * x)


def test_a_loss_that_was_walked_back_outside_the_block_is_refused():
    _, _, loss = scalars()
    loss.backward()
    with pytest.raises(GraphError, match=r"before\s+backward\(\), or .* inside the block"):
        viz.film(loss)


def test_what_is_not_one_number_is_refused():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with viz.record():
        y = x * x
    with pytest.raises(ArgumentError, match=r"not from shape \(2,\)"):
        viz.film(y)


def test_too_long_a_film_is_refused():
    *_, loss = scalars()
    with pytest.raises(ArgumentError, match=r"7 frames.*max_frames is 6"):
        viz.film(loss, max_frames=6)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_frames": 0}, ArgumentError, "max_frames"),
        ({"direction": "left"}, ArgumentError, "direction"),
        ({"names": {"x": 1}}, ArgumentError, "names"),
    ],
)
def test_mistakes_are_explained(options, error, message):
    *_, loss = scalars()
    with pytest.raises(error, match=message):
        viz.film(loss, **options)


def test_what_is_no_tensor_or_no_result_is_refused(tmp_path):
    with pytest.raises(DtypeError, match="not of float"):
        viz.film(1.0)
    with pytest.raises(GraphError, match="is where a computation begins"):
        viz.film(mg.tensor(1.0, requires_grad=True))
    *_, loss = scalars()
    with pytest.raises(ArgumentError, match=r"film\.html"):
        viz.film(loss).save(tmp_path / "film.mp4")


# --- A film changes nothing ------------------------------------------------------------------


def test_a_film_changes_nothing_and_backward_works_afterwards():
    model, loss = network()
    state = copy.deepcopy(mg.random.generator().bit_generator.state)
    values = [p.data.tobytes() for p in model.parameters()]
    versions = [p._vertex().version for p in model.parameters()]
    film = viz.film(loss)
    film[2].picture("svg")
    assert [p.data.tobytes() for p in model.parameters()] == values
    assert [p._vertex().version for p in model.parameters()] == versions
    assert all(p.grad is None for p in model.parameters())
    assert all(node.gradient is None for node in viz.graph(loss).nodes)
    assert mg.random.generator().bit_generator.state == state
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_frame_is_not_changed_by_what_is_done_with_gradients_later():
    *_, loss = network()
    film = viz.film(loss)
    before = film[len(film) - 1].source
    for gradient in film.frames[2].gradients.values():
        assert not np.shares_memory(gradient, loss.data)
    loss.backward()
    assert film[len(film) - 1].source == before


# --- Folders and large pictures --------------------------------------------------------------


def test_a_shorter_film_leaves_no_frame_of_a_longer_one_behind(tmp_path):
    *_, loss = scalars()
    longer = viz.film(loss)
    folder = longer.save(tmp_path / "film")
    others = ["frame-5.svg", "frame-06.png", "my-frame-06.svg", "frame-06.svg.bak", "notes.txt"]
    for name in others:
        (folder / name).write_text("mine", encoding="utf-8")
    x = mg.tensor(2.0, requires_grad=True)
    with viz.record():
        shorter = viz.film(x * 3.0)
    assert len(shorter) < len(longer)
    shorter.save(folder)
    frames = [f"frame-{number:02}.svg" for number in range(len(shorter))]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*frames, *others])


def test_a_page_in_no_folder_is_refused(tmp_path):
    *_, loss = scalars()
    with pytest.raises(ArgumentError, match="there is no folder"):
        viz.film(loss).save(tmp_path / "none" / "film.html")


def test_frames_are_as_large_as_can_be_read_and_can_be_enlarged(saved_page):
    text = saved_page.read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    looks = [attributes["style"] for tag, attributes in checker.tags if tag == "svg"]
    assert len(looks) == 7
    for look in looks:
        assert re.fullmatch(r"--natural: [\d.]+pt; --aspect: [\d.]+", look)
    assert {"larger", "smaller"} <= set(checker.ids)
    # Never below 0.7 of the size that it was laid out in: what does not fit is scrolled to.
    assert "var(--natural) * var(--zoom, .7)" in text
