"""JAX: the whole step under ``jit``, with the old parameters and moments given away."""

from functools import partial


def trainer(weights, optimizer, options):
    return Trainer(weights, UPDATES[optimizer], options)


class Trainer:
    def __init__(self, weights, update, options):
        import jax
        from jax import numpy as jnp

        self.params = [jnp.array(w) for w in weights]  # copies, for they are given away
        self.state = [tuple(jnp.zeros_like(w) for _ in range(2)) for w in weights]
        self.count = jnp.zeros((), jnp.float32)
        self.compiled = jax.jit(
            partial(training_step, update=partial(update, **options)), donate_argnums=(0, 1, 2)
        )

    def place(self, x, y):
        from jax import numpy as jnp

        return jnp.asarray(x), jnp.asarray(y)

    def step(self, x, y):
        self.params, self.state, self.count, loss = self.compiled(
            self.params, self.state, self.count, x, y
        )
        return loss

    def parameters(self):
        import numpy as np

        return [np.asarray(p) for p in self.params]


def training_step(params, state, count, x, y, update):
    import jax

    loss, grads = jax.value_and_grad(loss_of)(params, x, y)
    count = count + 1
    new = [update(w, g, s, count) for w, g, s in zip(params, grads, state, strict=True)]
    return [w for w, _ in new], [s for _, s in new], count, loss


def loss_of(params, x, y):
    import jax

    *hidden, (w, b) = zip(params[::2], params[1::2], strict=True)
    for kernel, bias in hidden:
        x = jax.nn.relu(x @ kernel.T + bias)
    log_p = jax.nn.log_softmax(x @ w.T + b)
    return -log_p[jax.numpy.arange(len(y)), y].mean()


def adam(w, g, state, t, lr, betas, eps):
    from jax import numpy as jnp

    b1, b2 = betas
    m, v = b1 * state[0] + (1 - b1) * g, b2 * state[1] + (1 - b2) * g * g
    return w - lr * m / (1 - b1**t) / (jnp.sqrt(v / (1 - b2**t)) + eps), (m, v)


def sgd(w, g, state, t, lr):
    return w - lr * g, state


def momentum(w, g, state, t, lr, momentum):
    velocity = momentum * state[0] + g
    return w - lr * velocity, (velocity, state[1])


def rmsprop(w, g, state, t, lr, alpha, eps):
    from jax import numpy as jnp

    v = alpha * state[0] + (1 - alpha) * g * g
    return w - lr * g / (jnp.sqrt(v) + eps), (v, state[1])


UPDATES = {"Adam": adam, "SGD": sgd, "Momentum": momentum, "RMSProp": rmsprop}


def adam_alone(params, grads, options):
    """Return a step of Adam with these gradients, and what shows the parameters."""
    import jax
    from jax import numpy as jnp

    def steps(params, state, t, grads):
        new = [
            adam(w, g, s, t + 1, **options) for w, g, s in zip(params, grads, state, strict=True)
        ]
        return [w for w, _ in new], [s for _, s in new], t + 1

    compiled = jax.jit(steps, donate_argnums=(0, 1, 2))
    grads = [jnp.array(g) for g in grads]
    kept = (
        [jnp.array(p) for p in params],
        [(jnp.zeros_like(p), jnp.zeros_like(p)) for p in grads],
        jnp.zeros((), jnp.float32),
    )

    def step():
        nonlocal kept
        kept = compiled(*kept, grads)
        return kept[2]

    return step, lambda: kept[0]
