"""From the text of a generated file to object code, with Numba: relocatable, free of addresses, fit for a cache."""

from __future__ import annotations

import builtins
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Any

PRELUDE = "prelude"
_lock = threading.Lock()  # one compile at a time, and no other user of our half-made namespace


class CompileError(RuntimeError):
    """A generated file that Numba refused: a fault of this library, not of the user's program."""


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
        CompileError: The file has no program, or uses what the prelude has not.
    """
    with _lock:
        from tracejit.backends.cpu import prelude

        namespace = _namespace(prelude)
        try:
            exec(compile(text, path, "exec"), namespace)
            entry = namespace["step"]
            return CompiledObject(entry.library.emit_native_object(), entry.fndesc.llvm_func_name)
        except Exception as error:  # Numba and LLVM raise whatever goes wrong inside them
            raise CompileError(f"{path}: {error}") from error
        finally:
            namespace.clear()  # Numba's objects refer to it where the garbage collector cannot see; this frees them


def _namespace(prelude: ModuleType) -> dict[str, Any]:
    """The globals of a generated file, whose ``from prelude import`` gives the words of ``prelude``."""

    def resolve(name: str, *args: Any, **kwargs: Any) -> Any:
        return prelude if name == PRELUDE else builtins.__import__(name, *args, **kwargs)

    return {"__name__": "tracejit_generated", "__builtins__": {**vars(builtins), "__import__": resolve}}
