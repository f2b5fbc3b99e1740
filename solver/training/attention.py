"""Masks for packed documents: a token sees its own document up to itself, nothing else.

`flex_attention` gets a block mask (Dong et al., arXiv 2412.05496), which skips the blocks between documents; elsewhere
a dense mask goes to scaled-dot-product attention.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask

BLOCK = 128


def dense_mask(documents: Tensor) -> Tensor:
    """bool [1, 1, T, T] from the document number of each token, int [T]: True where a token (row) sees another."""
    same = documents[:, None] == documents[None, :]
    return (same & torch.ones_like(same).tril())[None, None]


class BlockMasks:
    """Block masks for batches of T tokens on one device, T a multiple of BLOCK.

    The document numbers live in one buffer that every mask reads, so that compiled code sees the same function and
    the same tensor every time: make the next mask only when the last one is no longer needed.
    """

    def __init__(self, num_tokens: int, device: torch.device) -> None:
        if num_tokens % BLOCK:
            raise ValueError(f"a batch must have a multiple of {BLOCK} tokens, not {num_tokens}")
        self.documents = torch.zeros(num_tokens, dtype=torch.int32, device=device)
        buffer = self.documents

        def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return (key <= query) & (buffer[query] == buffer[key])

        self._sees = sees

    def make(self, documents: Tensor) -> BlockMask:
        """documents: int [T], not decreasing."""
        self.documents.copy_(documents)
        first, last = self.documents[::BLOCK], self.documents[BLOCK - 1 :: BLOCK]
        order = torch.arange(len(first), device=first.device)
        before = order[None, :] < order[:, None]
        full = before & (first[None, :] == last[:, None])
        partial = (before | (order[None, :] == order[:, None])) & (last[None, :] >= first[:, None]) & ~full
        return BlockMask.from_kv_blocks(*_kv_blocks(partial), *_kv_blocks(full), BLOCK_SIZE=BLOCK, mask_mod=self._sees)


def _kv_blocks(wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Number of wanted blocks a row, int32 [1, 1, Q], and all blocks, those wanted first, int32 [1, 1, Q, K]."""
    indices = torch.argsort(wanted.int(), dim=-1, descending=True, stable=True)
    return wanted.sum(-1).int()[None, None], indices.int()[None, None].contiguous()
