"""Networks on the emulated device whose products end in a bias or an activation, beside the CPU."""

import numpy as np
import pytest

import tracejit as tj
from tracejit.runtime.cuda import driver as driver_module
from tracejit.runtime.cuda.emulated import EmulatedDriver

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=(9, 7)).astype("f4"), RNG.normal(size=(9, 5)).astype("f4")
SHAPES = ((7, 6), (6,), (6, 5), (5,))
PARAMETERS = [RNG.normal(size=s).astype("f4") for s in SHAPES]
ACTIVATIONS = {"relu": tj.relu, "maximum": lambda z: np.maximum(z, 0), "gelu": lambda z: tj.gelu(z, approximate=True)}


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")


@pytest.fixture(params=["exact", "fast", "fast, apart"])
def epilogues(request, monkeypatch):
    """Which epilogues there are, and whether the library has a kernel for them."""
    name, _, apart = request.param.partition(", ")
    monkeypatch.setenv("TRACEJIT_EPILOGUES", name)
    if apart:
        monkeypatch.setattr(EmulatedDriver, "offers", lambda self, product: False)
    return request.param


def layers(activation):
    def predict(x, w1, b1, w2, b2):
        return activation(x @ w1 + b1) @ w2 + b2

    return predict


def near(found, expected):
    np.testing.assert_allclose(np.asarray(found), expected, rtol=3e-5, atol=3e-5)


def test_a_layer_whose_result_is_returned_ends_in_its_bias():
    f = tj.function(lambda x, w, b: x @ w + b, device="cuda")
    w, b = PARAMETERS[:2]
    near(f(X, w, b).numpy(), X @ w + b)
    assert "0: Gemm, then bias\n" in str(f.schedule()) and "gemm_nn_bias(" in str(f.source())
    ledger = driver_module._driver("emulate").ledger
    for _ in range(3):  # one by one, captured, replayed
        ledger.counts.clear()
        near(f(X, w, b).numpy(), X @ w + b)
        assert ledger.counts["launches"] == 0


def test_the_linear_layers_of_attention_end_in_their_biases():
    def attention(x, w, b, v, c):
        queries, keys, values = (x @ w + b).reshape(2, 5, 3, 2, 4).transpose(2, 0, 3, 1, 4)
        weights = tj.softmax(queries @ keys.transpose(0, 1, 3, 2) / 2, axis=-1)
        return (weights @ values).transpose(0, 2, 1, 3).reshape(2, 5, 8) @ v + c

    arguments = [RNG.normal(size=s).astype("f4") for s in ((2, 5, 8), (8, 24), (24,), (8, 8), (8,))]
    f = tj.function(attention, device="cuda")
    near(f(*arguments).numpy(), tj.function(attention)(*arguments))
    assert str(f.schedule()).count("Gemm, then bias\n") == 2


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_two_layers_are_those_of_the_cpu(name, epilogues):
    f = layers(ACTIVATIONS[name])
    found = tj.function(f, device="cuda")
    near(found(X, *PARAMETERS).numpy(), tj.function(f)(X, *PARAMETERS))
    assert ("bias_relu" in str(found.schedule()) or "bias_gelu" in str(found.schedule())) == (epilogues != "exact")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_of_first_and_second_order_are_those_of_the_cpu(name, epilogues):
    predict = layers(ACTIVATIONS[name])

    def loss(*parameters):
        return ((predict(X, *parameters) - Y) ** 2).mean()

    def twice(*parameters):
        gradient = tj.grad(loss, argnums=(0, 1, 2, 3))
        return tj.grad(lambda *p: sum((g * g).sum() for g in gradient(*p)), argnums=(0, 1, 2, 3))(*parameters)

    for f in (tj.grad(loss, argnums=(0, 1, 2, 3)), twice):
        expected = tj.function(lambda *p, f=f: f(*p))(*PARAMETERS)
        for x, y in zip(tj.function(lambda *p, f=f: f(*p), device="cuda")(*PARAMETERS), expected, strict=True):
            near(x.numpy(), y)


@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_training_steps_are_those_of_the_cpu(dtype, epilogues):
    def trained(device):
        values = [tj.Variable(p.astype(dtype), device=device) for p in PARAMETERS]
        predict = layers(tj.relu)

        @tj.function(device=device)
        def step(x, y):
            with tj.GradientTape() as tape:
                loss = ((predict(x, *values) - y) ** 2).mean()
            for v, g in zip(values, tape.gradient(loss, values), strict=True):
                v.assign_sub(0.01 * g)
            return loss

        losses = [float(step(X.astype(dtype), Y.astype(dtype))) for _ in range(4)]
        return losses, [np.asarray(v.numpy(), "f8") for v in values], step

    (losses, values, step), (on_cpu, expected, _) = trained("cuda"), trained("cpu")
    digits = {"f4": 3e-5, "f2": 2e-2}[dtype]
    np.testing.assert_allclose(losses, on_cpu, rtol=digits)
    for x, y in zip(values, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=digits, atol=digits)
    assert ("then bias_relu" in str(step.schedule())) == (epilogues != "exact")


def test_explanations_say_why_an_activation_is_a_loop():
    f = tj.function(layers(tj.relu), device="cuda")
    f(X, *PARAMETERS)
    text = str(f.explain(X, *PARAMETERS))
    train = tj.function(tj.grad(lambda w: ((tj.relu(X @ w + PARAMETERS[1]) @ PARAMETERS[2]) ** 2).sum()), device="cuda")
    train(PARAMETERS[0])
    assert "relu is left to a loop" in str(train.explain(PARAMETERS[0]))
    assert "relu is left to a loop, since the library's own changes special values; TRACEJIT_EPILOGUES=fast takes it" in text


def test_explanations_say_what_the_library_has_no_kernel_for(monkeypatch):
    f = tj.function(lambda x, w, b: x @ w + b, device="cuda")
    arguments = X, *PARAMETERS[:2]
    near(f(*arguments).numpy(), X @ PARAMETERS[0] + PARAMETERS[1])
    assert "the library has no kernel" not in str(f.explain(*arguments))
    monkeypatch.setattr(EmulatedDriver, "offers", lambda self, product: False)
    said = "gemm_nn_bias: the library has no kernel for it, float32 [9, 7] @ [7, 6]; a loop follows the product"
    assert said in str(f.explain(*arguments))


def test_nan_goes_through_relu_unless_the_library_may_lose_it(monkeypatch):
    x = X.copy()
    x[0, 0] = np.nan
    assert np.isnan(tj.function(layers(tj.relu), device="cuda")(x, *PARAMETERS).numpy()[0]).all()
    monkeypatch.setenv("TRACEJIT_EPILOGUES", "fast")
    assert np.isfinite(tj.function(layers(tj.relu), device="cuda")(x, *PARAMETERS).numpy()).all()
