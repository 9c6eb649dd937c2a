"""Random programs: every way to write one and to run one gives the same values."""

from hypothesis import HealthCheck, given, settings
from program_tools import assert_agree, programs

from tracejit.ir.graph import verify
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.transforms import PIPELINE, optimize
from tracejit.transforms.patterns import kind
from tracejit.transforms.simplify import simplify

many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def elementary(node):
    return kind(node) in ("elementwise", "reduce", "argreduce") or node.op.name in ("broadcast", "transpose")


@many
@given(programs())
def test_every_pass_keeps_the_values_of_a_program(program):
    expected, graph = program.evaluated(), program.graph
    verify(graph)
    for transform in PIPELINE:
        graph = transform(graph)
        verify(graph)
        assert_agree(program.evaluated(graph), expected, program)


@many
@given(programs())
def test_an_optimized_program_keeps_what_the_passes_promise(program):
    graph = optimize(program.graph)
    for node in graph.nodes():
        shapes = [x.shape for x in (node, *node.inputs)]
        if elementary(node):
            assert not any(1 in shape for shape in shapes), f"{node} of\n{graph}"
        if node.op.name == "slice":
            assert 1 not in shapes[1], f"{node} of\n{graph}"
            users = [user for user in graph.nodes() if node in user.inputs and 1 in node.shape]
            assert not any(elementary(user) for user in users), f"{node} of\n{graph}"
        if node.op.name == "matmul":
            assert 1 not in (*shapes[1][-2:], node.shape[-1])
        assert node.op.name != "stop_gradient"
        assert node.op.name != "reshape" or node.inputs[0].op.name != "reshape"


@many
@given(programs())
def test_the_text_of_a_program_is_the_program(program):
    again = parse_graph(str(program.graph), TABLE)
    assert str(again) == str(program.graph)
    assert_agree(program.evaluated(again), program.evaluated(), program)


@many
@given(programs())
def test_optimizing_twice_changes_no_more_values(program):
    once = optimize(program.graph)
    assert len(simplify(once).nodes()) <= len(once.nodes())
    assert_agree(program.evaluated(optimize(once)), program.evaluated(), program)
