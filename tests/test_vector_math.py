"""Our own mathematics: the worst error of each function is within what is stated here, from the usual to the extreme."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
from native import native, table_of

Array = np.ndarray[Any, Any]
DTYPES = {"f32": np.float32, "f64": np.float64}
MPMATH_POINTS = 1500  # in a sample whose truth comes from mpmath, some 30 us each


@dataclass(frozen=True)
class Function:
    """What is promised of a function: ``worst`` ulp for (f32, f64), sampled over ``usual`` and over all magnitudes."""

    worst: tuple[float, float]
    usual: tuple[tuple[float, float], tuple[float, float]]


def same(low: float, high: float) -> tuple[tuple[float, float], tuple[float, float]]:
    return (low, high), (low, high)


FUNCTIONS = {
    "exp": Function((1.0, 1.0), ((-105, 90), (-750, 711))),
    "exp2": Function((0.9, 0.9), ((-152, 129), (-1080, 1025))),
    "expm1": Function((1.5, 1.9), ((-20, 90), (-50, 711))),
    "log": Function((0.9, 1.0), same(0, 10)),
    "log2": Function((1.0, 1.2), same(0, 10)),
    "log10": Function((1.1, 1.1), same(0, 10)),
    "log1p": Function((1.5, 1.5), same(-1, 10)),
    "sin": Function((0.8, 0.8), same(-1000, 1000)),
    "cos": Function((0.8, 0.8), same(-1000, 1000)),
    "tan": Function((1.4, 1.0), same(-1000, 1000)),
    "sinh": Function((1.0, 1.0), ((-90, 90), (-711, 711))),
    "cosh": Function((1.0, 1.0), ((-90, 90), (-711, 711))),
    "tanh": Function((0.8, 0.8), ((-10, 10), (-20, 20))),
    "sigmoid": Function((1.0, 1.0), ((-105, 20), (-750, 40))),
    "erf": Function((1.0, 1.0), ((-4, 4), (-6, 6))),
    "erfc": Function((0.6, 2.0), ((-4, 10.2), (-6, 27.3))),
    "arcsin": Function((0.7, 0.7), same(-1, 1)),
    "arccos": Function((1.0, 1.1), same(-1, 1)),
    "arctan": Function((1.3, 1.6), same(-10, 10)),
    "arcsinh": Function((0.6, 1.8), same(-10, 10)),
    "arccosh": Function((0.6, 2.6), same(1, 10)),
    "arctanh": Function((0.6, 2.1), same(-1, 1)),
    "cbrt": Function((0.8, 0.8), same(-10, 10)),
}
POWER = Function((0.6, 1.2), same(0, 10))


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
    if x.dtype == np.float64 and name in ("erf", "erfc"):
        with mpmath.workprec(100):
            return np.array([np.longdouble(mpmath.nstr(getattr(mpmath, name)(mpmath.mpf(float(v))), 25)) for v in x])
    wide = np.float64 if x.dtype == np.float32 else np.longdouble
    operands = [operand.astype(wide) for operand in (x, *others)]
    with np.errstate(all="ignore"):
        if name == "sigmoid":
            small = np.exp(-np.abs(operands[0]))
            return np.where(operands[0] < 0, small, 1) / (1 + small)
        function: Callable[..., Array] = getattr(scipy.special if name in ("erf", "erfc") else np, name)
        return function(*operands)


def worst_ulp(got: Array, want: Array) -> float:
    """The largest error in units of the last place of the right result; an inf or NaN out of place counts as infinite."""
    with np.errstate(all="ignore"):
        rounded = want.astype(got.dtype)
        error = np.abs(got.astype(want.dtype) - want) / np.spacing(np.abs(rounded)).astype(want.dtype)
        exact = (got == rounded) & ~np.isfinite(rounded) | (np.isnan(got) & np.isnan(want)) | (got == want)
        # Beyond the largest number by less than half a unit, inf is no better than that number.
        edge = np.isinf(rounded) & (np.abs(got) == np.finfo(got.dtype).max)
        error = np.where(exact, 0, np.where(edge, 1, np.where(np.isfinite(error), error, np.inf)))
    return float(error.max())


def sample(machine: Machine, function: Function, size: int) -> Array:
    """Arguments over the usual range, near 0, near 1 and log-uniformly over all floats."""
    random = np.random.default_rng(7)
    low, high = function.usual[machine.is_wide]
    bottom, top = np.log(float(machine.limits.tiny)) - 10, np.log(float(machine.limits.max))
    size_of_all = np.exp(random.uniform(bottom, top, size))
    signs = random.choice([-1.0, 1.0] if low < 0 else [1.0], size)
    normal = random.normal(size=size)
    return machine.array(
        random.uniform(low, high, 2 * size), normal * signs, normal * 0.1, size_of_all * signs, 1 + normal * 1e-4
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_the_stated_ulp(machine: Machine, name: str) -> None:
    function = FUNCTIONS[name]
    by_mpmath = machine.is_wide and name in ("erf", "erfc")
    x = sample(machine, function, MPMATH_POINTS if by_mpmath else 30_000)
    if by_mpmath:
        x = x[np.abs(x) < 30]
    assert worst_ulp(machine(name, x), truth(name, x)) <= function.worst[machine.is_wide]


def test_error_of_power_is_within_the_stated_ulp(machine: Machine) -> None:
    random = np.random.default_rng(3)
    size, top = 30_000, np.log(float(machine.limits.max))
    x = machine.array(random.uniform(0, 10, size), np.exp(random.uniform(-top, top, size)), 1 + random.normal(size=size) * 1e-3)
    with np.errstate(all="ignore"):
        y = machine.array(random.uniform(-1.03, 1.02, len(x)) * top / np.log(x.astype(np.float64)))
    y[::5] = np.rint(y[::5])
    x[::10] = -x[::10]
    assert worst_ulp(machine("power", x, y), truth("power", x, y)) <= POWER.worst[machine.is_wide]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_arguments_give_what_numpy_gives(machine: Machine, name: str) -> None:
    limits = machine.limits
    numbers = [0.0, 1.0, limits.max, limits.tiny, limits.smallest_subnormal, limits.eps, np.inf]
    x = machine.array(numbers, [-number for number in numbers], [np.nan])
    got = machine(name, x)
    with np.errstate(all="ignore"):
        if name == "sigmoid":
            want = truth(name, x).astype(machine.dtype)
        else:
            want = getattr(scipy.special if name in ("erf", "erfc") else np, name)(x)
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
    assert worst_ulp(machine(name, x), truth(name, x)) <= FUNCTIONS[name].worst[machine.is_wide]


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
    assert worst_ulp(machine("power", x, y), want) <= POWER.worst[machine.is_wide]
    zero = machine("power", x, y) == 0
    np.testing.assert_array_equal(np.signbit(machine("power", x, y)[zero]), np.signbit(want[zero]))
