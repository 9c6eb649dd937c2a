"""Files: checkpoints, TensorBoard events, drawings of programs."""

from tracejit.io.checkpoint import Checkpoint, latest, load, restore, save
from tracejit.io.drawing import draw, graph_dot
from tracejit.io.events import EventWriter
from tracejit.io.picture import Item, Picture, picture

__all__ = ["Checkpoint", "EventWriter", "Item", "Picture", "draw", "graph_dot", "latest", "load", "picture", "restore", "save"]
