"""How fast are long chains with exp, log and erf? Prices of calls and puts by Black and Scholes."""

from functools import partial

import numpy as np

from benchmarks.question import Beside, Case

CASES = {"price": Case("Black–Scholes call and put, 4M float32", (4_000_000,), (1000,), (Beside(1.5),))}


def data(n):
    rng = np.random.default_rng(0)
    ranges = ((50, 150), (50, 150), (0.1, 2), (0.01, 0.1), (0.1, 0.5))
    return tuple(rng.uniform(low, high, n).astype(np.float32) for low, high in ranges)


def prices(log, sqrt, exp, erf):
    """The formula in a library's functions: spot, strike, years, rate and volatility to call and put."""

    def price(s, k, t, r, v):
        width = v * sqrt(t)
        d1 = (log(s / k) + (r + v * v * 0.5) * t) / width
        above, below = (0.5 + 0.5 * erf(d * 0.7071067811865476) for d in (d1, d1 - width))
        paid = k * exp(-r * t)
        call = s * above - paid * below
        return call, call - s + paid

    return price


def with_tracejit(*options):
    import tracejit as tj

    return partial(tj.function(prices(np.log, np.sqrt, np.exp, tj.erf)), *options)


def with_numpy(*options):
    from scipy.special import erf

    return partial(prices(np.log, np.sqrt, np.exp, erf), *options)


def with_numba(*options):
    import math

    from numba import njit, prange

    half, root = np.float32(0.5), np.float32(0.7071067811865476)

    @njit(parallel=True, fastmath=True, cache=True)
    def run(s, k, t, r, v):
        calls, puts = np.empty_like(s), np.empty_like(s)
        for i in prange(s.size):
            width = v[i] * math.sqrt(t[i])
            d = (math.log(s[i] / k[i]) + (r[i] + v[i] * v[i] * half) * t[i]) / width
            above, below = half + half * math.erf(d * root), half + half * math.erf((d - width) * root)
            paid = k[i] * math.exp(-r[i] * t[i])
            calls[i] = s[i] * above - paid * below
            puts[i] = calls[i] - s[i] + paid
        return calls, puts

    return partial(run, *options)


def with_drjit(*options):
    import drjit as dr
    from drjit.llvm import Float

    run, options = dr.freeze(prices(dr.log, dr.sqrt, dr.exp, dr.erf)), [Float(a) for a in options]

    def call():
        out = run(*options)
        dr.eval(out)
        dr.sync_thread()
        return out

    return call


def with_jax(*options):
    import jax
    import jax.numpy as jnp

    run, options = jax.jit(prices(jnp.log, jnp.sqrt, jnp.exp, jax.scipy.special.erf)), jax.device_put(options)
    return lambda: jax.block_until_ready(run(*options))


def with_torch(*options, compiled=False):
    import torch

    torch.set_grad_enabled(False)
    run = prices(torch.log, torch.sqrt, torch.exp, torch.erf)
    return partial(torch.compile(run) if compiled else run, *(torch.from_numpy(a) for a in options))


def with_torch_compile(*options):
    return with_torch(*options, compiled=True)


def with_tensorflow(*options, **switches):
    import tensorflow as tf

    run = prices(tf.math.log, tf.sqrt, tf.exp, tf.math.erf)
    return partial(tf.function(run, **switches), *(tf.constant(a) for a in options))


def with_tensorflow_xla(*options):
    return with_tensorflow(*options, jit_compile=True)


def with_pytensor(*options):
    import pytensor
    from pytensor import tensor as pt

    names = [pt.vector(dtype="float32") for _ in options]
    results = [pytensor.Out(out, borrow=True) for out in prices(pt.log, pt.sqrt, pt.exp, pt.erf)(*names)]
    return partial(pytensor.function(names, results, mode="NUMBA", trust_input=True), *options)
