"""``tf.linalg``: products, inverses, norms, diagonals."""

from tracejit.compat.tensorflow.v1.arrays import diag, diag_part, transpose
from tracejit.compat.tensorflow.v1.creation import eye
from tracejit.compat.tensorflow.v1.linear import einsum, matmul, tensordot, trace
from tracejit.compat.tensorflow.v1.linear import matrix_inverse as inv
from tracejit.compat.tensorflow.v1.reductions import norm

__all__ = ["diag", "diag_part", "einsum", "eye", "inv", "matmul", "norm", "tensordot", "trace", "transpose"]
