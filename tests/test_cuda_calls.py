"""What device programs do anew in each call, and what they keep: tables, graphs, results, the way in."""

import sys
import threading
import weakref
from time import sleep

import numpy as np
import pytest
from cuda_program import TEXT, W, X, executable, scale
from fake_cuda import FakeDriver
from guard_tools import MISS as MISSED
from guard_tools import Guarded

import tracejit as tj
from tracejit.errors import DeviceMemoryError, IndexOutOfBoundsError
from tracejit.runtime.cuda import driver as driver_module
from tracejit.runtime.cuda.executable import Executable
from tracejit.runtime.cuda.results import LARGEST, ResultPool
from tracejit.runtime.cuda.steps import word_of
from tracejit.runtime.device import DeviceArray
from tracejit.runtime.pool import MOST_SPARES
from tracejit.runtime.route import Op


@pytest.fixture
def driver():
    return FakeDriver({"region_0": scale})


def uploads(driver):
    return driver.ledger.counts["uploads"]


# ---------------------------------------------------------------------------------------------- the table and the graphs


def test_values_that_came_before_need_no_copy(driver):
    run, x, w = executable(driver), driver.placed(X), driver.placed(W)
    for rate in (1.0, 2.0) * 2:
        run(x, w, rate)
    before = uploads(driver)
    for rate in (2.0, 1.0, 1.0, 2.0):
        np.testing.assert_array_equal(run(x, w, rate)[0].numpy(), X @ W * np.float32(rate))
    assert uploads(driver) == before
    np.testing.assert_array_equal(run(x, w, 3.0)[0].numpy(), X @ W * 3)  # by the table for any values
    np.testing.assert_array_equal(run(x, w, 1.0)[0].numpy(), X @ W)


def test_values_that_never_come_again_share_a_table_and_a_graph(driver):
    run, x, w, held = executable(driver), driver.placed(X), driver.placed(W), []
    for _ in range(20):
        held += run(x, w, 1.0)
    assert driver.ledger.counts["captures"] == 1 and uploads(driver) == 20
    assert sum(n for purpose, n in driver.ledger.held.items() if purpose.startswith("tables")) == 8 * (19 + 3)


def test_zeros_of_both_signs_are_different_values(driver):
    run, x, w = executable(driver), driver.placed(X), driver.placed(W)
    for rate in (0.0, -0.0) * 3:
        (out,) = run(x, w, rate)
        assert np.signbit(out.numpy()).all() == np.signbit(rate)


def test_eight_values_settle_and_others_take_their_places_after_many_calls(driver):
    run, x, w = executable(driver), driver.placed(X), driver.placed(W)
    for rate in range(1, 11):
        for _ in range(3):
            np.testing.assert_array_equal(run(x, w, float(rate))[0].numpy(), X @ W * np.float32(rate))
    (binding,) = run._bindings
    settled = list(binding.settled)
    assert len(settled) == 8 and driver.ledger.counts["captures"] == 1 + 8
    for _ in range(64):
        np.testing.assert_array_equal(run(x, w, 10.0)[0].numpy(), X @ W * 10)
    assert list(binding.settled)[:-1] == settled[1:] and driver.ledger.counts["captures"] == 1 + 9
    np.testing.assert_array_equal(run(x, w, 1.0)[0].numpy(), X @ W)
    assert driver.ledger.held["tables of scaled"] == 8 * (19 + 3) * 9


def test_more_values_in_turn_than_can_settle_settle_not_at_all(driver):
    run, x, w = executable(driver), driver.placed(X), driver.placed(W)
    for rate in list(range(9)) * 4:
        run(x, w, float(rate))
    assert driver.ledger.counts["captures"] == 1


def test_a_program_with_checks_reads_its_flags_in_each_call(driver):
    text = TEXT.replace("launch(region_0", "check(table, s0, 1)\n    launch(region_0").replace("import ", "import check, ")
    run, x, zero = executable(driver, text=text, checks=[None]), driver.placed(X), driver.placed(np.zeros((2, 2), "f4"))
    for _ in range(4):
        run(x, zero, 1.0)
    assert len(driver.names("download")) == 4


def test_a_number_that_a_product_reads_is_that_of_its_own_table(driver):
    text = TEXT.replace("gemm_nn", "gemm_nn_scaled").replace("f32(1), f32(0))", "f32_at(table[11], 1))")  # c += alpha * a @ b
    alpha = np.ones((), np.float32)
    run, x, w = executable(driver, {2: alpha}, text=text), driver.placed(X), driver.placed(W)
    driver.kernels["region_0"] = lambda *arguments: None
    run(x, w)
    c = driver.array(int(run._bindings[0].table[13]), 6)
    for value in (2.0, 3.0) * 3:
        alpha[...], c[:] = value, 0
        run(x, w)
        np.testing.assert_array_equal(c.reshape(3, 2), X @ W * np.float32(value))
    assert len(run._bindings[0].settled) == 2


@pytest.mark.parametrize("value", [np.array(-2, np.int8), np.array(2.5), np.array([1, -1], np.int32), np.zeros(0)])
def test_a_small_array_of_the_host_is_a_word(value):
    word = np.array(word_of(value), np.int64)
    assert word.tobytes()[: value.nbytes] == value.tobytes()


# ----------------------------------------------------------------------------------------------------------- results


def pool(driver, shape=(3, 2)):
    return ResultPool(driver, shape, np.dtype(np.float32), "results")


def test_a_dropped_result_is_given_again_and_a_held_one_is_not(driver):
    results = pool(driver)
    first = results.take(7).address
    assert results.take(7).address == first
    held = [results.take(7) for _ in range(10)]
    assert len({x.address for x in held}) == 10


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x,
        lambda x: [x],
        lambda x: tj.asarray(0.0).rebind(x) or x,
        lambda x: DeviceArray(x.memory, (6,), x.dtype),
        lambda x: x.memory,
        lambda x: x.numpy,
        lambda x: weakref.ref(x),
        lambda x: x.memory.exported(x),
    ],
)
def test_a_result_is_not_given_again_while_anyone_can_see_it(driver, look):
    results = pool(driver)
    result = results.take(7)
    address, seen = result.address, look(result)
    del result
    assert all(results.take(7).address != address for _ in range(3)) and seen is not None


def test_what_another_library_has_seen_is_never_given_again(driver):
    results = pool(driver)
    result = results.take(7)
    address = result.address
    result.memory.exported(result)
    del result
    assert results.take(7).address != address


def test_a_result_that_was_made_read_only_is_not_given_again(driver):
    results = pool(driver)
    result = results.take(7)
    result.flags = result.flags._replace(writeable=False)
    del result
    assert results.take(7).flags.writeable


def test_views_know_the_stream_that_their_memory_was_last_used_on(driver):
    x, w = driver.placed(X), driver.placed(W)
    view = DeviceArray(x.memory, X.shape, X.dtype)
    executable(driver)(x, w, 1.0)
    driver.current = 8
    executable(driver)(view, driver.placed(W), 1.0)
    assert ("after", 8, 7) in driver.events


def test_a_pool_keeps_few_small_results_and_no_large_ones(driver):
    results, large = pool(driver), pool(driver, (LARGEST,))
    held = [results.take(7) for _ in range(20)]
    large.take(7)
    del held
    assert len(results.spares) == MOST_SPARES and not large.spares


def test_a_result_that_another_stream_still_reads_is_waited_for(driver):
    run, w = executable(driver), driver.placed(W)
    for _ in range(2):
        (out,) = run(X, w, 1.0)
        address = out.address
        driver.current = 8
        executable(driver)(out, w, 1.0)  # reads it there
        del out
        driver.current = 7
        before = len(driver.events)
        (again,) = run(X, w, 1.0)
        assert again.address == address and ("after", 7, 8) in driver.events[before:]
        del again


def test_memory_that_another_stream_still_reads_goes_back_when_that_is_done(driver):
    x, w = driver.placed(X, stream=3), driver.placed(W, stream=3)
    x.stream = w.stream = 3
    executable(driver)(x, w, 1.0)
    before = len(driver.events)
    del x
    assert driver.events[before:] == [("after", 3, 7)]
    w.stream = 3
    del w
    assert len(driver.events) == before + 1


def test_an_argument_that_is_being_copied_is_waited_for(driver, monkeypatch):
    monkeypatch.setattr(driver_module, "_driver", lambda kind: driver)
    driver.current = 3
    w, x = tj.Variable(W, device="cuda"), tj.asarray(X).to("cuda")
    copy = x.value.copy()
    driver.current = 4
    other = tj.asarray(W + 1).to("cuda")
    w.store(other.value)
    assert ("after", 3, 4) in driver.events  # the Variable's stream waits for the copy of its value
    driver.current = 7
    (out,) = executable(driver, {1: w.buffer})(copy, 1.0)
    assert ("after", 7, 3) in driver.events
    np.testing.assert_array_equal(out.numpy(), X @ (W + 1))


def test_sizes_that_change_keep_results_of_the_last_ones_only(driver):
    run = executable(driver)
    for n in (3, 5, 4):
        run(np.ones((n, 2), np.float32), W, 1.0)
    assert [len(b.pools[0].spares) for b in run._bindings] == [1, 0, 0]


def test_a_call_for_which_there_is_no_memory_leaves_the_next_one_as_it_was(driver):
    run, x, w = executable(driver), driver.placed(X), driver.placed(W)
    held = [run(x, w, 1.0) for _ in range(2)]
    driver.limit = driver.pieces.used
    events = len(driver.events)
    for _ in range(3):
        with pytest.raises(DeviceMemoryError):
            run(x, w, 2.0)
    assert len(driver.events) == events
    held.pop()
    np.testing.assert_array_equal(run(x, w, 2.0)[0].numpy(), X @ W * 2)
    np.testing.assert_array_equal(held[0][0].numpy(), X @ W)


# ------------------------------------------------------------------------------------------------------------ the way in


@pytest.fixture(params=["native", "python"])
def guard(request, monkeypatch):
    monkeypatch.setenv("TRACEJIT_GUARD", request.param)
    return request.param


def queued(function, count=1, results=1):
    """What hands its arguments to ``function`` and gives a list of the results."""
    first, everything = count, tuple(range(count, count + results))
    steps = [(Op.QUEUE, first, function, tuple(range(count))), (Op.MAKE_LIST, first + results, everything)]
    return Guarded(steps, count, first + results + 1, first + results)


def test_a_device_is_given_its_work_by_a_function(guard):
    assert queued(lambda x, y: (y, x), 2, 2)("a", "b") == ["b", "a"]
    assert queued(lambda x: (), 1, 0)("a") == []
    assert queued(lambda x: None)("a") == MISSED


def test_what_it_raises_is_no_miss(guard):
    asked = []

    def fail(x):
        asked.append(x)
        raise ValueError("from the device")

    with pytest.raises(ValueError, match="from the device"):
        queued(fail)(1)
    assert asked == [1]


def test_what_raises_after_the_device_has_its_work_is_no_miss_either(guard):
    call = (Op.CALL, 2, lambda x: 1 / x, (1,))
    with pytest.raises(ZeroDivisionError):
        Guarded([(Op.QUEUE, 1, lambda x: (x,), (0,)), call], 1, 3, 2)(0)


def test_misses_leave_nothing_behind(guard):
    call = queued(lambda x: None)
    before = sys.getrefcount(None)
    for _ in range(1000):
        call(1)
    assert sys.getrefcount(None) - before < 500


@pytest.fixture
def emulated(monkeypatch, guard):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")


def there(*arrays):
    return [tj.asarray(a).to("cuda") for a in arrays]


def unread(f):
    """Have a function fail where a call takes the slow way in."""
    f.programs.call = None
    return f


def test_later_calls_of_a_kind_take_the_short_way(emulated):
    w = tj.Variable(np.zeros(2, np.float32), device="cuda")

    @tj.function
    def f(p, x, rate, n, flag, host):
        w.assign_add(x[0])
        return {"out": x * rate + n + host, "sum": np.sum(x), "flag": np.where(flag, p["a"], p["b"]), "size": x.shape[0]}

    a, b, x = there(np.float32(1.0), np.float32(2.0), X)
    arguments = {"a": a, "b": b}, x, 0.5, 3, True, X[0]
    first = f(*arguments)
    later = unread(f)(*arguments)
    assert first["size"] == later["size"] == 3
    for name in ("out", "sum", "flag"):
        np.testing.assert_array_equal(first[name].numpy(), later[name].numpy())
        assert type(later[name]) is type(first[name]) and later[name].scalar == first[name].scalar
    np.testing.assert_array_equal(w.numpy(), 2 * X[0])
    other = f({"a": a, "b": b}, x, 2.0, -1, False, X[1])
    np.testing.assert_array_equal(other["out"].numpy(), X * np.float32(2.0) - 1 + X[1])
    np.testing.assert_array_equal(other["flag"].numpy(), 2.0)


def test_numbers_that_a_function_of_arrays_gives_are_numbers_by_the_short_way_too(emulated):
    f = tj.function(lambda x: (np.sum(x), x + 1), device="cuda")
    f(X)
    total, array = unread(f)(X)
    assert (total.scalar, total.weak, array.scalar) == (True, False, False)


def test_other_kinds_of_arguments_have_programs_of_their_own(emulated):
    f = tj.function(lambda x, s: x * s)
    (x,) = there(X)
    for _ in range(2):
        assert (f(x, 2.0).device, f(tj.asarray(X), 2.0).device) == ("cuda", "cpu")
        assert f(x, 2.0).device == "cuda" and isinstance(f(X, 2.0), np.ndarray)
        np.testing.assert_array_equal(f(x, 2).numpy(), X * 2)
        np.testing.assert_array_equal(f(*there(X.astype("f8")), 0.5).numpy(), X * 0.5)
        np.testing.assert_array_equal(f(x, True).numpy(), X)
    assert f.compilations == 6


def test_captured_arrays_are_read_by_the_short_way(emulated):
    (tensor,), array = there(X), X.copy()
    f = tj.function(lambda x: x * tensor + array, device="cuda")
    f(X)
    array += 1
    np.testing.assert_array_equal(unread(f)(X).numpy(), X * X + X + 1)


def test_an_array_on_the_device_that_is_written_to_shares_memory_with_no_other(emulated):
    def f(x, y):
        x[0] = y[1]
        return x.sum()

    traced = tj.function(f)
    for _ in range(3):
        x, y = (tensor.value for tensor in there(X, X))
        traced(x, y)
        np.testing.assert_array_equal(x.numpy()[0], X[1])
        with pytest.raises(tj.ArgumentError, match="y shares its memory"):
            traced(x, x)


def test_arrays_of_the_host_of_any_layout_are_taken(emulated):
    f = tj.function(lambda x: x + 1, device="cuda")
    for x in (X, X, X.T, X[::-1], X.astype(">f4"), X):
        np.testing.assert_array_equal(f(x).numpy(), x + 1)


def test_what_a_device_refuses_is_raised_once_and_updates_nothing(emulated):
    w = tj.Variable(np.zeros(3), device="cuda")

    @tj.function(device="cuda")
    def f(x, i):
        w.assign_add(x)
        return x[i]

    index = np.array([1, 2])
    f(np.ones(3), index)
    unread(f)
    with pytest.raises(IndexOutOfBoundsError):
        f(np.ones(3), index + 1)
    np.testing.assert_array_equal(w.numpy(), 1)


def test_host_variables_of_a_device_program_count_each_call_once(emulated, monkeypatch):
    steps = tj.Variable(0, name="steps", device="cpu")

    @tj.function(device="cuda")
    def f(x):
        steps.assign_add(1)
        return x * steps

    f(X)
    found = []

    def work():
        found.extend(float(f(X).numpy()[0, 1]) for _ in range(10))

    monkeypatch.setattr(
        Executable, "__call__", lambda self, *leaves, call=Executable.__call__: (call(self, *leaves), sleep(0))[0]
    )
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert steps.item() == 41 and sorted(found) == list(range(2, 42))


def test_a_retrace_follows_what_the_function_reads(emulated):
    factor = [2.0]
    f = tj.function(lambda x: x * factor[0], device="cuda")
    np.testing.assert_array_equal(f(X).numpy(), X * 2)
    np.testing.assert_array_equal(f(X).numpy(), X * 2)
    factor[0] = 3.0
    np.testing.assert_array_equal(f(X).numpy(), X * 3)
    assert f.compilations == 2
