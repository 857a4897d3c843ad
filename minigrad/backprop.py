"""The walk back: from the gradient of a result to those of what it was computed from.

Iterative and linear in the size of the graph. This module knows no array function by name: what a
gradient does at a node is the business of the node's rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from sys import getrefcount
from typing import Any, NoReturn, TypeAlias, cast

from minigrad.context import context
from minigrad.errors import GraphError, RuleError
from minigrad.graph import Array, Node, Vertex
from minigrad.workspace import is_shared

__all__ = ["backpropagate", "is_exclusive"]

Wrap: TypeAlias = Callable[[Array, Vertex], Array]


def backpropagate(
    seeds: Iterable[tuple[Vertex, Array]],
    *,
    targets: Collection[Vertex] | None = None,
    retain_graph: bool = False,
    wrap: Wrap | None = None,
) -> dict[Vertex, Array]:
    """Walk back from the seeds and return the gradient that reached each target.

    Parameters
    ----------
    seeds : iterable of (vertex, array)
        Where to start, and the gradient there.
    targets : collection of vertices, optional
        Whose gradients are wanted, and only the way to them is walked. By default every leaf that
        requires a gradient and every node that was asked to retain its own.
    retain_graph : bool, default False
        Whether to keep the saved values for another walk.
    wrap : callable, optional
        ``wrap(value, vertex)`` makes a tensor of a saved value. Given, the rules run on tensors
        and are themselves recorded; otherwise they run on plain arrays.

    Returns
    -------
    dict
        Targets that nothing reached are left out.

    Raises
    ------
    GraphError
        If a saved value is gone or has been changed; then nothing was walked.
    RuleError
        If a rule returned something that cannot be a gradient.
    """
    walk = _Walk(seeds, targets, wrap)
    walk.run(retain_graph)
    return walk.results


class _Walk:
    """One walk back: what has arrived where, and what each node still waits for."""

    def __init__(
        self,
        seeds: Iterable[tuple[Vertex, Array]],
        targets: Collection[Vertex] | None,
        wrap: Wrap | None,
    ) -> None:
        self.targets = targets
        self.wrap = wrap
        self.observer = context.get().observer
        self.gradients, self.results = _seeded(seeds, targets)  # of nodes ahead, and of targets
        self.consumers = _count_consumers(list(self.gradients), targets)
        self.ready = [node for node in self.gradients if self.consumers.get(node) == 0]

    def run(self, retain_graph: bool) -> None:
        """Walk through the nodes, each after all that were computed from it."""
        ready, gradients, targets = self.ready, self.gradients, self.targets
        while ready:
            node = ready.pop()
            gradient = gradients.pop(node)
            if node.retains_grad if targets is None else node in targets:
                self.results[node] = gradient
            self._pass_back(node, gradient)
            if not retain_graph:
                node.free()

    def _pass_back(self, node: Node, gradient: Array) -> None:
        """Apply the node's rule, and add what it gives to the gradients of the parents."""
        out, args, kwargs, parents = node.out, node.args, node.kwargs, node.parents
        vjps = node.plan.vjps if self.targets is None else self._wanted(node)
        observer, consumers = self.observer, self.consumers
        if self.wrap is not None:
            out, args = _wrapped(node, self.wrap)
        if observer is not None:
            observer.visiting(node, gradient)
        # Where the result is not needed, the node tells its shape.
        given = (gradient, node if out is None else out, *cast("tuple[Any, ...]", args))
        for index, vjp in vjps:
            parent: Any = parents[index]
            try:
                contribution = vjp(*given, **kwargs) if kwargs else vjp(*given)
            except Exception as error:
                error.add_note(f"in the gradient rule of {node.where()} for argument {index}")
                raise
            if (
                getattr(contribution, "dtype", None) is not parent.dtype
                or contribution.shape != parent.shape
            ):
                contribution = _fit(contribution, parent, node, index)
            if observer is not None:
                observer.visited(node, index, contribution)
            if parent.is_leaf:
                sums: dict[Any, Array] = self.results
            else:
                sums = self.gradients
                left = consumers[parent] = consumers[parent] - 1
                if not left:
                    self.ready.append(parent)
            if parent in sums:
                _accumulate(sums, parent, contribution, owned=self.wrap is None)
            else:
                sums[parent] = contribution

    def _wanted(self, node: Node) -> list[tuple[int, Any]]:
        """Return the gradients on the way to a target: not every one that the node can give."""
        targets = cast("Collection[Vertex]", self.targets)
        vertices = cast("tuple[Vertex, ...]", node.parents)
        return [
            (index, vjp)
            for index, vjp in node.plan.vjps
            if vertices[index] in (targets if vertices[index].is_leaf else self.consumers)
        ]


def _seeded(
    seeds: Iterable[tuple[Vertex, Array]], targets: Collection[Vertex] | None
) -> tuple[dict[Node, Array], dict[Vertex, Array]]:
    """Return the gradients to start with, of nodes and of leaves that are wanted."""
    gradients: dict[Node, Array] = {}
    results: dict[Vertex, Array] = {}
    for vertex, seed in seeds:
        if isinstance(vertex, Node):
            _accumulate(gradients, vertex, seed, owned=False)
        elif targets is None or vertex in targets:
            _accumulate(results, vertex, seed, owned=False)
    return gradients, results


def _wrapped(node: Node, wrap: Wrap) -> tuple[Any, tuple[Any, ...]]:
    """Return the result and the arguments as tensors, as far as they were kept."""
    args = cast("tuple[Any, ...]", node.args)
    return node.out if node.out is None else wrap(node.out, node), tuple(
        wrap(value, parent) if parent is not None and value is not parent else value
        for value, parent in zip(args, node.parents, strict=True)
    )


def _fit(contribution: Array, parent: Vertex, node: Node, index: int) -> Array:
    """Undo broadcasting and promotion; refuse what cannot be the gradient of that argument."""
    try:
        if contribution.shape != parent.shape:
            contribution = _unbroadcast(contribution, parent.shape)
        if contribution.dtype != parent.dtype:
            if contribution.dtype.kind == "c" != parent.dtype.kind:
                raise ValueError("complex numbers for real ones")
            contribution = contribution.astype(parent.dtype)
    except (AttributeError, ValueError, TypeError) as error:
        got = getattr(contribution, "shape", None)
        raise RuleError(
            f"the gradient rule of {node.rule.name} returned "
            f"{repr(contribution) if got is None else f'shape {got}, {contribution.dtype},'} for "
            f"its argument {index}, which has shape {parent.shape}, {parent.dtype}"
        ) from error
    return contribution


def _unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which an array of this shape was repeated."""
    extra = len(gradient.shape) - len(shape)
    if extra < 0:
        raise ValueError("fewer axes than the argument has")
    axes = tuple(range(extra)) + tuple(
        extra + axis
        for axis, length in enumerate(shape)
        if length == 1 and gradient.shape[extra + axis] != 1
    )
    reduced = gradient.sum(axis=axes, keepdims=True) if axes else gradient
    if reduced.shape[extra:] != shape:
        raise ValueError("not a broadcast of the argument's shape")
    return reduced.reshape(shape)


def _accumulate(
    gradients: dict[Any, Array], vertex: Vertex, contribution: Array, *, owned: bool
) -> None:
    """Add a contribution, in place only where nobody else can see it."""
    if vertex not in gradients:
        gradients[vertex] = contribution
    elif owned and is_exclusive(gradients, vertex):
        gradients[vertex] += contribution
    else:
        gradients[vertex] = gradients[vertex] + contribution


def is_exclusive(holder: dict[Any, Array], key: Any) -> bool:
    """Return whether an array's memory is reachable through this dictionary entry only.

    A view refers to the array whose memory it shows (its ``base``), so an array without a base
    that nothing else refers to shares its memory with nobody, nor does the only one in a block of
    `workspace`. Neither does one that cannot be written to count.
    """
    # Two references: the dictionary's, and the one that the call itself holds.
    return (
        getrefcount(holder[key]) == 2
        and not is_shared(holder[key])
        and getattr(holder[key].flags, "writeable", True)
    )


def _count_consumers(roots: list[Node], targets: Collection[Vertex] | None) -> dict[Node, int]:
    """Return the nodes to walk through, with how many gradients each must wait for."""
    live = None if targets is None else _on_the_way(roots, targets)
    consumers = {root: 0 for root in roots if live is None or root in live}
    stack = list(consumers)
    while stack:
        node = stack.pop()
        parents, plan = node.parents, node.plan
        versions = node.version if plan.saves_out else 0  # of a view it is the owner's
        for index in plan.kept:
            parent: Any = parents[index]
            if parent is not None:
                versions += parent.version
        if versions != node.versions or node.args is None:
            _refuse(node)
        for index, _ in plan.vjps:
            parent = parents[index]
            if parent in consumers:
                consumers[parent] += 1
            elif not parent.is_leaf and (live is None or parent in live):
                consumers[parent] = 1
                stack.append(parent)
    return consumers


def _on_the_way(roots: list[Node], targets: Collection[Vertex]) -> set[Vertex]:
    """Return the nodes from which a target can be reached, of those the roots lead to."""
    live: set[Vertex] = set(targets)
    seen: set[Node] = set()
    stack = [(root, False) for root in roots]
    while stack:
        node, parents_are_done = stack.pop()
        parents = [cast("Vertex", node.parents[index]) for index, _ in node.plan.vjps]
        if parents_are_done:
            if any(parent in live for parent in parents):
                live.add(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((parent, False) for parent in parents if isinstance(parent, Node))
    return live


def _refuse(node: Node) -> NoReturn:
    """Say which saved value of a node is gone, or has been changed."""
    if node.args is None:
        raise GraphError(
            f"the graph behind {node.where()} has been walked back before, and the values it kept "
            "for that are freed; compute the result again, or pass retain_graph=True to the first "
            "backward()"
        )
    kept = [parent for parent in map(node.parents.__getitem__, node.plan.kept) if parent]
    if node.plan.saves_out:
        kept.append(node)
    changed = [getattr(vertex, "owner", vertex) for vertex in kept if vertex.version]  # one of them
    changed = list(dict.fromkeys(changed))
    names = " or ".join(
        f"{leaf.name!r}" if leaf.name else f"a tensor of shape {leaf.shape}" for leaf in changed
    )
    raise GraphError(
        f"{names}, whose value {node.where()} needs for its gradient, was changed after the "
        "forward pass; run the forward pass again, or call backward() before changing it (as "
        "by an optimizer's step or load_state_dict)"
    )
