"""Scaling by statistics that are learnt from a training set and applied to every other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from minigrad.data._checks import as_floats, check_range, ones_for_zeros
from minigrad.errors import (
    ArgumentError,
    DataError,
    NotFittedError,
    ShapeError,
    StateDictError,
)

__all__ = ["MinMaxScaler", "Standardizer"]

Array = npt.NDArray[Any]
_ROWS = 4096  # samples that a pass in float64 looks at together


class _Scaler:
    """What both scalers share: ``(x - shift) / span``, then into a range if there is one."""

    _SAVED: tuple[str, str]

    def __init__(self, axis: int | tuple[int, ...] | None) -> None:
        self.axis = _checked_axes(axis)

    def fit(self, x: npt.ArrayLike) -> Self:
        """Learn the statistics of a training set.

        Parameters
        ----------
        x : array_like, shape (N, ...)
            Finite numbers, one sample for each index of the first axis.

        Returns
        -------
        self

        Raises
        ------
        DataError
            If `x` is empty or holds NaN or infinity.
        """
        array = as_floats("x", x)
        if array.ndim == 0 or array.size == 0:
            raise DataError(f"there is nothing to learn from an array of shape {array.shape}")
        self._learn(array, self._axes(array))
        return self

    def transform(self, x: npt.ArrayLike) -> Array:
        """Scale by what `fit` has learnt.

        Parameters
        ----------
        x : array_like, shape (..., features)
            Finite numbers, of the shape that `fit` has seen but for the number of samples.
            Floats keep their dtype, integers become float32.

        Returns
        -------
        numpy.ndarray
            A new array of the shape of `x`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ShapeError
            If the features are not those that `fit` has seen.
        DataError
            If `x` holds NaN or infinity.
        """
        array = as_floats("x", x)
        shift, span = self._shift_and_span(array)
        out: Array = np.subtract(array, shift, dtype=array.dtype)
        out /= span
        return self._into_range(out)

    def inverse_transform(self, x: npt.ArrayLike) -> Array:
        """Undo `transform`, to rounding.

        Parameters
        ----------
        x : array_like
            Scaled numbers.

        Returns
        -------
        numpy.ndarray
            A new array of the shape of `x`, in the units of the data that `fit` has seen.

        Raises
        ------
        NotFittedError, ShapeError, DataError
            As `transform` does.
        """
        array = self._out_of_range(as_floats("x", x))
        shift, span = self._shift_and_span(array)
        out: Array = np.multiply(array, span, dtype=array.dtype)
        out += shift
        return out

    def fit_transform(self, x: npt.ArrayLike) -> Array:
        """Learn from a training set, and return it scaled: ``fit(x).transform(x)``."""
        return self.fit(x).transform(x)

    def state_dict(self) -> dict[str, Array]:
        """Return copies of the statistics, as arrays by their names.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        self._check_fitted()
        return {name: getattr(self, name).copy() for name in self._SAVED}

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike]) -> None:
        """Take the statistics that `state_dict` of another scaler has returned.

        Raises
        ------
        StateDictError
            If the names are not those of this scaler; nothing is changed then.
        """
        if set(state) != set(self._SAVED):
            raise StateDictError(
                f"{type(self).__name__} is described by {', '.join(self._SAVED)}, "
                f"and the state has {', '.join(sorted(state)) or 'nothing'}"
            )
        for name in self._SAVED:
            setattr(self, name, np.array(state[name], np.float64))

    def _learn(self, x: Array, axes: tuple[int, ...]) -> None:
        raise NotImplementedError

    def _statistics(self) -> tuple[Array, Array]:
        raise NotImplementedError

    def _into_range(self, out: Array) -> Array:
        return out

    def _out_of_range(self, x: Array) -> Array:
        return x

    def _axes(self, x: Array) -> tuple[int, ...]:
        axes = tuple(range(x.ndim)) if self.axis is None else self.axis
        if max(axes) >= x.ndim:
            raise ShapeError(f"axis {self.axis} reaches beyond x of shape {x.shape}")
        return axes

    def _check_fitted(self) -> None:
        if getattr(self, self._SAVED[0]) is None:
            raise NotFittedError(
                f"this {type(self).__name__} has seen no data; call fit with the training set"
            )

    def _shift_and_span(self, x: Array) -> tuple[Array, Array]:
        self._check_fitted()
        shift, span = self._statistics()
        # A constant feature has no span; divided by 1 it is all zeros, and comes back exactly.
        shift, span = shift.astype(x.dtype), ones_for_zeros(span.astype(x.dtype))
        features = x.shape[max(x.ndim - shift.ndim, 0) :]
        fits = len(features) == shift.ndim and all(
            kept in (1, found) for kept, found in zip(shift.shape, features, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"x of shape {x.shape} does not end in the shape {shift.shape} of the features "
                f"that fit has seen"
            )
        return shift, span


def _checked_axes(axis: int | tuple[int, ...] | None) -> tuple[int, ...] | None:
    if axis is None:
        return None
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if 0 not in axes or any(a < 0 for a in axes):
        raise ArgumentError(
            f"axis is 0, a tuple of axes from 0 up with 0 (the samples) among them, or None for "
            f"all, not {axis!r}"
        )
    return tuple(sorted(set(axes)))


def _drop_samples(statistic: Array) -> Array:
    kept: Array = statistic[0].astype(np.float64)
    return kept


class MinMaxScaler(_Scaler):
    """Scale each feature so that the training set spans a range.

    ``out = low + (high - low) * (x - minimum) / (maximum - minimum)``, with the minimum and
    maximum of the training set. A feature that is constant there becomes `low`. Data beyond
    what the training set spanned lands beyond the range; it is not clipped.

    Parameters
    ----------
    feature_range : tuple of two floats, default (0, 1)
        What the training set is to span.
    axis : int, tuple of int or None, default 0
        The axes that one minimum and maximum are taken over: 0 for each feature (pixel) on its
        own, None for all numbers together.

    Attributes
    ----------
    minimum, maximum : numpy.ndarray of float64 or None
        What `fit` has seen, of the shape of one sample (1 along the other axes of `axis`).

    Raises
    ------
    ArgumentError
        If the range is no pair in ascending order, or `axis` lacks the samples' axis 0.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.data import MinMaxScaler
    >>> x_train = np.array([[0, 10], [5, 10], [10, 10]], dtype=np.float32)
    >>> scaler = MinMaxScaler().fit(x_train)
    >>> scaler.transform(x_train)
    array([[0. , 0. ],
           [0.5, 0. ],
           [1. , 0. ]], dtype=float32)
    >>> scaler.transform(np.array([[20, 10]], dtype=np.float32))
    array([[2., 0.]], dtype=float32)
    """

    _SAVED = ("minimum", "maximum")

    def __init__(
        self,
        feature_range: tuple[float, float] = (0.0, 1.0),
        *,
        axis: int | tuple[int, ...] | None = 0,
    ) -> None:
        super().__init__(axis)
        self.feature_range = check_range("feature_range", feature_range)
        self.minimum: Array | None = None
        self.maximum: Array | None = None

    def __repr__(self) -> str:
        return f"MinMaxScaler(feature_range={self.feature_range}, axis={_shown(self.axis)})"

    def _into_range(self, out: Array) -> Array:
        low, high = self.feature_range
        if (low, high) != (0.0, 1.0):
            out *= out.dtype.type(high - low)
            out += out.dtype.type(low)
        return out

    def _out_of_range(self, x: Array) -> Array:
        low, high = self.feature_range
        if (low, high) == (0.0, 1.0):
            return x
        inside: Array = (x - x.dtype.type(low)) / x.dtype.type(high - low)
        return inside

    def _learn(self, x: Array, axes: tuple[int, ...]) -> None:
        minimum, maximum = x.min(axes, keepdims=True), x.max(axes, keepdims=True)
        _check_span(minimum, maximum)
        self.minimum, self.maximum = _drop_samples(minimum), _drop_samples(maximum)

    def _statistics(self) -> tuple[Array, Array]:
        assert self.minimum is not None, "transform has checked"
        assert self.maximum is not None, "set together with minimum"
        return self.minimum, self.maximum - self.minimum


def _check_span(minimum: Array, maximum: Array) -> None:
    with np.errstate(over="ignore"):
        too_wide = ~np.isfinite(maximum - minimum)
    if too_wide.any():
        raise DataError(
            f"x goes from {minimum[too_wide][0]} to {maximum[too_wide][0]}, a wider span than "
            f"{minimum.dtype} can hold; scale it down, or pass float64"
        )


class Standardizer(_Scaler):
    """Scale each feature to mean 0 and standard deviation 1 on the training set.

    ``out = (x - mean) / std``, with mean and standard deviation (of the population: divided by
    N) of the training set, computed in float64. A feature that is constant there becomes 0.

    Parameters
    ----------
    axis : int, tuple of int or None, default 0
        The axes that one mean and deviation are taken over: 0 for each feature (pixel) on its
        own, ``(0, 2, 3)`` for each channel of images (N, C, H, W), None for all together.

    Attributes
    ----------
    mean, std : numpy.ndarray of float64 or None
        What `fit` has seen, of the shape of one sample (1 along the other axes of `axis`);
        `std` is 0 where the training set is constant.

    Raises
    ------
    ArgumentError
        If `axis` lacks the samples' axis 0.

    Examples
    --------
    >>> import numpy as np
    >>> from minigrad.data import Standardizer
    >>> x_train = np.array([[1, 7], [3, 7]], dtype=np.float32)
    >>> scaler = Standardizer().fit(x_train)
    >>> scaler.transform(x_train)
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    >>> scaler.mean, scaler.std
    (array([2., 7.]), array([1., 0.]))
    """

    _SAVED = ("mean", "std")

    def __init__(self, *, axis: int | tuple[int, ...] | None = 0) -> None:
        super().__init__(axis)
        self.mean: Array | None = None
        self.std: Array | None = None

    def __repr__(self) -> str:
        return f"Standardizer(axis={_shown(self.axis)})"

    def _learn(self, x: Array, axes: tuple[int, ...]) -> None:
        minimum, maximum = x.min(axes, keepdims=True), x.max(axes, keepdims=True)
        _check_span(minimum, maximum)
        count = x.size // minimum.size
        # Around a value inside the data, so that the sums stay small next to what they tell.
        pivot = minimum.astype(np.float64)
        offset = sum((block - pivot).sum(axes, keepdims=True) for block in _blocks(x)) / count
        mean = pivot + offset
        squares = sum(np.square(block - mean).sum(axes, keepdims=True) for block in _blocks(x))
        # Rounding would leave a constant feature a deviation that is tiny and not 0.
        constant = minimum == maximum
        self.mean = _drop_samples(np.where(constant, minimum, mean))
        self.std = _drop_samples(np.where(constant, 0.0, np.sqrt(squares / count)))

    def _statistics(self) -> tuple[Array, Array]:
        assert self.mean is not None, "transform has checked"
        assert self.std is not None, "set together with mean"
        return self.mean, self.std


def _shown(axis: tuple[int, ...] | None) -> str:
    return str(axis[0] if axis is not None and len(axis) == 1 else axis)


def _blocks(x: Array) -> Iterator[Array]:
    """Yield the samples in float64, some at a time, so that there is never a copy of all."""
    for start in range(0, len(x), _ROWS):
        yield x[start : start + _ROWS].astype(np.float64)
