"""Keras on JAX: ``train_on_batch`` of a compiled model."""

import os


def trainer(weights, optimizer, options):
    return Trainer(weights, optimizer, options)


def keras_module():
    os.environ["KERAS_BACKEND"] = "jax"  # in the contender's own process, before the import
    import keras

    return keras


class Trainer:
    def __init__(self, weights, optimizer, options):
        keras = keras_module()
        self.model = network(keras, weights)
        self.model.compile(
            optimizer=optimizer_of(keras, optimizer, **options),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )

    def place(self, x, y):
        return x, y

    def step(self, x, y):
        return self.model.train_on_batch(x, y)

    def parameters(self):
        return [w.T for w in self.model.get_weights()]


def network(keras, weights):
    *hidden, last = (len(w) for w in weights[::2])
    layers = [keras.layers.Dense(n, activation="relu") for n in hidden]
    model = keras.Sequential(
        [keras.Input((weights[0].shape[1],)), *layers, keras.layers.Dense(last)]
    )
    model.set_weights([w.T for w in weights])  # a bias is its own transpose
    return model


def optimizer_of(keras, name, lr, betas=None, alpha=None, eps=None, momentum=0.0):
    """Return the optimizer; eps as small as it is elsewhere.

    Keras' Adam adds its epsilon before the bias correction, and its RMSProp inside the root.
    """
    if name == "Adam":
        epsilon = eps * (1 - betas[1]) ** 0.5
        return keras.optimizers.Adam(lr, beta_1=betas[0], beta_2=betas[1], epsilon=epsilon)
    if name == "RMSProp":
        return keras.optimizers.RMSprop(lr, rho=alpha, epsilon=eps**2)
    return keras.optimizers.SGD(lr, momentum=momentum)


def adam_alone(params, grads, options):
    """Return a step of Adam with these gradients, and what shows the parameters."""
    keras = keras_module()
    variables = [keras.Variable(p) for p in params]
    optimizer = optimizer_of(keras, "Adam", **options)
    optimizer.build(variables)
    grads = [keras.ops.convert_to_tensor(g) for g in grads]
    return (
        lambda: optimizer.apply(grads, variables),
        lambda: [keras.ops.convert_to_numpy(v) for v in variables],
    )
