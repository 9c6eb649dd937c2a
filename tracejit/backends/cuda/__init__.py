"""CUDA: words and a compiler for kernels, and for those kernels on the host's processor, where there is no GPU."""
