"""How fast are elements put in order? One long row, and a thousand shorter ones; their values, and their places."""

from functools import partial

import numpy as np

from benchmarks.question import Beside, Case

LONG, ROWS, SMALL = (1_000_000,), (1000, 1000), (3, 100)
CASES = {
    "values": Case("sort, 1M float32", ("sort", LONG), ("sort", SMALL), (Beside(1),)),
    "places": Case("argsort, 1M float32", ("argsort", LONG), ("argsort", SMALL), (Beside(2),)),
    "values_of_rows": Case("sort of rows, (1000, 1000) float32", ("sort", ROWS), ("sort", SMALL), (Beside(1.5),)),
    "places_of_rows": Case("argsort of rows, (1000, 1000) float32", ("argsort", ROWS), ("argsort", SMALL), (Beside(2),)),
}


def data(name, shape):
    """The name of the function, and numbers that are all different: not everyone keeps equal ones in order."""
    return name, np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(np.float32) - 1000


def with_tracejit(name, x):
    import tracejit as tj

    function = getattr(np, name)
    return partial(tj.function(lambda x: function(x)), x)


def with_numpy(name, x):
    return partial(getattr(np, name), x)


def with_numba(name, x):
    from numba import njit, prange

    function = getattr(np, name)

    @njit(parallel=True, cache=True)
    def rows(x, out):
        for i in prange(x.shape[0]):
            out[i] = function(x[i])
        return out

    if x.ndim == 1:
        return partial(njit(cache=True)(lambda x: function(x)), x)
    return lambda: rows(x, np.empty(x.shape, x.dtype if name == "sort" else np.int64))


def with_jax(name, x):
    import jax

    run, x = jax.jit(getattr(jax.numpy, name)), jax.device_put(x)
    return lambda: run(x).block_until_ready()


def with_torch(name, x):
    import torch

    torch.set_grad_enabled(False)
    function = {"sort": lambda x: torch.sort(x).values, "argsort": torch.argsort}[name]
    return partial(function, torch.from_numpy(x))


def with_tensorflow(name, x):
    import tensorflow as tf

    run = tf.function(getattr(tf, name))
    return partial(run, tf.constant(x))
