"""The language of generated files: what its statements mean as machine code, and how what is not in it is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from native import native, table_of

from tracejit.backends.cpu.compile import compile_source
from tracejit.backends.cpu.machine import module_of
from tracejit.backends.python.run import load_source
from tracejit.errors import CompileError

HEAD = "from prelude import exp, f32, f32_at, f64, f64_at, i32, i64, i64_at, program, select, u64\n\n@program\ndef step(table):\n"
FIRST = HEAD.count("\n") + 1

MEANINGS = {
    "while with a condition that reads memory only where it may": """
    x = i64_at(table[8], 4)
    i = 3
    while i >= 0 and x[i] > 2:
        i -= 1
    table[10] = i
""",
    "both ways of an if": """
    if table[9] > 3:
        v = f64(1.5)
    else:
        v = f64(2.5)
    f64_at(table[8], 4)[0] = v
""",
    "values change places": """
    a, b = table[8], table[9]
    a, b = b, a
    p, q = i64_at(table[8], 4), i64_at(table[8] + 8, 3)
    for i in range(3):
        p, q = q, p
    table[10] = p[0] + (a - a) + (b - b)
""",
    "a name may be given anew, in one line after another and in blocks": """
    v = table[9]
    v = v + 1
    w = v * 2
    for i in range(3):
        u = w + i
        w = u
    for i in range(2, 9, 3):
        u = f32(i)
        w += i64(u)
    for i in range(5, 0, -2):
        w += i
    table[10] = w
""",
    "integers divide towards minus infinity, and bools add up to numbers": """
    x = i64_at(table[8], 4)
    for i in range(4):
        x[i] = (x[i] - 7) // 3 + (x[i] - 7) % 3 * 100 + (x[i] > 2) + (x[i] > 1) - (not x[i])
""",
    "kinds meet as in NumPy": """
    x = f64_at(table[8], 4)
    x[0] = f32(0.1) + 1
    x[1] = f64(f32(0.1) * i32(3))
    x[2] = f64(f32(0.1) + f64(0.1))
    x[3] = f64(-i32(7) / i32(2))
""",
    "a return leaves": """
    for i in range(4):
        if i == 2:
            table[10] = 7
            return
        table[10] = i
""",
}


@pytest.mark.parametrize("name", MEANINGS)
def test_machine_code_does_what_cpython_does(name: str) -> None:
    outs = []
    for make in (native, lambda text: load_source(text, "generated.py")):
        x = np.array([9, 5, 1, 4])
        table = table_of(x, 4, 0)
        make(HEAD + MEANINGS[name])(table)
        outs.append([*x, *table[9:]])
    assert outs[0] == outs[1]
    assert outs[0] != [9, 5, 1, 4, 4, 0]  # it did something


REFUSED = {
    "import os": "import is no statement of generated files",
    "x = [1]": "[1] is no expression of generated files",
    "x = y": "y has no value here",
    "x = table.size": "table.size is no expression",
    "exp(table)": "exp(a pointer to i64): an operand is a pointer to i64, and must be a number",
    "x = exp(f32(1), f32(2))": "exp(f32, f32)",
    "x = exp(i32(1))": "exp is not for i32",
    "x = sin(f32(1))": "sin is no word",
    "x = f32(1)[0]": "f32(1) is f32, and must be a pointer",
    "table[0] = table": "this is a pointer to i64, and must be i64",
    "table[f32(1)] = 1": "an index is f32, and must be an integer",
    "x = table[0] << 2": "LShift is no operator",
    "for i in range(0, 9, table[0]): pass": "the step of a range must be a number",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_not_in_the_language_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(CompileError, match=re.escape(f"my.py: line {FIRST + 1}: ") + ".*" + re.escape(REFUSED[line])):
        compile_source(f"{HEAD}    n = table[8]\n    {line}\n", "my.py")


def test_a_name_has_one_type() -> None:
    body = "    a = f32(1.0)\n    for i in range(3):\n        a = f64(2.0)\n"
    with pytest.raises(CompileError, match=f"line {FIRST + 2}: a was f32 and becomes f64"):
        compile_source(HEAD + body, "my.py")


def test_what_many_lines_ask_for_is_written_once() -> None:
    region = "@region\ndef region_0(chunk, begin, end, args):\n    f32_at(args[0], 1)[0] = exp(f32(0))\n\n"
    launch = "    parallel_for(region_0, table, 8, 1, 1, 1)\n"
    product = "    gemm_nn(table[2], x, x, x, 1, 1, 1, 1, 1, 1, f32(1), f32(0))\n"
    head = "from prelude import exp, f32, f32_at, gemm_nn, parallel_for, program, region\n\n"
    once, often = (
        str(module_of(f"{head}{region}@program\ndef step(table):\n    x = f32_at(table[8], 1)\n{(launch + product) * count}"))
        for count in (1, 20)
    )
    assert once.count("define") == often.count("define")
    assert often.count("\n") - once.count("\n") < 19 * 8  # lines of a call


def test_a_compile_needs_neither_numba_nor_scipy(tmp_path: object) -> None:
    program = """
import sys, numpy as np, tracejit as tj
f = tj.function(lambda x, w: tj.cross_entropy(np.tanh(x @ w), np.zeros(3, np.int64)))
assert f(np.ones((3, 4), np.float32), np.ones((4, 5), np.float32)) > 0
assert not {"numba", "scipy"} & {name.split(".")[0] for name in sys.modules if "omppool" not in name and "workqueue" not in name}
"""
    environment = os.environ | {"TRACEJIT_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


# --------------------------------------------------------------------------------------------------------------- size


def test_loops_around_loops_are_not_written_out():
    text = (
        HEAD + "    x = f32_at(table[8], 10 * table[9])\n    n = table[9]\n    for j in range({}):\n        for i in range(n):\n"
    )
    text += "            x[j * n + i] = exp(x[j * n + i])\n"
    few, many = (len(compile_source(text.format(count), "generated.py").object_code) for count in (3, 10))
    assert many < 1.2 * few
