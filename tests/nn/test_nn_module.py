"""Modules: what they find in themselves, their state, their modes, and what they refuse."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.errors import (
    ArgumentError,
    DtypeError,
    GraphError,
    MissingMethodError,
    StateDictError,
)


class Scale(nn.Module):
    """The smallest module with a parameter."""

    def __init__(self, value=1.0):
        self.factor = nn.Parameter(value)

    def forward(self, x):
        return x * self.factor


class Mean(nn.Module):
    """A module with a parameter, a buffer, and one whole number."""

    def __init__(self):
        self.shift = nn.Parameter([0.0, 0.0])
        self.mean = nn.Buffer(np.zeros(2, np.float32))
        self.count = nn.Buffer(np.array(0))

    def forward(self, x):
        return x - self.mean + self.shift


class Branches(nn.Module):
    """Parameters and modules in every place in which they are found."""

    def __init__(self):
        self.first = nn.Linear(2, 3, rng=0)
        self.loose = nn.Parameter(np.ones(2))
        self.rows = [nn.Linear(3, 3, bias=False, rng=1), (Scale(), nn.ReLU())]
        self.named = {"a": Scale(), "b": {"c": nn.Parameter([1.0])}}
        self.nothing = None
        self.number = 3
        self.text = "weights"
        self.array = np.ones(3)
        self.constant = mg.tensor([5.0])


def names(model):
    return [name for name, _ in model.named_parameters()]


def model_of(seed=0):
    return nn.Sequential(nn.Linear(2, 3, rng=seed), nn.ReLU(), nn.Linear(3, 1, rng=seed + 1))


def values(model):
    return {name: array.tolist() for name, array in model.state_dict().items()}


# --- What is found --------------------------------------------------------------------------------


def test_parameters_are_found_in_attributes_lists_tuples_and_dicts_in_order():
    assert names(Branches()) == [
        "loose",  # a module's own ones first, as in PyTorch
        "named.b.c",
        "first.weight",
        "first.bias",
        "rows.0.weight",
        "rows.1.0.factor",
        "named.a.factor",
    ]


def test_modules_are_found_in_the_same_places():
    model = Branches()
    assert [name for name, _ in model.named_modules()] == [
        "",
        "first",
        "rows.0",
        "rows.1.0",
        "rows.1.1",
        "named.a",
    ]
    assert [name for name, _ in model.named_children()] == [
        "first",
        "rows.0",
        "rows.1.0",
        "rows.1.1",
        "named.a",
    ]
    assert next(model.children()) is model.first
    assert next(model.modules()) is model


tree = st.recursive(
    st.sampled_from(["parameter", "module", "nothing"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["x", "y", "z"]), inner, max_size=3),
        st.tuples(inner, inner),
    ),
    max_leaves=8,
)


@given(tree)
def test_nested_structures_are_searched_depth_first(shape):
    own, of_modules = [], []

    def build(shape, path):
        if shape == "parameter":
            own.append(path)
            return nn.Parameter([1.0])
        if shape == "module":
            of_modules.append(f"{path}.factor")
            return Scale()
        if isinstance(shape, dict):
            return {key: build(item, f"{path}.{key}") for key, item in shape.items()}
        if isinstance(shape, list | tuple):
            return type(shape)([build(item, f"{path}.{i}") for i, item in enumerate(shape)])
        return None

    model = nn.Module()
    model.part = build(shape, "part")
    assert names(model) == own + of_modules
    assert list(model.state_dict()) == own + of_modules


def test_shared_parameters_and_modules_count_once():
    model = nn.Module()
    model.a = nn.Linear(2, 2)
    model.b = model.a
    model.tied = nn.Linear(2, 2)
    model.tied.weight = model.a.weight
    assert names(model) == ["a.weight", "a.bias", "tied.bias"]
    assert len(list(model.modules())) == 3
    assert len(list(model.parameters())) == 3


def test_own_tensors_that_require_gradients_are_parameters():
    model = nn.Module()
    model.w = mg.tensor([1.0, 2.0], requires_grad=True)
    model.constant = mg.tensor([1.0])
    model.result = model.w * 2
    assert names(model) == ["w"]
    assert list(model.state_dict()) == ["w"]
    assert list(model.own_parameters()) == [("w", model.w)]


def test_modules_that_refer_to_their_parent():
    model = nn.Module()
    model.child = Scale()
    model.child.parent = model
    model.child.brother = nn.Linear(1, 1)
    model.child.brother.root = model
    assert names(model) == ["child.factor", "child.brother.weight", "child.brother.bias"]
    assert [name for name, _ in model.named_modules()] == ["", "child", "child.brother"]
    model.eval()
    assert not model.child.brother.training
    assert "(parent): ..." in repr(model)
    model.load_state_dict(model.state_dict())
    model.load_state_dict({**model.state_dict(), "child.factor": np.float32(3)})
    assert model.child.factor.item() == 3


def test_modules_that_all_refer_to_each_other_are_found_in_linear_time():
    model = nn.Module()
    model.layers = [Scale() for _ in range(200)]
    for layer in model.layers:
        layer.others = model.layers
    assert len(list(model.parameters())) == 200
    deep = Scale()
    for _ in range(60):
        outer = nn.Module()
        outer.left = outer.right = deep
        deep = outer
    assert len(list(deep.parameters())) == 1
    assert len(deep.state_dict()) == 1


def test_a_set_of_modules_is_refused():
    model = nn.Module()
    model.layers = {Scale()}
    with pytest.raises(DtypeError, match=r"layers is a set of modules .* make it a list"):
        list(model.parameters())
    model.layers = {1, 2}
    assert names(model) == []


def test_super_init_need_not_be_called():
    class Net(nn.Module):
        def __init__(self, width):
            self.width = width
            self.layers = [nn.Linear(width, width) for _ in range(2)]

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    net = Net(3)
    assert net.training
    assert len(names(net)) == 4
    assert net(np.ones((2, 3), np.float32)).shape == (2, 3)


# --- Assignments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.zeros((3, 2), np.float32), "ndarray"),
        (0.5, "float"),
        (mg.tensor([1.0]), "Tensor"),
    ],
)
def test_a_parameter_is_not_overwritten_by_what_is_none(value, what):
    layer = nn.Linear(2, 3)
    old = layer.weight
    with pytest.raises(DtypeError, match=rf"weight is a parameter, and {what} is none; .*data ="):
        layer.weight = value
    assert layer.weight is old


def test_a_parameter_is_not_overwritten_by_a_result():
    scale = Scale()
    with pytest.raises(DtypeError, match=r"a result \(Tensor\) is none"):
        scale.factor = scale.factor - 0.1
    own = nn.Module()
    own.w = mg.tensor([1.0], requires_grad=True)
    with mg.no_grad(), pytest.raises(DtypeError, match=r"Module\.w is a parameter"):
        own.w = own.w - 0.1
    with mg.no_grad():
        own.w -= 0.5  # in place
    assert own.w.tolist() == [0.5]


def test_a_buffer_is_not_overwritten_by_what_is_none():
    model = Mean()
    with pytest.raises(DtypeError, match=r"Mean\.mean is a buffer, and ndarray is none"):
        model.mean = np.zeros(2)
    model.mean.data = np.ones(2, np.float32)
    assert model.state_dict()["mean"].tolist() == [1.0, 1.0]


def test_what_may_replace_a_parameter():
    layer = nn.Linear(2, 3)
    layer.weight = nn.Parameter(np.zeros((3, 2)))
    layer.bias = None
    assert names(layer) == ["weight"]
    layer.weight = mg.tensor(np.ones((3, 2)), requires_grad=True)
    assert names(layer) == ["weight"]
    del layer.weight
    assert names(layer) == []


def test_properties_of_a_subclass_are_left_alone():
    class Net(nn.Module):
        @property
        def w(self):
            raise RuntimeError("not yet")

        @w.setter
        def w(self, value):
            self.stored = value

    net = Net()
    net.w = 3
    assert net.stored == 3


# --- State ----------------------------------------------------------------------------------------


def test_state_dict_holds_copies_of_parameters_and_buffers():
    model = Mean()
    state = model.state_dict()
    assert list(state) == ["shift", "mean", "count"]
    assert [name for name, _ in model.named_buffers()] == ["mean", "count"]
    for array in state.values():
        assert type(array) is np.ndarray
        array += 7
    assert values(model) == {"shift": [0.0, 0.0], "mean": [0.0, 0.0], "count": 0}
    assert names(model) == ["shift"]


def test_load_state_dict_sets_every_value_and_copies_it():
    source, target = model_of(0), model_of(5)
    assert values(source) != values(target)
    state = source.state_dict()
    assert target.load_state_dict(state) == ([], [])
    assert values(target) == values(source)
    state["0.weight"] += 1
    assert values(target) == values(source)


def test_load_state_dict_keeps_tensors_and_their_memory():
    model = Mean()
    shift, memory = model.shift, model.shift.data
    model.load_state_dict(
        {"shift": [1, 2], "mean": mg.tensor([3.0, 4.0]), "count": np.array(5, np.int32)}
    )
    assert model.shift is shift
    assert model.shift.data is memory
    assert values(model) == {"shift": [1.0, 2.0], "mean": [3.0, 4.0], "count": 5}
    assert model.count.dtype == int
    assert model.shift.dtype == np.float32
    model.load_state_dict({"shift": np.array([0.1, 0.2]), "mean": [0, 0], "count": np.array(1)})
    assert model.shift.dtype == np.float32


def test_load_state_dict_lists_everything_that_is_wrong_and_changes_nothing():
    model = model_of()
    before = values(model)
    state = model.state_dict()
    del state["0.bias"], state["2.bias"]
    state |= {
        "0.weight": np.zeros((3, 3)),
        "2.weight": np.zeros((1, 3), int),
        "4.weight": np.zeros(1),
        "extra": np.zeros(1),
    }
    with pytest.raises(StateDictError) as caught:
        model.load_state_dict(state)
    assert str(caught.value).splitlines() == [
        "the state dict does not fit Sequential (6 of its entries):",
        "  missing: 0.bias (3,)",
        "  missing: 2.bias (1,)",
        "  unexpected: 4.weight",
        "  unexpected: extra",
        "  0.weight: shape (3, 3) where the model has (3, 2)",
        "  2.weight: dtype int64 where the model has float32",
    ]
    assert values(model) == before


def test_load_state_dict_lists_values_that_are_no_arrays():
    model = Mean()
    with pytest.raises(StateDictError, match=r"(?s)shift: cannot make.*'a'.*mean: a nested list"):
        model.load_state_dict({"shift": "a", "mean": [[1], [1, 2]], "count": np.array(1)})
    for wrong in ("weights.npz", ["shift"], None):
        with pytest.raises(StateDictError, match=rf"not {type(wrong).__name__}; .*load_w"):
            model.load_state_dict(wrong)


def test_load_state_dict_that_is_not_strict_says_what_it_overlooked():
    model = Mean()
    overlooked = model.load_state_dict({"shift": [1.0, 2.0], "other": [1.0]}, strict=False)
    assert overlooked.missing == ["mean", "count"]
    assert overlooked.unexpected == ["other"]
    assert model.shift.tolist() == [1.0, 2.0]
    with pytest.raises(StateDictError, match=r"shift: shape \(3,\)"):
        model.load_state_dict({"shift": np.zeros(3)}, strict=False)


def tied():
    model = nn.Module()
    model.encoder = nn.Linear(2, 2, rng=0)
    model.decoder = model.encoder
    return model


def test_a_shared_entry_is_saved_once_and_loaded_under_any_of_its_names():
    model = tied()
    assert list(model.state_dict()) == ["encoder.weight", "encoder.bias"]
    weight, bias = np.ones((2, 2), np.float32), np.ones(2, np.float32)
    model.load_state_dict({"decoder.weight": weight, "encoder.bias": bias})
    assert model.encoder.weight.tolist() == [[1, 1], [1, 1]]
    everything = {
        "encoder.weight": 2 * weight,
        "encoder.bias": bias,
        "decoder.weight": 2 * weight,
        "decoder.bias": bias,
    }
    model.load_state_dict(everything)  # as PyTorch writes it
    assert model.encoder.weight.tolist() == [[2, 2], [2, 2]]
    with pytest.raises(StateDictError, match=r"decoder\.weight: differs from encoder\.weight"):
        model.load_state_dict({**everything, "decoder.weight": weight})
    assert model.encoder.weight.tolist() == [[2, 2], [2, 2]]
    with pytest.raises(StateDictError, match=r"missing: encoder\.weight"):
        model.load_state_dict({"encoder.bias": bias})


def test_loading_is_noticed_by_a_graph_that_needs_the_old_values():
    model = Scale(2.0)
    x = mg.tensor(3.0, requires_grad=True)
    out = model(x)
    model.load_state_dict({"factor": np.float32(5)})
    with pytest.raises(GraphError, match="changed after the forward pass"):
        out.backward()


# --- Modes, gradients, dtypes ---------------------------------------------------------------------


def test_train_and_eval_reach_every_module():
    model = Branches()
    assert all(module.training for module in model.modules())
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    assert model.train() is model
    assert all(module.training for module in model.modules())
    model.rows[1][0].eval()
    assert [module.training for module in model.modules()] == [True, True, True, False, True, True]
    with pytest.raises(ArgumentError, match=r"True or False, not ndarray \(2,\) .*fit"):
        model.train(np.ones(2))


def test_zero_grad_forgets_every_gradient():
    model = model_of()
    model(np.ones((4, 2), np.float32)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


def test_requires_grad_freezes_and_thaws():
    model = model_of()
    assert model[0].requires_grad_(False) is model[0]
    model(np.ones((4, 2), np.float32)).sum().backward()
    assert [p.grad is None for p in model.parameters()] == [True, True, False, False]
    assert len(model.state_dict()) == 4
    model.requires_grad_()
    assert all(p.requires_grad for p in model.parameters())


def test_own_tensors_stay_parameters_when_frozen():
    model = nn.Module()
    model.w = mg.tensor([1.0], requires_grad=True, name="w")
    w = model.w
    model.requires_grad_(False)
    assert names(model) == ["w"]
    assert list(model.state_dict()) == ["w"]
    model.requires_grad_(True)
    assert w.requires_grad
    assert model.w is w
    assert w.name == "w"


def test_apply_calls_children_first():
    model = nn.Sequential({"a": nn.Sequential({"b": nn.ReLU()}), "c": nn.Tanh()})
    called = []
    assert model.apply(called.append) is model
    assert called == [model.c, model.a.b, model.a, model]


def test_to_converts_parameters_and_floating_buffers():
    model = Mean()
    model.loss = model.shift.sum()
    model.loss.backward()
    assert model.to(np.float64) is model
    assert (model.shift.dtype, model.mean.dtype, model.count.dtype) == (float, float, int)
    assert model.shift.grad is None
    assert model.shift.requires_grad
    assert isinstance(model.shift, nn.Parameter)
    assert model(np.ones((3, 2))).dtype == np.float64
    assert model.to("float32").shift.dtype == np.float32


@pytest.mark.parametrize(
    ("dtype", "message"),
    [(int, "not int64; they can be np.float32"), (complex, "not complex128"), ("cuda", "'cuda'")],
)
def test_to_refuses_what_parameters_cannot_be(dtype, message):
    with pytest.raises(DtypeError, match=message):
        Mean().to(dtype)


# --- Copies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "twin_of", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies_are_independent_and_equal(twin_of):
    model = nn.Sequential({"a": nn.Linear(2, 2, rng=0), "b": Mean(), "c": nn.Dropout(0.5, rng=3)})
    model.tied = model.a
    model.eval()
    twin = twin_of(model)
    assert repr(twin) == repr(model)
    assert values(twin) == values(model)
    assert not twin.training
    assert twin.tied is twin.a
    assert isinstance(twin.a.weight, nn.Parameter)
    assert isinstance(twin.b.mean, nn.Buffer)
    x = np.ones((3, 2), np.float32)
    np.testing.assert_array_equal(twin(x).data, model(x).data)
    np.testing.assert_array_equal(twin.train()(x).data, model.train()(x).data)  # the same masks
    with mg.no_grad():
        twin.a.weight += 1
    assert values(twin) != values(model)
    twin(x).sum().backward()
    assert model.a.weight.grad is None


def test_deepcopy_copies_gradients():
    model = Scale(2.0)
    model(mg.tensor(3.0)).backward()
    twin = copy.deepcopy(model)
    assert twin.factor.grad == 3.0
    twin.factor.grad[...] = 0
    assert model.factor.grad == 3.0


# --- Calls and text -------------------------------------------------------------------------------


def test_a_call_hands_over_all_arguments():
    class Net(nn.Module):
        def forward(self, x, *rest, scale=1.0):
            return (x, *rest, scale)

    assert Net()(1, 2, scale=3.0) == (1, 2, 3.0)


def test_forward_has_to_be_defined():
    class Net(nn.Module):
        def foward(self, x):
            return x

    with pytest.raises(MissingMethodError, match=r"Net does not define forward.*def forward\(self"):
        Net()(1)
    with pytest.raises(NotImplementedError):
        nn.Module()(1)


def test_reprs():
    assert repr(nn.Module()) == "Module()"
    assert repr(Scale()) == "Scale()"
    assert repr(Branches()) == (
        "Branches(\n"
        "  (first): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (rows.0): Linear(in_features=3, out_features=3, bias=False)\n"
        "  (rows.1.0): Scale()\n"
        "  (rows.1.1): ReLU()\n"
        "  (named.a): Scale()\n"
        ")"
    )


def test_repr_of_a_module_with_options_and_parts():
    class Block(nn.Module):
        def __init__(self):
            self.inner = nn.Sequential(nn.Dropout(0.2))

        def extra_repr(self):
            return "residual=True"

    assert repr(Block()) == (
        "Block(\n  residual=True\n  (inner): Sequential(\n    (0): Dropout(p=0.2)\n  )\n)"
    )


def test_repr_respects_a_childs_own():
    class Own(nn.Module):
        def __repr__(self):
            return "<mine>"

    assert repr(nn.Sequential(Own())) == "Sequential(\n  (0): <mine>\n)"


# --- Parameters and buffers -----------------------------------------------------------------------


def test_parameters_require_gradients_and_copy():
    array = np.ones(2)
    parameter = nn.Parameter(array, name="w")
    array[0] = 5
    assert parameter.tolist() == [1.0, 1.0]
    assert parameter.dtype == np.float64
    assert parameter.requires_grad
    assert parameter.name == "w"
    assert not nn.Parameter([1.0], requires_grad=False).requires_grad
    assert nn.Parameter([1, 2]).dtype == np.float32
    assert nn.Parameter(np.ones(2, int), dtype=np.float32).dtype == np.float32
    with pytest.raises(DtypeError, match="int64"):
        nn.Parameter(np.ones(2, int))


def test_buffers_do_not_require_gradients():
    buffer = nn.Buffer([1, 2])
    assert not buffer.requires_grad
    assert buffer.dtype == np.float32
    assert nn.Buffer(np.arange(2)).dtype == int


def test_a_state_dict_of_the_models_own_tensors_exchanges_them():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    first, second = model[0].weight.data.copy(), model[1].weight.data.copy()
    model.load_state_dict({"0.weight": model[1].weight, "1.weight": model[0].weight})
    np.testing.assert_array_equal(model[0].weight.data, second)
    np.testing.assert_array_equal(model[1].weight.data, first)


def test_nothing_is_loaded_where_one_array_is_read_only():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    before = model[0].weight.data.copy()
    model[1].weight.data.flags.writeable = False
    with pytest.raises(StateDictError, match=r"1\.weight: .* read-only"):
        model.load_state_dict(dict.fromkeys(["0.weight", "1.weight"], np.ones((2, 2))))
    np.testing.assert_array_equal(model[0].weight.data, before)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("requires_grad", r"requires_grad_\(False\)"),
        ("train", r"module.train\(\) or"),
        ("eval", r"module.eval\(\) or"),
    ],
)
def test_modes_are_set_by_calls(name, advice):
    with pytest.raises(ArgumentError, match=rf"Linear\.{name} cannot be set to .*{advice}"):
        setattr(nn.Linear(2, 1), name, False)
