"""GradientTape: conventions at kinks, what is watched, second use, nesting, weights, optimizers on top."""

import numpy as np
import pytest

import tracejit.compat.tensorflow as tf

ONCE = "A non-persistent GradientTape can only be used to compute one set of gradients"


def slopes(function, *points):
    """Gradients of the sum of a function by each of its arguments."""
    tensors = [tf.constant(p) for p in points]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        out = function(*tensors)
    return [g.numpy().tolist() if g is not None else None for g in tape.gradient(out, tensors)]


@pytest.mark.parametrize(
    ("function", "points", "expected"),
    [
        (tf.maximum, ([0.0, 1.0], [0.0, 1.0]), [[1, 1], [0, 0]]),
        (tf.minimum, ([0.0, 1.0], [0.0, 1.0]), [[1, 1], [0, 0]]),
        (lambda x: tf.maximum(x, 0.0), ([-1.0, 0.0, 2.0],), [[0, 1, 1]]),
        (lambda x: tf.maximum(0.0, x), ([-1.0, 0.0, 2.0],), [[0, 0, 1]]),
        (lambda x: tf.maximum(x, tf.zeros(1)), ([-1.0, 0.0, 2.0],), [[0, 1, 1]]),
        (tf.nn.relu, ([-1.0, 0.0, 2.0],), [[0, 0, 1]]),
        (lambda x: tf.clip_by_value(x, 0.0, 1.0), ([-1.0, 0.0, 0.5, 1.0, 2.0],), [[0, 1, 1, 1, 0]]),
        (tf.abs, ([0.0, -2.0],), [[0, -1]]),
        (tf.nn.relu6, ([0.0, 3.0, 6.0],), [[0, 1, 0]]),
        (tf.nn.leaky_relu, ([0.0],), [[pytest.approx(0.2)]]),
        (lambda x: tf.where(x > 0, tf.sqrt(x), 0.0), ([0.0, 1.0],), [[0, 0.5]]),
        (tf.reduce_max, ([2.0, 1.0, 2.0],), [[0.5, 0, 0.5]]),
        (tf.reduce_min, ([1.0, 1.0, 2.0],), [[0.5, 0.5, 0]]),
        (tf.reduce_prod, ([0.0, 2.0, 3.0],), [[6, 0, 0]]),
        (lambda x: x**0, ([0.0, 2.0],), [[0, 0]]),
        (tf.math.reduce_std, ([1.0, 1.0],), [[0, 0]]),
        (tf.floor, ([1.5],), [None]),
        (lambda x: x % 2.0, ([1.5],), [[1]]),
        (lambda x: tf.cast(x, tf.int32), ([1.5],), [None]),
        (lambda x: tf.cast(x, tf.float64), ([1.5],), [[1]]),
        (lambda x: tf.stop_gradient(x) * x, ([3.0],), [[3]]),
        (lambda x: tf.math.divide_no_nan(x, x), ([0.0, 1.0],), [[0, 0]]),
        (lambda x: tf.math.xlogy(x, x), ([0.0, 1.0],), [[0, 1]]),
        (tf.math.squared_difference, ([1.0], [3.0]), [[-4], [4]]),
        (lambda x: tf.gather(x, [0, 0]), ([1.0, 2.0],), [[2, 0]]),
        (lambda x: tf.concat([x, x], 0), ([1.0],), [[2]]),
    ],
)
def test_gradients_at_kinks_are_tensorflows_or_finite(function, points, expected):
    assert slopes(function, *points) == expected


def test_the_gradient_of_a_maximum_with_a_nan_is_where_the_nan_is():
    x, y = np.array([np.nan, 1.0, np.nan], "f4"), np.array([1.0, np.nan, np.nan], "f4")
    for way, theirs in ((tf.maximum, np.maximum), (tf.minimum, np.minimum)):
        np.testing.assert_array_equal(way(x, y), theirs(x, y))
        np.testing.assert_array_equal(way(x, 0.0), theirs(x, np.float32(0)))
        np.testing.assert_array_equal(way(0.0, tf.constant(x)), theirs(np.float32(0), x))


def test_structures_of_sources_and_targets():
    x, y = tf.Variable(3.0), tf.Variable(2.0)
    with tf.GradientTape(persistent=True) as tape:
        a, b = x * y, x + y
    found = tape.gradient(a, {"b": y, "a": (x,)})
    assert float(found["b"]) == 3.0 and isinstance(found["a"], tuple) and float(found["a"][0]) == 2.0
    assert list(found) == ["b", "a"]
    assert float(tape.gradient([a, b], x)) == 3.0
    assert float(tape.gradient(a, x, output_gradients=tf.constant(5.0))) == 10.0
    assert float(tape.gradient(a, x, output_gradients=5.0)) == 10.0


def test_what_is_not_watched_has_no_gradient():
    x, fixed, count = tf.Variable(3.0), tf.Variable(2.0, trainable=False), tf.Variable(3)
    with tf.GradientTape(persistent=True) as tape:
        y = x * fixed + tf.cast(count, tf.float32)
    assert [tape.gradient(y, v) for v in (fixed, count, tf.constant(1.0))] == [None, None, None]
    assert float(tape.gradient(y, fixed, unconnected_gradients=tf.UnconnectedGradients.ZERO)) == 0.0
    assert float(tape.gradient(y, fixed, unconnected_gradients="zero")) == 0.0
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        y = x * tf.Variable(2.0)
    assert float(tape.gradient(y, x)) == 2.0


def test_an_update_under_the_tape_changes_where_the_derivative_is_taken():
    x = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        x.assign_add(1.0)
        y = x * x
    assert float(tape.gradient(y, x)) == 6.0


def test_recording_can_pause_and_start_again():
    x = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = x * x
        with tape.stop_recording():
            z = x * x
        u = y * x
    assert tape.gradient(z, x) is None
    assert [float(tape.gradient(t, x)) for t in (y, u)] == [6.0, 27.0]
    with tf.GradientTape() as tape:
        x * x
        tape.reset()
        y = 3 * x
    assert float(tape.gradient(y, x)) == 3.0


def test_a_gradient_inside_its_own_tape():
    x = tf.Variable(3.0)
    with tf.GradientTape(persistent=True) as tape:
        y = x * x * x
        z = tape.gradient(y, x) * x
    assert float(tape.gradient(z, x)) == 81.0


def test_a_jacobian_has_a_row_for_each_element():
    x = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        y = tf.stack([x[0] * x[1], x[0] ** 2, x[1]])
    np.testing.assert_array_equal(tape.jacobian(y, x), [[2, 1], [2, 0], [0, 1]])


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (lambda t: t.watch(3.0), ValueError, "Passed in object 3.0 of type 'float', not tf.Tensor or tf.Variable"),
        (lambda t: t.watch(np.ones(2)), ValueError, "of type 'ndarray', not tf.Tensor or tf.Variable"),
        (lambda t: t.gradient(3.0, tf.Variable(1.0)), TypeError, "a target is a float; it must be a tf.Tensor or tf.Variable"),
        (lambda t: t.gradient(tf.constant(1.0), 2.0), TypeError, "a source is a float"),
        (lambda t: t.__enter__(), ValueError, "Tape is still recording"),
    ],
)
def test_what_is_no_tensor_is_refused(body, kind, text):
    with tf.GradientTape() as tape, pytest.raises(kind, match=text):
        body(tape)


def test_watching_an_integer_warns():
    x = tf.constant(3)
    with tf.GradientTape() as tape:
        with pytest.warns(RuntimeWarning, match="must be floating"):
            tape.watch(x)
        y = x * x
    assert tape.gradient(y, x) is None


def test_rows_are_dense_where_more_than_rows_was_read():
    table = tf.Variable(tf.ones((3, 2)))
    with tf.GradientTape(persistent=True) as tape:
        rows, whole = tf.gather(table, [0]), tf.reduce_sum(table)
        loss = tf.reduce_sum(rows) + whole
    np.testing.assert_array_equal(tape.gradient(loss, table), [[2, 2], [1, 1], [1, 1]])


def test_rows_of_several_reads_are_joined():
    table = tf.Variable(tf.ones((4, 2)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [[0, 1]])) + 2 * tf.reduce_sum(tf.gather(table, 3))
    rows = tape.gradient(loss, table)
    assert isinstance(rows, tf.IndexedSlices) and rows.dense_shape == (4, 2) and rows.dtype == tf.float32
    np.testing.assert_array_equal(rows.indices, [0, 1, 3])
    table.assign_sub(rows)
    np.testing.assert_array_equal(table, [[0, 0], [0, 0], [1, 1], [-1, -1]])


OPTIMIZERS = {  # what Keras 3 gives after two steps
    "SGD(0.1)": ([0.64, -1.28, 1.92], 0.64),
    "SGD(0.1, momentum=0.9)": ([0.46, -0.92, 1.38], 0.46),
    "SGD(0.1, momentum=0.9, nesterov=True)": ([0.2224, -0.4448, 0.6672], 0.2224),
    "Adam(0.1)": ([0.80041, -1.80017, 2.8001], 0.80041),
    "AdamW(0.1)": ([0.79966, -1.79861, 2.79775], 0.79966),
    "Adagrad(0.1)": ([0.83474, -1.83154, 2.83068], 0.83474),
    "RMSprop(0.1)": ([0.49887, -1.47388, 2.46682], 0.49887),
    "SGD(0.1, clipvalue=0.5)": ([0.9, -1.9, 2.9], 0.9),
}


@pytest.mark.parametrize("how", ["at once", "compiled"])
@pytest.mark.parametrize("text", OPTIMIZERS)
def test_optimizers_step_as_keras_does(text, how):
    optimizer = eval(f"tf.keras.optimizers.{text}")
    w, b = tf.Variable([1.0, -2.0, 3.0]), tf.Variable(1.0)

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(w * w) + b * b
        optimizer.apply_gradients(zip(tape.gradient(loss, [w, b]), [w, b], strict=True))

    step = step if how == "at once" else tf.function(step)
    step()
    step()
    expected, other = OPTIMIZERS[text]
    np.testing.assert_allclose(w.numpy(), expected, atol=2e-5)
    np.testing.assert_allclose(b.numpy(), other, atol=2e-5)
    assert int(optimizer.iterations) == 2


def test_learning_rates_may_change():
    w = tf.Variable(0.0)
    optimizer = tf.keras.optimizers.SGD(tf.keras.optimizers.schedules.PiecewiseConstantDecay([1], [1.0, 0.5]))
    for expected in (-1.0, -2.0, -2.5):
        optimizer.apply_gradients([(tf.constant(1.0), w)])
        assert w.numpy() == expected
    optimizer = tf.keras.optimizers.SGD(0.5)
    assert repr(optimizer.learning_rate) == "<tf.Tensor: shape=(), dtype=float32, numpy=0.5>"
    optimizer.learning_rate = 0.25
    optimizer.apply_gradients([(tf.constant(2.0), w)])
    assert w.numpy() == -3.0
    decay = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    assert float(decay(10)) == pytest.approx(0.05)


def test_variables_without_a_gradient_are_passed_over_but_not_all():
    w, b = tf.Variable(1.0), tf.Variable(1.0)
    optimizer = tf.keras.optimizers.Adam(0.1)
    optimizer.apply_gradients([(tf.constant(1.0), w), (None, b)])
    assert b.numpy() == 1.0 and w.numpy() < 1.0
    assert [v.name for v in optimizer.variables] == ["adam/step:0", "Variable/m:0", "Variable/v:0"]
    with pytest.raises(ValueError, match="No gradients provided for any variable"):
        optimizer.apply_gradients([(None, b)])
    with pytest.raises(ValueError, match="`tape` is required when a `Tensor` loss is passed"):
        optimizer.minimize(tf.constant(1.0), [w])


def test_a_sparse_gradient_goes_into_an_optimizer():
    table = tf.Variable(tf.ones((3, 2)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [1, 1]))
    tf.keras.optimizers.SGD(0.25).apply_gradients([(tape.gradient(loss, table), table)])
    np.testing.assert_array_equal(table, [[1, 1], [0.5, 0.5], [1, 1]])
