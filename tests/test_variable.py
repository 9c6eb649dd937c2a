"""Variables: their memory, what may be assigned, and how they take part in computations."""

import threading

import numpy as np
import pytest
from frontend_tools import traced

import tracejit as tj


def variable(value=(1.0, 2.0), **options):
    return tj.Variable(np.array(value, np.float32), name="w", **options)


def address(v):
    return v.buffer.__array_interface__["data"][0]


def test_memory_never_moves():
    v = variable()
    before = address(v)
    v.assign([3, 4])
    v += 1
    v[0] = 9
    v.assign_sub(v)
    assert address(v) == before and v.buffer.flags.c_contiguous


def test_values_are_copied_in_and_out():
    source = np.ones(2)
    v = tj.Variable(source)
    source[:] = 5
    out = v.numpy()
    out[:] = 7
    np.asarray(v)[:] = 8
    assert v.numpy().tolist() == [1, 1]


def test_tensors_of_a_value_do_not_follow_assignments():
    v = variable()
    kept = v.value(), v[:1], v.reshape(2, 1), v * 1, v.T
    v.assign([8, 9])
    assert [k.numpy().ravel()[0] for k in kept] == [1, 1, 1, 1, 1]


def test_assignments_return_the_variable_and_keep_the_dtype():
    v = variable()
    assert v.assign([1, 2]) is v and v.assign_add(1) is v and v.assign_sub(np.float64(1)) is v
    assert v.dtype == np.float32 and v.numpy().tolist() == [1, 2]


def test_augmented_assignment_assigns():
    v = same = variable()
    v += 1
    v *= 4
    v -= 2
    v /= 2
    assert v is same and same.numpy().tolist() == [3, 5]


def test_items_are_assigned():
    v = variable([1, 2, 3])
    v[1:] = [7, 8]
    v[[0]] = 0
    np.add(v, 1, out=v)
    assert v.numpy().tolist() == [1, 8, 9]


@pytest.mark.parametrize("value", [[1.0, 2.0, 3.0], 1.0, [[1.0, 2.0]]])
def test_another_shape_is_refused_with_both_shapes(value):
    with pytest.raises(tj.VariableError, match=r"Variable w: f32\[2\] was assigned f\d\d\[.*\]"):
        variable().assign(value)


def test_another_kind_of_dtype_is_refused():
    v = tj.Variable([1, 2], name="counts")
    with pytest.raises(tj.VariableError, match="Variable counts: a value of dtype float64 was assigned to dtype int64"):
        v.assign([0.5, 1.5])
    assert v.numpy().tolist() == [1, 2]


def test_a_failed_assignment_in_a_trace_is_refused_too():
    v = variable()
    with pytest.raises(tj.VariableError, match=r"Variable w: f32\[2\] was assigned f32\[n\]"):
        traced(lambda x: v.assign(x).sum(), np.ones(3, np.float32))
    assert v.numpy().tolist() == [1, 2]


def test_it_computes_as_a_tensor_of_its_value():
    v = variable()
    assert isinstance(v + 1, tj.Tensor) and (1 - v).numpy().tolist() == [0, -1]
    assert np.sum(v).numpy() == 3 and (np.ones((3, 2), np.float32) @ v).shape == (3,)
    assert v.shape == (2,) and v.ndim == 1 and v.size == 2 and len(v) == 2 and [float(x) for x in v] == [1, 2]
    assert float(tj.Variable(2.5)) == 2.5 and bool(tj.Variable(True)) and int(tj.Variable(3)) == 3


def test_it_prints_its_name_value_and_dtype():
    assert repr(variable()) == "Variable([1., 2.], name='w', dtype=float32)"
    assert f"{tj.Variable(2.0):.2f}" == "2.00"


def test_dtype_can_be_given():
    assert tj.Variable([1, 2], dtype=np.float32).dtype == np.float32
    assert tj.Variable(np.ones(2, ">f8")).numpy().tolist() == [1, 1]
    with pytest.raises(tj.DTypeError):
        tj.Variable(["a"])


def test_reads_see_the_assignments_before_them_in_a_trace():
    v = variable()

    def f(x):
        before = v * x
        v.assign_add(x)
        return before, v * 1.0, v.value()

    before, after, value = traced(f, np.float32(10))
    assert before.tolist() == [10, 20] and after.tolist() == value.tolist() == [11, 12]
    assert v.numpy().tolist() == [1, 2]  # the trace itself changes nothing


def test_a_variable_made_at_each_call_is_refused():
    with pytest.raises(tj.VariableError, match="create it outside"):
        tj.function(lambda x: x + tj.Variable(1.0))(np.ones(2))


def test_numbers_of_variables_are_not_known_in_a_trace():
    v = tj.Variable(1.0)
    for f in (lambda x: x if v > 0 else -x, lambda x: x * float(v), lambda x: x + v.numpy()):
        with pytest.raises(tj.TraceError):
            traced(f, np.ones(2))


def test_threads_may_assign_at_once():
    v = tj.Variable(np.zeros(1000))
    threads = [threading.Thread(target=lambda k=k: [v.assign(np.full(1000, float(k))) for _ in range(50)]) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(np.unique(v.numpy())) <= {0.0, 1.0, 2.0, 3.0}
