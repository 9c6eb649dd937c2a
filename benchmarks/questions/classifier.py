"""What does a step of two columns cost, called one by one from Python? A linear classifier of 2000 points in the plane."""

from functools import partial

import numpy as np

from benchmarks.question import Beside, Case, tracing

CASES = {"step": Case("linear classifier step, 2000×2 float32", (1000,), (1000,), (Beside(1.3), tracing(6)), calls=3)}
RATE = 0.1


def data(n):
    """Two clouds of points, their classes, and the weights that the line starts from."""
    rng = np.random.default_rng(2)
    clouds = [rng.multivariate_normal(mean, [[1, 0.5], [0.5, 1]], n) for mean in ([0, 3], [3, 0])]
    targets = np.repeat(np.float32([0, 1]), n)[:, None]
    return np.vstack(clouds).astype(np.float32), targets, rng.random((2, 1), np.float32), np.zeros(1, np.float32)


def with_tracejit(x, y, w, b):
    import tracejit as tj

    w, b = tj.Variable(w, name="w"), tj.Variable(b, name="b")

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            loss = np.mean((y - (x @ w + b)) ** 2)
        d_w, d_b = tape.gradient(loss, [w, b])
        w.assign_sub(RATE * d_w)
        b.assign_sub(RATE * d_b)
        return loss

    return partial(step, x, y)


def with_numpy(x, y, w, b):
    w, b, rate = w.copy(), b.copy(), x.dtype.type(2 * RATE / len(x))

    def step():
        error = x @ w
        error += b
        error -= y
        flat = error.ravel()
        np.subtract(w, rate * (x.T @ error), out=w)
        np.subtract(b, rate * error.sum(), out=b)
        return flat @ flat / len(x)

    return step


def with_numba(x, y, w, b):
    from numba import float32, njit

    rate = np.float32(RATE)

    @njit(float32(float32[:, ::1], float32[:, ::1], float32[:, ::1], float32[::1]), fastmath=True, cache=True)
    def step(x, y, w, b):
        u, v, c = w[0, 0], w[1, 0], b[0]
        loss, d_u, d_v, d_c = float32(0), float32(0), float32(0), float32(0)
        for i in range(x.shape[0]):
            error = x[i, 0] * u + x[i, 1] * v + c - y[i, 0]
            loss += error * error
            d_u += error * x[i, 0]
            d_v += error * x[i, 1]
            d_c += error
        scale = float32(2) * rate / float32(x.shape[0])
        w[0, 0], w[1, 0], b[0] = u - scale * d_u, v - scale * d_v, c - scale * d_c
        return loss / float32(x.shape[0])

    return partial(step, x, y, w.copy(), b.copy())


def with_jax(x, y, w, b):
    import jax
    import jax.numpy as jnp

    def loss(p, x, y):
        return jnp.mean((y - (x @ p[0] + p[1])) ** 2)

    @partial(jax.jit, donate_argnums=0)
    def step(p, x, y):
        value, slope = jax.value_and_grad(loss)(p, x, y)
        return jax.tree.map(lambda a, d: a - RATE * d, p, slope), value

    state, x, y = jax.device_put(((w, b), x, y))

    def call():
        nonlocal state
        state, value = jax.block_until_ready(step(state, x, y))
        return value

    return call


def with_torch(x, y, w, b):
    import torch

    x, y = torch.from_numpy(x), torch.from_numpy(y)
    w, b = (torch.tensor(a, requires_grad=True) for a in (w, b))

    def step():
        loss = (y - (x @ w + b)).square().mean()
        d_w, d_b = torch.autograd.grad(loss, (w, b))
        with torch.no_grad():
            w.sub_(d_w, alpha=RATE)
            b.sub_(d_b, alpha=RATE)
        return loss.detach()

    return step


def with_torch_compile(x, y, w, b):
    import torch

    def loss(w, b, x, y):
        return (y - (x @ w + b)).square().mean()

    @torch.compile
    def step(w, b, x, y):
        (d_w, d_b), value = torch.func.grad_and_value(loss, argnums=(0, 1))(w, b, x, y)
        w.sub_(d_w, alpha=RATE)
        b.sub_(d_b, alpha=RATE)
        return value

    torch.set_grad_enabled(False)
    return partial(step, torch.tensor(w), torch.tensor(b), torch.from_numpy(x), torch.from_numpy(y))


def with_tensorflow(x, y, w, b, **switches):
    import tensorflow as tf

    w, b = tf.Variable(w), tf.Variable(b)

    @tf.function(**switches)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - (tf.matmul(x, w) + b)))
        d_w, d_b = tape.gradient(loss, [w, b])
        w.assign_sub(RATE * d_w)
        b.assign_sub(RATE * d_b)
        return loss

    return partial(step, tf.constant(x), tf.constant(y))


def with_tensorflow_xla(x, y, w, b):
    return with_tensorflow(x, y, w, b, jit_compile=True)


def with_pytensor(x, y, w, b):
    import pytensor
    from pytensor import tensor as pt

    xs, ys, w, b = pt.matrix(dtype="float32"), pt.matrix(dtype="float32"), pytensor.shared(w), pytensor.shared(b)
    loss = ((ys - (xs @ w + b)) ** 2).mean(dtype="float32")
    updates = [(p, p - np.float32(RATE) * d) for p, d in zip((w, b), pytensor.grad(loss, [w, b]), strict=True)]
    run = pytensor.function([xs, ys], pytensor.Out(loss, borrow=True), updates=updates, mode="NUMBA", trust_input=True)
    return partial(run, x, y)
