"""What TensorFlow's tensors and variables share: both show a tensor of the front end."""

from __future__ import annotations

from abc import ABC

from tracejit.frontend.base import Tensor as Core


class Held(ABC):  # noqa: B024  (its subclasses are not abstract, and nobody makes one of it)
    """A tensor or variable of TensorFlow's.

    Attributes:
        core: What it shows: a tensor that has its value, one that is traced, or a Variable.
    """

    __slots__ = ("core",)
    core: Core
