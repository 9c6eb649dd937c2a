"""How fast is a small training step on the GPU? Two layers, gradient descent in place, against torch's CUDA graphs."""

from benchmarks import on_cuda
from benchmarks.question import Beside, Case
from benchmarks.questions.two_layer import SIZES, jax_step, torch_compile_step, tracejit_step
from benchmarks.questions.two_layer import data as sized
from benchmarks.questions.two_layer import with_numpy as with_numpy

CASES = {"step": Case("CUDA: two-layer net step, 64×1000×100×10 float32", SIZES, SIZES, (Beside(1),), calls=3)}


def data(*sizes):
    return sized(*sizes, 1)


def with_tracejit(x, y, w1, w2, steps):
    return on_cuda.on_arrays_there(tracejit_step(w1, w2), x, y)


def with_torch_compile(x, y, w1, w2, steps):
    return on_cuda.torch_compile(torch_compile_step(w1, w2, "cuda"), x, y, mode="reduce-overhead")


def with_jax(x, y, w1, w2, steps):
    return on_cuda.queued_by_jax(jax_step(x, y, w1, w2, steps))
