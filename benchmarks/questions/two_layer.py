"""How near is a training step to its matrix products? Two layers, ReLU, squared error, gradient descent in place."""

from functools import partial

import numpy as np

from benchmarks import yardsticks
from benchmarks.question import Beside, Case, Within

SIZES, BARS = (64, 1000, 100, 10), (Beside(1.3), Within("products_alone", 1.1))
CASES = {
    "one": Case("two-layer net step, 64×1000×100×10 float32", (*SIZES, 1), (*SIZES, 1), BARS, calls=3),
    "many": Case("500 of them", (*SIZES, 500), (*SIZES, 5), BARS),
}
RATE = 1e-7  # after 500 steps, the loss is still large against rounding


def data(batch, inputs, hidden, outputs, steps):
    """Inputs, targets, both matrices, and the number of steps in a call."""
    rng = np.random.default_rng(1)
    shapes = ((batch, inputs), (batch, outputs), (inputs, hidden), (hidden, outputs))
    return *(rng.standard_normal(shape, np.float32) for shape in shapes), steps


def repeated(step, steps):
    """A call of so many steps, each from Python; it gives the last loss."""

    def call():
        for _ in range(steps):
            loss = step()
        return loss

    call.steps = steps
    return step if steps == 1 else call


def products_alone(x, y, w1, w2, steps):
    h, e = np.maximum(x @ w1, 0), y
    return repeated(yardsticks.products((x, w1), (h, w2), (e, w2.T), (h.T, e), (x.T, h)), steps)


def tracejit_step(w1, w2):
    import tracejit as tj

    w1, w2 = tj.Variable(w1, name="w1"), tj.Variable(w2, name="w2")

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            loss = np.sum((np.maximum(x @ w1, 0) @ w2 - y) ** 2)
        gradient1, gradient2 = tape.gradient(loss, [w1, w2])
        w1.assign_sub(RATE * gradient1)
        w2.assign_sub(RATE * gradient2)
        return loss

    return step


def with_tracejit(x, y, w1, w2, steps):
    return repeated(partial(tracejit_step(w1, w2), x, y), steps)


def with_numpy(x, y, w1, w2, steps):
    w1, w2, rate = w1.copy(), w2.copy(), x.dtype.type(RATE)

    def step():
        hidden = np.maximum(x @ w1, 0)
        error = hidden @ w2
        error -= y
        loss = np.vdot(error, error)
        error *= 2
        d_hidden = error @ w2.T
        d_hidden *= hidden > 0
        np.subtract(w2, rate * (hidden.T @ error), out=w2)
        np.subtract(w1, rate * (x.T @ d_hidden), out=w1)
        return loss

    return repeated(step, steps)


def with_numba(x, y, w1, w2, steps):
    from numba import njit

    rate = np.float32(RATE)

    @njit(fastmath=True, cache=True)  # its loops run beside the products' threads, not against them
    def run(x, y, w1, w2, steps):
        for _ in range(steps):
            hidden = np.dot(x, w1)
            active = np.maximum(hidden, np.float32(0))
            error = np.dot(active, w2)
            loss = np.float32(0)
            for i in range(error.shape[0]):
                for j in range(error.shape[1]):
                    d = error[i, j] - y[i, j]
                    loss += d * d
                    error[i, j] = d + d
            slope = np.dot(error, w2.T)
            w2 -= rate * np.dot(active.T, error)
            for i in range(slope.shape[0]):
                for j in range(slope.shape[1]):
                    slope[i, j] = slope[i, j] if hidden[i, j] > 0 else np.float32(0)
            w1 -= rate * np.dot(x.T, slope)
        return loss

    return partial(run, x, y, w1.copy(), w2.copy(), steps)


def jax_step(x, y, w1, w2, steps):
    """So many steps as one program, which a call queues."""
    import jax
    import jax.numpy as jnp

    def loss(w, x, y):
        return jnp.sum((jnp.maximum(x @ w[0], 0) @ w[1] - y) ** 2)

    def step(w, x, y):
        value, slope = jax.value_and_grad(loss)(w, x, y)
        return jax.tree.map(lambda p, d: p - RATE * d, w, slope), value

    @partial(jax.jit, donate_argnums=0)
    def run(w, x, y):
        return step(w, x, y) if steps == 1 else jax.lax.fori_loop(0, steps, lambda _, s: step(s[0], x, y), (w, jnp.float32(0)))

    w, x, y = jax.device_put(((w1, w2), x, y))

    def call():
        nonlocal w
        w, value = run(w, x, y)
        return value

    return call


def with_jax(*everything):
    queue = jax_step(*everything)
    return lambda: queue().block_until_ready()


def with_torch(x, y, w1, w2, steps):
    import torch

    x, y = torch.from_numpy(x), torch.from_numpy(y)
    parameters = [torch.tensor(w, requires_grad=True) for w in (w1, w2)]

    def step():
        loss = ((x @ parameters[0]).relu() @ parameters[1] - y).square().sum()
        slopes = torch.autograd.grad(loss, parameters)
        with torch.no_grad():
            torch._foreach_add_(parameters, slopes, alpha=-RATE)
        return loss.detach()

    return repeated(step, steps)


def torch_compile_step(w1, w2, device="cpu"):
    """The step, to be compiled; its weights keep their addresses, as CUDA graphs ask."""
    import torch

    torch.set_grad_enabled(False)
    weights = [torch.tensor(w, device=device) for w in (w1, w2)]
    for w in weights:
        torch._dynamo.mark_static_address(w)

    def loss(w1, w2, x, y):
        return ((x @ w1).relu() @ w2 - y).square().sum()

    def step(x, y):
        slopes, value = torch.func.grad_and_value(loss, argnums=(0, 1))(*weights, x, y)
        for w, slope in zip(weights, slopes, strict=True):
            w.sub_(slope, alpha=RATE)
        return value

    return step


def with_torch_compile(x, y, w1, w2, steps):
    import torch

    step = torch.compile(torch_compile_step(w1, w2))
    return repeated(partial(step, torch.from_numpy(x), torch.from_numpy(y)), steps)


def with_tensorflow(x, y, w1, w2, steps, **switches):
    import tensorflow as tf

    w1, w2 = tf.Variable(w1), tf.Variable(w2)

    @tf.function(**switches)
    def run(x, y):
        loss = tf.constant(0.0)
        for _ in tf.range(steps) if steps > 1 else range(1):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum((tf.nn.relu(x @ w1) @ w2 - y) ** 2)
            slope1, slope2 = tape.gradient(loss, [w1, w2])
            w1.assign_sub(RATE * slope1)
            w2.assign_sub(RATE * slope2)
        return loss

    return partial(run, tf.constant(x), tf.constant(y))


def with_tensorflow_xla(*everything):
    return with_tensorflow(*everything, jit_compile=True)


def with_pytensor(x, y, w1, w2, steps):
    import pytensor
    from pytensor import tensor as pt

    xs, ys = pt.matrix(dtype="float32"), pt.matrix(dtype="float32")
    parameters = [pytensor.shared(w) for w in (w1, w2)]
    loss = pt.sum((pt.maximum(xs @ parameters[0], np.float32(0)) @ parameters[1] - ys) ** 2)
    updates = [(p, p - np.float32(RATE) * d) for p, d in zip(parameters, pytensor.grad(loss, parameters), strict=True)]
    run = pytensor.function([xs, ys], pytensor.Out(loss, borrow=True), updates=updates, mode="NUMBA", trust_input=True)
    return repeated(partial(run, x, y), steps)
