"""Calling traced functions: arguments of every kind, methods, Variables, threads, looking inside."""

import collections
import enum
import functools
import json
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import ArgumentError, DTypeError, LeakedTracerError, ShapeError, VariableError
from tracejit.runtime.route import CLOSED, OPEN


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


class Sub(np.ndarray):
    """An array of a class of its own."""


class Mode(enum.Enum):
    FAST = 1
    SLOW = 2


class Params(NamedTuple):
    w: Any
    b: Any


@dataclass
class Layer:
    w: Any
    name: str = "layer"


# arguments


def test_keywords_and_defaults_bind_as_in_python() -> None:
    f = tj.function(lambda x, y=2.0, *rest, k=3.0, **more: x + y + sum(rest) + k + sum(more.values()))
    x = ones(2)
    calls: list[Callable[[], Any]] = [
        lambda: f(x),
        lambda: f(x, 2.0),
        lambda: f(x, y=4.0),
        lambda: f(k=5.0, x=x),
        lambda: f(x, 1.0, 2.0, 3.0),
        lambda: f(x, z=10.0, k=1.0),
    ]
    for _ in range(2):
        assert [c()[0] for c in calls] == [6, 6, 8, 8, 10, 14]
    assert f.compilations == 3


def test_calls_that_do_not_bind_raise_as_in_python() -> None:
    f = tj.function(lambda x: x)
    for call in (lambda: f(), lambda: f(1, 2), lambda: f(1, y=2)):
        with pytest.raises(TypeError, match=r"<lambda>\(\): "):
            call()


def test_static_arguments_are_part_of_the_key() -> None:
    def f(x: Any, mode: Any, extra: Any = None) -> Any:
        assert mode is None or isinstance(mode, str | Mode | type | np.dtype)
        return (x + 1 if mode in ("plus", Mode.FAST) else x - 1), mode

    function = tj.function(f)
    for mode in ("plus", "minus", Mode.FAST, Mode.SLOW, None, float, np.dtype("f4")):
        for _ in range(2):
            out, returned = function(ones(2), mode)
            assert out[0] == (2 if mode in ("plus", Mode.FAST) else 0) and returned is mode
    assert function.compilations == 7


def test_trees_of_arguments_are_walked() -> None:
    def f(p: Any) -> Any:
        return p["l"].w * p["q"].b + p["q"].w + p["t"][0] * p["t"][1][0]

    function = tj.function(f)
    for n in (2, 2, 3):
        tree = {"l": Layer(ones(n)), "q": Params(ones(n) * 2, 3.0), "t": (ones(n), [4])}
        assert function(tree).tolist() == [9] * n
    assert function.compilations == 1
    tree["q"] = Params(ones(n) * 2, ones(n))
    assert function(tree)[0] == 7
    tree["more"] = 1
    assert function(tree)[0] == 7
    assert function.compilations == 3


def test_dicts_of_every_class_are_walked() -> None:
    f = tj.function(lambda d: sum(d.values()) + d["a"])
    x = ones(2)
    for make in (
        dict,
        collections.OrderedDict,
        functools.partial(collections.defaultdict, list),
        functools.partial(collections.defaultdict, int),
    ):
        for _ in range(2):
            assert f(make({"a": x, (1, 2): x * 2}))[0] == 4
    assert f.compilations == 4


def test_the_order_of_keys_is_part_of_the_structure() -> None:
    f = tj.function(lambda d: next(iter(d.values())) * 1)
    for _ in range(2):
        assert f({"a": ones(1), "b": ones(1) * 2})[0] == 1
        assert f({"b": ones(1) * 2, "a": ones(1)})[0] == 2
    assert f.compilations == 2


def test_arrays_of_any_layout_are_taken() -> None:
    f = tj.function(lambda x: x * 2)
    base = np.arange(12.0).reshape(3, 4)
    readonly = base.copy()
    readonly.flags.writeable = False
    odd = np.zeros(97, np.uint8)[1:].view(np.float64).reshape(3, 4)
    for x in (base, base.T.copy().T, base[::-1], base[:, ::2], base.astype(">f8"), readonly, odd, base.view(Sub)):
        for _ in range(2):
            np.testing.assert_array_equal(f(x), np.asarray(x) * 2)
    assert f.compilations == 1


def test_arrays_of_other_libraries_are_taken() -> None:
    class Foreign:
        def __init__(self, array: np.ndarray) -> None:
            self.__array_interface__ = array.__array_interface__
            self.kept = array

    class Capsule:
        def __init__(self, array: np.ndarray) -> None:
            self.array = array

        def __dlpack__(self, **kwargs: Any) -> Any:
            return self.array.__dlpack__(**kwargs)

        def __dlpack_device__(self) -> Any:
            return self.array.__dlpack_device__()

    f = tj.function(lambda x: x + 1)
    for wrap in (Foreign, Capsule, memoryview):
        for _ in range(2):
            np.testing.assert_array_equal(f(wrap(np.arange(3.0))), [1, 2, 3])
    assert f.compilations == 1


@pytest.mark.parametrize("shape", [(0,), (1,), (0, 3), (3, 0), (1, 1), (2, 1), ()])
def test_arrays_of_size_zero_and_one_work(shape: tuple[int, ...]) -> None:
    f = tj.function(lambda x, y: (x + y, (x * 2).sum()))
    x = np.ones(shape)
    for _ in range(2):
        out, total = f(x, 1.0)
        np.testing.assert_array_equal(out, x + 1)
        assert np.shape(out) == shape and total == 2 * x.size
    wide, _ = f(np.ones((1,)), np.ones((5,)))
    assert wide.shape == (5,)
    assert f(np.ones((4,)), np.ones((4,)))[0].shape == (4,)


def test_a_size_that_was_large_may_not_become_one_in_the_same_program() -> None:
    f = tj.function(lambda x, y: x + y)
    assert f(ones(3), ones(3)).shape == (3,)
    assert f(ones(1), ones(3)).shape == (3,)
    assert f(ones(3), ones(1)).shape == (3,)
    assert f(ones(1), ones(1)).shape == (1,)
    assert f.compilations == 4


def test_a_slice_may_become_a_size_that_broadcasts() -> None:
    f = tj.function(lambda x, y: x[1:] + y)
    assert f(ones(4), ones(3)).shape == (3,)
    assert f(ones(2), ones(3)).shape == (3,)
    assert f(ones(3), ones(2)).shape == (2,)


def test_special_values_flow() -> None:
    f = tj.function(lambda x, s: (x * 1, x + s))
    x = np.array([np.nan, np.inf, -np.inf, -0.0])
    for s in (np.nan, np.inf, -0.0):
        one, two = f(x, float(s))
        np.testing.assert_array_equal(one, x)
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(two, x + s)
        assert np.signbit(one[3])


# kinds of functions


def test_methods_partials_lambdas_and_callable_objects_are_functions() -> None:
    class Model:
        def __init__(self, k: float) -> None:
            self.k = k

        @tj.function
        def method(self, x: Any) -> Any:
            return x * self.k

        @staticmethod
        @tj.function
        def static(x: Any) -> Any:
            return x * 5

        @classmethod
        @tj.function
        def klass(cls, x: Any) -> Any:
            return x * len(cls.__name__)

        def __call__(self, x: Any) -> Any:
            return x * self.k

    model = Model(3.0)
    for _ in range(2):
        assert model.method(ones(1))[0] == 3 and Model.method(model, ones(1))[0] == 3
        assert model.static(ones(1))[0] == 5 and model.klass(ones(1))[0] == 5
    assert tj.function(model)(ones(1))[0] == 3
    assert tj.function(model.__call__)(ones(1))[0] == 3
    partial = tj.function(functools.partial(lambda k, x: x * k, 7.0))
    assert partial(ones(1))[0] == 7
    assert "f32[1]" in str(model.method.graph()) and "f32[n]" in str(model.method.graph(ones(2)))
    assert model.method.debug(ones(1))[0] == 3


def test_a_method_keeps_no_object_alive() -> None:
    class Model:
        def __init__(self) -> None:
            self.w = np.ones(3)

        @tj.function
        def step(self, x: Any) -> Any:
            return x * self.w

    model = Model()
    model.step(np.ones(3))
    gone = weakref.ref(model)
    del model
    assert gone() is None
    other = Model()
    assert other.step(np.ones(3))[0] == 1
    assert "1 program" in repr(Model.step)


def test_a_dataclass_can_have_traced_methods() -> None:
    @dataclass
    class Model:
        w: Any
        rate: float = 0.5

        @tj.function
        def step(self, x: Any) -> Any:
            return x * self.w * self.rate

    model = Model(np.full(2, 3.0))
    assert model.step(np.ones(2)).tolist() == [1.5, 1.5]
    model.w[0] = 5
    assert model.step(np.ones(2)).tolist() == [2.5, 1.5]
    model.rate = 1.0
    assert model.step(np.ones(2)).tolist() == [5, 3]
    assert Model.step.compilations == 2


def test_a_function_keeps_its_name_and_docstring() -> None:
    @tj.function
    def area(x: Any) -> Any:
        """Area of a disc."""
        return x * x

    assert area.__name__ == "area" and area.__doc__ == "Area of a disc."
    assert tj.function(area) is area
    assert tj.function(name="disc")(lambda x: x).name == "disc"


def test_traced_functions_inline_in_traced_functions() -> None:
    @tj.function
    def inner(x: Any, n: int) -> Any:
        return x if n == 0 else inner(x * 2, n - 1)

    outer = tj.function(lambda x: inner(x, 3) + 1)
    assert outer(ones(1))[0] == 9
    assert inner(ones(1), 2)[0] == 4
    assert (outer.compilations, inner.compilations) == (1, 1)


@pytest.mark.parametrize("bad", [1, "f"])
def test_only_callables_can_be_traced(bad: Any) -> None:
    with pytest.raises(TypeError, match="not callable"):
        tj.function(bad)


def test_generators_and_coroutines_are_refused() -> None:
    def generator(x: Any) -> Any:
        yield x

    async def coroutine(x: Any) -> Any:
        return x

    for f in (generator, coroutine):
        with pytest.raises(tj.errors.UnsupportedError, match="no single result"):
            tj.function(f)


# Variables


def test_variables_are_read_and_written_in_program_order() -> None:
    v = tj.Variable(np.zeros(3), name="v")

    @tj.function
    def f(x: Any) -> Any:
        before = v * 1
        v.assign(v + x)
        middle = v * 1
        v.assign_add(x)
        return before, middle, v

    for k in range(3):
        before, middle, after = f(np.ones(3))
        assert (before[0], middle[0], after[0]) == (2 * k, 2 * k + 1, 2 * k + 2)
    assert v.numpy().tolist() == [6, 6, 6]
    v.assign(np.zeros(3))
    assert f(np.ones(3))[2][0] == 2
    assert f.compilations == 1


def test_variables_are_arguments_by_identity() -> None:
    v, w = tj.Variable(1.0), tj.Variable(5.0)

    @tj.function
    def f(v: Any, x: Any) -> Any:
        v.assign_add(x)
        return v * 2

    assert [f(v, 1.0), f(v, 1.0), f(w, 1.0)] == [4, 6, 12]
    assert (v.numpy(), w.numpy()) == (3, 6)
    assert f.compilations == 2


def test_variables_created_in_the_first_call_are_kept() -> None:
    class Model:
        def __init__(self) -> None:
            self.w: Any = None

        @tj.function
        def step(self, x: Any) -> Any:
            if self.w is None:
                self.w = tj.Variable(np.ones(2))
            self.w.assign_add(x)
            return self.w * 1

    model = Model()
    for k in range(1, 4):
        assert model.step(np.ones(2)).tolist() == [k + 1, k + 1]
    assert Model.step.compilations == 1


def test_a_variable_created_in_each_call_is_refused() -> None:
    @tj.function
    def f(x: Any) -> Any:
        v = tj.Variable(0.0)
        return v + x

    with pytest.raises(VariableError, match=r"(?s)each time it is traced.*cure.*test_function\.py"):
        f(ones(2))


def test_an_exception_leaves_everything_as_before() -> None:
    v = tj.Variable(np.zeros(2))
    fail = True

    class Mine(Exception):
        pass

    error = Mine("mine")

    @tj.function
    def f(x: Any) -> Any:
        v.assign_add(x)
        x += 1
        if fail:
            raise error
        return v * 1

    x = np.ones(2)
    with pytest.raises(Mine) as caught:
        f(x)
    assert caught.value is error
    assert v.numpy().tolist() == [0, 0] and x.tolist() == [1, 1]
    assert f.compilations == 0 and len(f.retraces()) == 0
    fail = False
    assert f(x).tolist() == [1, 1]
    assert (np.ones(1) + 1)[0] == 2 and tj.Variable(1.0).numpy() == 1  # no trace is current any more


def test_results_of_tensors_are_tensors() -> None:
    f = tj.function(lambda x, y: (x + y, x.shape[0]))
    out, n = f(tj.asarray(ones(3)), ones(3))
    assert isinstance(out, tj.Tensor) and n == 3
    assert isinstance(f(ones(3), ones(3))[0], np.ndarray)


# the input signature


def test_an_input_signature_makes_one_program_for_all_sizes() -> None:
    f = tj.function(input_signature=[tj.TensorSpec((None, 3), "float32"), tj.TensorSpec((), "float64")])(
        lambda x, s: (x * s).sum()
    )
    for n in (5, 1, 0, 7, 2):
        assert f(ones(n, 3), 2.0) == 6 * n
    assert f([[1, 2, 3]], 1) == 6
    assert f(np.ones((2, 3)), np.float64(1)) == 6
    assert f.compilations == 1
    assert "f32[n, 3]" in str(f.graph())


def test_an_input_signature_refuses_what_does_not_fit() -> None:
    f = tj.function(input_signature=[tj.TensorSpec((None, 3), "int32")])(lambda x: x + 1)
    with pytest.raises(ShapeError, match=r"(?s)x: i64\[2, 4\]\n  asked: i32\[any0, 3\]"):
        f(np.ones((2, 4), int))
    with pytest.raises(ShapeError, match="does not fit"):
        f(np.ones(3, np.int32))
    with pytest.raises(DTypeError, match="astype"):
        f(np.ones((2, 3)))
    with pytest.raises(ArgumentError, match="inhomogeneous"):
        f([[1, 2, 3], [4]])
    assert f(np.ones((2, 3), np.int64)).dtype == np.int32


def test_an_input_signature_may_be_of_trees_and_leave_the_object_of_a_method_out() -> None:
    class Model:
        @tj.function(input_signature=[{"x": tj.TensorSpec((None,), "float64")}])
        def step(self, batch: Any) -> Any:
            return batch["x"] + 1

    model = Model()
    assert model.step({"x": np.ones(2)}).tolist() == [2, 2]
    assert model.step({"x": [1.0]}).tolist() == [2]
    with pytest.raises(ArgumentError, match="the input signature asks for"):
        model.step({"y": np.ones(2)})
    assert Model.step.compilations == 1


def test_programs_can_be_made_ahead_of_calls() -> None:
    f = tj.function(lambda x, y: x * y)
    f.compile(tj.TensorSpec((None, 4), "float32"), tj.TensorSpec((4,), "float32"))
    assert f.compilations == 1
    assert f(ones(3, 4), ones(4)).shape == (3, 4)
    assert f.compilations == 1
    assert "x: f32[n, m], y: f32[m]" in str(f.graph())


# threads


def test_any_number_of_threads_may_call_one_function() -> None:
    traces = []

    @tj.function
    def f(x: Any, k: Any) -> Any:
        traces.append(threading.get_ident())
        return (x * k).sum()

    wrong: list[Any] = []
    start = threading.Barrier(8)

    def work(i: int) -> None:
        start.wait()
        for j in range(60):
            n, k = 2 + (i + j) % 5, float(i + j)
            if f(ones(n), k) != n * k:
                wrong.append((i, j))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(traces) == 1 and f.compilations == 1


# looking inside


def test_graph_schedule_source_and_retraces_print_and_export() -> None:
    f = tj.function(lambda x: tj.exp(x) * 2 + "<&>".count("&"), name="look")
    with pytest.raises(ValueError, match="no program yet"):
        f.graph()
    f(ones(3))
    f(ones(3, 3))
    for listing in (f.graph(), f.schedule(), f.source(), f.graph(tj.TensorSpec((None,), "float32")), f.source(ones(2))):
        assert str(listing) == repr(listing) and str(listing).strip()
        page = listing._repr_html_()
        assert "<span style=" in page and "<script" not in page
        assert json.loads(listing.json())["data"]
    assert f.compilations == 2
    assert "look" in str(f.graph()) and "exp" in str(f.graph())
    assert f.source().path.endswith(".py")
    records = f.retraces()
    assert records[0].reason == "first call" and "x: array float32[_], now array float32[_, _]" in records[1].reason
    assert str(records).startswith("look was traced 2 times") and "test_function.py" in str(records)
    assert "<table>" in records._repr_html_() and len(json.loads(records.json())["data"]) == 2


def test_debug_runs_the_generated_file_under_cpython() -> None:
    v = tj.Variable(np.ones(3))

    @tj.function
    def f(x: Any, s: Any) -> Any:
        v.assign_add(x * s)
        return {"out": v * 2}

    assert f.debug(np.ones(3), 2.0)["out"].tolist() == [6, 6, 6]
    assert v.numpy().tolist() == [3, 3, 3]
    assert f(np.ones(3), 2.0)["out"].tolist() == [10, 10, 10]
    assert f.compilations == 1


def test_the_debug_switch_prints_each_stage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for level in range(5):
        monkeypatch.setenv("TRACEJIT_DEBUG", str(level))
        tj.function(lambda x: x + 1, name="staged")(ones(3))
        texts.append(capsys.readouterr().err)
    assert texts[0] == ""
    assert "tracejit staged: signature: x: array float32[_]" in texts[1] and "def staged" not in texts[1]
    assert "def staged(x: f32[n])" in texts[2] and "simplify" in texts[2]
    assert len(texts[3]) > len(texts[2]) and "@program" in texts[4] and "@program" not in texts[3]


def test_the_graph_of_a_call_can_be_had_without_compiling() -> None:
    f = tj.function(lambda x, s: x * s)
    graph = f.trace(tj.TensorSpec((None, 3), "float32"), 2.0)
    assert [str(n.spec) for n in graph.inputs] == ["f32[n, m]", "f64[]"]
    assert f.compilations == 0


# effects


def test_what_a_function_puts_into_trees_among_its_arguments_is_put_there() -> None:
    def update(params: Any, step: Any, *more: Any) -> Any:
        params["w"] -= step
        params["l"][0] = params["l"][0] + step
        params["seen"].append(params["w"] * 1)
        params["nested"].w = step * 2
        params.setdefault("new", step + 1)
        more[0]["x"] = step
        return step

    def expected(params: Any, more: Any, k: int, w: np.ndarray) -> None:
        assert params["w"] is w and w[0] == 1 - k / 2 and params["l"][0][0] == k / 2
        assert [a[0] for a in params["seen"]] == [1 - j / 2 for j in range(1, k + 1)]
        assert params["nested"].w == 1 and list(params) == ["w", "l", "seen", "nested", "new"] and params["new"] == 1.5
        assert more == {"x": 0.5}

    for call in (update, tj.function(update), tj.function(update).debug):
        w, seen, more = np.ones(3), [], {"x": 0}
        nested = Layer(0.0)
        params = {"w": w, "l": [np.zeros(2)], "seen": seen, "nested": nested}
        for k in (1, 2, 3):
            assert call(params, 0.5, more) == 0.5
            expected(params, more, k, w)
        assert params["seen"] is seen and params["nested"] is nested


def test_training_code_that_replaces_entries_of_a_dict_is_compiled_once() -> None:
    @tj.function
    def step(params: Any, x: Any, lr: Any) -> Any:
        for key in params:
            params[key] = params[key] - lr * x
        return params["a"].sum()

    params = {"b": np.ones(2), "a": np.zeros(2)}
    losses = [step(params, np.ones(2), 0.5) for _ in range(4)]
    assert losses == [-1, -2, -3, -4] and params["b"].tolist() == [-1, -1] and list(params) == ["b", "a"]
    assert step.compilations == 1


def test_a_traced_value_kept_in_what_the_function_reads_is_refused() -> None:
    class Model:
        def __init__(self) -> None:
            self.w: Any = np.ones(2)

        @tj.function
        def step(self, x: Any) -> Any:
            self.w = self.w - x
            return self.w * 1

    with pytest.raises(LeakedTracerError, match=r"self\.w: step reads it(?s:.*)Variable"):
        Model().step(np.ones(2))


def test_what_the_function_itself_changes_is_noted() -> None:
    count = 0

    def f(x: Any) -> Any:
        nonlocal count
        count += 1
        return x + 1

    function = tj.function(f)
    function(ones(2))
    (note,) = function.retraces()[0].notes
    assert note == "count was changed by the function itself, which happens when it is traced and never again"


def test_tapes_see_into_traced_functions() -> None:
    v = tj.Variable(3.0)

    @tj.function
    def f(x: Any) -> Any:
        return x * v * v

    with tj.GradientTape() as tape:
        y = f(tj.asarray(2.0))
    assert tape.gradient(y, v) == 12
    assert tj.grad(f)(2.0) == 9

    @tj.function
    def step(x: Any) -> Any:
        with tj.GradientTape() as tape:
            y = f(x)
        return tape.gradient(y, v)

    assert step(2.0) == 12


@dataclass
class Scaled:
    """Would be a tree, were it not the object of the method."""

    factor: float

    @tj.function
    def of(self, x):
        return x * self.factor


def test_a_subclass_may_change_what_a_call_does() -> None:
    class Doubled(type(tj.function(ones))):  # type: ignore[misc]
        def __call__(self, x: Any) -> Any:
            return 2 * super().__call__(x)

    f = Doubled(lambda x: x + 1)
    assert [f(ones(1))[0] for _ in range(4)] == [4.0] * 4


@pytest.mark.parametrize("count", [999, 1001, 12_000])
def test_trees_and_captured_lists_may_be_long(count: int) -> None:
    numbers = [float(i) for i in range(count)]
    f = tj.function(lambda tree, x: x + len(tree) + numbers[-1])
    tree = [1.0] * count
    for _ in range(3):
        assert f(tree, ones(1))[0] == 2 * count
    numbers[-1] += 1
    assert f(tree, ones(1))[0] == 2 * count + 1


def test_memory_of_results_is_kept_for_the_last_sizes_only() -> None:
    f = tj.function(lambda x: x + 1)
    for n in range(10_000, 10_020):
        f(ones(n))
    bindings = f.programs.entries[0].executable.bound.bindings
    assert len(bindings) == 20 and sum(len(output.pool.spares) for b in bindings for output in b.outputs) == 1


def test_a_method_is_one_program_however_it_is_called() -> None:
    scaled, x = Scaled(2.0), np.ones(3)
    bound = scaled.of
    calls = (lambda: scaled.of(x), lambda: Scaled.of(scaled, x), lambda: bound(x))
    for call in calls * 3:
        assert call().tolist() == [2.0] * 3
    assert Scaled.of.compilations == 1
    scaled.factor = 3.0
    assert [call().tolist() for call in calls] == [[3.0] * 3] * 3
    assert Scaled.of.compilations == 2


@pytest.mark.parametrize("guard", ["native", "python"])
def test_other_threads_run_during_long_programs_and_not_during_short_ones(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEJIT_GUARD", guard)
    f = tj.function(lambda x: tj.exp(x))
    modes = {}
    for n in (10, 2_000_000):
        f(ones(n))
        modes[n] = f.programs.entries[0].executable.bound.bindings[0].mode
    assert modes == {10: CLOSED, 2_000_000: OPEN}
    x, seen, stop = ones(2_000_000), 0, threading.Event()

    def count() -> None:
        nonlocal seen
        while not stop.is_set():
            seen += 1
            time.sleep(0.0001)

    switch = sys.getswitchinterval()
    sys.setswitchinterval(100.0)  # nobody takes the lock from a thread; it must give it up
    counter = threading.Thread(target=count)
    try:
        counter.start()
        before = seen
        for _ in range(100):
            f(x)
            if seen > before:
                break
        assert seen > before
    finally:
        stop.set()
        sys.setswitchinterval(switch)
        counter.join()


def test_both_guards_give_the_same_whatever_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    rate, w = {"k": 2.0, "l": [1, 2]}, tj.Variable(ones(3))

    def total(tree: Any) -> Any:
        if isinstance(tree, dict | list | tuple):
            return sum((total(x) for x in (tree.values() if isinstance(tree, dict) else tree)), 0.0)
        return (tree * 1.0).sum() if hasattr(tree, "shape") else tree * 1.0 if isinstance(tree, int | float) else 0.0

    def body(x: Any, *rest: Any, flag: Any = None, **more: Any) -> Any:
        w.assign(w * 1.0)
        return {"r": total(x) * rate["k"] + len(rate["l"]), "rest": [total(y) for y in rest], "m": (total(more), flag, x)}

    a, b = np.arange(6.0).reshape(2, 3), ones(3)
    calls: list[tuple[Any, ...]] = [(x,) for x in (a, a.T, a[::-1], a.astype(">f8"), a.view(Sub), b, ones(0), ones(1), ones())]
    calls += [(1, 2.5), (-0.0, True), (np.float32(2), np.int8(3)), (1j,), (None, "relu"), (tj.asarray(b),), (w, w)]
    calls += [([a, (b, 1.0)], {}), ({"x": a, "y": [b]}, ()), (collections.OrderedDict(a=a), Params(a, b)), (Mode.FAST, 2**70)]
    named: list[dict[str, Any]] = [{}, {"flag": "tanh"}, {"flag": 1, "u": a}, {"v": b, "u": [a, 1]}]

    def outcome(guard: str, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        monkeypatch.setenv("TRACEJIT_GUARD", guard)
        try:
            return repr(f(*args, **kwargs))
        except Exception as error:
            return f"{type(error).__name__}: {error}".split("\n")[0]

    functions = [("native", tj.function(body)), ("python", tj.function(body))]
    for i in (*range(26), *range(26)):
        args, kwargs = calls[i % len(calls)], named[i % 3 + i // len(calls)]
        rate["k"] = 3.0 if i == 7 else 2.0
        found = [outcome(guard, f, args, kwargs) for guard, f in functions]
        assert found[0] == found[1]
    native, python = (f for _, f in functions)
    assert native.compilations == python.compilations and native.vectorcall and not python.vectorcall
