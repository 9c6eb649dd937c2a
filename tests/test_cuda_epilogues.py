"""What is asked of cuBLASLt for products that end in a bias or an activation, of a stand-in that refuses what it refuses."""

import gc

import numpy as np
import pytest
from fake_cuda_packages import Packages

import tracejit as tj
from tracejit.errors import DeviceFaultError
from tracejit.runtime.cuda import blas_lt
from tracejit.runtime.cuda.driver import Product
from tracejit.runtime.cuda.hardware import HardwareDriver
from tracejit.runtime.cuda.memory import placed
from tracejit.runtime.device import DeviceArray

MEANING = {
    "bias": lambda z: z,
    "bias_relu": lambda z: np.maximum(z, 0),
    "bias_gelu": lambda z: z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2,
}
MEANING |= {"relu": MEANING["bias_relu"], "gelu": MEANING["bias_gelu"]}


@pytest.fixture
def packages(monkeypatch):
    return Packages(monkeypatch, total=256 << 20)


@pytest.fixture
def driver(packages):
    return HardwareDriver()


class Asked:
    """A product of small whole numbers on the device, and what it should give."""

    def __init__(self, driver, epilogue, dtype="f4", flips=(False, False), shape=(3, 4, 5), batch=1):
        rng, (m, k, n) = np.random.default_rng(2), shape
        self.driver, self.batch = driver, batch
        a, b, c, bias = (rng.integers(-3, 4, s).astype(dtype) for s in ((batch, m, k), (batch, k, n), (batch, m, n), (n,)))
        total = a.astype("f8") @ b.astype("f8") + (bias.astype("f8") if "bias" in epilogue else 0)
        self.expected = MEANING[epilogue](total).astype(dtype)
        a, b = (np.ascontiguousarray(x.swapaxes(1, 2)) if flip else x for x, flip in zip((a, b), flips, strict=True))
        self.arrays = [placed(driver, x, "test") for x in (c, a, b, bias)]
        at = [x.address for x in self.arrays]
        steps = (m * n, m * k, k * n) if batch > 1 else (0, 0, 0)
        ld = (m if flips[0] else k, k if flips[1] else n, n)
        plain = Product(np.dtype(dtype), flips, *at[:3], m, k, n, *ld, 1, 0, batch, *steps)
        self.product = plain._replace(epilogue=epilogue, bias=at[3] if "bias" in epilogue else 0)

    def found(self):
        self.driver.stream().multiply(self.product)
        return self.arrays[0].numpy()


@pytest.mark.parametrize("flips", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("dtype", ["f2", tj.bfloat16, "f4", "f8"])
@pytest.mark.parametrize("epilogue", MEANING)
def test_products_end_as_numpy_says(epilogue, dtype, flips, packages, driver):
    for shape in ((3, 4, 5), (1, 7, 2), (6, 1, 1)):
        asked = Asked(driver, epilogue, dtype, flips, shape)
        assert driver.offers(asked.product)
        digits = {2: 3e-2, 4: 1e-5, 8: 1e-14}[np.dtype(dtype).itemsize]
        np.testing.assert_allclose(asked.found().astype("f8"), asked.expected.astype("f8"), rtol=digits, atol=digits)
    assert packages.names("gemm") == []


def test_a_batch_is_one_call_with_one_bias(packages, driver):
    asked = Asked(driver, "bias_relu", batch=6)
    assert driver.offers(asked.product)
    np.testing.assert_array_equal(asked.found(), asked.expected)
    assert len(packages.names("lt matmul")) == 1


def test_halves_are_rounded_once(packages, driver):
    asked = Asked(driver, "bias", "f2", shape=(1, 2, 1))
    for array, values in zip(asked.arrays[1:], ([2048, 1], [1, 1], [-2048]), strict=True):
        driver.stream().upload(array.address, np.array(values, "f2"))
    assert driver.offers(asked.product)
    assert asked.found()[0, 0, 0] == 1  # 2049 is no float16


def test_the_library_is_asked_once_for_products_of_one_look(packages, driver):
    asked = Asked(driver, "bias")
    driver.stream().reserve()
    other = placed(driver, np.arange(5, dtype="f4"), "test")
    for _ in range(3):
        assert driver.offers(asked.product)
        np.testing.assert_array_equal(asked.found(), asked.expected)
    moved = asked.product._replace(bias=other.address)
    driver.stream().multiply(moved)
    np.testing.assert_array_equal(asked.arrays[0].numpy() - other.numpy(), asked.expected - asked.arrays[3].numpy())
    np.testing.assert_array_equal(asked.found(), asked.expected)
    assert packages.names("heuristic") == [("heuristic", "BIAS", 5, 4, 3)]


@pytest.mark.parametrize(("operand", "number"), [("c", 0), ("a", 1), ("b", 2), ("bias", 3)])
def test_operands_that_are_less_aligned_are_another_look(operand, number, packages, driver):
    asked = Asked(driver, "bias")
    memory = driver.allocate(256, "test")
    driver.stream().upload(memory.address + 4, asked.arrays[number].numpy())
    shifted = asked.product._replace(**{operand: memory.address + 4})
    assert driver.offers(asked.product) and driver.offers(shifted)
    driver.stream().multiply(shifted)
    found = DeviceArray(memory, (1, 3, 5), np.dtype("f4"), address=shifted.c) if operand == "c" else asked.arrays[0]
    np.testing.assert_array_equal(found.numpy(), asked.expected)
    assert len(packages.names("heuristic")) == 2


def test_descriptors_are_destroyed_with_their_plan(packages, driver, monkeypatch):
    monkeypatch.setattr(blas_lt, "_MOST_PLANS", 2)
    for n in range(1, 6):
        assert driver.offers(Asked(driver, "bias", shape=(2, 2, n)).product)
    gc.collect()
    kinds = [x["kind"] for x in packages.lt.living.values()]
    assert kinds.count("product") == 2 and kinds.count("layout") == 6 and kinds.count("preference") == 0


def test_what_the_library_has_no_algorithm_for_is_not_offered(packages, driver, monkeypatch):
    packages.lt.has_none = lambda epilogue, m, k, n: n == 1  # a single row
    assert not driver.offers(Asked(driver, "bias_relu", shape=(1, 4, 5)).product)
    assert driver.offers(Asked(driver, "bias_relu").product)
    gc.collect()
    assert [x["kind"] for x in packages.lt.living.values()].count("product") == 1


@pytest.mark.parametrize("status", ["NOT_SUPPORTED", "INVALID_VALUE"])
def test_what_the_library_calls_unsuited_is_not_offered(status, packages, driver):
    def raised(*look):
        raise blas_lt.importlib.import_module("nvmath.bindings.cublasLt").cuBLASLtError(f"CUBLAS_STATUS_{status} (7)")

    packages.lt.has_none = raised
    assert not driver.offers(Asked(driver, "bias").product)
    assert packages.lt.living == {}


def test_other_faults_of_the_library_are_errors(packages, driver):
    def raised(*look):
        raise blas_lt.importlib.import_module("nvmath.bindings.cublasLt").cuBLASLtError("CUBLAS_STATUS_ALLOC_FAILED (3)")

    packages.lt.has_none = raised
    with pytest.raises(DeviceFaultError, match="CUBLAS_STATUS_ALLOC_FAILED"):
        driver.offers(Asked(driver, "bias").product)


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 0, 5), (3, 4, 0)])
def test_empty_products_are_not_offered(shape, packages, driver):
    assert not driver.offers(Asked(driver, "bias", shape=shape).product)
    assert packages.names("heuristic") == []


def test_complex_products_are_not_offered(packages, driver):
    asked = Asked(driver, "bias")
    assert not driver.offers(asked.product._replace(dtype=np.dtype("c8")))


def test_tf32_is_off_unless_it_is_asked_for(packages, driver, monkeypatch):
    asked = Asked(driver, "bias")
    assert driver.offers(asked.product)
    asked.found()
    monkeypatch.setenv("TRACEJIT_TF32", "1")
    fast = HardwareDriver()
    for dtype in ("f4", "f2", "f8"):
        asked = Asked(fast, "bias", dtype)
        assert fast.offers(asked.product)
        asked.found()
    assert [call[2] for call in packages.names("lt matmul")] == [68, 77, 68, 70]


def test_they_are_captured_without_asking_the_library(packages, driver):
    asked = Asked(driver, "bias")
    assert driver.offers(asked.product)
    driver.stream().reserve()
    before = len(packages.names("heuristic", "alloc"))
    driver.capture(lambda stream: stream.multiply(asked.product))
    assert packages.names("lt matmul") == [("lt matmul", "BIAS", 68, 77)]
    assert len(packages.names("heuristic", "alloc")) == before
