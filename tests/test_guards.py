"""What a traced function reads beside its arguments: a change is another trace, never a wrong number."""

import functools
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracejit as tj

SCALE: Any = 2.0
W = np.array([1.0, 2.0, 3.0])
LAYERS: Any = []
CONFIG: Any = {}
UNRELATED: Any = 0


def ones() -> np.ndarray:
    return np.ones(3)


def helper(x: Any) -> Any:
    return x * SCALE


@pytest.fixture(autouse=True)
def _globals(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCALE", "W", "LAYERS", "CONFIG", "UNRELATED", "helper"):
        monkeypatch.setattr(f"{__name__}.{name}", globals()[name])


def set_global(name: str, value: Any) -> None:
    globals()[name] = value


@pytest.mark.parametrize("call", [lambda x: x * SCALE, lambda x: helper(x), lambda x: sum(y * SCALE for y in [x])])
def test_a_global_number_that_changes_is_another_trace(call: Callable[[Any], Any]) -> None:
    f = tj.function(call)
    assert f(ones())[0] == 2
    set_global("SCALE", 3.0)
    assert f(ones())[0] == 3
    set_global("SCALE", 2.0)
    assert f(ones())[0] == 2
    assert f.compilations == 2
    record = f.retraces()[1]
    assert record.reason == "SCALE was 2.0; now it is 3.0" and (record.old, record.new) == (2.0, 3.0)


@pytest.mark.parametrize(
    ("old", "new"), [(1, 1.0), (1, True), (0.0, -0.0), (1.0, np.float64(1.0)), ("a", "b"), (None, 1), ((1, 2), (1, 3))]
)
def test_equal_numbers_of_other_types_are_other_constants(old: Any, new: Any) -> None:
    f = tj.function(lambda x: x + (0 if SCALE is None else 1))
    set_global("SCALE", old)
    f(ones())
    set_global("SCALE", new)
    f(ones())
    assert f.compilations == 2


@pytest.mark.parametrize("value", [math.nan, 10**30, "text", (1, (2.0, "a")), np.float32(2), None, b"x"])
def test_equal_constants_are_no_reason(value: Any) -> None:
    f = tj.function(lambda x: (x, SCALE))
    set_global("SCALE", value)
    f(ones())
    copy = eval(repr(value), {"nan": float("nan"), "np": np}) if value == value else float("nan")
    set_global("SCALE", copy)
    f(ones())
    assert f.compilations == 1


def test_names_that_the_code_does_not_read_are_no_reason() -> None:
    f = tj.function(lambda x: x * SCALE)
    for i in range(3):
        set_global("UNRELATED", i)
        f(ones())
    assert f.compilations == 1


def test_the_content_of_a_captured_array_is_read_at_each_call() -> None:
    f = tj.function(lambda x: x * W)
    set_global("W", np.array([1.0, 2.0, 3.0]))
    assert f(ones()).tolist() == [1, 2, 3]
    W[1] = 7
    assert f(ones()).tolist() == [1, 7, 3]
    assert f.compilations == 1
    set_global("W", np.array([4.0, 5.0, 6.0]))
    assert f(ones()).tolist() == [4, 5, 6]
    assert f.compilations == 2


def test_captured_arrays_in_any_layout_are_read_at_each_call() -> None:
    base, big = np.arange(6.0), np.arange(3.0).astype(">f8")
    strided = base[::2]
    f = tj.function(lambda x: x * strided + big)
    assert f(ones()).tolist() == [0, 3, 6]
    base += 1
    assert f(ones()).tolist() == [1, 4, 7]
    big += 1
    assert f(ones()).tolist() == [2, 5, 8]
    assert f.compilations == 1


def test_closure_cells_are_guarded() -> None:
    scale = 2.0

    def change(value: float) -> None:
        nonlocal scale
        scale = value

    f = tj.function(lambda x: x * scale)
    assert f(ones())[0] == 2
    change(5.0)
    assert f(ones())[0] == 5
    assert f.compilations == 2


def test_functions_are_guarded_and_walked() -> None:
    f = tj.function(lambda x: helper(x))
    assert f(ones())[0] == 2
    set_global("helper", lambda x: x * 10)
    assert f(ones())[0] == 10
    assert f.compilations == 2


def test_lists_and_dicts_are_guarded_by_their_elements() -> None:
    f = tj.function(lambda x: x * CONFIG["scale"] + sum(LAYERS))
    set_global("CONFIG", {"scale": 2.0})
    set_global("LAYERS", [1, 2])
    assert f(ones())[0] == 5
    assert f(ones())[0] == 5
    CONFIG["scale"] = 3.0
    assert f(ones())[0] == 6
    LAYERS.append(1)
    assert f(ones())[0] == 7
    CONFIG["other"] = 1
    assert f(ones())[0] == 7
    assert f.compilations == 4


class Dense:
    bias = 0.5

    def __init__(self, w: Any) -> None:
        self.w = w
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        return self.apply(x) + self.bias

    def apply(self, x: Any) -> Any:
        return x * self.w * SCALE


def test_attributes_of_objects_are_guarded_as_far_as_the_code_names_them() -> None:
    layers = [Dense(1.0), Dense(2.0)]

    def net(x: Any) -> Any:
        for layer in layers:
            x = layer(x)
        return x

    f = tj.function(net)
    assert f(ones())[0] == 10.5
    layers[1].w = 3.0
    assert f(ones())[0] == 15.5
    layers[0].calls += 1
    assert f(ones())[0] == 15.5
    assert f.compilations == 2
    set_global("SCALE", 1.0)
    assert f(ones())[0] == 5.0
    layers[0].bias = 1.5  # an attribute of the object comes to hide the one of the class
    assert f(ones())[0] == 8.0
    layers.append(Dense(1.0))
    assert f(ones())[0] == 8.5
    assert f.compilations == 5


def test_attributes_of_a_methods_object_are_guarded() -> None:
    class Model:
        def __init__(self) -> None:
            self.rate = 2.0
            self.steps = 0

        @tj.function
        def step(self, x: Any) -> Any:
            return x * self.rate

    one, two = Model(), Model()
    two.rate = 3.0
    for _ in range(2):
        assert one.step(ones())[0] == 2
        assert two.step(ones())[0] == 3
    one.rate = 4.0
    one.steps += 1
    assert one.step(ones())[0] == 4
    assert Model.step.compilations == 3
    assert Model.step.retraces()[2].reason == "self.rate was 2.0; now it is 4.0"


def test_modules_of_the_user_are_guarded(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user_settings_module.py").write_text("rate = 2.0\nunused = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    import user_settings_module as settings

    f = tj.function(lambda x: x * settings.rate)
    assert f(ones())[0] == 2
    settings.unused = 2
    assert f(ones())[0] == 2
    settings.rate = 3.0
    assert f(ones())[0] == 3
    assert f.compilations == 2


def test_partials_and_callable_objects_are_guarded() -> None:
    dense = Dense(1.0)
    f = tj.function(functools.partial(lambda k, x: dense(x) * k, 2.0))
    assert f(ones())[0] == 5
    dense.w = 2.0
    assert f(ones())[0] == 9
    g = tj.function(dense)
    assert g(ones())[0] == 4.5
    dense.bias = 1.0
    assert g(ones())[0] == 5
    assert (f.compilations, g.compilations) == (2, 2)


def test_nested_traced_functions_are_walked() -> None:
    inner = tj.function(lambda x: x * SCALE)
    outer = tj.function(lambda x: inner(x) + 1)
    assert outer(ones())[0] == 3
    assert inner.compilations == 0
    set_global("SCALE", 5.0)
    assert outer(ones())[0] == 6


def test_static_arguments_that_are_functions_are_walked() -> None:
    f = tj.function(lambda g, x: g(x))
    assert f(helper, ones())[0] == 2
    set_global("SCALE", 3.0)
    assert f(helper, ones())[0] == 3


def test_a_name_that_goes_away_is_noticed() -> None:
    names: Any = types.SimpleNamespace(rate=2.0)
    f = tj.function(lambda x: x * getattr(names, "rate", 7.0))
    assert f(ones())[0] == 2
    del names.rate
    assert f(ones())[0] == 7


def test_effects_of_the_trace_itself_are_no_reason_to_trace_again() -> None:
    seen: list[int] = []
    count = 0

    def f(x: Any) -> Any:
        nonlocal count
        count += 1
        seen.append(1)
        return x + 1

    function = tj.function(f)
    for _ in range(3):
        function(ones())
    assert (count, seen, function.compilations) == (1, [1], 1)


def test_globals_with_names_that_the_way_in_uses_itself_are_read() -> None:
    names = ("out", "args", "v0", "call", "type", "MISS", "c0", "len")
    namespace: dict[str, Any] = {"tj": tj, **dict(zip(names, (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0), strict=True))}
    exec("f = tj.function(lambda x: x + out + args + v0 + call + type + MISS + c0 + len)", namespace)
    f = namespace["f"]
    assert f(ones())[0] == 37
    for name in names:
        namespace[name] += 1.0
        expected = 1 + sum(namespace[n] for n in names)
        assert f(ones())[0] == expected
        assert f(ones())[0] == expected
    assert f.compilations == 9


def test_static_arguments_that_are_objects_are_guarded_by_what_the_code_reads_of_them() -> None:
    f = tj.function(lambda layer, x: layer(x))
    layer = Dense(2.0)
    assert f(layer, ones())[0] == 4.5
    layer.w = 3.0
    layer.calls += 1
    assert f(layer, ones())[0] == 6.5
    assert f.compilations == 2
    assert f.retraces()[1].reason == "layer.w was 2.0; now it is 3.0"


RATE = 2.0


def scaled_loss(x: Any) -> Any:
    return (x * x).sum() * RATE


def test_what_a_differentiated_function_reads_is_guarded_through_grad(monkeypatch: pytest.MonkeyPatch) -> None:
    f = tj.function(tj.grad(scaled_loss))
    assert f(np.ones(2)).tolist() == [4, 4]
    monkeypatch.setitem(globals(), "RATE", 5.0)
    assert f(np.ones(2)).tolist() == [10, 10] and f.compilations == 2


@pytest.mark.filterwarnings("ignore:Setting the:DeprecationWarning")  # newer NumPys discourage it
def test_a_captured_array_whose_shape_or_dtype_is_assigned_is_another_trace() -> None:
    held = np.arange(6.0)
    f = tj.function(lambda x: x + held)
    assert f(1.0).shape == (6,)
    held.shape = (2, 3)
    assert f(1.0).shape == (2, 3)
    held.dtype = np.dtype(np.int64)
    assert f(1).dtype == np.int64
    held.resize((4, 3), refcheck=False)
    assert f(1).shape == (4, 3)


def test_arrays_of_outside_are_written_to_wherever_they_are_held() -> None:
    total, parts = np.zeros(3), {"a": [np.zeros(3)]}

    @tj.function
    def f(x: Any) -> None:
        np.add(total, x, out=total)
        np.add(x, parts["a"][0], out=parts["a"][0])
        np.add.at(total, np.array([0, 0]), x[:2])

    for _ in range(2):
        f(ones())
    assert total.tolist() == [6, 2, 2]
    assert parts["a"][0].tolist() == [2, 2, 2]


TABLE = np.arange(3.0)


def reads_elements(x: Any) -> Any:
    return x + TABLE.sum() + TABLE[0]


def test_an_array_that_python_read_while_tracing_is_guarded_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "TABLE", np.arange(3.0))
    f = tj.function(reads_elements)
    assert f(np.zeros(1)).tolist() == [3] and f(np.ones(1)).tolist() == [4] and f.compilations == 1
    TABLE[0] = 100
    assert f(np.zeros(1)).tolist() == [203] and f.compilations == 2
