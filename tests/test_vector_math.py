"""Our own mathematics: the worst error of each function is within what is stated here, from the usual to the extreme."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
from native import native, table_of

from tracejit.backends.cpu import (
    vector_erf,
    vector_gamma,
    vector_hyperbolic,
    vector_inverse,
    vector_log,
    vector_math,
    vector_power,
    vector_trig,
)
from tracejit.backends.cpu.translate import translated

Array = np.ndarray[Any, Any]
DTYPES = {"f32": np.float32, "f64": np.float64}
MPMATH_POINTS = 1500  # in a sample whose truth comes from mpmath, some 30 us each


def same(low: float, high: float) -> tuple[tuple[float, float], tuple[float, float]]:
    return (low, high), (low, high)


# The usual arguments of each function, for (f32, f64).
FUNCTIONS = {
    "exp": ((-105, 90), (-750, 711)),
    "exp2": ((-152, 129), (-1080, 1025)),
    "expm1": ((-20, 90), (-50, 711)),
    "log": same(0, 10),
    "log2": same(0, 10),
    "log10": same(0, 10),
    "log1p": same(-1, 10),
    "sin": same(-1000, 1000),
    "cos": same(-1000, 1000),
    "tan": same(-1000, 1000),
    "sinh": ((-90, 90), (-711, 711)),
    "cosh": ((-90, 90), (-711, 711)),
    "tanh": ((-10, 10), (-20, 20)),
    "sigmoid": ((-105, 20), (-750, 40)),
    "softplus": ((-105, 20), (-750, 40)),
    "erf": ((-4, 4), (-6, 6)),
    "erfc": ((-4, 10.2), (-6, 27.3)),
    "lgamma": same(0, 30),
    "digamma": same(0, 30),
    "arcsin": same(-1, 1),
    "arccos": same(-1, 1),
    "arctan": same(-10, 10),
    "arcsinh": same(-10, 10),
    "arccosh": same(1, 10),
    "arctanh": same(-1, 1),
    "cbrt": same(-10, 10),
}
WITHOUT_LONGDOUBLE = {"erf": mpmath.erf, "erfc": mpmath.erfc, "lgamma": mpmath.loggamma, "digamma": mpmath.digamma}
SCIPY = {"erf": scipy.special.erf, "erfc": scipy.special.erfc, "lgamma": scipy.special.gammaln, "digamma": scipy.special.digamma}
MODULES = (vector_erf, vector_gamma, vector_hyperbolic, vector_inverse, vector_log, vector_math, vector_power, vector_trig)


def stated(name: str, dtype: str) -> float:
    """The worst error that the docstring of a function states, in ulp."""
    (formula,) = (
        vars(module)[name] for module in MODULES if getattr(vars(module).get(name), "__module__", "") == module.__name__
    )
    numbers = re.search(r"Worst error: ([\d.]+) ulp in f32, ([\d.]+) in f64", formula.__doc__)
    assert numbers, f"{name} states no error"
    return float(numbers[1 if dtype == "f32" else 2])


def source(dtype: str) -> str:
    """A program that stores every function of ``x``, one row each, and ``x ** y`` in the last row."""
    words = [*FUNCTIONS, "power", "program", f"{dtype}_at"]
    lines = [f"from prelude import {', '.join(words)}", "", "@program", "def step(table):", "    n = table[8]"]
    lines += [f"    x = {dtype}_at(table[9], n)", f"    y = {dtype}_at(table[10], n)"]
    for row, expression in enumerate([*(f"{name}(x[i])" for name in FUNCTIONS), "power(x[i], y[i])"]):
        lines += [f"    out = {dtype}_at(table[{11 + row}], n)", "    for i in range(n):", f"        out[i] = {expression}"]
    return "\n".join(lines)


class Machine:
    """The compiled functions of one dtype."""

    def __init__(self, name: str) -> None:
        self.name, self.dtype = name, DTYPES[name]
        self.limits = np.finfo(self.dtype)
        self.is_wide = name == "f64"
        self._run = native(source(name))

    def __call__(self, name: str, x: Array, y: Array | None = None) -> Array:
        rows = [*FUNCTIONS, "power"]
        out = np.empty((len(rows), len(x)), self.dtype)
        self._run(table_of(len(x), x, x if y is None else y, *out))
        return out[rows.index(name)]

    def array(self, *parts: Any) -> Array:
        with np.errstate(all="ignore"):
            return np.concatenate([np.asarray(part).astype(self.dtype) for part in parts])


@pytest.fixture(scope="module", params=["f32", "f64"])
def machine(request: pytest.FixtureRequest) -> Machine:
    return Machine(request.param)


def truth(name: str, x: Array, *others: Array) -> Array:
    """``name`` of the operands in a wider type: f64 for f32, 80 bits for f64, mpmath where NumPy has no wide form."""
    if name in WITHOUT_LONGDOUBLE and (x.dtype == np.float64 or name not in ("erf", "erfc")):
        with mpmath.workprec(120):
            exact = [mpmath.re(WITHOUT_LONGDOUBLE[name](mpmath.mpf(float(v)))) for v in x]
            return np.array([np.longdouble(mpmath.nstr(value, 25)) for value in exact])
    wide = np.float64 if x.dtype == np.float32 else np.longdouble
    operands = [operand.astype(wide) for operand in (x, *others)]
    with np.errstate(all="ignore"):
        if name == "sigmoid":
            small = np.exp(-np.abs(operands[0]))
            return np.where(operands[0] < 0, small, 1) / (1 + small)
        if name == "softplus":
            return np.maximum(operands[0], 0) + np.log1p(np.exp(-np.abs(operands[0])))
        function: Callable[..., Array] = SCIPY[name] if name in SCIPY else getattr(np, name)
        return function(*operands)


def worst_ulp(got: Array, want: Array, least: float = 0) -> float:
    """The largest error in units of the last place of the right result, or of ``least``; inf for a misplaced inf or NaN."""
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
        unit = np.spacing(np.maximum(np.abs(rounded), got.dtype.type(least)))
        error = np.abs(got.astype(want.dtype) - want) / unit.astype(want.dtype)
        exact = (got == rounded) & ~np.isfinite(rounded) | (np.isnan(got) & np.isnan(want)) | (got == want)
        # Beyond the largest number by less than half a unit, inf is no better than that number.
        edge = np.isinf(rounded) & (np.abs(got) == np.finfo(got.dtype).max)
        error = np.where(exact, 0, np.where(edge, 1, np.where(np.isfinite(error), error, np.inf)))
    return float(error.max())


def sample(machine: Machine, name: str, size: int) -> Array:
    """Arguments over the usual range, near 0, near 1 and log-uniformly over all floats."""
    random = np.random.default_rng(7)
    low, high = FUNCTIONS[name][machine.is_wide]
    bottom, top = np.log(float(machine.limits.tiny)) - 10, np.log(float(machine.limits.max))
    size_of_all = np.exp(random.uniform(bottom, top, size))
    signs = random.choice([-1.0, 1.0] if low < 0 else [1.0], size)
    normal = random.normal(size=size)
    return machine.array(
        random.uniform(low, high, 2 * size), normal * signs, normal * 0.1, size_of_all * signs, 1 + normal * 1e-4
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_the_stated_ulp(machine: Machine, name: str) -> None:
    by_mpmath = name in WITHOUT_LONGDOUBLE and (machine.is_wide or name not in ("erf", "erfc"))
    x = sample(machine, name, MPMATH_POINTS if by_mpmath else 30_000)
    if by_mpmath:
        x = x[(np.abs(x) < 30) & ((x > 0) | (name in ("erf", "erfc")))]
    assert worst_ulp(machine(name, x), truth(name, x)) <= stated(name, machine.name)


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_error_of_the_gamma_family_below_zero_is_within_the_stated_ulp_of_one(machine: Machine, name: str) -> None:
    random = np.random.default_rng(2)
    x = machine.array(random.uniform(-9, 0, MPMATH_POINTS), -np.exp(random.uniform(-30, 12, 300)))
    x = x[np.rint(x) != x]
    with mpmath.workprec(120):
        points = [mpmath.mpf(float(v)) for v in x]
        if name == "lgamma":
            exact = [mpmath.log(mpmath.pi / abs(mpmath.sinpi(v))) - mpmath.loggamma(1 - v) for v in points]
        else:
            exact = [mpmath.digamma(v) for v in points]
        want = np.array([np.longdouble(mpmath.nstr(value, 25)) for value in exact])
    assert worst_ulp(machine(name, x), want, least=1) <= (0.6 if machine.name == "f32" else 3.0)


def test_error_of_power_is_within_the_stated_ulp(machine: Machine) -> None:
    random = np.random.default_rng(3)
    size, top = 30_000, np.log(float(machine.limits.max))
    x = machine.array(random.uniform(0, 10, size), np.exp(random.uniform(-top, top, size)), 1 + random.normal(size=size) * 1e-3)
    with np.errstate(all="ignore"):
        y = machine.array(random.uniform(-1.03, 1.02, len(x)) * top / np.log(x.astype(np.float64)))
    y[::5] = np.rint(y[::5])
    x[::10] = -x[::10]
    assert worst_ulp(machine("power", x, y), truth("power", x, y)) <= stated("power", machine.name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_arguments_give_what_numpy_gives(machine: Machine, name: str) -> None:
    limits = machine.limits
    numbers = [0.0, 1.0, limits.max, limits.tiny, limits.smallest_subnormal, limits.eps, np.inf]
    x = machine.array(numbers, [-number for number in numbers], [np.nan])
    got = machine(name, x)
    with np.errstate(all="ignore"):
        known = SCIPY.get(name, getattr(np, name, None))
        want = known(x) if known else truth(name, x).astype(machine.dtype)
    if name == "lgamma":
        want[(x != 0) & (np.abs(x) < 1e-300)] = 700  # SciPy overflows there
    special = (x == 0) | ~np.isfinite(x) | ~np.isfinite(want) | (want == 0)
    np.testing.assert_array_equal(got[special], want[special])
    signed = special & ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got[signed]), np.signbit(want[signed]))


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_reduction_is_right_next_to_multiples_of_half_pi(machine: Machine, name: str) -> None:
    random = np.random.default_rng(5)
    largest = 45 if machine.is_wide else 17
    quarters = np.unique(np.rint(2 ** random.uniform(0, largest, 30_000)))
    x = machine.array(quarters.astype(np.longdouble) * (np.longdouble(np.pi) / 2 + np.longdouble(6.123233995736766e-17)))
    x = np.unique(np.concatenate([x, np.nextafter(x, 0), np.nextafter(x, machine.dtype(np.inf))]))
    assert worst_ulp(machine(name, x), truth(name, x)) <= stated(name, machine.name)


@pytest.mark.parametrize("name", ["log2", "exp2"])
def test_powers_of_two_are_exact(machine: Machine, name: str) -> None:
    exponents = np.arange(machine.limits.minexp, machine.limits.maxexp).astype(machine.dtype)
    powers = np.ldexp(machine.dtype(1), exponents.astype(int))
    x, want = (powers, exponents) if name == "log2" else (exponents, powers)
    np.testing.assert_array_equal(machine(name, x), want)


def test_special_powers_are_those_of_c(machine: Machine) -> None:
    numbers = [0.0, 0.5, 1.0, 2.0, 3.0, 2.5, 1e10, float(2**53 - 1), np.inf]
    values = np.array([*numbers, *(-number for number in numbers), np.nan])
    x, y = (machine.array(part.ravel()) for part in np.meshgrid(values, values))
    want = truth("power", x, y)
    assert worst_ulp(machine("power", x, y), want) <= stated("power", machine.name)
    zero = machine("power", x, y) == 0
    np.testing.assert_array_equal(np.signbit(machine("power", x, y)[zero]), np.signbit(want[zero]))


@pytest.mark.parametrize(("expression", "is_long"), [("exp(x[i])", False), ("erf(x[i]) * exp(-x[i]) + log(x[i])", True)])
def test_long_loops_compute_several_vectors_side_by_side(expression: str, is_long: bool) -> None:
    text = "from prelude import erf, exp, f32_at, log, program\n\n@program\ndef step(table):\n    n = table[8]\n"
    text += (
        f"    x = f32_at(table[9], n)\n    out = f32_at(table[10], n)\n    for i in range(n):\n        out[i] = {expression}\n"
    )
    assert ("llvm.loop.interleave.count" in str(translated(text))) == is_long
    x = np.linspace(0.1, 9, 1000).astype(np.float32)  # several of the widest steps, and a rest
    out = np.empty_like(x)
    native(text)(table_of(len(x), x, out))
    wide = x.astype(np.float64)
    want = scipy.special.erf(wide) * np.exp(-wide) + np.log(wide) if is_long else np.exp(wide)
    np.testing.assert_allclose(out, want, rtol=1e-6, atol=1e-6)
