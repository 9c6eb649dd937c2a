"""Machine code in this process: compiled objects, and what they call. Numba is never imported.

Objects are loaded through llvmlite, each into an engine of its own, so that a dropped program gives its memory back.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tracejit.errors import CompileError

LAUNCHER = "tracejit_parallel_for"
PLACE = "tracejit.place."
PROVIDERS: dict[str, Callable[[], int]] = {}
"""By name, who gives the address of a function that objects call; asked when the first such object is loaded."""

_FORMATS = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\x64\x86", b"\x64\xaa")  # ELF, Mach-O, COFF of x86-64 and of arm64


class NativeCode:
    """Machine code and the address of its entry; valid as long as this object lives."""

    __slots__ = ("__weakref__", "_engine", "address")

    def __init__(self, engine: Any, symbol: str) -> None:
        self._engine = engine  # owns the memory at the address, and frees it when dropped
        self.address = self.function(symbol)

    def function(self, symbol: str) -> int:
        """Address of another function of the same object."""
        address: int = self._engine.get_function_address(symbol)
        if not address:
            raise CompileError(f"load: the object has no function {symbol}")
        return address


def load(object_code: bytes, symbol: str) -> NativeCode:
    """Load compiled object code and find its entry.

    Args:
        object_code: A relocatable object for this machine.
        symbol: The name of the entry in it.

    Raises:
        CompileError: It is no object, names a function that this process does not have, or lacks the entry.
    """
    if not object_code.startswith(_FORMATS):  # the linker does not ask, it crashes
        raise CompileError(f"load: {len(object_code)} bytes that are no object file")
    llvm = binding()
    for name in undefined_symbols(object_code):
        _provide(name)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(object_code))
    engine.finalize_object()
    return NativeCode(engine, symbol)


def place(name: str, address: int) -> str:
    """An address for LLVM IR text that is kept for later processes: by name, which the linker looks up as it loads the object."""
    binding().add_symbol(PLACE + name, address)
    return f"ptrtoint (ptr @{PLACE}{name} to i64)"


def assembled(text: str) -> bytes:
    """Compile LLVM IR text to object code; it is not optimized, but for calls of functions that say ``alwaysinline``."""
    llvm = binding()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = _machine()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=0))
    builder.getModulePassManager().run(module, builder)
    code: bytes = machine.emit_object(module)
    return code


def assemble(text: str, symbol: str) -> NativeCode:
    """Compile LLVM IR text, load it and find its entry."""
    return load(assembled(text), symbol)


@functools.cache
def binding() -> Any:
    """llvmlite, ready for this machine; imported lazily, since it takes 40 ms."""
    import llvmlite.binding

    llvmlite.binding.initialize_native_target()
    llvmlite.binding.initialize_native_asmprinter()
    return llvmlite.binding


def _machine() -> Any:
    """A target machine; each engine takes one for itself."""
    return binding().Target.from_default_triple().create_target_machine(opt=2)


def undefined_symbols(object_code: bytes) -> tuple[str, ...]:
    """Names that an object expects from elsewhere; of formats other than ELF, only the launcher's is seen.

    An object with a name that nobody has ends the process in the linker, so names are looked up before.
    """
    if object_code[:6] != b"\x7fELF\x02\x01":  # 64-bit, little-endian
        return (LAUNCHER,) if LAUNCHER.encode() in object_code else ()
    sections = {section.name(): section.data() for section in binding().ObjectFileRef.from_data(object_code).sections()}
    symbols, names = sections.get(b".symtab", b""), sections.get(b".strtab", b"")
    found = []
    for name, _, _, section, _, _ in struct.iter_unpack("<IBBHQQ", symbols):
        if name and section == 0:  # section 0: defined in no section of this object
            found.append(names[name : names.index(b"\0", name)].decode())
    return tuple(found)


def _provide(name: str) -> None:
    """Make sure that the linker finds a name."""
    if binding().address_of_symbol(name) is not None:
        return
    if name in PROVIDERS:
        binding().add_symbol(name, PROVIDERS[name]())
        return
    for library in _c_libraries():
        if hasattr(library, name):
            binding().add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
            return
    raise CompileError(f"load: the object needs the function {name}, which this process does not have")


@functools.cache
def _c_libraries() -> tuple[ctypes.CDLL, ...]:
    """What the process has loaded, and the C library's mathematics, which the interpreter need not have."""
    found = []
    for name in (None, "libm.so.6", "libm.dylib"):
        with suppress(OSError, TypeError):
            found.append(ctypes.CDLL(name))
    return tuple(found)
