"""Kernels: the operations of tensors, each in nodes and in NumPy. They know nothing of tensors."""
