"""The changes that `mutate.py` makes are those it says, and only where there is behaviour."""

import ast

import pytest
from mutation_operators import mutants
from mutation_sources import Source, changed_function

HAS = [
    ("a + b", ["a - b", "a", "b"]),
    ("a / b", ["a * b", "a", "b", "b / a"]),
    ("-a", ["a"]),
    ("not a", ["a"]),
    ("a < b", ["a <= b"]),
    ("a is b", ["a is not b"]),
    ("a and b", ["a or b", "b", "a"]),
    ("3", ["4"]),
    ("1.0", ["2.0"]),
    ("True", ["False"]),
    ("f(a, b)", ["f(b, a)"]),
    ("x.sum(axis=i)", ["x.sum()", "x"]),
    ("np.sum(x)", ["x", "np.mean(x)"]),
    ("np.sin(x)", ["np.cos(x)"]),
    (
        "np.zeros(x, keepdims=True)",
        ["np.zeros(x)", "np.ones(x, keepdims=True)", "np.zeros(x, keepdims=False)"],
    ),
    ("x[i]", ["x[i + 1]"]),
    ("x[a:b]", ["x[:b]", "x[a:]"]),
    ("x.T", ["x"]),
    ("a if c else b", ["a if False else b", "a if True else b"]),
    ("[a for a in b if c]", ["[a for a in b]"]),
    ("max(a)", ["a", "min(a)"]),
    ("f(a, b, strict=True)", ["f(b, a, strict=True)"]),
    ("'text'", []),
    ("f'{a + b}'", []),
    ("cast('int', a)", []),
    ("ShapeError(a + b)", []),
]


def changes(source):
    tree = ast.parse(source)
    found = []
    for mutant in mutants(tree, "x.py"):
        with mutant.applied():
            found.append(ast.unparse(tree))
    assert ast.dump(tree, include_attributes=True) == ast.dump(
        ast.parse(source), include_attributes=True
    )
    return found


@pytest.mark.parametrize(("source", "expected"), HAS)
def test_changes_of_expressions(source, expected):
    prefix = "def f():\n    return "
    found = changes(prefix + source)
    assert found == [prefix + "None", *(prefix + change for change in expected)]


def test_changes_of_statements():
    source = "def f(n=1):\n    x += n\n    if x:\n        g(x)\n    return"
    found = changes(source)
    assert sorted(found) == sorted(
        source.replace(*pair)
        for pair in [
            ("n=1", "n=2"), ("x += n", "pass"), ("x += n", "x -= n"), ("if x", "if False"),
            ("if x", "if True"), ("g(x)", "pass"), ("return", "pass"),
        ]
    )  # fmt: skip


LEFT_ALONE = [
    "def f():\n    'A + b.'",
    "def f(x: 1 + 2) -> 3:\n    pass",
    "__all__ = ['a' + 'b']",
    "raise ValueError(1 + 2)",
    "assert 1 + 2",
    "x: int",
    "Axis = int | None",
    "def f() -> ShapeError:\n    return 1 + 2",
    "def __repr__(self):\n    return 1 + 2",
    "class A(Protocol):\n    x = 1",
    "if TYPE_CHECKING:\n    x = 1",
]


@pytest.mark.parametrize("source", LEFT_ALONE)
def test_what_is_no_behaviour_is_left_alone(source):
    assert changes(source) == []


def test_a_change_is_known_by_its_function_and_source():
    source = "class A:\n    def f(self, a, b):\n        return a - b, a - b\n"
    first, *others = mutants(ast.parse(source), "x.py")
    assert first.key == ("x.py", "A.f", "return (a - b, a - b)  ->  return None")
    assert first.line == 3
    assert len({mutant.key for mutant in others}) == len(others)
    moved = mutants(ast.parse("\n\n" + source), "x.py")
    assert [mutant.key for mutant in moved] == [mutant.key for mutant in (first, *others)]
    assert moved[0].line == 5


def test_a_rule_is_known_by_its_function():
    source = "defvjp(np.sin, lambda g, out, x: g * np.cos(x))"
    found = {mutant.key[1:] for mutant in mutants(ast.parse(source), "x.py")}
    where = "defvjp(np.sin)"
    before = "lambda g, out, x: g * np.cos(x)"
    assert (where, f"{before}  ->  lambda g, out, x: g * np.sin(x)") in found
    assert (where, f"{before}  ->  lambda g, out, x: g") in found


def test_a_change_in_a_function_is_told_from_one_of_the_import(tmp_path):
    path = tmp_path / "x.py"
    path.write_text("table = [1]\n\ndef f(x, y=2):\n    return x - y\n", encoding="utf-8")
    source = Source(path, tmp_path)
    found = {}
    for mutant in source.mutants:
        change = changed_function(source.code, source.compiled_with(mutant))
        found[mutant.after] = change and change[1].co_name
    assert found["return x + y"] == found["return None"] == "f"
    assert found["table = [2]"] is found["def f(x, y=3)"] is None
