"""tf.function: arguments, results, methods, signatures, variables, printing, errors."""

import numpy as np
import pytest

import tracejit.compat.tensorflow as tf


def test_one_program_serves_all_sizes_and_numbers():
    @tf.function
    def scaled(x, rate):
        return tf.reduce_sum(x * rate, axis=0)

    assert scaled(tf.ones((3, 2)), 0.5).numpy().tolist() == [1.5, 1.5]
    assert scaled(tf.ones((7, 4)), 2.0).numpy().tolist() == [14, 14, 14, 14]
    assert scaled.compilations == scaled.experimental_get_tracing_count() == 1
    assert isinstance(scaled(np.ones((3, 2), np.float32), 1.0), tf.Tensor)
    assert "def step" in str(scaled.source()) and "tf.function scaled" in repr(scaled)


def test_numbers_of_the_run_compute_as_pythons():
    @tf.function
    def f(x, n, rate):
        return x * (2 * rate + 1) + n // 2, rate * 2, x**n

    wide = np.ones(2)
    found = f(wide, 3, 0.25)
    assert [t.dtype for t in found] == [tf.float64, tf.float32, tf.float64]
    assert found[0].numpy().tolist() == [2.5, 2.5] and float(found[1]) == 0.5
    assert f(tf.constant([1, 2]), 3, 1)[0].numpy().tolist() == [4, 7]


def test_structures_come_back_as_they_are():
    @tf.function
    def f(x, extra):
        return {"a": [x, 1.5, None], "b": (x + extra["y"][0], "text")}

    out = f(tf.ones(2), {"y": [tf.constant([1.0, 2.0])]})
    assert out["a"][0].numpy().tolist() == [1, 1] and float(out["a"][1]) == 1.5 and out["a"][2] is None
    assert out["b"][0].numpy().tolist() == [2, 3] and out["b"][1] == "text"


def test_a_method_has_programs_for_each_object():
    class Model:
        def __init__(self, w):
            self.w = tf.Variable(w)

        @tf.function
        def __call__(self, x):
            return self.w * x

    one, two = Model(2.0), Model(5.0)
    assert [float(one(tf.constant(3.0))), float(two(tf.constant(3.0))), float(one(tf.constant(4.0)))] == [6, 15, 8]
    one.w.assign(10.0)
    assert float(one(tf.constant(3.0))) == 30
    assert Model.__call__.compilations == 2


def test_a_variable_may_be_made_in_the_first_call():
    class Layer:
        w = None

        @tf.function
        def __call__(self, x):
            if self.w is None:
                self.w = tf.Variable(tf.ones((3, 1)) * 2, name="w")
            return tf.matmul(x, self.w)

    layer = Layer()
    assert layer(tf.ones((2, 3))).numpy().ravel().tolist() == [6, 6]
    assert repr(layer.w).startswith("<tf.Variable 'w:0' shape=(3, 1)")


def test_variables_are_arguments_and_results():
    v = tf.Variable([1.0, 2.0])

    @tf.function
    def doubled(v, table):
        v.assign(v * 2)
        return v, table["v"] is v

    out, same = doubled(v, {"v": v})
    assert out.numpy().tolist() == [2, 4] and v.numpy().tolist() == [2, 4] and bool(same)


def test_an_input_signature_casts_and_fixes_shapes():
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def total(x):
        return tf.reduce_sum(x, axis=0), tf.shape(x)[0]

    for x in (tf.ones((3, 2)), np.ones((3, 2)), [[1.0, 1.0]] * 3):
        sums, count = total(x)
        assert sums.numpy().tolist() == [3, 3] and int(count) == 3
    with pytest.raises(ValueError, match="does not fit the input signature"):
        total(tf.ones((3, 3)))
    assert repr(tf.TensorSpec((None, 2), tf.float32)) == "TensorSpec(shape=(None, 2), dtype=tf.float32, name=None)"
    assert total.get_concrete_function(tf.TensorSpec([None, 2])) is total


def test_shapes_stay_open_through_tf_shape():
    @tf.function
    def f(x):
        n = tf.shape(x)[0]
        return tf.reshape(x, [-1]), tf.zeros([n, 1]), tf.zeros(tf.shape(x)), tf.range(n), tf.cast(n, tf.float32) / 2

    for rows in (3, 5):
        flat, column, whole, places, half = f(tf.ones((rows, 4)))
        assert (flat.shape, column.shape, whole.shape) == ((4 * rows,), (rows, 1), (rows, 4))
        assert places.numpy().tolist() == list(range(rows)) and float(half) == rows / 2
    assert f.compilations == 1


def test_functions_call_functions_and_run_under_tapes():
    @tf.function
    def inner(x):
        return x * x

    @tf.function
    def outer(x):
        return inner(x) + 1.0

    assert float(outer(tf.constant(3.0))) == 10.0 and outer.compilations == 1 and inner.compilations == 0
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        y = outer(x * 2.0)
    assert float(tape.gradient(y, x)) == 24.0


def test_a_tape_in_a_function_is_part_of_the_program():
    x = tf.Variable([1.0, 2.0])

    @tf.function
    def gradient(scale):
        with tf.GradientTape() as outer, tf.GradientTape() as inner:
            y = tf.reduce_sum(x**3) * scale
            slope = inner.gradient(y, x)
        return slope, outer.gradient(slope, x)

    slope, curve = gradient(2.0)
    np.testing.assert_allclose(slope, [6, 24], rtol=1e-6)
    np.testing.assert_allclose(curve, [12, 24], rtol=1e-6)


def test_random_draws_in_a_function_are_new_in_each_call():
    @tf.function
    def draw():
        return tf.random.normal((3,)), tf.random.uniform((3,), seed=5), tf.nn.dropout(tf.ones(50), 0.5)

    tf.random.set_seed(1)
    first, second = draw(), draw()
    assert all((a.numpy() != b.numpy()).any() for a, b in zip(first, second, strict=True))
    tf.random.set_seed(1)
    for a, b in zip(first, draw(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_printing_in_a_function_shows_the_values_of_each_run(capsys):
    @tf.function
    def inner(x):
        tf.print("inner", x)
        return x + 1

    @tf.function
    def f(x):
        tf.print("x is", x, output_stream=None)
        return inner(x)

    assert float(f(tf.constant(1.0))) == 2.0 and float(f(tf.constant(5.0))) == 6.0
    assert capsys.readouterr().err == "x is 1\ninner 1\nx is 5\ninner 5\n"


def test_a_function_updates_what_it_holds_in_one_program():
    table = tf.Variable(tf.ones((4, 2)))

    @tf.function
    def step(places):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(tf.gather(table, places)))
        rows = tape.gradient(loss, table)
        table.scatter_sub(tf.IndexedSlices(rows.values * 0.25, rows.indices))
        return loss

    assert float(step(tf.constant([0, 0, 2]))) == 6.0
    np.testing.assert_array_equal(table, [[0, 0], [1, 1], [0.5, 0.5], [1, 1]])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (lambda x: x if tf.reduce_sum(x) > 0 else -x, "Using a symbolic `tf.Tensor` as a Python `bool` is not allowed"),
        (lambda x: float(x[0]), "Using a symbolic `tf.Tensor` as a Python `float` is not allowed"),
        (lambda x: [y for y in x], "Iterating over a symbolic `tf.Tensor` whose length is open is not allowed"),  # noqa: C416
        (lambda x: x.numpy(), r"Asking a symbolic `tf.Tensor` for numpy\(\) is not allowed"),
        (lambda x: np.sum(x), "Converting a symbolic `tf.Tensor` to a NumPy array is not allowed"),
    ],
)
def test_values_are_not_known_while_a_function_is_traced(body, text):
    with pytest.raises(tf.errors.OperatorNotAllowedInGraphError, match=text) as caught:
        tf.function(body)(tf.ones(3))
    assert "cure: " in str(caught.value) and "at test_tf2_functions.py" in str(caught.value)


def test_mistakes_in_a_function_are_named_with_their_line():
    v = tf.Variable(tf.ones((3, 1)))
    text = r"Cannot update variable with shape \[3,1\] using a Tensor with shape \[n,1\], shapes must be equal"
    with pytest.raises(tf.errors.InvalidArgumentError, match=text):
        tf.function(lambda x: v.assign_add(x))(tf.ones((2, 1)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible shapes"):
        tf.function(lambda x, y: x + y)(tf.ones((2, 3)), tf.ones((2, 4)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds"):
        tf.function(lambda x, i: tf.gather(x, i))(tf.range(3.0), tf.constant([1, 9]))
    assert v.numpy().tolist() == [[1], [1], [1]]


def test_a_traced_tensor_shows_its_operation():
    seen = []

    @tf.function
    def f(x):
        seen.append((repr(x + 1.0), tf.executing_eagerly()))
        return x

    f(tf.ones((2, 3)))
    assert seen[0] == ('Tensor("add", shape=(n, m), dtype=float32)', False)


def test_options_of_tensorflow_are_taken_and_others_refused():
    assert float(tf.function(lambda x: x, jit_compile=True, reduce_retracing=True)(tf.constant(1.0))) == 1.0
    with pytest.raises(TypeError, match="unexpected keyword argument 'inputs'"):
        tf.function(inputs=1)
