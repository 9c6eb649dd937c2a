"""Pieces of kernels: loops that threads share, and regions with their launches."""

from __future__ import annotations

import re

from tracejit.codegen.scope import Scope, indent


def strided(var: str, start: str, step: str, end: str, lines: list[str]) -> list[str]:
    """A loop from ``start`` to ``end`` in steps, as a ``while``: Numba's ranges divide to count their steps."""
    return [f"{var} = {start}", f"while {var} < {end}:", *indent(lines), f"    {var} += {step}"]


WORDS = {4: "four", 8: "eight"}
"""How many neighbours a thread takes at once, and what the words for them are called."""


def along(var: str, first: str, thread: str, threads: str, end: str, lines: list[str], each: int) -> list[str]:
    """A loop to ``end`` that ``threads`` share, in which every ``thread`` takes ``each`` neighbours at once."""
    if each == 1:
        return strided(var, first + thread, threads, end, lines)
    inside = neighbours(var, end, lines, each)
    return strided("first", f"{first}{each} * {thread}", f"{each} * {threads}", end, inside)


def neighbours(var: str, end: str, lines: list[str], each: int) -> list[str]:
    """``lines`` for ``each`` neighbours from ``first`` on, by one access of up to 128 bits where addresses allow.

    Pointers that are only read and written at ``var`` are accessed so. From ``end`` on they give 0, and nothing else may be
    read or accumulated.
    """
    word = WORDS[each]
    codes, notes = zip(*[line.partition("  # ")[::2] for line in lines], strict=True)
    plain = "\n".join(codes)
    at = re.compile(rf"\b(\w+)\[{re.escape(var)}\]")
    found = at.findall(plain)
    streams = [name for name in dict.fromkeys(found) if len(re.findall(rf"\b{name}\[", plain)) == found.count(name)]
    stored = [name for name in streams if re.search(rf"^{name}\[", plain, re.MULTILINE)]
    loaded = [name for name in streams if re.search(rf"[^\n]\b{name}\[", plain)]
    codes = tuple(at.sub(lambda m: f"{m[1]}_{word}[q]" if m[1] in streams else m[0], code) for code in codes)
    body = [f"{code}  # {note}" if note else code for code, note in zip(codes, notes, strict=True)]
    if any(re.search(rf"\b{var}\b", code) or not re.match(rf"v\d+ = |\w+_{word}\[q\] = ", code) for code in codes):
        body = [f"{var} = first + q", f"if {var} < {end}:", *indent(body)]
    return [
        *(f"{name}_{word} = {word}({name}, first, {end})" for name in loaded),
        *(f"{name}_{word} = {word}_of({name})" for name in stored if name not in loaded),
        f"for q in range({each}):",
        *indent(body),
        *(f"put_{word}({name}, first, {end}, {name}_{word})" for name in stored),
    ]


def kernel(step: Scope, name: str, scope: Scope, lines: list[str], grid: str, **numbers: str) -> list[str]:
    """A region with this body, and the lines that launch it on ``grid``; ``numbers`` of the step are its further arguments."""
    name = step.file.region(name, scope, [*scope.sizes(), *scope.head, *lines], tuple(numbers))
    copies, first = step.file.arguments(scope)
    return [*copies, f"launch({', '.join([name, 'table', str(first), grid, *numbers.values()])})"]
