"""Every op of the table as a CUDA file that both emulators run: one file an op, with all its samples and dtypes."""

import itertools

import numpy as np
import pytest
from cuda_tools import MACHINES, Machine, run_emulated
from op_tools import cases, graph_of
from program_tools import Program

from tracejit.backends.cuda.geometry import Geometry
from tracejit.ir.dtype import bfloat16, is_half
from tracejit.ops import TABLE

CASES = {name: [case for case in cases() if case.op.name == name] for name in TABLE}
del CASES["checked_index"]  # its sample has no size to check against; the schedule of that name has
NAMES = [name for name, found in CASES.items() if found]
CLOSE = {np.dtype(np.float16): 1e-3, bfloat16(): 8e-3, np.dtype(np.float32): 3e-5, np.dtype(np.complex64): 3e-5}


def op_program(name):
    """One program of all cases of an op."""
    found = CASES[name]
    groups = [case.arrays() for case in found]
    starts = np.cumsum([0, *map(len, groups)])

    def function(*nodes):
        parts = [nodes[begin:end] for begin, end in itertools.pairwise(starts)]
        return [case.op(*part, **case.sample.attrs) for case, part in zip(found, parts, strict=True)]

    arrays = [array for group in groups for array in group]
    return Program(graph_of(function, arrays), tuple(arrays), {})


@pytest.mark.parametrize("way", MACHINES)
@pytest.mark.parametrize("name", NAMES)
def test_ops_mean_what_numpy_says(name, way):
    program = op_program(name)
    for found, expected, case in zip(run_emulated(program, MACHINES[way]()), program.evaluated(), CASES[name], strict=True):
        assert found.dtype == expected.dtype
        rtol = CLOSE.get(found.dtype, 1e-12)
        found, expected = (np.asarray(x, np.float32) if is_half(x.dtype) else x for x in (found, expected))
        np.testing.assert_allclose(found, expected, rtol=rtol, err_msg=str(case))


@pytest.mark.parametrize("name", ["reduce_sum", "reduce_prod"])
def test_columns_are_joined_in_blocks_as_large_as_a_gpus(name):
    program = op_program(name)
    for found, expected, case in zip(run_emulated(program, Machine(Geometry())), program.evaluated(), CASES[name], strict=True):
        np.testing.assert_allclose(found, expected, rtol=CLOSE.get(found.dtype, 1e-12), err_msg=str(case))
