"""Modules in their usual form and changed, and which function a change is in."""

import ast
import contextlib
import hashlib
import importlib.machinery
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mutation_operators import Mutant, mutants


class Source:
    """A module of the copy, and its changes."""

    def __init__(self, path: Path, package: Path) -> None:
        self.path = path
        self.file = path.relative_to(package).as_posix()
        text = path.read_text(encoding="utf-8")
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.tree = ast.parse(text)
        self.code = self.compiled()
        self.mutants = mutants(self.tree, self.file)
        name = ".".join(Path(self.file).with_suffix("").parts)
        self.module = f"minigrad.{name}".removesuffix(".__init__")

    def compiled(self) -> types.CodeType:
        return compile(self.tree, str(self.path), "exec", dont_inherit=True)

    def compiled_with(self, mutant: Mutant) -> types.CodeType:
        with mutant.applied():
            return self.compiled()


def is_function(code: types.CodeType) -> bool:
    # The body of a class has locals of its own, too, but no fixed places for them.
    return code.co_flags & 1 != 0 and (code.co_name == "<lambda>" or code.co_name[0] != "<")


def outermost_functions(code: types.CodeType) -> list[types.CodeType]:
    """Return the functions of a module and of its classes, without those inside functions."""
    found = []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found += [constant] if is_function(constant) else outermost_functions(constant)
    return found


def outside_functions(code: types.CodeType) -> list[Any]:
    """Return what a module does when it is imported, in a form to be compared."""
    inner = [
        ("function" if is_function(constant) else outside_functions(constant))
        if isinstance(constant, types.CodeType)
        else repr(constant)
        for constant in code.co_consts
    ]
    return [code.co_code, code.co_names, inner]


def changed_function(
    old: types.CodeType, new: types.CodeType
) -> tuple[types.CodeType, types.CodeType] | None:
    """Return the one function that differs, before and after; None if it is not so simple."""
    if outside_functions(old) != outside_functions(new):
        return None
    pairs = zip(outermost_functions(old), outermost_functions(new), strict=True)
    different = [(a, b) for a, b in pairs if a != b]
    if len(different) == 1 and different[0][0].co_freevars == different[0][1].co_freevars:
        return different[0]
    return None


@contextlib.contextmanager
def imported_as(codes: dict[str, types.CodeType]) -> Iterator[None]:
    """Import modules from code that is given, for the length of a with-block."""
    loader = importlib.machinery.SourceFileLoader
    usual = loader.get_code
    loader.get_code = lambda self, name: codes[name] if name in codes else usual(self, name)
    try:
        yield
    finally:
        loader.get_code = usual
