"""Graph -> Schedule: what is fused, in which order it runs, and where each value lives. Knows no source text."""

from tracejit.schedule.plan import plan
from tracejit.schedule.schedule import Epilogue, Gemm, Home, Loop, Scan, Scatter, Schedule, Slot, Sort, Step, Write

__all__ = ["Epilogue", "Gemm", "Home", "Loop", "Scan", "Scatter", "Schedule", "Slot", "Sort", "Step", "Write", "plan"]
