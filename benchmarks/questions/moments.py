"""Do several reductions share one pass over memory? Mean, variance and maximum of a matrix over each of its axes."""

import re
from functools import partial

import numpy as np

from benchmarks.question import Beside, Case, Passes

TITLE = "mean, var, max over axis 0 and axis 1, (4096, 4096) float32"
CASES = {"square": Case(TITLE, (4096,), (64,), (Beside(2), Passes(1)))}


def data(n):
    return (np.random.default_rng(0).standard_normal((n, n), np.float32),)


def moments(x):
    return [result for axis in (0, 1) for result in (x.mean(axis), x.var(axis), x.max(axis))]


def with_tracejit(x):
    import tracejit as tj

    return partial(tj.function(moments), x)


def passes(call):
    """Loops of the program that read the matrix."""
    steps = re.split(r"^\d+: ", str(call.func.schedule()), flags=re.MULTILINE)[1:]
    return sum("(x" in step for step in steps)


def with_numpy(x):
    return partial(moments, x)


def with_numba(x):
    from numba import get_num_threads, get_thread_id, njit, prange

    @njit(parallel=True, fastmath=True, cache=True)
    def run(x):
        rows, columns = x.shape
        threads = get_num_threads()
        sums, squares = np.zeros((threads, columns), np.float32), np.zeros((threads, columns), np.float32)
        tops = np.full((threads, columns), -np.inf, np.float32)
        row_mean, row_var, row_max = np.empty(rows, np.float32), np.empty(rows, np.float32), np.empty(rows, np.float32)
        for i in prange(rows):  # plain sums of squares will do for values around zero
            mine, my_squares, my_tops = sums[get_thread_id()], squares[get_thread_id()], tops[get_thread_id()]
            total, square, top = np.float32(0), np.float32(0), x[i, 0]
            for j in range(columns):
                v = x[i, j]
                mine[j] += v
                my_squares[j] += v * v
                my_tops[j] = v if v > my_tops[j] else my_tops[j]
                total += v
                square += v * v
                top = v if v > top else top
            mean = total / columns
            row_mean[i], row_var[i], row_max[i] = mean, square / columns - mean * mean, top
        mean, var, top = np.empty_like(x[0]), np.empty_like(x[0]), np.empty_like(x[0])
        for j in range(columns):
            mean[j] = sums[:, j].sum() / rows
            var[j], top[j] = squares[:, j].sum() / rows - mean[j] * mean[j], tops[:, j].max()
        return mean, var, top, row_mean, row_var, row_max

    return lambda: list(run(x))


def with_jax(x):
    import jax

    run, x = jax.jit(moments), jax.device_put(x)
    return lambda: jax.block_until_ready(run(x))


def with_torch(x, compiled=False):
    import torch

    def run(x):
        return [r for axis in (0, 1) for r in (x.mean(axis), x.var(axis, correction=0), x.amax(axis))]

    torch.set_grad_enabled(False)
    return partial(torch.compile(run) if compiled else run, torch.from_numpy(x))


def with_torch_compile(x):
    return with_torch(x, compiled=True)


def with_tensorflow(x, **switches):
    import tensorflow as tf

    @tf.function(**switches)
    def run(x):
        return [r for axis in (0, 1) for r in (*tf.nn.moments(x, [axis]), tf.reduce_max(x, axis))]

    return partial(run, tf.constant(x))


def with_tensorflow_xla(x):
    return with_tensorflow(x, jit_compile=True)


def with_pytensor(x):
    import pytensor
    from pytensor import tensor as pt

    matrix = pt.matrix(dtype="float32")
    results = [pytensor.Out(out, borrow=True) for out in moments(matrix)]
    return partial(pytensor.function([matrix], results, mode="NUMBA", trust_input=True), x)
