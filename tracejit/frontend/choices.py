"""Choices of a scalar function as selections: ``if``, ``a if c else b``, ``and``, ``or``, ``not`` and chained comparisons.

The function's source is rewritten so that a test which is a tensor evaluates both sides and selects, while any other test chooses
as Python does. ``if`` statements become calls of two continuations, each of which runs the rest of the function::

    if x > 0:              def then(x=x): return x
        return x           def other(x=x): return -x
    return -x              return _choose(x > 0, then, other)
"""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
import types
from collections.abc import Callable
from typing import Any

from tracejit.errors import UnsupportedError
from tracejit.frontend.base import Tensor
from tracejit.frontend.registry import FUNCTIONS


def _choose(test: Any, then: Callable[[], Any], other: Callable[[], Any]) -> Any:
    if not isinstance(test, Tensor):
        return then() if test else other()
    one, two = then(), other()
    if isinstance(one, tuple) and isinstance(two, tuple) and len(one) == len(two):
        return tuple(FUNCTIONS["where"](test, a, b) for a, b in zip(one, two, strict=True))
    return FUNCTIONS["where"](test, one, two)


def _and(x: Any, y: Callable[[], Any]) -> Any:
    return FUNCTIONS["logical_and"](x, y()) if isinstance(x, Tensor) else x and y()


def _or(x: Any, y: Callable[[], Any]) -> Any:
    return FUNCTIONS["logical_or"](x, y()) if isinstance(x, Tensor) else x or y()


def _not(x: Any) -> Any:
    return FUNCTIONS["logical_not"](x) if isinstance(x, Tensor) else not x


HELPERS: dict[str, Any] = {"_tj_choose": _choose, "_tj_and": _and, "_tj_or": _or, "_tj_not": _not}


def with_selections(function: types.FunctionType) -> types.FunctionType:
    """``function`` rewritten; as it is where it makes no choice, or where its source cannot be had."""
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError, TypeError):
        return function
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef) or function.__closure__ or not any(map(_is_choice, ast.walk(definition))):
        return function
    definition.decorator_list = []
    arguments = definition.args
    known = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    definition.body = _block(definition.body, known, function.__name__)
    ast.increment_lineno(ast.fix_missing_locations(tree), first - 1)
    made: dict[str, Any] = {}
    exec(compile(tree, function.__code__.co_filename, "exec"), dict(function.__globals__), made)
    code = made[function.__name__].__code__
    return types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__)


def _is_choice(node: ast.AST) -> bool:
    chained = isinstance(node, ast.Compare) and len(node.ops) > 1
    negation = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return isinstance(node, ast.If | ast.IfExp | ast.BoolOp) or chained or negation


def _block(body: list[ast.stmt], known: set[str], name: str) -> list[ast.stmt]:
    """The statements of a function, which end with its result, rewritten."""
    out: list[ast.stmt] = []
    known = set(known)
    for position, statement in enumerate(body):
        if isinstance(statement, ast.If):
            rest = body[position + 1 :]
            test = _Expressions().visit(statement.test)
            branches = [_continuation(label, [*part, *copy.deepcopy(rest)], known, name) for label, part in _sides(statement)]
            call = _call("_tj_choose", test, *(ast.Name(b.name, ast.Load()) for b in branches))
            return [*out, *branches, ast.Return(call)]
        if any(isinstance(n, ast.If) for n in ast.walk(statement)):
            raise UnsupportedError(f"{name}: an if inside a loop cannot be traced\n  cure: write it as a if condition else b")
        out.append(_Expressions().visit(statement))
        known |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        if isinstance(statement, ast.Return):
            break
    return out


def _sides(statement: ast.If) -> list[tuple[str, list[ast.stmt]]]:
    return [("_tj_then", statement.body), ("_tj_other", statement.orelse)]


def _continuation(label: str, body: list[ast.stmt], known: set[str], name: str) -> ast.FunctionDef:
    """A function of no arguments that runs ``body`` from the present values of all names."""
    names = sorted(known)
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(n) for n in names],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[ast.Name(n, ast.Load()) for n in names],
    )
    return ast.FunctionDef(name=label, args=arguments, body=_block(body, known, name) or [ast.Pass()], decorator_list=[])


class _Expressions(ast.NodeTransformer):
    """Choices within expressions; and ``y += x`` as ``y = y + x``, which leaves the number alone that the other side has."""

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        return ast.Assign([node.target], ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value))

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        return _call("_tj_choose", node.test, _later(node.body), _later(node.orelse))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        word = "_tj_and" if isinstance(node.op, ast.And) else "_tj_or"
        out = node.values[-1]
        for value in reversed(node.values[:-1]):
            out = _call(word, value, _later(out))
        return out

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return _call("_tj_not", node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        terms = [node.left, *node.comparators]
        pairs = [ast.Compare(terms[i], [op], [terms[i + 1]]) for i, op in enumerate(node.ops)]
        out: ast.expr = pairs[-1]
        for pair in reversed(pairs[:-1]):
            out = _call("_tj_and", pair, _later(out))
        return out


def _call(word: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(word, ast.Load()), list(args), [])


def _later(value: ast.expr) -> ast.expr:
    empty = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(empty, value)
