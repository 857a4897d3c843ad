"""Write the pages of the reference, one for each public module, from the list in public.py."""

from __future__ import annotations

import ast
import inspect
import itertools
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import public

if TYPE_CHECKING:  # the tests read these pages where no Sphinx is
    from sphinx.application import Sphinx

SYNTAX = {"_operator.getitem": "x[index]", "astype": "x.astype"}  # functions without a name
OWN_PAGE = {"minigrad.Tensor"}  # too long to stand among others


def _heading(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n"


def _directive(entry: public.Name) -> str:
    """Return the directive that shows the docstring of a name."""
    if inspect.isclass(entry.value):
        options = "   :members:\n"
        if any(base.__module__ == "hypothesis" for base in entry.value.__mro__):
            options = ""
        if entry.path in OWN_PAGE:
            options += "   :inherited-members: object\n   :exclude-members: result_class\n"
        kind = "autoexception" if issubclass(entry.value, Exception) else "autoclass"
        return f".. {kind}:: {entry.path}\n{options}"
    if callable(entry.value):
        return f".. autofunction:: {entry.path}\n"
    return f".. autodata:: {entry.path}\n   :no-value:\n"


def _summary(entries: list[public.Name], module: str) -> str:
    shown = [e.path.removeprefix(f"{module}.") if module in e.module else e.path for e in entries]
    lines = "".join(f"   {name}\n" for name in shown)
    return f".. autosummary::\n   :nosignatures:\n\n{lines}"


def module_page(module: str) -> str:
    """Return the page of a module: what it is, a table of its names, and each of them."""
    entries = [e for e in public.names(module) if not public.is_borrowed(e.value)]
    parts = [
        _heading(module),
        f".. automodule:: {module}\n   :no-members:\n",
        _summary(entries, module),
    ]
    here = [e for e in entries if e.module == module and e.path not in OWN_PAGE]
    parts += map(_directive, here)
    return "\n".join(parts)


def class_page(entry: public.Name) -> str:
    """Return the page of a class that has one of its own."""
    methods = public.documented_methods(entry.value)
    lines = "".join(f"   ~{entry.path}.{name}\n" for name in methods)
    title = _heading(entry.path)
    return f"{title}\n.. autosummary::\n   :nosignatures:\n\n{lines}\n{_directive(entry)}"


def functions_page() -> str:
    """Return the table of NumPy's functions that have a gradient."""
    functions = import_module("minigrad").differentiable_functions()
    shown = [f"   * ``{SYNTAX.get(name, name)}``" for name in functions]
    return (
        _heading("Functions with a gradient")
        + "\nThese functions take tensors and pass gradients back; each one's gradient is checked "
        "against numerical\nderivatives, in first and second order, by minigrad's own tests. "
        "Operators and methods of\ntensors are written with them. The list is "
        ":func:`minigrad.differentiable_functions`.\n\n"
        ".. hlist::\n   :columns: 3\n\n" + "\n".join(shown) + "\n"
    )


def index_page() -> str:
    """Return the page that lists the modules, with the first sentence of each."""
    pages = [*public.MODULES, *sorted(OWN_PAGE), "functions"]
    rows = [f"   * - :doc:`{module}`\n     - {_first_line(module)}\n" for module in public.MODULES]
    rows += [
        f"   * - :doc:`{page}`\n     - Its attributes and methods.\n" for page in sorted(OWN_PAGE)
    ]
    rows.append("   * - :doc:`functions`\n     - NumPy's functions that take tensors.\n")
    toctree = "".join(f"   {page}\n" for page in pages)
    return (
        _heading("Reference")
        + "\nEvery public name, with its arguments, their shapes, the errors it raises and an "
        "example that\nruns. What is not listed here may change without notice.\n\n"
        f".. list-table::\n   :class: stacked\n\n{''.join(rows)}\n"
        f".. toctree::\n   :hidden:\n\n{toctree}"
    )


def _first_line(module: str) -> str:
    first = (import_module(module).__doc__ or "").splitlines()[0]
    sentence = first.removeprefix("minigrad: ")
    return sentence[:1].upper() + sentence[1:]


def write(app: Sphinx) -> None:
    """Write all pages, leaving those alone that are as they should be."""
    folder = Path(app.srcdir) / "reference"
    folder.mkdir(exist_ok=True)
    pages = {module: module_page(module) for module in public.MODULES}
    pages |= {e.path: class_page(e) for e in public.all_names() if e.path in OWN_PAGE}
    pages |= {"functions": functions_page(), "index": index_page()}
    for stale in folder.glob("*.rst"):
        if stale.stem not in pages:
            stale.unlink()
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


@cache
def descriptions() -> dict[str, str]:
    """Return the strings that stand below the definitions of values in the package, by name."""
    found = {}
    for path in Path(import_module("minigrad").__path__[0]).rglob("*.py"):
        for definition, below in itertools.pairwise(ast.parse(path.read_text("utf-8")).body):
            if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                targets = getattr(definition, "targets", [getattr(definition, "target", None)])
                found |= {t.id: below.value.value for t in targets if isinstance(t, ast.Name)}
    return found


def describe_value(_app: Sphinx, what: str, path: str, *rest: Any) -> None:
    """Give a value its description: Sphinx finds only that of its class where it is imported."""
    if what == "data":
        rest[-1][:] = descriptions()[path.rpartition(".")[2]].splitlines()


def skip_field(_app: Sphinx, _what: str, _name: str, value: Any, *_rest: Any) -> bool | None:
    """Leave out the fields of named tuples, which the class describes as its attributes."""
    return True if type(value).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before Sphinx looks for them."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("builder-inited", write)
    app.connect("autodoc-process-docstring", describe_value, priority=400)  # before numpydoc
    app.connect("autodoc-skip-member", skip_field)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
