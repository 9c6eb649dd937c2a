"""The functions of TensorFlow 1's dialect against NumPy, and their dtypes."""

import numpy as np
import pytest
import scipy.special
from v1_tools import run, same

import tracejit.compat.tensorflow.v1 as tf


@pytest.fixture(autouse=True)
def _fresh_graph():
    tf.reset_default_graph()


X = np.array([[0.5, -1.5, 2.0], [0.0, 3.0, -0.25]], np.float32)
P = np.abs(X) + 0.1
U = X / 4
LABELS = np.array([2, 0])


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


UNARY = {
    "negative": (X, np.negative),
    "abs": (X, np.abs),
    "sign": (X, np.sign),
    "square": (X, np.square),
    "sqrt": (P, np.sqrt),
    "rsqrt": (P, lambda x: 1 / np.sqrt(x)),
    "reciprocal": (P, np.reciprocal),
    "exp": (X, np.exp),
    "expm1": (X, np.expm1),
    "log": (P, np.log),
    "log1p": (P, np.log1p),
    "sin": (X, np.sin),
    "cos": (X, np.cos),
    "tan": (X, np.tan),
    "asin": (U, np.arcsin),
    "acos": (U, np.arccos),
    "atan": (X, np.arctan),
    "sinh": (X, np.sinh),
    "cosh": (X, np.cosh),
    "tanh": (X, np.tanh),
    "asinh": (X, np.arcsinh),
    "acosh": (P + 1, np.arccosh),
    "atanh": (U, np.arctanh),
    "sigmoid": (X, scipy.special.expit),
    "erf": (X, scipy.special.erf),
    "erfc": (X, scipy.special.erfc),
    "lgamma": (P, scipy.special.gammaln),
    "digamma": (P, scipy.special.psi),
    "floor": (X, np.floor),
    "ceil": (X, np.ceil),
    "rint": (X, np.rint),
    "round": (X, np.round),
    "is_nan": (X, np.isnan),
    "is_inf": (X, np.isinf),
    "is_finite": (X, np.isfinite),
    "stop_gradient": (X, np.array),
    "identity": (X, np.array),
    "zeros_like": (X, np.zeros_like),
    "ones_like": (X, np.ones_like),
    "transpose": (X, np.transpose),
    "reduce_sum": (X, np.sum),
    "reduce_mean": (X, np.mean),
    "reduce_max": (X, np.max),
    "reduce_min": (X, np.min),
    "reduce_prod": (X, np.prod),
    "reduce_logsumexp": (X, lambda x: np.log(np.exp(x).sum())),
    "argmax": (X, lambda x: x.argmax(0)),
    "argmin": (X, lambda x: x.argmin(0)),
    "cumsum": (X, lambda x: x.cumsum(0)),
    "cumprod": (X, lambda x: x.cumprod(0)),
    "norm": (X, np.linalg.norm),
    "count_nonzero": (X, np.count_nonzero),
    "shape": (X, np.shape),
    "size": (X, np.size),
    "rank": (X, np.ndim),
    "log_sigmoid": (X, lambda x: np.log(scipy.special.expit(x))),
}


def test_functions_of_one_tensor_are_numpys():
    x = {name: tf.placeholder(tf.float32, (None, 3), name=f"in_{name}") for name in UNARY}
    fetches = {name: getattr(tf, name)(x[name]) for name in UNARY}
    found = run(fetches, {x[name]: value for name, (value, _) in UNARY.items()})
    for name, (value, function) in UNARY.items():
        np.testing.assert_allclose(found[name], function(value.astype(np.float64)), rtol=2e-5, atol=2e-5, err_msg=name)
        assert found[name].dtype == fetches[name].dtype.as_numpy_dtype, name


BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "truediv": np.divide,
    "realdiv": np.divide,
    "div": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.mod,
    "pow": None,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "squared_difference": lambda x, y: (x - y) ** 2,
    "atan2": np.arctan2,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "equal": np.equal,
    "not_equal": np.not_equal,
}


def test_functions_of_two_tensors_are_numpys_and_broadcast():
    x, y = tf.constant(X), tf.constant(P[:1])
    fetches = {name: getattr(tf, name)(x, y) for name, function in BINARY.items() if function}
    found = run(fetches | {"pow": tf.pow(tf.abs(x), y)})
    for name, function in BINARY.items():
        expected = np.abs(X) ** P[:1] if function is None else function(X, P[:1])
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-5, err_msg=name)
    for name in ("less", "equal"):
        assert fetches[name].dtype == tf.bool


def test_operators_of_both_sides():
    x = tf.constant([7.0, -2.0])
    i = tf.constant([7, -2])
    b = tf.constant([True, False])
    found = run(
        [
            1 + x,
            1 - x,
            2 * x,
            2 / x,
            2.0**x,
            x % 3.0,
            x // 2.0,
            -x,
            abs(x),
            x < 0.0,
            x > 0.0,
            i / 2,
            i // 2,
            i % 3,
            ~b,
            b & True,
            b | True,
            b ^ True,
        ]
    )
    a, j = np.array([7.0, -2.0]), np.array([7, -2])
    expected = [
        1 + a,
        1 - a,
        2 * a,
        2 / a,
        2.0**a,
        a % 3,
        a // 2,
        -a,
        abs(a),
        a < 0,
        a > 0,
        j / 2,
        j // 2,
        j % 3,
        [False, True],
        [True, False],
        [True, True],
        [False, True],
    ]
    for got, wanted in zip(found, expected, strict=True):
        same(got, wanted)
    assert (i / 2).dtype == tf.float64
    assert found[12].dtype == np.int32
    same(run(tf.div(i, tf.constant([2, 3]))), [3, 0])  # towards zero


def test_integers_stay_32_bit():
    i = tf.constant([[1, 2], [3, 4]])
    fetches = [tf.reduce_sum(i), tf.reduce_mean(i), tf.reduce_prod(i, 0), tf.cumsum(i), i * 2, tf.reduce_max(i), tf.shape(i)]
    assert {t.dtype for t in fetches} == {tf.int32}
    found = run(fetches)
    assert {f.dtype for f in found} == {np.dtype(np.int32)}
    assert found[:2] == [10, 2]
    assert tf.argmax(i).dtype == tf.int64
    assert tf.argmax(i, output_type=tf.int32).dtype == tf.int32


def test_reductions_take_old_and_new_arguments():
    x = tf.constant(X)
    found = run(
        [
            tf.reduce_sum(x, 1),
            tf.reduce_sum(x, axis=[0, 1]),
            tf.reduce_sum(x, reduction_indices=[1]),
            tf.reduce_mean(x, 0, keep_dims=True),
            tf.reduce_mean(x, -1, keepdims=True),
            tf.reduce_max(x, tf.constant(1)),
            tf.reduce_all(x > -9),
            tf.reduce_any(x > 9, 1),
            tf.argmax(x, dimension=1),
            tf.argmax(x, 1),
        ]
    )
    expected = [
        X.sum(1),
        X.sum(),
        X.sum(1),
        X.mean(0, keepdims=True),
        X.mean(1, keepdims=True),
        X.max(1),
        True,
        [False, False],
        [2, 1],
        [2, 1],
    ]
    for got, wanted in zip(found, expected, strict=True):
        same(got, wanted)


def test_shapes_change_as_numpys():
    x = tf.constant(X)
    pairs = [
        (tf.reshape(x, (3, 2)), X.reshape(3, 2)),
        (tf.reshape(x, [-1]), X.ravel()),
        (tf.expand_dims(x, 1), X[:, None]),
        (tf.squeeze(tf.expand_dims(x, 1)), X),
        (tf.squeeze(tf.expand_dims(x, 1), [1]), X),
        (tf.concat([x, x], 0), np.concatenate([X, X])),
        (tf.concat([x, x], axis=-1), np.concatenate([X, X], 1)),
        (tf.stack([x, x], 1), np.stack([X, X], 1)),
        (tf.tile(x, [2, 1]), np.tile(X, (2, 1))),
        (tf.pad(x, [[1, 0], [0, 2]]), np.pad(X, [(1, 0), (0, 2)])),
        (tf.gather(x, [1, 0, 1]), X[[1, 0, 1]]),
        (tf.gather(x, 2, axis=1), X[:, 2]),
        (tf.slice(x, [0, 1], [2, -1]), X[:, 1:]),
        (x[1], X[1]),
        (x[:, ::2], X[:, ::2]),
        (x[..., -1], X[..., -1]),
        (x[:, None], X[:, None]),
        (tf.reverse(x, [1]), X[:, ::-1]),
        (tf.transpose(tf.expand_dims(x, 0), [2, 0, 1]), X[None].transpose(2, 0, 1)),
        (tf.eye(2), np.eye(2)),
        (tf.fill([2, 2], 7.0), np.full((2, 2), 7)),
        (tf.range(3), [0, 1, 2]),
        (tf.range(1, 7, 2), [1, 3, 5]),
        (tf.linspace(0.0, 1.0, 3), [0, 0.5, 1]),
        (tf.one_hot([0, 2], 3), np.eye(3)[[0, 2]]),
        (tf.diag([1.0, 2.0]), np.diag([1, 2])),
        (tf.diag_part(tf.eye(2)), [1, 1]),
        (tf.where(x > 0, x, tf.zeros_like(x)), np.where(X > 0, X, 0)),
        (tf.where([True, False], x, -x), [X[0], -X[1]]),
        (tf.clip_by_value(x, -1.0, 1.0), X.clip(-1, 1)),
        (tf.add_n([x, x, x]), 3 * X),
        (tf.cast(x, tf.int32), X.astype(int)),
        (tf.broadcast_to([1.0, 2.0, 3.0], (2, 3)), [[1, 2, 3]] * 2),
        (tf.ones((2,)), [1, 1]),
        (tf.constant(X)[tf.constant(1), 2], X[1, 2]),
        (tf.clip_by_norm([3.0, 4.0], 1.0), [0.6, 0.8]),
        (tf.convert_to_tensor([tf.constant(1.0), 2.0]), [1, 2]),
        (tf.zeros((0, 2)), np.zeros((0, 2))),
    ]
    for i, (got, (_, wanted)) in enumerate(zip(run([t for t, _ in pairs]), pairs, strict=True)):
        np.testing.assert_allclose(got, wanted, rtol=1e-6, err_msg=str(i))
    first, second = tf.unstack(x)
    left, right = tf.split(tf.constant(X[:, :2]), 2, axis=1)
    a, b = tf.split(x, [1, 2], axis=1)
    for got, wanted in zip(
        run([first, second, left, right, a, b]), [X[0], X[1], X[:, :1], X[:, 1:2], X[:, :1], X[:, 1:]], strict=True
    ):
        same(got, wanted)
    with pytest.raises(ValueError, match="num"):
        tf.unstack(tf.placeholder(tf.float32, (None, 2)))


def test_products_are_numpys():
    x, y = tf.constant(X), tf.constant(P)
    pairs = [
        (tf.matmul(x, y, transpose_b=True), X @ P.T),
        (tf.matmul(x, y, transpose_a=True), X.T @ P),
        (x @ tf.transpose(y), X @ P.T),
        (tf.tensordot(x, y, [[1], [1]]), X @ P.T),
        (tf.einsum("ij,kj->ik", x, y), X @ P.T),
        (tf.trace(tf.matmul(x, y, transpose_b=True)), np.trace(X @ P.T)),
        (tf.linalg.matmul(x, tf.transpose(y)), X @ P.T),
        (tf.global_norm([x, y]), np.sqrt((X**2).sum() + (P**2).sum())),
        (tf.matmul(tf.stack([x, x]), tf.stack([tf.transpose(y)] * 2)), np.stack([X @ P.T] * 2)),
        (tf.linalg.inv(tf.constant([[2.0, 0.0], [0.0, 4.0]])), [[0.5, 0], [0, 0.25]]),
    ]
    for got, (_, wanted) in zip(run([t for t, _ in pairs]), pairs, strict=True):
        same(got, wanted, 1e-5)


def test_nn_is_numpys():
    x = tf.constant(X)
    log = np.log(softmax(X))
    onehot = np.eye(3, dtype=np.float32)[LABELS]
    half = np.full_like(X, 0.5)
    pairs = [
        (tf.nn.relu(x), np.maximum(X, 0)),
        (tf.nn.relu6(x * 4.0), (X * 4).clip(0, 6)),
        (tf.nn.elu(x), np.where(X > 0, X, np.expm1(X))),
        (tf.nn.leaky_relu(x), np.where(X > 0, X, 0.2 * X)),
        (tf.nn.softplus(x), np.log1p(np.exp(X))),
        (tf.nn.softmax(x), softmax(X)),
        (tf.nn.softmax(x, axis=0), softmax(X.T).T),
        (tf.nn.log_softmax(x), log),
        (tf.nn.sigmoid(x), scipy.special.expit(X)),
        (tf.nn.tanh(x), np.tanh(X)),
        (tf.nn.softsign(x), X / (1 + np.abs(X))),
        (tf.nn.l2_loss(x), (X**2).sum() / 2),
        (tf.nn.bias_add(x, [1.0, 2.0, 3.0]), X + np.array([1, 2, 3])),
        (tf.nn.sparse_softmax_cross_entropy_with_logits(labels=LABELS, logits=x), -log[[0, 1], LABELS]),
        (tf.nn.softmax_cross_entropy_with_logits(labels=onehot, logits=x), -log[[0, 1], LABELS]),
        (tf.nn.softmax_cross_entropy_with_logits_v2(labels=onehot, logits=x), -log[[0, 1], LABELS]),
        (tf.nn.sigmoid_cross_entropy_with_logits(labels=half, logits=x), np.log1p(np.exp(X)) - X / 2),
        (tf.nn.in_top_k(x, LABELS, 1), [True, False]),
        (tf.nn.in_top_k(x, LABELS, 2), [True, True]),
        (tf.nn.top_k(x, 2).values, np.sort(X)[:, :0:-1]),
        (tf.nn.top_k(x, 2).indices, [[2, 0], [1, 0]]),
        (tf.nn.moments(x, [0])[0], X.mean(0)),
        (tf.nn.moments(x, [0])[1], X.var(0)),
        (tf.nn.xw_plus_b(x, tf.ones((3, 1)), [1.0]), X.sum(1, keepdims=True) + 1),
        (tf.nn.l2_normalize([3.0, 4.0]), [0.6, 0.8]),
    ]
    for i, (got, (_, wanted)) in enumerate(zip(run([t for t, _ in pairs]), pairs, strict=True)):
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-5, err_msg=str(i))
    with pytest.raises(ValueError, match="named arguments"):
        tf.nn.sparse_softmax_cross_entropy_with_logits(x, LABELS)
    with pytest.raises(ValueError, match=r"keep_prob|rate"):
        tf.nn.dropout(x)


def test_labels_and_indices_out_of_range_are_errors_of_the_run_and_change_nothing():
    v = tf.Variable(1.0)
    labels = tf.placeholder(tf.int32, (None,))
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=tf.zeros((2, 3)))
    with tf.control_dependencies([v.assign_add(1.0)]):
        total = tf.reduce_sum(loss, name="total")
    with tf.Session() as sess:
        sess.run(v.initializer)
        sess.run(total, {labels: [0, 2]})
        with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds") as caught:
            sess.run(total, {labels: [0, 3]})
        assert "test_v1_functions.py" in str(caught.value)
        assert sess.run(v) == 2.0


@pytest.mark.parametrize("name", ["exp", "log", "sigmoid", "sqrt", "floor", "erf"])
def test_functions_of_floats_refuse_integers(name):
    with pytest.raises(TypeError, match="has DataType int32 not in list of allowed values"):
        getattr(tf, name)(tf.constant([1, 2]))


def test_casts_and_checked_conversions():
    x = tf.constant([1.5, -1.5])
    assert tf.cast(x, tf.float32) is x
    found = run([tf.cast(x, tf.int32), tf.cast(x > 0, tf.float32), tf.to_float([1, 2]), tf.to_int32(x), tf.cast([0, 2], tf.bool)])
    for got, wanted in zip(found, [[1, -1], [1, 0], [1, 2], [1, -1], [False, True]], strict=True):
        same(got, wanted)
    with pytest.raises(ValueError, match="Tensor conversion requested dtype float64 for Tensor with dtype float32"):
        tf.convert_to_tensor(x, tf.float64)
    with pytest.raises(TypeError, match="Expected int32"):
        tf.constant(1.5, tf.int32)
    with pytest.raises(ValueError, match="to a Tensor"):
        tf.square(None)


def test_special_numbers_go_through():
    special = np.array([np.nan, np.inf, -np.inf, -0.0], np.float32)
    x = tf.placeholder(tf.float32, (None,))
    found = run([tf.maximum(x, 0.0), tf.minimum(0.0, x), tf.maximum(1.0, x), tf.maximum(x, x[::-1])], {x: special})
    for got, wanted in zip(
        found,
        [np.maximum(special, 0), np.minimum(0, special), np.maximum(1, special), np.maximum(special, special[::-1])],
        strict=True,
    ):
        np.testing.assert_array_equal(got, wanted)
