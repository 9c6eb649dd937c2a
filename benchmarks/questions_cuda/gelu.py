"""How near to the GPU's memory is a chain of operations? gelu of 256 MB, scaled and shifted."""

import numpy as np

from benchmarks import on_cuda
from benchmarks.on_cuda import copy as copy
from benchmarks.question import Bandwidth, Beside, Case

CASES = {"chain": Case("CUDA: 2·gelu(x) + 1, 256 MB float32", (2**26,), (1000,), (Beside(1), Bandwidth("copy", 1, 0.9)))}


def data(n):
    return (np.random.default_rng(0).standard_normal(n, np.float32),)


def with_tracejit(x):
    import tracejit as tj

    return on_cuda.tracejit(lambda x: 2 * tj.gelu(x) + 1, x)


def with_numpy(x):
    from scipy.special import erf

    return lambda: x * (1 + erf(x * 0.7071067811865476)) + 1


def with_torch_compile(x):
    import torch

    return on_cuda.torch_compile(lambda x: 2 * torch.nn.functional.gelu(x) + 1, x)


def with_jax(x):
    import jax

    return on_cuda.jax(lambda x: 2 * jax.nn.gelu(x, approximate=False) + 1, x)
