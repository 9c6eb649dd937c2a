"""Results are given again when nobody can see them, and never before."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest

from tracejit.runtime.pool import Arena, OutputPool

SHAPE = (64, 1024)


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def test_a_dropped_result_is_recycled():
    pool = OutputPool(SHAPE, "f4")
    first = address(pool.take())
    assert address(pool.take()) == first


def test_results_that_are_held_are_all_different():
    pool = OutputPool(SHAPE, "f4")
    held = [pool.take() for _ in range(10)]
    assert len({address(array) for array in held}) == 10
    for i, array in enumerate(held):
        array.fill(i)
    assert [array[0, 0] for array in held] == list(range(10))


@pytest.mark.parametrize("shape", [(), (0,), (5, 0, 3), (7,), SHAPE])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "?", "c16"])
def test_results_have_shape_dtype_and_fresh_headers(shape, dtype):
    pool = OutputPool(shape, dtype)
    for _ in range(3):
        array = pool.take()
        assert type(array) is np.ndarray and array.shape == shape and array.dtype is np.dtype(dtype)
        assert array.flags.c_contiguous and array.flags.aligned and array.flags.writeable


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x,
        lambda x: x[3:5],
        lambda x: x.T.reshape(-1, order="A")[::2],
        lambda x: memoryview(x),
        lambda x: x.view("i4"),
        lambda x: x.view().base,
        lambda x: np.asarray(memoryview(x)),
        lambda x: np.from_dlpack(x),
        lambda x: x.flat,
        lambda x: iter(x),
        lambda x: [[x]],
        lambda x: x.sum,
        lambda x: np.broadcast_to(x, (2, *x.shape)),
        lambda x: x.ctypes,
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 3, axis=1),
    ],
)
def test_whatever_shows_a_result_keeps_it(look):
    pool = OutputPool(SHAPE, "f4")
    result = pool.take()
    where = address(result)
    seen = look(result)
    del result
    assert all(address(pool.take()) != where for _ in range(3))
    del seen
    gc.collect()
    assert where in {address(array) for array in [pool.take() for _ in range(3)]}


def test_changes_to_a_dropped_result_do_not_reach_the_next():
    pool = OutputPool(SHAPE, "f4")
    result = pool.take()
    result.flags.writeable = False
    del result
    result = pool.take()
    assert result.flags.writeable
    watch = weakref.ref(result)
    del result
    assert all(pool.take() is not watch() for _ in range(3))


def test_a_pool_keeps_at_most_four():
    pool = OutputPool(SHAPE, "f4")
    held = [pool.take() for _ in range(20)]
    del held
    assert len(pool.spares) == 4


def test_results_own_their_memory():
    for shape in ((10,), SHAPE):
        array = OutputPool(shape, "f4").take()
        assert array.base is None and array.flags.owndata


def test_threads_never_get_the_same_memory():
    pool = OutputPool(SHAPE, "f4")
    clashes = []

    def work(number):
        for _ in range(400):
            array = pool.take()
            array[:2] = number
            other = pool.take()
            other[:2] = -number
            if (array[:2] != number).any() or (other[:2] != -number).any():
                clashes.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not clashes


def test_the_arena_is_aligned_grows_and_is_reused():
    arena = Arena()
    assert arena.address(0) % 64 == 0
    first = arena.address(1000)
    assert first % 64 == 0 and arena.address(10) == first and arena.address(1000) == first
    assert arena.address(1 << 20) % 64 == 0 and arena.nbytes >= 1 << 20


def test_an_arena_beyond_memory_is_a_memory_error_and_leaves_it_usable():
    arena = Arena()
    with pytest.raises(MemoryError):
        arena.address(1 << 60)
    assert arena.address(100) % 64 == 0


def test_a_result_beyond_memory_is_a_memory_error():
    with pytest.raises(MemoryError, match="float64"):
        OutputPool((1 << 30, 1 << 20), "f8").take()
