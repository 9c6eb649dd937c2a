"""From the text of a generated CUDA file to machine code of a GPU. It needs no GPU and no driver.

The file is translated to LLVM IR as on the CPU; NVIDIA's NVVM makes PTX of that, and its assembler an image. Everything that is
asked of NVIDIA's packages is asked here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tracejit.backends.llvm import LOCK
from tracejit.errors import CompileError

NEWEST = (9, 0)  # NVVM takes this dialect of LLVM IR up to here; the assembler makes code of its PTX for later GPUs, too
ROUNDS = (8, 0)  # from here on a GPU rounds to bfloat16 by itself
DATA_LAYOUT = (
    "e-p:64:64:64-i1:8:8-i8:8:8-i16:16:16-i32:32:32-i64:64:64-i128:128:128-f32:32:32-f64:64:64-v16:16:16-v32:32:32"
    "-v64:64:64-v128:128:128-n16:32:64"
)

BLOCK_WORDS = {"thread", "across_before", "steps_before", "sort_run", "left_of"}  # of ``flat_grid``, ``scan_grid``, ``sort_grid``
REPORT = re.compile(r"Function properties for '(\w+)':\s*info\s*: (.*)")  # the linker's, of each kernel
SPILLS = re.compile(r"Function properties for (\w+)\n.* (\d+) bytes spill stores, (\d+) bytes spill loads")  # the assembler's
Adapt = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Kernel:
    """Machine code of one kernel.

    Attributes:
        cubin: An image for one architecture, which the kernels of a file share.
        entry: The kernel's name in it. Its parameters are the address of its words, and further i64 numbers.
        registers: Of a thread.
        shared: Bytes of a block, with the 1024 that newer GPUs take for themselves.
        stack: Bytes of a thread for arrays, such as the digits of pi that reduce the argument of a sine.
        spills: Bytes of a thread that did not fit into registers, written and read.
    """

    cubin: bytes
    entry: str
    registers: int
    shared: int
    stack: int
    spills: int


def key_parts() -> tuple[str, ...]:
    """What machine code depends on beyond the file and the GPU: the versions of NVIDIA's compiler and linker.

    Raises:
        RuntimeError: One of them, or the compiler's library of functions, is not found.
    """
    from cuda.bindings import nvjitlink, nvvm
    from cuda.pathfinder import find_bitcode_lib

    find_bitcode_lib("device")
    return f"nvvm {nvvm.version()}", f"nvjitlink {nvjitlink.version()}"


def compile_kernels(text: str, path: str, cc: tuple[int, int]) -> dict[str, Kernel]:
    """Compile the kernels of the generated file ``text``, whose name in messages is ``path``, for compute capability ``cc``.

    Raises:
        CompileError: The file uses what the prelude has not, or what generated files do not use.
    """
    return assembled(compile_ptx(text, path, cc), path, cc)


def compile_ptx(text: str, path: str, cc: tuple[int, int]) -> str:
    """The PTX of the kernels of a file; empty where it has none."""
    with LOCK:
        try:
            module_text, kernels = translated_kernels(text, path, rounds=cc >= ROUNDS)
        except (TypeError, SyntaxError) as error:
            raise CompileError(f"{path}: {error}") from error
    return _ptx(module_text, path, min(cc, NEWEST)) if kernels else ""


def translated_kernels(text: str, path: str, adapt: Adapt = dict, rounds: bool = False) -> tuple[str, list[str]]:
    """The file as NVVM's dialect of LLVM IR, with the words as ``adapt`` has them, and the names of its kernels.

    ``rounds`` is for GPUs that have an instruction that rounds to bfloat16. The caller holds ``LOCK``.
    """
    from llvmlite import ir

    from tracejit.backends.cuda.geometry import Geometry
    from tracejit.backends.cuda.prelude import TRIPLE, WORDS
    from tracejit.backends.llvm.operands import Pointer
    from tracejit.backends.llvm.translate import translated
    from tracejit.backends.llvm.value import I64, Value

    kernels: list[str] = []
    number = ir.IntType(32)

    def region(module: Any, definition: ast.FunctionDef, write: Callable[..., None]) -> None:
        kernels.append(definition.name)
        numbers = [I64.type] * (len(definition.args.args) - 1)
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64.type.as_pointer(), *numbers]), definition.name)
        build = ir.IRBuilder(function.append_basic_block("entry"))
        args, *raws = function.args
        write(build, [Pointer(args, I64), *(Value(build, raw, I64) for raw in raws)], lambda nothing: build.ret_void())
        has_block = any(isinstance(n, ast.Name) and n.id in BLOCK_WORDS for n in ast.walk(definition))
        most = Geometry().block if has_block else Geometry().most_lanes
        for key, value in (("kernel", 1), ("maxntidx", most)):
            module.add_named_metadata("nvvm.annotations", (function, ir.MetaDataString(module, key), number(value)))

    words = adapt(WORDS) | {"region": region, "program": None}
    module = translated(text, path, words, {"region": region, "program": lambda *nothing: None}, TRIPLE)
    if rounds:
        _round_by_instruction(module)
    module.data_layout = DATA_LAYOUT
    module.add_named_metadata("nvvmir.version", (number(2), number(0)))
    return _dialect(str(module)), kernels


def _round_by_instruction(module: Any) -> None:
    """Round to bfloat16 by an instruction, which answers NaN with 0x7FFF: that gets its sign back, and loses its last bits."""
    from llvmlite import ir

    from tracejit.backends.llvm.halves import BF16_NAN, TO_BF16
    from tracejit.backends.llvm.value import BF16, F32, I32, Value, select

    function = module.globals.get(TO_BF16)
    if function is None:
        return
    function.blocks.clear()
    build = ir.IRBuilder(function.append_basic_block())
    x = Value(build, function.args[0], F32)
    instruction = ir.InlineAsm(ir.FunctionType(I32.type, [F32.type] * 2), "cvt.rn.bf16x2.f32 $0, $1, $2;", "=r,f,f")
    near = Value(build, build.call(instruction, [x.raw, x.constant(0).raw]), I32)  # in the upper half
    near = select(near < BF16_NAN << 16, near, BF16_NAN << 16)
    signed = (near & 0x7FFFFFFF) | (x.as_bits() & -(2**31))
    build.ret(build.trunc(signed.logical_shift(16).raw, BF16.type))


def _dialect(text: str) -> str:
    """LLVM IR as NVVM reads it: names without dots, and negation as a difference."""
    text = re.sub(r'@"tracejit\.([\w.]+)"', lambda found: f'@"tracejit_{found[1].replace(".", "_")}"', text)
    return re.sub(r"= fneg ((?:\w+ )?)(float|double) ", r"= fsub \1\2 0x8000000000000000, ", text)


def _ptx(module_text: str, path: str, cc: tuple[int, int]) -> str:
    from cuda.bindings import nvvm
    from cuda.pathfinder import find_bitcode_lib

    options = [f"-arch=compute_{cc[0]}{cc[1]}", "-opt=3", "-fma=0"]  # what may be contracted says so in the text
    program = nvvm.create_program()
    try:
        code = module_text.encode()
        nvvm.add_module_to_program(program, code, len(code), path)
        with open(find_bitcode_lib("device"), "rb") as file:
            library = file.read()
        nvvm.lazy_add_module_to_program(program, library, len(library), "libdevice")
        nvvm.compile_program(program, len(options), options)
        ptx = bytearray(nvvm.get_compiled_result_size(program))
        nvvm.get_compiled_result(program, ptx)
        return ptx.decode().strip("\0\n")
    except nvvm.nvvmError as error:
        log = bytearray(nvvm.get_program_log_size(program))
        nvvm.get_program_log(program, log)
        raise CompileError(f"{path}: {error} {log.decode(errors='replace').strip(chr(0))}") from error
    finally:
        nvvm.destroy_program(program)


def assembled(ptx: str, path: str, cc: tuple[int, int]) -> dict[str, Kernel]:
    """The kernels of PTX as machine code, by name."""
    if not ptx:
        return {}
    from cuda.core import Linker, LinkerOptions, ObjectCode

    options = LinkerOptions(arch=f"sm_{cc[0]}{cc[1]}", verbose=True, ptxas_options=["-v"])
    try:
        linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=options)
        cubin, log = bytes(linker.link("cubin").code), linker.get_info_log()
    except Exception as error:  # the linker raises whatever goes wrong inside it
        raise CompileError(f"{path}: {error}") from error
    spills = {entry: int(stores) + int(loads) for entry, stores, loads in SPILLS.findall(log)}
    return {entry: _kernel(cubin, entry, report, spills[entry]) for entry, report in REPORT.findall(log)}


def _kernel(cubin: bytes, entry: str, report: str, spills: int) -> Kernel:
    def number(pattern: str) -> int:
        found = re.search(pattern, report)
        return int(found[1]) if found else 0

    registers, shared, stack = (number(p) for p in (r"used (\d+) registers", r"(\d+) bytes smem", r"(\d+) stack"))
    return Kernel(cubin, entry, registers, shared, stack, spills)
