"""Words that call the C library's functions: what ``math="libm"`` asks for."""

from __future__ import annotations

from collections.abc import Callable

from tracejit.backends.llvm.value import F32, Value, absolute, call, select

Formula = Callable[..., Value]


def unary(symbol: str) -> Formula:
    """The C function of one float, ``f`` appended to its name for f32."""
    return lambda x: call(_name(symbol, x), x)


def binary(symbol: str) -> Formula:
    """The C function of two floats."""
    return lambda x, y: call(_name(symbol, x), x, y)


def _name(symbol: str, x: Value) -> str:
    return symbol + "f" if x.kind == F32 else symbol


def sigmoid(x: Value) -> Value:
    """``1 / (1 + exp(-x))``, from ``exp(-|x|)``, which does not overflow."""
    small = call(_name("exp", x), -absolute(x))
    return select(x < 0, small, x.constant(1)) / (small + 1)
