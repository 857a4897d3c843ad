"""What is going on around a call: whether it is recorded, in which module, who watches."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, Protocol, Self, TypeVar, cast

from minigrad.errors import ArgumentError

__all__ = [
    "Context",
    "Observer",
    "Scope",
    "context",
    "enable_grad",
    "is_grad_enabled",
    "no_grad",
    "scope",
    "switched",
]

P = ParamSpec("P")
R = TypeVar("R")


class Scope(Protocol):
    """The module call in which an operation runs."""

    @property
    def path(self) -> str:
        """Dotted path of the module, as its user names it: ``encoder.0``."""
        ...


class Observer:
    """Watches every recorded operation; this one does nothing. See `minigrad.debugging`."""

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
        context.set(current._replace(**self._changes, around=current))
        return self

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
