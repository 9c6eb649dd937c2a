"""Generated programs under CPython and NumPy: slow, readable, and the meaning of every word."""
