"use strict";

const SVG = "http://www.w3.org/2000/svg";
const levels = JSON.parse(document.getElementById("data").textContent);
const canvas = document.getElementById("canvas");
const details = document.getElementById("details");
const search = document.getElementById("search");
const found = document.getElementById("found");
const chooser = document.getElementById("level");

let level = null;      // what is shown: its data
let picture = null;    // the svg element
let elements = {};     // of nodes, by name
let clusters = {};     // elements of modules, by name
let closed = new Map();  // names of closed modules, and what covers them
let box = null;        // the part of the picture that is seen: x, y, width, height
let whole = null;
let selected = null;
let matches = [];
let current = -1;

// --- What is shown ----------------------------------------------------------------------------

function show(index) {
  level = levels[index];
  chooser.value = String(index);
  canvas.innerHTML = level.svg;
  picture = canvas.querySelector("svg");
  picture.removeAttribute("width");
  picture.removeAttribute("height");
  whole = picture.getAttribute("viewBox").split(/[ ,]+/).map(Number);
  elements = {};
  clusters = {};
  closed = new Map();
  for (const group of picture.querySelectorAll("g.node, g.cluster")) {
    const name = group.querySelector("title").textContent;
    if (group.classList.contains("cluster")) {
      clusters[name] = group;
      prepareCluster(group, name);
    } else if (level.nodes[name]) {
      elements[name] = group;
      prepareNode(group, name);
    }
  }
  select(null);
  fit();
  find();
}

function prepareNode(group, name) {
  group.setAttribute("tabindex", "0");
  group.setAttribute("role", "button");
  group.setAttribute("aria-label", level.nodes[name].title);
  group.addEventListener("click", () => select(name));
  group.addEventListener("focus", () => centre(name, false));
}

function prepareCluster(group, name) {
  const title = group.querySelector("text");
  if (title) {
    title.addEventListener("click", () => toggle(name));
  }
}

// --- Modules that open and close --------------------------------------------------------------

function toggle(name) {
  if (closed.has(name)) {
    closed.get(name).remove();
    closed.delete(name);
  } else {
    closed.set(name, cover(name));
  }
  const hidden = new Set();
  for (const [node, data] of Object.entries(level.nodes)) {
    const isHidden = data.groups.some((group) => closed.has(group));
    if (isHidden) {
      hidden.add(node);
    }
    if (elements[node]) {
      elements[node].style.visibility = isHidden ? "hidden" : "";
      elements[node].setAttribute("tabindex", isHidden ? "-1" : "0");
    }
  }
  for (const edge of picture.querySelectorAll("g.edge")) {
    const [from, to] = edge.querySelector("title").textContent.split("->");
    edge.style.visibility = hidden.has(from) && hidden.has(to) ? "hidden" : "";
  }
}

function cover(name) {
  const outline = clusters[name].getBBox();
  const lid = document.createElementNS(SVG, "g");
  lid.setAttribute("class", "closed");
  lid.setAttribute("data-module", name);
  lid.setAttribute("tabindex", "0");
  lid.setAttribute("role", "button");
  lid.setAttribute("aria-label", level.groups[name].title + ", closed");
  const rectangle = document.createElementNS(SVG, "rect");
  for (const [key, value] of Object.entries({
    x: outline.x, y: outline.y, width: outline.width, height: outline.height, rx: 10,
    fill: "#E0F3EC", stroke: "#009E73",
  })) {
    rectangle.setAttribute(key, value);
  }
  lid.append(rectangle);
  const inside = Object.values(level.nodes).filter((node) => node.groups.includes(name));
  const lines = [level.groups[name].title, `${inside.length} nodes, closed`];
  lines.forEach((line, index) => {
    const text = document.createElementNS(SVG, "text");
    text.setAttribute("x", outline.x + outline.width / 2);
    text.setAttribute("y", outline.y + outline.height / 2 + 14 * index);
    text.setAttribute("text-anchor", "middle");
    text.setAttribute("font-family", "Arial, Helvetica, sans-serif");
    text.setAttribute("font-size", index ? 9 : 11);
    text.textContent = line;
    lid.append(text);
  });
  lid.addEventListener("click", () => toggle(name));
  lid.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      toggle(name);
      event.stopPropagation();
    }
  });
  clusters[name].parentNode.append(lid);
  return lid;
}

function openModulesOf(name) {
  for (const group of level.nodes[name].groups) {
    if (closed.has(group)) {
      toggle(group);
    }
  }
}

// --- Details ----------------------------------------------------------------------------------

function select(name) {
  if (selected && elements[selected]) {
    elements[selected].classList.remove("selected");
  }
  selected = name;
  details.hidden = name === null;
  details.replaceChildren();
  if (name === null) {
    return;
  }
  openModulesOf(name);
  elements[name].classList.add("selected");
  const node = level.nodes[name];
  const heading = document.createElement("h2");
  heading.textContent = node.title;
  const list = document.createElement("dl");
  for (const [what, text] of node.rows) {
    addRow(list, what, document.createTextNode(text));
  }
  addRow(list, "computed from", links(node.from));
  addRow(list, "used by", links(node.to));
  details.append(heading, list);
}

function addRow(list, what, content) {
  if (content === null) {
    return;
  }
  const term = document.createElement("dt");
  term.textContent = what;
  const description = document.createElement("dd");
  description.append(content);
  list.append(term, description);
}

function links(names) {
  if (!names.length) {
    return null;
  }
  const list = document.createElement("ul");
  for (const name of names) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = level.nodes[name].title;
    button.addEventListener("click", () => {
      select(name);
      centre(name, true);
    });
    item.append(button);
    list.append(item);
  }
  return list;
}

// --- Search -----------------------------------------------------------------------------------

function find() {
  const wanted = search.value.trim().toLowerCase();
  const isMatch = (node) =>
    [node.title, ...node.rows.filter((row) => row[0] !== "value").map((row) => row[1])]
      .some((text) => text.toLowerCase().includes(wanted));
  matches = wanted ? Object.keys(elements).filter((name) => isMatch(level.nodes[name])) : [];
  current = -1;
  for (const [name, element] of Object.entries(elements)) {
    element.classList.toggle("match", matches.includes(name));
    element.classList.toggle("dimmed", wanted !== "" && !matches.includes(name));
  }
  found.textContent = wanted ? `${matches.length} found` : "";
}

function next() {
  if (matches.length) {
    current = (current + 1) % matches.length;
    select(matches[current]);
    centre(matches[current], true);
    found.textContent = `${current + 1} of ${matches.length}`;
  }
}

// --- Moving about -----------------------------------------------------------------------------

function look(x, y, width, height) {
  box = [x, y, width, height];
  picture.setAttribute("viewBox", box.join(" "));
}

function fit() {
  look(...whole);
}

function zoom(factor, x, y) {
  const [left, top, width, height] = box;
  const at = [x ?? left + width / 2, y ?? top + height / 2];
  const scale = Math.min(Math.max(factor, whole[2] / width / 50), (4 * whole[2]) / width);
  look(at[0] - (at[0] - left) * scale, at[1] - (at[1] - top) * scale, width * scale, height * scale);
}

function move(right, down) {
  look(box[0] + right * box[2], box[1] + down * box[3], box[2], box[3]);
}

function place(event) {
  const point = new DOMPoint(event.clientX, event.clientY);
  return point.matrixTransform(picture.getScreenCTM().inverse());
}

function centre(name, always) {
  const element = elements[name];
  const outline = element.getBoundingClientRect();
  const frame = canvas.getBoundingClientRect();
  const isSeen = outline.left >= frame.left && outline.right <= frame.right
    && outline.top >= frame.top && outline.bottom <= frame.bottom;
  if (isSeen && !always) {
    return;
  }
  const middle = place({
    clientX: (outline.left + outline.right) / 2, clientY: (outline.top + outline.bottom) / 2,
  });
  look(middle.x - box[2] / 2, middle.y - box[3] / 2, box[2], box[3]);
}

let grabbed = null;
canvas.addEventListener("pointerdown", (event) => {
  grabbed = place(event);
});
canvas.addEventListener("pointermove", (event) => {
  if (grabbed && event.buttons) {
    canvas.classList.add("moving");
    const here = place(event);
    look(box[0] + grabbed.x - here.x, box[1] + grabbed.y - here.y, box[2], box[3]);
  }
});
for (const end of ["pointerup", "pointerleave"]) {
  canvas.addEventListener(end, () => {
    grabbed = null;
    canvas.classList.remove("moving");
  });
}
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const point = place(event);
  zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, point.x, point.y);
}, { passive: false });

// --- Keys and buttons -------------------------------------------------------------------------

function help() {
  const keys = document.getElementById("keys");
  keys.hidden = !keys.hidden;
  document.getElementById("help").setAttribute("aria-expanded", String(!keys.hidden));
}

function clear() {
  search.value = "";
  find();
  select(null);
  canvas.focus();
}

function step(by) {
  const index = Number(chooser.value) + by;
  if (index >= 0 && index < levels.length) {
    show(index);
  }
}

function toggleModuleOfSelected() {
  const groups = selected ? level.nodes[selected].groups : [];
  if (groups.length) {
    toggle(groups[0]);
  }
}

const KEYS = {
  "/": () => search.focus(),
  "?": help,
  "+": () => zoom(1 / 1.25),
  "=": () => zoom(1 / 1.25),
  "-": () => zoom(1.25),
  "0": fit,
  "[": () => step(-1),
  "]": () => step(1),
  "c": toggleModuleOfSelected,
  "ArrowLeft": () => move(-0.1, 0),
  "ArrowRight": () => move(0.1, 0),
  "ArrowUp": () => move(0, -0.1),
  "ArrowDown": () => move(0, 0.1),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    clear();
  } else if (event.target === search) {
    if (event.key === "Enter") {
      next();
    }
  } else if (event.target === chooser || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  } else if (event.key === "Enter" && event.target.closest?.("g.node")) {
    event.target.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  } else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

search.addEventListener("input", find);
chooser.addEventListener("change", () => show(Number(chooser.value)));
document.getElementById("larger").addEventListener("click", () => zoom(1 / 1.25));
document.getElementById("smaller").addEventListener("click", () => zoom(1.25));
document.getElementById("fit").addEventListener("click", fit);
document.getElementById("help").addEventListener("click", help);

levels.forEach((one, index) => {
  const option = document.createElement("option");
  option.value = String(index);
  option.textContent = one.name;
  chooser.append(option);
});
show(levels.length - 1);
