"""Rules of functions that work element by element.

Written as f and f', a line each; ``g`` is the gradient that arrives, ``out`` the result. Parameters
with an underscore are not kept for the backward pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.dispatch import handlers
from minigrad.primitive import composite, defvjp, primitive

Array = Any

# --- Arithmetic --------------------------------------------------------------------------------

defvjp(np.add, lambda g, _out, _x, _y: g, lambda g, _out, _x, _y: g)
defvjp(np.subtract, lambda g, _out, _x, _y: g, lambda g, _out, _x, _y: -g)
defvjp(np.multiply, lambda g, _out, _x, y: g * y, lambda g, _out, x, _y: g * x)
defvjp(np.true_divide, lambda g, _out, _x, y: g / y, lambda g, out, _x, y: -g * out / y)
defvjp(
    np.remainder,
    lambda g, _out, _x, _y: g,
    lambda g, _out, x, y: -g * np.floor_divide(x, y),
)
defvjp(np.negative, lambda g, _out, _x: -g)
defvjp(np.positive, lambda g, _out, _x: g)
defvjp(np.reciprocal, lambda g, out, _x: -g * out**2)
defvjp(np.square, lambda g, _out, x: g * 2 * x)
defvjp(np.sqrt, lambda g, out, _x: g * 0.5 / out)
defvjp(np.cbrt, lambda g, out, _x: g / (3 * out**2))
defvjp(np.copy, lambda g, _out, _x: g)


def _power_base(g: Array, _out: Array, x: Array, y: Array) -> Array:
    # y x**(y-1), where 0**0 has slope 0 although x**-1 has none at 0.
    if isinstance(y, int | float):
        return np.zeros_like(g) if y == 0 else g * (y * x ** (y - 1))
    both_zero = (x == 0) & (y == 0)
    less = y - x.dtype.type(1)  # in floating point: the unsigned 0 has no predecessor
    return g * np.where(both_zero, 0, y * x ** np.where(both_zero, 1, less))


def _power_exponent(g: Array, out: Array, x: Array, _y: Array) -> Array:
    # x**y log x, which goes to 0 as x does.
    return g * out * np.log(np.where(x == 0, np.ones_like(out), x))


defvjp(np.power, _power_base, _power_exponent)
defvjp(np.float_power, _power_base, _power_exponent)

# --- Exponentials and logarithms ---------------------------------------------------------------

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))

defvjp(np.exp, lambda g, out, _x: g * out)
defvjp(np.exp2, lambda g, out, _x: g * (LN2 * out))
defvjp(np.expm1, lambda g, out, _x: g * (out + 1))
defvjp(np.log, lambda g, _out, x: g / x)
defvjp(np.log2, lambda g, _out, x: g / (LN2 * x))
defvjp(np.log10, lambda g, _out, x: g / (LN10 * x))
defvjp(np.log1p, lambda g, _out, x: g / (1 + x))
defvjp(
    np.logaddexp,
    lambda g, out, x, _y: g * np.exp(x - out),
    lambda g, out, _x, y: g * np.exp(y - out),
)
defvjp(
    np.logaddexp2,
    lambda g, out, x, _y: g * np.exp2(x - out),
    lambda g, out, _x, y: g * np.exp2(y - out),
)

# --- Trigonometric and hyperbolic --------------------------------------------------------------

defvjp(np.sin, lambda g, _out, x: g * np.cos(x))
defvjp(np.cos, lambda g, _out, x: -g * np.sin(x))
defvjp(np.tan, lambda g, out, _x: g * (1 + out**2))
defvjp(np.arcsin, lambda g, _out, x: g / np.sqrt(1 - x**2))
defvjp(np.arccos, lambda g, _out, x: -g / np.sqrt(1 - x**2))
defvjp(np.arctan, lambda g, _out, x: g / (1 + x**2))
defvjp(np.sinh, lambda g, _out, x: g * np.cosh(x))
defvjp(np.cosh, lambda g, _out, x: g * np.sinh(x))
defvjp(np.tanh, lambda g, out, _x: g * (1 - out**2))
defvjp(np.arcsinh, lambda g, _out, x: g / np.sqrt(x**2 + 1))
defvjp(np.arccosh, lambda g, _out, x: g / np.sqrt(x**2 - 1))
defvjp(np.arctanh, lambda g, _out, x: g / (1 - x**2))
defvjp(np.deg2rad, lambda g, _out, _x: np.deg2rad(g))
defvjp(np.radians, lambda g, _out, _x: np.radians(g))
defvjp(np.rad2deg, lambda g, _out, _x: np.rad2deg(g))
defvjp(np.degrees, lambda g, _out, _x: np.degrees(g))


def _over(g: Array, y: Array) -> Array:
    """Return g / y, and 0 with all its derivatives where y is 0."""
    return np.where(y == 0, 0, g) / np.where(y == 0, 1, y)


def _squares(x: Array, y: Array, dtype: Any) -> Array:
    """Return x**2 + y**2 in a floating-point dtype: squares of small integers would overflow."""
    one = dtype.type(1)
    return (x * one) ** 2 + (y * one) ** 2


# The slope of a distance at distance 0, like that of the norm, is decided to be 0.
defvjp(
    np.hypot,
    lambda g, out, x, _y: _over(g, out) * x,
    lambda g, out, _x, y: _over(g, out) * y,
)
defvjp(
    np.arctan2,
    lambda g, _out, x, y: _over(g, _squares(x, y, _out.dtype)) * y,
    lambda g, _out, x, y: _over(-g, _squares(x, y, _out.dtype)) * x,
)

# --- With kinks --------------------------------------------------------------------------------

defvjp(np.absolute, lambda g, _out, x: g * np.sign(x))  # 0 at 0
defvjp(np.fabs, lambda g, _out, x: g * np.sign(x))
defvjp(np.sign, lambda g, _out, _x: np.zeros_like(g))
defvjp(
    np.copysign,
    lambda g, _out, x, y: g * np.sign(x) * np.copysign(np.ones_like(y), y),
    lambda g, _out, _x, _y: np.zeros_like(g),
)


def _to_greater(g: Array, x: Array, y: Array) -> Array:
    """Return g where x > y, half of it where they are equal, 0 elsewhere."""
    equal = x == y
    all_or_nothing = g * (x > y)
    # Seldom needed, and it takes longer than the rest.
    return np.where(equal, 0.5 * g, all_or_nothing) if np.any(equal) else all_or_nothing


defvjp(
    np.maximum,
    lambda g, _out, x, y: _to_greater(g, x, y),
    lambda g, _out, x, y: _to_greater(g, y, x),
)
defvjp(
    np.minimum,
    lambda g, _out, x, y: _to_greater(g, y, x),
    lambda g, _out, x, y: _to_greater(g, x, y),
)
defvjp(
    np.where,
    None,
    lambda g, _out, condition, _x, _y: np.where(condition, g, 0),
    lambda g, _out, condition, _x, _y: np.where(condition, 0, g),
)
_select = handlers[np.where]


@composite(np.where)
def _where(condition: Array, *choices: Array) -> Any:
    return _select(condition, *choices) if choices else np.nonzero(condition)


defvjp(np.nan_to_num, lambda g, _out, x: np.where(np.isfinite(x), g, 0))


@primitive
def clip(x: Array, low: Array, high: Array) -> Array:
    """Limit x to the interval from low to high, either of which may be None."""
    return np.clip(x, low, high)


def _is_below(x: Array, y: Array) -> Array:
    return False if x is None or y is None else x < y


# At both bounds the gradient is the element's; a bound gets those of the elements beyond it.
defvjp(
    clip,
    lambda g, _out, x, low, high: np.where(_is_below(x, low) | _is_below(high, x), 0, g),
    lambda g, _out, x, low, high: np.where(_is_below(high, low), 0, g) * _is_below(x, low),
    lambda g, _out, x, low, high: np.where(_is_below(high, x) | _is_below(high, low), g, 0),
)


@composite(np.clip)
def _clip(
    a: Array,
    a_min: Array = None,
    a_max: Array = None,
    *,
    min: Array = None,  # noqa: A002 (NumPy's names)
    max: Array = None,  # noqa: A002
) -> Array:
    return clip(a, a_min if min is None else min, a_max if max is None else max)
