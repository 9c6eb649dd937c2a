"""The tutorials, verbatim but for their import lines, and their ports among the examples, run as scripts."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TEXTS = Path(__file__).parent / "seeds"
PORTS = Path(__file__).parent.parent.parent / "examples" / "seeds"

IMPORTS = {
    "000": {"import tensorflow as tf": "import tracejit.compat.tensorflow.v1 as tf"},
    "002": {"import tensorflow as tf": "import tracejit.compat.tensorflow.v1 as tf"},
    "003": {
        "import torch": "import tracejit.compat.torch as torch",
        "from torch.autograd import Variable": "from tracejit.compat.torch.autograd import Variable",
    },
    # the page has no line that imports TensorFlow, and names np before it imports it
    "004": {"import numpy as np": "import numpy as np", "": "import numpy as np\nimport tracejit.compat.tensorflow as tf\n"},
}
SEEDED = {
    "000": "import tracejit.compat.tensorflow.v1 as tf; tf.set_random_seed(0)",
    "001": "import tracejit.compat.tensorflow.v1 as tf; tf.set_random_seed(0)",
    "002": "import tracejit.compat.tensorflow.v1 as tf; tf.set_random_seed(0)",
    "003": "import tracejit.compat.torch as torch; torch.manual_seed(0)",
    "004": "import tracejit.compat.tensorflow as tf; tf.random.set_seed(0)",
}
AS_A_SCRIPT = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
LINE_BY_LINE = """
import ast, sys
sys.modules['__main__'].__dict__.pop('tf')
for statement in ast.parse(open(sys.argv[1], encoding='utf-8').read()).body:
    exec(compile(ast.Interactive([statement]), sys.argv[1], 'single'))
"""


def the(folder, seed):
    (path,) = folder.glob(f"{seed}_*")
    return path


def verbatim(seed):
    """The tutorial's text with other import lines."""
    text = the(TEXTS, seed).read_text(encoding="utf-8")
    for line, new in IMPORTS[seed].items():
        text, count = (f"{new}{text}", 1) if not line else re.subn(f"^{re.escape(line)}$", new, text, flags=re.MULTILINE)
        assert count == 1
    return text


def run(seed, path, how=AS_A_SCRIPT, folder=None):
    """What a script prints, run in a process of its own with given random numbers, without a display."""
    command = f"import numpy; numpy.random.seed(0); {SEEDED[seed]}\n{how}"
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-c", command, str(path)],
        capture_output=True, encoding="utf-8", cwd=folder or path.parent, env=environment, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(params=["verbatim", "port"])
def printed(request, tmp_path):
    """A function from a seed's number to what it prints: the tutorial's text, and its port."""

    def of(seed):
        if request.param == "port":
            return run(seed, the(PORTS, seed), folder=tmp_path)
        path = tmp_path / "tutorial.py"
        path.write_text(verbatim(seed), encoding="utf-8")
        return run(seed, path)

    return of


def test_000_static_graph(printed):
    losses = [float(line) for line in printed("000").splitlines()]
    assert len(losses) == 500
    assert 1e7 < losses[0] < 1e8
    assert losses[-1] < 1e-3
    assert losses[1] < losses[0]


def test_003_autograd(printed):
    lines = [line.split() for line in printed("003").splitlines()]
    assert [int(number) for number, _ in lines] == list(range(500))
    losses = [float(loss) for _, loss in lines]
    assert 1e7 < losses[0] < 1e8
    assert losses[-1] < 1e-3


def test_002_custom_training(printed):
    text = printed("002")
    ten = ", ".join(["2."] * 10).replace(",", "")
    assert text.startswith("tf.Tensor(\n[[" + ten + "]\n [" + ten + "]")
    assert f" [{ten}]], shape=(10, 10), dtype=float32)\n" in text
    first = float(re.search(r"Current loss: \n(\S+)", text).group(1))
    assert first == pytest.approx(9, abs=1)
    epochs = re.findall(r"^Epoch +(\d+): W=(\S+) b=(\S+), loss=(\S+)$", text, flags=re.MULTILINE)
    numbers, weights, biases, losses = np.array(epochs, float).T
    np.testing.assert_array_equal(numbers, np.arange(10))
    np.testing.assert_allclose(weights, 3 + 2 * 0.8**numbers, atol=0.15)  # exact for infinitely many points
    np.testing.assert_allclose(biases, 2 - 2 * 0.8**numbers, atol=0.15)
    assert losses[0] == pytest.approx(first, abs=1e-4)
    assert losses[-1] == pytest.approx(1 + 8 * 0.8**18, abs=0.15)
    assert (weights[0], biases[0]) == (5.0, 0.0)


def check_004(text):
    assert "ones:\n tf.Tensor(\n[[1.]\n [1.]], shape=(2, 1), dtype=float32)\n" in text
    assert "zeros:\n tf.Tensor(\n[[0.]\n [0.]], shape=(2, 1), dtype=float32)\n" in text
    assert "tf.Tensor(2.0, shape=(), dtype=float32)\ntf.Tensor(\n[[2. 2.]\n [2. 2.]], shape=(2, 2), dtype=float32)\n" in text
    assert "speed: tf.Tensor(49.0, shape=(), dtype=float32)\nacceleration: tf.Tensor(9.8, shape=(), dtype=float32)\n" in text
    assert "<tf.Tensor: shape=(2,), dtype=float32, numpy=array([2., 2.], dtype=float32)>]" in text
    losses = [float(x) for x in re.findall(r"^Loss at step \d+: (\S+)$", text, flags=re.MULTILINE)]
    assert len(losses) == 40
    assert losses[-1] < 0.05
    assert losses[-1] < losses[0] / 2
    return losses


def test_004_low_level(printed):
    check_004(printed("004"))


def test_004_line_by_line_shows_values_as_a_notebook_does(tmp_path):
    path = tmp_path / "tutorial.py"
    path.write_text(verbatim("004"), encoding="utf-8")
    text = run("004", path, LINE_BY_LINE)
    check_004(text)
    assert "<tf.Tensor: shape=(), dtype=float32, numpy=6.0>\n" in text
    shown = re.findall(r"^<tf\.Variable '\S+' shape=\(3, 1\) dtype=float32, numpy=\narray\(\[\[[^\]]*\],\n", text, re.MULTILINE)
    assert len(shown) == 3  # v; v.assign(...); v.assign_add(...)
    assert "array([[3.],\n       [1.],\n       [1.]], dtype=float32)>" in text


@pytest.mark.parametrize(
    ("seed", "function"),
    [("002", "def train(model, inputs, outputs, learning_rate):"), ("004", "def training_step(inputs, targets):")],
)
def test_the_step_may_be_a_compiled_function(seed, function, tmp_path):
    plain, compiled = tmp_path / "plain.py", tmp_path / "compiled.py"
    text = verbatim(seed)
    plain.write_text(text, encoding="utf-8")
    assert text.count(function) == 1
    compiled.write_text(text.replace(function, f"@tf.function\n{function}"), encoding="utf-8")
    expected, got = (re.findall(r"oss.*?(\d+\.\d+)$", run(seed, path), flags=re.MULTILINE) for path in (plain, compiled))
    assert len(expected) >= 10
    np.testing.assert_allclose(np.array(got, float), np.array(expected, float), atol=2e-4)


def test_003_the_body_of_the_loop_may_be_a_compiled_function(tmp_path):
    text = verbatim("003")
    head, line = "for t in range(500):\n", "    print(t, loss.data[0])\n"
    assert text.count(head) == text.count(line) == 1
    body = text.replace(head, "@torch.compile\ndef step():\n").replace(line, "").rstrip()
    path = tmp_path / "compiled.py"
    path.write_text(f"{body}\n    return loss\n\n{head}    print(t, step().data[0])\n", encoding="utf-8")
    losses = [float(printed.split()[1]) for printed in run("003", path).splitlines()]
    plain = [float(printed.split()[1]) for printed in run("003", the(PORTS, "003"), folder=tmp_path).splitlines()]
    np.testing.assert_allclose(losses[:100], plain[:100], rtol=1e-3)  # beyond, float32 rounding has grown
    assert losses[-1] < 1e-3


def test_001_prints_what_the_notes_say(tmp_path):
    text = run("001", the(PORTS, "001"), folder=tmp_path)
    lines = text.splitlines()
    assert lines[:3] == ["32", "32", "32"]
    assert lines[3:6] == ["True", "True", "False"]
    assert lines[6:10] == ["10", "15", "10", "15"]
    assert lines[10] == "(9, 1) float32"
    errors = [float(x) for x in re.findall(r"^Epoch \d+ MSE = (\S+)$", text, flags=re.MULTILINE)]
    assert len(errors) == 10
    assert np.all(np.diff(errors) < 1e-6)  # down to rounding
    by_hand, by_optimizer = map(float, re.search(r"the optimizer (\S+) (\S+)", text).groups())
    assert by_hand == pytest.approx(by_optimizer, rel=0.05)
    assert by_hand == pytest.approx(errors[-1], rel=1e-5)
    by_inverse = float(re.search(r"^MSE of the normal equation (\S+)$", text, flags=re.MULTILINE).group(1))
    assert by_inverse == pytest.approx(by_hand, rel=0.01)
    assert "[[6. 7. 8.]]\n[[ 9. 10. 11.]\n [12. 13. 14.]]\n" in text
    assert "restored from ./my_model_final.ckpt True\n" in text
    assert "loss/ loss/sub loss/mse\n" in text
    assert "['weights', 'weights_1', 'weights_2', 'weights_3', 'weights_4']" in text
    assert "['relu', 'relu_1', 'relu_2', 'relu_3', 'relu_4']" in text
    assert "['relu/max', 'relu_1/max', 'relu_2/max', 'relu_3/max', 'relu_4/max']" in text
    assert re.search(r"^relu/threshold \[", text, flags=re.MULTILINE)
    assert re.search(r"^relu/threshold 11 \[", text, flags=re.MULTILINE)
    assert re.search(r"^0\.\d+\n5\.0\nY \(\?, 3\)$", text, flags=re.MULTILINE)
    assert re.search(r"^step +\[0\. 1\. 1\.\] slope None$", text, flags=re.MULTILINE)
    assert re.search(r"^ReLU +\[0\.  0\.5 2\. \] slope \[0\. 1\. 1\.\]$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("seed", ["000", "001", "002", "003", "004"])
def test_a_port_is_the_tutorial_but_for_imports_and_marked_lines(seed):
    port = the(PORTS, seed).read_text(encoding="utf-8")
    own = the(TEXTS, seed).read_text(encoding="utf-8")
    body = port.split("# fmt: off\n", 1)[1]
    body = re.sub(r"^# added: .*?^# end of added\n", "", body, flags=re.MULTILINE | re.DOTALL)
    kept = [line for line in code_lines(body) if not re.search(r"# (added\b|fixed: )", line)]
    theirs = code_lines(own)
    assert [line for line in kept if line not in theirs] == []
    if seed != "001":
        assert kept == theirs


def code_lines(text):
    """The lines of a text without those that import or are empty."""
    lines = [line.rstrip() for line in text.splitlines()]
    return [line for line in lines if line and not re.match(r"(import|from) ", line)]


@pytest.mark.parametrize("seed", ["000", "002", "003", "004"])
def test_a_text_is_python(seed):
    assert ast.parse(verbatim(seed)).body
