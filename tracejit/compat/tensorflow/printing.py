"""``tf.print``: values as TensorFlow writes them, at once or when a program has run."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import node_of
from tracejit.compat.tensorflow.nest import map_structure
from tracejit.compat.tensorflow.tensor import run
from tracejit.frontend.eager import EagerTrace, active
from tracejit.ir import Builder

lines_of: WeakKeyDictionary[Builder, list[Line]] = WeakKeyDictionary()
"""What the functions that are being traced print when their program runs, by trace."""


class Line(NamedTuple):
    """What one call of ``tf.print`` prints: tensors with their values in the run, and anything else."""

    parts: tuple[Any, ...]
    separator: str
    end: str
    summarize: int
    stream: Any

    def show(self) -> None:
        text = self.separator.join(_text(x, self.summarize) for x in self.parts)
        print(text, end=self.end, file=self.stream or sys.stderr)


def tensorflow_print(
    *inputs: Any, output_stream: Any = None, summarize: int = 3, sep: str = " ", end: str = "\n", name: str | None = None
) -> None:
    """Print tensors and anything else; in a function each time that its program has run, with the values of that run.

    Args:
        inputs: What to print.
        output_stream: A file; ``sys.stderr`` if not given.
        summarize: How many elements at both ends of an axis are shown; all for -1.
        sep: Between the inputs.
        end: After the last one.
        name: Has no meaning here.
    """
    line = Line(tuple(map_structure(_value, list(inputs))), sep, end, summarize, output_stream)
    builder = active()
    if builder is None or isinstance(builder, EagerTrace):
        line.show()
    else:
        lines_of.setdefault(builder, []).append(line)


def _value(x: Any) -> Any:
    return run(node_of, x) if isinstance(x, Held) else x


def _text(x: Any, summarize: int) -> str:
    if isinstance(x, Held):
        return _array_text(np.asarray(x), summarize)
    if isinstance(x, list):
        return f"[{', '.join([_text(e, summarize) for e in x])}]"
    if isinstance(x, tuple):
        return f"({', '.join([_text(e, summarize) for e in x])}{',' * (len(x) == 1)})"
    if isinstance(x, dict):
        return f"{{{', '.join([f'{k!r}: {_text(v, summarize)}' for k, v in x.items()])}}}"
    return str(x)


def _array_text(value: np.ndarray, summarize: int, depth: int = 1) -> str:
    if value.ndim == 0:
        return _number_text(value[()])
    parts = list(value)
    shown = [_array_text(np.asarray(p), summarize, depth + 1) for p in parts]
    if summarize != -1 and len(shown) > 2 * summarize:
        shown = [*shown[:summarize], "...", *shown[-summarize:]]
    between = " " if value.ndim == 1 else "\n" * (value.ndim - 1) + " " * depth
    return f"[{between.join(shown)}]"


def _number_text(number: Any) -> str:
    """Few digits where these are the number, otherwise as many as tell it from all others; truths as 1 and 0."""
    if isinstance(number, np.bool_):
        return str(int(number))
    if not isinstance(number, np.floating):
        return str(number)
    few, many = (6, 9) if number.dtype == np.float32 else (15, 17)
    text = f"{number:.{few}g}"
    return text if type(number)(text) == number or number != number else f"{number:.{many}g}"
