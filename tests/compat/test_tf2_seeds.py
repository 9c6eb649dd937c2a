"""The TensorFlow 2 tutorials run as they are printed, in this process."""

import contextlib
import io
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

import tracejit.compat.tensorflow as tf

mpl.use("agg")

SEEDS = Path(__file__).parent / "seeds"


def text_of(seed):
    (path,) = SEEDS.glob(f"{seed}_*")
    return path.read_text(encoding="utf-8")


def run(path, text):
    """What a text prints, and its names."""
    path.write_text(text, encoding="utf-8")
    tf.random.set_seed(0)
    np.random.seed(0)  # noqa: NPY002  (the generator that the tutorial draws from)
    names = {"__name__": "tutorial", "tf": tf, "np": np}
    out = io.StringIO()
    with contextlib.redirect_stdout(out), mpl.rc_context({"figure.max_open_warning": 0}):
        exec(compile(text, str(path), "exec"), names)
        mpl.pyplot.close("all")
    return out.getvalue(), names


def losses_of(printed):
    return [float(x) for x in re.findall(r"^Loss at step \d+: (\S+)$", printed, flags=re.MULTILINE)]


def test_low_level_operations_run_verbatim(tmp_path):
    printed, names = run(tmp_path / "tutorial.py", text_of("004"))
    assert "tf.Tensor(2.0, shape=(), dtype=float32)\ntf.Tensor(\n[[2. 2.]\n [2. 2.]], shape=(2, 2), dtype=float32)\n" in printed
    assert "speed: tf.Tensor(49.0, shape=(), dtype=float32)\nacceleration: tf.Tensor(9.8, shape=(), dtype=float32)\n" in printed
    assert repr(names["gradient"]) == "<tf.Tensor: shape=(), dtype=float32, numpy=6.0>"
    losses = losses_of(printed)
    assert len(losses) == 40
    assert losses[-1] == pytest.approx(0.03, abs=0.01)


def test_low_level_operations_run_with_the_step_compiled(tmp_path):
    head = "def training_step(inputs, targets):"
    text = text_of("004")
    assert text.count(head) == 1
    printed, names = run(tmp_path / "compiled.py", text.replace(head, f"@tf.function\n{head}"))
    plain, _ = run(tmp_path / "plain.py", text)
    np.testing.assert_allclose(losses_of(printed), losses_of(plain), atol=2e-4)
    assert names["training_step"].compilations == 1


@pytest.mark.parametrize("decorator", ["", "@tf.function\n"])
def test_custom_training_runs_under_todays_names(decorator, tmp_path):
    text = text_of("002").replace("import tensorflow as tf\n", "").replace("tf.enable_eager_execution()", "")
    text = text.replace("tf.random_normal", "tf.random.normal").replace("def train(", f"{decorator}def train(")
    printed, names = run(tmp_path / "tutorial.py", text)
    epochs = re.findall(r"^Epoch +(\d+): W=(\S+) b=(\S+), loss=(\S+)$", printed, flags=re.MULTILINE)
    numbers, weights, biases, losses = np.array(epochs, float).T
    np.testing.assert_allclose(weights, 3 + 2 * 0.8**numbers, atol=0.15)
    np.testing.assert_allclose(biases, 2 - 2 * 0.8**numbers, atol=0.15)
    assert losses[0] == pytest.approx(9, abs=1) and losses[-1] == pytest.approx(1.2, abs=0.2)
    assert float(names["model"].W) == pytest.approx(3.2, abs=0.2)
