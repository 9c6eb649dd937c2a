"""Training loops of some hundred steps on the emulated GPU, beside the CPU's."""

import numpy as np
import pytest

import tracejit as tj

STEPS = 300
RNG = np.random.default_rng(5)
X = RNG.normal(size=(96, 20)).astype(np.float32)
Y = np.sin(X[:, :3].sum(axis=1, keepdims=True)).astype(np.float32)
SIZES = ((20, 40), (40,), (40, 1), (1,))


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")


def train(device):
    """The losses of a net of two layers, with Adam and batches of two sizes, and its weights."""
    rng = np.random.default_rng(0)
    weights = [tj.Variable((0.3 * rng.normal(size=size)).astype(np.float32), device=device) for size in SIZES]
    adam = tj.optim.Adam(0.01)

    @tj.function
    def step(x, y):
        w1, b1, w2, b2 = weights
        with tj.GradientTape() as tape:
            error = np.tanh(x @ w1 + b1) @ w2 + b2 - y
            loss = (error * error).mean()
        adam.apply(tape.gradient(loss, weights), weights)
        return loss

    x, y = (tj.asarray(a).to(device) for a in (X, Y))
    losses = [float(step(x[: 64 + number % 2], y[: 64 + number % 2])) for number in range(STEPS)]
    return np.array(losses), [w.numpy() for w in weights]


def test_a_net_learns_the_same_on_a_device():
    (losses, weights), (expected_losses, expected_weights) = train("cuda"), train("cpu")
    assert expected_losses[-1] < 0.1 * expected_losses[0]
    np.testing.assert_allclose(losses, expected_losses, rtol=2e-3, atol=1e-6)
    for found, expected in zip(weights, expected_weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-3)
