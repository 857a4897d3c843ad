"""What every optimizer does around its formula: in place, in the dtype, all or nothing."""

import tracemalloc

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.errors import DtypeError, GraphError, ShapeError

# Each optimizer in the variant that keeps and computes most.
MAKERS = {
    "SGD": lambda p: optim.SGD(p, 0.1, momentum=0.9, dampening=0.1, weight_decay=0.1),
    "SGD plain": lambda p: optim.SGD(p, 0.1),
    "SGD nesterov": lambda p: optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "Momentum": lambda p: optim.Momentum(p, 0.1, weight_decay=0.1),
    "Momentum heavy ball": lambda p: optim.Momentum(p, 0.1, form="heavy_ball"),
    "RMSProp": lambda p: optim.RMSProp(p, momentum=0.9, centered=True, weight_decay=0.1),
    "RMSProp eps inside": lambda p: optim.RMSProp(p, eps_in_sqrt=True),
    "Adam": lambda p: optim.Adam(p, 0.1, amsgrad=True, weight_decay=0.1),
    "Adam uncorrected": lambda p: optim.Adam(p, 0.1, bias_correction=False),
    "AdamW": lambda p: optim.AdamW(p, 0.1),
    "AdaGrad": lambda p: optim.AdaGrad(p, 0.1, lr_decay=0.1, weight_decay=0.1),
}
EACH = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


def parameter(shape=(3, 2), dtype=np.float32, seed=0, name=None):
    values = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return mg.tensor(values, requires_grad=True, name=name)


def set_grad(tensor, seed):
    values = np.random.default_rng(seed).standard_normal(tensor.shape)
    tensor.grad = np.asarray(values, dtype=tensor.dtype)


def run(optimizer, params, steps, first=0):
    for t in range(first, first + steps):
        for index, param in enumerate(params):
            set_grad(param, 100 * t + index)
        optimizer.step()


# --- In place, and in the dtype ------------------------------------------------------------------


@EACH
def test_changes_the_array_in_place_and_leaves_the_gradient(make):
    w = parameter()
    array, before = w.data, w.data.copy()
    optimizer = make([w])
    set_grad(w, 1)
    grad, grad_before = w.grad, w.grad.copy()
    for _ in range(3):
        optimizer.step()
        assert w.data is array
        assert w.grad is grad
        np.testing.assert_array_equal(grad, grad_before)
    assert (array != before).all()


@EACH
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (3, 2), (0, 4)])
def test_keeps_the_dtype_in_every_array(make, dtype, shape):
    w = parameter(shape, dtype)
    try:
        optimizer = make([w])
    except mg.MinigradError:
        assert dtype == np.float16  # a default eps that float16 does not have
        return
    run(optimizer, [w], 3)
    assert w.data.dtype == dtype
    assert w.data.shape == shape
    assert np.isfinite(w.data).all()
    for kept in optimizer.state_dict()["state"]["0"]["arrays"].values():
        assert kept.dtype == dtype
        assert kept.shape == shape


@EACH
def test_makes_no_arrays_after_the_first_step(make):
    w = parameter((500, 400))
    optimizer = make([w])
    set_grad(w, 0)
    optimizer.step()
    tracemalloc.start()
    try:
        for _ in range(3):
            optimizer.step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < w.data.nbytes / 100


@EACH
def test_an_array_assigned_between_steps_is_the_one_that_is_updated(make):
    one, other = parameter(), parameter()
    for w, swap in ((one, False), (other, True)):
        optimizer = make([w])
        for t in range(4):
            if swap:
                w.data = np.asfortranarray(w.data)
            set_grad(w, t)
            optimizer.step()
    np.testing.assert_array_equal(one.data, other.data)


@EACH
def test_memory_layout_makes_no_difference(make):
    values = np.random.default_rng(0).standard_normal((4, 6))
    layouts = [values, np.asfortranarray(values), np.repeat(values, 2, axis=1)[:, ::2]]
    results = []
    for layout in layouts:
        w = mg.from_numpy(layout.copy(order="K") if layout.base is None else layout)
        w.requires_grad = True
        run(make([w]), [w], 3)
        results.append(w.data)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_a_mixture_of_dtypes_and_shapes():
    params = [parameter((2, 3)), parameter((2, 3), np.float64), parameter(()), parameter((3, 2))]
    alone = [parameter((2, 3)), parameter((2, 3), np.float64), parameter(()), parameter((3, 2))]
    together = optim.Adam(params)
    separate = [optim.Adam([w]) for w in alone]
    for t in range(3):
        for index, (w, v) in enumerate(zip(params, alone, strict=True)):
            set_grad(w, 10 * t + index)
            set_grad(v, 10 * t + index)
        together.step()
        for optimizer in separate:
            optimizer.step()
    for w, v in zip(params, alone, strict=True):
        np.testing.assert_array_equal(w.data, v.data)


# --- With the graph ------------------------------------------------------------------------------


@EACH
def test_trains(make):
    w = parameter((3,))
    optimizer = make([w])
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = ((w - 0.1) ** 2).sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3


@EACH
def test_a_graph_that_needs_the_old_values_notices_the_step(make):
    w = parameter()
    optimizer = make([w])
    loss = (w * w).sum()
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(GraphError, match="changed after the forward pass"):
        loss.backward()


def test_gradients_that_are_tensors():
    plain, graph = parameter(), parameter()
    for w, create_graph in ((plain, False), (graph, True)):
        (w**3).sum().backward(create_graph=create_graph)
        optim.Adam([w]).step()
    assert isinstance(graph.grad, mg.Tensor)
    np.testing.assert_array_equal(plain.data, graph.data)


def test_zero_grad_forgets_the_gradients():
    params = [parameter(), parameter()]
    optimizer = optim.SGD(params)
    set_grad(params[0], 0)
    optimizer.zero_grad()
    assert [w.grad for w in params] == [None, None]


# --- Without a gradient --------------------------------------------------------------------------


@EACH
def test_skips_what_has_no_gradient(make):
    w, idle = parameter(seed=1), parameter(seed=2)
    before = idle.data.copy()
    optimizer = make([idle, w])
    for _ in range(2):
        set_grad(w, 0)
        optimizer.step()
    np.testing.assert_array_equal(idle.data, before)
    assert optimizer.state_of(idle) == {"steps": 0}
    assert optimizer.state_of(w)["steps"] == 2
    # Its own steps are counted from when it takes part, as the bias correction needs it.
    alone = parameter(seed=2), parameter(seed=1)
    for param, steps in zip(alone, (1, 3), strict=True):
        separate = make([param])
        for _ in range(steps):
            set_grad(param, 0)
            separate.step()
    set_grad(idle, 0)
    optimizer.step()
    np.testing.assert_array_equal(idle.data, alone[0].data)
    np.testing.assert_array_equal(w.data, alone[1].data)


def test_a_frozen_parameter_stays_even_if_its_gradient_is_still_there():
    w, frozen = parameter(), parameter()
    optimizer = optim.SGD([w, frozen], lr=0.1)
    run(optimizer, [w, frozen], 1)
    frozen.requires_grad = False
    before = frozen.data.copy()
    optimizer.step()
    np.testing.assert_array_equal(frozen.data, before)


@pytest.mark.parametrize("steps_before", [0, 1])
def test_no_gradient_at_all_is_an_error(steps_before):
    w = parameter()
    optimizer = optim.Adam([w])
    run(optimizer, [w], steps_before)
    optimizer.zero_grad()
    with pytest.raises(GraphError, match=r"Adam.step\(\): no parameter has a gradient; call loss"):
        optimizer.step()
    assert optimizer.state_of(w)["steps"] == steps_before


# --- All or nothing ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((3,), np.float32), r"gradient of parameter 'second' is float32 \(3,\)"),
        (np.zeros((3, 2), np.float64), r"gradient of parameter 'second' is float64 \(3, 2\)"),
        ([[0, 0]], "gradient of parameter 'second' is list, and the parameter is float32"),
    ],
)
@EACH
def test_a_bad_gradient_is_named_and_nothing_changes(make, bad, message):
    first, second = parameter(name="first"), parameter(name="second")
    optimizer = make([first, second])
    run(optimizer, [first, second], 2)
    values, state = first.data.copy(), repr(optimizer.state_dict())
    second._vertex().grad = bad  # the setter would have refused it
    with pytest.raises(ShapeError, match=message):
        optimizer.step()
    np.testing.assert_array_equal(first.data, values)
    assert repr(optimizer.state_dict()) == state


def test_a_read_only_array_is_named_and_nothing_changes():
    first, second = parameter(), parameter(name="bias")
    optimizer = optim.SGD([first, second])
    values = first.data.copy()
    array = second.data.copy()
    array.flags.writeable = False
    second.data = array
    with pytest.raises(GraphError, match=r"parameter 'bias' is read-only.*= p.data.copy\(\)"):
        run(optimizer, [first, second], 1)
    np.testing.assert_array_equal(first.data, values)


def test_a_parameter_that_has_become_another_dtype_is_noticed():
    w = parameter()
    optimizer = optim.Adam([w])
    run(optimizer, [w], 1)
    w.convert_(np.float64)
    with pytest.raises((ShapeError, DtypeError), match=r"parameter 0 is now float64 \(3, 2\)"):
        run(optimizer, [w], 1)


# --- Any array that speaks NumPy -----------------------------------------------------------------


class Foreign(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that is no ndarray: it does what it is told through NumPy's protocols only."""

    def __init__(self, array):
        self.array = np.asarray(array)

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(isinstance(x, np.ndarray) for x in inputs):
            return NotImplemented  # as CuPy does: the two kinds do not mix
        inputs = tuple(x.array if isinstance(x, Foreign) else x for x in inputs)
        (out,) = kwargs.pop("out", (None,))
        if out is not None:
            getattr(ufunc, method)(*inputs, out=out.array, **kwargs)
            return out
        return Foreign(getattr(ufunc, method)(*inputs, **kwargs))

    def __array_function__(self, function, types, args, kwargs):
        args = tuple(x.array if isinstance(x, Foreign) else x for x in args)
        return Foreign(function(*args, **kwargs))

    def astype(self, dtype, copy=True):
        return Foreign(self.array.astype(dtype, copy=copy))

    def copy(self):
        return Foreign(self.array.copy())

    def __setitem__(self, key, value):
        self.array[key] = value.array if isinstance(value, Foreign) else value


@EACH
def test_foreign_arrays(make):
    plain = parameter()
    foreign = mg.from_numpy(Foreign(plain.data.copy()))
    foreign.requires_grad = True
    optimizers = make([plain]), make([foreign])
    for t in range(3):
        set_grad(plain, t)
        foreign.grad = Foreign(plain.grad)
        for optimizer in optimizers:
            optimizer.step()
    assert isinstance(foreign.data, Foreign)
    np.testing.assert_array_equal(foreign.data.array, plain.data)
    optimizers[1].load_state_dict(optimizers[1].state_dict())


def test_plain_and_foreign_arrays_in_one_group():
    alone, plain = parameter(), parameter()
    foreign = mg.from_numpy(Foreign(plain.data.copy()))
    foreign.requires_grad = True
    together, separate = optim.Adam([plain, foreign]), optim.Adam([alone])
    for t in range(2):
        for param in (alone, plain):
            set_grad(param, t)
        foreign.grad = Foreign(plain.grad)
        together.step()
        separate.step()
    np.testing.assert_array_equal(plain.data, alone.data)
    np.testing.assert_array_equal(foreign.data.array, alone.data)


# --- What it says of itself ----------------------------------------------------------------------


@EACH
def test_repr_names_variant_formula_and_options(make):
    optimizer = make([parameter()])
    text = repr(optimizer)
    assert text.startswith(f"{type(optimizer).__name__}: {optimizer.formula}")
    assert "w <- w" in optimizer.formula
    assert all(f"{option}=" in text for option in optimizer.defaults)


def test_formulas_of_the_variants_differ():
    formulas = [make([parameter()]).formula for make in MAKERS.values()]
    assert len(set(formulas)) == len(formulas)


def test_repr_shows_a_formula_for_groups_that_differ_in_it():
    text = repr(
        optim.SGD(
            [
                {"params": [parameter()]},
                {"params": [parameter()], "lr": 0.5},
                {"params": [parameter(), parameter()], "momentum": 0.9},
            ]
        )
    )
    assert text.count("w <- w - lr g") == 1
    assert text.count("w <- w - lr V") == 1
    assert "<2 parameters: lr=0.001, momentum=0.9" in text


def test_a_parameter_that_becomes_read_only_between_two_steps_is_named():
    w = mg.tensor(np.ones(3), requires_grad=True, name="w")
    optimizer = optim.SGD([w], lr=0.1)
    w.grad = np.ones(3)
    optimizer.step()
    w.data.flags.writeable = False
    with pytest.raises(GraphError, match="parameter 'w' is read-only"):
        optimizer.step()
