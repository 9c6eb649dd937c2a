"""Generated files by the graph that they were made from: a later process takes them without passes, schedule or codegen.

Beside a file, the cache has a record of what else a program needs: the layout of its table, its arena, its checks, and the
name of its machine code. The key of a record is a hash of all that decides the file: the graph with its constants, the user's
lines, which stand in comments and errors, the sources of the compiler, and the libraries that fold constants.
"""

from __future__ import annotations

import ast
import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tracejit.codegen.source import Bounds, Layout, Room, Source
from tracejit.ir import Graph, TensorSpec, Where
from tracejit.ir.size import Dim, Size, parse_dim
from tracejit.ir.text import attr_text
from tracejit.runtime import cache

_COMPILER = ("ir", "ops", "transforms", "schedule", "codegen")
_LITERALS = (bool, int, float, complex, str, np.dtype, Size, TensorSpec, type(None))


class Kept(NamedTuple):
    """A generated file that is there: what it says, where it is, and the key of its machine code."""

    source: Source
    path: Path
    code: str


def key_of(graph: Graph, math: str) -> str | None:
    """The key under which the file of a graph is kept; None where something in the graph has no text that stands for it.

    Args:
        graph: As traced.
        math: Which vector math the file uses.
    """
    try:
        text = "\n".join(_lines(graph))
    except _Nameless:
        return None
    return cache.text_key(text, math, _compiler(), np.__version__, sys.version)


def find(key: str) -> Kept | None:
    """The file under a key; None where the cache lacks the record or the file, or either is damaged."""
    text = cache.load_text(f"{key}.plan")
    if text is None:
        return None
    mark, _, body = text.partition("\n")
    if mark != cache.digest(key, body):
        return None
    record = json.loads(body)
    path = cache.cache_dir() / f"{record['file']}.py"
    generated = cache.load_text(path.name)
    if generated is None or cache.source_name(generated) != path.name:
        return None
    return Kept(_source(record, generated), path, cache.text_key(record["code"]))


def keep(key: str, source: Source, meaning: str) -> None:
    """Record a file of the cache.

    Args:
        key: Of the graph that it was made from.
        source: The file.
        meaning: From ``cache.meaning``, of its text.
    """
    body = json.dumps(
        {
            "file": cache.source_name(source.text).removesuffix(".py"),
            "code": meaning,
            "layout": vars(source.layout),
            "slots": [(str(room.nbytes), room.since, room.until) for room in source.slots],
            "workspace": [str(dim) for dim in source.workspace],
            "checks": [(str(size), _where_fields(where)) for size, where in source.checks],
            "copied": source.copied,
            "late": source.late,
            "picoseconds": str(source.picoseconds),
        }
    )
    cache.store_text(f"{key}.plan", f"{cache.digest(key, body)}\n{body}")


def _source(record: dict[str, Any], text: str) -> Source:
    layout: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record["layout"].items()}
    return Source(
        text,
        Layout(**layout),
        tuple(Room(_dim(nbytes), since, until) for nbytes, since, until in record["slots"]),
        tuple(map(_dim, record["workspace"])),
        tuple(Bounds(_dim(size), where and Where(*where)) for size, where in record["checks"]),
        tuple((word, of) for word, of in record["copied"]),
        tuple(record["late"]),
        _dim(record["picoseconds"]),
    )


def _dim(text: str) -> Dim:
    return int(text) if text.isdecimal() else parse_dim(ast.parse(text, mode="eval").body)


def _where_fields(where: Where | None) -> tuple[Any, ...] | None:
    return None if where is None else (where.file, where.line, where.function, where.reverse, where.scope)


# ------------------------------------------------------------------------------------------------------------- the key


class _Nameless(Exception):
    """An attribute is none of the literals, and its text may be that of another."""


def _lines(graph: Graph) -> Iterator[str]:
    """All of a graph as text: where two graphs have the same, they are alike in everything."""
    numbers = {node: number for number, node in enumerate(graph.nodes())}
    wheres: dict[Where | None, int] = {}
    yield graph.name
    for node in numbers:
        attrs = ", ".join([f"{name}={_literal(value)}" for name, value in node.attrs.items()])
        where = wheres.setdefault(node.where, len(wheres))
        yield f"{node.op.name}({[numbers[x] for x in node.inputs]}, {attrs}): {node.spec} {where}"
    updates = [(numbers[target], numbers[value]) for target, value in graph.updates]
    yield f"{[numbers[x] for x in graph.inputs]} {[numbers[x] for x in graph.outputs]} {updates}"
    for place in wheres:
        yield "" if place is None else f"{_where_fields(place)} {place.text}"


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({''.join([_literal(x) + ',' for x in value])})"
    if type(value) not in _LITERALS and not isinstance(value, np.dtype):
        raise _Nameless
    return attr_text(value)


@functools.cache
def _compiler() -> str:
    """Hash of the sources that decide what is generated from a graph."""
    package = Path(__file__).parents[1]
    return cache.sources(Path(__file__), *(package / part for part in _COMPILER))
