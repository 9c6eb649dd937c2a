"""Pieces of kernels: loops that threads share, and regions with their launches."""

from __future__ import annotations

import re

from tracejit.codegen.scope import Scope, indent


def strided(var: str, start: str, step: str, end: str, lines: list[str]) -> list[str]:
    """A loop from ``start`` to ``end`` in steps, as a ``while``: Numba's ranges divide to count their steps."""
    return [f"{var} = {start}", f"while {var} < {end}:", *indent(lines), f"    {var} += {step}"]


def in_fours(var: str, thread: str, threads: str, end: str, lines: list[str]) -> list[str]:
    """A loop to ``end`` in which every thread takes four neighbours at once."""
    return strided("first", f"4 * {thread}", f"4 * {threads}", end, fours(var, end, lines))


def fours(var: str, end: str, lines: list[str]) -> list[str]:
    """``lines`` for four neighbours from ``first`` on, by one access of 128 bits where addresses allow.

    Pointers that are only read and written at ``var`` are accessed by fours. From ``end`` on they give 0, and nothing else may
    be read or accumulated.
    """
    codes, notes = zip(*[line.partition("  # ")[::2] for line in lines], strict=True)
    plain = "\n".join(codes)
    at = re.compile(rf"\b(\w+)\[{re.escape(var)}\]")
    found = at.findall(plain)
    streams = [name for name in dict.fromkeys(found) if len(re.findall(rf"\b{name}\[", plain)) == found.count(name)]
    stored = [name for name in streams if re.search(rf"^{name}\[", plain, re.MULTILINE)]
    loaded = [name for name in streams if re.search(rf"[^\n]\b{name}\[", plain)]
    codes = tuple(at.sub(lambda m: f"{m[1]}_four[q]" if m[1] in streams else m[0], code) for code in codes)
    body = [f"{code}  # {note}" if note else code for code, note in zip(codes, notes, strict=True)]
    if any(re.search(rf"\b{var}\b", code) or not re.match(r"v\d+ = |\w+_four\[q\] = ", code) for code in codes):
        body = [f"{var} = first + q", f"if {var} < {end}:", *indent(body)]
    return [
        *(f"{name}_four = four({name}, first, {end})" for name in loaded),
        *(f"{name}_four = four_of({name})" for name in stored if name not in loaded),
        "for q in range(4):",
        *indent(body),
        *(f"put_four({name}, first, {end}, {name}_four)" for name in stored),
    ]


def kernel(step: Scope, name: str, scope: Scope, lines: list[str], grid: str, **numbers: str) -> list[str]:
    """A region with this body, and the lines that launch it on ``grid``; ``numbers`` of the step are its further arguments."""
    name = step.file.region(name, scope, [*scope.sizes(), *scope.head, *lines], tuple(numbers))
    copies, first = step.file.arguments(scope)
    return [*copies, f"launch({', '.join([name, 'table', str(first), grid, *numbers.values()])})"]
