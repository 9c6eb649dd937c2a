"""Words with loops, written as functions in the language of generated files: gcd, powers.

Each is translated from its source at its first use in a module, once for each kind of operands.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from tracejit.backends.llvm import vector_power
from tracejit.backends.llvm.function import FunctionWriter
from tracejit.backends.llvm.intrinsics import ANY, Word, word
from tracejit.backends.llvm.operands import Given, Operand, Pointer, alike, as_value, described, is_number, typed
from tracejit.backends.llvm.value import B1, Kind, Value, absolute, select

Loop = Callable[..., Any]
Formula = Callable[..., Value]


def routine(loop: Loop, result: Kind | None = None) -> Word:
    """The word that calls ``loop``, a function of the module; it gives a ``result``, or nothing.

    The source of ``loop`` is in the language of generated files; it sees the words and numbers of its own.
    """

    def write(build: Any, *operands: Operand) -> Value | None:
        given = [typed(build, x) if is_number(x) else x for x in operands]
        known = [x for x in given if isinstance(x, Value | Pointer)]
        if len(known) != len(given):
            raise TypeError(f"{loop.__name__} takes pointers and real numbers")
        raw = build.call(_function(build.module, loop, result, known), [x.raw for x in known])
        return Value(build, raw, result) if result else None

    return write


def _function(module: Any, loop: Loop, result: Kind | None, operands: list[Value | Pointer]) -> Any:
    """The function of the module for operands like these."""
    name = ".".join(["tracejit", loop.__name__, *(described(x).replace(" ", "_") for x in operands)])
    if name in module.globals:
        return module.globals[name]
    signature = ir.FunctionType(result.type if result else ir.VoidType(), [x.raw.type for x in operands])
    function = ir.Function(module, signature, name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    if any(isinstance(x, Pointer) for x in operands):  # it does much at a call: copies of it only take time to compile
        function.attributes.add("noinline")
    build = ir.IRBuilder(function.append_basic_block("entry"))

    def finish(out: Given) -> None:
        if result is None:
            build.ret_void()
        elif out is None or isinstance(out, list):
            build.unreachable()
        else:
            build.ret(as_value(build, out, result).raw)

    inside = [
        Value(build, raw, x.kind) if isinstance(x, Value) else Pointer(raw, x.kind, x.is_complex)
        for x, raw in zip(operands, function.args, strict=True)
    ]
    FunctionWriter(build, loop.__globals__, _definition(loop), inside, finish)
    return function


@functools.cache
def _definition(loop: Loop) -> ast.FunctionDef:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(loop))).body
    assert isinstance(definition, ast.FunctionDef)
    return definition


def looping_word(name: str, loop: Loop, wide: Kind, formula: Formula, kinds: frozenset[Kind], arity: int) -> Word:
    """The word ``formula(run, *operands)``, where ``run`` converts its operands to ``wide``, calls ``loop`` and converts back."""
    call = routine(loop, wide)

    def write(build: Any, *operands: Operand) -> Value:
        values = alike(build, *operands)
        first = values[0]
        if len(values) != arity or isinstance(first, tuple) or first.kind not in kinds:
            raise TypeError(f"{name} is not for these operands")
        kind = first.kind

        def run(*values: Value) -> Value:
            out = call(build, *(value.to(wide) for value in values))
            assert isinstance(out, Value)
            return out.to(kind)

        return formula(run, *values)

    return write


# -- integers --------------------------------------------------------------------------------------------------------


def gcd_loop(x: Any, y: Any) -> Any:
    """Euclid's algorithm."""
    while y:
        x, y = y, x % y
    return x


def gcd_formula(run: Formula, x: Value, y: Value) -> Value:
    """Greatest common divisor, never negative; of 0 and 0, 0."""
    unsigned = Kind(f"u{x.kind.bits}", x.kind.bits, "u")  # holds the magnitude of the least integer, too
    return run(absolute(x).to(unsigned), absolute(y).to(unsigned))


def lcm_formula(run: Formula, x: Value, y: Value) -> Value:
    """Least common multiple, never negative; 0 where an operand is 0."""
    divisor = gcd_formula(run, x, y)
    return absolute(x).quotient(select(divisor == 0, divisor.constant(1), divisor)) * absolute(y)


def power_loop(x: Any, y: Any) -> Any:
    """Raise by squaring."""
    out = one(x)
    while y:
        if y & 1:
            out *= x
        x *= x
        y = y // 2
    return out


def power_formula(run: Formula, x: Value, y: Value) -> Value:
    """``x**y``; of integers wrapping, and 0 for ``y < 0``, which NumPy refuses, unless ``x`` is 1 or -1."""
    if x.kind.is_float:
        return vector_power.power(x, y)
    if not x.kind.is_signed:
        return run(x, y)
    unit = select((y & 1) == 0, x * x, x)
    negative = select((x == 1) | (x == -1), unit, x.constant(0))
    return select(y < 0, negative, run(x, select(y < 0, y.constant(0), y)))


# -- NumPy's order ---------------------------------------------------------------------------------------------------


def before_formula(x: Value, y: Value) -> Value:
    """Whether ``x`` comes strictly before ``y`` in NumPy's order, which has NaN last."""
    return (x < y) | ((y != y) & (x == x)) if x.kind.is_float else x < y


# -- words that the routines use -------------------------------------------------------------------------------------

# Any: in the source of a routine they stand for their results.
one: Any = word("one", lambda x: x.constant(1), ANY)
before: Any = word("before", before_formula, ANY, B1)
