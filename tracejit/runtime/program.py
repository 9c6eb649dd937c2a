"""Program: from a traced graph to machine code, through every printable stage."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

from tracejit.codegen.emit import emit
from tracejit.codegen.source import Source
from tracejit.config import VERSION
from tracejit.errors import PinError
from tracejit.ir import Graph
from tracejit.runtime import cache, native
from tracejit.schedule import Schedule, plan
from tracejit.schedule.fuse import forget
from tracejit.transforms.passes import optimize


@dataclass(frozen=True)
class Options:
    """What a user may choose for a program.

    Attributes:
        math: ``"accurate"``, tracejit's own vector math, or ``"libm"``, the C library's.
        pin: A file of the user's that the program is taken from when it is there, edits included, and written to when not.
    """

    math: str = "accurate"
    pin: str | None = None


class Code(Protocol):
    """Machine code, valid as long as this object lives."""

    @property
    def address(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled program, before it is bound to memory.

    Attributes:
        graph: The optimized graph.
        schedule: Its plan.
        source: The generated file.
        path: Where the file is.
        code: The machine code.
        compiled: Whether it was compiled for this program; if not, it was found in the process or in the cache.
    """

    graph: Graph
    schedule: Schedule
    source: Source
    path: Path
    code: Code
    compiled: bool


Observe = Callable[[str, object], None]
MakeCode = Callable[[str, str], tuple[Code, bool]]

_loaded: WeakValueDictionary[str, native.NativeCode] = WeakValueDictionary()
_loading = threading.Lock()
_PIN_MARK = "# pinned for graph"


def compile_program(
    graph: Graph,
    options: Options = Options(),
    observe: Observe = lambda stage, value: None,
    make_code: MakeCode = lambda text, path: code_of(text, path),
) -> Program:
    """Optimize, plan, emit, and compile or load a graph.

    Args:
        graph: As traced, derivatives and updates included.
        options: See there.
        observe: Told of each pass's graph, the schedule and the source, by name.
        make_code: From the text and path of a file to its machine code, and whether that was compiled now.
    """
    optimized = optimize(graph, observe)
    schedule = plan(optimized)
    observe("schedule", schedule)
    source = emit(schedule, options.math)
    forget()
    observe("source", source)
    if options.pin is None:
        path = cache.write_source(source.text)
    else:
        source, path = _pinned(source, f"{optimized}{options.math}", Path(options.pin))
    return Program(optimized, schedule, source, path, *make_code(source.text, str(path)))


def is_pinned(program: Program) -> bool:
    """Whether a program is what a file of the user's says."""
    return program.source.text.startswith(_PIN_MARK)


def _pinned(source: Source, meaning: str, path: Path) -> tuple[Source, Path]:
    """The program as the user's file has it.

    Raises:
        PinError: The file was pinned for another graph, other vector math or another version of tracejit.
    """
    plain = re.sub(r"  # .*", "", meaning)  # lines of the user's may move
    mark = f"{_PIN_MARK} {hashlib.sha256(f'{VERSION} {plain}'.encode()).hexdigest()[:16]}"
    if not path.exists():
        fresh = path.with_name(f"{path.name}.{os.getpid()}.new")  # so that nobody finds half a file
        fresh.write_text(f"{mark}\n{source.text}")
        os.replace(fresh, path)
    text = path.read_text()
    if text.split("\n", 1)[0] != mark:
        raise PinError(
            f"{path}: the pinned file is for another program\n"
            f"  it says: {text.split(chr(10), 1)[0]}\n  wanted:  {mark}\n"
            "  rule: a pin holds for one graph, one choice of math and one version of tracejit\n"
            "  cure: remove the file, or move your edits into a fresh one"
        )
    return replace(source, text=text), path


def code_of(text: str, path: str) -> tuple[Code, bool]:
    """The machine code of a file, and whether it was compiled here and now.

    Equal files share it within a process and, through the cache, between processes.
    """
    key = cache.code_key(text)
    made: list[cache.CompiledObject] = []

    def make() -> cache.CompiledObject:
        from tracejit.backends.cpu.compile import compile_source  # llvmlite's writer is imported only when something is compiled

        made.append(compile_source(text, path))
        return made[0]

    with _loading:
        code = _loaded.get(key) if cache.holds(key) else None  # a cleared cache, or another one, is filled again
        if code is None:
            compiled = cache.compiled(key, make)
            code = _loaded[key] = native.load(compiled.object_code, compiled.symbol)
    return code, bool(made)
