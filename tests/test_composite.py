"""Composites against NumPy and SciPy, with fixed and with symbolic sizes; their derivatives; the edges."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
from op_tools import check_derivatives, gradients, graph_of, run

from tracejit import ops
from tracejit.errors import ShapeError
from tracejit.ops import composite as c
from tracejit.ops.row import filled

rng = np.random.default_rng(0)
X, Y, Z, V = rng.normal(size=(3, 4)), rng.normal(size=(4, 5)), rng.normal(size=(3, 4)), rng.normal(size=6)
T, U, S = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 5)), rng.normal(size=(4, 4))
INTS, BOOLS = rng.integers(-5, 5, (3, 4)), rng.integers(0, 2, (3, 4)).astype(bool)
LABELS = np.array([1, 0, 3])
F8, nan, inf = np.dtype(float), np.nan, np.inf


def numbers(x, value):
    return filled(x, value)


SMOOTH = {  # name: function of nodes, function of arrays, operands
    "square": (c.square, np.square, X),
    "reciprocal": (c.reciprocal, np.reciprocal, X),
    "deg2rad": (c.deg2rad, np.deg2rad, X),
    "rad2deg": (c.rad2deg, np.rad2deg, X),
    "sinc": (c.sinc, np.sinc, X),
    "root": (c.root, np.sqrt, np.abs(X) + 0.1),
    "clip": (lambda x: c.clip(x, numbers(x, -0.5), numbers(x, 0.5)), lambda x: np.clip(x, -0.5, 0.5), X),
    "clip below": (lambda x: c.clip(x, numbers(x, -0.5), None), lambda x: np.clip(x, -0.5, None), X),
    "relu": (c.relu, lambda x: np.maximum(x, 0), X),
    "gelu": (c.gelu, lambda x: x * scipy.special.ndtr(x), X),
    "gelu tanh": (
        lambda x: c.gelu(x, approximate=True),
        lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
        X,
    ),
    "silu": (c.silu, lambda x: x * scipy.special.expit(x), X),
    "rsqrt": (c.rsqrt, lambda x: 1 / np.sqrt(x), X),
    "float_power": (c.float_power, np.float_power, np.abs(X), Z),
    "mean": (lambda x: c.mean(x, (0,)), lambda x: x.mean(0), X),
    "mean of all": (lambda x: c.mean(x, (0, 1)), np.mean, X),
    "average": (lambda x, w: c.average(x, w, (1,)), lambda x, w: np.average(x, 1, w), X, np.abs(Z)),
    "var": (lambda x: c.var(x, (1,)), lambda x: x.var(1), X),
    "var ddof": (lambda x: c.var(x, (0, 1), 1.5), lambda x: x.var(ddof=1.5), X),
    "std": (lambda x: c.std(x, (1,)), lambda x: x.std(1), X),
    "ptp": (lambda x: c.ptp(x, (1,)), lambda x: np.ptp(x, 1), X),
    "norm 1": (lambda x: c.norm(x, (1,), 1), lambda x: np.linalg.norm(x, 1, 1), X),
    "norm 2": (lambda x: c.norm(x, (1,)), lambda x: np.linalg.norm(x, 2, 1), X),
    "norm 3": (lambda x: c.norm(x, (1,), 3), lambda x: np.linalg.norm(x, 3, 1), X),
    "norm inf": (lambda x: c.norm(x, (1,), inf), lambda x: np.linalg.norm(x, inf, 1), X),
    "norm -inf": (lambda x: c.norm(x, (1,), -inf), lambda x: np.linalg.norm(x, -inf, 1), X),
    "norm of a matrix": (lambda x: c.norm(x, (0, 1)), np.linalg.norm, X),
    "logsumexp": (lambda x: c.logsumexp(x, (1,)), lambda x: scipy.special.logsumexp(x, 1), 50 * X),
    "softmax": (lambda x: c.softmax(x, (1,)), lambda x: scipy.special.softmax(x, 1), X),
    "log_softmax": (lambda x: c.log_softmax(x, (0,)), lambda x: scipy.special.log_softmax(x, 0), X),
    "cross_entropy": (
        lambda x, labels: c.cross_entropy(x, labels, 1),
        lambda x, labels: -scipy.special.log_softmax(x, 1)[np.arange(3), labels],
        X,
        LABELS,
    ),
    "layer_norm": (
        lambda x, w, b: c.layer_norm(x, (1,), w, b),
        lambda x, w, b: (x - x.mean(1)[:, None]) / np.sqrt(x.var(1)[:, None] + 1e-5) * w + b,
        X,
        S[0],
        S[1],
    ),
    "cumsum": (lambda x: c.cumsum(x, 1), lambda x: np.cumsum(x, 1), X),
    "cumprod": (lambda x: c.cumprod(x, 0), lambda x: np.cumprod(x, 0), X),
    "diff": (lambda x: c.diff(x, 1), np.diff, X),
    "diff twice": (lambda x: c.diff(x, 0, 2), lambda x: np.diff(x, 2, 0), X),
    "trapezoid": (lambda x: c.trapezoid(x, 1, 0.5), lambda x: np.trapezoid(x, dx=0.5), X),
    "median": (lambda x: c.median(x, (1,)), lambda x: np.median(x, 1), X),
    "median of all": (lambda x: c.median(x, (0, 1)), np.median, X[:, :3]),
    "sort": (lambda x: c.sort(x, 1), lambda x: np.sort(x, 1), X),
    "sort columns": (lambda x: c.sort(x, 0), lambda x: np.sort(x, 0), X),
    "sort a vector": (lambda x: c.sort(x, 0), np.sort, V),
    "sort in the middle": (lambda x: c.sort(x, 1), lambda x: np.sort(x, 1), T),
    "flip": (lambda x: c.flip(x, (0, 1)), np.flip, X),
    "roll": (lambda x: c.roll(x, 1, 1), lambda x: np.roll(x, 1, 1), X),
    "roll back": (lambda x: c.roll(x, -1, 0), lambda x: np.roll(x, -1, 0), X),
    "roll around": (lambda x: c.roll(x, 14, 0), lambda x: np.roll(x, 14), V),
    "stack": (lambda x, z: c.stack([x, z], 1), lambda x, z: np.stack([x, z], 1), X, Z),
    "split": (lambda x: c.split(x, (0, 1, 4), 0)[1], lambda x: np.split(x, [1, 4])[1], V),
    "tile": (lambda x: c.tile(x, (2, 3)), lambda x: np.tile(x, (2, 3)), X),
    "tile by more axes": (lambda x: c.tile(x, (2, 1, 2)), lambda x: np.tile(x, (2, 1, 2)), X),
    "tile by fewer axes": (lambda x: c.tile(x, (2,)), lambda x: np.tile(x, 2), X),
    "repeat": (lambda x: c.repeat(x, 3, 1), lambda x: np.repeat(x, 3, 1), X),
    "repeat each": (lambda x: c.repeat(x, (1, 0, 2), 0), lambda x: np.repeat(x, (1, 0, 2), 0), X),
    "pad": (lambda x: c.pad(x, ((1, 2), (0, 1)), 7.0), lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=7), X),
    **{
        f"pad {mode}": (
            lambda x, mode=mode: c.pad_by(x, ((7, 2), (0, 9)), mode),
            lambda x, mode=mode: np.pad(x, ((7, 2), (0, 9)), mode),
            X,
        )
        for mode in ("edge", "wrap", "reflect", "symmetric")
    },
    "diagonal": (c.diagonal, np.diagonal, S),
    "diagonal above": (lambda x: c.diagonal(x, 1), lambda x: np.diagonal(x, 1), S),
    "diagonal below": (lambda x: c.diagonal(x, -2), lambda x: np.diagonal(x, -2), S),
    "diagonal of other axes": (lambda x: c.diagonal(x, 0, 2, 0), lambda x: np.diagonal(x, 0, 2, 0), rng.normal(size=(4, 3, 4))),
    "diag": (c.diag, np.diag, V),
    "diag above": (lambda x: c.diag(x, 2), lambda x: np.diag(x, 2), V),
    "diag below": (lambda x: c.diag(x, -1), lambda x: np.diag(x, -1), V),
    "tril": (lambda x: c.tril(x, 1), lambda x: np.tril(x, 1), T),
    "triu": (lambda x: c.triu(x, -1), lambda x: np.triu(x, -1), T),
    "outer": (c.outer, np.outer, V, X),
    "dot": (c.dot, np.dot, X, Y),
    "dot of vectors": (c.dot, np.dot, V, V[::-1].copy()),
    "dot of a scalar": (c.dot, np.dot, np.array(2.0), X),
    "dot of stacks": (c.dot, np.dot, T, U),
    "matmul": (c.stacked_matmul, np.matmul, X, Y),
    "matmul of stacks": (c.stacked_matmul, np.matmul, T, U),
    "matmul of a stack and a matrix": (c.stacked_matmul, np.matmul, T, Y),
    "matmul of a matrix and a stack": (c.stacked_matmul, np.matmul, X, U),
    "matmul of a stack of one": (c.stacked_matmul, np.matmul, T[:1], U),
    "matmul of a vector": (c.stacked_matmul, np.matmul, X, S[0]),
    "matmul with a vector in front": (c.stacked_matmul, np.matmul, S[0], U),
    "matmul of vectors": (c.stacked_matmul, np.matmul, V, V),
    "tensordot": (
        lambda x, y: c.tensordot(x, y, (1, 0), (0, 1)),
        lambda x, y: np.tensordot(x, y, ((1, 0), (0, 1))),
        X,
        X.T.copy(),
    ),
    "tensordot of one axis": (lambda x, y: c.tensordot(x, y, (2,), (1,)), lambda x, y: np.tensordot(x, y, (2, 1)), T, U),
    "linspace": (lambda a, b: c.linspace(a, b, 7), lambda a, b: np.linspace(a, b, 7), np.array(-1.0), np.array(2.5)),
    "linspace open": (
        lambda a, b: c.linspace(a, b, 7, endpoint=False),
        lambda a, b: np.linspace(a, b, 7, endpoint=False),
        np.array(-1.0),
        np.array(2.5),
    ),
    "arange": (lambda a: c.arange(4, a, 0.5, F8), lambda a: a + 0.5 * np.arange(4), np.array(0.3)),
}

EINSUMS = {
    "ij,jk->ik": (X, Y),
    "ij,jk": (X, Y),
    "ji,jk->ik": (X, Z),
    "ij,kj->ki": (X, Z),
    "ij,ij->": (X, Z),
    "ij,ij->ij": (X, Z),
    "ij,ij->i": (X, Z),
    "i,j->ji": (V, S[0]),
    "bij,bjk->bik": (T, U),
    "bij,bjk->kib": (T, U),
    "bij,bj->bi": (T, U[:, :, 0].copy()),
    "...ij,...jk->...ik": (T, U),
    "...ij,jk": (T, Y),
    "ii": (S,),
    "ii->i": (S,),
    "iji->j": (rng.normal(size=(4, 3, 4)),),
    "ij->ji": (X,),
    "ij->": (X,),
    "i j -> j": (X,),
    "ijk,ij,k->ij": (T, T[:, :, 0].copy(), S[0]),
    "ij,jk,kl->il": (X, S, Y),
    "ij,kl->": (X, Y),
    "ii,ij->j": (S, S),
    "ij,jk->ki": (X, S[:1]),
    "a...,b...->a...b": (X, S),
    "...->...": (X,),
    "": (np.array(2.0),),
    "...,...": (X, np.array(2.0)),
}

OTHERS = {
    "mean of integers": (lambda x: c.mean(x, (0,)), lambda x: x.mean(0), INTS),
    "mean of bools": (lambda x: c.mean(x, (0,)), lambda x: x.mean(0), BOOLS),
    "var of one": (lambda x: c.var(x, (0,), 1), lambda x: np.array(nan), np.ones(1)),
    "mean of nothing": (lambda x: c.mean(x, (0,)), lambda x: np.full(2, nan), np.zeros((0, 2))),
    "mean of complex": (lambda x: c.mean(x, (0,)), lambda x: x.mean(0), X + 1j * Z),
    "var of complex": (lambda x: c.var(x, (0,)), lambda x: x.var(0), X + 1j * Z),
    "mean of float32": (lambda x: c.mean(x, (0,)), lambda x: x.mean(0), X.astype("f4")),
    "std of integers": (lambda x: c.std(x, (0,)), lambda x: x.std(0), INTS),
    "reciprocal of integers": (c.reciprocal, np.reciprocal, np.array([1, -1, 2, -3, 127], "i1")),
    "any": (lambda x: c.any_(x, (1,)), lambda x: x.any(1), INTS),
    "all": (lambda x: c.all_(x, (1,)), lambda x: x.all(1), INTS),
    "count_nonzero": (lambda x: c.count_nonzero(x, (1,)), lambda x: np.count_nonzero(x, 1), INTS),
    "norm 0": (lambda x: c.norm(x, (1,), 0), lambda x: np.linalg.norm(x, 0, 1), INTS.astype(float)),
    "cumsum of bools": (lambda x: c.cumsum(x, 1), lambda x: np.cumsum(x, 1), BOOLS),
    "cumprod of integers": (lambda x: c.cumprod(x, 1), lambda x: np.cumprod(x, 1), INTS.astype("i1")),
    "cumprod with inf": (lambda x: c.cumprod(x, 0), np.cumprod, np.array([inf, 2, -1, 0.5])),
    "cumprod with -0.0": (lambda x: c.cumprod(x, 0), np.cumprod, np.array([-1.0, 0.0, 3.0, -1.0])),
    "diff of bools": (lambda x: c.diff(x, 1), np.diff, BOOLS),
    "sort with NaN": (lambda x: c.sort(x, 0), np.sort, np.array([3, nan, -inf, 2, nan, inf])),
    "sort integers": (lambda x: c.sort(x, 1), lambda x: np.sort(x, 1), INTS),
    "order": (lambda x: c.order(x, 0), lambda x: np.argsort(x, 0, kind="stable"), INTS),
    "median with NaN": (lambda x: c.median(x, (0,)), np.median, np.array([3, nan, 1])),
    "median of nothing": (lambda x: c.median(x, (1,)), lambda x: np.full(2, nan), np.zeros((2, 0))),
    "take_along_axis": (
        lambda x, i: c.take_along_axis(x, i, 1),
        lambda x, i: np.take_along_axis(x, i, 1),
        T,
        rng.integers(0, 3, (2, 5, 4)),
    ),
    "one_hot": (lambda x: c.one_hot(x, 4, 1, F8), lambda x: np.eye(4)[x], LABELS),
    "one_hot in front": (lambda x: c.one_hot(x, 4, 0, F8), lambda x: np.eye(4)[x].T, LABELS),
    "one_hot of small integers": (lambda x: c.one_hot(x, 300, 1, F8), lambda x: np.eye(300)[x], LABELS.astype("u1")),
    "nan_to_num": (c.nan_to_num, np.nan_to_num, np.array([1, nan, inf, -inf, -0.0], "f4")),
    "nan_to_num by values": (
        lambda x: c.nan_to_num(x, 1.0, 2.0, 3.0),
        lambda x: np.nan_to_num(x, nan=1, posinf=2, neginf=3),
        np.array([0.5, nan, inf, -inf]),
    ),
    "nan_to_num of integers": (c.nan_to_num, np.nan_to_num, INTS),
    "isclose": (c.isclose, np.isclose, np.array([1, inf, nan, 1, -inf]), np.array([1 + 1e-7, inf, nan, 1.1, inf])),
    "isclose with NaN": (
        lambda x, y: c.isclose(x, y, equal_nan=True),
        lambda x, y: np.isclose(x, y, equal_nan=True),
        np.array([nan, 1]),
        np.array([nan, nan]),
    ),
    "clip with NaN": (lambda x: c.clip(x, numbers(x, 0), numbers(x, 1)), lambda x: np.clip(x, 0, 1), np.array([nan, -1, 2])),
    "relu with NaN": (c.relu, lambda x: np.maximum(x, 0), np.array([nan, -inf, inf])),
    "softplus far out": (ops.softplus, lambda x: np.logaddexp(x, 0), np.array([-800, 800, inf, -inf, nan])),
    "logsumexp with infinities": (
        lambda x: c.logsumexp(x, (1,)),
        lambda x: scipy.special.logsumexp(x, 1),
        np.array([[-inf, -inf], [-inf, 1], [inf, 1], [nan, 1], [inf, -inf]]),
    ),
    "log_softmax with -inf": (lambda x: c.log_softmax(x, (0,)), scipy.special.log_softmax, np.array([-inf, 1, 2])),
    "softmax of large numbers": (lambda x: c.softmax(x, (0,)), scipy.special.softmax, np.array([1e4, 1e4, -inf])),
    "pad with integers": (lambda x: c.pad(x, ((1, 0), (0, 2))), lambda x: np.pad(x, ((1, 0), (0, 2))), INTS),
    "pad one element": (lambda x: c.pad_by(x, ((2, 2),), "reflect"), lambda x: np.pad(x, 2, "reflect"), np.array([3.0])),
    "roll of nothing": (lambda x: c.roll(x, 2, 0), lambda x: x, np.zeros((0, 2))),
    "flip of nothing": (lambda x: c.flip(x, (0,)), lambda x: x, np.zeros((0, 2))),
    "tile by zero": (lambda x: c.tile(x, (0, 2)), lambda x: np.tile(x, (0, 2)), X),
    "diag of nothing": (lambda x: c.diag(x, 1), lambda x: np.diag(x, 1), np.zeros(0)),
    "diagonal outside": (lambda x: c.diagonal(x, 9), lambda x: np.diagonal(x, 9), INTS),
    "triu of integers": (c.triu, np.triu, INTS),
    "dot of integers": (c.dot, np.dot, INTS.astype("i4"), INTS.T.astype("i4")),
    "einsum of small integers": (lambda x: c.einsum("ij->i", x), lambda x: np.einsum("ij->i", x), INTS.astype("i1")),
    "matmul of bools": (c.stacked_matmul, np.matmul, BOOLS, BOOLS.T.copy()),
    "dot of bools": (c.stacked_matmul, np.matmul, BOOLS[0], BOOLS[1]),
    "matmul over nothing": (c.stacked_matmul, np.matmul, np.zeros((3, 0)), np.zeros((0, 2))),
}


@pytest.mark.parametrize("symbolic", [False, True], ids=["fixed", "symbolic"])
@pytest.mark.parametrize("name", [*SMOOTH, *OTHERS])
def test_a_composite_equals_numpy(name, symbolic):
    function, reference, *arrays = (SMOOTH | OTHERS)[name]
    with np.errstate(all="ignore"):
        expected = np.asarray(reference(*arrays))
    got = np.asarray(run(function, *arrays, symbolic=symbolic and name != "diagonal outside"))  # its length must be known
    tolerance = 1e-6 if got.dtype == np.float32 else 1e-13
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance, strict=True)
    if got.dtype == np.float64 and (got == 0).any():
        np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_of_a_composite_equal_central_differences(name):
    function, _, *arrays = SMOOTH[name]
    check_derivatives(function, arrays)
    for i in (i for i, a in enumerate(arrays) if a.dtype == F8):
        fixed, symbolic = (run(gradients(function, [i]), *arrays, symbolic=flag) for flag in (False, True))
        np.testing.assert_allclose(symbolic, fixed, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("symbolic", [False, True], ids=["fixed", "symbolic"])
@pytest.mark.parametrize("subscripts", EINSUMS)
def test_einsum_equals_numpy(subscripts, symbolic):
    arrays = EINSUMS[subscripts]
    got = run(lambda *xs: c.einsum(subscripts, *xs), *arrays, symbolic=symbolic)
    np.testing.assert_allclose(got, np.einsum(subscripts, *arrays), rtol=1e-13, atol=1e-13, strict=True)


@pytest.mark.parametrize("subscripts", EINSUMS)
def test_derivatives_of_einsum_equal_central_differences(subscripts):
    check_derivatives(lambda *xs: c.einsum(subscripts, *xs), EINSUMS[subscripts])


EINSUM_MISTAKES = {
    "ij,jk->ik": ((X,), "names 2 operands; 1 are given"),
    "ij": ((T,), "names 2 dimensions; its operand has 3"),
    "ij->ik": ((X,), "'k' of the result .* is in no operand"),
    "ij->ii": ((X,), "names a dimension of the result twice"),
    "i1": ((X,), "not made of letters and one ellipsis"),
    "ij,jk": ((X, Z), r"dimension j is 4 and 3 in f64\[3, 4\], f64\[3, 4\]"),
    "i...->i": ((X,), "leaves out the dimensions under the ellipsis"),
}


@pytest.mark.parametrize(("subscripts", "mistake"), EINSUM_MISTAKES.items(), ids=EINSUM_MISTAKES)
def test_subscripts_that_do_not_fit_are_explained(subscripts, mistake):
    arrays, text = mistake
    with pytest.raises(ShapeError, match=f"einsum: .*{text}"):
        run(lambda *xs: c.einsum(subscripts, *xs), *arrays)


def test_contractions_that_do_not_fit_are_explained():
    with pytest.raises(ShapeError, match=r"inner dimensions differ\n  x: f64\[3, 4\]\n  y: f64\[3, 4\]"):
        run(c.stacked_matmul, X, Z)
    with pytest.raises(ShapeError, match=r"axes \(0,\) of x and \(1,\) of y differ in size"):
        run(lambda x, y: c.tensordot(x, y, (0,), (1,)), X, Z)
    with pytest.raises(ShapeError, match="mode 'mirror' is not known"):
        run(lambda x: c.pad_by(x, ((1, 1), (0, 0)), "mirror"), X)


def test_a_diagonal_of_unknown_length_is_refused():
    with pytest.raises(ShapeError, match="its length is not known for a matrix of n3 by n4 at offset 0"):
        run(c.diagonal, X, symbolic=True)


def test_products_of_matrices_become_one_product_and_no_copies():
    for subscripts, arrays in {"ij,jk->ik": (X, Y), "ji,jk->ik": (X, Z), "bij,bjk->bik": (T, U)}.items():
        graph = graph_of(lambda *xs, s=subscripts: c.einsum(s, *xs), arrays)
        assert {n.op.name for n in graph.nodes()} <= {"input", "transpose", "matmul"}
    graph = graph_of(c.stacked_matmul, (T, Y))
    assert [n.op.name for n in graph.nodes() if n.op.name == "matmul"] == ["matmul"]


def test_cross_entropy_has_the_derivative_softmax_less_one_hot():
    derivative = run(gradients(lambda x, labels: c.cross_entropy(x, labels, 1), [0]), X, LABELS)
    np.testing.assert_allclose(derivative, scipy.special.softmax(X, 1) - np.eye(4)[LABELS], atol=1e-15)


def test_an_infinite_logit_of_another_class_does_not_spoil_the_loss():
    logits = np.array([[-inf, 1.0, 2.0]])
    loss = run(lambda x, labels: c.cross_entropy(x, labels, 1), logits, np.array([1]))
    np.testing.assert_allclose(loss, [np.log(1 + np.e)])


CREATED = {
    "eye": (lambda x: c.eye(3, 4, 1, F8), np.eye(3, 4, 1)),
    "tri": (lambda x: c.tri(3, 4, -1, F8), np.tri(3, 4, -1)),
    "ones": (lambda x: c.ones((2, 3), F8), np.ones((2, 3))),
    "zeros": (lambda x: c.zeros((), F8), np.zeros(())),
    "linspace of one": (lambda x: c.linspace(x, x + 1.0, 1), np.array([2.0])),
}


@pytest.mark.parametrize(("function", "expected"), CREATED.values(), ids=CREATED)
def test_creation_equals_numpy(function, expected):
    np.testing.assert_array_equal(run(function, np.array(2.0)), expected)


@pytest.mark.parametrize(("start", "step", "dtype"), [(3, -2, "i4"), (0.3, 0.1, "f8"), (0.3, 0.1, "f4"), (0, 1, "u1")])
def test_arange_gives_the_bits_of_numpy(start, step, dtype):
    got = run(lambda x: c.arange(5, start, step, np.dtype(dtype)), X)
    np.testing.assert_array_equal(got, np.arange(start, start + 5 * step - step / 2, step, dtype), strict=True)
