"""Fewer layers than there are: inner modules as single layers, then the middle left out."""

from __future__ import annotations

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

    Modules are collapsed as far as needed, the innermost first; if that is not enough, the layers
    in the middle are left out.
    """
    whole = len(built.graph.layers)
    if repeats:
        built = with_repeats(built)
    if len(built.graph.layers) <= most:
        return built
    note = f"{count(whole)} layers are more than {count(most)}, so "
    for depth in range(_deepest(built), 0, -1):
        built = build(watched, depth, fold=fold)
        built = with_repeats(built) if repeats else built
        if len(built.graph.layers) <= most:
            return _noted(built, f"{note}modules are collapsed (depth={depth})")
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
    hidden = Layer(
        head,
        "hidden",
        title=f"{count(len(middle))} layers and operations",
        parameters=sum(layer.parameters for layer in middle if not layer.shared),
        trainable=sum(layer.trainable for layer in middle if not layer.shared),
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
