"""How long a step takes, as a polynomial of the sizes: what decides whether other threads of Python run meanwhile."""

from __future__ import annotations

from tracejit.ir.size import Dim, product
from tracejit.schedule.access import op_of
from tracejit.schedule.cost import LOAD, MULTIPLICATIONS, SORTED, cost
from tracejit.schedule.fuse import input_role, reads_of
from tracejit.schedule.schedule import Gemm, Loop, Sort, Step, Write

_TENTH = 100  # picoseconds


def picoseconds(step: Step) -> Dim:
    """What a step takes on one typical core."""
    match step:
        case Loop():
            return _loop(step) * _TENTH
        case Gemm(node):
            length: Dim = node.inputs[op_of(node).in_place].shape[-1]  # the first operand of an update is what it adds to
            return node.spec.size * length * (_TENTH // MULTIPLICATIONS)
        case Write(_, parts):
            return sum((part.spec.size for part, _ in parts), start=0) * LOAD * _TENTH
    elements: Dim = sum((x.spec.size for x in step.node.inputs), start=0)
    return elements * ((SORTED if isinstance(step, Sort) else 4) * _TENTH)


def _loop(loop: Loop) -> Dim:
    """Tenths of a nanosecond."""
    members = set(loop.nodes)
    element = row = 0
    for node in loop.nodes:
        price = cost(node) + LOAD * sum(r.source not in members for r in reads_of(node))
        if input_role(node, loop.space, loop.rows) == "element":
            element += price
        else:
            row += price
    return product(loop.space) * element + product(loop.space[: loop.rows or 0]) * row
