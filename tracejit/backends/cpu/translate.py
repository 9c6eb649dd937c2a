"""From the text of a generated file to a module of LLVM IR, and from that to an object file."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping
from typing import Any

from llvmlite import binding, ir
from llvmlite.binding.newpassmanagers import NewPassManager

from tracejit.backends.cpu import prelude
from tracejit.backends.cpu.ahead import put_in_place
from tracejit.backends.cpu.function import FunctionWriter, LineError
from tracejit.backends.cpu.launch import ENTRY as ENTRY
from tracejit.backends.cpu.launch import WriteBody

Functions = Mapping[str, Callable[[Any, ast.FunctionDef, WriteBody], Any]]

WORDS = vars(prelude)
FUNCTIONS: Functions = {"program": prelude.program, "region": prelude.region}


def translated(
    text: str, path: str = "", triple: str = "", words: Mapping[str, Any] = WORDS, functions: Functions = FUNCTIONS
) -> Any:
    """The LLVM module of a file.

    Args:
        text: The file.
        path: Its name in messages.
        triple: What machine it is for, as LLVM calls it; this one by default.
        words: The prelude.
        functions: What writes a function of the file, by the name of its decorator.

    Raises:
        SyntaxError: It is no Python.
        TypeError: It is not in the language of generated files; the message begins with the line.
    """
    module = ir.Module("tracejit")
    module.triple = triple or module.triple
    names: dict[str, Any] = {"complex": prelude.complex_number}
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


def object_code(module: Any) -> bytes:
    """The optimised object file of a module, for this machine."""
    machine = _machine()
    code: bytes = machine.emit_object(optimised(module, machine))
    return code


def optimised(module: Any, machine: Any) -> Any:
    """A module as LLVM makes it before it chooses instructions."""
    assembled = binding.parse_assembly(str(module), binding.create_context())  # of its own, which goes with the module
    assembled.triple, assembled.data_layout = machine.triple, str(machine.target_data)
    assembled.verify()
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    passes = builder.getModulePassManager()
    passes.run(assembled, builder)
    NewPassManager._dispose(passes)  # its own class inherits a _dispose that does nothing, and 100 KB would stay for ever
    put_in_place(assembled, builder)
    return assembled


def _machine() -> Any:
    """The machine that this process runs on; one for each compilation, since it keeps what it has emitted."""
    target, cpu, features = _host()
    return target.create_target_machine(cpu=cpu, features=features, opt=3, reloc="pic", codemodel="default")


@functools.cache
def _host() -> tuple[Any, str, str]:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features: str = binding.get_host_cpu_features().flatten()
    return binding.Target.from_default_triple(), binding.get_host_cpu_name(), features
