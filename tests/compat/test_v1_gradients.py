"""Gradients and optimizers of TensorFlow 1's dialect."""

import numpy as np
import pytest
from v1_tools import initialized, run, same

import tracejit.compat.tensorflow.v1 as tf


@pytest.fixture(autouse=True)
def _fresh_graph():
    tf.reset_default_graph()


def test_gradients_of_several_targets_are_added_up():
    x = tf.constant([1.0, 2.0])
    (both,) = tf.gradients([x * x, 3.0 * x], [x])
    (weighted,) = tf.gradients([x * x, 3.0 * x], [x], grad_ys=[[10.0, 0.0], None])
    a, b = run([both, weighted])
    same(a, [5, 7])
    same(b, [23, 3])


def test_gradients_by_intermediate_tensors_are_total():
    x = tf.constant(2.0)
    y = x * x
    z = y * x
    by_x, by_y = tf.gradients(z, [x, y])
    assert run([by_x, by_y]) == [12.0, 2.0]


def test_equal_tensors_are_not_the_same():
    x = tf.constant(2.0)
    a, b = x * 3.0, x * 3.0
    assert tf.gradients(a * a, [b]) == [None]
    assert run(tf.gradients(a * a, [a])[0]) == 12.0
    same_value = tf.identity(a)
    assert tf.gradients(a * a, [same_value]) == [None]
    one, other = tf.constant(1.0), tf.constant(1.0)
    assert tf.gradients(one * 2.0, [other]) == [None]


def test_gradients_of_gradients():
    x = tf.Variable(3.0)
    y = x**3.0
    (first,) = tf.gradients(y, x)
    (second,) = tf.gradients(first, x)
    (third,) = tf.gradients(second, x)
    same(run([first, second, third]), [27, 18, 6])


def test_what_has_no_derivative_is_none_and_stop_gradients_hold_constants():
    x = tf.constant([1.0, 2.0])
    assert tf.gradients(tf.cast(tf.argmax(x), tf.float32), [x]) == [None]
    assert tf.gradients(tf.stop_gradient(x) * 2.0, [x]) == [None]
    y = x * x
    assert tf.gradients(y * 2.0, [x], stop_gradients=[y]) == [None]
    (zero,) = tf.gradients(tf.constant(1.0), [x], unconnected_gradients="zero")
    same(run(zero), [0, 0])
    with pytest.raises(TypeError, match="only floats have derivatives"):
        tf.gradients(tf.constant(1), [x])
    with pytest.raises(ValueError, match="grad_ys"):
        tf.gradients(y, [x], grad_ys=[None, None])


def test_a_gradient_sees_what_is_fed():
    x = tf.Variable(3.0)
    h = x * 2.0
    y = h * h
    by_x, by_h = tf.gradients(y, [x, h])
    with tf.Session() as sess:
        initialized(sess)
        assert sess.run([by_x, by_h]) == [24.0, 12.0]
        assert sess.run([by_x, by_h], {x: 1.0}) == [8.0, 4.0]
        assert sess.run([by_x, by_h], {h: 5.0}) == [20.0, 10.0]  # h counts by value; its derivative by x stays 2


def test_a_gradient_through_a_gather_is_of_the_rows_that_were_taken():
    table = tf.Variable(np.arange(8, dtype=np.float32).reshape(4, 2))
    rows = tf.placeholder(tf.int32, (None,))
    taken = tf.nn.embedding_lookup(table, rows)
    (slope,) = tf.gradients(tf.reduce_sum(taken * taken), [table])
    step = tf.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_sum(taken), var_list=[table])
    with tf.Session() as sess:
        initialized(sess)
        value, gradient = sess.run([taken, slope], {rows: [1, 3, 1]})
        same(value, [[2, 3], [6, 7], [2, 3]])
        same(gradient, [[0, 0], [8, 12], [0, 0], [12, 14]])
        sess.run(step, {rows: [0, 0]})
        same(sess.run(table), [[-1, 0], [2, 3], [4, 5], [6, 7]])


def test_the_inverse_of_a_matrix_and_its_derivatives():
    rng = np.random.default_rng(0)
    value = rng.standard_normal((3, 3))
    weights = rng.standard_normal((3, 3))
    x = tf.placeholder(tf.float64, (3, 3))
    inverse = tf.matrix_inverse(x)
    y = tf.reduce_sum(inverse * weights)
    (first,) = tf.gradients(y, [x])
    (second,) = tf.gradients(tf.reduce_sum(first * weights), [x])
    exact = np.linalg.inv(value)
    with tf.Session() as sess:
        same(sess.run(inverse, {x: value}), exact, 1e-9)
        a, b = sess.run([first, second], {x: value})
        same(a, -exact.T @ weights @ exact.T, 1e-8)
        step = 1e-6
        probe = np.zeros((3, 3))
        probe[1, 2] = step
        rise = [np.sum(-np.linalg.inv(v).T @ weights @ np.linalg.inv(v).T * weights) for v in (value + probe, value - probe)]
        assert b[1, 2] == pytest.approx((rise[0] - rise[1]) / (2 * step), rel=1e-4)
        permuted = np.eye(3)[[2, 0, 1]] * 2.0  # without pivots nothing could be divided by
        same(sess.run(inverse, {x: permuted}), permuted.T / 4, 1e-12)
        with pytest.raises(tf.errors.InvalidArgumentError, match="Input is not invertible"):
            sess.run(inverse, {x: np.ones((3, 3)) * np.arange(3)})


# optimizers

START = np.array([1.0, -2.0, 3.0], np.float32)
SLOPES = [np.array(g, np.float32) for g in ([0.5, -1.0, 2.0], [0.1, 0.2, -0.3], [-1.0, 0.0, 0.5], [2.0, 2.0, 2.0])]


def gradient_descent(w, grads):
    for g in grads:
        w = w - 0.1 * g
    return w


def momentum(w, grads, nesterov=False):
    v = 0
    for g in grads:
        v = 0.9 * v + g
        w = w - 0.1 * (g + 0.9 * v if nesterov else v)
    return w


def adagrad(w, grads):
    s = 0.1
    for g in grads:
        s = s + g * g
        w = w - 0.1 * g / np.sqrt(s)
    return w


def rmsprop(w, grads):
    s, v = 1.0, 0.0
    for g in grads:
        s = 0.9 * s + 0.1 * g * g
        v = 0.5 * v + 0.1 * g / np.sqrt(s + 1e-10)
        w = w - v
    return w


def adam(w, grads):
    m = v = 0
    for t, g in enumerate(grads, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w - 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)
    return w


OPTIMIZERS = {
    "GradientDescent": (lambda rate: tf.train.GradientDescentOptimizer(rate), gradient_descent),
    "Momentum": (lambda rate: tf.train.MomentumOptimizer(rate, 0.9), momentum),
    "Nesterov": (lambda rate: tf.train.MomentumOptimizer(rate, 0.9, use_nesterov=True), lambda w, g: momentum(w, g, True)),
    "Adagrad": (lambda rate: tf.train.AdagradOptimizer(rate), adagrad),
    "RMSProp": (lambda rate: tf.train.RMSPropOptimizer(rate, momentum=0.5), rmsprop),
    "Adam": (lambda rate: tf.train.AdamOptimizer(rate), adam),
}


@pytest.mark.parametrize("rate", ["number", "tensor"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizers_follow_tensorflows_formulas(kind, rate):
    make, formula = OPTIMIZERS[kind]
    w = tf.Variable(START)
    g = tf.placeholder(tf.float32, (3,))
    optimizer = make(0.1 if rate == "number" else tf.constant(0.1))
    step = optimizer.apply_gradients([(g, w)])
    with tf.Session() as sess:
        initialized(sess)
        for slope in SLOPES:
            assert sess.run(step, {g: slope}) is None
        same(sess.run(w), formula(START.astype(np.float64), [s.astype(np.float64) for s in SLOPES]), 1e-5)


def test_slots_have_tensorflows_names():
    w = tf.Variable(START, name="w")
    loss = tf.reduce_sum(w * w)
    for make in (
        lambda: tf.train.GradientDescentOptimizer(0.1),
        lambda: tf.train.MomentumOptimizer(0.1, 0.9),
        lambda: tf.train.AdamOptimizer(),
        lambda: tf.train.AdagradOptimizer(0.1),
    ):
        make().minimize(loss)
    assert [v.op.name for v in tf.global_variables()] == ["w", "w/Momentum", "w/Adam", "w/Adam_1", "Adam/step", "w/Adagrad"]
    assert tf.trainable_variables() == [w]


def test_minimize_changes_trainable_variables_counts_steps_and_gives_none():
    w, fixed, other = tf.Variable(4.0), tf.Variable(3.0, trainable=False), tf.Variable(1.0)
    count = tf.train.get_or_create_global_step()
    loss = tf.square(w * fixed)
    optimizer = tf.train.MomentumOptimizer(learning_rate=0.001, momentum=0.9)
    step = optimizer.minimize(loss, global_step=count)
    assert isinstance(step, tf.Operation)
    assert tf.train.get_or_create_global_step() is count
    with tf.Session() as sess:
        initialized(sess)
        losses = [sess.run([step, loss])[1] for _ in range(5)]
        assert sess.run(step) is None
        assert losses == sorted(losses, reverse=True)
        assert sess.run([fixed, other]) == [3.0, 1.0]
        assert tf.train.global_step(sess, count) == 6
    assert optimizer.get_slot_names() == ["momentum"]
    assert optimizer.get_slot(w, "momentum").op.name == "Variable/Momentum"


def test_gradients_may_be_clipped_before_they_are_applied():
    w = tf.Variable([3.0, 4.0])
    optimizer = tf.train.GradientDescentOptimizer(1.0)
    pairs = optimizer.compute_gradients(tf.reduce_sum(w * w) / 2.0, [w])
    clipped, norm = tf.clip_by_global_norm([g for g, _ in pairs], 1.0)
    step = optimizer.apply_gradients(zip(clipped, [v for _, v in pairs], strict=True))
    with tf.Session() as sess:
        initialized(sess)
        assert sess.run([norm, step]) == [5.0, None]
        same(sess.run(w), [2.4, 3.2])


def test_an_optimizer_without_gradients_is_an_error():
    w = tf.Variable(1.0)
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0))
    with pytest.raises(ValueError, match="No gradients provided"):
        tf.train.GradientDescentOptimizer(0.1).apply_gradients([(None, w)])
    with tf.Graph().as_default(), pytest.raises(ValueError, match="No variables to optimize"):
        tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0))


def test_a_learning_rate_may_decay_with_the_steps():
    w = tf.Variable(1.0)
    count = tf.train.create_global_step()
    rate = tf.train.exponential_decay(0.5, count, decay_steps=1, decay_rate=0.5)
    step = tf.train.GradientDescentOptimizer(rate).minimize(w * 1.0, count)
    with tf.Session() as sess:
        initialized(sess)
        seen = [sess.run([rate, step])[0] for _ in range(3)]
        same(seen, [0.5, 0.25, 0.125])
        assert sess.run(w) == pytest.approx(1 - 0.875)
        same(sess.run(tf.train.piecewise_constant(count, [1, 5], [1.0, 0.1, 0.01])), 0.1)


def test_another_learning_rate_needs_no_new_program():
    sources = set()
    for rate in (0.1, 0.01):
        with tf.Graph().as_default():
            x = tf.placeholder(tf.float32, (None, 3))
            w = tf.Variable(tf.ones((3, 1)))
            step = tf.train.GradientDescentOptimizer(rate).minimize(tf.reduce_sum(tf.matmul(x, w)))
            with tf.Session() as sess:
                sources.add(sess.program(step, {x: np.ones((4, 3))}).path)
    assert len(sources) == 1
