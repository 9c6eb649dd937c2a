"""Files of named arrays: the safetensors format, with a SHA-256 of all that a file says, written whole or not at all.

The text metadata of a file has two entries. ``tracejit`` is JSON: the version of this layout, the step, what the user added,
and the names of the arrays that are complex128, which the format lacks and which are stored as pairs of float64. ``sha256``
is over that text, over the name, dtype and shape of every array, and over the data.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tracejit.errors import ArgumentError, CheckpointError, DTypeError, MissingExtraError
from tracejit.io.extras import extra
from tracejit.ir.dtype import bfloat16, is_bfloat16

Array = np.ndarray

VERSION = 1
DTYPES = {
    "BOOL": "bool",
    **{f"{kind}{bits}": f"{name}{bits}" for kind, name in (("I", "int"), ("U", "uint")) for bits in (8, 16, 32, 64)},
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}
"""Dtypes of the format, by its names for them; with bfloat16, which it calls BF16, these are all."""
_STORED = frozenset(map(np.dtype, DTYPES.values()))


@dataclass(frozen=True, slots=True)
class Saved:
    """What a file holds.

    Attributes:
        arrays: By name.
        step: Of training, where one was given.
        metadata: What else the user gave.
    """

    arrays: dict[str, Array]
    step: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


def write_file(path: Path, saved: Saved) -> None:
    """Write a file so that ``path`` holds, at every moment and after a crash at any, either what it held or all of ``saved``.

    Raises:
        ArgumentError: A name that files do not have, or metadata that JSON does not have.
        DTypeError: A dtype that files do not have.
        OSError: The disk is full, the folder is missing, and the like; ``path`` is as it was.
    """
    library = extra("safetensors.numpy", "io")
    arrays = {name: _stored(name, array) for name, array in saved.arrays.items()}
    pairs = sorted(name for name, array in saved.arrays.items() if array.dtype.newbyteorder("=") == np.complex128)
    about = _json({"version": VERSION, "step": saved.step, "metadata": saved.metadata, "complex128": pairs})
    with _replacing(path) as partial:
        try:
            library.save_file(arrays, partial, {"tracejit": about, "sha256": digest(arrays, about)})
        except OSError:
            raise
        except Exception as error:  # the library tells of a full disk in a class of its own
            raise OSError(f"{path}: could not be written: {error}") from error


def read_file(path: Path, verify: bool = True) -> Saved:
    """What is in a file.

    Args:
        path: The file.
        verify: Ask for a digest that agrees, which files of other programs do not have.

    Raises:
        CheckpointError: The file is broken; the text names it and says how.
        OSError: There is no file, or it may not be read.
    """
    library = extra("safetensors", "io")
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise CheckpointError(f"{path}: is no file")
    with open(path, "rb"):  # an OSError of Python's, should it not be readable
        pass
    try:
        with library.safe_open(path, framework="np") as file:
            texts: dict[str, str] = file.metadata() or {}
            about = _about(texts.get("tracejit"), verify)
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (it is no dict)
            for name, its in slices.items():
                check_name(name)
                _check_dtype(its.get_dtype())
            _check_pairs(about["complex128"], slices)
            arrays = {name: file.get_tensor(name) for name in sorted(slices)}  # all sizes fit the file by now
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    except MissingExtraError:  # the file is whole, and a package is missing
        raise
    except MemoryError:  # the file is as large as it says, and this machine too small
        raise
    except Exception as error:
        raise CheckpointError(f"{path}: is no checkpoint, or a broken one: {error}") from error
    if verify and texts.get("sha256") != digest(arrays, texts["tracejit"]):
        raise CheckpointError(
            f"{path}: is broken: the SHA-256 of what is in it is not the one that was written with it\n"
            "  cure: use another copy, or an earlier checkpoint"
        )
    for name, array in arrays.items():
        if array.dtype == bool and array.view(np.uint8).max(initial=0) > 1:
            raise CheckpointError(f"{path}: is broken: {name} is bool and holds bytes that are neither 0 nor 1")
    for name in about["complex128"]:
        arrays[name] = arrays[name].view(np.complex128)[..., 0]
    return Saved(arrays, about["step"], about["metadata"])


def digest(arrays: Mapping[str, Array], about: str) -> str:
    """SHA-256 of arrays as they are stored, and of a text that goes with them."""
    names = sorted(arrays)
    found = hashlib.sha256(_json([about, [[n, arrays[n].dtype.name, arrays[n].shape] for n in names]]).encode())
    for name in names:
        found.update(arrays[name].reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def check_name(name: str) -> None:
    """CheckpointError for a name that is empty, does not print, or could be taken for a way out of a folder."""
    if not name.isprintable() or "\\" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise CheckpointError(
            f"{name!r} is no name for an array\n"
            "  rule: text that prints, without backslashes; its parts between slashes are not empty, . or .."
        )


def remove_partials(folder: Path, begin: str) -> None:
    """Remove what writers of files whose names begin so have left behind when they were killed."""
    with os.scandir(folder) as entries:
        left = [e.path for e in entries if e.name.startswith(f".{begin}") and e.name.endswith(".partial")]
    for path in left:
        with suppress(OSError):  # somebody else removed it
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # OSError while its writer lives
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)


@contextmanager
def _replacing(path: Path) -> Iterator[str]:
    """The name of a file to write, which takes the place of ``path`` once it is on the disk.

    It stands in a folder of its own beside ``path``, since the library, too, writes to a temporary name first.
    """
    partial, lock = _own_folder(path)
    try:
        file = partial / "values"
        file.touch()
        mode = stat.S_IMODE(file.stat().st_mode)  # that of a new file of this user's
        yield str(file)
        file.chmod(mode)
        _sync(str(file))
        os.replace(file, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)
    _sync(str(path.parent))


def _own_folder(path: Path) -> tuple[Path, int]:
    """A new folder beside ``path``, and its lock, which holds until this process ends, however it does."""
    while True:
        partial = path.parent / f".{path.name}.{secrets.token_hex(8)}.partial"
        partial.mkdir(0o700)
        with suppress(FileNotFoundError):  # another writer may have removed it before the lock was on it
            lock = os.open(partial, os.O_RDONLY)
            with suppress(OSError):  # some network drives have no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            if partial.is_dir():
                return partial, lock
            os.close(lock)


def _sync(path: str) -> None:
    """Wait until a file or the entries of a folder are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _stored(name: str, array: Array) -> Array:
    """``array`` as it lies in a file: contiguous, in little-endian order, in a dtype of the format."""
    try:
        check_name(name)
    except CheckpointError as error:
        raise ArgumentError(f"save: {error}") from None
    native = np.array(array, array.dtype.newbyteorder("="), order="C", subok=False, copy=None)
    if native.dtype == np.complex128:
        return native[..., np.newaxis].view(np.float64)
    if native.dtype not in _STORED and not is_bfloat16(native.dtype):
        raise DTypeError(
            f"save: {name} has dtype {array.dtype}\n"
            "  rule: bool, integers of 8 to 64 bits, floats of 16 to 64 bits, bfloat16, complex64 and complex128"
        )
    return native


def _check_dtype(name: str) -> None:
    if name == "BF16":
        bfloat16()
    elif name not in DTYPES:
        raise CheckpointError(f"holds dtype {name}; supported are {', '.join(DTYPES)}, BF16")


def _check_pairs(names: list[str], slices: Mapping[str, Any]) -> None:
    for name in names:
        if name not in slices or slices[name].get_dtype() != "F64" or slices[name].get_shape()[-1:] != [2]:
            raise CheckpointError(f"is broken: {name!r} is said to be complex128, and is not stored as such")


def _about(text: str | None, verify: bool) -> dict[str, Any]:
    """The checked content of the entry ``tracejit``."""
    if text is None and not verify:
        return {"step": None, "metadata": {}, "complex128": []}
    if text is None:
        cure = "load(path, verify=False), if another program wrote it"
        raise CheckpointError(f"was not written by tracejit: it has no SHA-256\n  cure: {cure}")
    about = json.loads(text)
    match about:
        case {"version": int(version)} if version != VERSION:
            raise CheckpointError(f"has layout {version} of a later tracejit; this one reads {VERSION}")
        case {"step": int() | None, "metadata": dict(), "complex128": list(names)} if all(isinstance(n, str) for n in names):
            return dict(about)
    raise CheckpointError("is broken: its entry tracejit is not what tracejit writes")


def _json(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"save: metadata is dicts of text, numbers and lists of these, as JSON has them: {error}") from None
