"""The words of a generated file for a CPU, as LLVM IR. ``backends/python/prelude.py`` says what each means."""

from __future__ import annotations

from typing import Any

from tracejit.backends.cpu import launch
from tracejit.backends.cpu.products import gemm_word
from tracejit.backends.llvm import scalars, shares
from tracejit.backends.llvm.memory import pointer_word, room_word
from tracejit.backends.llvm.sorting import argsort_into, sort_into
from tracejit.backends.llvm.value import F32, F64, HALVES, KINDS

COMPLEX = {"c64": F32, "c128": F64}
SORTS = ("argsort_into", "sort_into")
WORDS: dict[str, Any] = {
    **vars(scalars),
    **{f"{kind.name}_at": pointer_word(kind) for kind in (*KINDS, *HALVES)},
    **{f"{kind.name}_room": room_word(kind) for kind in (*KINDS, *HALVES)},
    **{f"{name}_at": pointer_word(kind, is_complex=True) for name, kind in COMPLEX.items()},
    **{f"{name}_room": room_word(kind, is_complex=True) for name, kind in COMPLEX.items()},
    **{f"gemm_{'nt'[a]}{'nt'[b]}": gemm_word(bool(a), bool(b)) for a in (0, 1) for b in (0, 1)},
    "argsort_into": argsort_into,
    "sort_into": sort_into,
    **{f"{word}_{phase}": getattr(shares, f"{word}_{phase}") for word in SORTS for phase in ("begin", "part", "share")},
    "grain_of": launch.grain_of,
    "parallel_for": launch.parallel_for,
    "parallel_for_each": launch.parallel_for_each,
    "program": launch.program,
    "region": launch.region,
    "stamp": launch.stamp,
}
