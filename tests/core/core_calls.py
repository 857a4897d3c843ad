"""Random calls of every function that has a gradient rule, each away from kinks and poles.

`CALLS` has an entry for each; `test_rules.py` fails where one is missing.
"""

import operator
import string
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp


class Slot(NamedTuple):
    """The place of a differentiable array in the arguments of a call."""

    index: int


X, Y, Z = Slot(0), Slot(1), Slot(2)

NUMPY = tuple(map(int, np.__version__.split(".")[:2]))


class Call(NamedTuple):
    """A call of a function, and the arrays to differentiate it with respect to."""

    function: Callable[..., Any]
    arrays: Sequence[np.ndarray]
    args: tuple[Any, ...]
    options: dict[str, Any]

    def __call__(self, *arrays):
        """Call the function on other arrays, or on tensors; return the list of its results."""
        args = fill(self.args, arrays)
        options = {name: fill(value, arrays) for name, value in self.options.items()}
        out = self.function(*args, **options)
        return list(out) if isinstance(out, list | tuple) else [out]

    def as_type(self, dtype):
        return self._replace(arrays=[x.astype(dtype) for x in self.arrays])


def fill(value, arrays):
    """Put arrays in the place of the slots."""
    if isinstance(value, Slot):
        return arrays[value.index]
    if isinstance(value, list | tuple):
        return type(value)(fill(item, arrays) for item in value)
    return value


# --- Arrays ------------------------------------------------------------------------------------

LAYOUTS = [
    np.ascontiguousarray,
    np.asfortranarray,
    lambda x: x[..., ::-1].copy()[..., ::-1] if x.ndim else x,
    lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
FULL_SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=3)


def generators():
    return st.integers(0, 2**16).map(np.random.default_rng)


def between(low, high):
    """Values in an interval."""
    return lambda rng, shape: rng.uniform(low, high, shape)


def away_from_zero(rng, shape):
    return rng.uniform(0.3, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def distinct(rng, shape):
    """Values that differ from each other, also in size, and from zero, by a quarter or more."""
    sizes = 0.25 * (1 + rng.permutation(int(np.prod(shape))))
    return (sizes * rng.choice([-1.0, 1.0], sizes.shape)).reshape(shape)


def on_grid(remainder, of):
    """Values that are at least a tenth away from those on the grids of other remainders."""
    return lambda rng, shape: 0.1 * (of * rng.integers(-6, 6, shape) + remainder)


anywhere = between(-2.0, 2.0)


@st.composite
def arrays(draw, shape, values=anywhere):
    """Draw an array in any memory layout; its numbers come from a generator, which is quick."""
    seed = draw(st.integers(0, 2**16))
    x = np.asarray(values(np.random.default_rng(seed), shape), dtype=float)
    return LAYOUTS[seed % len(LAYOUTS)](x).reshape(shape)


def broadcastable(count):
    return hnp.mutually_broadcastable_shapes(
        num_shapes=count, min_dims=0, max_dims=3, min_side=0, max_side=3
    ).map(lambda found: found.input_shapes)


# --- Families of functions -----------------------------------------------------------------------


def elementwise(*values, shapes=None):
    """Calls on one array for each of `values`, of shapes that broadcast."""

    @st.composite
    def calls(draw, function):
        slots = tuple(map(Slot, range(len(values))))
        found = draw(shapes or broadcastable(len(values)))
        drawn = [draw(arrays(*pair)) for pair in zip(found, values, strict=True)]
        return Call(function, drawn, slots, {})

    return calls


@st.composite
def remainders(draw, function):
    shapes = draw(broadcastable(2))
    y = draw(arrays(shapes[1], away_from_zero))
    whole = draw(arrays(shapes[0], on_grid(0, 10)))
    part = draw(arrays(np.broadcast_shapes(*shapes), between(0.2, 0.8)))
    return Call(function, [np.asarray(y * (whole + part)), y], (X, Y), {})


@st.composite
def choices(draw, function):
    shapes = draw(broadcastable(3))
    condition = draw(generators()).random(shapes[0]) < 0.5
    drawn = [draw(arrays(shape)) for shape in shapes[1:]]
    return Call(function, drawn, (condition, X, Y), {})


@st.composite
def clips(draw, function):
    shapes = draw(broadcastable(3))
    drawn = [draw(arrays(shape, on_grid(i, 3))) for i, shape in enumerate(shapes)]
    low, high = draw(st.sampled_from([(Y, Z), (Y, None), (None, Z), (-0.51, 0.51), (0.31, Z)]))
    by_name = ["a_min", "min"] if NUMPY >= (2, 1) else ["a_min"]
    form = draw(st.sampled_from(["position", *by_name]))
    if form == "position":
        return Call(function, drawn, (X, low, high), {})
    names = ("a_min", "a_max") if form == "a_min" else ("min", "max")
    return Call(function, drawn, (X,), dict(zip(names, (low, high), strict=True)))


def axes_of(ndim):
    """None, an axis, or several, counted from either end."""
    if not ndim:
        return st.sampled_from([None, ()])
    axis = st.integers(-ndim, ndim - 1)
    several = hnp.valid_tuple_axes(ndim).flatmap(
        lambda axes: st.tuples(*(st.sampled_from([a, a - ndim if a >= 0 else a]) for a in axes))
    )
    return st.none() | axis | several


def one_axis(ndim):
    return st.integers(-ndim, ndim - 1)


def reductions(values=anywhere, shapes=SHAPES, **more):
    """Calls with axis, by position or by name, keepdims, and `more` options of choice."""

    @st.composite
    def calls(draw, function):
        x = draw(arrays(draw(shapes), values))
        axis = draw(axes_of(x.ndim))
        options = {"keepdims": True} if draw(st.booleans()) else {}
        for name, of_choice in more.items():
            value = draw(of_choice)
            if value is not None and value < count(x.shape, axis):
                options[name] = value
        if draw(st.booleans()):
            return Call(function, [x], (X, axis), options)
        return Call(function, [x], (X,), options | {"axis": axis})

    return calls


def count(shape, axis):
    if axis is None:
        return int(np.prod(shape))
    return int(np.prod([shape[a] for a in np.atleast_1d(np.array(axis, dtype=int))]))


DDOF = st.sampled_from([None, 0, 0.5, 1])


@st.composite
def norms(draw, function):
    x = draw(arrays(draw(FULL_SHAPES), distinct))
    axis = draw(st.none() | one_axis(x.ndim)) if x.ndim else None
    of_vectors = x.ndim == 1 if axis is None else True
    orders = [None, 1, 2, np.inf] if of_vectors else ["fro", None] if x.ndim == 2 else [None]
    options = {"ord": draw(st.sampled_from(orders)), "axis": axis, "keepdims": draw(st.booleans())}
    return Call(function, [x], (X,), options)


def with_options(shapes, options, values=anywhere):
    """Calls on one array, with what `options` draws for its shape after it or by name."""

    @st.composite
    def calls(draw, function):
        x = draw(arrays(draw(shapes), values))
        drawn = draw(options(x.shape))
        if isinstance(drawn, dict):
            return Call(function, [x], (X,), drawn)
        return Call(function, [x], (X, *drawn), {})

    return calls


def of_axis(strategy_of_ndim):
    """Options that are an axis, given by position or by name."""

    def options(shape):
        axis = strategy_of_ndim(len(shape))
        return axis.map(lambda a: (a,)) | axis.map(lambda a: {"axis": a})

    return options


def nothing(shape):
    return st.just(())


# --- Shapes --------------------------------------------------------------------------------------

WITH_AXES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3)
FULL_WITH_AXES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)
MATRICES = hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=4)


@st.composite
def new_shapes(draw, shape):
    wanted = list(draw(st.permutations(shape + (1,) * draw(st.integers(0, 1)))))
    if draw(st.booleans()):
        wanted = [int(np.prod(wanted))]
    if wanted and np.prod(wanted) and draw(st.booleans()):
        wanted[draw(st.integers(0, len(wanted) - 1))] = -1
    order = draw(st.sampled_from("CF"))
    if NUMPY < (2, 1) or draw(st.booleans()):
        return (tuple(wanted), order)
    return {"shape": tuple(wanted), "order": order}


@st.composite
def orders_of_axes(draw, shape):
    ndim = len(shape)
    axes = draw(st.permutations([draw(st.sampled_from([a, a - ndim])) for a in range(ndim)]))
    return draw(st.sampled_from([(), (None,), (tuple(axes),), {"axes": tuple(axes)}]))


@st.composite
def moved_axes(draw, shape):
    ndim = len(shape)
    if draw(st.booleans()):
        return (draw(one_axis(ndim)), draw(one_axis(ndim)))
    pairs = draw(st.integers(0, ndim))
    source = draw(st.permutations(range(ndim)))[:pairs]
    target = draw(st.permutations(range(ndim)))[:pairs]
    return {"source": tuple(source), "destination": tuple(target)}


@st.composite
def shifts(draw, shape):
    axis = draw(axes_of(len(shape)).filter(lambda axis: axis != ()))
    if isinstance(axis, tuple):
        shift = tuple(draw(st.integers(-4, 4)) for _ in axis)
        shift = list(shift) if draw(st.booleans()) else shift
    else:
        shift = draw(st.integers(-4, 4))
    return draw(st.sampled_from([(shift, axis), {"shift": shift, "axis": axis}]))


@st.composite
def repetitions(draw, shape):
    axis = draw(st.none() | one_axis(len(shape))) if shape else None
    length = int(np.prod(shape)) if axis is None else shape[axis]
    repeats = draw(
        st.integers(0, 3) | st.lists(st.integers(0, 2), min_size=length, max_size=length)
    )
    return draw(st.sampled_from([(repeats, axis), {"repeats": repeats, "axis": axis}]))


def tilings(shape):
    reps = st.integers(0, 2)
    return (reps | st.lists(reps, max_size=4) | st.lists(reps, max_size=4).map(tuple)).map(
        lambda r: (r,)
    )


@st.composite
def paddings(draw, shape):
    width = st.integers(0, 2)
    pairs = st.tuples(*([st.tuples(width, width)] * len(shape)))
    widths = draw(width | st.tuples(width, width) | pairs)
    if draw(st.booleans()):
        return (widths,)
    return {"pad_width": widths, "mode": "constant", "constant_values": 1.5}


def differences(shape):
    axis = one_axis(len(shape))
    return st.tuples(st.integers(0, 3), axis) | axis.map(lambda a: {"axis": a})


@st.composite
def squeezes(draw, function):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=2))
    single = [a for a, n in enumerate(shape) if n == 1]
    some = draw(st.lists(st.sampled_from(single), unique=True)) if single else []
    axis = draw(st.sampled_from([None, tuple(some), *some]))
    return Call(function, [draw(arrays(shape))], (X,), {"axis": axis})


@st.composite
def broadcasts(draw, function):
    shape = draw(SHAPES)
    before = draw(st.lists(st.integers(0, 3), max_size=2))
    wide = (*before, *(draw(st.integers(0, 3)) if n == 1 else n for n in shape))
    return Call(function, [draw(arrays(shape))], (X, wide), {})


def dtypes(shape):
    return st.sampled_from([(float,), ("f8",), (np.float64,)])


# --- Several arrays ------------------------------------------------------------------------------


def joins(ndims, by_axis):
    """Calls on a list of arrays that agree on all axes but one."""

    @st.composite
    def calls(draw, function):
        shape = list(draw(hnp.array_shapes(min_dims=ndims[0], max_dims=ndims[1], max_side=3)))
        axis = draw(one_axis(len(shape))) if by_axis is None else min(by_axis, len(shape) - 1)
        lengths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
        drawn = []
        for length in lengths:
            shape[axis] = length
            drawn.append(draw(arrays(tuple(shape))))
        options = {}
        if by_axis is None:
            options["axis"] = draw(st.sampled_from([axis, None])) if len(ndims) < 3 else axis
        slots = [Slot(i) for i in range(len(drawn))]
        return Call(function, drawn, (draw(st.sampled_from([slots, tuple(slots)])),), options)

    return calls


@st.composite
def stacks(draw, function):
    shape = draw(SHAPES)
    drawn = [draw(arrays(shape)) for _ in range(draw(st.integers(1, 3)))]
    slots = [Slot(i) for i in range(len(drawn))]
    constant = draw(generators()).random(shape)
    items = draw(st.sampled_from([slots, [*slots, constant], [constant, *slots, slots[0]]]))
    return Call(function, drawn, (items, draw(one_axis(len(shape) + 1))), {})


@st.composite
def columns(draw, function):
    rows = draw(st.integers(0, 3))
    shapes = draw(
        st.lists(st.sampled_from([(rows,), (rows, 0), (rows, 2)]), min_size=1, max_size=3)
    )
    drawn = [draw(arrays(shape)) for shape in shapes]
    return Call(function, drawn, ([Slot(i) for i in range(len(drawn))],), {})


@st.composite
def appended(draw, function):
    if draw(st.booleans()):
        drawn = [draw(arrays(draw(SHAPES))) for _ in range(2)]
        return Call(function, drawn, (X, Y), {})
    drawn = [draw(arrays((draw(st.integers(0, 3)), 2))) for _ in range(2)]
    return Call(function, drawn, (X, Y), {"axis": 0})


def parts(equal):
    """Calls that cut an array, into equal parts only or into any."""

    @st.composite
    def calls(draw, function):
        sections = draw(st.integers(1, 3))
        shape = list(draw(WITH_AXES))
        axis = draw(one_axis(len(shape)))
        if equal:
            shape[axis] = sections * draw(st.integers(0, 2))
        where = draw(st.lists(st.integers(0, 4), max_size=3).map(sorted) | st.just(sections))
        return Call(function, [draw(arrays(tuple(shape)))], (X, where), {"axis": axis})

    return calls


@st.composite
def at_least(draw, function):
    if draw(st.booleans()):
        return Call(function, [draw(arrays(draw(SHAPES)))], (X,), {})
    drawn = [draw(arrays(draw(SHAPES))) for _ in range(2)]
    return Call(function, drawn, (X, Y), {})


# --- Elements ------------------------------------------------------------------------------------


@st.composite
def indices(draw, shape):
    """Draw anything that NumPy indexes with: basic, arrays of integers, masks, and mixtures."""
    kind = draw(st.sampled_from(["basic", "integers", "mask", "mixed"]))
    if kind == "basic":
        return draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    if kind == "integers" and all(shape) and shape:
        chosen = draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2)))
        return chosen if len(shape) > 1 else draw(st.sampled_from([chosen, chosen[0].tolist()]))
    if kind == "mask":
        axes = draw(st.integers(0, len(shape)))
        return draw(generators()).random(shape[:axes]) < 0.5
    return tuple(draw(mixed_parts(shape)))


@st.composite
def mixed_parts(draw, shape):
    found = []
    for length in shape:
        options = [slice(None), slice(None, None, -1), slice(1, None), np.zeros(0, int)]
        if length:
            options += [0, -1, np.array([0, -1]), [length - 1, 0], np.array([[0], [-1]])]
        found.append(draw(st.sampled_from(options)))
        if draw(st.integers(0, 4)) == 0:
            found.append(None)
    keep = draw(st.integers(0, len(found)))
    return [*found[:keep], ...] if draw(st.booleans()) else found[:keep]


@st.composite
def getitems(draw, function):
    x = draw(arrays(draw(SHAPES)))
    index = draw(indices(x.shape))
    try:
        x[index]
    except IndexError:  # arrays of indices that do not broadcast
        reject()
    return Call(operator.getitem, [x], (X, index), {})


@st.composite
def takes(draw, function):
    x = draw(arrays(draw(FULL_WITH_AXES)))
    axis = draw(st.none() | one_axis(x.ndim))
    length = x.size if axis is None else x.shape[axis]
    position = st.integers(-length, length - 1)
    chosen = draw(position | st.lists(position, max_size=4) | st.lists(position).map(tuple))
    if draw(st.booleans()):
        chosen = np.array(chosen, dtype=int)
    return Call(function, [x], (X, chosen), {"axis": axis})


@st.composite
def takes_along(draw, function):
    x = draw(arrays(draw(FULL_WITH_AXES)))
    axis = draw(st.none() | one_axis(x.ndim))
    shape = [x.size] if axis is None else list(x.shape)
    length = shape[axis or 0]
    shape[axis or 0] = draw(st.integers(0, 4))
    chosen = draw(generators()).integers(-length, length, shape)
    return Call(function, [x], (X, chosen), {"axis": axis})


@st.composite
def diagonals(draw, function):
    x = draw(arrays(draw(MATRICES)))
    offset = draw(st.integers(-4, 4))
    axes = draw(st.permutations(range(x.ndim)))[:2]
    return Call(function, [x], (X, offset), {"axis1": axes[0], "axis2": axes[1] - x.ndim})


def numbers(shape):
    """One small integer, by position or left out."""
    return st.integers(-3, 3).map(lambda k: (k,)) | st.just(())


# --- Products ------------------------------------------------------------------------------------


@st.composite
def matrix_products(draw, function):
    found = draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2))
    return Call(function, [draw(arrays(shape)) for shape in found.input_shapes], (X, Y), {})


def pairs_of_vectors(draw):
    n = draw(st.integers(0, 3))
    return (n,), (n,)


def products(shapes):
    @st.composite
    def calls(draw, function):
        return Call(function, [draw(arrays(shape)) for shape in shapes(draw)], (X, Y), {})

    return calls


def dot_shapes(draw):
    if draw(st.integers(0, 3)) == 0:
        return draw(st.permutations([(), draw(SHAPES)]))
    n = draw(st.integers(0, 3))
    left = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
    right = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3))
    return (*left, n), (*right[:-1], n, *right[-1:])


def inner_shapes(draw):
    if draw(st.integers(0, 3)) == 0:
        return draw(st.permutations([(), draw(SHAPES)]))
    n = draw(st.integers(0, 3))
    left, right = (draw(hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)) for _ in range(2))
    return (*left, n), (*right, n)


@st.composite
def tensor_products(draw, function):
    lengths = draw(st.lists(st.integers(0, 3), min_size=2, max_size=4))
    summed = draw(st.integers(0, 2))
    left = draw(st.permutations(range(len(lengths))))
    right = draw(st.permutations(range(len(lengths))))
    x = draw(arrays(tuple(lengths[i] for i in left)))
    y = draw(arrays(tuple(lengths[i] for i in right)))
    axes = (
        [left.index(i) for i in range(summed)],
        [right.index(i) - y.ndim for i in range(summed)],
    )
    if summed == 1 and draw(st.booleans()):
        axes = (axes[0][0], axes[1][0])
    if draw(st.booleans()):
        last = draw(st.integers(0, 2))
        y = draw(arrays((*x.shape[x.ndim - last :], 2)))
        axes = last
    return Call(function, [x, y], (X, Y), {"axes": axes})


@st.composite
def einsums(draw, function):
    """Draw random specifications: repeated letters, ellipses, lone axes, implicit results."""
    length = {letter: draw(st.integers(1, 3)) for letter in "abcd"}
    ellipses = draw(st.booleans())
    shared = draw(st.sampled_from([(), (2,), (3, 2)])) if ellipses else ()
    terms, drawn = [], []
    for _ in range(draw(st.integers(1, 3))):
        term = "".join(draw(st.lists(st.sampled_from("abcd"), max_size=3)))
        hidden = draw(st.sampled_from([shared[i:] for i in range(len(shared) + 1)]))
        hidden = tuple(draw(st.sampled_from([n, 1])) for n in hidden)
        cut = draw(st.integers(0, len(term)))
        axes = (*(length[c] for c in term[:cut]), *hidden, *(length[c] for c in term[cut:]))
        terms.append(term[:cut] + ("..." if ellipses else "") + term[cut:])
        drawn.append(draw(arrays(axes)))
    subscripts = ",".join(terms)
    if draw(st.booleans()):
        used = sorted(set(subscripts) & set(string.ascii_letters))
        kept = draw(st.lists(st.sampled_from(used), unique=True)) if used else []
        subscripts += " -> " + ("..." if ellipses else "") + "".join(kept)
    options = draw(st.sampled_from([{}, {"optimize": True}]))
    return Call(function, drawn, (subscripts, *map(Slot, range(len(drawn)))), options)


# --- The table -----------------------------------------------------------------------------------

UNARY = {
    "absolute": away_from_zero,
    "arccos": between(-0.8, 0.8),
    "arccosh": between(1.3, 3.0),
    "arcsin": between(-0.8, 0.8),
    "arcsinh": anywhere,
    "arctan": anywhere,
    "arctanh": between(-0.8, 0.8),
    "cbrt": away_from_zero,
    "copy": anywhere,
    "cos": anywhere,
    "cosh": anywhere,
    "deg2rad": anywhere,
    "degrees": anywhere,
    "exp": anywhere,
    "exp2": anywhere,
    "expm1": anywhere,
    "fabs": away_from_zero,
    "log": between(0.3, 3.0),
    "log10": between(0.3, 3.0),
    "log1p": between(-0.6, 3.0),
    "log2": between(0.3, 3.0),
    "nan_to_num": anywhere,
    "negative": anywhere,
    "positive": anywhere,
    "rad2deg": anywhere,
    "radians": anywhere,
    "reciprocal": away_from_zero,
    "sign": away_from_zero,
    "sin": anywhere,
    "sinh": anywhere,
    "sqrt": between(0.3, 3.0),
    "square": anywhere,
    "tan": between(-1.2, 1.2),
    "tanh": anywhere,
}
BINARY = {
    "add": (anywhere, anywhere),
    "arctan2": (away_from_zero, away_from_zero),
    "copysign": (away_from_zero, away_from_zero),
    "divide": (anywhere, away_from_zero),
    "float_power": (between(0.3, 2.0), anywhere),
    "hypot": (away_from_zero, away_from_zero),
    "logaddexp": (anywhere, anywhere),
    "logaddexp2": (anywhere, anywhere),
    "maximum": (on_grid(0, 2), on_grid(1, 2)),
    "minimum": (on_grid(0, 2), on_grid(1, 2)),
    "multiply": (anywhere, anywhere),
    "power": (between(0.3, 2.0), anywhere),
    "subtract": (anywhere, anywhere),
}
ELEMENTWISE = {
    **{f"numpy.{name}": elementwise(values) for name, values in UNARY.items()},
    **{f"numpy.{name}": elementwise(*values) for name, values in BINARY.items()},
    "numpy.clip": clips,
    "numpy.remainder": remainders,
    "numpy.where": choices,
}
REDUCTIONS = {
    "numpy.amax": reductions(distinct, FULL_SHAPES),
    "numpy.amin": reductions(distinct, FULL_SHAPES),
    "numpy.cumsum": with_options(
        SHAPES, of_axis(lambda n: st.none() | one_axis(n) if n else st.none())
    ),
    "numpy.linalg.norm": norms,
    "numpy.max": reductions(distinct, FULL_SHAPES),
    "numpy.mean": reductions(shapes=FULL_SHAPES),
    "numpy.min": reductions(distinct, FULL_SHAPES),
    "numpy.prod": reductions(),
    "numpy.std": reductions(distinct, FULL_SHAPES, ddof=DDOF),
    "numpy.sum": reductions(),
    "numpy.var": reductions(shapes=FULL_SHAPES, ddof=DDOF),
}
SHAPES_OF_ARRAYS = {
    "astype": with_options(SHAPES, dtypes),
    "numpy.append": appended,
    "numpy.array_split": parts(equal=False),
    "numpy.astype": with_options(SHAPES, dtypes),
    "numpy.atleast_1d": at_least,
    "numpy.atleast_2d": at_least,
    "numpy.broadcast_to": broadcasts,
    "numpy.column_stack": columns,
    "numpy.concatenate": joins((1, 3), None),
    "numpy.diff": with_options(WITH_AXES, differences),
    "numpy.expand_dims": with_options(
        SHAPES, of_axis(lambda n: one_axis(n + 1) | st.just((0, -1)))
    ),
    "numpy.flip": with_options(SHAPES, of_axis(axes_of)),
    "numpy.hstack": joins((1, 3), 1),
    "numpy.moveaxis": with_options(WITH_AXES, moved_axes),
    "numpy.pad": with_options(WITH_AXES, paddings),
    "numpy.ravel": with_options(SHAPES, lambda _: st.sampled_from([(), ("F",), {"order": "C"}])),
    "numpy.repeat": with_options(SHAPES, repetitions),
    "numpy.reshape": with_options(SHAPES, new_shapes),
    "numpy.roll": with_options(SHAPES, shifts),
    "numpy.split": parts(equal=True),
    "numpy.squeeze": squeezes,
    "numpy.stack": stacks,
    "numpy.swapaxes": with_options(WITH_AXES, lambda s: st.tuples(*[one_axis(len(s))] * 2)),
    "numpy.tile": with_options(SHAPES, tilings),
    "numpy.transpose": with_options(SHAPES, orders_of_axes),
    "numpy.tril": with_options(MATRICES, numbers),
    "numpy.triu": with_options(MATRICES, numbers),
    "numpy.vstack": joins((2, 3), 0),
}
ELEMENTS = {
    "_operator.getitem": getitems,
    "numpy.diag": with_options(hnp.array_shapes(max_dims=2, min_side=1, max_side=4), numbers),
    "numpy.diagonal": diagonals,
    "numpy.sort": with_options(
        FULL_WITH_AXES, of_axis(lambda n: st.none() | one_axis(n)), values=distinct
    ),
    "numpy.take": takes,
    "numpy.take_along_axis": takes_along,
    "numpy.trace": diagonals,
}
PRODUCTS = {
    "numpy.dot": products(dot_shapes),
    "numpy.einsum": einsums,
    "numpy.inner": products(inner_shapes),
    "numpy.matmul": matrix_products,
    "numpy.outer": products(lambda draw: (draw(SHAPES), draw(SHAPES))),
    "numpy.tensordot": tensor_products,
    "numpy.vdot": products(pairs_of_vectors),
}
CALLS = ELEMENTWISE | REDUCTIONS | SHAPES_OF_ARRAYS | ELEMENTS | PRODUCTS
