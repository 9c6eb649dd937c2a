"""Drawings of programs: DOT text, and SVG and other pictures made from it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tracejit.errors import ArgumentError, MissingExtraError
from tracejit.io.layered import svg_text
from tracejit.io.picture import Item, Picture, Scopes, picture

_COLOURS = {"input": "#dbeafe", "variable": "#fef3c7", "result": "#dcfce7", "assign": "#fef3c7"}
_GRAPHVIZ = {"svg", "png", "pdf", "ps", "jpg"}


def graph_dot(x: Any, scopes: Scopes | None = None) -> str:
    """A program as text in the DOT language, which Graphviz and many editors show.

    Args:
        x: A graph, a program, or a traced function, whose youngest program is drawn.
        scopes: Which boxes there are: ``"names"``, the name scopes of the user; ``"kernels"``, the fused loops; ``"both"``,
            the latter in the former; ``"none"``. ``"both"`` when not given; for a graph that is not compiled, ``"names"``.

    Raises:
        ArgumentError: ``x`` is no program.
    """
    shown = picture(x, scopes)
    names = {item.path: f"n{i}" for i, item in enumerate(shown.items)}
    lines = [
        f"digraph {_quoted(shown.name)} {{",
        '  node [shape=box, style="rounded,filled", fillcolor="#ffffff", color="#64748b", fontname="Helvetica", fontsize=10];',
        '  edge [color="#64748b", arrowsize=0.6];',
        '  graph [fontname="Helvetica", fontsize=10, color="#cbd5e1", labeljust=l];',
        *_boxes(shown.items, names, 0),
        *(f"  {names[x]} -> {names[item.path]};" for item in shown.items for x in item.inputs),
        *(f"  {names[x]} -> {names[y]} [style=dashed, constraint=false];" for x, y in shown.writes.items()),
        "}",
    ]
    return "\n".join(lines) + "\n"


def draw(x: Any, path: str | os.PathLike[str], scopes: Scopes | None = None) -> Path:
    """Write a drawing of a program to a file.

    Args:
        x: As in :func:`graph_dot`.
        path: The ending says what to write. ``.dot``: text. ``.svg``: made by Graphviz where its program ``dot`` is installed;
            otherwise drawn without boxes, scopes and kernels being colours and captions. ``.png``, ``.pdf``, ``.ps`` and
            ``.jpg`` need Graphviz.
        scopes: As in :func:`graph_dot`.

    Returns:
        The file.

    Raises:
        ArgumentError: ``x`` is no program, or the ending none of these.
        MissingExtraError: Graphviz is needed, and not installed.
    """
    path = Path(path)
    kind = path.suffix[1:].lower()
    if kind not in {"dot", *_GRAPHVIZ}:
        raise ArgumentError(
            f"draw: {path.name} ends in {path.suffix!r}; it must be one of .dot, .{', .'.join(sorted(_GRAPHVIZ))}"
        )
    shown = picture(x, scopes)
    dot = shutil.which("dot")
    if kind == "dot":
        content = graph_dot(shown).encode(errors="backslashreplace")
    elif dot is not None:
        content = _rendered(dot, kind, graph_dot(shown))
    elif kind == "svg":
        content = svg_text(shown, _COLOURS).encode(errors="xmlcharrefreplace")
    else:
        raise MissingExtraError(
            f"draw: a .{kind} is made by the program dot of Graphviz, which is not installed\n"
            "  cure: install graphviz (apt install graphviz, brew install graphviz), or write .svg or .dot"
        )
    path.write_bytes(content)
    return path


def _rendered(dot: str, kind: str, text: str) -> bytes:
    """What Graphviz makes of a text."""
    done = subprocess.run([dot, f"-T{kind}"], input=text.encode(errors="backslashreplace"), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"draw: {dot} of Graphviz failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _boxes(items: Iterable[Item], names: dict[tuple[str, ...], str], depth: int) -> list[str]:
    """The lines of items that share their first ``depth`` boxes."""
    indent = "  " * (depth + 1)
    lines: list[str] = []
    inner: dict[str, list[Item]] = {}
    for item in items:
        if len(item.path) > depth + 1:
            inner.setdefault(item.path[depth], []).append(item)
        else:
            lines.append(f"{indent}{names[item.path]} [{_look(item)}];")
    for name, members in inner.items():
        fill = ' style="filled,rounded"; fillcolor="#f1f5f9";' if name.startswith("fused_") else " style=rounded;"
        lines += [
            f"{indent}subgraph cluster_{names[members[0].path]}_{depth} {{",
            f"{indent}  label={_quoted(name)};{fill}",
            *_boxes(members, names, depth + 1),
            f"{indent}}}",
        ]
    return lines


def _look(item: Item) -> str:
    colour = f', fillcolor="{_COLOURS[item.op]}"' if item.op in _COLOURS else ""
    text = f"{item.label}\n{item.note.split(chr(10), 1)[0]}"
    return f"label={_quoted(text)}, tooltip={_quoted(item.note)}{colour}"


def _quoted(text: str) -> str:
    """A string of the DOT language that shows ``text``: nothing in it is an escape of the language's own."""
    inner = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + "".join(c if c.isprintable() else " " for c in inner) + '"'


__all__ = ["Picture", "draw", "graph_dot"]
