"""compare: the same program in other clothes is the same, another program is not, and the first difference is shown."""

import json

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import ArgumentError
from tracejit.frontend.canonical import Values
from tracejit.frontend.compare import compare
from tracejit.frontend.scope import name_scope
from tracejit.ir import Builder, Graph, TensorSpec, using
from tracejit.ir.evaluation import evaluate_graph
from tracejit.ops import TABLE

N, INPUTS, HIDDEN, OUTPUTS = 64, 1000, 100, 10
X, Y = np.ones((N, INPUTS), np.float32), np.ones((N, OUTPUTS), np.float32)
A = np.ones((5, 5))


def weights(*names):
    shapes = (INPUTS, HIDDEN), (HIDDEN, OUTPUTS)
    return [tj.Variable(np.ones(shape, np.float32), name=name) for shape, name in zip(shapes, names, strict=True)]


def as_in_tensorflow():
    """A static graph: placeholders, a squared difference, new values that are fetched."""
    w1, w2 = weights("Variable", "Variable_1")

    @tj.function(input_signature=[tj.TensorSpec((None, INPUTS), "float32"), tj.TensorSpec((None, OUTPUTS), "float32")])
    def graph(Placeholder, Placeholder_1):
        with tj.GradientTape() as tape:
            h = Placeholder @ w1
            h_relu = np.where(h < 0, np.float32(0), h)
            loss = np.sum((Placeholder_1 - h_relu @ w2) ** 2.0)
        grad_w1, grad_w2 = tape.gradient(loss, [w1, w2])
        w1.assign(w1 - 1e-6 * grad_w1)
        w2.assign(w2 - 1e-6 * grad_w2)
        return loss, w1.value(), w2.value()

    return graph


def as_in_pytorch():
    """Tensors of one size that the step finds in its surroundings, changed in place."""
    w2, w1 = weights("w1", "w2")[::-1]
    x, y = X.copy(), Y.copy()

    def step():
        with tj.GradientTape() as tape:
            error = np.where(np.greater(0, x @ w1), np.float32(0), x @ w1) @ w2 - y
            loss = np.sum(error * error)
        grad_w2, grad_w1 = tape.gradient(loss, [w2, w1])
        w2.assign_sub(grad_w2 * 1e-6)
        w1.assign_sub(grad_w1 * 1e-6)
        return loss

    return tj.function(step)


def test_one_training_step_written_in_two_styles_is_one_program():
    f, g = as_in_tensorflow(), as_in_pytorch()
    f(X, Y), g()
    found = compare(f, g)
    assert found and found.same and found.operations > 10
    assert {("Variable", "w1"), ("Variable_1", "w2")} < set(found.inputs)
    assert str(found).startswith("graph and step are the same program: ")
    assert "graph also returns new values that it writes" in str(found) and "is 64 in step" in str(found)
    assert compare(g, f)


def test_the_first_difference_is_shown_with_both_lines():
    def f(x):
        h = np.exp(x)
        return np.sum(h * h) + 1

    def g(x):
        h = np.exp2(x)
        return np.sum(h * h) + 1

    found = compare(f, g, A)
    assert not found
    ours, theirs = found.sides
    assert (ours.where.text, theirs.where.text) == ("h = np.exp(x)", "h = np.exp2(x)")
    assert "exp(x)" in ours.text and "exp2(x)" in theirs.text
    assert str(found).count("test_compare.py:") == 2 and "first in the result" in str(found)
    assert json.loads(found.json())["data"]["same"] is False
    assert found._repr_html_().startswith("<pre>f and g differ")


SAME = {
    "commuted": (lambda x, y: x * y + x, lambda x, y: x + y * x),
    "other names": (lambda x, y: x / y, lambda a, b: a / b),
    "squares of differences": (lambda x, y: (x - y) ** 2, lambda x, y: np.square(y - x)),
    "sign drawn out of a product": (lambda x, y: -(x @ y), lambda x, y: (-x) @ y),
    "sign drawn out of a sum": (lambda x, y: np.sum(-x * y), lambda x, y: -np.sum(y * x)),
    "sign drawn through views": (lambda x, y: (-x).T[1:] - y[1:], lambda x, y: -(y[1:] + x.T[1:])),
    "twice": (lambda x, y: 2 * x, lambda x, y: x + x),
    "odd functions": (lambda x, y: np.tanh(x - y), lambda x, y: -np.tanh(y - x)),
    "even functions": (lambda x, y: np.abs(x - y) + np.cos(x - y), lambda x, y: np.cos(y - x) + np.abs(y - x)),
    "comparisons": (lambda x, y: x < y, lambda x, y: -x > -y),
    "comparisons with zero": (lambda x, y: np.where(x - y > 0, x, 0), lambda x, y: np.where(y - x < 0, x, 0)),
    "extremes": (lambda x, y: np.maximum(-x, -y), lambda x, y: -np.minimum(y, x)),
    "choice": (lambda x, y: np.where(x > 1, -x, 0.0), lambda x, y: -np.where(np.less(1, x), x, 0.0)),
    "integers": (lambda x, y: x.astype(int) * y.astype(int), lambda x, y: y.astype(int) * x.astype(int)),
    "dead code": (lambda x, y: np.exp(x), lambda x, y: (np.exp(y), np.exp(x))[1]),
    "constants": (lambda x, y: x * (2 * 3.0), lambda x, y: x * 6),
    "structure of results": (lambda x, y: (x, {"a": y}), lambda x, y: [x, y]),
}
DIFFERENT = {
    "operation": (lambda x, y: x + y, lambda x, y: x * y),
    "order": (lambda x, y: x - y, lambda x, y: y - x),
    "grouping": (lambda x, y: (x + y) + 1, lambda x, y: x + (y + 1)),
    "axis": (lambda x, y: x.sum(0), lambda x, y: x.sum(1)),
    "constant": (lambda x, y: x * 2.5, lambda x, y: x * 2.25),
    "sign of a constant": (lambda x, y: np.exp(x) + 1, lambda x, y: np.exp(x) - 1),
    "sign": (lambda x, y: np.exp(x - y), lambda x, y: np.exp(y - x)),
    "dtype": (lambda x, y: x.astype(np.float32), lambda x, y: x),
    "number of results": (lambda x, y: x, lambda x, y: (x, y)),
    "order of results": (lambda x, y: (x, y), lambda x, y: (y, x)),
    "use of inputs": (lambda x, y: np.exp(x), lambda x, y: np.exp(x) + y),
    "input": (lambda x, y: np.exp(x), lambda x, y: np.exp(y)),
    "input of another name": (lambda x, y: np.exp(x) - y, lambda y, x: np.exp(x) - y),
    "result that is no array": (lambda x, y: (x + y, "a"), lambda x, y: (x + y, "b")),
    "result that is an argument": (lambda x, y: (x + y, x), lambda x, y: (x + y, y)),
    "comparison": (lambda x, y: x < y, lambda x, y: x <= y),
    "integers do not draw signs": (lambda x, y: abs(-x.astype(np.int8)), lambda x, y: abs(x.astype(np.int8))),
}


@pytest.mark.parametrize("case", SAME)
def test_what_is_computed_alike_is_the_same(case):
    f, g = SAME[case]
    assert compare(f, g, A, A), compare(f, g, A, A)


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_is_computed_otherwise_is_not(case):
    f, g = DIFFERENT[case]
    assert not compare(f, g, A, A)
    assert "differ" in str(compare(f, g, A, A))


def test_a_difference_in_sign_alone_is_named():
    assert "in its sign" in compare(lambda x: x * 2, lambda x: x * -2, A).difference


def test_arguments_are_matched_by_position_and_inputs_of_graphs_by_name():
    def f(x, y):
        return np.exp(x) - y

    def g(y, x):
        return np.exp(y) - x

    assert compare(f, g, A, A)
    graphs = [tj.function(h).trace(A, A) for h in (f, g)]
    assert "only if inputs are exchanged" in str(compare(*graphs))


def test_tensors_written_in_place_are_compared():
    def f(x):
        x += 1

    def g(x):
        x += 2

    t = tj.tensor(A)
    assert compare(f, lambda x: f(x), t) and not compare(f, g, t) and not compare(f, lambda x: None, t)


def test_exchanged_inputs_are_told():
    assert "only if inputs are exchanged" in str(compare(lambda x, y: x - y, lambda x, y: y - x, A, A))


def test_writes_are_compared():
    v = tj.Variable(np.ones((5, 5)), name="v")

    def writes(x):
        v.assign_add(x)
        return np.exp(x)

    def writes_more(x):
        v.assign_add(2 * x)
        return np.exp(x)

    def reads(x):
        return np.exp(x), v * x

    assert compare(writes, lambda x: writes(x), A)
    assert "first in the new value of v" in str(compare(writes, writes_more, A))
    assert not compare(writes, reads, A)

    def only_reads(x):
        return np.exp(x) * v

    def reads_and_writes(x):
        y = np.exp(x) * v
        v.assign(x)
        return y

    assert "reads_and_writes writes v, only_reads only reads it" in str(compare(only_reads, reads_and_writes, A))


def test_a_value_returned_beside_its_write_is_told():
    v = tj.Variable(np.ones((5, 5)), name="v")

    def writes(x):
        v.assign(v * x)

    def returns(x):
        v.assign(v * x)
        return v.value()

    assert "returns also returns new values that it writes" in str(compare(writes, returns, A))


@pytest.mark.parametrize(("left", "same"), [(0.0, True), (1.0, False)])
def test_a_variable_that_each_call_leaves_with_a_number_is_taken_to_hold_it(left, same):
    total = tj.Variable(np.zeros((5, 5)), name="total")

    def accumulates(x):
        total.assign_add(np.exp(x))
        out = total * 2
        total.assign(tj.full((5, 5), left))
        return out

    found = compare(accumulates, lambda x: np.exp(x) * 2, A)
    assert found.same == same and f"total is taken to hold {left}, as each call leaves it" in str(found)


def test_sizes_that_one_leaves_open_are_told():
    open_one = tj.function(lambda x: np.exp(x) + x.shape[0], name="open")
    fixed = tj.function(lambda x: np.exp(x) + 5, input_signature=[tj.TensorSpec((5, 5))], name="fixed")
    found = compare(open_one.trace(A), fixed.trace(A))
    assert found and "is 5 in" in str(found)


def test_sizes_of_inputs_must_agree():
    f = tj.function(lambda x, y: np.sum(x) + np.sum(y), input_signature=[tj.TensorSpec((3,)), tj.TensorSpec((4,))])
    g = tj.function(lambda x, y: np.sum(x) + np.sum(y), input_signature=[tj.TensorSpec((3,)), tj.TensorSpec((5,))])
    found = compare(f.trace(np.ones(3), np.ones(4)), g.trace(np.ones(3), np.ones(5)))
    assert not found and "no inputs of one fit those of the other" in str(found) and "f64[4]" in str(found)


def test_many_inputs_of_one_spec_are_matched_by_their_names():
    names = [f"w{i}" for i in range(12)]
    first = [tj.Variable(A, name=name) for name in names]
    second = {name: tj.Variable(A, name=name) for name in reversed(names)}

    def f(x):
        for w in first:
            x = np.tanh(x @ w)
        return x

    def g(x):
        for name in names:
            x = np.tanh(x @ second[name])
        return x

    assert compare(f, g, A)


def test_many_inputs_of_one_spec_are_matched_by_their_order_of_use():
    first, second = ([tj.Variable(A, name=f"{side}{i}") for i in range(12)] for side in "ab")

    def chain(ws):
        def f(x):
            for w in ws:
                x = np.tanh(x @ w)
            return x

        return f

    assert compare(chain(first), chain(second), A)
    assert not compare(chain(first), chain([*second[:5], *second]), A)


def test_graphs_programs_and_functions_are_taken():
    f = tj.function(lambda x: np.exp(x) * 2, name="f")
    f(A)
    program = f.programs.entries[-1].program
    for other in (f, program, f.trace(A), lambda x: 2 * np.exp(x)):
        assert compare(f, other, A) and compare(other, f, A)


def test_scopes_and_names_make_no_difference():
    def f(x):
        with name_scope("deep/inside"):
            return np.exp(x)

    assert compare(f, np.exp, A)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ArgumentError, match="plain function; give arguments"):
        compare(np.exp, np.exp)
    with pytest.raises(ArgumentError, match="got a int"):
        compare(3, np.exp, A)
    with pytest.raises(ValueError, match="has no program yet"):
        compare(tj.function(np.exp), tj.function(np.exp))


# soundness of value numbers

UNARY = ["negative", "absolute", "tanh", "sin", "cos", "exp", "rint", "sqrt", "sign"]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "masked_multiply",
    "maximum",
    "minimum",
    "less",
    "greater_equal",
    "equal",
    "matmul",
]


def random_graph(rng, dtype):
    """Some hundred nodes over two inputs, with many negations among them, and constants."""
    builder = Builder(TABLE)
    spec = TensorSpec((3, 3), dtype)
    inputs = (builder.input("x", spec), builder.input("y", spec))
    nodes, truths = [*inputs], []
    with using(builder):
        numbers = [builder.constant(value, spec.dtype) for value in (0.0, -0.0, 1.0, -1.0, 2.0, -2.5)]
        nodes += [TABLE["broadcast"](x, shape=(3, 3), axes=()) for x in numbers]
        for _ in range(300):
            x, y = (nodes[i] for i in rng.integers(0, len(nodes), 2))
            kind = rng.integers(0, 10)
            if kind < 3:
                node = TABLE["negative"](x)
            elif kind < 4:
                node = TABLE[UNARY[rng.integers(0, len(UNARY))]](x)
            elif kind < 9:
                node = TABLE[BINARY[rng.integers(0, len(BINARY))]](x, y)
            elif truths and rng.integers(0, 2):
                node = TABLE["where"](truths[rng.integers(0, len(truths))], x, y)
            else:
                node = TABLE["transpose"](x, perm=(1, 0))
            (truths if node.dtype == bool else nodes).append(node)
    return Graph("f", inputs, tuple(dict.fromkeys(nodes + truths)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(10))
def test_equal_value_numbers_are_equal_values(seed, dtype):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, dtype)
    terms = Values().terms(graph, {node: node.attrs["name"] for node in graph.inputs})
    arrays = [rng.standard_normal((3, 3)).round(1).astype(dtype) for _ in range(2)]
    with np.errstate(all="ignore"):
        outputs, _ = evaluate_graph(graph, arrays, {})
    seen = {}
    for node, value in zip(graph.outputs, outputs, strict=True):
        sign, number = terms[node]
        signed = -value if sign < 0 else value
        np.testing.assert_array_equal(signed, seen.setdefault(number, signed), err_msg=str(node))
    assert len(seen) < len(outputs) - 50  # many nodes were found to be alike
