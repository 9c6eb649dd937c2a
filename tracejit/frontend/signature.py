"""What a call gives a function: bound parameters, their leaves with kinds, and the key that programs are found by.

| leaf | in the trace | key |
|---|---|---|
| array, NumPy scalar, tensor, other libraries' arrays | tensor with symbolic sizes | dtype, which sizes are 0 or 1 |
| Python bool, int, float, complex | run-time scalar, weakly typed | its type |
| Variable | itself | identity |
| str, None, enum, dtype, any other hashable object | itself | equality |
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from tracejit.errors import ArgumentError, DTypeError, LeakedTracerError
from tracejit.frontend.device import resident_array
from tracejit.frontend.sizes import Origin
from tracejit.frontend.tensor import EagerTensor, Tracer
from tracejit.frontend.tree import Structure
from tracejit.frontend.variable import Variable
from tracejit.ir.spec import SUPPORTED, is_supported
from tracejit.runtime.device import Array, DeviceArray, is_resident

Kind = Literal["array", "scalar", "tensor", "foreign", "converted", "number", "complex", "variable", "static", "self"]
ARRAYS: frozenset[Kind] = frozenset({"array", "scalar", "tensor", "foreign", "converted", "complex"})
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of a call's arguments.

    Attributes:
        path: Such as ``params['w1']``.
        kind: What it is.
        value: What the caller gave.
        key: Calls with equal keys can share a program.
        array: Of the kinds in ``ARRAYS``: the value as an array, as it is.
        origins: Where the symbol of each axis comes from; None where its size is a plain number in the trace.
    """

    path: str
    kind: Kind
    value: Any
    key: Hashable
    array: Array | None = None
    origins: tuple[Origin | None, ...] = ()

    def ready(self) -> Any:
        """What a program takes for this leaf: a contiguous array of native byte order, or the number."""
        if self.array is None:
            return self.value
        if isinstance(self.array, DeviceArray):
            return self.array
        flags = self.array.flags
        if type(self.array) is np.ndarray and flags.c_contiguous and flags.aligned and self.array.dtype.isnative:
            return self.array
        return np.array(self.array, dtype=self.array.dtype.newbyteorder("="), order="C", subok=False)

    def forgotten(self) -> Leaf:
        """What a program may keep of a leaf: no array, no tensor, no object of a method."""
        if self.array is not None:
            shape_only = np.broadcast_to(np.zeros((), self.array.dtype), self.array.shape)
            return replace(self, value=None, array=shape_only)
        return self if self.kind in ("static", "number") else replace(self, value=None)

    def __str__(self) -> str:
        """For reasons of retraces: ``x: f32[n, 784]``-like, without sizes that do not matter."""
        if self.array is not None:
            dims = ", ".join(str(d) if d < 2 else "_" for d in self.array.shape)
            on = " on cuda" if isinstance(self.key, tuple) and str(self.key[0]).endswith(" on cuda") else ""
            return f"{self.path}: {self.kind} {self.array.dtype}[{dims}]{on}"
        return f"{self.path}: {self.kind} {type(self.value).__name__}" + (f" {self.value!r}" if self.kind == "static" else "")


@dataclass(frozen=True, slots=True)
class Signature:
    """The key of a call: structure, order of dict keys, and the keys of its leaves."""

    structure: Structure
    orders: tuple[tuple[Any, ...], ...]
    keys: tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call in parts.

    Attributes:
        args: Positional arguments as the caller gave them.
        kwargs: Keyword arguments likewise.
        arguments: What each parameter is given.
        leaves: Leaves of all parameters in their order, defaults included.
        signature: What programs are found by.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    arguments: tuple[Any, ...]
    leaves: tuple[Leaf, ...]
    signature: Signature

    def forgotten(self) -> Call:
        """What a program may keep of the call that it was made for, without keeping arguments alive."""
        return Call((), {}, (), tuple([leaf.forgotten() for leaf in self.leaves]), self.signature)


class Static:
    """A value by equality, type included: 1, 1.0 and True differ."""

    __slots__ = ("value",)

    def __init__(self, value: Hashable) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and same(self.value, other.value)

    def __hash__(self) -> int:
        return hash(self.value)


class Identity:
    """An object by identity, not kept alive where Python allows that."""

    __slots__ = ("get", "number")

    def __init__(self, value: Any) -> None:
        self.number = id(value)
        self.get: Callable[[], Any]
        try:
            self.get = weakref.ref(value)
        except TypeError:
            self.get = lambda: value

    @property
    def alive(self) -> bool:
        return self.get() is not None

    @property
    def reference(self) -> weakref.ref[Any] | None:
        """The weak reference, where there can be one."""
        return self.get if isinstance(self.get, weakref.ref) else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.number == other.number and self.alive and self.get() is other.get()

    def __hash__(self) -> int:
        return self.number


def same(x: Any, y: Any) -> bool:
    """Whether two values are the same constant: equal, of one type, NaN like itself, 0.0 unlike -0.0."""
    if x is y:
        return True
    if type(x) is not type(y):
        return False
    if isinstance(x, float | complex | np.inexact):
        return repr(x) == repr(y)
    if isinstance(x, tuple | list):
        return len(x) == len(y) and all(map(same, x, y))
    if isinstance(x, dict):
        return list(x) == list(y) and all(map(same, x.values(), y.values()))
    try:
        return bool(x == y)
    except Exception:
        return False


def classify(value: Any, path: str, function: str) -> Leaf:
    """What a leaf is; ArgumentError or DTypeError where a traced function cannot take it."""
    kind = type(value)
    if kind is np.ndarray or kind is DeviceArray:
        return _array(value, value, path, "array", "array")
    if kind in (bool, int, float) and (kind is not int or value in _INT64):
        return Leaf(path, "number", value, kind.__name__)
    if kind is complex:
        return _array(np.asarray(value), value, path, "complex", "complex")
    if isinstance(value, EagerTensor):
        return _array(value.value, value, path, "tensor", f"tensor{' weak' * value.weak}{' scalar' * value.scalar}")
    if isinstance(value, Tracer):
        raise _leaked(value, path, function)
    if isinstance(value, Variable):
        return Leaf(path, "variable", value, Identity(value))
    if isinstance(value, np.generic) and not isinstance(value, np.flexible):
        return _array(np.asarray(value), value, path, "scalar", "scalar")
    if isinstance(value, np.ma.MaskedArray):
        cure = f"pass {path}.filled(0) and {path}.mask"
        raise ArgumentError(f"{function}: argument {path} is a masked array, whose mask would be lost\n  cure: {cure}")
    if not isinstance(value, type) and is_foreign(value):
        return _array(as_array(value, path), value, path, "foreign", "array")
    try:
        hash(value)
    except Exception:
        raise ArgumentError(
            f"{function}: argument {path} is a {kind.__name__}: neither array, number, tree of these nor hashable\n"
            "  rule: what is no array or number is a static value, and programs are found by its hash\n"
            f"  cure: give {kind.__name__} a __hash__, pass a tuple instead, or make it a tree:"
            f" tj.register_tree({kind.__name__}, flatten, unflatten)"
        ) from None
    return Leaf(path, "static", value, Static(value))


def _leaked(value: Tracer, path: str, function: str) -> LeakedTracerError:
    try:
        spec = value.spec  # says more where the trace has ended
    except LeakedTracerError as error:
        return error
    return LeakedTracerError(f"{function}: argument {path} is a traced value, {spec}, of a call that runs in another thread")


def is_foreign(value: Any) -> bool:
    """Whether another library's array can be read through a protocol."""
    if isinstance(value, str | bytes | int | float):
        return False
    if any(hasattr(value, name) for name in ("__array_interface__", "__dlpack__", "__array__")) or is_resident(value):
        return True
    try:
        return memoryview(value).ndim > 0
    except TypeError:
        return False


def as_array(value: Any, path: str = "array") -> Array:
    """The array that another library's object shows: without a copy where it allows that, and on the device where it is there."""
    if is_resident(value):
        return resident_array(value, path)
    dlpack = hasattr(value, "__dlpack__") and not hasattr(value, "__array_interface__") and not hasattr(value, "__array__")
    return np.from_dlpack(value) if dlpack else np.asarray(value)


def _array(array: Array, value: Any, path: str, kind: Kind, tag: str) -> Leaf:
    dtype = supported_dtype(array, path)
    if isinstance(array, DeviceArray):
        tag = f"{tag} on {array.device}"
    origins = tuple([Origin(f"{path}.shape[{axis}]") if size >= 2 else None for axis, size in enumerate(array.shape)])
    return Leaf(path, kind, value, (tag, dtype, tuple([d if d < 2 else -1 for d in array.shape])), array, origins)


def supported_dtype(array: Array, path: str) -> np.dtype:
    """The dtype in native byte order; DTypeError where tracejit has no such dtype."""
    dtype = _native(array.dtype)
    if dtype is None:
        raise DTypeError(f"{path}: an array of dtype {array.dtype}; {_dtype_cure(path, array)}")
    return dtype


@functools.lru_cache(maxsize=256)
def _native(dtype: np.dtype) -> np.dtype | None:
    """A dtype in native byte order; None where tracejit has no such dtype."""
    native = dtype.newbyteorder("=")
    return native if is_supported(native) else None


def _dtype_cure(path: str, array: Array) -> str:
    rule = f"tracejit computes with {SUPPORTED}"
    match array.dtype.kind:
        case "O":
            return f"{rule}\n  cure: {path}.astype(float) if all elements are numbers; rows of several lengths need padding"
        case "U" | "S" | "T":
            return f"{rule}\n  cure: encode text as integers, or pass a str as a static argument"
        case "f" | "c":
            wider = "float64" if array.dtype.kind == "f" else "complex128"
            return f"{rule}\n  cure: {path}.astype(np.{wider})"
        case "M" | "m":
            return f'{rule}\n  cure: {path}.astype("int64")'
    return f"{rule}\n  cure: convert it to one of these"
