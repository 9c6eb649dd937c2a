"""One function of a generated file while it is written: its lines, and the sizes and pointers that its head opens."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tracejit.codegen.source import Layout
from tracejit.codegen.text import times, total
from tracejit.ir import Node
from tracejit.ir.size import Dim, substitute, symbol, symbols
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Home
from tracejit.schedule.schedule import Schedule


@dataclass
class File:
    """What all functions of one file share."""

    schedule: Schedule
    layout: Layout
    workspace: list[Dim] = field(default_factory=list)  # bytes that each step asks for
    functions: list[str] = field(default_factory=list)

    def size_name(self, name: str) -> str:
        """The local name of a symbolic size: n, n1, n2, ..."""
        number = list(self.layout.sizes).index(name)
        return f"n{number or ''}"

    def home(self, node: Node) -> Home:
        return self.schedule.homes[node]


class Scope:
    """A function's text in the making: ``head`` opens what the body names."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.head: list[str] = []
        self._sizes: set[str] = set()
        self._pointers: dict[tuple[str, ...], str] = {}
        self._names: dict[str, int] = {}

    def dim(self, dim: Dim) -> str:
        """The text of a dimension; its sizes are loaded at the head."""
        self._sizes |= symbols(dim)
        return str(substitute(dim, {name: symbol(self.file.size_name(name)) for name in self.file.layout.sizes}))

    def name(self, stem: str) -> str:
        """A name that this function does not have yet: ``v0``, ``v1``, ..."""
        number = self._names.get(stem, -1) + 1
        self._names[stem] = number
        return f"{stem}{number}"

    def pointer_name(self, home: Home) -> str:
        stem = {"input": "x", "output": "out", "slot": "s"}[home.kind] + str(home.number)
        count = self._names.get(stem, -1) + 1
        self._names[stem] = count
        return stem if count == 0 else f"{stem}_{count}"

    def pointer(self, home: Home, dtype: np.dtype, size: Dim, offset: str = "0") -> str:
        """A pointer opened at the head, ``offset`` elements into the buffer."""
        key = (str(home), dtype_code(dtype), offset)
        if key not in self._pointers:
            self._pointers[key] = self.pointer_name(home)
            self.head.append(f"{self._pointers[key]} = {self.open(home, dtype, self.dim(size), offset)}")
        return self._pointers[key]

    def open(self, home: Home, dtype: np.dtype, size: str, offset: str = "0") -> str:
        """The expression that opens ``size`` elements of a buffer."""
        return self.open_word(self.file.layout.word(home), dtype, size, offset)

    def open_word(self, word: int, dtype: np.dtype, size: str, offset: str = "0") -> str:
        place = total([f"table[{word}]", "" if offset == "0" else times(dtype.itemsize, str(dtype.itemsize), offset)])
        return f"{dtype_code(dtype)}_at({place}, {size})"

    def sizes(self) -> list[str]:
        """The lines that load the sizes which the function uses."""
        words = self.file.layout.sizes
        return [f"{self.file.size_name(name)} = table[{words[name]}]" for name in words if name in self._sizes]


def indent(lines: list[str], depth: int = 1) -> list[str]:
    """``lines`` as the body of something."""
    return ["    " * depth + line if line else line for line in lines]
