"""Documents in batches of a fixed number of tokens, in an order that depends on the seed alone.

A batch is one row in which documents stand one after the other, each with positions from 0; attention must not cross
from one to the next (attention.py). What is left at the end is padding, a document of its own without any token to
predict. Groups of documents (a preferred one and its rival) are never torn apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .documents import GIVEN, STEP, Documents


@dataclass(frozen=True, eq=False)
class Batch:
    """tokens, positions, documents: int64 [T]; `documents` numbers the documents of the batch from 0, in order, and
    does not decrease. targets: int64 [P], the places whose *next* token is to be predicted, and labels: int64 [P],
    that token; weights: float32 [P], those of their documents; is_step: bool [P], whether it counts or is an exercise
    (documents.py). ends: int64 [D], place of each real document's last
    token; document_weights: float32 [D]."""

    tokens: np.ndarray
    positions: np.ndarray
    documents: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    is_step: np.ndarray
    ends: np.ndarray
    document_weights: np.ndarray

    @property
    def num_documents(self) -> int:
        return len(self.ends)


class Packer:
    """Batches number 0, 1, 2, ... of an endless run over documents.

    num_tokens: of a batch. Groups that don't fit one, or hold a document of more than `max_document` tokens, are left
    out; `num_left_out` counts them. Raises ValueError if none fits.
    """

    def __init__(self, documents: Documents, num_tokens: int, max_document: int, seed: int) -> None:
        self.documents, self.num_tokens, self.max_document, self.seed = documents, num_tokens, max_document, seed
        lengths = documents.lengths.reshape(-1, documents.group)
        sizes = lengths.sum(1)
        self._groups = np.flatnonzero((sizes <= num_tokens) & (lengths.max(1) <= max_document))
        self._sizes = sizes
        self.num_left_out = len(sizes) - len(self._groups)
        if not len(self._groups):
            raise ValueError(f"no document fits a batch of {num_tokens} and a context of {max_document} tokens")
        self._epoch = -1
        self._first_batch = 0
        self._cuts = np.zeros(1, np.int64)
        self._order = self._groups

    def batch(self, number: int) -> Batch:
        """Batch `number` of the run, counted over all epochs."""
        if number < self._first_batch:
            self._epoch, self._first_batch, self._cuts = -1, 0, np.zeros(1, np.int64)
        while number >= self._first_batch + len(self._cuts) - 1:
            self._first_batch += len(self._cuts) - 1
            self._begin_epoch(self._epoch + 1)
        k = number - self._first_batch
        return self.assemble(self._order[self._cuts[k] : self._cuts[k + 1]])

    @property
    def epoch(self) -> int:
        """Which time round the batch asked for last belongs to, from 0."""
        return self._epoch

    def _begin_epoch(self, epoch: int) -> None:
        rng = np.random.default_rng([self.seed, epoch])
        self._epoch, self._order = epoch, rng.permutation(self._groups)
        ends = np.cumsum(self._sizes[self._order])
        cuts, used = [0], 0
        while cuts[-1] < len(ends):
            cuts.append(int(np.searchsorted(ends, used + self.num_tokens, side="right")))
            used = int(ends[cuts[-1] - 1])
        self._cuts = np.array(cuts, np.int64)

    def assemble(self, groups: np.ndarray) -> Batch:
        """A batch of these groups, in order."""
        docs = self.documents
        members = (groups[:, None] * docs.group + np.arange(docs.group)).ravel()
        lengths = docs.lengths[members]
        ends = np.cumsum(lengths)
        used = int(ends[-1])
        owner = np.repeat(np.arange(len(members)), lengths)
        positions = np.arange(used) - (ends - lengths)[owner]
        stored = docs.tokens[docs.starts[members][owner] + positions]
        tokens, kinds = docs.split(stored)
        kinds[ends - lengths] = GIVEN  # nothing comes before a document's first token
        predicted = np.flatnonzero(kinds)
        padding = self.num_tokens - used
        return Batch(
            np.concatenate([tokens, np.zeros(padding, np.int64)]),
            np.concatenate([positions, np.arange(padding) % self.max_document]),  # none that the model does not have
            np.concatenate([owner, np.full(padding, len(members))]),
            predicted - 1,
            tokens[predicted],
            docs.weights[members][owner[predicted]],
            kinds[predicted] == STEP,
            ends - 1,
            docs.weights[members],
        )
