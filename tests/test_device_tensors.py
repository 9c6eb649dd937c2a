"""Tensors on a device as NumPy's users treat them, on the emulated one: masks, aliases, places where values are."""

import copy
import pickle

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


def test_what_is_made_like_a_tensor_is_where_it_is():
    x = there()
    for y in (np.zeros_like(x), np.ones_like(x), np.full_like(x, 2), np.empty_like(x), np.zeros_like(x, shape=(3, 4))):
        assert y.device == "cuda" and (x + y).shape == X.shape
    assert isinstance(np.zeros_like(X), np.ndarray) and np.zeros_like(tj.asarray(X)).device == "cpu"


def test_gradients_that_depend_on_nothing_are_where_their_variables_are():
    w = tj.Variable(X, device="cuda")
    with tj.GradientTape(persistent=True) as tape:
        loss, other = w.sum(), (w * 0).sum()
        plain = (w * X).sum()
    for target, expected in ((loss, np.ones_like(X)), (other, X * 0), (plain, X)):
        gradient = tape.gradient(target, w)
        assert gradient.device == "cuda"
        np.testing.assert_array_equal(gradient.numpy(), expected)
    assert tape.gradient(loss, tj.Variable(X, device="cuda"), unconnected="zero").device == "cuda"
    w.assign_sub(0.5 * tape.gradient(loss, w))
    np.testing.assert_array_equal(w.numpy(), X - 0.5)
    x = there()
    for f in (tj.grad(lambda x: x.sum()), lambda x: tj.value_and_grad(lambda x: 3.0 * x.sum())(x)[1]):
        assert f(x).device == "cuda"
    assert tj.jvp(lambda x: x * 0 + 1, (x,), (x,))[1].device == "cuda"
    assert tj.grad(lambda x: tj.grad(lambda y: (y**2).sum())(x).sum())(x).device == "cuda"


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_tensors_and_variables_are_copied_and_pickled(duplicate):
    x, w = there(), tj.Variable(X, device="cuda", name="w")
    y, v = duplicate(x), duplicate(w)
    x += 1
    w.assign(X * 0)
    assert (y.device, v.device, v.name) == ("cuda", "cuda", "w")
    np.testing.assert_array_equal(y.numpy(), X)
    np.testing.assert_array_equal(v.numpy(), X)


def test_programs_of_a_device_are_made_before_they_are_called():
    f = tj.function(lambda x, w: np.maximum(x @ w, 0).sum(), device="cuda")
    specs = [tj.TensorSpec((None, 4), "float32"), tj.TensorSpec((4, 2), "float32")]
    made = tj.precompile(f, specs)
    assert made.compiled and made.path.endswith(".py") and f.compilations == 1
    assert not tj.precompile(f, specs).compiled
    assert float(f(X, X.T[:, :2])) == pytest.approx(np.maximum(X @ X.T[:, :2], 0).sum(), rel=1e-6) and f.compilations == 1


def test_event_files_take_values_of_a_device(tmp_path):
    pytest.importorskip("tensorboardX")
    x = there()
    with tj.io.EventWriter(tmp_path) as here:
        here.scalar("loss", x.sum(), 1)
        here.scalar("rate", tj.Variable(0.5, device="cuda"), 1)
        here.histogram("x", x, 1)
        here.image("image", np.clip(x, 0, 1), 1)
    with pytest.raises(ValueError, match="was closed"):
        here.scalar("loss", x.sum(), 2)
    assert here.path.stat().st_size > 300
