"""Grids as pictures: the usual ten colours, and a PNG of one pixel a cell."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

PALETTE = ("#000000", "#1e93ff", "#f93c31", "#4fcc30", "#ffdc00",
           "#999999", "#e53aa3", "#ff851b", "#87d8f1", "#921231")  # fmt: skip
"""Colours 0..9 as ARC draws them."""

_PLTE = bytes.fromhex("".join(color[1:] for color in PALETTE))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(grid: np.ndarray) -> bytes:
    """grid: int8 [H, W], values 0..9. A PNG of W×H pixels, 4 bits each, with the palette above."""
    height, width = grid.shape
    even = np.zeros((height, width + width % 2), np.uint8)
    even[:, :width] = grid
    rows = np.zeros((height, 1 + even.shape[1] // 2), np.uint8)  # first byte of a row: filter type 0
    rows[:, 1:] = even[:, ::2] << 4 | even[:, 1::2]
    header = struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"PLTE", _PLTE) + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
    return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IEND", b"")


def png_uri(grid: np.ndarray) -> str:
    """The PNG as a data URI, for pages that open without a network."""
    return "data:image/png;base64," + base64.b64encode(png(grid)).decode()
