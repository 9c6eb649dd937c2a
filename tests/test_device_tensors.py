"""Tensors on a device as NumPy's users treat them, on the emulated one: masks, aliases, places where values are."""

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import DeviceError


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")


X = np.arange(-3, 9, dtype=np.float32).reshape(3, 4)


def there(array=X):
    return tj.asarray(array).to("cuda")


def test_masks_select_and_are_written_through():
    x, y = there(), X.copy()
    for mask in (x > 2, (x > 0) & (x < 5), x > 100):
        np.testing.assert_array_equal(x[mask].numpy(), X[mask.numpy()])
        np.testing.assert_array_equal(x[mask.numpy()].numpy(), X[mask.numpy()])
    rows = (x.sum(axis=1) > 0).numpy()
    np.testing.assert_array_equal(x[x.sum(axis=1) > 0].numpy(), X[rows])
    x[x < 0], y[y < 0] = 0, 0
    x[x > 6] *= 2
    y[y > 6] *= 2
    np.testing.assert_array_equal(x.numpy(), y)


def test_tensors_in_any_order_on_different_devices_do_not_mix():
    f = tj.function(lambda a, b: a + b)
    for a, b in ((there(), tj.asarray(X)), (tj.asarray(X), there())):
        with pytest.raises(DeviceError, match=r"on cuda and the tensor [ab] on the CPU\n  rule: one program, one device"):
            f(a, b)


def test_a_value_of_a_variable_is_not_its_memory():
    w = tj.Variable(X, device="cuda")
    before, same = w.value(), tj.function(lambda: w)()
    w.assign(X * 2)
    np.testing.assert_array_equal(before.numpy(), X)
    np.testing.assert_array_equal(same.numpy(), X)
    x = there()
    y = np.reshape(x, (4, 3))
    x += 1
    np.testing.assert_array_equal(y.numpy(), (X + 1).reshape(4, 3))  # a view, as NumPy has it
    copy = x.copy()
    x += 1
    np.testing.assert_array_equal(copy.numpy(), X + 1)


def test_a_with_block_may_be_shared_and_nested():
    place = tj.device("cuda")
    with place:
        with tj.device("cpu"), place:
            assert tj.Variable(X).device == "cuda"
        assert tj.Variable(X).device == "cuda"
    assert tj.Variable(X).device == "cpu"
