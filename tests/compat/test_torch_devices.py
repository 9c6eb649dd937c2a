"""PyTorch's names on a device, on the emulated one: places, indices, moves that gradients follow, compiled functions."""

import numpy as np
import pytest

import tracejit as tj
import tracejit.compat.torch as torch
from tracejit.errors import DeviceError


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    yield
    torch.set_default_device(None)


# -------------------------------------------------------------------------------------------------------------- places


def test_a_device_has_a_number_and_may_be_one():
    assert torch.device(0) == torch.device("cuda:0") == torch.device("cuda", 0) != torch.device("cuda")
    assert torch.device(torch.device("cuda:0")).index == 0
    x = torch.ones(2).to(0)
    assert x.is_cuda and x.get_device() == 0 and x.cpu().get_device() == -1 and x.pin_memory() is x
    for name in ("cuda:x", "gpu", "cuda:-1"):
        with pytest.raises(RuntimeError, match="Expected one of cpu, cuda device type at start of device string"):
            torch.device(name)


@pytest.mark.parametrize("move", [lambda x: x.to("cuda:1"), lambda x: x.cuda(1), lambda x: torch.ones(2, device="cuda:1")])
def test_there_is_one_device_of_a_kind(move):
    with pytest.raises(RuntimeError, match="cuda:1 was asked for; there is one of each, cpu and cuda:0"):
        move(torch.ones(2))


@pytest.mark.parametrize(
    "make",
    [
        lambda **where: torch.linspace(0, 1, 3, **where),
        lambda **where: torch.eye(3, **where),
        lambda **where: torch.arange(3, **where),
        lambda **where: torch.randint(5, (3,), **where),
        lambda **where: torch.randperm(3, **where),
        lambda **where: torch.normal(0.0, 1.0, (3,), **where),
        lambda **where: torch.full((3,), 2.0, **where),
        lambda **where: torch.tensor([1.0], **where),
        lambda **where: torch.as_tensor(np.ones(2), **where),
        lambda **where: torch.empty(2, **where),
    ],
)
def test_new_tensors_are_where_they_are_asked_for(make):
    torch.manual_seed(0)
    expected = make()
    torch.manual_seed(0)
    there = make(device="cuda")
    assert there.is_cuda and not expected.is_cuda and there.tolist() == expected.tolist()
    with torch.device("cuda") as device:
        assert make().is_cuda and not make(device="cpu").is_cuda and device == torch.device("cuda")
    assert not make().is_cuda


def test_a_device_may_be_entered_within_itself():
    there = torch.device("cuda")
    with there, torch.device("cpu"):
        with there:
            assert torch.ones(1).is_cuda
        assert not torch.ones(1).is_cuda


# ------------------------------------------------------------------------------------------------------------- indices

X = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize("where", ["cpu", "cuda"])
@pytest.mark.parametrize(
    "index",
    [
        lambda t: t([2, 0, -1]),
        lambda t: (t([0, 1]), t([3, -1])),
        lambda t: (slice(None), t([1, 1])),
        lambda t: t([[0, 1], [2, 2]]),
        lambda t: t(X > 4),
        lambda t: t(1),
        lambda t: (t([0, 2]), slice(1, 3)),
    ],
)
def test_indices_may_be_tensors(index, where):
    x = torch.tensor(X)
    here, there = index(torch.tensor), index(lambda a: torch.tensor(a, device=where))
    found = x.cuda()[there]
    assert found.is_cuda and found.tolist() == x[here].tolist()
    y, z = x.clone(), x.cuda()
    y[here], z[there] = -1.0, -1.0
    assert z.is_cuda and z.tolist() == y.tolist()


def test_an_index_out_of_range_says_which():
    with pytest.raises(IndexError, match="index 5 is out of bounds for dimension 0 with size 3"):
        torch.tensor(X, device="cuda")[torch.tensor([0, 5], device="cuda")]


def test_true_places_are_where_the_condition_is():
    mask = torch.tensor(X > 6, device="cuda")
    found = torch.where(mask)
    assert all(x.is_cuda for x in found) and [x.tolist() for x in found] == [p.tolist() for p in np.nonzero(X > 6)]
    assert torch.tensor(X, device="cuda").masked_select(mask).tolist() == [7, 8, 9, 10, 11]


def test_gradients_go_through_indices():
    def gradient(device):
        w = torch.tensor(X, device=device, requires_grad=True)
        labels = torch.tensor([0, 3, 1], device=device)
        torch.nn.functional.cross_entropy(w, labels, weight=torch.tensor([1.0, 2.0, 3.0, 4.0], device=device)).backward()
        return w.grad

    found = gradient("cuda")
    assert found.is_cuda
    np.testing.assert_allclose(found.cpu().numpy(), gradient("cpu").numpy(), rtol=1e-5, atol=1e-7)


# --------------------------------------------------------------------------------------------------------------- moves


def test_gradients_follow_a_tensor_that_moves():
    w, v = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0, 4.0], device="cuda", requires_grad=True)
    there = w.cuda()
    assert there.is_cuda and not there.is_leaf and there.grad_fn.name() == "ToCopyBackward0"
    loss = (there * v).sum().cpu()
    assert not loss.is_cuda and loss.detach().numpy() == 11
    (loss * 2).backward()
    assert not w.grad.is_cuda and w.grad.tolist() == [6, 8]
    assert v.grad.is_cuda and v.grad.tolist() == [2, 4]
    loss = (w.to("cuda") ** 2).sum()
    loss.backward()  # adds up
    assert not w.grad.is_cuda and w.grad.tolist() == [8, 12]


def test_second_derivatives_follow_a_tensor_that_moves():
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    (slope,) = torch.autograd.grad((w.cuda() ** 3).sum().cpu(), w, create_graph=True)
    assert not slope.is_cuda and slope.tolist() == [3, 12]
    (curve,) = torch.autograd.grad(slope.sum(), w)
    assert not curve.is_cuda and curve.tolist() == [6, 12]


def test_a_move_is_recorded_only_where_gradients_are():
    w = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        assert w.cuda().is_leaf and not w.cuda().requires_grad
    assert w.detach().cuda().is_leaf and w.cpu() is w


# -------------------------------------------------------------------------------------------------- compiled functions


def test_a_compiled_function_runs_where_its_tensors_are():
    @torch.compile
    def f(x):
        return x * 2 + 1, x.device.type, x.is_cuda

    for device in ("cpu", "cuda", "cpu"):
        out, kind, flag = f(torch.ones(2, device=device))
        assert out.device.type == device == kind and flag is (device == "cuda") and out.tolist() == [3, 3]
    with tj.device("cuda"):

        @torch.compile
        def g(x):
            return x + 1

        out = g(torch.ones(2, device="cpu"))
    assert not out.is_cuda


def test_a_compiled_function_makes_tensors_where_they_are_asked_for():
    f = torch.compile(lambda: torch.zeros(2, device="cuda") + 1)
    assert f().is_cuda and f().tolist() == [1, 1]
    g = torch.compile(lambda x: x.cuda() + torch.ones(2, device="cuda"))
    assert g(torch.ones(2)).is_cuda and g(torch.ones(2)).tolist() == [2, 2]


def test_a_compiled_function_mixes_no_devices():
    here, there = torch.ones(2), torch.ones(2, device="cuda")
    for f in (lambda x, y: x + y, lambda x, y: (x * 2).sum() + y * here):
        with pytest.raises(DeviceError, match="Expected all tensors to be on the same device"):
            torch.compile(f)(there, here)
    scaled = torch.compile(lambda x, y: x * y)
    assert scaled(there, torch.tensor(3.0)).tolist() == [3, 3]  # a number goes along


def test_what_moves_in_a_compiled_function_is_up_to_date():
    w = torch.ones(2)
    f = torch.compile(lambda x: x + w.cuda())
    x = torch.zeros(2, device="cuda")
    assert f(x).tolist() == [1, 1]
    w.fill_(5)
    assert f(x).tolist() == [5, 5]


@pytest.mark.parametrize("where", ["cpu", "cuda"])
def test_an_optimizer_goes_on_from_a_state_of_another_device(where):
    def steps(w, adam, count):
        for _ in range(count):
            adam.zero_grad()
            (w**2).sum().backward()
            adam.step()
        return w.detach().cpu().numpy()

    def made(values, device):
        w = torch.tensor(values, device=device, requires_grad=True)
        return w, torch.optim.Adam([w], lr=0.1)

    w, adam = made([1.0, -2.0], "cpu")
    steps(w, adam, 2)
    other, moved = made(w.tolist(), where)
    moved.load_state_dict(adam.state_dict())
    assert all(x.device == other.device for x in moved.state[other].values())
    np.testing.assert_allclose(steps(other, moved, 2), steps(w, adam, 2), rtol=1e-5)


# --------------------------------------------------------------------------------------------------------------- views

VIEWS = [
    lambda x: x[1],
    lambda x: x[-1],
    lambda x: x[1:],
    lambda x: x[1, 2],
    lambda x: x[1, 1:3],
    lambda x: x.view(12)[3:7],
    lambda x: x.narrow(0, 1, 2),
    lambda x: x.unsqueeze(1),
    lambda x: x[None, 1],
    lambda x: x[:, 1],
    lambda x: x[::2],
    lambda x: x[:, 1:3],
    lambda x: x.t(),
    lambda x: x.t()[1],
    lambda x: x.t()[1:3, ::2],
    lambda x: x.narrow(1, 1, 2),
    lambda x: x[:, 1:].t(),
    lambda x: x[1:1],
    lambda x: x.view(3, 2, 2).permute(2, 0, 1),
    lambda x: x[:, 1:3].reshape(1, 3, 2)[0],
    lambda x: x.split(2)[0],
    lambda x: x.data[2],
    lambda x: x.t().data,
]


@pytest.mark.parametrize("show", VIEWS)
def test_views_and_what_they_show_change_together(show):
    def results(device):
        x = torch.tensor(X, device=device)
        part = show(x)
        first = part.tolist()
        x += 1
        after = part.tolist(), (part * 2).tolist(), part.clone().cpu().tolist(), repr(part).replace(", device='cuda:0'", "")
        part.mul_(3)
        written = x.tolist(), part.tolist()
        part.zero_()
        x[0] = 7.0
        return first, after, written, x.tolist(), part.tolist(), (part + 1).sum().item()

    assert results("cuda") == results("cpu")


def test_parts_are_updated_in_place():
    def results(device):
        x = torch.tensor(X, device=device)
        x[2, 0] += 9
        x[0] *= 2
        x[:, 1] -= 1
        x.data[1] /= 2
        x.t()[2, 1] = -5
        x[1:, 2:].fill_(3)
        for row in x:
            row[3] = 8
        return x.tolist()

    assert results("cuda") == results("cpu")


def test_what_is_contiguous_is_a_part_of_the_memory():
    x = torch.tensor(X, device="cuda")
    assert x[1]._array.memory is x._array.memory and x[1].is_contiguous() and x[1].contiguous()._array.memory is x._array.memory
    turned = x.t()
    assert not turned.is_contiguous()
    turned.contiguous().zero_()
    turned.clone().zero_()
    assert x.tolist() == X.tolist()


def test_an_expanded_tensor_is_not_written_to():
    x = torch.ones(1, 3, device="cuda").expand(2, 3)
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor refers to a single memory location"):
        x.add_(1)


def test_parameters_are_written_to_by_their_parts():
    w = torch.tensor(X, device="cuda", requires_grad=True)
    with torch.no_grad():
        w[:, 0] += 1
        w.t()[1].zero_()
    with pytest.raises(RuntimeError, match="an in-place operation on a view"):
        (w * 2)[:, 0].add_(1)
    (w.t()[2] ** 2).sum().backward()
    expected = np.zeros_like(X)
    expected[:, 2] = 2 * X[:, 2]
    assert w.grad.tolist() == expected.tolist()
    assert w[:, :2].tolist() == [[1, 0], [5, 0], [9, 0]]


def test_compiled_functions_see_what_a_view_shows():
    x = torch.tensor(X, device="cuda")
    turned = x.t()
    f = torch.compile(lambda y: turned[0] + y)
    g = torch.compile(lambda v: v * 2)
    zeros = torch.zeros(3, device="cuda")
    assert f(zeros).tolist() == [0, 4, 8] and g(turned[0]).tolist() == [0, 8, 16]
    x += 1
    assert f(zeros).tolist() == [1, 5, 9] and g(turned[0]).tolist() == [2, 10, 18]


# ------------------------------------------------------------------------------------------------------------ defaults


def test_the_default_device_is_set_and_unset():
    try:
        torch.set_default_device("cuda")
        assert torch.ones(2).is_cuda and torch.get_default_device() == torch.device("cuda:0")
        with torch.device("cpu"):
            assert not torch.ones(2).is_cuda
        assert torch.ones(2).is_cuda
    finally:
        torch.set_default_device(None)
    assert not torch.ones(2).is_cuda and torch.get_default_device() == torch.device("cpu")
    assert tj.function(lambda x: x * 2)(tj.asarray([1.0]).to("cuda")).device == "cuda"  # where its argument is
    with torch.device("cpu"):
        assert tj.function(lambda x: x * 3)(tj.asarray([1.0]).to("cuda")).device == "cuda"


@pytest.mark.parametrize("kind", ["torch.cuda.DoubleTensor", torch.cuda.DoubleTensor])
def test_the_default_tensor_type_is_a_dtype_and_a_device(kind):
    try:
        torch.set_default_tensor_type(kind)
        x = torch.randn(2)
        assert x.is_cuda and x.dtype is torch.float64
    finally:
        torch.set_default_tensor_type(torch.FloatTensor)
    x = torch.randn(2)
    assert not x.is_cuda and x.dtype is torch.float32


def test_the_gpu_tells_of_itself():
    assert torch.cuda.current_device() == 0 and torch.cuda.get_device_name(0) == "an emulated GPU"
    before = torch.cuda.memory_allocated()
    x = torch.ones(1000, device="cuda")
    assert torch.cuda.memory_allocated() - before == 4 * x.numel()
    torch.cuda.empty_cache()
