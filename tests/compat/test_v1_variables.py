"""Variables, assignments and their order in TensorFlow 1's dialect."""

import gc
import threading
import weakref

import numpy as np
import pytest
from v1_tools import initialized, run, same

import tracejit.compat.tensorflow.v1 as tf


@pytest.fixture(autouse=True)
def _fresh_graph():
    tf.reset_default_graph()


def test_assign_add_and_assign_sub_are_nodes():
    v = tf.Variable([1.0, 2.0])
    with tf.Session() as sess:
        initialized(sess)
        same(sess.run(tf.assign_add(v, [1.0, 1.0])), [2, 3])
        same(sess.run(tf.assign_sub(v, [0.5, 0.5])), [1.5, 2.5])
        same(sess.run(v.assign_add([1.0, 0.0])), [2.5, 2.5])
        same(sess.run(tf.assign(v, [0.0, 9.0])), [0, 9])
        same(v.eval(), [0, 9])


def test_several_updates_of_one_variable_in_a_run_all_happen():
    v = tf.Variable(1.0)
    ups = [v.assign_add(1.0), v.assign_add(10.0), v.assign_sub(2.0)]
    with tf.Session() as sess:
        initialized(sess)
        assert sess.run(ups) == [2.0, 12.0, 10.0]
        assert sess.run(v) == 10.0


def test_scatter_update_add_and_sub_change_rows():
    v = tf.Variable(np.zeros((4, 2), np.float32))
    rows = tf.placeholder(tf.int32, (None,))
    with tf.Session() as sess:
        initialized(sess)
        update = tf.scatter_update(v, rows, [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
        same(sess.run(update, {rows: [0, 2, 0]}), [[3, 3], [0, 0], [2, 2], [0, 0]])
        add = tf.scatter_add(v, [1, 1], [[1.0, 2.0], [1.0, 2.0]])
        same(sess.run(add), [[3, 3], [2, 4], [2, 2], [0, 0]])
        sub = tf.scatter_sub(v, [0], [[3.0, 3.0]])
        same(sess.run(sub)[0], [0, 0])
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(update, {rows: [0, 4, 0]})
        same(sess.run(v), [[0, 0], [2, 4], [2, 2], [0, 0]])
    with pytest.raises(ValueError, match="updates have shape"):
        tf.scatter_update(v, [0], [[1.0]])
    with pytest.raises(ValueError, match=r"only a tf\.Variable"):
        tf.assign(tf.constant(1.0), 2.0)


def test_control_dependencies_let_a_read_see_an_assignment():
    v = tf.Variable(1.0)
    up = v.assign_add(5.0)
    plain = tf.identity(v)
    with tf.control_dependencies([up]):
        after, twice = v.read_value(), v * 2
        with tf.control_dependencies(None):
            free = v * 2
    with tf.Session() as sess:
        initialized(sess)
        assert sess.run([after, twice, plain]) == [6.0, 12.0, 1.0]
        assert sess.run(free) == 12.0
        assert sess.run(after) == 11.0


def test_a_group_runs_all_and_waits_for_what_it_is_told():
    a, b = tf.Variable(0), tf.Variable(0)
    both = tf.group(a.assign_add(1), b.assign_add(2))
    with tf.control_dependencies([both]):
        then = tf.no_op()
    with tf.Session() as sess:
        initialized(sess)
        assert sess.run(both) is None
        assert sess.run([then, a]) == [None, 1]
        assert sess.run([a, b]) == [2, 4]


def test_what_is_fetched_decides_what_is_assigned():
    a, b = tf.Variable(0), tf.Variable(0)
    up_a, _ = a.assign_add(1), b.assign_add(1)
    with tf.Session() as sess:
        initialized(sess)
        sess.run(up_a)
        assert sess.run([a, b]) == [1, 0]


def test_an_operation_behind_a_fed_tensor_does_not_run():
    v = tf.Variable(1.0)
    up = v.assign_add(1.0)
    out = up * 10
    with tf.Session() as sess:
        initialized(sess)
        assert sess.run(out, {up: 7.0}) == 70.0
        assert sess.run(v) == 1.0


def test_initial_values_may_depend_on_other_initial_values():
    w = tf.Variable(tf.random_normal((3,)))
    twice = tf.Variable(w.initialized_value() * 2.0)
    first, second = run([w, twice])
    same(second, 2 * first)


def test_an_initial_value_may_be_a_function():
    v = tf.Variable(lambda: tf.ones((2,)), dtype=tf.float32)
    same(run(v), [1, 1])


def test_running_the_initializer_again_starts_again():
    v = tf.Variable(1.0)
    up = v.assign_add(1.0)
    with tf.Session() as sess:
        for _ in range(2):
            v.initializer.run()
            sess.run(up)
            assert sess.run(v) == 2.0
        sess.run(tf.variables_initializer([v]))
        assert sess.run(v) == 1.0


def test_load_gives_a_value_without_an_operation():
    v = tf.Variable([1.0, 2.0])
    with tf.Session() as sess:
        count = len(tf.get_default_graph().get_operations())
        v.load([3, 4], sess)
        assert len(tf.get_default_graph().get_operations()) == count
        same(sess.run(v), [3, 4])
        with pytest.raises(ValueError, match="Cannot feed value of shape"):
            v.load([1.0], sess)


def test_a_variable_may_be_assigned_a_tensor_of_open_size_that_fits():
    v = tf.Variable([1.0, 2.0])
    x = tf.placeholder(tf.float32, (None,))
    up = v.assign(x)
    with tf.Session() as sess:
        same(sess.run(up, {x: [5, 6]}), [5, 6])
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"lhs shape= \[2\]"):
            sess.run(up, {x: [5, 6, 7]})
        same(sess.run(v), [5, 6])


def test_get_variable_starts_from_glorots_uniform_numbers_or_what_it_is_told():
    w = tf.get_variable("w", (50, 30))
    n = tf.get_variable("n", (3,), tf.int32)
    c = tf.get_variable("c", initializer=tf.constant([1.0, 2.0]))
    with tf.variable_scope("scope", initializer=tf.constant_initializer(4.0), dtype=tf.float64):
        d = tf.get_variable("d", (2,))
    values = run([w, n, c, d])
    limit = np.sqrt(6 / 80)
    assert np.abs(values[0]).max() <= limit
    assert np.abs(values[0]).max() > 0.9 * limit
    same(values[1], [0, 0, 0])
    same(values[2], [1, 2])
    same(values[3], [4, 4])
    assert values[3].dtype == np.float64
    with pytest.raises(ValueError, match="must be fully defined"):
        tf.get_variable("e")
    with (
        tf.variable_scope("scope", reuse=True),
        pytest.raises(ValueError, match="specified dtype float32 and found dtype float64"),
    ):
        tf.get_variable("d", (2,), tf.float32)


@pytest.mark.parametrize(
    ("initializer", "mean", "deviation"),
    [
        (tf.zeros_initializer(), 0, 0),
        (tf.ones_initializer, 1, 0),
        (tf.constant_initializer(3.0), 3, 0),
        (tf.random_normal_initializer(1.0, 2.0, seed=1), 1, 2),
        (tf.truncated_normal_initializer(stddev=0.5, seed=1), 0, 0.44),
        (tf.random_uniform_initializer(-1, 1, seed=1), 0, 3**-0.5),
        (tf.variance_scaling_initializer(seed=1), 0, 200**-0.5),
        (tf.glorot_normal_initializer(seed=1), 0, 150**-0.5),
        (tf.he_normal_initializer(seed=1), 0, 100**-0.5),
    ],
)
def test_initializers(initializer, mean, deviation):
    value = run(tf.get_variable("v", (200, 100), initializer=initializer))
    assert value.mean() == pytest.approx(mean, abs=0.05)
    assert value.std() == pytest.approx(deviation, abs=0.03)


def test_variable_scopes_nest_and_inherit_reuse():
    with tf.variable_scope("a"):
        with tf.variable_scope("b"):
            v = tf.get_variable("v", ())
            c = tf.constant(1.0)
        with (
            tf.variable_scope("b", reuse=True),
            tf.variable_scope("c"),
            pytest.raises(ValueError, match="a/b/c/v does not exist"),
        ):
            tf.get_variable("v", ())
    assert v.op.name == "a/b/v"
    assert c.op.name == "a/b/Const"
    with tf.variable_scope(None, default_name="layer"):
        first = tf.get_variable("v", ())
    with tf.variable_scope(None, default_name="layer"):
        second = tf.get_variable("v", ())
    assert (first.op.name, second.op.name) == ("layer/v", "layer_1/v")
    assert tf.get_variable_scope().name == ""


def test_random_numbers_follow_from_seeds():
    def draw():
        with tf.Graph().as_default():
            tf.set_random_seed(3)
            a, b, c = tf.random_normal((3,)), tf.random_normal((3,)), tf.random_uniform((3,), seed=5)
            with tf.Session() as sess:
                return [sess.run([a, b, c]) for _ in range(2)]

    first, second = draw(), draw()
    for run_1, run_2 in zip(first, second, strict=True):
        for x, y in zip(run_1, run_2, strict=True):
            np.testing.assert_array_equal(x, y)
    assert not np.array_equal(first[0][0], first[0][1])
    assert not np.array_equal(first[0][0], first[1][0])
    r = tf.random_normal((3,))
    with tf.Session() as one, tf.Session() as two:
        assert not np.array_equal(one.run(r), two.run(r))


def test_random_numbers_have_their_distributions():
    n, u, t, i = run(
        [
            tf.random_normal((20000,), 1.0, 2.0, seed=1),
            tf.random_uniform((20000,), -1.0, 3.0, seed=1),
            tf.truncated_normal((20000,), stddev=0.5, seed=1),
            tf.random_uniform((20000,), 0, 10, tf.int32, seed=1),
        ]
    )
    assert (n.dtype, i.dtype) == (np.float32, np.int32)
    assert n.mean() == pytest.approx(1, abs=0.05)
    assert n.std() == pytest.approx(2, abs=0.05)
    assert u.min() >= -1
    assert 2.99 < u.max() < 3
    assert np.abs(t).max() <= 1.0
    assert set(i) == set(range(10))
    with pytest.raises(ValueError, match="maxval"):
        tf.random_uniform((2,), dtype=tf.int32)


def test_random_numbers_may_have_the_shape_of_a_batch():
    x = tf.placeholder(tf.float32, (None, 2))
    noise = tf.random_normal(tf.shape(x))
    dropped = tf.nn.dropout(x, 0.5, seed=1)
    with tf.Session() as sess:
        for n in (3, 8):
            a, b = sess.run([noise, dropped], {x: np.ones((n, 2))})
            assert a.shape == (n, 2)
            assert set(np.unique(b)) <= {0.0, 2.0}
        assert tf.get_default_graph().programs


def test_numpy_code_cannot_change_a_result_that_was_given():
    v = tf.Variable(np.zeros(5000, np.float32))
    up = v.assign_add(np.ones(5000))
    with tf.Session() as sess:
        initialized(sess)
        first = sess.run(v)
        second = sess.run(up)
        assert first.sum() == 0
        second[:] = 7
        assert sess.run(v).sum() == 5000


def test_threads_may_share_a_session():
    v = tf.Variable(0)
    x = tf.placeholder(tf.float32, (None,))
    up, total = v.assign_add(1), tf.reduce_sum(x * 2.0)
    wrong = []
    with tf.Session() as sess:
        initialized(sess)

        def work(size):
            for _ in range(50):
                value = sess.run([up, total], {x: np.ones(size)})[1]
                if value != 2.0 * size:
                    wrong.append(value)

        threads = [threading.Thread(target=work, args=(n,)) for n in (1, 3, 700, 9000)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert sess.run(v) == 200
    assert wrong == []


def test_a_graph_and_its_sessions_are_let_go():
    def build():
        with tf.Graph().as_default() as graph:
            v = tf.Variable(np.ones(1000, np.float32))
            with tf.Session() as sess:
                initialized(sess).run(v.assign_add(tf.ones(1000)))
        return weakref.ref(graph)

    graph = build()
    gc.collect()
    assert graph() is None
