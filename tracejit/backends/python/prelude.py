"""The words of a generated file under CPython and NumPy: what each means. ``backends/llvm/scalars.py`` must agree.

Scalars are NumPy's, of the exact dtype, and words return that dtype. Nothing warns: a program runs under ``np.errstate``.
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit.ir.dtype import bfloat16, is_half
from tracejit.schedule.cost import LEAST_CHUNK, MOST_CHUNKS

Scalar = Any  # a NumPy scalar
Pointer = np.ndarray[Any, Any]
Table = np.ndarray[Any, np.dtype[np.int64]]

inf, nan = np.inf, np.nan

# -- words that are NumPy's own --------------------------------------------------------------------------------------

absolute, sign, floor, ceil, rint, trunc = np.absolute, np.sign, np.floor, np.ceil, np.rint, np.trunc
isnan, isinf, isfinite, signbit = np.isnan, np.isinf, np.isfinite, np.signbit
maximum, minimum, fmax, fmin = np.maximum, np.minimum, np.fmax, np.fmin
floor_divide, remainder, fmod = np.floor_divide, np.remainder, np.fmod
left_shift, right_shift, gcd, lcm = np.left_shift, np.right_shift, np.gcd, np.lcm
copysign, nextafter, heaviside, conjugate = np.copysign, np.nextafter, np.heaviside, np.conjugate
quotient, sqrt, cbrt, hypot = np.divide, np.sqrt, np.cbrt, np.hypot
exp, exp2, expm1, logaddexp, logaddexp2 = np.exp, np.exp2, np.expm1, np.logaddexp, np.logaddexp2
log, log2, log10, log1p = np.log, np.log2, np.log10, np.log1p
sin, cos, tan, sinh, cosh, tanh = np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh
arcsin, arccos, arctan, arctan2 = np.arcsin, np.arccos, np.arctan, np.arctan2
arcsinh, arccosh, arctanh = np.arcsinh, np.arccosh, np.arctanh

# -- functions of a file ---------------------------------------------------------------------------------------------


def program(function: Callable[..., None]) -> Callable[..., None]:
    """Mark ``function(table)`` as the entry of a file."""
    return _quiet(function)


def region(function: Callable[..., None]) -> Callable[..., None]:
    """Mark ``function(chunk, begin, end, table)`` as the work on the rows ``begin..end``."""
    return _quiet(function)


def _quiet(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def run(*args: Any) -> None:
        with np.errstate(all="ignore"):
            function(*args)

    return run


def grain_of(total: int, work: int) -> int:
    """Rows of a chunk for ``work`` tenths of ns a row: from sizes alone, so that results do not depend on the threads."""
    return int(max(1, -(-total // MOST_CHUNKS), -(-LEAST_CHUNK // max(work, 1))))


def parallel_for(region: Callable[..., None], table: Table, first: int, total: int, grain: int, work: int) -> None:
    """Call ``region`` for every chunk of ``grain`` rows, in order, with the table from its word ``first`` on."""
    args = table[first:]
    for chunk, begin in enumerate(range(0, total, grain)):
        region(chunk, begin, min(begin + grain, total), args)


def parallel_for_each(region: Callable[..., None], table: Table, first: int, count: int, stride: int) -> None:
    """Launch a region for each of ``count`` records of ``stride`` words: rows, work a row, two words for the launch, ``args``."""
    for record in range(first, first + count * stride, stride):
        rows, work = int(table[record]), int(table[record + 1])
        parallel_for(region, table, record + 4, rows, grain_of(rows, work), work)


def stamp(table: Table, word: int) -> None:
    """Store the time in the table, in ticks of whatever clock is at hand."""
    table[word] = time.perf_counter_ns()


# -- types and memory ------------------------------------------------------------------------------------------------


@functools.cache
def _dtype(name: str) -> np.dtype:
    return bfloat16() if name == "bf16" else np.dtype(name)


def _cast(dtype: str) -> Callable[[Any], Scalar]:
    """Convert a scalar as ``astype`` does; a Python number first takes NumPy's widest type, so that it wraps, too."""

    def cast(x: Any) -> Scalar:
        to, scalar = _dtype(dtype), np.asarray(x)
        return (scalar.real if scalar.dtype.kind == "c" and to.kind not in "cb" else scalar).astype(to)[()]

    cast.__name__ = dtype
    return cast


def _pointer(dtype: str) -> Callable[[int, int], Pointer]:
    """The ``size`` elements from ``address`` on, without a copy."""

    def at(address: int, size: int) -> Pointer:
        to = _dtype(dtype)
        if size <= 0:
            return np.empty(0, to)
        block = (ctypes.c_byte * (int(size) * to.itemsize)).from_address(int(address))
        return np.frombuffer(memoryview(block), to)

    return at


def _room(dtype: str) -> Callable[[int], Pointer]:
    """Memory for ``count`` elements, with anything in it, that is the function's own while it runs."""
    return lambda count: np.empty(count, _dtype(dtype))


b1, b1_at = _cast("?"), _pointer("?")
i8, i8_at = _cast("i1"), _pointer("i1")
i16, i16_at = _cast("i2"), _pointer("i2")
i32, i32_at = _cast("i4"), _pointer("i4")
i64, i64_at = _cast("i8"), _pointer("i8")
u8, u8_at = _cast("u1"), _pointer("u1")
u16, u16_at = _cast("u2"), _pointer("u2")
u32, u32_at = _cast("u4"), _pointer("u4")
u64, u64_at = _cast("u8"), _pointer("u8")
f16, f16_at = _cast("f2"), _pointer("f2")
bf16, bf16_at = _cast("bf16"), _pointer("bf16")
f32, f32_at = _cast("f4"), _pointer("f4")
f64, f64_at = _cast("f8"), _pointer("f8")
c64, c64_at = _cast("c8"), _pointer("c8")
c128, c128_at = _cast("c16"), _pointer("c16")
b1_room, i8_room, i16_room, i32_room, i64_room = map(_room, ("?", "i1", "i2", "i4", "i8"))
u8_room, u16_room, u32_room, u64_room = map(_room, ("u1", "u2", "u4", "u8"))
f16_room, bf16_room, f32_room, f64_room, c64_room, c128_room = map(_room, ("f2", "bf16", "f4", "f8", "c8", "c16"))


def as_f64(bits: int) -> Scalar:
    """The f64 with the bits of an i64."""
    return np.int64(bits).view(np.float64)


# -- choice and accumulation -----------------------------------------------------------------------------------------


def select(condition: Any, x: Scalar, y: Scalar) -> Scalar:
    """Take ``x`` where the condition holds, else ``y``."""
    return x if condition else y


def plus(accumulator: Scalar, x: Scalar) -> Scalar:
    """One step of a sum; machine code may regroup its steps."""
    return accumulator + x


def times(accumulator: Scalar, x: Scalar) -> Scalar:
    """One step of a product; machine code may regroup its steps."""
    return accumulator * x


max_of, min_of = maximum, minimum

# -- what NumPy has not ----------------------------------------------------------------------------------------------


def power(x: Scalar, y: Scalar) -> Scalar:
    """``x**y``; of integers with ``y < 0``, which NumPy refuses, the quotient towards 0."""
    if isinstance(y, np.integer) and y < 0:
        unit = x if y % 2 else x * x
        return unit if abs(int(x)) == 1 else type(x)(0)
    if y == 0.5 and (x == -inf or x == 0):  # as C; NumPy answers single numbers, but not arrays, with sqrt(x)
        return absolute(x)
    return np.power(x, y)


def sigmoid(x: Scalar) -> Scalar:
    """``1 / (1 + exp(-x))``, computed from ``exp(-|x|)``, which does not overflow."""
    small = exp(-absolute(x))
    one = type(x)(1)
    return one / (one + small) if x >= 0 else small / (one + small)


def softplus(x: Scalar) -> Scalar:
    """``log(1 + exp(x))`` without overflow."""
    return np.logaddexp(x, type(x)(0))


def philox(index: Scalar, seed: Scalar, draw: Scalar) -> Scalar:
    """Word ``index % 4`` of Philox4x32-10 for the counter ``(index // 4, draw)`` and the key ``seed``, a u32."""
    low = 0xFFFFFFFF
    (block, lane), seed, draw = divmod(int(index) % 2**64, 4), int(seed) % 2**64, int(draw) % 2**64
    c0, c1, c2, c3, k0, k1 = block & low, block >> 32, draw & low, draw >> 32, seed & low, seed >> 32
    for _ in range(10):
        left, right = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (right >> 32) ^ c1 ^ k0, right & low, (left >> 32) ^ c3 ^ k1, left & low
        k0, k1 = (k0 + 0x9E3779B9) & low, (k1 + 0xBB67AE85) & low
    return np.uint32((c0, c1, c2, c3)[lane])


def real(x: Scalar) -> Scalar:
    """Take the real part."""
    return np.real(x)[()]


def imag(x: Scalar) -> Scalar:
    """Take the imaginary part."""
    return np.imag(x)[()]


def erf(x: Scalar) -> Scalar:
    """Error function."""
    return _special().erf(x)


def erfc(x: Scalar) -> Scalar:
    """``1 - erf(x)``, relative to itself."""
    return _special().erfc(x)


def lgamma(x: Scalar) -> Scalar:
    """``log|gamma(x)|``; ``-log|x|`` next to 0, where SciPy overflows."""
    return -log(absolute(x)) if 0 < absolute(x) < 1e-30 else _special().gammaln(x)


def digamma(x: Scalar) -> Scalar:
    """The derivative of ``lgamma``."""
    return _special().digamma(x)


def _special() -> Any:
    """SciPy's special functions, loaded at their first use: the other words need NumPy alone."""
    import scipy.special

    return scipy.special


exp_libm, log_libm, tanh_libm, erf_libm = exp, log, tanh, erf
sin_libm, cos_libm, sigmoid_libm, power_libm = sin, cos, sigmoid, power

# -- matrices and sorting --------------------------------------------------------------------------------------------


def _gemm(transpose_a: bool, transpose_b: bool) -> Callable[..., None]:
    def gemm(cblas: int, c: Pointer, a: Pointer, b: Pointer, m: int, k: int, n: int, *rest: Any) -> None:
        """``c[m, n] = alpha * op(a)[m, k] @ op(b)[k, n] + beta * c``, rows ``lda``, ``ldb``, ``ldc`` elements apart."""
        lda, ldb, ldc, alpha, beta = rest
        if m <= 0 or n <= 0:
            return
        wide = np.float32 if is_half(c.dtype) else c.dtype
        left = (_matrix(a, k, m, lda).T if transpose_a else _matrix(a, m, k, lda)).astype(wide, copy=False)
        right = (_matrix(b, n, k, ldb).T if transpose_b else _matrix(b, k, n, ldb)).astype(wide, copy=False)
        out = _matrix(c, m, n, ldc)
        product = alpha * (left @ right)
        out[...] = product if beta == 0 else product + beta * out

    return gemm


def _matrix(x: Pointer, rows: int, columns: int, stride: int) -> Pointer:
    """``rows`` rows that begin ``stride`` elements apart; the last may be shorter than the stride."""
    return np.lib.stride_tricks.as_strided(x, (rows, columns), (stride * x.itemsize, x.itemsize))


gemm_nn, gemm_nt, gemm_tn, gemm_tt = _gemm(False, False), _gemm(False, True), _gemm(True, False), _gemm(True, True)


def argsort_into(x: Pointer, out: Pointer, scratch: Pointer, size: int) -> None:
    """Write the stable order of ``x[0:size]`` to ``out``, NaN last."""
    out[:size] = np.argsort(x[:size], kind="stable")


def sort_into(x: Pointer, out: Pointer, scratch: Pointer, size: int) -> None:
    """Write ``x[0:size]`` to ``out`` in rising order, -0.0 before 0.0, NaN last."""
    values = x[:size][np.argsort(x[:size], kind="stable")]  # np.sort may change the signs of zeros
    if values.dtype.kind == "f":
        values[values == 0] = sorted(values[values == 0], key=np.signbit, reverse=True)
    out[:size] = values


def _in_shares(sort: Callable[..., None]) -> tuple[Callable[..., None], ...]:
    """``sort`` of one long row by many threads: a beginning, parts of the row, shares of the result; the first does it all."""

    def begin(x: Pointer, memory: Pointer, size: int) -> None:
        """Choose the pivots between the shares."""

    def part(x: Pointer, memory: Pointer, size: int, part: int) -> None:
        """Divide a part of the row among the shares."""

    def share(x: Pointer, out: Pointer, memory: Pointer, size: int, share: int) -> None:
        """Sort a share into its place of ``out``."""
        if share == 0:
            sort(x, out, memory, size)

    return begin, part, share


sort_into_begin, sort_into_part, sort_into_share = _in_shares(sort_into)
argsort_into_begin, argsort_into_part, argsort_into_share = _in_shares(argsort_into)
