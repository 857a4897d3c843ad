"""What is going on around a call: whether it is recorded, in which module, who watches."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, ParamSpec, Protocol, Self, TypeVar, cast

from minigrad.errors import ArgumentError

__all__ = [
    "Context",
    "Observer",
    "Scope",
    "context",
    "enable_grad",
    "is_grad_enabled",
    "leave_note",
    "no_grad",
    "note_on",
    "observing",
    "scope",
    "switched",
    "watching",
]

P = ParamSpec("P")
R = TypeVar("R")
N = TypeVar("N")


class Scope(Protocol):
    """The module call in which an operation runs."""

    @property
    def path(self) -> str:
        """Dotted path of the module, as its user names it: ``encoder.0``."""
        ...


class Observer:
    """Watches every recorded operation; this one does nothing. See `minigrad.debugging`."""

    measures_time: ClassVar[bool] = False  # and so looks before others, whose work would count

    def computing(self) -> None:
        """Notice that an operation with tensors is about to be computed."""

    def recorded(self, node: Any, out: Any, args: tuple[Any, ...]) -> None:
        """Look at a node that has just been made, at the result it stands for, and of what."""

    def called(self, call: Any, args: tuple[Any, ...], out: Any) -> None:
        """Look at a module's call that has just returned."""

    def visiting(self, node: Any, gradient: Any) -> None:
        """Look at a node whose rule is about to be applied, and at the gradient that arrived."""

    def visited(self, node: Any, index: int, gradient: Any) -> None:
        """Look at the gradient that the node's rule gave for one of its arguments."""

    def resuming(self) -> None:
        """Notice that all others have looked, too, and the program goes on."""


class _Several(Observer):
    """Observers in blocks inside one another: each sees everything."""

    def __init__(self, *observers: Observer) -> None:
        self.all = sorted(observers, key=lambda observer: not observer.measures_time)

    def computing(self) -> None:
        for observer in self.all:
            observer.computing()
        self.resuming()

    def recorded(self, node: Any, out: Any, args: tuple[Any, ...]) -> None:
        for observer in self.all:
            observer.recorded(node, out, args)
        self.resuming()

    def called(self, call: Any, args: tuple[Any, ...], out: Any) -> None:
        for observer in self.all:
            observer.called(call, args, out)
        self.resuming()

    def visiting(self, node: Any, gradient: Any) -> None:
        for observer in self.all:
            observer.visiting(node, gradient)
        self.resuming()

    def visited(self, node: Any, index: int, gradient: Any) -> None:
        for observer in self.all:
            observer.visited(node, index, gradient)
        self.resuming()

    def resuming(self) -> None:
        for observer in self.all:
            observer.resuming()


def watching(observer: Observer | None) -> list[Observer]:
    """Return the single observers in what a context has."""
    if observer is None:
        return []
    return observer.all if isinstance(observer, _Several) else [observer]


def leave_note(node: Any, note: Any) -> None:
    """Put an observer's note on a node, beside those of other classes."""
    node.note = {**(node.note or {}), type(note): note}


def note_on(node: Any, kind: type[N]) -> N | None:
    """Return the note of a class that an observer left on a node."""
    return node.note.get(kind) if node.note else None


class Context(NamedTuple):
    """Whether operations are recorded, and who watches."""

    recording: bool = True
    observer: Observer | None = None
    tracing: bool = False  # inside a function that is being transformed, as by grad
    around: Context | None = None  # what holds again where this ends


# A ContextVar, so that neither another thread nor another asyncio task sees a change.
context: ContextVar[Context] = ContextVar("minigrad context", default=Context())
scope: ContextVar[Scope | None] = ContextVar("minigrad scope", default=None)  # of module calls


class switched:
    """Change fields of the context for the length of a with-block or of a decorated function.

    A decorated generator has the changed context while it runs and not while it is suspended.
    """

    def __init__(self, **changes: Any) -> None:
        self._changes = changes

    def __enter__(self) -> Self:
        current = context.get()
        context.set(current._replace(**self._changed(current), around=current))
        return self

    def _changed(self, current: Context) -> dict[str, Any]:
        return self._changes

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        around = context.get().around
        if around is not None:  # as it is where another thread closes a suspended generator
            context.set(around)

    def _again(self) -> switched:
        return switched(**self._changes)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function with the change around each call of it."""
        if inspect.isasyncgenfunction(function):
            raise ArgumentError(
                f"an asynchronous generator ({function.__qualname__}) cannot be decorated with "
                f"{type(self).__name__}; write a with-block inside it that ends before each yield"
            )
        if inspect.isgeneratorfunction(function):
            return cast("Callable[P, R]", self._wrap_generator(function))
        if inspect.iscoroutinefunction(function):
            return cast("Callable[P, R]", self._wrap_coroutine(function))

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._again():
                return function(*args, **kwargs)

        return call

    def _wrap_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return await function(*args, **kwargs)

        return call

    def _wrap_generator(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = function(*args, **kwargs)
            resume: Callable[[], Any] = functools.partial(next, generator)
            while True:
                try:
                    with self._again():
                        item = resume()
                except StopIteration as stop:
                    return stop.value
                try:
                    sent = yield item
                    resume = functools.partial(generator.send, sent)
                except GeneratorExit:
                    with self._again():
                        generator.close()
                    raise
                except BaseException as error:
                    resume = functools.partial(generator.throw, error)

        return call


class observing(switched):
    """Let an observer watch, beside those that watch already: see `switched`."""

    def __init__(self, observer: Observer) -> None:
        super().__init__()
        self._observer = observer

    def _changed(self, current: Context) -> dict[str, Any]:
        others = watching(current.observer)
        if self._observer in others:  # as in a decorated function that calls itself
            return {}
        return {"observer": _Several(*others, self._observer) if others else self._observer}

    def _again(self) -> switched:
        return observing(self._observer)


class no_grad(switched):
    """Record nothing: a context manager, and a decorator for functions and generators.

    Results of operations inside do not require gradients. Other threads and asyncio tasks are not
    affected. A generator that yields inside the block leaves it in force for its caller until it
    goes on; a decorated one does not.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
    >>> with mg.no_grad():
    ...     w -= 0.5
    >>> w.data
    array([0.5, 1.5], dtype=float32)
    >>> @mg.no_grad()
    ... def predict(x):
    ...     return w * x
    >>> predict(2.0).requires_grad
    False
    """

    def __init__(self, function: None = None) -> None:
        _refuse_function("no_grad", function)
        super().__init__(recording=False)


class enable_grad(switched):
    """Record again inside `no_grad`: a context manager and a decorator.

    Examples
    --------
    >>> import minigrad as mg
    >>> w = mg.tensor(3.0, requires_grad=True)
    >>> with mg.no_grad(), mg.enable_grad():
    ...     (w * w).requires_grad
    True
    """

    def __init__(self, function: None = None) -> None:
        _refuse_function("enable_grad", function)
        super().__init__(recording=True)


def _refuse_function(name: str, function: object) -> None:
    if function is not None:
        raise ArgumentError(f"{name} takes no argument; as a decorator write @{name}()")


def is_grad_enabled() -> bool:
    """Return whether operations are being recorded here.

    Examples
    --------
    >>> import minigrad as mg
    >>> mg.is_grad_enabled()
    True
    >>> with mg.no_grad():
    ...     mg.is_grad_enabled()
    False
    """
    return context.get().recording
