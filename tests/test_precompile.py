"""Programs made ahead of time: by ``tracejit.precompile``, and by ``python -m tracejit warm``; the listing of the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tracejit as tj
from tracejit.__main__ import main
from tracejit.runtime import cache


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


MODEL = """
import numpy as np
import tracejit as tj

@tj.function(input_signature=[tj.TensorSpec((None, 3), "float32"), {"w": tj.TensorSpec((3,), "float32")}])
def predict(x, p):
    return np.tanh(x @ p["w"]) * 1.5

@tj.function
def open_ended(x):
    return x + 1

@tj.function
def constant():
    return np.arange(4.0) * 3

class Holder:
    part = tj.function(lambda x: x * 7, input_signature=[tj.TensorSpec((2,), "float64")])

def plain(x):
    return x
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    (tmp_path / "warm_model.py").write_text(MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "warm_model"
    sys.modules.pop("warm_model", None)


def test_a_program_made_from_specs_is_the_one_that_calls_use() -> None:
    f = tj.function(lambda x, p, rate: np.tanh(x @ p["w"]) * rate)
    made = tj.precompile(f, [tj.TensorSpec((None, 3), "float32"), {"w": tj.TensorSpec((3,), "float32")}, 0.5])
    assert made.compiled and Path(made.path).exists()
    out = f(np.ones((5, 3), np.float32), {"w": np.ones(3, np.float32)}, 2.0)
    np.testing.assert_allclose(out, np.full(5, np.tanh(3) * 2), rtol=1e-6)
    assert f.compilations == 1
    assert not tj.precompile(f, {"x": np.ones((2, 3), np.float32), "p": {"w": np.ones(3, np.float32)}, "rate": 0.1}).compiled
    assert f.compilations == 1


def test_another_function_like_it_finds_the_program_in_the_cache() -> None:
    first, second = (tj.function(lambda x: np.sin(x) * 1.25) for _ in range(2))
    assert tj.precompile(first, tj.TensorSpec((None,), "float64")).compiled
    assert not tj.precompile(second, np.ones(4)).compiled


def test_a_method_is_made_for_its_object() -> None:
    class Line:
        def __init__(self) -> None:
            self.slope = tj.Variable(np.float64(3))

        @tj.function
        def at(self, x):
            return self.slope * x

    line = Line()
    assert tj.precompile(line.at, [tj.TensorSpec((None,), "float64")]).name == "at"
    assert line.at(np.ones(2)).tolist() == [3, 3] and Line.at.compilations == 1


def test_what_cannot_be_made_ahead_is_said() -> None:
    with pytest.raises(TypeError, match=r"main is a function; it must be a function that tracejit\.function made"):
        tj.precompile(main)
    with pytest.raises(tj.ArgumentError, match=r"f has no input signature.*\n.*precompile\(f, \[tracejit.TensorSpec"):
        tj.precompile(tj.function(lambda x: x, name="f"))
    with pytest.raises(TypeError, match=r"f\(\): missing a required argument: 'y'"):
        tj.precompile(tj.function(lambda x, y: x, name="f"), np.ones(2))


def test_warm_says_what_it_compiled_and_what_it_found(model, capsys) -> None:
    targets = [f"{model}:predict", f"{model}:constant", f"{model}:Holder.part"]
    assert main(["warm", *targets]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["compiled", "predict"], ["compiled", "constant"], ["compiled", "<lambda>"]]
    assert main(["warm", *targets]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["found"] * 3


def test_a_warmed_process_compiles_nothing(model, tmp_path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])}
    subprocess.run([sys.executable, "-m", "tracejit", "warm", f"{model}:predict"], env=environment, check=True)
    program = f"""
import sys, numpy as np, {model}
assert {model}.predict(np.ones((4, 3), np.float32), {{"w": np.zeros(3, np.float32)}}).tolist() == [0] * 4
assert "tracejit.backends.llvm.translate" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)


def test_a_warmed_process_adds_nothing_to_the_cache(model, tmp_path, folder) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])}
    subprocess.run([sys.executable, "-m", "tracejit", "warm", f"{model}:predict"], env=environment, check=True)
    before = sorted(os.listdir(folder))
    program = f"import numpy as np, {model} as m; m.predict(np.ones((4, 3), np.float32), {{'w': np.zeros(3, np.float32)}})"
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert sorted(os.listdir(folder)) == before


def test_warm_fails_where_nothing_can_be_kept(model, folder, capsys, monkeypatch) -> None:
    monkeypatch.setattr(cache, "_warned", set())
    folder.write_text("a file in the place of the folder")
    with pytest.warns(RuntimeWarning, match="compiled programs are not kept"):
        assert main(["warm", f"{model}:predict"]) == 1
    out = capsys.readouterr()
    assert "predict: OSError: made, but not for later processes" in out.err and "compiled" not in out.out


ALL_PARTS = """
import sys, numpy as np, tracejit as tj
from tracejit.runtime import native
if "warm" in sys.argv:
    native.assembled = None  # whoever assembles code fails
tj.set_num_threads(2)
f = tj.function(lambda x, w: np.sum(np.tanh(x @ w), axis=0))
assert f(np.zeros((300, 200), np.float32), np.zeros((200, 100), np.float32)).tolist() == [0] * 100
"""


def test_a_warm_process_assembles_no_guard_no_threads_and_no_tiles() -> None:
    for mode in ("cold", "warm"):
        subprocess.run([sys.executable, "-c", ALL_PARTS, mode], check=True)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere_at_all:f", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("warm_model:missing", "AttributeError: module 'warm_model' has no attribute 'missing'"),
        ("warm_model:plain", "TypeError: precompile: plain is a function; it must be a function that tracejit.function made"),
        ("warm_model:open_ended", "ArgumentError: precompile: open_ended has no input signature"),
        ("warm_model", "ValueError: a target is written module:function"),
    ],
)
def test_warm_goes_on_after_a_target_that_fails_and_exits_with_1(model, capsys, target, message) -> None:
    assert main(["warm", target, f"{model}:predict"]) == 1
    out = capsys.readouterr()
    assert f"failed   {target}: {message}" in out.err and "compiled predict" in out.out


def test_the_cache_is_listed_and_cleared(folder, capsys) -> None:
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{folder}: 0 compiled programs, 0.0 KiB in 0 files\n"
    tj.precompile(tj.function(lambda x: x * 2.5), np.ones(3))
    (folder / "mine.txt").write_text("a user's")
    (old,) = folder.glob("*.obj")
    os.utime(old, (0, 0))
    assert main(["cache"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{folder}: 1 compiled programs, ") and lines[0].endswith(" in 3 files")
    assert [line.rsplit(".")[-1] for line in lines[1:3]] in (["py", "plan"], ["plan", "py"]) and "0 s ago" in lines[1]
    assert "days ago" in lines[3] and lines[3].endswith(old.name)
    assert sum(file.nbytes for file in cache.contents(folder)) == sum(p.stat().st_size for p in folder.iterdir()) - 8
    assert main(["cache", "--clear"]) == 0
    assert "3 files removed" in capsys.readouterr().out
    assert [p.name for p in folder.iterdir()] == ["mine.txt"]
    assert tj.function(lambda x: x * 2.5)(np.ones(1)).tolist() == [2.5]
