"""Tensors as arrays: construction, operators, methods, conversions, text, in-place rules."""

import copy
import io
import operator
import pickle
import warnings
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad.errors import DtypeError, GraphError, NoGradientRuleError, RuleError, ShapeError


def leaf(values, dtype=float, **options):
    return mg.tensor(np.array(values, dtype=dtype), requires_grad=True, **options)


# --- Construction --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "float32"),
        (1.5, "float32"),
        (True, "bool"),
        ([1, 2], "float32"),
        ([[1.0], [2.0]], "float32"),
        ((1, 2.5), "float32"),
        (range(3), "float32"),
        ([True, False], "bool"),
        ([], "float32"),
        (1j, "complex64"),
        ([np.float64(1.0), 2], "float32"),
        (np.float64(1.5), "float64"),
        (np.float16(1.5), "float16"),
        (np.int8(3), "int8"),
        (np.arange(3), "int64"),
        (np.arange(3.0), "float64"),
        (np.array(2.0, np.float16), "float16"),
        (np.array([True]), "bool"),
        (np.array([1j]), "complex128"),
    ],
)
def test_dtypes_of_construction(data, dtype):
    t = mg.tensor(data)
    assert t.dtype == dtype
    assert type(t.data) is np.ndarray
    assert t.shape == np.shape(data)
    np.testing.assert_array_equal(t.data, np.asarray(data))
    assert (t.requires_grad, t.grad, t.name, t.is_leaf) == (False, None, None, True)


def test_explicit_dtypes():
    assert mg.tensor([1, 2], dtype=np.int64).dtype == np.int64
    assert mg.tensor(2**60, dtype=np.int64).item() == 2**60
    assert mg.tensor([1.5], np.float64).dtype == np.float64
    assert mg.tensor(np.arange(3), "float32").dtype == np.float32
    assert mg.tensor(["1.5", "2"], dtype=float).data.tolist() == [1.5, 2.0]


@pytest.mark.parametrize("data", [2**24 + 1, [0, 2**53 + 1], -(2**31) + 1, [[2**63 - 1]]])
def test_integers_that_float32_would_change_are_refused(data):
    with pytest.raises(DtypeError, match=r"not exact in float32.*dtype=np\.int64"):
        mg.tensor(data)
    assert mg.tensor(data, dtype=np.int64).data.tolist() == data


def test_integers_that_float32_holds_are_taken():
    assert mg.tensor(2**24).item() == 2**24
    assert mg.tensor([2**30, -(2**25)]).tolist() == [2.0**30, -(2.0**25)]


@pytest.mark.parametrize(
    "data",
    ["abc", b"abc", ["a"], None, [None], {1, 2}, {"a": 1}, object(), 2**80, (x for x in [1])],
    ids=lambda data: repr(data).partition(" at 0x")[0],
)
def test_what_is_no_number_is_refused(data):
    with pytest.raises(DtypeError, match="a number, a rectangular nested list of numbers, or an"):
        mg.tensor(data)


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a"]),
        np.array([1, "a"], dtype=object),
        np.array([b"a"]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.array([1], dtype="timedelta64[s]"),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays_of_what_is_no_number_are_refused(array):
    with pytest.raises(DtypeError, match="cannot make an array of numbers"):
        mg.tensor(array)


@pytest.mark.parametrize("dtype", [object, "U3", "nonsense", 3])
def test_dtypes_of_what_is_no_number_are_refused(dtype):
    with pytest.raises(DtypeError):
        mg.tensor([1.0], dtype=dtype)


@pytest.mark.parametrize("data", [[[1, 2], [3]], [1, [2]], [[1], 2], [np.ones(2), np.ones(3)]])
def test_ragged_lists_are_refused(data):
    with pytest.raises(ShapeError, match=r"rectangular.*differ in length or depth"):
        mg.tensor(data)


def test_construction_copies():
    array = np.arange(3.0)
    t = mg.tensor(array)
    array[0] = 7.0
    assert t.tolist() == [0.0, 1.0, 2.0]
    u = mg.tensor(t)
    t[0] = 5.0
    assert u.tolist() == [0.0, 1.0, 2.0]


def test_from_numpy_shares_memory():
    array = np.arange(3.0)
    t = mg.from_numpy(array, requires_grad=True, name="a")
    assert t.data is array
    assert (t.requires_grad, t.name) == (True, "a")
    for wrong in ([1.0], 1.0, np.float64(1.0), t):
        with pytest.raises(DtypeError, match="from_numpy shares the memory of an array"):
            mg.from_numpy(wrong)


def test_tensors_of_tensors_do_not_lose_gradients():
    x = leaf([1.0, 2.0])
    for data in (x, [x, x], [x[0], 1.0], x * 2):
        with pytest.raises(GraphError, match=r"np\.stack"):
            mg.tensor(data)
    y = x.detach()
    assert mg.tensor(y).dtype == np.float64
    assert mg.tensor([y, y]).shape == (2, 2)


@pytest.mark.parametrize("data", [[1, 2], np.arange(3), True, np.array([1j])])
def test_only_floating_point_can_require_gradients(data):
    with pytest.raises(DtypeError, match=r"only floating-point.*dtype=np\.float32"):
        mg.tensor(np.asarray(data), requires_grad=True)
    t = mg.tensor(np.asarray(data))
    with pytest.raises(DtypeError, match="only floating-point"):
        t.requires_grad = True


# --- Properties ----------------------------------------------------------------------------------


def test_properties_are_the_arrays():
    for array in (np.zeros((2, 3), np.float32), np.array(1.0), np.zeros((0, 4))):
        t = mg.from_numpy(array)
        assert (t.shape, t.ndim, t.size, t.dtype) == (
            array.shape,
            array.ndim,
            array.size,
            array.dtype,
        )
        assert np.shape(t) == array.shape
        assert np.ndim(t) == array.ndim
        assert np.size(t) == array.size


def test_names():
    t = mg.tensor(1.0, name="weight")
    assert t.name == "weight"
    t.name = "bias"
    assert t.name == "bias"
    result = t * 2
    result.name = "twice"
    assert result.name == "twice"
    assert "'twice'" in repr(result)
    result = leaf(1.0) * 2
    result.name = "loss"
    assert repr(result) == "tensor(2., dtype=float64, op=multiply, name='loss')"


def test_requires_grad_of_results_cannot_be_changed():
    y = leaf(1.0) * 2.0
    y.requires_grad = True
    with pytest.raises(GraphError, match=r"result \(of multiply\).*detach\(\)"):
        y.requires_grad = False
    t = mg.tensor(1.0)
    assert t.requires_grad_() is t
    assert t.requires_grad
    assert not t.requires_grad_(False).requires_grad


def test_grad_setter_checks():
    x = mg.tensor([1.0, 2.0], requires_grad=True, name="w")
    gradient = np.array([3.0, 4.0], np.float32)
    x.grad = gradient
    assert x.grad is gradient
    x.grad = None
    assert x.grad is None
    for wrong in (np.ones(3, np.float32), np.float32(1.0), 1.0, [1.0, 2.0]):
        with pytest.raises(ShapeError, match=r"tensor 'w' of shape \(2,\) must have that shape"):
            x.grad = wrong
    with pytest.raises(DtypeError, match="float32 must have that dtype, not float64"):
        x.grad = np.ones(2)


def test_gradients_of_results_are_kept_on_request():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    z = y * y
    with pytest.warns(UserWarning, match=r"multiply\) is not kept; call retain_grad\(\)"):
        assert z.grad is None
    y.retain_grad()
    z.sum().backward()
    assert y.grad.tolist() == [4.0, 8.0]
    assert x.grad.tolist() == [8.0, 16.0]
    with pytest.raises(GraphError, match="does not require one"):
        x.detach().retain_grad()
    x.retain_grad()  # has it anyway


def test_zero_grad():
    x = leaf([1.0])
    x.sum().backward()
    x.zero_grad()
    assert x.grad is None
    (x.detach() * 2.0).zero_grad()


# --- data ----------------------------------------------------------------------------------------


def test_data_is_the_array_itself():
    t = mg.tensor([1.0, 2.0])
    t.data[0] = 5.0
    assert t.tolist() == [5.0, 2.0]
    result = (leaf([1.0, 2.0]) * 2.0).sum()
    assert type(result.data) is np.ndarray
    assert result.data is result.data


def test_assigned_data_is_checked():
    t = mg.tensor([1.0, 2.0], name="w")
    t.data = np.array([3.0, 4.0], np.float32)
    t.data = [5, 6]
    assert (t.tolist(), t.dtype) == ([5.0, 6.0], np.float32)
    t.data = mg.tensor([7.0, 8.0])
    assert t.tolist() == [7.0, 8.0]
    with pytest.raises(ShapeError, match=r"shape \(3,\) to tensor 'w' of shape \(2,\)"):
        t.data = np.ones(3, np.float32)
    with pytest.raises(
        DtypeError, match=r"float64 to tensor 'w' of dtype float32.*astype\('float32'"
    ):
        t.data = np.ones(2)
    assert t.tolist() == [7.0, 8.0]


# --- Operators -----------------------------------------------------------------------------------

NUMPY = tuple(map(int, np.__version__.split(".")[:2]))
ARITHMETIC = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.mod,
]
OPERANDS = [
    2,
    1.5,
    True,
    np.float32(1.5),
    np.float64(1.5),
    np.float16(1.5),
    np.int8(2),
    np.int64(2),
    np.bool_(True),
    np.array([1.5, 2.5], np.float32),
    np.array([1.5, 2.5]),
    np.array([2, 3]),
    np.array([True, False]),
    np.array(2.5, np.float32),
    np.array([[1.0], [2.0], [3.0]], np.float32),
    np.array([]).reshape(0, 1),
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize("operation", ARITHMETIC, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", OPERANDS, ids=repr)
def test_operators_are_numpys(operation, other, dtype):
    if operation is operator.pow and NUMPY < (2, 3):
        pytest.skip("the powers of older NumPys promote by rules of their own")
    array = np.array([2, 5], dtype=dtype)
    for x in (array, array[0]):  # an array, and a number with its dtype
        for wrap in (mg.tensor, lambda v: mg.tensor(v) + np.zeros((), dtype)):
            t = wrap(x)
            for left, right in ((0, 1), (1, 0)):
                with np.errstate(all="ignore"):
                    expected = operation(*((x, other)[i] for i in (left, right)))
                    result = operation(*((t, other)[i] for i in (left, right)))
                assert isinstance(result, mg.Tensor)
                assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
                np.testing.assert_array_equal(result.data, expected)


@pytest.mark.parametrize("operation", ARITHMETIC, ids=lambda f: f.__name__)
def test_operators_with_tensors_and_lists(operation):
    x = leaf([2.0, 3.0])
    for other in (leaf([4.0, 5.0]), mg.tensor(np.array([4.0, 5.0])), [4.0, 5.0], (4.0, 5.0)):
        for left, right in ((x, other), (other, x)):
            result = operation(left, right)
            values = [np.asarray(v.data if isinstance(v, mg.Tensor) else v) for v in (left, right)]
            np.testing.assert_array_equal(result.data, operation(*values))
            assert result.requires_grad
            result.sum().backward()


def test_operators_refuse_what_is_no_number():
    x = leaf([1.0, 2.0])
    for other in ("a", None, object(), {1: 2}):
        with pytest.raises(TypeError):
            x + other
        with pytest.raises(TypeError):
            other * x


def test_operators_leave_unknown_operands_their_say():
    class Other:
        def __radd__(self, other):
            return "mine"

    assert leaf([1.0]) + Other() == "mine"


def test_matrix_product_operators():
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
    for result, expected in (
        (w @ x, w.data @ x),
        (x @ w, x @ w.data),
        ([5.0, 6.0] @ w, x @ w.data),
    ):
        assert isinstance(result, mg.Tensor)
        np.testing.assert_array_equal(result.data, expected)
    with pytest.raises(ShapeError, match=r"matmul of \(2, 2\) float64, \(3,\) float64"):
        w @ np.ones(3)
    with pytest.raises(ShapeError, match=r"add of \(2, 2\) float64, \(3,\) float64"):
        w + np.ones(3)


def test_unary_operators():
    x = leaf([-1.0, 2.0])
    assert (-x).tolist() == [1.0, -2.0]
    assert (+x).tolist() == [-1.0, 2.0]
    assert abs(x).tolist() == [1.0, 2.0]
    assert not np.shares_memory((+x).data, x.data)


@pytest.mark.parametrize(
    "operation",
    [
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
        operator.eq,
        operator.ne,
        operator.floordiv,
    ],
)
def test_operators_without_gradient_give_plain_arrays(operation):
    array = np.array([1.0, 2.0, 3.0])
    x = leaf(array)
    for other in (2.0, np.array([3.0, 2.0, 1.0]), leaf([3.0, 2.0, 1.0]), [3.0, 2.0, 1.0]):
        plain = other.data if isinstance(other, mg.Tensor) else np.asarray(other)
        result = operation(x, other)
        assert type(result) is np.ndarray
        np.testing.assert_array_equal(result, operation(array, plain))
        if operation is not operator.floordiv:
            assert result.dtype == bool
    assert type(operation(2.0, x)) is np.ndarray
    assert type(operation(array, x)) is np.ndarray


def test_divmod_is_not_there():
    with pytest.raises(TypeError):
        divmod(leaf(1.5), 2.0)


def test_round_is_of_one_number():
    assert (round(leaf(1.25), 1), round(leaf([1.75]))) == (1.2, 2)
    assert type(round(leaf(1.75))) is int
    with pytest.raises(ShapeError, match=r"round\(t\) is .*\(2,\); np\.round\(t\.detach"):
        round(leaf([1.0, 2.0]))
    with pytest.raises(GraphError, match="would lose the gradient"):
        mg.grad(lambda x: round(x, 2) * x)(1.5)


def test_tensors_are_hashed_by_identity():
    a, b = mg.tensor([1.0]), mg.tensor([1.0])
    assert {a: 1, b: 2}[a] == 1
    assert weakref.ref(a)() is a


# --- Conversions ---------------------------------------------------------------------------------


def test_numbers():
    x = leaf(2.5)
    assert (float(x), int(x), complex(x), bool(x), x.item()) == (2.5, 2, 2.5 + 0j, True, 2.5)
    assert type(x.item()) is float
    assert float(leaf([[2.5]])) == 2.5
    assert [10, 20, 30][mg.tensor(np.array(1))] == 20
    with pytest.raises(DtypeError, match="cannot be an index"):
        [1, 2][x]
    for convert in (float, int, complex, bool, mg.Tensor.item):
        with pytest.raises(ShapeError, match=r"shape \(2,\)"):
            convert(leaf([1.0, 2.0]))
        with pytest.raises(ShapeError, match=r"shape \(0,\)"):
            convert(leaf([]))


def test_lengths_and_iteration():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    rows = list(x)
    assert [row.tolist() for row in rows] == [[1.0, 2.0], [3.0, 4.0]]
    assert all(row.requires_grad for row in rows)
    first, second = x
    (first * second).sum().backward()
    assert x.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    for function in (len, iter, list):
        with pytest.raises(TypeError, match="without axes"):
            function(leaf(1.0))
    assert [row.tolist() for row in reversed(x)] == [[3.0, 4.0], [1.0, 2.0]]


def test_sum_of_an_iterable():
    x = leaf([1.0, 2.0, 3.0])
    sum(x).backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_membership():
    x = leaf([1.0, 2.0])
    assert 2.0 in x
    assert 5 not in x
    assert mg.tensor(1.0) in x
    assert 1.0 in leaf(1.0)
    assert 2.0 in x.sum() - 1.0


def test_formatting():
    assert f"{leaf(3.14159):.2f}" == "3.14"
    assert f"{leaf([2.0]):6.1f}" == "   2.0"
    x = leaf([1.0])
    assert f"{x}" == str(x) == repr(x)
    with pytest.raises(ShapeError, match="only a tensor of one element"):
        format(leaf([1.0, 2.0]), ".2f")


def test_tolist():
    assert leaf([[1.0, 2.0]]).tolist() == [[1.0, 2.0]]
    assert leaf(1.0).tolist() == 1.0
    assert (leaf(1.0) * 2).tolist() == 2.0


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (lambda: mg.tensor(1.5), "tensor(1.5, dtype=float32)"),
        (lambda: mg.tensor([1, 2]), "tensor([1., 2.], dtype=float32)"),
        (lambda: leaf([1.0]), "tensor([1.], dtype=float64, requires_grad=True)"),
        (
            lambda: leaf([[1.0, 2.0], [3.0, 4.5]], name="w"),
            "tensor([[1. , 2. ],\n"
            "        [3. , 4.5]], dtype=float64, requires_grad=True, name='w')",
        ),
        (lambda: mg.tensor(np.array([True])), "tensor([ True], dtype=bool)"),
        (lambda: mg.tensor(np.zeros((0, 2))), "tensor([], dtype=float64)"),
        (lambda: leaf([1.0]) * 2, "tensor([2.], dtype=float64, op=multiply)"),
        (lambda: leaf([1.0, 2.0]).sum(), "tensor(3., dtype=float64, op=sum)"),
        (lambda: np.exp(leaf(0.0)), "tensor(1., dtype=float64, op=exp)"),
        (lambda: mg.tensor([1.0]) * 2, "tensor([2.], dtype=float32)"),
        (
            lambda: mg.tensor(np.arange(2000.0)),
            "tensor([0.000e+00, 1.000e+00, 2.000e+00, ..., 1.997e+03, 1.998e+03,\n"
            "        1.999e+03], dtype=float64)",
        ),
    ],
)
def test_repr(tensor, text):
    assert repr(tensor()) == text


# --- Into plain arrays ---------------------------------------------------------------------------


def test_conversion_to_arrays_does_not_lose_gradients():
    x = leaf([1.0, 2.0])
    for convert in (
        np.asarray,
        np.array,
        lambda t: np.array([t, t]),
        lambda t: np.array([1.0, t[0]]),
        lambda t: np.asarray([t]),
        lambda t: np.asarray(t * 2),
        lambda t: np.ascontiguousarray(t),
        lambda t: np.concatenate([np.asarray([t])]),
    ):
        with pytest.raises(GraphError, match=r"t\.detach\(\).*t\.numpy\(\).*np\.stack"):
            convert(x)
    y = x.detach()
    assert np.asarray(y) is y.data
    assert np.array(y).tolist() == [1.0, 2.0]
    assert np.asarray(y, dtype=np.float32).dtype == np.float32
    assert np.array([y, y]).shape == (2, 2)
    assert not np.shares_memory(np.array(y), y.data)


def test_conversion_is_refused_under_no_grad_too():
    with mg.no_grad(), pytest.raises(GraphError, match="lose the gradient"):
        np.asarray(leaf([1.0]))


def test_detached_tensors_share_memory_and_no_graph():
    x = leaf([1.0, 2.0], name="x")
    y = x.detach()
    assert np.shares_memory(x.data, y.data)
    assert (y.requires_grad, y.is_leaf, y.grad) == (False, True, None)
    z = (x * 2.0).detach()
    assert not z.requires_grad
    ((x * 2.0).detach() * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_numpy_is_a_read_only_view():
    x = leaf([1.0, 2.0])
    array = x.numpy()
    assert np.shares_memory(array, x.data)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 3.0
    assert x.data.flags.writeable
    assert (x * 2).sum().numpy().shape == ()


def test_copies():
    x = leaf([1.0, 2.0])
    y = x.copy()
    assert not np.shares_memory(x.data, y.data)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_astype():
    x = leaf([1.5, 2.5])
    narrow = x.astype(np.float32)
    assert narrow.dtype == np.float32
    narrow.sum().backward()
    assert (x.grad.dtype, x.grad.tolist()) == (np.float64, [1.0, 1.0])
    for dtype in (int, bool, "int8"):
        plain = x.astype(dtype)
        assert type(plain) is np.ndarray
        assert plain.dtype == dtype
    assert mg.tensor(np.arange(3)).astype(np.float32).dtype == np.float32
    with pytest.raises(DtypeError, match="complex"):
        x.astype(complex)


def test_astype_of_the_same_dtype_copies():
    x = mg.tensor([1.0, 2.0])
    y = x.astype(np.float32)
    y[0] = 9.0
    assert x.tolist() == [1.0, 2.0]


# --- Methods -------------------------------------------------------------------------------------

METHODS = {
    "sum": [{}, {"axis": 0}, {"axis": (0, 1)}, {"axis": -1, "keepdims": True}],
    "prod": [{}, {"axis": 1}, {"keepdims": True}],
    "mean": [{}, {"axis": 0}, {"axis": (0, 1), "keepdims": True}],
    "var": [{}, {"axis": 0}, {"ddof": 1}, {"axis": 1, "ddof": 1, "keepdims": True}],
    "std": [{}, {"axis": 0}, {"ddof": 1}],
    "max": [{}, {"axis": 0}, {"axis": 1, "keepdims": True}],
    "min": [{}, {"axis": 0}],
    "argmax": [{}, {"axis": 0}, {"axis": 1, "keepdims": True}],
    "argmin": [{}, {"axis": 0}],
    "any": [{}, {"axis": 0}],
    "all": [{}, {"axis": 0}, {"keepdims": True}],
    "squeeze": [{}],
    "ravel": [{}],
    "flatten": [{}],
    "copy": [{}],
}
PLAIN = {"argmax", "argmin", "any", "all"}


@pytest.mark.parametrize(
    ("name", "options"), [(name, options) for name in METHODS for options in METHODS[name]]
)
def test_methods_are_numpys(name, options):
    array = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]], np.float32)
    expected = getattr(array, name)(**options)
    result = getattr(mg.tensor(array, requires_grad=True), name)(**options)
    assert isinstance(result, mg.Tensor) == (name not in PLAIN)
    values = np.asarray(result if name in PLAIN else result.data)
    assert (values.shape, values.dtype) == (np.shape(expected), expected.dtype)
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
    "method",
    [
        lambda x: x.reshape(3, 2),
        lambda x: x.reshape((3, -1)),
        lambda x: x.reshape(-1),
        lambda x: x.reshape(6),
        lambda x: x.transpose(),
        lambda x: x.transpose(1, 0),
        lambda x: x.transpose((1, 0)),
        lambda x: x.transpose([1, 0]),
        lambda x: x.transpose(None),
        lambda x: x.T,
        lambda x: x.mT,
        lambda x: x.swapaxes(0, -1),
        lambda x: x[:, None].squeeze(1),
        lambda x: x.clip(1.0, 4.0),
        lambda x: x.clip(max=4.0),
        lambda x: x.clip(1.0),
        lambda x: x.dot(np.ones(3)),
        lambda x: x.sum(0),
        lambda x: x.sum(dtype=np.float64),
        lambda x: x[0, 1],
        lambda x: x[..., ::-1],
        lambda x: x[[0, 1, 1]],
        lambda x: x[np.array([True, False])],
        lambda x: x.astype(np.float32).T.reshape(-1)[2:],
    ],
)
def test_methods_with_arguments_are_numpys(method):
    array = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]])
    expected, result = method(array), method(leaf(array))
    assert isinstance(result, mg.Tensor)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(result.data, expected)


def test_flattened_constants_have_memory_of_their_own():
    constant = mg.tensor([[1.0, 2.0]])
    flat = constant.flatten()
    flat[0] = 9.0
    assert constant.tolist() == [[1.0, 2.0]]


def test_integer_tensors_count_and_index():
    labels = mg.tensor(np.array([2, 0]))
    assert labels.sum().dtype == np.int64
    assert (labels + 1).tolist() == [3, 1]
    assert np.arange(3)[labels].tolist() == [2, 0]
    x = leaf([1.0, 2.0, 3.0])
    x[labels].sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 1.0]
    assert np.take(x, labels).tolist() == [3.0, 1.0]
    assert np.repeat(np.array([1.0, 2.0]), mg.tensor(np.array([2, 1]))).tolist() == [1.0, 1.0, 2.0]


# --- In place ------------------------------------------------------------------------------------

UPDATES = [operator.iadd, operator.isub, operator.imul, operator.itruediv]


@pytest.mark.parametrize("update", UPDATES, ids=lambda f: f.__name__)
def test_leaves_that_require_gradients_refuse_updates(update):
    w = leaf([1.0, 2.0], name="w")
    for other in (2.0, np.ones(2), leaf([1.0, 1.0])):
        with pytest.raises(GraphError, match=r"tensor 'w' requires a gradient.*minigrad\.no_grad"):
            update(w, other)
    assert w.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("update", UPDATES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", [2.0, np.array([4.0, 8.0]), leaf([4.0, 8.0])], ids=repr)
def test_updates_under_no_grad_are_in_place(update, other):
    w = leaf([1.0, 2.0])
    data = w.data
    plain = other.data if isinstance(other, mg.Tensor) else other
    expected = update(data.copy(), plain)
    with mg.no_grad():
        same = update(w, other)
    assert same is w
    assert w.data is data
    assert w.requires_grad
    np.testing.assert_array_equal(w.data, expected)


@pytest.mark.parametrize("update", UPDATES, ids=lambda f: f.__name__)
def test_updates_of_results_bind_the_name_to_a_new_result(update):
    x = leaf([4.0, 8.0])
    y = held = x * 1.0
    y = update(y, 2.0)
    assert held.tolist() == [4.0, 8.0]
    y.sum().backward()
    expected = {"iadd": 1.0, "isub": 1.0, "imul": 2.0, "itruediv": 0.5}[update.__name__]
    assert x.grad.tolist() == [expected, expected]


def test_constants_are_updated_in_place_by_constants_only():
    t = u = mg.tensor([1.0, 2.0])
    t += 1.0
    assert u is t
    assert u.tolist() == [2.0, 3.0]
    t += leaf([1.0, 1.0], np.float32)
    assert u.tolist() == [2.0, 3.0]
    assert t.requires_grad


def test_other_operators_in_place():
    w = leaf([2.0, 3.0])
    data = w.data
    with mg.no_grad():
        w **= 2
        w %= 5.0
        w @= np.array([[1.0, 2.0], [3.0, 4.0]])
        w //= 5.0
        w += 1.0
    assert w.data is data
    assert w.tolist() == [4.0, 5.0]
    with pytest.raises(GraphError, match="requires a gradient"):
        w **= 2
    y = w * 1.0
    y **= 2
    y.sum().backward()
    assert w.grad.tolist() == [8.0, 10.0]


def test_updates_that_do_not_fit_are_refused():
    t = mg.tensor([1.0, 2.0])
    with pytest.raises(ShapeError, match=r"\(3,\) float64 into a tensor of shape \(2,\), float32"):
        t += np.ones(3)
    with pytest.raises(ShapeError, match=r"\(2, 2\) float64 into a tensor of shape \(2,\)"):
        t += np.ones((2, 2))
    counts = mg.tensor(np.array([1, 2]))
    with pytest.raises(DtypeError, match="int64"):
        counts += 0.5
    assert t.tolist() == [1.0, 2.0]
    t += np.array([1.0, 1.0])  # float64 into float32, as NumPy does
    assert t.dtype == np.float32


def test_augmented_assignment_to_an_element():
    t = mg.tensor([1.0, 2.0])
    t[0] += 5.0
    assert t.tolist() == [6.0, 2.0]
    w = leaf([1.0, 2.0])
    with mg.no_grad():
        w[0] += 5.0
        w[:] *= 2.0
    assert w.tolist() == [12.0, 4.0]


def test_arrays_refuse_to_swallow_tensors():
    array = np.zeros(2)
    x = leaf([1.0, 2.0])
    for update in (*UPDATES, operator.ipow, operator.imod):
        with pytest.raises(GraphError, match=r"array = array \+ t, not array \+= t"):
            update(array, x)
    with pytest.raises(GraphError, match=r"numpy\.add cannot write into an array"):
        np.add(x, 1.0, out=array)
    with pytest.raises(GraphError, match="cannot write into a tensor"):
        np.add(array, 1.0, out=x)
    with pytest.raises(GraphError, match="lose"):
        array[:] = x
    assert array.tolist() == [0.0, 0.0]
    array += x.detach()
    with mg.no_grad():
        array += x
    assert array.tolist() == [2.0, 4.0]


def test_setitem():
    t = mg.tensor([[1.0, 2.0], [3.0, 4.0]])
    t[0] = 9.0
    t[1, 1] = np.float64(7.0)
    t[:, 0] = [5, 6]
    t[mg.tensor(np.array([True, False]))] = mg.tensor([1.0, 1.0])
    assert t.tolist() == [[1.0, 1.0], [6.0, 7.0]]
    for value in (1.0, leaf([1.0, 2.0])):
        with pytest.raises(GraphError, match=r"np\.where\(mask, value, t\).*minigrad\.no_grad\(\)"):
            leaf([[1.0, 2.0]])[0] = value
    with pytest.raises(GraphError, match="gradients may depend on"):
        t[0] = leaf([1.0, 2.0])
    with pytest.raises(ShapeError, match=r"\(3,\) float64 into a tensor of shape \(2, 2\)"):
        t[0] = np.ones(3)
    with pytest.raises(IndexError):
        t[5] = 0.0
    w = leaf([1.0, 2.0])
    with mg.no_grad():
        w[0] = 5.0
    assert w.tolist() == [5.0, 2.0]


def test_functions_that_write_are_refused():
    w = leaf([1.0, 2.0])
    calls = [
        lambda: np.copyto(w, np.zeros(2)),
        lambda: np.put(w, [0], 1.0),
        lambda: np.place(w, w > 0, [1.0]),
        lambda: np.putmask(w, w > 0, 1.0),
        lambda: np.fill_diagonal(w, 1.0),
        lambda: np.add.at(w, [0], 1.0),
    ]
    for call in calls:
        with mg.no_grad(), pytest.raises(GraphError, match=r"t\[index\] = value"):
            call()
    assert w.tolist() == [1.0, 2.0]
    array = np.zeros(2)
    for call in (lambda: np.copyto(array, w), lambda: np.add.at(array, [0], w[0])):
        with pytest.raises((NoGradientRuleError, GraphError)):
            call()
    np.copyto(array, w.detach())
    assert array.tolist() == [1.0, 2.0]


# --- Copies and pickles --------------------------------------------------------------------------


def test_deep_copies_of_leaves():
    x = leaf([1.0, 2.0], name="w")
    (x * x).sum().backward()
    twin = copy.deepcopy(x)
    assert (twin.requires_grad, twin.name, twin.is_leaf) == (True, "w", True)
    assert twin.tolist() == [1.0, 2.0]
    assert twin.grad.tolist() == [2.0, 4.0]
    assert not np.shares_memory(twin.data, x.data)
    assert not np.shares_memory(twin.grad, x.grad)
    assert twin._node is not x._node
    both = copy.deepcopy([x, x])
    assert both[0] is both[1]


def test_pickles_of_leaves():
    x = leaf([1.0, 2.0], name="w")
    (x * x).sum().backward()
    twin = pickle.loads(pickle.dumps(x))
    assert (twin.requires_grad, twin.name, twin.grad) == (True, "w", None)
    assert twin.tolist() == [1.0, 2.0]
    assert not np.shares_memory(copy.copy(x).data, x.data)


def test_results_of_constants_are_copied_and_pickled():
    t = (mg.tensor([1.0, 2.0]) * 2.0).sum()
    assert copy.deepcopy(t).item() == 6.0
    assert pickle.loads(pickle.dumps(t)).item() == 6.0


def test_copies_and_pickles_of_results_are_refused():
    y = leaf([1.0]) * 2.0
    for function in (copy.deepcopy, copy.copy, pickle.dumps):
        with pytest.raises(GraphError, match=r"detach\(\)"):
            function(y)


def test_subclasses_stay_subclasses():
    class Weight(mg.Tensor):
        __slots__ = ()

    w = Weight([1.0, 2.0], requires_grad=True)
    assert type(copy.deepcopy(w)) is Weight
    assert type(w * 2) is mg.Tensor
    (w * w).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]


# --- Functions without a rule --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: np.cross(x, x), "numpy.cross"),
        (lambda x: np.linalg.inv(np.outer(x, x) + np.eye(3)), "numpy.linalg.inv"),
        (np.median, "numpy.median"),
        (np.cumprod, "numpy.cumprod"),
        (np.modf, "numpy.modf"),
        (np.fmax.reduce, "numpy.fmax.reduce"),
        (lambda x: np.add.outer(x, x), "numpy.add.outer"),
        (lambda x: np.maximum.accumulate(x), "numpy.maximum.accumulate"),
        (lambda x: np.fmod(x, 2.0), "numpy.fmod"),
        (lambda x: np.block([x, x]), "numpy.block"),
        (lambda x: np.interp(0.5, np.arange(3.0), x), "numpy.interp"),
        (np.fft.fft, "numpy.fft.fft"),
        (np.angle, "numpy.angle"),
    ],
)
def test_functions_without_a_rule_say_so(function, name):
    x = leaf([1.0, 2.0, 3.0])
    with pytest.raises(NoGradientRuleError, match=rf"{name} has no gradient rule.*detach\(\)") as e:
        function(x)
    assert isinstance(e.value, NotImplementedError | TypeError)
    plain = x.detach()
    with np.errstate(all="ignore"):
        for t in (plain, x):
            with mg.no_grad():
                result = function(t)
            assert not isinstance(result, mg.Tensor) or not result.requires_grad


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: np.sum(x, where=[True, False]), "numpy.sum .*option where"),
        (lambda x: np.sum(x, initial=1.0), "numpy.sum .*option initial"),
        (lambda x: np.exp(x, where=np.array([True, False])), "numpy.exp .*option where"),
        (lambda x: np.var(x, ddof=leaf(1.0)), "numpy.var"),
        (lambda x: np.sum(x, out=np.zeros(())), "numpy.sum .*option out"),
        (lambda x: np.bincount([0, 1], weights=x), "numpy.bincount"),
        (lambda x: np.histogram([0, 1], weights=x), "numpy.histogram"),
        (lambda x: np.full_like(x.detach(), x[0]), "numpy.full_like"),
    ],
)
def test_options_without_a_rule_say_so(call, message):
    with pytest.raises(NoGradientRuleError, match=message):
        call(leaf([1.0, 2.0]))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.clip(x, 0.0, 1.0, out=np.zeros(2)),
        lambda x: np.take(x, [0], mode="wrap"),
        lambda x: np.dot(x, x, out=np.zeros(())),
        lambda x: np.linalg.norm(x, ord=3),
        lambda x: np.linalg.norm(np.outer(x, x), ord=2),
        lambda x: np.linalg.norm(np.outer(x, x), 2, (0, 1)),
        lambda x: np.pad(x, 1, mode="edge"),
        lambda x: np.pad(x, 1, constant_values=(1.0, 2.0)),
        lambda x: np.reshape(x, 2, order="A"),
        lambda x: np.einsum(x, [0], x, [0]),
        lambda x: np.einsum("...i->i", np.outer(x, x)),
        lambda x: np.einsum("i,i", x),
        lambda x: np.tensordot(np.ones((2, 3)), np.outer(x, [1, 1, 1]).T, ([0, 1], [0, 1])),
        lambda x: np.split(x, 3),
        lambda x: np.diff(x, -1),
        lambda x: np.where(x, 1.0, 2.0),
        lambda x: np.concatenate([x, x], axis=3),
        lambda x: np.sum(x, axis=3),
        lambda x: np.reshape(x, (3, 5)),
        lambda x: x[np.array([0.5])],
    ],
)
def test_what_is_not_supported_is_refused(call):
    with pytest.raises((TypeError, ValueError, IndexError, RuleError)) as caught:
        call(leaf([1.0, 2.0]))
    assert str(caught.value)


@pytest.mark.parametrize(
    "function",
    [
        np.argmax, np.argmin, np.argsort, np.floor, np.ceil, np.rint, np.trunc, np.round, np.isnan,
        np.isfinite, np.signbit, np.nonzero, np.flatnonzero, np.count_nonzero, np.any, np.all,
        np.zeros_like, np.ones_like, np.shape, np.ndim, np.size, np.argwhere, np.logical_not,
        lambda x: np.greater(x, 1.0), lambda x: np.equal(2.0, x), lambda x: np.floor_divide(x, 2.0),
        lambda x: np.searchsorted(x, 1.5), lambda x: np.digitize(x, [1.0]), np.iscomplexobj,
        lambda x: np.histogram(x)[0], lambda x: np.full_like(x, 3.0), lambda x: np.isclose(x, 1.0),
        lambda x: np.allclose(x, 1.0), lambda x: np.array_equal(x, x), np.result_type,
        lambda x: np.bincount(x.astype(int)), lambda x: np.logical_and(x, True), np.array2string,
        lambda x: np.where(x > 1.0)[0], lambda x: np.where(x)[0], np.array_repr,
        lambda x: np.lexsort((x,)), np.isinf, lambda x: np.argpartition(x, 1),
    ],
)  # fmt: skip
def test_functions_without_gradient_give_plain_results(function):
    array = np.array([1.0, 2.0, 0.0])
    result, expected = function(leaf(array)), function(array)
    assert not isinstance(result, mg.Tensor)
    assert type(result) is type(expected)
    np.testing.assert_array_equal(result, expected)


def test_everything_goes_through_numpys_protocols():
    x = leaf([1.0, 2.0, 3.0])
    assert np.add.reduce(x).item() == 6.0
    matrix = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert np.add.reduce(matrix).tolist() == [4.0, 6.0]  # the first axis by default
    assert np.add.reduce(matrix, axis=None).item() == 10.0
    assert np.add.reduce(matrix, 1).tolist() == [3.0, 7.0]
    assert np.multiply.reduce(matrix, axis=1, keepdims=True).tolist() == [[2.0], [12.0]]
    assert np.zeros(3, like=x).tolist() == [0.0, 0.0, 0.0]
    buffer = io.StringIO()
    print(x, file=buffer)
    assert "tensor([1., 2., 3.]" in buffer.getvalue()


def test_numpy_may_be_given_tensors_by_name():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert np.sum(a=x, axis=0).tolist() == [4.0, 6.0]
    assert np.concatenate([x, x], axis=1).shape == (2, 4)
    assert np.clip(x, a_min=mg.tensor(2.0), a_max=None).tolist() == [[2.0, 2.0], [3.0, 4.0]]
    if NUMPY >= (2, 1):
        assert np.clip(x, min=mg.tensor(2.0), max=None).tolist() == [[2.0, 2.0], [3.0, 4.0]]
    assert np.broadcast_to(array=x, shape=(3, 2, 2)).shape == (3, 2, 2)
    assert np.tensordot(a=x, b=x).item() == 30.0
    np.sum(a=x).backward()
    assert x.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]]


# --- Layouts and dtypes --------------------------------------------------------------------------


def test_read_only_and_strided_data():
    base = np.arange(12.0).reshape(3, 4)
    base.flags.writeable = False
    for array in (base, base.T, base[::-1, ::2], np.broadcast_to(base[0], (2, 4))):
        x = mg.from_numpy(array, requires_grad=True)
        (x * x).sum().backward()
        assert x.grad.flags.writeable
        np.testing.assert_array_equal(x.grad, 2 * array)


def test_float16_stays_float16():
    x = mg.tensor(np.array([1.0, 2.0], np.float16), requires_grad=True)
    y = np.mean(np.tanh(x * 0.5) ** 2 + np.exp(-x)) / 3
    assert y.dtype == np.float16
    y.backward()
    assert x.grad.dtype == np.float16


def test_mixed_precision_gives_each_its_own():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    y = leaf([3.0, 4.0])
    out = x * y
    assert out.dtype == np.float64
    out.sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (np.float32, np.float64)


def test_boolean_and_integer_operands_have_no_gradient():
    x = leaf([1.0, 2.0])
    mask, counts = mg.tensor(np.array([True, False])), mg.tensor(np.array([2, 3]))
    (x * mask + x * counts + np.where(mask, x, 0.0) + x**counts).sum().backward()
    assert x.grad.tolist() == [1 + 2 + 1 + 2.0, 0 + 3 + 0 + 12.0]


def test_empty_tensors():
    x = leaf(np.zeros((0, 3)))
    y = (x * 2.0 + 1.0).sum()
    assert y.item() == 0.0
    y.backward()
    assert x.grad.shape == (0, 3)
    with pytest.raises(ShapeError, match="zero-size"):
        np.max(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mean = np.mean(x)
        mean.backward()
        np.var(x).backward()
    assert np.isnan(mean.item())
