"""Functions of tensors, their first and their second derivatives, as PyTorch gives them; and the same compiled."""

import numpy as np
import pytest
import torch_cases
from torch_cases import CASES, curvature, evaluated, weights

import tracejit.compat.torch as torch

REFERENCE = torch_cases.reference()
NO_PROGRAM = {"x[mask]", "masked_select"}  # the size of the result depends on values


def assert_close(found, name, rtol=2e-5, atol=5e-6):
    """Compare a tensor with PyTorch's of that name; None with none."""
    expected = REFERENCE.get(name)
    if expected is None or found is None:
        assert found is None or not np.any(found.numpy()), name
        assert expected is None or not np.any(expected), name
        return
    np.testing.assert_allclose(found.numpy().ravel(), expected, rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.parametrize("name", CASES)
def test_results_and_gradients_are_pytorchs(name):
    out, grads = evaluated(torch, name)
    assert_close(out, name, rtol=3e-6, atol=2e-6)
    for i, grad in enumerate(grads):
        assert (grad is None) == (f"{name}/{i}" not in REFERENCE)
        assert_close(grad, f"{name}/{i}")


@pytest.mark.parametrize("name", [name for name, (_, arrays) in CASES.items() if arrays])
def test_second_derivatives_are_pytorchs(name):
    for i, slope in enumerate(curvature(torch, name)):
        assert_close(slope, f"{name}//{i}", rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(CASES) - NO_PROGRAM))
def test_compiled_functions_give_the_same(name):
    function, arrays = CASES[name]
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    shape = tuple(evaluated(torch, name)[0].shape)
    weight = torch.tensor(weights(shape))

    @torch.compile
    def step():
        out = function(torch, *tensors)
        if out.requires_grad:
            out.backward(weight)
        return out.detach()

    out = step()
    assert tuple(out.shape) == shape
    assert_close(out, name)
    for i, tensor in enumerate(tensors):
        assert (tensor.grad is None) == (f"{name}/{i}" not in REFERENCE)
        assert_close(tensor.grad, f"{name}/{i}", rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(NO_PROGRAM))
def test_a_computed_mask_has_no_program_and_the_error_says_what_to_do(name):
    function, arrays = CASES[name]
    step = torch.compile(lambda: function(torch, *map(torch.tensor, arrays)))
    with pytest.raises(TypeError, match=r"mask[\s\S]*cure: tj\.where"):
        step()


def test_dtypes_are_pytorchs():
    expected = {
        "int / int": torch.float32,
        "int * float": torch.float32,
        "int + float tensor": torch.float32,
        "int64 + int32": torch.int64,
        "uint8 + int8": torch.int16,
        "bool + int": torch.int64,
        "float64 scalar * float32": torch.float32,
        "sum of bools": torch.int64,
        "sqrt of int": torch.float32,
        "-7 // 2": torch.int64,
        "div trunc": torch.int64,
        "arange": torch.int64,
        "arange of floats": torch.float32,
        "full of ints": torch.int64,
        "one_hot": torch.int64,
        "argmax": torch.int64,
        "eq": torch.bool,
    }
    assert {name: evaluated(torch, name)[0].dtype for name in expected} == expected
