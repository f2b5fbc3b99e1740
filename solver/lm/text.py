"""Text and tokens: what both engines do with a Hugging Face tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import InputError
from .prompt import Prompt
from .tokenizer import encode_prompt


@dataclass(frozen=True)
class StopRule:
    """Where an answer ends. token_ids: any of these ends it. text: so does this text, where it is not one token."""

    token_ids: frozenset[int]
    text: str


class TokenText:
    """A tokenizer of a weights folder, loaded without network and remote code. Raises InputError if it can't be."""

    def __init__(self, folder: Path, end_ids: Sequence[int] = ()) -> None:
        from transformers import AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # whatever a foreign folder makes of it
            raise InputError(f"{folder}: the tokenizer does not load ({first_line(error)})") from error
        own = self.tokenizer.eos_token_id
        self.end_ids = frozenset([*end_ids, *([] if own is None else [own])])
        self.count_tokens = lru_cache(maxsize=1024)(self._count_tokens)
        self.shared_ids = lru_cache(maxsize=64)(self._shared_ids)
        self.stop_rule = lru_cache(maxsize=16)(self._stop_rule)

    def _count_tokens(self, text: str) -> int:
        """Tokens of a text, those that begin a prompt among them."""
        return len(self.tokenizer.encode(text, add_special_tokens=True))

    def _shared_ids(self, shared: str) -> tuple[int, ...]:
        return tuple(encode_prompt(self.tokenizer, shared, ""))

    def prompt_ids(self, prompt: Prompt) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Token ids of a prompt's two parts."""
        return self.shared_ids(prompt.shared), tuple(self.tokenizer.encode(prompt.rest, add_special_tokens=False))

    def _stop_rule(self, stop: str) -> StopRule:
        """A stop text that is one token stops at every token that contains it (')\\n' contains the end of a line)."""
        if not stop or len(self.tokenizer.encode(stop, add_special_tokens=False)) != 1:
            return StopRule(self.end_ids, stop)
        texts = self.tokenizer.batch_decode([[i] for i in range(len(self.tokenizer))])
        return StopRule(self.end_ids | {i for i, text in enumerate(texts) if stop in text}, "")

    def decode(self, token_ids: Sequence[int], stop: str = "") -> str:
        """An answer's text, without the model's own end, cut behind the stop text."""
        kept = [i for i in token_ids if i not in self.end_ids]
        text = self.tokenizer.decode(kept, clean_up_tokenization_spaces=False)
        return text[: text.index(stop) + len(stop)] if stop and stop in text else text

    def chat(self, system: str, user: str, begun: str) -> str:
        """See `Engine.chat`. Raises InputError if the tokenizer has no chat template."""
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": user})
        if begun:
            messages.append({"role": "assistant", "content": begun})
        try:
            return self.tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=not begun, continue_final_message=bool(begun)
            )
        except ValueError as error:
            raise InputError(f"the tokenizer's chat template: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's text, for messages of one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
