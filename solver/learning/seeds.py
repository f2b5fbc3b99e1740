"""Seeds of random streams."""

from __future__ import annotations

import hashlib


def stream_seed(*parts: int | str) -> int:
    """A generator seed for a named stream; the same on every machine."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
