"""PNG: images as bytes that every viewer reads."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from tracejit.errors import DTypeError, ShapeError
from tracejit.frontend.tensor import EagerTensor

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}


def values_of(x: Any) -> np.ndarray:
    """Numbers, an array, a tensor or a Variable as a NumPy array; what is on a device is copied."""
    return np.asarray(x.numpy() if isinstance(x, EagerTensor) else x)


def pixels(image: Any) -> np.ndarray:
    """An image as uint8[height, width, channels] with 1, 3 or 4 channels.

    Args:
        image: [h, w] or [h, w, channels]; uint8, bool, or floats from 0 to 1, beyond which they are clipped.
    """
    x = values_of(image)
    x = x[..., np.newaxis] if x.ndim == 2 else x
    if x.ndim != 3 or x.shape[2] not in _COLOUR_TYPES or 0 in x.shape:
        raise ShapeError(f"image: its shape is {np.shape(image)}; it must be [height, width] or [height, width, 1, 3 or 4]")
    if x.dtype == np.uint8:
        return x
    if x.dtype.kind not in "bf":
        raise DTypeError(f"image: its dtype is {x.dtype}; it must be uint8, bool, or floats from 0 to 1")
    return np.rint(np.nan_to_num(np.clip(x.astype(np.float64), 0, 1)) * 255).astype(np.uint8)


def png(x: np.ndarray) -> bytes:
    """The file of what :func:`pixels` gives."""
    height, width, channels = x.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # each begins with its filter: 0, none
    rows[:, 1:] = x.reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
