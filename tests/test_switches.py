"""Every optimisation switched off in turn gives the same results: on random programs, and on those of the golden files."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from backend_tools import run_cpu, run_python, uncompiled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_tools import assert_agree, programs
from test_golden import GRAPHS

from tracejit.codegen import cpu, straight
from tracejit.codegen.together import Run
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.schedule import cost, fuse, memory, prepare
from tracejit.transforms import passes

emit = importlib.import_module("tracejit.codegen.emit")  # the packages' names for these are those of functions
plan = importlib.import_module("tracejit.schedule.plan")

Patches = tuple[tuple[Any, str, Any], ...]


def without(transform: Callable[..., Any]) -> Patches:
    return ((passes, "PIPELINE", tuple(p for p in passes.PIPELINE if p is not transform)),)


def limits(**sizes: int) -> Patches:
    return tuple((cost, name, size) for name, size in sizes.items())


SWITCHES: dict[str, Patches] = {
    "no pass at all": ((passes, "PIPELINE", ()),),
    **{f"no {transform.__name__}": without(transform) for transform in dict.fromkeys(passes.PIPELINE)},
    "each node in a loop of its own": ((fuse._Fusion, "join", lambda *_: False),),
    "loops that read the same apart": ((fuse._Fusion, "join_siblings", lambda *_: None),),
    "nothing computed again": ((plan, "rematerialise", lambda *_: None),),
    "means and variances in two passes": ((plan, "match_moments", lambda graph: graph),),
    "middle axes turned when all is computed": ((plan, "turn_reductions", lambda graph: graph),),
    "products apart from updates": ((prepare, "match_products", lambda builder, graph: graph),),
    "no update in place": ((plan, "_place_updates", lambda *_: {}),),
    "parts put together afterwards": ((plan, "_parts_in_place", lambda *_: {}),),
    "small loops as they come": ((plan, "_patient", lambda *_: set()),),
    "one launch a loop": (
        (emit, "runs", lambda s, flags: (Run([i], straight.is_straight(s, step)) for i, step in enumerate(s.steps))),
    ),
    "few elements in loops": ((straight, "FEW", 0),),
    "every number kept": ((prepare, "MOST_DEPTH", 1),),
    "nothing changed where it is": ((memory, "_changed", lambda step: None),),
    "nothing written over what dies": ((memory, "_replaceable", lambda *_: []),),
    "every sweep computes anew": ((cpu.Cpu, "keeps_elements", False),),
    "rows one after the other": limits(SHORT_SUM=0, SHORT_MATH=0, SHORT_SEARCH=0),
    "short rows in small blocks": limits(SHORT_BYTES=8),
    "columns one after the other": limits(COLUMN_BYTES=0),
    "columns in small blocks": limits(COLUMN_BYTES=8),
    "sums of columns without tiles": limits(TILE_BYTES=0),
    "sums of columns in small tiles": limits(TILE_BYTES=8, TILE_ROWS=2),
    "sums of few rows as of many": limits(FEW_ROWS=0),
    "transposed operands without tiles": limits(CROSSED=0),
    "transposed operands in small tiles": limits(CROSSED=2),
}


OTHERS = """
def filled(x: f32, v: f32[2], w: f32[2]):
    t0: f32 = exp(x)
    t1: f32 = sin(t0)
    t2: f32 = constant(value=0.0, dtype=f32)
    t3: f32[5] = broadcast(t2, shape=(5,), axes=())
    t4: f32[2] = exp(v)
    t5: f32[5] = slice_update(t3, t4, starts=(0,), steps=(1,))
    t6: f32[2] = sin(w)
    t7: f32[5] = slice_update(t5, t6, starts=(1,), steps=(1,))
    return (t1, t7), {}

def folded(x: f32[n]):
    t0: f32 = constant(value=2.0, dtype=f32)
    t1: f32 = exp(t0)
    t2: f32[n] = broadcast(t1, shape=(n,), axes=())
    t3: f32[n] = multiply(x, t2)
    return (t3,), {}

def simplified(x: f32[n]):
    t0: f32[n] = negative(x)
    t1: f32[n] = negative(t0)
    t2: f32[n] = exp(t1)
    return (t2,), {}

def thin(x: f32[n, 1], w: f32[1, m]):
    t0: f32[n, m] = matmul(x, w)
    return (t0,), {}

def squeezed(x: f32[n, 1]):
    t0: f32[n, 1] = exp(x)
    t1: f32[n] = reshape(t0, shape=(n,))
    t2: f32[n] = reduce_sum(t0, axes=(1,))
    return (t1, t2), {}

def computed_again(x: f32[n, n], y: f32[n, n]):
    t0: f32[n, n] = multiply(x, x)
    t1: f32[n, n] = exp(t0)
    t2: f32[n, n] = matmul(t1, y)
    t3: f32[n, n] = add(t0, t2)
    return (t3,), {}

def turned(x: f32[n, m, c]):
    t0: f32[n, m, c] = exp(x)
    t1: f32[n, c] = reduce_sum(t0, axes=(1,))
    return (t1,), {}

def written_over(x: f32[n, n]):
    t0: f32[n, n] = matmul(x, x)
    t1: f32[n, n] = exp(t0)
    t2: f32[n, n] = matmul(t1, x)
    return (t2,), {}
"""
"""For switches that change no golden file."""


@contextmanager
def off(switch: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRACEJIT_CHECK", "1")  # so that no file is taken from the cache
        for where, name, value in SWITCHES[switch]:
            patch.setattr(where, name, value)
        fuse.forget()
        yield
    fuse.forget()


def files() -> list[str]:
    graphs = [*GRAPHS.values(), *OTHERS.split("\n\n")]
    return [uncompiled(parse_graph(text.strip() + "\n", TABLE)).source.text for text in graphs]


many = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_switch_makes_some_program_another_one(switch: str) -> None:
    usual = files()
    with off(switch):
        assert files() != usual


@pytest.mark.parametrize("switch", SWITCHES)
@many
@given(program=programs())
def test_a_random_program_means_the_same_without_an_optimisation(switch: str, program: Any) -> None:
    with off(switch):
        found = run_python(program)
    assert_agree(found, program.evaluated(), program)


@settings(many, max_examples=40)
@given(program=programs(steps=16), switch=st.sampled_from(list(SWITCHES)))
def test_machine_code_without_an_optimisation_means_the_same(program: Any, switch: str) -> None:
    with off(switch):
        found = run_cpu(program)
    assert_agree(found, program.evaluated(), program)
