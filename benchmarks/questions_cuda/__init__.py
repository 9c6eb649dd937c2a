"""The questions that ``python -m benchmarks.cuda`` asks; files as in ``benchmarks/questions``."""
