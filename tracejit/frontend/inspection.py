"""What ``f.graph()``, ``f.source()``, ``f.retraces()`` and the like return: text, colours in a notebook, JSON."""

from __future__ import annotations

import html
import json
import keyword
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

from tracejit.ir import Graph, Where
from tracejit.ir.spec import BFLOAT16, CODES
from tracejit.ir.text import attr_text, node_names

_TOKENS = re.compile(
    r"(?P<comment>\#[^\n]*)"
    r'|(?P<string>"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')'
    r"|(?P<decorator>@\w+)"
    r"|(?P<number>\b\d[\w.]*(?:[eE][+-]?\d+)?\b)"
    r"|(?P<word>\b[^\W\d]\w*\b)"
)
_COLOURS = {
    "comment": "color:#6a737d",
    "string": "color:#22863a",
    "decorator": "color:#6f42c1",
    "number": "color:#005cc5",
    "keyword": "color:#d73a49",
    "type": "color:#e36209",
    "function": "color:#6f42c1",
}
_STYLE = "font-family:monospace;font-size:90%;line-height:1.35;overflow-x:auto;white-space:pre"


@dataclass(frozen=True, slots=True)
class Listing:
    """A text with a title, and the same as data.

    Attributes:
        title: What it is of.
        text: Python, or close to it.
        data: For :meth:`json`.
        path: Of the file that holds the text, where there is one.
    """

    title: str
    text: str
    data: Any
    path: str = ""

    def json(self) -> str:
        """The data as JSON."""
        return json.dumps({"title": self.title, **({"path": self.path} if self.path else {}), "data": self.data}, indent=1)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        head = f"{self.title}: {self.path}" if self.path else self.title
        return f'<div style="color:#6a737d">{html.escape(head)}</div><div style="{_STYLE}">{coloured(self.text)}</div>'


class Retrace(NamedTuple):
    """Why a function was traced.

    Attributes:
        number: 1 for the first trace.
        reason: In words.
        where: The user's line behind it: the one that pinned a value, or the call.
        old: The value that the earlier program was made for, where one value decided.
        new: The value of this call.
        notes: What else the trace saw that the user may want to know.
    """

    number: int
    reason: str
    where: Where | None = None
    old: Any = None
    new: Any = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        at = f"\n     at {os.path.basename(self.where.file)}:{self.where.line}: {self.where.text}" if self.where else ""
        return "\n     ".join([f"{self.number:>3}  {self.reason}{at}", *self.notes])


class Retraces(Sequence[Retrace]):
    """The traces of a function, the first included; of a function that is traced very often, the last ones."""

    def __init__(self, name: str, records: Sequence[Retrace]) -> None:
        self.name = name
        self._records = tuple(records)

    @overload
    def __getitem__(self, index: int) -> Retrace: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Retrace]: ...

    def __getitem__(self, index: int | slice) -> Retrace | Sequence[Retrace]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __str__(self) -> str:
        count = self._records[-1].number if self._records else 0
        return "\n".join([f"{self.name} was traced {count} time{'s' * (count != 1)}", *map(str, self._records)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = [(str(r.number), _escaped(r.reason), _escaped(_place(r))) for r in self._records]
        rows = "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in cells)
        return f"<table><tr><th>trace</th><th>reason</th><th>line</th></tr>{rows}</table>"

    def json(self) -> str:
        """The records as JSON."""
        records = [
            {
                "number": r.number,
                "reason": r.reason,
                "where": str(r.where) if r.where else None,
                "old": repr(r.old),
                "new": repr(r.new),
                "notes": list(r.notes),
            }
            for r in self._records
        ]
        return json.dumps({"title": self.name, "data": records}, indent=1)


def graph_listing(graph: Graph) -> Listing:
    """A graph as text and as nodes."""
    names = node_names(graph)
    nodes = [
        {
            "name": names[node],
            "op": node.op.name,
            "inputs": [names[x] for x in node.inputs],
            "attrs": {k: attr_text(v) for k, v in node.attrs.items() if k != "spec"},
            "spec": str(node.spec),
            "where": str(node.where) if node.where else None,
            "reverse": bool(node.where and node.where.reverse),
            "scope": node.where.scope if node.where else "",
        }
        for node in graph.nodes()
    ]
    data = {
        "name": graph.name,
        "nodes": nodes,
        "outputs": [names[n] for n in graph.outputs],
        "updates": {names[target]: names[value] for target, value in graph.updates},
    }
    return Listing(f"graph of {graph.name}", str(graph), data)


def text_listing(title: str, text: str, path: str = "") -> Listing:
    """A text as lines."""
    return Listing(title, text, text.splitlines(), path)


def coloured(text: str) -> str:
    """HTML of Python text, coloured by what the words are; whatever is not recognised is left as it is."""
    out: list[str] = []
    end = 0
    for match in _TOKENS.finditer(text):
        out.append(html.escape(text[end : match.start()]))
        end = match.end()
        kind = _kind(match.groupdict(), text[end : end + 1])
        word = html.escape(match.group())
        out.append(f'<span style="{_COLOURS[kind]}">{word}</span>' if kind else word)
    return "".join([*out, html.escape(text[end:])])


def _kind(groups: Mapping[str, str | None], following: str) -> str:
    word = groups["word"]
    if word is None:
        return next(name for name, value in groups.items() if value is not None)
    if keyword.iskeyword(word):
        return "keyword"
    if word in CODES or word == BFLOAT16:
        return "type"
    return "function" if following == "(" else ""


def _place(record: Retrace) -> str:
    return f"{record.where}: {record.where.text}" if record.where else ""


def _escaped(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")
