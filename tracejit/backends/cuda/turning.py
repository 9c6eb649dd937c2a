"""The functions of ``turns`` as machine code of this machine, with those that give turns, and that kernels call to wait."""

from __future__ import annotations

import ast
import inspect
import platform
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from tracejit.backends.cuda import turns
from tracejit.backends.cuda.checks import REFUSE
from tracejit.backends.cuda.threads import declared
from tracejit.backends.llvm import LOCK
from tracejit.backends.llvm.function import FunctionWriter
from tracejit.backends.llvm.intrinsics import Word
from tracejit.backends.llvm.memory import least_word, pointer_word
from tracejit.backends.llvm.operands import Operand, Pointer, as_value, index_value
from tracejit.backends.llvm.scalars import right_shift
from tracejit.backends.llvm.value import I64, Value
from tracejit.errors import CompileError


@dataclass(frozen=True)
class Switch:
    """How a processor goes from one stack to another.

    Attributes:
        text: Keep the registers that a call keeps on the stack, and its pointer at the first argument; take all of them from the
            stack at the second one, and return there.
        enter: The word of the frame on the stack that has the address to return to.
        frame: Bytes from the stack's pointer to its end.
    """

    text: str
    enter: int
    frame: int


SWITCHES = {
    "x86_64": Switch(
        "pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15; movq %rsp, (%rdi); movq %rsi, %rsp; "
        "popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp; retq",
        enter=6,
        frame=64,
    ),
    "aarch64": Switch(
        "sub sp, sp, #160; stp x19, x20, [sp]; stp x21, x22, [sp, #16]; stp x23, x24, [sp, #32]; stp x25, x26, [sp, #48]; "
        "stp x27, x28, [sp, #64]; stp x29, x30, [sp, #80]; stp d8, d9, [sp, #96]; stp d10, d11, [sp, #112]; "
        "stp d12, d13, [sp, #128]; stp d14, d15, [sp, #144]; mov x9, sp; str x9, [x0]; mov sp, x1; ldp x19, x20, [sp]; "
        "ldp x21, x22, [sp, #16]; ldp x23, x24, [sp, #32]; ldp x25, x26, [sp, #48]; ldp x27, x28, [sp, #64]; "
        "ldp x29, x30, [sp, #80]; ldp d8, d9, [sp, #96]; ldp d10, d11, [sp, #112]; ldp d12, d13, [sp, #128]; "
        "ldp d14, d15, [sp, #144]; add sp, sp, #160; ret",
        enter=11,
        frame=160,
    ),
}
SWITCHES["arm64"] = SWITCHES["aarch64"]

WORDS = "tracejit_words"
STATE = "tracejit_state"
RUNS = {False: "tracejit_run_alone", True: "tracejit_run_together"}
ENTERS = {False: "tracejit_enter_all", True: "tracejit_enter_one"}
SERVICES = ("tracejit_nvvm_barrier0", "tracejit_nvvm_bar_warp_sync", "tracejit_nvvm_shfl_sync_i32", REFUSE)
_WORD = I64.type
_TEXT = """
@tracejit_words = global [$STATE x i64] zeroinitializer

define ptr @tracejit_state() {
  ret ptr @tracejit_words
}

define weak void @tracejit_switch(ptr %from, i64 %to) naked noinline {
  call void asm sideeffect "$SWITCH", "~{memory}"()
  unreachable
}

define void @tracejit_stop(i64 %kind, i64 %site, i64 %mask) noinline {
  %record = load ptr, ptr $at_CURRENT
  %at_kind = getelementptr i64, ptr %record, i64 $KIND
  store i64 %kind, ptr %at_kind
  %at_site = getelementptr i64, ptr %record, i64 $SITE
  store i64 %site, ptr %at_site
  %at_mask = getelementptr i64, ptr %record, i64 $MASK
  store i64 %mask, ptr %at_mask
  %home = load i64, ptr $at_HOME
  call void @tracejit_switch(ptr %record, i64 %home)
  ret void
}

define void @tracejit_resume(ptr %record) noinline {
  store ptr %record, ptr $at_CURRENT
  %at_lane = getelementptr i64, ptr %record, i64 $ITS_LANE
  %lane = load i64, ptr %at_lane
  store i64 %lane, ptr $at_LANE
  %at_row = getelementptr i64, ptr %record, i64 $ITS_ROW
  %row = load i64, ptr %at_row
  store i64 %row, ptr $at_ROW
  %place = load i64, ptr %record
  call void @tracejit_switch(ptr $at_HOME, i64 %place)
  ret void
}

define void @tracejit_refuse(i64 %offset, i64 %size, i64 %number) noinline {
  %record = load ptr, ptr $at_CURRENT
  %at_value = getelementptr i64, ptr %record, i64 $VALUE
  store i64 %offset, ptr %at_value
  %at_other = getelementptr i64, ptr %record, i64 $OTHER
  store i64 %size, ptr %at_other
  call void @tracejit_stop(i64 $STOPPED, i64 %number, i64 0)
  unreachable
}

define void @tracejit_nvvm_barrier0(i64 %site) {
  call void @tracejit_stop(i64 $BARRIER, i64 %site, i64 0)
  ret void
}

define void @tracejit_nvvm_bar_warp_sync(i32 %mask, i64 %site) {
  %all = zext i32 %mask to i64
  call void @tracejit_stop(i64 $MEETING, i64 %site, i64 %all)
  ret void
}

define {i32, i1} @tracejit_nvvm_shfl_sync_i32(i32 %mask, i32 %mode, i32 %value, i32 %distance, i32 %limit, i64 %site) {
  %record = load ptr, ptr $at_CURRENT
  %at_value = getelementptr i64, ptr %record, i64 $VALUE
  %wide = zext i32 %value to i64
  store i64 %wide, ptr %at_value
  %is_xor = icmp eq i32 %mode, 3
  %is_whole = icmp eq i32 %limit, 31
  %is_known = and i1 %is_xor, %is_whole
  %known = select i1 %is_known, i32 %distance, i32 32
  %other = zext i32 %known to i64
  %at_other = getelementptr i64, ptr %record, i64 $OTHER
  store i64 %other, ptr %at_other
  %all = zext i32 %mask to i64
  call void @tracejit_stop(i64 $EXCHANGE, i64 %site, i64 %all)
  %at_answer = getelementptr i64, ptr %record, i64 $ANSWER
  %answer = load i64, ptr %at_answer
  %narrow = trunc i64 %answer to i32
  %first = insertvalue {i32, i1} undef, i32 %narrow, 0
  %both = insertvalue {i32, i1} %first, i1 true, 1
  ret {i32, i1} %both
}

define void @tracejit_enter_one() {
  %address = load i64, ptr $at_KERNEL
  %kernel = inttoptr i64 %address to ptr
  call void %kernel()
  call void @tracejit_stop(i64 $ENDED, i64 0, i64 0)
  unreachable
}

define void @tracejit_enter_all() {
  call i64 @tracejit_each_thread(ptr @tracejit_words)
  call void @tracejit_stop(i64 $ENDED, i64 0, i64 0)
  unreachable
}
"""


def turns_text() -> str:
    """LLVM IR with the functions whose names are given above: ``STATE()`` gives the address of the state.

    Of ``RUNS`` and ``ENTERS``, those for kernels whose threads wait have the key True.

    Raises:
        CompileError: This machine has a processor that is not known here.
    """
    switch = SWITCHES.get(platform.machine())
    if switch is None:
        raise CompileError(f"kernels run without a GPU on {', '.join(SWITCHES)}, not on {platform.machine()}")
    words = {name: value for name, value in vars(turns).items() if isinstance(value, int)}
    places = {f"at_{name}": word_at(value) for name, value in words.items()}
    text = string.Template(_TEXT).substitute(words, **places, SWITCH=switch.text)
    module = ir.Module("turns")
    names: dict[str, Any] = {**words, "FRAME": switch.frame, "FRAME_ENTER": switch.enter, "least": least_word, "call": _call}
    names |= {"i64_at": pointer_word(I64), "right_shift": right_shift, "resume": _resume}
    with LOCK:
        for statement in ast.parse(inspect.getsource(turns)).body:
            if isinstance(statement, ast.FunctionDef) and not statement.name.startswith("_"):
                names[statement.name] = _written(module, names, statement)  # it calls those before it
        return text + re.sub(r'(?m)^(target|declare .*@"tracejit_).*$', "", str(module))


def word_at(number: int) -> str:
    """The place of a word of the state, in LLVM IR."""
    return f"getelementptr ([{turns.STATE} x i64], ptr @{WORDS}, i64 0, i64 {number})"


def _written(module: Any, names: Mapping[str, Any], definition: ast.FunctionDef) -> Word:
    """A function of ``turns``, as a word that calls it."""
    kinds = [_WORD.as_pointer() if argument.arg in ("state", "records") else _WORD for argument in definition.args.args]
    function = ir.Function(module, ir.FunctionType(_WORD, kinds), f"tracejit_{definition.name}")
    build = ir.IRBuilder(function.append_basic_block("entry"))
    operands = [Pointer(raw, I64) if raw.type.is_pointer else Value(build, raw, I64) for raw in function.args]

    def leave(out: Any) -> None:
        build.ret(as_value(build, 0 if out is None else out, I64).raw)

    FunctionWriter(build, names, definition, operands, leave)

    def call(build: Any, *operands: Operand) -> Value:
        raws = [operand.raw if isinstance(operand, Pointer) else index_value(build, operand).raw for operand in operands]
        return Value(build, build.call(function, raws), I64)

    return call


def _resume(build: Any, records: Operand, number: Operand) -> None:
    """``resume(records, number)``: let a thread run until it gives its turn back."""
    assert isinstance(records, Pointer)
    record = build.gep(records.raw, [(index_value(build, number) * turns.RECORD).raw])
    build.call(declared(build.module, "tracejit_resume", ir.VoidType(), record.type), [record])


def _call(build: Any, address: Operand) -> None:
    """``call(address)``: call the function there, which has no operands."""
    function = ir.FunctionType(ir.VoidType(), []).as_pointer()
    build.call(build.inttoptr(index_value(build, address).raw, function), [])
