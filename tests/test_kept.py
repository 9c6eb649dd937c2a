"""Generated files that the cache holds: found again from the graph alone, never for another graph, made anew where damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from program_tools import programs

import tracejit as tj
from tracejit.codegen.emit import emit
from tracejit.ir import Builder, Graph, TensorSpec, Where, symbol
from tracejit.ops import TABLE
from tracejit.runtime import cache, kept, program
from tracejit.schedule import plan
from tracejit.transforms import optimize

X = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def softmax(x, i):
    y = np.exp(x - x.max(axis=1, keepdims=True))
    return (y / y.sum(axis=1, keepdims=True))[i], np.sort(x, axis=0)


def made(monkeypatch):
    """The programs that are planned from now on."""
    seen = []
    planned = program._planned
    monkeypatch.setattr(program, "_planned", lambda graph, *rest: seen.append(graph.name) or planned(graph, *rest))
    return seen


def twice(function, *args):
    """Results of a function that is traced and run, and of another that finds the file of the first."""
    first, second = tj.function(function), tj.function(function)
    return first(*args), second(*args), first, second


def test_the_file_of_an_equal_graph_is_found_without_passes_or_schedule(monkeypatch):
    seen = made(monkeypatch)
    one, other, f, g = twice(softmax, X, 1)
    assert seen == ["softmax"]
    for x, y in zip(one, other, strict=True):
        assert np.array_equal(x, y)
    assert str(g.source()) == str(f.source()) and seen == ["softmax"]
    assert str(g.schedule()) == str(f.schedule()) and str(g.graph()) == str(f.graph())
    assert seen == ["softmax", "softmax"]


def test_a_file_that_was_found_serves_other_sizes_and_says_where_an_index_is_out_of_bounds():
    *_, f, g = twice(softmax, X, 1)
    big = np.random.default_rng(0).standard_normal((50, 40), np.float32)
    for x, y in zip(f(big, 2), g(big, 2), strict=True):
        assert np.array_equal(x, y)
    errors = []
    for function in (f, g):
        with pytest.raises(tj.IndexOutOfBoundsError) as error:
            function(X, 5)
        errors.append(str(error.value))
    assert errors[0] == errors[1] and "sum(axis=1, keepdims=True))[i]" in errors[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(example=programs())
def test_what_is_found_is_what_was_kept(example):
    optimized = optimize(example.graph)
    source = emit(plan(optimized))
    assert optimized.inputs == example.graph.inputs
    assert [x.spec for x in optimized.outputs] == [x.spec for x in example.graph.outputs]
    assert [x for x, _ in optimized.updates] == [x for x, _ in example.graph.updates]
    key = kept.key_of(example.graph, "accurate")
    path = cache.write_source(source.text)
    kept.keep(key, source, cache.meaning(source.text))
    assert kept.find(key) == (source, path, cache.code_key(source.text))


# --------------------------------------------------------------------------------------------------------------- the key


N = symbol("n")


def graph_of(name="f", shape=(3, N), dtype="f4", value=2.0, axes=(1,), line=3, first="x", op="multiply", swap=False):
    builder = Builder(TABLE, lambda: Where("model.py", line, "f"))
    x, y = builder.input(first, TensorSpec(shape, dtype)), builder.input("y", TensorSpec(shape, dtype))
    pair = (y, x) if swap else (x, y)
    scaled = builder.apply(op, *pair)
    total = builder.apply("reduce_sum", scaled, axes=axes)
    return Graph(name, (x, y), (total, builder.constant(value, np.dtype(dtype))), ((x, scaled),))


CHANGES = [
    {"name": "g"},
    {"shape": (4, N)},
    {"shape": (3, symbol("m"))},
    {"shape": (3, 3)},
    {"dtype": "f8"},
    {"value": -2.0},
    {"value": np.nextafter(np.float32(2), np.float32(3))},
    {"value": 0.0},
    {"value": -0.0},
    {"value": float("nan")},
    {"value": float("inf")},
    {"axes": (0,)},
    {"axes": (0, 1)},
    {"line": 4},
    {"first": "z"},
    {"op": "add"},
    {"swap": True},
]


def test_graphs_that_differ_in_anything_have_different_keys():
    keys = {kept.key_of(graph_of(**change), "accurate") for change in ({}, *CHANGES)}
    graph = graph_of()
    turned = Graph(graph.name, graph.inputs, graph.outputs[::-1], graph.updates)
    plain = Graph(graph.name, graph.inputs, graph.outputs)
    keys |= {kept.key_of(g, "accurate") for g in (turned, plain)} | {kept.key_of(graph, "libm")}
    assert len(keys) == len(CHANGES) + 4 and None not in keys
    assert kept.key_of(graph_of(), "accurate") in keys


def test_the_sources_of_the_compiler_and_the_libraries_are_in_the_key(monkeypatch):
    keys = {kept.key_of(graph_of(), "accurate")}
    for owner, name, value in (
        (kept, "_compiler", lambda: "0"),
        (kept.np, "__version__", "0"),
        (kept.sys, "version", "0"),
        (cache, "_environment", lambda: ("another machine",)),
    ):
        with monkeypatch.context() as context:
            context.setattr(owner, name, value)
            keys.add(kept.key_of(graph_of(), "accurate"))
    assert len(keys) == 5


def test_every_source_that_decides_a_file_is_hashed(tmp_path):
    package = Path(kept.__file__).parents[1]
    for part in kept._COMPILER:
        (tmp_path / part).mkdir()
        for file in (package / part).glob("*.py"):
            (tmp_path / part / file.name).write_bytes(file.read_bytes())
    folders = [tmp_path / part for part in kept._COMPILER]
    before = cache.sources(*folders)
    with open(tmp_path / "transforms" / "fold.py", "a") as file:
        file.write("#\n")
    assert before == cache.sources(*[package / part for part in kept._COMPILER]) != cache.sources(*folders)


def test_a_graph_with_something_that_no_text_stands_for_is_not_kept():
    builder = Builder(TABLE)
    x = builder.input("x", TensorSpec((3,), "f4"))
    node = builder.apply("add", x, x)
    node.attrs = {"table": object()}
    assert kept.key_of(Graph("f", (x,), (node,)), "accurate") is None


def test_a_changed_line_of_the_user_makes_another_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = "import tracejit as tj\n\n@tj.function\ndef f(x):\n    return x * 2  # {}\n"
    sources = []
    for remark in ("one", "two"):
        (tmp_path / "model_of_kept.py").write_text(text.format(remark))
        text_of_process = "import model_of_kept as m, numpy as np; m.f(np.ones(3)); print(m.f.source())"
        sources.append(process(text_of_process, tmp_path))
    assert "# one" in sources[0] and "# two" in sources[1]


# --------------------------------------------------------------------------------------------------------------- damage


DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "a bit": lambda content: content[:-20] + bytes([content[-20] ^ 1]) + content[-19:],
    "no text": lambda content: b"\xff" * 100,
    "of another": lambda content: content.replace(b'"late": []', b'"late": [0]'),
}


@pytest.mark.parametrize("suffix", ["plan", "py"])
@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "of another"])
def test_damage_is_noticed_and_mended(folder, monkeypatch, suffix, damage):
    expected = tj.function(softmax)(X, 1)
    for path in folder.glob(f"*.{suffix}"):
        path.write_bytes(DAMAGE[damage](path.read_bytes()))
    seen = made(monkeypatch)
    for count in (1, 1):
        found = tj.function(softmax)(X, 1)
        assert all(np.array_equal(x, y) for x, y in zip(found, expected, strict=True))
        assert len(seen) == count


def test_a_record_that_was_edited_is_not_believed(folder, monkeypatch):
    tj.function(softmax)(X, 1)
    (plan_file,) = folder.glob("*.plan")
    content = plan_file.read_bytes()
    plan_file.write_bytes(DAMAGE["of another"](content))
    assert plan_file.read_bytes() != content
    seen = made(monkeypatch)
    tj.function(softmax)(X, 1)
    assert seen == ["softmax"]


def test_a_record_under_the_name_of_another_is_not_believed(folder, monkeypatch):
    tj.function(lambda x: x + 1)(X)
    (one,) = folder.glob("*.plan")
    tj.function(lambda x: x - 1)(X)
    (other,) = set(folder.glob("*.plan")) - {one}
    other.write_bytes(one.read_bytes())
    assert np.array_equal(tj.function(lambda x: x - 1)(X), X - 1)


@pytest.mark.parametrize("suffix", ["plan", "py", "obj"])
def test_a_file_that_is_gone_is_made_again(folder, suffix):
    tj.function(softmax)(X, 1)
    names = sorted(os.listdir(folder))
    for path in folder.glob(f"*.{suffix}"):
        path.unlink()
    found = tj.function(softmax)(X, 1)
    assert np.array_equal(found[1], X) and sorted(os.listdir(folder)) == names


# ------------------------------------------------------------------------------------------------------------- warm start


STEP = """
import sys, numpy as np, tracejit as tj
w = tj.Variable(np.ones((4, 3), np.float32))
optimizer = tj.optim.Adam(0.1)

@tj.function
def step(x):
    with tj.GradientTape() as tape:
        loss = (np.tanh(x @ w) ** 2).mean()
    optimizer.apply(tape.gradient(loss, [w]), [w])
    return loss

step(np.ones((5, 4), np.float32))
"""


def process(text, folder):
    path = os.pathsep.join([str(folder), str(Path(tj.__file__).parents[1])])
    run = subprocess.run([sys.executable, "-c", text], env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_warm_start_loads_neither_passes_nor_scheduler_nor_compiler(tmp_path):
    tell = "print(*sorted(name for name in sys.modules))"
    process(STEP, tmp_path)
    loaded = process(STEP + tell, tmp_path).split()
    assert "tracejit.codegen.source" in loaded and "tracejit.codegen.emit" not in loaded
    for name in ("tracejit.backends.llvm.translate", "tracejit.backends.python.run", "scipy"):
        assert name not in loaded
