"""Donated arguments on a device: a result takes their memory there, as on the CPU."""

import numpy as np
import pytest

import tracejit as tj
from tracejit.frontend.tensor import EagerTensor
from tracejit.runtime.cuda import driver as driver_module
from tracejit.runtime.device import DeviceArray

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(autouse=True, params=["native", "python"])
def emulated(request, monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    monkeypatch.setenv("TRACEJIT_GUARD", request.param)


def there(*arrays):
    return [tj.asarray(a).to("cuda") for a in arrays]


def step(p, x):
    return {k: v - 0.5 * np.sum(x) * v for k, v in p.items()}, np.tanh(x)


def test_results_are_the_donated_tensors_and_the_same_numbers():
    w, b = np.ones((3, 4), np.float32), np.arange(4, dtype=np.float32)
    expected, y = tj.function(step)({"w": w, "b": b}, X)
    f = tj.function(step, donate="p")
    for _ in range(3):  # by way of tracing, and by the short way
        given, (x,) = dict(zip("wb", there(w, b), strict=True)), there(X)
        places = {k: v.value.address for k, v in given.items()}
        out, z = f(given, x)
        for k in "wb":
            assert out[k] is given[k] and out[k].value.address == places[k]
            np.testing.assert_allclose(out[k].numpy(), expected[k], rtol=1e-6)
        np.testing.assert_allclose(z.numpy(), y, rtol=1e-6)
        np.testing.assert_array_equal(x.numpy(), X)
    assert f.compilations == 1 and len(f.programs.entries[-1].program.graph.outputs) == 1


def test_a_chain_of_calls_works_in_one_piece_of_memory():
    f = tj.function(lambda x: x * 0.5 + 1, donate="x")
    (x,) = there(X)
    first, place, expected = x, x.value.address, X
    ledger = driver_module._driver("emulate").ledger
    for i in range(6):
        x = f(x)
        expected = expected * np.float32(0.5) + 1
        if i == 1:
            held = sum(ledger.held.values())
            f.programs.call = None  # the short way alone
    assert x is first and x.value.address == place and sum(ledger.held.values()) <= held + 8 * 64
    np.testing.assert_array_equal(x.numpy(), expected)


def test_what_was_computed_of_a_donated_tensor_before_is_not_taken_for_its_new_value():
    f = tj.function(lambda x: x + 1, donate="x")
    (x,) = there(X)
    with tj.GradientTape() as tape:
        tape.watch(x)
        before = x.key
    assert f(x) is x and x.key is not before
    second = x.key
    assert f(x) is x and x.key is not second
    np.testing.assert_array_equal((x * 1).numpy(), X + 2)
    assert tape is not None


def test_arrays_of_the_device_can_be_donated_as_they_are():
    f = tj.function(lambda x: x * 2, donate="x")
    for _ in range(3):
        x = there(X)[0].value
        assert f(x) is x and isinstance(x, DeviceArray)
        np.testing.assert_array_equal(x.numpy(), X * 2)


def test_an_array_that_is_read_to_the_end_is_kept_with_a_warning():
    for f in (lambda x: x[::-1] * 2, lambda x: np.sum(x), lambda x: x):
        traced = tj.function(f, donate="x", name="f")
        (x,) = there(X)
        with pytest.warns(RuntimeWarning, match="f: argument x was donated, and is kept: no result can have its memory"):
            out = traced(x)
        np.testing.assert_array_equal(out.numpy(), f(X))
        np.testing.assert_array_equal(x.numpy(), X)


def test_an_array_of_the_host_is_kept_with_a_warning():
    f = tj.function(lambda x: x + 1, device="cuda", donate="x")
    with pytest.warns(RuntimeWarning, match="x was donated, and is kept: it is on the host, and the results are on cuda"):
        np.testing.assert_array_equal(f(X).numpy(), X + 1)


def test_shared_read_only_and_partial_arrays_cannot_be_donated():
    f = tj.function(lambda x, y: x + y, donate="x")
    for _ in range(2):
        x, y = there(X, X)
        with pytest.raises(tj.ArgumentError, match=r"argument x is written to, and y shares its memory\n  rule: it is donated"):
            f(x, EagerTensor(x.value))
        part = x[0:2]
        with pytest.raises(tj.ArgumentError, match=r"x is a part of another tensor\n  rule: it is .*\n  cure: pass x.copy"):
            f(part, y)
        view = DeviceArray(x.value.memory, X.shape, X.dtype, writeable=False)
        with pytest.raises(ValueError, match=r"read-only: argument x\n  rule: it is donated"):
            f(EagerTensor(view), y)
        np.testing.assert_array_equal(x.numpy(), X)
        assert f(x, y) is x
        np.testing.assert_array_equal(x.numpy(), X + X)


def test_a_variable_of_the_program_shares_no_memory_with_what_is_donated():
    w = tj.Variable(X, device="cuda")
    f = tj.function(lambda x: x + w, donate="x")
    for _ in range(2):
        with pytest.raises(tj.ArgumentError, match="shares its memory"):
            f(EagerTensor(w.buffer))
        assert f(*there(X)).device == "cuda"
