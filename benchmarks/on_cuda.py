"""Contestants on a GPU: a call queues its work, and the end of a turn waits for all of it."""

import os
from collections.abc import Callable
from functools import partial

from benchmarks.question import Call


class Queued:
    """A call that may return before its work is done, and how to wait for what was queued."""

    def __init__(self, call: Call, wait: Callable[[], object]) -> None:
        self._call = call
        self.wait = wait

    def __call__(self) -> object:
        return self._call()


def tracejit(function, *arrays):
    import tracejit as tj

    return on_arrays_there(tj.function(function), *arrays)


def on_arrays_there(step, *arrays):
    """A compiled function of tracejit's on arrays that are on the GPU already."""
    import tracejit as tj

    return Queued(partial(step, *(tj.asarray(a).to("cuda") for a in arrays)), finished)


def finished():
    """Wait for the GPU; what an emulated one computes is done when its call returns."""
    if os.environ.get("TRACEJIT_CUDA") != "emulate":
        from cupy import cuda

        cuda.Device().synchronize()


def torch_compile(function, *arrays, **options):
    import torch

    run = torch.compile(function, **options)
    return Queued(partial(run, *(torch.from_numpy(a).cuda() for a in arrays)), torch.cuda.synchronize)


def jax(function, *arrays):
    import jax as library

    run, arrays = library.jit(function), library.device_put(arrays)
    return queued_by_jax(lambda: run(*arrays))


def queued_by_jax(call):
    """A call whose last results are waited for."""
    import jax as library

    last = None

    def queue():
        nonlocal last
        last = call()
        return last

    return Queued(queue, lambda: library.block_until_ready(last))


def copy(x, *_):
    """A copy of an array of the size of ``x``."""
    import cupy

    source = cupy.asarray(x)
    return Queued(partial(cupy.copyto, cupy.empty_like(source), source), finished)
