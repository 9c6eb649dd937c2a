"""Small copies to a device go through page-locked memory, which is written again only when the copies from it are done."""

import ctypes

import numpy as np
import pytest

import tracejit as tj
from tracejit.runtime.cuda.staging import LARGEST, Staging


class Device:
    """Copies when it is waited for, as late as a stream may."""

    def __init__(self, size=256):
        self.memory = np.zeros(size, np.uint8)
        self.asked, self.waits = [], 0
        self.staging = Staging(self.memory, lambda *copy: self.asked.append(copy), self.mark)

    def mark(self):
        so_far = len(self.asked)

        def wait():
            self.waits += 1
            for i, copy in enumerate(self.asked[:so_far]):
                if copy is not None:
                    ctypes.memmove(*copy)
                    self.asked[i] = None

        return wait


def send(device, source, target):
    device.staging.send(target.ctypes.data, source)


def test_a_source_may_change_as_soon_as_its_copy_was_asked_for():
    device, rng = Device(), np.random.default_rng(0)
    pairs = []
    for _ in range(100):
        source = rng.integers(0, 255, rng.integers(1, 128), np.uint8)
        pairs.append((source.copy(), np.zeros_like(source)))
        send(device, source, pairs[-1][1])
        source[:] = 0
    device.mark()()
    assert all((expected == found).all() for expected, found in pairs)


def test_only_a_full_half_waits_and_only_for_the_other_one():
    device, target = Device(), np.zeros(16, np.uint8)
    for i in range(1, 41):
        send(device, np.full(16, i, np.uint8), target)
        assert device.waits == max(0, (i - 1) // 8 - 1)


@pytest.mark.parametrize(
    "source", [np.array(2.5), np.ones((2, 3), "f4"), np.array([True]), np.arange(3, dtype=">i4"), np.ones(4, tj.bfloat16)]
)
def test_arrays_of_every_dtype_and_shape_are_sent(source):
    device, target = Device(), np.zeros(64, np.uint8)
    for _ in range(3):
        send(device, source, target)
    device.mark()()
    assert target[: source.nbytes].tobytes() == source.tobytes()


def test_a_copy_may_be_as_large_as_is_said():
    device, target = Device(2 * LARGEST), np.zeros(LARGEST, np.uint8)
    for value in (1, 2, 3):
        send(device, np.full(LARGEST, value, np.uint8), target)
    device.mark()()
    assert (target == 3).all()
