"""A device program whose generated file is written by hand: a product, then a kernel that scales it."""

from pathlib import Path

import numpy as np

from tracejit.codegen.source import HEAD, Layout, Source
from tracejit.ir.parse import parse_graph
from tracejit.ir.size import symbol
from tracejit.ops import TABLE
from tracejit.runtime.cuda.driver import Module
from tracejit.runtime.cuda.executable import Executable
from tracejit.runtime.cuda.program import Kernels, Program
from tracejit.runtime.cuda.steps import load_step
from tracejit.schedule.schedule import Slot

X = np.arange(6, dtype=np.float32).reshape(3, 2)
W = np.array([[1, 2], [3, 4]], np.float32)

GRAPH = """
def scaled(x: f32[n, 2], w: f32[2, 2], rate: f64):
    t0: f32[n, 2] = matmul(x, w)
    return (t0,), {}
"""
# words: 8 n, 9 x, 10 w, 11 rate, 12 out, 13 slot, 14 workspace, 15 to 18 the kernel's arguments
TEXT = '''
from prelude import f32, f32_at, gemm_nn, launch, program, region


@region
def region_0(args):
    """scales the product, model.py:3"""
    out[i] = t * rate  # model.py:3  y = rate * (x @ w)


@program
def step(table):
    n = table[8]
    s0, x0, x1 = f32_at(table[13], n * 2), f32_at(table[9], n * 2), f32_at(table[10], 4)
    gemm_nn(table, s0, x0, x1, n, 2, 2, 2, 2, 2, f32(1), f32(0))
    launch(region_0, table, 15, -(-n // 64), 64, n)
'''
COPIED = ((15, 13), (16, 12), (17, 11), (18, 8))


def scale(driver, address, blocks, threads, n):
    source, target, rate, size = driver.words(address, 4)
    assert (blocks, threads, n) == (-(-size // 64), 64, size)
    factor = driver.array(rate, 1, np.float64)[0]
    driver.array(target, 2 * n)[:] = driver.array(source, 2 * n) * np.float32(factor)


def executable(driver, held=None, text=TEXT, checks=(), guards=lambda sizes: True):
    n = symbol("n")
    graph = parse_graph(GRAPH, TABLE)
    layout = Layout({"n": HEAD}, (9, 10, 11), (12,), (13,), 14, (), 19)
    source = Source(text, layout, (Slot(n * 8, 0, 0),), (), tuple(checks), COPIED)
    path = Path("generated.py")
    kernels = Kernels(driver.load(Module(text, path)), load_step(text, str(path), driver.geometry))
    return Executable(Program(graph, None, source, path, kernels, driver), held or {}, guards)
