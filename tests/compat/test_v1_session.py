"""Sessions of TensorFlow 1's dialect beyond the rows of the checklist: feeds, fetches, defaults, programs."""

import numpy as np
import pytest
from v1_tools import initialized, run, same

import tracejit.compat.tensorflow.v1 as tf


@pytest.fixture(autouse=True)
def _fresh_graph():
    tf.reset_default_graph()


def test_a_placeholder_with_a_default_may_be_fed():
    x = tf.placeholder_with_default([1.0, 2.0], (None,))
    y = x * 2
    with tf.Session() as sess:
        same(sess.run(y), [2, 4])
        same(sess.run(y, {x: [1, 2, 3]}), [2, 4, 6])
        with pytest.raises(ValueError, match="Cannot feed value of shape"):
            sess.run(y, {x: 1.0})
    with pytest.raises(ValueError, match="does not fit the default"):
        tf.placeholder_with_default([1.0], (2,))


@pytest.mark.parametrize(
    "value",
    [
        [[1, 2], [3, 4]],
        np.array([[1, 2], [3, 4]]),
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[1, 3], [2, 4]], np.float32).T,
        np.array([[1.0, 3.0], [2.0, 4.0]]).T,
        np.arange(1, 5, dtype=np.float32).astype(">f4").reshape(2, 2),
        np.arange(1.0, 5.0).repeat(2)[::2].reshape(2, 2),
        ((1, 2), (3, 4.0)),
        np.array([[1, 2], [3, 4]], np.uint8),
    ],
)
def test_whatever_is_fed_is_brought_to_the_dtype(value):
    x = tf.placeholder(tf.float32, (2, 2))
    for _ in range(2):
        out = run(x + 0.0, {x: value})
        assert out.dtype == np.float32
        same(out, [[1, 2], [3, 4]])


def test_feeds_that_cannot_be_are_errors():
    x = tf.placeholder(tf.float32, (None,))
    i = tf.placeholder(tf.int8, ())
    with tf.Session() as sess:
        for value, kind in ((None, TypeError), ("text", ValueError), ([[1], [2, 3]], ValueError), (3.0, ValueError)):
            with pytest.raises(kind, match="feed"):
                sess.run(x * 1.0, {x: value})
        with pytest.raises(TypeError, match="larger type"):
            sess.run(i, {i: 1000})
        with pytest.raises(TypeError, match="feed_dict"):
            sess.run(x, [1])
        with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
            sess.run(x, {5: 1})


def test_what_is_fed_may_be_fetched_and_is_a_copy():
    x = tf.placeholder(tf.float32, (None,))
    value = np.ones(3, np.float32)
    with tf.Session() as sess:
        out = sess.run(x, {x: value})
        out[0] = 5
        same(value, [1, 1, 1])


def test_results_are_the_callers_own():
    c = tf.constant(np.arange(20000.0))
    with tf.Session() as sess:
        first = sess.run(c)
        kept = first.copy()
        first[:] = 0
        same(sess.run(c), kept)


def test_scalars_are_numpys():
    with tf.Session() as sess:
        out = sess.run([tf.constant(1), tf.constant(2.5), tf.constant(True)])
    assert [type(x) for x in out] == [np.int32, np.float32, np.bool_]


def test_sessions_share_programs_and_nothing_else():
    v = tf.Variable(1.0)
    up = v.assign_add(1.0)
    with tf.Session() as one:
        initialized(one).run(up)
        count = sum(map(len, v.graph.programs.values()))
    with tf.Session() as two:
        assert initialized(two).run(up) == 2.0
    assert sum(map(len, v.graph.programs.values())) == count + 1  # the second initializer is another operation


def test_an_interactive_session_is_the_default_until_it_is_closed():
    sess = tf.InteractiveSession()
    try:
        assert tf.get_default_session() is sess
        assert tf.constant(2.0).eval() == 2.0
        with tf.Session() as inner:
            assert tf.get_default_session() is inner
        assert tf.get_default_session() is sess
    finally:
        sess.close()
    assert tf.get_default_session() is None
    with tf.Graph().as_default() as graph:
        x = tf.constant(3.0)
    sess = tf.InteractiveSession(graph=graph)
    assert (tf.get_default_graph() is graph, x.eval()) == (True, 3.0)
    sess.close()
    assert tf.get_default_graph() is not graph


def test_as_default_does_not_close():
    x = tf.constant(1.0)
    sess = tf.Session(config=tf.ConfigProto(allow_soft_placement=True))
    with sess.as_default():
        assert x.eval() == 1.0
    assert sess.run(x) == 1.0
    sess.close()


def test_a_session_survives_an_error_in_its_block():
    with pytest.raises(ZeroDivisionError), tf.Session():
        _ = 1 / 0
    assert tf.get_default_session() is None


def test_make_callable_takes_values_by_position():
    x, y = tf.placeholder(tf.float32, ()), tf.placeholder(tf.float32, ())
    with tf.Session() as sess:
        assert sess.make_callable(x - y, [x, y])(5.0, 2.0) == 3.0


def test_an_error_of_a_run_leaves_variables_as_they_were_and_the_session_usable():
    v = tf.Variable(1.0)
    x, y = tf.placeholder(tf.float32, (None,)), tf.placeholder(tf.float32, (None,))
    up = v.assign_add(tf.reduce_sum(x + y))
    with tf.Session() as sess:
        initialized(sess)
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(up, {x: [1, 2], y: [1, 2, 3]})
        assert sess.run(v) == 1.0
        assert sess.run(up, {x: [1, 2], y: [1, 2]}) == 7.0


def test_graphs_may_be_built_on_while_a_session_is_open():
    x = tf.placeholder(tf.float32, (None,))
    with tf.Session() as sess:
        for i in range(3):
            same(sess.run(tf.argmax(x * float(i + 1)), {x: [1, 3, 2]}), 1)
        v = tf.Variable(2.0)
        sess.run(v.initializer)
        assert sess.run(v) == 2.0


def test_variables_are_fetched_in_any_structure():
    v, w = tf.Variable(1.0), tf.Variable([2.0])
    out = run({"v": v, "all": tf.global_variables()})
    assert out["v"] == 1.0
    same(out["all"][1], [2])
    assert isinstance(w.op, tf.Operation)


def test_there_is_a_program_for_each_rank_of_what_is_fed():
    x = tf.placeholder(tf.float32)
    y = x * 2.0
    with tf.Session() as sess:
        for _ in range(2):
            for value in (1.0, [1.0, 2.0], [[1.0], [2.0], [3.0]]):
                same(sess.run(y, {x: value}), 2 * np.asarray(value))
        assert [len(p) for p in sess.graph.programs.values()] == [3]
