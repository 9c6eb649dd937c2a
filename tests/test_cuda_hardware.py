"""What is asked of cuda.core, the CUDA driver, CuPy and cuBLAS, noted by stand-ins; and what is said when one is missing."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from fake_cuda_packages import CUDARuntimeError, Packages, Refused

import tracejit as tj
from tracejit.errors import DeviceError, DeviceFaultError, DeviceMemoryError, MissingExtraError, UnsupportedError
from tracejit.runtime.cuda.driver import At, Module, Product
from tracejit.runtime.cuda.hardware import HardwareDriver, missing
from tracejit.runtime.cuda.memory import placed


@pytest.fixture
def packages(monkeypatch):
    return Packages(monkeypatch, total=256 << 20)


@pytest.fixture
def driver(packages):
    return HardwareDriver()


def test_all_there_is_no_error(packages):
    assert missing() is None


@pytest.mark.parametrize(
    "name",
    [
        "cuda.core",
        "cuda.bindings.driver",
        "cuda.bindings.nvvm",
        "cuda.bindings.nvjitlink",
        "cupy",
        "nvmath.bindings.cublas",
        "nvmath.bindings.cublasLt",
    ],
)
def test_a_missing_package_names_the_extra(name, packages, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    error = missing()
    assert isinstance(error, MissingExtraError)
    assert f"cuda: {name} cannot be imported" in str(error) and 'cure: pip install "tracejit[cuda]"' in str(error)


def test_a_missing_driver_is_named(packages, monkeypatch):
    def not_found(flags):
        raise RuntimeError('"cuda" is an NVIDIA driver library and can only be found via system search.\nmore')

    monkeypatch.setattr(sys.modules["cuda.bindings.driver"], "cuInit", not_found)
    error = missing()
    assert type(error) is DeviceError and "the NVIDIA driver is not installed" in str(error) and "more" not in str(error)


def test_a_missing_gpu_is_named(packages):
    packages.answer = packages.results.CUDA_ERROR_NO_DEVICE
    error = missing()
    assert type(error) is DeviceError and "the NVIDIA driver finds no GPU" in str(error) and "CUDA_VISIBLE_DEVICES" in str(error)


def test_a_driver_that_does_not_start_is_named(packages):
    packages.answer = packages.results.CUDA_ERROR_ILLEGAL_ADDRESS
    assert "does not start (CUDA_ERROR_ILLEGAL_ADDRESS)" in str(missing())


def test_an_old_driver_is_named(packages):
    packages.version = 12080
    error = missing()
    assert type(error) is DeviceError and "driver is one of CUDA 12.8; the extra needs one of CUDA 13" in str(error)
    assert "cure: install driver 580" in str(error)


def test_an_old_gpu_is_named(packages, monkeypatch):
    device = packages._device()
    device.compute_capability = (7, 0)
    monkeypatch.setattr(sys.modules["cuda.core"], "Device", lambda: device)
    assert "compute capability 7.0; CUDA 13 needs 7.5 or more" in str(missing())


def test_without_the_extra_every_way_to_a_gpu_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    monkeypatch.setenv("TRACEJIT_CUDA", "driver")
    for attempt in (
        lambda: tj.function(lambda x: x + 1, device="cuda")(np.ones(3)),
        lambda: tj.Variable([1.0], device="cuda"),
        lambda: tj.device("cuda").__enter__(),
        lambda: tj.asarray(np.ones(3)).to("cuda"),
    ):
        with pytest.raises(MissingExtraError, match=r'cure: pip install "tracejit\[cuda\]"'):
            attempt()


def test_who_uses_the_cpu_imports_nothing_of_cuda():
    code = (
        "import sys, numpy as np, tracejit as tj\n"
        "w = tj.Variable(np.ones(3))\n"
        "f = tj.function(lambda x: (x * w).sum())\n"
        "assert f(np.ones(3)) == 3 and float(tj.exp(tj.asarray(0.0))) == 1\n"
        "names = ('cuda', 'cupy', 'nvmath', 'numba.cuda', 'numba_cuda', 'tracejit.runtime.cuda', 'tracejit.backends.cuda')\n"
        "found = [m for m in sys.modules if m in names or m.startswith(tuple(n + '.' for n in names))]\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_copies_go_to_the_current_stream_and_are_counted(packages, driver):
    array = placed(driver, np.arange(6, dtype=np.int16).reshape(2, 3), "test")
    np.testing.assert_array_equal(array.numpy(), [[0, 1, 2], [3, 4, 5]])
    copied = array.copy()
    assert packages.names("to device", "to host", "move", "wait") == [
        ("to device", 12, 11), ("to host", 12, 11), ("wait", 11), ("move", 12, 11),
    ]  # fmt: skip
    assert driver.ledger.copied == {"uploads": 12, "downloads": 12}
    assert driver.ledger.held == {"test": 12, "copies": 12}
    assert array.memory.exported(copied)[:2] == ("cupy array", (2, 3))


def test_memory_for_a_stream_is_taken_on_it(packages, driver):
    driver.allocate(100, "test", 42)
    assert packages.names("alloc")[-1] == ("alloc", 100, 42) and packages.current == 11


def test_a_kernel_is_launched_by_cuda_core(packages, driver):
    kernels = driver.load(Module("", "", b"cubin", {"region_0": "entry_0", "region_1": "entry_1"}))
    driver.stream().launch(kernels["region_0"], 5, 128, 4096, 7)
    (call,) = packages.names("launch")
    assert call == ("launch", "stream 11", (5, 128), (b"cubin", "entry_0"), 4096, 7)
    assert type(call[4]) is int and type(call[5]) is np.int64  # a pointer, and a number of 64 bits


def test_a_graph_is_captured_on_a_stream_of_its_own_and_replayed_on_the_callers(packages, driver):
    kernels = driver.load(Module("", "", b"cubin", {"region_0": "entry_0"}))
    x = driver.allocate(16, "test")
    replay = driver.capture(lambda s: (s.launch(kernels["region_0"], 1, (32, 4), 0), s.move(x.address, x.address + 8, 8)))
    calls = [c[0] for c in packages.names("begin", "launch", "move", "end")]
    assert calls == ["begin", "launch", "move", "end"]
    assert packages.names("launch")[0][1:3] == ("builder", (1, (32, 4))) and packages.names("move") == [("move", 8, 77)]
    replay(driver.stream())
    replay(driver.stream(12))
    assert packages.names("replay", "after") == [("replay", 11), ("after", 12, 11), ("replay", 12)]


def test_each_thread_enters_the_context_once(packages, driver):
    before = len(packages.names("set_current"))
    driver.stream(), driver.stream()
    assert len(packages.names("set_current")) == before
    thread = threading.Thread(target=lambda: (driver.stream(), driver.stream()))
    thread.start()
    thread.join()
    assert len(packages.names("set_current")) == before + 1


def test_marks_are_events_on_the_stream_and_times_are_nanoseconds(packages, driver):
    stream = driver.stream(12)
    assert driver.between(stream.mark(), stream.mark()) == 250_000
    assert packages.names("event") == [("event", 12)] * 2


def test_the_rates_are_those_of_the_maker(packages, driver):
    rates = driver.rates
    assert rates.name == "NVIDIA H200" and rates.cache == 60 << 20
    assert 4900 < rates.memory < 4930 and 66_000 < 2 * rates.multiplications < 67_500  # GB/s, and Gflop/s


def test_a_fault_of_the_device_is_an_error_that_says_how_to_find_its_line(packages, driver):
    packages.answer = packages.results.CUDA_ERROR_ILLEGAL_ADDRESS
    with pytest.raises(DeviceFaultError, match=r"CUDA_ERROR_ILLEGAL_ADDRESS(.|\n)*TRACEJIT_CHECK=1"):
        driver.stream().wait()


def test_memory_that_a_stopped_device_does_not_give_is_a_fault_of_it(packages, driver):
    packages.answer = packages.results.CUDA_ERROR_ILLEGAL_ADDRESS
    with pytest.raises(DeviceFaultError, match="cudaErrorILLEGAL_ADDRESS"):
        driver.allocate(8, "test")


def test_a_forked_process_is_told_that_it_has_no_gpu(packages, driver, monkeypatch):
    def refused():
        raise CUDARuntimeError("cudaErrorInitializationError")

    monkeypatch.setattr(sys.modules["cupy"].cuda, "get_current_stream", refused)
    monkeypatch.setattr("os.getpid", lambda: 0)
    with pytest.raises(DeviceFaultError, match=r'a forked process cannot use(.|\n)*cure: multiprocessing.get_context\("spawn"\)'):
        driver.stream()


def test_a_refused_launch_is_a_fault_of_the_device(packages, driver):
    with pytest.raises(DeviceFaultError, match="cuda: CUDA_ERROR_INVALID_VALUE: 1 blocks of 2048"):
        driver.stream().launch(None, 1, 2048, 0)


def test_without_elements_nothing_is_copied(packages, driver):
    array = placed(driver, np.empty((0, 3)), "test")
    assert array.numpy().shape == (0, 3) and array.copy().shape == (0, 3)
    assert packages.names("to device", "to host", "move") == [] and not driver.ledger.copied


def test_large_arrays_of_the_host_have_been_read_when_their_copy_returns(packages, driver):
    for count in (1 << 16, (1 << 16) + 1):
        placed(driver, np.empty(count, np.uint8), "test")
    assert [name for name, *_ in packages.names("to device", "wait")] == ["to device", "to device", "wait"]


def test_small_arrays_of_the_host_are_sent_from_page_locked_memory_of_their_stream(packages, driver):
    x = driver.allocate(8, "test")
    for handle in (20, 21):
        for value in range(3):
            driver.stream(handle).upload(x.address, np.array(value))
    assert (
        len(packages.pinned) == 2
        and packages.names("to device", "wait") == [("to device", 8, 20)] * 3 + [("to device", 8, 21)] * 3
    )
    out = np.zeros((), np.int64)
    driver.stream().download(out, x.address)
    assert out == 2


def test_a_replay_that_fails_is_a_fault_of_the_device(packages, driver):
    x = driver.allocate(8, "test")
    replay, stream = driver.capture(lambda stream: stream.move(x.address, x.address + 4, 4)), driver.stream(31)
    packages.destroyed.add(31)
    with pytest.raises(DeviceFaultError, match="CUDA_ERROR_INVALID_HANDLE"):
        replay(stream)


def test_a_capture_that_fails_leaves_the_stream_for_the_next(packages, driver):
    x = driver.allocate(8, "test")
    with pytest.raises(DeviceFaultError, match="CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"):
        driver.capture(lambda stream: stream.download(np.zeros(1), x.address))
    assert packages.capturing is None
    driver.capture(lambda stream: stream.move(x.address, x.address + 4, 4))


def test_memory_for_products_is_taken_before_they_are_captured(packages, driver):
    x = driver.allocate(64, "test")
    p = Product(np.dtype("f4"), (False, False), x.address, x.address, x.address, 2, 2, 2, 2, 2, 2, 1, 0)
    with pytest.raises(DeviceFaultError, match="cudaErrorStreamCaptureUnsupported"):
        driver.capture(lambda stream: stream.multiply(p))
    driver.stream().reserve()
    driver.capture(lambda stream: stream.multiply(p))
    assert driver.ledger.held["products"] == 2 * (32 << 20)


def test_workspaces_of_few_streams_are_kept_and_that_of_graphs(packages, driver):
    for handle in range(20, 40):
        driver.stream(handle).reserve()
    assert driver.ledger.held["products"] == 8 * (32 << 20)
    p = Product(np.dtype("f4"), (False, False), *[driver.allocate(64, "test").address] * 3, 0, 2, 2, 2, 2, 2, 1, 0)
    driver.capture(lambda stream: stream.multiply(p))


def test_a_stream_that_is_no_more_is_a_fault_and_ours_keep_the_callers(packages, driver, monkeypatch):
    class Owner:
        ptr = 31

    owner = Owner()
    monkeypatch.setattr(sys.modules["cupy"].cuda, "get_current_stream", lambda: owner)
    stream = driver.stream()
    assert stream.handle == 31 and stream.handle.owner is owner
    packages.destroyed.add(31)
    for use in (stream.wait, lambda: driver.stream(12).after(stream.handle)):
        with pytest.raises(DeviceFaultError, match="CUDA_ERROR_INVALID_HANDLE"):
            use()


def test_results_say_which_stream_writes_them(packages, driver, monkeypatch):
    asked = []

    class Exported:
        __cuda_array_interface__ = {"shape": (3,), "stream": 5}  # noqa: RUF012

        def __dlpack__(self, **options):
            asked.append(options)

    array = placed(driver, np.zeros(3), "test")
    assert array.stream == packages.current  # which may still copy it
    array.stream = None
    monkeypatch.setattr(type(array.memory), "exported", lambda self, array: Exported())
    assert array.__cuda_array_interface__["stream"] == 5
    array.stream = 11
    assert array.__cuda_array_interface__ == {"shape": (3,), "stream": 11, "version": 3}
    array.__dlpack__(stream=1, max_version=(1, 0))
    array.__dlpack__(stream=11)
    array.__dlpack__(stream=-1)
    assert packages.names("after") == [("after", 0, 11)]
    assert asked == [{"stream": -1, "max_version": (1, 0)}, {"stream": -1}, {"stream": -1}]
    array.stream = 0
    assert array.__cuda_array_interface__["stream"] == 1


def test_a_full_device_is_an_error_with_the_numbers(packages, driver):
    driver.allocate(1 << 20, "Variables")
    kept = driver.allocate(1 << 20, "Variables")
    with pytest.raises(DeviceMemoryError) as caught:
        driver.allocate(1 << 30, "results of f")
    text = str(caught.value)
    assert "1 GiB were asked for results of f; 256 MiB of 256 MiB are free" in text and "1 MiB  Variables" in text
    assert isinstance(caught.value, MemoryError) and kept.nbytes == 1 << 20


# ------------------------------------------------------------------------------------------------------------ products


def product(driver, a, b, c, alpha=1.0, beta=0, ta=False, tb=False, **more):
    m, n = c.shape[-2:]
    k = a.shape[-2] if ta else a.shape[-1]
    x, y, z = (placed(driver, v, "test") for v in (a, b, c))
    if isinstance(alpha, np.ndarray):
        kept = placed(driver, alpha, "test")
        alpha = At(kept.address)
    ld = [v.shape[-1] for v in (a, b, c)]
    p = Product(c.dtype, (ta, tb), z.address, x.address, y.address, m, k, n, *ld, alpha, beta, **more)
    driver.stream().multiply(p)
    return z.numpy()


def matrices(dtype, *shapes):
    rng = np.random.default_rng(1)
    return [
        (rng.integers(-4, 5, s) + (1j * rng.integers(-4, 5, s) if np.dtype(dtype).kind == "c" else 0)).astype(dtype)
        for s in shapes
    ]


@pytest.mark.parametrize("dtype", ["f2", tj.bfloat16, "f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("ta", [False, True])
@pytest.mark.parametrize("tb", [False, True])
def test_products_are_those_of_numpy(dtype, ta, tb, packages, driver):
    a, b, c = matrices(dtype, (4, 3) if ta else (3, 4), (5, 4) if tb else (4, 5), (3, 5))
    expected = (a.T if ta else a) @ (b.T if tb else b)
    np.testing.assert_array_equal(product(driver, a, b, c, ta=ta, tb=tb), expected)
    np.testing.assert_array_equal(product(driver, a, b, c, -2.0, 1, ta, tb), c - 2 * expected)


def test_products_of_halves_are_added_up_in_float32(packages, driver):
    a, b, c = np.ones((1, 5000), "f2"), np.ones((5000, 1), "f2"), np.zeros((1, 1), "f2")
    assert product(driver, a, b, c)[0, 0] == 5000
    assert ("gemm", 68, 0, 1) in packages.calls


def test_alpha_may_be_in_device_memory(packages, driver):
    a, b, c = matrices("f4", (3, 4), (4, 5), (3, 5))
    out = product(driver, a, b, c, np.array([0.5], np.float32), 1)
    np.testing.assert_array_equal(out, c + 0.5 * (a @ b))
    assert packages.pointer_mode == 1
    np.testing.assert_array_equal(product(driver, a, b, c), a @ b)
    assert packages.pointer_mode == 0


def test_a_batch_is_one_call(packages, driver):
    a, b, c = matrices("f4", (6, 3, 4), (4, 5), (6, 3, 5))
    np.testing.assert_array_equal(product(driver, a, b, c, batch=6, step_a=12, step_b=0, step_c=15), a @ b)
    assert [call[3] for call in packages.names("gemm")] == [6]


def test_tf32_is_off_unless_it_is_asked_for(packages, driver, monkeypatch):
    a, b, c = matrices("f4", (3, 4), (4, 5), (3, 5))
    product(driver, a, b, c)
    monkeypatch.setenv("TRACEJIT_TF32", "1")
    fast = HardwareDriver()
    product(fast, a, b, c)
    product(fast, *(v.astype("f8") for v in (a, b, c)))
    assert [call[1] for call in packages.names("gemm")] == [68, 77, 70]


def test_products_of_other_dtypes_are_an_error_that_says_which_there_are(packages, driver):
    a, b, c = matrices("i4", (3, 4), (4, 5), (3, 5))
    with pytest.raises(UnsupportedError, match=r"dtype int32\n  rule: cuBLAS multiplies floats, complex64"):
        product(driver, a, b, c)


def test_empty_products_ask_for_nothing(packages, driver):
    product(driver, *matrices("f4", (0, 4), (4, 5), (0, 5)))
    assert packages.names("gemm") == []


def test_products_over_no_elements_are_zeros(packages, driver):
    a, b, c = matrices("f4", (3, 0), (0, 5), (3, 5))
    np.testing.assert_array_equal(product(driver, a, b, c), np.zeros((3, 5)))
    a, b, c = matrices("f4", (2, 3, 0), (0, 5), (2, 3, 5))
    np.testing.assert_array_equal(product(driver, a, b, c, batch=2, step_c=15), np.zeros((2, 3, 5)))
    assert packages.names("gemm") == []


def test_threads_ask_for_products_one_after_the_other(packages, driver):
    a, b, c = matrices("f4", (3, 4), (4, 5), (3, 5))
    x, y, z = (placed(driver, v, "test") for v in (a, b, c))
    p = Product(z.dtype, (False, False), z.address, x.address, y.address, 3, 4, 5, 4, 5, 5, 1, 0)

    def ask(handle):
        for _ in range(100):
            driver.blas.multiply(p, handle)

    threads = [threading.Thread(target=ask, args=(handle,)) for handle in (21, 22)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    asked = [name for name, *_ in packages.names("set_stream", "set_workspace", "gemm")]
    assert asked == ["set_stream", "set_workspace", "gemm"] * 200


def test_a_missing_cublas_names_the_extra(packages, monkeypatch):
    def not_found():
        raise RuntimeError("Failure finding libcublas.so.13\nmore")

    monkeypatch.setattr(sys.modules["nvmath.bindings.cublas"], "create", not_found)
    with pytest.raises(MissingExtraError, match="cuBLAS does not start \\(Failure finding libcublas"):
        HardwareDriver()


def test_a_cublas_that_refuses_is_a_fault_of_the_device(packages, monkeypatch):
    def refused():
        raise Refused("the library was not initialized (CUBLAS_STATUS_NOT_INITIALIZED)")

    monkeypatch.setattr(sys.modules["nvmath.bindings.cublasLt"], "create", refused)
    with pytest.raises(DeviceFaultError, match="CUBLAS_STATUS_NOT_INITIALIZED"):
        HardwareDriver()


def test_an_old_cuda_core_is_named(packages, monkeypatch):
    monkeypatch.delattr(sys.modules["cuda.core"], "launch")
    assert "cuda.core is older than version 1" in str(missing())
