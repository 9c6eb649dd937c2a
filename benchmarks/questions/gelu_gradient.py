"""What does the derivative of an elementwise chain cost? The gradient of ``sum(gelu(x)*s + r)`` for x, s and r."""

from functools import partial

import numpy as np

from benchmarks.question import Beside, Case
from benchmarks.questions.gelu import data as data

CASES = {"reverse": Case("gradient of gelu(x)·s + r for x, s, r, 4M float32", (4_000_000,), (1000,), (Beside(2.5),))}
ROOT, DENSITY = 0.7071067811865476, 0.3989422804014327  # sqrt(1/2), and that of the normal distribution at 0


def with_tracejit(*arrays):
    import tracejit as tj

    def total(x, s, r):
        return np.sum(tj.gelu(x) * s + r)

    return partial(tj.function(tj.grad(total, argnums=(0, 1, 2))), *arrays)


def with_numpy(x, s, r):
    from scipy.special import erf

    root, half, density = (x.dtype.type(c) for c in (ROOT, 0.5, DENSITY))

    def call():
        below = erf(x * root) * half + half
        d_x = np.exp(x * x * -half)
        d_x *= density
        d_x *= x
        d_x += below
        d_x *= s
        below *= x
        return d_x, below, np.ones_like(r)

    return call


def with_numba(*arrays):
    import math

    from numba import njit, prange

    root, half, density, one = (np.float32(c) for c in (ROOT, 0.5, DENSITY, 1))

    @njit(parallel=True, fastmath=True, cache=True)
    def run(x, s, r):
        d_x, d_s, d_r = np.empty_like(x), np.empty_like(x), np.empty_like(x)
        for i in prange(x.size):
            below = math.erf(x[i] * root) * half + half
            d_x[i] = s[i] * (below + x[i] * density * math.exp(-half * x[i] * x[i]))
            d_s[i] = x[i] * below
            d_r[i] = one
        return d_x, d_s, d_r

    return partial(run, *arrays)


def with_drjit(*arrays):
    import drjit as dr
    from drjit.llvm.ad import Float

    def run(x, s, r):
        dr.enable_grad(x, s, r)
        dr.backward(x * (dr.erf(x * ROOT) * 0.5 + 0.5) * s + r)
        return dr.grad(x), dr.grad(s), dr.grad(r)

    def call():
        out = run(*(Float(a) for a in arrays))
        dr.eval(out)
        dr.sync_thread()
        return out

    arrays = [Float(a) for a in arrays]
    return call


def with_jax(*arrays):
    import jax

    def total(x, s, r):
        return (jax.nn.gelu(x, approximate=False) * s + r).sum()

    run, arrays = jax.jit(jax.grad(total, argnums=(0, 1, 2))), jax.device_put(arrays)
    return lambda: jax.block_until_ready(run(*arrays))


def with_torch(*arrays):
    import torch

    arrays = [torch.from_numpy(a).requires_grad_() for a in arrays]

    def call():
        x, s, r = arrays
        return torch.autograd.grad((torch.nn.functional.gelu(x) * s + r).sum(), arrays)

    return lambda: [slope.detach() for slope in call()]


def with_torch_compile(*arrays):
    import torch

    def total(x, s, r):
        return (torch.nn.functional.gelu(x) * s + r).sum()

    run = torch.compile(torch.func.grad(total, argnums=(0, 1, 2)))
    return partial(run, *(torch.from_numpy(a) for a in arrays))


def with_tensorflow(*arrays, **switches):
    import tensorflow as tf

    arrays = [tf.constant(a) for a in arrays]

    @tf.function(**switches)
    def run(x, s, r):
        with tf.GradientTape() as tape:
            tape.watch([x, s, r])
            total = tf.reduce_sum(tf.nn.gelu(x) * s + r)
        return tape.gradient(total, [x, s, r])

    return partial(run, *arrays)


def with_tensorflow_xla(*arrays):
    return with_tensorflow(*arrays, jit_compile=True)


def with_pytensor(*arrays):
    import pytensor
    from pytensor import tensor as pt

    x, s, r = names = [pt.vector(dtype="float32") for _ in arrays]
    total = (x * (pt.erf(x * np.float32(ROOT)) * np.float32(0.5) + np.float32(0.5)) * s + r).sum()
    slopes = [pytensor.Out(slope, borrow=True) for slope in pytensor.grad(total, names)]
    return partial(pytensor.function(names, slopes, mode="NUMBA", trust_input=True), *arrays)
