"""The slowest engine that can be right: one number at a time, derivatives by the chain rule.

NumPy runs a function on an array of such numbers by calling their operators, and their methods
``exp``, ``tanh`` and so on. Every number remembers what it was computed from, and its derivative
with respect to each of those.
"""

import math

import numpy as np


class Scalar:
    def __init__(self, value, parents=()):
        self.value = float(value)
        self.parents = parents  # pairs of a number and the derivative with respect to it

    def __add__(self, other):
        return combined(self, other, lambda x, y: (x + y, 1.0, 1.0))

    def __sub__(self, other):
        return combined(self, other, lambda x, y: (x - y, 1.0, -1.0))

    def __mul__(self, other):
        return combined(self, other, lambda x, y: (x * y, y, x))

    def __truediv__(self, other):
        return combined(self, other, lambda x, y: (x / y, 1 / y, -x / y**2))

    def __pow__(self, other):
        if isinstance(other, int):  # of negative numbers, too
            return Scalar(self.value**other, [(self, other * self.value ** (other - 1))])
        return combined(self, other, lambda x, y: (x**y, y * x ** (y - 1), x**y * math.log(x)))

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return Scalar(other) - self

    def __rtruediv__(self, other):
        return Scalar(other) / self

    def __neg__(self):
        return Scalar(0) - self

    def __abs__(self):
        return -self if self.value < 0 else self

    def __lt__(self, other):
        return self.value < other.value

    def __le__(self, other):
        return self.value <= other.value

    def __gt__(self, other):
        return self.value > other.value

    def __ge__(self, other):
        return self.value >= other.value

    def conjugate(self):
        return self

    def hypot(self, other):
        return (self * self + other * other).sqrt()

    def arctan2(self, other):
        return (self / other).arctan()  # where `other` is positive


def combined(x, y, f):
    if isinstance(y, np.ndarray):
        return NotImplemented  # NumPy goes through the elements
    y = y if isinstance(y, Scalar) else Scalar(y)
    value, slope_x, slope_y = f(x.value, y.value)
    return Scalar(value, [(x, slope_x), (y, slope_y)])


def method(f, slope):
    return lambda self: Scalar(f(self.value), [(self, slope(self.value))])


FUNCTIONS = {
    "sqrt": (math.sqrt, lambda x: 0.5 / math.sqrt(x)),
    "cbrt": (math.cbrt, lambda x: 1 / (3 * math.cbrt(x) ** 2)),
    "exp": (math.exp, math.exp),
    "exp2": (math.exp2, lambda x: math.log(2) * 2**x),
    "expm1": (math.expm1, math.exp),
    "log": (math.log, lambda x: 1 / x),
    "log2": (math.log2, lambda x: 1 / (math.log(2) * x)),
    "log1p": (math.log1p, lambda x: 1 / (1 + x)),
    "sin": (math.sin, math.cos),
    "cos": (math.cos, lambda x: -math.sin(x)),
    "tan": (math.tan, lambda x: 1 / math.cos(x) ** 2),
    "arcsin": (math.asin, lambda x: 1 / math.sqrt(1 - x * x)),
    "arctan": (math.atan, lambda x: 1 / (1 + x * x)),
    "sinh": (math.sinh, math.cosh),
    "cosh": (math.cosh, math.sinh),
    "tanh": (math.tanh, lambda x: 1 / math.cosh(x) ** 2),
    "arcsinh": (math.asinh, lambda x: 1 / math.sqrt(1 + x * x)),
    "arctanh": (math.atanh, lambda x: 1 / (1 - x * x)),
}
for name, (f, slope) in FUNCTIONS.items():
    setattr(Scalar, name, method(f, slope))


# --- Arrays of them ------------------------------------------------------------------------------

scalars = np.vectorize(Scalar, otypes=[object])  # of an array of numbers
values = np.vectorize(lambda scalar: scalar.value, otypes=[float])  # and back


def derivative(out, x, known):
    """Return the derivative of one number with respect to another, by the chain rule."""
    if out is x:
        return 1.0
    if out not in known:
        known[out] = sum(slope * derivative(parent, x, known) for parent, slope in out.parents)
    return known[out]


def gradient(out, cotangent, x):
    """Return the gradient of ``sum(cotangent * out)`` with respect to an array of numbers."""
    total = np.sum(np.asarray(out, object) * cotangent)
    return np.vectorize(lambda element: derivative(total, element, {}), otypes=[float])(x)
