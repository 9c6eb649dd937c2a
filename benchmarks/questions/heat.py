"""Is a stencil through slices one pass? A step of the heat equation on a rod whose ends are kept."""

from functools import partial

import numpy as np

from benchmarks.question import Beside, Case

CASES = {"rod": Case("1-D heat stencil, 1M float64, per step", (1_000_000,), (1000,), (Beside(1),), calls=3, tolerance=1e-12)}
RATE = 0.1


def data(n):
    return (np.random.default_rng(0).standard_normal(n),)


def stepping(step, u, finish=lambda u: u):
    """A contestant that takes the next step at each call."""

    def call():
        nonlocal u
        u = finish(step(u))
        return u

    return call


def slices(joined):
    """The step in slices, given how a library joins arrays."""

    def step(u):
        return joined([u[:1], u[1:-1] + RATE * (u[:-2] - 2 * u[1:-1] + u[2:]), u[-1:]])

    return step


def with_tracejit(u):
    import tracejit as tj

    return stepping(tj.function(slices(np.concatenate)), u)


def with_numpy(u):
    spare, u = u.copy(), u.copy()

    def call():
        nonlocal u, spare
        inside = np.add(u[:-2], u[2:], out=spare[1:-1])
        inside *= RATE
        inside += (1 - 2 * RATE) * u[1:-1]
        u, spare = spare, u
        return u

    return call


def with_numexpr(u):
    import numexpr

    spare, u = u.copy(), u.copy()

    def call():
        nonlocal u, spare
        names = {"left": u[:-2], "here": u[1:-1], "right": u[2:], "rate": RATE}
        numexpr.evaluate("here + rate * (left - 2 * here + right)", names, out=spare[1:-1])
        u, spare = spare, u
        return u

    return call


def with_numba(u):
    from numba import njit, prange

    @njit(parallel=True, fastmath=True, cache=True)
    def run(u, out):
        for i in prange(1, u.size - 1):
            out[i] = u[i] + RATE * (u[i - 1] - 2 * u[i] + u[i + 1])

    spare, u = u.copy(), u.copy()

    def call():
        nonlocal u, spare
        run(u, spare)
        u, spare = spare, u
        return u

    return call


def with_drjit(u):
    import drjit as dr
    from drjit.llvm import Float64, UInt32

    n = len(u)

    @dr.freeze
    def step(u):
        i = dr.arange(UInt32, n)
        left, right = dr.gather(Float64, u, dr.maximum(i, 1) - 1), dr.gather(Float64, u, dr.minimum(i + 1, n - 1))
        return dr.select((i > 0) & (i < n - 1), u + RATE * (left - 2 * u + right), u)

    def finish(u):
        dr.eval(u)
        dr.sync_thread()
        return u

    return stepping(step, Float64(u), finish)


def with_jax(u):
    import jax

    jax.config.update("jax_enable_x64", True)

    return stepping(jax.jit(slices(jax.numpy.concatenate), donate_argnums=0), jax.device_put(u), jax.block_until_ready)


def with_torch(u, compiled=False):
    import torch

    torch.set_grad_enabled(False)
    step = slices(torch.cat)
    return stepping(torch.compile(step) if compiled else step, torch.from_numpy(u))


def with_torch_compile(u):
    return with_torch(u, compiled=True)


def with_tensorflow(u, **switches):
    import tensorflow as tf

    return stepping(tf.function(slices(partial(tf.concat, axis=0)), **switches), tf.constant(u))


def with_tensorflow_xla(u):
    return with_tensorflow(u, jit_compile=True)


def with_pytensor(u):
    import pytensor
    from pytensor import tensor as pt

    v = pt.vector(dtype="float64")
    inside = v[1:-1] + np.float64(RATE) * (v[:-2] - np.float64(2) * v[1:-1] + v[2:])
    out = pytensor.Out(pt.set_subtensor(v[1:-1], inside), borrow=True)
    return stepping(pytensor.function([v], out, mode="NUMBA", trust_input=True), u)
