"""The Python in README.md, docs/ and docstrings runs.

A page's ```python blocks are executed in order, in one namespace; those marked ```python no-run are
compiled only. An ```output block shows what the block before it prints: the same words and whole
numbers, and the same fractions up to rounding; an ```output about block the same up to a tenth, for
what comes out a little different elsewhere, such as the accuracy of a trained network. The examples
in docstrings, which pytest itself runs among the names of their module, run with their own imports
alone, too.
"""

import contextlib
import doctest
import importlib.util
import io
import math
import pkgutil
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

import minigrad

ROOT = Path(__file__).parents[1]
BUILT = {"_build", "gallery", "reference"}  # folders that Sphinx writes
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(
        page
        for page in sorted((ROOT / "docs").rglob("*.md"))
        if not BUILT & set(page.relative_to(ROOT / "docs").parts)
    ),
]
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)")
ROUNDING = 1e-7  # errors smaller than this differ between machines
PRECISION = {"output": 1e-2, "output about": 1e-1}  # how far numbers may be apart, relatively
FENCE = re.compile(r"(?P<indent>\s*)(?P<ticks>`{3,}|~{3,})\s*(?P<info>[^`]*?)\s*")


class PageError(Exception):
    """What is wrong with a page, and where: ``README.md:12: ...``."""


class Block(NamedTuple):
    """A fenced block of Python."""

    line: int  # of its first line of code
    code: str
    runs: bool
    output: str | None = None  # what the page says that it prints
    precision: float = 0.0


def python_blocks(page: Path) -> list[Block]:
    blocks = []
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    for number, line in lines:
        opening = FENCE.fullmatch(line)
        if opening is None:
            continue
        content = []
        for _, inner in lines:
            if re.fullmatch(rf"\s*{opening['ticks']}{opening['ticks'][0]}*\s*", inner):
                break
            content.append(inner.removeprefix(opening["indent"]))
        else:
            raise PageError(f"{page.name}:{number}: this block is never closed")
        info = opening["info"]
        if info in ("python", "python no-run"):
            blocks.append(Block(number + 1, "\n".join(content), runs=info == "python"))
        elif info in PRECISION:
            if not (blocks and blocks[-1].runs and blocks[-1].output is None):
                raise PageError(f"{page.name}:{number}: this is no output of a block that runs")
            shown = "\n".join(content)
            blocks[-1] = blocks[-1]._replace(output=shown, precision=PRECISION[info])
        elif info.lower().startswith("py"):
            raise PageError(
                f"{page.name}:{number}: a block marked {info!r} would not be checked; "
                "mark it 'python' or 'python no-run'"
            )
    return blocks


def run_page(page: Path) -> None:
    namespace = {"__name__": "__main__"}
    for block in python_blocks(page):
        # The empty lines in front make the line numbers those of the page.
        source = "\n" * (block.line - 1) + block.code
        try:
            code = compile(source, page, "exec")
            if block.runs:
                with contextlib.redirect_stdout(io.StringIO()) as printed:
                    exec(code, namespace)
        except (Exception, SystemExit) as error:
            raise PageError(describe(error, page, block)) from error
        if block.output is not None and not says_the_same(printed.getvalue(), *block[-2:]):
            raise PageError(
                f"{page.name}:{block.line}: this block prints\n\n{printed.getvalue()}\n"
                f"and the page shows\n\n{block.output}"
            )


def says_the_same(printed: str, shown: str, precision: float) -> bool:
    """Whether two texts differ in nothing but spaces, and the last digits of numbers."""
    if NUMBER.sub("#", printed).split() != NUMBER.sub("#", shown).split():
        return False
    pairs = zip(NUMBER.findall(printed), NUMBER.findall(shown), strict=True)
    return all(is_the_same(one, other, precision) for one, other in pairs)


def is_the_same(one: str, other: str, precision: float) -> bool:
    """Whether two numbers are: counts exactly, unless the page says "about"."""
    if (one + other).isdecimal() and precision == PRECISION["output"]:
        return one == other
    return math.isclose(float(one), float(other), rel_tol=precision, abs_tol=ROUNDING)


def describe(error: BaseException, page: Path, block: Block) -> str:
    if isinstance(error, SyntaxError) and error.filename == str(page):
        line = error.lineno
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno for f in frames if f.filename == str(page)), block.line)
    summary = "".join(traceback.format_exception_only(error)).strip()
    return f"{page.name}:{line}: {summary}"


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_runs(page, workplace):
    run_page(page)


# --- The check itself ------------------------------------------------------------------------


def written(directory: Path, text: str) -> Path:
    page = directory / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_blocks_share_a_namespace_and_run_in_the_page_s_order(workplace):
    page = written(
        workplace,
        "# Title\n```python\nx = [1]\n```\n```code``` here\n"
        "```console\n$ not python\n```\n"
        "- item\n\n  ```python\n  for _ in x:\n      x = x + [2]\n  ```\n"
        "~~~~python\ns = '''\n~~~\n'''\n"
        "from pathlib import Path\nPath('out').write_text(str(x))\n~~~~\n"
        "```python no-run\nraise RuntimeError\n```\n",
    )
    run_page(page)
    assert Path("out").read_text() == "[1, 2]"
    assert [block.line for block in python_blocks(page)] == [3, 12, 16, 23]


@pytest.mark.parametrize(
    ("shown", "is_same"),
    [
        ("off by 0.25 ± 3e-12\n[1, 2]", True),
        ("off by  0.2501 ± 8e-12 [1,\n2]", True),
        ("off by 0.26 ± 3e-12\n[1, 2]", False),
        ("off by 0.25 ± 3e-3\n[1, 2]", False),
        ("off by -0.25 ± 3e-12\n[1, 2]", False),
        ("off by 0.25 ± 3e-12\n[1, 3]", False),
        ("of by 0.25 ± 3e-12\n[1, 2]", False),
        ("off by 0.25 ± 3e-12", False),
    ],
)
def test_shown_output_is_what_is_printed(shown, is_same, workplace):
    code = "```python\nprint('off by 0.25 ± 3e-12')\nprint([1, 2])\n```"
    page = written(workplace, f"{code}\n\n```output\n{shown}\n```\n```python\nprint(3)\n```\n")
    with contextlib.nullcontext() if is_same else pytest.raises(PageError, match="page shows"):
        run_page(page)


@pytest.mark.parametrize(("shown", "is_same"), [("100,480", True), ("100,481", False)])
def test_what_is_counted_is_compared_exactly(shown, is_same, workplace):
    page = written(workplace, f"```python\nprint('100,480')\n```\n```output\n{shown}\n```\n")
    with contextlib.nullcontext() if is_same else pytest.raises(PageError, match="page shows"):
        run_page(page)


@pytest.mark.parametrize(("shown", "is_same"), [("96% of 10", True), ("85% of 10", False)])
def test_output_that_is_about_right_may_be_off_by_a_tenth(shown, is_same, workplace):
    page = written(
        workplace, f"```python\nprint('95% of 10')\n```\n```output about\n{shown}\n```\n"
    )
    with contextlib.nullcontext() if is_same else pytest.raises(PageError, match="page shows"):
        run_page(page)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n```output\n1\n```", "page.md:2: this is no output of a block that runs"),
        ("```python no-run\n1\n```\n```output\n1\n```", "page.md:4: this is no output"),
        ("```python\nprint(1)\n```\n```output\n2\n```", "page.md:2: this block prints"),
        ("\n```python\nx = 1\n\nassert x == 2, 'no'\n```", "page.md:5: AssertionError: no"),
        ("```python\nx = 1\n```\n\n```python\ndel x\nx\n```", "page.md:7: NameError"),
        ("```python\ndef f():\n    1 / 0\n\nf()\n```", "page.md:5: ZeroDivisionError"),
        ("```python\nx = 1\nx +\n```", r"page.md:3: (?s:.*)SyntaxError"),
        ("```python no-run\n\nx = = 1\n```", r"page.md:3: (?s:.*)SyntaxError"),
        ("```python\nimport sys\nsys.exit(0)\n```", "page.md:3: SystemExit"),
        ("```python\nimport warnings\nwarnings.warn('w')\n```", "page.md:3: UserWarning"),
        ("text\n```python\nx = 1\n", "page.md:2: this block is never closed"),
        ("```pycon\n>>> 1\n```", "page.md:1: a block marked 'pycon' would not be checked"),
        ("```Python\n1\n```", "page.md:1: a block marked 'Python' would not be checked"),
        ("```python norun\n1\n```", "page.md:1: a block marked 'python norun'"),
    ],
)
def test_a_failing_block_is_named_by_page_and_line(text, message, workplace):
    with pytest.raises(PageError, match=rf"\A{message}"):
        run_page(written(workplace, text))


# --- Docstrings ------------------------------------------------------------------------------


def examples_of(module: ModuleType) -> list[doctest.DocTest]:
    """Return a module's examples, to be run where nothing but their own imports is known."""
    found = doctest.DocTestFinder().find(module, globs={"__name__": "__main__"})
    return [test for test in found if test.examples]


def failures(test: doctest.DocTest) -> str:
    shown = []
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    doctest.DocTestRunner(optionflags=flags).run(test, out=shown.append)
    return "".join(shown)


MODULES = [
    info.name
    for info in pkgutil.walk_packages(minigrad.__path__, "minigrad.")
    if ">>>" in (importlib.util.find_spec(info.name).loader.get_source(info.name))
]


@pytest.mark.parametrize("name", MODULES)
def test_every_example_can_be_pasted_into_an_empty_session(name, workplace):
    failed = "".join(map(failures, examples_of(importlib.import_module(name))))
    assert not failed, failed


def test_an_example_that_lacks_an_import_is_noticed():
    module = ModuleType("m", ">>> here\n1\n")
    module.here = 1
    (test,) = examples_of(module)
    assert "NameError: name 'here' is not defined" in failures(test)
