"""Optimizers: PyTorch's numbers, eagerly and in compiled steps."""

import numpy as np
import pytest
import torch_cases
from torch_cases import OPTIMIZERS, RATES, trained

import tracejit.compat.torch as torch

REFERENCE = torch_cases.reference()


def assert_as_pytorch(losses, ends, name):
    np.testing.assert_allclose(losses, REFERENCE[name], rtol=2e-5)
    for i, end in enumerate(ends):
        np.testing.assert_allclose(end.ravel(), REFERENCE[f"{name}/{i}"], rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_eager_steps_give_pytorchs_numbers(name, set_to_none):
    losses, ends, _ = trained(torch, name, set_to_none=set_to_none)
    assert_as_pytorch(losses, ends, name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_eager_steps_follow_a_schedule(name):
    losses, ends, _ = trained(torch, name, RATES)
    assert_as_pytorch(losses, ends, f"{name} scheduled")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_compiled_step_gives_them_and_is_one_program(name):
    losses, ends, step = trained(torch, name, compile=torch.compile)
    assert_as_pytorch(losses, ends, name)
    assert step.compilations == 1


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"Adagrad with decay"}))
def test_a_compiled_step_reads_the_learning_rate_when_it_runs(name):
    losses, ends, step = trained(torch, name, RATES, compile=torch.compile)
    assert_as_pytorch(losses, ends, f"{name} scheduled")
    assert step.compilations == 1


def test_a_compiled_step_adds_to_gradients_that_are_kept():
    losses, ends, step = trained(torch, "Adam", compile=torch.compile, set_to_none=False)
    assert_as_pytorch(losses, ends, "Adam")
    assert step.compilations == 2  # without gradients to add to, and with them


def parameter():
    return torch.tensor([1.0, -2.0], requires_grad=True)


def test_another_setting_than_the_rate_is_another_program():
    w = parameter()
    optimizer = torch.optim.SGD([w], lr=0.5)

    @torch.compile
    def step():
        optimizer.zero_grad()
        (w * w).sum().backward()
        optimizer.step()

    step()
    assert w.tolist() == [0, 0]
    w.data.copy_(torch.tensor([1.0, -2.0]))
    optimizer.param_groups[0]["weight_decay"] = 1.0
    step()
    assert w.tolist() == [-0.5, 1.0]
    assert step.compilations == 2


def test_a_step_alone_takes_gradients_that_are_new_tensors_each_time():
    w = parameter()
    optimizer = torch.optim.SGD([w], lr=0.25)
    step = torch.compile(lambda: optimizer.step())
    for _ in range(6):
        before = w.tolist()
        optimizer.zero_grad()
        (w * w).sum().backward()
        step()
        np.testing.assert_allclose(w.tolist(), np.array(before) / 2)
    assert step.compilations == 3


def test_what_has_no_gradient_stays_and_starts_counting_with_its_first():
    used, late = parameter(), parameter()
    optimizer = torch.optim.Adam([used, late], lr=0.1)
    for i in range(3):
        optimizer.zero_grad()
        (used.sum() + (late.sum() if i == 2 else 0.0)).backward()
        optimizer.step()
    np.testing.assert_allclose(used.tolist(), [0.7, -2.3], rtol=1e-6)
    np.testing.assert_allclose(late.tolist(), [0.9, -2.1], rtol=1e-6)
    assert [int(optimizer.state[p]["step"].item()) for p in (used, late)] == [3, 1]


def test_zero_grad_forgets_gradients_or_makes_them_zero():
    w = parameter()
    optimizer = torch.optim.SGD([w], lr=0.1)
    w.sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert w.grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert w.grad is None


def test_a_closure_computes_the_loss_anew():
    w = parameter()
    optimizer = torch.optim.SGD([w], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 5
    assert w.tolist() == [0, 0]


def test_the_state_goes_by_pytorchs_names():
    w = parameter()
    optimizer = torch.optim.Adam([w], lr=0.1)
    w.sum().backward()
    optimizer.step()
    assert set(optimizer.state[w]) == {"step", "exp_avg", "exp_avg_sq"}
    np.testing.assert_allclose(optimizer.state[w]["exp_avg"].tolist(), [0.1, 0.1])
    assert list(optimizer.state_dict()["state"]) == [0]


@pytest.mark.parametrize("compile", [torch.compile, lambda function: function])
def test_a_state_that_is_loaded_goes_on_as_if_nothing_had_happened(compile):
    def build():
        w = parameter()
        optimizer = torch.optim.Adam([w], lr=0.1)

        @compile
        def step():
            optimizer.zero_grad()
            (w * w).sum().backward()
            optimizer.step()

        return w, optimizer, step

    w, optimizer, step = build()
    other, restored, later = build()
    for _ in range(3):
        step()
    later()  # a step that loading undoes
    other.data.copy_(w.data)
    restored.load_state_dict(optimizer.state_dict())
    for _ in range(3):
        step()
        later()
    np.testing.assert_array_equal(other.detach().numpy(), w.detach().numpy())


def test_what_makes_no_sense_is_refused():
    w = parameter()
    with pytest.raises(ValueError, match="empty parameter list"):
        torch.optim.SGD([], lr=0.1)
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        torch.optim.SGD([w * 2], lr=0.1)
    with pytest.raises(ValueError, match="more than one parameter group"):
        torch.optim.SGD([{"params": [w]}, {"params": [w]}], lr=0.1)
    with pytest.raises(TypeError, match="iterable of Tensors"):
        torch.optim.SGD(w, lr=0.1)
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        torch.optim.Adam([w], lr=-1)
    with pytest.raises(ValueError, match="Nesterov momentum requires a momentum"):
        torch.optim.SGD([w], lr=0.1, nesterov=True)
    with pytest.raises(TypeError, match="amsgrad=True is not supported"):
        torch.optim.Adam([w], amsgrad=True)
