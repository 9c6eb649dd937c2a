"""How a function over ``Value`` becomes a word that Numba can call: an intrinsic, in line, that compiles in microseconds."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from tracejit.backends.cpu.value import B1, F32, F64, I8, I16, I32, I64, KINDS, U8, U16, U32, U64, Kind, Value

TYPES: dict[Kind, Any] = {
    B1: types.boolean,
    I8: types.int8,
    I16: types.int16,
    I32: types.int32,
    I64: types.int64,
    U8: types.uint8,
    U16: types.uint16,
    U32: types.uint32,
    U64: types.uint64,
    F32: types.float32,
    F64: types.float64,
}
KIND_OF: dict[Any, Kind] = {numba_type: kind for kind, numba_type in TYPES.items()}
FLOATS = frozenset((F32, F64))
REALS = frozenset(KINDS) - {B1}
ANY = frozenset(KINDS)

Formula = Callable[..., Value]
Pair = tuple[Value, Value]  # the parts of a complex number


def word(
    name: str,
    formula: Formula,
    kinds: frozenset[Kind] = FLOATS,
    result: Kind | None = None,
    share: bool = False,
    of_complex: Callable[..., Value | Pair] | None = None,
) -> Any:
    """Make ``formula``, a function over values of one kind, a word; its result has that kind or is ``result``.

    With ``share`` the formula is written once per module and called: for long formulas, whose text costs compile time.
    ``of_complex`` is the formula for complex operands, each a pair; it gives a pair, or one value for a real result.
    """

    def typing(*operands: Any) -> Any:
        first = operands[0]
        if any(operand != first for operand in operands):
            return None
        if of_complex is not None and isinstance(first, types.Complex):
            return _complex_typing(of_complex, operands, result)
        kind = KIND_OF.get(first)
        if kind not in kinds:
            return None
        emit = _shared(name, formula, result) if share else formula

        def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
            return emit(*(Value(builder, raw, kind) for raw in raws)).raw

        return TYPES[result or kind](*operands), generate

    return named_intrinsic(name, typing, len(inspect.signature(formula).parameters))


def _complex_typing(formula: Callable[..., Value | Pair], operands: tuple[Any, ...], result: Kind | None) -> Any:
    """Type and code of a word of complex operands; the formula's annotation says whether its result is a pair."""
    operand = operands[0]
    real_type = TYPES[result] if result else operand.underlying_float
    out_type = operand if inspect.get_annotations(formula)["return"] == "Pair" else real_type

    def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
        out = formula(*(complex_parts(context, builder, operand, raw) for raw in raws))
        return out.raw if isinstance(out, Value) else complex_value(context, builder, operand, out)

    return out_type(*operands), generate


def complex_parts(context: Any, builder: Any, numba_type: Any, raw: Any) -> Pair:
    """The real and imaginary part of a complex scalar."""
    pair = context.make_complex(builder, numba_type, value=raw)
    kind = KIND_OF[numba_type.underlying_float]
    return Value(builder, pair.real, kind), Value(builder, pair.imag, kind)


def complex_value(context: Any, builder: Any, numba_type: Any, parts: Pair) -> Any:
    """The complex scalar of two parts, as Numba holds it."""
    pair = context.make_complex(builder, numba_type)
    pair.real, pair.imag = parts[0].raw, parts[1].raw
    return pair._getvalue()


def select_word() -> Any:
    """``select(c, x, y)``: ``x`` where ``c`` holds, else ``y``; both are computed."""

    def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
        return builder.select(*raws)

    def typing(condition: Any, x: Any, y: Any) -> Any:
        return (x(types.boolean, x, y), generate) if x == y else None

    return named_intrinsic("select", typing, 3)


def named_intrinsic(name: str, typing: Callable[..., Any], arity: int) -> Any:
    """The intrinsic ``name`` of so many operands, typed by ``typing(*operands)``; Numba reads the arity off the definition."""
    definitions: dict[int, Callable[..., Any]] = {
        1: lambda typingctx, x: typing(x),
        2: lambda typingctx, x, y: typing(x, y),
        3: lambda typingctx, x, y, z: typing(x, y, z),
    }
    definition = definitions[arity]
    definition.__name__ = definition.__qualname__ = name
    return intrinsic(definition)


def _shared(name: str, formula: Formula, result: Kind | None) -> Formula:
    """``formula`` behind a function of the module that is always inlined, written at its first use there."""

    def emit(*operands: Value) -> Value:
        builder, kind = operands[0].builder, operands[0].kind
        symbol = f"tracejit.{name}.{kind.name}"
        function = builder.module.globals.get(symbol)
        if function is None:
            function = ir.Function(builder.module, ir.FunctionType((result or kind).type, [kind.type] * len(operands)), symbol)
            function.linkage = "linkonce_odr"  # the parts of a program share one
            function.attributes.add("alwaysinline")
            function.attributes.add("nounwind")
            body = ir.IRBuilder(function.append_basic_block())
            body.ret(formula(*(Value(body, argument, kind) for argument in function.args)).raw)
        return Value(builder, builder.call(function, [operand.raw for operand in operands]), result or kind)

    return emit
