"""Savers and summaries of TensorFlow 1's dialect."""

import os

import numpy as np
import pytest
from v1_tools import initialized, same

import tracejit as tj
import tracejit.compat.tensorflow.v1 as tf


@pytest.fixture(autouse=True)
def _fresh_graph():
    tf.reset_default_graph()


def test_restoring_needs_no_initializer_and_gives_every_bit(tmp_path):
    w = tf.Variable(tf.random_normal((3, 2)), name="w")
    n = tf.Variable(np.int64(7), name="deep/n")
    saver = tf.train.Saver()
    with tf.Session() as sess:
        initialized(sess)
        values = sess.run([w, n])
        path = saver.save(sess, tmp_path / "model.ckpt")
        assert path == str(tmp_path / "model.ckpt")
    with tf.Session() as sess:
        saver.restore(sess, path)
        for got, wanted in zip(sess.run([w, n]), values, strict=True):
            np.testing.assert_array_equal(got, wanted)
    assert set(tj.io.load(f"{path}.safetensors")) == {"w", "deep/n"}


def test_slots_of_optimizers_are_saved_so_that_training_goes_on_bit_for_bit(tmp_path):
    x = tf.placeholder(tf.float32, (None, 3))
    w = tf.Variable(tf.ones((3, 1)))
    step = tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(tf.square(tf.matmul(x, w))))
    saver = tf.train.Saver()
    batches = np.random.default_rng(0).standard_normal((6, 4, 3))
    with tf.Session() as sess:
        initialized(sess)
        for batch in batches:
            sess.run(step, {x: batch})
        straight = sess.run(w)
    with tf.Session() as sess:
        initialized(sess)
        for batch in batches[:3]:
            sess.run(step, {x: batch})
        path = saver.save(sess, f"{tmp_path}/m", global_step=3)
    with tf.Session() as sess:
        saver.restore(sess, path)
        for batch in batches[3:]:
            sess.run(step, {x: batch})
        np.testing.assert_array_equal(sess.run(w), straight)


def test_only_the_latest_checkpoints_stay_and_the_folder_knows_the_latest(tmp_path):
    v = tf.Variable(0)
    up, count = v.assign_add(1), tf.train.create_global_step()
    saver = tf.train.Saver(max_to_keep=2)
    assert tf.train.latest_checkpoint(tmp_path) is None
    with tf.Session() as sess:
        initialized(sess)
        for i in range(4):
            sess.run([up, count.assign_add(1)])
            saver.save(sess, tmp_path / "m", global_step=count if i % 2 else i + 1)
        assert saver.last_checkpoints == [str(tmp_path / "m-3"), str(tmp_path / "m-4")]
        assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "m-4")
        state = tf.train.get_checkpoint_state(tmp_path)
        assert state.all_model_checkpoint_paths == saver.last_checkpoints
        assert [tf.train.checkpoint_exists(tmp_path / f"m-{i}") for i in range(1, 5)] == [False, False, True, True]
        saver.restore(sess, state.all_model_checkpoint_paths[0])
        assert sess.run(v) == 3
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "m-3.safetensors", "m-4.safetensors"]


def test_relative_paths_stay_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tf.Variable(1.0)
    with tf.Session() as sess:
        initialized(sess)
        assert tf.train.Saver().save(sess, "./m.ckpt") == "./m.ckpt"
    assert tf.train.latest_checkpoint(".") == "./m.ckpt"


def test_a_saver_may_be_of_some_variables_under_names_of_their_own(tmp_path):
    a, b = tf.Variable(1.0), tf.Variable(2.0)
    with tf.Session() as sess:
        initialized(sess)
        path = tf.train.Saver({"first": a}).save(sess, tmp_path / "m")
    with tf.Session() as sess:
        tf.train.Saver({"first": b}).restore(sess, path)
        assert sess.run(b) == 1.0
        with pytest.raises(tf.errors.FailedPreconditionError):
            sess.run(a)
        with pytest.raises(tf.errors.NotFoundError, match="Key Variable not found in checkpoint"):
            tf.train.Saver([a]).restore(sess, path)


def test_nothing_is_restored_where_something_does_not_fit(tmp_path):
    a, b = tf.Variable(1.0, name="a"), tf.Variable([1.0, 2.0], name="b")
    tj.io.save(tmp_path / "m.safetensors", {"a": np.float32(5), "b": np.ones(3, np.float32)})
    saver = tf.train.Saver()
    with tf.Session() as sess:
        initialized(sess)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"b:0 is float32\[2\]"):
            saver.restore(sess, tmp_path / "m")
        assert sess.run(a) == 1.0
        path = saver.save(sess, tmp_path / "n")
        damaged = bytearray((tmp_path / "n.safetensors").read_bytes())
        damaged[-1] ^= 1
        (tmp_path / "n.safetensors").write_bytes(damaged)
        with pytest.raises(tf.errors.DataLossError, match=r"n\.safetensors"):
            saver.restore(sess, path)
        same(sess.run(b), [1, 2])


def test_what_cannot_be_saved_is_an_error(tmp_path):
    v = tf.Variable(1.0)
    with tf.Session() as sess:
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value Variable"):
            tf.train.Saver().save(sess, tmp_path / "m")
        initialized(sess)
        with pytest.raises(ValueError, match="Parent directory"):
            tf.train.Saver().save(sess, tmp_path / "none" / "m")
        with pytest.raises(ValueError, match="None"):
            tf.train.Saver().restore(sess, None)
    with pytest.raises(TypeError, match="not a Variable"):
        tf.train.Saver([v + 1.0])


# summaries


@pytest.fixture
def events():
    """A function that reads a folder with TensorBoard's own loader: its events."""
    from tensorboard.backend.event_processing import event_file_loader as loader

    def read(folder):
        return [e for name in sorted(os.listdir(folder)) for e in loader.EventFileLoader(os.path.join(folder, name)).Load()]

    return read


def values_of(events, tag):
    from tensorboard.util import tensor_util

    found = {}
    for event in events:
        for value in event.summary.value:
            if value.tag == tag:
                found[event.step] = (
                    value.simple_value if value.HasField("simple_value") else tensor_util.make_ndarray(value.tensor)
                )
    return found


def test_scalars_and_histograms_reach_tensorboard_with_their_steps(tmp_path, events):
    x = tf.placeholder(tf.float32, ())
    v = tf.Variable([1.0, 2.0])
    with tf.name_scope("train"):
        tf.summary.scalar("loss", x * x)
    tf.summary.histogram("weights", v)
    merged = tf.summary.merge_all()
    with tf.summary.FileWriter(tmp_path, tf.get_default_graph()) as writer, tf.Session() as sess:
        initialized(sess)
        for step in range(3):
            summary, doubled = sess.run([merged, x * 2.0], {x: step})
            assert doubled == 2.0 * step
            writer.add_summary(summary, step)
    found = events(tmp_path)
    assert {step: float(v) for step, v in values_of(found, "train/loss").items()} == {0: 0.0, 1: 1.0, 2: 4.0}
    assert set(values_of(found, "weights")) == {0, 1, 2}


def test_the_graph_reaches_tensorboard_with_its_scopes(tmp_path, events):
    x = tf.placeholder(tf.float32, (None,), name="x")
    with tf.name_scope("loss"):
        tf.reduce_mean(tf.square(x), name="mse")
    tf.summary.FileWriter(str(tmp_path), tf.get_default_graph()).close()
    from tensorboard.compat.proto.graph_pb2 import GraphDef

    (text,) = [e.graph_def for e in events(tmp_path) if e.graph_def]
    nodes = {node.name: node for node in GraphDef.FromString(text).node}
    assert {"x", "loss/Square", "loss/mse"} <= set(nodes)
    assert list(nodes["loss/mse"].input) == ["loss/Square"]
    assert nodes["loss/mse"].op == "Mean"


def test_a_single_summary_is_a_fetch_like_any_other(tmp_path, events):
    s = tf.summary.scalar("a", tf.constant(2))
    other = tf.summary.scalar("a", tf.constant(3.0), family="f")
    writer = tf.summary.FileWriter(tmp_path)
    with tf.Session() as sess:
        writer.add_summary(s.eval(), 5)
        writer.add_summary(sess.run({"s": other})["s"], np.int64(6))
    writer.close()
    found = events(tmp_path)
    assert values_of(found, "a") == {5: 2.0}
    assert values_of(found, "f/a_1") == {6: 3.0}


def test_summaries_that_cannot_be_are_errors(tmp_path):
    with pytest.raises(ValueError, match="a scalar has one element"):
        tf.summary.scalar("s", tf.ones((2,)))
    assert tf.summary.merge_all() is None
    s = tf.summary.scalar("s", 1.0)
    assert s.dtype == tf.string
    with tf.Session() as sess, pytest.raises(ValueError, match="may not be fed"):
        sess.run(s, {s: 1})
    with tf.summary.FileWriter(tmp_path) as writer, pytest.raises(TypeError, match=r"takes what sess\.run gives"):
        writer.add_summary(1.0)
