"""Rows of comparisons, logic, bits and predicates. Their results are bools or integers: none has a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.ops.row import Domain, elementwise

NUMBER = Domain()
COMPLEX = Domain(kinds="biufc")
BITS = Domain(-100, 100, "biu")
SHIFT = Domain(0, 7, "iu")
TRUTH = Domain(kinds="b")


def _logical(*dtypes: Any) -> tuple[np.dtype, ...]:
    """Bools in, a bool out; NumPy's loops for other dtypes mean the same as a cast to bool before."""
    return (np.dtype(bool),) * (len(dtypes) + 1)


@elementwise("{x} == {y}", COMPLEX, COMPLEX, ufunc=np.equal)
def equal(x: Any, y: Any) -> Any:
    """``x == y``; NaN equals nothing."""
    return np.equal(x, y)


@elementwise("{x} != {y}", COMPLEX, COMPLEX, ufunc=np.not_equal)
def not_equal(x: Any, y: Any) -> Any:
    """``x != y``; true wherever a NaN is."""
    return np.not_equal(x, y)


@elementwise("{x} < {y}", NUMBER, NUMBER, ufunc=np.less)
def less(x: Any, y: Any) -> Any:
    """``x < y``."""
    return np.less(x, y)


@elementwise("{x} <= {y}", NUMBER, NUMBER, ufunc=np.less_equal)
def less_equal(x: Any, y: Any) -> Any:
    """``x <= y``."""
    return np.less_equal(x, y)


@elementwise("{x} > {y}", NUMBER, NUMBER, ufunc=np.greater)
def greater(x: Any, y: Any) -> Any:
    """``x > y``."""
    return np.greater(x, y)


@elementwise("{x} >= {y}", NUMBER, NUMBER, ufunc=np.greater_equal)
def greater_equal(x: Any, y: Any) -> Any:
    """``x >= y``."""
    return np.greater_equal(x, y)


@elementwise("{x} & {y}", TRUTH, TRUTH, resolve=_logical)
def logical_and(x: Any, y: Any) -> Any:
    """Truth of both; operands are bools, other dtypes are cast first (anything but zero is true)."""
    return np.logical_and(x, y)


@elementwise("{x} | {y}", TRUTH, TRUTH, resolve=_logical)
def logical_or(x: Any, y: Any) -> Any:
    """Truth of at least one."""
    return np.logical_or(x, y)


@elementwise("{x} ^ {y}", TRUTH, TRUTH, resolve=_logical)
def logical_xor(x: Any, y: Any) -> Any:
    """Truth of exactly one."""
    return np.logical_xor(x, y)


@elementwise("~{x}", TRUTH, resolve=_logical)
def logical_not(x: Any) -> Any:
    """Truth of the opposite."""
    return np.logical_not(x)


@elementwise("{x} & {y}", BITS, BITS, ufunc=np.bitwise_and)
def bitwise_and(x: Any, y: Any) -> Any:
    """``x & y`` bit by bit; of bools, logically."""
    return np.bitwise_and(x, y)


@elementwise("{x} | {y}", BITS, BITS, ufunc=np.bitwise_or)
def bitwise_or(x: Any, y: Any) -> Any:
    """``x | y`` bit by bit; of bools, logically."""
    return np.bitwise_or(x, y)


@elementwise("{x} ^ {y}", BITS, BITS, ufunc=np.bitwise_xor)
def bitwise_xor(x: Any, y: Any) -> Any:
    """``x ^ y`` bit by bit; of bools, logically."""
    return np.bitwise_xor(x, y)


@elementwise("~{x}", BITS, ufunc=np.invert)
def invert(x: Any) -> Any:
    """``~x`` bit by bit; of bools, logically."""
    return np.invert(x)


@elementwise("left_shift({x}, {y})", BITS.with_kinds("iu"), SHIFT, ufunc=np.left_shift)
def left_shift(x: Any, y: Any) -> Any:
    """``x * 2**y`` modulo the integer's range; 0 for shifts beyond its width."""
    return np.left_shift(x, y)


@elementwise("right_shift({x}, {y})", BITS.with_kinds("iu"), SHIFT, ufunc=np.right_shift)
def right_shift(x: Any, y: Any) -> Any:
    """``x // 2**y``; for shifts beyond the width 0, or -1 where ``x`` is negative."""
    return np.right_shift(x, y)


@elementwise("isnan({x})", NUMBER, ufunc=np.isnan)
def isnan(x: Any) -> Any:
    """Whether ``x`` is not a number."""
    return np.isnan(x)


@elementwise("isinf({x})", NUMBER, ufunc=np.isinf)
def isinf(x: Any) -> Any:
    """Whether ``x`` is inf or -inf."""
    return np.isinf(x)


@elementwise("isfinite({x})", NUMBER, ufunc=np.isfinite)
def isfinite(x: Any) -> Any:
    """Whether ``x`` is neither infinite nor NaN."""
    return np.isfinite(x)


@elementwise("signbit({x})", NUMBER, ufunc=np.signbit)
def signbit(x: Any) -> Any:
    """Whether the sign of ``x`` is set; true for -0.0."""
    return np.signbit(x)
