"""Guards on what a traced function reads beside its arguments: globals, closure cells, attributes and elements.

Numbers, strings and the like are guarded by value, everything else by identity; lists, tuples and dicts by their elements.
The walk follows the names that the code itself names, through the user's own functions, methods and objects, but not
through libraries. A guard that fails means another trace, so a constant in a program is never stale.
"""

from __future__ import annotations

import contextlib
import enum
import functools
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from tracejit.errors import LeakedTracerError, TraceError
from tracejit.frontend.buffer import Buffer
from tracejit.frontend.names import is_user_file, names_of
from tracejit.frontend.signature import same
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.frontend.tensor import Tracer
from tracejit.frontend.where import at_line, is_library_file
from tracejit.ir import Where

_MOST_GUARDS = 5000
_DEEPEST = 10
_CONSTANTS = (bool, int, float, complex, str, bytes, type(None), type(...), np.generic, np.dtype, enum.Enum, range, slice)


class Access(Protocol):
    """A way to a value that code reads."""

    @property
    def text(self) -> str:
        """As the user would write it."""
        ...

    def read(self, leaves: Sequence[Any]) -> Any:
        """The value now; any exception where there is none."""
        ...


class Global(NamedTuple):
    """A global name of a module."""

    namespace: dict[str, Any]
    name: str

    @property
    def text(self) -> str:
        return self.name

    def read(self, leaves: Sequence[Any]) -> Any:
        return self.namespace[self.name]


class Cell(NamedTuple):
    """A variable of an enclosing function."""

    cell: types.CellType
    name: str

    @property
    def text(self) -> str:
        return self.name

    def read(self, leaves: Sequence[Any]) -> Any:
        return self.cell.cell_contents


class Argument(NamedTuple):
    """A static leaf of the arguments, such as ``self``."""

    leaf: int
    text: str

    def read(self, leaves: Sequence[Any]) -> Any:
        return leaves[self.leaf]


class Known(NamedTuple):
    """An object that another guard vouches for."""

    value: Any
    text: str

    def read(self, leaves: Sequence[Any]) -> Any:
        return self.value


class Attribute(NamedTuple):
    """An attribute of an accessed object."""

    base: Access
    name: str

    @property
    def text(self) -> str:
        return f"{self.base.text}.{self.name}"

    def read(self, leaves: Sequence[Any]) -> Any:
        return getattr(self.base.read(leaves), self.name)


class Item(NamedTuple):
    """An element of an accessed list, tuple or dict."""

    base: Access
    key: Any

    @property
    def text(self) -> str:
        return f"{self.base.text}[{self.key!r}]"

    def read(self, leaves: Sequence[Any]) -> Any:
        return self.base.read(leaves)[self.key]


class Guard(NamedTuple):
    """What an access must give.

    Attributes:
        access: What is read.
        expected: What it was; of a list or dict, a copy of it.
        check: ``check(value, expected)``; None for identity.
    """

    access: Access
    expected: Any
    check: Callable[[Any, Any], bool] | None = None

    def holds(self, leaves: Sequence[Any]) -> bool:
        """Whether it is as it was, for the leaves of a call."""
        try:
            value = self.access.read(leaves)
        except Exception:
            return False
        return value is self.expected or (self.check is not None and self.check(value, self.expected))


def unchanged(value: Any, expected: Any) -> bool:
    """Whether a constant or container is as it was: constants by value, other elements by identity."""
    if value is expected:
        return True
    if type(value) is not type(expected):
        return False
    if isinstance(expected, list | tuple):
        return len(value) == len(expected) and all(map(unchanged, value, expected))
    if isinstance(expected, dict):
        return list(value) == list(expected) and all(map(unchanged, value.values(), expected.values()))
    if isinstance(expected, set | frozenset):
        return bool(value == expected)
    return isinstance(expected, _CONSTANTS) and same(value, expected)


def find_guards(function: Callable[..., Any], leaves: Sequence[tuple[int, str, Any]]) -> tuple[Guard, ...]:
    """Guards for all that ``function`` may read.

    Args:
        function: The traced function: a function, method, partial or callable object.
        leaves: Static leaves of the arguments: index, path and value.
    """
    names: frozenset[str] = frozenset()
    while True:
        walk = _Walk(names)
        walk.callable(Known(function, getattr(function, "__name__", "function")), function)
        for index, path, value in leaves:
            walk.content(Argument(index, path), value, 0)
        if walk.found <= names:
            return tuple(walk.guards)
        names |= walk.found  # objects met before a name was may have an attribute of that name


def check_leaks(guards: Sequence[Guard], name: str) -> None:
    """Refuse a traced value in what the function reads: it was put there by the trace, and no call would put one there again.

    Raises:
        LeakedTracerError: With the name, and what to do instead.
    """
    for guard in guards:
        is_real = isinstance(guard.expected, Buffer) and guard.expected.is_real
        if isinstance(guard.expected, Tracer | SymbolicInt) and not is_real:
            text = guard.access.text
            raise LeakedTracerError(
                f"{text}: {name} reads it, and gave it a traced value, which has no meaning when the call has ended\n"
                "  rule: assignments to names and attributes happen when a function is traced, not when its program runs\n"
                f"  cure: make it a Variable and use {text}.assign(...), write into it by {text}[...] = ..., or return the value"
            )


def check_writes(guards: Sequence[Guard], arrays: Sequence[tuple[np.ndarray, Where | None]], name: str) -> None:
    """Refuse traced values in an array that NumPy made while ``name`` was traced: every call would find it as the last left it.

    Args:
        guards: All that the function reads beside its arguments.
        arrays: What it wrote traced values into, with the user's line.
        name: Of the function.

    Raises:
        TraceError: With the line, and what to do instead.
    """
    known = {id(array) for guard in guards for array in _arrays_in(guard.expected)}
    for array, where in arrays:
        owner: Any = array
        while id(owner) not in known and isinstance(owner.base, np.ndarray):
            owner = owner.base
        if id(owner) not in known:
            raise refused_write(name, where)


def refused_write(name: str, where: Where | None) -> TraceError:
    """The error for traced values in a plain NumPy array."""
    return TraceError(
        f"{name}: a traced value was written into an array that NumPy made\n"
        "  rule: a program makes no real arrays; np.zeros and its kin, called as that, give tensors while a function is traced\n"
        f"  cure: o = np.zeros(...) or tj.zeros(...) in the function, or tj.asarray(o) of an array that it has{at_line(where)}"
    )


def _arrays_in(value: Any) -> Iterator[np.ndarray]:
    if isinstance(value, np.ndarray):
        yield value
    elif type(value) in (list, tuple, dict):
        for element in value.values() if isinstance(value, dict) else value:
            yield from _arrays_in(element)


class _Walk:
    """One walk from the function; ``names`` are the attributes that matter, ``found`` those that code met on it names."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.found: set[str] = set()
        self.guards: list[Guard] = []
        self._seen: dict[int, Any] = {}  # objects, kept so that their ids stay theirs
        self._globals: set[tuple[int, str]] = set()

    def visit(self, access: Access, value: Any, depth: int, guarded: bool = False) -> None:
        """Guard an access and what lies behind it; ``guarded`` when the container's guard covers it already."""
        if len(self.guards) >= _MOST_GUARDS:
            return
        if isinstance(value, _CONSTANTS):
            if not guarded:
                self.guards.append(Guard(access, value, unchanged))
            return
        if type(value) in (list, tuple, dict, set, frozenset):
            self._container(access, value, depth, guarded)
            return
        if not guarded:
            self.guards.append(Guard(access, value))
        self.content(access, value, depth)

    def content(self, access: Access, value: Any, depth: int) -> None:
        """Guard what an object holds, as far as the names of the code reach."""
        if id(value) in self._seen or depth > _DEEPEST:
            return
        if isinstance(value, types.FunctionType):
            self._function(value)
            return
        self._seen[id(value)] = value
        if isinstance(value, types.ModuleType):
            self._module(access, value, depth)
        elif isinstance(value, type):
            if is_user_class(value):
                self._methods(access, value, value, depth)
        elif is_callable_wrapper(value):
            self.callable(access, value)
        elif not isinstance(value, np.ndarray | types.BuiltinFunctionType | np.ufunc):
            self._object(access, value, depth)

    def callable(self, access: Access, value: Any) -> None:
        """Walk the code of a function, method, partial, traced function or callable object."""
        if isinstance(value, types.MethodType):
            self.content(Attribute(access, "__self__"), value.__self__, 1)
            self.callable(Attribute(access, "__func__"), value.__func__)
        elif isinstance(value, functools.partial):
            self.callable(Attribute(access, "func"), value.func)
            self.visit(Attribute(access, "args"), value.args, 1)
            self.visit(Attribute(access, "keywords"), value.keywords, 1)
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, staticmethod | classmethod):
            self.callable(access, value.__func__)
        elif isinstance(value, property):
            for function in filter(None, (value.fget, value.fset)):
                self.callable(access, function)
        elif isinstance(inner := getattr(value, "python_function", None), Callable):  # type: ignore[arg-type]
            self.callable(access, inner)
        else:
            self.content(access, value, 0)

    def _function(self, function: types.FunctionType) -> None:
        if id(function) in self._seen:
            return
        self._seen[id(function)] = function
        if not is_user_file(function.__code__.co_filename):
            self._behind(function)
            return
        names = names_of(function.__code__, function.__globals__)
        self.found |= names.attributes
        for name in names.globals:
            place = (id(function.__globals__), name)
            if name in function.__globals__ and place not in self._globals:
                self._globals.add(place)
                self.visit(Global(function.__globals__, name), function.__globals__[name], 0)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not assigned yet
                continue
            self.visit(Cell(cell, name), value, 0)

    def _behind(self, function: types.FunctionType) -> None:
        """Walk the user's functions that a library's function wraps: ``tj.grad(loss)`` reads what ``loss`` reads."""
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # not assigned yet
                if isinstance(cell.cell_contents, types.FunctionType | types.MethodType | functools.partial):
                    self.callable(Cell(cell, name), cell.cell_contents)

    def _container(self, access: Access, value: Any, depth: int, guarded: bool) -> None:
        if not guarded:
            self.guards.append(Guard(access, value if type(value) in (tuple, frozenset) else _copied(value), unchanged))
        if isinstance(value, set | frozenset) or depth > _DEEPEST:
            return
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, element in items:
            if not isinstance(element, _CONSTANTS):
                self.visit(Item(access, key), element, depth + 1, guarded=True)

    def _module(self, access: Access, module: types.ModuleType, depth: int) -> None:
        if is_user_file(getattr(module, "__file__", None) or "<none>"):
            for name in sorted(self.names & vars(module).keys()):
                self.visit(Attribute(access, name), vars(module)[name], depth + 1)

    def _object(self, access: Access, value: Any, depth: int) -> None:
        kind = type(value)
        if is_library_file(_file_of(kind)):
            return
        for name in sorted(self.names & set(_attribute_names(value))):
            try:
                held = getattr(value, name)
            except AttributeError:  # a slot that is not filled
                continue
            self.visit(Attribute(access, name), held, depth + 1)
        if is_user_class(kind):
            self._methods(access, value, kind, depth)

    def _methods(self, access: Access, value: Any, kind: type, depth: int) -> None:
        """Code that calls on an object may run, and constants that its class holds."""
        for cls in kind.__mro__:
            if not is_user_class(cls):
                continue
            for name, held in vars(cls).items():
                special = name.startswith("__") and name.endswith("__")
                if is_callable_wrapper(held):
                    if special or name in self.names:
                        self.callable(Known(held, f"{cls.__name__}.{name}"), held)
                elif name in self.names and not special and not hasattr(type(held), "__get__") and name not in _own(value):
                    self.visit(Attribute(access, name), held, depth + 1)


def is_callable_wrapper(value: Any) -> bool:
    """Whether a value is a function or wraps one that can be walked."""
    kinds = (types.FunctionType, types.MethodType, functools.partial, staticmethod, classmethod, property)
    return isinstance(value, kinds) or hasattr(type(value), "python_function")


def is_user_class(kind: type) -> bool:
    """Whether a class is of the user's code, by the file of its module."""
    return kind.__module__ != "builtins" and is_user_file(_file_of(kind))


def _file_of(kind: type) -> str:
    return getattr(sys.modules.get(kind.__module__), "__file__", None) or "<user>"


def _attribute_names(value: Any) -> Iterator[str]:
    """Names of what is stored in an object itself, not computed by a descriptor."""
    yield from _own(value)
    for cls in type(value).__mro__:
        for name, held in vars(cls).items():
            if isinstance(held, types.MemberDescriptorType):
                yield name


def _own(value: Any) -> dict[str, Any]:
    return getattr(value, "__dict__", {})


def _copied(value: Any) -> Any:
    if type(value) is list:
        return [_copied(v) for v in value]
    if type(value) is dict:
        return {k: _copied(v) for k, v in value.items()}
    return set(value) if type(value) is set else value
