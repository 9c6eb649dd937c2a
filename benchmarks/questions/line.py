"""What does a tiny training step cost, called one by one from Python? Linear regression on 1000 scalars."""

from functools import partial

import numpy as np

from benchmarks.question import Beside, Case, tracing

CASES = {"step": Case("linear regression step, 1000 scalars float32", (1000,), (1000,), (Beside(2.5), tracing(20)), calls=3)}
RATE = 0.01


def data(n):
    """Points near a line."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal(n, np.float32)
    return x, 3 * x + 2 + rng.standard_normal(n, np.float32)


def with_tracejit(x, y):
    import tracejit as tj

    w, b = tj.Variable(np.float32(0), name="w"), tj.Variable(np.float32(0), name="b")

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            loss = np.mean((w * x + b - y) ** 2)
        d_w, d_b = tape.gradient(loss, [w, b])
        w.assign_sub(RATE * d_w)
        b.assign_sub(RATE * d_b)
        return loss

    return partial(step, x, y)


def with_numpy(x, y):
    w, b, rate = np.zeros((), x.dtype), np.zeros((), x.dtype), x.dtype.type(2 * RATE / len(x))

    def step():
        error = w * x
        error += b
        error -= y
        loss = error @ error / len(x)
        np.subtract(w, rate * (error @ x), out=w)
        np.subtract(b, rate * error.sum(), out=b)
        return loss

    return step


def with_numba(x, y):
    from numba import float32, njit

    rate = np.float32(RATE)

    @njit(float32(float32[::1], float32[::1], float32[::1]), fastmath=True, cache=True)
    def step(x, y, p):
        w, b, loss, d_w, d_b = p[0], p[1], float32(0), float32(0), float32(0)
        for i in range(x.size):
            error = w * x[i] + b - y[i]
            loss += error * error
            d_w += error * x[i]
            d_b += error
        scale = float32(2) * rate / float32(x.size)
        p[0] = w - scale * d_w
        p[1] = b - scale * d_b
        return loss / float32(x.size)

    return partial(step, x, y, np.zeros(2, np.float32))


def with_jax(x, y):
    import jax
    import jax.numpy as jnp

    def loss(p, x, y):
        return jnp.mean((p[0] * x + p[1] - y) ** 2)

    @partial(jax.jit, donate_argnums=0)
    def step(p, x, y):
        value, slope = jax.value_and_grad(loss)(p, x, y)
        return jax.tree.map(lambda a, d: a - RATE * d, p, slope), value

    state, x, y = jax.device_put(((jnp.float32(0), jnp.float32(0)), x, y))

    def call():
        nonlocal state
        state, value = jax.block_until_ready(step(state, x, y))
        return value

    return call


def with_torch(x, y):
    import torch

    x, y = torch.from_numpy(x), torch.from_numpy(y)
    w, b = (torch.zeros((), requires_grad=True) for _ in range(2))

    def step():
        loss = (w * x + b - y).square().mean()
        d_w, d_b = torch.autograd.grad(loss, (w, b))
        with torch.no_grad():
            w.sub_(d_w, alpha=RATE)
            b.sub_(d_b, alpha=RATE)
        return loss.detach()

    return step


def with_torch_compile(x, y):
    import torch

    def loss(w, b, x, y):
        return (w * x + b - y).square().mean()

    @torch.compile
    def step(w, b, x, y):
        (d_w, d_b), value = torch.func.grad_and_value(loss, argnums=(0, 1))(w, b, x, y)
        w.sub_(d_w, alpha=RATE)
        b.sub_(d_b, alpha=RATE)
        return value

    torch.set_grad_enabled(False)
    return partial(step, torch.zeros(()), torch.zeros(()), torch.from_numpy(x), torch.from_numpy(y))


def with_tensorflow(x, y, **switches):
    import tensorflow as tf

    w, b = tf.Variable(0.0), tf.Variable(0.0)

    @tf.function(**switches)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((w * x + b - y) ** 2)
        d_w, d_b = tape.gradient(loss, [w, b])
        w.assign_sub(RATE * d_w)
        b.assign_sub(RATE * d_b)
        return loss

    return partial(step, tf.constant(x), tf.constant(y))


def with_tensorflow_xla(x, y):
    return with_tensorflow(x, y, jit_compile=True)


def with_pytensor(x, y):
    import pytensor
    from pytensor import tensor as pt

    xs, ys = pt.vector(dtype="float32"), pt.vector(dtype="float32")
    w, b = (pytensor.shared(np.zeros((), np.float32)) for _ in range(2))
    loss = ((w * xs + b - ys) ** 2).mean(dtype="float32")
    updates = [(p, p - np.float32(RATE) * d) for p, d in zip((w, b), pytensor.grad(loss, [w, b]), strict=True)]
    run = pytensor.function([xs, ys], pytensor.Out(loss, borrow=True), updates=updates, mode="NUMBA", trust_input=True)
    return partial(run, x, y)
