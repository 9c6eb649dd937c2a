"""Do reductions over either axis reach the GPU's memory? Sums of columns and of rows."""

import numpy as np

from benchmarks import on_cuda
from benchmarks.question import Beside, Case

CASES = {
    f"axis{axis}": Case(f"CUDA: sum of (8192, 8192) float32 over axis {axis}", (8192, axis), (64, axis), (Beside(1),))
    for axis in (0, 1)
}


def data(n, axis):
    return np.random.default_rng(0).standard_normal((n, n), np.float32), axis


def with_tracejit(x, axis):
    return on_cuda.tracejit(lambda x: np.sum(x, axis=axis), x)


def with_numpy(x, axis):
    return lambda: x.sum(axis=axis)


def with_torch_compile(x, axis):
    return on_cuda.torch_compile(lambda x: x.sum(axis), x)


def with_jax(x, axis):
    return on_cuda.jax(lambda x: x.sum(axis), x)
