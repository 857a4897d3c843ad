import dataclasses
import hashlib
import struct

import numpy as np
import pytest

from minigrad.data import (
    FASHION_MNIST_CLASSES,
    DataLoader,
    load_fashion_mnist,
    load_mnist,
    mnist,
    scale_pixels,
    write_idx,
)
from minigrad.errors import DataError, DataNotFoundError

LOADERS = {"_MNIST": load_mnist, "_FASHION_MNIST": load_fashion_mnist}
TRAIN, TEST = 6, 3


def write_images(folder, name, count, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 4, 4), dtype=np.uint8)
    images[0, 0, :2] = 0, 255
    write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
    write_idx(folder / f"{name}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8) % 10)
    return images


@pytest.fixture
def folder(tmp_path):
    """Return a directory of a tiny data set in the form of MNIST."""
    write_images(tmp_path, "train", TRAIN, 0)
    write_images(tmp_path, "t10k", TEST, 1)
    return tmp_path


@pytest.fixture(params=LOADERS)
def exact(request, monkeypatch):
    """Let a loader expect the tiny data set, sums included, instead of the real one."""
    contents = {}
    for name, count, seed in (("train", TRAIN, 0), ("t10k", TEST, 1)):
        images = np.random.default_rng(seed).integers(0, 256, (count, 4, 4), dtype=np.uint8)
        images[0, 0, :2] = 0, 255
        labels = np.arange(count, dtype=np.uint8)
        contents[f"{name}-images-idx3-ubyte"] = images
        contents[f"{name}-labels-idx1-ubyte"] = labels
    checksums = {}
    for name, array in contents.items():
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        checksums[name] = "sha256:" + hashlib.sha256(header + array.tobytes()).hexdigest()
    collection = dataclasses.replace(
        getattr(mnist, request.param),
        checksums=checksums,
        shapes={name: array.shape for name, array in contents.items()},
    )
    monkeypatch.setattr(mnist, request.param, collection)
    return LOADERS[request.param]


def test_defaults(folder, exact):
    (x_train, y_train), (x_test, y_test) = exact(folder)
    assert (x_train.shape, x_train.dtype) == ((TRAIN, 16), np.float32)
    assert (y_train.shape, y_train.dtype) == ((TRAIN,), np.int64)
    assert (x_test.shape, y_test.shape) == ((TEST, 16), (TEST,))
    assert (x_train.min(), x_train.max()) == (0, 1)
    assert x_train.flags.c_contiguous


def test_options(folder, exact):
    plain = exact(folder)
    train, test = exact(folder, flatten=False, normalize=False, one_hot=True)
    assert (train.x.shape, train.x.dtype) == ((TRAIN, 4, 4), np.uint8)
    assert (test.y.shape, test.y.dtype) == ((TEST, 10), np.float32)
    expected = train.x.reshape(TRAIN, 16) / np.float32(255)
    np.testing.assert_array_equal(plain.train.x, expected, strict=True)
    np.testing.assert_array_equal(train.y.argmax(1), plain.train.y)


def test_bytes_scaled_batch_by_batch_are_the_same_pixels(folder, exact):
    raw, scaled = exact(folder, normalize=False), exact(folder)
    loader = DataLoader(raw.train, batch_size=4, transform=(scale_pixels, None))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in loader]), scaled.train.x)


def test_a_changed_pixel_is_noticed_and_named(folder, exact):
    name = "t10k-images-idx3-ubyte.gz"
    images = exact(folder, flatten=False, normalize=False).test.x
    images[1, 2, 3] ^= 1
    write_idx(folder / name, images)
    with pytest.raises(DataError, match=f"{name}: damaged, or not the file .* pass verify=False"):
        exact(folder)
    assert len(exact(folder, verify=False).test.x) == TEST


@pytest.mark.parametrize("load", LOADERS.values())
def test_another_number_of_images_is_no_mnist(folder, load):
    match = (
        "train-images-idx3-ubyte.gz: holds 6x4x4 values of uint8, where 60000x28x28 values of "
        "uint8 are expected. .* pass verify=False"
    )
    with pytest.raises(DataError, match=match):
        load(folder)


@pytest.mark.parametrize("load", LOADERS.values())
def test_another_data_set_in_the_form_of_mnist(folder, load):
    (x_train, y_train), (x_test, _) = load(folder, verify=False)
    assert (x_train.shape, x_test.shape) == ((TRAIN, 16), (TEST, 16))
    np.testing.assert_array_equal(y_train, np.arange(TRAIN))


@pytest.mark.parametrize(
    ("name", "array", "options", "match"),
    [
        ("t10k-labels-idx1-ubyte.gz", np.zeros(2, np.uint8), {}, "holds 3 images, and .* 2 labels"),
        ("t10k-labels-idx1-ubyte.gz", np.zeros((3, 1), np.uint8), {}, "where N values of uint8"),
        ("t10k-labels-idx1-ubyte.gz", np.zeros(3, np.int32), {}, "holds 3 values of int32"),
        ("t10k-images-idx3-ubyte.gz", np.zeros((3, 16), np.uint8), {}, "where NxNxN values"),
        (
            "train-labels-idx1-ubyte.gz",
            np.full(TRAIN, 10, np.uint8),
            {"one_hot": True},
            "label 10 at index .* with 10 classes, labels go from 0 to 9",
        ),
    ],
)
def test_files_that_do_not_fit_together(folder, name, array, options, match):
    write_idx(folder / name, array)
    with pytest.raises(DataError, match=match):
        load_mnist(folder, verify=False, **options)


@pytest.mark.parametrize(
    ("name", "title"), [("_MNIST", "MNIST"), ("_FASHION_MNIST", "Fashion-MNIST")]
)
def test_what_is_said_of_the_real_files(name, title):
    collection = getattr(mnist, name)
    files = set(collection.source.files)
    assert len(files) == 4
    assert set(collection.shapes) == set(collection.checksums) == files
    assert len(set(collection.checksums.values())) == 4
    assert all(mirror.endswith("/") for mirror in collection.source.mirrors)
    with pytest.raises(DataNotFoundError, match=f"{title}: the directory /nowhere, which the"):
        LOADERS[name]("/nowhere")


def test_the_two_data_sets_are_told_apart():
    shared = set(mnist._MNIST.checksums.values()) & set(mnist._FASHION_MNIST.checksums.values())
    assert shared == set()
    assert len(FASHION_MNIST_CLASSES) == 10
