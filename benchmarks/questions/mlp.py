"""How near is a real training step to its matrix products, how much memory does it take, how soon is the first one done?

A network of dense layers, softmax cross-entropy, Adam.
"""

from functools import partial
from itertools import pairwise

import numpy as np

from benchmarks import yardsticks
from benchmarks.question import Beside, Case, Seconds, Within

SIZES, SMALL = (128, 784, 512, 256, 10), (8, 12, 8, 6, 10)
DEEP, FLAT = (128, 64, *[128] * 7, 10), (8, 4, *[8] * 7, 10)
BARS = (Beside(1.1), Within("products_alone", 1.1))
LEAN_TITLE = "MLP 784-512-256-10 with Adam, peak memory of a process after 20 steps"
CASES = {
    "step": Case("MLP 784-512-256-10 with Adam, batch 128", SIZES, SMALL, BARS, calls=3),
    "memory": Case(LEAN_TITLE, SIZES, SMALL, (Beside(1, ("jax",), "JAX"),), calls=20, measure="memory", tolerance=1e-2),
    "cold": Case("first step of an 8-layer MLP with Adam, cold, imports included", DEEP, FLAT, (Seconds(3),), measure="cold"),
    "warm": Case("the same, caches filled", DEEP, FLAT, (Seconds(0.25),), measure="warm"),
}
RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8


def data(batch, *sizes):
    """Inputs, labels, and a flat list of the layers' matrices and offsets."""
    rng = np.random.default_rng(4)
    parameters = []
    for shape in pairwise(sizes):
        parameters += [rng.standard_normal(shape, np.float32) / np.float32(shape[0] ** 0.5), np.zeros(shape[1], np.float32)]
    return rng.standard_normal((batch, sizes[0]), np.float32), rng.integers(0, sizes[-1], batch), parameters


def scores(x, parameters, relu):
    """The last layer's results, in a library's own arrays."""
    for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        x = relu(x @ w + b)
    return x @ parameters[-2] + parameters[-1]


def adam(p, d, m, v, t, sqrt):
    """New parameter and moments after step ``t``, in a library's own arrays."""
    m, v = BETA1 * m + (1 - BETA1) * d, BETA2 * v + (1 - BETA2) * d * d
    return p - RATE * (m / (1 - BETA1**t)) / (sqrt(v / (1 - BETA2**t)) + EPSILON), m, v


def products_alone(x, labels, parameters):
    pairs, h = [], x
    for w in parameters[::2]:
        slope = np.ones((len(x), w.shape[1]), x.dtype)
        pairs += [(h, w), (h.T, slope)] + ([(slope, w.T)] if h is not x else [])
        h = np.maximum(h @ w, 0)
    return yardsticks.products(*pairs)


def tracejit_step(parameters):
    import tracejit as tj

    variables = [tj.Variable(p) for p in parameters]
    optimizer = tj.optim.Adam(RATE, BETA1, BETA2, EPSILON, style="torch")

    @tj.function
    def step(x, labels):
        with tj.GradientTape() as tape:
            loss = tj.cross_entropy(scores(x, variables, tj.relu), labels)
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step


def with_tracejit(x, labels, parameters):
    return partial(tracejit_step(parameters), x, labels)


def numpy_step(parameters):
    parameters = [p.copy() for p in parameters]
    state, t = [[np.zeros_like(p), np.zeros_like(p)] for p in parameters], 0

    def step(x, labels):
        nonlocal t
        t += 1
        hidden, rows = [x], np.arange(len(x))
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            hidden.append(np.maximum(hidden[-1] @ w + b, 0))
        z = hidden[-1] @ parameters[-2] + parameters[-1]
        z -= z.max(axis=1, keepdims=True)
        slope = np.exp(z)
        total = slope.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) - z[rows, labels])
        slope /= total
        slope[rows, labels] -= 1
        slope /= x.dtype.type(len(x))
        slopes = []
        for h, w in zip(reversed(hidden), reversed(parameters[::2]), strict=True):
            slopes += [slope.sum(axis=0), h.T @ slope]
            slope = (slope @ w.T) * (h > 0) if h is not x else slope
        for p, d, moments in zip(parameters, reversed(slopes), state, strict=True):
            p[...], moments[0], moments[1] = adam(p, d, *moments, t, np.sqrt)
        return loss

    return step


def with_numpy(x, labels, parameters):
    return partial(numpy_step(parameters), x, labels)


def numba_step(parameters):
    import math

    from numba import njit

    one, beta1, beta2, rate, epsilon = (np.float32(c) for c in (1, BETA1, BETA2, RATE, EPSILON))

    @njit(fastmath=True, cache=True)  # its loops run beside the products' threads, not against them
    def run(x, labels, ws, bs, d_ws, d_bs, flat, t):
        last = len(ws) - 1
        hidden = [x]
        for layer in range(last + 1):
            z = np.dot(hidden[layer], ws[layer])
            b = bs[layer]
            for i in range(z.shape[0]):
                for j in range(z.shape[1]):
                    z[i, j] = z[i, j] + b[j] if layer == last else max(z[i, j] + b[j], np.float32(0))
            hidden.append(z)
        z, share, loss = hidden[last + 1], one / np.float32(x.shape[0]), np.float32(0)
        for i in range(z.shape[0]):
            top = z[i].max()
            total, right = np.float32(0), z[i, labels[i]]
            for j in range(z.shape[1]):
                z[i, j] = math.exp(z[i, j] - top)
                total += z[i, j]
            loss += math.log(total) + top - right
            for j in range(z.shape[1]):
                z[i, j] *= share / total
            z[i, labels[i]] -= share
        slope = z
        for layer in range(last, -1, -1):
            np.dot(hidden[layer].T, slope, d_ws[layer])
            d_bs[layer][:] = slope.sum(axis=0)
            if layer:
                below = np.dot(slope, ws[layer].T)
                h = hidden[layer]
                for i in range(h.shape[0]):
                    for j in range(h.shape[1]):
                        below[i, j] = below[i, j] if h[i, j] > 0 else np.float32(0)
                slope = below
        p, d, m, v = flat
        scale, spread = rate / (one - beta1**t), one / (one - beta2**t)
        for i in range(p.size):
            m[i] = beta1 * m[i] + (one - beta1) * d[i]
            v[i] = beta2 * v[i] + (one - beta2) * d[i] * d[i]
            p[i] -= scale * m[i] / (math.sqrt(v[i] * spread) + epsilon)
        return loss * share

    flat = tuple(np.zeros(sum(p.size for p in parameters), np.float32) for _ in range(4))
    ends = np.cumsum([p.size for p in parameters])
    views = [[part[end - p.size : end].reshape(p.shape) for end, p in zip(ends, parameters, strict=True)] for part in flat[:2]]
    for view, p in zip(views[0], parameters, strict=True):
        view[...] = p
    (ws, bs), (d_ws, d_bs) = ((tuple(part[::2]), tuple(part[1::2])) for part in views)
    t = np.float32(0)

    def step(x, labels):
        nonlocal t
        t += one
        return run(x, labels, ws, bs, d_ws, d_bs, flat, t)

    return step


def with_numba(x, labels, parameters):
    return partial(numba_step(parameters), x, labels)


def jax_step(parameters):
    """A step of inputs, labels, and weights of the rows, which padding sets to zero; None weighs all alike. It only queues."""
    import jax
    import jax.numpy as jnp

    def loss(p, x, labels, weights):
        z = jax.nn.log_softmax(scores(x, p, jax.nn.relu))
        right = jnp.take_along_axis(z, labels[:, None], axis=1)[:, 0]
        return -jnp.mean(right) if weights is None else -jnp.vdot(right, weights) / weights.sum()

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def run(p, m, v, t, *batch):
        value, d = jax.value_and_grad(loss)(p, *batch)
        new = [adam(*leaf, t, jnp.sqrt) for leaf in zip(p, d, m, v, strict=True)]
        return *([leaf[i] for leaf in new] for i in range(3)), value

    state = [jax.device_put([np.array(p) for p in parameters]), *([jnp.zeros_like(p) for p in parameters] for _ in range(2))]
    t = 0

    def step(x, labels, weights=None):
        nonlocal state, t
        t += 1
        *state, value = run(*state, np.float32(t), x, labels, weights)
        return value

    return step


def with_jax(x, labels, parameters):
    import jax

    step, x, labels = jax_step(parameters), *jax.device_put((x, labels))
    return lambda: step(x, labels).block_until_ready()


def torch_step(parameters):
    import torch

    parameters = [torch.tensor(p, requires_grad=True) for p in parameters]
    optimizer = torch.optim.Adam(parameters, RATE, (BETA1, BETA2), EPSILON, fused=True)

    def step(x, labels):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(scores(x, parameters, torch.relu), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def with_torch(x, labels, parameters):
    import torch

    return partial(torch_step(parameters), torch.from_numpy(x), torch.from_numpy(labels))


def torch_compile_step(parameters, device="cpu"):
    """The step, to be compiled; what it updates keeps its address, as CUDA graphs ask."""
    import torch

    torch.set_grad_enabled(False)
    parameters = [torch.tensor(p, device=device) for p in parameters]
    ms, vs = [torch.zeros_like(p) for p in parameters], [torch.zeros_like(p) for p in parameters]
    t = torch.zeros((), device=device)
    for tensor in (*parameters, *ms, *vs, t):
        torch._dynamo.mark_static_address(tensor)

    def loss(parameters, x, labels):
        return torch.nn.functional.cross_entropy(scores(x, parameters, torch.relu), labels)

    def step(x, labels):
        ds, value = torch.func.grad_and_value(loss)(parameters, x, labels)
        t.add_(1)
        for p, d, m, v in zip(parameters, ds, ms, vs, strict=True):
            for old, new in zip((p, m, v), adam(p, d, m, v, t, torch.sqrt), strict=True):
                old.copy_(new)
        return value

    return step


def with_torch_compile(x, labels, parameters):
    import torch

    return partial(torch.compile(torch_compile_step(parameters)), torch.from_numpy(x), torch.from_numpy(labels))


def tensorflow_step(parameters, **switches):
    import tensorflow as tf

    parameters = [tf.Variable(p) for p in parameters]
    state, t = [[tf.Variable(tf.zeros_like(p)) for _ in range(2)] for p in parameters], tf.Variable(0.0)

    @tf.function(**switches)
    def step(x, labels):
        with tf.GradientTape() as tape:
            z = scores(x, parameters, tf.nn.relu)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, z))
        t.assign_add(1.0)
        for p, d, moments in zip(parameters, tape.gradient(loss, parameters), state, strict=True):
            for old, new in zip((p, *moments), adam(p, d, *moments, t, tf.sqrt), strict=True):
                old.assign(new)
        return loss

    return step


def with_tensorflow(x, labels, parameters, **switches):
    import tensorflow as tf

    return partial(tensorflow_step(parameters, **switches), tf.constant(x), tf.constant(labels))


def with_tensorflow_xla(x, labels, parameters):
    return with_tensorflow(x, labels, parameters, jit_compile=True)


def pytensor_step(parameters):
    import pytensor
    from pytensor import tensor as pt

    x, labels = pt.matrix(dtype="float32"), pt.vector(dtype="int64")
    parameters = [pytensor.shared(p.copy()) for p in parameters]
    t = pytensor.shared(np.float32(0))
    z = scores(x, parameters, lambda h: pt.maximum(h, np.float32(0)))
    loss = -pt.special.log_softmax(z, axis=1)[pt.arange(x.shape[0]), labels].mean(dtype="float32")
    updates = [(t, t + np.float32(1))]
    for p, d in zip(parameters, pytensor.grad(loss, parameters), strict=True):
        moments = [pytensor.shared(np.zeros_like(p.get_value())) for _ in range(2)]
        new = adam(p, d, *moments, t + np.float32(1), pt.sqrt)
        updates += [(old, value.astype("float32")) for old, value in zip((p, *moments), new, strict=True)]
    return pytensor.function([x, labels], pytensor.Out(loss, borrow=True), updates=updates, mode="NUMBA", trust_input=True)


def with_pytensor(x, labels, parameters):
    return partial(pytensor_step(parameters), x, labels)
