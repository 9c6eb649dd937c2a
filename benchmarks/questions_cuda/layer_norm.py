"""How fast are rows whose parameters get gradients, on the GPU? Layer norm, forward and reverse."""

from benchmarks import on_cuda
from benchmarks.question import Beside, Case
from benchmarks.questions.layer_norm import both_in_jax, both_in_torch, both_in_tracejit
from benchmarks.questions.layer_norm import data as data
from benchmarks.questions.layer_norm import with_numpy as with_numpy

TITLE = "CUDA: layer norm forward + reverse, (4096, 8192) float32"
CASES = {"layer": Case(TITLE, (4096, 8192), (16, 64), (Beside(1),), tolerance=3e-4)}


def with_tracejit(*arrays):
    return on_cuda.tracejit(both_in_tracejit(), *arrays)


def with_torch_compile(*arrays):
    return on_cuda.torch_compile(both_in_torch(), *arrays)


def with_jax(*arrays):
    return on_cuda.jax(both_in_jax(), *arrays)
