"""Tensors and variables: how they print, what they convert to, which dtypes meet, and what is refused with which words."""

import sys

import numpy as np
import pytest

import tracejit.compat.tensorflow as tf

InvalidArgument = tf.errors.InvalidArgumentError

X = tf.constant([[1.0, 2.0], [3.0, 4.0]])
I = tf.constant([1, 2])  # noqa: E741  (integers)
S = tf.constant(2.0)


@pytest.mark.parametrize(
    ("value", "shown", "printed"),
    [
        (2.0, "<tf.Tensor: shape=(), dtype=float32, numpy=2.0>", "tf.Tensor(2.0, shape=(), dtype=float32)"),
        (3, "<tf.Tensor: shape=(), dtype=int32, numpy=3>", "tf.Tensor(3, shape=(), dtype=int32)"),
        (True, "<tf.Tensor: shape=(), dtype=bool, numpy=True>", "tf.Tensor(True, shape=(), dtype=bool)"),
        (0.1, "<tf.Tensor: shape=(), dtype=float32, numpy=0.10000000149011612>", "tf.Tensor(0.1, shape=(), dtype=float32)"),
        (
            [1, 2],
            "<tf.Tensor: shape=(2,), dtype=int32, numpy=array([1, 2], dtype=int32)>",
            "tf.Tensor([1 2], shape=(2,), dtype=int32)",
        ),
        (
            [1, 2.5],
            "<tf.Tensor: shape=(2,), dtype=float32, numpy=array([1. , 2.5], dtype=float32)>",
            "tf.Tensor([1.  2.5], shape=(2,), dtype=float32)",
        ),
        (
            np.ones(2),
            "<tf.Tensor: shape=(2,), dtype=float64, numpy=array([1., 1.])>",
            "tf.Tensor([1. 1.], shape=(2,), dtype=float64)",
        ),
        (
            np.arange(3),
            "<tf.Tensor: shape=(3,), dtype=int64, numpy=array([0, 1, 2])>",
            "tf.Tensor([0 1 2], shape=(3,), dtype=int64)",
        ),
        (
            [[1.0], [2.0]],
            "<tf.Tensor: shape=(2, 1), dtype=float32, numpy=\narray([[1.],\n       [2.]], dtype=float32)>",
            "tf.Tensor(\n[[1.]\n [2.]], shape=(2, 1), dtype=float32)",
        ),
        (
            [],
            "<tf.Tensor: shape=(0,), dtype=float32, numpy=array([], dtype=float32)>",
            "tf.Tensor([], shape=(0,), dtype=float32)",
        ),
        (1 + 2j, "<tf.Tensor: shape=(), dtype=complex128, numpy=(1+2j)>", "tf.Tensor((1+2j), shape=(), dtype=complex128)"),
        (2**40, "<tf.Tensor: shape=(), dtype=int64, numpy=1099511627776>", "tf.Tensor(1099511627776, shape=(), dtype=int64)"),
    ],
)
def test_a_tensor_prints_as_tensorflows(value, shown, printed):
    assert repr(tf.constant(value)) == shown
    assert str(tf.constant(value)) == printed


def test_values_are_copies_of_numpys_types():
    assert type(S.numpy()) is np.float32
    array = X.numpy()
    array[0, 0] = 9
    assert float(X[0, 0]) == 1.0
    assert X.numpy().flags.writeable
    source = np.ones(3, np.float32)
    x = tf.constant(source)
    source[0] = 7
    assert x.numpy().tolist() == [1, 1, 1]


def test_a_tensor_converts_to_numbers_and_arrays():
    assert (float(S), int(S), bool(S), complex(S)) == (2.0, 2, True, 2 + 0j)
    assert [10, 20, 30][tf.constant(1)] == 20 and range(5)[tf.constant(2)] == 2
    assert f"{S:.3f} {S} {I}" == "2.000 2.0 [1 2]"
    assert np.asarray(X).dtype == np.float32 and np.array(S).shape == ()
    assert type(np.exp(X)) is np.ndarray and np.sum(X) == 10
    assert len(X) == 2 and [t.shape for t in X] == [(2,), (2,)]
    assert isinstance(X, tf.Tensor) and not isinstance(tf.Variable(1.0), tf.Tensor)


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (lambda: float(X), TypeError, "only 0-dimensional arrays can be converted to Python scalars"),
        (lambda: bool(X), ValueError, "The truth value of an array with more than one element is ambiguous"),
        (lambda: len(S), TypeError, r"Scalar tensor has no `len\(\)`"),
        (lambda: list(S), TypeError, "Cannot iterate over a scalar tensor"),
        (lambda: hash(X), TypeError, r"Tensor is unhashable. Instead, use tensor.ref\(\) as the key"),
        (lambda: hash(tf.Variable(1.0)), TypeError, r"Variable is unhashable. Instead, use variable.ref\(\) as the key"),
        (lambda: [1, 2, 3][S], TypeError, "only integer scalar tensors can be converted to an index"),
        (lambda: f"{X:.4f}", TypeError, "unsupported format string"),
        (lambda: X.T, AttributeError, "no attribute 'T'"),
    ],
)
def test_what_a_tensor_is_not_is_refused_as_by_tensorflow(body, kind, text):
    with pytest.raises(kind, match=text):
        body()


def test_a_reference_is_a_key():
    table = {X.ref(): "x", S.ref(): "s"}
    assert table[X.ref()] == "x" and X.ref().deref() is X and X.ref() != S.ref()


def test_shapes_read_as_tensorflows():
    shape = X.shape
    assert repr(shape) == "TensorShape([2, 2])" and str(shape) == "(2, 2)" and str(tf.TensorShape([3])) == "(3,)"
    assert shape == (2, 2) == X.get_shape() and shape == [2, 2] and shape != (2, 3)
    assert shape.as_list() == [2, 2] and shape.rank == shape.ndims == 2 and shape.num_elements() == 4
    assert shape[0] == 2 and shape[1:] == tf.TensorShape([2]) and tuple(shape) == (2, 2)
    assert shape + [1] == [2, 2, 1] == shape.concatenate([1]) and [1] + shape == [1, 2, 2]  # noqa: RUF005
    assert repr(tf.TensorShape([None, 2])) == "TensorShape([None, 2])"
    assert tf.TensorShape([None, 2]).is_compatible_with([5, 2]) and not tf.TensorShape([None]).is_fully_defined()
    assert tf.TensorShape([None, 2]).num_elements() is None
    assert np.zeros(shape).shape == (2, 2)


def test_dtypes_read_as_tensorflows():
    assert repr(tf.float32) == "tf.float32" and str(tf.float32) == "<dtype: 'float32'>"
    assert tf.float32.name == "float32" and tf.float32.as_numpy_dtype is np.float32 and tf.float32.size == 4
    assert tf.float32 == "float32" == tf.float32 and tf.float32 == np.float32 and tf.float32 != tf.float64
    assert tf.as_dtype("float32") is tf.float32 and tf.double is tf.float64 and tf.bool.is_bool
    assert tf.int8.is_integer and tf.uint8.is_unsigned and tf.complex64.is_complex and tf.float64.is_floating
    assert (tf.int8.min, tf.int8.max) == (-128, 127) and tf.float32.max == np.finfo(np.float32).max
    assert tf.complex64.real_dtype is tf.float32 and {tf.float32: 1}[tf.float32] == 1
    with pytest.raises(TypeError, match="Cannot convert 'float128' to a TensorFlow DType"):
        tf.as_dtype("float128")


@pytest.mark.parametrize(
    ("out", "dtype"),
    [
        (lambda: I + 1, "int32"),
        (lambda: X + 1, "float32"),
        (lambda: 1 - X, "float32"),
        (lambda: X * np.float64(2), "float32"),
        (lambda: np.float64(2) * X, "float32"),
        (lambda: np.ones((2, 2)) + X, "float32"),
        (lambda: X + np.arange(2), "float32"),
        (lambda: I * np.int64(3), "int32"),
        (lambda: I * np.arange(2), "int32"),
        (lambda: I + True, "int32"),
        (lambda: I / 2, "float64"),
        (lambda: I // 2, "int32"),
        (lambda: I / I, "float64"),
        (lambda: 2**X, "float32"),
        (lambda: [1.0, 2.0] * X, "float32"),
        (lambda: X * [1, 2], "float32"),
        (lambda: tf.add(1, 2), "int32"),
        (lambda: tf.multiply(2, X), "float32"),
        (lambda: tf.add(np.ones(2), 1), "float64"),
        (lambda: tf.maximum(0, X), "float32"),
        (lambda: tf.square(3), "int32"),
        (lambda: tf.reduce_mean(I), "int32"),
        (lambda: tf.truediv(3, 2), "float64"),
        (lambda: tf.constant(1, tf.float32), "float32"),
        (lambda: tf.Variable(2) * 3, "int32"),
        (lambda: np.ones(2) + tf.Variable(2.0), "float32"),
        (lambda: X > 1, "bool"),
        (lambda: tf.matmul(X, np.ones((2, 2))), "float32"),
        (lambda: tf.constant(np.ones(2), tf.float32), "float32"),
        (lambda: tf.stack([X, np.ones((2, 2))]), "float32"),
        (lambda: tf.linspace(0, 1, 3), "float64"),
        (lambda: tf.range(3.0), "float32"),
    ],
)
def test_numbers_and_arrays_take_the_dtype_of_the_tensor(out, dtype):
    assert out().dtype == dtype


@pytest.mark.parametrize(
    ("body", "op", "expected", "got"),
    [
        (lambda: I + S, "AddV2", "int32", "float"),
        (lambda: I + 1.0, "AddV2", "int32", "float"),
        (lambda: 1.0 - I, "Sub", "int32", "float"),
        (lambda: X > I, "Greater", "float", "int32"),
        (lambda: X == I, "Equal", "float", "int32"),
        (lambda: X + 1j, "AddV2", "float", "complex128"),
        (lambda: tf.add(1, 2.0), "AddV2", "int32", "float"),
        (lambda: tf.maximum(I, 0.0), "Maximum", "int32", "float"),
        (lambda: tf.matmul(X, I[None]), "MatMul", "float", "int32"),
        (lambda: tf.concat([X, I[None]], 0), "ConcatV2", "float", "int32"),
        (lambda: tf.where(X > 2, X, I), "SelectV2", "float", "int32"),
        (lambda: X * tf.cast(X, tf.float64), "Mul", "float", "double"),
        (lambda: tf.add(I, [1.0, 2.0]), "AddV2", "int32", "float"),
        (lambda: tf.stack([X, tf.cast(X, tf.int32)]), "Pack", "float", "int32"),
    ],
)
def test_dtypes_never_mix_unasked(body, op, expected, got):
    both = f"was expected to be a {expected} tensor but is a {got} tensor"
    text = rf"cannot compute {op} as input #\d\(zero-based\) {both} \[Op:{op}\]"
    with pytest.raises(InvalidArgument, match=text) as caught:
        body()
    assert isinstance(caught.value, TypeError)
    assert "cure: tf.cast" in str(caught.value) and "\n  at test_tf2_tensors.py" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (lambda: X + tf.ones(3), InvalidArgument, r"Incompatible shapes: \[2,2\] vs. \[3\] \[Op:AddV2\]"),
        (lambda: tf.exp(1), InvalidArgument, r"Value for attr 'T' of int32 is not in the list of allowed values: float, double"),
        (lambda: tf.nn.softmax(I), InvalidArgument, r"Value for attr 'T' of int32 is not in the list of allowed values"),
        (lambda: X & X, InvalidArgument, r"Value for attr 'T' of float is not in the list of allowed values: int8"),
        (lambda: tf.reduce_all(X), InvalidArgument, r"of float is not in the list of allowed values: bool \[Op:All\]"),
        (lambda: tf.math.reduce_std(I), TypeError, "Input must be either real or complex. Received integer type"),
        (lambda: tf.matmul(X, tf.ones((3, 2))), InvalidArgument, r"Matrix size-incompatible: In\[0\]: \[2,2\], In\[1\]: \[3,2\]"),
        (lambda: X @ [1.0, 2.0], InvalidArgument, r"In\[0\] and In\[1\] has different ndims: \[2,2\] vs. \[2\]"),
        (lambda: I**-1, InvalidArgument, "Integers to negative integer powers are not allowed"),
        (lambda: tf.reduce_sum(X, axis=5), InvalidArgument, r"Invalid reduction dimension \(5 for input with 2 dimension"),
        (
            lambda: tf.reshape(X, (3, 2)),
            InvalidArgument,
            "Input to reshape is a tensor with 4 values, but the requested shape has 6",
        ),
        (lambda: tf.concat([X, tf.ones((2, 3))], 0), InvalidArgument, "ConcatOp : Dimension 1 in both shapes must be equal"),
        (lambda: tf.stack([X, S]), InvalidArgument, "Shapes of all inputs must match"),
        (lambda: tf.gather(X, [0, 5]), InvalidArgument, r"indices\[1\] = 5 is not in \[0, 2\)"),
        (lambda: tf.gather(X, -1), InvalidArgument, r"indices = -1 is not in \[0, 2\)"),
        (lambda: X[5], InvalidArgument, "slice index 5 is out of bounds for dimension 0 with size 2"),
        (lambda: X[I], TypeError, "Only integers, slices .* are valid indices, got <tf.Tensor"),
        (lambda: X[0:1.0], TypeError, "Only integers, slices .* are valid indices, got 1.0"),
        (lambda: tf.constant([[1, 2], [3]]), ValueError, "Can't convert non-rectangular Python sequence to Tensor."),
        (lambda: tf.constant(1.5, tf.int32), TypeError, "Cannot convert 1.5 to EagerTensor of dtype int32"),
        (lambda: tf.constant("abc"), TypeError, "Cannot convert 'abc' to a tensor of dtype float; tracejit has no strings"),
        (lambda: tf.exp(None), ValueError, r"Attempt to convert a value \(None\) with an unsupported type"),
        (
            lambda: tf.convert_to_tensor(X, tf.float64),
            ValueError,
            "Tensor conversion requested dtype float64 for Tensor with dtype float32",
        ),
        (lambda: tf.constant([1, 2, 3], shape=(2, 2)), TypeError, "unsupported shape"),
        (lambda: tf.constant(300, tf.uint8), OverflowError, "out of bounds for uint8"),
        (lambda: tf.Variable(), ValueError, "The `initial_value` arg to `tf.Variable` must be specified"),
        (lambda: tf.Variable(X, dtype=tf.float64), ValueError, "Tensor conversion requested dtype float64"),
        (lambda: tf.Variable(X).assign(tf.ones((2, 2), tf.int32)), ValueError, "Tensor conversion requested dtype float32"),
        (lambda: tf.Variable(1.0).assign_add(tf.cast(1, tf.float64)), ValueError, "Tensor conversion requested dtype float32"),
        (
            lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([0, 5], X),
            InvalidArgument,
            r"Received a label value of 5 .* \[0, 2\)",
        ),
        (lambda: tf.nn.sparse_softmax_cross_entropy_with_logits([0], X), ValueError, "`labels.shape` must equal `logits.shape`"),
        (lambda: tf.split(X, 3), InvalidArgument, "Number of ways to split should evenly divide"),
        (lambda: tf.log(1.0), AttributeError, "no attribute 'log'; there is tf.math.log"),
        (lambda: tf.reduce_summ(1.0), AttributeError, "there is tf.reduce_sum"),
    ],
)
def test_mistakes_are_named_in_tensorflows_words(body, kind, text):
    with pytest.raises(kind, match=text) as caught:
        body()
    assert "device:CPU" not in str(caught.value)


def test_equality_of_what_does_not_broadcast_is_one_truth():
    assert bool(tf.ones(3) == X) is False and bool(tf.ones(3) != X) is True
    assert (X == None) is False and (X != None) is True  # noqa: E711  (the operator is what is tested)
    assert bool(tf.constant(1) == 1)


def test_operators_with_an_assignment_do_not_change_a_variable():
    v = tf.Variable(1.0)
    with pytest.raises(RuntimeError, match=r"`variable \+= value` with `tf.Variable`s is not supported"):
        v += 1
    with pytest.raises(TypeError, match="does not support item assignment"):
        tf.Variable([1.0])[0] = 2.0


def test_a_variable_reads_as_a_tensor():
    v = tf.Variable([1.0, 2.0], name="w", trainable=False)
    assert v.name == "w:0" and not v.trainable and v.shape == (2,) and v.dtype == tf.float32
    assert isinstance(v.value(), tf.Tensor) and isinstance(v.read_value(), tf.Tensor) and isinstance(v + v, tf.Tensor)
    before = v.value()
    v.assign([5.0, 6.0])
    assert before.numpy().tolist() == [1, 2] and v[0].numpy() == 5 and np.asarray(v).tolist() == [5, 6]
    assert f"{tf.Variable(1.5):.2f}" == "1.50" and f"{tf.Variable(1.5)}".startswith("<tf.Variable")
    assert tf.Variable(lambda: tf.ones(2)).numpy().tolist() == [1, 1]
    assert v.ref() == v.ref() and v.ref().deref() is v
    np.testing.assert_array_equal(v.sparse_read([1, 0]), [6, 5])


def test_variables_are_named_by_their_scope():
    with tf.name_scope("dense"):
        assert tf.Variable(1.0, name="w").name == "dense/w:0"


def test_tensors_keep_their_value_when_what_they_came_from_changes():
    v = tf.Variable([1.0, 2.0, 3.0])
    part, turned = v[1:], tf.reshape(v, (3, 1))
    v.assign_add([10.0, 10.0, 10.0])
    assert part.numpy().tolist() == [2, 3] and turned.numpy().ravel().tolist() == [1, 2, 3]
    array = np.ones((2, 2), np.float32)
    view = tf.transpose(array)
    array[:] = 0
    assert view.numpy().tolist() == [[1, 1], [1, 1]]


def test_printing_writes_values_as_tensorflow_does(capsys):
    tf.print(tf.constant([1.0, 2.5]), 1.5, "a", tf.constant(True), [1, tf.constant(2.0)], {"k": tf.constant(1)})
    tf.print(tf.range(10), tf.range(8), sep=" | ", summarize=3)
    tf.print(tf.reshape(tf.range(4), (2, 2)), tf.constant(np.pi), tf.constant(0.1), end="!\n")
    assert capsys.readouterr().err == (
        "[1 2.5] 1.5 a 1 [1, 2] {'k': 1}\n[0 1 2 ... 7 8 9] | [0 1 2 ... 5 6 7]\n[[0 1]\n [2 3]] 3.14159274 0.1!\n"
    )


def test_checks_of_values_name_what_did_not_hold():
    tf.debugging.assert_equal([1, 2], [1, 2])
    tf.debugging.assert_less(X, 5.0)
    tf.debugging.assert_shapes([(X, ("n", "m")), (I, ("m",))])
    tf.debugging.assert_near(X, X + 1e-7)
    with pytest.raises(InvalidArgument, match=r"(?s)hm\nCondition x == y did not hold.\nFirst 1 elements of x:\n\[1\]"):
        tf.debugging.assert_equal(1, 2, message="hm")
    with pytest.raises(InvalidArgument, match="bad : Tensor had NaN values"):
        tf.debugging.check_numerics(tf.constant([1.0, np.nan]), "bad")
    with pytest.raises(ValueError, match="Tensor must have rank 1"):
        tf.debugging.assert_rank(X, 1)
    with pytest.raises(ValueError, match="does not match"):
        tf.debugging.assert_shapes([(X, ("n", 3))])
    for check in (tf.debugging.assert_positive, tf.debugging.assert_non_negative):
        with pytest.raises(InvalidArgument, match="did not hold element-wise"):
            check(-X)


def test_a_gpu_that_is_not_there_is_the_cpu_and_that_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    with tf.device("/CPU:0"), tf.control_dependencies([X]):
        assert tf.executing_eagerly() and tf.group(X) is None and tf.no_op() is None
    with pytest.raises(ValueError, match="there are '/CPU:0' and '/GPU:0'"), tf.device("/TPU:0"):
        pass
    text = r"tf.device: cuda: (.|\n)*tracejit\[cuda\](.|\n)*'/GPU:0' is the CPU"
    with pytest.warns(RuntimeWarning, match=text) as warned, tf.device("/GPU:0"):
        assert "CPU:0" in tf.Variable(1.0).device and "CPU:0" in (X + 1).device
    assert warned[0].filename == __file__
