"""Data sets, readers of files, batches and scaling, on plain NumPy arrays."""

from minigrad.data.archive import read_npz
from minigrad.data.dataset import Dataset, Split
from minigrad.data.digits import load_digits
from minigrad.data.frames import LabelledArrays, from_frame
from minigrad.data.idx import read_idx, write_idx
from minigrad.data.images import ImagePreparation
from minigrad.data.labels import encode_labels, one_hot
from minigrad.data.loader import DataLoader
from minigrad.data.mnist import FASHION_MNIST_CLASSES, load_fashion_mnist, load_mnist
from minigrad.data.norms import normalize, scale_pixels
from minigrad.data.scaling import MinMaxScaler, Standardizer
from minigrad.data.split import split_train_test
from minigrad.data.tabular import read_csv
from minigrad.data.toys import make_linear, make_moons, make_spiral, make_xor

__all__ = [
    "FASHION_MNIST_CLASSES",
    "DataLoader",
    "Dataset",
    "ImagePreparation",
    "LabelledArrays",
    "MinMaxScaler",
    "Split",
    "Standardizer",
    "encode_labels",
    "from_frame",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "make_linear",
    "make_moons",
    "make_spiral",
    "make_xor",
    "normalize",
    "one_hot",
    "read_csv",
    "read_idx",
    "read_npz",
    "scale_pixels",
    "split_train_test",
    "write_idx",
]
