"""How near to memory's speed is a chain with erf in it? ``gelu(x)*s + r``."""

from functools import partial

import numpy as np

from benchmarks.question import Bandwidth, Beside, Case
from benchmarks.yardsticks import triad as triad  # four arrays move here, three in a triad

BARS = (Beside(1.5), Bandwidth("triad", 4 / 3, 0.75))
CASES = {"forward": Case("gelu(x)·s + r, 4M float32", (4_000_000,), (1000,), BARS)}


def data(n):
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(n, np.float32) for _ in range(3))


def scaled_gelu(erf):
    return lambda x, s, r: x * (erf(x * 0.7071067811865476) * 0.5 + 0.5) * s + r


def with_tracejit(*arrays):
    import tracejit as tj

    return partial(tj.function(lambda x, s, r: tj.gelu(x) * s + r), *arrays)


def with_numpy(x, s, r):
    from scipy.special import erf

    root, half = x.dtype.type(0.7071067811865476), x.dtype.type(0.5)

    def call():
        out = x * root
        erf(out, out=out)
        out *= half
        out += half
        out *= x
        out *= s
        out += r
        return out

    return call


def with_numba(*arrays):
    import math

    from numba import njit, prange

    root, half = np.float32(0.7071067811865476), np.float32(0.5)

    @njit(parallel=True, fastmath=True, cache=True)
    def run(x, s, r):
        out = np.empty_like(x)
        for i in prange(x.size):
            out[i] = x[i] * (math.erf(x[i] * root) * half + half) * s[i] + r[i]
        return out

    return partial(run, *arrays)


def with_drjit(*arrays):
    import drjit as dr
    from drjit.llvm import Float

    run, arrays = dr.freeze(scaled_gelu(dr.erf)), [Float(a) for a in arrays]

    def call():
        out = run(*arrays)
        dr.eval(out)
        dr.sync_thread()
        return out

    return call


def with_jax(*arrays):
    import jax

    run, arrays = jax.jit(lambda x, s, r: jax.nn.gelu(x, approximate=False) * s + r), jax.device_put(arrays)
    return lambda: run(*arrays).block_until_ready()


def with_torch(*arrays, compiled=False):
    import torch

    def run(x, s, r):
        return torch.nn.functional.gelu(x) * s + r

    torch.set_grad_enabled(False)
    return partial(torch.compile(run) if compiled else run, *(torch.from_numpy(a) for a in arrays))


def with_torch_compile(*arrays):
    return with_torch(*arrays, compiled=True)


def with_tensorflow(*arrays, **switches):
    import tensorflow as tf

    run = tf.function(lambda x, s, r: tf.nn.gelu(x) * s + r, **switches)
    return partial(run, *(tf.constant(a) for a in arrays))


def with_tensorflow_xla(*arrays):
    return with_tensorflow(*arrays, jit_compile=True)


def with_pytensor(*arrays):
    import pytensor
    from pytensor import tensor as pt

    names = [pt.vector(dtype="float32") for _ in arrays]
    result = pytensor.Out(scaled_gelu(pt.erf)(*names), borrow=True)
    return partial(pytensor.function(names, result, mode="NUMBA", trust_input=True), *arrays)
