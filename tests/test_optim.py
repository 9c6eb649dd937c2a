"""Optimizers against their frameworks' documented formulas; their Variables; steps that are one program; schedules."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import tracejit as tj
from tracejit import optim
from tracejit.errors import ArgumentError, DTypeError, GradientError, ShapeError
from tracejit.frontend.tree import map_tree

GOLDEN = Path(__file__).parent / "golden" / "adam_step.py"

# -- the documented formulas, written down again ---------------------------------------------------------------------
# Each takes parameter, gradient, memory, number of the update from 1, rate and options, and gives the new parameter. Memory is
# a dict that starts empty.


def keras_sgd(w, g, s, t, lr, momentum=0.0, nesterov=False):
    if not momentum:
        return w - lr * g
    s["v"] = momentum * s.get("v", 0) - lr * g
    return w + momentum * s["v"] - lr * g if nesterov else w + s["v"]


def torch_sgd(w, g, s, t, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    g = g + weight_decay * w
    if momentum:
        s["b"] = momentum * s["b"] + g if t > 1 else g
        g = g + momentum * s["b"] if nesterov else s["b"]
    return w - lr * g


def keras_adagrad(w, g, s, t, lr, epsilon=1e-7, initial_accumulator=0.1):
    s["a"] = s.get("a", initial_accumulator) + g**2
    return w - lr * g / np.sqrt(s["a"] + epsilon)


def torch_adagrad(w, g, s, t, lr, epsilon=1e-10, initial_accumulator=0.0, weight_decay=0.0):
    g = g + weight_decay * w
    s["a"] = s.get("a", initial_accumulator) + g**2
    return w - lr * g / (np.sqrt(s["a"]) + epsilon)


def keras_rmsprop(w, g, s, t, lr, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False, initial_mean_square=0.0):
    s["v"] = rho * s.get("v", initial_mean_square) + (1 - rho) * g**2
    spread = s["v"]
    if centered:
        s["m"] = rho * s.get("m", 0) + (1 - rho) * g
        spread = spread - s["m"] ** 2
    step = lr * g / np.sqrt(spread + epsilon)
    if momentum:
        s["b"] = momentum * s.get("b", 0) + step
        return w - s["b"]
    return w - step


def torch_rmsprop(w, g, s, t, lr, rho=0.99, momentum=0.0, epsilon=1e-8, centered=False, weight_decay=0.0):
    g = g + weight_decay * w
    s["v"] = rho * s.get("v", 0) + (1 - rho) * g**2
    spread = s["v"]
    if centered:
        s["m"] = s.get("m", 0) * rho + (1 - rho) * g
        spread = spread - s["m"] ** 2
    step = g / (np.sqrt(spread) + epsilon)
    if momentum:
        step = s["b"] = momentum * s.get("b", 0) + step
    return w - lr * step


def keras_adam(w, g, s, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    s["m"] = s.get("m", 0) + (g - s.get("m", 0)) * (1 - beta_1)
    s["v"] = s.get("v", 0) + (g**2 - s.get("v", 0)) * (1 - beta_2)
    alpha = lr * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    return w - s["m"] * alpha / (np.sqrt(s["v"]) + epsilon)


def torch_adam(w, g, s, t, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-8, weight_decay=0.0):
    g = g + weight_decay * w
    s["m"] = beta_1 * s.get("m", 0) + (1 - beta_1) * g
    s["v"] = beta_2 * s.get("v", 0) + (1 - beta_2) * g**2
    m_hat, v_hat = s["m"] / (1 - beta_1**t), s["v"] / (1 - beta_2**t)
    return w - lr * m_hat / (np.sqrt(v_hat) + epsilon)


def keras_adamw(w, g, s, t, lr, weight_decay=0.004, **options):
    return keras_adam(w - w * weight_decay * lr, g, s, t, lr, **options)


def torch_adamw(w, g, s, t, lr, weight_decay=0.01, **options):
    return torch_adam(w - lr * weight_decay * w, g, s, t, lr, **options)


TENSORFLOW, TORCH = {"style": "tensorflow"}, {"style": "torch"}
RULES = {
    "sgd": (optim.SGD, keras_sgd, {}, TENSORFLOW),
    "sgd momentum": (optim.SGD, keras_sgd, {"momentum": 0.9}, TENSORFLOW),
    "sgd nesterov": (optim.SGD, keras_sgd, {"momentum": 0.9, "nesterov": True}, TENSORFLOW),
    "torch sgd": (optim.SGD, torch_sgd, {"weight_decay": 0.1}, TORCH),
    "torch sgd momentum": (optim.SGD, torch_sgd, {"momentum": 0.8}, TORCH),
    "torch sgd nesterov": (optim.SGD, torch_sgd, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01}, TORCH),
    "adagrad": (optim.Adagrad, keras_adagrad, {}, TENSORFLOW),
    "adagrad from 1": (optim.Adagrad, keras_adagrad, {"initial_accumulator": 1.0, "epsilon": 0.0}, TENSORFLOW),
    "torch adagrad": (optim.Adagrad, torch_adagrad, {"weight_decay": 0.1}, TORCH),
    "rmsprop": (optim.RMSProp, keras_rmsprop, {}, TENSORFLOW),
    "rmsprop from 1": (optim.RMSProp, keras_rmsprop, {"initial_mean_square": 1.0, "epsilon": 1e-10}, TENSORFLOW),
    "rmsprop momentum": (optim.RMSProp, keras_rmsprop, {"momentum": 0.9, "rho": 0.8}, TENSORFLOW),
    "rmsprop centered": (optim.RMSProp, keras_rmsprop, {"centered": True, "epsilon": 1e-3}, TENSORFLOW),
    "rmsprop both": (optim.RMSProp, keras_rmsprop, {"centered": True, "momentum": 0.5, "epsilon": 1e-3}, TENSORFLOW),
    "torch rmsprop": (optim.RMSProp, torch_rmsprop, {"weight_decay": 0.1}, TORCH),
    "torch rmsprop momentum": (optim.RMSProp, torch_rmsprop, {"momentum": 0.9}, TORCH),
    "torch rmsprop both": (optim.RMSProp, torch_rmsprop, {"centered": True, "momentum": 0.9, "rho": 0.9}, TORCH),
    "adam": (optim.Adam, keras_adam, {}, TENSORFLOW),
    "adam options": (optim.Adam, keras_adam, {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 0.1}, TENSORFLOW),
    "torch adam": (optim.Adam, torch_adam, {}, TORCH),
    "torch adam options": (optim.Adam, torch_adam, {"beta_1": 0.7, "epsilon": 0.1, "weight_decay": 0.1}, TORCH),
    "adamw": (optim.AdamW, keras_adamw, {}, TENSORFLOW),
    "torch adamw": (optim.AdamW, torch_adamw, {}, TORCH),
    "torch adamw options": (optim.AdamW, torch_adamw, {"weight_decay": 0.3}, TORCH),
}
each_rule = pytest.mark.parametrize(("kind", "formula", "options", "style"), RULES.values(), ids=RULES)

STEPS = 6
rng = np.random.default_rng(0)
START = {"w": rng.normal(size=(3, 4)), "b": rng.normal(size=4), "c": np.array(1.5)}
GRADS = [{k: rng.normal(size=v.shape) * 10.0 ** rng.integers(-3, 2) for k, v in START.items()} for _ in range(STEPS)]
RATES = [0.1, 0.1, 0.1, 0.02, 0.02, 0.3]


def expected(formula, options):
    """Parameters after each step, by the formula."""
    params, memory, out = dict(START), {k: {} for k in START}, []
    for t, (grads, rate) in enumerate(zip(GRADS, RATES, strict=True), 1):
        params = {k: formula(params[k], grads[k], memory[k], t, rate, **options) for k in params}
        out.append(params)
    return out


def assert_close(ours, theirs, rtol=1e-13):
    map_tree(lambda a, b: np.testing.assert_allclose(np.asarray(a), b, rtol=rtol, atol=rtol), ours, theirs)


@each_rule
def test_functions_of_trees_follow_the_formula(kind, formula, options, style):
    optimizer = kind(**options, **style)
    params, state = START, optimizer.init(START)
    for step, want in enumerate(expected(formula, options)):
        optimizer.learning_rate = RATES[step]
        params, state = optimizer.update(GRADS[step], state, params, step)
        assert_close(params, want)
        assert all(type(x) in (np.ndarray, np.float64) and x.dtype == np.float64 for x in params.values())
    assert optimizer.step.numpy() == 0 and len(optimizer.variables()) == 1  # nothing is kept


@each_rule
def test_variables_follow_the_formula_eagerly(kind, formula, options, style):
    optimizer = kind(**options, **style)
    variables = {k: tj.Variable(v, name=k) for k, v in START.items()}
    for step, want in enumerate(expected(formula, options)):
        optimizer.learning_rate = RATES[step]
        optimizer.apply(GRADS[step], variables)
        assert_close({k: v.numpy() for k, v in variables.items()}, want)
        assert optimizer.step.numpy() == step + 1


PROGRAMS = ["sgd nesterov", "torch sgd momentum", "adagrad", "rmsprop both", "torch rmsprop both", "adam", "torch adam", "adamw"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_step_is_one_program_whatever_the_rate(name):
    kind, formula, options, style = RULES[name]
    optimizer = kind(**options, **style)
    variables = {k: tj.Variable(v, name=k) for k, v in START.items()}

    @tj.function
    def step(grads):
        optimizer.apply(grads, variables)

    for i, want in enumerate(expected(formula, options)):
        optimizer.learning_rate = RATES[i]
        (step.debug if i == 4 else step)(GRADS[i])
        assert_close({k: v.numpy() for k, v in variables.items()}, want, 1e-12)
    assert step.compilations == 1 and optimizer.step.numpy() == STEPS


# -- single steps in closed form -------------------------------------------------------------------------------------


def one_step(optimizer, w, g):
    v = tj.Variable(np.array(w))
    optimizer.apply(np.array(g), v)
    return v.numpy()


def test_the_first_step_of_each_rule():
    w, g = np.array([1.0, -2.0]), np.array([0.5, -4.0])
    np.testing.assert_allclose(one_step(optim.SGD(0.1), w, g), [0.95, -1.6])
    np.testing.assert_allclose(one_step(optim.SGD(0.1, 0.9), w, g), [0.95, -1.6])
    np.testing.assert_allclose(one_step(optim.SGD(0.1, 0.9, nesterov=True), w, g), w - 0.1 * 1.9 * g)
    for style in ("tensorflow", "torch"):  # the corrected moments are g and g**2
        np.testing.assert_allclose(one_step(optim.Adam(0.1, style=style), w, g), [0.9, -1.9], rtol=1e-6)
        np.testing.assert_allclose(
            one_step(optim.AdamW(0.1, style=style, weight_decay=0.5), w, g), 0.95 * w - [0.1, -0.1], rtol=1e-6
        )
    np.testing.assert_allclose(one_step(optim.Adagrad(0.1, style="torch"), w, g), [0.9, -1.9])
    np.testing.assert_allclose(one_step(optim.RMSProp(0.1, style="torch"), w, g), [0.0, -1.0], atol=1e-6)
    np.testing.assert_allclose(
        one_step(optim.RMSProp(0.1, style="torch", centered=True, epsilon=0.0), w, g), w - np.sign(g) / np.sqrt(0.99)
    )


def test_epsilon_is_where_each_framework_has_it():
    tensorflow = one_step(optim.Adam(1.0, epsilon=1.0), 0.0, 2.0)
    root = np.sqrt(0.001) * 2
    np.testing.assert_allclose(tensorflow, -np.sqrt(0.001) / 0.1 * 0.2 / (root + 1.0))
    np.testing.assert_allclose(one_step(optim.Adam(1.0, epsilon=1.0, style="torch"), 0.0, 2.0), -2.0 / (2.0 + 1.0))


def test_momentum_differs_between_styles_only_when_the_rate_changes():
    def run(style, rates):
        v, optimizer = tj.Variable(np.array(1.0)), optim.SGD(0.1, 0.9, style=style)
        for rate in rates:
            optimizer.learning_rate = rate
            optimizer.apply(np.array(2.0), v)
        return v.item()

    assert run("tensorflow", [0.1] * 4) == pytest.approx(run("torch", [0.1] * 4), rel=1e-14)
    assert run("tensorflow", [0.1, 0.01]) != pytest.approx(run("torch", [0.1, 0.01]), rel=1e-3)


# -- programs --------------------------------------------------------------------------------------------------------


def regression(optimizer, dtype=np.float32):
    w, b = tj.Variable(np.zeros((5, 2), dtype), name="w"), tj.Variable(np.zeros(2, dtype), name="b")

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            loss = np.mean((x @ w + b - y) ** 2)
        optimizer.apply(tape.gradient(loss, [w, b]), [w, b])
        return loss

    return step, w, b


def data(rows=64, dtype=np.float32):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 5)).astype(dtype)
    return x, (x @ rng.normal(size=(5, 2)) + 0.5).astype(dtype)


def test_the_whole_training_step_is_one_program():
    optimizer = optim.Adam(0.05)
    step, w, b = regression(optimizer)
    x, y = data()
    for i in range(300):
        loss = step(x[: 20 + i % 30], y[: 20 + i % 30])
    optimizer.learning_rate = 0.001
    step(x, y)
    assert loss < 1e-6 and step.compilations == 1
    assert [v.name for v in optimizer.variables()] == ["adam/step", "w/m", "w/v", "b/m", "b/v"]
    assert all(v.dtype == np.float32 for v in optimizer.variables()[1:])
    assert w.dtype == np.float32 and np.allclose(b.numpy(), 0.5, atol=1e-3)


def test_the_update_of_a_variable_and_its_slots_is_one_loop_in_place(request):
    optimizer = optim.Adam(0.05)
    step, _, _ = regression(optimizer)
    step.compile(*data())
    text = str(step.source())
    (region,) = (r for r in text.split("\n\n\n") if r.startswith("@region") and "sqrt(" in r.split("for i in")[-1])
    name = re.search(r"def (\w+)", region).group(1)
    assert re.search(rf"parallel_for_each\({name}, table, \d+, 2, ", text)  # w and b at once, since their rule is the same
    update = re.sub(r"  # .*", "", region.strip()).replace(name, "update") + "\n"
    assert len(re.findall(r"^        x\d+\[i\] = ", update, re.M)) == 3  # the weight and both slots, where they lie
    assert " f64" not in update.split("for i in")[1]
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(update)
    assert update == GOLDEN.read_text(), "read the difference, then run pytest --update-golden"


def test_float32_is_updated_as_float32():
    for optimizer in (optim.SGD(0.1, 0.9), optim.Adagrad(0.1), optim.RMSProp(0.1, centered=True), optim.AdamW(0.1)):
        v = tj.Variable(np.ones(3, np.float32))
        optimizer.apply(np.full(3, 0.25), v)  # a float64 gradient is brought to the dtype of its Variable
        assert {x.dtype for x in [v, *optimizer.variables()[1:]]} == {np.dtype(np.float32)}
        params, state = optimizer.update(
            np.ones(3, np.float32), optimizer.init(np.ones(3, np.float32)), np.ones(3, np.float32), 0
        )
        assert params.dtype == np.float32 and all(s.dtype == np.float32 for s in state.values())


@pytest.mark.parametrize("name", ["sgd nesterov", "adagrad", "rmsprop momentum", "adam", "torch adam", "adamw"])
def test_float32_follows_the_formula_to_its_rounding(name):
    kind, formula, options, style = RULES[name]
    optimizer = kind(**options, **style)
    w = tj.Variable(START["w"].astype(np.float32))
    for i, want in enumerate(expected(formula, options)):
        optimizer.learning_rate = RATES[i]
        optimizer.apply(GRADS[i]["w"].astype(np.float32), w)
        np.testing.assert_allclose(w.numpy(), want["w"], rtol=3e-6, atol=3e-6)


def test_the_slots_that_the_first_update_makes_cost_no_second_trace():
    w, optimizer, runs = tj.Variable(np.ones(3)), optim.Adam(0.1), itertools.count()

    @tj.function
    def step(x):
        next(runs)
        with tj.GradientTape() as tape:
            loss = (w * x).sum()
        optimizer.apply(tape.gradient(loss, [w]), [w])
        return loss

    step(np.ones(3))
    assert next(runs) == 1


def test_functions_of_trees_are_traced_with_the_step_and_the_rate_as_numbers():
    optimizer = optim.Adam(0.1)

    @tj.function
    def step(grads, state, params, count):
        return optimizer.update(grads, state, params, count)

    arrays = ("w", "b")
    params = {k: START[k] for k in arrays}
    state = optimizer.init(params)
    for i, want in enumerate(expected(keras_adam, {})):
        optimizer.learning_rate = RATES[i]
        params, state = step({k: GRADS[i][k] for k in arrays}, state, params, i)
        assert_close(params, {k: want[k] for k in arrays}, 1e-12)
    assert step.compilations == 1


def test_a_rate_may_be_a_variable_or_a_number_of_the_program():
    rate = tj.Variable(np.float32(0.1), name="rate", trainable=False)
    optimizer = optim.SGD(rate)
    step, w, _ = regression(optimizer)
    x, y = data()
    step(x, y)
    before = w.numpy()
    rate.assign(0.0)
    step(x, y)
    np.testing.assert_array_equal(w.numpy(), before)
    assert optimizer.learning_rate is rate and step.compilations == 1
    optimizer.learning_rate = 0.5
    assert rate.item() == 0.5


def test_a_rate_that_a_program_sets_is_the_optimizers():
    optimizer, v = optim.SGD(0.5), tj.Variable(1.0)

    @tj.function
    def step(rate):
        optimizer.learning_rate = rate
        optimizer.apply([1.0 * optimizer.learning_rate], [v])

    step(0.25)
    assert v.item() == 1 - 0.25 * 0.25 and optimizer.learning_rate == 0.25
    step(0.5)
    assert optimizer.learning_rate == 0.5 and step.compilations == 1


# -- what is kept ----------------------------------------------------------------------------------------------------


def test_state_moves_to_another_optimizer_through_its_variables():
    def fresh():
        return optim.Adam(0.1), [tj.Variable(START["w"], name="w"), tj.Variable(START["b"], name="b")]

    (first, a), (second, b) = fresh(), fresh()
    grads = [[g["w"], g["b"]] for g in GRADS]
    for g in grads[:3]:
        first.apply(g, a)
    second.build(b)
    assert [v.name for v in second.variables()] == [v.name for v in first.variables()]
    for source, target in zip([*a, *first.variables()], [*b, *second.variables()], strict=True):
        target.assign(source)
    for g in grads[3:]:
        first.apply(g, a)
        second.apply(g, b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x.numpy(), y.numpy())


def test_slots_made_ahead_are_the_ones_that_are_used():
    optimizer, v = optim.RMSProp(momentum=0.9, centered=True), tj.Variable(np.ones(2), name="v")
    optimizer.build([v])
    optimizer.build([v])
    before = optimizer.variables()
    assert [x.name for x in before] == ["rmsprop/step", "v/mean_square", "v/mean_gradient", "v/momentum"]
    assert not any(x.trainable for x in before)
    optimizer.apply([np.ones(2)], [v])
    assert all(x is y for x, y in zip(before, optimizer.variables(), strict=True))


def test_what_has_no_gradient_stays_as_it_is():
    optimizer, a, b = optim.Adam(0.1), tj.Variable(np.ones(2), name="a"), tj.Variable(np.ones(2), name="b")
    optimizer.apply([np.ones(2), None], [a, b])
    assert (b.numpy() == 1).all() and (a.numpy() < 1).all()
    assert [v.name for v in optimizer.variables()] == ["adam/step", "a/m", "a/v"]
    params = {"a": np.ones(2), "b": np.ones(2)}
    new, state = optimizer.update({"a": np.ones(2), "b": None}, optimizer.init(params), params, 0)
    assert (new["b"] == 1).all() and (state["m"]["b"] == 0).all() and (state["m"]["a"] > 0).all()


def test_an_update_that_fails_changes_nothing():
    optimizer, a, b = optim.SGD(0.1, 0.9), tj.Variable(np.ones(2), name="a"), tj.Variable(np.ones(3), name="b")
    with pytest.raises(ShapeError):
        optimizer.apply([np.ones(2), np.ones(2)], [a, b])
    assert (a.numpy() == 1).all() and optimizer.step.numpy() == 0 and len(optimizer.variables()) == 1


def test_it_prints_what_it_is():
    assert repr(optim.SGD(0.1)) == "SGD(learning_rate=0.1, style='tensorflow', step=0)"


# -- schedules -------------------------------------------------------------------------------------------------------

SCHEDULES = {
    "constant": (optim.constant(0.5), lambda s: 0.5),
    "exponential": (optim.exponential_decay(0.5, 10, 0.9), lambda s: 0.5 * 0.9 ** (s / 10)),
    "exponential stairs": (optim.exponential_decay(0.5, 10, 0.9, staircase=True), lambda s: 0.5 * 0.9 ** (s // 10)),
    "inverse time": (optim.inverse_time(0.5, 10, 2.0), lambda s: 0.5 / (1 + 2.0 * s / 10)),
    "inverse time stairs": (optim.inverse_time(0.5, 10, 2.0, staircase=True), lambda s: 0.5 / (1 + 2.0 * (s // 10))),
    "cosine": (optim.cosine(0.5, 20), lambda s: 0.25 * (1 + np.cos(np.pi * min(s, 20) / 20))),
    "cosine to a rest": (
        optim.cosine(0.5, 20, alpha=0.1),
        lambda s: 0.5 * (0.9 * 0.5 * (1 + np.cos(np.pi * min(s, 20) / 20)) + 0.1),
    ),
    "piecewise": (optim.piecewise([3, 10], [1.0, 0.5, 0.1]), lambda s: 1.0 if s <= 3 else 0.5 if s <= 10 else 0.1),
    "one's own": (lambda step: 1.0 / (step + 1), lambda s: 1 / (s + 1)),
}


@pytest.mark.parametrize(("schedule", "formula"), SCHEDULES.values(), ids=SCHEDULES)
def test_a_schedule_follows_its_formula_and_needs_no_new_program(schedule, formula):
    eager, program = optim.SGD(schedule), optim.SGD(schedule)
    v, w = tj.Variable(0.0), tj.Variable(0.0)
    step = tj.function(lambda: program.apply(1.0, w))
    total = 0.0
    for s in range(25):
        total -= formula(s)
        eager.apply(1.0, v)
        step()
        np.testing.assert_allclose(schedule(s), formula(s), rtol=1e-12, atol=1e-17)
        np.testing.assert_allclose([v.item(), w.item()], total, rtol=1e-12)
    assert step.compilations == 1


def test_a_schedule_that_reads_a_global_is_traced_again_when_that_changes():
    factors = {"base": 0.5}
    optimizer, v = optim.SGD(lambda step: factors["base"]), tj.Variable(1.0)
    step = tj.function(lambda: optimizer.apply(1.0, v))
    step()
    factors["base"] = 0.25
    step()
    assert v.item() == 0.25 and step.compilations == 2


# -- mistakes --------------------------------------------------------------------------------------------------------


def variable(value=(1.0, 2.0), name="w"):
    return tj.Variable(np.array(value), name=name)


def twice():
    v = variable()
    optim.SGD().apply([np.ones(2)] * 2, [v, v])


def scheduled():
    optim.SGD(optim.constant(0.1)).learning_rate = 0.5


MISTAKES = {
    "no gradients": (
        lambda: optim.SGD().apply([None, None], [variable(), variable(name="b")]),
        GradientError,
        "sgd: none of Variable w, Variable b has a gradient",
    ),
    "nothing": (lambda: optim.SGD().apply([], []), GradientError, "none of no parameters has a gradient"),
    "structure": (
        lambda: optim.Adam().apply([np.ones(2)], {"w": variable()}),
        ArgumentError,
        r"adam: grads is list\(\*\), and the parameters are dict\(\['w'\]=\*\); they must be alike",
    ),
    "state": (
        lambda: optim.Adam().update(np.ones(2), {"m": np.ones(2)}, np.ones(2), 0),
        ArgumentError,
        "the state lacks v; init makes it",
    ),
    "integers": (
        lambda: optim.SGD().apply(np.ones(2), variable([1, 2])),
        DTypeError,
        "sgd: Variable w is int64; an optimizer updates floats",
    ),
    "complex": (lambda: optim.SGD().apply(np.ones(2), variable([1j, 2])), DTypeError, "an optimizer updates floats"),
    "a complex gradient": (
        lambda: optim.SGD().apply(np.ones(2) * 1j, variable()),
        DTypeError,
        "the gradient of Variable w is complex128; it must be a float",
    ),
    "no Variable": (lambda: optim.SGD().apply([np.ones(2)], [np.ones(2)]), ArgumentError, "got a ndarray among the variables"),
    "a Variable twice": (twice, ArgumentError, "a Variable is given twice"),
    "shape": (
        lambda: optim.SGD().apply(np.ones(1), variable()),
        ShapeError,
        r"the gradient of Variable w has the shape \(1,\), and Variable w is \(2,\); they must be equal",
    ),
    "shape in a tree": (
        lambda: optim.SGD().update({"a": np.ones(1)}, {}, {"a": np.ones(2)}, 0),
        ShapeError,
        r"the gradient of params\['a'\] has the shape",
    ),
    "style": (lambda: optim.SGD(style="jax"), ArgumentError, "sgd: style is 'jax'"),
    "rate": (lambda: optim.SGD("fast"), ArgumentError, "sgd: learning_rate is 'fast'; it must be a number"),
    "a rate beside a schedule": (scheduled, ArgumentError, "the learning rate is a schedule"),
    "pieces": (lambda: optim.piecewise([5, 2], [1, 2, 3]), ArgumentError, "boundaries rise, and there is one more value"),
}


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_mistake_in_a_traced_function_names_the_line():
    optimizer, v = optim.SGD(0.1), variable()
    step = tj.function(lambda g: optimizer.apply(g, v))
    with pytest.raises(ShapeError, match=r"at test_optim.py:\d+: step = tj.function"):
        step(np.ones(3))
