"""The guards: both check every argument alike, fill the table and call the step, or call nothing."""

from __future__ import annotations

import contextvars
import gc
import math
import operator
import pickle
import subprocess
import sys
import threading
import time
import tracemalloc
import types
import warnings
import weakref
from collections import namedtuple

import numpy as np
import pytest
from guard_tools import MISS, Bare, Guarded, StatusError, array_step, bind, on_arrays, run_threads

from tracejit.runtime import layout, native, threads
from tracejit.runtime.entrance import Entrance
from tracejit.runtime.pool import OutputPool
from tracejit.runtime.route import CLOSED, LETS_IN, OPEN, RAISED, WRITEABLE, Kind, Op

INT64 = (-(2**63), 2**63 - 1)
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


@pytest.fixture(params=["native", "python"], autouse=True)
def guard(request, monkeypatch):
    monkeypatch.setenv("TRACEJIT_GUARD", request.param)
    return request.param


class Counted:
    """A program of one step that counts its calls, on values of these checks; it gives the first argument, or "ran"."""

    def __init__(self, step, *checks, key=(), mode=CLOSED):
        self.table = np.full(FIRST + len(checks), 99, np.int64)
        self.table[CALLS:FIRST] = 0
        count = len(checks)
        values = [check for check in checks if check[0] <= Op.BOOL]
        key = key or [-1] * sum(check[0] in (Op.FLOAT, Op.INT, Op.BOOL) for check in checks)
        self.program = Bare(bind(step.address, self.table, key, range(FIRST, FIRST + len(values)), mode=mode))
        steps = [*checks, (Op.CONSTANT, count, "ran"), (Op.RUN, count, self.program, ())]
        self.enter = Guarded(steps, count, count + 4, count)

    def value(self, i=0, dtype="i8"):
        return self.table[FIRST + i : FIRST + i + 1].view(dtype)[0]


@pytest.fixture
def bound(step):
    return lambda *checks, **options: Counted(step, *checks, **options)


def test_the_builtin_is_used_where_the_tests_run(guard):
    assert not layout.fault()
    assert bool(Guarded([]).vectorcall) is (guard == "native")


def test_values_of_every_kind_reach_the_table(bound):
    x = np.arange(6.0).reshape(2, 3)
    numbers = [(Op.FLOAT, 1, 1), (Op.INT, 2, 2, *INT64), (Op.BOOL, 3, 3)]
    program = bound(array_step(x), *numbers, (Op.SAME, 4, "relu"), key=(2, 3, -1, -1, -1))
    assert program.enter(x, 0.1, -7, True, "relu") == "ran"
    assert program.value() == x.ctypes.data and program.value(1, "f8") == 0.1
    assert [program.value(2), program.value(3)] == [-7, 1]
    assert program.table[0] == 0 and program.table[1] == threads.num_threads()
    assert program.enter(x, 0.2, 7, False, "relu") == "ran" and [program.value(2), program.value(3)] == [7, 0]
    assert program.table[CALLS] == 2


@pytest.mark.parametrize("value", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e308, 0.1])
def test_floats_keep_all_bits(bound, value):
    program = bound((Op.FLOAT, 0, 0))
    assert program.enter(value) == "ran"
    assert program.table[FIRST:].tobytes() == np.float64(value).tobytes()


@pytest.mark.parametrize("value", [0, 1, -1, 255, 256, 2**31, -(2**31) - 1, 2**63 - 1, -(2**63)])
def test_integers_of_64_bits_fit(bound, value):
    program = bound((Op.INT, 0, 0, *INT64))
    assert program.enter(value) == "ran" and program.value() == value


def test_integers_may_have_limits(bound):
    program = bound((Op.INT, 0, 0, -128, 127))
    assert [program.enter(x) for x in (-129, -128, 0, 127, 128)] == [MISS, "ran", "ran", "ran", MISS]


class Number(float):
    """Could hide anything behind its operators."""


class Matrix(np.ndarray):
    """Could mean anything by its elements."""


class Pair(tuple):
    """No plain tuple."""


F4 = np.zeros((2, 3), np.float32)
FITS_F4 = {"key": F4.shape}


@pytest.mark.parametrize(
    ("check", "options", "wrong"),
    [
        ((Op.INT, 0, 0, *INT64), {}, [2**63, -(2**63) - 1, 10**30, True, 1.0, np.int64(1), None, F4]),
        ((Op.FLOAT, 0, 0), {}, [1, True, np.float64(1), Number(1), None, "1", 1j, F4]),
        ((Op.BOOL, 0, 0), {}, [1, 0, 1.0, np.True_, None, F4]),
        ((Op.SAME, 0, None), {}, [0, False, "None", F4]),
        ((Op.EQUAL, 0, 7, operator.eq), {}, [8, None, "7", F4]),  # that of an array has no truth
        ((Op.TYPE, 0, float), {}, [1, True, Number(1), np.float64(1), None, float]),
        (
            array_step(F4),
            FITS_F4,
            [F4.astype("f8"), F4.astype(">f4"), F4.astype("i4"), F4.view("u4"), F4.tolist(), None, 1.0, memoryview(F4)],
        ),
        (array_step(F4), FITS_F4, [F4[:1], F4.T, F4.reshape(3, 2), F4.reshape(6), F4.reshape(1, 2, 3), np.zeros((2, 4), "f4")]),
        (array_step(F4), FITS_F4, [np.zeros((4, 3), "f4")[::2], np.asfortranarray(F4), F4.view(Matrix), np.ma.array(F4)]),
        (array_step(F4), FITS_F4, [np.ndarray((2, 3), "f4", bytearray(25), offset=1)]),
        (array_step(F4), FITS_F4, [np.float32(1), np.recarray((2, 3), "f4")]),
        (array_step(np.zeros((), "f8")), {}, [np.float64(0), 0.0, np.zeros(1), np.zeros((), "f4")]),
        (array_step(np.zeros((0, 3))), {"key": (0, 3)}, [np.zeros((3, 0)), np.zeros((1, 3)), np.zeros((0,))]),
        ((Op.LIKE, 0, F4.dtype, (2, 3)), {}, [F4.T, F4[:1], F4.astype("f8"), F4.view(Matrix), None]),
        ((Op.TUPLE, 0, 2, 2, tuple), {}, [(1,), (1, 2, 3), (), [1, 2], Pair((1, 2)), None]),
        ((Op.LIST, 0, 2, 2), {}, [[1], [1, 2, 3], [], (1, 2), None]),
        ((Op.DICT, 0, 2, ("a", 1)), {}, [{"a": 0}, {1: 0, "a": 0}, {"a": 0, 1: 0, 2: 0}, {"a": 0, True: 0}, {}, None]),
    ],
)
def test_anything_else_is_a_miss_and_calls_nothing(bound, check, options, wrong):
    program = bound(check, **options)
    assert [program.enter(value) for value in wrong] == [MISS] * len(wrong)
    assert program.table[CALLS] == 0


@pytest.mark.parametrize(
    "array", [np.zeros(()), np.zeros((0,)), np.zeros((3, 0, 2), "i1"), np.zeros((1, 1)), np.ones((2,) * 16, "?")]
)
def test_arrays_of_any_rank_and_size_fit(bound, array):
    program = bound(array_step(array), key=array.shape)
    assert program.enter(array) == "ran" and program.value() == array.ctypes.data


def test_a_route_may_ask_for_writeable_and_not_for_contiguous_arrays(bound):
    frozen, strided = np.zeros(4), np.zeros(8)[::2]
    frozen.flags.writeable = False
    assert bound(array_step(frozen), key=(4,)).enter(frozen) == "ran"
    assert bound(array_step(frozen, flags=WRITEABLE), key=(4,)).enter(frozen) == MISS
    assert bound(array_step(strided, flags=0), key=(4,)).enter(strided) == "ran"


def test_unpickled_arrays_fit(bound):
    array = pickle.loads(pickle.dumps(F4))
    assert array.dtype is not F4.dtype
    assert bound(array_step(F4), **FITS_F4).enter(array) == "ran"


def test_the_number_of_arguments_and_their_names_are_checked(step):
    program = Bare(bind(step.address, np.zeros(8, np.int64)))
    enter = Guarded([(Op.MAKE_TUPLE, 3, (0, 1, 2))], 1, 4, 3, names=("b", "c"))
    assert enter(1, b=2, c=3) == (1, 2, 3)
    built = {"".join(["b", ""]): 2, "".join(["c"]): 3}
    assert enter(1, **built) == (1, 2, 3)
    wrong = [lambda: enter(1, 2, 3), lambda: enter(1, c=3, b=2), lambda: enter(b=2, c=3), lambda: enter(1, b=2), lambda: enter()]
    assert [call() for call in wrong] == [MISS] * 5
    assert [Guarded([], 0)(a=1), Guarded([(Op.RUN, 0, program, ())], 1)(4, a=1)] == [MISS] * 2


def test_a_miss_leaves_nothing_for_the_next_call(bound):
    program = bound((Op.FLOAT, 0, 0), (Op.INT, 1, 1, *INT64))
    assert program.enter(1.0, "no") == MISS
    assert program.enter(2.0, 3) == "ran"
    assert program.value(dtype="f8") == 2.0 and program.value(1) == 3


def test_many_arguments_fit(step):
    arrays = [np.zeros((i, 2)) for i in range(60)]
    table = np.zeros(FIRST + 60, np.int64)
    enter = on_arrays(step.address, table, range(FIRST, FIRST + 60), *arrays)
    assert enter(*arrays) is arrays[0]
    assert table[FIRST:].tolist() == [array.ctypes.data for array in arrays]
    assert enter(*arrays[:-1], np.zeros((58, 2))) == MISS


def test_arrays_one_after_the_other_are_checked_one_by_one(step):
    flat, square, double = np.zeros(3, "f4"), np.zeros((2, 2), "f4"), np.zeros(3)
    arrays = [flat, flat.copy(), square, square.copy(), double, flat, double, double]
    table = np.zeros(FIRST + 8, np.int64)
    enter = on_arrays(step.address, table, range(FIRST, FIRST + 8), *arrays)
    assert enter(*arrays) is flat and table[FIRST:].tolist() == [array.ctypes.data for array in arrays]
    for i, array in enumerate(arrays):
        for wrong in (None, array.astype("i4"), array.reshape(1, -1, 1), np.zeros((5,) * array.ndim, array.dtype)):
            assert enter(*arrays[:i], wrong, *arrays[i + 1 :]) == MISS
    assert table[CALLS] == 1
    crossed = [(Op.ARRAY, 1, 0, flat.dtype, 1, 0), (Op.ARRAY, 0, 1, flat.dtype, 1, 0)]
    program = Bare(bind(step.address, table, (3, 3), (FIRST, FIRST + 1)))
    Guarded([*crossed, (Op.RUN, 2, program, ())], 2)(arrays[0], arrays[1])
    assert table[FIRST : FIRST + 2].tolist() == [arrays[1].ctypes.data, arrays[0].ctypes.data]
    between = Guarded([array_step(flat), (Op.SAME, 2, 5), array_step(flat, 1, 1), (Op.RUN, 3, program, ())], 3)
    assert between(*arrays[:2], 5) is flat and between(*arrays[:2], 6) == MISS


def test_a_number_is_no_array_without_dimensions(step):
    """Their bindings differ: one reads the number from the table, the other from the array."""
    tables = np.zeros((2, FIRST + 1), np.int64)
    program = Bare(bind(step.address, tables[0], (), (FIRST,)), bind(step.address, tables[1], (-1,), (FIRST,)))
    array, number = np.array(2.0), 2.0
    assert Guarded([array_step(array), (Op.RUN, 1, program, ())])(array) is array
    assert Guarded([(Op.FLOAT, 0, 0), (Op.RUN, 1, program, ())])(number) is number
    assert tables[0, FIRST] == array.ctypes.data and tables[1, FIRST:].view("f8") == 2.0


def test_the_binding_for_the_sizes_is_found(step):
    tables = {n: np.zeros(FIRST + 1, np.int64) for n in (3, 5, 9)}
    program = Bare(*(bind(step.address, table, (n,), (FIRST,)) for n, table in tables.items()))
    enter = Guarded([array_step(np.zeros(1)), (Op.RUN, 1, program, ())])
    for n in (5, 3, 9, 9):
        enter(np.zeros(n))
    assert [table[CALLS] for table in tables.values()] == [1, 1, 2]
    assert enter(np.zeros(4)) == MISS


def test_routes_are_tried_in_order():
    routes = [Guarded([(Op.TYPE, 0, kind), (Op.CONSTANT, 1, kind.__name__)], 1, 2, 1).routes[0] for kind in (int, float)]
    enter = Guarded([])
    enter.lead(tuple(routes))
    assert [enter(1), enter(1.0), enter("1")] == ["int", "float", MISS]


# ------------------------------------------------------------------------------------------------- what the steps read


def loaded(op, *operands, registers=1):
    """What a step gives that loads one register."""
    return Guarded([(op, 1, *operands)], 1, 2, 1)


class Thing:
    """Has a slot, an attribute and elements."""

    __slots__ = ("__dict__", "__weakref__", "held")

    def __getitem__(self, key):
        return {"key": key}[key]

    @property
    def broken(self):
        raise KeyError("broken")

    @property
    def interrupted(self):
        raise KeyboardInterrupt


def test_names_cells_slots_attributes_and_elements_are_read():
    thing, namespace, cell = Thing(), {"x": 5.5}, types.CellType()
    thing.other = [7]
    enters = {
        "global": loaded(Op.GLOBAL, namespace, "x"),
        "cell": loaded(Op.CELL, cell),
        "slot": loaded(Op.SLOT, 0, Thing.__dict__["held"]),
        "attribute": loaded(Op.ATTRIBUTE, 0, "other"),
        "item": loaded(Op.ITEM, 0, "key"),
        "call": loaded(Op.CALL, lambda *all: all, (0, 0)),
    }
    assert [enter(thing) for enter in enters.values()] == [5.5, MISS, MISS, [7], "key", (thing, thing)]
    thing.held, cell.cell_contents = "held", "content"
    assert enters["slot"](thing) == "held" and enters["cell"](thing) == "content"
    del namespace["x"], thing.other, thing.held
    assert [enters[name](thing) for name in ("global", "attribute", "slot")] == [MISS] * 3
    assert loaded(Op.ITEM, 0, "other")(thing) == MISS


def test_what_a_cell_and_a_dict_hold_is_compared():
    thing, other, cell, namespace = Thing(), Thing(), types.CellType(), {}
    of_cell, of_dict = Guarded([(Op.CELL_IS, cell, thing)]), Guarded([(Op.GLOBAL_IS, namespace, "x", thing)])
    assert [enter(1) for enter in (of_cell, of_dict)] == [MISS] * 2
    for held, expected in ((thing, 1), (other, MISS), (thing, 1)):
        cell.cell_contents = namespace["x"] = held
        assert [enter(1) for enter in (of_cell, of_dict)] == [expected] * 2
    del namespace["x"], cell.cell_contents
    assert [enter(1) for enter in (of_cell, of_dict)] == [MISS] * 2


def test_a_name_is_found_wherever_its_dict_has_it():
    namespace = {"a": 0, "b": 1, "x": 2, "c": 3}
    read, compared = loaded(Op.GLOBAL, namespace, "x"), Guarded([(Op.GLOBAL_IS, namespace, "x", 2)])
    assert [read(0), compared(0), read(0)] == [2, 0, 2]
    namespace["x"] = 5  # in its place
    assert [read(0), compared(0)] == [5, MISS]
    del namespace["a"], namespace["x"]
    assert [read(0), compared(0)] == [MISS, MISS]
    namespace["x"] = 6  # at the end
    assert read(0) == 6
    for i in range(50):  # the entries move
        namespace[f"d{i}"] = i
    assert read(0) == 6
    namespace[1] = 2  # entries of another kind
    assert read(0) == 6
    namespace.clear()
    assert read(0) == MISS
    namespace["".join(["", "x"])] = 2  # an equal name
    assert [read(0), compared(0), read(0), compared(0)] == [2, 0, 2, 0]


def test_what_raises_before_the_program_runs_is_a_miss_but_an_interrupt_is_not():
    assert loaded(Op.ATTRIBUTE, 0, "broken")(Thing()) == MISS
    assert loaded(Op.CALL, lambda x: 1 / 0, (0,))(1) == MISS
    with pytest.raises(KeyboardInterrupt):
        loaded(Op.ATTRIBUTE, 0, "interrupted")(Thing())


def test_what_raises_after_the_program_has_run_is_raised_and_nothing_is_done_twice(step):
    table = np.zeros(8, np.int64)
    run = (Op.RUN, 1, Bare(bind(step.address, table)), ())
    enter = Guarded([run, (Op.CALL, 1, lambda x: 1 / x, (0,))], 1, 2, 1)
    with pytest.raises(ZeroDivisionError):
        enter(0)
    assert table[CALLS] == 1 and enter(2) == 0.5


Point = namedtuple("Point", "x y")


def test_trees_are_taken_apart():
    a, b, c = "a", [1], {"d": 2}
    pick = [(Op.MAKE_LIST, 4, (1, 2, 3))]
    assert Guarded([(Op.TUPLE, 0, 1, 3, tuple), *pick], 1, 5, 4)((a, b, c)) == [a, b, c]
    assert Guarded([(Op.LIST, 0, 1, 3), *pick], 1, 5, 4)([a, b, c]) == [a, b, c]
    enter = Guarded([(Op.DICT, 0, 1, ("x", 5, c_key := ("t",))), *pick], 1, 5, 4)
    assert enter({"x": a, 5: b, c_key: c}) == [a, b, c]
    assert enter({"".join(["x"]): a, 5: b, c_key: c}) == [a, b, c]
    named = Guarded([(Op.DICT, 0, 1, ("x", "y", "z")), *pick], 1, 5, 4)
    assert named({"x": a, "y": b, "z": c}) == named({"".join(["x"]): a, "y": b, "z": c}) == [a, b, c]
    late = {"x": 0, "w": 0, "y": b, "z": c}
    del late["w"]
    assert named(late) == [0, b, c] and named({"x": a, "z": b, "y": c}) == named({"x": a, "y": b, "q": c}) == MISS
    point = Guarded([(Op.TUPLE, 0, 1, 2, Point), (Op.MAKE_TUPLE, 3, (2, 1))], 1, 4, 3)
    assert point(Point(1, 2)) == (2, 1) and point((1, 2)) == MISS


def test_trees_are_made():
    assert Guarded([(Op.MAKE_TUPLE, 1, ())], 1, 2, 1)(0) == ()
    made = Guarded([(Op.MAKE_DICT, 2, ("a", 3), (0, 1)), (Op.MAKE_LIST, 3, (2, 2))], 2, 4, 3)("x", "y")
    assert made == [{"a": "x", 3: "y"}] * 2 and list(made[0]) == ["a", 3] and made[0] is made[1]
    assert Guarded([(Op.MAKE_DICT, 1, ([],), (0,))], 1, 2, 1)(0) == MISS  # a list is no key


def test_a_weak_reference_is_followed_and_a_dead_one_is_nobody():
    thing = Thing()
    enter = Guarded([(Op.LIVE, 0, weakref.ref(thing))])
    assert enter(thing) is thing and enter(Thing()) == MISS
    del thing
    gc.collect()
    assert enter(None) == MISS and enter(Thing()) == MISS


def test_equal_asks_only_of_other_objects_than_str_and_int():
    asked = []
    for constant, equal, other in (("relu", "".join(["re", "lu"]), "tanh"), (10**9, int("1000000000"), 10**9 + 1)):
        enter = Guarded([(Op.EQUAL, 0, constant, lambda value, expected: asked.append(value))])
        assert equal is not constant and enter(equal) == constant and enter(other) == MISS and not asked

    def alike(value, expected):
        asked.append(value)
        return [expected] if value == expected else []

    constant = (1000, "x")
    enter = Guarded([(Op.EQUAL, 0, constant, alike)])
    assert enter(constant) is constant and not asked
    assert enter((1000, "y")) == MISS and enter(pickle.loads(pickle.dumps(constant))) == constant and len(asked) == 2


def test_arrays_that_share_memory_are_told_from_others():
    memory = np.zeros(10)
    enter = Guarded([(Op.APART, 0, 1, 8, 8)], 2)
    assert enter(memory[:5], memory[5:]) is not MISS and enter(memory[5:], memory[:5]) is not MISS
    assert [enter(memory, memory), enter(memory[:6], memory[5:]), enter(memory[5:], memory[:6])] == [MISS] * 3
    assert enter(memory[:0], memory) is not MISS and enter(np.zeros((0, 5)), memory) is not MISS


def test_a_context_variable_says_whether_something_is_traced_while_anything_is():
    variable, going_on = contextvars.ContextVar("test", default=None), [None]
    enter = Guarded([(Op.UNTRACED, going_on, variable)])
    assert enter(1) == 1
    token = variable.set("a trace")
    assert enter(1) == MISS
    going_on.clear()
    assert enter(1) == 1
    going_on.append(None)
    assert enter(1) == MISS
    variable.reset(token)
    assert enter(1) == 1


def test_a_slot_is_filled_after_the_program():
    thing = Thing()
    Guarded([(Op.STORE, thing, Thing.__dict__["held"], None)])(1)
    assert thing.held is None
    thing.held = [1]
    watch, thing.held = Thing(), None
    thing.held, watched = watch, weakref.ref(watch)
    del watch
    Guarded([(Op.STORE, thing, Thing.__dict__["held"], "new")])(1)
    assert thing.held == "new" and watched() is None


# ----------------------------------------------------------------------------------------------------------- the results


COPY = """
define i32 @step(ptr %result, ptr %exception, ptr %table) {{
  %from_at = getelementptr i64, ptr %table, i64 8
  %to_at = getelementptr i64, ptr %table, i64 9
  %from = load ptr, ptr %from_at
  %to = load ptr, ptr %to_at
  %value = load i{bits}, ptr %from, align 1
  store i{bits} %value, ptr %to, align 1
  ret i32 0
}}
"""


@pytest.mark.parametrize("dtype", ["?", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "c8", "c16"])
def test_results_without_dimensions_are_numpys_scalars(dtype):
    value = np.array(1.0).astype(dtype)
    code = native.assemble(COPY.format(bits=8 * value.itemsize), "step")
    program = Bare(bind(code.address, np.zeros(10, np.int64), (), (8,), [(9, OutputPool((), dtype))]))
    for kind, expected in ((Kind.SCALAR, type(value[()])), (Kind.ARRAY, np.ndarray)):
        out = Guarded([array_step(value), (Op.RUN, 1, program, (kind,))], 1, 2, 1)(value)
        assert type(out) is expected and out.dtype == value.dtype and out == value


@pytest.mark.parametrize("dtype", ["?", "i1", "i8", "f4", "f8", "c16"])
def test_scalars_that_are_held_keep_their_values(dtype):
    values = np.arange(12).astype(dtype)
    code = native.assemble(COPY.format(bits=8 * values.itemsize), "step")
    program = Bare(bind(code.address, np.zeros(10, np.int64), (), (8,), [(9, OutputPool((), dtype))]))
    enter = Guarded([array_step(values[0:1].reshape(())), (Op.RUN, 1, program, (Kind.SCALAR,))], 1, 2, 1)
    held = []
    for i in range(12):
        held.append(enter(values[i : i + 1].reshape(())))
        enter(values[1:2].reshape(()))  # dropped
        shown = memoryview(enter(values[i : i + 1].reshape(())))
        enter(values[1:2].reshape(()))
        assert shown.tobytes() == values[i].tobytes()
    assert held == values.tolist() and {*map(type, held)} == {values.dtype.type}


def test_results_may_be_pythons_ints():
    code = native.assemble(COPY.format(bits=64), "step")
    program = Bare(bind(code.address, np.zeros(10, np.int64), (1,), (8,), [(9, OutputPool((), "i8"))]))
    number = np.array([-(2**40)])
    enter = Guarded([array_step(number), (Op.RUN, 1, program, (Kind.INT,))], 1, 2, 1)
    assert enter(number) == -(2**40) and type(enter(number)) is int


@pytest.mark.parametrize("shape", [(), (3,), (0, 4), (2, 3, 4), (64, 64)])
@pytest.mark.parametrize("dtype", ["f4", "f8", "?"])
def test_results_are_new_arrays(step, shape, dtype):
    program = Bare(bind(step.address, np.zeros(10, np.int64), (), (), [(9, OutputPool(shape, dtype))]))
    enter = Guarded([(Op.RUN, 0, program, (Kind.ARRAY,))], 0, 1, 0)
    held = [enter() for _ in range(8)]
    for out in held:
        assert type(out) is np.ndarray and out.shape == shape and out.dtype is np.dtype(dtype)
        assert out.flags.c_contiguous and out.flags.aligned and out.flags.writeable
        assert program.bindings[0].table[9] == held[-1].ctypes.data
    assert not any(np.shares_memory(a, b) for i, a in enumerate(held) for b in held[:i])


@pytest.mark.parametrize(
    "look", [lambda x: x, lambda x: x[...], lambda x: memoryview(x), lambda x: x.view().base, lambda x: [x.T]]
)
@pytest.mark.parametrize("shape", [(), (3,), (64, 1024)])
def test_a_dropped_result_is_given_again_and_never_before(step, look, shape):
    enter = giving(step, shape)
    first = id(enter())
    assert id(enter()) == first
    seen = look(enter())
    others = [enter() for _ in range(6)]
    assert first not in map(id, others) and len({*map(id, others)}) == 6
    del seen, others
    held = [enter() for _ in range(4)]
    assert all(out.base is None and out.flags.owndata for out in held) and len({out.ctypes.data for out in held}) == 4


def giving(step, shape, kind=Kind.ARRAY):
    """What gives an array of float32 of this shape, or a scalar."""
    program = Bare(bind(step.address, np.zeros(10, np.int64), (), (), [(9, OutputPool(shape, "f4"))]))
    return Guarded([(Op.RUN, 0, program, (kind,))], 0, 1, 0)


def shaped(array):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        array.shape = (6, 1)
        array.shape = (3, 2)


CHANGES = {
    "read-only": lambda x: x.setflags(write=False),
    "another shape": shaped,
    "other memory": lambda x: x.resize((4, 5), refcheck=False),
    "other elements": lambda x: x.__setstate__((1, (2, 3), np.dtype("i4"), False, b"1234" * 6)),
    "another order": lambda x: x.__setstate__((1, (2, 3), np.dtype("f4"), True, b"1234" * 6)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_result_that_was_changed_is_not_given_again(step, change):
    enter = giving(step, (2, 3))
    changed = enter()
    change(changed)
    del changed
    for out in [enter() for _ in range(9)]:
        assert out.flags.c_contiguous and out.flags.writeable and out.flags.owndata
        assert out.shape == (2, 3) and out.dtype is np.dtype("f4")


def test_a_result_that_has_weak_references_is_not_given_again(step):
    enter = giving(step, (2, 3))
    watched = weakref.ref(enter())
    assert enter() is not watched()
    held = [enter() for _ in range(9)]
    assert watched() is None and len({*map(id, held)}) == 9


@pytest.mark.parametrize("shape", [(), (3,), (200, 1000)])
@pytest.mark.parametrize("kind", [Kind.ARRAY, Kind.SCALAR])
def test_results_that_are_held_and_dropped_leave_no_memory_behind(step, guard, shape, kind):
    enter = giving(step, shape, kind if shape == () else Kind.ARRAY)
    held = [enter() for _ in range(9)]
    tracemalloc.start()
    try:
        for i in range(20_000 if guard == "native" else 500):
            held[i * i % 9] = enter()
        before = tracemalloc.get_traced_memory()[0]
        for i in range(20_000 if guard == "native" else 500):
            held[i * i % 9] = enter()
        assert abs(tracemalloc.get_traced_memory()[0] - before) < 5000 + (4 * held[0].nbytes if held[0].ndim else 0)
    finally:
        tracemalloc.stop()


def test_a_result_beyond_memory_is_an_error_and_the_program_has_not_run(step):
    table = np.zeros(10, np.int64)
    program = Bare(bind(step.address, table, (), (), [(9, OutputPool((1 << 50,), "f8"))]))
    with pytest.raises(MemoryError):
        Guarded([(Op.RUN, 0, program, (Kind.ARRAY,))], 0, 1, 0)()
    assert table[CALLS] == 0


# ------------------------------------------------------------------------------------------------ status, threads, memory


@pytest.mark.parametrize("status", [1, 7, 300, 2**62])
@pytest.mark.parametrize("mode", [CLOSED, LETS_IN, OPEN])
def test_a_status_is_an_error_and_the_program_has_run_once(bound, status, mode):
    program = bound((Op.INT, 0, 0, *INT64), mode=mode)
    program.table[STATUS] = status
    for calls in (1, 2):
        with pytest.raises(StatusError, match=f"^{status}$"):
            program.enter(1)
        assert program.table[CALLS] == calls


def test_a_step_that_raises_is_noticed_and_leaves_the_binding_usable(bound):
    program = bound((Op.SAME, 0, 1))
    program.table[FAILURE] = 1
    for _ in range(2):
        with pytest.raises(StatusError, match=str(RAISED)):
            program.enter(1)
    program.table[FAILURE] = 0
    assert program.enter(1) == "ran"


def test_a_change_of_threads_reaches_every_binding(bound):
    program, before = bound((Op.SAME, 0, 1)), threads.num_threads()
    try:
        for n in (1, 3):
            threads.set_num_threads(n)
            assert program.enter(1) == "ran" and program.table[1] == n
    finally:
        threads.set_num_threads(before)


def test_calls_leave_all_reference_counts_as_they_were(step, guard):
    label, x, number, integer = "relu 2", np.zeros((2, 3), "f4"), 1234.5, 10**12
    tree, namespace, thing = {"a": [x, (number,)]}, {"scale": 10**14}, Thing()
    thing.held, thing.other, watched = object(), object(), Thing()
    program = Bare(bind(step.address, np.zeros(16, np.int64), (2, 3, -1, -1), (8, 9, 10), [(11, OutputPool((64, 64), "f8"))]))
    steps = [
        (Op.DICT, 0, 4, ("a",)),
        (Op.LIST, 4, 5, 2),
        (Op.TUPLE, 6, 7, 1, tuple),
        array_step(x, 5, 0),
        (Op.FLOAT, 7, 1),
        (Op.INT, 1, 2, *INT64),
        (Op.GLOBAL, 8, namespace, "scale"),
        (Op.CONSTANT, 9, thing),
        (Op.SLOT, 10, 9, Thing.__dict__["held"]),
        (Op.ATTRIBUTE, 11, 9, "other"),
        (Op.CALL, 12, lambda a, b: [a, b], (10, 11)),
        (Op.LIVE, 3, weakref.ref(watched)),
        (Op.SAME, 2, label),
        (Op.RUN, 13, program, (Kind.ARRAY,)),
        (Op.MAKE_TUPLE, 14, (13, 12, 0)),
        (Op.MAKE_DICT, 15, ("out", "label"), (14, 2)),
    ]
    enter = Guarded(steps, 4, 16, 15)
    held = [label, x, number, integer, tree, tree["a"], tree["a"][1], namespace["scale"], thing, thing.held, thing.other, watched]
    held += [x.dtype, np.dtype("f8"), program.bindings[0], enter.routes[0], enter.routes, None, True, np.ndarray]
    before = [sys.getrefcount(item) for item in held]
    for _ in range(50_000 if guard == "native" else 500):
        assert enter(tree, integer, label, watched)["label"] is label
        assert enter(tree, integer, None, watched) == MISS
        assert enter(tree, 1.0, label, watched) == MISS
    assert max(abs(sys.getrefcount(item) - count) for item, count in zip(held, before, strict=True)) < 10  # spares of the pool


def test_an_entrance_is_freed(step):
    enter = on_arrays(step.address, np.zeros(FIRST + 1, np.int64), (FIRST,), np.zeros(3))
    assert enter(np.zeros(3)) is not MISS
    watched = weakref.ref(enter)
    del enter
    assert watched() is None


@pytest.mark.parametrize("mode", [CLOSED, LETS_IN, OPEN])
def test_threads_may_share_a_binding(step, guard, mode):
    """Each call must see its own arguments in the table, though all fill the same one."""
    table = np.zeros(8, np.int64)
    enter = Guarded([(Op.INT, 0, 0, *INT64), (Op.RUN, 1, Bare(bind(step.address, table, (-1,), (STATUS,), mode=mode)), ())])
    wrong = []

    def work(number):
        for _ in range(1000 if guard == "native" else 100):
            try:
                wrong.append(enter(number))
            except StatusError as error:
                if error.args != (number,):
                    wrong.append(error)

    run_threads(work, range(1, 9))
    assert not wrong


WAIT = """
define i32 @step(ptr %result, ptr %exception, ptr %table) {
start:
  %flag_at = getelementptr i64, ptr %table, i64 8
  br label %loop
loop:
  %flag = load volatile i64, ptr %flag_at
  %set = icmp ne i64 %flag, 0
  br i1 %set, label %done, label %loop
done:
  ret i32 0
}
"""


def test_python_goes_on_while_an_open_program_runs_and_other_programs_wait(bound):
    code, table = native.assemble(WAIT, "step"), np.zeros(9, np.int64)
    slow = Guarded([(Op.RUN, 1, Bare(bind(code.address, table, mode=OPEN)), ())])
    quick, order = bound((Op.SAME, 0, 1)), []
    first = threading.Thread(target=lambda: order.append(slow("slow")))
    first.start()
    while not order and not first.is_alive():
        time.sleep(0)
    time.sleep(0.01)
    second = threading.Thread(target=lambda: order.append(quick.enter(1)))
    second.start()
    time.sleep(0.01)
    assert not order and quick.table[CALLS] == 0  # this thread runs, that one waits
    table[8] = 1
    first.join()
    second.join()
    assert sorted(order) == ["ran", "slow"] and quick.table[CALLS] == 1


OTHER_LAYOUT = """
import sys, warnings
sys._is_gil_enabled = lambda: False
import numpy as np, tracejit as tj
f = tj.function(lambda x, k=1.0: {"y": x * k})
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for k in (2.0, 3.0):
        assert f(np.ones(3), k)["y"].tolist() == [k] * 3
assert f.compilations == 1 and not hasattr(f, "vectorcall")
print({str(warning.message) for warning in caught})
"""


def test_where_memory_has_another_layout_python_checks_calls_and_says_so(guard):
    done = subprocess.run([sys.executable, "-c", OTHER_LAYOUT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert ("without its global lock" in done.stdout) == (guard == "native")


def test_the_definition_and_the_builtin_are_two(guard):
    enter = Guarded([], 1)
    assert issubclass(Guarded, Entrance)
    assert (enter.vectorcall != 0) == (guard == "native")
    assert enter(5) == 5 == enter.__call__(5)
