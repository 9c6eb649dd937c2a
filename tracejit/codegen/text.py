"""Pieces of source text: dimensions, literals, comments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tracejit.ir import Node
from tracejit.ir.dtype import family
from tracejit.ir.size import Dim
from tracejit.ir.spec import dtype_code

COMMENT_WIDTH = 60
WRAPPED = {np.dtype(t) for t in ("i1", "i2", "i4", "u1", "u2", "u4", "u8")}
"""Integers that Numba would widen: each result is brought back to its dtype. So is a bool that arithmetic made an integer."""


def factor(text: str) -> str:
    """``text`` as a factor of a product."""
    closed = text.startswith("(") and text.endswith(")") and "(" not in text[1:]
    return text if text.isidentifier() or text.isdigit() or closed else f"({text})"


def times(dim: Dim, text: str, index: str) -> str:
    """``dim * index`` where ``text`` is how ``dim`` reads; empty for 0."""
    return "" if dim == 0 else index if dim == 1 else f"{factor(index)} * {factor(text)}"


def total(terms: Iterable[str]) -> str:
    """The sum of the terms that are not empty."""
    return " + ".join(t for t in terms if t) or "0"


def literal(value: Any, dtype: np.dtype) -> str:
    """A constant of exactly this dtype and value."""
    code = dtype_code(dtype)
    if dtype.kind == "c":
        return f"{code}(complex({_real(value.real)}, {_real(value.imag)}))"
    return f"{code}({_real(value) if family(dtype) == 'f' else value})"


def _real(value: float) -> str:
    return repr(float(value)) if np.isfinite(value) else "nan" if np.isnan(value) else "inf" if value > 0 else "-inf"


def comment(node: Node) -> str:
    """The user's line of a node as a trailing comment; user text is cut and stripped of what is not printable."""
    if node.where is None:
        return ""
    name = node.where.file.replace("\\", "/").rsplit("/", 1)[-1]
    place = printable(f"{name}:{node.where.line}")
    if node.where.reverse:
        return f"  # reverse of {place}"
    text = printable(node.where.text)
    return f"  # {place}  {text}".rstrip()


def printable(text: str) -> str:
    """One line of printable ASCII."""
    text = "".join(c if " " <= c <= "~" else "?" for c in text)
    return text if len(text) <= COMMENT_WIDTH else text[: COMMENT_WIDTH - 3] + "..."


def wrapped(expr: str, dtype: np.dtype) -> str:
    """``expr`` as a value of ``dtype``, where Numba might have widened it."""
    code = dtype_code(dtype)
    widened = dtype in WRAPPED or (dtype.kind == "b" and any(f" {c} " in expr for c in "+-*"))
    return f"{code}({expr})" if widened and not expr.startswith(f"{code}(") else expr
