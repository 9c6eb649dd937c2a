"""Program: from a traced graph to machine code, through every printable stage."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from tracejit.codegen.source import Source
from tracejit.config import VERSION, config
from tracejit.errors import PinError
from tracejit.ir import Graph
from tracejit.runtime import cache, kept, native

if TYPE_CHECKING:
    from tracejit.schedule import Schedule


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
        traced: The graph that it was made from.
        planned: Gives the optimized graph and its schedule; made when they are asked for, where the cache had the file.
        source: The generated file.
        path: Where the file is.
        code: The machine code.
        compiled: Whether it was compiled for this program; if not, it was found in the process or in the cache.
    """

    traced: Graph
    planned: Callable[[], tuple[Graph, Schedule]]
    source: Source
    path: Path
    code: Code
    compiled: bool

    @property
    def graph(self) -> Graph:
        """The optimized graph; its inputs, and the specs of its outputs, are those of the traced one."""
        return self.planned()[0]

    @property
    def schedule(self) -> Schedule:
        """Its plan."""
        return self.planned()[1]


Observe = Callable[[str, object], None]
MakeCode = Callable[[str, str, str], tuple[Code, bool]]

_loaded: WeakValueDictionary[str, native.NativeCode] = WeakValueDictionary()
_loading = threading.Lock()
_PIN_MARK = "# pinned for graph"


def compile_program(
    graph: Graph,
    options: Options = Options(),
    observe: Observe | None = None,
    make_code: MakeCode = lambda text, path, key: code_of(text, path, key),
) -> Program:
    """Find the generated file of a graph, or optimize, plan and emit it; then compile or load its code.

    Args:
        graph: As traced, derivatives and updates included.
        options: See there.
        observe: Told of each pass's graph, the schedule and the source, by name; these are then made, not found.
        make_code: From the text, path and key of a file to its machine code, and whether that was compiled now.
    """
    afresh = options.pin is not None or observe is not None or config().check
    key = None if afresh else kept.key_of(graph, options.math)
    found = None if key is None else kept.find(key)
    if found is not None:
        code = make_code(found.source.text, str(found.path), found.code)
        return Program(graph, functools.cache(functools.partial(_planned, graph)), found.source, found.path, *code)
    optimized, schedule = _planned(graph, observe)
    source = _emitted(schedule, options.math)
    if observe is not None:
        observe("source", source)
    if options.pin is None:
        path = cache.write_source(source.text)
    else:
        source, path = pinned(source, f"{optimized}{options.math}", Path(options.pin))
    meaning = cache.meaning(source.text)
    if key is not None:
        kept.keep(key, source, meaning)
    code = make_code(source.text, str(path), cache.text_key(meaning))
    return Program(graph, lambda: (optimized, schedule), source, path, *code)


def _planned(graph: Graph, observe: Observe | None = None) -> tuple[Graph, Schedule]:
    """The optimized graph and its schedule."""
    from tracejit.schedule import plan  # what follows is not needed where the cache has the file
    from tracejit.schedule.fuse import forget
    from tracejit.transforms.passes import optimize

    optimized = optimize(graph, observe) if observe else optimize(graph)
    schedule = plan(optimized)
    forget()
    if observe is not None:
        observe("schedule", schedule)
    return optimized, schedule


def _emitted(schedule: Schedule, math: str) -> Source:
    from tracejit.codegen.emit import emit
    from tracejit.schedule.fuse import forget

    source = emit(schedule, math)
    forget()
    return source


def is_pinned(source: Source) -> bool:
    """Whether a program is what a file of the user's says."""
    return source.text.startswith(_PIN_MARK)


def pinned(source: Source, meaning: str, path: Path) -> tuple[Source, Path]:
    """The program as the user's file has it, which is written if it is not there.

    Args:
        source: The program as it is without the file.
        meaning: What the file holds for: the graph, the vector math, the device.
        path: Of the file.

    Raises:
        PinError: The file was pinned for something else, or for another version of tracejit.
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
            "  rule: a pin holds for one graph, one choice of math, one device and one version of tracejit\n"
            "  cure: remove the file, or move your edits into a fresh one"
        )
    return replace(source, text=text), path


def code_of(text: str, path: str, key: str) -> tuple[Code, bool]:
    """The machine code of a file, and whether it was compiled here and now.

    Files of the same ``cache.code_key`` share it within a process and, through the cache, between processes.
    """
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
