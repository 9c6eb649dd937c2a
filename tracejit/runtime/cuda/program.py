"""From a traced graph to the kernels of a device program, through every printable stage."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from tracejit.codegen.cuda import Cuda
from tracejit.codegen.emit import emit
from tracejit.codegen.source import Source
from tracejit.config import config
from tracejit.ir import Graph
from tracejit.runtime import cache
from tracejit.runtime.cuda.driver import Driver, Module, driver, missing_extra
from tracejit.runtime.cuda.steps import Step, load_step
from tracejit.runtime.program import Observe, Options, pinned
from tracejit.schedule import Schedule, plan
from tracejit.transforms.passes import optimize


class Kernels:
    """The kernels of one generated file, loaded; programs of equal files share them."""

    __slots__ = ("__weakref__", "by_region", "step")

    def __init__(self, by_region: Mapping[str, Any], step: Step) -> None:
        self.by_region, self.step = by_region, step


@dataclass(frozen=True, eq=False)
class Program:
    """A device program, before it is bound to memory.

    Attributes:
        graph: The optimized graph.
        schedule: Its plan.
        source: The generated file.
        path: Where the file is.
        kernels: Its kernels.
        driver: Where they are loaded.
        compiled: Whether they were compiled for this program; if not, they were found in the process or in the cache.
    """

    graph: Graph
    schedule: Schedule
    source: Source
    path: Path
    kernels: Kernels
    driver: Driver
    compiled: bool = True


_EPILOGUES = {"exact": ("bias",), "fast": ("bias", "relu", "gelu")}
_loaded: WeakValueDictionary[tuple[int, str], Kernels] = WeakValueDictionary()
_loading = threading.Lock()


def compile_program(graph: Graph, options: Options, observe: Observe = lambda stage, value: None) -> Program:
    """Optimize, plan, emit, and compile or load a graph for the GPU of this process.

    Args:
        graph: As traced, derivatives and updates included.
        options: See there.
        observe: Told of each pass's graph, the schedule and the source, by name.

    Raises:
        MissingExtraError, DeviceError: There is nothing to run it on.
        PinError: The pinned file is for another program.
    """
    device = driver()
    optimized = optimize(graph, observe)
    epilogues = _EPILOGUES[config().epilogues]
    schedule = plan(optimized, moments=False, half_products=True, sorts_values=False, epilogues=epilogues)
    observe("schedule", schedule)
    source = emit(schedule, options.math, _target())
    observe("source", source)
    if options.pin is None:
        path = cache.write_source(source.text)
    else:
        source, path = pinned(source, f"{optimized}{options.math} cuda", Path(options.pin))
    kernels, compiled = _kernels(source.text, path, device)
    return Program(optimized, schedule, source, path, kernels, device, compiled)


def stamped(program: Program, math: str) -> Program:
    """The same with a stamp before each step and behind the last."""
    source = emit(program.schedule, math, _target(), stamps=True)
    path = cache.write_source(source.text)
    kernels, _ = _kernels(source.text, path, program.driver)
    return replace(program, source=source, path=path, kernels=kernels)


def _target() -> Cuda:
    return Cuda(atomic=config().scatter == "atomic")


def _kernels(text: str, path: Path, device: Driver) -> tuple[Kernels, bool]:
    """The kernels of a file, and whether they were compiled here and now."""
    with _loading:
        found, compiled = _loaded.get((id(device), text)), False
        if found is None:
            module = _module(text, path, device.compute_capability) if device.needs_code else Module(text, path)
            compiled = module.compiled
            made = Kernels(device.load(module), load_step(text, str(path), device.geometry))
            found = _loaded[id(device), text] = made
    return found, compiled


def _module(text: str, path: Path, capability: tuple[int, int]) -> Module:
    """A generated file with its machine code, compiled, or from the cache."""
    from tracejit.backends.cuda.compile import compile_kernels, key_parts

    try:
        versions = key_parts()
    except RuntimeError as error:  # the loader's, which cannot find NVIDIA's compiler
        raise missing_extra(str(error).splitlines()[0]) from None
    key = cache.code_key(text, capability, *versions)
    made: list[cache.CompiledObject] = []

    def make() -> cache.CompiledObject:
        made.append(packed(compile_kernels(text, str(path), capability)))
        return made[0]

    found = cache.compiled(key, make)
    entries = dict(line.split(" ") for line in found.symbol.splitlines())
    return Module(text, path, found.object_code, entries, compiled=bool(made))


def packed(kernels: Mapping[str, Any]) -> cache.CompiledObject:
    """The kernels of a file as an object of the cache: the image that they share, and a line ``name entry`` of each."""
    (cubin,) = {kernel.cubin for kernel in kernels.values()} or {b""}
    return cache.CompiledObject(cubin, "\n".join(f"{name} {kernel.entry}" for name, kernel in kernels.items()))
