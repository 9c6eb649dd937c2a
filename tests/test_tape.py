"""GradientTape: what it watches, what it records, and what it gives; eagerly and in a trace."""

import numpy as np
import pytest
from frontend_tools import traced

import tracejit as tj


def close(x, y):
    np.testing.assert_allclose(x, y, rtol=1e-6)


def test_gradient_by_a_variable():
    w = tj.Variable([1.0, 2.0])
    with tj.GradientTape() as tape:
        loss = np.sum(w**2)
    close(tape.gradient(loss, w), [2, 4])


def test_gradient_by_a_watched_tensor():
    x = tj.tensor(3.0)
    with tj.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    close(tape.gradient(y, x), 6)


def test_gradient_in_a_trace():
    w = tj.Variable([1.0, 2.0])

    def f(x):
        with tj.GradientTape() as tape:
            tape.watch(x)
            loss = np.sum(w * x**2)
        return tape.gradient(loss, [w, x])

    by_w, by_x = traced(f, np.array([3.0, 4.0]))
    close(by_w, [9, 16])
    close(by_x, [6, 16])


def test_watching_an_argument_does_not_write_to_it():
    x = np.ones(2)
    x.flags.writeable = False

    @tj.function
    def f(x):
        with tj.GradientTape() as tape:
            tape.watch(x)
            y = x * x
        return tape.gradient(y, x)

    close(f(x), [2, 2])


def test_sources_are_trees():
    a, b, c = tj.Variable(1.0), tj.Variable(2.0), tj.Variable(3.0)
    with tj.GradientTape() as tape:
        y = a * b * c
    out = tape.gradient(y, {"a": a, "rest": [b, (c,)]})
    close(out["a"], 6)
    close(out["rest"][0], 3)
    close(out["rest"][1][0], 2)


def test_targets_are_trees_whose_gradients_add_up():
    w = tj.Variable(2.0)
    with tj.GradientTape() as tape:
        y = [w * w, 3 * w]
    close(tape.gradient(y, w), 7)


def test_a_target_with_axes_is_summed():
    w = tj.Variable([1.0, 2.0])
    with tj.GradientTape() as tape:
        y = w**3
    close(tape.gradient(y, w), [3, 12])


def test_output_gradients_weigh():
    w = tj.Variable([1.0, 2.0])
    with tj.GradientTape() as tape:
        y = w**3
    close(tape.gradient(y, w, output_gradients=[1.0, -1.0]), [3, -12])


def test_what_is_not_connected_has_none():
    v, w = tj.Variable(1.0), tj.Variable([2.0, 3.0])
    with tj.GradientTape(persistent=True) as tape:
        y = v * v
    assert tape.gradient(y, w) is None
    assert tape.gradient(y, [v, w])[1] is None
    close(tape.gradient(y, w, unconnected="zero"), [0, 0])


def test_what_is_not_watched_has_none():
    x, frozen = tj.tensor(3.0), tj.Variable(1.0, trainable=False)
    with tj.GradientTape(persistent=True) as tape:
        y = x * frozen
        z = y * 2
    assert tape.gradient(z, x) is None and tape.gradient(z, frozen) is None and tape.gradient(z, y) is None


def test_gradient_by_an_intermediate_value():
    w = tj.Variable(3.0)
    with tj.GradientTape() as tape:
        y = w * w
        z = y * y
    by_w, by_y = tape.gradient(z, [w, y])
    close(by_w, 4 * 27)
    close(by_y, 18)


def test_only_operations_under_the_tape_count():
    w = tj.Variable(3.0)
    with tj.GradientTape() as outer:
        before = w * w
        with tj.GradientTape() as tape:
            y = before * w
    close(tape.gradient(y, w), 9)
    close(outer.gradient(y, w), 27)


def test_operations_before_and_after_the_tape_do_not_count_in_a_trace():
    w = tj.Variable(3.0)

    def f(x):
        before = w * x
        with tj.GradientTape() as tape:
            y = before * w
        return tape.gradient(y, w), y * w

    close(traced(f, np.float64(1))[0], 3)


def test_a_value_computed_again_under_the_tape_is_another_one():
    w = tj.Variable(3.0)

    def f(x):
        before = w * x
        with tj.GradientTape() as tape:
            y = before * (w * x)
        return tape.gradient(y, w)

    close(f(tj.tensor(2.0)), 12)
    close(traced(f, np.float64(2)), 12)


def test_a_captured_tensor_is_watched_in_a_trace():
    c = tj.tensor([1.0, 2.0])

    def f(x):
        with tj.GradientTape() as tape:
            tape.watch(c)
            y = x * c**2
        return tape.gradient(y, c)

    close(traced(f, np.float64(3)), [6, 12])


def test_a_tape_is_used_once():
    w = tj.Variable(3.0)
    with tj.GradientTape() as tape:
        y = w * w
    tape.gradient(y, w)
    with pytest.raises(tj.TapeError, match=r"(?s)not persistent can be used once.*persistent=True"):
        tape.gradient(y, w)


def test_a_persistent_tape_is_used_often():
    w = tj.Variable(3.0)
    with tj.GradientTape(persistent=True) as tape:
        y = w * w
        z = y * w
    close(tape.gradient(y, w), 6)
    close(tape.gradient(z, w), 27)


def test_second_derivatives_by_nested_tapes():
    def second(x):
        with tj.GradientTape() as outer:
            outer.watch(x)
            with tj.GradientTape() as inner:
                inner.watch(x)
                y = x**3
            first = inner.gradient(y, x)
        return first, outer.gradient(first, x)

    for first, out in (second(tj.tensor(2.0)), traced(second, np.array(2.0))):
        close(first, 12)
        close(out, 12)


def test_both_of_two_nested_tapes_see_what_was_before_the_inner_one():
    x = tj.tensor(2.0)
    with tj.GradientTape() as outer:
        outer.watch(x)
        y = x**2
        with tj.GradientTape() as inner:
            inner.watch(x)
            z = x**3
        loss = y + inner.gradient(z, x)
    close(outer.gradient(loss, x), 4 + 12)


def test_a_gradient_inside_its_own_persistent_tape_is_recorded():
    x = tj.Variable(2.0)
    with tj.GradientTape(persistent=True) as tape:
        y = x**3
        first = tape.gradient(y, x)
    close(tape.gradient(first, x), 12)


def test_assignments_do_not_disturb_what_was_recorded():
    w = tj.Variable([1.0, 2.0])
    with tj.GradientTape() as tape:
        y = w**2
        w.assign([10.0, 20.0])
        z = np.sum(y * w)
    close(tape.gradient(z, w), [2 * 10 + 1, 4 * 20 + 4])

    def f(x):
        with tj.GradientTape() as tape:
            y = w**2
            w.assign(w * x)
            z = np.sum(y * w)
        return tape.gradient(z, w)

    w.assign([1.0, 2.0])
    close(traced(f, np.float64(10)), [2 * 10 + 1, 4 * 20 + 4])


def test_arrays_that_change_later_do_not_disturb_what_was_recorded():
    w, x = tj.Variable([1.0, 2.0]), np.array([3.0, 4.0])
    with tj.GradientTape() as tape:
        y = w * x
        x[:] = 0
    close(tape.gradient(y, w), [3, 4])


def test_item_assignment_is_differentiated():
    w = tj.Variable([1.0, 2.0, 3.0])
    with tj.GradientTape() as tape:
        x = w * 1.0
        x[0] = w[2] ** 2
        x *= 2
        y = np.sum(x)
    close(tape.gradient(y, w), [0, 2, 2 + 12])


def test_equal_values_are_told_apart():
    x = tj.tensor(3.0)
    with tj.GradientTape() as tape:
        tape.watch(x)
        y = x * 3.0 + tj.tensor(3.0) ** 2
    close(tape.gradient(y, x), 3)

    def f(x):
        a, b = x * 2, x * 2
        with tj.GradientTape() as tape:
            tape.watch(a)
            y = a * b
        return tape.gradient(y, a)

    close(traced(f, np.float64(3)), 6)
    close(f(tj.tensor(3.0)), 6)


def test_variables_can_be_left_unwatched():
    v, w = tj.Variable(2.0), tj.Variable(3.0)
    with tj.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * w
    by_v, by_w = tape.gradient(y, [v, w])
    close(by_v, 3)
    assert by_w is None and tape.watched_variables() == (v,)


@pytest.mark.parametrize("make", [lambda: tj.tensor(3), lambda: tj.tensor([True]), lambda: tj.Variable(2)])
def test_only_floats_are_watched(make):
    with tj.GradientTape() as tape, pytest.raises(tj.GradientError, match="only floats"):
        tape.watch(make())


def test_errors_of_use_say_what_to_do():
    w = tj.Variable(3.0)
    tape = tj.GradientTape()
    with pytest.raises(tj.TapeError, match="inside its with block"):
        tape.gradient(w, w)
    with pytest.raises(tj.TapeError, match="needs the tape to be on"):
        tape.watch(w)
    with tape:
        y = w * w
        with pytest.raises(tj.TapeError, match="on already"), tape:
            pass
        with pytest.raises(TypeError, match=r"tj.tensor\(x\)"):
            tape.watch(np.array([1.0, 2.0]))
    for target, sources in ((y, 3.0), (3.0, w), (np.argmax(tj.tensor([1.0])), w)):
        with pytest.raises(TypeError):
            tj_tape_gradient(w, target, sources)
    with pytest.raises(tj.ArgumentError, match="unconnected"):
        tape.gradient(y, w, unconnected="ones")


def tj_tape_gradient(w, target, sources):
    with tj.GradientTape() as tape:
        _ = w * w
    return tape.gradient(target, sources)


def test_an_exception_under_a_tape_leaves_nothing_behind():
    def fails():
        with tj.GradientTape():
            raise KeyError("mine")

    with pytest.raises(KeyError):
        fails()
    assert isinstance(tj.add(1, 2), np.integer)


def test_control_flow_may_depend_on_values():
    x = tj.tensor(3.0)
    with tj.GradientTape() as tape:
        tape.watch(x)
        y = x
        while y < 100:
            y = y * x
    close(tape.gradient(y, x), 5 * 3**4)


def test_a_traced_function_is_recorded():
    w = tj.Variable(3.0)
    f = tj.function(lambda x: w * x)
    with tj.GradientTape() as tape:
        y = f(2.0) * w
    close(tape.gradient(y, w), 12)


def test_memory_of_a_tape_is_released():
    import weakref

    w = tj.Variable(np.ones(3))
    with tj.GradientTape() as tape:
        hidden = w * 2
        loss = np.sum(hidden)
    value = weakref.ref(hidden.value)
    tape.gradient(loss, w)
    del hidden, tape
    assert value() is None and loss.numpy() == 6
