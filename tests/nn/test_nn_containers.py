"""Sequential: entries by number and by name, and what cannot be one."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.errors import ArgumentError, DtypeError, ShapeError

X = np.ones((2, 3), np.float32)


def numbered():
    return nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))


def named():
    return nn.Sequential({"hidden": nn.Linear(3, 4, rng=0), "out": nn.Linear(4, 2, rng=1)})


def test_entries_are_called_in_turn():
    model = numbered()
    expected = model[2](model[1](model[0](X)))
    np.testing.assert_array_equal(model(X).data, expected.data)
    assert nn.Sequential()(X) is X


def test_indexing():
    model = numbered()
    first, middle, last = model
    assert (model[0], model[1], model[-1], model[np.int64(2)]) == (first, middle, last, last)
    assert model["1"] is middle
    assert len(model) == 3
    assert list(model) == [first, middle, last]
    assert named()["out"].out_features == 2


def test_slices_share_the_entries_and_keep_their_names():
    model = numbered()
    tail = model[1:]
    assert isinstance(tail, nn.Sequential)
    assert tail[-1] is model[2]
    assert [name for name, _ in tail.named_parameters()] == ["2.weight", "2.bias"]
    assert len(model[:0]) == 0
    assert [type(module) for module in model[::-2]] == [nn.Linear, nn.Linear]
    np.testing.assert_array_equal(model[1:](model[:1](X)).data, model(X).data)


def test_names_are_attributes_and_paths():
    model = named()
    assert model.out is model["out"] is model[1]
    assert [name for name, _ in model.named_parameters()] == [
        "hidden.weight",
        "hidden.bias",
        "out.weight",
        "out.bias",
    ]
    assert list(model.state_dict()) == [name for name, _ in model.named_parameters()]
    other = named().state_dict()
    other["out.bias"][...] = 3
    model.load_state_dict(other)
    assert model.out.bias.tolist() == [3, 3]


def test_append_numbers_the_new_entry():
    model = numbered()
    assert model.append(nn.Tanh()) is model
    assert isinstance(model[3], nn.Tanh)
    assert model["3"] is model[3]
    grown = nn.Sequential()
    grown.append(nn.ReLU()).append(nn.Tanh())
    assert [type(module) for module in grown] == [nn.ReLU, nn.Tanh]
    clash = nn.Sequential({"a": nn.ReLU(), "2": nn.Tanh()})
    with pytest.raises(ArgumentError, match="'2' already"):
        clash.append(nn.ReLU())


def test_an_entry_can_be_replaced():
    model = numbered()
    model[-1] = nn.Linear(4, 7, rng=0)
    assert model(X).shape == (2, 7)
    assert [name for name, _ in model.named_parameters()][-1] == "2.bias"
    model["1"] = nn.Tanh()
    assert isinstance(model[1], nn.Tanh)
    by_name = named()
    by_name.out = nn.Linear(4, 5, rng=0)
    assert by_name(X).shape == (2, 5)
    assert by_name[1] is by_name.out
    assert len(list(by_name.parameters())) == 4


def test_what_else_is_assigned_is_found_too():
    model = named()
    model.temperature = nn.Parameter(1.0)
    model.temperature = nn.Parameter(2.0)
    assert list(model.state_dict()).index("temperature") == 0
    assert model(X).shape == (2, 2)


def test_parameters_shared_by_entries():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert len(list(model.parameters())) == 2
    model(mg.tensor(X)).sum().backward()
    assert layer.weight.grad.shape == (3, 3)


def test_repr():
    assert repr(nn.Sequential()) == "Sequential()"
    assert repr(nn.Sequential({"body": numbered(), "end": nn.Softmax()})) == (
        "Sequential(\n"
        "  (body): Sequential(\n"
        "    (0): Linear(in_features=3, out_features=4, bias=True)\n"
        "    (1): ReLU()\n"
        "    (2): Linear(in_features=4, out_features=2, bias=True)\n"
        "  )\n"
        "  (end): Softmax(axis=-1)\n"
        ")"
    )


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (
            lambda: nn.Sequential(nn.ReLU),
            DtypeError,
            r"entry 0 .*; write nn\.ReLU\(\.\.\.\)",
        ),
        (lambda: nn.Sequential(nn.ReLU(), np.tanh), DtypeError, "entry 1 is .*tanh.*forward of a"),
        (lambda: nn.Sequential([nn.ReLU()]), DtypeError, r"entry 0 .*nn\.Sequential\(\*modules\)"),
        (lambda: nn.Sequential(None), DtypeError, "entry 0 is None"),
        (lambda: nn.Sequential({"a": 3}), DtypeError, "entry a is 3"),
        (lambda: nn.Sequential({0: nn.ReLU()}), ArgumentError, "str without dots, .*not 0"),
        (lambda: nn.Sequential({"a.b": nn.ReLU()}), ArgumentError, r"not 'a\.b'"),
        (lambda: nn.Sequential({"": nn.ReLU()}), ArgumentError, "not ''"),
        (lambda: nn.Sequential({"train": nn.ReLU()}), ArgumentError, "'train'.*another name"),
        (lambda: numbered().append(nn.ReLU), DtypeError, "entry 3"),
        (lambda: numbered()[3], IndexError, "no entry 3 in a Sequential with 3 entries"),
        (lambda: numbered()[-4], IndexError, "no entry -4 .*counted from 0"),
        (lambda: numbered()["out"], KeyError, "no entry 'out'; the entries are 0, 1, 2"),
        (lambda: nn.Sequential()["out"], KeyError, "the entries are none"),
        (lambda: named().head, AttributeError, "entry 'head'; its entries are hidden, out"),
        (lambda: numbered().__setitem__(3, nn.ReLU()), IndexError, "no entry 3"),
        (lambda: numbered().__setitem__(0, np.tanh), DtypeError, "entry 0"),
        (lambda: setattr(named(), "out", 3), DtypeError, "entry out is 3"),
        (lambda: numbered()(X[:, :2]), ShapeError, r"layer 0, Linear\(3, 4\): .*not \(2, 2\)"),
    ],
)
def test_wrong_calls(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()
