"""Tensors: making, printing, indexing, memory that is shared, writes in place, and the errors of PyTorch."""

import copy

import numpy as np
import pytest

import tracejit.compat.torch as torch
from tracejit.compat.torch import nn

# making


def test_floats_are_float32_and_integers_int64_unless_an_array_says_otherwise():
    assert torch.tensor([1.0, 2.0]).dtype is torch.float32
    assert torch.tensor([1, 2]).dtype is torch.int64
    assert torch.tensor([True]).dtype is torch.bool
    assert torch.tensor(np.ones(2)).dtype is torch.float64
    assert torch.tensor([1, 2], dtype=torch.float64).dtype is torch.float64
    for make in (torch.zeros, torch.ones, torch.randn, torch.rand, torch.empty):
        assert make(2, 3).dtype is torch.float32
        assert make((2, 3)).size() == (2, 3)


def test_the_default_dtype_can_be_another():
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor(1.0).dtype is torch.float64
        assert (torch.tensor([1]) * 0.5).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_tensor_copies_and_from_numpy_shares():
    array = np.zeros(2, np.float32)
    copied, shared = torch.tensor(array), torch.from_numpy(array)
    array[0] = 5
    assert copied.tolist() == [0, 0]
    assert shared.tolist() == [5, 0]
    shared.add_(1)
    assert array.tolist() == [6, 1]


def test_tensor_types_make_tensors_of_sizes_and_of_numbers():
    assert torch.FloatTensor(2, 3).size() == (2, 3)
    assert torch.FloatTensor([1, 2]).tolist() == [1, 2]
    assert torch.LongTensor([1, 2]).dtype is torch.int64
    assert torch.DoubleTensor([1]).type() == "torch.DoubleTensor"
    assert torch.Tensor(2, 1).size() == (2, 1)
    assert nn.Parameter(torch.ones(2)).requires_grad


def test_random_numbers_repeat_with_their_seed():
    def draws():
        torch.manual_seed(5)
        return [torch.randn(3).tolist(), torch.rand(3).tolist(), torch.randint(10, (3,)).tolist(), torch.randperm(4).tolist()]

    first = draws()
    assert first == draws()
    assert sorted(first[3]) == [0, 1, 2, 3]
    assert torch.randn(3).tolist() != first[0]
    own = torch.Generator().manual_seed(5)
    assert torch.randn(3, generator=own).tolist() == first[0]


# printing


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1.0, 2.0], "tensor([1., 2.])"),
        (5.0, "tensor(5.)"),
        ([1.5, -3.0], "tensor([ 1.5000, -3.0000])"),
        ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
        ([float("nan"), 1.0, float("inf")], "tensor([nan, 1., inf])"),
        ([[1, 2], [3, 40]], "tensor([[ 1,  2],\n        [ 3, 40]])"),
        ([True, False], "tensor([ True, False])"),
        ([], "tensor([])"),
        (28735282.0, "tensor(28735282.)"),
    ],
)
def test_tensors_print_as_pytorchs(value, text):
    assert repr(torch.tensor(value)) == text


def test_what_is_not_the_default_is_printed():
    assert repr(torch.tensor([1.0], dtype=torch.float64)) == "tensor([1.], dtype=torch.float64)"
    assert repr(torch.tensor([1], dtype=torch.int32)) == "tensor([1], dtype=torch.int32)"
    assert repr(torch.tensor([1.0], requires_grad=True)) == "tensor([1.], requires_grad=True)"
    assert repr(torch.tensor(1.0, requires_grad=True) * 2) == "tensor(2., grad_fn=<MulBackward0>)"
    assert repr(torch.zeros(2, 0)) == "tensor([], size=(2, 0))"
    assert repr(torch.ones(2, 3).size()) == "torch.Size([2, 3])"


def test_long_tensors_are_shortened():
    assert repr(torch.arange(2000)) == "tensor([   0,    1,    2,  ..., 1997, 1998, 1999])"
    lines = repr(torch.zeros(60, 20)).splitlines()
    assert len(lines) == 7
    assert lines[0] == "tensor([[0., 0., 0.,  ..., 0., 0., 0.],"
    assert lines[3] == "        ...,"


def test_a_scalar_formats_as_a_number():
    assert f"{torch.tensor(0.123456):.3f}" == "0.123"
    assert "%.2f" % torch.tensor(1.5) == "1.50"  # noqa: UP031  (programs do it)
    assert f"{torch.tensor([1.0])}" == "tensor([1.])"


# values


def test_numbers_arrays_and_lists_of_tensors():
    assert torch.tensor(3.5).item() == 3.5
    assert float(torch.tensor([2.0])) == 2.0
    assert int(torch.tensor(7)) == 7
    assert [10, 20, 30][torch.tensor(1)] == 20
    assert bool(torch.tensor([True]))
    assert not torch.tensor(0.0)
    assert np.asarray(torch.ones(2)).dtype == np.float32
    assert np.sum(torch.ones(2).numpy()) == 2
    assert [x.item() for x in torch.arange(3)] == [0, 1, 2]
    assert 2.0 in torch.tensor([1.0, 2.0])
    assert len(torch.ones(3, 2)) == 3


def test_arrays_and_their_numbers_are_operands():
    out = torch.ones(2) * np.float64(2.0)
    assert out.dtype is torch.float32
    assert (np.float32([1, 2]) * torch.ones(2)).tolist() == [1, 2]
    assert isinstance(np.float32([1, 2]) + torch.ones(2), torch.Tensor)


# memory


def test_views_share_memory():
    x = torch.zeros(2, 3)
    x.view(6)[0] = 1.0
    x.t()[2, 1] = 2.0
    x[0].add_(1)
    x.data[1, 0] = 5.0
    x.detach()[1, 1] = 6.0
    assert x.tolist() == [[2, 1, 1], [5, 6, 2]]


def test_clone_and_contiguous_do_not_share():
    x = torch.ones(2, 2)
    x.clone().zero_()
    x.t().contiguous().zero_()
    copy.deepcopy(x).zero_()
    assert x.tolist() == [[1, 1], [1, 1]]


def test_data_can_be_another_tensor():
    w = torch.ones(2, requires_grad=True)
    w.data = torch.tensor([3.0, 4.0])
    (w * w).sum().backward()
    assert w.grad.tolist() == [6, 8]


def test_writes_in_place():
    x = torch.tensor([1.0, -2.0])
    assert x.add_(1) is x
    x += 1
    x -= torch.tensor([1.0, 0.0])
    x *= 2.0
    x /= 2
    assert x.tolist() == [2, 0]
    assert x.add_(torch.ones(2), alpha=3).tolist() == [5, 3]
    assert x.pow_(2).tolist() == [25, 9]
    assert x.clamp_(max=10).neg_().tolist() == [-10, -9]
    assert x.abs_().sqrt_().mul_(0).tolist() == [0, 0]
    assert x.fill_(3).copy_(torch.tensor(7)).tolist() == [7, 7]
    assert x.zero_().tolist() == [0, 0]
    n = torch.tensor([1, 2])
    n += 1
    assert n.tolist() == [2, 3]


def test_items_are_assigned():
    x = torch.zeros(3, 3)
    x[0] = 1.0
    x[:, 2] = torch.tensor([5.0, 6.0, 7.0])
    x[torch.tensor([1, 2]), torch.tensor([0, 1])] = -1.0
    x[x > 5.5] = 0.0
    x[2, 0] += 9
    assert x.tolist() == [[1, 1, 5], [-1, 0, 0], [9, -1, 0]]


# errors


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: torch.ones(3, 4).mm(torch.ones(5, 2)),
            RuntimeError,
            r"mat1 and mat2 shapes cannot be multiplied \(3x4 and 5x2\)",
        ),
        (lambda: torch.ones(3, 4) @ torch.ones(5, 2), RuntimeError, r"mat1 and mat2 shapes cannot be multiplied \(3x4 and 5x2\)"),
        (
            lambda: torch.ones(3, 4) + torch.ones(3, 5),
            RuntimeError,
            r"The size of tensor a \(4\) must match the size of tensor b \(5\) at non-singleton dimension 1",
        ),
        (
            lambda: torch.ones(2, 3).sum(5),
            IndexError,
            r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 5\)",
        ),
        (lambda: torch.ones(3)[7], IndexError, "index 7 is out of bounds for dimension 0 with size 3"),
        (lambda: torch.ones(3)[torch.tensor([7])], IndexError, "index 7 is out of bounds for dimension 0 with size 3"),
        (lambda: torch.ones(6).view(4, 2), RuntimeError, r"shape '\[4, 2\]' is invalid for input of size 6"),
        (lambda: torch.ones(2, 3).t().view(6), RuntimeError, r"view size is not compatible.*Use \.reshape"),
        (lambda: torch.ones(2, 2).mm(torch.ones(2, 2).double()), RuntimeError, "same dtype, but got: float != double"),
        (lambda: torch.tensor([1, 2]).mean(), RuntimeError, r"mean\(\): could not infer output dtype.*Got: Long"),
        (lambda: torch.tensor([1, 2]).add_(1.5), RuntimeError, "result type Float can't be cast to the desired output type Long"),
        (
            lambda: torch.ones(2).add_(torch.ones(3, 2)),
            RuntimeError,
            r"output with shape \[2\] doesn't match the broadcast shape",
        ),
        (lambda: torch.ones(2).item(), RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"),
        (lambda: bool(torch.ones(2)), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
        (lambda: torch.ones(2, requires_grad=True).numpy(), RuntimeError, r"Can't call numpy\(\) on Tensor that requires grad"),
        (lambda: torch.tensor([1], requires_grad=True), RuntimeError, "only Tensors of floating point and complex dtype"),
        (lambda: torch.ones(2) + None, TypeError, "must be Tensor or Number, not NoneType"),
        (lambda: torch.ones(2) + "a", TypeError, "must be Tensor or Number, not str"),
        (
            lambda: torch.cat([torch.ones(2, 3), torch.ones(2, 4)]),
            RuntimeError,
            "Expected size 3 but got size 4 for tensor number 1",
        ),
        (lambda: torch.stack([torch.ones(2), torch.ones(3)]), RuntimeError, "stack expects each tensor to be equal size"),
        (lambda: torch.ones(3).expand(2), RuntimeError, r"expanded size of the tensor \(2\) must match the existing size \(3\)"),
        (lambda: torch.ones(0).max(), RuntimeError, r"max\(\): Expected reduction dim"),
        (lambda: len(torch.tensor(1.0)), TypeError, r"len\(\) of a 0-d tensor"),
        (lambda: list(torch.tensor(1.0)), TypeError, "iteration over a 0-d tensor"),
        (lambda: torch.tensor(1.0)[1], IndexError, "invalid index of a 0-dim tensor"),
        (lambda: torch.where(torch.ones(2), torch.ones(2), torch.ones(2)), RuntimeError, "condition to be a boolean tensor"),
        (lambda: torch.ones(1).clamp(), RuntimeError, "At least one of 'min' or 'max' must not be None"),
        (lambda: torch.zeros(-1), RuntimeError, "negative dimension"),
        (lambda: torch.ones(3).narrow(0, 2, 2), RuntimeError, r"start \(2\) \+ length \(2\) exceeds dimension size \(3\)"),
        (lambda: torch.tensor("a"), TypeError, "can't convert str"),
        (lambda: torch.tensor([[1, 2], [3]]), ValueError, "inhomogeneous"),
        (lambda: nn.functional.cross_entropy(torch.ones(2, 3), torch.tensor([0, 5])), IndexError, "index 5 is out of bounds"),
        (
            lambda: nn.functional.cross_entropy(torch.ones(2, 3), torch.tensor([0, 1, 2])),
            RuntimeError,
            r"Expected target size \[2\]",
        ),
        (
            lambda: nn.functional.mse_loss(torch.ones(2), torch.ones(2), reduction="x"),
            ValueError,
            "x is not a valid value for reduc",
        ),
        (lambda: nn.functional.dropout(torch.ones(2), 2), ValueError, "dropout probability has to be between 0 and 1, but got 2"),
    ],
)
def test_mistakes_are_told_in_pytorchs_words(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_overflow_and_division_by_zero_give_no_warning():
    assert (torch.tensor([1.0]) / 0).tolist() == [float("inf")]
    assert torch.tensor([1000.0]).exp().tolist() == [float("inf")]


# functional


def test_dropout_zeroes_with_its_probability_and_scales_the_rest():
    torch.manual_seed(0)
    x = torch.ones(10000, requires_grad=True)
    out = nn.functional.dropout(x, 0.25)
    assert set(out.tolist()) == {0.0, float(np.float32(1 / 0.75))}
    assert abs(float((out == 0).float().mean()) - 0.25) < 0.02
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())
    assert nn.functional.dropout(x, 0.25, training=False) is x


def test_allclose_and_equal():
    assert torch.allclose(torch.ones(2), torch.ones(2) + 1e-7)
    assert not torch.allclose(torch.ones(2), torch.zeros(2))
    assert torch.equal(torch.ones(2), torch.ones(2))
    assert not torch.equal(torch.ones(2), torch.ones(3))


def test_an_element_shows_the_memory():
    x = torch.arange(6.0).view(2, 3)
    x[1, 2].add_(10)
    x[0, 1].fill_(7)
    x.view(6)[3] *= 2
    assert x.tolist() == [[0, 7, 2], [6, 4, 15]]
