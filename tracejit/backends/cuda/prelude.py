"""The words of a kernel as LLVM IR. ``backends/python/prelude.py`` and the tests' emulator say what each means.

Arithmetic is the CPU's formulas, so that both give the same bits; transcendental functions are those of NVIDIA's libdevice.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from tracejit.backends.cuda import collective, neighbours, threads
from tracejit.backends.cuda.geometry import GRIDS
from tracejit.backends.llvm import complex_words, libm, routines, scalars, words
from tracejit.backends.llvm.function import FunctionWriter
from tracejit.backends.llvm.intrinsics import ANY, REALS, Word, word
from tracejit.backends.llvm.memory import least_word
from tracejit.backends.llvm.operands import Given, Operand
from tracejit.backends.llvm.value import B1, F32, F64, HALVES, KINDS, SPELLINGS, U64, Value
from tracejit.schedule.schedule import EPILOGUES

TRIPLE = "nvptx64-nvidia-cuda"
COMMON = """b1 i8 i16 i32 i64 u8 u16 u32 u64 f16 bf16 f32 f64 c64 c128 as_f64 inf nan select plus times quotient absolute sign
floor ceil trunc rint sqrt isnan isinf isfinite signbit maximum minimum fmax fmin floor_divide remainder fmod copysign
heaviside nextafter left_shift right_shift gcd lcm philox conjugate real imag lgamma digamma logaddexp logaddexp2 softplus"""
LIBRARY = {
    "exp2": "exp2", "expm1": "expm1", "log2": "log2", "log10": "log10", "log1p": "log1p", "tanh": "tanh", "sinh": "sinh",
    "cosh": "cosh", "sin": "sin", "cos": "cos", "tan": "tan", "erf": "erf", "erfc": "erfc", "arcsin": "asin", "arccos": "acos",
    "arctan": "atan", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "cbrt": "cbrt",
}  # fmt: skip
OWN = "thread threads block blocks group groups lane lanes level levels column band bands add_to shuffle sync warp_sync shared"
HOST = (*GRIDS, "chunks_of", "bands_of", "check", "launch", "stamp", *(
    f"gemm_{a}{b}{ending}" for a in "nt" for b in "nt"
    for ending in ("", "_scaled", "_batch", *(f"_{name}{batch}" for name in EPILOGUES for batch in ("", "_batch")))
))  # fmt: skip


def libdevice_name(name: str) -> str:
    """The library's name for a function that formulas call by LLVM's name or C's: ``__nv_fabsf`` for ``llvm.fabs.f32``."""
    if name.startswith("llvm."):
        _, name, kind = name.split(".")
        name += "f" if kind == "f32" else ""
    return f"__nv_{name}"


SPELLINGS[TRIPLE] = libdevice_name


def power(run: Callable[..., Value], x: Value, y: Value) -> Value:
    """``x**y``, of floats by the library."""
    return libm.binary("pow")(x, y) if x.kind.is_float else routines.power_formula(run, x, y)


def above(x: Value, best: Value) -> Value:
    """Whether ``x`` takes the place of ``best`` as the maximum: NaN does, unless there is one already."""
    return (x > best) | (words.isnan(x) & ~words.isnan(best)) if x.kind.is_float else x > best


def below(x: Value, best: Value) -> Value:
    """Whether ``x`` takes the place of ``best`` as the minimum."""
    return (x < best) | (words.isnan(x) & ~words.isnan(best)) if x.kind.is_float else x < best


def in_line(function: Callable[..., Any], names: Mapping[str, Any]) -> Word:
    """The word that writes ``function``, in the language of generated files over ``names``, where it is called."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(definition, ast.FunctionDef)

    def write(build: Any, *operands: Operand) -> Given:
        results: list[Given] = []  # it returns at its end, or nothing
        FunctionWriter(build, names, definition, operands, results.append)
        return results[0]

    return write


def _scalar_words() -> dict[str, Any]:
    found = {name: getattr(scalars, name) for name in COMMON.split()}
    found |= {f"{kind.name}_at": threads.pointer_word(kind) for kind in (*KINDS, *HALVES)}
    found |= {"c64_at": threads.pointer_word(F32, is_complex=True), "c128_at": threads.pointer_word(F64, is_complex=True)}
    found |= {name: word(name, libm.unary(symbol)) for name, symbol in LIBRARY.items()}
    found["exp"] = word("exp", libm.unary("exp"), of_complex=complex_words.exp)
    found["log"] = word("log", libm.unary("log"), of_complex=complex_words.log)
    found["sigmoid"] = word("sigmoid", libm.sigmoid)
    found["hypot"], found["arctan2"] = word("hypot", libm.binary("hypot")), word("arctan2", libm.binary("atan2"))
    found["power"] = routines.looping_word("power", routines.power_loop, U64, power, REALS, 2)
    found["max_of"], found["min_of"] = word("max_of", words.maximum, ANY), word("min_of", words.minimum, ANY)
    return found | {f"{name}_libm": found[name] for name in ("exp", "log", "tanh", "erf", "sin", "cos", "sigmoid", "power")}


def _thread_words(scalar: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: getattr(threads, name) for name in OWN.split()}
    found |= neighbours.words("four", 4) | neighbours.words("eight", 8)
    inside = found | {"least": least_word, "before": routines.before, "select": scalar["select"]}
    found |= {f"{kind.name}_tile": threads.tile_word(kind) for kind in (*KINDS, *HALVES)}
    found |= {"c64_tile": threads.tile_word(F32, is_complex=True), "c128_tile": threads.tile_word(F64, is_complex=True)}
    for name in ("meet", "then", "place_of", "left_of", "first_above", "merge_runs"):
        inside[name] = found[name] = in_line(getattr(collective, name), inside)
    either, both = (word(name, formula, frozenset((B1,))) for name, formula in (("any", Value.__or__), ("all", Value.__and__)))
    combine = {"sum": scalar["plus"], "prod": scalar["times"], "max": scalar["max_of"], "min": scalar["min_of"]}
    for name, join in (combine | {"any": either, "all": both}).items():
        found[f"across_{name}"] = in_line(collective.across, inside | {"combine": join})
        found[f"down_{name}"] = in_line(collective.down, inside | {"combine": join})
    for name, better in {"argmax": above, "argmin": below}.items():
        found[f"across_{name}"] = in_line(collective.choose_across, inside | {"better": word(name, better, ANY, B1)})
    found["across_before"] = in_line(collective.across_before, inside | {"combine": scalar["plus"]})
    return found | {name: in_line(getattr(collective, name), inside) for name in ("steps_before", "sort_run")}


_SCALAR = _scalar_words()
WORDS: dict[str, Any] = _SCALAR | _thread_words(_SCALAR) | dict.fromkeys(HOST)
