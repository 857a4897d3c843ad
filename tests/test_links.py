"""Links and pictures of the Markdown pages lead somewhere, in the repository and when built."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BUILT = {"_build", "gallery", "reference"}  # folders that Sphinx writes
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(page for page in sorted(DOCS.rglob("*.md")) if not BUILT & set(page.relative_to(DOCS).parts)),
]
FENCED = re.compile(r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)\s*$", re.DOTALL | re.MULTILINE)
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[(?P<text>[^\]]*)\]\((?P<target>[^()\s]+)\)")


def load_public():
    spec = importlib.util.spec_from_file_location("public", DOCS / "public.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = {*load_public().MODULES, "minigrad.Tensor", "index", "functions"}


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def slugs(text: str) -> set[str]:
    """Return what links to the headings of a page end in."""
    headings = re.findall(r"^#+ +(.+?) *$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def mistakes(page: Path, text: str) -> list[str]:
    """Return the links that lead nowhere, or that nobody can see."""
    found = []
    for link in LINK.finditer(text):
        target, _, anchor = link["target"].partition("#")
        if re.match(r"https?:", target):
            continue
        if not link["text"]:
            found.append(f"{link[0]} has no text")
        path = (page.parent / target).resolve() if target else page
        if path.parent == DOCS / "reference":
            if path.suffix != ".rst" or path.stem not in REFERENCE:
                found.append(f"{link[0]}: the reference has no such page")
        elif not path.exists():
            found.append(f"{link[0]}: there is no {path}")
        elif anchor and anchor not in slugs(path.read_text(encoding="utf-8")):
            found.append(f"{link[0]}: {path.name} has no heading of that name")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    assert not mistakes(page, prose(page))


def test_every_picture_is_shown_on_a_page():
    text = "".join(map(prose, PAGES))
    unused = [p.name for p in (DOCS / "images").iterdir() if f"images/{p.name})" not in text]
    assert not unused


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for page in PAGES:
        for toctree in TOCTREE.findall(page.read_text(encoding="utf-8")):
            entries = [line for line in toctree.splitlines() if line and not line.startswith(":")]
            listed |= {(page.parent / f"{entry}.md").resolve() for entry in entries}
    pages = {page for page in PAGES if page.is_relative_to(DOCS)}
    assert pages - listed == {DOCS / "index.md"}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[a](nowhere.md)", "there is no"),
        ("[a](README.md#nowhere)", "no heading of that name"),
        ("[a](#nowhere)", "no heading of that name"),
        ("[](CHANGELOG.md)", "has no text"),
        ("[a](docs/reference/minigrad.nope.rst)", "no such page"),
        ("![a](docs/images/nowhere.svg)", "there is no"),
    ],
)
def test_a_link_that_leads_nowhere_is_noticed(text, mistake):
    (found,) = mistakes(ROOT / "README.md", text)
    assert mistake in found


def test_right_links_are_left_alone():
    text = "[a](CHANGELOG.md) [b](docs/operators.md#the-rule) [c](docs/reference/minigrad.nn.rst)"
    assert not mistakes(ROOT / "README.md", text)
