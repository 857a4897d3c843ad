"""Every schedule against its formula, PyTorch's recorded figures, and its own saved state."""

import json
from pathlib import Path

import numpy as np
import pytest
from optim_cases import BASE_LR, RATES, SCHEDULE_CASES

import minigrad as mg
from minigrad import optim
from minigrad.errors import ArgumentError, DtypeError, StateDictError

FIGURES = json.loads(Path(__file__).with_name("torch_figures.json").read_text(encoding="utf-8"))[
    "schedules"
]
NAMES = list(SCHEDULE_CASES)
FORMULAS = [name for name in NAMES if SCHEDULE_CASES[name].metrics is None]


def sgd(lr=BASE_LR, momentum=0.9):
    return optim.SGD([mg.tensor([1.0], requires_grad=True)], lr=lr, momentum=momentum)


def two_groups(first=0.4, second=0.1):
    groups = [
        {"params": [mg.tensor([1.0], requires_grad=True)], "lr": first},
        {"params": [mg.tensor([2.0], requires_grad=True)], "lr": second},
    ]
    return optim.SGD(groups, momentum=0.9)


def advance(schedule, case, steps, start=0):
    """Take steps, and return what is set before each of them."""
    figures = []
    for t in range(start, start + steps):
        group = schedule.optimizer.param_groups[0]
        figures.append((group["lr"], group["momentum"]))
        schedule.step(*([case.metrics[t]] if case.metrics else []))
    return figures


@pytest.mark.parametrize("name", NAMES)
def test_follows_the_formula(name):
    case = SCHEDULE_CASES[name]
    figures = advance(case.make(sgd()), case, RATES)
    expected = [(case.rate(t), case.momentum(t)) for t in range(RATES)]
    np.testing.assert_allclose(figures, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_follows_pytorch(name):
    case = SCHEDULE_CASES[name]
    figures = advance(case.make(sgd()), case, RATES)
    np.testing.assert_allclose(figures, FIGURES[name], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", FORMULAS)
def test_lr_at_foretells_the_rates(name):
    case = SCHEDULE_CASES[name]
    schedule = case.make(sgd())
    foretold = [schedule.lr_at(t) for t in range(RATES)]
    assert foretold == [[lr] for lr, _ in advance(schedule, case, RATES)]


def test_every_schedule_is_covered():
    exported = {
        thing
        for thing in map(vars(optim).get, optim.__all__)
        if isinstance(thing, type) and issubclass(thing, optim.LRScheduler)
    } - {optim.LRScheduler}
    assert exported == {type(case.make(sgd())) for case in SCHEDULE_CASES.values()}
    assert set(FIGURES) == set(SCHEDULE_CASES)


# --- Saving --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [0, 3, 10])
@pytest.mark.parametrize("optimizer_first", [True, False])
def test_resumes_where_it_was(name, k, optimizer_first):
    case = SCHEDULE_CASES[name]
    whole = case.make(sgd())
    advance(whole, case, k)
    saved = json.loads(json.dumps([whole.optimizer.state_dict(), whole.state_dict()]))
    rest = advance(whole, case, RATES - k, k)

    resumed = case.make(sgd())
    loads = [resumed.optimizer.load_state_dict, resumed.load_state_dict]
    for load, state in list(zip(loads, saved, strict=True))[:: 1 if optimizer_first else -1]:
        load(state)
    assert resumed.step_count == k
    assert advance(resumed, case, RATES - k, k) == rest


@pytest.mark.parametrize("name", NAMES)
def test_bad_state_changes_nothing(name):
    case = SCHEDULE_CASES[name]
    schedule = case.make(sgd())
    advance(schedule, case, 3)
    good = schedule.state_dict()
    before = json.dumps([good, schedule.optimizer.state_dict()])
    bad = [
        None,
        {},
        {**good, "schedule": "Foreign"},
        {**good, "step_count": -1},
        {**good, "step_count": True},
        {**good, "options": {**good["options"], next(iter(good["options"])): 99}},
        {**good, "options": None},
    ]
    if "base_lrs" in good:
        bad += [{**good, "base_lrs": rates} for rates in ([], [0.1, 0.2], [-1.0], ["x"], None)]
    else:
        bad += [{**good, "last_lr": rates} for rates in ([], [0.1, 0.2], [-1.0], ["x"], None)]
        bad += [{**good, "bad_steps": -1}, {**good, "best": "x"}]
    for state in bad:
        with pytest.raises(StateDictError, match="nothing was loaded"):
            schedule.load_state_dict(state)
        assert json.dumps([schedule.state_dict(), schedule.optimizer.state_dict()]) == before


def test_state_lists_every_problem():
    schedule = optim.StepLR(sgd(), 3)
    state = optim.StepLR(sgd(), 5, gamma=0.5).state_dict() | {"step_count": "x"}
    with pytest.raises(StateDictError) as caught:
        schedule.load_state_dict(state)
    for text in ("step_size is 5 in the state dict, and 3 here", "gamma", "step_count='x'"):
        assert text in str(caught.value)


def test_state_of_a_follower_is_checked():
    def warmup(after):
        optimizer = sgd()
        return optim.LinearWarmup(optimizer, 2, after=after(optimizer))

    cosine = warmup(lambda o: optim.CosineAnnealingLR(o, 5)).state_dict()
    with pytest.raises(StateDictError, match="after: T_max is 5 in the state dict, and 6 here"):
        warmup(lambda o: optim.CosineAnnealingLR(o, 6)).load_state_dict(cosine)
    with pytest.raises(StateDictError, match="here is none"):
        optim.LinearWarmup(sgd(), 2).load_state_dict(cosine)


# --- Groups, and others who set the rate ---------------------------------------------------------


def test_each_group_has_its_own_base_rate():
    schedule = optim.ExponentialLR(two_groups(), gamma=0.5)
    schedule.step()
    assert schedule.last_lr == [0.2, 0.05]


def test_one_cycle_takes_a_rate_for_each_group():
    schedule = optim.OneCycleLR(two_groups(), [0.5, 1.0], 10, div_factor=10)
    assert schedule.last_lr == [0.05, 0.1]
    with pytest.raises(ArgumentError, match=r"3 rates, and the optimizer 2 parameter groups"):
        optim.OneCycleLR(two_groups(), [0.5, 1.0, 2.0], 10)


def test_a_group_that_is_added_later_starts_from_its_own_rate():
    optimizer = sgd()
    schedule = optim.ExponentialLR(optimizer, gamma=0.5)
    schedule.step()
    optimizer.add_param_group({"params": [mg.tensor([1.0], requires_grad=True)], "lr": 0.8})
    schedule.step()
    assert schedule.last_lr == [0.1, 0.2]


def test_two_schedules_of_one_optimizer_are_noticed():
    optimizer = sgd()
    first, second = optim.ExponentialLR(optimizer, 0.5), optim.StepLR(optimizer, 1)
    first.step()
    with pytest.raises(ArgumentError, match=r"StepLR had set lr=0.4 in parameter group 0, and now"):
        second.step()
    assert optimizer.param_groups[0]["lr"] == 0.2
    assert second.step_count == 0


def test_base_lrs_can_be_changed():
    schedule = optim.StepLR(sgd(), 10)
    schedule.base_lrs[0] = 0.7
    schedule.step()
    assert schedule.last_lr == [0.7]


def test_a_follower_is_driven_by_the_warmup():
    optimizer = sgd()
    cosine = optim.CosineAnnealingLR(optimizer, 5)
    optim.LinearWarmup(optimizer, 2, after=cosine)
    with pytest.raises(ArgumentError, match=r"driven by a LinearWarmup; call the step\(\) of that"):
        cosine.step()


def test_one_cycle_after_a_warmup_cycles_the_momentum_too():
    optimizer = sgd()
    cycle = optim.OneCycleLR(optimizer, 1.0, 10, div_factor=2)
    warmup = optim.LinearWarmup(optimizer, 2, start_factor=0.5, after=cycle)
    assert warmup.last_lr == [0.25]
    for _ in range(4):
        warmup.step()
    assert warmup.last_lr == [1.0]
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("make", "option"),
    [
        (lambda p: optim.Adam(p), "betas"),
        (lambda p: optim.Momentum(p), "beta"),
        (lambda p: optim.RMSProp(p, momentum=0.5), "momentum"),
    ],
)
def test_one_cycle_finds_the_momentum(make, option):
    optimizer = make([mg.tensor([1.0], requires_grad=True)])
    optim.OneCycleLR(optimizer, 1.0, 10)
    assert optimizer.param_groups[0][option] == ((0.95, 0.999) if option == "betas" else 0.95)


def test_one_cycle_can_be_stepped_after_every_batch_and_no_more():
    schedule = optim.OneCycleLR(sgd(), 0.5, 5)
    for _ in range(5):
        schedule.step()
    assert schedule.last_lr == schedule.lr_at(4) == pytest.approx([0.5 / 25 / 1e4])
    with pytest.raises(ArgumentError, match="total_steps=5, and this is step 6"):
        schedule.step()
    assert schedule.step_count == 5


def test_one_cycle_in_a_single_step():
    assert optim.OneCycleLR(sgd(), 0.5, 1).last_lr == pytest.approx([2e-6])


# --- Plateaus ------------------------------------------------------------------------------------


def test_plateau_of_negative_figures_wants_real_progress():
    schedule = optim.ReduceLROnPlateau(sgd(), patience=0, threshold=0.1)
    for metric in (-10.0, -9.5, -10.5):  # none of the last two is a tenth below -10
        schedule.step(metric)
    assert schedule.last_lr == pytest.approx([BASE_LR / 100])


def test_plateau_counts_infinity_as_bad():
    schedule = optim.ReduceLROnPlateau(sgd(), factor=0.5, patience=0)
    schedule.step(float("inf"))
    assert schedule.last_lr == [BASE_LR / 2]
    schedule.step(1.0)
    assert (schedule.best, schedule.last_lr) == (1.0, [BASE_LR / 2])


def test_plateau_leaves_tiny_reductions():
    schedule = optim.ReduceLROnPlateau(sgd(lr=1e-8), patience=0)
    for _ in range(3):
        schedule.step(1.0)
    assert schedule.last_lr == [1e-8]


@pytest.mark.parametrize("metric", [np.float32(0.5), np.array(0.5), mg.tensor(0.5), 1])
def test_plateau_takes_what_is_a_number(metric):
    schedule = optim.ReduceLROnPlateau(sgd())
    schedule.step(metric)
    assert type(schedule.best) is float
    json.dumps(schedule.state_dict())


@pytest.mark.parametrize("metric", [float("nan"), "much", None, [1.0, 2.0]])
def test_plateau_refuses_what_is_none(metric):
    schedule = optim.ReduceLROnPlateau(sgd())
    with pytest.raises(ArgumentError, match="metric"):
        schedule.step(metric)
    assert schedule.step_count == 0


# --- Mistakes ------------------------------------------------------------------------------------

MISTAKES = [
    (lambda o: optim.StepLR(o, 0), "step_size must be an integer of at least 1, not 0"),
    (lambda o: optim.StepLR(o, 2.5), "step_size must be an integer"),
    (lambda o: optim.StepLR(o, 2, gamma=0), "gamma must be a number greater than 0"),
    (lambda o: optim.ExponentialLR(o, -1), "gamma must be a number greater than 0, not -1"),
    (lambda o: optim.CosineAnnealingLR(o, 0), "T_max must be an integer of at least 1"),
    (lambda o: optim.CosineAnnealingLR(o, 5, -0.1), "eta_min must be a number of at least 0"),
    (lambda o: optim.CosineAnnealingLR(o, 5, 0.5), "eta_min=0.5 is above the rate 0.4"),
    (lambda o: optim.LinearWarmup(o, 0), "steps must be an integer of at least 1"),
    (lambda o: optim.LinearWarmup(o, 5, 1.0), r"start_factor must be a number in \[0, 1\)"),
    (
        lambda o: optim.LinearWarmup(o, 5, after=optim.ReduceLROnPlateau(o)),
        "after must be a schedule that depends on the number of steps only",
    ),
    (
        lambda o: optim.LinearWarmup(o, 5, after=optim.StepLR(sgd(), 2)),
        "after was made for another optimizer",
    ),
    (lambda o: optim.OneCycleLR(o, 0.0, 10), "max_lr must be a number greater than 0"),
    (lambda o: optim.OneCycleLR(o, [0.1, -1], 10), r"max_lr\[1\] must be"),
    (lambda o: optim.OneCycleLR(o, 0.1, 0), "total_steps must be an integer of at least 1"),
    (lambda o: optim.OneCycleLR(o, 0.1, 9, pct_start=1), "pct_start must be a number between 0"),
    (lambda o: optim.OneCycleLR(o, 0.1, 9, anneal_strategy="cosine"), "'cos' or 'linear'"),
    (lambda o: optim.ReduceLROnPlateau(o, "minimum"), "mode must be 'min' or 'max'"),
    (lambda o: optim.ReduceLROnPlateau(o, factor=1), "factor must be a number between 0 and 1"),
    (
        lambda o: optim.ReduceLROnPlateau(o, patience=-1),
        "patience must be an integer of at",
    ),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_mistakes(make, message):
    optimizer = sgd()
    with pytest.raises(ArgumentError, match=message):
        make(optimizer)


def test_a_used_follower_is_refused():
    optimizer = sgd()
    cosine = optim.CosineAnnealingLR(optimizer, 5)
    cosine.step()
    with pytest.raises(ArgumentError, match=r"in use already \(step_count=1\)"):
        optim.LinearWarmup(optimizer, 2, after=cosine)


def test_one_cycle_refuses_to_turn_momentum_on():
    for optimizer, reason in (
        (sgd(momentum=0.0), "has momentum=0.0, which it would turn on"),
        (optim.Adam([mg.tensor([1.0], requires_grad=True)], betas=(0, 0.9)), "has betas="),
        (optim.AdaGrad([mg.tensor([1.0], requires_grad=True)]), "has no momentum"),
    ):
        with pytest.raises(ArgumentError, match=reason):
            optim.OneCycleLR(optimizer, 0.1, 10)
        optim.OneCycleLR(optimizer, 0.1, 10, cycle_momentum=False)


def test_takes_an_optimizer_only():
    with pytest.raises(DtypeError, match=r"StepLR takes an optimizer, not list; write StepLR\(opt"):
        optim.StepLR([mg.tensor([1.0], requires_grad=True)], 2)


def test_lr_at_needs_a_step():
    with pytest.raises(ArgumentError, match="t >= 0, not -1"):
        optim.StepLR(sgd(), 2).lr_at(-1)


@pytest.mark.parametrize("name", NAMES)
def test_repr_shows_formula_and_options(name):
    schedule = SCHEDULE_CASES[name].make(sgd())
    text = repr(schedule)
    assert text.startswith(f"{type(schedule).__name__}: lr ")
    assert all(f"{option}=" in text for option in schedule.options)
