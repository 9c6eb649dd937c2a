"""How a function over ``Value`` becomes a word of generated files: called with a builder and operands, it writes instructions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from tracejit.backends.llvm.operands import Given, Operand, Pair, alike, condition, described
from tracejit.backends.llvm.value import B1, F32, F64, KINDS, Kind, Value, select
from tracejit.backends.llvm.vectors import function_of, has_wide_vectors

FLOATS = frozenset((F32, F64))
REALS = frozenset(KINDS) - {B1}
ANY = frozenset(KINDS)

Formula = Callable[..., Value]
Word = Callable[..., Given]


def word(
    name: str,
    formula: Formula,
    kinds: frozenset[Kind] = FLOATS,
    result: Kind | None = None,
    share: bool = False,
    tables: frozenset[Kind] = frozenset(),
    of_complex: Callable[..., Value | Pair] | None = None,
) -> Word:
    """Make ``formula``, a function over values of one kind, a word; its result has that kind or is ``result``.

    With ``share`` the formula is written once per module and called: for long formulas, whose text costs compile time.
    ``tables`` are the kinds for which it takes coefficients from tables: there it is a function with vector forms.
    ``of_complex`` is the formula for complex operands, each a pair; it gives a pair, or one value for a real result.
    """
    emit = _shared(name, formula, result, tables) if share else formula

    def write(build: Any, *operands: Operand) -> Operand:
        values = alike(build, *operands)
        first = values[0]
        if isinstance(first, tuple):
            if of_complex is None:
                raise TypeError(f"{name} is not for complex numbers")
            return of_complex(*values)
        if first.kind not in kinds:
            raise TypeError(f"{name} is not for {first.kind.name}")
        return emit(*values)

    return write


def select_word(build: Any, test: Operand, x: Operand, y: Operand) -> Operand:
    """``select(c, x, y)``: ``x`` where ``c`` holds, else ``y``; both are computed, and no branch is made of it."""
    holds = condition(build, test)
    first, second = alike(build, x, y)
    if isinstance(first, Value) and isinstance(second, Value):
        return _chosen(holds, first, second)
    if isinstance(first, tuple) and isinstance(second, tuple):
        return _chosen(holds, first[0], second[0]), _chosen(holds, first[1], second[1])
    raise TypeError(f"select between {described(first)} and {described(second)}")


def _chosen(test: Value, x: Value, y: Value) -> Value:
    out = select(test, x, y)
    out.raw.set_metadata("unpredictable", x.builder.module.add_metadata([]))
    return out


def _shared(name: str, formula: Formula, result: Kind | None, tables: frozenset[Kind]) -> Formula:
    """``formula`` behind a function of the module that is always inlined, written at its first use there."""

    def emit(*operands: Value) -> Value:
        builder, kind = operands[0].builder, operands[0].kind
        symbol = f"tracejit.{name}.{kind.name}"
        function = builder.module.globals.get(symbol)
        if function is None and kind in tables and has_wide_vectors():
            function = function_of(builder.module, symbol, formula, kind, len(operands))
        elif function is None:
            function = ir.Function(builder.module, ir.FunctionType((result or kind).type, [kind.type] * len(operands)), symbol)
            function.linkage = "internal"
            function.attributes.add("alwaysinline")
            function.attributes.add("nounwind")
            body = ir.IRBuilder(function.append_basic_block())
            body.ret(formula(*(Value(body, argument, kind) for argument in function.args)).raw)
        return Value(builder, builder.call(function, [operand.raw for operand in operands]), result or kind)

    return emit
