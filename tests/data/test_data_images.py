import numpy as np
import pytest
from PIL import Image

from minigrad import _extras, nn
from minigrad.data import ImagePreparation
from minigrad.errors import (
    ArgumentError,
    CheckpointError,
    DataError,
    DataNotFoundError,
    DtypeError,
    MissingExtraError,
    ShapeError,
)
from minigrad.io import inspect_weights, save_weights


def seven(height=200, width=120, ink=0, paper=255):
    """Draw a stroke across and one down, as a 7 has them."""
    picture = np.full((height, width), paper, np.uint8)
    picture[40:55, 30:90] = ink
    picture[40:160, 75:90] = ink
    return picture


def prepared(picture, **options):
    prepare = ImagePreparation(**options)
    return prepare(picture).reshape(prepare.size, prepare.size)


def extent(x):
    """Return the first and last row and column that are not black."""
    rows, columns = np.flatnonzero(x.any(axis=1)), np.flatnonzero(x.any(axis=0))
    return rows[0], rows[-1], columns[0], columns[-1]


# --- What comes out --------------------------------------------------------------------------


def test_the_result_is_a_batch_of_one_flat_image_from_0_to_1():
    x = ImagePreparation()(seven())
    assert (x.shape, x.dtype, x.min(), x.max()) == ((1, 784), np.float32, 0, 1)


def test_strokes_fill_the_box_and_keep_their_proportions():
    top, bottom, left, right = extent(prepared(seven()))
    assert bottom - top + 1 == 20
    assert right - left + 1 == 10


def test_wide_strokes_fill_the_box_from_left_to_right():
    top, bottom, left, right = extent(prepared(np.rot90(seven())))
    assert right - left + 1 == 20
    assert bottom - top + 1 == 10


def test_the_centre_of_mass_is_on_the_middle_pixel_as_in_mnist():
    x = prepared(seven())
    places = np.arange(28)
    assert abs((x.sum(axis=1) @ places) / x.sum() - 14) <= 0.5
    assert abs((x.sum(axis=0) @ places) / x.sum() - 14) <= 0.5


def test_the_box_can_be_in_the_middle_instead():
    assert extent(prepared(seven(), middle="box")) == (4, 23, 9, 18)


def test_strokes_stay_inside_whatever_their_centre_of_mass():
    top_heavy = np.full((100, 100), 255, np.uint8)
    top_heavy[0:20, 10:90] = 0
    top_heavy[20:100, 48:52] = 0
    x = prepared(np.pad(top_heavy, 20, constant_values=255), size=20, box=20)
    assert extent(x)[:2] == (0, 19)


def test_the_pixel_range_is_what_the_network_was_trained_on():
    x = prepared(seven(), pixel_range=(0.01, 0.99))
    assert (x.min(), x.max()) == (np.float32(0.01), np.float32(0.99))


@pytest.mark.parametrize(
    "picture",
    [
        255 - seven(),
        seven(ink=60, paper=200),
        np.pad(seven(), ((10, 300), (200, 50)), constant_values=255),
        np.kron(seven(), np.ones((4, 4), np.uint8)),
        np.stack([seven()] * 3, axis=-1),
        np.dstack([seven()] * 3 + [np.full((200, 120), 255, np.uint8)]),
        np.dstack([np.zeros((200, 120, 3), np.uint8), 255 - seven()]),  # ink on nothing
        np.dstack([np.full((200, 120, 3), 255, np.uint8), 255 - seven()]),  # chalk on nothing
    ],
    ids=["inverted", "faint", "moved", "larger", "rgb", "opaque", "black ink", "white ink"],
)
def test_the_same_digit_comes_out_of_every_way_to_draw_it(picture):
    np.testing.assert_allclose(prepared(picture), prepared(seven()), atol=0.15)


def test_uneven_paper_is_black():
    noise = np.random.default_rng(0).integers(-8, 9, (200, 120))
    noisy = np.clip(seven(ink=30, paper=220) + noise, 0, 255).astype(np.uint8)
    assert extent(prepared(noisy)) == extent(prepared(seven()))


def test_a_prepared_mnist_image_is_nearly_itself():
    original = np.zeros((28, 28), np.uint8)
    original[4:24, 10:13] = 255  # 20 pixels high
    original[4:7, 10:20] = 255
    mass = original / original.sum()
    rows, columns = np.indices((28, 28))
    shift = [round(14 - (mass * places).sum()) for places in (rows, columns)]
    original = np.roll(original, shift, axis=(0, 1))
    np.testing.assert_array_equal(prepared(original) * 255, original)


# --- Files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I", "F", "I;16", "CMYK"])
def test_files_of_every_mode_are_read(tmp_path, mode):
    image = Image.fromarray(seven())
    if mode == "I;16":
        image = Image.fromarray(seven().astype(np.uint16) * 257)
    elif mode == "P":
        image = image.convert("RGB").convert("P")
    else:
        image = image.convert(mode)
    path = tmp_path / "seven.tiff"
    image.save(path)
    np.testing.assert_allclose(
        ImagePreparation().read(path), ImagePreparation()(seven()), atol=0.02
    )


def test_a_transparent_palette_is_read(tmp_path):
    image = Image.fromarray(np.where(seven() == 0, 1, 0).astype(np.uint8)).convert("P")
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.save(tmp_path / "seven.png", transparency=0)
    x = ImagePreparation().read(tmp_path / "seven.png")
    np.testing.assert_array_equal(x, ImagePreparation()(seven()))


def test_a_camera_held_sideways_is_put_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right to see it upright
    Image.fromarray(np.rot90(seven())).save(tmp_path / "seven.png", exif=exif)
    x = ImagePreparation().read(tmp_path / "seven.png")
    np.testing.assert_array_equal(x, ImagePreparation()(seven()))


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"mine\.png: there is no such file"):
        ImagePreparation().read(tmp_path / "mine.png")
    (tmp_path / "mine.png").write_text("seven")
    with pytest.raises(DataError, match=r"mine\.png: not a picture that can be read"):
        ImagePreparation().read(tmp_path / "mine.png")
    with pytest.raises(DataError, match="not a picture that can be read"):
        ImagePreparation().read(tmp_path)
    Image.fromarray(np.full((9, 9), 200, np.uint8)).save(tmp_path / "blank.png")
    with pytest.raises(DataError, match=r"blank\.png: there is nothing to be seen"):
        ImagePreparation().read(tmp_path / "blank.png")


@pytest.mark.parametrize("kept", [20, 60, 0.5, 0.9])
def test_a_file_that_is_cut_off_is_refused(tmp_path, kept):
    path = tmp_path / "seven.png"
    Image.fromarray(seven()).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else kept])
    with pytest.raises(DataError, match=r"seven\.png: not a picture that can be read"):
        ImagePreparation().read(path)


def test_a_picture_that_is_far_too_large_is_refused(tmp_path, monkeypatch):
    Image.fromarray(seven()).save(tmp_path / "seven.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"seven\.png: too large a picture; cut out"):
        ImagePreparation().read(tmp_path / "seven.png")


# --- With the weights ------------------------------------------------------------------------


def test_it_goes_through_a_file_of_weights(tmp_path):
    prepare = ImagePreparation(8, 6, middle="box", pixel_range=(-1, 1))
    path = tmp_path / "weights.safetensors"
    save_weights(nn.Linear(64, 2), path, metadata={"epochs": "3", **prepare.to_metadata()})
    restored = ImagePreparation.from_metadata(inspect_weights(path).metadata)
    assert restored == prepare
    np.testing.assert_array_equal(restored(seven()), prepare(seven()))


def test_sizes_may_be_integers_of_numpy():
    prepare = ImagePreparation(np.int64(8), np.uint8(8), pixel_range=np.array([0, 1]))
    assert prepare == ImagePreparation(8, 8)
    assert ImagePreparation.from_metadata(prepare.to_metadata()) == prepare


def test_weights_without_it_say_what_to_do():
    with pytest.raises(CheckpointError, match=r"metadata: epochs\); save them with .*to_metadata"):
        ImagePreparation.from_metadata({"epochs": "3"})
    with pytest.raises(CheckpointError, match="metadata: none"):
        ImagePreparation.from_metadata({})


@pytest.mark.parametrize("text", ["", "{", "[28]", "3", '{"length": 28}', '{"size": 0}', "null"])
def test_a_recipe_that_is_damaged_is_refused(text):
    with pytest.raises(CheckpointError, match="none that this version of minigrad understands"):
        ImagePreparation.from_metadata({"image_preparation": text})


# --- What it refuses -------------------------------------------------------------------------


def test_what_is_prepared_is_not_prepared_again():
    with pytest.raises(DtypeError, match="this is float32; are the pixels scaled already"):
        ImagePreparation()(ImagePreparation()(seven()))
    with pytest.raises(DtypeError, match="this is int64"):
        ImagePreparation()(seven().astype(np.int64))


@pytest.mark.parametrize("shape", [(), (784,), (0, 5), (5, 5, 2), (3, 28, 28), (2, 28, 28, 3)])
def test_what_is_no_single_picture_is_refused(shape):
    with pytest.raises(ShapeError, match="prepare several one by one"):
        ImagePreparation()(np.ones(shape, np.uint8))


@pytest.mark.parametrize("picture", [np.zeros((9, 9)), np.full((1, 1), 7), seven(ink=240)])
def test_an_empty_picture_is_refused(picture):
    with pytest.raises(DataError, match="nothing to be seen"):
        ImagePreparation()(picture.astype(np.uint8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size is an integer from 1 up, not 0"),
        ({"size": 28.0}, r"size is an integer from 1 up, not 28\.0"),
        ({"box": 0}, "box is an integer"),
        ({"size": 8}, "a box of 20 pixels does not fit into 8"),
        ({"middle": "centre"}, "middle is 'mass' or 'box', not 'centre'"),
        ({"pixel_range": (1, 0)}, r"pixel_range is two numbers, the lower one first, not \(1, 0\)"),
        ({"pixel_range": 1}, "pixel_range is two numbers"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        ImagePreparation(**options)


def test_without_pillow_it_says_what_to_install(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name="PIL")

    monkeypatch.setattr(_extras.importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"PIL.*minigrad\[data\]"):
        ImagePreparation()(seven())
