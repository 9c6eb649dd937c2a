"""Functions on a device from the user's side, on the emulated one: the same results as on the CPU, and every copy counted."""

import json
import threading

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import ArgumentError, DeviceError, DeviceMemoryError, IndexOutOfBoundsError, UnsupportedError
from tracejit.runtime.cuda import driver as driver_module


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")


@pytest.fixture
def ledger():
    """What was counted since the test began."""
    device = driver_module._driver("emulate")
    device.ledger.counts.clear()
    device.ledger.copied.clear()
    return device.ledger


RNG = np.random.default_rng(3)
X = RNG.normal(size=(5, 4)).astype(np.float32)
W = RNG.normal(size=(4, 3)).astype(np.float32)


def network(x, w):
    h = np.maximum(x @ w, 0)
    return (h * h).sum(), np.exp(h) / np.exp(h).sum(axis=1, keepdims=True)


def on_device(*arrays):
    return [tj.asarray(a).to("cuda") for a in arrays]


def test_results_are_those_of_the_cpu_and_stay_on_the_device(ledger):
    loss, rows = tj.function(network, device="cuda")(X, W)
    expected = tj.function(network)(X, W)
    assert (loss.device, rows.device, loss.shape, rows.dtype) == ("cuda", "cuda", (), np.float32)
    assert ledger.counts["downloads"] == 0
    np.testing.assert_allclose(rows.numpy(), expected[1], rtol=1e-6)
    np.testing.assert_allclose(float(loss), expected[0], rtol=1e-6)
    assert ledger.counts["downloads"] == 2


def test_arrays_on_the_device_take_a_function_there():
    f = tj.function(network)
    np.testing.assert_allclose(float(f(*on_device(X, W))[0]), f(X, W)[0], rtol=1e-6)
    np.testing.assert_allclose(float(f(*on_device(X, W))[0]), f(X, W)[0], rtol=1e-6)  # by the ways in of both
    assert f.compilations == 2
    assert "on cuda" in f.retraces()[1].reason or "on cuda" in f.retraces()[0].reason


def test_another_size_or_number_needs_no_other_program_and_no_other_graph(ledger):
    f = tj.function(lambda x, rate: x * rate + 1, device="cuda")
    for n, rate in [(5, 2.0), (9, 0.5), (5, 3.0), (2, 1.0)]:
        x = np.arange(n, dtype=np.float64)
        np.testing.assert_array_equal(f(x, rate).numpy(), x * rate + 1)
    assert f.compilations == 1


def test_numbers_of_every_kind_are_scalars_of_the_program():
    f = tj.function(lambda x, i, b, z: (x + i, np.where(b, x, -x), x * z), device="cuda")
    for i, b in [(3, True), (-2, False)]:
        found = f(X, i, b, 2j)
        for a, e in zip(found, (X + i, np.where(b, X, -X), X * 2j), strict=True):
            np.testing.assert_array_equal(a.numpy(), e)
    assert f.compilations == 1


def test_a_step_of_training_updates_variables_on_the_device(ledger):
    def model(device):
        w = tj.Variable(W, name="w", device=device)
        steps = tj.Variable(0, name="steps", device=device)

        @tj.function
        def step(x, y, rate):
            with tj.GradientTape() as tape:
                loss = ((x @ w - y) ** 2).mean()
            w.assign_sub(rate * tape.gradient(loss, w))
            steps.assign_add(1)
            return loss

        return step, w, steps

    (step, w, steps), (reference, v, _) = model("cuda"), model("cpu")
    y = RNG.normal(size=(5, 3)).astype(np.float32)
    there = on_device(X, y)
    for rate in (0.5, 0.25, 0.1, 0.1, 0.1):
        np.testing.assert_allclose(float(step(*there, rate)), reference(X, y, rate), rtol=1e-5)
    np.testing.assert_allclose(w.numpy(), v.numpy(), rtol=1e-5)
    assert steps.item() == 5 and step.compilations == 1
    tables = ledger.counts["uploads"] - 4  # two arguments, two Variables
    assert tables == 4  # the last call has the values of the one before
    assert ledger.counts["captures"] == 2 and ledger.counts["replays"] == 4  # for all values, and for those that came again


def test_numpy_arguments_are_copied_in_each_call_and_counted(ledger):
    f = tj.function(lambda x: x + 1, device="cuda")
    for _ in range(3):
        f(X)
    assert ledger.counts["uploads"] == 3 + 2  # the table stays when it comes again
    assert ledger.copied["uploads"] >= 3 * X.nbytes


def test_a_captured_array_is_read_at_each_call():
    captured = X.copy()
    f = tj.function(lambda x: x + captured, device="cuda")
    np.testing.assert_array_equal(f(X).numpy(), X + X)
    captured += 1
    np.testing.assert_array_equal(f(X).numpy(), X + captured)


def test_a_captured_tensor_on_the_device_is_read_there(ledger):
    (captured,) = on_device(X)
    f = tj.function(lambda x: x + captured)
    out = f(X)
    assert out.device == "cuda"
    np.testing.assert_array_equal(out.numpy(), X + X)


def test_a_tensor_argument_that_is_written_to_takes_its_new_value():
    def f(x):
        x[1:] = 0
        return x.sum()

    (x,) = on_device(X)
    total = tj.function(f)(x)
    assert x.device == "cuda"
    np.testing.assert_array_equal(x.numpy()[1:], 0)
    np.testing.assert_allclose(float(total), X[0].sum(), rtol=1e-6)


def test_a_variable_on_the_cpu_does_not_mix_with_a_device_program():
    v = tj.Variable(np.ones((50, 4), np.float32), name="v")
    with pytest.raises(DeviceError) as caught:
        tj.function(lambda x: v * x, device="cuda")(X[0])
    text = str(caught.value)
    assert "runs on cuda, and the Variable v, f32[50, 4], lives on the CPU" in text and 'cure: v = v.to("cuda")' in text


def test_random_numbers_are_those_of_the_cpu():
    def draws(device):
        generator = tj.random.Generator(7)
        f = tj.function(lambda x: x + tj.random.uniform(0.0, 1.0, size=(6,), generator=generator), device=device)
        return [np.array(f(np.zeros(6)).tolist()) for _ in range(3)], generator.state.numpy()

    (there, state), (here, expected) = draws("cuda"), draws("cpu")
    np.testing.assert_array_equal(there, here)
    np.testing.assert_array_equal(state, expected)
    assert not np.array_equal(there[0], there[1])


def test_an_index_out_of_bounds_is_an_error_and_nothing_is_updated():
    w = tj.Variable(np.zeros(3), device="cuda")

    @tj.function
    def f(i):
        before = w[i]
        w.assign_add(before.sum() + np.ones(3))
        return w[i]

    np.testing.assert_array_equal(f(np.array([0, 2])).numpy(), [1, 1])
    for _ in range(3):
        with pytest.raises(IndexOutOfBoundsError, match="an axis with size 3"):
            f(np.array([0, 3]))
    np.testing.assert_array_equal(w.numpy(), 1)


def test_operations_run_at_once_where_their_operands_are(ledger):
    x, w = on_device(X, W)
    y = np.tanh(x @ w) * 2 + np.float32(1)
    assert y.device == "cuda" and ledger.counts["downloads"] == 0
    np.testing.assert_allclose(y.numpy(), np.tanh(X @ W) * 2 + 1, rtol=1e-6)
    np.testing.assert_array_equal((x + X).numpy(), X + X)  # NumPy's are copied
    np.testing.assert_array_equal(x[1:, ::2].T.numpy(), X[1:, ::2].T)
    np.testing.assert_allclose(float(x.mean()), X.mean(), rtol=1e-6)
    assert not (x > 100).any()


M, V = RNG.normal(size=(3, 4, 5)), np.array([2, 0, 1])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.where(x > 0, x, 0.0),
        lambda x: np.concatenate([x, X], axis=1),
        lambda x: np.stack([x, x * 2]),
        lambda x: x[V],
        lambda x: x[1:, ::-1].T.reshape(-1),
        lambda x: np.sort(x, axis=1),
        lambda x: np.argsort(x, axis=0),
        lambda x: np.cumsum(x, axis=0),
        lambda x: (x.sum(axis=0), x.mean(axis=1), x.max(), x.argmin(axis=1), x.var(), (x > 0).any(axis=0)),
        lambda x: np.einsum("ij,jk->ki", x, W),
        lambda x: x @ M,
        lambda x: tj.softmax(x, axis=1),
        lambda x: tj.cross_entropy(x, V[[0, 1, 2, 0, 1]]),
        lambda x: tj.grad(lambda y: (np.tanh(y) ** 2).sum())(x),
        lambda x: tj.jvp(np.sin, (x,), (x,))[1],
        lambda x: np.zeros((0, 3)) + x[:0, :3],
        lambda x: (x.astype("int32") + 1, x > 0, x * 1j),
    ],
    ids=range(17),
)
@pytest.mark.parametrize("traced", [False, True])
def test_numpys_functions_give_what_they_give_on_the_cpu(f, traced):
    (x,) = on_device(X)
    found, expected = (tj.function(f) if traced else f)(x), f(X)
    pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
    for a, e in pairs:
        assert a.device == "cuda" and a.dtype == np.asarray(e).dtype
        np.testing.assert_allclose(a.numpy(), e, rtol=2e-6, atol=1e-6)


def test_parts_of_tensors_are_written():
    (x,) = on_device(X)
    expected = X.copy()
    for a in (x, expected):
        a[1] = 5
        a[:, 2] += 1
        part = a[2:]
        part *= 2
    np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize("traced", [False, True])
def test_optimizers_keep_their_state_beside_the_variables(traced):
    def train(device):
        w = tj.Variable(W, name="w", device=device)
        adam = tj.optim.Adam(0.1)

        def step(x):
            with tj.GradientTape() as tape:
                loss = ((x @ w) ** 2).sum()
            adam.apply([tape.gradient(loss, w)], [w])

        run = tj.function(step) if traced else step
        for _ in range(3):
            run(tj.asarray(X).to(device))
        return w.numpy(), {v.device for v in adam.variables() if v.ndim}, adam.step.item()

    (found, devices, steps), (expected, _, _) = train("cuda"), train("cpu")
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert devices == {"cuda"} and steps == 3


def test_a_tape_records_operations_on_the_device():
    w = tj.Variable(W, device="cuda")
    (x,) = on_device(X)
    with tj.GradientTape() as tape:
        loss = (np.tanh(x @ w) ** 2).sum()
    gradient = tape.gradient(loss, w)
    assert gradient.device == "cuda"
    expected = tj.grad(lambda w: (np.tanh(X @ w) ** 2).sum())(W)
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=1e-5)


def test_eager_programs_are_kept(ledger):
    (x,) = on_device(X)
    assert [float((x * k).sum()) for k in (1.0, 2.0)] == pytest.approx([X.sum(), 2 * X.sum()], rel=1e-6)
    from tracejit.frontend.on_device import _single

    before = _single.cache_info().misses
    float((x * 3.0).sum())
    assert _single.cache_info().misses == before


def test_kept_eager_programs_make_room_for_others(monkeypatch):
    (x,) = on_device(np.ones(1000))
    np.sort(x)  # whose program keeps temporaries
    device = driver_module._driver("emulate")
    held = device.ledger.held["temporaries of sort"]
    assert held > 0
    monkeypatch.setattr("tracejit.runtime.cuda.emulated.TOTAL", device.pieces.used + 8_000)
    y = x * 2 + x
    assert y.shape == (1000,) and device.ledger.held["temporaries of sort"] == 0
    with pytest.raises(DeviceMemoryError, match=r"out of memory on cuda: .* were asked for"):
        tj.asarray(np.ones(1)).to("cuda") * np.ones(4_000_000)


def test_methods_and_trees_run_on_a_device():
    class Model:
        def __init__(self):
            self.w = tj.Variable(W, device="cuda")

        @tj.function
        def __call__(self, batch):
            return {"out": batch["x"] @ self.w, "same": batch["x"]}

    found = Model()({"x": X})
    np.testing.assert_allclose(found["out"].numpy(), X @ W, rtol=1e-6)
    assert found["same"] is X


def test_threads_may_call_one_function():
    f = tj.function(lambda x, r: (x * r).sum(), device="cuda")
    results = {}

    def work(k):
        results[k] = [float(f(X, float(k))) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k, found in results.items():
        assert found == pytest.approx([X.sum() * k] * 5, rel=1e-5, abs=1e-5)


def test_what_cannot_be_done_on_a_device_says_so():
    f = tj.function(lambda x: x + 1, device="cuda")
    with pytest.raises(UnsupportedError, match="no debugger of Python's can step through it"):
        f.debug(X)
    with pytest.raises(ArgumentError, match="was given to code that needs it on the host"):
        np.asarray(f(X))


def test_sizes_of_zero_and_one_mean_what_they_mean_on_the_cpu():
    def f(x, y):
        return x @ y, (x.sum(), x.sum(axis=0), np.cumsum(x, axis=1)), np.sort(y, axis=0), np.exp(x)

    for m, k, n in [(3, 0, 4), (0, 3, 4), (3, 4, 0), (1, 1, 1), (1, 0, 1)]:
        x, y = np.ones((m, k), np.float32), np.ones((k, n), np.float32)
        (product, sums, *rest), (of_cpu, cpu_sums, *cpu_rest) = (tj.function(f, device=d)(x, y) for d in ("cuda", "cpu"))
        for found, expected in zip([product, *sums, *rest], [of_cpu, *cpu_sums, *cpu_rest], strict=True):
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_arrays_of_the_host_may_lie_anyhow():
    base = np.arange(64.0).reshape(8, 8)
    read_only = base.copy()
    read_only.flags.writeable = False
    for x in (base[::2, 1::3], np.asfortranarray(base), base[::-1], read_only, base.astype(">f8"), base.T):
        np.testing.assert_array_equal(tj.function(lambda x: x * 2, device="cuda")(x).numpy(), x * 2)


def test_the_generated_file_can_be_read():
    f = tj.function(lambda x: np.tanh(x) + 1, device="cuda")
    f(X)
    text = str(f.source())
    assert "def region_0(args):" in text and "launch(region_0, table," in text and "test_device_programs.py" in text


def test_a_profile_counts_what_a_call_asks_of_the_device_and_changes_nothing():
    w = tj.Variable(np.ones((4, 3)), name="w", device="cuda")

    @tj.function
    def f(x):
        w.assign_add(x.T @ x @ w)
        return w.sum()

    x = np.ones((5, 4))
    f(x)
    before = w.numpy()
    found = f.profile(x)
    np.testing.assert_array_equal(w.numpy(), before)
    asked = found.asked
    assert asked.counts == {"replays": 1, "uploads": 1} and x.nbytes == asked.bytes["uploads"] and "Variables" in asked.held
    text = str(found)
    assert "f on cuda, " in text and "       1  graphs replayed\n       1  copies to the device, " in text
    assert all(s.measured > 0 and s.predicted > 0 for s in found.steps) and found.total > 0
    assert [s.kind for s in found.steps].count("product") == 1
    assert json.loads(found.json())["data"]["asked"]["counts"]["replays"] == 1


def test_an_explanation_shows_lines_and_steps_and_runs_nothing_without_a_call(ledger):
    f = tj.function(network, device="cuda")
    f(X, W)
    launches = ledger.counts["launches"]
    still = f.explain()
    assert still.total is None and ledger.counts["launches"] == launches and "on cuda" in str(still)
    found = f.explain(X, W)
    assert found.total > 0 and all(s.measured > 0 for s in found.steps)
    assert any("np.maximum(x @ w, 0)" in line.text for line in found.lines) and found.asked.counts["uploads"] >= 1
    assert "an emulated GPU" in str(found) and "<table>" in found._repr_html_()


def test_a_profile_of_an_index_out_of_bounds_says_so():
    w = tj.Variable(np.zeros(3), device="cuda")

    @tj.function
    def f(i):
        w.assign_add(w[i])
        return w[i]

    f(np.array([1]))
    with pytest.raises(IndexOutOfBoundsError):
        f.profile(np.array([7]))
    np.testing.assert_array_equal(w.numpy(), np.zeros(3))


def test_a_pinned_file_is_the_program_with_its_edits(tmp_path):
    def double(x):
        return x * 2 + 1

    path = tmp_path / "double.py"
    f = tj.function(double, device="cuda", pin=path)
    np.testing.assert_array_equal(f(X).numpy(), X * 2 + 1)
    assert f.source().path == str(path) and "@region" in path.read_text()
    path.write_text(path.read_text().replace("f32(1.0)", "f32(10.0)"))
    edited = tj.function(double, device="cuda", pin=path)
    np.testing.assert_array_equal(edited(X).numpy(), X * 2 + 10)
    with pytest.raises(tj.PinError, match="the pinned file is for another program"):
        tj.function(double, device="cpu", pin=path)(X)
    with pytest.raises(tj.PinError, match="profile the function without its pin"):
        edited.profile(X)
    assert edited.explain().total is None


# ---------------------------------------------------------------------------------------------- other libraries' arrays


class Library:
    """An array library of another maker, whose arrays are on the device."""

    class Array:
        def __init__(self, array):
            self.array = array

        @property
        def __cuda_array_interface__(self):
            data = (self.array.address, False)
            return {"shape": self.array.shape, "typestr": self.array.dtype.str, "data": data, "version": 3}

        def __array_namespace__(self):
            return Library

    @staticmethod
    def from_dlpack(array):
        return Library.Array(array)


def test_results_are_of_the_kind_that_the_caller_passed(ledger):
    x, w = (Library.Array(a.value) for a in on_device(X, W))
    before = ledger.copied["uploads"]
    loss, rows = tj.function(network)(x, w)
    assert type(rows) is type(loss) is Library.Array
    assert ledger.counts["downloads"] == 0 and ledger.copied["uploads"] - before < 400  # the table alone
    np.testing.assert_allclose(rows.array.numpy(), tj.function(network)(X, W)[1], rtol=1e-6)


def test_another_librarys_array_is_written_where_it_is():
    def f(x):
        x[0] = 0

    (tensor,) = on_device(X)
    x = Library.Array(tensor.value)
    tj.function(f)(x)
    np.testing.assert_array_equal(x.array.numpy()[0], 0)
    x.array.flags = x.array.flags._replace(writeable=False)
    type(x).__cuda_array_interface__, kept = (
        property(lambda self: {"shape": (5, 4), "typestr": "<f4", "data": (self.array.address, True), "version": 3}),
        type(x).__cuda_array_interface__,
    )
    try:
        with pytest.raises(ValueError, match="assignment destination is read-only: argument x"):
            tj.function(f)(x)
    finally:
        type(x).__cuda_array_interface__ = kept


def test_operations_take_arrays_of_other_libraries():
    (tensor,) = on_device(X)
    np.testing.assert_array_equal((tensor + Library.Array(tensor.value)).numpy(), X + X)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_agree_with_the_cpu(dtype, ledger):
    half = np.dtype(getattr(tj, dtype))
    x, w = X.astype(half), W.astype(half)

    def f(x, w):
        return np.tanh(x @ w) * 2, np.mean(x, axis=0), x.astype(np.float32).sum()

    got, want = tj.function(f, device="cuda")(x, w), tj.function(f)(x, w)
    for a, b in zip(got, want, strict=True):
        assert a.dtype == b.dtype and a.device == "cuda"
        np.testing.assert_allclose(a.numpy().astype("f8"), np.asarray(b).astype("f8"), rtol=float(2 * 2.0**-7))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_training_step_of_halves_runs_on_the_device(dtype):
    half = np.dtype(getattr(tj, dtype))
    with tj.device("cuda"):
        w = tj.Variable(np.zeros((4, 1), half))

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            loss = np.mean((x @ w - y) ** 2)
        w.assign_sub(0.1 * tape.gradient(loss, w))
        return loss

    x = X.astype(half)
    y = (X @ np.float32([[1], [2], [0], [-1]])).astype(half)
    losses = [float(step(x, y)) for _ in range(10)]
    assert w.dtype == half and losses[-1] < 0.5 * losses[0]
