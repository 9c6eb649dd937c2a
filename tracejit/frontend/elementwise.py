"""Calls of elementwise ops: NumPy's promotion, casts and broadcasting, then one node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracejit.errors import DTypeError, UnsupportedError
from tracejit.frontend.eager import trace
from tracejit.frontend.lift import Operand, cast, lift
from tracejit.frontend.public import hand_out, opened, registered, write_out
from tracejit.frontend.shapes import broadcast_nodes, filled
from tracejit.ir import Node, current
from tracejit.ops.row import TABLE

Body = Callable[..., Node]
"""From operands and ``dtype=`` to the result of a ufunc."""

COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
BITS = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}
TRUTHS = {"logical_and", "logical_or", "logical_xor", "logical_not"}


def elementwise(name: str, *operands: Operand, dtype: Any = None) -> Node:
    """The op ``name`` of operands in the dtypes and the shape that NumPy would bring them to."""
    op = TABLE[name]
    if dtype is not None:
        operands = tuple(Operand(x.to(np.dtype(dtype))) for x in operands)
    if name in COMPARISONS and (known := _known_comparison(name, operands)) is not None:
        return known
    if name in TRUTHS:
        nodes: Sequence[Node] = [cast(x.node(), bool) for x in operands]
    else:
        _check_power(name, operands)
        dtypes = op.resolve(*(_own_dtype(name, x) if all(x.weak for x in operands) else x.kind for x in operands))
        nodes = [x.to(d) for x, d in zip(operands, dtypes, strict=False)]
    out: Node = op(*broadcast_nodes(nodes, name, op.operands))
    if dtype is not None and out.dtype != dtype:
        raise DTypeError(
            f"{name}: gives {out.dtype} for operands of dtype {np.dtype(dtype)}; dtype={np.dtype(dtype)} has no meaning"
        )
    return out


def _own_dtype(name: str, x: Operand) -> np.dtype:
    """The dtype of a Python number among Python numbers, whose truths add up as integers."""
    dtype = np.result_type(x.kind(0)) if isinstance(x.kind, type) else x.kind
    return np.dtype(np.int64) if dtype.kind == "b" and not (name in COMPARISONS or name in BITS) else dtype


def _known_comparison(name: str, operands: Sequence[Operand]) -> Node | None:
    """The outcome where an integer array meets a Python integer beyond its dtype: NumPy compares them as numbers."""
    x, y = operands
    for operand, other in ((x, y), (y, x)):
        number = operand.value
        if isinstance(number, Node) and operand.kind is int and isinstance(other.kind, np.dtype) and other.kind.kind in "iu":
            number = trace().beyond(number, other.kind)
        if isinstance(number, int) and isinstance(other.value, Node) and other.value.dtype.kind in "iu":
            limits = np.iinfo(other.value.dtype)
            if not limits.min <= number <= limits.max:
                beyond = 1 if number > 0 else -1
                pair = (beyond, 0) if operand is x else (0, beyond)
                truth = current().constant(bool(TABLE[name].evaluate(*pair)), np.dtype(bool))
                return filled(truth, other.value.shape)
    return None


def _check_power(name: str, operands: Sequence[Operand]) -> None:
    if name == "power":
        base, exponent = operands
        integral = base.kind is int or (base.kind is not float and base.kind is not complex and base.kind.kind in "iub")
        if integral and isinstance(exponent.value, int) and exponent.value < 0:
            raise ValueError("Integers to negative integer powers are not allowed.")


def ufunc(name: str, doc: str = "", body: Body | None = None) -> Callable[..., Any]:
    """The public function ``name``.

    Args:
        name: As NumPy's.
        doc: Its help; of the op, if not given.
        body: From operands and ``dtype=`` to the result; the op ``name``, if not given.
    """
    count = getattr(getattr(np, name, None), "nin", None) or len(TABLE[name].operands)

    def public(
        *operands: Any, out: Any = None, where: Any = True, dtype: Any = None, operator: bool = False, **options: Any
    ) -> Any:
        if len(operands) == count + 1 and out is None:
            *operands, out = operands  # type: ignore[assignment]
        if isinstance(out, tuple):
            (out,) = out
        if len(operands) != count:
            raise TypeError(f"{name}() takes {count} operand{'s' * (count > 1)}, and {len(operands)} were given")
        with opened(*operands, out):
            _check_options(name, where, options)
            lifted = [lift(x, name) for x in operands]
            node = body(*lifted, dtype=dtype) if body else elementwise(name, *lifted, dtype=dtype)
            if out is not None:
                return write_out(out, node, name)
            return hand_out(node, weak=operator and all(x.weak for x in lifted))

    public.__name__ = public.__qualname__ = name
    public.__doc__ = doc or TABLE[name].__doc__
    return registered(public)


DEFAULTS = {"casting": "same_kind", "order": "K", "subok": True, "signature": None}


def _check_options(name: str, where: Any, options: dict[str, Any]) -> None:
    if where is not True:
        raise UnsupportedError(f"{name}: where= is not supported; use tj.where(mask, {name}(...), otherwise)")
    for key, value in options.items():
        if key not in DEFAULTS:
            raise TypeError(f"{name}() got an unexpected keyword argument {key!r}")
        if value != DEFAULTS[key]:
            raise UnsupportedError(f"{name}: {key}={value!r} is not supported; cast the operands with astype instead")
