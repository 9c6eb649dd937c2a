"""What a frame is calling: read from its code, since the call of a compiled function leaves no frame between."""

from __future__ import annotations

import opcode
import sys
from functools import lru_cache
from types import CodeType, FrameType

_ATTRIBUTES = frozenset(opcode.opmap[name] for name in ("LOAD_ATTR", "LOAD_METHOD") if name in opcode.opmap)
_EXTENDED = opcode.opmap["EXTENDED_ARG"]
_SHIFT = 1 if sys.version_info >= (3, 12) else 0  # the lowest bit of the operand says whether a method is called

Span = tuple[tuple[int, int], tuple[int, int]]


def called_name(frame: FrameType) -> str | None:
    """The attribute that the call at which ``frame`` stands calls: ``zeros`` for ``np.zeros(3)``; None for any other call."""
    return _called(frame.f_code, frame.f_lasti // 2)


@lru_cache(maxsize=4096)
def _called(code: CodeType, at: int) -> str | None:
    """The call begins where the expression of its function begins, of which the attribute is the last part."""
    spans = _spans(code)
    call = spans[at]
    if call is None:
        return None
    found: tuple[tuple[int, int], str] | None = None
    for span, name in _attributes(code):
        if span is not None and span[0] == call[0] and span[1] <= call[1] and (found is None or span[1] > found[0]):
            found = span[1], name
    return None if found is None else found[1]


@lru_cache(maxsize=256)
def _spans(code: CodeType) -> tuple[Span | None, ...]:
    """Where each instruction comes from: first and last line and column."""
    return tuple(
        None if None in (line, end_line, column, end_column) else ((line, column), (end_line, end_column))  # type: ignore[misc]
        for line, end_line, column, end_column in code.co_positions()
    )


@lru_cache(maxsize=256)
def _attributes(code: CodeType) -> tuple[tuple[Span | None, str], ...]:
    """The attributes that are looked up, and where."""
    spans, text, found, operand = _spans(code), code.co_code, [], 0
    for i in range(0, len(text), 2):
        operand = operand << 8 | text[i + 1]
        if text[i] == _EXTENDED:
            continue
        if text[i] in _ATTRIBUTES:
            found.append((spans[i // 2], code.co_names[operand >> _SHIFT]))
        operand = 0
    return tuple(found)
