"""Operands brought to one dtype, and operations of two operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit.compat.torch import dtypes
from tracejit.compat.torch.apply import apply, pair, trace
from tracejit.compat.torch.errors import operand_error
from tracejit.compat.torch.kernels import elementwise as K
from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.value import Value, wrap
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.frontend.tensor import EagerTensor, Tracer
from tracejit.ir import Node
from tracejit.ir.ambient import active
from tracejit.ir.dtype import family

NUMBERS = (float, int, bool, complex)
_KINDS = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


def dtype_of(x: Value) -> np.dtype:
    """NumPy's dtype of a tensor."""
    return x._array.dtype if x._tracer is None else x._tracer.dtype


def rank_of(x: Value) -> int:
    """The number of dimensions of a tensor."""
    return x._array.ndim if x._tracer is None else x._tracer.ndim


def dims_of(x: Value) -> tuple[Any, ...]:
    """The sizes of a tensor; symbolic ones in a trace."""
    return x._array.shape if x._tracer is None else x._tracer.shape


def to(x: Any, dtype: np.dtype) -> Any:
    """``x`` in ``dtype``: the same tensor where it has it."""
    return x if dtype_of(x) == dtype else apply(K.cast, x, dtype=dtype)


def floating(x: Any) -> Any:
    """``x``; integers and bools in the default dtype."""
    return x if family(dtype_of(x)) in "fc" else to(x, dtypes.default())


def _number_dtype(x: Any) -> np.dtype:
    """The dtype of a Python number, or of what stands for one in a trace."""
    kind = type(x)
    if kind not in NUMBERS:
        kind = int if kind is SymbolicInt else _KINDS[family(x.dtype)]
    return dtypes.default() if kind is float else dtypes.as_numpy(kind)


def is_number(x: Any) -> bool:
    """Whether an operand counts as a Python number."""
    return type(x) in NUMBERS or isinstance(x, SymbolicInt) or (isinstance(x, Tracer | EagerTensor) and x.weak)


def operand(x: Any, like: Value, name: str) -> Any:
    """``x`` as a tensor or a number; OperandError where it is neither."""
    if isinstance(x, Value) or is_number(x):
        return x
    if isinstance(x, np.generic):
        return x.item()
    if isinstance(x, np.ndarray):
        return wrap(type(like), x)
    if isinstance(x, Tracer) and (session := trace()) is not None:
        return session.made(type(like), x.node_in(session.trace))
    raise operand_error(name, 2, x)


def promoted(*operands: Any, floats: bool = False) -> list[Any]:
    """Tensors and numbers in one dtype, numbers of Python left to NumPy and to the op table, which know them."""
    kinds = [(dtype_of(x), rank_of(x)) if isinstance(x, Value) else (_number_dtype(x), -1) for x in operands]
    dtype = dtypes.common(*kinds)
    if floats and dtype.kind in "biu":
        dtype = dtypes.default()
    return [_in(x, dtype) for x in operands]


def _in(x: Any, dtype: np.dtype) -> Any:
    if isinstance(x, Value):
        return to(x, dtype)
    if type(x) in NUMBERS:
        return float(x) if family(dtype) == "f" else x
    session = trace()
    assert session is not None, "there are traced numbers in traces only"
    return session.number(x, dtype)


def binary(kernel: Kernel, x: Any, other: Any, floats: bool = False) -> Any:
    """``kernel(x, other)`` of a tensor and a tensor or number."""
    kind = type(other)
    if kind is type(x):
        if active() is None and (dtype := x._array.dtype) is other._array.dtype and dtype.kind == "f":
            return pair(kernel, x, other)
        if dtype_of(x) == dtype_of(other) and not (floats and dtype_of(x).kind in "biu"):
            return apply(kernel, x, other)
    elif (kind is float or kind is int) and family(dtype_of(x)) == "f":
        return apply(kernel, x, other)
    elif not isinstance(other, Node):
        other = operand(other, x, kernel.name.lower())
    return apply(kernel, *promoted(x, other, floats=floats))


def reflected(kernel: Kernel, x: Any, other: Any, floats: bool = False) -> Any:
    """``kernel(other, x)``."""
    if (type(other) is float or type(other) is int) and family(dtype_of(x)) == "f":
        return apply(kernel, other, x)
    return apply(kernel, *promoted(operand(other, x, kernel.name.lower()), x, floats=floats))


Method = Callable[..., Any]


def operator(kernel: Kernel, floats: bool = False) -> tuple[Method, Method]:
    """``x + y`` and ``y + x``."""

    def forward(self: Value, other: Any) -> Any:
        return binary(kernel, self, other, floats)

    def backward(self: Value, other: Any) -> Any:
        return reflected(kernel, self, other, floats)

    return forward, backward


def compared(kernel: Kernel) -> Method:
    """``x < y``."""
    return lambda self, other: binary(kernel, self, other)


def unary(kernel: Kernel, floats: bool = False) -> Method:
    """A method of the tensor alone; integers become floats where ``floats``."""
    return (lambda self: apply(kernel, floating(self))) if floats else (lambda self: apply(kernel, self))
