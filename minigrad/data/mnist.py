"""MNIST, and the data sets of clothes that has its form."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from minigrad.data.dataset import Dataset, Split
from minigrad.data.fetch import Source, locate
from minigrad.data.idx import read_idx
from minigrad.data.labels import one_hot as to_one_hot
from minigrad.data.norms import scale_pixels
from minigrad.errors import DataError

__all__ = ["FASHION_MNIST_CLASSES", "load_fashion_mnist", "load_mnist"]

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""Names of the ten classes of Fashion-MNIST, by label."""

_CLASSES = 10
_IMAGES = {"train": "train-images-idx3-ubyte", "t10k": "t10k-images-idx3-ubyte"}
_LABELS = {"train": "train-labels-idx1-ubyte", "t10k": "t10k-labels-idx1-ubyte"}
_FILES = (_IMAGES["train"], _LABELS["train"], _IMAGES["t10k"], _LABELS["t10k"])
_SHAPES: dict[str, tuple[int, ...]] = {
    _IMAGES["train"]: (60000, 28, 28),
    _LABELS["train"]: (60000,),
    _IMAGES["t10k"]: (10000, 28, 28),
    _LABELS["t10k"]: (10000,),
}


@dataclass(frozen=True)
class _Collection:
    """A data set in the form of MNIST: where it is, and what its files must be.

    The sums are of the uncompressed content, because mirrors compress it each in their own way.
    """

    source: Source
    checksums: dict[str, str]
    shapes: dict[str, tuple[int, ...]]

    def read(self, name: str, path: Path) -> npt.NDArray[Any]:
        """Read one file that must be exactly that of the collection."""
        return read_idx(
            path, dtype=np.uint8, shape=self.shapes[name], checksum=self.checksums[name]
        )

    def read_or_advise(self, name: str, path: Path) -> npt.NDArray[Any]:
        """Read one file as `read` does, and mention the way to read another collection's."""
        try:
            return self.read(name, path)
        except DataError as error:
            raise DataError(
                f"{error}. If it is meant to be another data set in the form of MNIST, pass "
                f"verify=False"
            ) from error

    def read_any(self, name: str, path: Path) -> npt.NDArray[Any]:
        """Read one file that has the form of the collection's, whatever its images are."""
        return read_idx(path, dtype=np.uint8, shape=(None,) * len(self.shapes[name]))


_MNIST = _Collection(
    Source(
        title="MNIST",
        folders=("mnist", "MNIST/raw"),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        files=_FILES,
    ),
    {
        _IMAGES["train"]: "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        _LABELS["train"]: "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        _IMAGES["t10k"]: "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        _LABELS["t10k"]: "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    _SHAPES,
)

_FASHION_MNIST = _Collection(
    Source(
        title="Fashion-MNIST",
        folders=("fashion-mnist", "FashionMNIST/raw"),
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
        files=_FILES,
    ),
    # Only MD5 sums of the uncompressed content could be established, by several independent
    # listings that agree; the published SHA-256 sums are those of the gzip files. MD5 tells a
    # damaged or wrong file from the right one, which is what is asked of it here.
    {
        _IMAGES["train"]: "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a",
        _LABELS["train"]: "md5:9018921c3c673c538a1fc5bad174d6f9",
        _IMAGES["t10k"]: "md5:8181f5470baa50b63fa0f6fddb340f0a",
        _LABELS["t10k"]: "md5:15d484375f8d13e6eb1aabb0c3f46965",
    },
    _SHAPES,
)


def load_mnist(
    directory: str | os.PathLike[str] | None = None,
    *,
    flatten: bool = True,
    normalize: bool = True,
    one_hot: bool = False,
    verify: bool = True,
) -> Dataset:
    """Load MNIST: 60,000 training and 10,000 test images of handwritten digits.

    The four IDX files, plain or gzip, are looked for in `directory`, else in the directory that
    the environment variable MINIGRAD_DATA names, else in a cache of the user's, which is filled
    by download (that needs ``pip install 'minigrad[data]'``). In a directory they may also lie
    in the folders ``mnist`` or ``MNIST/raw``.

    Parameters
    ----------
    directory : path, optional
        Where the files are.
    flatten : bool, default True
        Samples of shape (784,), or (28, 28) if False.
    normalize : bool, default True
        Pixels as float32 from 0 to 1, 220 MB in all, or as uint8 from 0 to 255 if False, 55 MB;
        `scale_pixels` as the transform of a `DataLoader` then scales one batch at a time.
    one_hot : bool, default False
        Labels as float32 rows of shape (10,), or as int64 if False.
    verify : bool, default True
        Whether the files must be MNIST's to the last bit. With False any data set of that form
        is taken, with any number of images of any size.

    Returns
    -------
    Dataset
        ``(x_train, y_train), (x_test, y_test)``.

    Raises
    ------
    DataNotFoundError
        If the files are neither there nor can be downloaded; the message says where they were
        looked for.
    DataError
        If a file is damaged or another one; the message names file and reason.

    Examples
    --------
    Another data set in MNIST's form, here of three images:

    >>> import tempfile, pathlib, numpy as np
    >>> from minigrad.data import load_mnist, write_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part in "train", "t10k":
    ...         images, labels = np.zeros((3, 28, 28), np.uint8), np.arange(3, dtype=np.uint8)
    ...         write_idx(pathlib.Path(folder, f"{part}-images-idx3-ubyte.gz"), images)
    ...         write_idx(pathlib.Path(folder, f"{part}-labels-idx1-ubyte.gz"), labels)
    ...     (x_train, y_train), (x_test, y_test) = load_mnist(folder, verify=False)
    >>> x_train.shape, x_train.dtype, y_train
    ((3, 784), dtype('float32'), array([0, 1, 2]))

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document
    recognition, Proceedings of the IEEE 86(11), 1998.
    """
    return _load(_MNIST, directory, flatten, normalize, one_hot, verify)


def load_fashion_mnist(
    directory: str | os.PathLike[str] | None = None,
    *,
    flatten: bool = True,
    normalize: bool = True,
    one_hot: bool = False,
    verify: bool = True,
) -> Dataset:
    """Load Fashion-MNIST: as many images as MNIST of the same size, of ten kinds of clothes.

    Its files have the names of MNIST's, so it needs a directory of its own: `directory` itself,
    or the folders ``fashion-mnist`` or ``FashionMNIST/raw`` in it. `FASHION_MNIST_CLASSES` has
    the names of the labels.

    Parameters
    ----------
    directory, flatten, normalize, one_hot, verify
        As for `load_mnist`.

    Returns
    -------
    Dataset
        ``(x_train, y_train), (x_test, y_test)``.

    Raises
    ------
    DataNotFoundError, DataError
        As for `load_mnist`.

    Examples
    --------
    >>> from minigrad.data import FASHION_MNIST_CLASSES
    >>> FASHION_MNIST_CLASSES[9]
    'Ankle boot'

    References
    ----------
    H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms, 2017, arXiv:1708.07747.
    """
    return _load(_FASHION_MNIST, directory, flatten, normalize, one_hot, verify)


def _load(
    collection: _Collection,
    directory: str | os.PathLike[str] | None,
    flatten: bool,
    normalize: bool,
    one_hot: bool,
    verify: bool,
) -> Dataset:
    paths = locate(collection.source, directory, collection.read)
    read = collection.read_or_advise if verify else collection.read_any
    load_part = partial(_load_part, read, paths, flatten, normalize, one_hot)
    return Dataset(load_part("train"), load_part("t10k"))


def _load_part(
    read: Any,
    paths: dict[str, Path],
    flatten: bool,
    normalize: bool,
    one_hot: bool,
    part: str,
) -> Split:
    images, labels = _IMAGES[part], _LABELS[part]
    x, y = read(images, paths[images]), read(labels, paths[labels])
    if len(x) != len(y):
        raise DataError(
            f"{paths[images]} holds {len(x)} images, and {paths[labels]} {len(y)} labels"
        )
    if flatten:
        x = x.reshape(len(x), -1)
    if normalize:
        x = scale_pixels(x)  # the bytes are released here, before the next file is read
    return Split(x, to_one_hot(y, _CLASSES) if one_hot else y.astype(np.int64))
