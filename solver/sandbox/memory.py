"""The zygote's memory in order, before any program is forked from it.

A fork copies an entry a page, a program's process copies each page that it writes to first, and its end releases them
all: that is most of what a short program costs. So the zygote's objects lie together, where the kernel can put them
into huge pages. And what loading has left free lies between objects that stay: a program's own would come to lie one
here and one there, each in a page of its own, so that the zygote takes what is free in between. Sizes are those of
CPython (Objects/obmalloc.c); where they differ, some memory is held in vain.
"""

from __future__ import annotations

import ctypes

NUM_ARENAS = 10
"""Arenas that NumPy and the light modules fill, and a few for programs."""
HEAP_STEP_BYTES = 4 << 20
"""By how much the C library's heap grows, so that it ends with whole huge pages."""
_ARENA_BYTES, _POOL_BYTES, _POOL_HEAD_BYTES = 1 << 20, 1 << 14, 48
_SMALLEST, _LARGEST, _STEP = 48, 512, 16
"""Sizes of small objects in bytes; bytes objects stand for them."""
_BYTES_HEAD = bytes.__basicsize__
_MAX_HELD = 4_000
_NUM_IN_TURN, _NUM_SPARE = 4, 3
_LARGEST_PIECE, _SMALLEST_PIECE = 50_000, 24
"""Pieces of the C library's heap in bytes; larger ones are mappings of their own."""
_MAX_DIMENSIONS, _NUM_CACHED = 4, 8
_held: list[object] = []


def reserve_arenas(num: int) -> None:
    """Have that many arenas of small objects side by side, for what is loaded from now on, instead of one here and one
    there between libraries. One object in each keeps it from being given back."""
    num_per_arena = _ARENA_BYTES // _LARGEST
    blocks = [bytes(_LARGEST - _BYTES_HEAD) for _ in range(num * num_per_arena)]
    _held.extend(blocks[:: num_per_arena * 3 // 4])


def fill_holes() -> None:
    """Hold what is free among the objects of this process."""
    _empty_caches()
    for size in range(_SMALLEST, _LARGEST + 1, _STEP):
        _fill_pools(size)
    _fill_heap()


def _empty_caches() -> None:
    """Take what NumPy keeps for the shapes of the next arrays of few dimensions."""
    import numpy as np  # not before there is room for it

    for ndim in range(1, _MAX_DIMENSIONS + 1):
        _held.extend(np.empty((1,) * ndim, np.int8) for _ in range(_NUM_CACHED))


def _fill_pools(size: int) -> None:
    """Take blocks of a size until they come one after the other from the head of a pool, as a new pool gives them."""
    following, num_in_turn = 0, 0
    for _ in range(_MAX_HELD):
        block = bytes(size - _BYTES_HEAD)
        _held.append(block)
        at_head = id(block) % _POOL_BYTES == _POOL_HEAD_BYTES
        num_in_turn = num_in_turn + 1 if id(block) == following else int(at_head)
        if num_in_turn == _NUM_IN_TURN:
            return
        following = id(block) + size


class _MallocInfo(ctypes.Structure):
    """struct mallinfo2 (malloc.h). arena: bytes that the kernel gave; keepcost: bytes free at the heap's end."""

    _names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in _names.split()]


def _fill_heap() -> None:
    """Take pieces of the C library's heap, large ones first, until each size comes from its end only."""
    libc = ctypes.PyDLL(None)
    if not hasattr(libc, "mallinfo2"):
        return
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
    libc.mallinfo2.restype = _MallocInfo

    def end() -> tuple[int, int]:
        info = libc.mallinfo2()
        return info.arena, info.keepcost

    size, num_left = _LARGEST_PIECE, _MAX_HELD
    while size >= _SMALLEST_PIECE and num_left:
        spare: list[int] = []
        while len(spare) < _NUM_SPARE and num_left:
            before, piece = end(), libc.malloc(size)
            num_left -= 1
            if end() != before:
                spare.append(piece)
        for piece in reversed(spare):
            libc.free(piece)
        size = size * 3 // 4 if size > 1040 else size - 16
