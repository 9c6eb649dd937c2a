"""Arrays of other libraries: read where they are, and results handed back in the kind that the caller uses."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np

from tracejit.errors import ArgumentError, DTypeError
from tracejit.ir.dtype import bfloat16
from tracejit.runtime.cuda.driver import driver
from tracejit.runtime.cuda.memory import Borrowed
from tracejit.runtime.device import DeviceArray


def imported(value: Any, path: str) -> DeviceArray:
    """An array of CuPy's, PyTorch's, JAX's or of any library with the CUDA array interface or DLPack; nothing is copied.

    Args:
        value: The array.
        path: What errors call it.

    Raises:
        ArgumentError: Its elements do not lie side by side, or its library does not let it be read.
        DTypeError: NumPy has no such dtype.
    """
    interface = _interface(value, path)
    shape = tuple(map(int, interface["shape"]))
    dtype = _dtype(value, interface["typestr"], path)
    address, read_only = interface["data"]
    strides = interface.get("strides")
    if strides is not None and 0 not in shape and _row_major(shape, dtype.itemsize, strides) is False:
        library = type(value).__module__.partition(".")[0]
        cure = {"torch": f"{path}.contiguous()", "cupy": f"cupy.ascontiguousarray({path})"}.get(library, "a contiguous copy")
        raise ArgumentError(
            f"{path}: an array on cuda that is not contiguous: shape {list(shape)}, strides of {list(strides)} bytes\n"
            f"  rule: nothing is copied unasked\n  cure: {cure}"
        )
    if address % dtype.itemsize:
        raise ArgumentError(
            f"{path}: an array on cuda that is not aligned: the address of {dtype} elements is no multiple of {dtype.itemsize}\n"
            f"  cure: {path}.copy()"
        )
    memory = Borrowed(driver(), value, int(address), _extent(shape, dtype))
    writeable = not read_only
    return DeviceArray(memory, shape, dtype, None, _producer(interface), _caller_stream(value), writeable)


def _interface(value: Any, path: str) -> dict[str, Any]:
    try:
        if hasattr(value, "__cuda_array_interface__"):
            interface: dict[str, Any] = value.__cuda_array_interface__
            return interface
        shown: dict[str, Any] = importlib.import_module("cupy").from_dlpack(value).__cuda_array_interface__
        return shown
    except Exception as error:  # each library has its own reasons: a gradient is recorded, a view conjugates, ...
        name = type(value).__name__
        detach = f"{path}.detach()" if "grad" in str(error) else "an array that its library exports"
        raise ArgumentError(f"{path}: the {name} on cuda cannot be read: {error}\n  cure: {detach}") from error


def _dtype(value: Any, typestr: str, path: str) -> np.dtype:
    """The dtype that an interface names; bfloat16, which has no name there, is two bytes of an array that says so itself."""
    if typestr.endswith("V2") and "bfloat16" in str(getattr(value, "dtype", "")):
        return bfloat16()
    try:
        return np.dtype(typestr)
    except TypeError:
        raise DTypeError(f"{path}: an array on cuda of dtype {typestr}, which NumPy does not have") from None


def _row_major(shape: tuple[int, ...], itemsize: int, strides: Any) -> bool:
    step = itemsize
    for length, stride in zip(reversed(shape), reversed(strides), strict=True):
        if length != 1 and stride != step:
            return False
        step *= length
    return True


def _extent(shape: tuple[int, ...], dtype: np.dtype) -> int:
    count = dtype.itemsize
    for length in shape:
        count *= length
    return count


def _producer(interface: dict[str, Any]) -> int | None:
    """The stream that still writes the array: 1 is the default stream, whose handle is 0, and 2 the one of each thread."""
    stream = interface.get("stream")
    return {None: None, 1: 0}.get(stream, stream)


def _caller_stream(value: Any) -> int | None:
    """The stream that PyTorch works on, for its tensors: all others are asked through CuPy's current one."""
    torch = sys.modules.get("torch") if type(value).__module__.partition(".")[0] == "torch" else None
    return None if torch is None else int(torch.cuda.current_stream().cuda_stream)


def handed_out(array: DeviceArray, like: Any) -> Any:
    """A result in the kind of ``like``, another library's array, or CuPy's where that one takes none; nothing is copied."""
    namespace = like.__array_namespace__() if hasattr(like, "__array_namespace__") else None
    if namespace is None:
        namespace = sys.modules[type(like).__module__.partition(".")[0]]
    if not hasattr(namespace, "from_dlpack"):
        namespace = importlib.import_module("cupy")
    return namespace.from_dlpack(array)
