"""Files: checkpoints, TensorBoard events, drawings of programs."""

from tracejit.io.checkpoint import Checkpoint, latest, load, restore, save

__all__ = ["Checkpoint", "latest", "load", "restore", "save"]
