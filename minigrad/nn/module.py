"""Modules: functions with parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from reprlib import recursive_repr
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike

from minigrad.arrays import as_array, as_dtype, is_floating
from minigrad.context import Scope, context, scope
from minigrad.errors import (
    ArgumentError,
    DtypeError,
    MissingMethodError,
    ShapeError,
    StateDictError,
)
from minigrad.nn._checks import described
from minigrad.nn.parameter import Buffer, Parameter, is_parameter, is_state
from minigrad.tensor import Tensor

__all__ = ["Call", "Module"]


class Call:
    """One call of a module, inside the call of another or not: the scope of what it records."""

    __slots__ = ("module", "parent")

    def __init__(self, module: Module, parent: Scope | None) -> None:
        self.module = module
        self.parent = parent

    @property
    def path(self) -> str:
        """Dotted path of the module from the outermost one: ``encoder.0``, or its class."""
        names: list[str] = []
        call: Call | None = self
        while call is not None:
            owner, name = call._owner()
            names.append(name if owner is not None or call is self else "")
            call = owner
        return ".".join(filter(None, reversed(names)))

    def _owner(self) -> tuple[Call | None, str]:
        """Return the nearest call around this one whose module has this module, and as what."""
        around = self.parent
        while isinstance(around, Call):
            for name, module in around.module.named_modules():
                if module is self.module and name:
                    return around, name
            around = around.parent
        return None, type(self.module).__name__ if self.parent is not None else ""


_get_scope, _set_scope, _reset_scope = scope.get, scope.set, scope.reset
_get_context = context.get

_METHODS_FOR = {
    "requires_grad": "call module.requires_grad_(False) to freeze its parameters",
    "train": "call module.train() or module.eval()",
    "eval": "call module.eval() or module.train()",
}


class Incompatible(NamedTuple):
    """What `Module.load_state_dict` was told to overlook."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """A function with parameters, and the base class of all layers and models.

    A subclass assigns its parameters and the modules it is made of to attributes (singly, or in
    lists, tuples and dicts), and defines ``forward``. Nothing need be registered, and
    ``super().__init__()`` need not be called. Calling the module calls ``forward``.

    Attributes
    ----------
    training : bool
        Whether the module is being trained; `Dropout` and its like behave accordingly. True at
        first; set by `train` and `eval`.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.hidden = nn.Linear(2, 3)
    ...         self.out = nn.Linear(3, 1)
    ...
    ...     def forward(self, x):
    ...         return self.out(np.tanh(self.hidden(x)))
    >>> net = Net()
    >>> net(np.ones((5, 2), np.float32)).shape
    (5, 1)
    >>> [name for name, _ in net.named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's result; defined by each subclass."""
        raise MissingMethodError(
            f"{type(self).__name__} does not define forward, which a call runs; write "
            "def forward(self, x): in the class"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward`, and remember in what it records that it was this module's doing."""
        call = Call(self, _get_scope())
        token = _set_scope(call)
        try:
            out = self.forward(*args, **kwargs)
            observer = _get_context().observer
            if observer is not None:
                observer.called(call, args, out)
            return out
        finally:
            _reset_scope(token)

    def __setattr__(self, name: str, value: Any) -> None:
        old = vars(self).get(name)
        if isinstance(old, Tensor) and value is not None and is_state(old) and not is_state(value):
            kind = "parameter" if is_parameter(old) else "buffer"
            raise DtypeError(
                f"{type(self).__name__}.{name} is a {kind}, and {_what(value)} is none; to change "
                f"its values write module.{name}.data = array"
            )
        if name in _METHODS_FOR and not callable(value):
            raise ArgumentError(
                f"{type(self).__name__}.{name} cannot be set to {_what(value)}; "
                f"{_METHODS_FOR[name]}"
            )
        super().__setattr__(name, value)

    # --- What it is made of ------------------------------------------------------------------

    def members(self) -> Iterator[tuple[str, Any]]:
        """Yield the names and values that parameters and modules are looked for in, in order."""
        yield from vars(self).items()

    def _tensors_and_modules(self) -> Iterator[tuple[str, Tensor | Module]]:
        for name, value in self.members():
            yield from _found(name, value)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yield this module under the name "" and all modules in it, each once, in order."""
        yield from self._unseen_modules("", set())

    def _unseen_modules(self, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
        seen.add(id(self))
        yield path, self
        for name, child in self._tensors_and_modules():
            if isinstance(child, Module) and id(child) not in seen:
                yield from child._unseen_modules(f"{path}.{name}" if path else name, seen)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all modules in it, each once, in order."""
        for _, module in self.named_modules():
            yield module

    def children(self) -> Iterator[Module]:
        """Yield the modules that this one is made of, not those inside them."""
        for _, child in self.named_children():
            yield child

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules that this one is made of, not those inside them, with their names."""
        seen: set[int] = set()
        for name, child in self._tensors_and_modules():
            if isinstance(child, Module) and id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def _named(self, wanted: Callable[[Tensor], bool]) -> Iterator[tuple[str, Tensor]]:
        seen: set[int] = set()
        for path, module in self.named_modules():
            for name, tensor in module._tensors_and_modules():
                if isinstance(tensor, Tensor) and wanted(tensor) and id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield (f"{path}.{name}" if path else name), tensor

    def _under_every_name(
        self, path: str = "", around: tuple[Module, ...] = ()
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield parameters and buffers, a shared one more than once."""
        for name, value in self._tensors_and_modules():
            full = f"{path}.{name}" if path else name
            if isinstance(value, Tensor):
                if is_state(value):
                    yield full, value
            # A module may refer to one that it is in; that is not a part of it.
            elif all(value is not module for module in (*around, self)):
                yield from value._under_every_name(full, (*around, self))

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the parameters of this module and all modules in it, with dotted names, in order.

        A parameter that is shared is yielded once, under its first name. Tensors that require a
        gradient count as parameters, whether or not they are made by `Parameter`.
        """
        return self._named(is_parameter)

    def parameters(self) -> Iterator[Tensor]:
        """Yield the parameters of this module and all modules in it, each once, in order."""
        for _, parameter in self.named_parameters():
            yield parameter

    def own_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the parameters that this module holds itself, not those of modules in it."""
        for name, tensor in self._tensors_and_modules():
            if isinstance(tensor, Tensor) and is_parameter(tensor):
                yield name, tensor

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers of this module and all modules in it, with dotted names, in order."""
        return self._named(lambda tensor: isinstance(tensor, Buffer))

    # --- State -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the values of all parameters and buffers, by their dotted names.

        Examples
        --------
        >>> from minigrad import nn
        >>> model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        >>> {name: array.shape for name, array in model.state_dict().items()}
        {'0.weight': (2, 3), '0.bias': (2,)}
        """
        return {name: tensor.data.copy() for name, tensor in self._named(is_state)}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Incompatible:
        """Set parameters and buffers to the values in a state dict.

        Parameters
        ----------
        state : mapping from str to array
            As `state_dict` returns it (or PyTorch's, with arrays). Precision is converted.
        strict : bool, default True
            Whether every entry must be there and none may be left over.

        Returns
        -------
        Incompatible
            The names that were missing and unexpected; empty where `strict`.

        Raises
        ------
        StateDictError
            If entries are missing, unexpected, of another shape, or not floating-point where the
            parameter is. It lists them all, and nothing is changed. Also if `state` is no mapping.
        """
        if not isinstance(state, Mapping):
            raise StateDictError(
                f"load_state_dict takes a dict of arrays, not {type(state).__name__}; a file "
                "is loaded with minigrad.io.load_weights_into(model, path)"
            )
        once = dict(self._named(is_state))
        # Names of shared tensors other than the first are looked for only if there are such.
        every_name = once if state.keys() <= once.keys() else dict(self._under_every_name())
        unexpected = [name for name in state if name not in every_name]
        given = {name: state[name] for name in every_name if name in state}
        covered = {id(every_name[name]) for name in given}
        missing = [name for name, tensor in once.items() if id(tensor) not in covered]
        problems = [
            *(f"missing: {name} {once[name].shape}" for name in missing if strict),
            *(f"unexpected: {name}" for name in unexpected if strict),
        ]
        arrays = _fitting(every_name, given, problems)
        if problems:
            raise StateDictError(
                f"the state dict does not fit {type(self).__name__} "
                f"({len(problems)} of its entries):\n  " + "\n  ".join(problems)
            )
        for name, array in arrays.items():
            every_name[name].data[...] = array
            every_name[name].increment_version()
        return Incompatible(missing, unexpected)

    def place(self) -> str:
        """Return the dotted path under which the module is being called, empty outside a model."""
        call = scope.get()
        return call.path if isinstance(call, Call) and call.module is self else ""

    # --- Modes -------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Say that the module is being trained (or not), it and all modules in it.

        Raises
        ------
        ArgumentError
            If `mode` is not True or False.

        Examples
        --------
        >>> from minigrad import nn
        >>> model = nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))
        >>> model.eval()[1].training, model.train()[1].training
        (False, True)
        """
        if not isinstance(mode, bool):
            raise ArgumentError(
                f"train(mode) says whether the model is in training mode, True or False, not "
                f"{described(mode)}; what trains it on data is minigrad.training.fit"
            )
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Say that the module is not being trained: the same as ``train(False)``.

        Examples
        --------
        >>> import numpy as np
        >>> from minigrad import nn
        >>> nn.Dropout(0.5).eval()(np.ones(3))  # nothing is dropped
        array([1., 1., 1.])
        """
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: they are None again."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def requires_grad_(self, value: bool = True) -> Self:
        """Say whether gradients are wanted for the parameters; False freezes them.

        Examples
        --------
        >>> from minigrad import nn, optim
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        >>> _ = model[0].requires_grad_(False)
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['2.weight', '2.bias']
        >>> optimizer = optim.Adam([p for p in model.parameters() if p.requires_grad])
        """
        for parameter in list(self.parameters()):
            if not isinstance(parameter, Parameter):
                parameter.__class__ = Parameter  # so that it is found when it is frozen, too
            parameter.requires_grad = value
        return self

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call a function on every module in this one and then on this one."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def to(self, dtype: DTypeLike) -> Self:
        """Convert parameters and floating-point buffers to another floating-point dtype.

        Gradients are forgotten.

        Raises
        ------
        DtypeError
            If `dtype` is not a real floating-point dtype.
        """
        dtype = as_dtype(dtype)
        if not is_floating(dtype):
            raise DtypeError(
                f"parameters are floating-point numbers, not {dtype}; they can be np.float32 or "
                "np.float64"
            )
        for _, tensor in self._named(is_state):
            if is_floating(tensor.dtype):
                tensor.convert_(dtype)
        return self

    # --- Text --------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return the configuration that the repr shows between the parentheses."""
        return ""

    @recursive_repr()  # a module may refer to one that it is in
    def __repr__(self) -> str:
        lines = [self.extra_repr()] if self.extra_repr() else []
        children = list(self.named_children())
        if not children:
            return f"{type(self).__name__}({', '.join(lines)})"
        for name, child in children:
            first, *rest = repr(child).splitlines()
            lines += [f"({name}): {first}", *rest]
        body = "".join(f"\n  {line}" for line in lines)
        return f"{type(self).__name__}({body}\n)"


def _found(name: str, value: Any) -> Iterator[tuple[str, Tensor | Module]]:
    """Yield the tensors and modules in an attribute, in nested lists, tuples and dicts, too."""
    if isinstance(value, Tensor | Module):
        yield name, value
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _found(f"{name}.{index}", item)
    elif isinstance(value, dict):
        names = [str(key) for key in value]
        for key, item in zip(names, value.values(), strict=True):
            found = list(_found(f"{name}.{key}", item))
            if found and ("." in key or names.count(key) > 1):
                raise ArgumentError(
                    f"the entries of {name} become {name}.KEY, so a key has no dot and is like no "
                    f"other as text; {key!r} is not such a key"
                )
            yield from found
    elif isinstance(value, set | frozenset) and any(isinstance(v, Tensor | Module) for v in value):
        raise DtypeError(
            f"{name} is a {type(value).__name__} of modules or tensors, which has no order; make "
            "it a list"
        )


def _fitting(
    tensors: Mapping[str, Tensor], given: Mapping[str, Any], problems: list[str]
) -> dict[str, Any]:
    """Return the arrays for the tensors of the same names; what does not fit is a problem."""
    arrays: dict[str, Any] = {}
    first: dict[int, str] = {}
    for name, value in given.items():
        try:
            array = value.data if isinstance(value, Tensor) else as_array(value, copy=False)
        except (DtypeError, ShapeError) as error:
            problems.append(f"{name}: {error}")
            continue
        problem = _mismatch(tensors[name], array)
        if problem:
            problems.append(f"{name}: {problem}")
            continue
        # A copy, since it may be the memory of another of these tensors.
        array = arrays[name] = array.astype(tensors[name].dtype)
        other = first.setdefault(id(tensors[name]), name)
        if not np.array_equal(arrays[other], array, equal_nan=True):
            problems.append(f"{name}: differs from {other}, with which it is shared")
    return arrays


def _what(value: Any) -> str:
    kind = type(value).__name__
    return f"a result ({kind})" if isinstance(value, Tensor) and not value.is_leaf else kind


def _mismatch(tensor: Tensor, array: Any) -> str | None:
    if array.shape != tensor.shape:
        return f"shape {array.shape} where the model has {tensor.shape}"
    if not getattr(tensor.data.flags, "writeable", True):
        return "the model's own array is read-only"
    if is_floating(tensor.dtype) != is_floating(array.dtype):
        return f"dtype {array.dtype} where the model has {tensor.dtype}"
    return None
