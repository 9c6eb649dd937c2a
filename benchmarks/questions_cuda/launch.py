"""What does a call cost on the GPU? Ten operations on 1000 elements, queued one after the other."""

from benchmarks import on_cuda
from benchmarks.question import Beside, Case
from benchmarks.questions.chain import chain
from benchmarks.questions.chain import data as data
from benchmarks.questions.chain import with_numpy as with_numpy

CASES = {"chain": Case("CUDA: ten-op chain, 1000 float32, queued", (1000,), (1000,), (Beside(1),))}


def with_tracejit(x):
    return on_cuda.tracejit(chain, x)


def with_torch_compile(x):
    return on_cuda.torch_compile(chain, x)


def with_jax(x):
    return on_cuda.jax(chain, x)
