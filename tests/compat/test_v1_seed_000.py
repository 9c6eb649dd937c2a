"""Seed 000, "TensorFlow: static graph": each row of the checklist."""

import contextlib
import io

import numpy as np
import pytest
from v1_tools import initialized, run, same, seed_text

import tracejit.compat.tensorflow.v1 as tf


@pytest.fixture(autouse=True)
def _fresh_graph():
    tf.reset_default_graph()


def two_layers(width=4, hidden=3, out=2):
    """The network of the tutorial in small: placeholders, Variables, loss, gradients, and the assignments."""
    x = tf.placeholder(tf.float32, shape=(None, width))
    y = tf.placeholder(tf.float32, shape=(None, out))
    w1 = tf.Variable(tf.random_normal((width, hidden)))
    w2 = tf.Variable(tf.random_normal((hidden, out)))
    h_relu = tf.maximum(tf.matmul(x, w1), tf.zeros(1))
    loss = tf.reduce_sum((y - tf.matmul(h_relu, w2)) ** 2.0)
    grad_w1, grad_w2 = tf.gradients(loss, [w1, w2])
    new_w1 = w1.assign(w1 - 1e-2 * grad_w1)
    new_w2 = w2.assign(w2 - 1e-2 * grad_w2)
    return x, y, w1, w2, loss, new_w1, new_w2


def reference(x, y, w1, w2, rate=1e-2):
    """The loss and the new weights in NumPy."""
    h = x @ w1
    relu = np.maximum(h, 0)
    difference = y - relu @ w2
    grad_out = -2 * difference
    grad_h = np.where(h >= 0, grad_out @ w2.T, 0)
    return (difference**2).sum(), w1 - rate * x.T @ grad_h, w2 - rate * relu.T @ grad_out


def test_the_tutorial_runs_verbatim_and_its_loss_falls_below_a_thousandth():
    np.random.seed(0)  # noqa: NPY002  (the tutorial draws from it)
    tf.set_random_seed(0)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(seed_text("000"), "000.py", "exec"), {"__name__": "__main__"})
    losses = [float(line) for line in printed.getvalue().split()]
    assert len(losses) == 500
    assert 1e7 < losses[0] < 1e8
    assert losses[-1] < 1e-3


def test_one_program_serves_every_batch_size():
    x, y, _, _, loss, *_ = two_layers()
    with tf.Session() as sess:
        initialized(sess)
        programs = {
            sess.program(loss, {x: np.ones((n, 4)), y: np.ones((n, 2))}).path
            for n in (64, 1, 0, 7)
            if sess.run(loss, {x: np.ones((n, 4)), y: np.ones((n, 2))}) is not None
        }
    assert len(programs) == 1
    assert [len(made) for made in sess.graph.programs.values()] == [1, 1]  # the initializer's, and this one


def test_a_variable_is_drawn_when_the_initializer_runs_and_in_each_session():
    w = tf.Variable(tf.random_normal((3, 2)))
    init = tf.global_variables_initializer()
    drawn = []
    for _ in range(2):
        with tf.Session() as sess:
            for _ in range(2):
                sess.run(init)
                drawn.append(sess.run(w))
    assert all(not np.array_equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


def test_maximum_broadcasts_and_its_derivative_at_a_tie_goes_to_the_first_operand():
    x = tf.constant([[-1.0, 0.0, 2.0]])
    zero = tf.zeros(1)
    y = tf.maximum(x, zero)
    first, second = tf.gradients(y, [x, zero])
    assert y.get_shape().as_list() == [1, 3]
    same(run(first), [[0, 1, 1]])
    same(run(second), [1])
    same(run(tf.gradients(tf.minimum(x, zero), x)[0]), [[1, 1, 0]])


def test_power_with_a_python_float_keeps_float32_and_sums_to_a_scalar():
    x = tf.constant([1.0, -2.0, 3.0])
    y = tf.reduce_sum(x**2.0)
    assert (y.dtype, y.get_shape().as_list()) == (tf.float32, [])
    value = run(y)
    assert type(value) is np.float32
    assert value == 14.0


def test_gradients_is_a_list_with_none_for_what_is_not_connected():
    v, w = tf.Variable(2.0), tf.Variable(3.0)
    found = tf.gradients(v * v, [v, w])
    assert isinstance(found, list)
    assert found[1] is None
    assert run(found[0]) == 4.0


def test_an_assignment_is_a_node_and_nothing_happens_until_it_is_fetched():
    w = tf.Variable([1.0, 2.0])
    new = w.assign(w - 0.5 * tf.constant([2.0, 2.0]))
    with tf.Session() as sess:
        initialized(sess)
        same(sess.run(w), [1, 2])
        same(sess.run(new), [0, 1])
        same(sess.run(w), [0, 1])


def test_a_python_float_times_a_tensor_keeps_float32():
    assert (1e-6 * tf.constant([1.0])).dtype == tf.float32
    assert (tf.constant([1.0]) * 2).dtype == tf.float32
    assert (np.float64(2.0) * tf.constant([1.0])).dtype == tf.float32


def test_a_session_installs_itself_and_its_graph_and_closes_at_the_end_of_its_block():
    graph = tf.Graph()
    with tf.Session(graph=graph) as sess:
        assert tf.get_default_session() is sess
        assert tf.get_default_graph() is graph
        one = tf.constant(1)
    assert tf.get_default_session() is None
    assert tf.get_default_graph() is not graph
    with pytest.raises(RuntimeError, match="Attempted to use a closed Session"):
        sess.run(one)


def test_the_initializer_is_an_operation_and_its_value_is_none():
    tf.Variable(1.0)
    init = tf.global_variables_initializer()
    assert isinstance(init, tf.Operation)
    with tf.Session() as sess:
        assert sess.run(init) is None


def test_one_run_gives_the_loss_of_the_old_weights_and_stores_the_new_ones():
    x, y, w1, w2, loss, new_w1, new_w2 = two_layers()
    rng = np.random.default_rng(0)
    xs, ys = rng.standard_normal((5, 4)), rng.standard_normal((5, 2))
    with tf.Session() as sess:
        initialized(sess)
        a, b = sess.run([w1, w2])
        value, first, second = sess.run([loss, new_w1, new_w2], feed_dict={x: xs, y: ys})
        expected = reference(xs, ys, a, b)
        assert type(value) is np.float32
        assert type(first) is np.ndarray
        assert first.dtype == np.float32
        for got, wanted in zip((value, first, second), expected, strict=True):
            same(got, wanted, 1e-4)
        for got, wanted in zip(sess.run([w1, w2]), (first, second), strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_the_loss_and_the_updates_share_one_forward_pass():
    x, y, _, _, loss, new_w1, new_w2 = two_layers(200, 100, 50)
    with tf.Session() as sess:
        graph = sess.program([loss, new_w1, new_w2], {x: np.ones((5, 200)), y: np.ones((5, 50))}).graph
    products = [node for node in graph.nodes() if node.op.name == "matmul"]
    assert len(products) == 5  # two forward, three of the reverse pass


def test_building_computes_nothing():
    x = tf.placeholder(tf.float32, shape=(10**9, 10**9))
    total = tf.reduce_sum(tf.matmul(x, x))
    assert total.get_shape().as_list() == []
    assert tf.get_default_graph().programs == {}


def test_a_variable_keeps_its_value_across_runs():
    count = tf.Variable(0)
    up = count.assign_add(1)
    with tf.Session() as sess:
        initialized(sess)
        assert [sess.run(up) for _ in range(3)] == [1, 2, 3]
        assert sess.run(count) == 3
