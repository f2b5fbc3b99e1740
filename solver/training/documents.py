"""Tokenised documents to train on, in plain NumPy files.

A document is a sequence of tokens of which some are to be predicted, with a weight for its share in the loss. Beside
those that count (STEP) there may be some that are only predicted to learn more from a document (AUXILIARY).
Documents come in groups of a fixed size that must stay together: 1 for a policy, 2 for preferences (the better one
first). A folder holds parts, so that many processes can write at once:

    tokens-K.npy    uint16 or uint32: tokens of all documents of the part; the two top bits say what for
    lengths-K.npy   int32: tokens a document
    weights-K.npy   float32: one a document
    facts.json      group size, number of tokens in the vocabulary, and what else the writer wants to be kept
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError

FACTS_FILE = "facts.json"
GIVEN, STEP, AUXILIARY = 0, 1, 2
"""What a token is there for: to be read, to be predicted, to be predicted as an exercise."""


def token_type(num_vocabulary: int) -> type[np.unsignedinteger]:
    """The smallest type that holds a token and two bits."""
    return np.uint16 if num_vocabulary <= 1 << 14 else np.uint32


def write_facts(folder: Path, num_vocabulary: int, group: int, **facts: Any) -> None:
    """Write what a folder's documents have in common; a folder without it holds none."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"num_vocabulary": num_vocabulary, "group": group, **facts}
    (folder / FACTS_FILE).write_text(json.dumps(content, indent=1) + "\n")


def remove_parts(folder: Path) -> None:
    """Take out the parts that a writer which never finished has left, so that none of them is read with new ones."""
    for kind in ("tokens", "lengths", "weights", "draft"):
        for path in folder.glob(f"{kind}-*.npy"):
            path.unlink()


class PartWriter:
    """Collects documents and writes them as one part of a folder."""

    def __init__(self, num_vocabulary: int) -> None:
        self.num_vocabulary = num_vocabulary
        self._type = token_type(num_vocabulary)
        self._shift = 8 * self._type().itemsize - 2
        self._tokens: list[np.ndarray] = []
        self._weights: list[float] = []

    def __len__(self) -> int:
        return len(self._tokens)

    def add(self, tokens: Sequence[int] | np.ndarray, kinds: Sequence[int] | np.ndarray, weight: float) -> None:
        """kinds: GIVEN, STEP or AUXILIARY for each token. Raises ValueError for a token outside the vocabulary, kinds
        that don't fit, or a weight that is no positive number."""
        array, flags = np.asarray(tokens), np.asarray(kinds).astype(np.int64)
        if array.ndim != 1 or len(array) == 0 or flags.shape != array.shape:
            raise ValueError("a document is a sequence of tokens with a kind each")
        if flags.min() < GIVEN or flags.max() > AUXILIARY:
            raise ValueError("a token's kind is outside 0..2")
        if array.min() < 0 or array.max() >= self.num_vocabulary:
            raise ValueError(f"a token is outside 0..{self.num_vocabulary - 1}")
        if not 0 < weight < np.inf:
            raise ValueError(f"weight {weight} is no positive number")
        self._tokens.append((array.astype(np.int64) | flags << self._shift).astype(self._type))
        self._weights.append(weight)

    def write(self, folder: Path, part: int) -> None:
        """Write the part; nothing is written where there is no document."""
        if not self._tokens:
            return
        np.save(folder / f"lengths-{part:05d}.npy", np.array([len(t) for t in self._tokens], np.int32))
        np.save(folder / f"weights-{part:05d}.npy", np.array(self._weights, np.float32))
        draft = folder / f"draft-{part:05d}.npy"
        np.save(draft, np.concatenate(self._tokens))
        draft.rename(folder / f"tokens-{part:05d}.npy")  # a part counts once this file is there


@dataclass(frozen=True, eq=False)
class Documents:
    """All documents of some folders, in memory. tokens: with flags, see above. starts, lengths: int64 [N]; weights:
    float32 [N]. N is a multiple of `group`."""

    tokens: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    weights: np.ndarray
    num_vocabulary: int
    group: int

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def load(cls, folders: Sequence[Path]) -> Documents:
        """Raises InputError if a folder has none, is damaged, or does not go with the others."""
        tokens, lengths, weights, kinds = [], [], [], set()
        for folder in folders:
            try:
                facts = json.loads((folder / FACTS_FILE).read_text())
                kinds.add((facts["num_vocabulary"], facts["group"]))
                for path in sorted(folder.glob("tokens-*.npy")):
                    tokens.append(np.load(path, mmap_mode="r"))  # so that they are in memory once, when joined
                    lengths.append(np.load(path.with_name(path.name.replace("tokens", "lengths"))))
                    weights.append(np.load(path.with_name(path.name.replace("tokens", "weights"))))
                    if lengths[-1].sum() != len(tokens[-1]) or len(weights[-1]) != len(lengths[-1]):
                        raise ValueError(f"the files of {path.name} don't go together")
            except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
                raise InputError(f"{folder}: no tokenised documents ({error})") from error
        if not tokens:
            raise InputError(f"{', '.join(map(str, folders))}: no tokenised documents")
        if len(kinds) != 1:
            raise InputError(f"{', '.join(map(str, folders))}: made for different vocabularies or purposes")
        ((num_vocabulary, group),) = kinds
        all_lengths = np.concatenate(lengths).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(all_lengths)[:-1]])
        if len(all_lengths) % group:
            raise InputError(f"{', '.join(map(str, folders))}: the last group of documents is incomplete")
        return cls(np.concatenate(tokens), starts, all_lengths, np.concatenate(weights), num_vocabulary, group)

    @staticmethod
    def split(stored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Stored tokens as (tokens int64, kinds int64)."""
        shift = 8 * stored.itemsize - 2
        wide = stored.astype(np.int64)
        return wide & ((1 << shift) - 1), wide >> shift
