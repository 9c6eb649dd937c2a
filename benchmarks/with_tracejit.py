"""The contests in tracejit: plain NumPy code, derivatives made, whole steps compiled."""

from functools import partial

import numpy as np
from problems import LINE_RATE, RATE

import tracejit as tj

NAME = "tracejit"


def two_layer_step(w1, w2):
    """The compiled step over two Variables that start from ``w1`` and ``w2``."""
    w1, w2 = tj.Variable(w1, name="w1"), tj.Variable(w2, name="w2")

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            loss = np.sum((np.maximum(x @ w1, 0) @ w2 - y) ** 2)
        gradient1, gradient2 = tape.gradient(loss, [w1, w2])
        w1.assign_sub(RATE * gradient1)
        w2.assign_sub(RATE * gradient2)
        return loss

    return step


def two_layer(x, y, w1, w2):
    return partial(two_layer_step(w1, w2), x, y)


def line(x, y):
    w, b = tj.Variable(np.float32(0), name="w"), tj.Variable(np.float32(0), name="b")

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            loss = np.mean((w * x + b - y) ** 2)
        d_w, d_b = tape.gradient(loss, [w, b])
        w.assign_sub(LINE_RATE * d_w)
        b.assign_sub(LINE_RATE * d_b)
        return loss

    return partial(step, x, y)


def gelu_residual(x, r):
    return partial(tj.function(lambda x, r: tj.gelu(x) + r), x, r)


def cross_entropy(z, labels):
    return partial(tj.function(tj.value_and_grad(tj.cross_entropy)), z, labels)
