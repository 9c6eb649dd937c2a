"""What the code of a function names: globals that it reads, attributes that it takes of anything."""

from __future__ import annotations

import dis
import sysconfig
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from tracejit.frontend.where import is_library_file

_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME")
_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR")


class Names(NamedTuple):
    """Names in a piece of code and in the code nested in it."""

    globals: tuple[str, ...]
    attributes: frozenset[str]


@lru_cache(maxsize=4096)
def is_user_file(filename: str) -> bool:
    """Whether a file is neither tracejit's, nor NumPy's, nor installed with Python or by a package manager."""
    return not is_library_file(filename) and not filename.startswith((*_installed(), "<frozen"))


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def names_of(code: CodeType, namespace: dict[str, Any]) -> Names:
    """What ``code`` names; attributes of library modules, such as ``np.tanh``, are left out."""
    found: dict[str, None] = {}
    attributes: set[str] = set()
    _collect(code, namespace, found, attributes)
    return Names(tuple(found), frozenset(attributes))


def _collect(code: CodeType, namespace: dict[str, Any], found: dict[str, None], attributes: set[str]) -> None:
    in_library = False  # the value on top of the stack is a library module, or part of one
    for instruction in dis.get_instructions(code):
        if instruction.opname in _GLOBAL:
            found[instruction.argval] = None
            in_library = _is_library_module(namespace.get(instruction.argval))
        elif instruction.opname in _ATTRIBUTE:
            if not in_library:
                attributes.add(instruction.argval)
        elif instruction.opname not in ("CACHE", "PUSH_NULL"):
            in_library = False
    if "getattr" in found:
        attributes |= {c for c in code.co_consts if isinstance(c, str) and c.isidentifier()}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _collect(constant, namespace, found, attributes)


def _is_library_module(value: Any) -> bool:
    return isinstance(value, ModuleType) and not is_user_file(getattr(value, "__file__", None) or "<frozen>")
