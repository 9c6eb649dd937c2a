"""How fast is tracejit, beside whom? ``python -m benchmarks`` asks every file of ``benchmarks/questions``."""
