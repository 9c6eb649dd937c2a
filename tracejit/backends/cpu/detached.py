"""Compiling with Numba, but outside its engine.

Numba's engine links every function it compiles into the process, and never forgets one: about a megabyte each. We want object
code, not addresses. So a function of a generated file is compiled into a library of its own, which goes when nobody refers to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.core import codegen, compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.cpu_options import FastMathOptions
from numba.core.registry import cpu_target


class PartLibrary(codegen.AOTCodeLibrary):  # type: ignore[misc]  # Numba has no types
    """Code that another library takes in, and optimises with its own."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True


class ObjectLibrary(codegen.AOTCodeLibrary):  # type: ignore[misc]
    """Optimised code that becomes an object file."""

    def _finalize_final_module(self) -> None:
        self._verify_declare_only_symbols()
        self._finalized = True


def compile_detached(function: Callable[..., None], operands: tuple[Any, ...], library_class: Any) -> Any:
    """Compile ``function``, which returns nothing, for operands of these types; the result has ``library`` and ``fndesc``."""
    flags = compiler.Flags()
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"  # division by zero gives what NumPy gives, and no branch
    flags.fastmath = FastMathOptions({"contract"})
    with global_compiler_lock:
        typing, target = cpu_target.typing_context, cpu_target.target_context
        library = library_class(target.codegen(), function.__name__)
        compiled = compiler.compile_extra(typing, target, function, operands, types.void, flags, {}, library)
        library.finalize()
    return compiled
