"""Entrance: an object that is called by way of routes."""

from __future__ import annotations

import ctypes
import functools
import warnings
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from tracejit.config import config
from tracejit.runtime import layout
from tracejit.runtime.enter import MISS, enter
from tracejit.runtime.route import Route


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Slot(ctypes.Structure):
    _fields_ = (("number", ctypes.c_int), ("value", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("size", ctypes.c_int),
        ("element_size", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


_HEADER, _WORD = 16, 8
_MEMBERS, _INT64, _SSIZE, _READ_ONLY = 72, 17, 19, 1  # Py_tp_members, T_LONGLONG, T_PYSSIZET, READONLY
_BASE_TYPE, _VECTORCALL, _METHOD = 1 << 10, 1 << 11, 1 << 17  # Py_TPFLAGS_BASETYPE, _HAVE_VECTORCALL, _METHOD_DESCRIPTOR


@functools.cache
def _base() -> type:
    """A class of CPython's vectorcall protocol: the address in the member ``vectorcall`` is what a call jumps to."""
    members = (_Member * 3)(
        _Member(b"vectorcall", _INT64, _HEADER, 0, None),
        _Member(b"__vectorcalloffset__", _SSIZE, _HEADER, _READ_ONLY, None),
    )
    slots = (_Slot * 2)(_Slot(_MEMBERS, ctypes.addressof(members)))
    spec = _Spec(b"tracejit.runtime.entrance.Base", _HEADER + _WORD, 0, _BASE_TYPE, slots)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.POINTER(_Spec))(("PyType_FromSpec", ctypes.pythonapi))
    made: type = make(ctypes.byref(spec))
    return made


if TYPE_CHECKING:

    class Base:
        """What gives an Entrance its word."""

        vectorcall: int

else:
    Base = type("Base", (), {"__slots__": ()}) if layout.fault() else _base()


class Entrance(Base, ABC):
    """Something to call: by the first of its routes that a call fits, else by ``missed``.

    The builtin guard does what ``__call__`` says, without Python, from the first route on; not where ``TRACEJIT_GUARD`` is
    ``python`` then, or where objects lie in memory as it does not know them.
    """

    __slots__ = ("routes",)

    def __init__(self) -> None:
        self.routes: tuple[Route, ...] = ()

    def __init_subclass__(cls, methods: bool = False) -> None:
        """Have CPython call objects of ``cls`` by the protocol; with ``methods``, ``owner.object(x)`` as ``object(owner, x)``."""
        if not layout.fault() and cls.__call__ is Entrance.__call__:  # a class of Python does not inherit these flags
            flags = _VECTORCALL | (_METHOD if methods else 0)
            ctypes.c_uint64.from_address(id(cls) + layout.TYPE_FLAGS).value |= flags

    def lead(self, routes: tuple[Route, ...]) -> None:
        """Take these routes from the next call on."""
        native = config().guard == "native"
        if layout.fault():
            if native:
                warnings.warn(f"tracejit: calls are checked by Python, slowly: {layout.fault()}", RuntimeWarning, stacklevel=2)
            self.routes = routes
            return
        from tracejit.runtime import builtin  # what loads code, which those who only import the library never need

        for route in routes:
            builtin.write_route(route)
        self.routes = routes
        self.vectorcall = builtin.address() if native else 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        out = enter(self.routes, args, kwargs)
        return self.missed(*args, **kwargs) if out is MISS else out

    @abstractmethod
    def missed(self, *args: Any, **kwargs: Any) -> Any:
        """The result of a call that no route is for."""
