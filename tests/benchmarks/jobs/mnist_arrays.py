"""MNIST for the programs in PyTorch and Keras, with NumPy alone."""

import gzip
from pathlib import Path

import numpy as np


def load(directory):
    """Return (images, labels) to train on, and to test with; pixels from 0 to 1."""
    return [split(Path(directory), name) for name in ("train", "t10k")]


def split(directory, name):
    images = read(directory / f"{name}-images-idx3-ubyte", header=16)
    labels = read(directory / f"{name}-labels-idx1-ubyte", header=8)
    return images.reshape(len(labels), -1).astype(np.float32) / 255, labels.astype(np.int64)


def read(path, header):
    packed = path.with_name(f"{path.name}.gz")
    content = gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes()
    return np.frombuffer(content, np.uint8, offset=header)
