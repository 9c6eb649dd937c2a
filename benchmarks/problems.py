"""The data of the contests: float32, the same for every contestant."""

import numpy as np

RATE = 1e-6  # of the two-layer network
LINE_RATE = 0.01


def two_layer(batch=64):
    """Inputs, targets and both matrices of the network (batch, 1000, 100, 10)."""
    rng = np.random.default_rng(1)
    w1, w2 = rng.standard_normal((1000, 100), np.float32), rng.standard_normal((100, 10), np.float32)
    return rng.standard_normal((batch, 1000), np.float32), rng.standard_normal((batch, 10), np.float32), w1, w2


def line():
    """A thousand points near a line."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal(1000, np.float32)
    return x, 3 * x + 2 + rng.standard_normal(1000, np.float32)


def gelu_residual():
    """Two arrays of 4 million."""
    rng = np.random.default_rng(3)
    return rng.standard_normal(4_000_000, np.float32), rng.standard_normal(4_000_000, np.float32)


def cross_entropy():
    """Scores of 4096 rows over 1000 classes, and the right classes."""
    rng = np.random.default_rng(4)
    return rng.standard_normal((4096, 1000), np.float32), rng.integers(0, 1000, 4096)
