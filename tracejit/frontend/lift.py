"""Lifting: from what a user passes to nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ArgumentError, DTypeError, ShapeError
from tracejit.frontend.base import Tensor
from tracejit.frontend.device import resident_array
from tracejit.frontend.eager import trace
from tracejit.frontend.shapes import same
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.ir import Node, current
from tracejit.ir.dtype import family, promoted
from tracejit.runtime.device import Array, is_resident


@dataclass(frozen=True, slots=True)
class Operand:
    """What takes part in promotion: a node, or a Python number whose dtype is not chosen yet."""

    value: Node | complex
    weak: bool = False

    @property
    def shape(self) -> tuple[Any, ...]:
        return self.value.shape if isinstance(self.value, Node) else ()

    @property
    def kind(self) -> Any:
        """A dtype, or the Python type that NEP 50 promotes by."""
        if isinstance(self.value, Node):
            dtype = self.value.dtype
            return {"i": int, "f": float, "c": complex}.get(dtype.kind, dtype) if self.weak else dtype
        return np.dtype(bool) if isinstance(self.value, bool) else type(self.value)

    def to(self, dtype: np.dtype) -> Node:
        """The node, in ``dtype``."""
        if isinstance(self.value, Node):
            if self.weak and self.value.dtype.kind == "i" and dtype.kind in "iu" and dtype != self.value.dtype:
                trace().fit(self.value, dtype)
            return cast(self.value, dtype)
        if isinstance(self.value, int):
            np.array(self.value, dtype)  # OverflowError where it does not fit, with NumPy's words
        return current().constant(self.value, dtype)

    def node(self) -> Node:
        """The node, in the dtype that NumPy gives the number by itself."""
        return self.value if isinstance(self.value, Node) else self.to(np.asarray(self.value).dtype)


def cast(node: Node, dtype: Any) -> Node:
    """``node`` in another dtype."""
    return node if node.dtype == dtype else ops.cast(node, dtype=np.dtype(dtype))


def distinct(node: Node) -> Node:
    """The value of ``node`` as a node that is no other's, so that a derivative by it is by nothing else.

    A reshape to the same shape, which the passes drop again.
    """
    return current().emit_apart(ops.reshape, (node,), shape=node.shape)


def lift(x: Any, name: str = "array") -> Operand:
    """``x`` as an operand in the current builder; ``name`` is that of the function, for errors."""
    if isinstance(x, Tensor):
        return Operand(x.node_in(current()), x.weak)
    if type(x) in (bool, int, float, complex):
        return Operand(x, True)
    if isinstance(x, SymbolicInt):
        return Operand(x.node(), True)
    if isinstance(x, np.generic):
        return Operand(current().constant(x.item(), _checked(x.dtype, name, x)))
    if isinstance(x, list | tuple):
        return Operand(_lift_list(x, name))
    if isinstance(x, bool | int | float | complex):  # subclasses, such as members of an IntEnum
        return Operand(int(x) if isinstance(x, int) else float(x) if isinstance(x, float) else complex(x), True)
    array = _array(x, name)
    _checked(array.dtype, name, x)
    return Operand(trace().captured(array))


def _array(x: Any, name: str) -> Array:
    if isinstance(x, np.matrix | np.ma.MaskedArray):
        raise ArgumentError(f"{name}: {type(x).__name__} has rules of its own; pass a plain array, as np.asarray(x) gives it")
    if isinstance(x, np.ndarray):
        return x
    if is_resident(x):
        return resident_array(x, name)
    if not isinstance(x, str | bytes | None) and any(hasattr(x, p) for p in ("__array__", "__array_interface__", "__buffer__")):
        return np.asarray(x)
    if hasattr(x, "__dlpack__"):
        return np.from_dlpack(x)
    raise ArgumentError(
        f"{name}: an operand is of type {type(x).__name__}, {_short(x)}; it must be an array, a number or a list of these"
    )


def _checked(dtype: np.dtype, name: str, x: Any) -> np.dtype:
    if family(dtype) in "biufc" and dtype.itemsize <= 16 and dtype != np.longdouble:
        return dtype.newbyteorder("=")
    raise DTypeError(
        f"{name}: an operand of type {type(x).__name__} has dtype {dtype}, {_short(x)}\n"
        "  rule: bool, integers of 8 to 64 bits, float16, bfloat16, float32, float64, complex64 and complex128"
    )


def _lift_list(x: Sequence[Any], name: str) -> Node:
    if has_tensor(x):
        return _stacked([lift(item, name) for item in x])
    try:
        array = np.asarray(x)
    except ValueError:
        rule = "all lists of one level have one length; pad them, or pass them one by one"
        raise ShapeError(f"{name}: a list is ragged, {_short(x)}\n  rule: {rule}") from None
    _checked(array.dtype, name, x)
    node: Node = trace().captured(array)
    return node


def _stacked(items: Sequence[Operand]) -> Node:
    """Operands of one shape as the parts of one array, in the dtype that NumPy would give the list."""
    dtype = promoted(*(item.node().dtype for item in items))
    rows = [item.to(dtype) for item in items]
    fault = f"array: a list holds tensors of different shapes: {', '.join(str(row.spec) for row in rows)}"
    for row in rows[1:]:
        if row.spec.rank != rows[0].spec.rank:
            raise ShapeError(fault)
        for a, b in zip(rows[0].shape, row.shape, strict=True):
            same(a, b, fault)
    return ops.concatenate(*(ops.reshape(row, shape=(1, *row.shape)) for row in rows), axis=0)


def _short(x: Any) -> str:
    text = repr(x)
    return text if len(text) <= 60 else f"{text[:57]}..."


def has_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor, or a list with one somewhere in it."""
    return isinstance(x, Tensor | SymbolicInt) or (isinstance(x, list | tuple) and any(map(has_tensor, x)))
