"""Fewer layers than there are: inner modules as single layers, then the middle left out."""

from __future__ import annotations

import bisect
from dataclasses import replace

from minigrad.viz.look.numbers import count
from minigrad.viz.models.building import Built, build
from minigrad.viz.models.layers import Layer
from minigrad.viz.models.repeats import with_repeats
from minigrad.viz.models.watching import Watched

__all__ = ["fitting"]


def fitting(watched: Watched, built: Built, most: int, *, fold: bool, repeats: bool) -> Built:
    """Return at most so many layers, with a note that says what was done.

    With `repeats`, equal ones in a row are one. `fold` is that of `build`.

    Modules are collapsed as far as needed, the innermost first; where that would leave less than
    half of what is allowed, or is not enough, the layers in the middle are left out.
    """
    whole = len(built.graph.layers)
    if repeats:
        built = with_repeats(built)
    if len(built.graph.layers) <= most:
        return built
    note = f"{count(whole)} layers are more than {count(most)}, so "

    def at(depth: int) -> Built:
        found = build(watched, depth, fold=fold)
        return with_repeats(found) if repeats else found

    depths = range(1, _deepest(built) + 1)
    # The deeper, the more layers: a search in halves, for each depth is a graph of its own.
    place = bisect.bisect_right(depths, most, key=lambda depth: len(at(depth).graph.layers))
    if place:
        found = at(depths[place - 1])
        if 2 * len(found.graph.layers) >= most:
            return _noted(found, f"{note}modules are collapsed (depth={place})")
    # One level more is too much; without its middle it shows more than one level less.
    built = at(place + 1) if place < len(depths) else built
    return _noted(_without_middle(built, most), f"{note}those in the middle are left out")


def _noted(built: Built, note: str) -> Built:
    notes = (*built.graph.notes, f"{note}; max_layers= allows more")
    return built._replace(graph=replace(built.graph, notes=notes))


def _deepest(built: Built) -> int:
    levels: list[int] = []
    for box in built.graph.boxes:
        levels.append(1 if box.parent is None else levels[box.parent] + 1)
    return max(levels, default=0)


def _without_middle(built: Built, most: int) -> Built:
    """Return the layers with all between the first and the last ones as one."""
    layers = built.graph.layers
    head = (most - 1) // 2
    tail = most - 1 - head
    middle = layers[head : len(layers) - tail]
    times = [_times(layer, built) for layer in middle]
    new = [0 if layer.shared else n for n, layer in zip(times, middle, strict=True)]
    hidden = Layer(
        head,
        "hidden",
        title=f"{count(sum(times))} layers and operations",
        parameters=sum(n * layer.parameters for n, layer in zip(new, middle, strict=True)),
        trainable=sum(n * layer.trainable for n, layer in zip(new, middle, strict=True)),
        parameter_names=tuple(dict.fromkeys(n for layer in middle for n in layer.parameter_names)),
    )
    last = [
        replace(layer, index=head + 1 + place)
        for place, layer in enumerate(layers[len(layers) - tail :])
    ]
    moved = {layer.index: layer.index for layer in layers[:head]}
    moved |= {layer.index: head for layer in middle}
    moved |= {len(layers) - tail + place: head + 1 + place for place in range(tail)}
    edges = dict.fromkeys((moved[a], moved[b]) for a, b in built.graph.edges)
    edges = {edge: None for edge in edges if edge != (head, head)}
    graph = replace(built.graph, layers=(*layers[:head], hidden, *last), edges=tuple(edges))
    events = (*built.events[:head], (), *built.events[len(layers) - tail :])
    return Built(graph, events)


def _times(layer: Layer, built: Built) -> int:
    """Return how many equal layers one stands for, with those of the boxes around it."""
    times, box = layer.repeats, layer.box
    while box is not None:
        times *= built.graph.boxes[box].repeats
        box = built.graph.boxes[box].parent
    return times
