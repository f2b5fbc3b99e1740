"""A loaded model that computes what many prompts begin with once.

What all prompts of a task share is computed once and attended to by all rows without being copied; what a prompt adds
to one that was asked before is computed from there on. Attention is a function of this module, registered with
transformers:

    softmax([q·K_sharedᵀ, q·K_ownᵀ + causal mask] · scaling) · [V_shared; V_own]

Supports decoders of the Llama kind whose attention takes such a function (Llama, Qwen2, Qwen3, Mistral without a
sliding window, ...). Limits: no soft-capped or windowed attention; both are refused when loading.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AutoConfig
from transformers.utils import logging as transformers_logging

from ..errors import InputError, first_line

ATTENTION = "arc_solver_shared_prefix"
MAX_ROWS = 256
"""Samples decoded at a time, at most."""
PREFILL_CHUNK = 512
"""Tokens that a prompt's shared part is computed by, and each row's own part at most."""
CHUNK_TOKENS = {"cpu": 2048, "cuda": 65_536}
"""Tokens of all rows that are computed at a time, between two looks at the deadline: some two seconds of a core for the
shipped models."""
SHARED_KEPT = 6
OWN_KEPT_BYTES = 192 << 20


@dataclass
class Store:
    """Keys and values that attention reads and writes while a model runs.

    shared: [2, layers, kv_heads, T, head_dim] of the tokens all rows have in front. own: [2, layers, rows, kv_heads, S,
    head_dim] of each row's tokens behind. positions: int64 [rows, n], places within own of the tokens now computed.
    filled: places of own, from its first on, that hold anything then.
    """

    shared: Tensor
    own: Tensor
    positions: Tensor
    filled: int = 1

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """query: [rows, heads, n, head_dim]; key, value: [rows, kv_heads, n, head_dim] → [rows, n, heads, head_dim]."""
        rows, heads, n, dim = query.shape
        kv_heads = key.shape[1]
        group = heads // kv_heads
        index, filled = torch.arange(rows, device=query.device)[:, None], self.filled
        self.own[0, layer][index, :, self.positions] = key.transpose(1, 2)
        self.own[1, layer][index, :, self.positions] = value.transpose(1, 2)
        own_keys, own_values = self.own[0, layer, :, :, :filled], self.own[1, layer, :, :, :filled]
        shared_keys, shared_values = self.shared[0, layer], self.shared[1, layer]
        query = query.reshape(rows, kv_heads, group * n, dim) * scaling
        own = (query @ own_keys.transpose(2, 3)).float().view(rows, kv_heads, group, n, filled)
        ahead = torch.arange(filled, device=own.device) > self.positions[:, :, None]
        own = own.masked_fill_(ahead[:, None, None], -torch.inf).view(rows, kv_heads, group * n, filled)
        if shared_keys.shape[1] == 0:
            result = torch.softmax(own, -1).to(value.dtype) @ own_values
        else:
            wide = query.transpose(0, 1).reshape(kv_heads, rows * group * n, dim)
            front = (wide @ shared_keys.transpose(1, 2)).float()
            highest = own.amax(-1, keepdim=True).transpose(0, 1).reshape(kv_heads, -1, 1)
            highest = torch.maximum(front.amax(-1, keepdim=True), highest)
            front = front.sub_(highest).exp_()
            highest = highest.view(kv_heads, rows, group * n, 1).transpose(0, 1)
            own = own.sub_(highest).exp_()
            total = front.sum(-1, keepdim=True).view(kv_heads, rows, group * n, 1).transpose(0, 1)
            total = total + own.sum(-1, keepdim=True)
            result = (front.to(value.dtype) @ shared_values).view(kv_heads, rows, group * n, dim).transpose(0, 1)
            result = ((result + own.to(value.dtype) @ own_values) / total).to(value.dtype)
        return result.reshape(rows, heads, n, dim).transpose(1, 2)


def _attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, scaling: float, **options: Any
) -> tuple[Tensor, None]:
    for name in ("softcap", "sliding_window"):
        if options.get(name) is not None:
            raise NotImplementedError(f"attention with {name}")
    return module.solver_runner.store.attend(module.layer_idx, query, key, value, scaling), None


AttentionInterface.register(ATTENTION, _attention)


class PrefixRunner:
    """A loaded model, with what it has computed of earlier prompts. auto_class: of transformers, which loads it.

    Raises InputError if the model does not load, or cannot be run so.
    """

    def __init__(self, folder: Path, device: str, dtype: str, auto_class: Any) -> None:
        transformers_logging.disable_progress_bar()
        kind = torch.bfloat16 if dtype == "bfloat16" else torch.float32
        try:
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            self.model = auto_class.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False, dtype=kind, attn_implementation=ATTENTION,
                use_safetensors=True,
            ).to(device).eval()  # fmt: skip
        except Exception as error:  # whatever a foreign folder makes of it
            raise InputError(f"{folder}: the model does not load ({first_line(error)})") from error
        for name in ("final_logit_softcapping", "logits_scaling", "logit_scale"):
            if getattr(config, name, None) not in (None, 1, 1.0):
                raise InputError(f"{folder}: a model that this engine can't run (logits with {name})")
        self.device = torch.device(device)
        self.max_rows = MAX_ROWS
        self.chunk_tokens = CHUNK_TOKENS.get(self.device.type, CHUNK_TOKENS["cpu"])
        self.layers = config.num_hidden_layers
        self.kv_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        self.head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.dtype = kind
        self.store = Store(self._empty(0), self._empty(1, 0), torch.zeros(1, 1, dtype=torch.int64))
        for module in self.model.modules():
            if hasattr(module, "layer_idx"):
                module.solver_runner = self
        self._shared: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()
        self._own: OrderedDict[tuple[tuple[int, ...], tuple[int, ...]], Tensor] = OrderedDict()
        self._own_bytes = 0
        self.num_computed = 0
        try:
            self.start(self._empty(0), 1, 1)
            self.hidden(torch.zeros(1, 1, dtype=torch.int64), torch.zeros(1, 1, dtype=torch.int64))
        except (NotImplementedError, RuntimeError, AttributeError, TypeError) as error:
            raise InputError(f"{folder}: a model that this engine can't run ({first_line(error)})") from error

    def forget(self) -> None:
        """Drop everything kept of earlier prompts, as when the weights have changed."""
        self._shared.clear()
        self._own.clear()
        self._own_bytes = 0

    def _empty(self, *sizes: int) -> Tensor:
        """Zeros [2, layers, (rows,) kv_heads, length, head_dim]; sizes: (rows and) length."""
        *rows, length = sizes
        return torch.zeros(
            (2, self.layers, *rows, self.kv_heads, length, self.head_dim), dtype=self.dtype, device=self.device
        )

    def start(self, shared: Tensor, num_rows: int, room: int) -> None:
        """Begin rows without own tokens, with room for so many, behind these keys and values (of `self.shared`)."""
        self.store = Store(shared, self._empty(num_rows, room), torch.zeros(1, 1, dtype=torch.int64))

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these of the rows, in this order; one may be there several times."""
        if list(rows) != list(range(self.store.own.shape[2])):
            self.store.own = self.store.own.index_select(2, torch.tensor(rows, device=self.device))

    @torch.inference_mode()
    def hidden(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Last hidden states [rows, n, width] of tokens `ids` at `positions` of each row's own part, both [rows, n]."""
        self.store.positions = positions.to(self.device)
        self.store.filled = int(positions.max()) + 1
        self.num_computed += ids.numel()
        places = self.store.positions + self.store.shared.shape[3]
        base = self.model.base_model
        return base(input_ids=ids.to(self.device), position_ids=places, use_cache=False).last_hidden_state

    def shared(self, ids: tuple[int, ...], deadline: float | None = None) -> Tensor | None:
        """Keys and values of tokens that prompts have in front; None if the deadline passed before they were known."""
        if ids in self._shared:
            self._shared.move_to_end(ids)
            return self._shared[ids]
        self.start(self._empty(0), 1, len(ids))
        for begin in range(0, len(ids), PREFILL_CHUNK):
            if is_past(deadline):
                return None
            part = torch.tensor([ids[begin : begin + PREFILL_CHUNK]])
            self.hidden(part, torch.arange(begin, begin + part.shape[1])[None])
        self._shared[ids] = self.store.own[:, :, 0].contiguous()
        if len(self._shared) > SHARED_KEPT:
            gone, _ = self._shared.popitem(last=False)
            for key in [key for key in self._own if key[0] == gone]:
                self._own_bytes -= self._own.pop(key).nbytes
        return self._shared[ids]

    def prefill(
        self, shared: tuple[int, ...], rows: Sequence[tuple[int, ...]], room: int, deadline: float | None = None
    ) -> Tensor | None:
        """Set the store up for prompts that begin alike, and compute what is not known; the last hidden states
        [rows, width], or None if the deadline passed meanwhile. rows: each prompt's own tokens, at least one. room: own
        places a row, at least."""
        front = self.shared(shared, deadline)
        if front is None:
            return None
        self.start(front, len(rows), max(room, *map(len, rows)))
        known = [self._known(shared, ids[:-1]) for ids in rows]
        for row, cached in enumerate(known):
            if cached is not None:
                self.store.own[:, :, row, :, : cached.shape[3]] = cached
        begins = [0 if cached is None else cached.shape[3] for cached in known]
        steps = max(len(ids) - 1 - begin for ids, begin in zip(rows, begins, strict=True))
        width = max(1, min(PREFILL_CHUNK, self.chunk_tokens // len(rows)))
        for low in range(0, steps, width):
            if is_past(deadline):
                return None
            n = min(width, steps - low)
            # Rows with less to do repeat their last token; the repeat is overwritten when its place is decoded.
            parts = [[ids[min(begin + low + k, len(ids) - 1)] for k in range(n)] for ids, begin in zip(rows, begins)]
            last = self.store.own.shape[4] - 1
            places = [[min(begin + low + k, last) for k in range(n)] for begin in begins]
            self.hidden(torch.tensor(parts), torch.tensor(places))
        for row, ids in enumerate(rows):
            self._remember(shared, ids[:-1], row, known[row])
        ends = torch.tensor([[len(ids) - 1] for ids in rows])
        return self.hidden(torch.tensor([[ids[-1]] for ids in rows]), ends)[:, 0]

    def chunks(self, shared: tuple[int, ...], rows: Mapping[int, tuple[int, ...]]) -> Iterator[list[int]]:
        """The rows' numbers in order, so many together that no more than `chunk_tokens` must be computed, counting as
        many for each row as for that with the most; at least one."""
        chunk: list[int] = []
        most = 0
        for number, ids in rows.items():
            known = self._known(shared, ids[:-1])
            missing = len(ids) - (0 if known is None else known.shape[3])
            if chunk and (max(most, missing) * (len(chunk) + 1) > self.chunk_tokens or len(chunk) == self.max_rows):
                yield chunk
                chunk, most = [], 0
            chunk.append(number)
            most = max(most, missing)
        if chunk:
            yield chunk

    def _known(self, shared: tuple[int, ...], ids: tuple[int, ...]) -> Tensor | None:
        for length in range(len(ids), 0, -1):
            key = (shared, ids[:length])
            if key in self._own:
                self._own.move_to_end(key)
                return self._own[key]
        return None

    def _remember(self, shared: tuple[int, ...], ids: tuple[int, ...], row: int, known: Tensor | None) -> None:
        if not ids or (known is not None and known.shape[3] == len(ids)) or (shared, ids) in self._own:
            return
        kept = self.store.own[:, :, row, :, : len(ids)].clone()
        self._own[shared, ids] = kept
        self._own_bytes += kept.nbytes
        while self._own_bytes > OWN_KEPT_BYTES:
            self._own_bytes -= self._own.popitem(last=False)[1].nbytes


def is_past(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() >= deadline
