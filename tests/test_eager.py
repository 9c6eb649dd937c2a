"""What makes eager operations quick changes nothing that a user can see."""

import numpy as np
import pytest

import tracejit as tj
from tracejit import ops
from tracejit.frontend.eager import EagerTrace, active, value_of
from tracejit.ir import TensorSpec, using


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_numbers_shared_by_all_traces_are_never_written(shape):
    before = tj.zeros(shape)
    before += 5.0
    before[...] = 7.0
    np.testing.assert_array_equal(tj.zeros(shape), np.zeros(shape))
    trace = EagerTrace()
    assert not value_of(trace.constant(2.0, np.dtype(np.float32))).flags.writeable


def test_equal_numbers_of_several_kinds_stay_apart():
    trace = EagerTrace()
    wide = np.dtype(np.float64)
    assert [np.signbit(value_of(trace.constant(x, wide))) for x in (0.0, -0.0)] == [False, True]
    assert [value_of(trace.constant(1, np.dtype(d))).dtype for d in ("i4", "f4", "?")] == [np.int32, np.float32, np.bool_]
    assert np.isnan(value_of(trace.constant(np.nan, wide)))


@pytest.mark.parametrize(
    ("x", "shape", "axes"),
    [
        (np.float32(3), (2, 3), ()),
        (np.arange(3.0), (2, 3), (1,)),
        (np.arange(2.0), (2, 3), (0,)),
        (np.arange(6.0).reshape(2, 3).T, (3, 4, 2), (0, 2)),
        (np.arange(6.0)[::2], (3, 2), (0,)),
        (np.zeros((0, 2)), (0, 3, 2), (0, 2)),
        (np.arange(3.0), (0, 3), (1,)),
    ],
)
def test_a_broadcast_repeats_without_a_copy_and_cannot_be_written(x, shape, axes):
    out = ops.broadcast.evaluate(x, shape=shape, axes=axes)
    kept = [n if i in axes else 1 for i, n in enumerate(shape)]
    np.testing.assert_array_equal(out, np.broadcast_to(np.reshape(x, kept), shape))
    assert not out.flags.writeable


def test_specs_are_made_once():
    assert TensorSpec.of((2, 3), np.dtype("f4")) is TensorSpec.of((2, 3), np.dtype("f4")) == TensorSpec((2, 3), "f4")


def test_a_builder_is_current_inside_and_no_longer_after_an_error():
    outer, inner = EagerTrace(), EagerTrace()
    with using(outer):
        with using(inner):
            assert active() is inner
        with pytest.raises(ZeroDivisionError), using(inner):
            _ = 1 // 0
        assert active() is outer
    assert active() is None


def test_the_rows_that_were_gathered_of_a_variable_are_known_to_a_tape():
    table, other = tj.Variable(np.ones((3, 2))), tj.Variable(np.ones(2))
    with tj.GradientTape(persistent=True) as tape:
        rows = table[np.array([0, 2])]
        loss = tj.sum(rows * other)
    (read,) = tape.gathered(table)
    assert tape.gathered(other) is None
    np.testing.assert_array_equal(tape.tensor(read.inputs[1]), [0, 2])
    np.testing.assert_array_equal(tape.gradient(loss, read), np.ones((2, 2)))
