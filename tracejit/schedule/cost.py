"""The cost model: what an element costs, in tenths of a nanosecond of one core."""

from __future__ import annotations

import re

from tracejit.ir import Node
from tracejit.ops.row import Op

PLAIN, VECTOR_MATH, LIBRARY_MATH, LOAD = 1, 8, 60, 1
# fmt: off
CHEAP_WORDS = {
    "absolute", "ceil", "copysign", "floor", "isfinite", "isinf", "isnan", "max_of", "maximum", "min_of", "minimum",
    "plus", "rint", "select", "sign", "signbit", "sqrt", "times", "trunc",
}
VECTOR_WORDS = {
    "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "log", "log10", "log1p", "log2", "philox", "power", "sigmoid", "sin",
    "sinh", "tan", "tanh",
}
# fmt: on
_CALL = re.compile(r"\b([a-z_]\w*)\(")


def cost(node: Node) -> int:
    """Cost of one element of ``node``, loads of operands not counted."""
    if not isinstance(node.op, Op):
        return 0
    words = [w for w in _CALL.findall(node.op.expr) if w not in CHEAP_WORDS and not re.fullmatch(r"[biufc]\d+", w)]
    return PLAIN + sum(VECTOR_MATH if w in VECTOR_WORDS else LIBRARY_MATH for w in words)


def is_heavy(node: Node) -> bool:
    """Whether computing an element again costs more than storing and loading it."""
    return cost(node) > PLAIN + 4 * LOAD
