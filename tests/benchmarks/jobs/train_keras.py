"""The main job in Keras on JAX: DIRECTORY EPOCHS"""

import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import keras
from keras import layers

from .mnist_arrays import load


def main(directory, epochs):
    (x, y), test = load(directory)
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
    return model.evaluate(*test, verbose=0)[1]


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1], int(sys.argv[2])):.4f}\n")
