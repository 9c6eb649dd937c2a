"""One function of a generated file while it is written: its lines, and the sizes and pointers that its head opens."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from tracejit.codegen.source import Layout
from tracejit.codegen.target import Target
from tracejit.codegen.text import times, total
from tracejit.ir import Node
from tracejit.ir.size import Dim, substitute, symbol, symbols
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Home
from tracejit.schedule.schedule import Schedule


@dataclass
class File:
    """What all functions of one file share.

    Attributes:
        target: The kind of machine it is for.
        workspace: Bytes that each step asks for.
        functions: Name and text of each region, by the text that counts: without comments, and with other names of buffers.
        words: Words of the table used so far; more are added to pass arguments to regions.
        copied: ``(word, source)`` of those added.
        counted: ``(word, dimension)`` of those added.
        notes: ``(region, why it does not go the quicker way of others)``.
    """

    schedule: Schedule
    layout: Layout
    target: Target
    workspace: list[Dim] = field(default_factory=list)
    functions: dict[str, tuple[str, str]] = field(default_factory=dict)
    words: int = 0
    copied: list[tuple[int, int]] = field(default_factory=list)
    counted: list[tuple[int, Dim]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def dim_text(self, dim: Dim) -> str:
        """A dimension in local names."""
        return str(substitute(dim, {name: symbol(self.size_name(name)) for name in self.layout.sizes}))

    def region(self, name: str, scope: Scope, lines: list[str], numbers: tuple[str, ...] = ()) -> str:
        """Add a region to the file, unless an equal one is there; the name to launch it by."""
        text = "\n".join(self.target.region(name, lines, numbers))
        return self.functions.setdefault(self.meaning(name, lines, numbers), (name, text))[0]

    def meaning(self, name: str, lines: list[str], numbers: tuple[str, ...] = ()) -> str:
        """The text of a region that counts."""
        text = "\n".join(self.target.region(name, lines, numbers))
        plain = re.sub(r'\s*(#[^\n]*|""".*""")', "", text.replace(f"def {name}(", ""))
        local: dict[str, str] = {}
        return re.sub(r"\b(x|out|s)\d+(_\d+)?(?=_four\b|_eight\b|\b)", lambda m: local.setdefault(m[0], f"p{len(local)}"), plain)

    def arguments(self, scope: Scope) -> tuple[list[str], int]:
        """The lines of a step that put a region's arguments side by side in the table, and the first of their words."""
        words = scope.words
        if not words or words == list(range(words[0], words[0] + len(words))):
            return [], words[0] if words else 0
        first, self.words = self.words, self.words + len(words)
        self.copied += zip(range(first, self.words), words, strict=True)
        return self.target.arguments(first, words), first

    def size_name(self, name: str) -> str:
        """The local name of a symbolic size: n, n1, n2, ..."""
        number = list(self.layout.sizes).index(name)
        return f"n{number or ''}"

    def home(self, node: Node) -> Home:
        return self.schedule.homes[node]


class Scope:
    """A function's text in the making: ``head`` opens what the body names.

    The step reads the table; a region reads ``args``, the words of the table that it needs, side by side.
    """

    def __init__(self, file: File, region: bool = True) -> None:
        self.file = file
        self.is_region = region
        self.words: list[int] = []
        self.head: list[str] = []
        self.numbers: dict[Node, str] = {}  # names of values of rank 0
        self._sizes: set[str] = set()
        self._pointers: dict[tuple[str, ...], str] = {}
        self._names: dict[str, int] = {}

    def dim(self, dim: Dim) -> str:
        """The text of a dimension; its sizes are loaded at the head."""
        self._sizes |= symbols(dim)
        return self.file.dim_text(dim)

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
        key = (str(home), dtype_code(dtype), offset, self.dim(size))
        if key not in self._pointers:
            self._pointers[key] = self.pointer_name(home)
            self.head.append(f"{self._pointers[key]} = {self.open(home, dtype, self.dim(size), offset)}")
        return self._pointers[key]

    def open(self, home: Home, dtype: np.dtype, size: str, offset: str = "0") -> str:
        """The expression that opens ``size`` elements of a buffer."""
        begin = "" if offset == "0" else times(dtype.itemsize, str(dtype.itemsize), offset)
        return f"{dtype_code(dtype)}_at({total([self.word(self.file.layout.word(home)), begin])}, {size})"

    def workspace(self, dtype: np.dtype, offset: Dim, size: str) -> str:
        """The expression that opens ``size`` elements of the workspace, from byte ``offset`` on."""
        place = total([self.word(self.file.layout.workspace), "" if offset == 0 else self.dim(offset)])
        return f"{dtype_code(dtype)}_at({place}, {size})"

    def chunk_memory(self, dtype: np.dtype, offset: Dim, elements: Dim) -> str:
        """The expression that opens a chunk's part of the workspace, from byte ``offset`` on."""
        nbytes = elements * int(dtype.itemsize)
        begin = "" if offset == 0 else self.dim(offset)
        place = total([self.word(self.file.layout.workspace), begin, times(nbytes, self.dim(nbytes), "chunk")])
        return f"{dtype_code(dtype)}_at({place}, {self.dim(elements)})"

    def word(self, word: int) -> str:
        """A word of the table."""
        if not self.is_region:
            return f"table[{word}]"
        if word not in self.words:
            self.words.append(word)
        return f"args[{self.words.index(word)}]"

    def sizes(self) -> list[str]:
        """The lines that load the sizes which the function uses."""
        words = self.file.layout.sizes
        return [f"{self.file.size_name(name)} = {self.word(words[name])}" for name in words if name in self._sizes]


def indent(lines: list[str], depth: int = 1) -> list[str]:
    """``lines`` as the body of something."""
    return ["    " * depth + line if line else line for line in lines]
