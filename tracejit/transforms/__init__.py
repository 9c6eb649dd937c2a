"""Graph to graph: derivatives, and the passes that make a graph cheaper. Knows no kernels."""

from tracejit.transforms.autodiff import backward, forward, jvp, vjp
from tracejit.transforms.passes import PIPELINE, Pass, optimize

__all__ = ["PIPELINE", "Pass", "backward", "forward", "jvp", "optimize", "vjp"]
