"""From the text of a generated file to object code: relocatable, free of addresses, fit for a cache."""

from __future__ import annotations

import threading
from dataclasses import dataclass

_lock = threading.Lock()  # llvmlite's tables of types are no place for two threads


class CompileError(RuntimeError):
    """A file that is not in the language of generated files: a fault of this library, or of an edit of a pinned file."""


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
    from tracejit.backends.cpu.translate import ENTRY, object_code, translated  # llvmlite is loaded when something is compiled

    with _lock:
        try:
            return CompiledObject(object_code(translated(text, path)), ENTRY)
        except (TypeError, SyntaxError, RuntimeError) as error:
            raise CompileError(f"{path}: {error}") from error
