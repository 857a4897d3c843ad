import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from minigrad import _extras, nn
from minigrad.errors import ArgumentError, DtypeError, MissingExtraError, ShapeError
from minigrad.plots import plot_confusion, plot_decision_regions, plot_history, plot_images
from minigrad.tensor import tensor

RUN = {"loss": [3.0, 2.0, 1.0], "val_loss": [3.5, 2.5, 2.0], "accuracy": [0.1, 0.5, 0.9]}


class History:
    """What fit returns, as far as a plot needs it."""

    interrupted = False

    def to_dict(self):
        return {**RUN, "lr": [0.1] * 3, "seconds": [1.0] * 3, "interrupted": False}


def png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40)
    return file.getvalue()


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


# --- Curves ----------------------------------------------------------------------------------


def test_a_history_has_a_panel_for_each_metric_and_a_line_for_each_curve():
    figure = plot_history({"Adam": History(), "SGD": {"loss": [4.0, 3.0]}})
    assert isinstance(figure, Figure)
    loss, accuracy = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "epoch"]
    assert [line.get_label() for line in loss.lines] == [
        "Adam, training",
        "Adam, validation",
        "SGD, training",
    ]
    np.testing.assert_array_equal(loss.lines[1].get_xydata(), [[1, 3.5], [2, 2.5], [3, 2]])
    np.testing.assert_array_equal(loss.lines[2].get_xydata(), [[1, 4], [2, 3]])
    assert [line.get_label() for line in accuracy.lines] == ["Adam, training"]
    assert legend_of(figure) == ["Adam, training", "Adam, validation", "SGD, training"]
    assert png(figure).startswith(b"\x89PNG")


def test_training_is_solid_validation_dashed_and_runs_differ_beyond_colour():
    runs = {str(i): {"loss": [1.0, 2.0], "val_loss": [2.0, 3.0]} for i in range(8)}
    (axes,) = plot_history(runs).axes
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"] * 8
    looks = {(line.get_color(), line.get_marker()) for line in axes.lines}
    assert len(looks) == 8
    assert len({line.get_marker() for line in axes.lines}) == 8


@pytest.mark.parametrize("single", [RUN, History()], ids=["mapping", "history"])
def test_one_run_needs_no_name(single):
    assert legend_of(plot_history(single)) == ["training", "validation"]


def test_one_epoch_is_a_visible_point_at_a_whole_number():
    figure = plot_history({"loss": [1.0]})
    (axes,) = figure.axes
    png(figure)
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low < tick < high] == [1]
    assert axes.lines[0].get_marker() not in ("", "None")


def test_metrics_chooses_the_panels():
    figure = plot_history({"a": History()}, metrics=["lr", "loss"])
    assert [axes.get_ylabel() for axes in figure.axes] == ["lr", "loss"]
    (axes,) = plot_history(RUN, metrics="accuracy").axes
    assert axes.get_ylabel() == "accuracy"


@pytest.mark.parametrize(
    ("histories", "error", "message"),
    [
        ({}, ArgumentError, "and not empty; got {}"),
        (None, ArgumentError, "histories is a History.* got None"),
        ({"a": 3}, DtypeError, "the run 'a' is no History and no mapping: 3"),
        ({"a": {"seconds": [1.0]}}, ArgumentError, r"the runs \['a'\] hold no curve"),
        ({"a": {"loss": []}}, ArgumentError, "hold no curve"),
        ({"a": {"loss": ["x"]}}, DtypeError, "'loss' of the run 'a' is not one number per epoch"),
        ({"a": {"loss": [[1.0]]}}, DtypeError, "not one number per epoch"),
    ],
)
def test_what_is_no_history_is_refused(histories, error, message):
    with pytest.raises(error, match=message):
        plot_history(histories)


def test_an_unknown_metric_is_refused():
    with pytest.raises(ArgumentError, match=r"no run has a curve 'acc'; they have \['accuracy',"):
        plot_history({"a": RUN}, metrics=["loss", "acc"])


# --- Images ----------------------------------------------------------------------------------

ARRAYS = {
    "784": ((3, 784), (28, 28)),
    "64": ((3, 64), (8, 8)),
    "28x28": ((3, 28, 28), (28, 28)),
    "5x7": ((3, 5, 7), (5, 7)),
    "1x28x28": ((3, 1, 28, 28), (28, 28)),
    "28x28x1": ((3, 28, 28, 1), (28, 28)),
    "3x32x32": ((3, 3, 32, 32), (32, 32, 3)),
    "32x32x3": ((3, 32, 32, 3), (32, 32, 3)),
}


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8", "?"])
@pytest.mark.parametrize("case", ARRAYS)
def test_images_of_every_shape(case, dtype):
    shape, expected = ARRAYS[case]
    images = (np.random.default_rng(0).random(shape) * 2).astype(dtype)
    figure = plot_images(images)
    assert len(figure.axes) == 3
    assert figure.axes[0].images[0].get_array().shape == expected


def test_the_pixels_are_the_ones_given():
    images = np.arange(32, dtype=np.float64).reshape(2, 16)
    first, second = (axes.images[0] for axes in plot_images(images).axes)
    np.testing.assert_array_equal(second.get_array(), images[1].reshape(4, 4))
    assert first.get_clim() == second.get_clim() == (0, 31)  # one scale for all of them
    colour = plot_images(np.full((1, 3, 2, 2), 51, np.uint8)).axes[0].images[0].get_array()
    np.testing.assert_allclose(colour, np.full((2, 2, 3), 0.2))
    standardised = np.stack([np.full((2, 2, 3), -2.0), np.full((2, 2, 3), 3.0)])
    shown = [axes.images[0].get_array().max() for axes in plot_images(standardised).axes]
    assert shown == [0, 1]


def test_a_wrong_prediction_stands_out_without_its_colour():
    figure = plot_images(np.zeros((3, 64)), [1, 2, 3], np.array([1, 7, 3]))
    right, wrong, _ = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["1", "7, is 2", "3"]
    assert wrong.title.get_fontweight() == "bold" != right.title.get_fontweight()
    assert wrong.spines["top"].get_linewidth() > 2 * right.spines["top"].get_linewidth()
    assert to_hex(wrong.spines["top"].get_edgecolor()) != to_hex(right.title.get_color())
    assert png(figure)


def test_captions_of_labels_or_predictions_alone_and_of_long_names():
    images = tensor(np.zeros((2, 64), np.float32), requires_grad=True)
    assert [a.get_title() for a in plot_images(images).axes] == ["", ""]
    assert [a.get_title() for a in plot_images(images, ["cat", "dog"]).axes] == ["cat", "dog"]
    assert [a.get_title() for a in plot_images(images, None, [4, 2]).axes] == ["4", "2"]
    (axes,) = plot_images(images.data[:1], ["Trouser"], ["Ankle boot"]).axes
    assert axes.get_title() == "Ankle boot,\nis Trouser"


def test_columns_make_the_grid():
    figure = plot_images(np.zeros((7, 4)), columns=3)
    grid = figure.axes[0].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == (3, 3)
    grid = plot_images(np.zeros((2, 4)), columns=10).axes[0].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros(784),), ShapeError, r"no images in an array of shape \(784,\).*images\[None\]"),
        ((np.zeros((0, 784)),), ShapeError, r"no images in an array of shape \(0, 784\)"),
        ((np.float64(3),), ShapeError, r"no images in an array of shape \(\)"),
        ((np.zeros((2, 785)),), ShapeError, "flat images are square, and 785 values"),
        ((np.zeros((2, 2, 4, 4)),), ShapeError, r"with C 1 or 3, not \(2, 2, 4, 4\)"),
        ((np.zeros((1, 1, 1, 4, 4)),), ShapeError, r"not \(1, 1, 1, 4, 4\)"),
        ((np.zeros((401, 4)),), ArgumentError, r"401 images are too many.*images\[:400\]"),
        ((np.array([["a"]]),), DtypeError, "images are numbers, not <U1"),
        ((np.zeros((2, 4)), [1]), ShapeError, r"labels has shape \(1,\) for 2 images, not \(2,\)"),
        ((np.zeros((2, 4)), None, [[1, 0]] * 2), ShapeError, r"predictions\.argmax\(axis=1\)"),
    ],
)
def test_what_are_no_images_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        plot_images(*arguments)


@pytest.mark.parametrize("columns", [0, -1, 2.5, "3"])
def test_columns_are_counted(columns):
    with pytest.raises(ArgumentError, match="columns is an integer from 1 up, not"):
        plot_images(np.zeros((2, 4)), columns=columns)


# --- Confusion matrix ------------------------------------------------------------------------


def cells(figure):
    return {
        (int(t.get_position()[1]), int(t.get_position()[0])): int(t.get_text())
        for t in figure.axes[0].texts
    }


def test_the_counts_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    true, guessed = rng.integers(10, size=(2, 300))
    guessed[:200] = true[:200]
    figure = plot_confusion(true, guessed)
    expected = confusion_matrix(true, guessed)
    assert cells(figure) == {tuple(at): expected[tuple(at)] for at in np.argwhere(expected)}
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert axes.get_title() == f"{np.trace(expected)} of 300 right ({np.trace(expected) / 3:.2f} %)"
    np.testing.assert_allclose(
        axes.images[0].get_array(), expected / expected.sum(axis=1, keepdims=True)
    )
    assert png(figure)


def names_of(figure):
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == [
        t.get_text() for t in axes.get_yticklabels()
    ]
    return [t.get_text() for t in axes.get_xticklabels()]


def test_labels_order_or_name_the_classes():
    assert names_of(plot_confusion([3, 5], [5, 5])) == ["3", "5"]
    figure = plot_confusion([3, 5], [5, 5], labels=[5, 3, 4])
    assert names_of(figure) == ["5", "3", "4"]
    assert cells(figure) == {(1, 0): 1, (0, 0): 1}
    figure = plot_confusion([0, 1], [1, 1], labels=["cat", "dog", "cow"])
    assert names_of(figure) == ["cat", "dog", "cow"]
    assert cells(figure) == {(0, 1): 1, (1, 1): 1}
    figure = plot_confusion(np.array(["b", "a"], object), ["b", "b"], labels=["b", "a"])
    assert cells(figure) == {(0, 0): 1, (1, 0): 1}
    assert cells(plot_confusion([4, 4], [4, 4])) == {(0, 0): 2}
    assert names_of(plot_confusion([True, False], [1, 1])) == ["0", "1"]


def test_numbers_can_be_read_on_every_shade():
    figure = plot_confusion([0] * 10 + [1], [0] * 9 + [1, 1])
    by_cell = {(t.get_position()): t.get_color() for t in figure.axes[0].texts}
    assert by_cell == {(0, 0): "white", (1, 0): "black", (1, 1): "white"}


def test_many_classes_are_drawn_without_numbers():
    figure = plot_confusion(np.arange(100), np.arange(100))
    assert cells(figure) == {}
    assert len(names_of(figure)) == 25


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0, 1], [0]), ShapeError, "y_true has 2 entries and y_pred 1"),
        (([], []), ShapeError, r"one class per sample, shape \(N,\), not \(0,\)"),
        (([0], [[0.1, 0.9]]), ShapeError, r"y_pred has .*not \(1, 2\).*argmax\(axis=1\)"),
        (([0.5], [1]), DtypeError, "y_true holds float64; classes are integers or strings"),
        ((["0"], [0]), DtypeError, "y_true holds <U1 and y_pred int64"),
        (([0, 7], [0, 1], [0, 1]), ArgumentError, r"classes \[7\] occur and are not among"),
        (([0, 2], [0, 1], ["a", "b"]), ArgumentError, r"classes \[2\].*which name 0 to 1"),
        (([0, 1], [0, 1], ["a", "a"]), ArgumentError, "labels holds a class twice"),
    ],
)
def test_what_are_no_classes_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        plot_confusion(*arguments)


# --- Decision regions ------------------------------------------------------------------------

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)


def by_first_input(x):
    """Score class 1 by how far the first input is above 0.4."""
    return x[:, 0] - 0.4


def shades(figure):
    mesh = figure.axes[0].collections[0]
    return np.asarray(mesh.get_array()).reshape(mesh.get_coordinates().shape[0] - 1, -1)


def test_regions_show_what_the_model_says_everywhere():
    figure = plot_decision_regions(by_first_input, CORNERS, [0, 0, 1, 1], resolution=14)
    (axes,) = figure.axes
    assert axes.get_title() == "4 of 4 right (100.00 %)"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("first input", "second input")
    across = np.linspace(-0.15, 1.15, 14)
    np.testing.assert_array_equal(shades(figure), np.tile(across > 0.4, (14, 1)))
    assert legend_of(figure) == ["class 0", "class 1"]
    assert png(figure).startswith(b"\x89PNG")


def test_each_class_has_its_points_a_colour_and_a_marker():
    figure = plot_decision_regions(by_first_input, CORNERS, np.array([0, 1, 2, 2]), resolution=9)
    clouds = [c for c in figure.axes[0].collections if c.get_label().startswith("class")]
    points = [cloud.get_offsets().tolist() for cloud in clouds]
    assert points == [[[0, 0]], [[0, 1]], [[1, 0], [1, 1]]]
    assert len({to_hex(cloud.get_facecolor()[0]) for cloud in clouds}) == 3
    assert len({cloud.get_paths()[0].vertices.tobytes() for cloud in clouds}) == 3


@pytest.mark.parametrize(
    "model",
    [
        lambda x: np.stack([0.4 - x[:, 0], x[:, 0] - 0.4], axis=1),
        lambda x: by_first_input(x)[:, None],
        lambda x: tensor(by_first_input(x)),
        lambda x: by_first_input(x) > 0,
        lambda x: np.eye(2, dtype=np.int64)[(by_first_input(x) > 0).astype(int)],
    ],
    ids=["a score for each class", "one score", "a tensor", "yes or no", "one-hot"],
)
def test_scores_may_be_one_or_one_for_each_class(model):
    expected = plot_decision_regions(by_first_input, CORNERS, [0, 0, 1, 1], resolution=9)
    figure = plot_decision_regions(model, CORNERS, [[0], [0], [1], [1]], resolution=9)
    np.testing.assert_array_equal(shades(figure), shades(expected))


@pytest.mark.parametrize(
    "model",
    [lambda x: x.sum(axis=1) - 0.8, lambda x: np.stack([0.8 - x[:, 0], x[:, 1]], axis=1)],
    ids=["one score", "a score for each class"],
)
def test_borders_are_where_the_scores_are_equal(model):
    figure = plot_decision_regions(model, CORNERS, [0, 1, 1, 1], resolution=9)
    (border,) = [c for c in figure.axes[0].collections if isinstance(c, ContourSet)]
    places = np.concatenate([path.vertices for path in border.get_paths()])
    assert np.ptp(places, axis=0).min() > 1, "the border does not cross the picture"
    np.testing.assert_allclose(places.sum(axis=1), 0.8, atol=1e-6)


def test_each_of_three_classes_has_its_borders():
    def wedges(x):
        return (x - 0.5) @ np.array([[0, 1], [1, -1], [-1, -1]], np.float32).T

    figure = plot_decision_regions(wedges, CORNERS, [2, 0, 1, 0], resolution=60)
    assert set(np.unique(shades(figure))) == {0, 1, 2}
    borders = [c for c in figure.axes[0].collections if isinstance(c, ContourSet)]
    places = np.concatenate([path.vertices for border in borders for path in border.get_paths()])
    scores = np.sort(wedges(places), axis=1)
    # Where three regions meet, the line between two grid points cuts the corner.
    np.testing.assert_allclose(scores[:, 2], scores[:, 1], atol=0.03)


def test_infinite_scores_can_be_drawn():
    def certain(x):
        return np.where(by_first_input(x) > 0, np.inf, -np.inf)

    figure = plot_decision_regions(certain, CORNERS, [0, 0, 1, 1], resolution=9)
    assert figure.axes[0].get_title() == "4 of 4 right (100.00 %)"
    alike = plot_decision_regions(
        lambda x: np.stack([certain(x)] * 2, axis=1), CORNERS, [0, 0, 1, 1], resolution=9
    )
    assert not shades(alike).any()
    png(figure), png(alike)


def test_probabilities_have_another_threshold():
    def probability(x):
        return np.where(x[:, 0] > 0.4, 0.6, 0.2)

    figure = plot_decision_regions(probability, CORNERS, [0, 0, 1, 1], resolution=9)
    assert figure.axes[0].get_title() == "2 of 4 right (50.00 %)"
    figure = plot_decision_regions(probability, CORNERS, [0, 0, 1, 1], threshold=0.5, resolution=9)
    assert figure.axes[0].get_title() == "4 of 4 right (100.00 %)"


def test_the_model_is_asked_in_float32_and_without_dropout():
    model = nn.Sequential(nn.Dropout(0.9, rng=0), nn.Linear(2, 2, rng=0))
    seen = []

    def without_dropout(x):
        seen.append(x.dtype)
        return model[1](x)

    expected = plot_decision_regions(without_dropout, CORNERS, [0, 1, 1, 0], resolution=9)
    figure = plot_decision_regions(model, CORNERS, [0, 1, 1, 0], resolution=9)
    np.testing.assert_array_equal(shades(figure), shades(expected))
    assert set(seen) == {np.dtype(np.float32)}
    assert model.training


def test_a_single_class_and_a_single_point_can_be_drawn():
    figure = plot_decision_regions(by_first_input, [[1.0, 1.0]], [1], resolution=np.int64(2))
    assert figure.axes[0].get_title() == "1 of 1 right (100.00 %)"
    png(figure)


@pytest.mark.parametrize(
    ("x", "y", "error", "message"),
    [
        (np.ones((4, 3)), [0] * 4, ShapeError, r"points of shape \(N, 2\), not \(4, 3\)"),
        (np.ones((0, 2)), [], ShapeError, r"not \(0, 2\)"),
        (CORNERS, [0, 1], ShapeError, "4 points and 2 classes"),
        (CORNERS, np.eye(4), ShapeError, r"one class per point, shape \(N,\), not \(4, 4\)"),
        (CORNERS, [0.5, 0, 1, 1], DtypeError, "classes are integers"),
        (CORNERS, ["a", "b", "a", "b"], DtypeError, "classes are integers"),
        (CORNERS, [0, -1, 1, 1], ArgumentError, "there is -1"),
        ([["a", "b"]], [0], DtypeError, "points are numbers"),
    ],
)
def test_points_and_classes_that_do_not_fit_are_refused(x, y, error, message):
    with pytest.raises(error, match=message):
        plot_decision_regions(by_first_input, x, y)


def test_a_model_with_other_scores_is_refused():
    with pytest.raises(ShapeError, match=r"returns shape \(4, 2, 1\) for 4 points"):
        plot_decision_regions(lambda x: np.ones((len(x), 2, 1)), CORNERS, [0] * 4, resolution=2)
    for resolution in (1, True, 9.0):
        with pytest.raises(ArgumentError, match="resolution is an integer from 2 up, not"):
            plot_decision_regions(by_first_input, CORNERS, [0, 0, 1, 1], resolution=resolution)


# --- Around ----------------------------------------------------------------------------------


def test_pyplot_is_neither_imported_nor_given_figures():
    program = """
import sys
import numpy as np
import minigrad.plots as plots
assert "matplotlib" not in sys.modules
plots.plot_history({"loss": [1.0]}).savefig(sys.stdout.buffer, format="svg")
plots.plot_images(np.zeros((1, 4)))
assert "matplotlib.pyplot" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert b"<svg" in done.stdout


@pytest.mark.parametrize("package", ["matplotlib", "sklearn"])
def test_without_the_packages_the_error_says_what_to_install(package, monkeypatch):
    usual = _extras.importlib.import_module

    def without(name):
        if name.startswith(package):
            raise ModuleNotFoundError(f"No module named {name!r}", name=package)
        return usual(name)

    monkeypatch.setattr(_extras.importlib, "import_module", without)
    with pytest.raises(MissingExtraError, match=rf"{package}.*pip install 'minigrad\[plots\]'"):
        plot_confusion([0], [0])
