"""Binding: a device program bound to arguments of some kinds: the words of its table, and the graphs for them."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracejit.codegen.source import Source
from tracejit.ir.size import evaluate
from tracejit.runtime.cuda.driver import Product, Stream
from tracejit.runtime.cuda.memory import Block
from tracejit.runtime.cuda.results import ResultPool
from tracejit.runtime.cuda.steps import Check, Command, Launch, Stamp, Table
from tracejit.runtime.device import DeviceArray

WORD = 8
_MOST_GRAPHS = 8
_MOST_SETTLED = 8
_REST = 64  # calls from one replacement of what is settled to the next: a capture costs as much as many copies

Kind = tuple[Any, ...] | type
"""Of an argument: shape and dtype of an array, and None behind them of one on the host; the class of a number."""


class Segment:
    """What a step asks for up to a check, or to its end; that in one go, once it has been asked for twice."""

    __slots__ = ("again", "check", "commands")

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.check: Check | None = None
        self.again: Callable[[Stream], None] | None = None


Plan = list[Segment]
"""What a step asks for, given the addresses that it bakes in."""


class Settled(NamedTuple):
    """Values that came again: their words stay on the device in a table of their own, so that a call copies nothing."""

    table: Block
    run: Callable[[Stream], None]


class Binding:
    """A program bound to arguments of some kinds.

    What differs between its calls is the *values*: addresses and numbers of arguments, addresses of results. Packed into bytes
    they say whether the same words have been on the device before.

    Args:
        source: The generated file.
        sizes: The number of each symbol.
        kinds: Of the arguments.
        inputs: The number, and the kind, of each input that comes with the call: the arguments, then what else is on the host.
        device: The device's table, for any values.
        pools: Where results come from.
        staged: Memory on the device for inputs that are on the host, by their place in ``inputs``; numbers and arrays of one word
            need none, as they go along with the table.

    Attributes:
        words: What the device gets: the host's table, then the numbers.
        table: The host's table.
        pack: Makes bytes of the values.
        plans: By the words that the step itself reads, the last used last.
        settled: By values, the last settled last.
    """

    def __init__(
        self,
        source: Source,
        sizes: Mapping[str, int],
        kinds: Sequence[Kind],
        inputs: Sequence[tuple[int, Kind]],
        device: Block,
        pools: Sequence[ResultPool],
        staged: Mapping[int, Block],
    ) -> None:
        layout = source.layout
        self.kinds, self.device, self.pools, self.staged = kinds, device, pools, staged
        self.words: NDArray[np.int64] = np.zeros(length(source), np.int64)
        self.table = self.words[: layout.length]
        for name, word in layout.sizes.items():
            self.table[word] = sizes[name]
        for word, dim in source.counted:
            self.table[word] = evaluate(dim, sizes)
        numbers = [i for i, kind in inputs if is_number(kind)]
        places = [layout.length + i if is_number(kind) else layout.inputs[i] for i, kind in inputs]
        self.pack = struct.Struct("".join("d" if kind is float else "q" for _, kind in inputs) + "q" * len(pools)).pack
        self.plans: OrderedDict[bytes, Plan] = OrderedDict()
        self.settled: dict[bytes, Settled] = {}
        self._values = np.array([*places, *layout.outputs], np.int64)
        self._copies, self._copied = np.array(source.copied, np.int64).reshape(-1, 2).T
        self._numbers = np.array([layout.inputs[i] for i in numbers], np.int64)
        self._offsets = np.array([WORD * (layout.length + i) for i in numbers], np.int64)
        self._at = 0  # where the addresses of the numbers are for
        self._baked: NDArray[np.int64] | None = None  # the words that the step itself reads, once it has been run
        self._seen: dict[bytes, None] = {}
        self._calls = 0  # since values settled

    def fill(self, values: bytes, address: int) -> None:
        """Complete the words, for a table at an address."""
        self.words[self._values] = np.frombuffer(values, np.int64)
        if address != self._at:
            self.words[self._numbers] = self._offsets + address
            self._at = address
        self.words[self._copies] = self.words[self._copied]

    def plan(self, step: Callable[[Table], None], offers: Callable[[Product], bool]) -> tuple[Plan, bool]:
        """The plan for what is in the table, and whether it was there; ``offers`` as for :class:`Table`."""
        if self._baked is not None:
            found = self.plans.get(key := self.words[self._baked].tobytes())
            if found is not None:
                self.plans.move_to_end(key)
                return found, True
        table = Table(self.table, offers)
        step(table)
        self._baked = np.array(sorted(table.read), np.int64)
        made = self.plans[self.words[self._baked].tobytes()] = segments(table.commands)
        if len(self.plans) > _MOST_GRAPHS:
            self.plans.popitem(last=False)
        return made, False

    def settles(self, values: bytes) -> bool:
        """Whether these values should settle: they came a short time before, and there is room, or there was rest."""
        self._calls += 1
        if values in self._seen:
            return len(self.settled) < _MOST_SETTLED or self._calls >= _REST
        self._seen[values] = None
        if len(self._seen) > _MOST_SETTLED:
            del self._seen[next(iter(self._seen))]
        return False

    def free_table(self) -> Block | None:
        """The table of the values that settled first, which give it up, where there is no room for more."""
        self._calls = 0
        return self.settled.pop(next(iter(self.settled))).table if len(self.settled) >= _MOST_SETTLED else None


def length(source: Source) -> int:
    """The words that the device gets."""
    return source.layout.length + len(source.layout.inputs)


def kind_of(value: Any) -> Kind:
    """The kind of an argument."""
    if type(value) is DeviceArray:
        return value.shape, value.dtype
    return (value.shape, value.dtype, None) if isinstance(value, np.ndarray) else type(value)


def is_number(kind: Kind) -> bool:
    """Whether values of a kind go along with the table: numbers, and arrays of the host of one word at most."""
    if isinstance(kind, type):
        return True
    shape, dtype, *host = kind
    return bool(host) and int(np.prod(shape, dtype=object)) * dtype.itemsize <= WORD


def segments(commands: Sequence[Command | Check | Stamp]) -> Plan:
    """What a step asked for, parted at its checks."""
    plan = [Segment()]
    for command in commands:
        match command:
            case Check():
                plan[-1].check = command
                plan.append(Segment())
            case Launch() | Product():
                plan[-1].commands.append(command)
    return plan
