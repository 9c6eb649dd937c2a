"""Calling generated text as machine code in tests, without the runtime: a bare linker and tables of arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import llvmlite.binding as llvm
import numpy as np

from tracejit.backends.cpu.compile import CompiledObject, compile_source
from tracejit.runtime import threads
from tracejit.runtime.native import LAUNCHER

Table = np.ndarray[tuple[int], np.dtype[np.int64]]


def link(compiled: CompiledObject) -> Callable[[Table], int]:
    """Link an object in this process; the function takes a table and returns Numba's status."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    if llvm.address_of_symbol(LAUNCHER) is None:
        llvm.add_symbol(LAUNCHER, threads.launcher())
    machine = llvm.Target.from_default_triple().create_target_machine()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(compiled.object_code))
    engine.finalize_object()
    address = engine.get_function_address(compiled.symbol)
    entry = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(address)
    scratch = (ctypes.c_int64 * 2)()
    kept = engine  # the code lives as long as the function

    def call(table: Table) -> int:
        assert kept is engine
        return int(entry(ctypes.addressof(scratch), ctypes.addressof(scratch) + 8, table.ctypes.data))

    return call


def native(text: str) -> Callable[[Table], int]:
    """Compile and link a generated file."""
    return link(compile_source(text, "generated.py"))


def table_of(*entries: int | np.ndarray, threads: int = 1, gemm: Sequence[int] = (0, 0)) -> Table:
    """A table with these sizes and array addresses from ``table[8]`` on."""
    rest = [entry.ctypes.data if isinstance(entry, np.ndarray) else entry for entry in entries]
    return np.array([0, threads, *gemm, 0, 0, 0, 0, *rest], np.int64)


def undefined_symbols(object_code: bytes) -> set[str]:
    """What the linker must find elsewhere."""
    reference = llvm.ObjectFileRef.from_data(object_code)
    names: set[str] = set()
    for section in reference.sections():
        if section.name() == ".symtab":
            strings = next(other.data() for other in reference.sections() if other.name() == ".strtab")
            table = section.data()
            for at in range(24, len(table), 24):
                name, is_defined = int.from_bytes(table[at : at + 4], "little"), any(table[at + 6 : at + 8])
                if not is_defined:
                    names.add(strings[name : strings.index(b"\0", name)].decode())
    return names
