"""Where values live and functions run: Variables and tensors on a device, other libraries' arrays, what does not go together."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from fake_cuda import FakeDriver

import tracejit as tj
from tracejit.errors import ArgumentError, DeviceError, DTypeError, GradientError, VariableError
from tracejit.frontend import device as device_module
from tracejit.frontend.device import placement
from tracejit.frontend.specialize import trace_call
from tracejit.frontend.tensor import EagerTensor
from tracejit.ir.dtype import bfloat16
from tracejit.runtime.cuda import driver as driver_module
from tracejit.runtime.cuda.edges import handed_out
from tracejit.runtime.device import DeviceArray


@pytest.fixture
def driver(monkeypatch):
    fake = FakeDriver()
    monkeypatch.setattr(driver_module, "_driver", lambda kind: fake)
    return fake


@pytest.fixture(autouse=True)
def unconfigured():
    """The environment is read anew in each test."""
    yield
    device_module.configured_device.cache_clear()


def configure(monkeypatch, name):
    monkeypatch.setenv("TRACEJIT_DEVICE", name)
    device_module.configured_device.cache_clear()


X = np.arange(6, dtype=np.float32).reshape(2, 3)


# ----------------------------------------------------------------------------------------------- the choice of a device


@pytest.mark.parametrize("make", [lambda: tj.function(abs, device="gpu"), lambda: tj.device("gpu")])
def test_an_unknown_device_is_an_error_with_the_known_ones(make):
    with pytest.raises(ArgumentError, match="device is 'gpu'; it must be one of 'cpu', 'cuda', 'auto'"):
        make()


@pytest.mark.parametrize("name", ["gpu", "auto", 0])
def test_what_moves_goes_to_one_device(driver, name):
    for x in (tj.asarray(1.0), tj.Variable(1.0), tj.Variable(1.0, device="cuda")):
        with pytest.raises(ArgumentError, match=f"to: device is {name!r}; it must be one of 'cpu', 'cuda'$"):
            x.to(name)


def test_functions_take_the_device_of_their_definition(driver, monkeypatch):
    assert tj.function(abs).programs.device == "auto"
    assert tj.function(abs, device="cuda").programs.device == "cuda"
    with tj.device("cuda"):
        inside, own = tj.function(abs), tj.function(abs, device="cpu")
        with tj.device("cpu"):
            inner = tj.function(abs)
    assert [f.programs.device for f in (inside, own, inner, tj.function(abs))] == ["cuda", "cpu", "cpu", "auto"]
    configure(monkeypatch, "cpu")
    assert tj.function(abs).programs.device == "cpu"


def test_the_decorator_takes_a_device(driver):
    @tj.function(device="cuda")
    def f(x):
        return x

    assert f.programs.device == "cuda"


def placed(f, *args, asked="auto"):
    programs = tj.function(f).programs
    call = programs.parameters.read(args, {}, None)
    return placement(asked, call, trace_call(f, programs.parameters, call, "f"), "f")


def test_a_program_runs_where_its_arguments_and_variables_are(driver):
    here, there = tj.Variable(X), tj.Variable(X, device="cuda")
    assert placed(lambda x: x + 1, X) == "cpu"
    assert placed(lambda x: x + 1, X, asked="cuda") == "cuda"
    assert placed(lambda x: x + 1, tj.asarray(X).to("cuda")) == "cuda"
    assert placed(lambda x: x + there, X) == "cuda"
    assert placed(lambda x: x + here, X) == "cpu"


def test_a_program_of_the_cpu_takes_nothing_that_is_elsewhere(driver):
    with pytest.raises(DeviceError, match=r'f: runs on the CPU, as device="cpu" asks, and x is on cuda\n  cure: device="cuda"'):
        placed(lambda x: x + 1, tj.asarray(X).to("cuda"), asked="cpu")
    there = tj.Variable(X, name="w", device="cuda")
    with pytest.raises(DeviceError, match="the Variable w is on cuda"):
        placed(lambda x: x + there, X, asked="cpu")


def test_tensors_on_different_devices_do_not_mix(driver):
    x, y = tj.asarray(X), tj.asarray(X).to("cuda")
    with pytest.raises(
        DeviceError, match=r'f: b is on cuda and the tensor a on the CPU\n  rule: one program, one device\n  cure: a.to\("cuda"\)'
    ):
        placed(lambda a, b: a + b, x, y)
    with pytest.raises(DeviceError, match=r"add: one operand is on cuda, and another, the tensor f32\[2, 3\], on the CPU"):
        x + y


def test_a_device_program_does_not_write_to_the_host(driver):
    def f(x):
        x[0] = 1
        return x

    with pytest.raises(
        DeviceError, match=r"the argument x, which it writes to, is a NumPy array on the host(.|\n)*at test_device"
    ):
        placed(f, X.copy(), asked="cuda")
    captured = X.copy()

    def g(x):
        return np.add(x, x, out=captured)

    with pytest.raises(DeviceError, match="a captured array, which it writes to"):
        placed(g, X, asked="cuda")


# ----------------------------------------------------------------------------------------------- tensors and Variables


def test_tensors_move_to_a_device_and_back_and_every_copy_is_counted(driver):
    x = tj.asarray(X)
    y = x.to("cuda")
    assert (x.device, y.device) == ("cpu", "cuda") and y.to("cuda") is y and x.to("cpu") is x
    assert driver.ledger.counts == {"uploads": 1} and (y.shape, y.dtype, y.ndim) == ((2, 3), np.float32, 2)
    np.testing.assert_array_equal(y.to("cpu").numpy(), X)
    assert driver.ledger.copied == {"uploads": 24, "downloads": 24}
    assert driver.names("upload", "download") == [("upload", 24), ("download", 24)]


def test_a_tensor_on_a_device_becomes_no_numpy_array_unasked(driver):
    x = tj.asarray(X).to("cuda")
    for attempt in (lambda: np.asarray(x), lambda: np.array(x), lambda: np.linalg.norm(x.value)):
        with pytest.raises(
            ArgumentError, match=r"an array on cuda, float32\[2, 3\], was given to code that needs it on the host"
        ):
            attempt()
    assert driver.ledger.counts["downloads"] == 0


def test_asking_for_values_copies_them(driver):
    x = tj.asarray(X).to("cuda")
    np.testing.assert_array_equal(x.numpy(), X)
    assert x.tolist() == X.tolist() and float(tj.asarray(2.5).to("cuda")) == 2.5
    assert repr(x) == "tensor([[0., 1., 2.],\n        [3., 4., 5.]], dtype=float32, device='cuda')" and str(x) == str(X)


def test_variables_live_where_they_are_made(driver, monkeypatch):
    assert tj.Variable(X).device == "cpu"
    assert tj.Variable(X, device="cuda").device == "cuda"
    with tj.device("cuda"):
        assert tj.Variable(X).device == "cuda" and tj.Variable(X, device="cpu").device == "cpu"
    assert tj.Variable(tj.asarray(X).to("cuda")).device == "cuda"
    configure(monkeypatch, "cuda")
    assert tj.Variable(X).device == "cuda"
    assert tj.random.Generator(1).state.device == "cpu"


def test_a_variable_on_a_device_is_read_and_written(driver):
    w = tj.Variable(X, name="w", device="cuda")
    assert (w.shape, w.dtype, w.spec) == ((2, 3), np.float32, tj.TensorSpec((2, 3), np.float32))
    np.testing.assert_array_equal(w.numpy(), X)
    w.assign(X + 1)
    np.testing.assert_array_equal(w.numpy(), X + 1)
    w.assign(tj.asarray(X).to("cuda"))
    np.testing.assert_array_equal(w.numpy(), X)
    assert "device='cuda'" in repr(w)
    with pytest.raises(VariableError):
        w.assign(X[0])


def test_a_variable_is_copied_from_what_it_starts_with(driver):
    x = tj.asarray(X).to("cuda")
    w = tj.Variable(x)
    w.assign(X + 1)
    np.testing.assert_array_equal(x.numpy(), X)


def test_a_variable_moves_as_a_new_one_of_its_name(driver):
    w = tj.Variable(X, name="w", trainable=False)
    v = w.to("cuda")
    assert v is not w and (v.name, v.device, v.trainable, w.device) == ("w", "cuda", False, "cpu")
    assert w.to("cpu") is w and v.to("cuda") is v
    np.testing.assert_array_equal(v.to("cpu").numpy(), X)


def test_a_variable_on_the_cpu_takes_no_value_of_a_device(driver):
    w = tj.Variable(X, name="w")
    with pytest.raises(
        DeviceError, match=r"Variable w lives on the CPU, and was assigned a value that is on cuda(.|\n)*value.numpy"
    ):
        w.assign(tj.asarray(X).to("cuda"))
    np.testing.assert_array_equal(w.numpy(), X)


def test_checkpoints_hold_variables_of_any_device(driver, tmp_path):
    pytest.importorskip("safetensors")
    w, b = tj.Variable(X, name="w", device="cuda"), tj.Variable(X[0], name="b")
    checkpoint = tj.io.Checkpoint(tmp_path, [w, b])
    checkpoint.save(3)
    w.assign(X * 0)
    b.assign(X[0] * 0)
    assert checkpoint.restore() == 3
    np.testing.assert_array_equal(w.numpy(), X)
    assert w.device == "cuda"


# ---------------------------------------------------------------------------------------------- other libraries' arrays


class Foreign:
    """Another library's array on the device."""

    def __init__(self, driver, array, **more):
        self.held = driver.placed(array)
        data = {"shape": array.shape, "typestr": array.dtype.str, "data": (self.held.address, False), "version": 3}
        self.interface = data | more

    @property
    def __cuda_array_interface__(self):
        if isinstance(self.interface, Exception):
            raise self.interface
        return self.interface


def read(x, path="x"):
    return device_module.resident_array(x, path)


def test_another_librarys_array_is_read_where_it_is(driver):
    x = Foreign(driver, X, stream=5)
    array = read(x)
    assert isinstance(array, DeviceArray) and (array.address, array.shape, array.stream) == (x.held.address, (2, 3), 5)
    assert driver.ledger.counts["uploads"] == 0 and array.memory.owner is x
    np.testing.assert_array_equal(array.numpy(), X)
    assert read(Foreign(driver, X, stream=1)).stream == 0  # the interface's number of the default stream


def test_row_major_strides_are_contiguous(driver):
    assert read(Foreign(driver, X, strides=(12, 4))).shape == (2, 3)
    assert read(Foreign(driver, X[:1], strides=(999, 4))).shape == (1, 3)


def test_a_non_contiguous_array_is_an_error_with_its_cure(driver):
    with pytest.raises(ArgumentError) as caught:
        tj.function(lambda x: x + 1)(Foreign(driver, X, shape=(3, 2), strides=(4, 12)))
    assert "x: an array on cuda that is not contiguous: shape [3, 2], strides of [4, 12] bytes" in str(caught.value)
    assert "rule: nothing is copied unasked\n  cure: a contiguous copy" in str(caught.value)


def test_an_unaligned_array_is_an_error_with_its_cure(driver):
    x = Foreign(driver, X)
    x.interface["data"] = (x.held.address + 2, False)
    with pytest.raises(
        ArgumentError, match=r"not aligned: the address of float32 elements is no multiple of 4\n  cure: x.copy\(\)"
    ):
        read(x)


def test_a_dtype_that_is_not_supported_is_an_error(driver):
    with pytest.raises(DTypeError, match="x: an array of dtype float128"):
        tj.function(lambda x: x + 1)(Foreign(driver, X.astype(np.longdouble)))


def test_two_bytes_are_a_bfloat16_where_the_array_says_so(driver):
    x = Foreign(driver, X.astype(bfloat16()))
    assert x.interface["typestr"] == "<V2"
    with pytest.raises(DTypeError, match=r"x: an array of dtype \|V2"):
        tj.function(lambda x: x + 1)(x)
    x.dtype = "torch.bfloat16"
    assert read(x).dtype == bfloat16()


def test_an_array_that_its_library_keeps_is_an_error_with_its_reason(driver):
    x = Foreign(driver, X)
    x.interface = RuntimeError("Can't get __cuda_array_interface__ on Variable that requires grad")
    with pytest.raises(ArgumentError, match=r"x: the Foreign on cuda cannot be read: Can't get(.|\n)*cure: x.detach\(\)"):
        tj.function(lambda x: x + 1)(x)


def test_a_read_only_array_stays_so(driver):
    x = Foreign(driver, X)
    x.interface["data"] = (x.held.address, True)
    assert not read(x).flags.writeable


class Exported:
    """What a GPU's memory is shown as."""

    __cuda_array_interface__ = {"shape": (2, 3), "typestr": "<f4", "data": (256, False), "version": 3}  # noqa: RUF012

    def __dlpack__(self, stream, **options):
        return stream, options

    def __dlpack_device__(self):
        return 2, 0


def test_other_libraries_read_tensors_where_they_are(driver, monkeypatch):
    monkeypatch.setattr("tracejit.runtime.cuda.memory.Block.exported", lambda memory, array: Exported())
    tensor = EagerTensor(driver.placed(X, stream=7))
    assert tensor.__cuda_array_interface__ == Exported.__cuda_array_interface__ | {"stream": 7}
    assert tensor.__dlpack_device__() == (2, 0)
    assert tensor.__dlpack__(stream=9, max_version=(1, 0)) == (-1, {"max_version": (1, 0)})
    assert ("after", 9, 7) in driver.events  # what the reader does waits for the tensor


def test_other_libraries_read_tensors_on_the_cpu_where_they_are_and_may_not_write():
    tensor = tj.asarray(X)
    shown = np.from_dlpack(tensor)
    assert np.shares_memory(shown, np.asarray(tensor)) and not shown.flags.writeable
    assert not hasattr(tensor, "__cuda_array_interface__")


def test_what_is_differentiated_by_is_not_handed_out(driver):
    with pytest.raises(GradientError, match="DLPack"):
        tj.grad(lambda x: np.from_dlpack(x).sum())(tj.asarray(X))


def test_a_library_that_takes_no_arrays_gets_cupys(driver, monkeypatch):
    made = []
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(from_dlpack=lambda array: made.append(array) or "cupy's"))
    assert handed_out(driver.placed(X), Foreign(driver, X)) == "cupy's" and len(made) == 1
