"""The counter that profiles read: which LLVM intrinsic it is on this processor."""

from __future__ import annotations

import platform

COUNTER = "llvm.readcyclecounter" if platform.machine() in ("x86_64", "AMD64") else "llvm.readsteadycounter"
"""``i64 counter()``, at a constant rate: the time stamp of x86, elsewhere the timer of the system."""
