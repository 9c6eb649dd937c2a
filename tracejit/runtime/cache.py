"""The folder of generated sources and compiled objects, shared by all processes of a user.

Every file is named by the hash of what it depends on, written under another name and then renamed, so that a reader finds
all of it or none. An object file is::

    magic (8 bytes), length of the symbol (u32), length of the code (u64), SHA-256 of key + symbol + code, symbol, code

and nothing in it is executed or unpickled before the checksum fits. Whatever is wrong with a file or with the folder costs
time, and at most one warning: it never raises.
"""

from __future__ import annotations

import ast
import atexit
import functools
import hashlib
import os
import re
import shutil
import stat
import struct
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tracejit.backends.cpu.compile import CompiledObject as CompiledObject  # as: callers name it from here
from tracejit.config import VERSION, config
from tracejit.runtime import native

try:
    import fcntl
except ImportError:  # not on Windows: processes may compile the same program twice, with the same result
    fcntl = None  # type: ignore[assignment]

MAX_BYTES = 512 << 20
_MAGIC = b"TRACEJIT"
_HEADER = struct.Struct("<8sIQ32s")
_DAY = 86_400.0
_KEPT = (".obj", ".py", ".plan")
_SUFFIXES = (*_KEPT, ".lock", ".new")
_LOCK_SECONDS = 120.0  # a compile takes seconds; who holds a lock for longer hangs, and others then compile for themselves


# ---------------------------------------------------------------------------------------------------------- the folder


def cache_dir() -> Path:
    """The folder, made if need be; a private temporary one when the configured one is not safe or cannot be made."""
    folder = config().cache_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except OSError as error:
        return _temporary(f"{folder} cannot be used ({error.strerror})")
    if not stat.S_ISDIR(state.st_mode):
        return _temporary(f"{folder} is not a folder")
    if hasattr(os, "geteuid") and state.st_uid != os.geteuid():
        return _temporary(f"{folder} belongs to another user, who could plant machine code in it")
    if os.name == "posix" and state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return _temporary(f"{folder} can be written by other users, who could plant machine code in it; chmod go-w makes it safe")
    return folder


@functools.cache
def _temporary(reason: str) -> Path:
    """A folder of this process alone; ``/dev/null`` and the like when not even that can be made."""
    _warn_once(f"{reason}; compiled programs are not kept")
    try:
        folder = tempfile.mkdtemp(prefix="tracejit-")  # mode 0700
    except OSError:
        return Path(os.devnull)
    atexit.register(_remove, folder, os.getpid())
    return Path(folder)


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # not at the end of a forked child
        shutil.rmtree(folder, ignore_errors=True)


_warned: set[str] = set()


def _warn_once(reason: str) -> None:
    if not _warned:
        _warned.add(reason)
        warnings.warn(f"tracejit cache: {reason}. TRACEJIT_CACHE_DIR names another folder", RuntimeWarning, stacklevel=2)


def fault() -> str:
    """Why nothing is kept; empty where nothing went wrong so far."""
    return next(iter(_warned), "")


def _write(path: Path, content: bytes) -> bool:
    """Write a file so that it is seen complete or not at all."""
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(suffix=".new", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        _warn_once(f"{path.parent} cannot be written ({error.strerror}); compiled programs are not kept")
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        return False
    return True


def _read(path: Path) -> bytes | None:
    """The content of a file, and a note that it was used; None where there is none, nothing where it cannot be ours."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_BYTES:  # a pipe or a device would never end
            return b""
        content = path.read_bytes()
    except OSError:
        return None
    if time.time() - state.st_mtime > _DAY:  # not at every use: that would be a write to disk each
        with suppress(OSError):
            os.utime(path)
    return content


def store_text(name: str, text: str) -> None:
    """Keep a text in the folder under a name; where it cannot be written, it is not kept."""
    _write(cache_dir() / name, text.encode())


def load_text(name: str) -> str | None:
    """A text of the folder; None where there is none."""
    content = _read(cache_dir() / name)
    return None if content is None else content.decode(errors="replace")


# ------------------------------------------------------------------------------------------------------------- sources


def write_source(text: str) -> Path:
    """Write a generated file, named by its hash, unless it is there.

    Returns:
        Its path; in a temporary folder when the cache cannot be written. Where that fails too, nothing is at the path.
    """
    content, name = text.encode(), source_name(text)
    path = cache_dir() / name
    if _read(path) == content or _write(path, content):
        return path
    spare = _temporary(f"{path.parent} cannot be written") / name
    if _read(spare) != content:
        _write(spare, content)
    return spare


def source_name(text: str) -> str:
    """The name of a generated file."""
    return hashlib.sha256(text.encode()).hexdigest()[:32] + ".py"


def code_key(text: str, *extra: object) -> str:
    """The name under which the object code of a generated file is kept: a hash of all that decides the code.

    Args:
        text: The source.
        extra: Whatever else decides the code, by ``repr``.
    """
    return text_key(meaning(text), *map(repr, extra))


def meaning(text: str) -> str:
    """Hash of what a generated file says, on any machine.

    Comments, blank lines and docstrings do not count, so programs traced from different user lines share their code.
    """
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef)) and ast.get_docstring(node, clean=False) is not None:
            node.body[:1] = [ast.Pass()] if isinstance(node, ast.FunctionDef) and len(node.body) == 1 else []
    return digest(ast.unparse(tree))


def text_key(*texts: str) -> str:
    """A name for what is made of texts, all of which count, on this machine."""
    return digest(*texts, *_environment())


@functools.cache
def _environment() -> tuple[str, ...]:
    """What decides the machine code besides the source, and does not change within a process."""
    binding = native.binding()
    abi = f"numpy {np.lib.NumpyVersion(np.__version__).major}"
    cpu = (binding.get_process_triple(), binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    preludes = sources(Path(__file__).parents[1] / "backends" / "cpu")  # their code is compiled in
    return (VERSION, preludes, f"llvmlite {_version()}", abi, *cpu)


def _version() -> str:
    import llvmlite  # loaded by now; to ask importlib.metadata takes longer than to load most programs

    return str(llvmlite.__version__)


def sources(*paths: Path) -> str:
    """Hash of source files, and of those in folders."""
    files = [file for path in paths for file in (sorted(path.glob("*.py")) if path.is_dir() else [path])]
    return digest(*(file.name + "\0" + file.read_text(encoding="utf-8") for file in files))


def digest(*parts: str) -> str:
    """Hash of texts."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "little") + encoded)  # lengths keep ("ab", "c") from ("a", "bc")
    return digest.hexdigest()[:40]


# ------------------------------------------------------------------------------------------------------------- objects


def compiled(key: str, make: Callable[[], CompiledObject]) -> CompiledObject:
    """The object kept under a key, or what ``make`` returns, which is kept then. Of many processes, one makes it.

    Args:
        key: From :func:`code_key`.
        make: Compiles; called at most once. Its exceptions pass through.
    """
    found = load_object(key)
    if found is None:
        with _lock(key):
            found = load_object(key)  # another process may have made it while this one waited
            if found is None:
                found = make()
                store_object(key, found.object_code, found.symbol)
    return found


def assembled(text: str, symbol: str) -> native.NativeCode:
    """Machine code of LLVM IR text, which names addresses by ``native.place``; its object is kept."""
    names = sorted(set(re.findall(rf"@({re.escape(native.PLACE)}\w+)", text)))
    text += "".join(f"@{name} = external global [4096 x i64]\n" for name in names)
    kept = compiled(text_key(text), lambda: CompiledObject(native.assembled(text), symbol))
    return native.load(kept.object_code, kept.symbol)


def holds(key: str) -> bool:
    """Whether there is an object under a key; it may be damaged."""
    return (cache_dir() / f"{key}.obj").exists()


def load_object(key: str) -> CompiledObject | None:
    """The object kept under a key; None when there is none, or when it is damaged, which removes it."""
    path = cache_dir() / f"{key}.obj"
    content = _read(path)
    if content is None:
        return None
    found = _unpacked(key, content)
    if found is None:
        with suppress(OSError):
            path.unlink()
    return found


def store_object(key: str, object_code: bytes, symbol: str) -> None:
    """Keep an object, and forget those that were not used for longest when the folder grows too large."""
    name = symbol.encode()
    header = _HEADER.pack(_MAGIC, len(name), len(object_code), _checksum(key, name, object_code))
    folder = cache_dir()
    if _write(folder / f"{key}.obj", header + name + object_code):
        trim(folder, MAX_BYTES)


def _unpacked(key: str, content: bytes) -> CompiledObject | None:
    if len(content) < _HEADER.size:
        return None
    magic, name_length, code_length, checksum = _HEADER.unpack_from(content)
    if magic != _MAGIC or len(content) != _HEADER.size + name_length + code_length:
        return None
    name, code = content[_HEADER.size : _HEADER.size + name_length], content[_HEADER.size + name_length :]
    if checksum != _checksum(key, name, code):
        return None
    return CompiledObject(code, name.decode())


def _checksum(key: str, name: bytes, code: bytes) -> bytes:
    """The key is part of it: a file under another name does not pass."""
    return hashlib.sha256(b"\0".join((key.encode(), name, code))).digest()


def trim(folder: Path, max_bytes: int) -> None:
    """Remove the files of a cache that were not used for longest until the rest is at most ``max_bytes``."""
    kept: list[tuple[float, int, str]] = []
    with suppress(OSError), os.scandir(folder) as listing:
        for entry in listing:
            with suppress(OSError):  # another process removes files too
                state = entry.stat(follow_symlinks=False)
                if entry.name.endswith(_KEPT):
                    kept.append((state.st_mtime, state.st_size, entry.path))
                elif entry.name.endswith((".lock", ".new")) and time.time() - state.st_mtime > _DAY:
                    os.unlink(entry.path)  # left by a process that was killed
    total = sum(size for _, size, _ in kept)
    for _, size, path in sorted(kept):
        if total <= max_bytes:
            break
        with suppress(OSError):
            os.unlink(path)
            total -= size


class Kept(NamedTuple):
    """A file of the cache: its name, its bytes, and the seconds since it was last used, give or take a day."""

    name: str
    nbytes: int
    age: float


def contents(folder: Path) -> list[Kept]:
    """The files of a cache, the last used first; none where there is no folder."""
    now, kept = time.time(), list[Kept]()
    with suppress(OSError), os.scandir(folder) as listing:
        for entry in listing:
            if entry.name.endswith(_SUFFIXES):
                with suppress(OSError):  # another process removes files too
                    state = entry.stat(follow_symlinks=False)
                    kept.append(Kept(entry.name, state.st_size, max(0.0, now - state.st_mtime)))
    return sorted(kept, key=lambda file: (file.age, file.name))


def clear(folder: Path) -> list[Kept]:
    """Remove the files of a cache, and nothing else; what was removed. Processes that run keep what they have loaded."""
    removed = []
    for file in contents(folder):
        with suppress(OSError):
            os.unlink(folder / file.name)
            removed.append(file)
    return removed


@contextmanager
def _lock(key: str) -> Iterator[None]:
    """Hold the lock of a key against threads and processes; go on without where locks do not work or the holder hangs."""
    path = cache_dir() / f"{key}.lock"
    handle = _locked_file(path)
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):  # removed while held, so that who waits for it sees that it is void
                os.unlink(path)
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_UN)  # closing is not enough when a forked child has the file too
            os.close(handle)


def _locked_file(path: Path) -> int | None:
    wait, deadline = 0.001, time.monotonic() + _LOCK_SECONDS
    while fcntl is not None and time.monotonic() < deadline:
        held = False
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:  # a read-only folder
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held = os.path.samestat(os.fstat(handle), os.stat(path))
            if held:
                return handle
        except (BlockingIOError, FileNotFoundError):  # held by another, or removed by who held it
            time.sleep(wait)
            wait = min(2 * wait, 0.05)
        except OSError:  # a file system without locks
            return None
        finally:
            if not held:
                os.close(handle)
    return None
