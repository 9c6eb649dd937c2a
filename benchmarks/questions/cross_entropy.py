"""How fast is a row program and its reverse? Softmax cross-entropy, value and gradient."""

from functools import partial

import numpy as np

from benchmarks.question import Beside, Case

SIZES = ((4096, 1000), (65536, 10))
CASES = {
    f"rows{rows}": Case(f"softmax cross-entropy forward + reverse, ({rows}, {n}) float32", (rows, n), (8, n), (Beside(1.8),))
    for rows, n in SIZES
}


def data(rows, classes):
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, classes), np.float32), rng.integers(0, classes, rows)


def with_tracejit(z, labels):
    import tracejit as tj

    return partial(tj.function(tj.value_and_grad(tj.cross_entropy)), z, labels)


def with_numpy(z, labels):
    rows, count = np.arange(len(z)), z.dtype.type(len(z))

    def call():
        top = z.max(axis=1, keepdims=True)
        e = np.exp(z - top)
        total = e.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) + top[:, 0] - z[rows, labels])
        e /= total
        e[rows, labels] -= 1
        e /= count
        return loss, e

    return call


def with_numba(z, labels):
    import math

    from numba import njit, prange

    @njit(parallel=True, fastmath=True, cache=True)
    def run(z, labels):
        rows, classes = z.shape
        slope, share, loss = np.empty_like(z), np.float32(1) / np.float32(rows), 0.0
        for i in prange(rows):
            top = z[i, 0]
            for j in range(1, classes):
                top = max(top, z[i, j])
            total = np.float32(0)
            for j in range(classes):
                slope[i, j] = math.exp(z[i, j] - top)
                total += slope[i, j]
            loss += math.log(total) + top - z[i, labels[i]]
            scale = share / total
            for j in range(classes):
                slope[i, j] *= scale
            slope[i, labels[i]] -= share
        return loss / rows, slope

    return partial(run, z, labels)


def with_jax(z, labels):
    import jax
    import jax.numpy as jnp

    def loss(z, labels):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1))

    run, data = jax.jit(jax.value_and_grad(loss)), jax.device_put((z, labels))
    return lambda: jax.block_until_ready(run(*data))


def with_torch(z, labels):
    import torch

    z, labels = torch.from_numpy(z).requires_grad_(), torch.from_numpy(labels)

    def call():
        loss = torch.nn.functional.cross_entropy(z, labels)
        return loss.detach(), torch.autograd.grad(loss, z)[0]

    return call


def with_torch_compile(z, labels):
    import torch

    run = torch.compile(torch.func.grad_and_value(torch.nn.functional.cross_entropy))
    z, labels = torch.from_numpy(z), torch.from_numpy(labels)
    return lambda: run(z, labels)[::-1]


def with_tensorflow(z, labels, **switches):
    import tensorflow as tf

    @tf.function(**switches)
    def run(z, labels):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z))
        return loss, tape.gradient(loss, z)

    return partial(run, tf.constant(z), tf.constant(labels))


def with_tensorflow_xla(z, labels):
    return with_tensorflow(z, labels, jit_compile=True)


def with_pytensor(z, labels):
    import pytensor
    from pytensor import tensor as pt

    scores, classes = pt.matrix(dtype="float32"), pt.vector(dtype="int64")
    loss = -pt.special.log_softmax(scores, axis=1)[pt.arange(len(z)), classes].mean(dtype="float32")
    results = [pytensor.Out(out, borrow=True) for out in (loss, pytensor.grad(loss, scores))]
    return partial(pytensor.function([scores, classes], results, mode="NUMBA", trust_input=True), z, labels)
