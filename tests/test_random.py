"""Random numbers: known answers, one stream however it is computed, distributions, and generators that programs advance."""

from __future__ import annotations

import subprocess
import sys
import threading

import mpmath
import numpy as np
import pytest
import scipy.special
import scipy.stats
from backend_tools import run_cpu, run_python
from op_tools import check_derivatives, gradients, graph_of, run
from program_tools import Program

import tracejit as tj
from tracejit import ops
from tracejit.backends.python import prelude
from tracejit.errors import ArgumentError, DTypeError, ShapeError
from tracejit.frontend import random
from tracejit.ops import composite as c

F4, F8 = np.float32, np.float64
LOW = 0xFFFFFFFF


# -- Philox ----------------------------------------------------------------------------------------------------------


def philox_reference(counter, key):
    """Philox4x32-10 as its paper states it."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(c0 * 0xD2511F53, 2**32)
        high1, low1 = divmod(c2 * 0xCD9E8D57, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) & LOW, (k1 + 0xBB67AE85) & LOW
    return c0, c1, c2, c3


def word_reference(index, seed, draw):
    block, lane = divmod(int(index) % 2**64, 4)
    seed, draw = int(seed) % 2**64, int(draw) % 2**64
    return philox_reference((block & LOW, block >> 32, draw & LOW, draw >> 32), (seed & LOW, seed >> 32))[lane]


KNOWN = {  # of the paper's own implementation: counter, key, words
    "zeros": ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    "ones": ((LOW,) * 4, (LOW,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    "pi": (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
}


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN.values(), ids=KNOWN)
def test_the_reference_gives_the_known_answers(counter, key, words):
    assert philox_reference(counter, key) == words


def test_a_word_is_that_of_the_reference_numpy_python_and_machine_code_alike():
    assert [int(ops.philox.evaluate(np.int64(i), np.int64(0), np.int64(0))) for i in range(4)] == list(KNOWN["zeros"][2])
    edges = [0, 1, 2, 3, 4, 7, 2**31, 2**32 - 1, 2**34 + 5, 2**62 + 1, 2**63 - 1, -1, -5, -(2**63)]
    rng = np.random.default_rng(0)
    index, seed, draw = (np.concatenate([np.roll(edges, k), rng.integers(-(2**63), 2**63 - 1, 50)]) for k in range(3))
    want = [word_reference(*x) for x in zip(index, seed, draw, strict=True)]
    assert ops.philox.evaluate(index, seed, draw).tolist() == want
    assert [int(prelude.philox(*x)) for x in zip(index, seed, draw, strict=True)] == want
    program = Program(graph_of(ops.philox, (index, seed, draw)), (index, seed, draw), {})
    assert run_cpu(program)[0].tolist() == want
    assert run_python(program)[0].tolist() == want


@pytest.mark.parametrize("size", [1, 3, 4, 5, 8192 * 4 + 7])
@pytest.mark.parametrize("first", [0, 2, 2**40 + 1])
def test_neighbouring_words_computed_together_are_those_computed_alone(size, first):
    index = np.arange(first, first + size)
    together = ops.philox.evaluate(index, np.broadcast_to(np.int64(5), size), np.broadcast_to(np.int64(-6), size))
    assert [int(x) for x in together[::999]] == [word_reference(i, 5, -6) for i in index[::999]]
    assert together.dtype == np.uint32 and together[-1] == word_reference(index[-1], 5, -6)


def test_uniform_numbers_are_the_bits_that_are_promised():
    single, double = random.uniform_from(7, 3, (2, 3), F4), random.uniform_from(7, 3, (2, 3))
    words = [word_reference(i, 7, 3) for i in range(12)]
    assert single.ravel().tolist() == [(w >> 8) / 2**24 for w in words[:6]]
    pairs = zip(words[::2], words[1::2], strict=True)
    assert double.ravel().tolist() == [((a >> 5) * 2**26 + (b >> 6)) / 2**53 for a, b in pairs]
    assert (single.dtype, double.dtype) == (F4, F8)


# -- one stream, whatever computes it --------------------------------------------------------------------------------


DRAWS = {  # in shapes that are symbolic, odd, empty and without dimensions
    "uniform f4": lambda x: random.uniform(size=x.shape, dtype=F4),
    "uniform f8": lambda x: random.uniform(size=(3, x.shape[0] + 1)),
    "uniform exact": lambda x: random.uniform(-1, 1, (x.shape[0], 1, 2), F4),
    "uniform number": lambda x: random.uniform(),
    "uniform empty": lambda x: random.uniform(size=(0, x.shape[0])),
    "uniform": lambda x: random.uniform(-0.3, 1.7, x.shape),
    "integers": lambda x: random.integers(-5, 6, x.shape),
    "integers wide": lambda x: random.integers(-(2**62), 2**61 + 12345, x.shape[0]),
    "integers u1": lambda x: random.integers(0, 255, x.shape[0], np.uint8, endpoint=True),
    "integers of arrays": lambda x: random.integers(np.array([0, 10]), np.array([[10], [11]])),
    "bernoulli": lambda x: random.bernoulli(0.3, x.shape),
    "permutation": lambda x: random.permutation(x.shape[0]),
    "permutation of rows": lambda x: random.permutation(x),
    "normal f4": lambda x: random.normal(size=(x.shape[0], 5), dtype=F4),
    "normal f8": lambda x: random.normal(2, 3, x.shape),
    "truncated f4": lambda x: random.truncated_normal(size=x.shape, dtype=F4),
    "truncated f8": lambda x: random.truncated_normal(1, 0.5, x.shape[0], low=-1, high=3),
}
ROUNDED = {"uniform", "normal f4", "normal f8", "truncated f4", "truncated f8"}  # of the others every bit is the same


@pytest.mark.parametrize("group", [tuple(DRAWS)[:6], tuple(DRAWS)[6:11], tuple(DRAWS)[11:15], tuple(DRAWS)[15:]])
def test_eager_compiled_and_python_draw_the_same_whatever_the_size(group):
    def draws(x):
        return {name: DRAWS[name](x) for name in group}

    compiled = tj.function(draws)
    for rows in (5, 8, 101):
        x = np.arange(rows * 3.0).reshape(rows, 3)
        found = []
        for way in (draws, compiled, compiled.debug if rows < 10 else compiled):
            random.seed(42)
            found.append(way(x))
            assert random.default_generator().state.numpy().tolist() == [42, len(group)]
        for name, want in found[0].items():
            for other in found[1:]:
                got = np.asarray(other[name])
                assert (got.dtype, got.shape) == (np.asarray(want).dtype, np.shape(want)), name
                tolerance = 0 if name not in ROUNDED else 2e-6 if got.dtype == F4 else 4e-15
                np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance, err_msg=name)
    assert compiled.compilations == 1


def test_a_longer_draw_begins_with_the_numbers_of_a_shorter_one():
    for dtype in (F4, F8):
        long = random.normal_from(1, 2, 101, dtype)
        np.testing.assert_array_equal(random.normal_from(1, 2, (2, 5), dtype).ravel(), long[:10])


def test_sizes_and_threads_do_not_change_the_numbers():
    draw = tj.function(lambda seed, x: random.uniform(size=x.shape, dtype=F4, generator=(seed, 0)))
    for size in (10, 300_000):
        np.testing.assert_array_equal(draw(5, np.empty(size)), random.uniform_from(5, 0, size, F4))


# -- distributions ---------------------------------------------------------------------------------------------------

N = 200_000
LEAST_P = 1e-3  # at fixed seeds nothing is left to chance; a broken generator gives 1e-100

CONTINUOUS = {
    "uniform f4": (lambda g: random.uniform(size=N, dtype=F4, generator=g), scipy.stats.uniform()),
    "uniform f8": (lambda g: random.uniform(size=N, generator=g), scipy.stats.uniform()),
    "uniform elsewhere": (lambda g: random.uniform(-2, 5, N, generator=g), scipy.stats.uniform(-2, 7)),
    "normal f4": (lambda g: random.normal(size=N, dtype=F4, generator=g), scipy.stats.norm()),
    "normal f8": (lambda g: random.normal(3, 2, N, generator=g), scipy.stats.norm(3, 2)),
    "truncated f4": (lambda g: random.truncated_normal(size=N, dtype=F4, generator=g), scipy.stats.truncnorm(-2, 2)),
    "truncated f8": (
        lambda g: random.truncated_normal(1, 3, N, low=-0.5, high=2.5, generator=g),
        scipy.stats.truncnorm(-0.5, 2.5, 1, 3),
    ),
}


@pytest.mark.parametrize(("draw", "law"), CONTINUOUS.values(), ids=CONTINUOUS)
@pytest.mark.parametrize("seed", [0, 1])
def test_numbers_follow_their_distribution(draw, law, seed):
    x = np.asarray(draw(random.Generator(seed)), F8)
    assert scipy.stats.kstest(x, law.cdf).pvalue > LEAST_P
    assert abs(x.mean() - law.mean()) < 5 * law.std() / np.sqrt(N)
    assert abs(x.var() / law.var() - 1) < 0.02
    z = (x - law.mean()) / law.std()
    for lag in (1, 2, 3, 4, 8):  # neighbours share blocks and pairs
        assert abs(np.mean(z[lag:] * z[:-lag])) < 5 / np.sqrt(N)
        assert abs(np.mean((z**2 - 1)[lag:] * (z**2 - 1)[:-lag])) < 15 / np.sqrt(N)


def test_truncated_numbers_stay_within_their_bounds():
    for dtype in (F4, F8):
        x = random.truncated_normal(size=N, dtype=dtype, low=-0.01, high=0.02, generator=random.Generator(0))
        assert x.min() >= dtype(-0.01) and x.max() <= dtype(0.02)


def test_draws_and_seeds_are_independent():
    table = np.array([random.normal_from(seed, draw, 20_000) for seed in range(3) for draw in range(4)])
    assert np.abs(np.corrcoef(table) - np.eye(12)).max() < 5 / np.sqrt(20_000)


def test_no_number_comes_twice():
    g = random.Generator(0)
    x = np.concatenate([random.uniform(size=1000, generator=g) for _ in range(200)])
    assert len(np.unique(x)) == x.size


@pytest.mark.parametrize(("low", "high"), [(0, 10), (-3, 4), (5, 6), (2**40, 2**40 + 3)])
def test_integers_are_equally_likely(low, high):
    x = random.integers(low, high, N, generator=random.Generator(1))
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == list(range(low, high)) and x.dtype == np.int64
    assert len(values) == 1 or scipy.stats.chisquare(counts).pvalue > LEAST_P


@pytest.mark.parametrize("span", [3, 2**31 + 7, 2**32, 2**32 + 1, 2**45 + 3, 2**62 + 11])
def test_integers_are_the_upper_half_of_a_product_of_64_bits(span):
    got = random.integers(-7, -7 + span, 50, generator=(9, 4))
    words = [word_reference(i, 9, 4) for i in range(100)]
    pairs = zip(words[::2], words[1::2], strict=True)
    assert got.tolist() == [-7 + (((a << 32 | b) * span) >> 64) for a, b in pairs]


def test_bernoulli_has_its_probability():
    for p in (0.0, 2**-32, 0.25, 0.7, 1.0):
        x = random.bernoulli(p, N, generator=random.Generator(2))
        assert x.dtype == bool and scipy.stats.binomtest(int(x.sum()), N, p).pvalue > LEAST_P
    assert random.bernoulli(1.0, N).all() and not random.bernoulli(0.0, N).any()
    each = random.bernoulli(np.array([[0.0], [1.0]]), (2, 100), np.float32)
    assert each.dtype == F4 and each.mean(1).tolist() == [0, 1]


def test_permutations_are_equally_likely_and_leave_nothing_out():
    g = random.Generator(0)
    counts = dict.fromkeys([(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)], 0)
    for _ in range(3000):
        counts[tuple(random.permutation(3, generator=g).tolist())] += 1
    assert scipy.stats.chisquare(list(counts.values())).pvalue > LEAST_P
    order = random.permutation(100_000, generator=g)
    np.testing.assert_array_equal(np.sort(order), np.arange(100_000))
    assert abs(np.corrcoef(order, np.arange(100_000))[0, 1]) < 5 / np.sqrt(100_000)
    rows = np.arange(12).reshape(6, 2)
    shuffled = random.permutation(rows, generator=g)
    assert sorted(shuffled[:, 0]) == [0, 2, 4, 6, 8, 10] and (shuffled[:, 1] == shuffled[:, 0] + 1).all()


def test_the_upper_bound_is_never_drawn_however_numbers_round():
    x = random.uniform(1e8, 1e8 + 8, 1000, F4)  # the two are neighbours in float32
    assert (x == F4(1e8)).all()
    assert random.uniform(2.0, 2.0) == 2


def test_extremes_of_the_normal_distribution_are_finite():
    place = np.arange(8)

    def extreme(bits):
        """Normal numbers whose random bits are all alike."""
        u = F4(bits) * F4(2.0**-32) + F4(2.0**-33)
        return np.sqrt(F4(-2) * np.log(u))

    assert extreme(0) < 6.8 and extreme(2**32 - 1) == 0
    assert np.isfinite(run(lambda p: c.normal(p, ops.row.lift(0, p.dtype), ops.row.lift(0, p.dtype), np.dtype(F4)), place)).all()


# -- generators ------------------------------------------------------------------------------------------------------


def test_each_call_of_a_function_draws_anew_and_goes_on_with_the_eager_stream():
    f = tj.function(lambda x: (random.normal(size=x.shape), random.uniform(size=2)))
    x = np.zeros(5)
    random.seed(8)
    eager = [random.normal(size=5), random.uniform(size=2), random.normal(size=5), random.uniform(size=2), random.normal(size=1)]
    random.seed(8)
    mixed = [*f(x), *f(x), random.normal(size=1)]
    for a, b in zip(mixed, eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    assert f.compilations == 1


def test_a_generator_is_saved_and_restored_by_its_state():
    g = random.Generator(123, name="noise")
    assert g.state.name == "noise/state" and not g.state.trainable and g.state.dtype == np.int64
    f = tj.function(lambda: random.uniform(size=3, generator=g))
    f()
    saved = g.state.numpy()
    assert saved.tolist() == [123, 1] and repr(g) == "Generator(seed=123, draws=1)"
    after = [f(), random.uniform(size=3, generator=g)]
    g.state.assign(saved)
    np.testing.assert_array_equal([f(), random.uniform(size=3, generator=g)], after)
    other = random.Generator(0)
    other.state.assign(saved)
    np.testing.assert_array_equal([random.uniform(size=3, generator=other) for _ in range(2)], after)
    assert f.compilations == 1


def test_a_pair_stands_for_one_draw_and_changes_no_state():
    g = random.Generator(5)
    want = [random.normal(size=4, generator=g) for _ in range(3)]
    before = random.default_generator().state.numpy()
    for draw in range(3):
        np.testing.assert_array_equal(random.normal_from(5, draw, 4), want[draw])
        np.testing.assert_array_equal(random.normal_from(tj.tensor(5), np.int32(draw), 4).numpy(), want[draw])
    f = tj.function(lambda seed, draw: random.uniform_from(seed, draw, 4))
    np.testing.assert_array_equal(f(5, 2), random.uniform_from(5, 2, 4))
    np.testing.assert_array_equal(f(-5, 7), random.uniform_from(2**64 - 5, 7, 4))
    assert f.compilations == 1
    np.testing.assert_array_equal(random.default_generator().state.numpy(), before)


def test_seeding_within_a_function_starts_the_stream_again():
    g = random.Generator(0)

    @tj.function
    def f(seed):
        first = random.uniform(size=2, generator=g)
        g.seed(seed)
        return first, random.uniform(size=2, generator=g), random.uniform(size=2, generator=g)

    a, b = f(3), f(4)
    np.testing.assert_array_equal(a[1], random.uniform_from(3, 0, 2))
    np.testing.assert_array_equal(a[2], random.uniform_from(3, 1, 2))
    np.testing.assert_array_equal(b[0], random.uniform_from(3, 2, 2))
    np.testing.assert_array_equal(b[1], random.uniform_from(4, 0, 2))
    assert g.state.numpy().tolist() == [4, 2] and f.compilations == 1


def test_the_module_is_part_of_the_public_face():
    assert tj.random is random and all(hasattr(random, name) for name in random.__all__)


def test_generators_without_a_seed_differ():
    a, b = random.Generator(), random.Generator()
    assert a.state.numpy()[0] != b.state.numpy()[0]


def test_an_error_while_tracing_leaves_the_generator_as_it_was():
    g = random.Generator(0)

    @tj.function
    def f(x):
        random.normal(size=3, generator=g)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        f(np.zeros(3))
    assert g.state.numpy().tolist() == [0, 0]


def test_the_default_generator_is_there_although_first_named_in_a_trace():
    script = """
import numpy as np, tracejit as tj
@tj.function
def f(x):
    from tracejit.frontend import random
    return random.uniform(size=x.shape)
a = f(np.zeros(3)); b = f(np.zeros(3))
assert (a != b).all() and f.compilations == 1
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("kind", ["eager", "compiled"])
def test_threads_that_share_a_generator_never_get_the_same_numbers(kind):
    g = random.Generator(0)

    def draw():
        return random.uniform(size=4, generator=g)

    one = draw if kind == "eager" else tj.function(draw)
    one()
    found: list[list[np.ndarray]] = [[] for _ in range(4)]

    def work(out):
        for _ in range(200):
            out.append(one())

    threads = [threading.Thread(target=work, args=(out,)) for out in found]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    everything = np.concatenate([x for out in found for x in out])
    assert len(np.unique(everything)) == 4 * 4 * 200
    assert g.state.numpy().tolist() == [0, 801]


# -- derivatives -----------------------------------------------------------------------------------------------------


def test_derivatives_go_through_the_parameters():
    mean, std = tj.Variable(np.array([1.0, 2.0])), tj.Variable(np.array(0.5))

    def sample(key):
        with tj.GradientTape() as tape:
            out = np.sum(random.normal(mean, std, (3, 2), generator=(key, 0)) ** 2)
        return tape.gradient(out, [mean, std])

    z = random.normal_from(7, 0, (3, 2))
    x = np.array([1.0, 2.0]) + 0.5 * z
    for way in (sample, tj.function(sample)):
        by_mean, by_std = way(7)
        np.testing.assert_allclose(np.asarray(by_mean), (2 * x).sum(0), rtol=1e-12)
        np.testing.assert_allclose(np.asarray(by_std), (2 * x * z).sum(), rtol=1e-12)


def test_draws_under_a_tape_and_in_grad_are_constants():
    def loss(w):
        keep = random.bernoulli(0.5, w.shape, F8, generator=(3, 0))
        return np.sum(keep * w**2) + random.uniform(generator=(3, 1))

    w = np.arange(6.0)
    want = 2 * w * random.bernoulli(0.5, 6, generator=(3, 0))
    np.testing.assert_array_equal(tj.grad(loss)(w), want)
    np.testing.assert_array_equal(tj.function(tj.grad(loss))(w), want)
    np.testing.assert_array_equal(tj.grad(lambda low: np.sum(random.uniform(low, 9.0, 5, generator=(3, 1))))(2.0).shape, ())


def test_a_mask_is_drawn_once_for_both_passes():
    w = tj.Variable(np.ones(1000))

    @tj.function
    def step():
        with tj.GradientTape() as tape:
            kept = w * random.bernoulli(0.5, w.shape, F8)
            loss = np.sum(kept)
        return kept, tape.gradient(loss, w)

    for _ in range(3):
        kept, gradient = step()
        np.testing.assert_array_equal(kept, gradient)
    assert str(step.source()).count("philox(") == 1


# -- erfinv ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [F4, F8])
def test_erfinv_is_accurate_from_0_to_the_ends(dtype):
    rng = np.random.default_rng(0)
    ends = 1 - 10 ** rng.uniform(-7 if dtype == F4 else -15.9, 0, 2000)
    x = np.concatenate([rng.uniform(-1, 1, 2000), ends, -ends, 10 ** rng.uniform(-37 if dtype == F4 else -300, 0, 2000)]).astype(
        dtype
    )
    x = x[np.abs(x) < 1]
    y = run(c.erfinv, x)
    assert y.dtype == dtype
    want = scipy.special.erfinv(x.astype(F8))
    assert (np.abs(y - want) <= (4 if dtype == F4 else 8) * np.spacing(np.abs(want).astype(dtype))).all()
    few = [float(v) for v in x[::400]]
    np.testing.assert_allclose(y[::400], [float(mpmath.erfinv(v)) for v in few], rtol=2e-15 if dtype == F8 else 3e-7)


def test_erfinv_at_its_ends_and_beyond():
    got = run(c.erfinv, np.array([1.0, -1.0, 0.0, -0.0, 2.0, -3.0, np.nan]))
    np.testing.assert_array_equal(got, [np.inf, -np.inf, 0, 0, np.nan, np.nan, np.nan])
    assert np.signbit(got[3])


def test_erfinv_has_derivatives():
    x = np.array([0.0, 1e-9, -0.3, 0.5, 0.99, 1 - 1e-12])
    got = run(gradients(c.erfinv, [0]), x)
    np.testing.assert_allclose(got, np.sqrt(np.pi) / 2 * np.exp(scipy.special.erfinv(x) ** 2), rtol=1e-12)
    check_derivatives(c.erfinv, [np.array([0.1, 0.4, -0.7, 0.3])])


# -- mistakes --------------------------------------------------------------------------------------------------------

MISTAKES = {
    "a float seed": (lambda: random.seed(1.5), ArgumentError, "the seed is 1.5; it must be an integer of 64 bits"),
    "a huge seed": (lambda: random.Generator(2**64), ArgumentError, "it must be an integer of 64 bits"),
    "no generator": (
        lambda: random.normal(generator=np.random),
        ArgumentError,
        r"it must be a Generator or a pair \(seed, draw\)",
    ),
    "a seed array": (lambda: random.uniform_from(np.zeros(2, int), 0, 3), ArgumentError, r"is i64\[2\]; it must be one integer"),
    "a float draw": (lambda: random.uniform_from(0, 0.5, 3), ArgumentError, r"it must be one integer"),
    "an integer dtype": (
        lambda: random.uniform(dtype=int),
        DTypeError,
        "uniform: dtype is int64; it must be float16",
    ),
    "a float dtype": (
        lambda: random.integers(3, dtype=float),
        DTypeError,
        "integers: dtype is float64; it must be one of integers",
    ),
    "bounds the wrong way": (lambda: random.uniform(2, 1), ValueError, "low is 2 and high is 1; low must be below high"),
    "an infinite range": (lambda: random.uniform(-np.inf, 0), ValueError, "and the distance finite"),
    "a negative deviation": (lambda: random.normal(0, -1), ValueError, "normal: std is -1; it must not be negative"),
    "equal bounds": (lambda: random.truncated_normal(low=1, high=1), ValueError, "low must be below high"),
    "no integers": (lambda: random.integers(5, 5), ValueError, "from 5 up to 4 there is nothing to draw"),
    "a float bound": (lambda: random.integers(0, 2.5), DTypeError, "high is 2.5; it must be an integer"),
    "float bounds": (
        lambda: random.integers(0, np.ones(2)),
        DTypeError,
        "a parameter is of dtype float64; it must be of integers",
    ),
    "a bound too large": (
        lambda: random.integers(0, 300, dtype=np.uint8),
        ValueError,
        "integers: high is out of bounds for uint8",
    ),
    "a complex mean": (lambda: random.normal(1j), DTypeError, "a parameter is of dtype complex128; it must be of reals"),
    "no probability": (lambda: random.bernoulli(1.5), ValueError, "p is 1.5; a probability is from 0 to 1"),
    "shapes": (lambda: random.normal(np.ones(3), np.ones(4)), ShapeError, r"the shapes \(3,\), \(4,\) have no common shape"),
    "a size too small": (
        lambda: random.normal(np.ones(3), 1, (2,)),
        ShapeError,
        r"normal: f64\[3\] does not broadcast to \(2,\)",
    ),
    "a float size": (lambda: random.uniform(size=2.5), ArgumentError, "sizes are integers"),
    "an order of nothing": (lambda: random.permutation(2.5), ShapeError, "has no elements to put in order"),
}


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named(call, error, text):
    with pytest.raises(error, match=text):
        call()
