"""How fast are rows on the GPU? Softmax, forward and reverse."""

import numpy as np

from benchmarks import on_cuda
from benchmarks.question import Beside, Case

CASES = {"rows": Case("CUDA: softmax forward + reverse, (4096, 8192) float32", (4096, 8192), (16, 64), (Beside(1),))}


def data(rows, columns):
    """Scores, and the cotangent of the result."""
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal((rows, columns), np.float32) for _ in range(2))


def with_tracejit(z, ct):
    import tracejit as tj

    def both(z, ct):
        out, pull = tj.vjp(tj.softmax, z)
        return out, pull(ct)

    return on_cuda.tracejit(both, z, ct)


def with_numpy(z, ct):
    def call():
        e = np.exp(z - z.max(axis=1, keepdims=True))
        out = e / e.sum(axis=1, keepdims=True)
        return out, out * (ct - (out * ct).sum(axis=1, keepdims=True))

    return call


def with_torch_compile(z, ct):
    import torch

    def both(z, ct):
        out, pull = torch.func.vjp(lambda z: torch.softmax(z, 1), z)
        return out, *pull(ct)

    return on_cuda.torch_compile(both, z, ct)


def with_jax(z, ct):
    import jax

    def both(z, ct):
        out, pull = jax.vjp(jax.nn.softmax, z)
        return out, *pull(ct)

    return on_cuda.jax(both, z, ct)
