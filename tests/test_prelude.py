"""The words of generated files: the machine code of each equals what it means under CPython."""

from __future__ import annotations

import ctypes
import glob
import itertools
import os
import re
import timeit

import numpy as np
import pytest
from native import native, table_of, undefined_symbols

from tracejit.backends.cpu.compile import compile_source
from tracejit.backends.python.run import load_source

FLOAT_WORDS = (
    "exp exp2 expm1 log log2 log10 log1p sqrt cbrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh "
    "erf erfc sigmoid softplus lgamma digamma absolute sign floor ceil rint trunc "
    "exp_libm log_libm tanh_libm erf_libm sin_libm cos_libm sigmoid_libm"
)
FLOAT_PAIRS = (
    "maximum minimum fmax fmin power floor_divide remainder fmod arctan2 hypot logaddexp logaddexp2 copysign nextafter "
    "heaviside plus times max_of min_of power_libm"
)
FLOAT_TESTS = "isnan isinf isfinite signbit"
INTEGER_WORDS = "absolute sign floor ceil trunc"
INTEGER_PAIRS = (
    "maximum minimum fmax fmin power floor_divide remainder fmod left_shift right_shift gcd lcm plus times max_of min_of"
)
BOOL_PAIRS = "maximum minimum max_of min_of plus times"
COMPLEX_WORDS = "exp log sqrt conjugate"
COMPLEX_PARTS = "absolute real imag"
NAMES = {"b1": "?", "i8": "i1", "i16": "i2", "i32": "i4", "i64": "i8", "u8": "u1", "u16": "u2", "u32": "u4", "u64": "u8"} | {
    "f32": "f4", "f64": "f8", "c64": "c8", "c128": "c16",
}  # fmt: skip
SIZES = {name: np.dtype(code).itemsize for name, code in NAMES.items()}


def source(dtype: str, columns: list[tuple[str, str]]) -> str:
    """A program that stores one column per expression of ``v0`` and ``v1``; ``columns`` are (expression, its dtype)."""
    words = sorted({word for text, _ in columns for word in re.findall(r"\b[a-z]\w*(?=\()", text)} | {"program"})
    pointers = sorted({f"{kind}_at" for _, kind in columns} | {f"{dtype}_at"})
    lines = [f"from prelude import {', '.join(sorted({*words, *pointers}))}", "", "@program", "def step(table):"]
    lines += ["    n = table[8]", f"    x = {dtype}_at(table[9], n)", f"    y = {dtype}_at(table[10], n)"]
    for index, (text, kind) in enumerate(columns):
        lines += [f"    out = {kind}_at(table[{11 + index}], n)", "    for i in range(n):"]
        lines += ["        v0 = x[i]", "        v1 = y[i]", f"        out[i] = {text}"]
    return "\n".join(lines) + "\n"


def columns_of(words: str, kind: str, operands: str) -> list[tuple[str, str]]:
    """One column for each word of these operands."""
    return [(f"{word}({operands})", kind) for word in words.split()]


def both(dtype: str, columns: list[tuple[str, str]], x: np.ndarray, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """What machine code and CPython make of each column."""
    text = source(dtype, columns)
    outs = []
    for run in (native(text), load_source(text, "generated.py")):
        columns_out = [np.full(len(x), 3, NAMES[kind]) for _, kind in columns]
        assert not run(table_of(len(x), x, y, *columns_out))
        outs.append(columns_out)
    return list(zip(*outs, strict=True))


def assert_same(got: np.ndarray, want: np.ndarray, ulp: float, label: str) -> None:
    """Equal dtypes and values within ``ulp``; NaN equals NaN and, with ``ulp`` 0, zeros agree in sign."""
    assert got.dtype == want.dtype, label
    if got.dtype.kind == "c":
        part = got.real.dtype
        got, want = got.view(part), want.view(part)
        # a part far below the other holds no digits of its own
        with np.errstate(all="ignore"):
            size = np.repeat(np.hypot(want[::2], want[1::2]), 2)
        size = np.where(np.isfinite(size), size, want)
    else:
        size = want
    same = (got == want) | ((got != got) & (want != want))
    if got.dtype.kind == "f":
        if ulp == 0:
            same &= np.isnan(want) | (np.signbit(got) == np.signbit(want))
        with np.errstate(all="ignore"):
            close = np.abs(got.astype("f8") - want) <= ulp * np.spacing(np.abs(size))
        same |= close & np.isfinite(got) & np.isfinite(want)
    assert same.all(), f"{label}: {got[~same][:4]} is not {want[~same][:4]} at {np.flatnonzero(~same)[:4]}"


def special_floats(dtype: str) -> np.ndarray:
    limit = np.finfo(dtype)
    numbers = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 7.5, 100.0, 1e-3, np.pi, np.inf, limit.max, limit.tiny, limit.smallest_subnormal]
    return np.array([*numbers, *(-x for x in numbers), np.nan], dtype)


def pairs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.array(list(itertools.product(values, repeat=2)), values.dtype).T
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


# SciPy's and the C library's own errors; where they differ by more, the test of the vector mathematics decides.
LOOSE = {"lgamma": 30, "digamma": 30, "power": 4, "logaddexp": 12, "logaddexp2": 12}
BITWISE = "absolute sign floor ceil rint trunc maximum minimum fmax fmin copysign nextafter heaviside floor_divide remainder fmod"


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_words_of_floats_equal_their_twins(dtype: str) -> None:
    values = special_floats(NAMES[dtype])
    x, y = pairs(values)
    columns = columns_of(FLOAT_WORDS, dtype, "v0") + columns_of(FLOAT_TESTS, "b1", "v0")
    columns += [*columns_of(FLOAT_PAIRS, dtype, "v0, v1"), ("select(v0 < v1, v0, v1)", dtype)]
    for (text, _), (got, want) in zip(columns, both(dtype, columns, x, y), strict=True):
        word = text[: text.index("(")]
        assert_same(got, want, 0 if word in BITWISE.split() else LOOSE.get(word, 4), f"{dtype} {text}")


@pytest.mark.parametrize("dtype", ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"])
def test_words_of_integers_equal_their_twins(dtype: str) -> None:
    limit = np.iinfo(NAMES[dtype])
    numbers = {0, 1, 2, 3, 5, 7, 12, 63, limit.bits - 1, limit.max, limit.max - 1, limit.min, limit.min + 1}
    if limit.min:
        numbers |= {-1, -2, -3, -12}
    x, y = pairs(np.array(sorted(numbers), NAMES[dtype]))
    columns = columns_of(INTEGER_WORDS, dtype, "v0") + columns_of("isnan isinf isfinite", "b1", "v0")
    columns += [*columns_of(INTEGER_PAIRS, dtype, "v0, v1"), ("select(v0 < v1, v0, v1)", dtype)]
    columns += [(f"{dtype}(v0 * v1)", dtype), (f"{dtype}(v0 + v1)", dtype)]
    for (text, _), (got, want) in zip(columns, both(dtype, columns, x, y), strict=True):
        assert_same(got, want, 0, f"{dtype} {text}")


def test_words_of_bools_equal_their_twins() -> None:
    x, y = pairs(np.array([False, True]))
    columns = columns_of(BOOL_PAIRS, "b1", "v0, v1")
    columns += [("absolute(v0)", "b1"), ("select(v0, v0, v1)", "b1"), ("isnan(v0)", "b1")]
    for (text, _), (got, want) in zip(columns, both("b1", columns, x, y), strict=True):
        assert_same(got, want, 0, text)


@pytest.mark.parametrize("dtype", ["c64", "c128"])
def test_words_of_complex_numbers_equal_their_twins(dtype: str) -> None:
    real = "f32" if dtype == "c64" else "f64"
    parts = special_floats(NAMES[real])
    x = (np.repeat(parts, len(parts)), np.tile(parts, len(parts)))
    z = np.empty(len(x[0]), NAMES[dtype])
    z.real, z.imag = x
    w = np.roll(z, 7)
    columns = columns_of(COMPLEX_WORDS, dtype, "v0") + columns_of(COMPLEX_PARTS, real, "v0")
    columns += [("plus(v0, v1)", dtype), ("select(real(v0) < real(v1), v0, v1)", dtype), (f"{real}(v0)", real), ("b1(v0)", "b1")]
    for (text, _), (got, want) in zip(columns, both(dtype, columns, z, w), strict=True):
        assert_same(got, want, 8, f"{dtype} {text}")


@pytest.mark.parametrize("dtype", list(NAMES))
def test_casts_equal_their_twins(dtype: str) -> None:
    if dtype == "b1":
        x = np.array([False, True])
    elif NAMES[dtype][0] in "iu":
        limit = np.iinfo(NAMES[dtype])
        x = np.array([0, 1, 2, 100, limit.min, limit.max], NAMES[dtype])
    else:
        powers = [2.0**31, -(2.0**31), 2.0**40, 2.0**63, 1.5 * 2.0**63]
        x = np.array([0.0, -0.0, 0.3, -3.7, 100.9, *powers, np.inf, np.nan], NAMES[dtype])
    if NAMES[dtype][0] == "c":
        x = np.append(x, np.array([1j, 2 - 3j], NAMES[dtype]))
    columns = [(f"{to}(v0)", to) for to in NAMES]
    for (text, _), (got, want) in zip(columns, both(dtype, columns, x, x), strict=True):
        assert_same(got, want, 0, f"{dtype} {text}")


def test_bits_become_a_double() -> None:
    text = """from prelude import as_f64, f64_at, program

@program
def step(table):
    f64_at(table[8], 1)[0] = as_f64(table[9])
"""
    for run in (native(text), load_source(text, "generated.py")):
        out = np.zeros(1)
        run(table_of(out, int(np.float64(-0.1).view(np.int64))))
        assert out[0] == -0.1


# -- matrix products -------------------------------------------------------------------------------------------------

GEMM = """from prelude import {at}, {dtype}, {word}, program

@program
def step(table):
    c = {at}(table[8], table[14] * table[19])
    a = {at}(table[9], 1000)
    b = {at}(table[10], 1000)
    factors = {at}(table[11], 2)
    {word}({cblas}, c, a, b, table[14], table[15], table[16], table[17], table[18], table[19], factors[0], factors[1])
"""


def blas() -> tuple[int, int]:
    """The addresses of NumPy's own sgemm and dgemm."""
    found = glob.glob(os.path.join(os.path.dirname(os.path.dirname(np.__file__)), "numpy.libs", "libscipy_openblas64_*"))
    library = ctypes.CDLL(found[0])
    names = ("scipy_cblas_sgemm64_", "scipy_cblas_dgemm64_")
    single, double = (ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in names)
    return single, double


@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("word", ["gemm_nn", "gemm_nt", "gemm_tn", "gemm_tt"])
def test_matrix_products_equal_numpy(word: str, dtype: str) -> None:
    text = GEMM.format(at=f"{dtype}_at", dtype=dtype, word=word, cblas=f"table[{2 if dtype == 'f32' else 3}]")
    random, real = np.random.default_rng(0), np.dtype(NAMES[dtype])
    runs = native(text), load_source(text, "generated.py")
    for m, k, n in [(3, 4, 5), (1, 7, 1), (2, 0, 3), (0, 4, 5), (3, 4, 0), (4, 1, 4)]:
        for alpha, beta in [(1, 0), (-0.5, 1), (2, 0.25)]:
            a = random.normal(size=(k, m) if word[5] == "t" else (m, k)).astype(real)
            b = random.normal(size=(n, k) if word[6] == "t" else (k, n)).astype(real)
            ldc = n + 2
            before = random.normal(size=(m, ldc)).astype(real)
            if beta == 0:
                before[:, :n] = np.nan  # not read
            product = (a.T if word[5] == "t" else a) @ (b.T if word[6] == "t" else b)
            want = before.copy()
            want[:, :n] = real.type(alpha) * product + (real.type(beta) * before[:, :n] if beta else 0)
            factors = np.array([alpha, beta], real)
            for run in runs:
                c = before.copy()
                strides = [max(a.shape[1], 1), max(b.shape[1], 1), ldc]
                run(table_of(c, a, b, factors, 0, 0, m, k, n, *strides, gemm=blas()))
                np.testing.assert_allclose(c, want, rtol=1e-5, atol=1e-5)


# -- machine code ----------------------------------------------------------------------------------------------------


def test_words_need_the_c_library_only() -> None:
    text = source("f64", columns_of(FLOAT_WORDS, "f64", "v0") + columns_of(FLOAT_PAIRS, "f64", "v0, v1"))
    mathematics = {"", "cos", "erf", "exp", "fmod", "lgamma", "log", "pow", "sin", "tan", "tanh"}
    assert undefined_symbols(compile_source(text, "generated.py").object_code) <= mathematics


REDUCTION = """from prelude import {dtype}, {dtype}_at, max_of, min_of, plus, program

@program
def step(table):
    x = {dtype}_at(table[9], table[8])
    out = {dtype}_at(table[10], 1)
    total = {dtype}(0)
    for i in range(table[8]):
        total = {step}
    out[0] = total
"""


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_reductions_run_in_vectors(dtype: str) -> None:
    x, out = np.ones(20_000, NAMES[dtype]), np.zeros(1, NAMES[dtype])
    table = table_of(len(x), x, out)

    def seconds(step: str) -> float:
        run = native(REDUCTION.format(dtype=dtype, step=step))
        return min(timeit.repeat(lambda: run(table), number=20, repeat=9))

    in_order = seconds("total + x[i]")
    for word in ("plus", "max_of", "min_of"):
        assert seconds(f"{word}(total, x[i])") < in_order / 2
