"""The contests in JAX: whole steps under jit, old parameters donated, data on its device beforehand."""

from functools import partial

import jax
import jax.numpy as jnp
from problems import LINE_RATE, RATE

NAME = "JAX"


def descent(loss, parameters, data, rate):
    """A contestant that takes one step of gradient descent per call."""

    @partial(jax.jit, donate_argnums=0)
    def step(parameters, *data):
        value, slope = jax.value_and_grad(loss)(parameters, *data)
        return jax.tree.map(lambda p, d: p - rate * d, parameters, slope), value

    state, data = jax.tree.map(jnp.array, parameters), [jnp.asarray(d) for d in data]

    def call():
        nonlocal state
        state, value = jax.block_until_ready(step(state, *data))
        return value

    return call


def two_layer(x, y, w1, w2):
    def loss(w, x, y):
        return jnp.sum((jnp.maximum(x @ w[0], 0) @ w[1] - y) ** 2)

    return descent(loss, (w1, w2), (x, y), RATE)


def line(x, y):
    def loss(p, x, y):
        return jnp.mean((p[0] * x + p[1] - y) ** 2)

    return descent(loss, (jnp.float32(0), jnp.float32(0)), (x, y), LINE_RATE)


def gelu_residual(x, r):
    f = jax.jit(lambda x, r: jax.nn.gelu(x, approximate=False) + r)
    x, r = jnp.asarray(x), jnp.asarray(r)
    return lambda: f(x, r).block_until_ready()


def cross_entropy(z, labels):
    def loss(z, labels):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1))

    f = jax.jit(jax.value_and_grad(loss))
    z, labels = jnp.asarray(z), jnp.asarray(labels)
    return lambda: jax.block_until_ready(f(z, labels))
