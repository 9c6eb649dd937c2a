"""How fast is a real training step on the GPU? Dense layers with Adam, small and large batches, against torch's CUDA graphs."""

from functools import partial

from benchmarks import on_cuda
from benchmarks.question import Beside, Case
from benchmarks.questions.mlp import SMALL, jax_step, torch_compile_step, tracejit_step
from benchmarks.questions.mlp import data as data
from benchmarks.questions.mlp import with_numpy as with_numpy

LAYERS = (784, 512, 256, 10)
CASES = {
    f"batch{batch}": Case(
        f"CUDA: MLP 784-512-256-10 with Adam, batch {batch}", (batch, *LAYERS), SMALL, (Beside(least),), calls=3, tolerance=1e-3
    )
    for batch, least in ((128, 1), (4096, 0.95))
}


def with_tracejit(x, labels, parameters):
    return on_cuda.on_arrays_there(tracejit_step(parameters), x, labels)


def with_torch_compile(x, labels, parameters):
    return on_cuda.torch_compile(torch_compile_step(parameters, "cuda"), x, labels, mode="reduce-overhead")


def with_jax(x, labels, parameters):
    import jax

    return on_cuda.queued_by_jax(partial(jax_step(parameters), *jax.device_put((x, labels))))
