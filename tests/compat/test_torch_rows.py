"""The rows of the checklist on seed 003, "PyTorch: Variable and autograd", one test each."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tracejit.compat.torch as torch
from tracejit.compat.torch.autograd import Variable


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def network():
    """The inputs and weights of the tutorial."""
    x = Variable(torch.randn(64, 1000).type(torch.FloatTensor), requires_grad=False)
    y = Variable(torch.randn(64, 10).type(torch.FloatTensor), requires_grad=False)
    w1 = Variable(torch.randn(1000, 100).type(torch.FloatTensor), requires_grad=True)
    w2 = Variable(torch.randn(100, 10).type(torch.FloatTensor), requires_grad=True)
    return x, y, w1, w2


def test_3_1_a_module_like_torch_with_a_variable_in_autograd():
    assert torch.autograd.Variable is Variable
    assert torch.nn.functional.relu is not None
    assert torch.optim.SGD is not None


def test_3_1_the_module_needs_no_pytorch_and_loads_no_compiler():
    program = "import sys, tracejit.compat.torch; print(sorted({'torch', 'numba', 'scipy', 'llvmlite'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_3_2_float_tensor_casts():
    x = torch.randn(2, 3).type(torch.FloatTensor)
    assert x.dtype is torch.float32
    assert x.type(torch.DoubleTensor).dtype is torch.float64
    assert x.type("torch.LongTensor").type() == "torch.LongTensor"
    assert isinstance(x, torch.FloatTensor)
    assert not isinstance(x, torch.DoubleTensor)


def test_3_2_the_type_that_it_has_already_makes_no_copy():
    x = torch.randn(2)
    assert x.type(torch.FloatTensor) is x


def test_3_2_cuda_float_tensor_says_what_is_missing_when_it_is_used(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    dtype = torch.cuda.FloatTensor
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0
    with pytest.raises(RuntimeError, match=r"torch\.cuda\.FloatTensor: cuda was asked for; cuda: cuda\.core cannot be imported"):
        torch.randn(2, 2).type(dtype)
    with pytest.raises(RuntimeError, match=r'cure: pip install "tracejit\[cuda\]"'):
        torch.randn(2).cuda()
    with pytest.raises(RuntimeError, match=r'cure: pip install "tracejit\[cuda\]"'):
        torch.randn(2).to("cuda")


def test_3_3_a_variable_of_a_random_tensor():
    x, _, w1, _ = network()
    assert x.size() == (64, 1000)
    assert not x.requires_grad
    assert w1.requires_grad
    assert abs(float(w1.mean())) < 0.02
    assert abs(float(w1.std()) - 1) < 0.02


def test_3_4_methods_chain():
    x, y, w1, w2 = network()
    loss = (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()
    hidden = np.maximum(x.numpy() @ w1.data.numpy(), 0)
    expected = ((hidden @ w2.data.numpy() - y.numpy()).astype(np.float64) ** 2).sum()
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_3_4_clamp_passes_the_gradient_at_the_bound_and_relu_does_not():
    for activation, expected in ((lambda x: x.clamp(min=0), [0, 1, 1]), (lambda x: x.relu(), [0, 0, 1])):
        x = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
        activation(x).sum().backward()
        assert x.grad.tolist() == expected


def test_3_5_data_0_of_a_scalar_is_its_number(capsys):
    loss = torch.tensor([28735282.0]).sum()
    print(0, loss.data[0])
    assert capsys.readouterr().out == "0 28735282.0\n"
    assert loss.data.size() == ()
    assert type(loss.data[0]) is float


def test_3_6_backward_fills_grad_of_the_leaves_that_require_it():
    x, y, w1, w2 = network()
    assert w1.grad is None
    hidden = x.mm(w1)
    loss = (hidden.clamp(min=0).mm(w2) - y).pow(2).sum()
    loss.backward()
    assert x.grad is None
    assert y.grad is None
    assert hidden.grad is None
    for w in (w1, w2):
        assert isinstance(w.grad, Variable)
        assert isinstance(w.grad.data, torch.Tensor)
        assert w.grad.size() == w.size()
        assert not w.grad.requires_grad


def test_3_7_data_is_updated_in_place_outside_of_the_graph():
    w = Variable(torch.ones(3), requires_grad=True)
    memory = w.data.numpy()
    (w * w).sum().backward()
    w.data -= 0.25 * w.grad.data
    assert w.tolist() == [0.5, 0.5, 0.5]
    assert memory.tolist() == [0.5, 0.5, 0.5]
    assert w.is_leaf
    assert w.requires_grad


def test_3_8_gradients_accumulate_until_they_are_made_zero():
    w = Variable(torch.ones(3), requires_grad=True)
    (w * w).sum().backward()
    grad = w.grad
    (w * w).sum().backward()
    assert w.grad.tolist() == [4, 4, 4]
    assert w.grad is grad
    w.grad.data.zero_()
    (w * w).sum().backward()
    assert w.grad.tolist() == [2, 2, 2]


def test_3_9_backward_twice_through_one_graph():
    w = Variable(torch.ones(3), requires_grad=True)
    loss = w.pow(2).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"Trying to backward through the graph a second time.*retain_graph=True"):
        loss.backward()
    loss = w.pow(2).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert w.grad.tolist() == [6, 6, 6]


def test_3_10_backward_from_what_is_no_scalar_or_has_no_gradient():
    w = Variable(torch.ones(3), requires_grad=True)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (w * w).backward()
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad and does not have a grad_fn"):
        Variable(torch.ones(3)).sum().backward()


def test_3_11_a_variable_is_a_tensor():
    assert Variable is torch.Tensor
    x = torch.randn(2)
    v = Variable(x)
    v.data.zero_()
    assert x.tolist() == [0, 0]


TEXT = Path(__file__).parent / "seeds" / "003_autograd.py.txt"
IMPORTS = {
    "import torch\n": "import tracejit.compat.torch as torch\n",
    "from torch.autograd import Variable\n": "from tracejit.compat.torch.autograd import Variable\n",
}


def tutorial():
    """The text of the tutorial with other import lines."""
    text = TEXT.read_text(encoding="utf-8")
    for line, new in IMPORTS.items():
        assert text.count(line) == 1
        text = text.replace(line, new)
    return text


def compiled(text):
    """The tutorial with the body of its loop as a compiled function; what it prints, it returns."""
    head, _, loop = text.partition("for t in range(500):\n")
    assert loop.count("    print(t, loss.data[0])\n") == 1
    body = loop.replace("    print(t, loss.data[0])\n", "")
    call = "for t in range(500):\n    print(t, step())\n"
    return f"{head}@torch.compile\ndef step():\n{body}    return loss.data[0]\n\n{call}"


def printed(text, capsys):
    """The losses that a text prints, and its names."""
    names = {"__name__": "tutorial"}
    exec(compile(text, "tutorial.py", "exec"), names)
    lines = [re.fullmatch(r"(\d+) (\S+)", line).groups() for line in capsys.readouterr().out.splitlines()]
    assert [int(number) for number, _ in lines] == list(range(500))
    return np.array([float(loss) for _, loss in lines]), names


def test_3_12_the_tutorial_verbatim_learns(capsys):
    losses, _ = printed(tutorial(), capsys)
    assert 1e7 < losses[0] < 1e8
    assert losses[-1] < 1e-3


def test_3_12_the_tutorial_compiled_has_the_same_losses(capsys):
    eager, _ = printed(tutorial(), capsys)
    torch.manual_seed(0)
    losses, names = printed(compiled(tutorial()), capsys)
    np.testing.assert_allclose(losses[:100], eager[:100], rtol=1e-3)
    assert losses[-1] < 1e-3
    assert names["step"].compilations == 2  # without gradients to add to, and with them
