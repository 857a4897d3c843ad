"""The interactive page, by itself and in a browser."""

import html
import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, viz
from minigrad.errors import ArgumentError, DtypeError

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# Runs in the page, as its user: what it writes down is read from the page afterwards.
VISITOR = """
<script>
const seen = {errors: []};
window.addEventListener("error", (event) => seen.errors.push(event.message));
console.error = (...args) => seen.errors.push(args.join(" "));
const press = (key, target = document.body) =>
  target.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
const shown = (name) => elements[name].style.visibility !== "hidden";
const named = (title) => Object.keys(level.nodes).find((n) => level.nodes[n].title === title);
const type = (text) => { search.value = text; search.dispatchEvent(new Event("input")); };
window.addEventListener("load", () => {
  try {
    seen.levels = [...chooser.options].map((option) => option.textContent);
    seen.nodes = Object.keys(elements).length;
    type("weight");
    seen.found = found.textContent;
    seen.dimmed = document.querySelectorAll(".node.dimmed").length;
    press("Enter", search);
    seen.selected = details.querySelector("h2").textContent;
    seen.place = found.textContent;
    press("Escape");
    seen.cleared = [details.hidden, search.value, document.querySelectorAll(".dimmed").length];
    elements[named("affine")].dispatchEvent(new MouseEvent("click", {bubbles: true}));
    seen.details = details.innerText;
    details.querySelector("li button").click();
    seen.followed = details.querySelector("h2").textContent;
    select(named("affine"));
    press("c");
    seen.closed = [...closed.keys()].map((name) => level.groups[name].title);
    seen.hidden = Object.keys(elements).filter((name) => !shown(name)).length;
    document.querySelector(".closed").dispatchEvent(new MouseEvent("click"));
    seen.hiddenAfterwards = Object.keys(elements).filter((name) => !shown(name)).length;
    const width = box[2];
    press("+");
    seen.zoomed = box[2] < width;
    press("0");
    seen.fitted = box[2] === width;
    press("ArrowRight");
    seen.moved = box[0] > whole[0];
    press("[");
    seen.level = chooser.selectedOptions[0].textContent;
    seen.fewer = Object.keys(elements).length;
    press("/");
    seen.focus = document.activeElement.id;
    press("?");
    seen.help = !document.getElementById("keys").hidden;
    const node = Object.values(elements)[0];
    press("Enter", node);
    seen.byKey = !details.hidden;
    seen.outside = performance.getEntriesByType("resource").map((entry) => entry.name);
  } catch (error) {
    seen.errors.push(String(error.stack || error));
  }
  const report = document.createElement("pre");
  report.id = "seen";
  report.textContent = JSON.stringify(seen);
  document.body.append(report);
});
</script>
"""


@pytest.fixture
def loss():
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
    with viz.record():
        loss = nn.CrossEntropyLoss()(model(np.ones((5, 3), np.float32)), np.zeros(5, int))
        loss.backward()
    return loss


def levels_of(page):
    data = re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    return json.loads(data[1])


def test_page_holds_every_level_and_detail(loss, tmp_path):
    page = viz.save_html(tmp_path / "loss.html", loss, title="A <b>title</b>").read_text("utf-8")
    levels = levels_of(page)
    names = ["modules at depth 0", "modules at depth 1", "everything"]
    assert [level["name"] for level in levels] == names
    assert "<title>A &lt;b&gt;title&lt;/b&gt;</title>" in page
    everything = levels[-1]
    assert len(everything["nodes"]) == len(viz.graph(loss).nodes)
    (weight,) = (n for n in everything["nodes"].values() if n["title"] == "0.weight")
    rows = dict(weight["rows"])
    assert (rows["kind"], rows["shape"], rows["has a gradient"]) == ("parameter", "(4, 3)", "yes")
    assert rows["value"].count("\n") == 3  # in full
    (relu,) = (n for n in everything["nodes"].values() if n["title"] == "relu")
    assert dict(relu["rows"])["line"].startswith("test_viz_page.py:")


def test_page_needs_nothing_from_outside(loss, tmp_path):
    page = viz.save_html(tmp_path / "loss.html", loss).read_text("utf-8")
    own = page.replace("http://www.w3.org/", "")  # names of XML, which nobody fetches
    assert not re.findall(r"https?://|<link|@import|\bsrc=", own)
    assert viz.save_html(tmp_path / "again.html", loss, title="loss").read_text("utf-8") == page


def test_names_cannot_break_out_of_the_page(tmp_path):
    name = "</script><script>alert(1)</script>"
    x = mg.tensor([1.0], requires_grad=True, name=name)
    page = viz.save_html(tmp_path / "x.html", np.exp(x)).read_text("utf-8")
    assert "<script>alert" not in page
    assert name in str(levels_of(page))


def test_mistakes_are_named(loss, tmp_path):
    with pytest.raises(ArgumentError, match=r"a page is saved as \.html, not 'loss\.svg'"):
        viz.save_html(tmp_path / "loss.svg", loss)
    with pytest.raises(DtypeError, match="a graph is made of tensors, not of Sequential"):
        viz.save_html(tmp_path / "loss.html", nn.Sequential())


def visited(page, tmp_path):
    """Return what a visitor of the page saw."""
    page.write_text(page.read_text("utf-8").replace("<script>", VISITOR + "<script>", 1), "utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--virtual-time-budget=5000", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, page.as_uri()],
        capture_output=True,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
        timeout=120,
    )
    report = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout.decode("utf-8"), re.DOTALL)
    assert report, done.stderr.decode("utf-8", "replace")[-2000:]
    return json.loads(html.unescape(report[1]))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look at the page with")
def test_in_a_browser(loss, tmp_path):
    seen = visited(viz.save_html(tmp_path / "loss.html", loss), tmp_path)
    assert seen["errors"] == []
    assert seen["levels"] == ["modules at depth 0", "modules at depth 1", "everything"]
    assert seen["nodes"] == len(viz.graph(loss).nodes)
    assert (seen["found"], seen["place"], seen["selected"]) == ("2 found", "1 of 2", "0.weight")
    assert seen["dimmed"] == seen["nodes"] - 2
    assert seen["cleared"] == [True, "", 0]
    assert "(5, 4)" in seen["details"]
    assert seen["followed"] in ("constant", "0.weight", "0.bias")
    assert len(seen["closed"]) == 1
    assert seen["hidden"] > 0
    assert seen["hiddenAfterwards"] == 0
    assert all(seen[what] for what in ("zoomed", "fitted", "moved", "help", "byKey"))
    assert seen["level"] == "modules at depth 1"
    assert seen["fewer"] < seen["nodes"]
    assert seen["focus"] == "search"
    assert seen["outside"] == []
