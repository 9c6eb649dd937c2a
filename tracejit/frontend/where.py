"""The user's line: the innermost frame that is neither tracejit's nor NumPy's."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from types import FrameType, TracebackType

import numpy as np

from tracejit.frontend.scope import scope
from tracejit.ir.node import Where

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_LIBRARIES = (_PACKAGE + os.sep, os.path.dirname(os.path.abspath(np.__file__)) + os.sep, contextlib.__file__)
_is_library: dict[str, bool] = {}


def is_library_file(filename: str) -> bool:
    """Whether code of this file is passed over when the user's line is looked for."""
    known = _is_library.get(filename)
    if known is None:
        known = filename.startswith(("<tracejit", "<__array_function__")) or os.path.abspath(filename).startswith(_LIBRARIES)
        _is_library[filename] = known
    return known


def user_frame() -> FrameType | None:
    """The innermost frame of the user's code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_library_file(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def user_frames(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of the libraries; None where it has no others."""
    kept = None
    for entry in reversed(list(_entries(traceback))):
        if not is_library_file(entry.tb_frame.f_code.co_filename):
            kept = TracebackType(kept, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return kept


def raised_where(error: BaseException) -> Where | None:
    """The innermost line of the user's code that ``error`` came through."""
    for entry in reversed(list(_entries(error.__traceback__))):
        code = entry.tb_frame.f_code
        if not is_library_file(code.co_filename):
            return Where(code.co_filename, entry.tb_lineno, code.co_name)
    return None


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def user_where() -> Where | None:
    """The line of the user's code that is running, and the name scope that is open."""
    frame = user_frame()
    return None if frame is None else Where(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, False, scope())


def at_line(where: Where | None) -> str:
    """The last line of an error of traced code: ``at model.py:12: h = x @ w``, on a line of its own."""
    return "" if where is None else f"\n  at {os.path.basename(where.file)}:{where.line}: {where.text}"
