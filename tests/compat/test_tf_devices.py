"""TensorFlow's names on a device, on the emulated one: tf.device places what is written within, and operands go there."""

import sys

import numpy as np
import pytest

import tracejit as tj
import tracejit.compat.tensorflow as tf
from tracejit.runtime.cuda import driver as driver_module


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")


def is_there(x):
    return x.device.endswith("GPU:0")


X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize("name", ["/gpu:0", "GPU:0", "/GPU", "/device:GPU:0", "/job:localhost/replica:0/task:0/device:GPU:0"])
def test_a_gpu_goes_by_many_names(name):
    with tf.device(name):
        assert is_there(tf.constant([1.0]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: tf.constant(X),
        lambda: tf.constant([1, 2]),
        lambda: tf.constant(3.0),
        lambda: tf.zeros((2, 3)),
        lambda: tf.ones_like(X),
        lambda: tf.fill((2, 2), 7.0),
        lambda: tf.range(5),
        lambda: tf.linspace(0.0, 1.0, 5),
        lambda: tf.eye(3),
        lambda: tf.convert_to_tensor(X),
        lambda: tf.identity(tf.constant(X)),
        lambda: tf.reshape(X, (3, 2)),
        lambda: tf.transpose(X),
        lambda: tf.matmul(X, X, transpose_b=True),
        lambda: tf.constant(X) + 1.0,
        lambda: 2.0 * tf.constant(X),
        lambda: tf.concat([X, X], 0),
        lambda: tf.gather(X, [1, 0]),
        lambda: tf.where(X > 2, X, 0.0),
        lambda: tf.where(X > 2),
        lambda: tf.one_hot([0, 2], 3),
        lambda: tf.reduce_mean(X, 0),
        lambda: tf.argmax(X, 1),
        lambda: tf.cast(X, tf.int32),
        lambda: tf.nn.softmax(X),
        lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([0, 2], X),
        lambda: tf.constant(X)[:, 1:],
        lambda: tf.constant(X) > 2.0,
        lambda: tf.random.uniform((2, 3), seed=3),
        lambda: tf.Variable(X).value(),
        lambda: tf.stack([tf.constant(1.0), tf.constant(2.0)]),
        lambda: tf.math.unsorted_segment_sum(X, [0, 0], 2),
        lambda: tf.einsum("ij,kj->ik", X, X),
    ],
)
def test_what_is_computed_within_is_there_and_the_same(make):
    tf.random.set_seed(0)
    expected = make()
    tf.random.set_seed(0)
    with tf.device("/GPU:0"):
        found = make()
    assert is_there(found) and not is_there(expected) and found.dtype == expected.dtype and found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)


def test_operations_run_where_the_innermost_device_says():
    with tf.device("/GPU:0"):
        x = tf.constant(X)
        with tf.device("/CPU:0"):
            y, z = x * 2.0, tf.identity(x)
            assert not is_there(y) and not is_there(z) and is_there(x)
        with tf.device(None):
            assert is_there(y + 1.0)
    np.testing.assert_array_equal(y.numpy(), X * 2)


def test_outside_operands_go_where_one_of_them_is():
    with tf.device("/GPU:0"):
        there, w = tf.constant(X), tf.Variable(X)
    here, v = tf.constant(X), tf.Variable(X)
    for found in (there + here, here * there, w - here, tf.matmul(here, there, transpose_b=True), v + there):
        assert is_there(found)
    assert not is_there(here + here)
    v.assign(there * 2.0)
    v.assign_add(there)
    w.assign_sub(here)
    assert not is_there(v) and is_there(w)
    np.testing.assert_array_equal(v.numpy(), X * 3)
    np.testing.assert_array_equal(w.numpy(), X * 0)


def test_a_value_that_was_read_stays_when_the_variable_is_assigned():
    with tf.device("/GPU:0"):
        v = tf.Variable([1.0, 2.0])
        before, part = v.value(), v[:1]
        v.assign([5.0, 6.0])
    assert before.numpy().tolist() == [1, 2] and part.numpy().tolist() == [1] and v.numpy().tolist() == [5, 6]
    w = tj.Variable(X, device="cuda")
    first = w.value()
    w.assign(X * 0)
    np.testing.assert_array_equal(first.numpy(), X)


def test_tapes_go_from_device_to_device():
    with tf.device("/GPU:0"):
        w = tf.Variable([1.0, 2.0])
    v = tf.Variable([3.0, 4.0])
    with tf.GradientTape() as tape:
        a = w * v
        with tf.device("/GPU:0"):
            b = tf.reduce_sum(a * tf.constant([1.0, 10.0]))
        with tf.device("/CPU:0"):
            c = tf.identity(b) * 2.0
    assert is_there(a) and is_there(b) and not is_there(c)
    by_w, by_v = tape.gradient(c, [w, v])
    assert by_w.numpy().tolist() == [6, 80] and by_v.numpy().tolist() == [2, 40]


def test_second_derivatives_are_there():
    with tf.device("/GPU:0"):
        x = tf.Variable(2.0)
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                y = x**3
            slope = inner.gradient(y, x)
        curve = outer.gradient(slope, x)
    assert is_there(slope) and is_there(curve) and (slope.numpy(), curve.numpy()) == (12, 12)


def test_functions_take_tensors_that_are_elsewhere():
    with tf.device("/GPU:0"):
        w = tf.Variable(np.float32([[1], [2], [3]]))

    @tf.function
    def f(x):
        return tf.matmul(x, w)

    for x in (tf.constant(X), X, tf.constant(X) * 2.0):
        found = f(x)
        assert is_there(found)
        np.testing.assert_allclose(found.numpy(), np.asarray(x) @ np.float32([[1], [2], [3]]))


def test_a_device_within_a_function_is_that_of_its_program():
    @tf.function
    def f(x):
        with tf.device("/GPU:0"):
            return x + 1.0

    assert is_there(f(tf.constant(X)))
    assert not is_there(tf.function(lambda x: x + 1.0)(tf.constant(X)))


def test_values_are_printed_and_checked_where_they_are(capsys):
    with tf.device("/GPU:0"):
        x = tf.constant([1.0, 2.0])
        tf.print(x, x[0])
        tf.debugging.assert_equal(x, [1.0, 2.0])
        tf.function(lambda x: tf.print(x * 2.0))(x)
    assert capsys.readouterr().err == "[1 2] 1\n[2 4]\n"
    assert f"{x[1]:.2f}" == "2.00" and float(x[0]) == 1 and [float(a) for a in x] == [1, 2] and len(x) == 2
    assert repr(x) == "<tf.Tensor: shape=(2,), dtype=float32, numpy=array([1., 2.], dtype=float32)>"


def test_a_run_without_a_device_copies_nothing():
    ledger = driver_module._driver("emulate").ledger
    with tf.device("/GPU:0"):
        x = tf.constant(X)
    before = dict(ledger.counts)
    y = tf.reduce_sum(tf.exp(x) * 2.0)
    assert is_there(y) and ledger.counts["downloads"] == before.get("downloads", 0)


@pytest.mark.parametrize(
    "make", [tf.keras.optimizers.SGD, tf.keras.optimizers.Adam, tf.keras.optimizers.RMSprop, tf.keras.optimizers.Adagrad]
)
def test_optimizers_update_on_the_device(make):
    def train(place):
        with tf.device(place):
            w, optimizer = tf.Variable([1.0, -2.0]), make(0.1)
            for _ in range(3):
                with tf.GradientTape() as tape:
                    loss = tf.reduce_sum(w**2)
                optimizer.apply_gradients([(tape.gradient(loss, w), w)])
        return w

    found, expected = train("/GPU:0"), train("/CPU:0")
    assert is_there(found)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5)


# -------------------------------------------------------------------------------------------------------- TensorFlow 1


@pytest.fixture
def v1():
    import tracejit.compat.tensorflow.v1 as v1

    v1.reset_default_graph()
    yield v1
    v1.reset_default_graph()


def built(v1, place):
    """A variable, and a step of training, on a device."""
    with v1.device(place):
        w = v1.Variable([[1.0], [2.0], [3.0]])
        x = v1.placeholder(v1.float32, (None, 3))
        loss = v1.reduce_mean(v1.square(v1.matmul(x, w)))
        return w, x, loss, v1.train.GradientDescentOptimizer(0.01).minimize(loss)


def trained(v1, w, x, loss, step, **options):
    with v1.Session(**options) as session:
        session.run(v1.global_variables_initializer())
        losses = [session.run([loss, step], {x: X})[0] for _ in range(3)]
        return session.device, losses, session.run(w)


def test_a_session_runs_where_its_graph_asks_for(v1):
    there, found, w = trained(v1, *built(v1, "/gpu:0"))
    here, expected, v = trained(v1, *built(v1, "/cpu:0"), config=v1.ConfigProto(device_count={"GPU": 0}))
    assert (there, here) == ("cuda", "cpu") and type(found[0]) is np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(w, v, rtol=1e-5)


def test_operations_know_the_device_that_was_asked_for(v1):
    with v1.device("/gpu:0"):
        a = v1.zeros(2)
        with v1.device("/cpu:0"):
            b = v1.zeros(2)
        with v1.device(None):
            c = v1.zeros(2)
        w = v1.Variable(1.0)
    with v1.device(lambda op: "/gpu:0" if op.type == "MatMul" else "/cpu:0"):
        d = v1.ones((2, 2))
        e = v1.matmul(d, d)
    places = [x.device for x in (a, b, c, w, d, e, v1.zeros(2))]
    assert places == ["/device:GPU:0", "/device:CPU:0", "", "/device:GPU:0", "/device:CPU:0", "/device:GPU:0", ""]
    with pytest.raises(ValueError, match="got '/gpu:1'; there are '/CPU:0' and '/GPU:0'"), v1.device("/gpu:1"):
        pass


def test_an_interactive_session_is_placed_when_it_first_runs(v1):
    session = v1.InteractiveSession()
    try:
        with v1.device("/gpu:0"):
            x = v1.constant([1.0, 2.0]) * 3.0
        assert x.eval().tolist() == [3, 6] and session.device == "cuda"
    finally:
        session.close()


def test_a_graph_that_asks_for_a_gpu_that_is_not_there_is_an_error_unless_placement_is_soft(v1, monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "driver")
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    monkeypatch.setattr(driver_module, "_driver", driver_module._driver.__wrapped__)  # which remembers no GPU
    made = built(v1, "/gpu:0")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        trained(v1, *made)
    text = str(caught.value)
    assert "Cannot assign a device for operation" in text and "explicitly assigned to /device:GPU:0" in text
    assert 'pip install "tracejit[cuda]"' in text and "allow_soft_placement=True" in text and "test_tf_devices.py" in text
    config = v1.ConfigProto(log_device_placement=True)
    config.allow_soft_placement = True
    config.gpu_options.allow_growth = True
    assert trained(v1, *made, config=config)[0] == "cpu"


def test_what_is_made_like_a_tensor_is_where_it_is():
    with tf.device("/GPU:0"):
        x, w = tf.constant(X), tf.Variable(X)
    assert is_there(tf.zeros_like(x)) and is_there(tf.ones_like(x)) and not is_there(tf.zeros_like(tf.constant(X)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(w)
    assert is_there(tape.gradient(loss, w))
