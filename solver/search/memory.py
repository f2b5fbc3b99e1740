"""Memory that a search has let go of, given back to the system."""

from __future__ import annotations

import ctypes


def return_memory() -> None:
    """Hand the free pages between what is still held back to the system, where its C library is glibc: small blocks, of
    which a tree has millions, otherwise stay with the process. Takes some hundredths of a second."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
