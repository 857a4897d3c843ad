"""Every gradient rule against differences, and every function against NumPy's own."""

import numpy as np
import pytest
from core_calls import CALLS, ELEMENTWISE, PRODUCTS, Call, X, Y
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad as mg

# --- Numerical derivatives -----------------------------------------------------------------------

STEP = 1e-3
STENCIL = [(-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12)]  # of fourth order


def slope(function, arrays, directions):
    """Return the derivative of a list of arrays in a direction, by differences."""
    slopes = None
    for steps, weight in STENCIL:
        moved = [x + steps * STEP * d for x, d in zip(arrays, directions, strict=True)]
        terms = [weight / STEP * np.asarray(out) for out in function(*moved)]
        slopes = terms if slopes is None else [a + b for a, b in zip(slopes, terms, strict=True)]
    return slopes


def inner(xs, ys):
    return sum((np.sum(x * y) for x, y in zip(xs, ys, strict=True)), 0.0)


def random_like(rng, arrays):
    return [rng.uniform(-1.0, 1.0, np.shape(x)) for x in arrays]


def pull_back(call, arrays, cotangents, **options):
    """Return tensors of the arrays, with the gradients that the cotangents give."""
    tensors = [mg.from_numpy(np.asarray(x), requires_grad=True) for x in arrays]
    for out, cotangent in zip(call(*tensors), cotangents, strict=True):
        if isinstance(out, mg.Tensor) and out.requires_grad:
            out.backward(cotangent, retain_graph=True, **options)
    return tensors


def gradients(call, arrays, cotangents):
    tensors = pull_back(call, arrays, cotangents)
    return [np.zeros(t.shape) if t.grad is None else t.grad for t in tensors]


def assert_same_product(found, expected, scale):
    """Compare <gradient, direction> with <cotangent, slope>, relative to what was added up."""
    assert abs(found - expected) <= 1e-7 * (1.0 + scale), (found, expected)


# --- Checks --------------------------------------------------------------------------------------


def check_values(call, tolerance):
    """Compare results and dtypes with NumPy's on the same arrays, which must not be changed."""
    kept = [x.copy() for x in call.arrays]
    expected = call(*call.arrays)
    for requires_grad in (True, False):
        tensors = [mg.from_numpy(x, requires_grad=requires_grad) for x in call.arrays]
        for result, array in zip(call(*tensors), expected, strict=True):
            assert isinstance(result, mg.Tensor)
            assert result.requires_grad == requires_grad
            assert (result.shape, result.dtype) == (array.shape, array.dtype)
            eps = np.finfo(array.dtype).eps * tolerance
            np.testing.assert_allclose(result.data, array, rtol=eps, atol=eps)
    for x, before in zip(call.arrays, kept, strict=True):
        np.testing.assert_array_equal(x, before)


def check_gradient(call, rng):
    """Compare with the slope along each array."""
    cotangents = random_like(rng, call(*call.arrays))
    directions = random_like(rng, call.arrays)
    found = gradients(call, call.arrays, cotangents)
    for i, x in enumerate(call.arrays):
        assert found[i].shape == x.shape
        only = [d if i == j else 0.0 * d for j, d in enumerate(directions)]
        slopes = slope(call, call.arrays, only)
        scale = inner(map(abs, cotangents), map(abs, slopes))
        assert_same_product(inner(found, only), inner(cotangents, slopes), scale)


def check_second_order(call, rng):
    """Compare the gradient of the gradient with the slope of the gradient."""
    cotangents = random_like(rng, call(*call.arrays))
    weights = random_like(rng, call.arrays)
    variables = [*call.arrays, *cotangents]
    directions = random_like(rng, variables)
    n = len(call.arrays)

    def first_order(*values):
        return gradients(call, values[:n], values[n:])

    seeds = [mg.from_numpy(np.asarray(c), requires_grad=True) for c in cotangents]
    tensors = pull_back(call, call.arrays, seeds, create_graph=True)
    firsts = [t.grad for t in tensors]
    for tensor in tensors:
        tensor.zero_grad()
    for first, weight in zip(firsts, weights, strict=True):
        if first is not None and first.requires_grad:
            first.backward(weight, retain_graph=True)
    seconds = [np.zeros(t.shape) if t.grad is None else t.grad for t in (*tensors, *seeds)]
    slopes = slope(first_order, variables, directions)
    scale = inner(map(abs, weights), map(abs, slopes))
    assert_same_product(inner(seconds, directions), inner(weights, slopes), scale)


def check_dtypes(call):
    """Look for float64 among what is computed of float32: results, gradients, steps between."""
    outs = call(*call.arrays)
    cotangents = [
        mg.from_numpy(np.ones_like(out), requires_grad=out.dtype == np.float32) for out in outs
    ]
    for tensor in pull_back(call, call.arrays, cotangents, create_graph=True):
        if tensor.grad is not None:
            assert dtypes_behind(tensor.grad) == {np.dtype(np.float32)}


def dtypes_behind(tensor):
    """Return the dtypes of every array that was computed on the way to a tensor."""
    found, stack, seen = {tensor.dtype}, [tensor._node], set()
    while stack:
        vertex = stack.pop()
        if vertex is not None and vertex not in seen:
            seen.add(vertex)
            found.add(vertex.dtype)
            stack.extend(vertex.parents)
    return found


# --- Tests ---------------------------------------------------------------------------------------

METHODS = {
    "astype": lambda x, *args: x.astype(*args),
    "numpy.astype": lambda x, dtype: np.astype(with_axes(x), dtype),
}
REORDERED = 16  # epsilons, where products are added up in another order


def test_every_function_with_a_rule_is_tested():
    assert set(CALLS) == set(mg.differentiable_functions())


@pytest.mark.parametrize("name", sorted(CALLS.keys() - ELEMENTWISE.keys()))
@given(data=st.data())
def test_rule(name, data):
    check_rule(name, data)


@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
@settings(max_examples=max(1, settings().max_examples // 2))  # half, as they have few options
@given(data=st.data())
def test_elementwise_rule(name, data):
    check_rule(name, data)


def with_axes(x):
    return np.asarray(x) if isinstance(x, np.generic) else x  # which NumPy 2.0 does not convert


def check_rule(name, data):
    call = data.draw(CALLS[name](METHODS.get(name) or mg.differentiable_functions()[name]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    tolerance = REORDERED if name in PRODUCTS else 0
    check_values(call, tolerance)
    check_gradient(call, rng)
    check_second_order(call, rng)
    narrow = call.as_type(np.float32)
    check_values(narrow, tolerance)
    if name not in WIDENING:
        check_dtypes(narrow)


WIDENING = {"numpy.float_power", "numpy.astype", "astype"}  # float64 on request


@pytest.mark.parametrize("name", sorted(WIDENING))
def test_gradient_has_the_dtype_of_its_argument(name):
    x = mg.tensor([0.5, 2.0], requires_grad=True)
    function = METHODS.get(name) or mg.differentiable_functions()[name]
    out = function(x, 3.0) if name == "numpy.float_power" else function(x, np.float64)
    assert out.dtype == np.float64
    out.sum().backward()
    assert x.grad.dtype == np.float32


# --- Options by position -------------------------------------------------------------------------

BY_POSITION = [
    (np.sum, (1, None, None, True), {"axis": 1, "keepdims": True}),
    (np.mean, (0, None, None, True), {"axis": 0, "keepdims": True}),
    (np.prod, ((0, 1), None, None, True), {"axis": (0, 1), "keepdims": True}),
    (np.max, (1, None, True), {"axis": 1, "keepdims": True}),
    (np.min, (None, None, True), {"keepdims": True}),
    (np.var, (1, None, None, 1, True), {"axis": 1, "ddof": 1, "keepdims": True}),
    (np.std, (0, None, None, 1), {"axis": 0, "ddof": 1}),
    (np.cumsum, (1, None, None), {"axis": 1}),
    (np.linalg.norm, (1, 0, True), {"ord": 1, "axis": 0, "keepdims": True}),
    (np.diagonal, (1, 1, 0), {"offset": 1, "axis1": 1, "axis2": 0}),
]


@pytest.mark.parametrize(("function", "args", "options"), BY_POSITION)
def test_all_options_may_be_given_by_position(function, args, options):
    x = np.random.default_rng(0).normal(size=(3, 4))
    found = mg.value_and_grad(lambda x: np.sum(function(x, *args) ** 2))(x)
    expected = mg.value_and_grad(lambda x: np.sum(function(x, **options) ** 2))(x)
    assert found[0] == expected[0] == np.sum(function(x, *args) ** 2)
    np.testing.assert_array_equal(found[1], expected[1])
    assert function(mg.from_numpy(x), *args).shape == function(x, *args).shape


# --- Tensors and NumPy's numbers where a function takes counts and positions ---------------------

COUNTS = [
    (np.repeat, [1.0, 2.0], [1, 2], {}),
    (np.repeat, [[1.0, 2.0]], 2, {"axis": 0}),
    (np.repeat, [[1.0, 2.0], [3.0, 4.0]], 3, {"axis": 1}),
    (np.repeat, [[1.0, 2.0], [3.0, 4.0]], 3, {}),
    (np.tile, [1.0, 2.0], [2, 1], {}),
    (np.take, [1.0, 2.0], [1, 1], {}),
    (np.take_along_axis, [[1.0, 2.0]], [[1, 0]], {"axis": 1}),
    (np.split, [1.0, 2.0, 3.0, 4.0], [1, 3], {}),
    (np.split, [1.0, 2.0, 3.0, 4.0], 2, {}),
    (np.array_split, [1.0, 2.0, 3.0], 2, {}),
    (np.roll, [1.0, 2.0, 3.0], 1, {}),
]


@pytest.mark.parametrize(("function", "x", "counts", "options"), COUNTS)
@pytest.mark.parametrize("kind", [mg.tensor, np.array, list], ids=["tensor", "array", "list"])
def test_counts_may_be_of_any_kind(function, x, counts, options, kind):
    plain = np.array(counts)
    if kind is not list:
        counts = kind(plain)
    for requires_grad in (False, True):
        found = function(mg.from_numpy(np.array(x), requires_grad=requires_grad), counts, **options)
        expected = function(np.array(x), plain, **options)
        if not isinstance(found, list):
            found, expected = [found], [expected]
        for part, wanted in zip(found, expected, strict=True):
            np.testing.assert_array_equal(part.data, wanted)


@pytest.mark.parametrize("kind", [np.array, list])
def test_tensors_may_count_plain_arrays(kind):
    twice = mg.tensor(np.array([2, 1]))
    assert np.repeat(kind([1.0, 2.0]), twice).tolist() == [1.0, 1.0, 2.0]
    assert np.repeat(kind([1.0, 2.0]), twice, axis=0).tolist() == [1.0, 1.0, 2.0]
    assert np.repeat(kind([[1.0], [2.0]]), twice, axis=0).tolist() == [[1.0], [1.0], [2.0]]
    assert np.tile(kind([1.0, 2.0]), twice).tolist() == [[1.0, 2.0], [1.0, 2.0]]


def test_positions_to_take_may_be_truth_values_and_not_fractions():
    x = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert np.take(x, [True, False, True]).tolist() == [2.0, 1.0, 2.0]
    for positions in (0.5, [0.0, 1.0]):
        with pytest.raises(IndexError):
            np.take(x, positions)


@pytest.mark.parametrize("k", [-3, -1, 0, 1, 2, 4])
def test_vector_on_any_diagonal(k):
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(np.diag(mg.from_numpy(x), k).data, np.diag(x, k))
    weights = np.arange(1.0, np.diag(x, k).size + 1).reshape(np.diag(x, k).shape)
    found = mg.grad(lambda x: np.sum(np.diag(x, k) * weights))(x)
    np.testing.assert_array_equal(found, np.diag(weights, k))


def test_products_with_numbers_and_lists():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    tensor = mg.from_numpy(x, requires_grad=True)
    for function in (np.inner, np.dot):
        np.testing.assert_array_equal(function(tensor, 2.0).data, 2.0 * x)
        np.testing.assert_array_equal(function(2.0, tensor).data, 2.0 * x)
    for first, second in ((tensor, x.tolist()), (x.tolist(), tensor)):
        np.testing.assert_array_equal(np.tensordot(first, second, 1).data, x @ x)
    assert np.vdot(tensor, tensor).item() == 30.0


def check_product(function, *shapes):
    rng = np.random.default_rng(0)
    call = Call(function, [rng.normal(size=shape) for shape in shapes], (X, Y), {})
    check_values(call, REORDERED)
    check_gradient(call, rng)


PAIRS_OF_AXES = [
    ((2, 3), (4, 2), ([0], [1])),
    ((2, 3), (4, 2), (-2, -1)),
    ((2, 3, 4), (3, 5, 2), ([1, 0], [0, 2])),
    ((2, 3, 4), (4, 5, 2), ([0, 2], [2, 0])),
    ((2, 3), (4,), 0),
    ((2, 3, 4), (3, 4, 5), 2),
]


@pytest.mark.parametrize(("first", "second", "axes"), PAIRS_OF_AXES)
def test_products_over_any_axes(first, second, axes):
    check_product(lambda a, b: np.tensordot(a, b, axes), first, second)


@pytest.mark.parametrize("order", [1, -1])
def test_ellipses_may_hide_different_numbers_of_axes(order):
    def product(a, b):
        return np.einsum("...i,...i->...", *(a, b)[::order])

    check_product(product, (2, 4, 3), (4, 3))
    check_product(product, (2, 4, 3), (3,))
    check_product(product, (2, 1, 3), (4, 3))


@pytest.mark.parametrize("function", [np.sum, np.max, np.prod])
@pytest.mark.parametrize("axis", [0, -1])
def test_a_number_may_be_reduced_along_its_first_axis(function, axis):
    x = mg.tensor(2.0, requires_grad=True)
    function(x, axis=axis).backward()
    assert x.grad.shape == ()
    assert x.grad.item() == 1.0


@pytest.mark.parametrize(
    ("order", "options"),
    [(1, {}), (2, {}), (np.inf, {}), ("fro", {"axis": 0}), (3, {"axis": 0}), ("nuc", {})],
)
def test_norms_without_a_rule_are_refused(order, options):
    with pytest.raises(mg.errors.ArgumentError, match="has no gradient rule"):
        np.linalg.norm(mg.tensor(np.ones((2, 2))), order, **options)


class One:
    """A number of an axis that is not an int."""

    def __index__(self):
        return 1


ARRANGED = {
    "reshape in Fortran's order": lambda x: np.reshape(x, (3, 4), order="F"),
    "ravel in Fortran's order": lambda x: np.ravel(x, order="F"),
    "roll along two axes": lambda x: np.roll(x, (1, 2), axis=(0, 1)),
    "atleast_2d of a vector": lambda x: np.atleast_2d(x[0, 0]),
    "concatenate along an axis like a number": lambda x: np.concatenate([x, x], One()),
    "rows of a tensor": lambda x: np.concatenate(x, axis=1),
    "repeat": lambda x: np.repeat(x, [1, 0, 2], axis=1),
    "einsum with an ellipsis and no result": lambda x: np.einsum("...ji", x),
}


@pytest.mark.parametrize("name", ARRANGED)
def test_arrangements(name):
    rng = np.random.default_rng(0)
    call = Call(ARRANGED[name], [rng.normal(size=(2, 3, 2))], (X,), {})
    check_values(call, 0)
    check_gradient(call, rng)


@pytest.mark.parametrize("join", [np.concatenate, np.stack])
def test_joined_arrays_get_the_dtype_asked_for(join):
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert join([x, x]).dtype == np.float32
    out = join([x, x], dtype=np.float64)
    assert out.dtype == np.float64
    out.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


@pytest.mark.skipif(not hasattr(np, "astype"), reason="came with NumPy 2.1")
def test_conversion_copies_unless_told_otherwise():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    assert np.astype(x, np.float32, copy=False) is x
    assert np.astype(x, np.float64, copy=False).dtype == np.float64
    assert np.astype(x, np.float32) is not x


def test_lists_next_to_tensors_in_products():
    x = mg.tensor(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert np.einsum("ij,j->i", x, [1.0, 10.0]).tolist() == [21.0, 43.0]
    assert np.einsum("i,ij->j", [1.0, 10.0], x).tolist() == [31.0, 42.0]


@pytest.mark.parametrize("axes", [([2], [0]), ([0], [-3])])
def test_sums_over_axes_that_are_not_there_are_refused(axes):
    with pytest.raises(mg.errors.ShapeError, match=r"cannot sum over axes .* with 2 axes"):
        np.tensordot(mg.tensor(np.ones((2, 2))), np.ones((2, 2)), axes)


def test_a_number_has_no_axis_to_sort_or_split():
    x = mg.tensor(1.0, requires_grad=True)
    for call in (lambda: np.sort(x), lambda: np.split(x, 1), lambda: np.take(x, 0, axis=0)):
        with pytest.raises(ValueError, match="out of bounds for array of dimension 0"):
            call()


@pytest.mark.parametrize("sections", [2, np.int64(2), np.array(2), 0, -1])
def test_split_into_unequal_parts_is_refused(sections):
    with pytest.raises(ValueError, match=r"length 3 into -?\d equal parts"):
        np.split(mg.tensor([1.0, 2.0, 3.0]), sections)
