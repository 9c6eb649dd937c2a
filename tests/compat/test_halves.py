"""float16 and bfloat16 in the dialects: named as there, kept in two bytes, promoted as there."""

import numpy as np
import pytest

import tracejit as tj
import tracejit.compat.tensorflow as tf
import tracejit.compat.tensorflow.v1 as v1
from tracejit.compat import torch

EACH = pytest.mark.parametrize("name", ["float16", "bfloat16"])


@EACH
def test_torch_names_them(name):
    kind = getattr(torch, name)
    x = torch.tensor([1.0, 2.5], dtype=kind)
    assert x.dtype is kind is getattr(torch, name) and repr(kind) == f"torch.{name}" and kind.is_floating_point
    assert repr(x) == f"tensor([1.0000, 2.5000], dtype=torch.{name})" and kind.itemsize == 2
    assert x.numpy().dtype == getattr(tj, name)
    assert torch.half is torch.float16 and x.half().dtype is torch.float16 and x.bfloat16().dtype is torch.bfloat16
    assert isinstance(x.half(), torch.HalfTensor) and x.half().type() == "torch.HalfTensor"


@EACH
def test_torch_promotes_them(name):
    x = torch.ones(3, dtype=getattr(torch, name))
    assert (x * 2.0).dtype is x.dtype and (2 + x).dtype is x.dtype and (x + torch.ones(3, dtype=torch.int64)).dtype is x.dtype
    assert (x + torch.ones(3)).dtype is torch.float32 and (x > 0).dtype is torch.bool
    assert (x.half() + x.bfloat16()).dtype is torch.float32


@EACH
def test_torch_sums_and_multiplies_them_in_float32(name):
    kind = getattr(torch, name)
    x = torch.ones(5000, 2, dtype=kind)
    assert x.sum(0).tolist() == [float(np.float32(5000).astype(getattr(tj, name)))] * 2 and x.mean().item() == 1
    product = x.T @ x
    assert product.dtype is kind and product[0, 0] == x.sum(0)[0]
    assert torch.softmax(x, 0).dtype is kind and x.reshape(2, -1)[1, :3].dtype is kind


@EACH
@pytest.mark.parametrize("compiled", [False, True])
def test_torch_differentiates_them(name, compiled):
    kind = getattr(torch, name)
    w = torch.tensor([1.0, -2.0], dtype=kind, requires_grad=True)

    def loss(x):
        return ((x * w).tanh() ** 2).mean() * 64

    (torch.compile(loss) if compiled else loss)(torch.tensor([0.5, 0.25], dtype=kind)).backward()
    exact = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    ((torch.tensor([0.5, 0.25], dtype=torch.float64) * exact).tanh() ** 2).mean().mul(64).backward()
    assert w.grad.dtype is kind
    np.testing.assert_allclose(w.grad.double().numpy(), exact.grad.numpy(), rtol=2e-2 if name == "bfloat16" else 3e-3)


@EACH
def test_torch_trains_them(name):
    w = torch.zeros(2, 1, dtype=getattr(torch, name), requires_grad=True)
    x = torch.tensor([[1.0, 0], [0, 1], [1, 1]], dtype=w.dtype)
    y = torch.tensor([[3.0], [-2], [1]], dtype=w.dtype)
    optimizer = torch.optim.SGD([w], lr=0.25)
    for _ in range(60):
        optimizer.zero_grad()
        ((x @ w - y) ** 2).mean().backward()
        optimizer.step()
    assert w.dtype is getattr(torch, name)
    np.testing.assert_allclose(w.detach().float().numpy().ravel(), [3, -2], atol=0.1)


@EACH
def test_tensorflow_names_them(name):
    kind = getattr(tf, name)
    x = tf.constant([1.0, 2.5], dtype=kind)
    assert x.dtype is kind is tf.as_dtype(name) and kind.is_floating and kind.size == 2 and repr(kind) == f"tf.{name}"
    assert kind == name and float(kind.max) > 60000 and getattr(v1, name) is kind and tf.half is tf.float16
    assert tf.cast(x, tf.float32).dtype is tf.float32 and tf.cast(tf.constant([1]), kind).dtype is kind
    assert (x * 2.0).dtype is kind


@EACH
def test_tensorflow_differentiates_them(name):
    w = tf.Variable(tf.zeros((2, 1), getattr(tf, name)))
    x, y = tf.ones((3, 2), w.dtype), tf.ones((3, 1), w.dtype)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((tf.matmul(x, w) - y) ** 2)
        slope = tape.gradient(loss, w)
        w.assign_sub(0.25 * slope)
        return loss, slope

    for _ in range(20):
        loss, slope = step()
    assert slope.dtype is w.dtype is getattr(tf, name) and float(loss) < 1e-2


@EACH
def test_tensorflow_refuses_to_mix_them(name):
    with pytest.raises((TypeError, tf.errors.InvalidArgumentError)):
        tf.constant(1.0, getattr(tf, name)) + tf.constant(1.0)


@EACH
def test_sessions_feed_and_fetch_them(name):
    with v1.Graph().as_default():
        x = v1.placeholder(getattr(v1, name), (None, 2))
        total = v1.reduce_sum(v1.square(x))
        with v1.Session() as session:
            got = session.run(total, {x: [[1, 2], [3, 4]]})
    assert got == 30 and got.dtype == getattr(tj, name)
