"""The part of a route that gives a device its work, and what becomes of the results there.

Of ``f(x, 0.5)``, a tensor and a number, it is::

    ATTRIBUTE r2 = r0.value
    TYPE      r2, DeviceArray
    TYPE      r1, float
    QUEUE     r3 = executable(r2, r1)
    CALL      r4 = EagerTensor(r3)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tracejit.frontend.entry import ResultLeaf
from tracejit.frontend.tensor import EagerTensor
from tracejit.runtime.device import Array, overlap
from tracejit.runtime.route import Op

if TYPE_CHECKING:
    from tracejit.frontend.dispatch import Writer

_INT64 = -(2**63), 2**63 - 1
_BASE = EagerTensor.__dict__["_base"]


def queue(writer: Writer) -> int:
    """Write the steps that give the device its work; the first register of its results."""
    traced, leaves = writer.entry.traced, writer.call.leaves
    arrays = {i: writer.passed(i) for i, leaf in enumerate(leaves) if leaf.array is not None}
    registers, ints = [], 0
    for i in traced.passed:
        leaf, register = leaves[i], arrays.get(i, writer.leaves[i])
        registers.append(register)
        if leaf.array is None and type(leaf.value) is int:
            writer.emit(Op.INT, register, ints, *traced.limits.get(i, _INT64))
            ints += 1
        else:
            writer.emit(Op.TYPE, register, type(leaf.value if leaf.array is None else leaf.array))
    if traced.written:
        _check_written(writer, arrays)
    first = writer.new(len(traced.graph.outputs))
    writer.emit(Op.QUEUE, first, writer.entry.executable, tuple(registers))
    for i in traced.written:
        if leaves[i].kind == "tensor":
            writer.load(Op.CALL, EagerTensor.touched, (writer.leaves[i],))
    return first


def _check_written(writer: Writer, arrays: dict[int, int]) -> None:
    """What ``Entry.refuse_writes`` refuses is not for the route."""
    traced, leaves = writer.entry.traced, writer.call.leaves
    for i in traced.written:
        if leaves[i].kind == "tensor":
            writer.emit(Op.SAME, writer.load(Op.SLOT, writer.leaves[i], _BASE), None)
    others = [register for i, register in arrays.items() if i not in traced.written]
    captured = [writer.load(Op.CONSTANT, held.source) for held in traced.held]
    everything = (*(arrays[i] for i in traced.written), *others, *captured)
    writer.load(Op.CALL, _apart(len(traced.written)), everything)


def _apart(count: int) -> Callable[..., None]:
    """A function of arrays that raises where one of the first is read-only, or shares memory with another one."""

    def check(*arrays: Array) -> None:
        for i, x in enumerate(arrays[:count]):
            if not x.flags.writeable or any(overlap(x, y) for y in (*arrays[:i], *arrays[i + 1 :])):
                raise ValueError("the memory of a result")

    return check


def result_there(writer: Writer, result: ResultLeaf, register: int) -> int:
    """The register of a result that is on a device, in the form that ``Entry.finish`` gives it."""
    if result.kind == "int":
        return writer.load(Op.CALL, int, (register,))
    like = writer.entry.like([leaf.value for leaf in writer.call.leaves])
    if like is not None:
        from tracejit.runtime.cuda.edges import handed_out

        return writer.load(Op.CALL, handed_out, (register, writer.leaves[like]))
    traced: Any = writer.entry.traced
    is_scalar = not traced.tensors and traced.graph.outputs[result.number].shape == ()
    flags = [writer.load(Op.CONSTANT, flag) for flag in (False, True)] if is_scalar else []  # weak, scalar
    return writer.load(Op.CALL, EagerTensor, (register, *flags))
