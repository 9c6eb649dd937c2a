"""The training steps of the tutorials as functions of the module that they import: the library itself, or tracejit's dialect."""

import numpy as np

RATE_000 = RATE_003 = 1e-6
RATE_004 = 0.1


def two_layer_data():
    """Inputs, targets and weights of the network (64, 1000, 100, 10), as the tutorials draw them: float64."""
    rng = np.random.default_rng(1)
    return [rng.standard_normal(shape) for shape in ((64, 1000), (64, 10), (1000, 100), (100, 10))]


def line_data():
    """Two clouds of a thousand points, their classes, and the weights that a line starts from: float32."""
    rng = np.random.default_rng(2)
    covariance = [[1, 0.5], [0.5, 1]]
    clouds = [rng.multivariate_normal(mean, covariance, 1000) for mean in ([0, 3], [3, 0])]
    targets = np.repeat(np.float32([0, 1]), 1000)[:, None]
    return [np.vstack(clouds).astype(np.float32), targets, rng.random((2, 1), np.float32), np.zeros(1, np.float32)]


def session_run(tf, x_value, y_value, w1_value, w2_value):
    """Seed 000: the step is a part of a graph that a session runs; ``tf`` has TensorFlow 1's names."""
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
        new_w1 = w1.assign(w1 - RATE_000 * grad_w1)
        new_w2 = w2.assign(w2 - RATE_000 * grad_w2)
        session = tf.Session(graph=graph)
        session.run(tf.global_variables_initializer())

    def step():
        loss_value, _, _ = session.run([loss, new_w1, new_w2], feed_dict={x: x_value, y: y_value})
        return loss_value

    return step


def backward(torch, x_value, y_value, w1_value, w2_value, compiled=False):
    """Seed 003: gradients that a reverse pass leaves in the weights are subtracted in place."""
    x, y = (torch.tensor(v.astype(np.float32)) for v in (x_value, y_value))
    w1, w2 = (torch.tensor(v.astype(np.float32), requires_grad=True) for v in (w1_value, w2_value))

    def step():
        y_pred = x.mm(w1).clamp(min=0).mm(w2)
        loss = (y_pred - y).pow(2).sum()
        loss.backward()
        w1.data -= RATE_003 * w1.grad.data
        w2.data -= RATE_003 * w2.grad.data
        w1.grad.data.zero_()
        w2.grad.data.zero_()
        return loss.data

    return torch.compile(step) if compiled else step


def training_step(tf, inputs, targets, w_value, b_value, compiled=False):
    """Seed 004: a tape, and Variables that the step writes; ``tf`` has TensorFlow 2's names."""
    W, b = tf.Variable(initial_value=w_value), tf.Variable(initial_value=b_value)

    def step(inputs, targets):
        with tf.GradientTape() as tape:
            predictions = tf.matmul(inputs, W) + b
            loss = tf.reduce_mean(tf.square(targets - predictions))
        grad_loss_W, grad_loss_b = tape.gradient(loss, [W, b])
        W.assign_sub(grad_loss_W * RATE_004)
        b.assign_sub(grad_loss_b * RATE_004)
        return loss

    run = tf.function(step) if compiled else step
    return lambda: run(inputs, targets)


def two_layer_in_numpy(x, y, w1, w2):
    """What seeds 000 and 003 compute, in float64."""
    w1, w2 = w1.copy(), w2.copy()

    def step():
        hidden = np.maximum(x @ w1, 0)
        error = hidden @ w2 - y
        d_hidden = 2 * error @ w2.T * (hidden > 0)
        w2[...] -= RATE_000 * hidden.T @ (2 * error)
        w1[...] -= RATE_000 * x.T @ d_hidden
        return np.sum(error**2)

    return step


def line_in_numpy(inputs, targets, w, b):
    """What seed 004 computes, in float64."""
    inputs, targets, w, b = (np.array(v, np.float64) for v in (inputs, targets, w, b))

    def step():
        error = inputs @ w + b - targets
        w[...] -= RATE_004 * 2 * inputs.T @ error / len(error)
        b[...] -= RATE_004 * 2 * error.mean()
        return np.mean(error**2)

    return step
