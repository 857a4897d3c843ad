"""What may be handed to an optimizer: parameters, groups and options; and what is refused."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.errors import ArgumentError, DtypeError

OPTIMIZERS = [optim.SGD, optim.Momentum, optim.RMSProp, optim.Adam, optim.AdamW, optim.AdaGrad]
EACH = pytest.mark.parametrize("cls", OPTIMIZERS)


def parameter(name=None):
    return mg.tensor(np.ones((2, 3), np.float32), requires_grad=True, name=name)


# --- Parameters ----------------------------------------------------------------------------------


def test_takes_any_iterable():
    params = [parameter(), parameter()]
    for given in (params, tuple(params), iter(params), dict(enumerate(params)).values()):
        assert optim.SGD(given).param_groups[0]["params"] == tuple(params)


def test_takes_a_model():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    params = list(model.parameters())
    assert list(optim.Adam(model.parameters()).param_groups[0]["params"]) == params
    named = optim.Adam(model.named_parameters())
    assert list(named.param_groups[0]["params"]) == params
    names = [entry["name"] for entry in named.state_dict()["state"].values()]
    assert names == [name for name, _ in model.named_parameters()]


@EACH
@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([], ArgumentError, "got no parameters; an iterator such as model.parameters"),
        (iter([]), ArgumentError, "got no parameters"),
        ([{"params": []}], ArgumentError, "got no parameters in group 0"),
        (parameter("w"), DtypeError, r"not one tensor; write \w+\(\[w\]\)"),
        (nn.Linear(2, 1), DtypeError, r"not a module; write \w+\(model.parameters\(\)\)"),
        ({"w": parameter()}, DtypeError, r"not a dict; write \w+\(list\(parameters.values\(\)\)\)"),
        ({"params": [parameter()]}, DtypeError, r"one group; put it into a list: \w+\(\[{"),
        ({parameter()}, DtypeError, "not a set, which has no fixed order"),
        (frozenset({parameter()}), DtypeError, "not a frozenset, which has no fixed order"),
        ("weights", DtypeError, "not str 'weights'"),
        (3, DtypeError, "not int 3"),
        (None, DtypeError, "not NoneType None"),
        ([np.ones(3)], DtypeError, r"item 0 is a ndarray, not a Tensor; .*requires_grad=True"),
        ([("w", np.ones(3))], DtypeError, "parameter 'w' is a ndarray, not a Tensor"),
        ([[parameter()]], DtypeError, "item 0 is a list, not a Tensor"),
        ([mg.tensor([1.0], name="x")], ArgumentError, "'x' has requires_grad=False"),
        ([parameter(), parameter() * 2], ArgumentError, "parameter 1 was computed from other"),
        ([{"params": [parameter()]}, parameter()], ArgumentError, "not a list of both"),
        ([{"lr": 0.1}], ArgumentError, "got no \"params\" in group 0, which has only: 'lr'"),
        ([{"params": parameter("w")}], DtypeError, "in group 0, not one tensor"),
        (
            [{"params": [parameter()], "rate": 1}],
            ArgumentError,
            "group 0 has no option 'rate'; there is",
        ),
    ],
)
def test_refuses(cls, given, error, message):
    with pytest.raises(error, match=message) as caught:
        cls(given)
    assert cls.__name__ in str(caught.value)


def test_refuses_a_parameter_twice():
    w, b = parameter(), parameter("shared")
    for given in ([w, b, b], [{"params": [w, b]}, {"params": [b]}]):
        with pytest.raises(ArgumentError, match=r"parameter 'shared' twice, as number 1 and numb"):
            optim.SGD(given)
    with pytest.raises(ArgumentError, match="parameter 'first' twice"):
        optim.SGD([("first", w), ("first", w)])
    with pytest.raises(ArgumentError, match="parameter 1 twice, as number 0 and number 1"):
        optim.SGD([w, w])


# --- Options -------------------------------------------------------------------------------------

BAD_OPTIONS = [
    (optim.SGD, {"lr": -0.1}, "lr must be a number of at least 0, not -0.1"),
    (optim.SGD, {"lr": float("nan")}, "lr must be a number of at least 0, not nan"),
    (optim.SGD, {"lr": float("inf")}, "lr must be"),
    (optim.SGD, {"lr": "fast"}, r"lr must be a number of at least 0, not 'fast' \(str\)"),
    (optim.SGD, {"lr": True}, "lr must be"),
    (optim.SGD, {"lr": None}, "lr must be a number of at least 0, not None"),
    (optim.SGD, {"lr": np.ones(100)}, r"not array.*\.\.\. \(ndarray\)$"),
    (optim.SGD, {"momentum": 1.0}, r"momentum must be a number in \[0, 1\), not 1.0"),
    (optim.SGD, {"dampening": -0.1}, "dampening must be"),
    (optim.SGD, {"weight_decay": -1}, "weight_decay must be a number of at least 0, not -1"),
    (optim.SGD, {"nesterov": 1}, "nesterov must be True or False, not 1"),
    (optim.SGD, {"nesterov": True}, "nesterov=True needs momentum > 0 and dampening = 0"),
    (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening=0.1"),
    (optim.Momentum, {"beta": 1}, "beta must be a number in"),
    (optim.Momentum, {"form": "heavy"}, "form must be 'average' or 'heavy_ball', not 'heavy'"),
    (optim.RMSProp, {"alpha": 1.5}, "alpha must be a number in"),
    (optim.RMSProp, {"eps": 0}, "eps must be a number greater than 0, not 0"),
    (optim.RMSProp, {"centered": True, "alpha": 0}, "centered=True needs alpha > 0"),
    (optim.Adam, {"betas": (0.9, 1.0)}, r"betas\[1\] must be a number in \[0, 1\), not 1.0"),
    (optim.Adam, {"betas": (-0.1, 0.9)}, r"betas\[0\] must be"),
    (optim.Adam, {"betas": 0.9}, "betas must be a pair of numbers"),
    (optim.Adam, {"betas": (0.9, 0.9, 0.9)}, "betas must be a pair of numbers"),
    (optim.Adam, {"eps": -1e-8}, "eps must be a number greater than 0"),
    (optim.Adam, {"amsgrad": "yes"}, "amsgrad must be True or False"),
    (optim.AdamW, {"weight_decay": -1}, "weight_decay must be"),
    (optim.AdaGrad, {"lr_decay": -1}, "lr_decay must be"),
    (optim.AdaGrad, {"initial_accumulator_value": -1}, "initial_accumulator_value must be"),
]


@pytest.mark.parametrize(("cls", "options", "message"), BAD_OPTIONS)
def test_refuses_bad_options_wherever_they_are_set(cls, options, message):
    with pytest.raises(ArgumentError, match=f"^{cls.__name__}: .*{message}"):
        cls([parameter()], **options)
    with pytest.raises(ArgumentError, match=f"^{cls.__name__}, parameter group 1: .*{message}"):
        cls([{"params": [parameter()]}, {"params": [parameter()], **options}])
    optimizer = cls([parameter()])
    before = dict(optimizer.param_groups[0])
    with pytest.raises(ArgumentError, match=f"^{cls.__name__}, parameter group 0: .*{message}"):
        optimizer.param_groups[0].update(options)
    assert dict(optimizer.param_groups[0]) == before


def test_an_unknown_option_is_answered_with_the_one_that_was_meant():
    for make in (
        lambda: optim.Adam([{"params": [parameter()], "weight_decy": 0.1}]),
        lambda: optim.Adam([parameter()]).param_groups[0].update(weight_decy=0.1),
    ):
        with pytest.raises(
            ArgumentError,
            match=r"group 0 has no option 'weight_decy'; did you mean 'weight_decay'\?",
        ):
            make()


def test_numbers_become_pythons_own():
    group = optim.Adam([parameter()], lr=np.float64(0.1), betas=[0, np.float32(0.5)]).param_groups[
        0
    ]
    assert [type(x) for x in (group["lr"], *group["betas"])] == [float] * 3
    assert group["betas"] == (0.0, 0.5)


def test_an_eps_that_is_lost_in_the_dtype_is_refused():
    w = mg.tensor([1.0], np.float16, requires_grad=True)
    with pytest.raises(ArgumentError, match="eps=1e-08 is 0 in float16, the dtype of parameter 0"):
        optim.Adam([w])
    optim.Adam([w], eps=1e-4)


# --- Groups --------------------------------------------------------------------------------------


def test_groups_have_their_own_options_and_the_defaults_else():
    optimizer = optim.SGD(
        [{"params": [parameter()], "lr": 0.5}, {"params": [parameter()], "momentum": 0.9}], lr=0.1
    )
    first, second = optimizer.param_groups
    assert (first["lr"], first["momentum"]) == (0.5, 0.0)
    assert (second["lr"], second["momentum"]) == (0.1, 0.9)


def test_groups_are_updated_with_their_own_options():
    together = [parameter(), parameter()]
    alone = [parameter(), parameter()]
    optimizers = [
        optim.Adam([{"params": together[:1], "lr": 0.5}, {"params": together[1:]}], lr=0.1),
        optim.Adam(alone[:1], lr=0.5),
        optim.Adam(alone[1:], lr=0.1),
    ]
    for _ in range(3):
        for w in together + alone:
            w.grad = w.data * 2
        for optimizer in optimizers:
            optimizer.step()
    for w, v in zip(together, alone, strict=True):
        np.testing.assert_array_equal(w.data, v.data)
    assert (together[0].data != together[1].data).all()


def test_a_group_reads_like_a_dict():
    w = parameter()
    group = optim.Momentum([w]).param_groups[0]
    assert dict(group) == {
        "params": (w,),
        "lr": 1e-3,
        "beta": 0.9,
        "form": "average",
        "weight_decay": 0.0,
    }
    assert len(group) == 5
    assert "beta" in group
    assert "gamma" not in group
    group.update({"lr": 0.1}, beta=0.5)
    assert (group["lr"], group["beta"]) == (0.1, 0.5)
    group.setdefault("lr", 7)
    assert group["lr"] == 0.1


def test_what_cannot_be_done_to_a_group():
    group = optim.SGD([parameter()]).param_groups[0]
    with pytest.raises(ArgumentError, match="add_param_group adds a group"):
        group["params"] = []
    with pytest.raises(ArgumentError, match="'lr' cannot be taken out"):
        del group["lr"]
    with pytest.raises(ArgumentError, match="'lr' cannot be taken out"):
        group.pop("lr")


def test_options_that_depend_on_each_other_are_set_together():
    group = optim.SGD([parameter()]).param_groups[0]
    with pytest.raises(ArgumentError, match="needs momentum"):
        group["nesterov"] = True
    group.update(nesterov=True, momentum=0.9)
    with pytest.raises(ArgumentError, match="needs momentum"):
        group["momentum"] = 0.0


def test_a_group_added_later():
    first, second = parameter(), parameter()
    optimizer = optim.SGD([first], lr=0.1)
    optimizer.add_param_group({"params": [("second", second)], "lr": 0.2})
    for w in (first, second):
        w.grad = np.ones_like(w.data)
    optimizer.step()
    np.testing.assert_allclose(first.data, 0.9)
    np.testing.assert_allclose(second.data, 0.8)
    assert list(optimizer.state_dict()["state"]) == ["0", "1"]


def test_a_bad_group_is_not_added():
    w = parameter("w")
    optimizer = optim.SGD([w])
    for group, message in (
        ({"params": [w]}, "parameter 'w' twice"),
        ({"params": [parameter()], "lr": -1}, "parameter group 1: lr must be"),
        ({"params": []}, "got no parameters"),
        ([parameter()], r"add_param_group takes a dict .*, not list"),
    ):
        with pytest.raises(ArgumentError, match=message):
            optimizer.add_param_group(group)
        assert len(optimizer.param_groups) == 1


def test_state_of_wants_one_of_its_parameters():
    with pytest.raises(ArgumentError, match="SGD has no such parameter"):
        optim.SGD([parameter()]).state_of(parameter())


def test_frozen_parameters_may_be_given_and_stay_as_they_are():
    frozen, free = mg.tensor([1.0]), mg.tensor([1.0], requires_grad=True)
    optimizer = optim.SGD([frozen, free], lr=0.5)
    (frozen * free).sum().backward()
    optimizer.step()
    assert (frozen.item(), free.item()) == (1.0, 0.5)
