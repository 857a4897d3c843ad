"""What all optimizers share: parameter groups, the checks around a step, and saving."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from minigrad.errors import ArgumentError, GraphError
from minigrad.optim import _state
from minigrad.optim._group import ParamGroup
from minigrad.optim._options import Check, check_options
from minigrad.optim._parameters import Named, Parameters, read_groups
from minigrad.optim._slots import Array, Arrays, Kept, Options, Scalars, Slot
from minigrad.tensor import Tensor

__all__ = ["Optimizer"]


class Optimizer(ABC):
    """Base of the optimizers: it owns what they share, and they are their formula.

    A subclass names its options and how each is checked (`_options`), and has up to four methods:
    `_layout` says which arrays are kept for each parameter, `_coefficients` computes every scalar
    of a step, `_update` applies the formula to one parameter, `_formula` writes it down.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor) pairs, or of dicts
        ``model.parameters()``, ``model.named_parameters()``, or parameter groups
        ``{"params": ..., "lr": ...}`` with options of their own.
    **defaults
        The options of groups that do not set them.

    Attributes
    ----------
    param_groups : list of ParamGroup
        The groups; ``optimizer.param_groups[0]["lr"] = 0.01`` takes effect at the next step.
    defaults : dict
        The options that a group has unless it sets them.

    Examples
    --------
    An optimizer of one's own:

    >>> import numpy as np
    >>> import minigrad as mg
    >>> class SignSGD(mg.optim.Optimizer):
    ...     _options = {"lr": lambda label, value: float(value)}
    ...
    ...     def _coefficients(self, options, step):
    ...         return (options["lr"],)
    ...
    ...     def _update(self, w, g, kept, k, scratch, options):
    ...         (lr,), (s,) = k, scratch
    ...         np.sign(g, out=s)
    ...         np.multiply(s, lr, out=s)
    ...         np.subtract(w, s, out=w)
    ...
    ...     @classmethod
    ...     def _formula(cls, options):
    ...         return "steps of one length", ["w <- w - lr sign(g)"]
    >>> w = mg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = SignSGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w.data
    array([ 0.5, -1.5], dtype=float32)
    >>> optimizer
    SignSGD: steps of one length
      w <- w - lr sign(g)
      <1 parameter: lr=0.5>
    """

    _options: ClassVar[Mapping[str, Check]]
    _scratch_count: ClassVar[int] = 1

    def __init__(self, params: Parameters | Iterable[Mapping[str, Any]], **defaults: Any) -> None:
        self.defaults = self._checked(defaults, {})
        self.param_groups: list[ParamGroup] = []
        self._scratch: dict[Any, Arrays] = {}
        self._scalars: dict[Any, tuple[Array, tuple[Array, ...]]] = {}
        groups = read_groups(self._name, params)
        self._refuse_repeated([named for group, _ in groups for named in group])
        for group, options in groups:
            self._append_group(group, options)

    def __getstate__(self) -> dict[str, Any]:
        # Views would be copied apart from what they show, and scalars would never change again.
        return {**self.__dict__, "_scratch": {}, "_scalars": {}}

    def __setattr__(self, name: str, value: Any) -> None:
        if name in type(self)._options:
            raise ArgumentError(
                f"{self._name} keeps {name} in its parameter groups; write "
                f"optimizer.param_groups[0][{name!r}] = value, for each of them"
            )
        super().__setattr__(name, value)

    # --- What a subclass fills in ------------------------------------------------------------

    @classmethod
    def _conflict(cls, options: Options) -> str:
        """Return what is wrong with options that are all right one by one, but not together."""
        return ""

    def _layout(self, options: Options) -> tuple[Kept, ...]:
        """Return which arrays are kept for each parameter with these options."""
        return ()

    @abstractmethod
    def _coefficients(self, options: Options, step: int) -> tuple[float, ...]:
        """Return all scalars that `_update` needs in a parameter's `step`, counted from 1."""

    @abstractmethod
    def _update(
        self, w: Array, g: Array, kept: Arrays, k: Scalars, scratch: Arrays, options: Options
    ) -> None:
        """Change the parameter `w` in place, given its gradient `g`, which must stay as it is.

        `kept` are the arrays of `_layout`, `k` the numbers of `_coefficients`, and `scratch`
        `_scratch_count` arrays like `w` to compute in.
        """

    @classmethod
    @abstractmethod
    def _formula(cls, options: Options) -> tuple[str, list[str]]:
        """Return the name of the variant that these options choose, and its formula in lines."""

    # --- Steps -------------------------------------------------------------------------------

    def step(self) -> None:
        """Change every parameter that has a gradient, by the optimizer's formula.

        Parameters whose ``grad`` is None, and frozen ones (``requires_grad=False``), are left as
        they are. Everything is checked before the first parameter changes.

        Raises
        ------
        GraphError
            If no parameter has a gradient, or an array is read-only.
        ShapeError
            If a gradient or a parameter is not of the shape and dtype it has to be.

        Examples
        --------
        >>> import minigrad as mg
        >>> w = mg.tensor([4.0], requires_grad=True)
        >>> optimizer = mg.optim.SGD([w], lr=0.25)
        >>> for _ in range(2):
        ...     optimizer.zero_grad()
        ...     (w * w).sum().backward()
        ...     optimizer.step()
        >>> w.data
        array([1.], dtype=float32)
        """
        work = [self._ready(group) for group in self.param_groups]
        if not any(work):
            raise GraphError(
                f"{self._name}.step(): no parameter has a gradient; call loss.backward() first, "
                "and zero_grad() before it, not between it and step()"
            )
        for group, ready in zip(self.param_groups, work, strict=True):
            if ready:
                self._step_group(group, ready)

    def _ready(self, group: ParamGroup) -> list[tuple[Slot, Array, Array]]:
        """Return the slots of a group that have a gradient, with the arrays of both."""
        ready = []
        for slot in group.slots:
            tensor = slot.tensor
            grad = tensor.grad
            if grad is None or not tensor.requires_grad:
                continue
            data = tensor.data
            if data is not slot.seen or (type(data) is np.ndarray and not data.flags.writeable):
                slot.check_array(data)
                slot.scratch = self._scratch_for(data)
                slot.seen = data
            if type(grad) is not type(data) or grad.shape != data.shape or grad.dtype != data.dtype:
                grad = slot.usable_gradient(data, grad)
            ready.append((slot, data, grad))
        return ready

    def _step_group(self, group: ParamGroup, ready: list[tuple[Slot, Array, Array]]) -> None:
        options = group.options
        layout = group.arranged(self._layout)
        update = self._update
        k: Scalars = ()
        step, dtype, kind = 0, None, None  # what k is for
        for slot, w, g in ready:
            slot.steps += 1
            if slot.layout is not layout:
                slot.arrange(layout)
            if slot.steps != step or w.dtype is not dtype or type(w) is not kind:
                step, dtype, kind = slot.steps, w.dtype, type(w)
                k = self._as_scalars(self._coefficients(options, step), w)
            update(w, g, slot.arrays, k, slot.scratch, options)
            slot.tensor.increment_version()

    def _scratch_for(self, data: Array) -> Arrays:
        """Return arrays to compute in, shared by all parameters of one shape and dtype."""
        key = type(data), data.shape, data.dtype
        if key not in self._scratch:
            self._scratch[key] = tuple(np.empty_like(data) for _ in range(self._scratch_count))
        return self._scratch[key]

    def _as_scalars(self, numbers: Scalars, data: Array) -> Scalars:
        """Return numbers in the form in which arithmetic with the array starts fastest.

        NumPy takes half as long to start on a 0-d array of the right dtype as on a Python number.
        """
        if type(data) is not np.ndarray:
            return numbers
        key = len(numbers), data.dtype
        if key not in self._scalars:
            buffer = np.empty(len(numbers), data.dtype)
            self._scalars[key] = buffer, tuple(buffer[i, ...] for i in range(len(numbers)))
        buffer, scalars = self._scalars[key]
        for i, number in enumerate(numbers):
            buffer[i] = number
        return scalars

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to None."""
        for group in self.param_groups:
            for slot in group.slots:
                slot.tensor.grad = None

    # --- Groups ------------------------------------------------------------------------------

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add parameters with options of their own, such as layers that start to be trained.

        Parameters
        ----------
        group : dict
            ``{"params": ..., "lr": ...}``; options that are missing are the optimizer's defaults.

        Raises
        ------
        ArgumentError, DtypeError
            As the constructor.

        Examples
        --------
        >>> from minigrad import nn, optim
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
        >>> optimizer = optim.SGD(model[1].parameters(), lr=0.1)
        >>> optimizer.add_param_group({"params": model[0].parameters(), "lr": 0.01})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.01]
        """
        if not isinstance(group, Mapping):
            raise ArgumentError(
                f'{self._name}.add_param_group takes a dict {{"params": ..., "lr": ...}}, not '
                f"{type(group).__name__}"
            )
        ((parameters, options),) = read_groups(self._name, [group])
        self._refuse_repeated([*(slot.named for slot in self._slots()), *parameters])
        self._append_group(parameters, options)

    def _append_group(self, parameters: list[Named], options: dict[str, Any]) -> None:
        where = f", parameter group {len(self.param_groups)}"
        first = len(list(self._slots()))
        slots = [Slot(named, first + i) for i, named in enumerate(parameters)]
        check = partial(self._checked_in_group, slots, where)  # which can be copied and pickled
        self.param_groups.append(ParamGroup(slots, {**self.defaults, **options}, check))

    @classmethod
    def _checked_in_group(
        cls, slots: list[Slot], where: str, changes: Options, options: Options
    ) -> dict[str, Any]:
        checked = cls._checked(changes, options, where)
        if "eps" in changes:
            for slot in slots:
                _refuse_lost_eps(cls.__name__, checked["eps"], slot)
        return checked

    def _refuse_repeated(self, parameters: list[Named]) -> None:
        seen: dict[int, int] = {}
        for index, named in enumerate(parameters):
            first = seen.setdefault(id(named.tensor), index)
            if first != index:
                raise ArgumentError(
                    f"{self._name} got {named.label(index)} twice, as number {first} and number "
                    f"{index}, and would change it twice in each step; give it once"
                )

    @classmethod
    def _checked(cls, changes: Options, options: Options, where: str = "") -> dict[str, Any]:
        checked = {**options, **check_options(cls._options, changes, cls.__name__, where)}
        conflict = cls._conflict(checked)
        if conflict:
            raise ArgumentError(f"{cls.__name__}{where}: {conflict}")
        return checked

    def _slots(self) -> Iterator[Slot]:
        return (slot for group in self.param_groups for slot in group.slots)

    @property
    def _name(self) -> str:
        return type(self).__name__

    # --- What is kept ------------------------------------------------------------------------

    def state_of(self, parameter: Tensor) -> dict[str, Any]:
        """Return what is kept for a parameter, by the letters of the formula.

        Parameters
        ----------
        parameter : Tensor
            One of the optimizer's parameters.

        Returns
        -------
        dict
            ``"steps"``, how often it was updated, and a new array for each kept quantity.

        Raises
        ------
        ArgumentError
            If the optimizer does not have this parameter.

        Examples
        --------
        >>> import minigrad as mg
        >>> w = mg.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = mg.optim.SGD([w], lr=0.1, momentum=0.9)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> optimizer.state_of(w)
        {'steps': 1, 'V': array([2., 4.], dtype=float32)}
        """
        for slot in self._slots():
            if slot.tensor is parameter:
                quantities = {name: array * scale for name, (scale, array) in slot.kept.items()}
                return {"steps": slot.steps, **quantities}
        raise ArgumentError(f"{self._name} has no such parameter: {parameter!r}")

    def state_dict(self) -> dict[str, Any]:
        """Return all that has to be saved to go on later as if nothing had happened.

        Returns
        -------
        dict
            ``"optimizer"``: the class's name. ``"param_groups"``: the options of each group, and
            the indices of its parameters. ``"state"``: for each index (as a string, for JSON) the
            parameter's name if it is known, its ``"steps"``, its ``"arrays"`` (copies) and their
            ``"scales"``: array times scale is the quantity of the formula. Apart from the arrays,
            everything is what JSON can hold.

        Examples
        --------
        >>> from minigrad import nn, optim
        >>> model = nn.Linear(3, 2)
        >>> optimizer = optim.Adam(model.parameters(), lr=0.1)
        >>> saved = optimizer.state_dict()
        >>> again = optim.Adam(model.parameters())
        >>> again.load_state_dict(saved)
        >>> again.param_groups[0]["lr"]
        0.1
        """
        return _state.pack(self._name, self.param_groups, self._layout)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where another optimizer of this kind was when its `state_dict` was made.

        Sets the options of the groups, too. The next steps are the same to the last bit.

        Parameters
        ----------
        state_dict : mapping
            What `state_dict` returned.

        Raises
        ------
        StateDictError
            If anything does not fit. Lists everything that does not; nothing was changed.
        """
        _state.unpack(state_dict, self._name, self.param_groups, self._layout)

    # --- What it is --------------------------------------------------------------------------

    @property
    def formula(self) -> str:
        """The variant and its formula, as chosen by the options of the first group."""
        variant, lines = self._formula(self.param_groups[0].options)
        return "\n".join([variant, *(f"  {line}" for line in lines)])

    def __repr__(self) -> str:
        shown = []
        previous = None
        for group in self.param_groups:
            variant, lines = self._formula(group.options)
            if lines != previous:
                shown += [f"{self._name}: {variant}", *(f"  {line}" for line in lines)]
            previous = lines
            shown.append(f"  {group!r}")
        return "\n".join(shown)


def _refuse_lost_eps(owner: str, eps: float, slot: Slot) -> None:
    dtype = slot.tensor.dtype
    if not dtype.type(eps):
        raise ArgumentError(
            f"{owner}: eps={eps} is 0 in {dtype}, the dtype of {slot.label}, where it "
            f"could not keep a division by zero away; use eps={float(np.finfo(dtype).tiny):.1g} "
            "or more"
        )
