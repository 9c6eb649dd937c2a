"""CUDA: words and a compiler for kernels, and an emulator that runs them, and the host's part of a file, with NumPy alone."""
