"""What does a call cost the host? Ten operations on 1000 elements, of one array and of the sum of ten, calls queued in a row.

The GPU needs less time for one small kernel than anybody's host needs to ask for it, so each figure is the host's time for a
call: what a step of training costs at least, however small it is.
"""

from functools import partial

import numpy as np

from benchmarks import on_cuda
from benchmarks.question import Beside, Case
from benchmarks.questions.chain import chain

CASES = {
    "chain": Case("CUDA: a call on one array of 1000 float32", (1000, 1), (1000, 1), (Beside(1),)),
    "ten": Case("CUDA: a call on ten arrays of 1000 float32", (1000, 10), (100, 10), (Beside(1),)),
}


def data(n, count):
    return tuple(np.random.default_rng(0).standard_normal((count, n), np.float32))


def work(*arrays):
    total = arrays[0]
    for x in arrays[1:]:
        total = total + x
    return chain(total)


def with_numpy(*arrays):
    return partial(work, *arrays)


def with_tracejit(*arrays):
    return on_cuda.tracejit(work, *arrays)


def with_torch_compile(*arrays):
    return on_cuda.torch_compile(work, *arrays)


def with_jax(*arrays):
    return on_cuda.jax(work, *arrays)
