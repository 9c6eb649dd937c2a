"""How far is the vector mathematics from the truth? The worst error of each function, in ulp, and the argument where it occurs.

python benchmarks/accuracy.py [--quick] [function ...]

A function of one float32 is asked about every one: 2**32 arguments, beside its own float64 form. That form, in turn, is asked
about a dense sample, beside NumPy's 80 bits or mpmath: over its usual range, near 0, near 1, and over all magnitudes. What takes
two operands is asked about random pairs and a grid of special numbers. ``--quick`` takes fewer arguments of each kind. The speed
is that of one thread within the first cache, as a multiple of NumPy's; "-" where NumPy lacks the function.
"""

from __future__ import annotations

import argparse
import re
import sys
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

import tracejit as tj
import tracejit.ops.composite.elementary as composites
from tracejit.backends.llvm import (
    complex_words,
    value,
    vector_erf,
    vector_gamma,
    vector_hyperbolic,
    vector_inverse,
    vector_log,
    vector_math,
    vector_power,
    vector_trig,
)

Array = np.ndarray[Any, Any]
MODULES = (
    value, complex_words, vector_math, vector_log, vector_power, vector_trig, vector_inverse, vector_hyperbolic, vector_erf,
    vector_gamma, composites,
)  # fmt: skip
BLOCK = 1 << 20
REALS, POSITIVE = (-np.inf, np.inf), (0.0, np.inf)


@dataclass(frozen=True)
class Case:
    """A function, its usual arguments for float32 and float64, and what the truth comes from.

    Attributes:
        call: The function, of traced arrays.
        usual: Where most of the float64 sample is drawn from.
        wide: The same of 80-bit arrays; None where mpmath must do.
        exact: The same of one mpmath number.
        domain: Where the error is relative to the result; outside, to the larger of the result and 1.
        pair: Whether it takes two operands.
    """

    call: Callable[..., Any]
    usual: tuple[float, float]
    wide: Callable[..., Array] | None = None
    exact: Callable[..., Any] | None = None
    domain: tuple[float, float] = REALS
    pair: bool = False


def numpys(name: str, low: float, high: float, pair: bool = False) -> Case:
    """A function that NumPy has."""
    return Case(getattr(np, name), (low, high), getattr(np, name), pair=pair)


def sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


def lgamma(x: Any) -> Any:
    return mpmath.loggamma(x) if x > 0 else mpmath.log(mpmath.pi / abs(mpmath.sinpi(x))) - mpmath.loggamma(1 - x)


def gelu(x: Any) -> Any:
    return x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def rsqrt(x: Array) -> Array:
    return 1 / np.sqrt(x)


def softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


CASES = {
    "exp": numpys("exp", -750, 711),
    "exp2": numpys("exp2", -1080, 1025),
    "expm1": numpys("expm1", -50, 711),
    "log": numpys("log", 0, 10),
    "log2": numpys("log2", 0, 10),
    "log10": numpys("log10", 0, 10),
    "log1p": numpys("log1p", -1, 10),
    "sin": numpys("sin", -1000, 1000),
    "cos": numpys("cos", -1000, 1000),
    "tan": numpys("tan", -1000, 1000),
    "arcsin": numpys("arcsin", -1, 1),
    "arccos": numpys("arccos", -1, 1),
    "arctan": numpys("arctan", -10, 10),
    "sinh": numpys("sinh", -711, 711),
    "cosh": numpys("cosh", -711, 711),
    "tanh": numpys("tanh", -20, 20),
    "arcsinh": numpys("arcsinh", -10, 10),
    "arccosh": numpys("arccosh", 1, 10),
    "arctanh": numpys("arctanh", -1, 1),
    "erf": Case(tj.erf, (-6, 6), exact=mpmath.erf),
    "erfc": Case(tj.erfc, (-6, 27.3), exact=mpmath.erfc),
    "sqrt": numpys("sqrt", 0, 10),
    "rsqrt": Case(tj.rsqrt, (0, 10), rsqrt),
    "cbrt": numpys("cbrt", -10, 10),
    "sigmoid": Case(tj.sigmoid, (-750, 40), sigmoid),
    "softplus": Case(tj.softplus, (-750, 40), softplus),
    "gelu": Case(tj.gelu, (-10, 10), exact=gelu, domain=(-0.5, np.inf)),
    "lgamma": Case(tj.lgamma, (-10, 30), exact=lgamma, domain=POSITIVE),
    "digamma": Case(tj.digamma, (-10, 30), exact=mpmath.digamma, domain=POSITIVE),
    "power": numpys("power", 0, 10, pair=True),
    "arctan2": numpys("arctan2", -10, 10, pair=True),
    "hypot": numpys("hypot", -10, 10, pair=True),
}


def stated(name: str) -> dict[str, tuple[float, float]]:
    """What the docstring of a function states, in ulp: the worst error within and outside of its domain, by dtype."""
    texts = [f.__doc__ or "" for module in MODULES if (f := vars(module).get(name)) and f.__module__ == module.__name__]
    statement = r"Worst error: ([\d.]+) ulp in f32, ([\d.]+) in f64(?:; below [-.\d]+, ([\d.]+) and ([\d.]+))?"
    found = next((found for text in texts if (found := re.search(statement, text))), None)
    if found is None:
        raise LookupError(f"{name} states no worst error")
    inside, outside = found.group(1, 2), found.group(3, 4)
    return {f: (float(a), float(b or a)) for f, a, b in zip(("float32", "float64"), inside, outside, strict=True)}


# -- errors ----------------------------------------------------------------------------------------------------------

EDGE = {"float32": 2.0**128, "float64": np.ldexp(np.longdouble(1), 1024)}  # the number after the largest


def error(got: Any, want: Any, least: Any) -> Any:
    """The error of ``got`` in units of the last place of the right results, or of ``least`` where that is larger.

    Works on NumPy's arrays and on traced ones. Infinity counts as the number after the largest; NaN out of place is inf.
    """
    narrow, wide, edge = got.dtype.type, want.dtype.type, EDGE[got.dtype.name]
    largest = np.finfo(narrow).max
    size = np.minimum(np.maximum(np.abs(want).astype(narrow), least), np.nextafter(largest, narrow(0)))
    unit = (np.nextafter(size, largest) - size).astype(wide)
    distance = np.abs(np.clip(got.astype(wide), -edge, edge) - np.clip(want, -edge, edge)) / unit
    return np.where(np.isnan(got) & np.isnan(want), wide(0), np.where(np.isnan(distance), wide(np.inf), distance))


def least_of(case: Case, x: Any) -> Any:
    """1 outside of the domain where errors are relative, 0 within."""
    low, high = case.domain
    return np.where((x < low) | (x > high), x.dtype.type(1), x.dtype.type(0))


@dataclass
class Worst:
    """The largest error so far, and the operands of it."""

    ulp: float = 0.0
    at: tuple[float, ...] = ()

    def see(self, errors: Array, *operands: Array) -> None:
        place = int(np.argmax(errors))
        if errors[place] > self.ulp:
            self.ulp, self.at = float(errors[place]), tuple(float(x[place]) for x in operands)

    def __str__(self) -> str:
        return f"{self.ulp:.3f} at {', '.join(map(repr, self.at))}"


Found = tuple[Worst, Worst]  # within and outside of the domain


def of_every_float32(case: Case, stride: int) -> Found:
    """Ask about every ``stride``-th float32, beside the function's own float64 form."""

    @tj.function
    def errors(x: Any) -> Any:
        return error(case.call(x), case.call(x.astype(np.float64)), least_of(case, x))

    @tj.function
    def largest(x: Any) -> Any:
        found, outside = errors(x), least_of(case, x) > 0
        return np.where(outside, 0.0, found).max(), np.where(outside, found, 0.0).max()

    worst = Worst(), Worst()
    steps = np.arange(BLOCK, dtype=np.uint32) * np.uint32(stride)
    for start in range(0, 2**32, BLOCK * stride):
        x = (steps + np.uint32(start)).view(np.float32)
        for place, found in zip(worst, largest(x), strict=True):
            if found > place.ulp:
                see(case, worst, np.asarray(errors(x)), x)
    return worst


def traced(case: Case) -> Callable[..., Any]:
    return tj.function((lambda x, y: case.call(x, y)) if case.pair else (lambda x: case.call(x)))


def see(case: Case, worst: Found, errors: Array, x: Array, *others: Array) -> None:
    outside = least_of(case, x) > 0
    worst[0].see(np.where(outside, 0, errors), x, *others)
    worst[1].see(np.where(outside, errors, 0), x, *others)


def of_a_sample(case: Case, dtype: type, size: int, by_mpmath: int) -> Found:
    """Ask about a sample: float64, or pairs of either dtype; ``by_mpmath`` arguments where the truth comes from mpmath."""
    call, worst = traced(case), (Worst(), Worst())
    operands = pairs(case, dtype, size) if case.pair else (sample(case, size if case.wide else by_mpmath),)
    with np.errstate(all="ignore"):
        if case.wide is None:
            want = by_numbers(case.exact, operands[0])
        else:
            want = case.wide(*(x.astype(np.float64 if dtype is np.float32 else np.longdouble) for x in operands))
        see(case, worst, error(np.asarray(call(*operands)), want, least_of(case, operands[0])), *operands)
    return worst


def by_numbers(exact: Callable[..., Any], x: Array) -> Array:
    """The truth of each number from mpmath, rounded to 80 bits."""
    with mpmath.workprec(120), np.errstate(all="ignore"):  # some vanish in 80 bits, too
        return np.array([np.longdouble(mpmath.nstr(mpmath.re(exact(mpmath.mpf(float(v)))), 25)) for v in x])


def sample(case: Case, size: int) -> Array:
    """Half of the usual arguments, then normal ones about 0, of several widths, and about 1, and some of all magnitudes."""
    random, (low, high) = np.random.default_rng(7), case.usual
    part = size // 8
    near = random.normal(size=3 * part) * np.repeat([1, 0.1, 1e-4], part)
    signs = random.choice([-1.0, 1.0] if low < 0 else [1.0], part)
    wide = signs * np.exp(random.uniform(*((-100, 5) if case.wide is None else (-744, 709)), part))
    x = np.concatenate([random.uniform(low, high, 4 * part), np.abs(near) if low >= 0 else near, 1 + near[-part:], wide])
    return x[(x != np.rint(x)) | (x > 0)] if case.wide is None else x  # no poles of the gamma family


def pairs(case: Case, dtype: type, size: int) -> tuple[Array, Array]:
    """Pairs whose result is a number most of the time, of all magnitudes, and a grid of special ones."""
    random, top = np.random.default_rng(3), np.log(float(np.finfo(dtype).max))
    part = size // 3
    usual, anything = random.uniform(*case.usual, part), np.exp(random.uniform(-top, top, part))
    x = np.concatenate([usual, anything, 1 + random.normal(size=part) * 1e-3]).astype(dtype)
    if case.call is np.power:
        with np.errstate(all="ignore"):
            y = (random.uniform(-1.03, 1.02, len(x)) * top / np.log(x.astype(np.float64))).astype(dtype)
        y[::5] = np.rint(y[::5])
    else:
        with np.errstate(all="ignore"):
            y = (x * np.exp(random.normal(size=len(x)) * 5)).astype(dtype)
        y[::2] = -y[::2]
    x[::10] = -x[::10]
    numbers = [0.0, 0.5, 1.0, 2.0, 3.0, 2.5, 1e10, float(2**53 - 1), np.inf]
    special = np.array([*numbers, *(-v for v in numbers), np.nan], dtype)
    left, right = (grid.ravel() for grid in np.meshgrid(special, special))
    return np.concatenate([x, left]), np.concatenate([y, right])


def measured(name: str, dtype: str, quick: bool) -> Found:
    """The worst errors of a function, by all arguments or by a sample of them."""
    case = CASES[name]
    if dtype == "float32" and not case.pair:
        return of_every_float32(case, 4093 if quick else 1)
    sizes = (200_000, 2_000) if quick else (4_000_000, 60_000)
    return of_a_sample(case, np.float32 if dtype == "float32" else np.float64, *sizes)


# -- speed and report ------------------------------------------------------------------------------------------------


def speed(name: str, dtype: type) -> str:
    """How many times as fast as NumPy the function is on 8192 numbers, too few for a second thread; the best of many rounds."""
    case, theirs = CASES[name], getattr(np, name, None)
    if theirs is None:
        return "-"
    low, high = max(case.usual[0], -20), min(case.usual[1], 20)
    operands = [np.random.default_rng(i).uniform(low, high, 8192).astype(dtype) for i in range(1 + case.pair)]
    operands[0] = np.abs(operands[0]) if name == "power" else operands[0]
    call, out = traced(case), np.empty_like(operands[0])
    with np.errstate(all="ignore"):
        times = [
            min(timeit.repeat(run, number=20, repeat=50)) for run in (lambda: theirs(*operands, out), lambda: call(*operands))
        ]
    return f"{times[0] / times[1]:.2f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer arguments of each kind")
    parser.add_argument("names", nargs="*", choices=[*CASES, []], metavar="function", help="those to measure, by default all")
    options = parser.parse_args()
    failures = 0
    print(f"{'function':9} {'dtype':8} {'stated':>6} {'speed':>6}  worst error in ulp, and where")
    for name in options.names or CASES:
        for dtype in ("float32", "float64"):
            found, ratio = measured(name, dtype, options.quick), speed(name, getattr(np, dtype))
            notes = "", f" (below {CASES[name].domain[0]}, in ulp of the larger of the result and 1)"
            for worst, bound, note in zip(found, stated(name)[dtype], notes, strict=True):
                if worst.at:
                    failures += worst.ulp > bound
                    verdict = "" if worst.ulp <= bound else "  MORE THAN STATED"
                    print(f"{name:9} {dtype:8} {bound:6.1f} {ratio:>6}  {worst}{note}{verdict}", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(main())
