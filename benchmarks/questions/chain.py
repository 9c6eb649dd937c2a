"""What does a call of a small program cost? Ten operations on a vector, from Python."""

from functools import partial

import numpy as np

from benchmarks.question import Beside, Case, tracing

BARS = {1000: (Beside(1.5), tracing(5)), 10: (Beside(4), tracing(15))}
CASES = {f"n{n}": Case(f"ten-op chain, {n} float32", (n,), (n,), bars) for n, bars in BARS.items()}


def data(n):
    return (np.random.default_rng(0).standard_normal(n, np.float32),)


def chain(x):
    return (((((x + 1) * 2 - 3) * x + 4) * x - 5) * x + 6) * x


def with_tracejit(x):
    import tracejit as tj

    return partial(tj.function(chain), x)


def with_numpy(x):
    return partial(chain, x)


def with_numexpr(x):
    import numexpr

    names = {"x": x}
    numexpr.evaluate("(((((x + 1) * 2 - 3) * x + 4) * x - 5) * x + 6) * x", names)
    return partial(numexpr.re_evaluate, names)


def with_numba(x):
    from numba import float32, njit

    one, two, three, four, five, six = (np.float32(k) for k in range(1, 7))

    @njit(float32[::1](float32[::1]), fastmath=True, cache=True)
    def run(x):
        out = np.empty_like(x)
        for i in range(x.size):
            v = x[i]
            out[i] = (((((v + one) * two - three) * v + four) * v - five) * v + six) * v
        return out

    return partial(run, x)


def with_drjit(x):
    import drjit as dr
    from drjit.llvm import Float

    run, x = dr.freeze(chain), Float(x)

    def call():
        out = run(x)
        dr.eval(out)
        dr.sync_thread()
        return out

    return call


def with_jax(x):
    import jax

    run, x = jax.jit(chain), jax.device_put(x)
    return lambda: run(x).block_until_ready()


def with_torch(x):
    import torch

    torch.set_grad_enabled(False)
    return partial(chain, torch.from_numpy(x))


def with_torch_compile(x):
    import torch

    torch.set_grad_enabled(False)
    return partial(torch.compile(chain), torch.from_numpy(x))


def with_tensorflow(x, **options):
    import tensorflow as tf

    return partial(tf.function(chain, **options), tf.constant(x))


def with_tensorflow_xla(x):
    return with_tensorflow(x, jit_compile=True)


def with_pytensor(x):
    import pytensor
    from pytensor import tensor

    v = tensor.vector("x", dtype="float32")
    run = pytensor.function([pytensor.In(v, borrow=True)], pytensor.Out(chain(v), borrow=True), mode="NUMBA", trust_input=True)
    return partial(run, x)
