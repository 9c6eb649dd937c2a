"""Our own mathematics: the worst error of each function is within what is stated here, from the usual to the extreme."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special
from native import native, table_of

from benchmarks.accuracy import CASES, error, stated
from tracejit.backends.cpu.machine import ENTRY, _machine, module_of, optimised

Array = np.ndarray[Any, Any]
DTYPES = {"f32": np.float32, "f64": np.float64}


FUNCTIONS = [name for name, case in CASES.items() if not case.pair and name not in ("rsqrt", "gelu")]
SCIPY = {"erf": scipy.special.erf, "erfc": scipy.special.erfc, "lgamma": scipy.special.gammaln, "digamma": scipy.special.digamma}


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
    """``name`` of the operands in a wider type: f64 for f32, 80 bits for f64."""
    with np.errstate(all="ignore"):
        wide: Array = CASES[name].wide(*(v.astype(np.float64 if v.dtype == np.float32 else np.longdouble) for v in (x, *others)))
    return wide


def worst_ulp(got: Array, want: Array) -> float:
    """The largest error; an inf or NaN out of place counts as infinite."""
    with np.errstate(all="ignore"):
        assert np.array_equal(np.isfinite(got), np.isfinite(want.astype(got.dtype)))
        return float(error(got, want, got.dtype.type(0)).max())


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
    assert worst_ulp(machine(name, x), truth(name, x)) <= stated(name)[machine.dtype.__name__][0]


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
    assert worst_ulp(machine("power", x, y), want) <= stated("power")[machine.dtype.__name__][0]
    zero = machine("power", x, y) == 0
    np.testing.assert_array_equal(np.signbit(machine("power", x, y)[zero]), np.signbit(want[zero]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_vectors_of_every_width_give_the_bits_of_scalars(machine: Machine, name: str) -> None:
    limits = machine.limits
    numbers = [0.0, 1.0, limits.max, limits.tiny, limits.smallest_subnormal, 0.75, 1.5, 3.93, np.inf]
    spread = np.random.default_rng(2).uniform(-5, 5, 46)
    x = machine.array(numbers, [-number for number in numbers], [np.nan], np.linspace(0.7, 1.55, 60), spread)
    bits = f"u{x.itemsize}"
    by_one = np.concatenate([machine(name, x[i : i + 1]) for i in range(len(x))]).view(bits)
    known = ~np.isnan(by_one.view(x.dtype))
    for size in (2, 4, 7, 8, 16, 31, len(x)):
        together = np.concatenate([machine(name, x[i : i + size]) for i in range(0, len(x), size)])
        np.testing.assert_array_equal(np.isnan(together), ~known)
        np.testing.assert_array_equal(together.view(bits)[known], by_one[known])


@pytest.mark.parametrize("name", ["erf", "log", "log2", "log10"])
def test_vector_forms_stand_in_the_loop(name: str) -> None:
    text = f"from prelude import {name}, f32_at, program\n\n@program\ndef step(table):\n    n = table[8]\n"
    text += f"    x = f32_at(table[9], n)\n    for i in range(n):\n        x[i] = {name}(x[i])\n"
    functions = {function.name: function for function in optimised(module_of(text), _machine()).functions}
    calls = [str(i) for block in functions[ENTRY].blocks for i in block.instructions if i.opcode == "call"]
    assert calls
    assert not any(f"@tracejit.{name}.f32." in call for call in calls)


@pytest.mark.parametrize(
    ("expression", "row", "is_long"),
    [("sqrt(x[i])", "", False), ("exp(x[i])", "", True), ("exp(x[i])", "for row in range(1):\n", False)],
    ids=["short", "long", "in rows"],
)
def test_long_loops_compute_several_vectors_side_by_side(expression: str, row: str, is_long: bool) -> None:
    text = "from prelude import exp, f32_at, program, sqrt\n\n@program\ndef step(table):\n    n = table[8]\n"
    text += "    x = f32_at(table[9], n)\n    out = f32_at(table[10], n)\n"
    indent = "        " if row else "    "
    text += f"{row and '    ' + row}{indent}for i in range(n):\n{indent}    out[i] = {expression}\n"
    assert ("llvm.loop.interleave.count" in str(module_of(text))) == is_long
    x = np.linspace(0.1, 9, 1000).astype(np.float32)  # several of the widest steps, and a rest
    out = np.empty_like(x)
    native(text)(table_of(len(x), x, out))
    want = np.exp(x.astype(np.float64)) if "exp" in expression else np.sqrt(x)
    np.testing.assert_allclose(out, want, rtol=1e-6, atol=1e-6)


def test_a_loop_of_very_many_formulas_is_written_once() -> None:
    text = "from prelude import erf, f32_at, program\n\n@program\ndef step(table):\n    n = table[8]\n"
    text += "    x, out = f32_at(table[9], n), f32_at(table[10], n)\n    for i in range(n):\n        out[i] = {}\n"
    few, many = (text.format(" + ".join(f"erf(x[i] * {k})" for k in range(1, count))) for count in (4, 40))
    assert "llvm.loop.interleave.count" in str(module_of(few)) and "llvm.loop.interleave.count" not in str(module_of(many))
