"""Does a program written for TensorFlow 1 run as fast without it? A training step through ``Session.run``."""

import numpy as np

from benchmarks.question import Beside, Case

SIZES, BAR = (64, 1000, 100, 10), Beside(1, ("tensorflow",), "TensorFlow")
CASES = {"step": Case("TensorFlow 1 program: two-layer step by Session.run, fed float64", SIZES, (8, 10, 5, 3), (BAR,), calls=5)}
RATE = 1e-6


def data(batch, inputs, hidden, outputs):
    """Inputs, targets and weights, in float64 as the tutorial draws them."""
    rng = np.random.default_rng(1)
    return [rng.standard_normal(shape) for shape in ((batch, inputs), (batch, outputs), (inputs, hidden), (hidden, outputs))]


def program(tf, x_value, y_value, w1_value, w2_value):
    """The step as a part of a graph that a session runs; ``tf`` has TensorFlow 1's names."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf.placeholder(tf.float32, shape=(None, w1_value.shape[0]))
        y = tf.placeholder(tf.float32, shape=(None, w2_value.shape[1]))
        w1 = tf.Variable(w1_value.astype(np.float32))
        w2 = tf.Variable(w2_value.astype(np.float32))
        h = tf.matmul(x, w1)
        h_relu = tf.maximum(h, tf.zeros(1))
        y_pred = tf.matmul(h_relu, w2)
        loss = tf.reduce_sum((y - y_pred) ** 2.0)
        grad_w1, grad_w2 = tf.gradients(loss, [w1, w2])
        new_w1 = w1.assign(w1 - RATE * grad_w1)
        new_w2 = w2.assign(w2 - RATE * grad_w2)
        session = tf.Session(graph=graph)
        session.run(tf.global_variables_initializer())

    def step():
        loss_value, _, _ = session.run([loss, new_w1, new_w2], feed_dict={x: x_value, y: y_value})
        return loss_value

    return step


def with_tracejit(*arrays):
    import tracejit.compat.tensorflow.v1 as tf

    return program(tf, *arrays)


def with_tensorflow(*arrays):
    import tensorflow as tf

    return program(tf.compat.v1, *arrays)


def with_numpy(x, y, w1, w2):
    w1, w2 = w1.copy(), w2.copy()

    def step():
        hidden = np.maximum(x @ w1, 0)
        error = hidden @ w2 - y
        d_hidden = 2 * error @ w2.T * (hidden > 0)
        w2[...] -= RATE * hidden.T @ (2 * error)
        w1[...] -= RATE * x.T @ d_hidden
        return np.sum(error**2)

    return step
