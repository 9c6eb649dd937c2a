"""The guards: both check every argument alike, fill the table and call the step, or call nothing."""

from __future__ import annotations

import gc
import math
import pickle
import sys
import threading
import time

import numpy as np
import pytest

from tracejit.runtime import builtin, native, threads
from tracejit.runtime.enter import (
    ALIGNED,
    ARRAY,
    BOOL,
    BUSY,
    C_CONTIGUOUS,
    FLOAT,
    INT,
    MISS,
    RAISED,
    SAME,
    WRITEABLE,
    Argument,
    describe,
    make_enter,
    python_enter,
)

CALLS, STATUS, FAILURE, FIRST = 4, 5, 6, 8  # slots of the table that the step below uses, and the first free one
STEP = """
define i32 @step(ptr %result, ptr %exception, ptr %table) {
  %calls_at = getelementptr i64, ptr %table, i64 4
  %calls = load i64, ptr %calls_at
  %more = add i64 %calls, 1
  store i64 %more, ptr %calls_at
  %status_at = getelementptr i64, ptr %table, i64 5
  %status = load i64, ptr %status_at
  %head = load i64, ptr %table
  %sum = add i64 %head, %status
  store i64 %sum, ptr %table
  %failure_at = getelementptr i64, ptr %table, i64 6
  %failure = load i64, ptr %failure_at
  %code = trunc i64 %failure to i32
  ret i32 %code
}
"""


@pytest.fixture(scope="module")
def step():
    return native.assemble(STEP, "step")


@pytest.fixture(params=["native", "python"])
def guard(request, monkeypatch):
    monkeypatch.setenv("TRACEJIT_GUARD", request.param)
    return request.param


class Binding:
    """A program of one step that counts its calls, and its guard."""

    def __init__(self, step, arguments):
        self.table = np.full(FIRST + len(arguments), 99, np.int64)
        self.table[CALLS:FIRST] = 0
        self.descriptor = describe(step.address, self.table, arguments)
        self.enter = make_enter(self.descriptor)

    def value(self, i=0, dtype="i8"):
        return self.table[FIRST + i : FIRST + i + 1].view(dtype)[0]


@pytest.fixture
def bind(step, guard):
    return lambda *arguments: Binding(step, arguments)


def array_argument(array, slot=FIRST, flags=C_CONTIGUOUS | ALIGNED):
    return Argument(ARRAY, slot, array.dtype, array.shape, flags)


def test_the_builtin_is_used_where_the_tests_run():
    assert builtin.supported()


def test_values_of_every_kind_reach_the_table(bind):
    x, label = np.arange(6.0).reshape(2, 3), "relu"
    kinds = [Argument(FLOAT, FIRST + 1), Argument(INT, FIRST + 2), Argument(BOOL, FIRST + 3), Argument(SAME, expected=label)]
    binding = bind(array_argument(x), *kinds)
    assert binding.enter(x, 0.1, -7, True, label) == 0
    assert binding.value() == x.ctypes.data and binding.value(1, "f8") == 0.1
    assert [binding.value(2), binding.value(3)] == [-7, 1]
    assert binding.table[0] == 0 and binding.table[1] == threads.num_threads()
    assert binding.enter(x, 0.2, 7, False, label) == 0 and [binding.value(2), binding.value(3)] == [7, 0]
    assert binding.table[CALLS] == 2


@pytest.mark.parametrize("value", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e308, 0.1])
def test_floats_keep_all_bits(bind, value):
    binding = bind(Argument(FLOAT, FIRST))
    assert binding.enter(value) == 0
    assert binding.table[FIRST:].tobytes() == np.float64(value).tobytes()


@pytest.mark.parametrize("value", [0, 1, -1, 255, 256, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63)])
def test_integers_of_64_bits_fit(bind, value):
    binding = bind(Argument(INT, FIRST))
    assert binding.enter(value) == 0 and binding.value() == value


class Number(float):
    """Could hide anything behind its operators."""


class Matrix(np.ndarray):
    """Could mean anything by its elements."""


F4 = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        (Argument(INT, FIRST), [2**63, -(2**63) - 1, 10**30, True, 1.0, np.int64(1), None, F4]),
        (Argument(FLOAT, FIRST), [1, True, np.float64(1), Number(1), None, "1", 1j, F4]),
        (Argument(BOOL, FIRST), [1, 0, 1.0, np.True_, None, F4]),
        (Argument(SAME, expected=None), [0, False, "None", F4]),
        (
            array_argument(F4),
            [F4.astype("f8"), F4.astype(">f4"), F4.astype("i4"), F4.view("u4"), F4.tolist(), None, 1.0, memoryview(F4)],
        ),
        (array_argument(F4), [F4[:1], F4.T, F4.reshape(3, 2), F4.reshape(6), F4.reshape(1, 2, 3), np.zeros((2, 4), "f4")]),
        (
            array_argument(F4),
            [np.zeros((4, 3), "f4")[::2], np.asfortranarray(F4), F4.view(Matrix), np.ma.array(F4)],
        ),
        (array_argument(F4), [np.ndarray((2, 3), "f4", bytearray(25), offset=1)]),
        (array_argument(F4), [np.float32(1), np.recarray((2, 3), "f4")]),
        (array_argument(np.zeros((), "f8")), [np.float64(0), 0.0, np.zeros(1), np.zeros((), "f4")]),
        (array_argument(np.zeros((0, 3))), [np.zeros((3, 0)), np.zeros((1, 3)), np.zeros((0,))]),
    ],
)
def test_anything_else_is_a_miss_and_calls_nothing(bind, argument, wrong):
    binding = bind(argument)
    assert [binding.enter(value) for value in wrong] == [MISS] * len(wrong)
    assert binding.table[CALLS] == 0


@pytest.mark.parametrize(
    "array", [np.zeros(()), np.zeros((0,)), np.zeros((3, 0, 2), "i1"), np.zeros((1, 1)), np.ones((2,) * 16, "?")]
)
def test_arrays_of_any_rank_and_size_fit(bind, array):
    binding = bind(array_argument(array))
    assert binding.enter(array) == 0 and binding.value() == array.ctypes.data


def test_a_binding_may_ask_for_writeable_and_not_for_contiguous_arrays(bind):
    frozen, strided = np.zeros(4), np.zeros(8)[::2]
    frozen.flags.writeable = False
    assert bind(array_argument(frozen)).enter(frozen) == 0
    assert bind(array_argument(frozen, flags=WRITEABLE)).enter(frozen) == MISS
    assert bind(array_argument(strided, flags=ALIGNED)).enter(strided) == 0


def test_unpickled_arrays_fit(bind):
    array = pickle.loads(pickle.dumps(F4))
    assert array.dtype is not F4.dtype
    assert bind(array_argument(F4)).enter(array) == 0


def test_the_number_of_arguments_is_checked(bind):
    binding = bind(Argument(FLOAT, FIRST), Argument(INT, FIRST + 1))
    assert [binding.enter(), binding.enter(1.0), binding.enter(1.0, 2, 3)] == [MISS] * 3
    with pytest.raises(TypeError):
        binding.enter(1.0, i=2)
    assert bind().enter() == 0


def test_a_miss_leaves_nothing_for_the_next_call(bind):
    binding = bind(Argument(FLOAT, FIRST), Argument(INT, FIRST + 1))
    assert binding.enter(1.0, "no") == MISS
    assert binding.enter(2.0, 3) == 0
    assert binding.value(dtype="f8") == 2.0 and binding.value(1) == 3


def test_many_arguments_fit(bind):
    arrays = [np.zeros((i, 2)) for i in range(60)]
    binding = bind(*(array_argument(array, FIRST + i) for i, array in enumerate(arrays)))
    assert binding.enter(*arrays) == 0
    assert binding.table[FIRST:].tolist() == [array.ctypes.data for array in arrays]
    assert binding.enter(*arrays[:-1], np.zeros((58, 2))) == MISS


def test_slot_zero_throws_a_value_away(bind):
    binding = bind(Argument(INT, 0))
    assert binding.enter(5) == 0


@pytest.mark.parametrize("status", [1, 7, 300, 2**62])
def test_the_status_of_the_step_is_returned(bind, status):
    binding = bind(Argument(INT, FIRST))
    binding.table[STATUS] = status
    assert [binding.enter(1), binding.enter(1)] == [status, status]


def test_a_step_that_raises_is_noticed_and_leaves_the_binding_usable(bind):
    binding = bind()
    binding.table[FAILURE] = 1
    assert [binding.enter(), binding.enter()] == [RAISED, RAISED]
    binding.table[FAILURE] = 0
    assert binding.enter() == 0


def test_a_binding_whose_step_runs_is_busy(bind):
    binding = bind(Argument(INT, FIRST))
    binding.descriptor[4] = 1
    assert binding.enter(1) == BUSY and binding.table[CALLS] == 0
    binding.descriptor[4] = 0
    assert [binding.enter(1), binding.enter(1)] == [0, 0]


def test_a_change_of_threads_reaches_every_binding(bind):
    binding, before = bind(), threads.num_threads()
    try:
        for n in (1, 3):
            threads.set_num_threads(n)
            assert binding.enter() == 0 and binding.table[1] == n
    finally:
        threads.set_num_threads(before)


def test_calls_leave_all_reference_counts_as_they_were(bind, guard):
    label = "relu"
    x, number, integer = np.zeros((2, 3), "f4"), 1234.5, 10**12
    binding = bind(array_argument(x), Argument(FLOAT, FIRST + 1), Argument(INT, FIRST + 2), Argument(SAME, expected=label))
    binding.table[STATUS] = 10**9
    held = [x, number, integer, label, x.dtype, binding.descriptor, np.ndarray, None, True, float]
    before = [sys.getrefcount(item) for item in held]
    for _ in range(200_000 if guard == "native" else 1000):
        binding.enter(x, number, integer, label)
        binding.enter(x, number, integer, None)
    assert max(abs(sys.getrefcount(item) - count) for item, count in zip(held, before, strict=True)) < 5


def test_the_guard_keeps_its_descriptor_and_is_freed(step, guard):
    binding = Binding(step, [Argument(INT, FIRST)])
    enter, table = binding.enter, binding.table
    before = sys.getrefcount(binding.descriptor)
    descriptor = binding.descriptor
    del binding
    gc.collect()
    assert enter(3) == 0 and table[FIRST] == 3
    del enter
    gc.collect()
    assert sys.getrefcount(descriptor) < before


@pytest.mark.parametrize("descriptor", [np.zeros(5), np.zeros(10, np.int64)[::2], np.zeros(5, np.int64).view(Matrix)])
def test_only_plain_descriptors_are_taken(guard, descriptor):
    with pytest.raises(TypeError, match="descriptor"):
        make_enter(descriptor)


def test_threads_may_share_a_binding(bind, guard):
    """Each call must see its own arguments in the table, though all fill the same one."""
    binding = bind(Argument(INT, STATUS))
    wrong = []

    def work(number):
        for _ in range(3000 if guard == "native" else 200):
            while (status := binding.enter(number)) == BUSY:
                time.sleep(0)
            if status != number:
                wrong.append((number, status))

    run_threads(work, range(1, 9))
    assert not wrong


def test_the_definition_and_the_builtin_are_two(step, monkeypatch):
    binding = Binding(step, [])
    monkeypatch.setenv("TRACEJIT_GUARD", "python")
    assert type(binding.enter) is type(len) and type(make_enter(binding.descriptor)) is type(python_enter(binding.descriptor))


def run_threads(work, numbers):
    threads = [threading.Thread(target=work, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
