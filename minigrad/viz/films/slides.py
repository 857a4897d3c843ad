"""A page that shows one picture of several, and goes on and back; all in one file."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

__all__ = ["embedded", "page"]

Text = tuple[str, Sequence[str]]  # a title and lines

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --ink: #222; --line: #8a8a8a; --button: #f0f0f0; }
@media (prefers-color-scheme: dark) {
  :root { --back: #16181d; --ink: #e8e8e8; --line: #777; --button: #2a2d35; }
}
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.5 Helvetica, Arial, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.25rem; margin: 0 0 .5rem; }
nav { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
button { font: inherit; color: inherit; background: var(--button); border: 1px solid var(--line);
  border-radius: 6px; padding: .3rem .9rem; cursor: pointer; }
button[aria-disabled=true] { opacity: .45; cursor: default; }
button:focus-visible, input:focus-visible { outline: 3px solid #0072b2; outline-offset: 2px; }
input { flex: 1 1 8rem; min-width: 6rem; max-width: 24rem; accent-color: #0072b2; }
figure { margin: .75rem 0; padding: .5rem; background: #fff; border: 1px solid var(--line);
  border-radius: 6px; overflow: auto; max-height: 80vh; text-align: center; }
figure[hidden] { display: none; }
figure svg { height: auto; vertical-align: top; /* all of it, if that can be read; else scroll */
  width: max(min(100%, 70vh * var(--aspect)), var(--natural) * var(--zoom, .7)); }
figcaption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
p { margin: .5rem 0; }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 .35em; font-size: .85em; }
"""

_SCRIPT = """
const frames = [...document.querySelectorAll("figure")];
const [first, back, on, last] = ["first", "back", "on", "last"].map(
  (id) => document.getElementById(id));
const slider = document.getElementById("slider");
const place = document.getElementById("place");
const said = document.getElementById("said");
let zoom = null;
function enlarge(factor) {
  const svg = frames[current].querySelector("svg");
  const natural = parseFloat(svg.style.getPropertyValue("--natural")) * 4 / 3;
  const now = svg.getBoundingClientRect().width / natural;
  zoom = factor && Math.min(8, Math.max(.05, now * factor));
  for (const frame of frames) {
    const style = frame.querySelector("svg").style;
    style.width = zoom ? `calc(var(--natural) * ${zoom})` : "";
  }
}
let current = 0;
function show(index) {
  const { scrollLeft, scrollTop } = frames[current];
  current = Math.max(0, Math.min(frames.length - 1, index));
  frames.forEach((frame, i) => { frame.hidden = i !== current; });
  frames[current].scrollTo(scrollLeft, scrollTop);
  slider.value = current;
  place.textContent = `${current + 1} of ${frames.length}`;
  said.textContent = frames[current].querySelector("figcaption").textContent;
  for (const button of [first, back]) button.setAttribute("aria-disabled", current === 0);
  for (const button of [on, last])
    button.setAttribute("aria-disabled", current === frames.length - 1);
}
const keys = {
  ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1,
  Home: -Infinity, End: Infinity,
};
first.addEventListener("click", () => show(0));
back.addEventListener("click", () => show(current - 1));
on.addEventListener("click", () => show(current + 1));
last.addEventListener("click", () => show(frames.length - 1));
slider.addEventListener("input", () => show(Number(slider.value)));
const factors = { "+": 1.25, "=": 1.25, "-": .8, 0: null };
document.getElementById("larger").addEventListener("click", () => enlarge(1.25));
document.getElementById("smaller").addEventListener("click", () => enlarge(.8));
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key in factors) enlarge(factors[event.key]);
  if (!(event.key in keys)) return;
  if (event.key === " " && event.target instanceof HTMLButtonElement) return;
  event.preventDefault();
  show(current + keys[event.key]);
});
document.querySelector("nav").hidden = false;
show(0);
"""


def page(title: str, frames: Iterable[tuple[Text, str]]) -> str:
    """Return a page of frames, each a text and an SVG; without scripts it shows all of them."""
    figures = [
        _figure(number, *text, _inline(svg, number)) for number, (text, svg) in enumerate(frames)
    ]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{html.escape(title)}</h1>
<nav aria-label="Frames" hidden>
<button id="first" type="button">First</button>
<button id="back" type="button">Previous</button>
<button id="on" type="button">Next</button>
<button id="last" type="button">Last</button>
<input id="slider" type="range" min="0" max="{len(figures) - 1}" value="0" aria-label="Frame">
<span id="place"></span>
<span><kbd>←</kbd> <kbd>→</kbd></span>
<button id="smaller" type="button" aria-label="Smaller">-</button>
<button id="larger" type="button" aria-label="Larger">+</button>
<span><kbd>-</kbd> <kbd>+</kbd> <kbd>0</kbd></span>
</nav>
<p id="said" aria-live="polite"></p>
{"".join(figures)}
</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _figure(number: int, title: str, lines: Sequence[str], svg: str) -> str:
    text = html.escape(". ".join([title, *lines]), quote=True)
    return (
        f'<figure id="frame-{number}">\n'
        f'<div role="img" aria-label="{text}">{svg}</div>\n'
        f"<figcaption>{text}</figcaption>\n</figure>\n"
    )


def _inline(svg: str, number: int) -> str:
    """Return an SVG as it stands in a page: without prologue, its ids its own."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<title>.*?</title>\s*", "", svg, flags=re.DOTALL)  # names of DOT: n0, n1
    svg = re.sub(r'\bid="', f'id="f{number}-', svg)
    width, height = _points(svg, "width"), _points(svg, "height")
    look = f"--natural: {width:g}pt; --aspect: {width / height:.4g}"
    return svg.replace("<svg", f'<svg style="{look}"', 1)


def _points(svg: str, side: str) -> float:
    found = re.search(rf'{side}="([0-9.]+)pt"', svg)
    assert found is not None, "Graphviz writes the size of a picture"
    return float(found[1])


def embedded(document: str, height: int = 620) -> str:
    """Return a page as part of another one, such as a notebook."""
    return (
        f'<iframe srcdoc="{html.escape(document, quote=True)}" title="Frames" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )
