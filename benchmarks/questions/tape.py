"""Does a program written for TensorFlow 2 run as fast without it? A training step with a tape, eager and as a function."""

from benchmarks.question import Beside, Case
from benchmarks.questions.classifier import RATE
from benchmarks.questions.classifier import data as clouds
from benchmarks.questions.classifier import with_numpy as by_hand

TITLE = "TensorFlow 2 program: classifier step with a tape"
BARS = {"eager": Beside(1, ("tensorflow",), "TensorFlow"), "compiled": Beside(10, ("tensorflow",), "TensorFlow")}
CASES = {way: Case(f"{TITLE}, {way}", (way, 1000), (way, 10), (bar,), calls=5) for way, bar in BARS.items()}


def data(way, n):
    return way, *clouds(n)


def program(tf, way, inputs, targets, w_value, b_value):
    """A tape, and variables that the step writes; ``tf`` has TensorFlow 2's names."""
    w, b = tf.Variable(initial_value=w_value), tf.Variable(initial_value=b_value)

    def step(inputs, targets):
        with tf.GradientTape() as tape:
            predictions = tf.matmul(inputs, w) + b
            loss = tf.reduce_mean(tf.square(targets - predictions))
        grad_loss_w, grad_loss_b = tape.gradient(loss, [w, b])
        w.assign_sub(grad_loss_w * RATE)
        b.assign_sub(grad_loss_b * RATE)
        return loss

    run = tf.function(step) if way == "compiled" else step
    return lambda: run(inputs, targets)


def with_tracejit(*everything):
    import tracejit.compat.tensorflow as tf

    return program(tf, *everything)


def with_tensorflow(*everything):
    import tensorflow as tf

    return program(tf, *everything)


def with_numpy(way, *arrays):
    return by_hand(*arrays)
