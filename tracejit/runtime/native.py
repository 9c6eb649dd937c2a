"""Machine code in this process: compiled objects, the threads of their parallel regions. Numba is never imported.

Objects are loaded through llvmlite, each into an engine of its own, so that a dropped program gives its memory back.
A parallel region calls ``numba_parallel_for``, which one of Numba's extension modules provides; it is loaded by its path.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.machinery
import importlib.util
import os
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tracejit.config import config
from tracejit.errors import CompileError

LAUNCHER = "numba_parallel_for"
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


def assemble(text: str, symbol: str) -> NativeCode:
    """Compile LLVM IR text, which names no function of other modules, and find its entry."""
    llvm = binding()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = _machine()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=0))  # inlines what says so
    builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return NativeCode(engine, symbol)


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
    if name == LAUNCHER:
        start_threads()
    if binding().address_of_symbol(name) is not None:
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


def _extension(name: str) -> ModuleType:
    """One of Numba's extension modules, loaded from its file; the package around it is not imported."""
    package = importlib.util.find_spec("numba")
    for folder in (package and package.submodule_search_locations) or ():
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            path = Path(folder, *name.split(".")).with_suffix(suffix)
            if path.exists():
                return _load_extension("numba." + name, path)
    raise CompileError(f"load: Numba's module {name} is not installed; parallel programs need it")


def _load_extension(name: str, path: Path) -> ModuleType:
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop(name, None)  # the interpreter enters it; half a package would be found there
    return module


# ------------------------------------------------------------------------------------------------------------ threads

LAYERS = {"omp": "np.ufunc.omppool", "workqueue": "np.ufunc.workqueue"}

# The guard copies this cell into table[1] on every call: a change reaches every program, and a fork can undo it.
_threads = (ctypes.c_int64 * 1)()
_pool_lock = threading.RLock()


@dataclass
class _Pool:
    """The threads of parallel regions, once they have started."""

    layer: str = ""
    size: int = 0
    process: int = 0


_pool = _Pool()


def num_threads() -> int:
    """Threads that parallel regions run on; 1 in a forked child.

    Source: ``TRACEJIT_NUM_THREADS``, else ``NUMBA_NUM_THREADS``, else the cores this process may use.
    """
    if not _threads[0]:
        _threads[0] = _configured_threads()
    return _threads[0]


def set_num_threads(n: int) -> None:
    """Set the number of threads for all programs, from their next call on.

    Raises:
        ValueError: ``n`` is not positive, or more than the started pool has.
        RuntimeError: More than one thread in a forked child; the pool stayed in the parent.
    """
    if not 1 <= n <= 1024:
        raise ValueError(f"set_num_threads: is {n}; it must be an integer from 1 to 1024")
    if n > 1 and _pool.process not in (0, os.getpid()):
        raise RuntimeError(f"set_num_threads: is {n} in a forked child, which runs on 1. Start processes by spawn instead")
    if _pool.layer == "workqueue" and n > _pool.size:  # it would touch queues that do not exist
        raise ValueError(f"set_num_threads: is {n}; {_pool.size} have started. Set it before a parallel program is loaded")
    _threads[0] = n


def threads_address() -> int:
    """Address of the int64 that holds the number of threads."""
    num_threads()
    return ctypes.addressof(_threads)


def threading_layer() -> str:
    """``omp`` or ``workqueue``, or what Numba had started in this process before; empty when nothing has started."""
    return _pool.layer


def start_threads() -> None:
    """Start the threads of parallel regions, once per process, and make ``numba_parallel_for`` known to the linker.

    OpenMP where there is one; else Numba's workqueue, which ends the process when two threads enter it at once. They cannot:
    whoever calls a program holds the GIL until it returns, and the regions never take it.
    """
    with _pool_lock:
        if _pool.layer:
            return
        numba = sys.modules.get("numba.np.ufunc.parallel")
        if numba is not None and getattr(numba, "_is_initialized", False):  # Numba's pool runs already: one is enough
            _pool.layer, _pool.size, _pool.process = numba.threading_layer(), numba.get_num_threads(), os.getpid()
            if _pool.layer == "workqueue":
                _threads[0] = min(num_threads(), _pool.size)
            return
        layer, library = _threading_library()
        count = ctypes.CFUNCTYPE(None, ctypes.c_int)
        count(library.launch_threads)(num_threads())
        count(library.set_num_threads)(num_threads())
        binding().add_symbol(LAUNCHER, library.parallel_for)
        _pool.layer, _pool.size, _pool.process = layer, num_threads(), os.getpid()


def _threading_library() -> tuple[str, ModuleType]:
    wanted = os.environ.get("NUMBA_THREADING_LAYER", "")
    for layer in (wanted,) if wanted in LAYERS else tuple(LAYERS):
        try:
            with _passive_waiting():
                return layer, _extension(LAYERS[layer])
        except (ImportError, CompileError):  # no OpenMP library on this system
            continue
    raise CompileError("load: none of Numba's thread pools can be loaded; parallel programs need one")


@contextmanager
def _passive_waiting() -> Iterator[None]:
    """Have OpenMP, which reads the environment as it is loaded, wait without spinning, unless the user has chosen.

    Threads that spin between regions make every region wait for the scheduler, milliseconds, when another process runs.
    """
    name = "OMP_WAIT_POLICY"
    if name in os.environ:
        yield
        return
    os.environ[name] = "passive"
    try:
        yield
    finally:
        os.environ.pop(name, None)


def _configured_threads() -> int:
    text = os.environ.get("NUMBA_NUM_THREADS", "").strip()
    if text.isdigit() and int(text) and not os.environ.get("TRACEJIT_NUM_THREADS", "").strip():
        return int(text)
    return config().num_threads


def _sequential_child() -> None:
    global _pool_lock
    _pool_lock = threading.RLock()  # another thread of the parent may have held it
    _threads[0] = 1  # the pool's threads stayed in the parent, and GNU OpenMP ends a child that asks for them


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_sequential_child)
