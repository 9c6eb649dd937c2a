"""Checks of what kernels read and write, in their code for this machine: each access lies in its array, and is aligned.

``<dtype>_at(address, size)`` says where an array ends; so that IR says it, too, a call that names both is added. Each access at
an address that comes from there is checked by it, and each to memory of a block by its size. An access at an address that a name
held which changes is checked for its alignment only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from tracejit.backends.cuda.threads import declared
from tracejit.backends.llvm.intrinsics import Word
from tracejit.backends.llvm.operands import Operand, Pointer, index_value
from tracejit.backends.llvm.value import I64

REFUSE = "tracejit_refuse"
_OPENED = "tracejit_opened_"
_WIDTHS = {"i8": 1, "i16": 2, "i32": 4, "i64": 8, "float": 4, "double": 8}  # bytes
_NAME = r'[%@]"[^"]+"'
_OPENING = re.compile(rf'^  call void @"{_OPENED}(\w+)_(\d+)"\(\w+\* ({_NAME}), i64 ({_NAME}|-?\d+)\)\n', re.M)
_DERIVED = re.compile(rf"^  ({_NAME}) = (?:getelementptr|bitcast|addrspacecast) .*?\* ({_NAME})", re.M)
_HELD = re.compile(rf"^  ({_NAME}) = load \w+\*, ", re.M)
_SHARED = re.compile(rf"^({_NAME}) = internal addrspace\(3\) global \[(\d+) x i8\]", re.M)
_ACCESS = re.compile(
    rf'^  (?:{_NAME} = )?(load|store|atomicrmw|call \w+ @"llvm\.nvvm\.atomic)\b.*?'
    rf"(?:, |add |\()(?:<(\d+) x (\w+)>|(\w+))\* ({_NAME})(?:.*align (\d+))?.*\n",
    re.M,
)
CHECK = f"""
define internal void @tracejit_check(ptr %place, ptr %base, i64 %size, i64 %bytes, i64 %low_bits, i64 %number) alwaysinline {{
  %at = ptrtoint ptr %place to i64
  %begin = ptrtoint ptr %base to i64
  %offset = sub i64 %at, %begin
  %last = sub i64 %size, %bytes
  %is_before = icmp slt i64 %offset, 0
  %is_behind = icmp sgt i64 %offset, %last
  %is_outside = or i1 %is_before, %is_behind
  %rest = and i64 %at, %low_bits
  %is_askew = icmp ne i64 %rest, 0
  %is_wrong = or i1 %is_outside, %is_askew
  br i1 %is_wrong, label %wrong, label %right
wrong:
  call void @{REFUSE}(i64 %offset, i64 %size, i64 %number)
  unreachable
right:
  ret void
}}
"""


@dataclass(frozen=True)
class Access:
    """An instruction of a kernel that reads or writes an array.

    Attributes:
        what: The instruction, by its number among those of the kernel.
        dtype: Of the array.
        nbytes: Of one of its elements.
        width: Bytes that are read or written.
    """

    what: str
    dtype: str
    nbytes: int
    width: int


def telling(words: Mapping[str, Any]) -> dict[str, Any]:
    """The words of a prelude, of which those that open an array say so in the IR."""
    return {name: _telling(word) if name.endswith("_at") else word for name, word in words.items()}


def _telling(word: Word) -> Word:
    def write(build: Any, address: Operand, size: Operand) -> Pointer:
        pointer = word(build, address, size)
        assert isinstance(pointer, Pointer)
        name = f"{_OPENED}{'c' if pointer.is_complex else ''}{pointer.kind.name}_{pointer.nbytes}"
        told = declared(build.module, name, ir.VoidType(), pointer.raw.type, I64.type)
        build.call(told, [pointer.raw, index_value(build, size).raw])
        return pointer

    return write


def shared_memory(text: str) -> dict[str, int]:
    """The memory of blocks that IR has, in bytes, by name."""
    return {name: int(size) for name, size in _SHARED.findall(text)}


def checked(function: str, name: str, shared: Mapping[str, int], first: int) -> tuple[str, list[Access]]:
    """The IR of a kernel with its checks, whose numbers begin with ``first``, and what is checked."""
    arrays = {pointer: (dtype, int(nbytes), size) for dtype, nbytes, pointer, size in _OPENING.findall(function)}
    function = _OPENING.sub("", function)
    sources, held = dict(_DERIVED.findall(function)), set(_HELD.findall(function))
    found: list[Access] = []

    def check(access: re.Match[str]) -> str:
        instruction, count, lane, scalar, place, alignment = access.groups()
        base = place
        while base not in arrays and base in sources:
            base = sources[base]
        width = _WIDTHS.get(lane or scalar, 0) * int(count or 1)
        number, size = first + len(found), f'%"bytes.{first + len(found)}"'
        if base in arrays:
            dtype, nbytes, length = arrays[base]
            lines = f"  {size} = mul i64 {length}, {nbytes}\n"
        elif base in shared:
            dtype, nbytes, lines, size = f"the block's memory {base}", 1, "", str(shared[base])
            base = f"addrspacecast (ptr addrspace(3) {base} to ptr)"
        elif base in held:
            dtype, nbytes, lines, base, size = "an array", 1, "", place, str(width)
        else:  # a thread's own memory, or the kernel's words
            return access[0]
        verb = {"load": "read", "store": "write"}.get(instruction, "addition")
        found.append(Access(f"{verb} {len(found)} of {name}", dtype, nbytes, width))
        low_bits = int(alignment or width) - 1
        operands = f"ptr {place}, ptr {base}, i64 {size}, i64 {width}, i64 {low_bits}, i64 {number}"
        return f"{lines}  call void @tracejit_check({operands})\n{access[0]}"

    return _ACCESS.sub(check, function), found
