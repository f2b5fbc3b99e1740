"""The tokenizer of models that are trained from nothing for the step language.

A word list without merges: a token a cell, one for the end of a row, one for every function of the grid library as a
program writes it (` keep(`), for constants, variables, and the words of the prompt template; every other printable
ASCII character is a token of its own, so that any such text survives a round trip, and functions younger than a
vocabulary are spelt out. Saved as a standard folder that AutoTokenizer loads without remote code.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from ..grid.registry import CONSTANTS, FUNCTIONS
from ..program import INPUT_NAME, variable_name
from .template import TEMPLATE_WORDS

PAD, BOS, EOS, UNKNOWN = SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", "<unk>")
"""Their ids are 0, 1, 2, 3."""

MAX_VARIABLES = 24
"""Variables x1..x24 are one token each; later ones are spelt out."""


def vocabulary() -> list[str]:
    """All tokens, in order of their ids."""
    variables = [variable_name(i) for i in range(1, MAX_VARIABLES + 1)]
    targets = [f"{name} =" for name in variables]
    functions = [f" {name}(" for name in FUNCTIONS]
    characters = [c for c in string.printable if c.isprintable() and c not in string.digits]
    words = [*string.digits, "\n", *TEMPLATE_WORDS, ", ", ")\n", INPUT_NAME, *variables, *targets]
    return list(dict.fromkeys([*SPECIAL_TOKENS, *words, *functions, *CONSTANTS, *characters]))


def build_tokenizer() -> Any:
    """The tokenizer as a `tokenizers.Tokenizer`; every text begins with BOS if special tokens are asked for."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors

    tokens = vocabulary()
    tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=UNKNOWN))
    words = sorted(tokens[len(SPECIAL_TOKENS) :], key=len, reverse=True)
    pattern = "|".join(map(re.escape, words)).replace("\\\n", "\\n") + r"|[\s\S]"
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 1)])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS])
    return tokenizer


def save_tokenizer(folder: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    build_tokenizer().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **{"pad_token": PAD, "bos_token": BOS, "eos_token": EOS, "unk_token": UNKNOWN},
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000,
    }
    (folder / "tokenizer_config.json").write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2) + b"\n")


def encode_prompt(tokenizer: Any, shared: str, rest: str) -> list[int]:
    """Token ids of a prompt (Prompt.shared, Prompt.rest), by a Hugging Face tokenizer. The two parts are tokenized
    apart, so that all prompts of a task have the same first tokens."""
    begun = bool(tokenizer.bos_token) and shared.startswith(tokenizer.bos_token)  # by a chat template
    ids = tokenizer.encode(shared, add_special_tokens=not begun)
    if ids and ids[-1] == tokenizer.eos_token_id and not shared.endswith(tokenizer.eos_token):
        ids = ids[:-1]  # tokenizers that close a text: this one goes on
    return ids + tokenizer.encode(rest, add_special_tokens=False)


def encode_segments(tokenizer: Any, segments: Sequence[tuple[str, bool]]) -> tuple[list[int], list[bool]]:
    """Token ids of a training example (prompt.solution_segments) and whether each is learned, by a Hugging Face
    tokenizer: exactly the tokens that a search sees. A token counts as its first character does."""
    (shared, _), *others = segments
    text = "".join(piece for piece, _ in others)
    learned = [flag for piece, flag in others for _ in piece]
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = encode_prompt(tokenizer, shared, "")
    flags = [False] * len(ids) + [learned[begin] for begin, _ in encoded["offset_mapping"]]
    return ids + list(encoded["input_ids"]), flags
