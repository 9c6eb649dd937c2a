"""Pieces of kernels: loops that threads share, and regions with their launches."""

from __future__ import annotations

from tracejit.codegen.scope import Scope, indent


def strided(var: str, start: str, step: str, end: str, lines: list[str]) -> list[str]:
    """A loop from ``start`` to ``end`` in steps, as a ``while``: Numba's ranges divide to count their steps."""
    return [f"{var} = {start}", f"while {var} < {end}:", *indent(lines), f"    {var} += {step}"]


def kernel(step: Scope, name: str, scope: Scope, lines: list[str], grid: str, **numbers: str) -> list[str]:
    """A region with this body, and the lines that launch it on ``grid``; ``numbers`` of the step are its further arguments."""
    name = step.file.region(name, scope, [*scope.sizes(), *scope.head, *lines], tuple(numbers))
    copies, first = step.file.arguments(scope)
    return [*copies, f"launch({', '.join([name, 'table', str(first), grid, *numbers.values()])})"]
