"""The reference is complete: every public name is in it, with a docstring whose example runs.

That the examples run, and can be pasted into an empty session, test_documentation.py sees to.
"""

import ast
import builtins
import importlib
import importlib.util
import inspect
import itertools
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).parents[1]


def load(path: Path):
    """Import a file that belongs to the documentation, under its own name."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


public = load(ROOT / "docs" / "public.py")
NAMES = public.all_names()
OBJECTS = [entry for entry in NAMES if callable(entry.value)]
VALUES = [entry for entry in NAMES if not callable(entry.value)]
INTERNAL = {  # packages that are public only through the one around them
    "minigrad.rules",
    "minigrad.viz.data",
    "minigrad.viz.films",
    "minigrad.viz.flow",
    "minigrad.viz.look",
    "minigrad.viz.models",
    "minigrad.viz.networks",
    "minigrad.viz.profiles",
}


def test_every_package_is_public_or_internal():
    packages = {
        info.name for info in pkgutil.walk_packages(minigrad.__path__, "minigrad.") if info.ispkg
    }
    assert packages - {"minigrad.viz.assets"} <= set(public.MODULES) | INTERNAL
    assert not INTERNAL & set(public.MODULES)


def test_modules_announced_by_public_ones_are_public():
    announced = {
        value.__name__
        for module in map(importlib.import_module, public.MODULES)
        for value in (getattr(module, name) for name in module.__all__)
        if inspect.ismodule(value)
    }
    assert announced <= set(public.MODULES) | INTERNAL


def test_each_name_is_documented_once():
    paths = [entry.path for entry in NAMES]
    assert len(set(paths)) == len(paths) > 200
    assert len({id(entry.value) for entry in OBJECTS}) == len(OBJECTS)


@pytest.mark.parametrize("entry", OBJECTS, ids=lambda entry: entry.path)
def test_has_a_docstring_with_an_example(entry):
    documentation = entry.value.__doc__  # its own: inspect.getdoc would take a base class's
    assert documentation, f"{entry.path} has no docstring"
    assert ">>>" in documentation, f"the docstring of {entry.path} has no example"


@pytest.mark.parametrize("entry", VALUES, ids=lambda entry: entry.path)
def test_values_are_described_where_they_are_defined(entry):
    assert entry.name in values_with_a_docstring(), (
        f"below the definition of {entry.path} stands no string that describes it"
    )


def values_with_a_docstring() -> set[str]:
    """Return the names that are defined in the package with a string below the definition."""
    found = set()
    for path in (ROOT / "minigrad").rglob("*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        for definition, below in itertools.pairwise(body):
            targets = getattr(definition, "targets", [getattr(definition, "target", None)])
            describes = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if describes and isinstance(definition, ast.Assign | ast.AnnAssign):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


@pytest.mark.parametrize(
    "entry",
    [entry for entry in NAMES if inspect.isclass(entry.value)],
    ids=lambda entry: entry.path,
)
def test_methods_have_docstrings(entry):
    fields = getattr(entry.value, "__dataclass_fields__", {})
    without = [
        name
        for name in public.documented_methods(entry.value)
        if name not in fields and not inspect.getdoc(inspect.getattr_static(entry.value, name))
    ]
    assert not without


UNLISTED = {  # what is only taken to refuse it, or to pass it on as graphviz calls the method
    "minigrad.testing.gradcheck": {"more"},
    "minigrad.viz.Drawing.save": {"options"},
}


def test_arguments_that_a_docstring_lists_are_those_that_there_are():
    wrong = {
        path: listed ^ there
        for path, value in functions()
        if (listed := listed_arguments(inspect.getdoc(value) or ""))
        and listed ^ (there := arguments_of(value) - UNLISTED.get(path, set()))
    }
    assert not wrong


def functions():
    """Yield each public function, class and method, with its name."""
    for entry in OBJECTS:
        yield entry.path, entry.value
        for name in public.documented_methods(entry.value) if inspect.isclass(entry.value) else ():
            yield f"{entry.path}.{name}", getattr(entry.value, name)


PARAMETERS = re.compile(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", re.DOTALL | re.MULTILINE)


def listed_arguments(documentation: str) -> set[str]:
    section = PARAMETERS.search(documentation)
    entries = re.findall(r"^(\S.*?)(?: :.*)?$", section[1], re.MULTILINE) if section else []
    return {name.lstrip("*") for entry in entries for name in entry.split(", ")}


def arguments_of(function) -> set[str]:
    try:
        return set(inspect.signature(function).parameters) - {"self"}
    except (TypeError, ValueError):  # a property, or written in C
        return set()


def test_the_arguments_in_a_docstring_are_found():
    text = "Do it.\n\nParameters\n----------\nx, y : array\n    Two : three.\n*more : int\n\n"
    assert listed_arguments(text + "Returns\n-------\nz : array") == {"x", "y", "more"}
    assert listed_arguments("Do it.\n\nReturns\n-------\nz : array") == set()


REFERENCE = re.compile(r"(?<!`)`~?(minigrad(?:\.\w+)+)`(?!`)")


def resolves(path: str) -> bool:
    """Return whether a dotted name leads to something."""
    value, *_ = [minigrad]
    for part in path.split(".")[1:]:
        try:
            value = getattr(value, part)
        except AttributeError:
            try:
                value = importlib.import_module(f"{getattr(value, '__name__', '?')}.{part}")
            except ImportError:
                return False
    return True


def test_references_to_names_of_ours_lead_somewhere():
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "minigrad").rglob("*.py")
        for name in REFERENCE.findall(path.read_text(encoding="utf-8"))
        if not resolves(name)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("name", "leads"), [("minigrad.nn.Linear", True), ("minigrad.nope", False)]
)
def test_a_reference_that_leads_nowhere_is_noticed(name, leads):
    assert resolves(name) is leads
    assert REFERENCE.findall(f"see `{name}`, not ``{name}``") == [name]


BARE = re.compile(r"(?<![`:\w])`~?(\w+)`(?![`_])")
DESCRIBED = re.compile(r"^ *(\w+(?:, \w+)*) : ", re.MULTILINE)  # arguments, attributes, results
PUBLIC = {entry.name for entry in NAMES} | {name.rpartition(".")[2] for name in public.MODULES}
SYMBOLS = {  # other names that docstrings mention: in formulas, and what other packages have
    "minigrad.data.MinMaxScaler": {"low"},
    "minigrad.jvp": {"u"},
    "minigrad.nn.functional.cross_entropy": {"z"},
    "minigrad.optim.LinearWarmup": {"LinearLR", "SequentialLR"},
    "minigrad.testing.power": {"f", "inputs"},
}


def docstrings():
    """Yield each public name and method with its docstring and the names known there."""
    for entry in OBJECTS:
        known = arguments_of(entry.value)
        methods = []
        if inspect.isclass(entry.value):
            known |= {*dir(entry.value), *inspect.get_annotations(entry.value)}
            methods = public.documented_methods(entry.value)
        yield entry.path, inspect.getdoc(entry.value), known
        for name in methods:
            method = getattr(entry.value, name)
            yield f"{entry.path}.{name}", inspect.getdoc(method), known | arguments_of(method)


def unknown_names(documentation: str, known: set[str]) -> set[str]:
    """Return the names, written as `name`, that mean nothing where they stand."""
    for names in DESCRIBED.findall(documentation):
        known = known | set(names.split(", "))
    return set(BARE.findall(documentation)) - known - PUBLIC - set(dir(builtins))


def test_names_without_a_module_mean_something_where_they_stand():
    wrong = {
        path: unknown
        for path, documentation, known in docstrings()
        if (unknown := unknown_names(documentation or "", known) - SYMBOLS.get(path, set()))
    }
    assert not wrong


@pytest.mark.parametrize("name", ["Linear", "x", "size", "TypeError", "functional"])
def test_a_name_that_means_something_is_left_alone(name):
    assert not unknown_names(f"See `{name}` and ``what``.\n\nsize : int", {"x"})


def test_a_name_that_means_nothing_is_noticed():
    assert unknown_names("See `Linearr`.\n\nsize : int", {"x"}) == {"Linearr"}


def test_every_page_of_the_reference_lists_all_its_names(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    reference = load(ROOT / "docs" / "_extensions" / "reference.py")
    pages = {module: reference.module_page(module) for module in public.MODULES}
    for entry in NAMES:
        assert re.search(rf"^   {entry.name}$", pages[entry.module], re.MULTILINE), entry.path
    assert all(f"   {module}\n" in reference.index_page() for module in public.MODULES)
