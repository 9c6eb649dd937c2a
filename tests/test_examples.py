"""The examples, run as their readers would, the main job with few epochs."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tracejit.errors import MissingExtraError

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_digits_runs_on_a_device(example, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["digits.py", "--device", "cuda"])
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    digits = example("digits")
    assert digits.main(epochs=10) > 0.8  # 20 give more than 90 %
    assert {p.device for p in digits.parameters} == {"cuda"} and digits.train_step.compilations == 1
    assert "launch(" in str(digits.train_step.source()) and "test accuracy" in capsys.readouterr().out


def test_digits_says_what_a_gpu_needs(example, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["digits.py", "--device", "cuda"])
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    with pytest.raises(MissingExtraError, match=r'pip install "tracejit\[cuda\]"'):
        example("digits")


def test_digits_learns_with_one_compilation_and_draws(example, tmp_path, capsys):
    digits = example("digits")
    accuracy = digits.main(epochs=3)
    assert accuracy > 0.9  # 40 epochs give more than 97 %
    assert digits.train_step.compilations == 1
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    program = next(line for line in printed.splitlines() if line.startswith("the program"))
    assert "def step" in Path(program.removeprefix("the program").strip()).read_text(encoding="utf-8")


def test_two_layer_net_has_the_losses_of_numpy(example):
    ours, theirs = example("two_layer_net").main()
    assert ours[0] == pytest.approx(3e7, rel=0.1)
    assert ours[-1] < 1e-3
    np.testing.assert_allclose(ours[:120], theirs[:120], rtol=1e-4)  # beyond, float32 rounding has grown


def test_numpy_code_finds_the_known_minimum(example):
    minimum = example("numpy_code").main()
    assert minimum == pytest.approx(-6, abs=1e-6)  # four atoms: a regular tetrahedron, whichever way the search goes


def test_every_example_is_tested():
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*examples.py"))
    for path in EXAMPLES.glob("*.py"):
        assert f'example("{path.stem}")' in tests
