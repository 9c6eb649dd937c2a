"""The dialects on a device, on the emulated one: the same scripts, the same numbers."""

import re

import numpy as np
import pytest
from test_seeds import run, verbatim
from test_v1_seed_001 import BLOCKS, execute

import tracejit as tj
import tracejit.compat.tensorflow as tf
import tracejit.compat.torch as torch
from tracejit.errors import DeviceError
from tracejit.runtime.device import DeviceArray


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")


# ------------------------------------------------------------------------------------------------------------- PyTorch

CUDA_LINE = "# dtype = torch.cuda.FloatTensor"


def losses(text, capsys):
    """What a small version of the tutorial prints."""
    text = text.replace("N, D_in, H, D_out = 64, 1000, 100, 10", "N, D_in, H, D_out = 6, 8, 5, 3")
    text = text.replace("range(500)", "range(4)").replace("1e-6", "1e-3")
    torch.manual_seed(0)
    exec(compile(text, "003_autograd.py", "exec"), {"__name__": "__main__"})
    return [float(x) for x in re.findall(r"[\d.]+(?:e[-+]\d+)?$", capsys.readouterr().out, re.MULTILINE)]


def test_the_tutorial_runs_on_the_device_by_the_line_that_its_comment_names(capsys):
    plain = verbatim("003")
    assert plain.count(CUDA_LINE) == 1
    expected = losses(plain, capsys)
    there = plain.replace(CUDA_LINE, CUDA_LINE.removeprefix("# "))
    found = losses(f"{there}\nassert w1.is_cuda and w1.grad.is_cuda and w1.type() == 'torch.cuda.FloatTensor'", capsys)
    assert len(found) == len(expected) >= 4
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_tensors_move():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    y = x.cuda()
    assert torch.cuda.is_available() and torch.cuda.device_count() == 1
    assert y.is_cuda and not x.is_cuda and y.device == torch.device("cuda", 0) and y.cuda() is y and x.cpu() is x
    assert isinstance(y, torch.cuda.FloatTensor) and not isinstance(y, torch.FloatTensor)
    assert isinstance(y._array, DeviceArray) and y.cpu().tolist() == x.tolist() == y.tolist()
    assert x.to("cuda").to(torch.float64).dtype is torch.float64 and x.to(y).is_cuda and y.to("cpu", torch.int32).tolist()
    assert repr(y) == "tensor([[1., 2.],\n        [3., 4.]], device='cuda:0')"
    assert torch.zeros_like(y).is_cuda and torch.ones(2, device="cuda").is_cuda and y.new_zeros(2).is_cuda
    torch.cuda.synchronize()


def test_numpy_asks_for_the_cpu_first():
    with pytest.raises(TypeError, match=r"can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu\(\)"):
        torch.ones(2, device="cuda").numpy()


def test_tensors_on_different_devices_do_not_mix():
    x, y = torch.ones(2, device="cuda"), torch.ones(2)
    for attempt in (lambda: x + y, lambda: y * x, lambda: torch.where(x > 0, x, y)):
        with pytest.raises(DeviceError, match="Expected all tensors to be on the same device"):
            attempt()
    assert (x + torch.tensor(1.0)).tolist() == [2, 2]  # a number goes along


def test_operations_gradients_and_writes_are_those_of_the_cpu():
    def results(device):
        torch.manual_seed(1)
        x = torch.randn(4, 3, device=device)
        w = torch.randn(3, 2, device=device, requires_grad=True)
        out = (x.mm(w).clamp(min=0).t().exp() * 2).sum(1)
        out.sum().backward(retain_graph=True)
        out.sum().backward()  # adds up
        with torch.no_grad():
            w -= 0.1 * w.grad
            w.data[0, 0] = 7
        y = x.clone()
        y.view(12)[2:4] = -1
        y.fill_(y.max().item()).add_(1)
        w.grad.data.zero_()
        return [out, w, w.grad, y, x[1:, ::2], x.reshape(2, 6), x.argmax(1), torch.cat([x, x]).mean()]

    for found, expected in zip(results("cuda"), results("cpu"), strict=True):
        assert found.is_cuda
        np.testing.assert_allclose(found.detach().cpu().numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_optimizers_update_on_the_device(compiled):
    def train(device):
        torch.manual_seed(2)
        x, y = torch.randn(6, 3, device=device), torch.randn(6, 1, device=device)
        w = torch.randn(3, 1, device=device, requires_grad=True)
        adam = torch.optim.Adam([w], lr=0.1)

        def step():
            adam.zero_grad()
            loss = ((x @ w - y) ** 2).mean()
            loss.backward()
            adam.step()
            return loss

        run = torch.compile(step) if compiled else step
        return [run().item() for _ in range(3)], w

    (found, w), (expected, v) = train("cuda"), train("cpu")
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert w.is_cuda
    np.testing.assert_allclose(w.detach().cpu().numpy(), v.detach().numpy(), rtol=1e-4)


def test_the_default_device_is_that_of_new_tensors():
    with tj.device("cuda"):
        assert torch.randn(2).is_cuda and torch.tensor([1.0]).is_cuda and torch.Tensor(2, 2).is_cuda
        assert not torch.zeros(2, device="cpu").is_cuda


# ---------------------------------------------------------------------------------------------------------- TensorFlow


def test_blocks_of_chapter_9_print_on_the_device_what_they_print_on_the_cpu():
    import tracejit.compat.tensorflow.v1 as v1

    for numbers in (("02",), ("06",), ("12",), ("00", "01")):
        v1.reset_default_graph()
        there = [BLOCKS[number] for number in numbers]
        with tj.device("cuda"):
            found, _ = execute(*there)
        v1.reset_default_graph()
        expected, _ = execute(*there)
        assert found == expected and found


def test_tf2_variables_and_functions_live_on_the_device_that_is_named():
    def train(place):
        with place:
            w = tf.Variable([[1.0], [2.0]])
        x, y = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), tf.constant([[1.0], [0.0], [1.0]])

        @tf.function
        def step(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(tf.square(tf.matmul(x, w) - y))
            w.assign_sub(0.01 * tape.gradient(loss, w))
            return loss

        return [float(step(x.numpy(), y.numpy())) for _ in range(3)], w

    (found, w), (expected, v) = train(tf.device("/GPU:0")), train(tf.device("/CPU:0"))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert "GPU:0" in w.device and "CPU:0" in v.device
    np.testing.assert_allclose(w.numpy(), v.numpy(), rtol=1e-5)


def test_tf2_operations_run_where_their_operands_are():
    with tf.device("/GPU:0"):
        w = tf.Variable([1.0, 2.0])
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.exp(w) * tf.constant([2.0, 3.0]))
        gradient = tape.gradient(loss, w)
    assert "GPU:0" in gradient.device and "GPU:0" in (w + 1.0).device
    np.testing.assert_array_equal(np.asarray(gradient, np.float64), gradient.numpy())  # as in TensorFlow
    np.testing.assert_allclose(gradient.numpy(), np.exp([1.0, 2.0]) * [2, 3], rtol=1e-6)
    w.assign_add([1.0, 1.0])
    assert w.numpy().tolist() == [2, 3]


SMALL = [
    ("64, 1000, 100, 10", "6, 8, 5, 3"),
    ("range(500)", "range(3)"),
    ("NUM_EXAMPLES = 1000", "NUM_EXAMPLES = 16"),
    ("num_samples_per_class = 1000", "num_samples_per_class = 20"),
    ("range(40)", "range(4)"),
]


@pytest.mark.parametrize("seed", ["000", "002", "004"])
def test_the_tutorials_of_tensorflow_run_on_the_default_device(seed, tmp_path, monkeypatch):
    text = verbatim(seed)
    for large, small in SMALL:
        text = text.replace(large, small)
    script = tmp_path / "script.py"
    script.write_text(text, encoding="utf-8")

    def numbers():
        return [float(x) for x in re.findall(r"-?\d+\.\d+(?:e[-+]\d+)?", run(seed, script, folder=tmp_path))]

    expected = numbers()
    monkeypatch.setenv("TRACEJIT_DEVICE", "cuda")
    found = numbers()
    assert len(found) == len(expected) >= 3
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-4)


def test_sessions_run_on_the_default_device():
    import tracejit.compat.tensorflow.v1 as v1

    def train():
        v1.set_random_seed(0)
        with v1.Graph().as_default():
            v1.set_random_seed(0)
            x = v1.placeholder(v1.float32, [None, 3])
            w = v1.Variable(v1.random_normal([3, 1], seed=1))
            loss = v1.reduce_mean(v1.square(v1.matmul(x, w) - 1.0))
            step = v1.train.GradientDescentOptimizer(0.1).minimize(loss)
            data = np.arange(12, dtype=np.float32).reshape(4, 3) / 10
            with v1.Session() as session:
                session.run(v1.global_variables_initializer())
                found = [session.run([loss, step], {x: data[:n]})[0] for n in (4, 3, 4, 2)]
                return session.device, found, session.run(w)

    here, expected, v = train()
    with tj.device("cuda"):
        there, found, w = train()
    assert (here, there) == ("cpu", "cuda") and all(type(x) is np.float32 for x in found)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(w, v, rtol=1e-5)
