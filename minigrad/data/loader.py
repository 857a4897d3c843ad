"""Batches of samples, in order or shuffled, whose position can be saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad import random
from minigrad.data._checks import check_count
from minigrad.errors import (
    ArgumentError,
    DataError,
    DtypeError,
    ShapeError,
    StateDictError,
)
from minigrad.random import Rng

__all__ = ["DataLoader"]

_SETTINGS = ("num_samples", "batch_size", "shuffle", "drop_last")
_STATE = (*_SETTINGS, "epoch", "batch", "order_seed", "rng")


class DataLoader:
    """Batches of one or more arrays that belong together, one epoch for each ``for`` loop.

    A batch is taken from each array by whole slices or index arrays, never sample by sample.
    Without shuffling it is a read-only view of the data, which costs nothing and which a
    careless ``batch -= ...`` cannot damage; with shuffling it is a copy of its own.

    Parameters
    ----------
    *arrays : array_like, shape (N, ...)
        Samples, labels and whatever else there is for each sample; or one tuple of them, such
        as ``load_mnist().train``. Other than by converting lists, nothing is copied.
    batch_size : int, default 32
        Samples in a batch; the last one has what remains.
    shuffle : bool, default False
        Whether each epoch has an order of its own.
    drop_last : bool, default False
        Whether a last batch of fewer samples is left out.
    rng : numpy.random.Generator, int or None, default None
        Where the orders come from: one number is drawn from it for each epoch. The same seed
        gives the same orders. None is minigrad's own generator, see `minigrad.random.seed`.
    transform : callable, or sequence of callable or None, optional
        What is done to each batch: a function of all its arrays that returns the batch as the
        loop is to see it, or one function (or None) for each array.

    Attributes
    ----------
    epoch : int
        How many epochs lie behind; one that was left in the middle counts as soon as the next
        one begins.
    arrays : tuple
        The data.
    num_samples : int
        N.

    Raises
    ------
    ArgumentError
        If there is no array, `batch_size` is no integer from 1 up, `drop_last` would leave no
        batch, or there are not as many transforms as arrays.
    ShapeError
        If the arrays differ in length.
    DataError
        If they are empty.
    DtypeError
        If an array holds objects or strings.

    Notes
    -----
    Iterating gives the array itself where there is only one, and a tuple otherwise.

    An order depends on nothing but the number drawn for its epoch, so `state_dict` can be asked
    for in the middle of an epoch; a loader that takes it goes on with the very next batch.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.data import DataLoader
    >>> x, y = np.arange(10, dtype=np.float32).reshape(5, 2), np.arange(5)
    >>> loader = DataLoader(x, y, batch_size=2)
    >>> len(loader)
    3
    >>> [labels.tolist() for _, labels in loader]
    [[0, 1], [2, 3], [4]]
    >>> shuffled = DataLoader(x, y, batch_size=2, shuffle=True, drop_last=True, rng=0)
    >>> [len(labels) for _, labels in shuffled]
    [2, 2]
    """

    def __init__(
        self,
        *arrays: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        drop_last: bool = False,
        rng: Rng = None,
        transform: Callable[..., Any] | Sequence[Callable[[Any], Any] | None] | None = None,
    ) -> None:
        self.arrays = _checked_arrays(arrays)
        self.num_samples = len(self.arrays[0])
        self.batch_size = check_count("batch_size", batch_size)
        self.shuffle = bool(shuffle)
        self.drop_last = bool(drop_last)
        if not len(self):
            raise ArgumentError(
                f"drop_last leaves no batch of {self.batch_size} out of {self.num_samples} "
                f"samples; choose a smaller batch_size"
            )
        self.transform = _checked_transform(transform, len(self.arrays))
        self._rng = random.resolve(rng)
        self.epoch = 0
        self._batch = 0  # of the current epoch, how many are delivered
        self._order_seed: int | None = None
        self._resume = False  # whether the next loop goes on in the middle of an epoch
        self._pass: object = None  # the latest loop; only that one moves the position

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        rounding = 0 if self.drop_last else self.batch_size - 1
        return (self.num_samples + rounding) // self.batch_size

    def __repr__(self) -> str:
        arrays = ", ".join(f"{array.dtype}{tuple(array.shape)}" for array in self.arrays)
        return (
            f"DataLoader({arrays}, batch_size={self.batch_size}, shuffle={self.shuffle}, "
            f"drop_last={self.drop_last}, epoch={self.epoch})"
        )

    def __iter__(self) -> Iterator[Any]:
        """Begin an epoch, or go on with the one that `load_state_dict` has restored."""
        if self._resume:
            self._resume = False
        else:
            self.epoch += self._batch > 0
            self._batch = 0
            self._order_seed = int(self._rng.integers(2**63)) if self.shuffle else None
        self._pass = object()
        return self._batches(self._pass, self._batch, self._order())

    def _order(self) -> Any:
        if self._order_seed is None:
            return None
        return np.random.default_rng(self._order_seed).permutation(self.num_samples)

    def _batches(self, this: object, start: int, order: Any) -> Iterator[Any]:
        take = _slices if order is None else _selections
        for index in range(start, len(self)):
            first = index * self.batch_size
            rows = slice(first, min(first + self.batch_size, self.num_samples))
            batch = self._transformed(take(self.arrays, rows, order))
            if self._pass is this:
                self._batch = index + 1
            yield batch
        if self._pass is this:
            self.epoch += 1
            self._batch = 0
            self._order_seed = None

    def _transformed(self, batch: tuple[Any, ...]) -> Any:
        if isinstance(self.transform, tuple):
            batch = tuple(
                part if function is None else _result(function(part))
                for function, part in zip(self.transform, batch, strict=True)
            )
        elif self.transform is not None:
            return _result(self.transform(*batch))
        return batch[0] if len(batch) == 1 else batch

    def state_dict(self) -> dict[str, Any]:
        """Return where the loader stands, as numbers and strings that JSON can hold.

        Returns
        -------
        dict
            The settings, the epoch, how many of its batches are delivered, and the state of the
            generator that the orders come from.

        Examples
        --------
        >>> import json, numpy as np
        >>> from minigrad.data import DataLoader
        >>> loader = DataLoader(np.arange(6), batch_size=2, shuffle=True, rng=0)
        >>> batches = iter(loader)
        >>> first = next(batches)
        >>> state = json.loads(json.dumps(loader.state_dict()))
        >>> resumed = DataLoader(np.arange(6), batch_size=2, shuffle=True)
        >>> resumed.load_state_dict(state)
        >>> all((a == b).all() for a, b in zip(resumed, batches, strict=True))
        True
        """
        return {
            **{name: getattr(self, name) for name in _SETTINGS},
            "epoch": self.epoch,
            "batch": self._batch,
            "order_seed": self._order_seed,
            "rng": _plain(self._rng.bit_generator.state),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to where `state_dict` was asked for.

        The next loop goes on with the batch after the last one that had been delivered. The
        generator is set back too: that is minigrad's own one if the loader was made with
        ``rng=None``.

        Parameters
        ----------
        state : mapping
            What `state_dict` of a loader for the same data has returned.

        Raises
        ------
        StateDictError
            If entries are missing, wrong or unknown, or the state is of the middle of an epoch
            with other settings; nothing is changed then.
        """
        self._check_state(state)
        try:
            self._rng.bit_generator.state = state["rng"]
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError) as error:
            raise StateDictError(
                f"the state of the generator does not fit this loader's "
                f"{type(self._rng.bit_generator).__name__} ({error})"
            ) from error
        self.epoch = state["epoch"]
        self._batch = state["batch"]
        self._order_seed = state["order_seed"]
        self._resume = _is_inside_epoch(state)
        self._pass = None

    def _check_state(self, state: Mapping[str, Any]) -> None:
        if not isinstance(state, Mapping):
            raise StateDictError(
                f"the state of a DataLoader is a dict, as state_dict() returns it, not "
                f"{type(state).__name__}"
            )
        if set(state) != set(_STATE):
            raise StateDictError(
                f"the state of a DataLoader has the entries {', '.join(_STATE)}, and this one "
                f"has {', '.join(map(str, state)) or 'none'}"
            )
        for name in ("epoch", "batch"):
            if not _is_count(state[name]):
                raise StateDictError(f"{name} is an integer from 0 up, not {state[name]!r}")
        if not (state["order_seed"] is None or _is_count(state["order_seed"])):
            raise StateDictError(f"order_seed is an integer or None, not {state['order_seed']!r}")
        if _is_inside_epoch(state):
            self._check_settings(state)

    def _check_settings(self, state: Mapping[str, Any]) -> None:
        differing = [name for name in _SETTINGS if getattr(self, name) != state[name]]
        if differing:
            saved = ", ".join(f"{name}={state[name]}" for name in differing)
            here = ", ".join(f"{name}={getattr(self, name)}" for name in differing)
            raise StateDictError(
                f"the state is of the middle of an epoch with {saved}, and this loader has {here}"
            )
        if state["batch"] > len(self) or (state["order_seed"] is None) == self.shuffle:
            raise StateDictError(
                f"batch {state['batch']} of {len(self)} with order_seed {state['order_seed']!r} "
                f"is no place in an epoch"
            )


def _slices(arrays: tuple[Any, ...], rows: slice, order: None) -> tuple[Any, ...]:
    return tuple(_locked(array[rows]) for array in arrays)


def _locked(view: Any) -> Any:
    if isinstance(view, np.ndarray):
        view.flags.writeable = False
    return view


def _selections(arrays: tuple[Any, ...], rows: slice, order: Any) -> tuple[Any, ...]:
    chosen = order[rows]
    return tuple(_select(array, chosen) for array in arrays)


def _select(array: Any, chosen: Any) -> Any:
    # take is the faster one, but copies the whole of an array that is not contiguous first.
    if isinstance(array, np.ndarray) and array.flags.c_contiguous:
        return array.take(chosen, axis=0)
    return array[chosen]


def _checked_arrays(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(arrays) == 1 and isinstance(arrays[0], tuple):
        arrays = tuple(arrays[0])
    if not arrays:
        raise ArgumentError("a DataLoader needs at least one array")
    checked = tuple(_checked_array(array, place) for place, array in enumerate(arrays, start=1))
    lengths = [len(array) for array in checked]
    if len(set(lengths)) > 1:
        shapes = ", ".join(str(tuple(array.shape)) for array in checked)
        raise ShapeError(
            f"the arrays have {', '.join(map(str, lengths))} samples (shapes {shapes}), and "
            f"belong together sample by sample"
        )
    if lengths[0] == 0:
        raise DataError("the arrays are empty; there is nothing to take batches from")
    return checked


def _checked_array(value: Any, place: int) -> Any:
    # What speaks NumPy's protocols, such as an array on a GPU, is taken as it is.
    array = value if hasattr(value, "__array_function__") else _as_rectangle(value, place)
    if array.ndim == 0:
        raise ShapeError(f"array {place} is a single value, {value!r}; the first axis is samples")
    if getattr(array.dtype, "kind", "") in "OUST":
        raise DtypeError(
            f"array {place} holds {array.dtype}, not numbers; minigrad.data.from_frame and "
            f"encode_labels turn frames and names into numbers"
        )
    return array


def _as_rectangle(value: Any, place: int) -> npt.NDArray[Any]:
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ShapeError(
            f"array {place} is a {type(value).__name__} whose parts differ in shape; hand over "
            "arrays, such as those of one part of a data set: DataLoader(dataset.train)"
        ) from error


def _checked_transform(transform: Any, count: int) -> Any:
    if transform is None or callable(transform):
        return transform
    functions = tuple(transform) if isinstance(transform, Sequence) else (transform,)
    if len(functions) != count or not all(f is None or callable(f) for f in functions):
        raise ArgumentError(
            f"transform is a function of the {count} arrays of a batch, or a sequence of {count} "
            f"functions or None, one for each, not {transform!r}"
        )
    return functions


def _result(batch: Any) -> Any:
    if batch is None:
        raise ArgumentError("the transform returned None; it must return the transformed batch")
    return batch


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_inside_epoch(state: Mapping[str, Any]) -> bool:
    return state["batch"] > 0 or state["order_seed"] is not None


def _plain(state: Any) -> Any:
    """Return the state of a generator without NumPy's types, which JSON does not know."""
    if isinstance(state, Mapping):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state
