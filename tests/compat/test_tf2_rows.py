"""What the TensorFlow 2 tutorials rely on, one test for each thing; texts were read off TensorFlow 2.21."""

# ruff: noqa: NPY002, UP031  # as the tutorials have it

import matplotlib as mpl
import numpy as np
import pytest

import tracejit.compat.tensorflow as tf

mpl.use("agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def _seeded():
    tf.random.set_seed(0)
    np.random.seed(0)
    yield
    plt.close("all")


# custom training: basics


def test_adding_in_place_binds_the_name_to_a_new_tensor():
    x = y = tf.zeros([10, 10])
    x += 2
    assert float(tf.reduce_sum(y)) == 0.0
    row = "[2. 2. 2. 2. 2. 2. 2. 2. 2. 2.]"
    assert str(x) == "tf.Tensor(\n[" + "\n ".join([row] * 10) + "], shape=(10, 10), dtype=float32)"


@pytest.mark.parametrize("index", [0, (0, 0), slice(1), ...])
def test_a_tensor_cannot_be_assigned_to(index):
    x = tf.ones((2, 2))
    with pytest.raises(TypeError, match="'EagerTensor' object does not support item assignment"):
        x[index] = 0.0


def test_a_variable_takes_new_values():
    v = tf.Variable(1.0)
    assert v.numpy() == 1.0
    v.assign(3.0)
    assert v.numpy() == 3.0
    v.assign(tf.square(v))
    assert v.numpy() == 9.0


def test_assign_sub_and_scatter_update_change_a_variable():
    v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    v.assign_sub(tf.ones((3, 2)))
    np.testing.assert_array_equal(v.numpy(), [[0, 1], [2, 3], [4, 5]])
    v.scatter_update(tf.IndexedSlices([[7.0, 7.0], [9.0, 9.0]], [0, 2]))
    np.testing.assert_array_equal(v.numpy(), [[7, 7], [2, 3], [9, 9]])
    v.scatter_add(tf.IndexedSlices([[1.0, 1.0], [1.0, 1.0]], [1, 1]))
    v.scatter_sub(tf.IndexedSlices([[7.0, 7.0]], [0]))
    np.testing.assert_array_equal(v.numpy(), [[0, 0], [4, 5], [9, 9]])


def test_the_gradient_by_an_embedding_holds_only_the_rows_that_were_read():
    table = tf.Variable(tf.reshape(tf.range(8.0), (4, 2)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(tf.nn.embedding_lookup(table, [0, 0, 2])))
    rows = tape.gradient(loss, table)
    assert isinstance(rows, tf.IndexedSlices)
    np.testing.assert_array_equal(rows.indices, [0, 0, 2])
    np.testing.assert_array_equal(rows.values, [[0, 2], [0, 2], [8, 10]])
    np.testing.assert_array_equal(tf.convert_to_tensor(rows), [[0, 4], [0, 0], [8, 10], [0, 0]])
    table.scatter_sub(tf.IndexedSlices(rows.values * 0.5, rows.indices))
    np.testing.assert_array_equal(table.numpy(), [[0, -1], [2, 3], [0, 0], [6, 7]])


def test_a_variable_in_a_computation_is_tracked_without_being_asked():
    v = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = v * v
    assert tape.watched_variables() == (v,) and tape.watched_variables()[0] is v
    assert float(tape.gradient(y, v)) == 6.0


class Model:
    def __init__(self):
        self.W = tf.Variable(5.0)
        self.b = tf.Variable(0.0)

    def __call__(self, x):
        return self.W * x + self.b


def loss(predicted_y, desired_y):
    return tf.reduce_mean(tf.square(predicted_y - desired_y))


def train(model, inputs, outputs, learning_rate):
    with tf.GradientTape() as t:
        current_loss = loss(model(inputs), outputs)
    dW, db = t.gradient(current_loss, [model.W, model.b])
    model.W.assign_sub(learning_rate * dW)
    model.b.assign_sub(learning_rate * db)


def data(count=1000):
    inputs = tf.random.normal(shape=[count])
    return inputs, inputs * 3.0 + 2.0 + tf.random.normal(shape=[count])


def test_a_model_takes_a_number_and_gives_a_tensor():
    assert Model()(3.0).numpy() == 15.0
    assert isinstance(Model()(3.0), tf.Tensor)


def test_the_loss_is_the_mean_square_of_a_distance():
    out = loss(tf.constant([1.0, 4.0]), tf.constant([3.0, 4.0]))
    assert repr(out) == "<tf.Tensor: shape=(), dtype=float32, numpy=2.0>"


def test_a_shape_may_be_a_list():
    assert tf.random.normal(shape=[7]).shape == [7]
    assert tf.zeros([2, 3]).shape == (2, 3)


def test_tensors_go_straight_into_plots():
    inputs, outputs = data(50)
    model = Model()
    points = plt.scatter(inputs, outputs, c="b").get_offsets()
    np.testing.assert_allclose(points, np.stack([inputs.numpy(), outputs.numpy()], axis=1), rtol=1e-6)
    plt.scatter(inputs, model(inputs), c="r")
    assert len(inputs) == 50
    assert [float(x) for x in inputs] == inputs.numpy().tolist()


def test_the_untrained_model_has_a_loss_of_about_nine(capsys):
    inputs, outputs = data()
    (print("Current loss: "),)
    print(loss(Model()(inputs), outputs).numpy())
    first, second = capsys.readouterr().out.splitlines()
    assert first == "Current loss: "
    assert float(second) == pytest.approx(9, abs=1)


def test_a_tape_gives_a_list_of_gradients_for_a_list_of_variables():
    model = Model()
    with tf.GradientTape() as t:
        current_loss = loss(model(tf.constant([1.0, 2.0])), tf.constant([0.0, 0.0]))
    gradients = t.gradient(current_loss, [model.W, model.b])
    assert isinstance(gradients, list)
    np.testing.assert_allclose([g.numpy() for g in gradients], [25.0, 15.0])


def test_a_number_times_a_gradient_is_taken_from_a_variable():
    model = Model()
    model.W.assign_sub(0.1 * tf.constant(10.0))
    assert model.W.numpy() == 4.0


def test_tensors_are_formatted_as_numbers():
    assert "%1.2f" % tf.constant(5.0).numpy() == "5.00"
    assert "loss=%2.5f" % tf.constant(1.25) == "loss=1.25000"
    assert "%d" % tf.constant(3) == "3"


def test_ten_epochs_follow_the_theory(capsys):
    inputs, outputs = data()
    model = Model()
    weights, biases, losses = [], [], []
    for _ in range(10):
        weights.append(model.W.numpy())
        biases.append(model.b.numpy())
        losses.append(float(loss(model(inputs), outputs)))
        train(model, inputs, outputs, learning_rate=0.1)
    np.testing.assert_allclose(weights, 3 + 2 * 0.8 ** np.arange(10), atol=0.15)
    np.testing.assert_allclose(biases, 2 - 2 * 0.8 ** np.arange(10), atol=0.15)
    assert losses[0] == pytest.approx(9, abs=1) and losses[-1] == pytest.approx(1.2, abs=0.2)


def test_values_of_variables_are_plotted():
    values = [tf.Variable(float(i)).numpy() for i in range(3)]
    line, _ = plt.plot(range(3), values, "r", range(3), values, "b")
    plt.legend(["W", "b"])
    np.testing.assert_array_equal(line.get_ydata(), [0, 1, 2])


def test_an_optimizer_minimizes_and_applies_gradients():
    w = tf.Variable([1.0, 2.0])
    optimizer = tf.keras.optimizers.SGD(learning_rate=0.25)
    optimizer.minimize(lambda: tf.reduce_sum(w * w), [w])
    np.testing.assert_array_equal(w.numpy(), [0.5, 1.0])
    optimizer.apply_gradients([(tf.constant([1.0, 1.0]), w)])
    np.testing.assert_array_equal(w.numpy(), [0.25, 0.75])
    assert int(optimizer.iterations) == 2


# low-level operations


def test_ones_zeros_and_random_tensors_print_as_tensors():
    assert str(tf.ones(shape=(2, 1))) == "tf.Tensor(\n[[1.]\n [1.]], shape=(2, 1), dtype=float32)"
    assert str(tf.zeros(shape=(2, 1))) == "tf.Tensor(\n[[0.]\n [0.]], shape=(2, 1), dtype=float32)"
    normal = tf.random.normal(shape=(3, 1), mean=0, stddev=1.0)
    uniform = tf.random.uniform(shape=(3, 1), minval=0, maxval=1)
    for x in (normal, uniform):
        assert str(x) == f"tf.Tensor(\n{x.numpy()}, shape=(3, 1), dtype=float32)"
    assert (uniform.numpy() >= 0).all() and (uniform.numpy() < 1).all()


def test_a_variable_shows_its_name_shape_dtype_and_value():
    v = tf.Variable(tf.random.normal((3, 1)))
    assert repr(v) == str(v) == f"<tf.Variable 'Variable:0' shape=(3, 1) dtype=float32, numpy=\n{v.numpy()!r}>"
    assert repr(tf.Variable(3, name="x")) == "<tf.Variable 'x:0' shape=() dtype=int32, numpy=3>"


def test_assign_returns_the_variable():
    v = tf.Variable(tf.zeros((3, 1)))
    out = v.assign(tf.ones((3, 1)))
    assert isinstance(out, tf.Variable)
    assert repr(out).startswith("<tf.Variable 'UnreadVariable' shape=(3, 1) dtype=float32, numpy=\narray([[1.],")
    out.assign_add(tf.ones((3, 1)))
    np.testing.assert_array_equal(v.numpy(), [[2], [2], [2]])


def test_a_float64_array_is_added_to_a_float32_variable():
    v = tf.Variable(tf.ones((3, 1)))
    v.assign_add(np.array([[2.0], [0], [0]]))
    np.testing.assert_array_equal(v.numpy(), [[3], [1], [1]])
    assert v.dtype == tf.float32


@pytest.mark.parametrize(
    ("value", "shape"), [(np.array([[2.0], [0]]), "[2,1]"), (np.zeros(3), "[3]"), (1.0, "[]"), ([[1.0]], "[1,1]")]
)
@pytest.mark.parametrize("way", ["assign_add", "assign_sub"])
def test_assign_add_and_assign_sub_never_broadcast(way, value, shape):
    v = tf.Variable(tf.ones((3, 1)))
    text = f"Cannot update variable with shape [3,1] using a Tensor with shape {shape}, shapes must be equal"
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        getattr(v, way)(value)
    assert text in str(caught.value) and "test_tf2_rows.py" in str(caught.value)
    np.testing.assert_array_equal(v.numpy(), np.ones((3, 1)))


@pytest.mark.parametrize("value", [tf.ones((1, 1)), tf.ones((3,)), 1.0])
def test_assign_never_broadcasts(value):
    v = tf.Variable(tf.ones((3, 1)))
    with pytest.raises(ValueError, match=r"Cannot assign value to variable ' Variable:0': Shape mismatch\."):
        v.assign(value)


def test_the_derivative_of_a_line_is_its_slope():
    x = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        y = 2 * x + 3
    assert str(tape.gradient(y, x)) == "tf.Tensor(2.0, shape=(), dtype=float32)"


def test_the_gradient_of_many_elements_is_that_of_their_sum():
    x = tf.Variable(tf.zeros((2, 2)))
    with tf.GradientTape() as tape:
        y = 2 * x + 3
    assert str(tape.gradient(y, x)) == "tf.Tensor(\n[[2. 2.]\n [2. 2.]], shape=(2, 2), dtype=float32)"


def test_a_constant_has_a_gradient_when_it_is_watched():
    input_const = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(input_const)
        result = tf.square(input_const)
    assert repr(tape.gradient(result, input_const)) == "<tf.Tensor: shape=(), dtype=float32, numpy=6.0>"
    with tf.GradientTape() as tape:
        result = tf.square(input_const)
    assert tape.gradient(result, input_const) is None


def test_tapes_nest_for_second_derivatives():
    time = tf.Variable(5.0)
    with tf.GradientTape() as outer_tape:
        with tf.GradientTape() as inner_tape:
            position = 4.9 * time**2
        speed = inner_tape.gradient(position, time)
    acceleration = outer_tape.gradient(speed, time)
    assert str(speed) == "tf.Tensor(49.0, shape=(), dtype=float32)"
    assert str(acceleration) == "tf.Tensor(9.8, shape=(), dtype=float32)"


def test_the_gradient_by_a_broadcast_bias_is_summed():
    W = tf.Variable(tf.random.uniform((2, 2)))
    b = tf.Variable(tf.zeros((2,)))
    x = tf.random.uniform((2, 2))
    with tf.GradientTape() as tape:
        y = tf.matmul(x, W) + b
    by_W, by_b = tape.gradient(y, [W, b])
    assert by_W.shape == (2, 2)
    np.testing.assert_allclose(by_W.numpy(), np.repeat(x.numpy().sum(0)[:, None], 2, axis=1), rtol=1e-6)
    assert repr(by_b) == "<tf.Tensor: shape=(2,), dtype=float32, numpy=array([2., 2.], dtype=float32)>"


def test_a_tape_is_used_once_unless_it_is_persistent():
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)
    text = "A non-persistent GradientTape can only be used to compute one set of gradients"
    with pytest.raises(RuntimeError, match=text):
        tape.gradient(y, x)
    with tf.GradientTape(persistent=True) as tape:
        y = x * x
        z = y * x
    assert [float(tape.gradient(target, x)) for target in (y, z, y)] == [6.0, 27.0, 6.0]


def samples(count=1000):
    negative = np.random.multivariate_normal(mean=[0, 3], cov=[[1, 0.5], [0.5, 1]], size=count)
    positive = np.random.multivariate_normal(mean=[3, 0], cov=[[1, 0.5], [0.5, 1]], size=count)
    inputs = np.vstack((negative, positive)).astype(np.float32)
    return inputs, np.vstack((np.zeros((count, 1), "float32"), np.ones((count, 1), "float32")))


def test_arrays_of_numpy_are_operands_everywhere():
    inputs, targets = samples(20)
    out = tf.reduce_mean(tf.square(targets - tf.matmul(inputs, tf.ones((2, 1)))))
    np.testing.assert_allclose(out.numpy(), ((targets - inputs @ np.ones((2, 1), "f4")) ** 2).mean(), rtol=1e-6)
    x = tf.constant([1.0, 2.0])
    for y in (np.ones(2), np.ones(2, np.int64), np.float64(1), np.int32(1)):
        assert (x + y).dtype == (y + x).dtype == tf.float32
        np.testing.assert_array_equal(y + x, [2, 3])


def test_the_initial_value_may_be_given_by_keyword():
    W = tf.Variable(initial_value=tf.random.uniform(shape=(2, 1)))
    assert W.shape == (2, 1) and W.trainable


def classifier():
    W = tf.Variable(initial_value=tf.random.uniform(shape=(2, 1)))
    b = tf.Variable(initial_value=tf.zeros(shape=(1,)))

    def model(inputs):
        return tf.matmul(inputs, W) + b

    def square_loss(targets, predictions):
        per_sample_losses = tf.square(targets - predictions)
        return tf.reduce_mean(per_sample_losses)

    learning_rate = 0.1

    def training_step(inputs, targets):
        with tf.GradientTape() as tape:
            predictions = model(inputs)
            loss = square_loss(targets, predictions)
        grad_loss_W, grad_loss_b = tape.gradient(loss, [W, b])
        W.assign_sub(grad_loss_W * learning_rate)
        b.assign_sub(grad_loss_b * learning_rate)
        return loss

    return model, training_step


def test_a_training_step_of_ones_own_may_be_a_function():
    inputs, targets = samples(200)
    tf.random.set_seed(1)
    _, step = classifier()
    eager = [float(step(inputs, targets)) for _ in range(10)]
    tf.random.set_seed(1)
    _, step = classifier()
    compiled = tf.function(step)
    np.testing.assert_allclose([float(compiled(inputs, targets)) for _ in range(10)], eager, rtol=1e-5)
    assert compiled.compilations == 1


def test_forty_steps_bring_the_loss_to_about_three_hundredths():
    inputs, targets = samples()
    _, step = classifier()
    for number in range(40):
        loss = step(inputs, targets)
        assert f"Loss at step {number}: {loss:.4f}" == f"Loss at step {number}: {float(loss):.4f}"
    assert float(loss) == pytest.approx(0.03, abs=0.01)


def test_slices_and_comparisons_of_tensors_colour_a_plot():
    inputs, targets = samples(30)
    model, _ = classifier()
    predictions = model(inputs)
    mask = predictions[:, 0] > 0.5
    assert mask.dtype == tf.bool and mask.shape == (60,)
    points = plt.scatter(inputs[:, 0], inputs[:, 1], c=mask)
    np.testing.assert_array_equal(points.get_array(), mask.numpy())
    plt.scatter(inputs[:, 0], inputs[:, 1], c=targets[:, 0])


def test_keras_beyond_optimizers_is_refused_with_a_way_out():
    for name in ("Sequential", "layers", "Model"):
        with pytest.raises(AttributeError, match=rf"tracejit has no tf\.keras\.{name}(?s:.*)tf\.GradientTape and @tf\.function"):
            getattr(tf.keras, name)
