"""What tensors are to Python and to NumPy, and the errors where they cannot be what is asked."""

import copy
import math

import numpy as np
import pytest
from frontend_tools import assert_same, traced

import tracejit as tj

X = np.arange(6.0).reshape(2, 3)


def test_tensors_print_their_values():
    assert repr(tj.tensor([1.0, 2.0], dtype=np.float32)) == "tensor([1., 2.], dtype=float32)"
    assert repr(tj.tensor(X)) == "tensor([[0., 1., 2.],\n        [3., 4., 5.]], dtype=float64)"
    assert str(tj.tensor([1, 2])) == "[1 2]" and f"{tj.tensor(1.5):.2f} {tj.tensor(2)}" == "1.50 2"


def test_tensors_of_one_element_are_numbers():
    x = tj.tensor(2.0)
    assert float(x) == 2 and int(x) == 2 and complex(x) == 2 and bool(x) and x.item() == 2 and math.sqrt(x) == math.sqrt(2)
    assert [10, 20, 30][tj.tensor(1)] == 20 and x.tolist() == 2
    assert bool(tj.tensor([1.0]))
    with pytest.raises(ValueError, match="has 6 elements"):
        bool(tj.tensor(X))
    with pytest.raises(TypeError, match="an index"):
        [1][tj.tensor(0.0)]


def test_tensors_are_sequences_of_rows():
    x = tj.tensor(X)
    assert len(x) == 2 and [row.tolist() for row in x] == X.tolist() and x.tolist() == X.tolist()
    first, _ = x
    first[0] = 9
    assert x[0, 0].item() == 9 and 5 in x and 7 not in x
    for f in (len, iter):
        with pytest.raises(TypeError, match="no dimensions"):
            f(tj.tensor(1.0))


def test_tensors_become_arrays_that_cannot_be_written():
    x = tj.tensor(X)
    array = np.asarray(x)
    assert not array.flags.writeable and np.array(x).flags.writeable and np.asarray(x, dtype="f4").dtype == np.float32
    x.numpy()[:] = 7
    assert_same(x.numpy(), X)


def test_arrays_are_copied_into_tensors():
    source = X.copy()
    made = tj.tensor(source), tj.asarray(source), tj.array([source])
    source[:] = 7
    assert made[0].tolist() == made[1].tolist() == X.tolist()
    x = made[0]
    assert tj.asarray(x) is x and tj.tensor(x) is not x and tj.asarray(x, dtype=np.float32) is not x


def test_copies_are_independent():
    x = tj.tensor(X)
    for other in (copy.copy(x), copy.deepcopy(x), x.copy(), np.copy(x)):
        other[0] = 100
        assert x.tolist() == X.tolist()


def test_numpy_arrays_and_numbers_mix_with_tensors_on_either_side():
    x = tj.tensor(X)
    for out in (
        x + X,
        X + x,
        np.float64(2) * x,
        2 * x,
        X @ x.T,
        np.add(X, x),
        X - x,
        np.float32(1) / (x + 1),
        x > X,
        [1, 2, 3] * x,
    ):
        assert isinstance(out, tj.Tensor)


def test_other_classes_may_take_over():
    class Mine:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "mine"

    assert tj.tensor(X) + Mine() == "mine"


def test_lists_of_tensors_are_arrays():
    x, y = tj.tensor(1.0), tj.tensor(2.0)
    assert tj.array([x, y, 3]).tolist() == [1, 2, 3] and tj.array([[x, y], [y, x]]).shape == (2, 2)
    assert np.stack([x, y]).tolist() == [1, 2] and tj.sum([x, y]).item() == 3
    with pytest.raises(tj.ShapeError, match="different shapes"):
        tj.array([x, tj.tensor(X)])


def test_out_may_be_an_array_of_numpys():
    out = np.zeros((2, 3))
    assert np.multiply(tj.tensor(X), 2, out=out) is out and out.tolist() == (2 * X).tolist()
    out += tj.tensor(X)
    assert out.tolist() == (3 * X).tolist()


def test_empty_and_single_arrays_work():
    for shape in [(0,), (0, 3), (1,), (1, 1), ()]:
        x = np.ones(shape)
        f = lambda x: (x.sum(), x * 2, x.reshape(-1), np.exp(x).sum(axis=0 if x.ndim else None), x.T)  # noqa: E731
        for way in (lambda f, x: tuple(a.numpy() for a in f(tj.tensor(x))), traced):
            assert_same(way(f, x), f(x))


def test_plain_results_belong_to_the_caller():
    for out in (
        tj.zeros(3),
        tj.ones_like(X),
        tj.full((2, 2), 1.5),
        tj.add(X, 0),
        tj.copy(X),
        tj.concatenate([X]),
        tj.where(X > 0, 1, 2),
    ):
        out[0] = 7
    x, source = tj.tensor(X), np.ones((2, 3))
    x[...] = source
    source[:] = 9
    assert x.tolist() == np.ones((2, 3)).tolist() and X[0, 0] == 0


def test_special_values_flow():
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 1.0])
    for f in (np.sign, np.sort, np.max, np.cumsum, lambda x: np.maximum(x, 0), lambda x: 1 / x, np.isnan, np.mean, np.argmax):
        with np.errstate(all="ignore"):
            assert_same(f(tj.tensor(x)).numpy(), f(x))


def test_plain_calls_do_not_warn_and_leave_arrays_alone():
    x = np.zeros(3)
    assert np.isneginf(tj.log(x)).all() and x.tolist() == [0, 0, 0]
    out = tj.add(x, 0)
    out[0] = 5
    assert x[0] == 0


def test_plain_views_are_views_as_in_numpy():
    x = X.copy()
    tj.transpose(x)[0] = 7
    assert x[:, 0].tolist() == [7, 7]
    tj.copy(x)[0] = 8
    assert x[0, 0] == 7


CREATION = {
    "zeros": lambda m: (m.zeros(3), m.zeros((2, 3), int)),
    "ones": lambda m: m.ones((2, 3), dtype=np.float32),
    "full": lambda m: (m.full((2, 2), 7), m.full(2, 0.5, np.float32), m.full((2, 3), [1, 2, 3])),
    "arange": lambda m: (
        m.arange(5),
        m.arange(1, 8, 3),
        m.arange(0.0, 1.0, 0.3),
        m.arange(5, 0, -2),
        m.arange(3, dtype="f4"),
        m.arange(0),
    ),
    "linspace": lambda m: (m.linspace(0, 1, 5), m.linspace(1, 3, 4, endpoint=False), m.linspace(0, 1, 1)),
    "eye": lambda m: (m.eye(3), m.eye(2, 3, 1), m.identity(2), m.tri(3, 4, -1)),
    "meshgrid": lambda m: (*m.meshgrid([1, 2], [3.0, 4.0, 5.0]), *m.meshgrid([1, 2], [3, 4], indexing="ij", sparse=True)),
    "array": lambda m: (m.array([[1, 2], [3, 4]]), m.array(5.0, ndmin=2), m.array([1, 2], dtype="f4")),
}


@pytest.mark.parametrize("name", CREATION)
def test_creation_is_numpys(name):
    ours, theirs = CREATION[name](tj), CREATION[name](np)
    assert_same(ours, theirs)
    assert_same(traced(lambda x: [a + 0 * x.sum().astype(a.dtype) for a in _listed(CREATION[name](tj))], X), _listed(theirs))


def _listed(x):
    return list(x) if isinstance(x, tuple) else [x]


def test_creation_takes_symbolic_sizes():
    def f(x):
        n, m = x.shape
        return tj.zeros(x.shape), tj.arange(n), tj.eye(len(x.T)), tj.full((n, 2), x[0, 0]), tj.ones(m * 2)

    assert_same(traced(f, X), (np.zeros((2, 3)), np.arange(2), np.eye(3), np.zeros((2, 2)), np.ones(6)))


LABELS = np.array([0, 2])


def test_functions_that_numpy_lacks():
    softmax = np.exp(X) / np.exp(X).sum(-1, keepdims=True)
    for way in (lambda f: f(X), lambda f: f(tj.tensor(X)).numpy(), lambda f: traced(f, X)):
        close = lambda f, y: np.testing.assert_allclose(way(f), y, rtol=1e-12)  # noqa: B023, E731
        close(tj.softmax, softmax)
        close(tj.log_softmax, np.log(softmax))
        close(tj.logsumexp, np.log(np.exp(X).sum()))
        close(lambda x: tj.cross_entropy(x, LABELS), -np.log(softmax[[0, 1], LABELS]).mean())
        close(lambda x: tj.cross_entropy(x.T, np.array([0, 1, 1]), reduction="sum") * 0, 0)
        close(lambda x: tj.one_hot(np.array([2, 0, 5]), 3) + 0 * x[:1].T, [[0, 0, 1], [1, 0, 0], [0, 0, 0]])
        close(lambda x: tj.relu(x - 2), np.maximum(X - 2, 0))
        close(tj.sigmoid, 1 / (1 + np.exp(-X)))
        close(tj.silu, X / (1 + np.exp(-X)))
        close(tj.softplus, np.log1p(np.exp(X)))
        close(lambda x: tj.rsqrt(x * x + 1), 1 / np.sqrt(X * X + 1))
        close(tj.gelu, X * 0.5 * (1 + np.vectorize(math.erf)(X / np.sqrt(2))))
        close(
            lambda x: tj.layer_norm(x, np.full(3, 2.0), np.ones(3), epsilon=0.0),
            2 * (X - X.mean(1)[:, None]) / X.std(1)[:, None] + 1,
        )
        close(lambda x: tj.scatter_add(x, [0, 0, -1], np.ones((3, 3))), X + np.array([[2], [1]]))
        close(lambda x: tj.take_along_axis(x, [[-1], [0]], 1), [[2], [3]])


def test_labels_out_of_range_are_index_errors():
    with pytest.raises(IndexError):
        tj.cross_entropy(X, np.array([0, 3]))


def test_python_control_flow_on_traced_values_is_refused_with_the_cure():
    for f in (lambda x: x if x.sum() > 0 else -x, lambda x: 1 if (x > 0).any() else 0, lambda x: not x[0, 0]):
        with pytest.raises(tj.TraceError, match=r"(?s)if, while.*tj.where.*at test_tensor.py"):
            traced(f, X)
    for f in (lambda x: float(x[0, 0]), lambda x: int(x.sum()), lambda x: x.sum().item(), lambda x: range(x.argmax())):
        with pytest.raises(tj.TraceError):
            traced(f, X)
    with pytest.raises(tj.TraceError, match="many elements"):
        traced(lambda x: x if x > 0 else -x, X)


def test_iteration_fixes_a_size_that_is_not_large():
    with pytest.raises(tj.TraceError, match=r"(?s)iteration over.*more than 256.*range\(len\(x\)\)"):
        traced(list, np.ones(257))
    f = tj.function(lambda x: sum(row * i for i, row in enumerate(x)))
    for n in (2, 3, 3):
        x = np.arange(2.0 * n).reshape(n, 2)
        np.testing.assert_array_equal(f(x), sum(row * i for i, row in enumerate(x)))
    assert f.compilations == 2 and "iterated over, or unpacked" in str(f.retraces())
    assert_same(traced(list, X), [X[0], X[1]])
    assert_same(traced(lambda x: list(x.reshape(-1)[:2]), X), [np.float64(0), np.float64(1)])
    assert_same(traced(lambda x: [x[i] for i in range(len(x))], X), [X[0], X[1]])


def test_code_that_needs_numbers_is_refused_traced_values():
    for f in (np.asarray, lambda x: np.zeros(3)[x.astype(int)], lambda x: np.float32(x[0, 0])):
        with pytest.raises(tj.TraceError, match="real numbers"):
            traced(f, X)
    with pytest.raises(ValueError, match="setting an array element") as info:
        traced(lambda x: np.zeros(3).__setitem__(0, x[0, 0]), X)
    assert isinstance(info.value.__cause__, tj.TraceError)


def test_a_traced_value_does_not_outlive_its_trace():
    kept = []
    traced(lambda x: kept.append(x * 2) or x, X)
    with pytest.raises(tj.LeakedTracerError, match=r"(?s)of f was used after.*at test_tensor.py"):
        kept[0] + 1
    assert "traced" in repr(kept[0])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: np.linalg.svd(x), "numpy.linalg.svd is not supported"),
        (lambda x: np.unique(x), "tj.sort"),
        (lambda x: np.nonzero(x), "tj.where"),
        (lambda x: np.place(x, x > 0, 1), "tj.where"),
        (lambda x: np.nanmedian(x), r"such as tj\.nan"),
        (lambda x: np.frexp(x), "numpy.frexp is not supported"),
        (lambda x: np.multiply.at(x, 0, 2), "numpy.multiply.at is not supported"),
        (lambda x: np.divide.reduceat(x, [0]), "numpy.divide.reduceat is not supported"),
        (lambda x: np.sum(x, where=X > 0), r"where= is not supported.*sum\(tj.where"),
        (lambda x: np.add(x, 1, where=X > 0), "where= is not supported"),
        (lambda x: np.add(x, 1, casting="unsafe"), "casting='unsafe' is not supported"),
        (lambda x: np.reshape(x, -1, order="F"), "order='F'"),
        (lambda x: np.linalg.norm(x, 2), "order 2 of a matrix"),
        (lambda x: np.repeat(x, tj.tensor([1, 2]), axis=0), "depends on data"),
        (lambda x: np.bitwise_and(x, 1), "no meaning for float64, int"),
        (lambda x: np.max(x * 1j), "has no order"),
        (lambda x: tj.one_hot(x, 3), "must be integers"),
        (lambda x: tj.cross_entropy(x, [0.0, 1.0]), "must be integers"),
        (lambda x: tj.zeros(2.5), "sizes are integers"),
        (lambda x: np.sum(x, axis=1.0), "must be an integer"),
        (lambda x: x.nothing, "nothing"),
    ],
)
def test_what_is_not_supported_says_so_and_what_to_use(call, text):
    with pytest.raises((TypeError, AttributeError), match=f"(?s){text}"):
        call(tj.tensor(X))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda x: x + np.ones((2, 4)),
            r"add: shapes differ\n  x: f64\[2, 3\]\n  y: f64\[2, 4\]\n  rule: .*\n  at test_tensor.py",
        ),
        (
            lambda x: x @ np.ones((4, 2)),
            r"matmul: inner dimensions differ\n  x: f64\[2, 3\]\n  y: f64\[4, 2\]\n  rule: .*k is 3 and 4",
        ),
        (lambda x: x.reshape(5, 5), r"6 elements, does not have the shape \(5, 5\), which has 25"),
        (lambda x: x.reshape(-1, 4), "divide the number of elements"),
        (lambda x: x.sum(axis=2), "axis 2 is out of range; legal axes are between -2 and 1"),
        (lambda x: x.sum(axis=(0, 0)), "twice"),
        (lambda x: np.concatenate([x, np.ones((2, 4))]), "concatenate: shapes differ"),
        (lambda x: np.stack([x, x.T]), "stack: shapes differ"),
        (lambda x: np.broadcast_to(x, (3, 3)), r"f64\[2, 3\] does not broadcast to \(3, 3\)"),
        (lambda x: np.einsum("ij,jk", x, x), "dimension j of 'ij,jk' is 3 and 2"),
        (lambda x: np.tensordot(x, x, 1), "tensordot: dimensions differ"),
        (lambda x: np.max(x[:0], axis=0), "no elements"),
        (lambda x: np.squeeze(x, 0), "not of size 1"),
        (lambda x: np.split(x, 2, axis=1), "has no 2 equal parts"),
        (lambda x: np.add(x, x, out=tj.tensor([1.0])), "does not"),
        (lambda x: tj.cross_entropy(x, [0, 1, 2]), "cross_entropy: shapes differ"),
        (lambda x: np.transpose(x, (0, 0)), "no order of the 2 axes"),
        (lambda x: tj.zeros((2, -3)), "negative size"),
    ],
)
def test_shapes_that_do_not_fit_are_value_errors_with_the_rule(call, text):
    with pytest.raises(tj.ShapeError, match=f"(?s){text}"):
        call(tj.tensor(X))
    if "which has 25" not in text:
        with pytest.raises(ValueError, match=r"at test_tensor.py"):
            traced(lambda x: call(x), X)


def test_every_public_name_is_there_and_has_help():
    for name in tj.__all__:
        value = getattr(tj, name)
        assert not callable(value) or (value.__doc__ or "").strip(), name
    assert len(set(tj.__all__)) == len(tj.__all__)
