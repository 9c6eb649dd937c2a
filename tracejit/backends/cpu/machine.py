"""From the text of a generated file to an object file of this machine."""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import binding
from llvmlite.binding.newpassmanagers import NewPassManager

from tracejit.backends.cpu.launch import ENTRY as ENTRY
from tracejit.backends.cpu.launch import program, region
from tracejit.backends.cpu.prelude import WORDS
from tracejit.backends.llvm.ahead import put_in_place
from tracejit.backends.llvm.translate import translated


def module_of(text: str, path: str = "") -> Any:
    """The LLVM module of a file; errors are those of ``translated``."""
    return translated(text, path, WORDS, {"program": program, "region": region})


def object_code(module: Any) -> bytes:
    """The optimised object file of a module, for this machine."""
    machine = _machine()
    code: bytes = machine.emit_object(optimised(module, machine))
    return code


def optimised(module: Any, machine: Any) -> Any:
    """A module as LLVM makes it before it chooses instructions."""
    assembled = binding.parse_assembly(str(module), binding.create_context())  # of its own, which goes with the module
    assembled.triple, assembled.data_layout = machine.triple, str(machine.target_data)
    assembled.verify()
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    passes = builder.getModulePassManager()
    passes.run(assembled, builder)
    NewPassManager._dispose(passes)  # its own class inherits a _dispose that does nothing, and 100 KB would stay for ever
    put_in_place(assembled, builder)
    return assembled


def _machine() -> Any:
    """The machine that this process runs on; one for each compilation, since it keeps what it has emitted."""
    target, cpu, features = _host()
    return target.create_target_machine(cpu=cpu, features=features, opt=3, reloc="pic", codemodel="default")


@functools.cache
def _host() -> tuple[Any, str, str]:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    features: str = binding.get_host_cpu_features().flatten()
    return binding.Target.from_default_triple(), binding.get_host_cpu_name(), features
