"""What do changing sizes cost? The first 40 training steps of a fresh process over batches of 20 sizes, imports included."""

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.question import TRACEJIT, Beside, Case
from benchmarks.questions import mlp

COMPILING = ("numba", *(peer.name for peer in PEERS if peer.traces and peer.name != TRACEJIT))
TITLE = "MLP with Adam, first 40 calls over 20 batch sizes, cold"
BARS = (Beside(1, COMPILING, "the best compiling peer"), Beside(3, ("jax",), "JAX unpadded"))
CASES = {"first": Case(TITLE, mlp.SIZES, mlp.SMALL, BARS, calls=40, measure="cold", tolerance=1e-2)}
COUNT = 20


def data(most, *sizes):
    """Forty batches of twenty sizes up to ``most``, and the layers."""
    x, labels, parameters = mlp.data(most, *sizes)
    counts = [most - (7 * i) % COUNT * most // (2 * COUNT) for i in range(2 * COUNT)]
    return [(x[:n], labels[:n]) for n in counts], parameters


def each(step, batches):
    """A contestant that takes the next batch at each call."""
    waiting = iter(batches)
    return lambda: step(*next(waiting))


def with_tracejit(batches, parameters):
    return each(mlp.tracejit_step(parameters), batches)


def with_numpy(batches, parameters):
    return each(mlp.numpy_step(parameters), batches)


def with_numba(batches, parameters):
    return each(mlp.numba_step(parameters), batches)


def with_jax(batches, parameters):
    step = mlp.jax_step(parameters)
    return each(lambda x, labels: step(x, labels).block_until_ready(), batches)


def with_jax_padded(batches, parameters):
    most, step = max(len(x) for x, _ in batches), mlp.jax_step(parameters)

    def padded(x, labels):
        gap = most - len(x)
        weights = np.repeat(np.float32([1, 0]), [len(x), gap])
        return step(np.pad(x, ((0, gap), (0, 0))), np.pad(labels, (0, gap)), weights).block_until_ready()

    return each(padded, batches)


def with_torch(batches, parameters):
    import torch

    step = mlp.torch_step(parameters)
    return each(lambda x, labels: step(torch.from_numpy(x), torch.from_numpy(labels)), batches)


def with_torch_compile(batches, parameters):
    import torch

    step = torch.compile(mlp.torch_compile_step(parameters), dynamic=True)
    return each(lambda x, labels: step(torch.from_numpy(x), torch.from_numpy(labels)), batches)


def with_tensorflow(batches, parameters, **switches):
    import tensorflow as tf

    signature = [tf.TensorSpec((None, batches[0][0].shape[1]), tf.float32), tf.TensorSpec((None,), tf.int64)]
    return each(mlp.tensorflow_step(parameters, input_signature=signature, **switches), batches)


def with_tensorflow_xla(batches, parameters):
    return with_tensorflow(batches, parameters, jit_compile=True)


def with_pytensor(batches, parameters):
    return each(mlp.pytensor_step(parameters), batches)
