"""How fast is a row program whose parameters get gradients? Layer norm, forward and reverse."""

from functools import partial

import numpy as np

from benchmarks.question import Beside, Case

SIZES = (4096, 1024)
CASES = {"layer": Case("layer norm forward + reverse, (4096, 1024) float32", SIZES, (16, 64), (Beside(1.2),), tolerance=3e-4)}
EPSILON = 1e-5


def data(rows, features):
    """Inputs, scale, offset, and the cotangent of the result."""
    rng = np.random.default_rng(0)
    shapes = ((rows, features), features, features, (rows, features))
    return tuple(rng.standard_normal(shape, np.float32) for shape in shapes)


def both_in_tracejit():
    import tracejit as tj

    def normed(x, w, b):
        centred = x - np.mean(x, axis=1, keepdims=True)
        return centred / np.sqrt(np.mean(centred**2, axis=1, keepdims=True) + EPSILON) * w + b

    def both(x, w, b, ct):
        out, pull = tj.vjp(normed, x, w, b)
        return out, pull(ct)

    return both


def with_tracejit(*arrays):
    import tracejit as tj

    return partial(tj.function(both_in_tracejit()), *arrays)


def with_numpy(x, w, b, ct):
    def call():
        normal = x - x.mean(axis=1, keepdims=True)
        scale = 1 / np.sqrt(np.square(normal).mean(axis=1, keepdims=True) + x.dtype.type(EPSILON))
        normal *= scale
        slope = ct * w
        d_x = slope - slope.mean(axis=1, keepdims=True)
        slope *= normal
        d_x -= normal * slope.mean(axis=1, keepdims=True)
        d_x *= scale
        return normal * w + b, (d_x, (ct * normal).sum(axis=0), ct.sum(axis=0))

    return call


def with_numba(x, w, b, ct):
    import math

    from numba import get_num_threads, get_thread_id, njit, prange

    epsilon = np.float32(EPSILON)

    @njit(parallel=True, fastmath=True, cache=True)
    def run(x, w, b, ct):
        rows, features = x.shape
        out, d_x = np.empty_like(x), np.empty_like(x)
        parts = np.zeros((get_num_threads(), 2, features), np.float32)
        share = np.float32(1) / np.float32(features)
        for i in prange(rows):
            part = parts[get_thread_id()]
            mean, square, slope, product = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for j in range(features):
                mean += x[i, j]
            mean *= share
            for j in range(features):
                square += (x[i, j] - mean) ** 2
            scale = np.float32(1) / math.sqrt(square * share + epsilon)
            for j in range(features):
                normal = (x[i, j] - mean) * scale
                out[i, j] = normal * w[j] + b[j]
                part[0, j] += ct[i, j] * normal
                part[1, j] += ct[i, j]
                slope += ct[i, j] * w[j]
                product += ct[i, j] * w[j] * normal
            slope *= share
            product *= share
            for j in range(features):
                d_x[i, j] = scale * (ct[i, j] * w[j] - slope - (x[i, j] - mean) * scale * product)
        return out, (d_x, parts[:, 0].sum(axis=0), parts[:, 1].sum(axis=0))

    return partial(run, x, w, b, ct)


def both_in_jax():
    import jax

    def normed(x, w, b):
        return jax.nn.standardize(x, axis=1, epsilon=EPSILON) * w + b

    def both(x, w, b, ct):
        out, pull = jax.vjp(normed, x, w, b)
        return out, pull(ct)

    return both


def with_jax(*arrays):
    import jax

    run, arrays = jax.jit(both_in_jax()), jax.device_put(arrays)
    return lambda: jax.block_until_ready(run(*arrays))


def with_torch(x, w, b, ct):
    import torch

    x, w, b = inputs = [torch.from_numpy(a).requires_grad_() for a in (x, w, b)]
    ct = torch.from_numpy(ct)

    def call():
        out = torch.nn.functional.layer_norm(x, w.shape, w, b, EPSILON)
        return out.detach(), torch.autograd.grad(out, inputs, ct)

    return call


def both_in_torch():
    import torch

    def normed(x, w, b):
        return torch.nn.functional.layer_norm(x, w.shape, w, b, EPSILON)

    def both(x, w, b, ct):
        out, pull = torch.func.vjp(normed, x, w, b)
        return out, pull(ct)

    return both


def with_torch_compile(*arrays):
    import torch

    return partial(torch.compile(both_in_torch()), *(torch.from_numpy(a) for a in arrays))


def with_tensorflow(x, w, b, ct, **switches):
    import tensorflow as tf

    @tf.function(**switches)
    def run(x, w, b, ct):
        with tf.GradientTape() as tape:
            tape.watch([x, w, b])
            mean, variance = tf.nn.moments(x, [1], keepdims=True)
            out = tf.nn.batch_normalization(x, mean, variance, b, w, EPSILON)
        return out, tape.gradient(out, [x, w, b], ct)

    return partial(run, *(tf.constant(a) for a in (x, w, b, ct)))


def with_tensorflow_xla(x, w, b, ct):
    return with_tensorflow(x, w, b, ct, jit_compile=True)


def with_pytensor(x, w, b, ct):
    import pytensor
    from pytensor import tensor as pt

    kinds = (pt.matrix, pt.vector, pt.vector, pt.matrix)
    names = [kind(dtype="float32") for kind in kinds]
    centred = names[0] - names[0].mean(axis=1, keepdims=True)
    out = centred / pt.sqrt((centred**2).mean(axis=1, keepdims=True) + np.float32(EPSILON)) * names[1] + names[2]
    results = [out, *pytensor.gradient.Lop(out, names[:3], names[3])]
    run = pytensor.function(names, [pytensor.Out(o, borrow=True) for o in results], mode="NUMBA", trust_input=True)
    return partial(run, x, w, b, ct)
