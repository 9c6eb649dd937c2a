"""What a step does: its host code is run once for each choice of addresses, and what it asks for is noted in order.

The ``step`` of a generated file is plain Python here. Words that it uses are defined below; ``table`` is read through
:class:`Table`, which notes what was read: only addresses that the step itself has read, for products and copies, are part of
what it asks for. Kernels read theirs from the device's table, so calls that differ in nothing else share one graph.
"""

from __future__ import annotations

import functools
import linecache
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracejit.backends.cuda.geometry import Geometry, Threads
from tracejit.backends.loading import load
from tracejit.errors import CompileError
from tracejit.ir.spec import BFLOAT16, CODES, dtype_of
from tracejit.runtime.cuda.driver import At, Product, Stream
from tracejit.schedule.schedule import EPILOGUES

Step = Callable[["Table"], None]


class Launch(NamedTuple):
    """Run a region; its arguments begin at word ``first`` of the device's table, and ``numbers`` are further parameters."""

    region: str
    first: int
    blocks: int
    threads: Threads
    numbers: tuple[int, ...] = ()


Command = Launch | Product


class Check(NamedTuple):
    """Wait, and end the step with ``status`` where the byte at ``flag`` is set."""

    flag: int
    status: int


class Stamp(NamedTuple):
    """Note the time, of a profile."""


class Table:
    """The host's table as a step sees it.

    Args:
        words: What it holds.
        offers: Whether a product with an epilogue is to be had.

    Attributes:
        read: The words that the step has read.
        commands: What it has asked for.
        refused: Products with epilogues that it did without, after the words for them.
    """

    def __init__(self, words: NDArray[np.int64], offers: Callable[[Product], bool]) -> None:
        self._words, self.offers = words, offers
        self.read: set[int] = set()
        self.commands: list[Command | Check | Stamp] = []
        self.refused: list[tuple[str, Product]] = []

    def __getitem__(self, word: int) -> int:
        self.read.add(word)
        return int(self._words[word])


class Region(NamedTuple):
    """A kernel, as the host's code names it."""

    name: str


class Pointer(NamedTuple):
    """A place in device memory, as the host's code opens it; ``p + n`` is n elements further."""

    address: int
    dtype: np.dtype


def _words(grids: Geometry) -> dict[str, Any]:
    """What the host's part of a generated file imports."""
    found: dict[str, Any] = {**grids.words(), "launch": _launch, "check": _check, "stamp": _stamp}
    found |= {"region": lambda function: Region(function.__name__), "program": lambda function: function}
    for code in (*CODES, BFLOAT16):
        found |= {code: functools.partial(_number, code), f"{code}_at": functools.partial(_opened, code)}
    for flips in ("nn", "nt", "tn", "tt"):
        for kind in ("", "_batch", "_scaled"):
            found[f"gemm_{flips}{kind}"] = functools.partial(_product, flips, kind)
        for name in EPILOGUES:
            for kind in ("", "_batch"):
                found[f"gemm_{flips}_{name}{kind}"] = functools.partial(_product_with, flips, name)
    return found


def _launch(region: Region, table: Table, first: int, blocks: int, threads: Threads, *numbers: int) -> None:
    table.commands.append(Launch(region.name, first, blocks, threads, numbers))


def _check(table: Table, flag: Pointer, status: int) -> None:
    table.commands.append(Check(flag.address, status))


def _stamp(table: Table, word: int) -> None:
    table.commands.append(Stamp())


def _number(code: str, value: complex) -> Any:
    return dtype_of(code).type(value)


def _opened(code: str, address: int, size: int) -> Pointer:
    return Pointer(address, dtype_of(code))


def _product(flips: str, kind: str, table: Table, c: Pointer, a: Pointer, b: Pointer, *sizes: Any) -> None:
    """``gemm_xy(table, c, a, b, m, k, n, lda, ldb, ldc, alpha, beta)``.

    Behind it ``gemm_xy_batch`` has how many products there are, and the elements from each matrix of c, a and b to the next;
    ``gemm_xy_scaled`` has a number on the device in place of alpha and beta, and adds to c.
    """
    shape, factors = sizes[:6], sizes[6:]
    if kind == "_scaled":
        factors = (At(factors[0].address), 1)
    flip_a, flip_b = (flip == "t" for flip in flips)
    table.commands.append(Product(c.dtype, (flip_a, flip_b), c.address, a.address, b.address, *shape, *factors))


def _product_with(flips: str, epilogue: str, table: Table, c: Pointer, a: Pointer, b: Pointer, *rest: Any) -> bool:
    """``gemm_xy_epilogue(table, c, a, b, bias, m, k, n, lda, ldb, ldc)``, with a bias where there is one in its name.

    Asks for the product if the library offers it so, and returns whether it does. ``_batch`` is as above.
    """
    bias, sizes = (rest[0].address, rest[1:]) if epilogue.startswith("bias") else (0, rest)
    flip_a, flip_b = (flip == "t" for flip in flips)
    m, k, n, lda, ldb, ldc, *steps = sizes
    plain = Product(c.dtype, (flip_a, flip_b), c.address, a.address, b.address, m, k, n, lda, ldb, ldc, 1, 0, *steps)
    product = plain._replace(epilogue=epilogue, bias=bias)
    offered = table.offers(product)
    if offered:
        table.commands.append(product)
    else:
        table.refused.append((f"gemm_{flips}_{epilogue}", product))
    return offered


def load_step(text: str, path: str, grids: Geometry) -> Step:
    """The ``step`` of a generated file; its kernels are left alone.

    Args:
        text: The file.
        path: Its name in tracebacks.
        grids: Chooses blocks and threads.

    Raises:
        CompileError: The file has none.
    """
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    try:
        step: Step = load(text, path, _words(grids))["step"]
    except Exception as error:
        raise CompileError(f"{path}: {error}") from error
    return step


def perform(commands: Sequence[Command], kernels: Mapping[str, Any], table: int, stream: Stream) -> None:
    """Give a stream the work of a step; ``table`` is the address of the device's table."""
    for command in commands:
        perform_one(command, kernels, table, stream)


def perform_one(command: Command, kernels: Mapping[str, Any], table: int, stream: Stream) -> None:
    """Give a stream one part of the work of a step."""
    match command:
        case Launch(region, first, blocks, threads, numbers):
            stream.launch(kernels[region], blocks, threads, table + 8 * first, *numbers)
        case Product():
            stream.multiply(command)


def word_of(array: np.ndarray) -> int:
    """A host array of 8 bytes at most as the word that the device's table holds it in."""
    return int.from_bytes(array.tobytes(), "little", signed=True)
