"""Who may import whom, read from the source; and what `import minigrad` may bring along."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "minigrad"

# From the bottom up: a part imports from its own line and from those above it, nothing else.
LAYERS = [
    {"errors", "random", "_extras", "arrays", "compiled", "workspace"},
    {"graph", "context"},
    {"backprop", "calls", "conversions", "methods"},  # what tensor.py is put together from
    {"dispatch"},
    {"tensor"},
    {"primitive", "rules", "debugging"},
    {"transforms", "nn"},
    {"optim", "data", "training", "io", "_safetensors"},
    {"viz", "testing", "plots"},
    {"__init__"},
]
WITHIN_VIZ = [  # the same, inside the pictures
    {"options"},
    {"data"},  # graphs as plain data
    {"look"},  # colours, labels, rendering
    {"films", "mermaid", "models", "networks", "text"},
    {"flow"},
    {"computation", "model"},
    {"page", "profiles"},
    {"__init__"},
]
DEPTH = {part: depth for depth, parts in enumerate(LAYERS) for part in parts}
VIZ_DEPTH = {part: depth for depth, parts in enumerate(WITHIN_VIZ) for part in parts}
CORE_DEPENDENCIES = {"numpy"}
# The part, and what it alone may import.
DEPENDENCIES_OF = {"viz": {"graphviz"}, "testing": {"hypothesis"}}
PYPROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
# Where the package has another name than the module.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}
UNSAFE = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
OPTIONAL = [
    "PIL", "hypothesis", "matplotlib", "numba", "pandas", "pooch", "pygraphviz", "pytest",
    "safetensors", "sklearn", "torch", "tqdm",
]  # fmt: skip


class Import(NamedTuple):
    """One imported module, as it stands in the source."""

    importer: str  # dotted path inside the package: nn.linear, nn.__init__
    imported: str  # minigrad's modules as `importer`, all others by their full name
    ours: bool
    line: int
    deferred: bool  # inside a function
    typing_only: bool  # under `if TYPE_CHECKING:`

    def __str__(self):
        return f"{self.importer}:{self.line} imports {self.imported}"


def part_of(module):
    return module.partition(".")[0]


class Source:
    """A package's modules, parsed."""

    def __init__(self, root):
        self.name = root.name
        self.trees = {
            ".".join(path.relative_to(root).with_suffix("").parts): ast.parse(
                path.read_text("utf-8")
            )
            for path in sorted(root.rglob("*.py"))
        }

    def resolve(self, dotted: str) -> str:
        """Return the module that a dotted path inside the package leads to.

        The path may end in a name that a module defines: ``nn.functional.relu``.
        """
        parts = dotted.split(".") if dotted else []
        for length in range(len(parts), 0, -1):
            path = ".".join(parts[:length])
            for module in (path, f"{path}.__init__"):
                if module in self.trees:
                    return module
        return "__init__"

    def imports(self) -> Iterator[Import]:
        for module, tree in self.trees.items():
            for node, deferred, typing_only in walk(tree):
                for imported, ours in self.targets(module, node):
                    yield Import(module, imported, ours, node.lineno, deferred, typing_only)

    def targets(self, importer: str, node: ast.AST) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            bases = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # from .. import x
                package = [self.name, *importer.split(".")][: -node.level]
                base = ".".join([*package, *([base] if base else [])])
            bases = [f"{base}.{alias.name}" for alias in node.names]
        else:
            return
        for base in bases:
            first, _, rest = base.partition(".")
            yield (self.resolve(rest), True) if first == self.name else (base, False)


def walk(node, deferred=False, typing_only=False) -> Iterator[tuple[ast.AST, bool, bool]]:
    """Yield every node below this one, whether it is in a function, and whether for typing only."""
    for child in ast.iter_child_nodes(node):
        yield child, deferred, typing_only
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for statement in child.body:
                yield statement, deferred, True
                yield from walk(statement, deferred, True)
            child = ast.If(ast.Constant(value=False), child.orelse, [])
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from walk(child, deferred or is_function, typing_only)


# --- The rules: each yields what breaks it ---------------------------------------------------


def unplaced_parts(source):
    for part in sorted({part_of(module) for module in source.trees} - DEPTH.keys()):
        yield f"minigrad/{part} has no place in LAYERS of tests/test_structure.py: give it one"


def upward_imports(source):
    for found in source.imports():
        importer, imported = part_of(found.importer), part_of(found.imported)
        known = found.ours and {importer, imported} <= DEPTH.keys()
        if known and DEPTH[importer] < DEPTH[imported]:
            yield f"{found}, which is above it"


def upward_imports_in_viz(source):
    for found in source.imports():
        if found.ours and part_of(found.importer) == part_of(found.imported) == "viz":
            importer, imported = (
                part_of(module.removeprefix("viz.")) for module in (found.importer, found.imported)
            )
            if importer not in VIZ_DEPTH:
                yield f"minigrad/viz/{importer} has no place in WITHIN_VIZ: give it one"
            elif VIZ_DEPTH[importer] < VIZ_DEPTH[imported]:
                yield f"{found}, which is above it"


def cycles(source):
    """Find the modules that import each other, by taking away those that import no other left."""
    edges = {module: set() for module in source.trees}
    for found in source.imports():
        if found.ours and found.imported != found.importer:
            edges[found.importer].add(found.imported)
    while leaves := [module for module, targets in edges.items() if not targets & edges.keys()]:
        for module in leaves:
            del edges[module]
    if edges:
        yield f"import each other, directly or in a circle: {', '.join(edges)}"


def star_imports(source):
    for module, tree in source.trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                yield f"{module}:{node.lineno} has a star import: name what you need"


def deferred_imports(source):
    for found in source.imports():
        if found.ours and found.deferred:
            yield f"{found} inside a function"


def dynamic_imports(source):
    for module, tree in source.trees.items():
        for node in ast.walk(tree):
            name = getattr(node, "attr", getattr(node, "id", None))
            # The package itself may fetch its parts on demand: it is above all of them.
            allowed = module in ("_extras", "__init__")
            if name in ("import_module", "__import__") and not allowed:
                yield f"{module}:{node.lineno} uses {name}; optional packages: _extras.require"


def foreign_imports(source):
    for found in source.imports():
        package = part_of(found.imported)
        allowed = CORE_DEPENDENCIES | DEPENDENCIES_OF.get(part_of(found.importer), set())
        if not (found.ours or found.typing_only or package in allowed | sys.stdlib_module_names):
            yield f"{found}; optional packages come through _extras.require"


def unknown_extras(source):
    """Find messages that would send the user to an extra without the package."""
    for module, tree in source.trees.items():
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    args=[ast.Constant(value=str(name))],
                    keywords=[ast.keyword(arg="extra", value=ast.Constant(value=extra)), *_],
                ):
                    package = DISTRIBUTIONS.get(part_of(name), part_of(name))
                    lines = EXTRAS.get(extra, [])
                    if not any(re.match(rf"{package}\b", line) for line in lines):
                        yield f"{module}:{node.lineno}: the extra {extra!r} lacks {package!r}"


def unsafe_serialisation(source):
    for found in source.imports():
        if not found.ours and part_of(found.imported) in UNSAFE:
            yield f"{found}, which can run code from a file"
    for module, tree in source.trees.items():
        for node in ast.walk(tree):
            match node:
                case ast.keyword(arg="allow_pickle", value=ast.Constant(value=False)):
                    pass
                case ast.keyword(arg="allow_pickle", value=value):
                    yield f"{module}:{value.lineno} allows pickle"


RULES = [
    unplaced_parts, upward_imports, upward_imports_in_viz, cycles, star_imports, deferred_imports,
    dynamic_imports, foreign_imports, unknown_extras, unsafe_serialisation,
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_source_keeps_the_rule(rule):
    found = list(rule(Source(PACKAGE)))
    assert not found, "\n".join(found)


# --- The rules find what is planted ----------------------------------------------------------

GOOD = {
    "__init__.py": "from minigrad import nn, random\nfrom minigrad.tensor import Tensor\n"
    "def __getattr__(name):\n    return importlib.import_module(f'minigrad.{name}')\n",
    "errors.py": "class ShapeError(ValueError): ...\n",
    "random.py": "import numpy as np\nfrom minigrad.errors import ShapeError\n",
    "_extras.py": "import importlib\nimportlib.import_module('tqdm')\n",
    "graph.py": "from collections.abc import Callable\n",
    "tensor.py": "import numpy.typing\nfrom minigrad.graph import Node\n",
    "nn/__init__.py": "from minigrad.nn.linear import Linear\n",
    "nn/linear.py": "from minigrad import random\nfrom ..tensor import Tensor\n",
    "io.py": "require('safetensors.numpy', extra='io', purpose='Reading')\n"
    "import numpy as np\nnp.load('x', allow_pickle=False)\n",
    "data.py": "_extras.require('sklearn', extra='data', purpose='x')\nnumpy.require([1])\n",
    "viz/__init__.py": "import graphviz\nfrom minigrad import nn\n",
    "viz/text.py": "from minigrad.viz.look import theme\nfrom minigrad import nn\n",
    "viz/look/__init__.py": "",
    "viz/look/theme.py": "from minigrad.viz.data import graph\n",
    "viz/data/__init__.py": "",
    "viz/data/graph.py": "import json\n",
    "viz/models/__init__.py": "",
    "training.py": "from typing import TYPE_CHECKING\n"
    "if TYPE_CHECKING:\n    import tqdm\nelse:\n    import math\n",
}

PLANTED = [
    (unplaced_parts, "shortcuts.py", ""),
    (upward_imports, "graph.py", "from minigrad.tensor import Tensor"),
    (upward_imports, "graph.py", "from minigrad import tensor"),
    (upward_imports, "graph.py", "from . import tensor"),
    (upward_imports, "graph.py", "import minigrad.tensor as t"),
    (upward_imports, "errors.py", "from minigrad import random, graph"),
    (upward_imports, "nn/linear.py", "from minigrad import Tensor"),
    (upward_imports, "nn/linear.py", "import minigrad as mg"),
    (upward_imports, "nn/linear.py", "from .. import io"),
    (upward_imports, "nn/linear.py", "from minigrad.viz import draw"),
    (upward_imports, "tensor.py", "class A:\n    def f(self):\n        import minigrad.nn.linear"),
    (upward_imports, "tensor.py", "if TYPE_CHECKING:\n    from minigrad.nn import Linear"),
    (upward_imports_in_viz, "viz/look/x.py", "from minigrad.viz.text import text_of"),
    (upward_imports_in_viz, "viz/data/x.py", "from minigrad.viz import look"),
    (upward_imports_in_viz, "viz/models/x.py", "from minigrad.viz import draw"),
    (upward_imports_in_viz, "viz/x.py", "from minigrad.viz.data import graph"),
    (cycles, "nn/linear.py", "from minigrad.nn import Linear"),
    (cycles, "errors.py", "from minigrad.random import seed"),
    (star_imports, "nn/linear.py", "from minigrad.tensor import *"),
    (star_imports, "nn/linear.py", "from numpy import *"),
    (deferred_imports, "training.py", "def fit():\n    if 1:\n        from minigrad import random"),
    (deferred_imports, "training.py", "async def fit():\n    from .nn import Linear"),
    (dynamic_imports, "tensor.py", "import importlib\nimportlib.import_module('minigrad.nn')"),
    (dynamic_imports, "tensor.py", "f = __import__"),
    (foreign_imports, "io.py", "import safetensors.numpy"),
    (foreign_imports, "io.py", "def f():\n    from sklearn.datasets import load_digits"),
    (foreign_imports, "io.py", "import graphviz"),
    (foreign_imports, "viz/__init__.py", "import pygraphviz"),
    (foreign_imports, "io.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import tqdm"),
    (unknown_extras, "io.py", "require('tqdm', extra='progres', purpose='Fitting')"),
    (unknown_extras, "io.py", "_extras.require('torch.nn', extra='io', purpose='Reading')"),
    (unsafe_serialisation, "io.py", "from pickle import loads"),
    (unsafe_serialisation, "io.py", "np.load('x', allow_pickle=True)"),
    (unsafe_serialisation, "io.py", "np.load('x', allow_pickle=flag)"),
]


def plant(root: Path, files: dict[str, str]) -> Source:
    for name, text in files.items():
        path = root / "minigrad" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Source(root / "minigrad")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_accepts_good_source(rule, tmp_path):
    assert list(rule(plant(tmp_path, GOOD))) == []


@pytest.mark.parametrize(
    ("rule", "file", "mistake"), PLANTED, ids=lambda value: getattr(value, "__name__", repr(value))
)
def test_rule_finds_a_planted_mistake(rule, file, mistake, tmp_path):
    source = plant(tmp_path, {**GOOD, file: GOOD.get(file, "") + mistake + "\n"})
    found = list(rule(source))
    assert found
    assert all(file.partition(".")[0].partition("/")[0] in message for message in found)


# --- What the core brings along --------------------------------------------------------------


def modules_after(statement: str) -> set[str]:
    """Return the names of all modules that a process has after this."""
    script = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_minigrad_imports_nothing_optional():
    loaded = modules_after("import minigrad")
    assert "minigrad" in loaded
    assert {part_of(name) for name in loaded} & set(OPTIONAL) == set()


def test_importing_minigrad_imports_nothing_slow_that_numpy_does_not():
    brought = modules_after("import minigrad") - modules_after("import numpy")
    assert brought & {"numpy.random", "pathlib", "dataclasses", "difflib", "asyncio"} == set()
