"""One file per question; ``benchmarks/question.py`` says what such a file holds."""
