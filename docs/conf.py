"""How Sphinx builds the documentation: python3 dev.py docs."""

import os
import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
EXAMPLES = DOCS.parent / "examples"
sys.path[:0] = [str(DOCS), str(DOCS / "_extensions")]
os.environ["MPLBACKEND"] = "agg"

import gallery  # noqa: E402
from pygments.lexers.special import TextLexer  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

from minigrad import __version__  # noqa: E402

project = "minigrad"
author = copyright = "The minigrad authors"  # noqa: A001
version = release = __version__

extensions = [
    "mathml",
    "reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/*.py", "**/sg_execution_times.rst"]
nitpicky = True
# An argument, as `x`, is written like a link; what other packages have is not linked.
nitpick_ignore_regex = [
    ("py:obj", r"\w+"),
    ("py:obj", r"(numpy|sklearn|matplotlib|graphviz|torch|functools)\..*"),
]
default_role = "autolink"
highlight_language = "none"  # formulas in docstrings are no Python; blocks with >>> are known by it
suppress_warnings = ["config.cache"]

# Pages
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"

# Reference
autodoc_typehints = "none"
autodoc_preserve_defaults = True  # as written, not as their repr
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# Examples: those that are written for the gallery; each is run as `python NAME.py --quick`.


def is_for_the_gallery(script: Path) -> bool:
    """Return whether a script has the cells of a gallery page."""
    return re.search(r"^# %%", script.read_text(encoding="utf-8"), re.MULTILINE) is not None


shown = [path for path in sorted(EXAMPLES.glob("*.py")) if is_for_the_gallery(path)]
has_gallery = bool(shown) and (EXAMPLES / "README.rst").exists()
if has_gallery:
    extensions.append("sphinx_gallery.gen_gallery")
    others = [path.name for path in EXAMPLES.glob("*.py") if path not in shown]
    sphinx_gallery_conf = {
        "examples_dirs": str(EXAMPLES),
        "gallery_dirs": "gallery",
        "filename_pattern": r"\.py$",
        "ignore_pattern": "|".join(rf"/{re.escape(name)}$" for name in others) or "(?!)",
        "reset_argv": "gallery.options",
        "within_subsection_order": "gallery.place",
        "image_scrapers": ("gallery.pictures",),
        "parallel": True,
        "download_all_examples": False,
        "show_signature": False,
        "show_memory": False,
        "capture_repr": (),
        "min_reported_time": 1e9,
        "write_computation_times": False,
        "matplotlib_animations": False,
        "abort_on_example_error": True,
    }

# Look
html_theme = "pydata_sphinx_theme"
html_title = "minigrad"
html_static_path = ["_static"]
html_css_files = ["minigrad.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "minigrad"},
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "show_prev_next": True,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": [],
    "back_to_top_button": True,
}
alone = "index start how-it-works traps coming-from compared performance changelog contributing"
html_sidebars = {page: [] for page in alone.split()}  # no pages below them to navigate


def adapt(_app: Sphinx, docname: str, content: list[str]) -> None:
    """Adapt what is right in the repository to the built pages.

    Links to a script lead to its gallery page, those to the list of scripts to the gallery.
    Flowcharts, which the repository's site draws from their text, are left out, as their text is on
    the page already. Examples say how they were run, and that their files are where a reader's own
    run puts them.
    """
    up = "../" * docname.count("/")

    def page(match: re.Match[str]) -> str:
        is_shown = has_gallery and EXAMPLES / f"{match[1]}.py" in shown
        return f"({up}gallery/{match[1]}.rst)" if is_shown else match[0]

    text = re.sub(r"\((?:\.\./)*examples/(\w+)\.py\)", page, content[0])
    if has_gallery:
        text = re.sub(r"\((?:\.\./)*examples/README\.rst\)", f"({up}gallery/index.rst)", text)
    text = re.sub(r"^```mermaid\n.*?^```\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text = gallery.OUTPUTS.sub("runs", text)
    if docname.startswith("gallery/") and docname != "gallery/index":
        text = gallery.say_how_it_ran(text)
    if docname == "index" and not has_gallery:
        text = re.sub(r":::\{grid-item-card\} Examples\n.*?:::\n", "", text, flags=re.DOTALL)
        text = text.replace("gallery/index\n", "")
    content[0] = text


def setup(app: Sphinx) -> None:
    """Connect what is particular to these pages."""
    app.add_lexer("output", TextLexer)
    app.connect("source-read", adapt)
