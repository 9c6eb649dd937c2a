"""Executing a generated file, whose ``from prelude import`` gives the words of a backend."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

PRELUDE = "prelude"


class Placeholder:
    """A word that no one calls here: of the host in a compiler of kernels, of kernels on a host."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Words(SimpleNamespace):
    """The prelude as a file sees it."""

    def __getattr__(self, name: str) -> Placeholder:
        return Placeholder(name)


def load(text: str | ast.Module, path: str, words: Mapping[str, Any]) -> dict[str, Any]:
    """Execute a file called ``path``, given as text or parsed, and return its names; words it does not have are placeholders."""

    def resolve(name: str, *args: Any, **kwargs: Any) -> Any:
        return _Words(**words) if name == PRELUDE else builtins.__import__(name, *args, **kwargs)

    namespace: dict[str, Any] = {
        "__name__": "tracejit_generated",
        "__file__": path,
        "__builtins__": {**vars(builtins), "__import__": resolve},
    }
    exec(compile(text, path, "exec"), namespace)
    return namespace
