"""Formulas as MathML, which browsers show without a script and without a network."""

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

# A function's name, with what it is applied to right behind it: there a thin space belongs.
APPLIED = re.compile(r"(<m[io]>[a-z]{2,}</m[io]>)(?=<m(?!o\b|row><mo\b))")


def as_mathml(latex: str, display: str) -> str:
    """Return a formula for a page."""
    # Lines that are broken or aligned are an environment of LaTeX's own.
    if r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    return APPLIED.sub(r'\1<mspace width="0.17em"/>', convert(latex, display=display))


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(f'<span class="math">{as_mathml(node.astext(), "inline")}</span>')
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{as_mathml(node.astext(), "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name that conf.py gives to html_math_renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
