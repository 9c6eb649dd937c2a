"""The guard as machine code, ``guard/*.ll``: what ``enter.py`` means, at the cost of an empty call.

The code reads routes and bindings as int64 words:

| word of a route | holds |
|---|---|
| 0, 1, 2, 3 | positional arguments; tuple of the keywords' names or 0; arguments in all; registers |
| 4, 5 | values; numbers in the key |
| 6, 7, 8 | address of the steps, eight words each, and of their end; register of the result; most registers in a list |

| word of a binding | holds |
|---|---|
| 0, 1, 2, 3 | addresses of the step, the table, the number of threads; mode |
| 4, 5 | length and address of the key |
| 6, 7 | number of values, address of the table's words for them |
| 8, 9 | number of outputs, address of their records, eight words each |

A record holds the word of the table; of an array, the dtype, rank, dimensions and spares; of a number, the memory and spares
or 0; and the place of the spare that is replaced next. A step holds the number of its op and its operands; then, of arrays, how
many these are, and as its last word, of a name, where its dict had it last.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from tracejit.runtime import cache, layout, native, threads
from tracejit.runtime.enter import TURN
from tracejit.runtime.route import LETS_IN, Binding, Op, Output, Route, Step, Words

# ------------------------------------------------------------------------------------------------------------- the words

_OPERANDS = {
    Op.ARRAY: "iioiii",
    Op.FLOAT: "ii",
    Op.INT: "iiii",
    Op.BOOL: "ii",
    Op.SAME: "io",
    Op.EQUAL: "ioo",
    Op.TYPE: "io",
    Op.LIVE: "io",
    Op.LIKE: "iol",
    Op.APART: "iiii",
    Op.TUPLE: "iiio",
    Op.LIST: "iii",
    Op.DICT: "iio",
    Op.UNTRACED: "oo",
    Op.CELL_IS: "oo",
    Op.GLOBAL_IS: "ooo",
    Op.CONSTANT: "io",
    Op.GLOBAL: "ioo",
    Op.CELL: "io",
    Op.SLOT: "iim",
    Op.ATTRIBUTE: "iio",
    Op.ITEM: "iio",
    Op.CALL: "iol",
    Op.RUN: "ioa",
    Op.STORE: "omo",
    Op.MAKE_TUPLE: "il",
    Op.MAKE_LIST: "il",
    Op.MAKE_DICT: "iol",
    Op.QUEUE: "iol",
}
"""Of each operand: i, a number; o, an object; m, the offset of a slot; a, the address of numbers; l, their count, then that."""

_END: Final = (len(Op), *[0] * 7)
"""The words after the last step."""

Tail = tuple[Any, ...]
"""Numbers that stand elsewhere, where a word gives their address; some of these may be tails again."""


def write_route(route: Route) -> None:
    """Give a route its words, if it has none; it keeps what they refer to."""
    if route.words is not None:
        return
    steps: list[Any] = []
    spare = 0
    for op, *operands in _together(route.steps):
        words: list[Any] = [int(op)]
        for kind, operand in zip(_OPERANDS[op], operands, strict=True):
            if kind == "l":
                spare = max(spare, len(operand))
                words.append(len(operand))
            words.append(_word(kind, operand))
        steps += [*words, *[0] * (8 - len(words))]
    values = [step for step in route.steps if step[0] <= Op.BOOL]
    key = sum(step[4] if step[0] == Op.ARRAY else 1 for step in values)
    arguments = route.count + len(route.names)
    names = id(route.names) if route.names else 0
    head = [route.count, names, arguments, route.registers, len(values), key, (*steps, *_END), route.result, spare]
    route.words = _laid_out(head)


def _together(steps: Sequence[Step]) -> list[Step]:
    """The steps; arrays of one header, from registers and to values one after the other, are one step that has their number."""
    joined: list[Step] = []
    following: Step = ()
    for step in steps:
        if step[0] != Op.ARRAY:
            joined.append(step)
            following = ()
            continue
        op, register, value, *header = step
        count = joined.pop()[-1] + 1 if step == following else 1
        joined.append((op, register - count + 1, value - count + 1, *header, count))
        following = op, register + 1, value + 1, *header
    return joined


def write_binding(binding: Binding) -> None:
    """The same for a binding."""
    outputs = [word for output in binding.outputs for word in _output(output)]
    values, key = binding.places, binding.key
    count = threads.address(alone=binding.mode == LETS_IN)
    head = [binding.step, binding.table.ctypes.data, count, binding.mode]
    binding.words = _laid_out([*head, len(key), key, len(values), values, len(binding.outputs), tuple(outputs)])


def _output(output: Output) -> Tail:
    pool, numbers = output.pool, id(output.numbers) if output.numbers is not None else 0
    array = id(pool.dtype), len(pool.shape), pool.shape, id(pool.spares)
    return output.place, *array, output.scalar.ctypes.data, numbers, 0


def _word(kind: str, operand: Any) -> Any:
    match kind:
        case "i":
            return int(operand)
        case "o":
            return id(operand)
        case "m":
            return layout.offset(operand)
    return tuple(map(int, operand))


def _laid_out(head: Sequence[int | Tail]) -> Words:
    """An array of these words, with their tails after them."""
    parts, begins = [list(head)], [0]
    addresses: list[tuple[int, int, int]] = []  # part, place in it, and the part that it refers to
    for number, part in enumerate(parts):
        for place, word in enumerate(part):
            if isinstance(word, tuple):
                addresses.append((number, place, len(parts)))
                begins.append(begins[-1] + len(parts[-1]))
                parts.append(list(word))
    words = np.zeros(begins[-1] + len(parts[-1]), np.int64)
    for number, place, target in addresses:
        parts[number][place] = words.ctypes.data + words.itemsize * begins[target]
    words[:] = [word for part in parts for word in part]
    return words


# -------------------------------------------------------------------------------------------------------------- the code

_KNOWN: Final = (np.ndarray, float, int, True, False, None, list, dict, str, Exception)
_NAMES: Final = ("acquire", "release", "missed", "failed")


@functools.cache
def address() -> int:
    """Address of the code, which is loaded once for all."""
    return _code().address


@functools.cache
def _code() -> native.NativeCode:
    folder = Path(__file__).with_name("guard")
    text = "\n".join([path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.ll"))])
    code = cache.assembled(text, "enter")
    facts = (*map(id, _KNOWN), *layout.numpy_functions(), ctypes.addressof(TURN.running), id(TURN), *map(id, _NAMES))
    (ctypes.c_int64 * len(facts)).from_address(code.function("facts"))[:] = [*facts]
    return code
