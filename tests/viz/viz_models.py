"""Models and computations that the tests of pictures share."""

import sys

import numpy as np

import minigrad as mg
from minigrad import nn

NASTY = [
    'quo"te',
    "back\\slash\\N\\",
    "{record|field}",
    "port:name:n",
    "<b>not html</b>",
    "<lambda>",
    "&amp; & &lt;",
    "two\nlines\r\n\ttab",
    "nul\x00bell\x07esc\x1b[31m",
    "漢字かな",
    "🎉👩‍💻",
    "שלום \u202eعربى",
    "\ud800 alone",
    "%% comment; # hash `code` 1. list",
    "x" * 10_000,
    " ",
    "end",
    "n0",
]


class Block(nn.Module):
    """A residual block."""

    def __init__(self, width):
        self.a = nn.Linear(width, width)
        self.act = nn.ReLU()
        self.b = nn.Linear(width, width)

    def forward(self, x):
        return x + self.b(self.act(self.a(x)))


class Net(nn.Module):
    """Three equal blocks, a head, a second head that the loss may not use, and a spare layer."""

    def __init__(self):
        self.inp = nn.Linear(3, 4)
        self.blocks = nn.Sequential(*[Block(4) for _ in range(3)])
        self.head = nn.Linear(4, 2)
        self.other = nn.Linear(4, 2)
        self.spare = nn.Linear(4, 7)

    def forward(self, x):
        hidden = self.blocks(self.inp(x))
        return self.head(hidden), self.other(hidden)


def net_and_loss():
    mg.random.seed(0)
    net = Net()
    net.inp.bias.requires_grad = False
    x = mg.tensor(np.ones((5, 3), np.float32), name="x")
    out, other = net(x)
    return net, nn.CrossEntropyLoss()(out, np.array([0, 1, 0, 1, 0])), other


def chain(length, size=3):
    x = mg.tensor(np.ones(size, np.float32), requires_grad=True, name="x")
    y = x
    for _ in range(length):
        y = y * 0.5
    return np.sum(y)


def calls_of(function):
    """Count the calls of functions, in Python and C, while a function runs."""
    calls = 0

    def count(_frame, event, _arg):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls


class Elsewhere(np.lib.mixins.NDArrayOperatorsMixin):
    """An array like CuPy's: it refuses to become NumPy's but by `get`, and copies itself."""

    def __init__(self, inside):
        self.inside = np.array(inside)

    shape = property(lambda self: self.inside.shape)
    dtype = property(lambda self: self.inside.dtype)
    ndim = property(lambda self: self.inside.ndim)
    size = property(lambda self: self.inside.size)
    nbytes = property(lambda self: self.inside.nbytes)

    def copy(self):
        return Elsewhere(self.inside)

    def astype(self, dtype, copy=True):
        return Elsewhere(self.inside.astype(dtype, copy=copy))

    def get(self):
        return self.inside.copy()

    def all(self):
        return self.inside.all()

    def sum(self, **kwargs):
        return Elsewhere(self.inside.sum(**kwargs))

    def reshape(self, *shape):
        return Elsewhere(self.inside.reshape(*shape))

    def __setitem__(self, key, value):
        self.inside[key] = plain(value)

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Implicit conversion to a NumPy array is not allowed; use .get()")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return Elsewhere(getattr(ufunc, method)(*map(plain, inputs), **kwargs))

    def __array_function__(self, function, types, args, kwargs):
        return Elsewhere(function(*map(plain, args), **kwargs))


def plain(value):
    return value.inside if isinstance(value, Elsewhere) else value
