"""`viz.text` and `viz.mermaid`."""

import re

import numpy as np
import pytest
from hypothesis import given
from viz_golden import check_golden
from viz_models import NASTY, Net, chain, net_and_loss

import minigrad as mg
from minigrad import errors, nn, viz
from minigrad.testing import strategies


def walked():
    with viz.record():
        net, loss, other = net_and_loss()
        loss.backward()
    return net, loss, other


def nasty():
    return sum(mg.tensor([1.0], requires_grad=True, name=name) for name in NASTY)


def with_options():
    x = mg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="x")
    with viz.record():
        part = np.where(x.data > 1, x**2, 0.0)[1:, None]
        return np.sum(part, axis=(0, 1)) * np.array([1.0, 2.0])


GOLDEN = {
    "text_plain.txt": lambda: viz.text(net_and_loss()[1]),
    "text_depth_1.txt": lambda: viz.text(*walked()[1:], depth=1),
    "text_unreached.txt": lambda: viz.text(*walked()[1:]),
    "text_numbers.txt": lambda: viz.text(with_options(), values=True, grads=True, dtypes=True),
    "text_limited.txt": lambda: viz.text(chain(50), max_nodes=7),
    "text_names.txt": lambda: viz.text(nasty()),
    "text_model.txt": lambda: viz.text(Net(), dtypes=True),
    "text_model_depth_1.txt": lambda: viz.text(Net(), depth=1),
    "mermaid_plain.mmd": lambda: viz.mermaid(net_and_loss()[1]),
    "mermaid_depth_1.mmd": lambda: viz.mermaid(*walked()[1:], depth=1, direction="LR", dtypes=True),
    "mermaid_names.mmd": lambda: viz.mermaid(nasty()),
    "mermaid_limited.mmd": lambda: viz.mermaid(chain(50), max_nodes=7),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_texts_are_as_they_were(name):
    check_golden(GOLDEN[name]() + "\n", name)


# --- Text ----------------------------------------------------------------------------------------


@given(strategies.programs())
def test_every_array_has_one_line_and_each_refers_to_what_it_was_computed_from(program):
    out = program(*program.tensors())
    graph = viz.graph(out)
    *lines, _ = viz.text(graph).splitlines()
    assert len(lines) == len(graph.nodes)
    heads = [re.sub(r"^[│├└─ ]*", "", line) for line in lines]
    for node, head in zip(graph.nodes, heads, strict=True):
        assert head.startswith(node.name or f"#{node.index} ")
        call = head.partition("  ")[0]
        for edge in graph.edges:
            if edge.target == node.index:
                source = graph.nodes[edge.source]
                assert re.search(rf"{source.name or f'#{source.index}'}\b", call)


def test_a_deep_chain_is_a_flat_list():
    text = viz.text(chain(5000), max_nodes=None)
    assert len(text.splitlines()) == 5003
    assert max(map(len, text.splitlines())) < 60


def test_names_that_occur_twice_are_told_apart_by_their_numbers():
    x, y = (mg.tensor([1.0], requires_grad=True, name="x") for _ in range(2))
    assert viz.text(x * y).splitlines()[:3] == [
        "├─ #0 x  (1,)",
        "├─ #1 x  (1,)",
        "└─ #2 = multiply(#0, #1)  (1,)  [result]",
    ]


def test_each_line_is_one_line_of_what_a_terminal_shows():
    lines = viz.text(nasty()).splitlines()
    assert all(line.replace("\u200d", "").isprintable() for line in lines)
    assert max(map(len, lines)) < 120


def test_models_say_what_they_share_and_what_is_frozen():
    layer = nn.Linear(2, 2, bias=False)
    layer.weight.requires_grad = False
    model = nn.Sequential(layer, nn.Sequential(layer))
    text = viz.text(model)
    assert "weight  (2, 2)  [frozen]" in text
    assert text.count("[shared: see above]") == 1
    assert text.endswith("4 parameters in 1 array")


def test_a_model_s_values_and_gradients_can_be_shown():
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data = np.array([[2.0]], np.float32)
    assert "weight  (1, 1)  2  grad ?" in viz.text(layer, values=True, grads=True)
    np.sum(layer(np.array([3.0], np.float32))).backward()
    assert "weight  (1, 1)  2  grad 3" in viz.text(layer, values=True, grads=True)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: viz.text(), "a graph is made of results"),
        (lambda: viz.text(1.0), "made of tensors, not of float"),
        (lambda: viz.text(Net(), depth=-1), "depth is 0"),
        (lambda: viz.text(chain(1), depth=-1), "depth is 0"),
        (lambda: viz.mermaid(Net()), r"not of Net; .*model\(x\)"),
        (lambda: viz.mermaid(chain(1), direction="up"), "direction is"),
    ],
)
def test_what_is_no_graph_or_option_is_refused(wrong, message):
    with pytest.raises(errors.MinigradError, match=message):
        wrong()


# --- Mermaid -------------------------------------------------------------------------------------

NODE = re.compile(r' +n(\d+)(\(\[|\[\[|\[)"([^"]*)"(\]\)|\]\]|\]):::(\w+)')
LINES = [
    re.compile(r"flowchart (TB|LR|BT|RL)"),
    re.compile(r"    %% [^%]+"),
    NODE,
    re.compile(r' +subgraph g\d+\["[^"]*"\]'),
    re.compile(r" +end"),
    re.compile(r"    n\d+ --> n\d+"),
    re.compile(r"    classDef \w+ fill:#\w{6},stroke:#\w{6},color:#\w{6}(,stroke-dasharray:4 3)?"),
    re.compile(r"    style n\d+ stroke-width:3px(,stroke:#\w{6})?"),
]


@given(strategies.programs())
def test_every_line_is_one_of_a_flowchart(program):
    graph = viz.graph(program(*program.tensors()))
    lines = viz.mermaid(graph).splitlines()
    assert all(any(kind.fullmatch(line) for kind in LINES) for line in lines)
    nodes = [int(found[1]) for line in lines if (found := NODE.fullmatch(line))]
    assert sorted(nodes) == [node.index for node in graph.nodes]
    arrows = [line for line in lines if "-->" in line]
    assert len(arrows) == len(graph.edges)


@pytest.mark.parametrize("name", NASTY)
def test_no_character_of_a_label_means_anything(name):
    x = mg.tensor([1.0], requires_grad=True, name=name)
    (line,) = [line for line in viz.mermaid(x * 2.0).splitlines() if line.endswith(":::input")]
    label = NODE.fullmatch(line)[3].removesuffix("<br/>(1,)").removeprefix("<b>")
    label = label.removesuffix("</b>")
    assert not set(label) & set('"<>&`%{}|[]\\')
    decoded = re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label).replace("\u00a0", " ")
    expected = "".join(
        c if c.isprintable() or c == "\u200d" else "�" for c in " ".join(name.split())
    )
    assert decoded == expected or "…" in decoded
