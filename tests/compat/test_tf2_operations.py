"""Every operation gives what NumPy or TensorFlow gives, at once and when it is traced."""

import numpy as np
import pytest
import scipy.special as special
from frontend_tools import traced

import tracejit.compat.tensorflow as tf

X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -0.25]], np.float32)
P = np.abs(X) + 0.5
U = X / 5
Y = np.array([[2.0, 0.5, -1.0], [3.0, 1.0, 2.0]], np.float32)
Z = Y[:, ::-1] ** 2
I = np.array([[3, -2, 7], [0, 5, 1]], np.int32)  # noqa: E741  (integers)
B = np.array([[True, False, True], [False, False, True]])
S = np.array([[4.0, 1.0], [2.0, 3.0]], np.float32)
LABELS = np.array([0, 2], np.int32)


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


ELEMENTWISE = {
    "abs": (np.abs, X),
    "acos": (np.arccos, U),
    "acosh": (np.arccosh, P + 1),
    "asin": (np.arcsin, U),
    "asinh": (np.arcsinh, X),
    "atan": (np.arctan, X),
    "atanh": (np.arctanh, U),
    "cos": (np.cos, X),
    "cosh": (np.cosh, X),
    "exp": (np.exp, X),
    "floor": (np.floor, X),
    "logical_not": (np.logical_not, B),
    "negative": (np.negative, I),
    "round": (np.rint, X),
    "sigmoid": (special.expit, X),
    "sign": (np.sign, X),
    "sin": (np.sin, X),
    "sinh": (np.sinh, X),
    "sqrt": (np.sqrt, P),
    "square": (np.square, I),
    "tan": (np.tan, X),
    "tanh": (np.tanh, X),
    "math.ceil": (np.ceil, X),
    "math.erf": (special.erf, X),
    "math.erfc": (special.erfc, X),
    "math.expm1": (np.expm1, X),
    "math.log": (np.log, P),
    "math.log1p": (np.log1p, P),
    "math.lgamma": (special.gammaln, P),
    "math.digamma": (special.digamma, P),
    "math.reciprocal": (np.reciprocal, P),
    "math.rsqrt": (lambda x: 1 / np.sqrt(x), P),
    "math.rint": (np.rint, X),
    "math.is_nan": (np.isnan, X),
    "math.is_inf": (np.isinf, X),
    "math.is_finite": (np.isfinite, X),
    "math.softplus": (lambda x: np.logaddexp(x, 0), X),
    "math.log_sigmoid": (special.log_expit, X),
    "math.conj": (np.conj, X),
    "math.real": (np.real, X),
    "math.imag": (np.imag, X),
    "nn.relu": (lambda x: np.maximum(x, 0), I),
    "nn.relu6": (lambda x: np.clip(x, 0, 6), X * 3),
    "nn.leaky_relu": (lambda x: np.where(x > 0, x, np.float32(0.2) * x), X),
    "nn.elu": (lambda x: np.where(x > 0, x, np.expm1(x)), X),
    "nn.silu": (lambda x: x * special.expit(x), X),
    "nn.selu": (lambda x: 1.05070098 * np.where(x > 0, x, 1.67326324 * np.expm1(x)), X),
    "nn.gelu": (lambda x: x * special.ndtr(x), X),
    "nn.softsign": (lambda x: x / (1 + np.abs(x)), X),
    "nn.softmax": (softmax, X),
    "nn.log_softmax": (lambda x: np.log(softmax(x)), X),
    "bitwise.invert": (np.invert, I),
}

BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "truediv": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "equal": np.equal,
    "pow": np.power,
    "greater_equal": np.greater_equal,
    "not_equal": np.not_equal,
    "math.floordiv": np.floor_divide,
    "math.floormod": np.remainder,
    "math.mod": np.remainder,
    "math.atan2": np.arctan2,
    "math.squared_difference": lambda x, y: (x - y) ** 2,
    "math.divide_no_nan": np.divide,
    "math.multiply_no_nan": np.multiply,
    "math.xlogy": special.xlogy,
}

CASES = [
    *[(f"tf.{name}(x)", np_function(x), x) for name, (np_function, x) in ELEMENTWISE.items()],
    *[(f"tf.{name}(x, y)", np_function(P, Z), P, Z) for name, np_function in BINARY.items()],
    ("tf.clip_by_value(x, -1, 2.0)", np.clip(X, -1, 2), X),
    ("tf.add_n([x, x, y])", X + X + Y, X, Y),
    ("tf.where(c, x, y)", np.where(B, X, Y), B, X, Y),
    ("tf.where(c, x, 0.0)", np.where(B, X, np.float32(0)), B, X),
    ("tf.logical_and(x, y)", B & B[::-1], B, B[::-1].copy()),
    ("tf.logical_or(x, True)", np.ones_like(B), B),
    ("tf.math.logical_xor(x, y)", B ^ B[::-1], B, B[::-1].copy()),
    ("tf.bitwise.bitwise_and(x, 3) + tf.bitwise.bitwise_or(x, 1) + tf.bitwise.bitwise_xor(x, 1)", (I & 3) + (I | 1) + (I ^ 1), I),
    ("tf.bitwise.left_shift(x, 1) - tf.bitwise.right_shift(x, 1)", (I << 1) - (I >> 1), I),
    ("tf.reduce_sum(x)", X.sum(), X),
    ("tf.reduce_sum(x, axis=0)", I.sum(0, dtype=np.int32), I),
    ("tf.reduce_sum(x, 1, keepdims=True)", X.sum(1, keepdims=True), X),
    ("tf.reduce_sum(x, axis=[0, 1])", X.sum(), X),
    ("tf.reduce_mean(x, axis=-1)", X.mean(-1), X),
    ("tf.reduce_mean(x)", np.int32(2), I),
    ("tf.reduce_prod(x, 0)", X.prod(0), X),
    ("tf.reduce_max(x, 0)", X.max(0), X),
    ("tf.reduce_min(x)", I.min(), I),
    ("tf.reduce_all(x, 1)", B.all(1), B),
    ("tf.reduce_any(x, 0)", B.any(0), B),
    ("tf.reduce_logsumexp(x, 1)", special.logsumexp(X, 1), X),
    ("tf.math.reduce_variance(x, 0)", X.var(0), X),
    ("tf.math.reduce_std(x)", X.std(), X),
    ("tf.norm(x)", np.linalg.norm(X), X),
    ("tf.norm(x, ord=1, axis=1)", np.abs(X).sum(1), X),
    ("tf.math.reduce_euclidean_norm(x, 1)", np.linalg.norm(X, axis=1), X),
    ("tf.math.count_nonzero(x)", np.int64(5), I),
    ("tf.argmax(x)", X.argmax(0), X),
    ("tf.argmin(x, 1)", X.argmin(1), X),
    ("tf.argmax(x, axis=1, output_type=tf.int32)", X.argmax(1).astype("i4"), X),
    ("tf.cumsum(x, 1)", X.cumsum(1), X),
    ("tf.cumsum(x, 1, exclusive=True, reverse=True)", np.array([[5, 7, 0], [6, 1, 0]], "i4"), I),
    ("tf.math.cumprod(x, 1, exclusive=True)", np.array([[1, 3, -6], [1, 0, 0]], "i4"), I),
    ("tf.sort(x, direction='DESCENDING')", -np.sort(-X), X),
    ("tf.argsort(x)", np.argsort(X).astype("i4"), X),
    ("tf.argsort(x, direction='DESCENDING')", np.argsort(-I, kind="stable").astype("i4"), I),
    ("tf.math.top_k(x, 2).values", -np.sort(-X)[:, :2], X),
    ("tf.math.top_k(x, 2).indices", np.argsort(-X)[:, :2].astype("i4"), X),
    ("tf.math.in_top_k(y, x, 1)", np.array([False, False]), X, LABELS),
    ("tf.nn.in_top_k(y, x, 2)", np.array([True, False]), X, LABELS),
    ("tf.math.segment_sum(x, [0, 0])", X.sum(0, keepdims=True), X),
    ("tf.math.unsorted_segment_sum(x, y, 3)", np.stack([X[0], 0 * X[0], X[1]]), X, LABELS),
    ("tf.matmul(x, y, transpose_b=True)", X @ Y.T, X, Y),
    ("tf.matmul(x, y, transpose_a=True)", X.T @ Y, X, Y),
    ("tf.matmul(tf.stack([x, x]), y)", np.stack([X @ Y.T] * 2), X, Y.T.copy()),
    ("tf.linalg.matvec(x, y)", X @ Y[0], X, Y[0].copy()),
    ("tf.tensordot(x, y, 1)", X @ Y.T, X, Y.T.copy()),
    ("tf.tensordot(x, y, [[0], [0]])", X.T @ Y, X, Y),
    ("tf.einsum('ij,kj->ik', x, y)", X @ Y.T, X, Y),
    ("tf.linalg.trace(x)", S.trace(), S),
    ("tf.linalg.diag(x)", np.diag(X[0]), X[0]),
    ("tf.linalg.diag_part(x)", S.diagonal(), S),
    ("tf.linalg.band_part(x, -1, 0)", np.tril(X), X),
    ("tf.linalg.matrix_transpose(x)", X.T, X),
    ("tf.linalg.adjoint(x)", X.T, X),
    ("tf.linalg.global_norm([x, x])", 2**0.5 * np.linalg.norm(X), X),
    ("tf.clip_by_norm(x, 1.0)", X / np.linalg.norm(X), X),
    ("tf.clip_by_norm(x, 100.0)", X, X),
    ("tf.clip_by_global_norm([x, None], 1.0)[0][0]", X / np.linalg.norm(X), X),
    ("tf.reshape(x, [3, -1])", X.reshape(3, 2), X),
    ("tf.expand_dims(x, 1)", X[:, None], X),
    ("tf.squeeze(x[None])", X, X),
    ("tf.squeeze(x[None], axis=[0])", X, X),
    ("tf.transpose(x)", X.T, X),
    ("tf.transpose(x[None], perm=[1, 0, 2])", X[:, None], X),
    ("tf.concat([x, y], axis=1)", np.concatenate([X, Y], 1), X, Y),
    ("tf.stack([x, y], axis=-1)", np.stack([X, Y], -1), X, Y),
    ("tf.unstack(x, axis=1)[2]", X[:, 2], X),
    ("tf.split(x, 3, axis=1)[1]", X[:, 1:2], X),
    ("tf.split(x, [1, -1], axis=1)[1]", X[:, 1:], X),
    ("tf.tile(x, [2, 1])", np.tile(X, (2, 1)), X),
    ("tf.repeat(x, 2, axis=0)", np.repeat(X, 2, 0), X),
    ("tf.repeat(x, [1, 2, 0], axis=1)", X[:, [0, 1, 1]], X),
    ("tf.pad(x, [[1, 0], [0, 2]])", np.pad(X, [(1, 0), (0, 2)]), X),
    ("tf.pad(x, [[1, 0], [0, 2]], 'REFLECT')", np.pad(X, [(1, 0), (0, 2)], "reflect"), X),
    ("tf.pad(x, [[1, 1], [0, 0]], constant_values=7)", np.pad(X, [(1, 1), (0, 0)], constant_values=7), X),
    ("tf.reverse(x, [1])", X[:, ::-1], X),
    ("tf.roll(x, 1, 1)", np.roll(X, 1, 1), X),
    ("tf.broadcast_to(x, [4, 2, 3])", np.broadcast_to(X, (4, 2, 3)), X),
    ("tf.slice(x, [0, 1], [2, -1])", X[:, 1:], X),
    ("tf.gather(x, y)", X[[1, 0, 1]], X, np.array([1, 0, 1])),
    ("tf.gather(x, y, axis=1)", X[:, LABELS], X, LABELS),
    ("tf.gather_nd(x, [[0, 1], [1, 2]])", np.array([X[0, 1], X[1, 2]]), X),
    ("tf.tensor_scatter_nd_update(x, [[0], [1]], [[9.0, 9.0, 9.0], [8.0, 8.0, 8.0]])", np.array([[9] * 3, [8] * 3], "f4"), X),
    ("tf.tensor_scatter_nd_add(x, [[0, 0], [0, 0]], [1.0, 2.0])", X + np.array([[3, 0, 0], [0, 0, 0]], "f4"), X),
    ("tf.tensor_scatter_nd_sub(x, [[0, 0]], [1.0])", X - np.array([[1, 0, 0], [0, 0, 0]], "f4"), X),
    ("tf.scatter_nd([[1], [1]], x[0, :2], [3])", np.array([0, X[0, 0] + X[0, 1], 0], "f4"), X),
    ("tf.cast(x, tf.int32)", X.astype("i4"), X),
    ("tf.cast(x, tf.bool)", I.astype(bool), I),
    ("tf.cast(x, 'float64')", X.astype("f8"), X),
    ("tf.identity(x)", X, X),
    ("tf.stop_gradient(x)", X, X),
    ("tf.zeros_like(x)", np.zeros_like(X), X),
    ("tf.ones_like(x, tf.int64)", np.ones((2, 3), "i8"), X),
    ("tf.shape(x)", np.array([2, 3], "i4"), X),
    ("tf.size(x)", np.int32(6), X),
    ("tf.rank(x)", np.int32(2), X),
    ("tf.zeros(tf.shape(x))", np.zeros((2, 3), "f4"), X),
    ("tf.fill([2], x[0, 0])", np.full(2, X[0, 0]), X),
    ("tf.one_hot(x, 3)", np.eye(3, dtype="f4")[LABELS], LABELS),
    ("tf.one_hot(x, 3, 5, 1, axis=0)", (4 * np.eye(3, dtype="i4") + 1)[:, LABELS], LABELS),
    ("tf.range(x.shape[0])", np.arange(2, dtype="i4"), X),
    ("tf.linspace(0.0, 1.0, 5)", np.linspace(0, 1, 5, dtype="f4")),
    ("tf.eye(2, 3)", np.eye(2, 3, dtype="f4")),
    ("tf.range(1.0, 3.0, 0.5)", np.arange(1, 3, 0.5, dtype="f4")),
    ("tf.range(10, 0, -3)", np.arange(10, 0, -3, dtype="i4")),
    ("tf.meshgrid(x[0], x[1])[1]", np.meshgrid(X[0], X[1])[1], X),
    ("tf.nn.bias_add(x, x[0])", X + X[0], X),
    ("tf.nn.moments(x, [0])[1]", X.var(0), X),
    ("tf.nn.l2_loss(x)", (X**2).sum() / 2, X),
    ("tf.nn.l2_normalize(x, 1)", X / np.linalg.norm(X, axis=1, keepdims=True), X),
    ("tf.nn.zero_fraction(x)", np.float32(1 / 6), I),
    ("tf.nn.sparse_softmax_cross_entropy_with_logits(y, x)", -np.log(softmax(X))[[0, 1], LABELS], X, LABELS),
    (
        "tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(y), logits=x)",
        -(softmax(Y) * np.log(softmax(X))).sum(-1),
        X,
        Y,
    ),
    ("tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x)", np.logaddexp(X, 0) - X * B, X, B.astype("f4")),
    ("x[1]", X[1], X),
    ("x[..., 0]", X[:, 0], X),
    ("x[::-1, 1:]", X[::-1, 1:], X),
    ("x[:, None]", X[:, None], X),
    ("x[-1, -1]", X[-1, -1], X),
    ("x[y]", X[1], X, np.int32(1)),
    ("-x + 1 - x * 2 / x ** 2 // 1 % 3", -P + 1 - P * 2 / P**2 // 1 % 3, P),
    ("abs(x) @ y", np.abs(X) @ Y.T, X, Y.T.copy()),
    ("~(x > 1) | (x < 0) & (x != 3) ^ (x == 3)", ~(X > 1) | (X < 0) & (X != 3) ^ (X == 3), X),
    ("2.0 ** x - 1", 2**X - 1, X),
]


def function_of(text):
    """A function of tensors whose body is ``text``, over its arguments by the names x, y or c, x, y."""
    names = ("c", "x", "y") if "c, x" in text else ("x", "y")

    def function(*args):
        tensors = [tf.convert_to_tensor(a) for a in args]
        return eval(text, {"tf": tf, **dict(zip(names, tensors, strict=False))})

    return function


@pytest.mark.parametrize("way", ["at once", "traced"])
@pytest.mark.parametrize(("text", "expected", "args"), [(c[0], c[1], c[2:]) for c in CASES], ids=[c[0] for c in CASES])
def test_an_operation_gives_what_its_definition_says(text, expected, args, way):
    function = function_of(text)
    found = function(*args).numpy() if way == "at once" else traced(lambda *a: function(*a).core, *args)
    expected = np.asarray(expected)
    assert found.dtype.kind == expected.dtype.kind and found.shape == expected.shape
    assert found.dtype.itemsize <= max(expected.dtype.itemsize, 4) or found.dtype == np.float64 == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


def test_where_alone_gives_the_places():
    np.testing.assert_array_equal(tf.where(B).numpy(), np.argwhere(B))


def test_a_mask_selects():
    np.testing.assert_array_equal(tf.boolean_mask(X, X > 0).numpy(), X[X > 0])
    x = tf.constant(X)
    np.testing.assert_array_equal(x[x > 0].numpy(), X[X > 0])


def test_dropout_keeps_the_mean():
    tf.random.set_seed(0)
    out = tf.nn.dropout(tf.ones((100, 100)), rate=0.25).numpy()
    assert set(np.unique(out)) == {np.float32(0), np.float32(4 / 3)}
    assert out.mean() == pytest.approx(1, abs=0.05)


def test_random_tensors_follow_their_seed():
    def draws():
        return [
            tf.random.normal((3,), 1.0, 2.0),
            tf.random.uniform((3,), -1, 1),
            tf.random.truncated_normal((3,)),
            tf.random.uniform((3,), maxval=10, dtype=tf.int32),
            tf.random.shuffle(tf.range(5)),
            tf.random.normal((3,), seed=7),
        ]

    tf.random.set_seed(3)
    first = draws()
    second = draws()
    tf.random.set_seed(3)
    again = draws()
    for a, b, c in zip(first, second, again, strict=True):
        np.testing.assert_array_equal(a.numpy(), c.numpy())
        assert a.dtype == c.dtype and (a.numpy() != b.numpy()).any()
    assert first[3].dtype == tf.int32
    with pytest.raises(ValueError, match="Must specify maxval for integer dtype"):
        tf.random.uniform((2,), dtype=tf.int32)


def test_stateless_draws_and_generators_depend_on_their_seed_only():
    np.testing.assert_array_equal(tf.random.stateless_uniform((3,), [1, 2]), tf.random.stateless_uniform((3,), [1, 2]))
    assert (tf.random.stateless_normal((3,), [1, 2]).numpy() != tf.random.stateless_normal((3,), [1, 3]).numpy()).all()
    one, two = (tf.random.Generator.from_seed(5) for _ in range(2))
    np.testing.assert_array_equal(one.normal((3,)), two.normal((3,)))
    assert (one.uniform((3,)).numpy() != one.uniform((3,)).numpy()).any()
