"""The kernels of a generated file as machine code of this machine.

Their LLVM IR is the text that NVIDIA's compiler is given, letter by letter but for names: what only a GPU has (the numbers of a
thread, exchanges between lanes, barriers, libdevice) is defined here and in ``turning``. So what a GPU would run is proven by
running it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass

from llvmlite import binding
from llvmlite.binding.newpassmanagers import NewPassManager, create_new_module_pass_manager

from tracejit.backends.cuda import checks, turning, turns
from tracejit.backends.cuda.compile import translated_kernels
from tracejit.backends.llvm import LOCK
from tracejit.errors import CompileError

POISON, ENTER = "tracejit_poison", "tracejit_enter_"
STOPS = {"shfl.sync.i32": "shuffle", "bar.warp.sync": "warp_sync", "barrier0": "sync"}
REGISTERS = {
    "tid.x": turns.LANE, "tid.y": turns.ROW, "ntid.x": turns.LANES, "ntid.y": turns.ROWS, "ctaid.x": turns.BLOCK,
    "nctaid.x": turns.BLOCKS,
}  # fmt: skip
_STOP = "|".join(map(re.escape, STOPS))
_REGISTER = """
define internal i32 @tracejit_nvvm_read_ptx_sreg_$name() alwaysinline {
  %wide = load i64, ptr $place
  %value = trunc i64 %wide to i32
  ret i32 %value
}
"""
_ATOMIC = """
define internal $type @tracejit_nvvm_atomic_load_add_${kind}_p0$kind(ptr %place, $type %value) alwaysinline {
  %old = load $type, ptr %place
  %new = fadd $type %old, %value
  store $type %new, ptr %place
  ret $type %old
}
"""


@dataclass(frozen=True)
class HostKernel:
    """How a kernel may be launched.

    Attributes:
        waits: Whether its threads wait for each other, or share memory of their block.
        numbers: How many parameters it has behind the address of its words.
        most: Threads of a block, at most.
    """

    waits: bool
    numbers: int
    most: int


@dataclass(frozen=True)
class HostObject:
    """Machine code of the kernels of a file.

    Attributes:
        object_code: Relocatable. It has a function without operands for each kernel, ``ENTER`` and its name, that runs the thread
            which the state names, and ``POISON``, for the memory of a block. It needs ``WORDS`` and ``SERVICES`` of ``turning``.
        kernels: By name.
        stops: Where threads wait, by the number of the place in their records.
        accesses: Where they read and write arrays, likewise.
    """

    object_code: bytes
    kernels: Mapping[str, HostKernel]
    stops: tuple[str, ...]
    accesses: tuple[checks.Access, ...]


def compile_for_host(text: str, path: str) -> HostObject:
    """Compile the kernels of the generated file ``text``, whose name in messages is ``path``, for this machine.

    Raises:
        CompileError: The file uses what the prelude has not, or a kernel asks of a GPU what is not known here.
    """
    with LOCK:
        try:
            translation, names = translated_kernels(text, path, checks.telling)
        except (TypeError, SyntaxError) as error:
            raise CompileError(f"{path}: {error}") from error
        before, *functions = re.split(r"(?m)^(?=define )", translation)
        stops: list[str] = []
        accesses: list[checks.Access] = []
        shared = checks.shared_memory(before)
        kernels, most = {}, dict(re.findall(r'@"(\w+)", !"maxntidx", i32 (\d+)', translation))
        for place, function in enumerate(functions):
            name = _defined(function)
            if name not in names:
                continue
            function, checked = checks.checked(function, name, shared, len(accesses))
            functions[place], found = _stopping(function, name, len(stops))
            stops += found
            accesses += checked
            waits = bool(found) or "addrspace(3)" in function
            kernels[name] = HostKernel(waits, function.partition("\n")[0].count("i64 "), int(most[name]))
        whole = _renamed(before + "".join(functions))
        return HostObject(object_code(_with_own(whole, kernels), path), kernels, tuple(stops), tuple(accesses))


def _defined(function: str) -> str:
    found = re.match(r'define .*?@"([\w.]+)"', function)
    assert found is not None
    return found[1]


def _stopping(function: str, name: str, first: int) -> tuple[str, list[str]]:
    """A kernel that says the number of each stop, from ``first`` on, and what the stops are."""
    found: list[str] = []

    def numbered(call: re.Match[str]) -> str:
        number = first + len(found)
        found.append(f"{STOPS[call[2]]} {len(found)} of {name}")
        return f"{call[1]}({call[3]}{', ' if call[3] else ''}i64 {number})"

    return re.sub(rf'(call .*@"llvm\.nvvm\.({_STOP})")\((.*)\)', numbered, function), found


def _renamed(text: str) -> str:
    """IR that asks this module and the C library for what kernels ask of a GPU."""
    text = re.sub(r'(?m)^(target |!nvvm|declare void @"tracejit_opened_).*$', "", text)  # metadata would change calls of kernels
    text = re.sub(rf'(?m)^(declare .*@"llvm\.nvvm\.(?:{_STOP})")\((.*)\)', _with_number, text)
    text = re.sub(r'@"llvm\.nvvm\.([\w.]+)"', lambda name: f"@tracejit_nvvm_{name[1].replace('.', '_')}", text)
    return text.replace('@"__nv_', '@"')


def _with_number(declaration: re.Match[str]) -> str:
    return f"{declaration[1]}({declaration[2]}{', ' if declaration[2] else ''}i64)"


def _with_own(text: str, kernels: Mapping[str, HostKernel]) -> str:
    """Kernels with what they ask of a GPU, and with what ``turns`` calls."""
    parts = [checks.CHECK, f"declare void @{checks.REFUSE}(i64, i64, i64)"]
    parts.append(f"@{turning.WORDS} = external global [{turns.STATE} x i64]")
    for register, word in REGISTERS.items():
        parts.append(string.Template(_REGISTER).substitute(name=register.replace(".", "_"), place=turning.word_at(word)))
    for kind, name in (("f32", "float"), ("f64", "double")):
        parts.append(string.Template(_ATOMIC).substitute(kind=kind, type=name))
    defined = set(re.findall(r"(?m)^define .*@(\w+)\(", "".join(parts)))
    known = "|".join(sorted(defined))
    text = re.sub(rf"(?m)^declare .*@({known})\(.*$", "", text)
    for name, kernel in kernels.items():
        operands = []
        parts.append(f"define void @{ENTER}{name}() {{")
        for number in range(kernel.numbers + 1):
            parts.append(f"  %a{number} = load {'ptr' if number == 0 else 'i64'}, ptr {turning.word_at(turns.ARGS + number)}")
            operands.append(f"{'i64' if number else 'ptr'} %a{number}")
        parts += [f"  call void @{name}({', '.join(operands)})", "  ret void", "}"]
    parts += ["declare void @llvm.memset.p3.i64(ptr addrspace(3), i8, i64, i1)", f"define void @{POISON}() {{"]
    for name, size in re.findall(r'(?m)^@"?(\w+)"? = internal addrspace\(3\) global \[(\d+) x i8\]', text):
        parts.append(f"  call void @llvm.memset.p3.i64(ptr addrspace(3) @{name}, i8 -1, i64 {size}, i1 false)")
    return "\n".join([text, *parts, "  ret void", "}", ""])


def object_code(text: str, path: str) -> bytes:
    """LLVM IR as an object file of this machine.

    Raises:
        CompileError: It asks of a GPU what is not known here.
    """
    for name in (binding.initialize_native_target, binding.initialize_native_asmprinter, binding.initialize_native_asmparser):
        name()
    cpu, features = binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=0, reloc="pic", codemodel="default"
    )
    module = binding.parse_assembly(text, binding.create_context())
    for function in module.functions:
        if function.is_declaration and function.name.startswith("tracejit_") and function.name not in turning.SERVICES:
            raise CompileError(f"{path}: {function.name.removeprefix('tracejit_')} is known to a GPU alone")
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    passes = create_new_module_pass_manager()  # few: kernels run once or twice
    passes.add_always_inliner_pass()
    passes.add_sroa_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, binding.create_pass_builder(machine, binding.create_pipeline_tuning_options(speed_level=0)))
    NewPassManager._dispose(passes)  # as in the other backend: its own class inherits a _dispose that does nothing
    code: bytes = machine.emit_object(module)
    return code
