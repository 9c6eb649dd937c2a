"""Graphs of TensorFlow 1's dialect: names, scopes, looking things up, static shapes."""

import numpy as np
import pytest
from v1_tools import run, same

import tracejit as tj
import tracejit.compat.tensorflow.v1 as tf
from tracejit.compat.tensorflow.v1.drawing import picture_of


@pytest.fixture(autouse=True)
def _fresh_graph():
    tf.reset_default_graph()


@pytest.mark.parametrize(
    ("name", "build"),
    {
        "Placeholder_1": lambda x, v: tf.placeholder(tf.float32),
        "Variable_1": lambda x, v: tf.Variable(1.0),
        "add": lambda x, v: x + 1,
        "add_1": lambda x, v: (x + 1) + 1,
        "sub": lambda x, v: x - 1,
        "mul": lambda x, v: x * 2,
        "truediv": lambda x, v: x / 2,
        "pow": lambda x, v: x**2.0,
        "Neg": lambda x, v: -x,
        "Abs": lambda x, v: abs(x),
        "Greater": lambda x, v: x > 0,
        "MatMul": lambda x, v: tf.matmul(x, v),
        "matmul": lambda x, v: x @ v,
        "Maximum": lambda x, v: tf.maximum(x, 0.0),
        "Square": lambda x, v: tf.square(x),
        "Mean": lambda x, v: tf.reduce_mean(x),
        "Sum": lambda x, v: tf.reduce_sum(x),
        "AddN": lambda x, v: tf.add_n([x, x]),
        "Add": lambda x, v: tf.add(x, x),
        "transpose": lambda x, v: tf.transpose(x),
        "Sigmoid": lambda x, v: tf.sigmoid(x),
        "Log": lambda x, v: tf.log(x),
        "Relu": lambda x, v: tf.nn.relu(x),
        "Softmax": lambda x, v: tf.nn.softmax(x),
        "Cast": lambda x, v: tf.cast(x, tf.int32),
        "ArgMax": lambda x, v: tf.argmax(x, 1),
        "Equal": lambda x, v: tf.equal(x, 0.0),
        "Const": lambda x, v: tf.constant(1),
        "zeros_1": lambda x, v: tf.zeros((2,)),
        "random_normal": lambda x, v: tf.random_normal((2,)),
        "random_uniform": lambda x, v: tf.random_uniform((2,)),
        "Assign": lambda x, v: v.assign(tf.zeros((2, 2))),
        "AssignAdd": lambda x, v: v.assign_add(tf.zeros((2, 2))),
        "Variable/Assign": lambda x, v: v.initializer,
        "init": lambda x, v: tf.global_variables_initializer(),
        "group_deps": lambda x, v: tf.group(x),
        "NoOp": lambda x, v: tf.no_op(),
        "strided_slice": lambda x, v: x[0],
        "MatrixInverse": lambda x, v: tf.matrix_inverse(v),
        "Identity": lambda x, v: tf.identity(x),
        "given": lambda x, v: tf.square(x, name="given"),
    }.items(),
)
def test_operations_are_named_as_tensorflow_names_them(name, build):
    made = build(tf.placeholder(tf.float32, (None, 2)), tf.Variable(tf.zeros((2, 2))))
    assert (made if isinstance(made, tf.Operation) else made.op).name == name


def test_names_that_differ_by_case_only_are_numbered():
    x = tf.ones((2, 2))
    assert [t.op.name for t in (tf.matmul(x, x), x @ x)] == ["MatMul", "matmul_1"]


def test_constants_of_an_operation_go_under_its_name():
    x = tf.placeholder(tf.float32, ())
    y = tf.maximum(x, 0.0, name="relu")
    assert [t.name for t in y.op.inputs] == ["Placeholder:0", "relu/y:0"]
    assert [t.name for t in (x + 1).op.inputs] == ["Placeholder:0", "add/y:0"]


def test_scopes_nest_are_numbered_and_can_be_opened_again():
    names = []
    for _ in range(2):
        with tf.name_scope("outer") as scope, tf.name_scope("inner"):
            names.append(tf.constant(1, name="c").op.name)
    with tf.name_scope(scope):
        names.append(tf.constant(1, name="c").op.name)
        with tf.name_scope(None):
            names.append(tf.constant(1, name="c").op.name)
    assert names == ["outer/inner/c", "outer_1/inner/c", "outer_1/c", "c"]
    with pytest.raises(ValueError, match="not a valid scope name"), tf.name_scope("two words"):
        pass


def test_gradients_and_updates_go_under_scopes_of_their_own():
    w = tf.Variable(2.0, name="w")
    loss = tf.square(w, name="loss")
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    assert step.name == "GradientDescent"
    (gradient,) = step.inputs
    assert gradient.op.name.startswith("gradients/")


def test_things_are_found_by_name():
    x = tf.placeholder(tf.float32, (), name="x")
    y = tf.multiply(x, 2.0, name="deep/y")
    graph = tf.get_default_graph()
    assert graph.get_tensor_by_name("deep/y:0") is y
    assert graph.get_operation_by_name("deep/y") is y.op
    assert graph.as_graph_element("x:0") is x
    assert [op.name for op in graph.get_operations()] == ["x", "deep/y/y", "deep/y"]
    with tf.Session() as sess:
        assert sess.run("deep/y:0", {"x:0": 3}) == 6.0
        assert sess.run(y, {x: 3}) == 6.0
        with pytest.raises(ValueError, match="does not exist"):
            sess.run("z:0")
        with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
            sess.run(y, {"z:0": 1})
    with pytest.raises(KeyError):
        graph.get_tensor_by_name("nothing:0")
    with pytest.raises(ValueError, match="not a valid one"):
        graph.get_tensor_by_name("x:y")


def test_a_finalized_graph_takes_no_more_operations():
    tf.get_default_graph().finalize()
    with pytest.raises(RuntimeError, match="finalized"):
        tf.constant(1)


def test_the_default_graph_is_not_reset_within_a_block():
    with tf.Graph().as_default(), pytest.raises(AssertionError, match="nested graphs"):
        tf.reset_default_graph()


def test_tensors_print_as_tensorflows():
    x = tf.placeholder(tf.float32, (None, 3), name="x")
    assert str(x) == 'Tensor("x:0", shape=(?, 3), dtype=float32)'
    assert repr(x) == "<tf.Tensor 'x:0' shape=(?, 3) dtype=float32>"
    assert repr(x.op) == "<tf.Operation 'x' type=Placeholder>"
    assert repr(tf.Variable(1.0)) == "<tf.Variable 'Variable:0' shape=() dtype=float32>"
    assert str(tf.float32) == "<dtype: 'float32'>"
    assert (str(tf.placeholder(tf.int32).shape), repr(x.shape)) == ("<unknown>", "TensorShape([Dimension(None), Dimension(3)])")


def test_a_static_shape_knows_what_it_knows():
    shape = tf.placeholder(tf.float32, (None, 3)).get_shape()
    assert shape.as_list() == [None, 3]
    assert int(shape[1]) == 3
    assert shape[0].value is None
    assert (shape.ndims, len(shape), shape.is_fully_defined(), shape.num_elements()) == (2, 2, False, None)
    assert shape.is_compatible_with((5, 3))
    assert not shape.is_compatible_with((5, 4))
    assert shape[1] + 1 == 4
    assert (shape[0] + 1).value is None
    assert tf.zeros((shape[1], 2)).get_shape() == (3, 2)
    with pytest.raises(TypeError, match="unknown until a session runs"):
        int(shape[0])
    with pytest.raises(ValueError, match="not compatible"):
        shape.merge_with((4, 4))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x, y: x + y, (None, 3)),
        (lambda x, y: x + tf.ones((5, 1)), (5, 3)),
        (lambda x, y: tf.matmul(x, y, transpose_b=True), (None, None)),
        (lambda x, y: tf.matmul(tf.transpose(x), y), (3, 3)),
        (lambda x, y: tf.reduce_sum(x, 0), (3,)),
        (lambda x, y: tf.reduce_mean(x, axis=1, keepdims=True), (None, 1)),
        (lambda x, y: tf.reshape(x, [-1, 3, 1]), (None, 3, 1)),
        (lambda x, y: tf.reshape(x, [tf.shape(x)[0], 3]), (None, 3)),
        (lambda x, y: tf.reshape(x, tf.stack([3, -1])), (3, None)),
        (lambda x, y: tf.concat([x, y], 0), (None, 3)),
        (lambda x, y: tf.concat([x, y], 1), (None, 6)),
        (lambda x, y: tf.stack([x, y]), (2, None, 3)),
        (lambda x, y: tf.one_hot(tf.argmax(x, 1), 7), (None, 7)),
        (lambda x, y: tf.shape(x), (2,)),
        (lambda x, y: tf.zeros_like(x), (None, 3)),
        (lambda x, y: tf.zeros(tf.shape(x)), (None, 3)),
        (lambda x, y: tf.random_normal([tf.shape(x)[0], 2]), (None, 2)),
        (lambda x, y: tf.placeholder(tf.float32) + x, None),
        (lambda x, y: x[:, 1], (None,)),
        (lambda x, y: x[0], (3,)),
    ],
)
def test_static_shapes_follow(build, expected):
    out = build(tf.placeholder(tf.float32, (None, 3)), tf.placeholder(tf.float32, (None, 3)))
    assert out.get_shape().sizes == expected


@pytest.mark.parametrize(
    "build",
    [
        lambda: tf.ones((2, 3)) + tf.ones((4, 3)),
        lambda: tf.matmul(tf.ones((2, 3)), tf.ones((4, 3))),
        lambda: tf.matmul(tf.placeholder(tf.float32, (None, 3)), tf.ones((4, 3))),
        lambda: tf.matmul(tf.ones(3), tf.ones((3, 3))),
        lambda: tf.reshape(tf.ones((2, 3)), (4, 2)),
        lambda: tf.concat([tf.ones((2, 3)), tf.ones((2, 4))], 0),
        lambda: tf.add_n([tf.ones(2), tf.ones(3)]),
        lambda: tf.placeholder(tf.float32, (2,)).set_shape((3,)),
        lambda: tf.Variable(tf.placeholder(tf.float32, (None,))),
        lambda: tf.Variable(),
        lambda: tf.reduce_sum(tf.ones((2, 2)), 5),
        lambda: tf.constant("text"),
        lambda: tf.constant([[1.0], [1.0, 2.0]]),
        lambda: tf.matrix_inverse(tf.ones((2, 3))),
        lambda: tf.matrix_inverse(tf.ones((65, 65))),
        lambda: tf.gradients(tf.constant(1), []),
    ],
)
def test_what_does_not_fit_is_refused_when_the_graph_is_built(build):
    with pytest.raises((ValueError, TypeError)) as caught:
        build()
    assert (
        "test_v1_graph.py" in str(caught.value)
        or "must be specified" in str(caught.value)
        or "not compatible" in str(caught.value)
    )


def test_shapes_that_do_not_fit_in_a_run_name_the_operation_and_its_line():
    x = tf.placeholder(tf.float32, (None, 2))
    y = tf.placeholder(tf.float32, (None, 2))
    total = tf.add(x, y, name="total")
    with tf.Session() as sess, pytest.raises(tf.errors.InvalidArgumentError, match=r"\{\{node total\}\}") as caught:
        sess.run(total, {x: np.ones((3, 2)), y: np.ones((4, 2))})
    assert 'total = tf.add(x, y, name="total")' in str(caught.value)


def test_sizes_of_1_are_broadcast_when_they_are_fed():
    x = tf.placeholder(tf.float32, (None, 2))
    y = tf.placeholder(tf.float32, (None, 2))
    total = x + y
    with tf.Session() as sess:
        for n, m in ((3, 3), (3, 1), (1, 4), (1, 1), (5, 5), (5, 1), (0, 1)):
            a, b = np.arange(2.0 * n).reshape(n, 2), np.arange(2.0 * m).reshape(m, 2)
            same(sess.run(total, {x: a, y: b}), a + b)


def test_a_placeholder_of_unknown_shape_takes_any():
    x = tf.placeholder(tf.float32)
    y = tf.reduce_sum(tf.square(x) * 2.0)
    (slope,) = tf.gradients(y, [x])
    with tf.Session() as sess:
        for value in (3.0, [1.0, 2.0], np.ones((2, 3)), np.zeros((0, 2))):
            total, gradient = sess.run([y, slope], {x: value})
            same(total, 2 * np.sum(np.square(value)))
            same(gradient, 4 * np.asarray(value))
        with pytest.raises(tf.errors.InvalidArgumentError, match="shape <unknown>"):
            sess.run(y)


def test_collections_keep_what_is_put_in():
    v = tf.Variable(1.0, trainable=False, collections=["mine", tf.GraphKeys.GLOBAL_VARIABLES])
    tf.add_to_collection("things", 5)
    assert tf.get_collection("things") == [5]
    assert tf.get_collection("mine") == [v]
    assert tf.trainable_variables() == []
    w = tf.Variable(1.0, name="deep/w")
    assert tf.global_variables("deep") == [w]


def test_a_graph_is_a_picture_with_its_scopes():
    with tf.name_scope("loss"):
        y = tf.square(tf.placeholder(tf.float32, (None,), name="x"), name="square")
    items = {item.path: item for item in picture_of(y.graph).items}
    assert items["loss", "square"].inputs == (("loss", "x"),)
    assert items["loss", "square"].op == "Square"
    assert "loss" in tj.io.graph_dot(picture_of(y.graph))


def test_a_program_can_be_looked_at_and_names_the_scopes():
    x = tf.placeholder(tf.float32, (None,))
    with tf.name_scope("loss"):
        y = tf.reduce_sum(tf.exp(x), name="total")
    with tf.Session() as sess:
        program = sess.program(y, {x: [1.0, 2.0]})
    assert {node.where.scope for node in program.graph.nodes() if node.where} >= {"loss/Exp", "loss/total"}
    assert "exp" in program.source.text


def test_constants_may_be_given_a_shape():
    same(run(tf.constant(2.0, shape=(2, 2))), np.full((2, 2), 2))
    same(run(tf.constant([1, 2, 3, 4], shape=(2, 2))), [[1, 2], [3, 4]])
    same(run(tf.constant([1, 2], shape=(4,))), [1, 2, 2, 2])
    with pytest.raises(ValueError, match="Too many elements"):
        tf.constant([1, 2, 3], shape=(2,))


def test_a_constant_does_not_follow_its_array():
    array = np.ones(3)
    c = tf.constant(array)
    array[:] = 5
    same(run(c * 1.0), [1, 1, 1])


def test_names_of_eager_execution_say_how_to_get_it():
    with pytest.raises(AttributeError, match="enable_eager_execution"):
        tf.GradientTape  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tf.nothing  # noqa: B018


def test_devices_are_accepted():
    with tf.device("/gpu:0"), tf.get_default_graph().device("/cpu:0"):
        assert run(tf.constant(1.0)) == 1.0
