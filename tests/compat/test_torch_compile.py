"""torch.compile: steps with backward() and updates as one program, results that gradients flow back into, and guards."""

import threading

import numpy as np
import pytest

import tracejit as tj
import tracejit.compat.torch as torch
from tracejit.compat.torch.nn import functional


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def test_a_step_is_one_program_that_updates_in_place():
    w, x, y = leaf(0.0, 0.0), torch.randn(50, 2), torch.randn(50)

    @torch.compile
    def step():
        loss = (x @ w - y).pow(2).mean()
        loss.backward()
        w.data -= 0.1 * w.grad
        w.grad = None
        return loss

    memory = w.data.numpy()
    losses = [step().item() for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]
    assert step.compilations == 1
    assert w.grad is None
    np.testing.assert_array_equal(memory, w.detach().numpy())
    assert np.any(memory)
    assert "x @ w - y" in str(step.source())


def test_a_batch_of_another_size_needs_no_other_program():
    w = leaf(*np.ones(3))

    @torch.compile
    def step(x):
        (x * w).sum().backward()
        return x.size(0)

    for count in (4, 7, 9):
        w.grad = None
        assert step(torch.ones(count, 3)) == count
        assert w.grad.tolist() == [count] * 3
    assert step.compilations == 1


def test_numbers_are_run_time_values():
    w = leaf(1.0, 2.0)

    @torch.compile
    def step(rate):
        (w * w).sum().backward()
        w.data -= rate * w.grad.data
        w.grad = None

    step(0.5)
    assert w.tolist() == [0, 0]
    w.data.fill_(1.0)
    step(0.25)
    assert w.tolist() == [0.5, 0.5]
    assert step.compilations == 1


def test_gradients_are_there_after_the_call_and_accumulate():
    w = leaf(1.0, 2.0)
    step = torch.compile(lambda: (w * w).sum().backward())
    step()
    assert w.grad.tolist() == [2, 4]
    grad = w.grad
    step()
    step()
    assert w.grad is grad
    assert grad.tolist() == [6, 12]
    assert step.compilations == 2
    w.grad = None
    step()
    assert w.grad.tolist() == [2, 4]
    assert step.compilations == 2


def test_parameters_can_be_arguments():
    w = leaf(1.0, 2.0)

    @torch.compile
    def step(parameters, x):
        loss = (parameters["w"] * x).sum()
        loss.backward()
        return loss.detach(), {"w": parameters["w"]}

    loss, same = step({"w": w}, torch.tensor([3.0, 4.0]))
    assert loss.item() == 11
    assert same["w"] is w
    assert w.grad.tolist() == [3, 4]


def test_results_keep_their_structure():
    @torch.compile
    def f(x):
        return {"a": x + 1, "b": [x * 2, (None, "text", 3)]}, x.sum().data[0]

    tree, number = f(torch.ones(2))
    assert tree["a"].tolist() == [2, 2]
    assert tree["b"][0].tolist() == [2, 2]
    assert tree["b"][1] == (None, "text", 3)
    assert number == 2.0
    assert type(number) is float


def test_arguments_are_written_to_in_place():
    f = torch.compile(lambda x: x.mul_(2).add_(1))
    x = torch.ones(3)
    f(x)
    assert x.tolist() == [3, 3, 3]


def test_views_alias_inside():
    @torch.compile
    def f(x):
        y = x.clone()
        y[0].zero_()
        y.t()[1, 1] = 5.0
        return y

    assert f(torch.ones(2, 2)).tolist() == [[0, 0], [1, 5]]


def test_data_set_inside_is_written_to_the_same_memory():
    w = leaf(1.0, 2.0)
    memory = w.detach().numpy()

    @torch.compile
    def step():
        w.data = w.data * 2

    step()
    step()
    assert memory.tolist() == [4, 8]


def test_several_backwards_in_one_step():
    w, v = leaf(1.0, 2.0), leaf(1.0, 2.0)

    def twice(w):
        for _ in range(2):
            (w * w).sum().backward()
            w.data -= 0.1 * w.grad
        return w.grad.detach().clone()

    out = torch.compile(lambda: twice(w))()
    expected = twice(v)
    np.testing.assert_allclose(out.numpy(), expected.numpy(), rtol=1e-6)
    np.testing.assert_allclose(w.tolist(), v.tolist(), rtol=1e-6)
    np.testing.assert_allclose(w.grad.tolist(), v.grad.tolist(), rtol=1e-6)


def test_detach_no_grad_and_retain_graph_mean_the_same_inside():
    def f(w):
        h = w * w
        with torch.no_grad():
            scale = h * 2
        loss = (h * h.detach() * scale).sum()
        loss.backward(retain_graph=True)
        loss.backward()
        (slope,) = torch.autograd.grad((w**3).sum(), w, create_graph=True)
        slope.pow(2).sum().backward()

    w, v = leaf(1.0, 2.0), leaf(1.0, 2.0)
    torch.compile(lambda: f(w))()
    f(v)
    np.testing.assert_allclose(w.grad.tolist(), v.grad.tolist(), rtol=1e-5)


def test_the_gradient_mode_of_the_call_counts():
    w = leaf(3.0)
    f = torch.compile(lambda: w * 2)
    assert f().requires_grad
    with torch.no_grad():
        assert not f().requires_grad


def test_errors_of_backward_are_the_same():
    w = leaf(1.0, 2.0)

    def twice():
        loss = (w * w).sum()
        loss.backward()
        loss.backward()

    for function, text in (
        (twice, "a second time"),
        (lambda: (w * w).backward(), "only for scalar outputs"),
        (lambda: torch.ones(2).sum().backward(), "does not require grad"),
        (lambda: w.add_(1), "a leaf Variable that requires grad"),
        (lambda: torch.ones(3, 4).mm(torch.ones(5, 2)), r"mat1 and mat2 shapes cannot be multiplied \(3x4 and 5x2\)"),
    ):
        with pytest.raises(RuntimeError, match=text):
            torch.compile(function)()
    assert w.grad is None
    assert w.tolist() == [1, 2]


def test_an_error_of_the_users_leaves_nothing_behind():
    w = leaf(1.0)

    @torch.compile
    def step():
        (w * w).sum().backward()
        w.data.zero_()
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        step()
    assert w.grad is None
    assert w.tolist() == [1]


def test_gradients_flow_through_a_compiled_function():
    w, b = torch.randn(5, 4).requires_grad_(), torch.zeros(4).requires_grad_()

    def layer(x, scale):
        return (x.mm(w) + b).tanh() * scale

    compiled = torch.compile(layer)
    for count in (3, 6, 6):
        x = torch.randn(count, 5).requires_grad_()
        found = []
        for function in (layer, compiled):
            out = function(x * 1.5, 2.0)
            assert out.requires_grad
            (out * out).sum().backward()
            found.append([t.grad.numpy().copy() for t in (w, b, x)])
            w.grad = b.grad = x.grad = None
        for a, e in zip(found[1], found[0], strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-4)
    assert compiled.compilations == 1


def test_gradients_of_gradients_flow_through_a_compiled_function():
    w = leaf(2.0)
    f = torch.compile(lambda: (w**4).sum())
    (slope,) = torch.autograd.grad(f(), w, create_graph=True)
    (second,) = torch.autograd.grad(slope.sum(), w)
    assert (slope.tolist(), second.tolist()) == ([32], [48])


def test_dropout_draws_anew_in_each_call_and_its_gradient_fits():
    w = torch.ones(200).requires_grad_()
    f = torch.compile(lambda: functional.dropout(w * 3, 0.5))
    seen = set()
    for _ in range(3):
        w.grad = None
        out = f()
        out.sum().backward()
        np.testing.assert_allclose(w.grad.numpy(), out.detach().numpy())
        seen.add(tuple(out.tolist()))
    assert len(seen) == 3
    assert f.compilations == 1


def test_random_numbers_are_the_same_eagerly_and_compiled():
    def draw():
        return torch.randn(4), torch.rand(3)

    eager = [[x.tolist() for x in draw()] for _ in range(2)]
    torch.manual_seed(0)
    compiled = torch.compile(draw)
    found = [[x.tolist() for x in compiled()] for _ in range(2)]
    np.testing.assert_allclose(found[0][0], eager[0][0], rtol=1e-5)
    np.testing.assert_allclose(found[1][0], eager[1][0], rtol=1e-5)
    assert [f[1] for f in found] == [e[1] for e in eager]


def test_a_changed_tensor_or_flag_is_another_program():
    w = leaf(1.0, 2.0)
    f = torch.compile(lambda: (w * 2).sum())
    assert f().item() == 6
    w.data = torch.tensor([10.0, 20.0])
    assert f().item() == 60
    w.requires_grad = False
    assert not f().requires_grad
    assert "tensor" in str(f.retraces())


def test_a_compiled_function_within_another_is_a_part_of_it():
    inner = torch.compile(lambda x: x * 2)
    outer = torch.compile(lambda x: inner(x) + 1)
    assert outer(torch.ones(2)).tolist() == [3, 3]
    assert inner.compilations == 0


def test_programs_can_be_looked_at():
    f = torch.compile(lambda x: (x * 2).sum())
    f(torch.ones(3))
    assert "reduce_sum" in str(f.graph())
    assert "traced 1 time" in str(f.retraces())
    assert f.debug(torch.ones(3))[0][0] == 6


def test_options_of_pytorch_are_taken_and_others_refused():
    f = torch.compile(dynamic=True, fullgraph=True)(lambda x: x + 1)
    assert f(torch.ones(1)).tolist() == [2]
    with pytest.raises(TypeError, match="unexpected keyword argument 'fast'"):
        torch.compile(lambda x: x, fast=True)


def test_plain_functions_of_tracejit_take_tensors():
    assert tj.function(lambda x: x * 2 + 1)(torch.ones(2)).tolist() == [3, 3]


def test_methods_are_compiled():
    class Model:
        def __init__(self):
            self.w = leaf(1.0, 2.0)
            self.step = torch.compile(self.forward)

        def forward(self, x):
            return (self.w * x).sum()

    model = Model()
    assert model.step(torch.tensor([3.0, 4.0])).item() == 11
    model.step(torch.tensor([3.0, 4.0])).backward()
    assert model.w.grad.tolist() == [3, 4]


def test_methods_are_decorated():
    class Model:
        def __init__(self, value):
            self.w = leaf(value)

        @torch.compile
        def forward(self, x):
            return self.w * x

    assert Model(2.0).forward(torch.ones(1)).item() == 2
    assert Model(3.0).forward(torch.ones(1)).item() == 3


def test_a_disabled_compile_gives_the_function():
    def f(x):
        return x

    assert torch.compile(f, disable=True) is f


def test_threads_share_a_program():
    f = torch.compile(lambda x: (x * x).sum())
    results = []

    def work(value):
        results.extend(f(torch.full((50,), value)).item() == 50 * value * value for _ in range(50))

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 200
    assert all(results)
