"""Schedules: the learning rate as a function of the number of updates so far, an int or a tensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tracejit.errors import ArgumentError
from tracejit.frontend.numpy.movement import where as _where
