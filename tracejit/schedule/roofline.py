"""What a step does and what it should take: operations and bytes, against the rates of a machine.

``explain()`` and ``profile()`` print these predictions beside measured times. Nothing that is computed depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tracejit.ir import Node
from tracejit.ir.size import Dim, evaluate, product
from tracejit.schedule.access import kind, op_of
from tracejit.schedule.cost import LOAD, LONG_MATH, PARALLEL_FROM, PLAIN, VECTOR_MATH, functions, prices, tiles_of
from tracejit.schedule.fuse import input_role, reads_of
from tracejit.schedule.schedule import Gemm, Loop, Sort, Step, Write


@dataclass(frozen=True, slots=True)
class Rates:
    """What a machine does.

    Attributes:
        plain, function, long: Nanoseconds for an element of float32: an arithmetic operation, a function such as exp, one such as
            lgamma; of one core, with the data in its cache.
        multiplications: Of products of float32, with their additions, a nanosecond and core.
        cached: Bytes a nanosecond and core from the caches.
        memory, memory_all: Bytes a nanosecond from memory, by one core and by all threads.
        launch: Nanoseconds to share work between threads.
        threads: That programs run on.
        cache: Bytes of the largest cache.
        name: Of the processor.
    """

    plain: float = 0.06
    function: float = 0.4
    long: float = 2.0
    multiplications: float = 40.0
    cached: float = 60.0
    memory: float = 20.0
    memory_all: float = 30.0
    launch: float = 3000.0
    threads: int = 1
    cache: int = 16 << 20
    name: str = "a typical core"


@dataclass(frozen=True, slots=True)
class Work:
    """What a step does, for given sizes.

    Attributes:
        read, written: Bytes of the buffers that it reads and writes, each counted once.
        plain, functions, long: Operations by price, in elements of float32; float64 counts twice.
        multiplications: Of a product, with their additions.
        scalar: Operations one after the other: of scans, scatters, sorts.
        price: What the program takes the step for when it decides about threads (see ``cost``).
    """

    read: int = 0
    written: int = 0
    plain: int = 0
    functions: int = 0
    long: int = 0
    multiplications: int = 0
    scalar: int = 0
    price: int = 0

    @property
    def flops(self) -> int:
        """Floating-point operations; a function counts as the polynomial that it is."""
        functions = self.functions * VECTOR_MATH + self.long * LONG_MATH
        return self.plain + functions + 2 * self.multiplications + self.scalar


@dataclass(frozen=True, slots=True)
class Prediction:
    """Nanoseconds that a step takes, and what binds it: ``arithmetic``, ``memory`` or ``cache``."""

    time: float
    bound: str


def work_of(step: Step, sizes: Mapping[str, int]) -> Work:
    """What a step does when the symbols have these sizes."""

    def count(dim: Dim) -> int:
        return evaluate(dim, sizes)

    def nbytes(node: Node) -> int:
        return count(node.spec.size) * int(node.dtype.itemsize)

    match step:
        case Loop():
            return _loop_work(step, sizes)
        case Gemm(node):
            updated = op_of(node).in_place
            x, y = node.inputs[1:3] if updated else node.inputs[:2]
            width = 2 if node.dtype.itemsize == 8 else 1
            multiplications = count(node.spec.size) * count(x.shape[-1]) * width
            bias = nbytes(step.epilogue.bias) if step.epilogue and step.epilogue.bias else 0
            read = nbytes(x) + nbytes(y) + bias + updated * nbytes(node)
            return Work(read, nbytes(node), multiplications=multiplications)
        case Write(node, parts):
            return copied(sum(nbytes(part) for part, _ in parts), sum(count(part.spec.size) for part, _ in parts))
    elements = sum(count(x.spec.size) for x in step.node.inputs)
    length = count(step.node.shape[-1]) if step.node.shape else 1
    steps = elements * max(1, math.ceil(math.log2(max(length, 2)))) if isinstance(step, Sort) else elements
    return Work(sum(map(nbytes, step.node.inputs)), nbytes(step.node), scalar=steps if isinstance(step, Sort) else 4 * steps)


def copied(nbytes: int, elements: int) -> Work:
    """What copying does."""
    return Work(nbytes, nbytes, price=2 * LOAD * elements)


def _loop_work(step: Loop, sizes: Mapping[str, int]) -> Work:
    space = evaluate(product(step.space), sizes)
    rows = evaluate(product(step.space[: step.rows or 0]), sizes)
    read: dict[Node, int] = {}
    totals = {PLAIN: 0, VECTOR_MATH: 0, LONG_MATH: 0}
    for node in step.nodes:
        points = space if input_role(node, step.space, step.rows) == "element" else rows
        width = 2 if max(x.dtype.itemsize for x in (node, *node.inputs)) >= 8 else 1
        totals[PLAIN] += points * width
        for price in functions(node):
            totals[price] += points * width
        for r in reads_of(node):
            if r.source not in step.nodes and kind(r.source) not in ("constant", "iota"):
                size = evaluate(r.source.spec.size, sizes)
                read[r.source] = max(read.get(r.source, 0), min(size, points) * int(r.source.dtype.itemsize))
    written = sum(evaluate(n.spec.size, sizes) * int(n.dtype.itemsize) for n in step.stores)
    element, row = prices(step)
    price = space * element + rows * row
    return Work(sum(read.values()), written, totals[PLAIN], totals[VECTOR_MATH], totals[LONG_MATH], price=price)


def predicted(work: Work, rates: Rates) -> Prediction:
    """What a step should take where nothing but the machine binds it: its place on the roofline."""
    arithmetic = work.plain * rates.plain + work.functions * rates.function + work.long * rates.long
    arithmetic += work.multiplications / rates.multiplications
    moved = work.read + work.written
    in_cache = moved <= rates.cache
    tiles = tiles_of(work.multiplications)
    shares = tiles if work.multiplications else rates.threads if work.price > PARALLEL_FROM else 1
    threads = min(rates.threads, shares)
    bandwidth = rates.cached * threads if in_cache else rates.memory_all if threads > 1 else rates.memory
    times = {"arithmetic": arithmetic / threads, "cache" if in_cache else "memory": moved / bandwidth}
    bound = max(times, key=lambda name: times[name])
    serial = work.scalar * 10 * rates.plain
    if serial > times[bound]:
        return Prediction(serial, "arithmetic")
    return Prediction(times[bound] + (rates.launch if threads > 1 else 0.0), bound)
