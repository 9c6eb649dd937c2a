"""A network of two layers fitted to random data, beside the same in plain NumPy: the same losses, in less time.

python examples/two_layer_net.py

The reverse pass of NumPy is written by hand; tracejit derives its own. `w.assign_sub(rate * gradient)` becomes part
of the matrix product that makes the gradient, so no gradient is ever stored.
"""

import time

import numpy as np

import tracejit as tj

BATCH, INPUTS, HIDDEN, OUTPUTS = 64, 1000, 100, 10
RATE = 1e-6


def problem():
    """Inputs, targets and the two matrices to start from, in float32."""
    rng = np.random.default_rng(1)
    shapes = (BATCH, INPUTS), (BATCH, OUTPUTS), (INPUTS, HIDDEN), (HIDDEN, OUTPUTS)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def train_tracejit(steps):
    x, y, w1, w2 = problem()
    w1, w2 = tj.Variable(w1, name="w1"), tj.Variable(w2, name="w2")

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            loss = np.sum((np.maximum(x @ w1, 0) @ w2 - y) ** 2)
        gradient1, gradient2 = tape.gradient(loss, [w1, w2])
        w1.assign_sub(RATE * gradient1)
        w2.assign_sub(RATE * gradient2)
        return loss

    return [float(step(x, y)) for _ in range(steps)]


def train_numpy(steps):
    x, y, w1, w2 = problem()
    losses = []
    for _ in range(steps):
        hidden = np.maximum(x @ w1, 0)
        error = hidden @ w2 - y
        losses.append(float(np.sum(error**2)))
        d_output = 2 * error
        d_hidden = (d_output @ w2.T) * (hidden > 0)
        w2 -= RATE * (hidden.T @ d_output)
        w1 -= RATE * (x.T @ d_hidden)
    return losses


def timed(train, steps):
    start = time.perf_counter()
    losses = train(steps)
    return np.array(losses), time.perf_counter() - start


def main(steps=500):
    ours, our_seconds = timed(train_tracejit, steps)
    theirs, their_seconds = timed(train_numpy, steps)
    difference = np.abs(ours - theirs) / theirs

    print("step       tracejit          NumPy   difference")
    for i in [*range(0, steps, max(steps // 10, 1)), steps - 1]:
        print(f"{i:4} {ours[i]:14.6g} {theirs[i]:14.6g}   {difference[i]:.1e}")
    apart = next((i for i in range(steps) if difference[i] > 1e-4), steps)
    print(f"the same to 1e-4 for the first {apart} steps; float32 rounding grows from there")
    print(f"{steps} steps: tracejit {our_seconds:.2f} s, compilation included; NumPy {their_seconds:.2f} s")
    return ours, theirs


if __name__ == "__main__":
    main()
