"""Folders of tokenised documents: made of parts by several processes, with the tokenizer and the prompt format that all
of their documents have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import warm
from ..errors import InputError
from ..lm.text import load_tokenizer
from ..lm.tokenizer import save_tokenizer
from ..weights import file_hash
from .documents import FACTS_FILE, PartWriter, remove_parts, write_facts
from .preparation import Encoder, Preparation

TOKENIZER_FOLDER = "tokenizer"

Part = Callable[[Encoder, Preparation], PartWriter]
"""Makes the documents of one part; it travels to the process that does it by pickle."""


def prepare_documents(
    parts: Sequence[Part],
    out: Path,
    group: int,
    how: Preparation,
    weights: Path | None,
    workers: int,
    sources: dict[str, Any],
) -> int:
    """Make a folder of documents of several parts, with several processes; parts that a stopped call left there are
    taken out. weights: a folder whose tokenizer is used; None for this project's own. sources: what the documents come
    from, to be kept with them. Returns the number of documents. Raises InputError, also if there is none."""
    if weights is None:
        save_tokenizer(out / TOKENIZER_FOLDER)
    else:
        load_tokenizer(weights).save_pretrained(out / TOKENIZER_FOLDER)
    num_vocabulary = Encoder(load_tokenizer(out / TOKENIZER_FOLDER)).num_vocabulary
    warm.prepare(workers)
    remove_parts(out)
    with warm.worker_pool(workers, _take_job, (how, out)) as pool:
        num_documents = sum(pool.map(_run_job, enumerate(parts)))
    if not num_documents:
        raise InputError(f"{out}: nothing to learn from in what was given")
    facts = {
        "prompt": how.prompt_format.to_json(),
        "tokenizer": file_hash(out / TOKENIZER_FOLDER / "tokenizer.json"),
        **sources,
        "copies": how.copies,
        "seed": how.seed,
    }
    write_facts(out, num_vocabulary, group, **facts)
    return num_documents


@dataclass(frozen=True)
class _Worker:
    encoder: Encoder
    how: Preparation
    out: Path


_workers: list[_Worker] = []


def _take_job(how: Preparation, out: Path) -> None:
    """What a worker process begins with."""
    _workers[:] = [_Worker(Encoder(load_tokenizer(out / TOKENIZER_FOLDER)), how, out)]


def _run_job(numbered: tuple[int, Part]) -> int:
    number, part = numbered
    worker = _workers[0]
    writer = part(worker.encoder, worker.how)
    writer.write(worker.out, number)
    return len(writer)


def documents_facts(folders: Sequence[Path]) -> dict[str, Any]:
    """What folders of documents agree on: prompt format and tokenizer. Raises InputError if they don't."""
    found = []
    for folder in folders:
        try:
            facts = json.loads((folder / FACTS_FILE).read_text())
            found.append({name: facts[name] for name in ("prompt", "tokenizer", "num_vocabulary", "group")})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{folder}: no tokenised documents ({error})") from error
    if any(facts != found[0] for facts in found):
        raise InputError(f"{', '.join(map(str, folders))}: made with different tokenizers or prompt formats")
    return found[0]


def check_vocabulary(documents: Path, folders: Iterable[Path]) -> None:
    """Raises InputError where the documents' tokens are others than those of a folder, of weights or of a run that goes
    on, as far as it has a tokenizer: an older library's vocabulary is about as large, so that nothing else would show
    it."""
    own = load_tokenizer(documents / TOKENIZER_FOLDER).get_vocab()
    for folder in folders:
        if (folder / "tokenizer.json").is_file() and load_tokenizer(folder).get_vocab() != own:
            raise InputError(f"{documents}: other tokens than {folder}; prepare them with --weights {folder}")
