"""Eager execution under the names of TensorFlow 1: seed 002, "Custom training: basics", and the rows of the checklist."""

import contextlib
import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from v1_tools import same, seed_text

import tracejit.compat.tensorflow as two
import tracejit.compat.tensorflow.v1 as tf


@pytest.fixture(autouse=True)
def _fresh_graph():
    tf.reset_default_graph()


@pytest.fixture
def eager():
    """Eager execution, for as long as a test lasts."""
    tf.enable_eager_execution()
    yield
    tf.disable_eager_execution()


def test_the_notebook_runs_verbatim_and_learns_the_line():
    plt.switch_backend("agg")
    tf.set_random_seed(0)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(seed_text("002"), "002.py", "exec"), {"__name__": "__main__"})
    finally:
        tf.disable_eager_execution()
        plt.close("all")
    text = printed.getvalue()
    assert text.startswith("tf.Tensor(\n[[2. 2. ")
    assert "shape=(10, 10), dtype=float32)" in text
    epochs = re.findall(r"Epoch +\d+: W=(\S+) b=(\S+), loss=(\S+)", text)
    w, b, loss = np.array(epochs, float).T
    steps = np.arange(10)
    np.testing.assert_allclose(w, 3 + 2 * 0.8**steps, atol=0.15)
    np.testing.assert_allclose(b, 2 - 2 * 0.8**steps, atol=0.15)
    assert loss[0] == pytest.approx(9, abs=1)
    assert loss[-1] == pytest.approx(1.2, abs=0.2)


def test_enable_eager_execution_switches_the_names_and_disable_switches_back():
    graph_square, names = tf.square, set(vars(tf))
    assert not tf.executing_eagerly()
    tf.enable_eager_execution()
    try:
        assert tf.executing_eagerly()
        assert tf.square is two.square
        assert isinstance(tf.square(3.0), two.Tensor)
    finally:
        tf.disable_eager_execution()
    assert tf.square is graph_square
    assert set(vars(tf)) == names
    assert not tf.executing_eagerly()


def test_enable_eager_execution_comes_before_any_graph():
    tf.constant(1)
    with pytest.raises(ValueError, match="must be called at program startup"):
        tf.enable_eager_execution()


@pytest.mark.usefixtures("eager")
def test_names_of_tensorflow_1_work_at_once():
    tf.set_random_seed(1)
    assert tf.random_normal(shape=[1000]).shape == (1000,)
    assert tf.random_uniform([3], -1.0, 1.0).dtype == tf.float32
    same(tf.log(tf.constant([1.0, np.e])), [0, 1])
    same(tf.reduce_sum(tf.ones((2, 3)), reduction_indices=[1], keep_dims=True), [[3], [3]])
    same(tf.truncated_normal([5]).shape, (5,))
    assert tf.to_float is not None


@pytest.mark.usefixtures("eager")
def test_assign_sub_and_scatter_update_change_a_variable():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    tf.assign_sub(v, tf.ones((2, 2)))
    same(v, [[0, 1], [2, 3]])
    tf.assign_add(v, np.ones((2, 2)))
    tf.scatter_update(v, [1], [[9.0, 9.0]])
    same(v, [[1, 2], [9, 9]])
    tf.scatter_add(v, [0, 0], [[1.0, 1.0], [1.0, 1.0]])
    tf.scatter_sub(v, [1], [[9.0, 8.0]])
    same(v, [[3, 4], [0, 1]])
    tf.assign(v, tf.zeros((2, 2)))
    same(v, np.zeros((2, 2)))


@pytest.mark.usefixtures("eager")
def test_gradients_of_an_embedding_are_sparse():
    table = tf.Variable(np.zeros((1000, 2), np.float32))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.nn.embedding_lookup(table, [3, 5, 3]))
    slope = tape.gradient(loss, table)
    assert isinstance(slope, tf.IndexedSlices)
    assert list(slope.indices.numpy()) == [3, 5, 3]
    tf.train.GradientDescentOptimizer(0.5).apply_gradients([(slope, table)])
    same(table.numpy()[[3, 5, 4]], [[-1, -1], [-0.5, -0.5], [0, 0]])


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("make", [lambda: tf.train.GradientDescentOptimizer(0.1), lambda: tf.train.AdamOptimizer(0.1)])
def test_optimizers_minimize_functions(make):
    w = tf.Variable([3.0, -2.0])
    optimizer = make()
    losses = []
    for _ in range(3):
        losses.append(float(tf.reduce_sum(w * w)))
        optimizer.minimize(lambda: tf.reduce_sum(w * w))
    assert losses == sorted(losses, reverse=True)
    ((gradient, variable),) = optimizer.compute_gradients(lambda: tf.reduce_sum(w * w), [w])
    assert variable is w
    same(gradient, 2 * w.numpy())
    optimizer.apply_gradients([(gradient, w)])


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("use", [lambda: tf.placeholder(tf.float32), lambda: tf.Session(), lambda: tf.gradients(1, 2)])
def test_what_needs_a_graph_is_refused(use):
    with pytest.raises(RuntimeError, match="not compatible with eager execution") as caught:
        use()
    assert "test_v1_eager.py" in str(caught.value)
