"""From the text of a generated file to object code: relocatable, free of addresses, fit for a cache."""

from __future__ import annotations

from dataclasses import dataclass

from tracejit.backends.llvm import LOCK
from tracejit.errors import CompileError


@dataclass(frozen=True)
class CompiledObject:
    """Machine code of one program.

    ``symbol`` names ``int32 entry(void *result, void **exception, int64 *table)``; the undefined symbols of
    ``object_code`` are ``tracejit_parallel_for``, functions of the C library's mathematics, and memset and its kin.
    """

    object_code: bytes
    symbol: str


def compile_source(text: str, path: str) -> CompiledObject:
    """Compile the generated file ``text``, whose name in messages is ``path``.

    Raises:
        CompileError: The file has no program, uses what the prelude has not, or what generated files do not use.
    """
    from tracejit.backends.cpu.machine import ENTRY, module_of, object_code  # llvmlite is loaded when something is compiled

    with LOCK:
        try:
            return CompiledObject(object_code(module_of(text, path)), ENTRY)
        except (TypeError, SyntaxError, RuntimeError) as error:
            raise CompileError(f"{path}: {error}") from error
