import builtins
import io
import json
import math
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import _extras, nn
from minigrad.data import DataLoader, Dataset, Split
from minigrad.errors import (
    ArgumentError,
    DataError,
    DtypeError,
    NonFiniteError,
    ShapeError,
)
from minigrad.nn import functional as F
from minigrad.optim import SGD, Adam
from minigrad.training import (
    Callback,
    EarlyStopping,
    History,
    accuracy,
    evaluate,
    fit,
    l2_penalty,
    predict,
)


@pytest.fixture
def data():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((23, 4), dtype=np.float32)
    return Split(x, (x[:, 0] > x[:, 1]).astype(np.int64))


def make_model():
    return nn.Sequential(nn.Linear(4, 5, rng=0), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 2, rng=1))


@pytest.fixture
def model():
    return make_model()


def train(model, data, **changes):
    options = {"loss": F.cross_entropy, "optimizer": None, "epochs": 1, "rng": 0, **changes}
    if options["optimizer"] is None:
        options["optimizer"] = Adam(model.parameters(), lr=0.01)
    if not isinstance(data, tuple):
        del options["rng"]
    return fit(model, data, **options)


def weights(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


def modes(model):
    return [module.training for module in model.modules()]


class Spy(nn.Module):
    """Passes its input on, and notes in which mode and how."""

    def __init__(self):
        self.scale = nn.Parameter(np.ones(1, np.float32))
        self.seen = []

    def forward(self, x):
        self.seen.append((self.training, mg.is_grad_enabled(), len(x)))
        return self.scale * x


def squared_error(output, y):
    return ((output - y) ** 2).mean()


# --- The loop --------------------------------------------------------------------------------


def test_fit_does_what_the_loop_in_six_lines_does_bit_for_bit(data):
    mg.random.seed(5)
    expected = make_model()
    optimizer = Adam(expected.parameters(), lr=0.01)
    loader = DataLoader(*data, batch_size=5, shuffle=True, rng=0)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(expected(x), y)
            loss.backward()
            optimizer.step()

    mg.random.seed(5)
    model = make_model()
    train(model, data, epochs=3, batch_size=5, metrics="accuracy", validation=data)
    assert weights(model) == weights(expected)
    mg.random.seed(5)
    again = make_model()
    train(again, DataLoader(*data, batch_size=5, shuffle=True, rng=0), epochs=3)
    assert weights(again) == weights(expected)


def test_two_calls_go_on_where_one_would_have_been(data):
    results = []
    for parts in ([4], [2, 2]):
        mg.random.seed(3)
        model = make_model()
        optimizer = Adam(model.parameters())
        rng = np.random.default_rng(0)
        history = [train(model, data, optimizer=optimizer, epochs=n, rng=rng) for n in parts]
        results.append((weights(model), [loss for h in history for loss in h["loss"]]))
    assert results[0] == results[1]


def test_fit_learns(data):
    model = make_model()
    history = train(
        model,
        data,
        epochs=40,
        batch_size=4,
        metrics="accuracy",
        optimizer=Adam(model.parameters(), lr=0.05),
    )
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert evaluate(model, data, metrics="accuracy")["accuracy"] > 0.9


def test_everything_stays_float32(data, model):
    seen = []
    penalty = lambda model: l2_penalty(model[0].weight, np.float64(1e-4).item())  # noqa: E731
    train(
        model,
        data,
        penalty=penalty,
        metrics={"dtype": lambda output, y: seen.append(output.dtype) or 0},
    )
    assert set(seen) == {np.dtype(np.float32)}
    assert {p.data.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    assert penalty(model).dtype == np.float32


def test_the_data_is_given_as_arrays_loader_or_list(data):
    results = []
    batches = [(data.x[i : i + 5], data.y[i : i + 5]) for i in range(0, 23, 5)]
    for form, options in (
        (tuple(data), {"shuffle": False, "batch_size": 5}),
        (DataLoader(*data, batch_size=5), {}),
        (batches, {}),
        ([list(batch) for batch in batches], {}),
    ):
        mg.random.seed(0)
        model = make_model()
        history = train(model, form, epochs=2, **options)
        results.append((weights(model), history["loss"]))
    assert results.count(results[0]) == 4


def test_one_epoch_takes_a_generator_and_two_do_not(data, model):
    batches = [(data.x, data.y)]
    assert train(model, iter(batches)).epochs == 1
    with pytest.raises(ArgumentError, match="data is a list_iterator, which is used up after one"):
        train(model, iter(batches), epochs=2)
    with pytest.raises(ArgumentError, match="validation is a list_iterator, which is used up"):
        train(model, batches, epochs=2, validation=iter(batches))


def test_the_model_is_in_training_mode_and_in_its_own_afterwards(data):
    spy = Spy()
    spy.eval()
    train(
        spy,
        (data.x, data.x),
        loss=squared_error,
        validation=(data.x[:3], data.x[:3]),
        epochs=2,
        batch_size=20,
        callbacks=[lambda run: run.model.eval()],
    )
    epoch = [(True, True, 20), (True, True, 3), (False, False, 3)]
    assert spy.seen == epoch * 2
    assert spy.training is False


# --- What is reported ------------------------------------------------------------------------


def test_numbers_are_means_over_samples_not_over_batches():
    spy = Spy()
    x = np.float32([1, 1, 1, 1, 9])
    options = {"loss": lambda output, y: output.mean(), "metrics": {"mean": lambda o, y: o.mean()}}
    history = train(
        spy,
        (x, x),
        optimizer=SGD(spy.parameters(), lr=0.0),
        batch_size=4,
        shuffle=False,
        validation=[(x[:4], x[:4]), (x[4:], x[4:])],
        penalty=lambda model: 0 * model.scale.sum() + 0.5,
        **options,
    )
    assert history["loss"] == history["mean"] == history["val_loss"] == history["val_mean"] == [2.6]
    assert history["penalty"] == [0.5]


@given(size=st.integers(1, 30))
def test_evaluating_does_not_depend_on_the_batches(size):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((23, 4)), rng.integers(3, size=23)
    model = nn.Linear(4, 3, rng=0).to(np.float64)
    options = {"loss": F.cross_entropy, "metrics": ["accuracy"]}
    expected = evaluate(model, [(x, y)], **options)
    actual = evaluate(model, (x, y), batch_size=size, **options)
    assert actual["accuracy"] == pytest.approx((model(x).data.argmax(1) == y).mean())
    assert actual == pytest.approx(expected, rel=1e-12)


def test_the_keys_of_a_history_are_stable(data, model):
    plain = train(model, data)
    assert list(plain) == ["loss", "lr", "seconds"]
    full = train(
        model,
        data,
        validation=data,
        metrics=["accuracy"],
        penalty=lambda model: l2_penalty(model.parameters(), 1e-4),
        epochs=2,
    )
    assert list(full) == [
        "loss",
        "penalty",
        "accuracy",
        "val_loss",
        "val_accuracy",
        "lr",
        "seconds",
    ]
    assert all(len(column) == 2 for column in full.values())
    assert all(type(value) is float for column in full.values() for value in column)
    assert full["lr"] == [0.01, 0.01]
    assert (full.epochs, full.interrupted, full.stopped) == (2, False, "")
    assert json.loads(json.dumps(full.to_dict())) == full.to_dict()


def test_the_validation_is_what_evaluate_says(data, model):
    options = {"loss": F.cross_entropy, "metrics": "accuracy"}
    history = train(model, data, validation=data, **options)
    expected = evaluate(model, data, **options)
    assert history["val_loss"] == [expected["loss"]]
    assert history["val_accuracy"] == [expected["accuracy"]]


def test_the_learning_rate_is_the_one_of_the_epoch(data, model):
    optimizer = SGD(model.parameters(), lr=1.0)

    def halve(run):
        run.optimizer.param_groups[0]["lr"] /= 2

    history = train(model, data, optimizer=optimizer, epochs=3, callbacks=[halve])
    assert history["lr"] == [1.0, 0.5, 0.25]


def test_the_running_accuracy_is_measured_before_each_step():
    spy = Spy()
    x = np.ones(4, np.float32)
    history = train(
        spy,
        (x, x),
        optimizer=SGD(spy.parameters(), lr=1.0),
        loss=lambda output, y: output.mean(),
        batch_size=1,
        metrics={"output": lambda output, y: output[0]},
    )
    assert history["output"] == [(1 + 0 - 1 - 2) / 4]


def test_a_history_reads_like_a_dict_and_prints_a_table():
    history = History()
    assert repr(history) == "History of 0 epochs"
    for epoch in range(30):
        history.append({"loss": 1 / (epoch + 1), "seconds": 1.5})
    history.stopped, history.interrupted = "enough", True
    lines = repr(history).splitlines()
    assert lines[0] == "History of 30 epochs, stopped: enough, interrupted"
    assert lines[1] == "epoch     loss  seconds"
    assert lines[2] == "    1        1      1.5"
    assert [line.split()[0] for line in lines[2:9]] == ["1", "2", "3", "4", "5", "...", "11"]
    assert lines[-1] == "   30  0.03333      1.5"
    assert dict(history) == history.to_dict()
    assert history.last() == {"loss": 1 / 30, "seconds": 1.5}
    with pytest.raises(KeyError, match="the history has no 'acc'; it has: loss, seconds"):
        history["acc"]
    history.to_dict()["loss"].clear()
    assert history.epochs == 30


# --- Metrics ---------------------------------------------------------------------------------


def test_accuracy_of_classes_and_of_one_hot_targets():
    scores = np.float32([[0.1, 0.9, 0], [2, -1, 0], [0, 1, 5]])
    assert accuracy(scores, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    assert accuracy(scores, np.eye(3)[[1, 0, 0]]) == pytest.approx(2 / 3)
    assert accuracy(scores, np.array([1, 0, 2], np.uint8)) == 1.0


@pytest.mark.parametrize(
    ("output", "targets", "message"),
    [
        ((4, 1), (4,), r"at least two classes, not \(4, 1\)"),
        ((4,), (4,), r"not \(4,\); of one score each, measure metrics="),
        ((4, 3), (4, 1), r"classes of shape \(4,\) or one-hot.* not \(4, 1\)"),
        ((4, 3), (5,), r"not \(5,\)"),
    ],
)
def test_accuracy_refuses_shapes_that_it_would_misread(output, targets, message):
    with pytest.raises(ShapeError, match=message):
        accuracy(np.zeros(output), np.zeros(targets))


def test_metrics_by_name_by_function_and_both(data, model):
    result = evaluate(
        model,
        data,
        metrics={"accuracy": "accuracy", "acc": accuracy, "ones": lambda output, y: np.array(1)},
    )
    assert list(result) == ["accuracy", "acc", "ones"]
    assert result["acc"] == result["accuracy"]
    x = np.float32([[1], [2]])
    assert evaluate(lambda x: x, (x, x + 2), metrics=["mse", "mae"]) == {"mse": 4.0, "mae": 2.0}
    with pytest.raises(ShapeError, match="mean_squared_error compares arrays of one shape"):
        evaluate(lambda x: x, (x, x[:, 0]), metrics="mean_squared_error")
    assert evaluate(lambda x: x, (x, x + 1), metrics="mean_absolute_error") == {
        "mean_absolute_error": 1.0
    }
    with pytest.raises(ShapeError, match=r"arrays of one shape, not \(2, 1\) with \(2,\)"):
        evaluate(lambda x: x, (x, x[:, 0]), metrics="mean_absolute_error")


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        ("acuracy", ArgumentError, "there is no metric 'acuracy'; there are 'accuracy', 'mean"),
        ([accuracy], DtypeError, r'is no name; write metrics=\{"name": function\}'),
        (accuracy, DtypeError, "metrics are names, or a mapping"),
        ({"a": 3}, DtypeError, r"metric 'a' is no function of \(output, targets\): 3"),
        ({"loss": accuracy}, ArgumentError, "a metric cannot be called 'loss'"),
        ({"val_a": accuracy}, ArgumentError, "a metric cannot be called 'val_a'"),
        (
            {"a": lambda o, y: o},
            DtypeError,
            r"'a' returned ndarray of shape \(\d+, 2\), not one number",
        ),
        ({"a": lambda o, y: None}, DtypeError, "metric 'a' returned NoneType, not"),
    ],
)
def test_metrics_that_are_none_are_refused(data, model, metrics, error, message):
    with pytest.raises(error, match=message):
        evaluate(model, data, metrics=metrics)
    with pytest.raises(error, match=message):
        train(model, data, metrics=metrics)


# --- evaluate and predict --------------------------------------------------------------------


def test_evaluate_and_predict_use_evaluation_mode_without_a_graph_and_put_it_back(data):
    spy = Spy()
    model = nn.Sequential(spy, nn.Dropout(0.5))
    model[1].eval()
    before = modes(model)
    evaluate(model, (data.x, data.x), loss=squared_error, batch_size=20)
    output = predict(model, data.x, batch_size=20)
    assert spy.seen == [(False, False, 20), (False, False, 3)] * 2
    assert modes(model) == before
    assert type(output) is np.ndarray
    np.testing.assert_array_equal(output, data.x)
    assert spy.scale.grad is None

    def fail(x):
        raise RuntimeError("planted")

    model[0].forward = fail
    for call in (lambda: predict(model, data.x), lambda: train(model, data)):
        with pytest.raises(RuntimeError, match="planted"):
            call()
        assert modes(model) == before
    assert mg.is_grad_enabled()


@given(count=st.integers(1, 12), size=st.integers(1, 14))
def test_predictions_are_in_order_whatever_the_batches(count, size):
    x = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    np.testing.assert_array_equal(predict(lambda x: x.sum(axis=1), x, batch_size=size), x.sum(1))
    loader = DataLoader(x, np.zeros(count), batch_size=size)
    np.testing.assert_array_equal(predict(lambda x: x + 1, loader), x + 1)
    np.testing.assert_array_equal(predict(lambda x: x + 1, [[1.0], [2.0]]), [[2], [3]])
    np.testing.assert_array_equal(predict(lambda x: x + 1, mg.tensor(x)), x + 1)


def test_a_prediction_is_no_view_of_the_input(data):
    output = predict(lambda x: x, data.x)
    assert not np.shares_memory(output, data.x)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ((1, 2), DtypeError, r"predict takes the inputs alone: predict\(model, x\)"),
        (3, DtypeError, "x is an array or an iterable of batches, not int"),
        (np.float32(3), DtypeError, "not float32"),
        ({"a": 1}, DtypeError, "not dict"),
        (np.zeros((0, 3)), DataError, "empty"),
        (iter(()), DataError, "x is empty: there was no batch in it"),
        (DataLoader(np.zeros(3), shuffle=True), ArgumentError, "x is a DataLoader that shuffles"),
    ],
)
def test_what_cannot_be_predicted_is_refused(x, error, message):
    with pytest.raises(error, match=message):
        predict(lambda x: x, x)


def test_predictions_that_are_not_one_per_sample_are_refused():
    with pytest.raises(ShapeError, match=r"batch of 3 samples the model returned \(\); predict"):
        predict(np.sum, np.zeros(3))
    with pytest.raises(ShapeError, match=r"the model returned tuple"):
        predict(lambda x: (x, x), np.zeros(3))
    with pytest.raises(ArgumentError, match="batch_size=2 is for an array; x makes its own"):
        predict(lambda x: x, [np.zeros(3)].__iter__(), batch_size=2)
    with pytest.raises(ArgumentError, match="batch_size"):
        predict(lambda x: x, np.zeros(3), batch_size=0)
    with pytest.raises(DtypeError, match=r"model is the class Spy; pass Spy\(\)"):
        predict(Spy, np.zeros(3))


def test_evaluate_needs_something_to_measure(data, model):
    with pytest.raises(ArgumentError, match="nothing to evaluate: pass loss=, metrics=, or both"):
        evaluate(model, data)
    with pytest.raises(DataError, match="data is empty: there was no sample"):
        evaluate(model, iter(()), metrics="accuracy")
    with pytest.raises(ShapeError, match=r"loss of a batch is a scalar.* not shape \(23,\)"):
        evaluate(model, data, loss=lambda output, y: y)


# --- Wrong calls -----------------------------------------------------------------------------

X, Y = np.zeros((4, 4), np.float32), np.zeros(4, np.int64)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ([], DataError, "data is empty: there is no batch in it"),
        ((X[:0], Y[:0]), DataError, "empty"),
        (iter(()), DataError, "the data gave no sample in epoch 1"),
        ((X, Y[:3]), ShapeError, "4, 3 samples"),
        ([(X, Y[:3])], ShapeError, "a batch has 4 samples in x and 3 in y"),
        ((X,), ArgumentError, "data is a pair of arrays .x, y., not a tuple of 1"),
        (Dataset(Split(X, Y), Split(X, Y)), DtypeError, r"holds a Split; .* dataset\.train"),
        (({1, 2}, Y), DtypeError, "holds a set"),
        ((iter(X), Y), DtypeError, "holds a .*iterator"),
        ((3, Y), ShapeError, "array 1 is a single value, 3"),
        (X, DtypeError, "data is a pair of arrays .x, y., or a DataLoader .* not ndarray"),
        (None, DtypeError, "not NoneType"),
        ({"x": X}, DtypeError, "not dict"),
        ([X], DtypeError, r"a batch is a pair \(x, y\), and this one is ndarray"),
        ([(X, Y, Y)], DtypeError, r"a batch is a pair \(x, y\), and this one is 3 parts"),
        (DataLoader(X), DtypeError, "this one is ndarray"),
        ([(X, 3)], DtypeError, "not ndarray and int without a length"),
    ],
)
def test_data_that_is_none_is_refused(data, error, message, model):
    before = weights(model)
    with pytest.raises(error, match=message):
        train(model, data)
    with pytest.raises(error, match=message.replace("the data gave no sample in epoch 1", "empty")):
        evaluate(model, data, metrics="accuracy")
    assert weights(model) == before


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"epochs": 0}, ArgumentError, "epochs is an integer from 1 up, not 0"),
        ({"epochs": 2.0}, ArgumentError, r"not 2\.0"),
        ({"epochs": True}, ArgumentError, "not True"),
        ({"batch_size": 0}, ArgumentError, "batch_size"),
        ({"loss": nn.CrossEntropyLoss}, DtypeError, "loss is the class CrossEntropyLoss; pass Cr"),
        ({"loss": "mse"}, DtypeError, "loss is a module or function, not str"),
        ({"penalty": 1e-4}, DtypeError, "penalty is a module or function, not float"),
        ({"optimizer": Adam}, DtypeError, r"optimizer is one of minigrad\.optim, such as Adam"),
        ({"optimizer": "adam"}, DtypeError, "not 'adam'"),
        ({"callbacks": EarlyStopping()}, DtypeError, "write callbacks=.EarlyStopping"),
        ({"callbacks": [EarlyStopping]}, DtypeError, "a callback is the class EarlyStopping"),
        ({"callbacks": [3]}, DtypeError, "a callback is a module or function, not int"),
        ({"validation": X}, DtypeError, "validation is a pair of arrays .x, y."),
        ({"validation": []}, DataError, "validation is empty"),
        ({"loss": lambda o, y: o}, ShapeError, r"a scalar, such as its mean, not shape \(4, 2\)"),
        ({"loss": lambda o, y: None}, ShapeError, "not NoneType"),
        ({"loss": lambda o, y: 1.0}, DtypeError, "the loss is a float and no tensor, so there"),
        ({"penalty": lambda m: m[0].weight}, ShapeError, r"a scalar.*not shape \(5, 4\)"),
    ],
)
def test_options_that_are_wrong_are_refused(changes, error, message, model):
    before = weights(model)
    with pytest.raises(error, match=message):
        train(model, (X, Y), **changes)
    assert weights(model) == before


def test_options_of_arrays_are_refused_for_a_loader(data, model):
    for option in ({"batch_size": 3}, {"shuffle": False}, {"rng": 3}):
        with pytest.raises(ArgumentError, match=r"is for a pair of arrays; data makes its own"):
            fit(
                model,
                DataLoader(*data),
                loss=F.cross_entropy,
                optimizer=Adam(model.parameters()),
                epochs=1,
                **option,
            )


def test_an_optimizer_of_another_model_is_refused(data, model):
    with pytest.raises(ArgumentError, match="none of the parameters of this Sequential"):
        train(model, data, optimizer=Adam(make_model().parameters()))
    train(model, data, optimizer=Adam(model[3].parameters()))  # some of them are enough


def test_a_schedule_is_called_from_a_function(data, model):
    class Schedule:
        def step(self):
            self.stepped = True

    with pytest.raises(DtypeError, match=r"no callback; write lambda run: schedule\.step\(\)"):
        train(model, data, callbacks=[Schedule()])
    schedule = Schedule()
    train(model, data, callbacks=[lambda run: schedule.step()])
    assert schedule.stepped


def test_an_error_says_in_which_batch_it_was(data, model):
    batches = [(data.x, data.y), (data.x[:, :3], data.y)]
    with pytest.raises(ShapeError) as caught:
        train(model, batches)
    assert caught.value.__notes__ == ["This happened in epoch 1, batch 2."]
    with pytest.raises(ShapeError) as caught:
        train(model, data, validation=batches)
    assert caught.value.__notes__ == ["This happened in the validation after epoch 1."]


# --- Losses that are not finite --------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_step(data, model, value):
    states = []
    losses = iter([1.0, 1.0, value])

    def loss(output, y):
        states.append(weights(model))
        return F.cross_entropy(output, y) * next(losses)

    with pytest.raises(NonFiniteError, match=rf"the loss is {value} in epoch 2, batch 1: .*finite"):
        train(model, data, loss=loss, epochs=3, batch_size=12)
    assert weights(model) == states[-1] != states[-2]
    assert all(p.grad is None for p in model.parameters())


@np.errstate(all="ignore")
def test_the_message_knows_where_it_comes_from(data, model):
    x = data.x.copy()
    x[3] = np.nan
    with pytest.raises(NonFiniteError, match="inputs of this batch hold NaN or infinity"):
        train(model, (x, data.y))
    with pytest.raises(NonFiniteError, match="the penalty is nan in epoch 1, batch 1"):
        train(model, data, penalty=lambda model: model[0].weight.sum() * np.float32(np.nan))
    model[0].weight.data[0, 0] = np.inf
    with pytest.raises(NonFiniteError, match=r"so is what the model returned; .* learn"):
        train(model, data)
    with pytest.raises(FloatingPointError):
        train(model, data)


# --- Callbacks -------------------------------------------------------------------------------


class Recorder(Callback):
    def __init__(self):
        self.calls = []

    def on_fit_begin(self, run):
        self.calls.append(("begin", run.epochs, run.batches))

    def on_batch_end(self, run):
        self.calls.append((run.epoch, run.batch, list(run.means())))

    def on_epoch_end(self, run):
        self.calls.append((run.epoch, run.history.epochs))

    def on_fit_end(self, run):
        self.calls.append("end")


def test_callbacks_are_called_in_order(data, model):
    recorder = Recorder()
    train(model, data, epochs=2, batch_size=12, metrics="accuracy", callbacks=[recorder])
    names = ["loss", "accuracy"]
    assert recorder.calls == [
        ("begin", 2, 2),
        (1, 1, names),
        (1, 2, names),
        (1, 1),
        (2, 1, names),
        (2, 2, names),
        (2, 2),
        "end",
    ]


def test_a_callback_can_stop(data, model):
    history = train(model, data, epochs=9, callbacks=[lambda run: run.stop("seen enough")])
    assert history.epochs == 1
    assert history.stopped == "seen enough"


def stop_early(values, *, monitor="val_loss", model=None, **options):
    """Run EarlyStopping over given numbers; return it, the model, and the history."""
    values = iter(values)
    model = model or Spy()
    x = np.ones((1, 1), np.float32)
    stopping = EarlyStopping(monitor=monitor, **options)

    def overwrite(run):
        run.history[monitor][-1] = next(values)
        run.model.scale.data = np.float32([run.epoch])

    history = train(
        model,
        (x, x),
        loss=squared_error,
        epochs=8,
        validation=(x, x),
        metrics={"accuracy": lambda output, y: 0.0},
        callbacks=[overwrite, stopping],
    )
    return stopping, model, history


def test_early_stopping_waits_and_gives_the_best_weights_back():
    stopping, model, history = stop_early([5, 3, 4, 3, 3.5, 1, 1, 1], patience=3)
    assert history.epochs == 5
    assert history.stopped == "no val_loss better than 3 (epoch 2) for 3 epochs"
    assert (stopping.best, stopping.best_epoch) == (3, 2)
    assert model.scale.item() == 2


def test_early_stopping_restores_at_the_end_too_and_need_not():
    _, model, history = stop_early([5, 4, 3, 2, 3, 3, 3, 3], patience=9)
    assert (history.epochs, history.stopped, model.scale.item()) == (8, "", 4)
    _, model, history = stop_early([5, 4, 5, 5, 5, 5, 5, 5], patience=2, restore_best=False)
    assert (history.epochs, model.scale.item()) == (4, 4)


def test_early_stopping_goes_by_direction_and_min_delta():
    stopping, _, history = stop_early([0.1, 0.5, 0.4, 0.6, 0, 0, 0], monitor="accuracy", patience=2)
    assert (stopping.best_epoch, history.epochs) == (4, 6)
    stopping, _, history = stop_early([5, 4.75, 4.5, 4, 4], patience=2, min_delta=0.5)
    assert (stopping.best_epoch, history.epochs) == (1, 3)
    stopping, _, _ = stop_early([1, 2, 1, 1], monitor="val_loss", patience=2, mode="max")
    assert stopping.best_epoch == 2


def test_early_stopping_takes_nan_for_no_improvement():
    stopping, model, history = stop_early([math.nan, 2, math.nan, math.nan], patience=2)
    assert (stopping.best_epoch, history.epochs, model.scale.item()) == (2, 4, 2)


def test_early_stopping_begins_anew_with_each_fit(data):
    model = make_model()
    stopping = EarlyStopping(monitor="loss", patience=1)
    train(model, data, epochs=2, callbacks=[stopping])
    first = stopping.best
    train(model, data, callbacks=[stopping], loss=lambda o, y: F.cross_entropy(o, y) + 100)
    assert stopping.best > first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience is a number of epochs from 1 up, not 0"),
        ({"patience": 1.5}, r"not 1\.5"),
        ({"min_delta": -1}, "min_delta is a number from 0 up, not -1"),
        ({"min_delta": math.nan}, "not nan"),
        ({"mode": "lowest"}, "mode is 'auto', 'min' or 'max', not 'lowest'"),
        ({"monitor": "val_f1"}, "higher or a lower 'val_f1' is better has to be said"),
    ],
)
def test_early_stopping_refuses_wrong_options(options, message):
    with pytest.raises(ArgumentError, match=message):
        EarlyStopping(**options)


def test_early_stopping_says_what_there_is_to_watch(data, model):
    with pytest.raises(ArgumentError, match=r"'val_loss', and the history has loss, lr, .*va"):
        train(model, data, callbacks=[EarlyStopping()])
    function = lambda x: model(x)  # noqa: E731
    with pytest.raises(ArgumentError, match=r"needs a model with a state_dict\(\)"):
        train(function, data, optimizer=Adam(model.parameters()), callbacks=[EarlyStopping()])


# --- Ctrl-C ----------------------------------------------------------------------------------


@pytest.fixture
def interruptible():
    """Have SIGINT raise, which it does not in the background of a shell script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_at(batch):
    class Interrupt(Callback):
        def on_batch_end(self, run):
            if (run.epoch, run.batch) == batch:
                signal.raise_signal(signal.SIGINT)

    return Interrupt()


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_training_and_keeps_model_and_history(data, model):
    recorder = Recorder()
    callbacks = [interrupt_at((2, 1)), recorder]
    before = modes(model)
    history = train(model, data, epochs=5, batch_size=12, callbacks=callbacks)
    assert history.interrupted
    assert history.epochs == 1
    assert "interrupted" in repr(history)
    assert recorder.calls[-1] == "end"
    assert modes(model) == before
    assert all(np.isfinite(p.data).all() for p in model.parameters())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not train(model, data).interrupted  # and one can go on


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_for_the_step_to_be_whole(data, model):
    class Steps(SGD):
        whole = 0

        def step(self):
            signal.raise_signal(signal.SIGINT)
            super().step()
            self.whole += 1

    before = weights(model)
    optimizer = Steps(model.parameters(), lr=0.1)
    history = train(model, data, optimizer=optimizer, epochs=3)
    assert history.interrupted
    assert optimizer.whole == 1
    assert all(after != before[name] for name, after in weights(model).items())


def test_an_interrupt_gives_the_best_weights_back():
    class Interrupted(Spy):
        def forward(self, x):
            if len(self.seen) == 6:
                raise KeyboardInterrupt
            return super().forward(x)

    _, model, history = stop_early([5, 3, 4, 4], patience=5, model=Interrupted())
    assert (history.interrupted, history.epochs, model.scale.item()) == (True, 3, 2)


def test_handlers_of_other_programs_are_left_alone(data, model):
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("theirs"))
    try:
        history = train(model, data, callbacks=[interrupt_at((1, 1))])
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["theirs"]
    assert not history.interrupted


def test_fit_works_outside_the_main_thread(data, model):
    results = []
    thread = threading.Thread(target=lambda: results.append(train(model, data)))
    thread.start()
    thread.join()
    assert results[0].epochs == 1


# --- Progress --------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "progress", "shown"),
    [
        (io.StringIO, None, False),
        (io.StringIO, True, True),
        (Terminal, None, True),
        (Terminal, False, False),
    ],
)
@pytest.mark.parametrize("with_tqdm", [True, False])
def test_progress_is_shown_on_terminals_or_when_asked(
    data, model, monkeypatch, stream, progress, shown, with_tqdm
):
    stderr = stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    if not with_tqdm:
        usual = _extras.importlib.import_module

        def without(name):
            if name.startswith("tqdm"):
                raise ModuleNotFoundError(name=name.partition(".")[0])
            return usual(name)

        monkeypatch.setattr(_extras.importlib, "import_module", without)
    history = train(model, data, epochs=2, metrics="accuracy", validation=data, progress=progress)
    text = stderr.getvalue()
    if shown:
        for epoch in (1, 2):
            last = {key: f"{key} {history[key][epoch - 1]:.4g}" for key in history}
            assert f"epoch {epoch}/2: " in text
            assert all(last[key] in text for key in ("loss", "accuracy", "val_loss"))
    else:
        assert text == ""


def test_progress_is_closed_after_an_error(data, model, monkeypatch):
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    bars = []
    tqdm = _extras.require("tqdm.auto", extra="progress", purpose="A test")
    usual = tqdm.tqdm
    monkeypatch.setattr(tqdm, "tqdm", lambda **o: bars.append(usual(**o)) or bars[-1])
    with pytest.raises(ShapeError):
        train(model, [(data.x, data.y), (data.x[:, :3], data.y)])
    assert [bar.disable for bar in bars] == [True]  # what close() leaves behind


def test_a_program_without_standard_error_is_quiet(data, model, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert train(model, data).epochs == 1


# --- The penalty -----------------------------------------------------------------------------


def test_the_l2_penalty_is_the_sum_of_squares():
    rng = np.random.default_rng(0)
    a, b = (
        mg.tensor(rng.standard_normal((3, 4)), requires_grad=True),
        mg.tensor(rng.standard_normal(5), requires_grad=True),
    )
    penalty = l2_penalty(iter([a, b]), 0.25)
    expected = 0.25 * ((a.data**2).sum() + (b.data**2).sum())
    assert penalty.item() == pytest.approx(expected, rel=1e-14)
    penalty.backward()
    np.testing.assert_allclose(a.grad, 0.5 * a.data, rtol=1e-14)
    np.testing.assert_allclose(b.grad, 0.5 * b.data, rtol=1e-14)
    np.testing.assert_allclose(
        mg.hessian(lambda x: l2_penalty(x, 0.25))(b.data), 0.5 * np.eye(5), atol=1e-14
    )
    transposed = mg.tensor(np.asfortranarray(a.data), requires_grad=True)
    l2_penalty(transposed.T, 1.0).backward()
    np.testing.assert_allclose(transposed.grad, 2 * a.data)


def test_the_penalty_is_part_of_what_is_minimised(data):
    def train_with(penalty, loss):
        model = nn.Linear(4, 2, rng=0)
        history = train(model, data, loss=loss(model), penalty=penalty, batch_size=7)
        return model.weight.data, history

    inside, _ = train_with(
        None, lambda model: lambda o, y: F.cross_entropy(o, y) + 0.1 * (model.weight**2).sum()
    )
    apart, history = train_with(
        lambda model: l2_penalty(model.weight, 0.1), lambda model: F.cross_entropy
    )
    np.testing.assert_allclose(apart, inside, rtol=1e-5)
    assert history["penalty"][0] > 0


@pytest.mark.parametrize(
    ("parameters", "strength", "error", "message"),
    [
        ([], 1.0, ArgumentError, "l2_penalty was given no parameter"),
        ([np.ones(3)], 1.0, DtypeError, "l2_penalty takes tensors, not ndarray"),
        ([mg.tensor(1.0)], -1e-4, ArgumentError, "a number from 0 up, not -0.0001"),
        ([mg.tensor(1.0)], math.inf, ArgumentError, "not inf"),
    ],
)
def test_penalties_that_are_wrong_are_refused(parameters, strength, error, message):
    with pytest.raises(error, match=message):
        l2_penalty(parameters, strength)


# --- Around ----------------------------------------------------------------------------------


def test_tqdm_is_not_imported_before_it_is_needed():
    program = "import sys, minigrad.training; assert 'tqdm' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_nothing_is_printed(data, model, capsys):
    assert builtins.print is print
    train(model, data, epochs=2)
    assert capsys.readouterr() == ("", "")
