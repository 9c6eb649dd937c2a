"""From the text of a generated file to a module of LLVM IR."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping
from typing import Any

from llvmlite import ir

from tracejit.backends.llvm.function import FunctionWriter, LineError
from tracejit.backends.llvm.memory import complex_number
from tracejit.backends.llvm.operands import Operand

WriteBody = Callable[[Any, list[Operand], Callable[[Operand | None], None]], None]
Functions = Mapping[str, Callable[[Any, ast.FunctionDef, WriteBody], Any]]


def translated(text: str, path: str, words: Mapping[str, Any], functions: Functions, triple: str = "") -> Any:
    """The LLVM module of a file.

    Args:
        text: The file.
        path: Its name in messages.
        words: The prelude.
        functions: What writes a function of the file, by the name of its decorator.
        triple: What machine it is for, as LLVM calls it; this one by default.

    Raises:
        SyntaxError: It is no Python.
        TypeError: It is not in the language of generated files; the message begins with the line.
    """
    module = ir.Module("tracejit")
    module.triple = triple or module.triple
    names: dict[str, Any] = {"complex": complex_number}
    has_program = False
    for statement in ast.parse(text, path).body:
        match statement:
            case ast.Expr(ast.Constant()):
                pass  # the docstring
            case ast.ImportFrom(module="prelude"):
                names.update(_words(statement, words))
            case ast.FunctionDef(name=name, decorator_list=[ast.Name(kind)]) if kind in functions and kind in names:
                names[name] = functions[kind](module, statement, functools.partial(_write, names, statement))
                has_program |= kind == "program"
            case _:
                raise LineError(statement.lineno, "a generated file imports words, and has regions and a program, nothing else")
    if not has_program:
        raise TypeError("there is no program in the file")
    return module


def _words(statement: ast.ImportFrom, words: Mapping[str, Any]) -> dict[str, Any]:
    unknown = [alias.name for alias in statement.names if alias.name not in words]
    if unknown:
        raise LineError(statement.lineno, f"the prelude has no {', '.join(unknown)}")
    return {alias.asname or alias.name: words[alias.name] for alias in statement.names}


def _write(names: dict[str, Any], definition: ast.FunctionDef, build: Any, operands: list[Any], finish: Any) -> None:
    if len(definition.args.args) != len(operands):
        raise LineError(definition.lineno, f"{definition.name} takes {len(operands)} operands")
    FunctionWriter(build, names, definition, operands, finish)
