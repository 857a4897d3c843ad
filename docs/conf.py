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
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
nitpicky = True
# An argument, as `x`, is written like a link; what other packages have is not linked.
nitpick_ignore_regex = [
    ("py:obj", r"\w+"),
    ("py:obj", r"(numpy|sklearn|matplotlib|graphviz|torch|functools)\..*"),
]
default_role = "autolink"
highlight_language = "none"  # formulas in docstrings are no Python; blocks with >>> are known by it

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

# Examples: each is run as `python NAME.py --quick`.
sphinx_gallery_conf = {
    "examples_dirs": str(EXAMPLES),
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
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
    text = re.sub(r"\((?:\.\./)*examples/(\w+)\.py\)", rf"({up}gallery/\1.rst)", content[0])
    text = re.sub(r"\((?:\.\./)*examples/README\.rst\)", f"({up}gallery/index.rst)", text)
    text = re.sub(r"^```mermaid\n.*?^```\n", "", text, flags=re.DOTALL | re.MULTILINE)
    if docname.startswith("gallery/") and docname != "gallery/index":
        text = gallery.with_its_command(text, Path(docname).name)
    content[0] = gallery.OUTPUTS.sub("runs", text)


def setup(app: Sphinx) -> None:
    """Connect what is particular to these pages."""
    app.add_lexer("output", TextLexer)
    app.connect("source-read", adapt)
