"""From a function of a generated file to LLVM IR: the part of Python that generated files are written in.

That part is small: names, numbers, ``p[i]``, operators, calls of the prelude's words, assignments, ``for`` over ``range`` or
over numbers that are known, ``while``, ``if`` and ``return``. A name has one type. Everything else is an error that names the
line. What a statement means is what it means to CPython with ``backends/python/prelude.py``.
"""

from __future__ import annotations

import ast
import operator
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tracejit.backends.llvm.ahead import Walked, ask_ahead, walked_by
from tracejit.backends.llvm.control import counting, repeating
from tracejit.backends.llvm.operands import (
    Given,
    Operand,
    Pointer,
    as_value,
    binary,
    condition,
    described,
    index_value,
    is_number,
    is_pair,
    typed,
    unary,
)
from tracejit.backends.llvm.value import B1, Value

Operators = dict[type[ast.AST], Callable[..., Any]]
BINARY: Operators = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv, ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv, ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
}  # fmt: skip
COMPARISONS: Operators = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
UNARY: Operators = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Invert: operator.invert, ast.Not: operator.not_}


class LineError(TypeError):
    """What is wrong with a line of a generated file."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"line {line}: {text}")


class FunctionWriter:
    """Writes the body of one function.

    Args:
        build: At the end of the function's first block.
        names: What the words, functions and constants outside of it are.
        definition: The function.
        operands: Its parameters.
        finish: Called with what it returns, None for nothing, a list for several values; leaves the function.
    """

    def __init__(
        self,
        build: Any,
        names: Mapping[str, Any],
        definition: ast.FunctionDef,
        operands: Sequence[Operand],
        finish: Callable[[Given], None],
    ) -> None:
        self.build, self.finish = build, finish
        self.names = dict(names)
        self._slots: dict[str, list[Any]] = {}
        self._depth = 0  # loops around the statement at hand
        self._settled = settled(definition)
        for parameter, operand in zip(definition.args.args, operands, strict=True):
            self._set(parameter.arg, operand)
        self.block(definition.body)
        if not build.block.is_terminated:
            finish(None)

    # statements

    def block(self, statements: list[ast.stmt]) -> None:
        """Write statements up to the first that leaves."""
        for statement in statements:
            if self.build.block.is_terminated:
                return
            with _line_of(statement):
                self.statement(statement)

    def statement(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Expr(ast.Constant()) | ast.Pass():
                pass
            case ast.Expr(expression):
                self.value(expression)
            case ast.Assign([target], expression):
                self._assign(target, expression)
            case ast.AugAssign(target, apply, expression):
                read = ast.Name(target.id, ast.Load()) if isinstance(target, ast.Name) else target
                self._store(target, self._binary(apply, self.value(read), self.value(expression)))
            case ast.For(ast.Name(name), ast.Call(ast.Name("range"), bounds, []), body, []):
                self._range(name, bounds, body)
            case ast.For(ast.Name(name), ast.Name(numbers), body, []) if isinstance(self.names.get(numbers), tuple):
                for number in self.names[numbers]:
                    self._set(name, number)
                    self.block(body)
            case ast.While(test, body, []):
                with repeating(self.build) as after:
                    goes_on = condition(self.build, self.value(test))
                    inside = self.build.append_basic_block("goes_on")
                    self.build.cbranch(goes_on.raw, inside, after)
                    self.build.position_at_end(inside)
                    self.block(body)
            case ast.If(test, body, otherwise):
                self._if(condition(self.build, self.value(test)), body, otherwise)
            case ast.Return(ast.Tuple(parts)):
                self.finish([self.value(part) for part in parts])
            case ast.Return(expression):
                self.finish(None if expression is None else self.value(expression))
            case _:
                raise TypeError(f"{type(statement).__name__.lower()} is no statement of generated files")

    def _assign(self, target: ast.expr, expression: ast.expr) -> None:
        if not isinstance(target, ast.Tuple):
            self._store(target, self.value(expression))
            return
        values: Any = [self.value(p) for p in expression.elts] if isinstance(expression, ast.Tuple) else self.value(expression)
        if not isinstance(values, list) or len(values) != len(target.elts):
            raise TypeError("as many values as targets are needed")
        for part, value in zip(target.elts, values, strict=True):
            self._store(part, value)

    def _range(self, name: str, bounds: list[ast.expr], body: list[ast.stmt]) -> None:
        values = [self.value(bound) for bound in bounds]
        step = values.pop() if len(values) == 3 else 1
        if type(step) is not int or step == 0:
            raise TypeError("the step of a range must be a number that is written out")
        start, stop = (index_value(self.build, x) for x in (values if len(values) == 2 else (0, values[0])))
        self._depth += 1

        def last(index: Value, instructions: int) -> None:
            ask_ahead(self.build, stop - start, index, instructions, self._walked(name, body))

        with counting(self.build, start, stop, step, last if step == 1 and self._depth == 1 else None) as index:
            self._set(name, index)
            self.block(body)
        self._depth -= 1

    def _walked(self, name: str, body: list[ast.stmt]) -> Iterator[Walked]:
        """The elements that move by one with a loop's index: pointer, index, whether they are written."""
        for pointer, index, written in walked_by(name, body):
            yield self._pointer(ast.Name(pointer, ast.Load())), index_value(self.build, self.value(index)), written

    def _if(self, test: Value, body: list[ast.stmt], otherwise: list[ast.stmt]) -> None:
        if not otherwise:
            with self.build.if_then(test.raw):
                self.block(body)
            return
        with self.build.if_else(test.raw) as (then, other):
            with then:
                self.block(body)
            with other:
                self.block(otherwise)

    # names

    def _store(self, target: ast.expr, value: Operand) -> None:
        match target:
            case ast.Name(name):
                self._set(name, value)
            case ast.Subscript(pointer, index):
                self._pointer(pointer).store(self.build, index_value(self.build, self.value(index)), value)
            case _:
                raise TypeError(f"{ast.unparse(target)} cannot be assigned to")

    def _set(self, name: str, value: Operand) -> None:
        """Give a name a value: for good where it is settled, else in a slot of the stack, which LLVM turns to registers."""
        if name in self._settled:
            self.names[name] = value
            return
        slots = self._slots.get(name)
        if slots is None:
            value = typed(self.build, value) if is_number(value) else value
            slots = self._slots[name] = [(self._slot(_raw(x)), x) for x in _parts(value)]
        for (slot, _), part in zip(slots, _parts(self._alike(name, slots, value)), strict=True):
            self.build.store(_raw(part), slot)

    def _alike(self, name: str, slots: list[Any], value: Operand) -> Operand:
        """``value`` as what the name has held so far."""
        first = slots[0][1]
        if isinstance(first, Pointer):
            if isinstance(value, Pointer) and (value.kind, value.is_complex) == (first.kind, first.is_complex):
                return value
        elif len(slots) == 1 and (is_number(value) or (isinstance(value, Value) and value.kind == first.kind)):
            return as_value(self.build, value, first.kind)
        elif len(slots) == 2 and is_pair(value) and value[0].kind == first.kind:
            return value
        raise TypeError(f"{name} was {described(first)} and becomes {described(value)}; a name has one type")

    def _slot(self, raw: Any) -> Any:
        with self.build.goto_entry_block():
            return self.build.alloca(raw.type)

    def _get(self, name: str) -> Operand:
        slots = self._slots.get(name)
        if slots is None:
            if name not in self.names:
                raise TypeError(f"{name} has no value here")
            found: Operand = self.names[name]
            return found
        parts = [_like(first, self.build, self.build.load(slot)) for slot, first in slots]
        return parts[0] if len(parts) == 1 else tuple(parts)  # type: ignore[return-value]

    # expressions

    def value(self, expression: ast.expr) -> Operand:
        """The operand that an expression gives; a call of a word that gives nothing is None."""
        match expression:
            case ast.Name(name):
                return self._get(name)
            case ast.Constant(bool() | int() | float() | complex() as value):
                return value
            case ast.Subscript(pointer, index):
                return self._pointer(pointer).load(self.build, index_value(self.build, self.value(index)))
            case ast.BinOp(left, apply, right):
                return self._binary(apply, self.value(left), self.value(right))
            case ast.UnaryOp(apply, operand):
                return unary(self.build, UNARY[type(apply)], self.value(operand))
            case ast.Compare(left, [apply], [right]) if type(apply) in COMPARISONS:
                return binary(self.build, COMPARISONS[type(apply)], self.value(left), self.value(right))
            case ast.BoolOp(apply, operands):
                return self._connected(isinstance(apply, ast.And), operands)
            case ast.Call(ast.Name(name), arguments, []):
                return self._call(name, [self.value(argument) for argument in arguments])
        raise TypeError(f"{ast.unparse(expression)} is no expression of generated files")

    def _call(self, name: str, arguments: list[Operand]) -> Operand:
        word = self.names.get(name)
        if not callable(word):
            raise TypeError(f"{name} is no word of the prelude")
        try:
            out: Operand = word(self.build, *arguments)
        except TypeError as error:
            raise TypeError(f"{name}({', '.join(map(described, arguments))}): {error}") from error
        return out

    def _pointer(self, expression: ast.expr) -> Pointer:
        out = self.value(expression)
        if not isinstance(out, Pointer):
            raise TypeError(f"{ast.unparse(expression)} is {described(out)}, and must be a pointer")
        return out

    def _binary(self, apply: ast.operator, x: Operand, y: Operand) -> Operand:
        if type(apply) not in BINARY:
            raise TypeError(f"{type(apply).__name__} is no operator of generated files")
        return binary(self.build, BINARY[type(apply)], x, y)

    def _connected(self, both: bool, operands: list[ast.expr]) -> Value:
        """``and`` and ``or`` of conditions: the later ones are computed only where they decide."""
        build = self.build
        after, ends = build.append_basic_block("decided"), []
        for number, operand in enumerate(operands):
            test = condition(build, self.value(operand))
            ends.append((test.raw, build.block))
            if number == len(operands) - 1:
                build.branch(after)
            else:
                further = build.append_basic_block("further")
                build.cbranch(test.raw, further if both else after, after if both else further)
                build.position_at_end(further)
        build.position_at_end(after)
        out = build.phi(B1.type)
        for raw, end in ends:
            out.add_incoming(raw, end)
        return Value(build, out, B1)


@contextmanager
def _line_of(statement: ast.stmt) -> Iterator[None]:
    """Name the line in errors."""
    try:
        yield
    except LineError:
        raise
    except (TypeError, ValueError, KeyError, AssertionError) as error:
        raise LineError(statement.lineno, str(error)) from error


def _parts(value: Operand) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _raw(part: Any) -> Any:
    if not isinstance(part, Value | Pointer):
        raise TypeError(f"a name cannot hold {described(part)} and change")
    return part.raw


def _like(first: Value | Pointer, build: Any, raw: Any) -> Value | Pointer:
    return Value(build, raw, first.kind) if isinstance(first, Value) else Pointer(raw, first.kind, first.is_complex)


# -- names that need no slot ------------------------------------------------------------------------------------------

Path = tuple[int, ...]  # the blocks around a statement, outermost first


def settled(definition: ast.FunctionDef) -> set[str]:
    """Names that need no memory: what a use of them sees is plain from the text.

    Such a name is set in blocks of which none lies in another, and used in these or deeper, after the first time it is set there.
    """
    uses: defaultdict[str, list[tuple[Path, bool]]] = defaultdict(list)
    for parameter in definition.args.args:
        uses[parameter.arg].append(((), True))
    for name, path, is_store in _uses(definition.body, ()):
        uses[name].append((path, is_store))
    return {name for name, found in uses.items() if _is_plain(found)}


def _is_plain(uses: list[tuple[Path, bool]]) -> bool:
    blocks = {path for path, is_store in uses if is_store}
    seen: set[Path] = set()
    for path, is_store in uses:
        around = [path[:depth] for depth in range(len(path) + 1) if path[:depth] in blocks]
        if is_store:
            seen.add(path)
        if len(around) != 1 or around[0] not in seen:
            return False
    return True


def _uses(statements: list[ast.stmt], path: Path) -> Iterator[tuple[str, Path, bool]]:
    for statement in statements:
        inside = (*path, id(statement))
        match statement:
            case ast.For(ast.Name(name), iterable, body):
                yield from _names(iterable, path)
                yield name, inside, True
                yield from _uses(body, inside)
            case ast.While(test, body):
                yield from _names(test, path)
                yield from _uses(body, inside)
            case ast.If(test, body, otherwise):
                yield from _names(test, path)
                yield from _uses(body, inside)
                yield from _uses(otherwise, (*path, -id(statement)))
            case ast.Assign([target], expression):
                yield from _names(expression, path)
                yield from _names(target, path)
            case ast.AugAssign(target, _, expression):
                yield from _names(expression, path)
                if isinstance(target, ast.Name):
                    yield target.id, path, False
                yield from _names(target, path)
            case _:
                yield from _names(statement, path)


def _names(node: ast.AST, path: Path) -> Iterator[tuple[str, Path, bool]]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id, path, isinstance(part.ctx, ast.Store)
