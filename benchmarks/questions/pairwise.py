"""Is a broadcast into a reduction ever an array? Forces between all pairs of bodies."""

from functools import partial

import numpy as np

from benchmarks.question import Above, Case, tracing

BODIES, FEW = 2000, 50
LEAN = (Above("fifty_bodies", 24, "MiB"),)  # the array of all differences would be 46
CASES = {
    "forces": Case(f"pairwise forces, {BODIES} bodies, float32", (BODIES,), (FEW,), (tracing(3),)),
    "memory": Case(f"pairwise forces, {BODIES} bodies, float32, peak memory", (BODIES,), (FEW,), LEAN, measure="memory"),
}
SOFT = 1e-3


def data(n):
    return (np.random.default_rng(0).standard_normal((n, 3), np.float32),)


def forces(p):
    """Towards each other body, by the inverse square of the distance."""
    d = p[None] - p[:, None]
    return (d * (((d * d).sum(-1) + SOFT) ** -1.5)[..., None]).sum(1)


def with_tracejit(p):
    import tracejit as tj

    return partial(tj.function(forces), p)


def fifty_bodies(p):
    """The same program on few bodies: what its process takes without their pairs."""
    return with_tracejit(p[:FEW])


def with_numpy(p):
    return partial(forces, p)


def with_numba(p):
    import math

    from numba import njit, prange

    soft, one = np.float32(SOFT), np.float32(1)

    @njit(parallel=True, fastmath=True, cache=True)
    def run(p):
        n = len(p)
        out, x, y, z = np.empty_like(p), p[:, 0].copy(), p[:, 1].copy(), p[:, 2].copy()
        for i in prange(n):
            a, b, c = np.float32(0), np.float32(0), np.float32(0)
            for j in range(n):
                dx, dy, dz = x[j] - x[i], y[j] - y[i], z[j] - z[i]
                square = dx * dx + dy * dy + dz * dz + soft
                w = one / (square * math.sqrt(square))
                a += dx * w
                b += dy * w
                c += dz * w
            out[i, 0], out[i, 1], out[i, 2] = a, b, c
        return out

    return partial(run, p)


def with_drjit(p):
    import drjit as dr
    from drjit.llvm import Array3f, Float, UInt32

    n = len(p)

    @dr.freeze
    def step(flat):
        def body(i):
            return dr.gather(Array3f, flat, i)

        here, out = body(dr.arange(UInt32, n)), dr.zeros(Array3f, n)
        j = UInt32(0)
        while dr.hint(j < n, mode="symbolic"):
            d = body(j) - here
            square = dr.squared_norm(d) + SOFT
            out += d * (dr.rsqrt(square) / square)
            j += 1
        return dr.ravel(out)

    flat = Float(p.ravel())

    def call():
        out = step(flat)
        dr.eval(out)
        dr.sync_thread()
        return out.numpy().reshape(n, 3)

    return call


def with_jax(p):
    import jax

    run, p = jax.jit(forces), jax.device_put(p)
    return lambda: run(p).block_until_ready()


def with_torch(p, compiled=False):
    import torch

    torch.set_grad_enabled(False)
    return partial(torch.compile(forces) if compiled else forces, torch.from_numpy(p))


def with_torch_compile(p):
    return with_torch(p, compiled=True)


def with_tensorflow(p, **switches):
    import tensorflow as tf

    def run(p):
        d = p[None] - p[:, None]
        return tf.reduce_sum(d * ((tf.reduce_sum(d * d, -1) + SOFT) ** -1.5)[..., None], 1)

    return partial(tf.function(run, **switches), tf.constant(p))


def with_tensorflow_xla(p):
    return with_tensorflow(p, jit_compile=True)


def with_pytensor(p):
    import pytensor
    from pytensor import tensor as pt

    bodies = pt.matrix(dtype="float32")
    return partial(pytensor.function([bodies], pytensor.Out(forces(bodies), borrow=True), mode="NUMBA", trust_input=True), p)
