"""Every public function that NumPy names does what NumPy does: on plain arrays, on tensors, and traced."""

import numpy as np
import pytest
from frontend_tools import WAYS, assert_same

import tracejit as tj

rng = np.random.default_rng(0)
A = rng.uniform(0.2, 0.9, (3, 4))
B = rng.uniform(0.2, 0.9, (3, 4))
V = rng.uniform(0.2, 0.9, 4)
M = rng.uniform(-1, 1, (4, 5))
T = rng.uniform(-1, 1, (2, 3, 4))
I = rng.integers(1, 9, (3, 4))  # noqa: E741
J = rng.integers(1, 5, (3, 4))
C = A + 1j * B
P = A > 0.5

UNARY = [
    "absolute",
    "negative",
    "positive",
    "sign",
    "square",
    "reciprocal",
    "floor",
    "ceil",
    "rint",
    "trunc",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sqrt",
    "cbrt",
    "sin",
    "cos",
    "tan",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "arctanh",
    "isnan",
    "isinf",
    "isfinite",
    "signbit",
    "logical_not",
    "conjugate",
    "deg2rad",
    "rad2deg",
    "degrees",
    "radians",
    "real",
    "imag",
    "angle",
    "sinc",
    "nan_to_num",
]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "floor_divide",
    "remainder",
    "fmod",
    "power",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "copysign",
    "nextafter",
    "heaviside",
    "arctan2",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
    "float_power",
    "isclose",
]
INTEGER = [
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "left_shift",
    "right_shift",
    "gcd",
    "lcm",
    "floor_divide",
    "remainder",
    "power",
    "maximum",
    "add",
    "divide",
]
REDUCTIONS = [
    "sum",
    "prod",
    "max",
    "min",
    "mean",
    "var",
    "std",
    "any",
    "all",
    "ptp",
    "median",
    "count_nonzero",
    "nansum",
    "nanprod",
    "nanmean",
    "nanmax",
    "nanmin",
]

SORTED, V5 = np.sort(rng.uniform(-1, 1, 9)), np.array([0, 1, 3, 4, 7.0])


def _searches(side):
    def search(np, table, x, integers, i):
        return np.searchsorted(table, x, side), np.searchsorted(integers, i, side), np.searchsorted(table, 0.1, side)

    return search


def _convolutions(mode):
    return lambda np, x, y, z: (
        np.convolve(x, y, mode),
        np.convolve(z, x, mode),
        np.correlate(x, y, mode),
        np.correlate(z, x, mode),
    )


CASES = {
    **{name: (lambda np, x, name=name: getattr(np, name)(x), A) for name in UNARY},
    "arccosh": (lambda np, x: np.arccosh(x + 1), A),
    **{name: (lambda np, x, y, name=name: getattr(np, name)(x, y), A, B) for name in BINARY},
    **{f"{name} of integers": (lambda np, x, y, name=name: getattr(np, name)(x, y), I, J) for name in INTEGER},
    "invert": (lambda np, x: np.invert(x), I),
    "divmod": (lambda np, x, y: np.divmod(x, y), A, B),
    "modf": (lambda np, x: np.modf(3 * x), A),
    "complex": (lambda np, x: (np.real(x), np.imag(x), np.angle(x), np.abs(x), np.exp(x), np.conj(x), x * x), C),
    "where": (lambda np, x, y: np.where(x > y, x, y), A, B),
    "where with numbers": (lambda np, x: np.where(x > 0.5, 1.0, x), A.astype("f")),
    "clip": (lambda np, x: np.clip(x, 0.3, 0.6), A),
    "clip one side": (lambda np, x: np.clip(x, None, 0.6), A),
    "round": (lambda np, x: (np.round(100 * x), np.round(x, 2), np.round(1000 * x, -2)), A),
    **{name: (lambda np, x, name=name: getattr(np, name)(x), A) for name in REDUCTIONS},
    **{f"{name} over 0": (lambda np, x, name=name: getattr(np, name)(x, axis=0), A) for name in REDUCTIONS},
    **{f"{name} keepdims": (lambda np, x, name=name: getattr(np, name)(x, axis=(0, 2), keepdims=True), T) for name in REDUCTIONS},
    "sum of bools": (lambda np, x: (np.sum(x), np.sum(x, axis=1, dtype="i4"), np.mean(x)), P),
    "sum of small integers": (lambda np, x: (np.sum(x), np.prod(x, axis=0), np.sum(x, dtype="f4"), np.max(x)), I.astype("i1")),
    "sum with initial": (lambda np, x: (np.sum(x, initial=3.0), np.max(x, axis=0, initial=0.5)), A),
    "ddof": (lambda np, x: (np.var(x, ddof=1), np.std(x, axis=1, ddof=1)), A),
    "average": (lambda np, x, w: (np.average(x), np.average(x, axis=1, weights=w), np.average(x, weights=x)), A, V),
    "argmax": (lambda np, x: (np.argmax(x), np.argmax(x, axis=0), np.argmin(x, axis=1), np.argmin(x, axis=1, keepdims=True)), A),
    "cumsum": (lambda np, x: (np.cumsum(x), np.cumsum(x, axis=0), np.cumprod(x, axis=1), np.cumsum(x > 0.5)), A),
    "diff": (lambda np, x: (np.diff(x), np.diff(x, n=2, axis=0)), A),
    "append": (lambda np, x, y: (np.append(x, y), np.append(x, y, 0), np.append(x, [1, 2])), A, B),
    "insert": (
        lambda np, x: (np.insert(x, 2, 5), np.insert(x, -1, [7, 8]), np.insert(x, 1, 5, 0), np.insert(x, 1, x[:, 0], 1)),
        A,
    ),
    "delete": (lambda np, x: (np.delete(x, 2), np.delete(x, -1, 0), np.delete(x, [0, 2], 1), np.delete(x, slice(1, 3))), A),
    "isin": (lambda np, x: (np.isin(np.round(x), [0, 1]), np.isin(np.round(x), [[0], [1]], invert=True)), A),
    "ediff1d": (lambda np, x: (np.ediff1d(x), np.ediff1d(x, to_end=[1, 2], to_begin=0)), A),
    "trapezoid": (lambda np, y, x: (np.trapezoid(y), np.trapezoid(y, x), np.trapezoid(y, dx=0.5, axis=0)), A, V),
    "matmul": (lambda np, x, y: (x @ y, np.matmul(x[0], y), x @ y[:, 0], x[0] @ y[:, 0]), A, M),
    "matmul of stacks": (lambda np, x, y: (x @ y, x[0] @ x.swapaxes(1, 2)), T, M),
    "dot": (lambda np, x, y, t: (np.dot(x, y), np.dot(x[0], y[:, 0]), np.dot(t, y), np.dot(2.0, x)), A, M, T),
    "inner": (lambda np, x, y: (np.inner(x, y), np.inner(x[0], y[0])), A, B),
    "outer": (lambda np, x, y: np.outer(x, y), A, V),
    "vdot": (lambda np, x, y: (np.vdot(x, y), np.vdot(x * 1j, y)), A, B),
    "vecdot": (lambda np, x, y: np.vecdot(x, y), A, V),
    "tensordot": (
        lambda np, x, y: (np.tensordot(x, y, 1), np.tensordot(x, y, ((1, 0), (0, 1))), np.tensordot(y, y, 0)),
        A,
        B.T.copy(),
    ),
    "einsum": (lambda np, x, y: (np.einsum("ij,jk->ik", x, y), np.einsum("ij->j", x), np.einsum("ij,jk", x, y)), A, M),
    "einsum of three": (lambda np, x, y, t: np.einsum("ij,jk,bij->bk", x, y, t), A, M, T),
    "einsum diagonal": (lambda np, x: (np.einsum("ii", x), np.einsum("ii->i", x), np.einsum("...j->...", x)), M[:, :4].copy()),
    "kron": (lambda np, x, y: np.kron(x, y), A, V),
    "cross": (lambda np, x, y: np.cross(x, y), A[:, :3].copy(), B[0, :3].copy()),
    "norm": (
        lambda np, x: (np.linalg.norm(x), np.linalg.norm(x, axis=1), np.linalg.norm(x[0], 1), np.linalg.norm(x, np.inf, 0)),
        A,
    ),
    "norm of matrices": (
        lambda np, x, y: (*(np.linalg.norm(x, o) for o in (1, -1, np.inf, -np.inf)), np.linalg.norm(y, 1, (2, 0), keepdims=True)),
        A,
        T,
    ),
    "matrix_power": (lambda np, x: tuple(np.linalg.matrix_power(x, n) for n in (0, 1, 2, 5)), M[:, :4].copy()),
    "multi_dot": (lambda np, x, y: (np.linalg.multi_dot([x.T, x, y]), np.linalg.multi_dot([y, x.T, x, y])), A, A[0].copy()),
    "reshape": (lambda np, x: (x.reshape(4, 3), np.reshape(x, (2, -1)), x.reshape(-1), x.ravel(), x.flatten()), A),
    "transpose": (lambda np, x: (x.T, np.transpose(x, (1, 2, 0)), x.transpose(2, 0, 1), np.swapaxes(x, 0, 2), x.mT), T),
    "moveaxis": (lambda np, x: (np.moveaxis(x, 0, -1), np.moveaxis(x, (0, 1), (2, 0)), np.rollaxis(x, 2)), T),
    "expand_dims": (
        lambda np, x: (np.expand_dims(x, 0), np.expand_dims(x, (0, 3)), np.squeeze(x[None]), np.squeeze(x[:, None], 1)),
        A,
    ),
    "atleast": (lambda np, x: (np.atleast_1d(x), np.atleast_2d(x), np.atleast_3d(x), np.atleast_3d(x[None])), V),
    "broadcast_to": (lambda np, x: (np.broadcast_to(x, (3, 4)), np.broadcast_arrays(x, x[:, None])), V),
    "flip": (lambda np, x: (np.flip(x), np.flip(x, 0), np.flipud(x), np.fliplr(x), *(np.rot90(x, k) for k in range(4))), A),
    "roll": (lambda np, x: (np.roll(x, 2), np.roll(x, -1, 0), np.roll(x, (1, 2), (0, 1)), np.roll(x, 9, 1)), A),
    "concatenate": (
        lambda np, x, y: (np.concatenate([x, y]), np.concatenate((x, y), axis=1), np.concatenate([x, y], None)),
        A,
        B,
    ),
    "concatenate dtypes": (lambda np, x, y: np.concatenate([x, y]), A.astype("f"), I),
    "stack": (
        lambda np, x, y: (np.stack([x, y]), np.stack([x, y], -1), np.vstack([x, y]), np.hstack([x, y]), np.dstack([x, y])),
        A,
        B,
    ),
    "column_stack": (lambda np, x, y: np.column_stack([x, y]), V, V),
    "split": (
        lambda np, x: (np.split(x, 3), np.split(x, [1, 3], 1), np.array_split(x, 3, 1), np.vsplit(x, 3), np.hsplit(x, 2)),
        A,
    ),
    "tile": (lambda np, x: (np.tile(x, 2), np.tile(x, (2, 1)), np.tile(x, (2, 1, 3))), A),
    "repeat": (lambda np, x: (np.repeat(x, 2), np.repeat(x, 3, axis=0), np.repeat(x, [1, 0, 2], axis=0)), A),
    "pad": (lambda np, x: (np.pad(x, 1), np.pad(x, ((1, 2), (0, 1)), constant_values=7), np.pad(x, (1, 2), mode="edge")), A),
    "pad modes": (lambda np, x: (np.pad(x, 2, mode="wrap"), np.pad(x, 2, mode="reflect"), np.pad(x, 2, mode="symmetric")), A),
    "diagonal": (lambda np, x: (np.diagonal(x), np.diag(x), np.diag(x[0]), np.trace(x), np.diag(x, 1), np.diagonal(x, -1)), A),
    "tril": (lambda np, x: (np.tril(x), np.triu(x, 1), np.tril(x, -1)), A),
    "sort": (lambda np, x: (np.sort(x), np.sort(x, axis=0), np.sort(x, axis=None), np.argsort(x), np.argsort(x, 0)), A),
    "take": (lambda np, x: (np.take(x, [0, -1, 2]), np.take(x, [[1, 0]], axis=1), np.take(x, 1, axis=0)), A),
    "take modes": (lambda np, x: (np.take(x, [-1, 9], 1, mode="clip"), np.take(x, [-1, 9], 1, mode="wrap")), A),
    "take_along_axis": (lambda np, x: np.take_along_axis(x, np.argsort(x, 1), 1), A),
    "bincount": (lambda np, x: np.bincount(x, minlength=9), I[0]),
    "likes": (lambda np, x: (np.zeros_like(x), np.ones_like(x, dtype=int), np.full_like(x, 3), np.ndim(np.empty_like(x))), A),
    "astype": (lambda np, x: (x.astype("f"), x.astype(int), x.astype(bool), x.astype(complex)), 3 * A),
    "inquiry": (lambda np, x: (np.ndim(x), np.iscomplexobj(x), np.result_type(x, np.float32).itemsize), A),
    "methods": (
        lambda np, x: (x.sum(0), x.mean(), x.max(1), x.min(), x.std(), x.var(), x.prod(), x.any(), x.all(), x.argmax()),
        A,
    ),
    "more methods": (
        lambda np, x: (x.dot(x.T), x.clip(0.3, 0.5), x.round(1), x.cumsum(), x.repeat(2), x.trace(), x.diagonal()),
        A,
    ),
    "operators": (lambda np, x, y: (x + y, 1 - x, 2 / x, x // y, x % y, x**2, 2**x, -x, +x, abs(x), divmod(x, y)), A, B),
    "comparisons": (lambda np, x, y: (x < y, x <= y, x > y, x >= y, x == y, x != y, ~(x < y), (x < 0.5) & (y < 0.5)), A, B),
    "in place": (lambda np, x, y: _in_place(x.copy(), y), A, B),
    "outputs": (lambda np, x, y: _outputs(np, x, y), A, B),
    "reduce": (
        lambda np, x: (np.add.reduce(x), np.multiply.reduce(x, axis=1), np.add.accumulate(x), np.maximum.reduce(x, axis=None)),
        A,
    ),
    "outer of a ufunc": (lambda np, x, y: (np.add.outer(x, y), np.subtract.outer(y, x)), A, V),
    "add.at": (lambda np, x: _add_at(np, x.copy()), A),
    **{f"searchsorted {side}": (_searches(side), SORTED, M, np.array([0, 1, 1, 3]), I) for side in ("left", "right")},
    "digitize": (lambda np, x, t: (np.digitize(x, t), np.digitize(x, t, right=True), np.digitize(x, [0.5, 0, -0.5])), M, SORTED),
    "interp": (
        lambda np, x, t, y: (np.interp(x, t, y), np.interp(x, t, y, left=-1, right=2.0), np.interp(x, t, y, period=0.7)),
        2 * M,
        SORTED,
        rng.normal(size=9),
    ),
    "interp far out": (lambda np, x: np.interp(x, [0.0, 1, 1, 2], [1.0, 2, 3, 4]), np.array([-np.inf, np.inf, np.nan, 1, 2, 0])),
    "quantile": (
        lambda np, x: (
            np.quantile(x, 0.3),
            np.quantile(x, [0, 0.5, 1], axis=1),
            np.percentile(x, 40, axis=(0, 2), keepdims=True),
        ),
        T,
    ),
    "quantile of floats and integers": (lambda np, x, i: (np.quantile(x, 0.3, 0), np.percentile(i, [20, 90])), A.astype("f"), I),
    "quantile with NaN": (lambda np, x: np.quantile(x, 0.25, axis=0), np.array([[1, np.nan], [4, 1], [2, 3]])),
    "histogram": (
        lambda np, x: (np.histogram(x), np.histogram(x, 4, (-0.5, 0.5)), np.histogram(x, [-1, 0, 0.1, 1], density=True)),
        M,
    ),
    "histogram with weights": (lambda np, x, w: (np.histogram(x, 3, weights=w), np.histogram((10 * x).astype(int), 4)), A, B),
    "histogram of one number": (lambda np, x: (np.histogram(x, 3), np.histogram(x[:0], 3)), np.full(4, 2.0)),
    "gradient": (lambda np, x, t: (np.gradient(x), np.gradient(x, 0.5, t), np.gradient(x, 2.0, axis=1, edge_order=2)), M, V5),
    "gradient at places": (lambda np, x, t: (np.gradient(x, t, axis=-1, edge_order=2), np.gradient(x[:2], axis=0)), M, V5),
    **{f"convolve {mode}": (_convolutions(mode), *(rng.normal(size=n) for n in (7, 4, 3))) for mode in ("full", "same", "valid")},
    "convolve with many": (
        lambda np, x, y: (np.convolve(x, y), np.correlate(y, x, "same")),
        rng.normal(size=90),
        np.arange(80.0),
    ),
    "cov": (lambda np, x: (np.cov(x), np.cov(x, rowvar=False, bias=True), np.cov(x[0], x[1], ddof=0), np.cov(x[0])), M),
    "corrcoef": (lambda np, x: (np.corrcoef(x), np.corrcoef(x, rowvar=False), np.corrcoef(x[0], x[1]), np.corrcoef(x[0])), M),
    "polyval": (lambda np, p, x: (np.polyval(p, x), np.polyval([1, 2, 3], x), np.polyval(p, 2.0)), V, M),
    "vander": (lambda np, x: (np.vander(x), np.vander(x, 3, increasing=True), np.vander(x, 0)), V),
    "unwrap": (lambda np, x: (np.unwrap(9 * x), np.unwrap(9 * x, axis=0, discont=4.0), np.unwrap(x, period=0.5)), M),
    "select": (lambda np, x: np.select([x > 0.5, x > 0], [x**2, -x], 7), M),
    "select of numbers": (lambda np, x: np.select([x > 0.5, x > 0], [x, 2]), M.astype("f")),
    "piecewise": (lambda np, x: np.piecewise(x, [x < 0, x > 0.5], [lambda x, a: -a * x, 3, lambda x, a: x + a], 2.0), M),
    "block": (lambda np, x, y: (np.block([[x, x], [np.zeros((1, 8))]]), np.block([y, 1.0]), np.block([[y], [y]])), A, V),
}


def _in_place(x, y):
    x += y
    x *= 2
    x -= 0.5
    x /= y
    x **= 2
    return x


def _outputs(np, x, y):
    out = np.zeros_like(x)
    same = np.add(x, y, out=out)
    np.multiply(out, 2, out=out)
    total = np.zeros_like(x[0])
    np.sum(out, axis=0, out=total)
    return out, same, total


def _add_at(np, x):
    np.add.at(x, [0, 0, 2], 1.0)
    np.subtract.at(x, (slice(None), 1), 2.0)
    return x


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CASES)
def test_functions_of_tensors_give_what_numpy_gives(name, way):
    function, *args = CASES[name]
    ours = WAYS[way](lambda *args: function(np, *args), *args)
    assert_same(ours, function(np, *(a.copy() for a in args)))


@pytest.mark.parametrize("name", [*UNARY, *BINARY, *REDUCTIONS])
def test_functions_of_plain_arrays_give_plain_arrays(name):
    args = CASES[name][1:]
    ours, theirs = getattr(tj, name)(*args), getattr(np, name)(*args)
    assert type(ours) is type(theirs)
    assert_same(ours, theirs)


def test_out_may_be_given_by_its_place():
    x, out = np.arange(6.0).reshape(2, 3), np.zeros(3)
    assert tj.function(lambda x, out: np.sum(x, 0, None, out))(x, out) is out
    np.testing.assert_array_equal(out, x.sum(0))
    assert tj.function(np.max)(x) == 5
    assert tj.function(np.argmin)(x) == 0
    np.testing.assert_array_equal(tj.function(lambda x: np.mean(x, 1, None, None, True))(x), x.mean(1, keepdims=True))


def test_a_search_puts_nan_last():
    table, x = np.array([-1, 0, np.inf, np.nan, np.nan]), np.array([np.nan, np.inf, -np.inf, 0.0])
    for side in ("left", "right"):
        np.testing.assert_array_equal(tj.searchsorted(table, x, side), np.searchsorted(table, x, side))
        for size in range(18):
            table, x = np.arange(float(size)), np.arange(-1, size + 1, 0.5)
            np.testing.assert_array_equal(tj.searchsorted(table, x, side), np.searchsorted(table, x, side))


W, P6 = rng.normal(size=12), rng.normal(size=6)
SLOPES = {
    "interp by x": (lambda x: np.interp(x, SORTED[:6], P6), W / 2),
    "interp by values": (lambda y: np.interp(W / 2, SORTED[:6], y, period=1.1), P6),
    "interp by points": (lambda t: np.interp(W / 2, t, P6), SORTED[:6]),
    "quantile": (lambda x: np.quantile(x, [0.2, 0.55]), W),
    "quantile by share": (lambda q: np.quantile(W, q), np.array([0.2, 0.55])),
    "histogram by weights": (lambda w: np.histogram(W, 5, weights=w)[0], W + 2),
    "gradient": (lambda x: np.gradient(x, np.arange(12.0) ** 2, edge_order=2), W),
    "convolve": (lambda x: np.convolve(x, x[:5], "same"), W),
    "convolve with many": (lambda x: np.convolve(np.tile(x, 9), np.tile(x, 8)) / 100, W),
    "corrcoef": (lambda x: np.corrcoef(x.reshape(3, 4))[0], W),
    "polyval": (lambda p: np.polyval(p, W / 2), P6),
    "vander": (lambda x: np.vander(x, 4), W),
    "unwrap": (lambda x: np.unwrap(5 * x), W),
    "select": (lambda x: np.select([x > 1, x > 0], [x**2, np.sqrt(np.abs(x))], -x), W),
    "piecewise": (lambda x: np.piecewise(x, [x < 0, x > 1], [lambda x: -(x**3), lambda x: np.log(x)]), W),
}


@pytest.mark.parametrize("name", SLOPES)
def test_functions_have_the_derivatives_that_differences_show(name):
    function, x = SLOPES[name]

    def total(x):
        return np.sum(function(x) ** 2)

    def slope_square(x):
        return np.sum(tj.grad(total)(x) ** 2)

    np.testing.assert_allclose(tj.grad(total)(x), differences(total, x, 1e-6), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tj.grad(slope_square)(x), differences(slope_square, x, 1e-5), rtol=1e-3, atol=1e-3)


def differences(function, x, step):
    """The derivative by central differences."""
    steps = step * np.eye(x.size)
    return np.array([(function(x + e) - function(x - e)) / (2 * step) for e in steps])


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: tj.searchsorted(np.zeros((2, 2)), 1.0), tj.ShapeError, "must be a vector"),
        (lambda: tj.searchsorted(V, 1.0, "middle"), ValueError, "side is 'middle'"),
        (lambda: tj.interp(V, V, V[:3]), tj.ShapeError, r"xp is f64\[4\], fp f64\[3\]"),
        (lambda: tj.quantile(V, 1.5), ValueError, "from 0 to 1"),
        (lambda: tj.percentile(V, 50, method="nearest"), tj.UnsupportedError, "nearest"),
        (lambda: tj.histogram(V, "auto"), tj.UnsupportedError, "depends on the data"),
        (lambda: tj.gradient(V[:2], edge_order=2), tj.ShapeError, "needs 3"),
        (lambda: tj.convolve(V, V[:0]), tj.ShapeError, "not a vector with elements"),
        (lambda: tj.correlate(V, V, "part"), ValueError, "mode is 'part'"),
        (lambda: tj.cov(T), tj.ShapeError, "more than two axes"),
        (lambda: tj.select([P], [A, B]), ValueError, "1 conditions for 2 choices"),
        (lambda: tj.piecewise(A, [P], [1, 2, 3]), ValueError, "3 functions for 1 conditions"),
        (lambda: tj.block([]), ValueError, "a list is empty"),
    ],
)
def test_what_does_not_fit_is_an_error(call, error, text):
    with pytest.raises(error, match=text):
        call()
