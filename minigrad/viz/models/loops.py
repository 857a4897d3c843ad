"""Which events of a model's call are the same place in a loop, gone round again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeAlias

from minigrad.context import Scope
from minigrad.graph import Node
from minigrad.nn.module import Call
from minigrad.viz.models.watching import Called, Computed, Event

__all__ = ["Key", "keys_of"]

Key: TypeAlias = int


def keys_of(events: Sequence[Event], *, fold: bool) -> dict[Call | Node, Key]:
    """Return for each operation and call a number, the same for those that a loop repeats.

    A loop is where one line of a ``forward`` calls the same module with parameters again. What
    else the line's surroundings do from one round to the next is a part of it.
    """
    children: dict[Scope | None, list[Event]] = {}
    for event in events:
        children.setdefault(_parent(event), []).append(event)
    numbers: dict[Hashable, Key] = {}
    keys: dict[Call | Node, Key] = {}
    ready: list[Scope | None] = [None]
    while ready:
        parent = ready.pop()
        around = keys[parent] if isinstance(parent, Call) else None
        inside = children.get(parent, [])
        slots = _slots(inside) if fold else range(len(inside))
        for event, slot in zip(inside, slots, strict=True):
            thing = _thing(event)
            keys[thing] = numbers.setdefault((around, slot), len(numbers))
            if isinstance(thing, Call):
                ready.append(thing)
    return keys


def _parent(event: Event) -> Scope | None:
    return event.node.scope if isinstance(event, Computed) else event.call.parent


def _thing(event: Event) -> Call | Node:
    return event.node if isinstance(event, Computed) else event.call


def _what(event: Event) -> Hashable:
    """Return what happens where in the code."""
    if isinstance(event, Called):
        return event.site, id(event.call.module)
    return event.site, event.node.rule.name, event.node.shape


def _slots(events: Sequence[Event]) -> Iterable[Hashable]:
    """Return what tells apart the events of one module's call; repeated ones are the same."""
    repeated = _repeated(events)
    return _rounds(events, repeated) if repeated else enumerate(map(_what, events))


def _repeated(events: Sequence[Event]) -> set[Hashable]:
    """Return the calls of modules with parameters that are made again at the same place."""
    calls = [event for event in events if isinstance(event, Called) and event.site]
    counts = Counter(map(_what, calls))
    modules = {_what(event): event.call.module for event in calls}
    return {
        what
        for what, count in counts.items()
        if count > 1 and any(True for _ in modules[what].parameters())
    }


def _rounds(events: Sequence[Event], repeated: set[Hashable]) -> Iterator[Hashable]:
    """Yield each event's place in a round, which begins when a repeated call comes again."""
    sites: set[Hashable] = set()
    this_round: set[Hashable] = set()
    occurrences: Counter[Hashable] = Counter()
    for number, event in enumerate(events):
        what = _what(event)
        if not event.site:
            yield number, what
        elif what in repeated:
            if what in this_round or event.site not in sites:
                this_round.clear()
                occurrences.clear()
            this_round.add(what)
            sites.add(event.site)
            yield what
        else:
            yield what, occurrences[what]
            occurrences[what] += 1
