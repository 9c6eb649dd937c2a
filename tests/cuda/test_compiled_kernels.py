"""CUDA files compiled to machine code for two generations of GPUs, without a GPU: what came out is read."""

import re

import pytest
from cuda_tools import cuda_source
from test_emulated_ops import NAMES, op_program
from test_emulated_schedules import GRAPHS

from tracejit.backends.cuda.compile import assembled, compile_kernels, compile_ptx
from tracejit.errors import CompileError
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE

OLD, NEW = (8, 0), (9, 0)
MOST_REGISTERS = 72  # of a thread: a processor of 65536 then keeps 900 threads
ROOMY = {  # four points of a lane, added up twice; eight; runs that are sorted
    "scan_and_join": 160, "half_softmax": 76, "softmax": 76, "sort": 100, "sort_of_one_row": 100, "scatter": 100
}  # fmt: skip
TRIGONOMETRIC = {"sin", "cos", "tan", "exp", "lgamma", "digamma"}  # large arguments are reduced with digits of pi on the stack
REGISTERS = 65536  # of a processor
TILE = 32 * 33 * 4  # bytes of shared memory for a tile of f32
MOST_SHARED = 5120  # bytes: 4096 for what threads exchange, 1024 that the GPU takes


def kernels_of(source):
    """The kernels of a file for both architectures, and threads of a block; PTX for the older one serves both."""
    ptx = compile_ptx(source.text, "generated.py", OLD)
    threads = {name: int(most) for name, most in re.findall(r"\.entry (\w+)\([^)]*\)\s*\.maxntid (\d+)", ptx)}
    return [assembled(ptx, "generated.py", cc) for cc in (OLD, NEW)], threads


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sort"])  # that is argsort and gather there
def test_ops_compile_without_spills(name):
    _, source = cuda_source(op_program(name).graph)
    regions = set(re.findall(r"@region\ndef (\w+)\(", source.text))
    compiled, threads = kernels_of(source)
    for kernels in compiled:
        assert kernels.keys() == threads.keys() == regions
        for kernel in kernels.values():
            assert kernel.cubin.startswith(b"\x7fELF") and kernel.entry in regions
            assert kernel.spills == 0, kernel.entry
            assert kernel.stack <= (40 if name in TRIGONOMETRIC else 0), kernel.entry
            assert kernel.registers * threads[kernel.entry] <= REGISTERS, kernel.entry


@pytest.mark.parametrize("name", GRAPHS)
def test_schedules_compile_without_spills_into_few_registers(name):
    _, source = cuda_source(parse_graph(GRAPHS[name], TABLE))
    for cc in (OLD, NEW):
        for kernel in compile_kernels(source.text, "generated.py", cc).values():
            assert kernel.spills == kernel.stack == 0, kernel.entry
            assert kernel.registers <= ROOMY.get(name, MOST_REGISTERS), kernel.entry
            assert kernel.shared <= MOST_SHARED + TILE * source.text.count("_tile("), kernel.entry


def test_memory_of_kernels_is_global_and_products_with_sums_are_rounded_once():
    graph = parse_graph(
        """
def f(x: f32[n], y: f32[n], z: f32[n]):
    t0: f32[n] = multiply(x, y)
    t1: f32[n] = add(t0, z)
    return (t1,), {}
""",
        TABLE,
    )
    _, source = cuda_source(graph)
    ptx = compile_ptx(source.text, "generated.py", NEW)
    assert "fma.rn.f32" in ptx
    assert not re.search(r"\b(ld|st)\.f32", ptx), "a load or a store that does not know its memory"


def test_neighbours_are_accessed_by_128_bits_beside_single_ones():
    """Two accesses of each operand where it is the only one, so that a thread waits for 32 bytes; see ``cuda_walks``."""
    halves = (("half_chain", 2, 1), ("half_softmax", 6, 2), ("half_product", 1, 1))
    for name, loads, stores in (("chain", 2, 1), ("softmax", 12, 4), ("argmax", 4, 0), ("swap", 2, 2), *halves):
        _, source = cuda_source(parse_graph(GRAPHS[name], TABLE))
        ptx = compile_ptx(source.text, "generated.py", NEW)
        wide = {"chain": "v4.f32", "softmax": "v4.f32", "argmax": "v4.f32", "swap": "v2.f64"}.get(
            name, "v4.u32"
        )  # of eight halves
        each = 2 if wide == "v2.f64" else 1
        assert ptx.count(f"ld.global.{wide}") == each * loads, name
        assert ptx.count(f"st.global.{wide}") == each * stores, name
        assert "ld.local" not in ptx and "st.local" not in ptx, name


@pytest.mark.parametrize(("dtype", "instruction"), [("f32", "add.f32"), ("f64", "add.f64"), ("i64", "add.u64"), ("i32", "add")])
def test_scatters_are_atomic_only_where_that_is_asked_for(dtype, instruction):
    graph = parse_graph(GRAPHS["scatter"].replace("f32", dtype), TABLE)
    found = {atomic: compile_ptx(cuda_source(graph, atomic)[1].text, "generated.py", NEW) for atomic in (False, True)}
    assert re.search(rf"(red|atom)\.global\.{re.escape(instruction)}", found[True])
    assert not re.search(r"\b(red|atom)\.", found[False])


def test_a_file_that_is_no_kernel_says_the_line():
    text = "from prelude import region\n\n\n@region\ndef region_0(args):\n    x = nothing(args[0])\n"
    with pytest.raises(CompileError, match=r"generated.py: line 6: nothing is no word of the prelude"):
        compile_ptx(text, "generated.py", NEW)


def test_what_a_word_gives_is_taken_by_as_many_names():
    head = "from prelude import across_before, f32, program, region\n\n\n@region\ndef region_0(args):\n"
    line, tail = "    {} = across_before(f32(1), f32(0))\n", "\n\n@program\ndef step(table):\n    return\n"
    assert "shfl" in compile_ptx(head + line.format("x, y") + tail, "generated.py", NEW)
    with pytest.raises(CompileError, match=r"generated.py: line 6: as many values as targets are needed"):
        compile_ptx(head + line.format("x, y, z") + tail, "generated.py", NEW)
    with pytest.raises(CompileError, match=r"line 7: an operand is 2 values, and must be a number"):
        compile_ptx(head + line.format("x") + "    y = x + f32(1)\n" + tail, "generated.py", NEW)
