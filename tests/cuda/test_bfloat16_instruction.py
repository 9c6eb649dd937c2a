"""Rounding to bfloat16: an instruction where a GPU has it, with NaN as defined; integer operations elsewhere."""

import ctypes
import re

import llvmlite.binding as binding
import numpy as np
import pytest
from cuda_tools import cuda_source
from test_half_precision import BF16, assert_same, numbers_between

from tracejit.backends.cuda.compile import compile_kernels, compile_ptx, translated_kernels
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE

GRAPH = """
def product(x: bf16[n], y: bf16[n]):
    t0: bf16[n] = multiply(x, y)
    return (t0,), {}
"""
MODEL = """
define i32 @model(float %x, float %zero) {
  %half = call i16 @by_integers(float %x)
  %wide = zext i16 %half to i32
  %upper = shl i32 %wide, 16
  %is_nan = fcmp uno float %x, %zero
  %near = select i1 %is_nan, i32 2147418112, i32 %upper
  ret i32 %near
}
"""  # what the PTX manual says of cvt.rn.bf16x2: the first operand in the upper half, NaN as 0x7FFF


def rounding(rounds):
    """The function of a module that rounds to bfloat16."""
    _, source = cuda_source(parse_graph(GRAPH, TABLE))
    text, _ = translated_kernels(source.text, "generated.py", rounds=rounds)
    (found,) = re.findall(r'define internal (i16 @"tracejit_to_bf16".*?\n})', text, re.DOTALL)
    return f"define {found}\n"


@pytest.mark.parametrize("cc", [(8, 0), (9, 0)])
def test_gpus_round_by_an_instruction_from_ampere_on(cc):
    _, source = cuda_source(parse_graph(GRAPH, TABLE))
    assert compile_ptx(source.text, "generated.py", cc).count("cvt.rn.bf16x2.f32") == 8
    assert "cvt.rn.bf16" not in compile_ptx(source.text, "generated.py", (7, 5))
    for kernel in compile_kernels(source.text, "generated.py", cc).values():
        assert kernel.spills == kernel.stack == 0


def test_what_the_instruction_leaves_becomes_what_is_defined():
    integers = rounding(False).replace("tracejit_to_bf16", "by_integers")
    repaired, count = re.subn(r"call i32 asm [^(]*\(", "call i32 @model(", rounding(True))
    assert count == 1
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    module = binding.parse_assembly(integers + MODEL + repaired)
    engine = binding.create_mcjit_compiler(module, binding.Target.from_default_triple().create_target_machine())
    round_one = ctypes.CFUNCTYPE(ctypes.c_uint16, ctypes.c_float)(engine.get_function_address("tracejit_to_bf16"))
    with np.errstate(all="ignore"):
        x = np.r_[numbers_between(BF16)[::7], np.array([0x7F800001, 0xFFC12345, 0xFF800001], np.uint32).view(np.float32)]
        expected = x.astype(BF16)
        found = np.array([round_one(float(number)) for number in x], np.uint16).view(BF16)
        assert_same(found, expected)
        np.testing.assert_array_equal(found.view(np.uint16), expected.view(np.uint16))
