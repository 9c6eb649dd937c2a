"""The cost model: what an element costs, in tenths of a nanosecond of one core."""

from __future__ import annotations

import re

from tracejit.ir import Node
from tracejit.ops.row import Op

PLAIN, VECTOR_MATH, LIBRARY_MATH, LOAD = 1, 8, 60, 1
CHEAP_WORDS = {"select", "maximum", "minimum", "absolute", "plus", "times", "max_of", "min_of", "floor", "ceil", "rint", "trunc", "copysign"}
CHEAP_WORDS |= {"isnan", "isinf", "isfinite", "signbit", "sign", "sqrt", "masked_multiply"}
VECTOR_WORDS = {"exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "tanh", "sinh", "cosh", "erf", "erfc"}
VECTOR_WORDS |= {"sigmoid", "power"}
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
